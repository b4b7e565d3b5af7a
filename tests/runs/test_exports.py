"""What is exported for other programs is understood by their own parsers, and due at the same times."""

import ast
import datetime as dt
import re
import shlex
import shutil
import subprocess
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger
from ruamel.yaml import YAML

from dealgrid.inputs.schedules import Schedule
from dealgrid.problems import InputError
from dealgrid.runs import exports
from dealgrid.runs.schedule import due_after
from tests.runs.conftest import schedules_of

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
CRONS = {
    "weekly": ("0 6 * * mon", "America/Los_Angeles"),
    "late": ("30 22 * * fri", "America/Los_Angeles"),  # the next day in UTC
    "half": ("15 9,17 * * 1-5", "Asia/Kolkata"),  # half an hour beside UTC
    "monthly": ("0 12 1 */3 *", "Europe/London"),
    "often": ("*/20 * * * *", "UTC"),
}


ADDRESS = "s3://bucket/100% of $ours"


@pytest.fixture
def sent(tmp_path: Path) -> dict[str, Schedule]:
    """A schedule whose runs are sent to an address, and one to an address that only the environment knows."""
    return schedules_of(tmp_path, {"open": {"to": ADDRESS}, "secret": {"to": "ARCHIVE"}})


@pytest.fixture
def schedules(tmp_path: Path) -> dict[str, Schedule]:
    return schedules_of(tmp_path, {name: {"cron": cron, "time_zone": zone} for name, (cron, zone) in CRONS.items()})


def dues(schedule: Schedule, count: int = 150) -> list[dt.datetime]:
    return list(islice(due_after(schedule, START), count))


def fires(line: str, zone: str, until: dt.datetime) -> list[dt.datetime]:
    """When a crontab line is due, by APScheduler's own reader, to which weekdays have to be named."""
    *fields, days = line.split()
    names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    days = days if days == "*" else ",".join(names[int(day)] for day in days.split(","))
    trigger, found, now = CronTrigger.from_crontab(" ".join([*fields, days]), zone), [], START
    while (when := trigger.get_next_fire_time(None, now + dt.timedelta(seconds=1))) is not None and when <= until:
        now = when.astimezone(dt.UTC)
        found.append(now)
    return found


def test_the_crontab_is_due_when_the_schedule_is(schedules: dict[str, Schedule]) -> None:
    (text,) = exports.cron(schedules).values()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    zones = [line.removeprefix("CRON_TZ=") for line in lines if line.startswith("CRON_TZ=")]
    jobs = [line for line in lines if line[0] in "*0123456789"]
    for job, zone, schedule in zip(jobs, zones, schedules.values(), strict=True):
        expected = dues(schedule)
        assert fires(" ".join(job.split()[:5]), zone, expected[-1]) == expected
        command = job.split(maxsplit=5)[5]
        assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0
        assert command.endswith(f".venv/bin/dealgrid {' '.join(schedule.command)}")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_units_and_is_due_when_the_schedule_is(
    schedules: dict[str, Schedule], sent: dict[str, Schedule], tmp_path: Path
) -> None:
    for name, text in exports.systemd({**schedules, **sent}).items():
        text = text.replace("/srv/dealgrid/.venv/bin/dealgrid", "/bin/true").replace("=/srv/dealgrid", "=/")
        (tmp_path / name).write_text(text, encoding="utf-8")
    units = sorted(str(path) for path in tmp_path.glob("dealgrid-*"))
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "dealgrid" in line] == []
    for schedule in schedules.values():
        calendar = exports.calendar(schedule)
        command = ["systemd-analyze", "calendar", f"--base-time=@{int(START.timestamp())}", "--iterations=40", calendar]
        told = subprocess.run(command, capture_output=True, text=True, check=True, env={"TZ": "UTC"}).stdout
        times = re.findall(r"(?:Next elapse|Iter(?:ation|\.) #\d+): \w+ (\S+ \S+) UTC", told)
        utc = [dt.datetime.fromisoformat(time).replace(tzinfo=dt.UTC) for time in times]
        assert utc == dues(schedule, 40)


def test_the_workflow_is_due_when_the_schedule_is_and_has_the_keys_github_knows(
    schedules: dict[str, Schedule],
) -> None:
    (text,) = exports.github(schedules).values()
    made: dict[str, Any] = YAML(typ="safe").load(text)
    assert set(made) == {"name", "on", "permissions", "jobs"}
    lines = [each["cron"] for each in made["on"]["schedule"]]
    assert all(set(each) == {"cron"} for each in made["on"]["schedule"])
    assert set(made["jobs"]) == set(schedules)
    for name, job in made["jobs"].items():
        assert set(job) == {"name", "if", "runs-on", "timeout-minutes", "concurrency", "steps"}
        assert all(set(step) <= {"id", "env", "if", "uses", "with", "run"} for step in job["steps"])
        assert [step["if"].startswith("always() && ") for step in job["steps"][1:]] == [False] * 4 + [
            True
        ]  # the upload
        schedule, expected = schedules[name], dues(schedules[name])
        clock = job["steps"][0]["run"]
        assert subprocess.run(["sh", "-n", "-c", clock], check=False).returncode == 0
        found = []
        for line in (line for line in lines if line in job["if"]):
            for when in fires(line, "UTC", expected[-1]):
                offset = when.astimezone(schedule.zone).strftime("%z")
                right = next(part for part in clock.splitlines() if part.strip().startswith(f"{offset})"))
                found += [when] if line in right.split("'")[1].split("|") else []
        assert sorted(found) == expected


def test_the_clock_of_the_workflow_goes_on_only_for_the_line_that_is_right_today(
    schedules: dict[str, Schedule], tmp_path: Path
) -> None:
    made = YAML(typ="safe").load(exports.github(schedules)["dealgrid.yml"])
    clock = made["jobs"]["weekly"]["steps"][0]["run"].replace("date +%z", "echo -0700")
    for line, expected in (("0 13 * * 1", "now=yes\n"), ("0 14 * * 1", ""), ("", "now=yes\n")):
        output = tmp_path / "output"
        output.write_text("", encoding="utf-8")
        env = {"LINE": line, "GITHUB_OUTPUT": str(output), "PATH": "/bin:/usr/bin"}
        subprocess.run(["bash", "-e", "-c", clock], check=True, env=env)
        assert output.read_text(encoding="utf-8") == expected


def test_what_utc_cannot_say_is_refused(tmp_path: Path) -> None:
    wrong = schedules_of(tmp_path, {"x": {"cron": "0 23 1 * *", "time_zone": "America/Los_Angeles"}})
    with pytest.raises(InputError, match="falls on other days in UTC"):
        exports.github(wrong)


def test_the_dag_is_python_with_a_papermill_operator_for_each_report(schedules: dict[str, Schedule]) -> None:
    (text,) = exports.airflow(schedules, "notebooks/00_start_here.ipynb").values()
    tree = ast.parse(text)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    by_name: dict[str, list[dict[str | None, ast.expr]]] = {}
    for call in calls:
        assert isinstance(call.func, ast.Name)
        by_name.setdefault(call.func.id, []).append({word.arg: word.value for word in call.keywords} | dict(
            zip(("first",), call.args, strict=False)))  # fmt: skip
    assert [ast.literal_eval(each["dag_id"]) for each in by_name["DAG"]] == list(schedules)
    for given, schedule in zip(by_name["PapermillOperator"], schedules.values(), strict=True):
        assert set(given) == {"task_id", "input_nb", "output_nb", "parameters"}
        parameters = {"scenario": schedule.scenarios[1], "against": schedule.scenarios[0]}
        assert ast.literal_eval(given["parameters"]) == parameters
    for timetable, schedule in zip(by_name["CronTriggerTimetable"], schedules.values(), strict=True):
        expected = dues(schedule)
        line, zone = ast.literal_eval(timetable["first"]), ast.literal_eval(timetable["timezone"])
        assert fires(line, zone, expected[-1]) == expected


def words_of(schedule: Schedule, to: str) -> list[str]:
    return [".venv/bin/dealgrid", "report", "status_quo", "new_deal", "--name", schedule.name, "--keep", "12",
            "--to", to, "--quiet"]  # fmt: skip


def test_the_crontab_sends_the_run_and_says_which_variable_it_needs(sent: dict[str, Schedule]) -> None:
    (text,) = exports.cron(sent).values()
    commands = [line.split(maxsplit=5)[5].replace(r"\%", "%") for line in text.splitlines() if line.startswith("0 6")]
    found = [shlex.split(command.partition("timeout 3600 ")[2]) for command in commands]
    assert found == [words_of(sent["open"], ADDRESS), words_of(sent["secret"], "ARCHIVE")]
    told = [line for line in text.splitlines() if "needs" in line]
    assert [line.split()[3] for line in told] == ["ARCHIVE"]


def test_the_service_sends_the_run_and_reads_the_variable_from_a_file(sent: dict[str, Schedule]) -> None:
    files = exports.systemd(sent)
    lines = {name: files[f"dealgrid-{name}.service"].splitlines() for name in sent}
    for name, to in (("open", ADDRESS), ("secret", "ARCHIVE")):
        (start,) = [line for line in lines[name] if line.startswith("ExecStart=")]
        meant = start.partition("=/srv/dealgrid/")[2].replace("%%", "%").replace("$$", "$")
        assert shlex.split(meant) == words_of(sent[name], to)
    read = {name: [line for line in each if line.startswith("EnvironmentFile=")] for name, each in lines.items()}
    assert read == {"open": [], "secret": [f"EnvironmentFile={exports.SECRETS}"]}


def test_the_workflow_sends_the_run_and_takes_the_variable_from_its_secrets(sent: dict[str, Schedule]) -> None:
    jobs = YAML(typ="safe").load(exports.github(sent)["dealgrid.yml"])["jobs"]
    steps = {name: next(step for step in job["steps"] if "--name" in step.get("run", "")) for name, job in jobs.items()}
    assert [shlex.split(step["run"]) for step in steps.values()] == [
        words_of(sent["open"], ADDRESS),
        words_of(sent["secret"], "ARCHIVE"),
    ]
    assert [step.get("env") for step in steps.values()] == [None, {"ARCHIVE": "${{ secrets.ARCHIVE }}"}]


def test_the_dag_sends_the_run(sent: dict[str, Schedule]) -> None:
    tree = ast.parse(exports.airflow(sent, "notebooks/00_start_here.ipynb")["dealgrid_dags.py"])
    words = [word for call in ast.walk(tree) if isinstance(call, ast.Call) for word in call.keywords]
    commands = [ast.literal_eval(word.value) for word in words if word.arg == "bash_command"]
    assert [shlex.split(command) for command in commands] == [
        words_of(sent["open"], ADDRESS),
        words_of(sent["secret"], "ARCHIVE"),
    ]
