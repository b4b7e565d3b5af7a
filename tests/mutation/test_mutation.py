"""The mutants themselves, on a row of three lines; and a sample of the deal's, which the tests must notice."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.__main__ import all_mutants, explained
from tests.mutation.mutants import mutants_of

ROOT = Path(__file__).resolve().parents[2]
ROW = '''
def lemonade(cups, prior_cups, price):
    """Money for lemonade. [US$ bn, flow]"""
    return np.where(cups > 1, np.minimum(cups, prior_cups) * price, 0)
'''


@pytest.fixture
def changes(tmp_path: Path) -> dict[str, str]:
    sheet = tmp_path / "stand.py"
    sheet.write_text(ROW)
    return {mutant.name.removeprefix("stand.py: lemonade: "): mutant.code.co_name for mutant in mutants_of(sheet)}


def test_each_small_change_of_a_row_is_a_mutant(changes: dict[str, str]) -> None:
    product = "np.minimum(cups, prior_cups) * price"
    for change in (
        f"{product} => np.minimum(cups, prior_cups) / price",
        f"{product} => price",
        "np.minimum(cups, prior_cups) => np.maximum(cups, prior_cups)",
        "np.minimum(cups, prior_cups) => cups",
        "cups > 1 => cups >= 1",
        "cups > 1 => cups < 1",
        "0 => 1",
        "1 => 0",
        "prior_cups => cups",
        f"np.where(cups > 1, {product}, 0) => np.where(cups > 1, 0, {product})",
    ):
        assert change in changes, sorted(changes)
    assert set(changes.values()) == {"lemonade"}


def test_no_two_mutants_have_one_name_and_every_explanation_is_of_one() -> None:
    names = [mutant.name for mutant in all_mutants()]
    assert len(set(names)) == len(names) > 2000
    assert set(explained()) <= set(names)
    assert all(explained().values())


@pytest.mark.long
def test_the_tests_notice_a_sample_of_mutants() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.mutation", "--every", "53", "--from", "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stdout[-3000:]
