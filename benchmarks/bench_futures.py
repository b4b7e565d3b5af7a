"""Futures per second and their memory: the kernel beside NumPy in chunks, plain Python and C++, in one run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy_financial
import pyxirr

sys.path.insert(0, str(Path(__file__).parent))  # as a script and as a module of run.py

import bench_irr
import small_deal

from dealgrid import Deal
from dealgrid.engine.irr import solve
from dealgrid.engine.kernel import Totals, prepare

THREADS = 2
FUTURES, SLOW = 262_144, 2_000  # futures for the quick, and for those that take one at a time
REPEATS = 5
HEADLINES = ("microsoft_value", "microsoft_irr", "microsoft_irr_state", "microsoft_payback")
MEMORY = (1_000_000, 20_000_000)  # the second scaled down from 100 million: what is held does not depend on it
BLOCK = 65_536


def _contest(works: Mapping[str, tuple[Callable[[], object], int]]) -> dict[str, float]:
    """Best futures per second of each, in turns, so that a busy moment of the machine strikes all alike."""
    best = dict.fromkeys(works, 0.0)
    for work, _ in works.values():
        work()  # compiled, and in the cache
    for _ in range(REPEATS):
        for name, (work, futures) in works.items():
            start = time.perf_counter()
            work()
            best[name] = max(best[name], futures / (time.perf_counter() - start))
    return best


def _by_numpy(ready: Totals, moved: Mapping[str, np.ndarray], futures: int) -> Callable[[], object]:
    given = {**ready.given, **{name: values[:futures] for name, values in moved.items()}}
    return lambda: ready._by_numpy(given, futures)


def _compared(speeds: Mapping[str, float], label: str) -> list[tuple[str, float]]:
    table = [(f"futures/s, {label}: {name}", speed) for name, speed in speeds.items()]
    kernel = f"kernel, {THREADS} threads"
    return table + [
        (f"kernel ÷ {name}, {label}", speeds[kernel] / speed) for name, speed in speeds.items() if "kernel" not in name
    ]


def _small() -> list[tuple[str, float]]:
    moved = small_deal.draw(FUTURES)
    few = {name: values[:SLOW] for name, values in moved.items()}
    ready = [
        prepare(small_deal.book(), small_deal.YEARS, small_deal.given(), small_deal.ROWS, moved, threads=n, wait=True)
        for n in (1, THREADS)
    ]
    found = ready[0](moved, FUTURES)
    works: dict[str, tuple[Callable[[], object], int]] = {
        "kernel, 1 thread": (lambda: ready[0](moved, FUTURES), FUTURES),
        f"kernel, {THREADS} threads": (lambda: ready[1](moved, FUTURES), FUTURES),
        "NumPy in chunks of 4,096": (_by_numpy(ready[0], moved, FUTURES // 4), FUTURES // 4),
        "plain Python": (lambda: small_deal.by_plain_python(few), SLOW),
    }
    plain = np.array(small_deal.by_plain_python(few)).T
    cpp = small_deal.compiled_cpp()
    if cpp is None:
        print("  (no g++ here: the C++ reference is skipped)", file=sys.stderr)
    else:
        works[f"C++ by hand, {THREADS} threads"] = (lambda: cpp(moved, THREADS), FUTURES)
        for name, values in zip(small_deal.ROWS, cpp(moved, THREADS), strict=True):
            np.testing.assert_allclose(values, found[name], rtol=1e-11, atol=1e-12, err_msg=f"C++: {name}")
    for name, values in zip(small_deal.ROWS, plain, strict=True):
        np.testing.assert_allclose(values, found[name][:SLOW], rtol=1e-9, atol=1e-12, err_msg=f"Python: {name}")
    return _compared(_contest(works), "22 rows")


def _deal() -> list[tuple[str, float]]:
    deal = Deal.load()
    case = deal.case("new_deal")
    random = np.random.default_rng(1)
    given = deal.arrays(case.given, case.calendar)
    moved = {
        name: np.asarray(given[name]) * random.uniform(0.95, 1.05, FUTURES)
        for name, parameter in deal.parameters.items()
        if parameter.uncertain and not np.ndim(given[name])
    }
    moved["agi_date"] = random.uniform(46_023, 52_000, FUTURES)
    ready = [case.totals(HEADLINES, moved, threads=n, wait=True) for n in (1, THREADS)]
    works: dict[str, tuple[Callable[[], object], int]] = {
        "kernel, 1 thread": (lambda: ready[0](moved, FUTURES), FUTURES),
        f"kernel, {THREADS} threads": (lambda: ready[1](moved, FUTURES), FUTURES),
        "NumPy in chunks of 4,096": (_by_numpy(ready[0], moved, 32_768), 32_768),
        "NumPy, one case at a time": (lambda: [deal.case("new_deal") for _ in range(20)], 20),
    }
    few = {name: values[:64] for name, values in moved.items()}
    call = _contest({"call": (lambda: ready[0](few, 64), 1)})["call"]
    label = f"{len(deal.book.rows)} rows of the deal"
    return [*_compared(_contest(works), label), ("ms: a call of the compiled deal for 64 futures", 1000 / call)]


def _rates() -> list[tuple[str, float]]:
    """Rates alone, in a book of one row."""
    table = []
    ready = bench_irr.kernel(THREADS)
    for label, share in {"one sign change": 0.0, f"{bench_irr.MIXED_SHARE:.0%} mixed": bench_irr.MIXED_SHARE}.items():
        flow = bench_irr.flows(FUTURES, share)
        columns = [np.ascontiguousarray(column) for column in flow.T[:10_000]]
        speeds = _contest(
            {
                f"kernel, {THREADS} threads": (lambda flow=flow: ready({"flow": flow}, FUTURES), FUTURES),
                "NumPy": (lambda flow=flow: solve(flow), FUTURES),
                "numpy-financial": (lambda columns=columns: [numpy_financial.irr(c) for c in columns[:300]], 300),
                "pyxirr": (lambda columns=columns: [pyxirr.irr(c) for c in columns], len(columns)),
            }
        )
        table += [(f"IRR/s, {label}: {name}", speed) for name, speed in speeds.items()]
        table += [
            (f"{name} ÷ numpy-financial, {label}", speeds[name] / speeds["numpy-financial"])
            for name in (f"kernel, {THREADS} threads", "NumPy")
        ]
    return table


def _memory() -> list[tuple[str, float]]:
    """Memory at its highest of a process that draws, fills in and adds up block after block."""
    program = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]); import small_deal\n"
        "from dealgrid.engine.kernel import prepare\n"
        "moved = small_deal.draw(int(sys.argv[3]))\n"
        "ready = prepare(small_deal.book(), small_deal.YEARS, small_deal.given(), small_deal.ROWS, moved, wait=True)\n"
        "total = 0.0\n"
        "for seed in range(-(-int(sys.argv[2]) // int(sys.argv[3]))):\n"
        "    total += ready(small_deal.draw(int(sys.argv[3]), seed), int(sys.argv[3]))['value'].sum()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    peaks = []
    for futures in MEMORY:
        command = [sys.executable, "-c", program, str(Path(__file__).parent), str(futures), str(BLOCK)]
        peaks.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    table = [(f"MB at most, {futures:,} futures in blocks", peak) for futures, peak in zip(MEMORY, peaks, strict=True)]
    return [*table, ("memory of the more ÷ of the fewer (promise 1.2)", peaks[1] / peaks[0])]


def rows() -> list[tuple[str, float]]:
    """Label and figure; promises are in the label of what they are about."""
    return [*_small(), *_deal(), *_rates(), *_memory()]
