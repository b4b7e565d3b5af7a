"""Futures per second and their memory: the kernel beside NumPy in chunks, plain Python and C++, in one run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # as a script and as a module of run.py

import small_deal
from contest import contest

from dealgrid import Deal
from dealgrid.engine import kernel
from dealgrid.engine.kernel import Totals, prepare

THREADS = 2
FUTURES, SLOW = 262_144, 2_000  # futures for the quick, and for those that take one at a time
HEADLINES = ("microsoft_value", "microsoft_irr", "microsoft_irr_state", "microsoft_payback")
FEW, MORE, MOST = 1_000_000, 8_000_000, 100_000_000  # futures whose memory is compared
BLOCK = 65_536
PROMISES = {"NumPy in chunks of 4,096": "at least 20", "plain Python": "at least 500", "C++ by hand": "at least 0.33"}


def _by_numpy(ready: Totals, moved: Mapping[str, np.ndarray], futures: int) -> Callable[[], object]:
    given = {**ready.given, **{name: values[:futures] for name, values in moved.items()}}
    return lambda: ready._by_numpy(given, futures)


def _compared(speeds: Mapping[str, float], label: str) -> Iterator[tuple[str, float]]:
    own = f"kernel, {THREADS} threads"
    for name, speed in speeds.items():
        yield f"futures/s, {label}: {name}", speed
    for name, speed in speeds.items():
        if "kernel" not in name:
            promise = next((f" (promise {each})" for start, each in PROMISES.items() if name.startswith(start)), "")
            yield f"kernel ÷ {name}, {label}{promise}", speeds[own] / speed


def _small() -> Iterator[tuple[str, float]]:
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
    yield from _compared(contest(works), "22 rows")


def _deal() -> Iterator[tuple[str, float]]:
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
    call = contest({"call": (lambda: ready[0](few, 64), 1)})["call"]
    label = f"{len(deal.book.rows)} rows of the deal"
    yield from _compared(contest(works), label)
    yield "ms: a call of the compiled deal for 64 futures", 1000 / call
    yield "s of one processor: compiling the kernel of the deal", _compiling(ready[0].kernel.text)


def _compiling(text: str) -> float:
    """Processor seconds of another process that compiles a kernel into an empty cache, beyond its imports."""
    with tempfile.TemporaryDirectory() as folder:
        took = []
        for given in ("", text):
            before = os.times()
            command = [sys.executable, "-c", kernel.ELSEWHERE if given else "import dealgrid.engine.kernel, numba"]
            subprocess.run(command, input=given, text=True, check=True, env={**os.environ, kernel.FOLDER: folder})
            after = os.times()
            took.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return took[1] - took[0]


def _peak(futures: int) -> float:
    """MB at most of a process that draws, fills in and tallies block after block, quantiles included."""
    program = (
        "import pathlib, re, sys; sys.path.insert(0, sys.argv[1]); import numpy as np, small_deal\n"
        "from dealgrid.analysis.tally import Tally\n"
        "from dealgrid.engine.kernel import prepare\n"
        "count, block = int(sys.argv[2]), int(sys.argv[3])\n"
        "moved = small_deal.draw(block)\n"
        "ready = prepare(small_deal.book(), small_deal.YEARS, small_deal.given(), small_deal.ROWS, moved, wait=True)\n"
        "tally = None\n"
        "for seed in range(-(-count // block)):\n"
        "    values = np.stack(list(ready(small_deal.draw(block, seed), block).values()))\n"
        "    around = values[:, 0].copy() if tally is None else tally.around\n"
        "    own = Tally.of(values, around, [True] * len(values))\n"
        "    tally.add(own) if tally else (tally := own)\n"
        "assert all(tally.quantile(k, 0.05)[0] < tally.quantile(k, 0.95)[0] for k in range(len(values)))\n"
        # Not ru_maxrss, which begins at what the process that started this one holds.
        "print(int(re.search(r'VmHWM:\\s*(\\d+)', pathlib.Path('/proc/self/status').read_text())[1]) / 1024)"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent), str(futures), str(BLOCK)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _memory(more: int) -> Iterator[tuple[str, float]]:
    if not Path("/proc/self/status").exists():
        print("  (no /proc here: memory is not measured)", file=sys.stderr)
        return
    peaks = {}
    for futures in (FEW, more):
        start = time.perf_counter()
        peaks[futures] = _peak(futures)
        yield f"MB at most, {futures:,} futures in blocks, with quantiles", peaks[futures]
        yield f"  futures/s so, drawn by NumPy and tallied: {futures:,}", futures / (time.perf_counter() - start)
    yield "memory of the more ÷ of the fewer (promise at most 1.2)", peaks[more] / peaks[FEW]


def rows() -> Iterator[tuple[str, float]]:
    """Label and figure; promises are in the label of what they are about."""
    yield from _small()
    yield from _deal()
    yield from _memory(MORE)


def long_rows() -> Iterator[tuple[str, float]]:
    """What takes minutes."""
    yield from _memory(MOST)
