"""Schedules are read as strictly as everything else, and what is wrong is said all at once."""

from pathlib import Path

import pytest

from dealgrid import Deal
from dealgrid.inputs.complaints import MisreadError
from dealgrid.inputs.cron import read_cron
from dealgrid.inputs.schedules import read_schedules
from dealgrid.problems import InputError

ROOT = Path(__file__).resolve().parents[2]
GOOD = """\
weekly:
  title: The weekly report
  cron: "0 6 * * mon"
  time_zone: Europe/London
  run: report
  scenarios: [status_quo, new_deal]
"""


def read(tmp_path: Path, text: str, studies: tuple[str, ...] = ()) -> dict[str, object]:
    (tmp_path / "studies").mkdir()
    for study in studies:
        (tmp_path / "studies" / f"{study}.yaml").write_text("", encoding="utf-8")
    (tmp_path / "schedules.yaml").write_text(text, encoding="utf-8")
    return dict(read_schedules(tmp_path / "schedules.yaml", ["status_quo", "new_deal", "plan"]))


def test_the_project_ships_the_weekly_report_on_the_nine_scenarios() -> None:
    deal = Deal.load(root=ROOT)
    (weekly,) = read_schedules(ROOT / "params" / "schedules.yaml", deal.scenarios).values()
    assert weekly.scenarios == tuple(deal.scenarios)[:9]
    assert weekly.command[0] == "report"
    assert weekly.keep == 12


def test_what_is_left_out_has_its_usual_value(tmp_path: Path) -> None:
    (weekly,) = read_schedules_of(tmp_path, GOOD)
    found = (weekly.keep, weekly.catch_up, weekly.retries, weekly.backoff, weekly.time_limit, weekly.tell)
    assert found == (12, "once", 2, 300, 3600, ())
    assert weekly.command == ("report", "status_quo", "new_deal", "--name", "weekly", "--keep", "12", "--quiet")


def read_schedules_of(tmp_path: Path, text: str) -> list:
    return list(read(tmp_path, text).values())


def test_there_may_be_no_file(tmp_path: Path) -> None:
    assert read_schedules(tmp_path / "schedules.yaml", []) == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("  title: The weekly report\n", "", 1, "`title` is missing"),
        ("  cron:", "  corn:", 3, "did you mean `cron`?"),
        ("0 6 * * mon", "0 6 * *", 3, "has 4 fields"),
        ("0 6 * * mon", "0 24 * * *", 3, "hour: '24' is outside 0 to 23"),
        ("0 6 * * mon", "0 6 1 * mon", 3, "narrows both day and weekday"),
        ("0 6 * * mon", "0 6 31 feb *", 3, "is never due"),
        ("0 6 * * mon", "0 6 * * fri-mon", 3, "runs backwards"),
        ("Europe/London", "Europe/Londn", 4, "did you mean `Europe/London`?"),
        ("run: report", "run: reprot", 5, "did you mean `report`?"),
        ("new_deal]", "new_dael]", 6, "did you mean `new_deal`?"),
        ("new_deal]\n", "new_deal]\n  study: x\n", 7, "a report takes no `study`"),
        ("new_deal]\n", "new_deal]\n  keep: 0\n", 7, "keep: '0' is not a count"),
        ("new_deal]\n", "new_deal]\n  retries: many\n", 7, "retries: 'many' is not a count"),
        ("new_deal]\n", "new_deal]\n  backoff: 10\n", 7, "backoff: '10' is not a duration"),
        ("new_deal]\n", "new_deal]\n  time_limit: 8000 h\n", 7, "is not a duration"),
        ("new_deal]\n", "new_deal]\n  catch_up: al\n", 7, "did you mean `all`?"),
        ("run: report\n  scenarios: [status_quo, new_deal]", "run: sweep\n  study: swep", 6, "'swep' is not a study"),
        ("run: report\n  scenarios: [status_quo, new_deal]", "run: sweep", 1, "`study` is missing"),
        ("new_deal]\n", "new_deal]\n  to: sftpp://host/reports\n", 7, "did you mean `sftp`?"),
        ("new_deal]\n", "new_deal]\n  to: reports\n", 7, "neither an address nor the name of a variable"),
        ("new_deal]\n", "new_deal]\n  to: s3://\n", 7, "neither an address nor the name of a variable"),
        ("new_deal]\n", "new_deal]\n  to: simplecache::s3://bucket\n", 7, "neither an address nor the name"),
        ("new_deal]\n", 'new_deal]\n  to: "/mnt/a\\nb"\n', 7, "neither an address nor the name of a variable"),
        ("new_deal]\n", "new_deal]\n  to: [s3://bucket]\n", 7, "to"),
        ("new_deal]\n", "new_deal]\n  to:\n", 7, "to"),
        ("weekly:", "Weekly report:", 1, "cannot be the name of a schedule"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, line: int, said: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        read(tmp_path, GOOD.replace(old, new, 1), studies=("sweep",))
    assert (line, True) in [(problem.line, said in str(problem)) for problem in caught.value.problems]
    assert len(caught.value.problems) <= 2  # a key misspelt is also a key missing


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, GOOD + '  tell: ["mailto://user:hunter2@example.com"]\n')
    assert "not the name of a variable" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "to",
    ["ftp://clerk:hunter2@host/x", "ftp://clerk:hun/ter2@host", "https://host/x?sig=hunter2", "clerk:hunter2@host"],
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(to: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, GOOD + f"  to: {to}\n")
    (problem,) = caught.value.problems
    assert problem.line == 7
    assert "variable" in str(problem)
    assert "ter2" not in str(problem)


@pytest.mark.parametrize(
    ("to", "variables"),
    [
        ("s3://bucket/reports", ()),
        ("abfs://container@account.dfs.core.windows.net/reports", ()),
        ("sftp://clerk@host/reports", ()),
        ("/mnt/share/Our reports", ()),
        ("C:/reports", ()),
        ("DEALGRID_STORE", ("DEALGRID_STORE",)),
    ],
)
def test_a_run_is_sent_to_an_address_or_to_one_the_environment_knows(
    to: str, variables: tuple[str, ...], tmp_path: Path
) -> None:
    (weekly,) = read_schedules_of(tmp_path, GOOD + f"  to: {to}\n")
    assert (weekly.to, weekly.variables) == (to, variables)
    assert weekly.command[-5:] == ("--keep", "12", "--to", to, "--quiet")


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    wrong = GOOD.replace("0 6", "0 66").replace("London", "Nowhere").replace("new_deal", "other")
    with pytest.raises(InputError) as caught:
        read(tmp_path, wrong)
    assert [problem.line for problem in caught.value.problems] == [6, 3, 4]


@pytest.mark.parametrize(
    ("text", "field", "numbers"),
    [
        ("*/15 * * * *", "minute", (0, 15, 30, 45)),
        ("0 9-17/4 * * *", "hour", (9, 13, 17)),
        ("0 0 1,15 * *", "day", (1, 15)),
        ("0 0 1 jan,Jul *", "month", (1, 7)),
        ("0 0 * * sun", "weekday", (0,)),
        ("0 0 * * 7", "weekday", (0,)),
        ("0 0 * * mon-friday", "weekday", (1, 2, 3, 4, 5)),
        ("0 0 * * 5-7", "weekday", (0, 5, 6)),
        ("0 0 * * */2", "weekday", (0, 2, 4, 6)),
        ("0 0 * * *", "weekday", (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_the_fields_mean_what_cron_means(text: str, field: str, numbers: tuple[int, ...]) -> None:
    assert getattr(read_cron(text), field) == numbers


@pytest.mark.parametrize(
    "text", ["", "@daily", "0 6 * * l", "a * * * *", "1-2-3 * * * *", "*/0 * * * *", "5-1 * * * *"]
)
def test_what_is_no_crontab_line_is_refused(text: str) -> None:
    with pytest.raises(MisreadError):
        read_cron(text)
