"""Commands that carry out a notebook at many points: sweep."""

from __future__ import annotations

from typing import Annotated

import typer

from dealgrid import Deal
from dealgrid.cli.options import CHECK_FAILED, Keep, Output, Quiet, Redact, To, send_run
from dealgrid.inputs.address import read_address


def sweep(
    study: Annotated[str, typer.Argument(help="A study of the kind sweep, such as sweep-stake.")],
    workers: Annotated[
        int, typer.Option(min=0, metavar="N", help="Notebooks at once; without it, as many as there are processors.")
    ] = 0,
    cluster: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="A Dask scheduler whose workers do it, each a notebook at once: tcp://host:8786."
        ),
    ] = "",
    resume: Annotated[str, typer.Option(metavar="RUN", help="Complete this unfinished run.")] = "",
    limit: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="What a notebook may take.")] = 600,
    output: Output = None,
    keep: Keep = None,
    redact: Redact = False,
    to: To = None,
    quiet: Quiet = False,
) -> None:
    """Carry out a notebook at every point of a study, prove its numbers, and write them with a page of all points."""
    from dealgrid.output.terminal import progress, tell
    from dealgrid.runs import redact as redaction
    from dealgrid.runs import store
    from dealgrid.runs.sweep import PAGE, run_sweep

    if to is not None:
        read_address(to)
    deal = Deal.load()
    folder = output or deal.root / "reports"
    with progress(quiet, time_left=True) as bar:
        task = bar.add_task(study, total=None)
        swept = run_sweep(
            deal,
            study,
            folder,
            workers,
            cluster,
            resume,
            lambda done, of: bar.update(task, completed=done, total=of),
            limit,
            redact=redact,
        )
    print(f"{swept.points} points, each figure of each notebook the engine's.")
    if swept.hidden is not None:
        print("\n".join(redaction.told(swept.hidden)))
    for name, checks in swept.failed.items():
        print(f"NOT ZERO in {name}: {', '.join(checks)}")
    print(f"page      {swept.folder / PAGE}\nnumbers   {swept.folder / store.NUMBERS}")
    if to is not None:
        send_run(store.find_run(folder, swept.run), to, quiet)
    if keep is not None:
        gone = store.keep(folder, study, keep)
        if gone:
            tell(f"Deleted to keep {keep}: {', '.join(gone)}.")
    if swept.failed:
        raise typer.Exit(CHECK_FAILED)
