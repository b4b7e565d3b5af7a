"""Commands that write into the reports folder: report."""

from __future__ import annotations

from typing import Annotated

import typer

from dealgrid import Deal
from dealgrid.cli.options import CHECK_FAILED, Keep, Output, Quiet, Redact, Sets, To, send_run
from dealgrid.inputs import parse_settings
from dealgrid.inputs.address import read_address


def report(
    scenarios: Annotated[
        list[str] | None, typer.Argument(help="Scenarios; without any, those of the deal's question.")
    ] = None,
    sets: Sets = [],  # noqa: B006 - typer reads the default and never changes it
    output: Output = None,
    name: Annotated[str | None, typer.Option(help="What the run is called; without it, by its scenarios.")] = None,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Complete this unfinished run.")] = None,
    keep: Keep = None,
    redact: Redact = False,
    to: To = None,
    quiet: Quiet = False,
) -> None:
    """Run the notebook and write HTML, PDF, workbook and numbers into the reports folder."""
    from dealgrid.output.terminal import progress, tell
    from dealgrid.runs import store
    from dealgrid.runs.report import summary, write_report

    if to is not None:
        read_address(to)
    deal = Deal.load()
    settings = parse_settings(sets, deal.parameters)
    folder = output or deal.root / "reports"
    with progress(quiet) as bar:
        task = bar.add_task("report", total=None)
        written = write_report(
            deal,
            scenarios or [],
            settings,
            folder,
            lambda step, done, of: bar.update(task, description=step, completed=done, total=of),
            name or "",
            resume or "",
            redact,
        )
    print("\n".join(summary(written)))
    if to is not None:
        send_run(store.find_run(folder, written.run), to, quiet)
    if keep is not None:
        gone = store.keep(folder, written.run.partition("/")[0], keep)
        if gone:
            tell(f"Deleted to keep {keep}: {', '.join(gone)}.")
    if not written.checks_passed:
        raise typer.Exit(CHECK_FAILED)
