"""Commands for what is edited in a spreadsheet: params export, params import, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dealgrid import Deal
from dealgrid.problems import InputError, Problem

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and write nothing.")]

params = typer.Typer(
    help="Parameters and scenarios as one flat table, out and back.", no_args_is_help=True, rich_markup_mode=None
)


@params.command("export")
def export_params(
    file: Annotated[Path | None, typer.Argument(help="Where to; without it, standard output (CSV only).")] = None,
    csv: Annotated[
        bool, typer.Option("--csv", help="As CSV; without --csv or --xlsx, as the file's name ends.")
    ] = False,
    xlsx: Annotated[bool, typer.Option("--xlsx", help="As a workbook of one sheet.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The same as FILE.")] = None,
) -> None:
    """Write every parameter and every scenario's settings as a table: a row per value."""
    from dealgrid.exchange.tables import CSV, XLSX, csv_text, export
    from dealgrid.output.terminal import tell

    target = file or output
    wanted = {CSV: csv, XLSX: xlsx}
    if csv and xlsx:
        raise InputError(Problem("--csv --xlsx", "one file cannot be both", "one of the two", "run it twice"))
    if target is None:
        if xlsx:
            raise InputError(
                Problem("--xlsx", "a workbook needs a file", "a name, as in --xlsx params.xlsx", "give one")
            )
        print(csv_text(Deal.load()), end="")
        return
    if any(wanted.values()) and not wanted.get(target.suffix.lower()):
        ending = CSV if csv else XLSX
        raise InputError(Problem(str(target), f"the name does not end in {ending}", f"a name ending in {ending}",
                                 "correct the name or the option"))  # fmt: skip
    export(Deal.load(), target)
    tell(f"Written: {target}. Edit it, then: dealgrid params import {target}")


@params.command("import")
def import_params(
    file: Annotated[Path, typer.Argument(help="An edited table, .csv or .xlsx.")],
    dry_run: DryRun = False,
) -> None:
    """Put an edited table back into the YAML files: print what changes, then write it, all or nothing."""
    from dealgrid.exchange.tables import read_plan
    from dealgrid.output.terminal import tell

    plan = read_plan(Deal.load(), file)
    if not plan.lines:
        tell("Nothing changes: the files say the same.")
        return
    print("\n".join(plan.lines), flush=True)
    if dry_run:
        tell("Nothing was written.")
        return
    plan.write()
    tell(f"Written: {len(plan.texts)} file{'s' if len(plan.texts) > 1 else ''}.")


def import_workbook(
    file: Annotated[Path, typer.Argument(help="A workbook of `dealgrid excel`, its inputs changed.")],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="The scenario it becomes.")],
    title: Annotated[str | None, typer.Option(help="Its title.")] = None,
    why: Annotated[str | None, typer.Option(help="Why somebody would look at it.")] = None,
    column: Annotated[
        str | None, typer.Option(metavar="SCENARIO", help="Read this column, not the one chosen in the workbook.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change the scenario if there is one of that name.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Read a workbook's changed inputs back as a scenario: print what changed, then write it."""
    from dealgrid.exchange.live import draft
    from dealgrid.output.terminal import tell

    made = draft(Deal.load(), file, name, title, why, column, replace)
    print("\n".join(made.lines), flush=True)
    for remark in made.remarks:
        tell(remark)
    if dry_run:
        tell("Nothing was written.")
        return
    made.write()
    tell(f"Written: {made.path.name}. See it with: dealgrid show {name}")
