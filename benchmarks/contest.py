"""Who is quicker: contestants in turns, so that a busy moment of the machine strikes all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

REPEATS = 5


def contest(works: Mapping[str, tuple[Callable[[], object], int]], repeats: int = REPEATS) -> dict[str, float]:
    """Best number per second of each contestant, given what it does and how many that makes."""
    best = dict.fromkeys(works, 0.0)
    for work, _ in works.values():
        work()  # compiled, and in the cache
    for _ in range(repeats):
        for name, (work, number) in works.items():
            start = time.perf_counter()
            work()
            best[name] = max(best[name], number / (time.perf_counter() - start))
    return best
