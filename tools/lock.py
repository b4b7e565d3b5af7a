"""Write requirements.lock from pyproject.toml, and environment.yml from requirements.lock (`make lock`)."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [
    "pip",
    "compile",
    "pyproject.toml",
    "--quiet",
    "--system-certs",  # a company's network may answer with its own
    "--all-extras",
    "--group=test",
    "--group=setup",
    "--universal",
    "--python-version=3.11",
    "--fork-strategy=fewest",  # one version of a package on every Python, so that everybody gets the same numbers
    "--generate-hashes",
    "--no-annotate",
    "--custom-compile-command=make lock",
    "--output-file=requirements.lock",
]
ENVIRONMENT = """\
# Written by `make lock` from requirements.lock: the same versions, for people who use conda.
# No hashes: conda hands the whole pip section to pip as one file, and pip takes no editable install beside hashes.
name: dealgrid
channels:
  - conda-forge
dependencies:
  - python>=3.11,<3.14
  - pip
  - pip:
"""


def pins(lock: str) -> list[str]:
    """The requirements of a lock file without their hashes: `numpy==2.4.6`, with the marker where there is one."""
    return [line.removesuffix("\\").strip() for line in lock.splitlines() if line and line[0] not in "# "]


def environment(lock: str) -> str:
    """The text of environment.yml for the text of a lock file; the project itself comes last, editable."""
    return ENVIRONMENT + "".join(f'      - "{pin}"\n' for pin in [*pins(lock), "-e ."])


def main() -> None:
    """Run uv and write both files."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--upgrade", action="store_true", help="take the newest versions instead of keeping the pins")
    upgrade = ["--upgrade"] if options.parse_args().upgrade else []
    run = subprocess.run([sys.executable, "-m", "uv", *COMPILE, *upgrade], cwd=ROOT, check=False)
    if run.returncode:
        sys.exit(run.returncode)  # uv has said why
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    (ROOT / "environment.yml").write_text(environment(lock), encoding="utf-8")


if __name__ == "__main__":
    main()
