"""A run made in one clone of the project is verified in another, whose machine has other libraries."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dealgrid.runs import store
from tests.runs.conftest import ROOT, WORK, write_notebook

pytestmark = pytest.mark.long


def clone(place: Path) -> Path:
    """The project's sources and parameters in a folder of their own, without what git does not keep."""
    for room in ("models", "params"):
        shutil.copytree(ROOT / room, place / room, ignore=shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc"))
    write_notebook(place / "notebooks" / "00_start_here.ipynb", WORK)
    return place


def dealgrid(place: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "dealgrid.cli", *words], cwd=place, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(place / "models")},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> store.Listed:
    """A report, made in a clone."""
    one = clone(tmp_path_factory.mktemp("one"))
    status, told = dealgrid(one, "report", "new_deal", "--quiet")
    assert status == 0, told
    return store.find_run(one / "reports", "new_deal")


def test_a_run_is_reproduced_in_another_clone_and_differences_of_environment_are_listed(
    made: store.Listed, tmp_path: Path
) -> None:
    other = clone(tmp_path)
    brought = other / "reports" / made.run
    shutil.copytree(made.folder, brought)
    said = json.loads((brought / store.MANIFEST).read_text(encoding="utf-8"))
    here = {"python": said["python"], **said["packages"]}
    said["python"], said["packages"]["numpy"], said["code"]["commit"] = "3.14.0", "2.0.1", "0" * 40
    del said["packages"]["duckdb"]
    (brought / store.MANIFEST).chmod(0o644)
    (brought / store.MANIFEST).write_text(json.dumps(said), encoding="utf-8")
    status, told = dealgrid(other, "runs", "verify", "new_deal")
    assert told.splitlines()[:-1] == [
        f"environment python: 3.14.0 → {here['python']}",
        f"environment numpy: 2.0.1 → {here['numpy']}",
        f"environment duckdb: absent → {here['duckdb']}",
    ]
    numbers = len(store.figures(made.folder / store.NUMBERS))
    assert told.splitlines()[-1] == f"{made.run} is verified: {numbers:,} numbers are the same, all to the last bit."
    assert status == 0


def test_another_clone_says_that_its_rows_are_others_and_fails_where_a_parameter_is(
    made: store.Listed, tmp_path: Path
) -> None:
    other = clone(tmp_path)
    shutil.copytree(made.folder, other / "reports" / made.run)
    sheet = other / "models" / "microsoft_openai" / "exit.py"
    sheet.write_text(sheet.read_text(encoding="utf-8") + "\n\nLAST = 1\n", encoding="utf-8")  # moves nothing
    status, told = dealgrid(other, "runs", "verify", "new_deal")
    assert (status, "code        microsoft_openai/exit.py changed" in told, "is verified" in told) == (0, True, True)
    base = other / "params" / "base" / "exit.yaml"
    text = base.read_text(encoding="utf-8")
    line = next(line for line in text[text.index("\nexit_multiple:") :].splitlines() if "value:" in line)
    base.write_text(text.replace(line, "  value: 9x", 1), encoding="utf-8")
    status, told = dealgrid(other, "runs", "verify", "new_deal")
    assert (status, "inputs      params/base/exit.yaml changed" in told, "is NOT verified" in told) == (1, True, True)
