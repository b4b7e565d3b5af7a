"""Rates of return per second beside numpy-financial and pyxirr, on the same 22-period flows in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType

import numpy as np
import numpy_financial
import pyxirr

from dealgrid.dates import Calendar
from dealgrid.engine.book import collect
from dealgrid.engine.irr import solve
from dealgrid.engine.kernel import Totals, prepare
from dealgrid.engine.words import irr

PERIODS = 22
FUTURES = 200_000
REPEATS = 5
MIXED_SHARE = 0.15  # futures with a payment after the first receipt: half a follow-on, half a clean-up at the end
PATIENCE = {"numpy-financial": 500, "pyxirr": 10_000}  # futures given to those that take one at a time


def flows(futures: int, mixed_share: float, seed: int = 1) -> np.ndarray:
    """Money paid in over one to seven periods, then got back at 1 to 10 times, shape (PERIODS, futures)."""
    draw = np.random.default_rng(seed)
    period = np.arange(PERIODS)[:, None]
    is_paid_in = period < draw.integers(1, 8, futures)
    size = draw.lognormal(0, 0.5, (PERIODS, futures))
    got, paid = np.where(is_paid_in, 0, size), np.where(is_paid_in, size, 0)
    multiple = draw.lognormal(1, 0.5, futures)
    flow = got * multiple * paid.sum(axis=0) / got.sum(axis=0) - paid
    is_mixed, is_late = draw.random((2, futures)) < [[mixed_share], [0.5]]
    extra = np.where(is_late, PERIODS - 1, draw.integers(9, PERIODS - 1, futures))
    return np.where(is_mixed & (period == extra), -np.abs(flow), flow)


def kernel(threads: int) -> Totals:
    """Rates compiled, in a book of one row over the given column `flow`."""
    book = collect([_sheet()], ["periods_per_year"], ["flow"])
    given = {"periods_per_year": 1.0}
    return prepare(book, Calendar(2025, 2025 + PERIODS - 1), given, ["rate"], ["flow"], threads=threads, wait=True)


def _sheet() -> ModuleType:
    def rate(flow, periods_per_year):
        """Rate of return. [fraction, once]"""
        return irr(flow, periods_per_year)

    sheet = ModuleType("rates")
    rate.__module__ = sheet.__name__
    sheet.rate = rate  # type: ignore[attr-defined]
    return sheet


def _per_second(work: Callable[[], object], futures: int) -> float:
    start = time.perf_counter()
    work()
    return futures / (time.perf_counter() - start)


def _one_by_one(function: Callable, flow: np.ndarray) -> Callable[[], object]:
    columns = [np.ascontiguousarray(column) for column in flow.T]
    return lambda: [function(column) for column in columns]


def _contest(mixed_share: float) -> dict[str, float]:
    """Best rates per second of each, in turns, so that a busy moment of the machine strikes all alike."""
    flow = flows(FUTURES, mixed_share)
    work: dict[str, tuple[Callable[[], object], int]] = {"dealgrid": (lambda: solve(flow), FUTURES)}
    for name, function in {"numpy-financial": numpy_financial.irr, "pyxirr": pyxirr.irr}.items():
        work[name] = _one_by_one(function, flow[:, : PATIENCE[name]]), PATIENCE[name]
    speeds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(REPEATS):
        for name, (call, futures) in work.items():
            speeds[name].append(_per_second(call, futures))
    return {name: max(measured) for name, measured in speeds.items()}


def rows() -> list[tuple[str, float]]:
    """Label and figure: rates per second, then how many times faster than each of the others."""
    table = []
    for label, share in {"one sign change": 0.0, f"{MIXED_SHARE:.0%} mixed": MIXED_SHARE}.items():
        speed = _contest(share)
        table += [(f"IRR/s, {label}: {name}", value) for name, value in speed.items()]
        table += [
            (f"times {name}, {label}", speed["dealgrid"] / value) for name, value in speed.items() if name != "dealgrid"
        ]
    return table


def main() -> None:
    """Print the table."""
    for label, figure in rows():
        print(f"{label:<45} {figure:>14,.1f}")


if __name__ == "__main__":
    main()
