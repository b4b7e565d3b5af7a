"""Reported figures: read through the same strict door, with rows that add up and times that run forward."""

from pathlib import Path

import pytest

from dealgrid.inputs import Figure
from dealgrid.inputs.complaints import Complaints
from dealgrid.inputs.reported import Reported, gather_reported
from dealgrid.problems import InputError

ROWS = {"paid": "US$ bn", "received": "US$ bn", "stake": "fraction"}
GOOD = """\
net_paid:
  label: Paid, net
  kind: plan
  rows: paid - received
  plan: spring
  unit: US$ bn
  grade: B
  source: press, May 2026
  values: {2024: 0.5, 2025-Q1..2025-Q3: $0.9bn}
"""


def read(path: Path, text: str) -> list[Reported]:
    file = path / "reported.yaml"
    file.write_text(text, encoding="utf-8")
    complaints = Complaints("reported.yaml")
    found = gather_reported(file, ROWS, {"spring"}, complaints)
    complaints.finish()
    return found


def test_rows_come_with_their_signs_and_figures_with_their_times(tmp_path: Path) -> None:
    (found,) = read(tmp_path, GOOD)
    assert found.rows == {"paid": 1, "received": -1}
    assert found.figures == (Figure("2024", "2024", 0.5, 9), Figure("2025-Q1", "2025-Q3", 0.9, 9))
    assert (found.plan, found.grade, found.source, found.kind) == ("spring", "B", "press, May 2026", "plan")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("rows: paid", "rows: pad", 4, "did you mean `paid`?"),
        ("paid - received", "paid * received", 4, "`rows` is 'paid * received'"),
        ("paid - received", "paid - stake", 4, "the values are in 'US$ bn', stake in fraction"),
        ("plan: spring", "plan: sprung", 5, "did you mean `spring`?"),
        ("kind: plan", "kind: guess", 3, "`kind` is 'guess'"),
        ("  grade: B\n", "", 1, "net_paid: `grade` is missing"),
        ("  label:", "  lable:", 2, "did you mean `label`?"),
        ("2025-Q1..2025-Q3", "2025-Q3..2025-Q1", 9, "runs from 2025-Q3 to 2025-Q1"),
        ("2025-Q1..2025-Q3", "2025..2025-Q3", 9, "runs from 2025 to 2025-Q3"),
        ("2025-Q1..2025-Q3", "2025-Q5", 9, "'2025-Q5' is not a period"),
        ("$0.9bn", "90%", 9, "'90%' is a percentage"),
        ("{2024: 0.5, 2025-Q1..2025-Q3: $0.9bn}", "{}", 9, "without any value"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        read(tmp_path, GOOD.replace(old, new))
    told = [problem for problem in caught.value.problems if words in str(problem)]
    assert [problem.line for problem in told] == [line]


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, GOOD.replace("rows: paid", "rows: pad").replace("spring", "sprung") + "other: 5\n")
    assert len(caught.value.problems) == 3
