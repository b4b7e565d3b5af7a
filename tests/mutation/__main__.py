"""Runs the tests of behaviour against each mutant: `.venv/bin/python -m tests.mutation [--every N] [--sheet NAME]`.

The tests are collected once; then each mutant lives in a forked child of its own, which stops at the first test
that fails. Golden files take no part: they notice any change, meant or not.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from tests.mutation.mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "models" / "microsoft_openai"
WORDS = ROOT / "models" / "dealgrid" / "engine" / "words.py"
TESTS = ("tests/deal", "tests/engine/test_words.py")
SLOW = "tests/deal/test_properties.py"  # draws cases at random; with --all it takes part too
EXPLAINED = Path(__file__).with_name("survivors.txt")
LONGEST = 120  # seconds for the tests of one mutant; one that hangs is noticed
PROMISE = 0.90


def all_mutants(sheet: str | None = None) -> list[Mutant]:
    """The mutants of every sheet and of the words, in the order of their files."""
    files = [path for path in sorted(ROWS.glob("*.py")) if path.stem != "__init__"] + [WORDS]
    return [mutant for path in files if sheet in (None, path.stem) for mutant in mutants_of(path)]


def explained() -> dict[str, str]:
    """The reason for each survivor that is known, by the mutant's name; a reason stands above its mutants."""
    reasons: dict[str, str] = {}
    reason = ""
    for line in EXPLAINED.read_text(encoding="utf-8").splitlines() if EXPLAINED.exists() else ():
        if line.startswith("# "):
            reason = line.removeprefix("# ")
        elif line:
            reasons[line] = reason
    return reasons


class Hunt:
    """A pytest plugin that runs the collected tests once for each mutant."""

    def __init__(self, mutants: list[Mutant], seconds: float) -> None:
        self.mutants = mutants
        self.seconds = seconds
        self.killed: dict[str, str] = {}
        self.survived: list[str] = []
        self.kills: dict[str, int] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running the tests: run them in a child per mutant."""
        if session.testsfailed:
            raise session.Interrupted("the tests could not be collected")
        _keep_inputs()
        started = time.monotonic()
        if self._first_failure(session, None):
            raise session.Interrupted("the tests fail without any mutant")
        for place, mutant in enumerate(self.mutants):
            if time.monotonic() - started > self.seconds:
                print(f"Time is up: {len(self.mutants) - place} mutants were not tried.", flush=True)
                break
            failed = self._first_failure(session, mutant)
            if failed:
                self.killed[mutant.name] = failed
                self.kills[failed] = self.kills.get(failed, 0) + 1
            else:
                self.survived.append(mutant.name)
                print(f"survived  {mutant.name}", flush=True)
            if (place + 1) % 100 == 0:
                print(f"{place + 1} tried, {len(self.survived)} survived", file=sys.stderr, flush=True)
        return True

    def _first_failure(self, session: pytest.Session, mutant: Mutant | None) -> str:
        """The test that fails first, in a child; those of the row itself go first, then those that noticed most."""
        row = f"[{Path(mutant.file).stem}.{mutant.function}]" if mutant else ""
        items = sorted(session.items, key=lambda item: (row not in item.nodeid, -self.kills.get(item.nodeid, 0)))
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            signal.alarm(LONGEST)
            os.write(writing, _noticed_by(items, mutant).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            found = pipe.read()
        _, status = os.waitpid(child, 0)
        return found if os.WIFEXITED(status) else "it hangs or crashes"


def _noticed_by(items: list[pytest.Item], mutant: Mutant | None) -> str:
    from _pytest.runner import runtestprotocol

    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    if mutant:
        _put_in(mutant)
    for place, item in enumerate(items):
        following = items[place + 1] if place + 1 < len(items) else None
        if any(report.failed for report in runtestprotocol(item, nextitem=following, log=False)):
            return item.nodeid
    return ""


def _put_in(mutant: Mutant) -> None:
    """Give the function the mutant's code in place, so that whoever holds it holds the mutant."""
    stem = Path(mutant.file).stem
    room = "dealgrid.engine" if mutant.file == WORDS.name else "microsoft_openai"
    held: Any = vars(importlib.import_module(f"{room}.{stem}"))[mutant.function]
    function = getattr(held, "__wrapped__", held)
    assert isinstance(function, FunctionType)
    function.__code__ = mutant.code
    if hasattr(function, "__signature__"):
        del function.__signature__


def _keep_inputs() -> None:
    """Parameter files are the same for every mutant: read them once."""
    import dealgrid.deal

    read = dealgrid.deal.read_inputs
    kept: dict[Path, Any] = {}

    def read_once(params: Path, rows: Mapping[str, str]) -> Any:
        if params not in kept:
            kept[params] = read(params, rows)
        return kept[params]

    dealgrid.deal.read_inputs = read_once
    dealgrid.deal.Deal.load("microsoft_openai", root=ROOT)


def hunt(mutants: list[Mutant], seconds: float = float("inf"), is_all: bool = False) -> Hunt:
    """Run the tests against the mutants."""
    found = Hunt(mutants, seconds)
    words = [
        *TESTS,
        *([] if is_all else [f"--ignore={SLOW}"]),
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:randomly",
        "-m",
        "not long",
    ]
    status = pytest.main([*words, f"--rootdir={ROOT}"], plugins=[found])
    if not found.killed and not found.survived:
        sys.exit(f"no mutant was tried: pytest ended with {status!r}")
    return found


def main() -> int:
    """Print what survived, and fail if it is more than is promised or is not explained."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--every", type=int, default=1, metavar="N", help="try each Nth mutant only")
    options.add_argument("--from", type=int, default=0, dest="first", metavar="K", help="begin with the Kth")
    options.add_argument("--sheet", help="only this sheet, or words")
    options.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    options.add_argument("--all", action="store_true", dest="is_all", help="let slow tests take part too")
    asked = options.parse_args()
    os.chdir(ROOT)
    found = hunt(all_mutants(asked.sheet)[asked.first :: asked.every], asked.seconds, asked.is_all)
    tried = len(found.killed) + len(found.survived)
    reasons = explained()
    unknown = [name for name in found.survived if name not in reasons]
    stale = sorted(set(reasons) & set(found.killed))
    print(f"\n{len(found.killed)} of {tried} mutants killed ({len(found.killed) / tried:.1%}).")
    print(
        f"{len(found.survived)} survived, {len(found.survived) - len(unknown)} of them explained in {EXPLAINED.name}."
    )
    for name in unknown:
        print(f"not explained: {name}")
    for name in stale:
        print(f"explained, but killed: {name}")
    return int(len(found.killed) < PROMISE * tried or bool(unknown) or bool(stale))


if __name__ == "__main__":
    sys.exit(main())
