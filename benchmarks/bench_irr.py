"""Rates of return per second: the kernel and NumPy beside numpy-financial, pyxirr and plain Python, in one run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy_financial
import pyxirr

sys.path.insert(0, str(Path(__file__).parent))  # as a script and as a module of run.py

import small_deal
from contest import contest

from dealgrid.dates import Calendar
from dealgrid.engine.book import collect
from dealgrid.engine.irr import solve
from dealgrid.engine.kernel import Totals, prepare
from dealgrid.engine.words import irr

PERIODS = 22
FUTURES = 262_144
THREADS = 2
MIXED_SHARE = 0.15  # futures with a payment after the first receipt: half a follow-on, half a clean-up at the end
PROMISES = {"numpy-financial": {"NumPy": 250, "kernel": 500}}


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


def _one_by_one(function: Callable, flow: np.ndarray) -> tuple[Callable[[], object], int]:
    columns = [np.ascontiguousarray(column) for column in flow.T]
    return lambda: [function(column) for column in columns], len(columns)


def _speeds(mixed_share: float) -> dict[str, float]:
    """Rates per second of each, on the same flows as far as each gets in a moment."""
    flow = flows(FUTURES, mixed_share)
    ready = kernel(THREADS)
    works: dict[str, tuple[Callable[[], object], int]] = {
        "kernel": (lambda: ready({"flow": flow}, FUTURES), FUTURES),
        "NumPy": (lambda: solve(flow), FUTURES),
        "numpy-financial": _one_by_one(numpy_financial.irr, flow[:, :300]),
        "pyxirr": _one_by_one(pyxirr.irr, flow[:, :10_000]),
    }
    if not mixed_share:  # Newton as one writes it knows no flow with two rates
        listed = flow[:, :2_000].T.tolist()
        works["plain Python"] = (lambda: [small_deal.rate_by_plain_python(each) for each in listed]), len(listed)
    return contest(works)


def rows() -> Iterator[tuple[str, float]]:
    """Label and figure: rates per second, then how many times faster than each of the others."""
    for label, share in {"one change of sign": 0.0, f"{MIXED_SHARE:.0%} mixed": MIXED_SHARE}.items():
        speed = _speeds(share)
        for name, value in speed.items():
            yield f"IRR/s, {label}: {name}{f', {THREADS} threads' if name == 'kernel' else ''}", value
        for own in ("kernel", "NumPy"):
            for other in list(speed)[2:]:
                promise = PROMISES.get(other, {}).get(own)
                yield f"{own} ÷ {other}, {label}{f' (promise {promise})' if promise else ''}", speed[own] / speed[other]
