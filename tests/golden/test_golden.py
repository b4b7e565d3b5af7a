"""The golden files against the model: a figure or a formula that moved is a diff to be read."""

import csv
import io

import numpy as np
import pytest

from dealgrid import Deal
from tests.golden.golden import FOLDER, PICTURE, ROOT, figures, formulas, picture
from tests.tolerance import EXCEL

HINT = "if it is meant: .venv/bin/python -m tests.golden.golden, read the diff, and tell CHANGELOG.md"
DEAL = Deal.load("microsoft_openai", root=ROOT)
# Gaps that are zero but for the last bit of a float differ between machines: only their size counts.
ZERO = 1e-9


def test_no_formula_has_changed() -> None:
    assert formulas(DEAL) == (FOLDER / "formulas.txt").read_text(encoding="utf-8"), HINT


def test_every_scenario_has_a_golden_file_and_no_other_stands_there() -> None:
    assert {file.stem for file in FOLDER.glob("*.csv")} == set(DEAL.scenarios), HINT


def read(text: str) -> tuple[list[str], dict[str, list[str]]]:
    header, *lines = csv.reader(io.StringIO(text))
    return header, {line[0]: line[1:] for line in lines}


@pytest.mark.parametrize("scenario", DEAL.scenarios)
def test_no_figure_has_moved(scenario: str) -> None:
    header, expected = read((FOLDER / f"{scenario}.csv").read_text(encoding="utf-8"))
    new_header, found = read(figures(DEAL.case(scenario)))
    assert new_header == header, HINT
    assert list(found) == list(expected), HINT
    for row, values in expected.items():
        assert found[row][0] == values[0], f"the unit of {row}"
        old = np.array([float(value or 0) for value in values[1:]])
        new = np.array([float(value or 0) for value in found[row][1:]])
        np.testing.assert_allclose(new, old, rtol=EXCEL, atol=ZERO, err_msg=f"{row}: {HINT}")


def test_the_picture_in_the_readme_is_drawn_from_these_figures() -> None:
    assert picture(DEAL) == PICTURE.read_text(encoding="utf-8"), HINT
