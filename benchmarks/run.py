"""Every measurement side by side in one run: `make bench`. Each `bench_*.py` offers `rows()` of label and figure."""

from __future__ import annotations

import importlib
import os
import platform
from pathlib import Path


def main() -> None:
    """Print the table, module by module."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for file in sorted(Path(__file__).parent.glob("bench_*.py")):
        print(f"\n{file.stem.removeprefix('bench_')}")
        for label, figure in importlib.import_module(file.stem).rows():
            print(f"  {label:<60} {figure:>14,.2f}")


if __name__ == "__main__":
    main()
