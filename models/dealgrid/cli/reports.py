"""Commands that write into the reports folder: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dealgrid import Deal
from dealgrid.cli.options import CHECK_FAILED, Quiet, Sets
from dealgrid.inputs import parse_settings


def report(
    scenarios: Annotated[
        list[str] | None, typer.Argument(help="Scenarios; without any, those of the deal's question.")
    ] = None,
    sets: Sets = [],  # noqa: B006 - typer reads the default and never changes it
    output: Annotated[
        Path | None, typer.Option(help="The reports folder; without it `reports/` of the project.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run the notebook and write HTML, PDF, workbook and numbers into the reports folder."""
    from dealgrid.output.terminal import progress
    from dealgrid.runs.report import summary, write_report

    deal = Deal.load()
    settings = parse_settings(sets, deal.parameters)
    with progress(quiet) as bar:
        task = bar.add_task("report", total=None)
        written = write_report(
            deal,
            scenarios or [],
            settings,
            output or deal.root / "reports",
            lambda step, done, of: bar.update(task, description=step, completed=done, total=of),
        )
    print("\n".join(summary(written)))
    if not written.checks_passed:
        raise typer.Exit(CHECK_FAILED)
