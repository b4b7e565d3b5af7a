"""Notebooks of a sweep: warm kernels against papermill's own, with as many processes, and against the cells alone."""

from __future__ import annotations

import functools
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat

from dealgrid import workers
from dealgrid.runs import notebooks

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "00_start_here.ipynb"
COUNT, PROCESSES = 12, 2


def carried_out(engine: str | None, folder: Path, place: int) -> str:
    output = folder / f"{engine}-{place}.ipynb"
    notebooks.execute(NOTEBOOK, {"settings": {"exit_multiple": f"{4 + place / 10:g}x"}}, output, engine=engine)
    return output.name


def cells_alone(folder: Path) -> float:
    """Seconds of the cells themselves, everything imported, with no kernel around them."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    sources = [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    for _ in range(2):  # the first time imports
        begun = time.perf_counter()
        with capture_output():
            for source in sources:
                shell.run_cell(source)
    return time.perf_counter() - begun


def measured(engine: str | None, folder: Path) -> tuple[float, float]:
    """Seconds and processor seconds of a notebook, starting the processes included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    list(workers.done(functools.partial(carried_out, engine, folder), range(COUNT), PROCESSES))
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall / COUNT, cpu / COUNT


def rows() -> Iterator[tuple[str, float]]:
    """Label and figure of each measurement."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stock, stock_cpu = measured(None, folder)
        warm, warm_cpu = measured("dealgrid", folder)
        same = sum(
            (folder / f"None-{place}.ipynb").read_bytes() == (folder / f"dealgrid-{place}.ipynb").read_bytes()
            for place in range(COUNT)
        )
        alone = cells_alone(folder)
    yield f"papermill, {PROCESSES} processes: notebooks per second", 1 / stock
    yield f"warm kernels, {PROCESSES} processes: notebooks per second", 1 / warm
    yield "  times as fast (promised 2, goal 4)", stock / warm
    yield "papermill: processor seconds per notebook", stock_cpu
    yield "warm kernels: processor seconds per notebook", warm_cpu
    yield "  part of papermill's (promised 0.4)", warm_cpu / stock_cpu
    yield "cells alone, one process: notebooks per second", 1 / alone
    yield f"notebooks of the same bytes, of {COUNT}", same
