"""Opening the deal and filling in one case, beside importing NumPy and pandas."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from dealgrid import Deal

REPEATS = 15


def _milliseconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The quickest of several: what the work takes when the machine leaves it alone."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def _importing(modules: str) -> float:
    return _milliseconds(lambda: subprocess.run([sys.executable, "-c", f"import {modules}"], check=True), 7)


def rows() -> list[tuple[str, float]]:
    """Label and figure, in milliseconds."""
    deal = Deal.load()
    base = _importing("numpy, pandas")
    return [
        ("ms: import numpy, pandas", base),
        ("ms: import dealgrid, beyond these (promise 300)", _importing("numpy, pandas, dealgrid") - base),
        ("ms: open the deal: parameters, scenarios, rows", _milliseconds(Deal.load, 5)),
        (
            f"ms: one case, {len(deal.book.rows)} rows, in years (promise 15)",
            _milliseconds(lambda: deal.case("new_deal").checks),
        ),
        ("ms: one case in quarters", _milliseconds(lambda: deal.case("new_deal", set={"periods_per_year": 4}).checks)),
    ]
