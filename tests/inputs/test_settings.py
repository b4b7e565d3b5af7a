"""Settings from the command line and from Python, through the same door as files."""

import datetime as dt
import math

import numpy as np
import pytest

from dealgrid.inputs import Dated, apply_settings, check_settings, parse_settings
from dealgrid.inputs.values import read_moment

RATES = Dated((read_moment("2025"), read_moment("2030")), (0.2, 0.1), "step")


def test_an_option_sets_what_a_file_would(parameters):
    items = ["stake=30%", "agi_date=2028-Q3", "cap=no limit", "share_rate={2025: 20%, 2030: 10%}", "stake=0.31"]
    assert parse_settings(items, parameters) == {
        "stake": 0.31, "agi_date": read_moment("2028-07-01"), "cap": math.inf, "share_rate": RATES,
    }  # fmt: skip


def test_python_may_use_texts_numbers_dates_mappings_and_dated_values(parameters):
    assert check_settings(
        {
            "stake": 0.3, "cap": "$1e11", "agi_date": dt.date(2028, 7, 1), "includes_principal": False,
            "share_rate": {2025: 0.2, "2030": "10%"},
        },
        parameters,
    ) == {
        "stake": 0.3, "cap": 100.0, "agi_date": read_moment("2028-Q3"), "includes_principal": 0.0, "share_rate": RATES,
    }  # fmt: skip
    assert check_settings({"share_rate": RATES}, parameters) == {"share_rate": RATES}
    assert check_settings({"share_rate": "{2025: 20%, 2030: 10%}"}, parameters) == {"share_rate": RATES}


def test_checked_settings_pass_again_unchanged(parameters):
    once = parse_settings(["stake=30%", "agi_date=never", "share_rate={2025: 20%, 2030: 10%}"], parameters)
    assert check_settings(once, parameters) == once


def test_a_dated_parameter_may_be_set_to_one_value(parameters):
    assert parse_settings(["share_rate=15%"], parameters) == {"share_rate": 0.15}


def test_an_array_holds_a_value_per_future(parameters):
    checked = check_settings(
        {"stake": np.array([0.3, 0.35]), "includes_principal": np.array([True, False])}, parameters
    )
    assert checked["stake"].tolist() == [0.3, 0.35]
    assert checked["includes_principal"].dtype == float
    assert check_settings({"stake": np.array(0.3)}, parameters) == {"stake": 0.3}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stak": 0.3}, "did you mean `stake`?"),
        ({"stake": 32.5}, "stake: 3250% is above the range"),
        ({"stake": math.nan}, "stake: nan is not a value"),
        ({"stake": True}, "a yes or no, not a fraction"),
        ({"stake": {2025: 0.3}}, "values by date for a parameter that has one value"),
        ({"stake": [0.3, 0.4]}, "in Python, many futures are a NumPy array"),
        ({"stake": np.array([0.3, 1.3])}, "stake: 130% is above the range"),
        ({"stake": np.array([0.3, math.nan])}, "stake: nan is not a value"),
        ({"stake": np.array([[0.3]])}, "not a value per future"),
        ({"stake": np.array([])}, "not a value per future"),
        ({"stake": np.array(["30%"])}, "not a value per future"),
        ({"includes_principal": np.array([0.0, 0.5, 1.0])}, "neither yes nor no"),
        ({"agi_date": np.array([46000.5, 46001.0])}, "not whole"),
        ({"agi_date": np.array([46000.0, math.inf])}, None),
        ({"agi_date": 46000}, None),
        ({"share_rate": {2030: 0.1, 2025: 0.2}}, "'2025' does not come after 2030-01-01"),
        ({"share_rate": {"soon": 0.1}}, "share_rate, date: 'soon' cannot be read"),
        ({"share_rate": {2030: None}}, "share_rate, 2030: 'None' is not a value"),
        ({"share_rate": "{2030: "}, "this is not YAML"),
        ({"share_rate": "{2030: 10%} x"}, "this is not YAML"),
        ({"share_rate": {}}, "no dates are given"),
        ({"tranches": 3}, "one value for a parameter of dated payments"),
        ({"tranches": 0}, None),
        ({None: 0}, "'None' is not a parameter"),
    ],
)
def test_python_settings_that_cannot_be_used_are_refused(parameters, wrong, settings, words):
    if words is None:
        assert check_settings(settings, parameters)
        return
    (problem,) = wrong(check_settings, settings, parameters, "notebook")
    assert (problem.where, problem.line) == ("notebook", None)
    assert words in str(problem)


def test_options_report_all_their_problems_at_once(parameters, wrong):
    items = ["stak=30%", "stake", "=3", "share_rate={2025: 20, 2030: }", "agi_date=2025-02-30", "stake=&a 3"]
    problems = wrong(parse_settings, items, parameters)
    assert {problem.where for problem in problems} == {"--set"}
    assert {problem.line for problem in problems} == {None}
    assert [problem.what for problem in problems] == [
        "'stak' is not a parameter",
        "'stake' sets nothing",
        "'=3' sets nothing",
        "share_rate, 2025: 20 is above the range",
        "share_rate, 2030: the value is empty",
        "agi_date: '2025-02-30' is not a day of the calendar",
        "stake: '&a 3' cannot be read",
    ]


def test_later_layers_lie_over_earlier_ones_and_the_base(parameters):
    values = apply_settings(parameters, {"stake": 0.3, "cap": 100.0}, {"stake": 0.31})
    assert (values["stake"], values["cap"], values["share_rate"]) == (0.31, 100.0, parameters["share_rate"].value)
    assert list(values) == list(parameters)


def test_layers_must_leave_parts_adding_to_one(parameters, wrong):
    (problem,) = wrong(apply_settings, parameters, {"microsoft_part": 0.5}, where="--set")
    assert problem.where == "--set"
    assert "tier_three add to 101%: microsoft_part 50%, others_part 51%" in problem.what
    assert apply_settings(parameters, {"microsoft_part": 0.5}, {"others_part": 0.5})


def test_parts_must_add_to_one_in_every_future(parameters, wrong):
    parts = {"microsoft_part": np.array([0.4, 0.5]), "others_part": np.array([0.6, 0.4])}
    (problem,) = wrong(apply_settings, parameters, parts)
    assert "add to 90%: microsoft_part 50%, others_part 40%" in problem.what


def test_arrays_of_different_lengths_and_unknown_names_are_refused(parameters, wrong):
    (problem,) = wrong(apply_settings, parameters, {"stake": np.zeros(2), "cap": np.zeros(3)})
    assert "stake 2, cap 3" in problem.what
    (problem,) = wrong(apply_settings, parameters, {"cpa": 3.0})
    assert "'cpa' is not a parameter" in problem.what
