"""The commands show, explain and compare: what is asked in other words than a scenario and a row."""

import io
import json
import re
from importlib import metadata
from pathlib import Path

import pandas as pd
from rich.console import Console

from dealgrid.output import terminal
from tests.command import dealgrid


def test_show_without_a_scenario_lists_them_with_their_titles() -> None:
    run = dealgrid("show")
    assert run.returncode == 0
    assert re.search(r"^blocked +New deal blocked *$", run.stdout, re.MULTILINE)
    as_data = json.loads(dealgrid("show", "--format", "json").stdout)
    assert as_data[0] == {"scenario": "status_quo", "title": "Status quo"}
    assert dealgrid("show", "--format", "csv").stdout.splitlines()[1] == "status_quo,Status quo"


def test_settings_without_a_scenario_are_refused() -> None:
    run = dealgrid("show", "--set", "tax_rate=20%")
    assert run.returncode == 2
    assert "no scenario is named" in run.stderr


def test_explain_knows_the_calendar_and_the_period_before() -> None:
    assert "period_end 2028 = 2028-12-31" in dealgrid("explain", "period_end", "2028").stdout
    assert dealgrid("explain", "prior_cash", "2028", "--depth", "0").stdout.startswith("cash 2027 = ")
    assert "opening_cash = 0.7" in dealgrid("explain", "prior_cash", "2019").stdout
    for once in ("prior_microsoft_value", "prior_nothing"):
        assert dealgrid("explain", once).returncode == 2


def test_a_near_name_is_found_whatever_its_case() -> None:
    for asked, meant in (("Microsoft_Value", "microsoft_value"), ("REVENUE", "revenue")):
        assert f"did you mean `{meant}`?" in dealgrid("explain", asked).stderr
    assert "did you mean `new_deal`?" in dealgrid("show", "New_Deal").stderr


def test_the_version_is_that_of_the_package() -> None:
    run = dealgrid("--version")
    assert (run.returncode, run.stdout) == (0, f"dealgrid {metadata.version('dealgrid')}\n")


def test_compare_shows_dates_as_dates_and_the_way_between_them_in_days() -> None:
    run = dealgrid("compare", "status_quo", "new_deal", "--row", "last_access_date")
    assert re.search(r"^Status quo +2030-12-31$", run.stdout, re.MULTILINE)
    assert re.search(r"^Access +731 days$", run.stdout, re.MULTILINE)  # 2031 and 2032
    assert re.search(r"^New deal at 32.5% +2032-12-31$", run.stdout, re.MULTILINE)
    assert "1899" not in run.stdout


def test_compare_shows_flags_as_yes_and_no_and_the_way_between_them_as_a_number() -> None:
    run = dealgrid("compare", "status_quo", "new_deal", "--row", "is_converted_at_exit")
    assert re.search(r"^Status quo +no$", run.stdout, re.MULTILINE)
    assert re.search(r"^Conversion and stake +1$", run.stdout, re.MULTILINE)
    assert re.search(r"^Access +0.0 +|^Access +0\.\d", run.stdout, re.MULTILINE)  # holders in US$ bn, not in yes and no
    assert "No clause moves it." in dealgrid("compare", "new_deal", "new_deal_30", "--row", "is_converted").stdout


def test_dollars_for_an_amount_without_a_limit_are_noticed() -> None:
    run = dealgrid("show", "new_deal", "--set", "revenue_share_cap=92000000000")
    assert run.returncode == 2
    assert "92000000000 is more than a million US$ bn" in run.stderr
    assert "for dollars write `$92000000000`" in run.stderr
    assert dealgrid("show", "new_deal", "--set", "revenue_share_cap=no limit").returncode == 0


def test_a_lost_parameter_file_is_named(copy: Path) -> None:
    (copy / "params/base/exit.yaml").unlink()
    (copy / "params/base/timing.yaml").unlink()
    run = dealgrid("check", cwd=copy)
    assert run.returncode == 2
    assert run.stderr.count("the file is missing") == 2
    assert "exit_multiple" in run.stderr
    assert "valuation_date" in run.stderr


def test_columns_that_do_not_fit_side_by_side_stand_below_each_other() -> None:
    frame = pd.DataFrame({"Investors after conversion": [1.5], "Microsoft": [-2.0], "Total": [0.5]}, index=["Access"])
    frame.attrs = {"title": "Who gains", "unit": "US$ bn"}
    for width, blocks in ((34, 2), (80, 1)):
        out = io.StringIO()
        terminal._print_frame(Console(file=out, width=width), frame, "US$ bn")
        lines = out.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert sum(line.startswith("Access") for line in lines) == blocks
        assert out.getvalue().count("Microsoft") == 1
