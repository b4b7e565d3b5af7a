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
FEW, COUNT, PROCESSES = 4, 12, 2


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


def measured(engine: str | None, folder: Path, count: int) -> tuple[float, float]:
    """Seconds and processor seconds of so many notebooks, starting the processes included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    list(workers.done(functools.partial(carried_out, engine, folder), range(count), PROCESSES))
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows() -> Iterator[tuple[str, float]]:
    """Label and figure of each measurement; a further notebook is one of those beyond the first few."""
    names = {"papermill": None, "warm kernels": "dealgrid"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = {name: measured(engine, folder, FEW) for name, engine in names.items()}
        all_ = {name: measured(engine, folder, COUNT) for name, engine in names.items()}
        same = sum(
            (folder / f"None-{place}.ipynb").read_bytes() == (folder / f"dealgrid-{place}.ipynb").read_bytes()
            for place in range(COUNT)
        )
        alone = cells_alone(folder)
    further = {name: tuple((all_[name][k] - few[name][k]) / (COUNT - FEW) for k in range(2)) for name in names}
    for name in names:
        yield f"{name}, {PROCESSES} processes, {COUNT} notebooks: per second", COUNT / all_[name][0]
        yield f"{name}: processor seconds per notebook", all_[name][1] / COUNT
        yield f"{name}: processor seconds of a further notebook", further[name][1]
    stock, warm = all_["papermill"], all_["warm kernels"]
    yield "warm ÷ papermill: notebooks per second (promise at least 2, goal 4)", stock[0] / warm[0]
    yield "warm ÷ papermill: processor seconds (promise at most 0.4)", warm[1] / stock[1]
    yield (
        "warm ÷ papermill: processor seconds of a further notebook",
        further["warm kernels"][1] / further["papermill"][1],
    )
    yield "cells alone, one process, everything imported and used before: per second", 1 / alone
    yield f"notebooks of the same bytes, of {COUNT}", same
