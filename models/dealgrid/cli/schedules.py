"""Commands about schedules: list, run, once, status, export."""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dealgrid import Deal
from dealgrid.cli.options import CHECK_FAILED, RUN_FAILED, Format
from dealgrid.cli.runs import Reports, reports_folder
from dealgrid.inputs.schedules import Schedule, read_schedules
from dealgrid.problems import InputError, Problem, RunError

app = typer.Typer(help="What runs when: list, run, once, status, export.", no_args_is_help=True)
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

    schedules = _schedules(Deal.load())
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
        tell("There are no schedules: write some into params/schedules.yaml.")
    elif format is Format.csv:
        import csv
        import sys

        writer = csv.DictWriter(sys.stdout, [*lines[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    else:
        show_table([*lines[0]], [[*line.values()] for line in lines])


@app.command("run")
def run(reports: Reports = None) -> None:
    """Keep to the schedules until told to stop (Ctrl-C, SIGTERM)."""
    from dealgrid.output.terminal import tell
    from dealgrid.runs import schedule, work
    from dealgrid.runs.lock import HeldError, held

    deal = Deal.load()
    folder = reports_folder(reports, deal)
    schedules = _schedules(deal)
    if not schedules:
        raise InputError(Problem("params/schedules.yaml", "there are no schedules", "at least one", "write one"))
    state, world, end = work.state_of(folder), work.Processes(deal.root, folder), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    try:
        with held(folder / work.FOLDER / "scheduler.lock"):
            tell(f"Keeping {len(schedules)} schedule{'s' * (len(schedules) > 1)}; Ctrl-C stops.")
            try:
                schedule.keep_going(lambda: schedule.step(schedules, state, work.now(), world), end.wait)
            finally:
                world.stop()
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

    deal = Deal.load()
    folder = reports_folder(reports, deal)
    asked = dataclasses.replace(_named(_schedules(deal), name), retries=0)
    state, now = work.state_of(folder), work.now()
    job = state.begin(name, now)
    if job is None:
        raise RunError(Problem(name, "the schedule is running already", "one run at a time", "wait until it is done"))
    code = work.work(asked, state, job.id, job.attempt, deal.root, folder)
    ended = state.job(job.id)
    schedule.tell_all(state, work.now(), work.Processes(deal.root, folder))
    if ended is not None and ended.error:
        tell(f"{name} failed: {ended.error}")
    if code:
        raise typer.Exit(code)


@app.command("status")
def status(
    reports: Reports = None, format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table
) -> None:
    """Say how every schedule stands; exit status 1 if any is failing or late."""
    from dealgrid.output.terminal import show_table
    from dealgrid.runs import schedule, work

    deal = Deal.load()
    found = schedule.standings(_schedules(deal), work.state_of(reports_folder(reports, deal)), work.now())
    lines = [
        {
            "name": each.schedule.name,
            "last": f"{each.last.due.astimezone(each.schedule.zone):%Y-%m-%d %H:%M} {each.last.status}"
            if each.last
            else "never",
            "running": "yes" if each.running else "no",
            "next": f"{each.next_due.astimezone(each.schedule.zone):%Y-%m-%d %H:%M %Z}",
            "wrong": each.wrong,
        }
        for each in found
    ]
    if format is Format.json:
        print(json.dumps(lines, ensure_ascii=False))
    elif lines:
        show_table([*lines[0]], [[*line.values()] for line in lines])
    if any(each.wrong for each in found):
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

    schedules = _schedules(Deal.load())
    if to is Target.airflow:
        files = exports.airflow(schedules, NOTEBOOK.as_posix())
    else:
        files = {"cron": exports.cron, "systemd": exports.systemd, "github": exports.github}[to](schedules)
    for name, text in files.items():
        if output is None:
            print(f"# --- {name}\n{text}" if len(files) > 1 else text, end="" if text.endswith("\n") else "\n")
        else:
            output.mkdir(parents=True, exist_ok=True)
            (output / name).write_text(text, encoding="utf-8")
            print(output / name)


@app.command("work", hidden=True)
def work_(number: int, attempt: int, reports: Reports = None) -> None:
    """One attempt at a job; `dealgrid schedule run` calls it."""
    from dealgrid.runs import work

    deal = Deal.load()
    folder = reports_folder(reports, deal)
    state = work.state_of(folder)
    job = state.job(number)
    schedule = None if job is None else _schedules(deal).get(job.schedule)
    code = RUN_FAILED if schedule is None else work.work(schedule, state, number, attempt, deal.root, folder)
    raise typer.Exit(code)


def _schedules(deal: Deal) -> dict[str, Schedule]:
    return read_schedules(deal.root / "params" / "schedules.yaml", deal.scenarios)


def _named(schedules: dict[str, Schedule], name: str) -> Schedule:
    from dealgrid.inputs.complaints import did_you_mean

    if name not in schedules:
        expected = "one of " + ", ".join(schedules) if schedules else "a schedule in params/schedules.yaml"
        advice = did_you_mean(name, schedules, "`dealgrid schedule list` shows them")
        raise InputError(Problem("NAME", f"{name!r} is not a schedule", expected, advice))
    return schedules[name]
