"""Pins, from actuals, from the command line and from Python."""

import datetime as dt

import pytest

from dealgrid.inputs import Pin, check_pins, parse_pins, read_actuals
from dealgrid.inputs.values import read_moment

ROWS = {"revenue": "US$ bn", "stake_held": "fraction", "exit_day": "date", "odd": "furlongs"}
SOURCE = "audited accounts reported June 2026"


def test_actuals_are_pins_with_their_source(folder):
    assert read_actuals(folder.path / "actuals.yaml", ROWS) == [
        Pin("revenue", "2022", 0.028, SOURCE, "B", "params/actuals.yaml", 5),
        Pin("revenue", "2024", 3.7, SOURCE, "B", "params/actuals.yaml", 5),
        Pin("revenue", "2025", 13.07, SOURCE, "B", "params/actuals.yaml", 5),
    ]


def test_a_row_may_have_several_sources(folder):
    path = folder.write(
        "actuals.yaml",
        "revenue:\n- grade: A\n  source: accounts\n  values: {2024: 3.7}\n"
        "- grade: B\n  source: press\n  values:\n    2025q1: 3\n",
    )
    assert [(pin.period, pin.source, pin.line) for pin in read_actuals(path, ROWS)] == [
        ("2024", "accounts", 4),
        ("2025-Q1", "press", 8),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("revenue:", "revenu:", 1, "did you mean `revenue`?"),
        ("  grade: B\n", "", 1, "revenue: `grade` is missing"),
        ("  grade: B", "  grade: F", 3, "`grade` is 'F'"),
        (f"  source: {SOURCE}", "  source:", 4, "`source` is empty"),
        ("  unit: US$ bn", "  unit: fraction", 2, "the values are in 'fraction', the row in US$ bn"),
        ("  unit: US$ bn", "  until: 2025", 2, "'until' is not a key here"),
        ("2024: 3.7", "2024: 37%", 5, "revenue, 2024: '37%' is a percentage"),
        ("2024: 3.7", "2024: [3.7]", 5, "revenue, 2024: a list is not a value"),
        ("2024: 3.7", "2024-03: 3.7", 5, "'2024-03' is not a period"),
        ("2024: 3.7", "2024: .nan", 5, "nan is not a value"),
        ("{2022: $28m, 2024: 3.7, 2025: 13.07}", "{2024-Q1: 1, 2024Q1: 2}", 5, "2024-Q1 is also on line 5"),
        ("{2022: $28m, 2024: 3.7, 2025: 13.07}", "3.7", 5, "`values` is '3.7'"),
        ("{2022: $28m, 2024: 3.7, 2025: 13.07}", "{}", 5, "without any value"),
    ],
)
def test_what_is_wrong_in_actuals_is_named_with_its_line(folder, old, new, line, words):
    problem = folder.change(old, new, "actuals.yaml")
    assert (problem.where, problem.line) == ("params/actuals.yaml", line)
    assert words in str(problem)


def test_a_row_without_a_block_or_with_a_strange_unit_is_refused(folder, wrong):
    path = folder.write("actuals.yaml", "revenue: 3.7\nodd: {}\nstake_held: []\n")
    assert [problem.what for problem in wrong(read_actuals, path, ROWS)] == [
        "revenue: '3.7' does not give actuals",
        "odd is in 'furlongs', a unit no value can be written in",
        "stake_held: the list is empty",
    ]


def test_options_pin_one_period_or_all(folder):
    items = ["revenue@2025=$13bn", "stake_held=27%", "revenue@2025-q3=4", "exit_day=2030-Q1"]
    assert [(pin.row, pin.period, pin.value) for pin in parse_pins(items, ROWS)] == [
        ("revenue", "2025", 13.0),
        ("stake_held", None, 0.27),
        ("revenue", "2025-Q3", 4.0),
        ("exit_day", None, read_moment("2030-01-01")),
    ]
    assert parse_pins(items[:1], ROWS) == [Pin("revenue", "2025", 13.0, "--pin", "J", "--pin", None)]


def test_options_report_all_their_problems_at_once(wrong):
    items = ["revenu@2025=1", "revenue@soon=1", "revenue@=1", "revenue@2025", "=1", "revenue=1%", "revenue@2025="]
    problems = wrong(parse_pins, items, ROWS)
    assert [problem.what for problem in problems] == [
        "'revenu' is not a row",
        "revenue@soon: 'soon' is not a period",
        "revenue@: '' is not a period",
        "'revenue@2025' pins nothing",
        "'=1' pins nothing",
        "revenue: '1%' is a percentage, not an amount in US$ bn",
        "revenue@2025: the value is empty",
    ]


def test_python_pins_rows_periods_and_mappings():
    pins = check_pins({"revenue": {2025: 13, "2026-Q1": "$5bn"}, "exit_day": dt.date(2030, 1, 1)}, ROWS)
    assert [(pin.row, pin.period, pin.value) for pin in pins] == [
        ("revenue", "2025", 13.0),
        ("revenue", "2026-Q1", 5.0),
        ("exit_day", None, read_moment("2030")),
    ]
    assert check_pins({"revenue@2025": 3}, ROWS)[0].period == "2025"


def test_python_pins_go_through_the_same_door(wrong):
    problems = wrong(check_pins, {"revenu": 3, "revenue": {"soon": 3, 2025: float("nan")}}, ROWS)
    assert len(problems) == 3
