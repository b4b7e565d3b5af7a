"""Commands that open something in a browser: lab."""

from __future__ import annotations

import os
import sys

from dealgrid import Deal


def lab() -> None:
    """Open the notebooks in JupyterLab."""
    folder = Deal.load().root / "notebooks"
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}"])
