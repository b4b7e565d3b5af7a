"""Every measurement side by side in one run: `make bench`; with `--long` (`make bench-long`) what takes minutes.

Each `bench_*.py` offers `rows()`, and `long_rows()` where something takes minutes: label and figure. Names of modules
(`futures irr`) choose some of them.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Print the table, module by module, each line as soon as it is measured."""
    function = "long_rows" if "--long" in arguments else "rows"
    chosen = [each for each in arguments if not each.startswith("-")]
    names = [file.stem.removeprefix("bench_") for file in sorted(Path(__file__).parent.glob("bench_*.py"))]
    unknown = [each for each in chosen if each not in names]
    if unknown:
        raise SystemExit(f"{', '.join(unknown)}: choose from {', '.join(names)}")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; load {_load()}")
    begun = time.perf_counter()
    for name in chosen or names:
        measure = getattr(importlib.import_module(f"bench_{name}"), function, None)
        if measure is not None:
            print(f"\n{name}")
            for label, figure in measure():
                print(f"  {label:<78} {figure:>16,.2f}", flush=True)
    print(f"\n{time.perf_counter() - begun:,.0f} s; load {_load()}")


def _load() -> str:
    """How many processes wanted a processor in the last minute: much above 0 at the start, and figures mean little."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


if __name__ == "__main__":
    main(sys.argv[1:])
