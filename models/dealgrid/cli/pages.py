"""Commands that open something in a browser: lab, app."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from dealgrid import Deal

EXPLORER = "explore.ipynb"


def lab() -> None:
    """Open the notebooks in JupyterLab."""
    folder = Deal.load().root / "notebooks"
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}"])


def app(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; without it, a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only say the address.")] = False,
) -> None:
    """Open the explorer as an app: sliders for the terms, on this machine alone, until Ctrl-C."""
    from dealgrid.app import serve
    from dealgrid.output.terminal import tell

    deal = Deal.load()  # first, so that what is wrong with the parameters is said here

    def started(address: str) -> None:
        print(address, flush=True)
        tell("The explorer is open at this address, to whoever has it, until Ctrl-C.")

    serve(deal.root / "notebooks" / EXPLORER, deal.story.title, port, started, with_browser=not no_browser)
    tell("Ended.")
