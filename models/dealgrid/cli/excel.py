"""The command that writes a live workbook: excel."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from dealgrid import Case, Deal
from dealgrid.cli.options import Pins, Sets, case_of, exit_on
from dealgrid.inputs.files import write_bytes
from dealgrid.problems import InputError, Problem, RunError, gathered

SUFFIX = ".xlsx"


def excel(
    scenarios: Annotated[list[str], typer.Argument(help="Scenarios: a block of rows for each, and a comparison.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write, ending in .xlsx.")],
    sets: Sets = [],  # noqa: B006 - typer reads the default and never changes it
    pins: Pins = [],  # noqa: B006 - the same
    names: Annotated[bool, typer.Option("--names", help="Give parameters and rows defined names as well.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Read the file back for the rules of a good workbook.")
    ] = False,
) -> None:
    """Write a live Excel workbook: every row a formula, every parameter an input, a cell that chooses the scenario."""
    from dealgrid.output import workbook
    from dealgrid.output.terminal import tell

    deal = Deal.load()
    cases = _cases(deal, list(dict.fromkeys(scenarios)), sets, pins, output)
    made = workbook.write(cases, "", dt.datetime.now(dt.UTC), names)
    if check:
        _refuse_faults(made)
    write_bytes(output, made)
    tell(f"Written: {output}")
    for case in cases:
        exit_on(case)


def _cases(deal: Deal, scenarios: list[str], sets: list[str], pins: list[str], output: Path) -> list[Case]:
    problems: list[Problem] = []
    cases: list[Case] = []
    if output.suffix.lower() != SUFFIX or output.is_dir():
        problems.append(
            Problem(
                "--output", f"{str(output)!r} is not the name of a workbook", f"a file ending in {SUFFIX}", "name one"
            )
        )
    elif not output.parent.is_dir():
        problems.append(Problem("--output", f"there is no folder {str(output.parent)!r}", "a folder", "make it first"))
    for scenario in scenarios:
        with gathered(problems):
            cases.append(case_of(deal, scenario, sets, pins, None, None))
    if problems:
        raise InputError(dict.fromkeys(problems))  # what is wrong with an option is wrong with it in every scenario
    return cases


def _refuse_faults(made: bytes) -> None:
    from dealgrid.output.workbook.lint import lint

    faults = lint(made)
    if faults:
        raise RunError(faults)
