"""The command as a person uses it: what it prints, what it refuses, and its exit status."""

import csv
import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from dealgrid import Deal, cli
from tests.command import COMMAND, ROOT, dealgrid


def test_show_as_json_holds_every_row_at_full_precision() -> None:
    run = dealgrid("show", "new_deal", "--format", "json")
    shown = json.loads(run.stdout)
    assert run.returncode == 0
    assert shown["deal"] == "microsoft_openai"
    assert shown["scenario"] == "new_deal"
    assert shown["periods"] == [str(year) for year in range(2019, 2041)]
    assert shown["checks"] == {"passed": True, "failed": []}
    assert set(shown["rows"]["revenue"]) == {"label", "unit", "shape", "values"}
    assert set(shown["rows"]["microsoft_value"]) == {"label", "unit", "shape", "value"}
    assert len(shown["rows"]["revenue"]["values"]) == 22
    assert len(shown["rows"]) > 200


def test_show_as_csv_agrees_with_json() -> None:
    words = ("show", "status_quo", "--rows", "revenue,total_value", "--format")
    lines = list(csv.DictReader(io.StringIO(dealgrid(*words, "csv").stdout)))
    rows = json.loads(dealgrid(*words, "json").stdout)["rows"]
    assert [line["row"] for line in lines] == ["revenue", "total_value"] == list(rows)
    assert [float(lines[0][str(year)]) for year in range(2019, 2041)] == rows["revenue"]["values"]
    assert float(lines[1]["value"]) == rows["total_value"]["value"]


def test_show_as_a_table_is_readable_where_there_is_no_terminal() -> None:
    run = dealgrid("show", "new_deal", "--rows", "free_cash_flow,microsoft_ownership,microsoft_irr")
    assert "Free cash flow" in run.stdout
    assert "(51.4)" in run.stdout  # a negative stands in brackets
    assert "32.4%" in run.stdout
    assert "All checks are zero." in run.stdout
    assert "\x1b" not in run.stdout


def test_a_sheet_can_be_shown() -> None:
    run = dealgrid("show", "status_quo", "--sheet", "capped_return", "--format", "csv")
    assert run.stdout.splitlines()[1].startswith("exit_fraction,")


def test_never_and_no_limit_are_told_apart_from_numbers_in_json() -> None:
    words = ("--set", "microsoft_cap=no limit", "--set", "others_cap=no limit", "--format", "json")
    run = dealgrid("show", "status_quo", "--rows", "cap_base,last_access_date", *words)
    assert json.loads(run.stdout)["rows"]["cap_base"]["value"] == "inf"


def test_pins_hold_in_every_period_and_a_later_one_overrides() -> None:
    pins = ("--pin", "distributable_cash=0", "--pin", "distributable_cash@2026=100")
    run = dealgrid("show", "status_quo", *pins, "--rows", "microsoft_received_to_date", "--format", "json")
    assert json.loads(run.stdout)["rows"]["microsoft_received_to_date"]["values"][-1] == pytest.approx(53.40294)


def test_quarters_are_set_by_one_parameter() -> None:
    run = dealgrid("show", "new_deal", "--set", "periods_per_year=4", "--rows", "revenue", "--format", "json")
    shown = json.loads(run.stdout)
    assert shown["periods"][:2] == ["2019-Q1", "2019-Q2"]
    assert len(shown["periods"]) == 88


def test_every_mistake_is_told_at_once_with_status_2() -> None:
    words = ("--set", "micro_stake=3", "--pin", "reven@2026=x", "--rows", "nope", "--sheet", "ext")
    run = dealgrid("show", "new_dael", *words)
    assert run.returncode == 2
    assert run.stdout == ""
    for text in ("did you mean `new_deal`?", "did you mean `microsoft_stake`?", "did you mean `revenue`?",
                 "'nope' is not a row", "did you mean `exit`?", "5 problems"):  # fmt: skip
        assert text in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "microsoft_stake=325"), "above the range"),
        (("--set", "microsoft_stake"), "sets nothing"),
        (("--set", "conversion_date=2025-02-30"), "not a day of the calendar"),
        (("--set", "microsoft_split=60%"), "tier 3"),
        (("--set", "periods_per_year=2"), "1 for years or 4 for quarters"),
        (("--set", "revenue_share_rate=nan"), "revenue_share_rate"),
        (("--pin", "revenue@2050=1"), "no such period"),
        (("--pin", "revenue@2026-Q1=1"), "set periods_per_year to 4"),
        (("--pin", "total_value@2026=1"), "one number per case"),
    ],
)
def test_a_wrong_option_is_refused_with_a_reason(words: tuple[str, ...], told: str) -> None:
    run = dealgrid("show", "status_quo", *words)
    assert run.returncode == 2
    assert told in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_a_failed_check_is_told_with_status_1() -> None:
    run = dealgrid("show", "status_quo", "--pin", "cash@2030=1", "--rows", "cash")
    assert run.returncode == 1
    assert "CHECKS FAILED: check_cash" in run.stderr


def test_check_goes_through_every_scenario() -> None:
    run = dealgrid("check")
    assert run.returncode == 0
    assert run.stdout.count("All checks are zero.") == len(list((ROOT / "params" / "scenarios").glob("*.yaml")))


def test_scenarios_can_be_laid_over_each_other() -> None:
    run = dealgrid("show", "new_deal+plan_hsbc", "--rows", "revenue,effective_conversion_date", "--format", "json")
    rows = json.loads(run.stdout)["rows"]
    assert rows["effective_conversion_date"]["value"] == 45958  # 28 October 2025, as new_deal has it
    plain = json.loads(dealgrid("show", "new_deal", "--rows", "revenue", "--format", "json").stdout)["rows"]
    assert rows["revenue"]["values"][10] < plain["revenue"]["values"][10]  # HSBC's 150 in 2029 instead of 180


def test_problems_in_several_files_come_together(copy: Path) -> None:
    exit_file, deal_file = copy / "params/base/exit.yaml", copy / "params/scenarios/new_deal.yaml"
    exit_file.write_text(exit_file.read_text().replace("value: 5x", "value: 500x"))
    deal_file.write_text(deal_file.read_text().replace("microsoft_stake:", "microsoft_steak:"))
    run = dealgrid("check", cwd=copy)
    assert run.returncode == 2
    assert "params/base/exit.yaml:" in run.stderr
    assert "exit_multiple" in run.stderr
    assert "did you mean `microsoft_stake`?" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_parameter_that_no_row_uses_is_refused(copy: Path) -> None:
    file = copy / "params/base/exit.yaml"
    block = file.read_text() + "exit_multipel:\n  label: x\n  unit: multiple\n  value: 5x\n  range: [1x, 20x]\n"
    file.write_text(block + "  grade: J\n  source: our estimate\n")
    run = dealgrid("check", cwd=copy)
    assert run.returncode == 2
    assert "no row uses the parameter `exit_multipel`" in run.stderr
    assert "did you mean `exit_multiple`?" in run.stderr


def test_explain_goes_from_a_figure_to_its_sources() -> None:
    run = dealgrid("explain", "microsoft_recoup", "2031", "--depth", "3")
    assert run.returncode == 0
    assert "microsoft_recoup 2031 = 13.0 US$ bn" in run.stdout
    assert "= recoup_cash × recoup_microsoft_share" in run.stdout
    assert "source: WSJ, October 2024" in run.stdout
    assert "(grade B)" in run.stdout


def test_explain_says_which_figures_are_pinned_and_by_what() -> None:
    run = dealgrid("explain", "revenue", "2024")
    assert "pinned (params/actuals.yaml)" in run.stdout
    assert "audited accounts reported 16 June 2026 (grade B)" in run.stdout


def test_explain_says_what_a_scenario_or_an_option_has_set() -> None:
    run = dealgrid("explain", "microsoft_stake", "--scenario", "new_deal_35")
    assert "35%" in run.stdout
    assert "scenario new_deal_35" in run.stdout
    run = dealgrid("explain", "microsoft_stake", "--set", "microsoft_stake=31%")
    assert "set for this case" in run.stdout


def test_explain_refuses_an_unknown_row_with_the_nearest() -> None:
    run = dealgrid("explain", "microsoft_valeu")
    assert run.returncode == 2
    assert "did you mean `microsoft_value`?" in run.stderr


def test_compare_says_what_each_clause_adds_and_the_parts_add_up() -> None:
    run = dealgrid("compare", "status_quo", "new_deal", "--format", "json")
    parts = json.loads(run.stdout)
    rows = [json.loads(dealgrid("show", name, "--rows", "microsoft_value", "--format", "json").stdout)["rows"]
            for name in ("status_quo", "new_deal")]  # fmt: skip
    before, after = (row["microsoft_value"]["value"] for row in rows)
    assert sum(part["contribution"] for part in parts.values()) == pytest.approx(after - before, abs=1e-9)
    table = dealgrid("compare", "status_quo", "new_deal").stdout
    assert "Conversion and stake" in table
    assert "conversion_date  never → 2025-10-28" in table


def test_compare_refuses_scenarios_that_do_not_exist() -> None:
    run = dealgrid("compare", "status_quo", "new_dael")
    assert run.returncode == 2
    assert "did you mean `new_deal`?" in run.stderr


def test_money_that_never_comes_back_is_said_in_words() -> None:
    nothing = ("--set", "microsoft_cap=0", "--set", "revenue_share_rate=0%", "--rows", "microsoft_irr")
    actual = ("--pin", "revenue_share_paid=0")  # also of the years with actual payments
    assert "never repaid" in dealgrid("show", "status_quo", *nothing, *actual).stdout
    assert json.loads(dealgrid("show", "status_quo", *nothing, *actual, "--format", "json").stdout)["rows"] == {
        "microsoft_irr": {
            "label": "Yearly rate of return on Microsoft's investment since 2019",
            "unit": "fraction",
            "shape": "once",
            "value": None,
        }
    }


def test_explain_shows_the_certificate_of_a_rate_of_return() -> None:
    assert "Exactly one rate above −100%" in dealgrid("explain", "microsoft_irr", "--depth", "0").stdout


def test_quarters_are_readable_where_there_is_no_terminal() -> None:
    run = dealgrid("show", "new_deal", "--set", "periods_per_year=4", "--rows", "revenue")
    assert "2040-Q4" in run.stdout
    assert "…" not in run.stdout


def test_an_unknown_command_is_status_2() -> None:
    assert dealgrid("frobnicate").returncode == 2


def test_outside_any_project_the_installed_parameters_serve(tmp_path: Path) -> None:
    assert dealgrid("show", "status_quo", "--rows", "revenue", cwd=tmp_path).returncode == 0


def commands_of_the_readme() -> list[str]:
    """The `dealgrid` lines of README.md, without what is said beside them."""
    lines = [
        line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("dealgrid ")
    ]
    return [re.split(r" {3,}", line)[0] for line in lines]


# Those that open a page or run until they are stopped, and those that take long, which have tests of their own.
ELSEWHERE = ("report", "lab", "app", "sweep", "bargain", "runs", "schedule")
IN_ORDER = ("excel", "import", "params")


@pytest.mark.parametrize(
    "line", [line for line in commands_of_the_readme() if line.split()[1] not in (*ELSEWHERE, *IN_ORDER)]
)
def test_every_command_in_the_readme_works(line: str) -> None:
    run = dealgrid(*line.split()[1:])
    assert run.returncode == 0, run.stderr
    assert run.stdout


def test_the_spreadsheet_commands_of_the_readme_work_one_after_the_other(copy: Path) -> None:
    lines = [line for line in commands_of_the_readme() if line.split()[1] in IN_ORDER]
    assert {line.split()[1] for line in lines} == set(IN_ORDER)
    for line in lines:
        run = dealgrid(*line.split()[1:], cwd=copy)
        assert run.returncode == 0, run.stderr
    assert (copy / "two.xlsx").stat().st_size > 0
    assert (copy / "params" / "scenarios" / "my_case.yaml").exists()


def test_the_schedule_commands_of_the_readme_that_end_work(copy: Path) -> None:
    lines = [line for line in commands_of_the_readme() if line.split()[1] == "schedule"]
    assert [dealgrid(*line.split()[1:], cwd=copy).returncode for line in lines if "run" not in line.split()] == [1, 0]


def test_the_other_commands_of_the_readme_exist() -> None:
    for line in commands_of_the_readme():
        assert dealgrid(line.split()[1], "--help").returncode == 0


def test_the_rows_in_the_readme_exist() -> None:
    deal = Deal.load("microsoft_openai", root=ROOT)
    python = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert python is not None
    case = deal.case("new_deal", set={"microsoft_stake": "35%"})
    assert '"new_deal", set={"microsoft_stake": "35%"}' in python[1]
    assert case["microsoft_value"] > 0
    assert len(case.row("microsoft_ownership")) == 22
    assert "capped_cash" in case.sheet("capped_return").index


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_the_exit_status_counts_where_standard_error_is_full() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([COMMAND, "show", "nowhere"], cwd=ROOT, stderr=full, timeout=120)
    assert ended.returncode == 2


def test_a_fault_of_the_program_is_not_taken_for_a_failed_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def faulty() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", faulty)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, "ZeroDivisionError" in capsys.readouterr().err) == (3, True)
