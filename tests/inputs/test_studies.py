"""Study files: what they lay out, and what is refused, all of it at once."""

import pytest
from tests.inputs.example import ROWS

from dealgrid.inputs import read_inputs
from dealgrid.inputs.sweeps import Sweep

STUDY = """\
kind: sweep
title: Stakes
why: What does a point bring?
scenario: new_deal
notebook: small
rows: [revenue]
grid:
  cap: [92, no limit]
"""


@pytest.fixture
def read(folder):
    def reading(text: str = STUDY) -> Sweep:
        folder.write("studies/stakes.yaml", text)
        study = read_inputs(folder.path, ROWS).studies["stakes"]
        assert isinstance(study, Sweep)
        return study

    return reading


def laid_out(grid: str) -> str:
    return STUDY.replace("grid:\n  cap: [92, no limit]\n", grid)


def test_a_folder_without_studies_has_none(folder):
    assert read_inputs(folder.path, ROWS).studies == {}


def test_a_grid_has_every_combination_in_order(read):
    study = read(laid_out("grid:\n  cap: [92, no limit]\n  includes_principal: [yes, no]\n"))
    assert [tuple(point.labels.values()) for point in study.points] == [
        ("$92bn", "yes"), ("$92bn", "no"), ("no limit", "yes"), ("no limit", "no"),
    ]  # fmt: skip
    assert study.points[2].set == {"cap": float("inf"), "includes_principal": 1.0}
    assert study.is_grid


def test_zip_goes_side_by_side_and_is_combined_with_the_grid(read):
    study = read(
        laid_out(
            "grid:\n  includes_principal: [yes, no]\nzip:\n  cap: [1, 2]\n  share_rate: [{2025: 1%}, {2025: 2%}]\n"
        )
    )
    assert len(study.points) == 4
    assert [point.labels["share_rate"] for point in study.points] == ["{2025: 1%}", "{2025: 2%}"] * 2
    assert not study.is_grid


def test_points_stand_for_themselves(read):
    study = read(laid_out("points:\n  - {cap: 1}\n  - {cap: 2, includes_principal: no}\n"))
    assert [point.set for point in study.points] == [{"cap": 1.0}, {"cap": 2.0, "includes_principal": 0.0}]


def test_steps_are_exact_and_hold_both_ends(read):
    study = read(laid_out("grid:\n  stake: {from: 30%, to: 31%, step: 0.1%}\n").replace("new_deal", "new_deal"))
    values = [point.set["stake"] for point in study.points]
    assert values == [0.3, 0.301, 0.302, 0.303, 0.304, 0.305, 0.306, 0.307, 0.308, 0.309, 0.31]


def test_dates_go_in_years(read):
    study = read(laid_out("grid:\n  agi_date: {from: 2026-06-30, to: 2030-06-30, step: 2}\n"))
    assert study.axes == {"agi_date": ("2026-06-30", "2028-06-30", "2030-06-30")}


def test_values_may_have_names(read):
    study = read(laid_out("grid:\n  share_rate:\n    named: {low: {2025: 8%}, high: {2025: 20%}}\n"))
    assert study.axes == {"share_rate": ("low", "high")}


def test_an_axis_may_go_through_scenarios(read, folder):
    folder.write("scenarios/other.yaml", "title: Other\nwhy: Another\nset: {}\n")
    study = read(laid_out("grid:\n  scenario: [new_deal, other]\n  cap: [1, 2]\n"))
    assert [point.scenario for point in study.points] == ["new_deal", "new_deal", "other", "other"]


def test_what_holds_for_all_points_stands_in_set(read):
    study = read(STUDY + "set: {includes_principal: no}\n")
    assert all(point.set["includes_principal"] == 0.0 for point in study.points)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("kind: sweep", "kind: sweeep", 1, "did you mean `sweep`?"),
        ("kind: sweep\n", "", 1, "`kind` is missing"),
        ("title: Stakes", "titel: Stakes\ntitle: Stakes", 2, "did you mean `title`?"),
        ("scenario: new_deal", "scenario: new_dael", 4, "did you mean `new_deal`?"),
        ("scenario: new_deal", "scenario: new_deal+new_dael", 4, "'new_dael' is not a scenario"),
        ("notebook: small\n", "", 1, "`notebook` is missing"),
        ("notebook: small", "notebook: ../small", 5, "is not a notebook"),
        ("rows: [revenue]", "rows: [revenu]", 6, "did you mean `revenue`?"),
        ("rows: [revenue]", "rows: revenue", 6, "a list of rows"),
        ("cap: [92, no limit]", "cpa: [92]", 8, "did you mean `cap`?"),
        ("cap: [92, no limit]", "cap: 92", 8, "a list of values"),
        ("cap: [92, no limit]", "cap: [92, 92]", 7, "is there twice"),
        ("cap: [92, no limit]", "cap: [ninety]", 8, "cap: 'ninety' cannot be read"),
        ("cap: [92, no limit]", "stake: [30]", 8, "did you mean 30%?"),
        ("cap: [92, no limit]", "stake: {from: 30%, to: 35%}", 8, "`from`, `to` and `step`"),
        ("cap: [92, no limit]", "stake: {from: 30%, to: 35%, step: 2%}", 8, "do not end at 35%"),
        ("cap: [92, no limit]", "stake: {from: 35%, to: 30%, step: 1%}", 8, "goes nowhere"),
        ("cap: [92, no limit]", "stake: {from: 0%, to: 100%, step: 0.001%}", 8, "100,000 steps"),
        ("cap: [92, no limit]", "includes_principal: {from: no, to: yes, step: 1}", 8, "no steps between yes and no"),
        ("cap: [92, no limit]", "microsoft_part: [49%, 50%]", 7, "tier_three add to 101%"),
        ("grid:\n  cap: [92, no limit]\n", "", 1, "a sweep without points"),
        ("grid:\n  cap: [92, no limit]\n", "zip:\n  cap: [1, 2]\n  stake: [1%]\n", 7, "cap 2, stake 1"),
        ("grid:\n  cap: [92, no limit]\n", "grid:\n  cap: [1]\nzip:\n  cap: [2]\n", 10, "cap is also in `grid`"),
        ("grid:\n  cap: [92, no limit]\n", "points: {cap: 1}\n", 7, "a list of points"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_study_is_named_with_its_line(folder, old, new, line, words):
    folder.write("studies/stakes.yaml", STUDY)
    problem = folder.change(old, new, "studies/stakes.yaml")
    assert (problem.where, problem.line) == ("params/studies/stakes.yaml", line)
    assert words in str(problem)


def test_all_that_is_wrong_is_said_at_once(folder):
    folder.write("studies/stakes.yaml", STUDY.replace("new_deal", "nobody").replace("92", "x").replace("revenue", "y"))
    assert len(folder.problems()) == 3


def test_a_broken_scenario_raises_no_alarm_in_the_studies_that_name_it(folder):
    folder.write("studies/stakes.yaml", STUDY)
    folder.write("scenarios/new_deal.yaml", "title: T\nwhy: W\nset: {stak: 1%}\n")
    assert [problem.where for problem in folder.problems()] == ["params/scenarios/new_deal.yaml"]
