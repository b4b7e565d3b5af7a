"""Schedules for other programs: lines for cron, units for systemd, a workflow for GitHub, a DAG for Airflow."""

from __future__ import annotations

import datetime as dt
import json
import shlex
from collections.abc import Mapping, Sequence

from dealgrid.inputs.schedules import Schedule
from dealgrid.problems import InputError, Problem

HEAD = "Made by `dealgrid schedule export`; change params/schedules.yaml and make it again."
ROOT = "DEALGRID_ROOT"  # where the project lies on the machine that runs it
YEAR, MINUTES = 2026, 24 * 60  # any year shows a zone's offsets; minutes of a day
SECRETS = "/etc/dealgrid/environment"  # lines NAME=value, on the machine that runs it
DAYS = {"sun": "Sun", "mon": "Mon", "tue": "Tue", "wed": "Wed", "thu": "Thu", "fri": "Fri", "sat": "Sat"}


def cron(schedules: Mapping[str, Schedule]) -> dict[str, str]:
    """Lines for `crontab`, of a cron that knows CRON_TZ (cronie, Debian's from 2023): file name to text."""
    lines = [f"# {HEAD}", f"# {ROOT} is the project's folder.", f"{ROOT}=/srv/dealgrid", ""]
    for each in schedules.values():
        fields = [each.cron.numbers(field) for field in ("minute", "hour", "day", "month", "weekday")]
        command = f'cd "${ROOT}" && timeout {each.time_limit:.0f} .venv/bin/dealgrid {_words(each.command)}'
        lines += [
            f"# {each.name}: {each.title}",
            *(
                f"# It needs {name} in its environment: set it above, in a crontab that nobody else can read."
                for name in each.variables
            ),
            f"CRON_TZ={each.zone.key}",
            f"{' '.join(fields)} {_percent(command)}",
            "",
        ]
    return {"dealgrid.crontab": "\n".join(lines)}


def systemd(schedules: Mapping[str, Schedule]) -> dict[str, str]:
    """A service and a timer for each schedule: file name to text."""
    files = {}
    for each in schedules.values():
        persistent = "false" if each.catch_up == "skip" else "true"
        files[f"dealgrid-{each.name}.service"] = "\n".join([
            f"# {HEAD}", "[Unit]", f"Description={_unit(each.title)}", "",
            "[Service]", "Type=oneshot", "WorkingDirectory=/srv/dealgrid",
            f"ExecStart=/srv/dealgrid/.venv/bin/dealgrid {_unit(_words(each.command)).replace('$', '$$')}",
            *([f"EnvironmentFile={SECRETS}"] if each.variables else []),
            f"TimeoutStartSec={each.time_limit:.0f}", "",
        ])  # fmt: skip
        files[f"dealgrid-{each.name}.timer"] = "\n".join([
            f"# {HEAD}", "[Unit]", f"Description={_unit(each.title)}", "",
            "[Timer]", f"OnCalendar={calendar(each)}", f"Persistent={persistent}", "",
            "[Install]", "WantedBy=timers.target", "",
        ])  # fmt: skip
    return files


def calendar(schedule: Schedule) -> str:
    """The due times as systemd writes them: `Mon *-*-* 06:00:00 Europe/London`."""
    fields = schedule.cron
    days = "" if fields.is_every("weekday") else ",".join(DAYS[day] for day in fields.days) + " "
    month, day, hour, minute = (
        "*" if fields.is_every(field) else ",".join(f"{number:02}" for number in getattr(fields, field))
        for field in ("month", "day", "hour", "minute")
    )
    return f"{days}*-{month}-{day} {hour}:{minute}:00 {schedule.zone.key}"


def github(schedules: Mapping[str, Schedule]) -> dict[str, str]:
    """A workflow with a job for each schedule: file name to text. InputError for one that UTC cannot say.

    GitHub's clock is UTC: each due time stands there once for every offset its zone has, and the first step goes on
    only for the line that is right today.
    """
    by_offset = {each.name: _in_utc(each) for each in schedules.values()}
    lines_due = dict.fromkeys(line for offsets in by_offset.values() for lines in offsets.values() for line in lines)
    lines = [
        f"# {HEAD}", "name: dealgrid", "on:", "  workflow_dispatch:", "  schedule:",
        *(f"    - cron: {json.dumps(line)}" for line in lines_due),
        "permissions:", "  contents: read", "jobs:",
    ]  # fmt: skip
    for each in schedules.values():
        offsets = by_offset[each.name]
        of_ours = json.dumps([line for lines in offsets.values() for line in lines])
        ours = f"github.event_name == 'workflow_dispatch' || contains(fromJSON('{of_ours}'), github.event.schedule)"
        due = "\n".join(f"            {offset}) due='{'|'.join(found)}' ;;" for offset, found in offsets.items())
        lines += [
            f"  {each.name if each.name[0].isalpha() else '_' + each.name}:",
            f"    name: {json.dumps(each.title)}",
            f"    if: {json.dumps(ours)}",
            "    runs-on: ubuntu-latest",
            f"    timeout-minutes: {max(1, round(each.time_limit / 60))}",
            f"    concurrency: {json.dumps('dealgrid-' + each.name)}",
            "    steps:",
            "      - id: clock",
            "        env:",
            "          LINE: ${{ github.event.schedule }}",
            "        run: |",
            f'          case "$(TZ={each.zone.key} date +%z)" in',
            due,
            "          esac",
            '          case "|$due|" in *"|${LINE:-$due}|"*) echo "now=yes" >> "$GITHUB_OUTPUT" ;; esac',
        ]
        for step in (
            ["uses: actions/checkout@v4"],
            ["uses: actions/setup-python@v5", "with:", '  python-version: "3.12"'],
            ["run: make setup"],
            [
                f"run: {json.dumps('.venv/bin/dealgrid ' + _words(each.command))}",
                *(["env:"] if each.variables else []),
                *(f"  {name}: ${{{{ secrets.{name} }}}}" for name in each.variables),
            ],
            ["uses: actions/upload-artifact@v4", "with:", f"  name: {json.dumps(each.name)}", "  path: reports/"],
        ):
            ever = "always() && " if "upload" in step[0] else ""  # a report whose check failed is the one to look at
            lines += [f"      - if: {ever}steps.clock.outputs.now == 'yes'", *(f"        {line}" for line in step)]
    return {"dealgrid.yml": "\n".join(lines) + "\n"}


def _in_utc(schedule: Schedule) -> dict[str, list[str]]:
    """The due times as crontab lines in UTC, for each offset that the zone has in a year: `-0800` to lines."""
    days = (dt.datetime(YEAR, month, 1, 12, tzinfo=schedule.zone) for month in range(1, 13))
    found: dict[str, list[str]] = {}
    for day in days:
        offset = day.utcoffset() or dt.timedelta()
        found.setdefault(day.strftime("%z"), _shifted(schedule, int(offset.total_seconds() // 60)))
    return found


def _shifted(schedule: Schedule, offset: int) -> list[str]:
    cron = schedule.cron
    hours: dict[tuple[int, int], list[int]] = {}
    for hour in cron.hour:
        for minute in cron.minute:
            shift, rest = divmod(hour * 60 + minute - offset, MINUTES)
            hours.setdefault((shift, rest % 60), []).append(rest // 60)
    minutes: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for (shift, minute), those in hours.items():
        minutes.setdefault((shift, tuple(sorted(those))), []).append(minute)
    if any(shift for shift, _ in minutes) and not (cron.is_every("day") and cron.is_every("month")):
        raise InputError(
            Problem(
                f"params/schedules.yaml, {schedule.name}",
                f"`{cron.text}` in {schedule.zone.key} falls on other days in UTC, the only clock GitHub has",
                "an hour that is the same day in UTC, or neither day nor month narrowed",
                "choose another hour, or export to something else",
            )
        )
    lines = []
    for (shift, together), at in minutes.items():
        weekdays = sorted((day + shift) % 7 for day in cron.weekday)
        fields = [_numbers(at, 60), _numbers(together, 24), cron.numbers("day"), cron.numbers("month")]
        lines.append(" ".join([*fields, _numbers(weekdays, 7)]))
    return lines


def airflow(schedules: Mapping[str, Schedule], notebook: str) -> dict[str, str]:
    """A DAG for each schedule: the report's notebook through the papermill operator, then the run itself.

    `notebook` is the path of the notebook from the project's folder. File name to text.
    """
    lines = [
        f'"""{HEAD}"""', "", "import datetime", "import os", "",
        "from airflow import DAG", "from airflow.providers.papermill.operators.papermill import PapermillOperator",
        "from airflow.providers.standard.operators.bash import BashOperator",
        "from airflow.timetables.trigger import CronTriggerTimetable", "",
        f'ROOT = os.environ.get("{ROOT}", "/srv/dealgrid")', "",
    ]  # fmt: skip
    for each in schedules.values():
        lines += [
            "with DAG(",
            f"    dag_id={each.name!r},",
            f"    description={each.title!r},",
            f"    schedule=CronTriggerTimetable({_fields(each)!r}, timezone={each.zone.key!r}),",
            "    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),",
            f"    catchup={each.catch_up == 'all'},",
            "    max_active_runs=1,",
            "    default_args={",
            f'        "retries": {each.retries},',
            f'        "retry_delay": datetime.timedelta(seconds={each.backoff:g}),',
            '        "retry_exponential_backoff": True,',
            f'        "execution_timeout": datetime.timedelta(seconds={each.time_limit:g}),',
            "    },",
            "):",
            *_tasks(each, notebook),
            "",
        ]
    return {"dealgrid_dags.py": "\n".join(lines)}


def _tasks(schedule: Schedule, notebook: str) -> Sequence[str]:
    run = [
        "    run = BashOperator(",
        '        task_id="run",',
        "        cwd=ROOT,",
        f"        bash_command={'.venv/bin/dealgrid ' + _words(schedule.command)!r},",
        *(f"        # {name} comes from the environment of the worker." for name in schedule.variables),
        "    )",
    ]
    if schedule.run != "report" or not schedule.scenarios:
        return run
    against, scenario = (schedule.scenarios * 2)[:2]
    return [
        "    notebook = PapermillOperator(",
        '        task_id="notebook",',
        f'        input_nb=ROOT + "/{notebook}",',
        f'        output_nb=ROOT + "/reports/airflow-{schedule.name}-{{{{ ds_nodash }}}}.ipynb",',
        f"        parameters={ {'scenario': scenario, 'against': against}!r},",
        "    )",
        *run,
        "    notebook >> run",
    ]


def _numbers(numbers: Sequence[int], all_of_them: int) -> str:
    return "*" if len(numbers) == all_of_them else ",".join(map(str, sorted(numbers)))


def _fields(schedule: Schedule) -> str:
    return " ".join(schedule.cron.numbers(field) for field in ("minute", "hour", "day", "month", "weekday"))


def _words(words: Sequence[str]) -> str:
    return shlex.join(words)


def _percent(command: str) -> str:
    """A command for a crontab, where a per cent sign would end the line."""
    return command.replace("%", r"\%")


def _unit(text: str) -> str:
    """A text for a unit file, where a per cent sign would be filled in."""
    return text.replace("%", "%%")
