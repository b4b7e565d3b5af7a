"""Commands about schedules: list, run, once, status, export."""

from __future__ import annotations

import csv
import json
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dealgrid import Deal
from dealgrid.cli.options import CHECK_FAILED, INTERRUPTED, RUN_FAILED, Format
from dealgrid.cli.runs import Reports
from dealgrid.inputs.files import write_text
from dealgrid.inputs.schedules import Schedule
from dealgrid.problems import InputError, Problem, RunError

app = typer.Typer(help="What runs when: list, run, once, status, export.", no_args_is_help=True)
PARAMS = "params"  # the folder, in the project's
NONE = "There are no schedules: write some into params/schedules.yaml."
UNUSABLE = "params/schedules.yaml cannot be used, so what was read before is kept to"
Name = Annotated[str, typer.Argument(metavar="NAME", help="A schedule of params/schedules.yaml.")]


class Target(StrEnum):
    """A program that can keep to schedules."""

    cron = "cron"
    systemd = "systemd"
    airflow = "airflow"
    github = "github"


@app.command("list")
def list_(format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table) -> None:
    """List the schedules and when each is due next."""
    from dealgrid.output.terminal import show_table, tell
    from dealgrid.runs.schedule import due_after
    from dealgrid.runs.work import now

    schedules = _schedules(Deal.find_root())
    lines = [
        {
            "name": each.name,
            "title": each.title,
            "cron": each.cron.text,
            "time_zone": each.zone.key,
            "next": next(due_after(each, now())).astimezone(each.zone).isoformat(timespec="minutes"),
            "command": "dealgrid " + " ".join(each.command),
        }
        for each in schedules.values()
    ]
    if format is Format.json:
        print(json.dumps(lines, ensure_ascii=False))
    elif not lines:
        tell(NONE)
    elif format is Format.csv:
        _write_csv(lines)
    else:
        show_table([*lines[0]], [[*line.values()] for line in lines])


@app.command("run")
def run(reports: Reports = None) -> None:
    """Keep to the schedules, and to changes of their file, until told to stop (Ctrl-C, SIGTERM)."""
    from dealgrid.output.terminal import tell
    from dealgrid.runs import schedule, work
    from dealgrid.runs.lock import HeldError, held

    root = Deal.find_root()
    params, folder = root / PARAMS, _folder(reports, root)
    state, world, end = work.state_of(folder), work.Processes(root, folder), threading.Event()
    try:
        with held(folder / work.FOLDER / "scheduler.lock"):
            last = schedule.known(state) or _at_least_one(work.read(params))
            file = schedule.Followed(lambda: work.mark_of(params), lambda: work.read(params), tell, last)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: end.set())

            def look() -> None:
                file.look()
                schedule.step(file.schedules, state, work.now(), world)

            tell(f"Keeping {_count(file.schedules)}; Ctrl-C stops.")
            try:
                schedule.keep_going(look, end.wait, tell)
            finally:
                world.stop(state)
                state.close()
    except HeldError:
        what = "another `dealgrid schedule run` keeps the schedules of this reports folder"
        raise RunError(Problem(folder.as_posix(), what, "one at a time", "stop the other first")) from None
    tell("Stopped.")


@app.command("once")
def once(name: Name, reports: Reports = None) -> None:
    """Run one schedule now, in the foreground."""
    from dealgrid.output.terminal import tell
    from dealgrid.runs import schedule, work
    from dealgrid.runs.state import SKIPPED

    root = Deal.find_root()
    folder = _folder(reports, root)
    asked = _named(_schedules(root), name)
    state = work.state_of(folder)
    tell(f"Running dealgrid {' '.join(asked.command)}")
    job = work.once(asked, state, root, folder)
    schedule.tell_all(state, work.now(), work.Processes(root, folder))
    if job.status == SKIPPED:
        tell(f"{name} was stopped.")
        raise typer.Exit(INTERRUPTED)
    tell(f"{name} failed: {job.error or f'exit status {job.exit}'}" if job.exit != 0 else f"{name} is done.")
    if job.exit != 0:
        raise typer.Exit(RUN_FAILED if job.exit is None else job.exit)


@app.command("status")
def status(
    reports: Reports = None, format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table
) -> None:
    """Say how each schedule stands; exit status 1 if one fails or is late, or their file cannot be used."""
    from dealgrid.output.terminal import show_table, tell, tell_problems
    from dealgrid.runs import schedule, work

    root = Deal.find_root()
    state = work.state_of(_folder(reports, root))
    kept, problems = schedule.known(state), []
    try:
        kept = work.read(root / PARAMS)
    except InputError as error:
        if not kept:
            raise
        problems = error.problems
    found = schedule.standings(kept, state, work.now())
    lines = [
        {
            "name": each.schedule.name,
            "last": f"{each.last.due.astimezone(each.schedule.zone):%Y-%m-%d %H:%M} {each.last.status}"
            if each.last
            else "never",
            "running": "yes" if each.running else "no",
            "next": f"{each.next_due.astimezone(each.schedule.zone):%Y-%m-%d %H:%M %Z}",
            "wrong": "; ".join(filter(None, [each.wrong, UNUSABLE if problems else ""])),
        }
        for each in found
    ]
    if format is Format.json:
        print(json.dumps(lines, ensure_ascii=False))
    elif format is Format.csv and lines:
        _write_csv(lines)
    elif lines:
        show_table([*lines[0]], [[*line.values()] for line in lines])
    else:
        tell(NONE)
    if problems:
        tell_problems(problems)
    if problems or any(each.wrong for each in found):
        raise typer.Exit(CHECK_FAILED)


@app.command("export")
def export(
    to: Annotated[Target, typer.Option(help="cron, systemd, airflow or github.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A folder to write into; without it, all is printed.")
    ] = None,
) -> None:
    """Write the schedules for another program."""
    from dealgrid.runs import exports
    from dealgrid.runs.report import NOTEBOOK

    schedules = _schedules(Deal.find_root())
    if to is Target.airflow:
        files = exports.airflow(schedules, NOTEBOOK.as_posix())
    else:
        files = {"cron": exports.cron, "systemd": exports.systemd, "github": exports.github}[to](schedules)
    for name, text in files.items():
        if output is None:
            print(f"# --- {name}\n{text}" if len(files) > 1 else text, end="" if text.endswith("\n") else "\n")
            continue
        try:
            write_text(output / name, text)
        except OSError as error:
            what = f"it cannot be written: {error.strerror}"
            raise RunError(
                Problem(str(output / name), what, "a folder one may write into", "name another with --output")
            ) from None
        print(output / name)


@app.command("work", hidden=True)
def work_(number: int, attempt: int, reports: Reports = None) -> None:
    """One attempt at a job; `dealgrid schedule run` calls it."""
    from dealgrid.runs import schedule, work

    root = Deal.find_root()
    folder = _folder(reports, root)
    state = work.state_of(folder)
    job = state.job(number)
    # As the scheduler knows it: the file may be another by now, or broken, and that is no reason to be silent.
    asked = None if job is None else schedule.known(state).get(job.schedule) or _schedules(root).get(job.schedule)
    code = RUN_FAILED if asked is None else work.work(asked, state, number, attempt, root, folder)
    raise typer.Exit(code)


def _schedules(root: Path) -> dict[str, Schedule]:
    from dealgrid.runs import work

    return work.read(root / PARAMS) if (root / PARAMS / work.SCHEDULES).exists() else {}


def _folder(reports: Path | None, root: Path) -> Path:
    return root / "reports" if reports is None else reports


def _at_least_one(schedules: dict[str, Schedule]) -> dict[str, Schedule]:
    if not schedules:
        raise InputError(Problem("params/schedules.yaml", "there are no schedules", "at least one", "write one"))
    return schedules


def _count(schedules: Mapping[str, Schedule]) -> str:
    return f"{len(schedules)} schedule{'s' * (len(schedules) != 1)}"


def _write_csv(lines: Sequence[Mapping[str, str]]) -> None:
    writer = csv.DictWriter(sys.stdout, [*lines[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)


def _named(schedules: dict[str, Schedule], name: str) -> Schedule:
    from dealgrid.inputs.complaints import did_you_mean

    if name not in schedules:
        expected = "one of " + ", ".join(schedules) if schedules else "a schedule in params/schedules.yaml"
        advice = did_you_mean(name, schedules, "`dealgrid schedule list` shows them")
        raise InputError(Problem("NAME", f"{name!r} is not a schedule", expected, advice))
    return schedules[name]
