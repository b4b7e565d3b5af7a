"""What the commands share: their options, the case these ask for, and how a command ends."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dealgrid import Case, Deal
from dealgrid.inputs import Pin, Setting, parse_pins, parse_settings
from dealgrid.problems import InputError, Problem, gathered

if TYPE_CHECKING:
    from dealgrid.runs import store

CHECK_FAILED, BAD_INPUT, RUN_FAILED, INTERRUPTED = 1, 2, 3, 130


class Format(StrEnum):
    """How rows are written."""

    table = "table"
    csv = "csv"
    json = "json"


Sets = Annotated[
    list[str], typer.Option("--set", metavar="NAME=VALUE", help="Give a parameter another value; may be repeated.")
]
Pins = Annotated[
    list[str],
    typer.Option("--pin", metavar="ROW@PERIOD=VALUE", help="Give a row a value in a period (without @PERIOD, in all)."),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="ADDRESS", help="Then send the run there: a folder, s3://…, sftp://…, a VARIABLE that holds it."
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="The reports folder; without it `reports/` of the project.")
]
Keep = Annotated[int | None, typer.Option(min=1, metavar="N", help="Then delete older runs of the name: N stay.")]
Redact = Annotated[
    bool,
    typer.Option("--redact", help="A copy for outsiders: confidential parameters are hidden, derived figures kept."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


def names_of(rows: str | None) -> list[str] | None:
    """The rows that `--rows` names; InputError where it names none, None where it is not given."""
    if rows is None:
        return None
    names = [name.strip() for name in rows.split(",") if name.strip()]
    if not names:
        raise InputError(Problem("--rows", f"{rows!r} names no row", "names of rows, as in revenue,cash", "name some"))
    return names


def asked_of(
    deal: Deal, sets: list[str], pins: list[str], names: list[str] | None, problems: list[Problem]
) -> tuple[dict[str, Setting], list[Pin]]:
    """Settings and pins asked for; what is wrong in them, or in the names of rows, is added to the problems."""
    settings: dict[str, Setting] = {}
    all_pins: list[Pin] = []
    with gathered(problems):
        settings.update(parse_settings(sets, deal.parameters))
    with gathered(problems):
        all_pins.extend(parse_pins(pins, deal.units))
    for name in names or ():
        with gathered(problems):
            deal.row(name)
    return settings, all_pins


def case_of(
    deal: Deal, scenario: str, sets: list[str], pins: list[str], names: list[str] | None, sheet: str | None
) -> Case:
    """The case asked for; InputError with what is wrong in any of the options, all together."""
    problems: list[Problem] = []
    with gathered(problems):
        deal.scenario(scenario)
    settings, all_pins = asked_of(deal, sets, pins, names, problems)
    if sheet is not None:
        with gathered(problems):
            deal.sheet(sheet)
    if problems:
        raise InputError(problems)
    return deal.case(scenario, settings, all_pins)


def send_run(run: store.Listed, address: str, quiet: bool) -> None:
    """Send a finished run to an address, and say so."""
    from dealgrid.output.terminal import progress, tell
    from dealgrid.runs import remote

    with progress(quiet) as bar:
        task = bar.add_task("sending", total=None)
        sent = remote.send(run, address, lambda there, of: bar.update(task, completed=there, total=of))
    before = f"; {sent.kept} were there already" if sent.kept else ""
    tell(f"Sent to {sent.address}: {sent.sent} files and the manifest{before}.")


def exit_on(case: Case) -> None:
    """End with status 1, and say which, where a check of the model failed."""
    from dealgrid.output.terminal import checks_line, tell

    if not case.checks.passed:
        tell(checks_line(case))
        raise typer.Exit(CHECK_FAILED)
