"""The map of a negotiation against the kernel's own time for the same evaluations, line by line in turns."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from dealgrid import Deal
from dealgrid.analysis import bargain

STUDY = "bargain-stake-share"  # 41 × 31 points
COUNT, FULL = 1_024, 20_000  # futures a point
EVERY = 3  # lines of the map that are measured: one in so many


def _kernel_alone(laid: bargain.Table, up: int) -> float:
    """Seconds of the kernel for the evaluations of a line, its inputs laid out beforehand."""
    took = 0.0
    for side in laid.sides:
        calendar = side.crowd.case.calendar
        at_once = max(bargain.AT_ONCE // laid.count, 1)
        for begin in range(0, len(laid.across), at_once):
            some = laid.across[begin : begin + at_once]
            futures = len(some) * laid.count
            given = {name: np.tile(values, len(some)) for name, values in side.drawn.items()}
            given[laid.terms[0]] = laid.levers[0].over(np.repeat(some, laid.count), calendar)
            given[laid.terms[1]] = laid.levers[1].over(np.full(futures, laid.up[up]), calendar)
            start = time.perf_counter()
            side.crowd.totals(given, futures)
            took += time.perf_counter() - start
    return took


def _measured(count: int, every: int) -> Iterator[tuple[str, float]]:
    laid = bargain.table(Deal.load(), STUDY, count)
    laid.line(0)  # compiled, and the present contract valued
    _kernel_alone(laid, 0)
    took = alone = 0.0
    lines = range(0, len(laid.up), every)
    for up in lines:
        start = time.perf_counter()
        laid.line(up)
        took += time.perf_counter() - start
        alone += _kernel_alone(laid, up)
    evaluations = len(lines) * len(laid.across) * count * len(laid.sides)
    label = f"map {len(laid.across)} × {len(lines)}, {count:,} futures a point"
    yield f"s: {label}", took
    yield f"evaluations/s, {label}", evaluations / took
    yield "map ÷ the kernel alone (promise at most 1.3)", took / alone


def rows() -> Iterator[tuple[str, float]]:
    """Label and figure, for a part of the lines and few futures."""
    yield from _measured(COUNT, EVERY)


def long_rows() -> Iterator[tuple[str, float]]:
    """The whole map."""
    yield from _measured(FULL, 1)
