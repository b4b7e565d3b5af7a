"""Scenario files: what they mean, what is refused, and how they are saved."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dealgrid.inputs import Dated, read_scenarios, save_scenario
from dealgrid.inputs.complaints import Complaints
from dealgrid.inputs.values import read_moment
from dealgrid.inputs.yaml_text import read_yaml


def test_a_scenario_says_what_differs_and_why(folder, parameters):
    scenario = read_scenarios(folder.path / "scenarios", parameters)["new_deal"]
    assert (scenario.title, scenario.why) == ("New deal", "The terms under negotiation in mid-2025")
    assert scenario.set == {
        "stake": 0.3,
        "share_rate": Dated((read_moment("2019"), read_moment("2030")), (0.2, 0.1), "step"),
    }
    assert (scenario.file, scenario.lines) == ("params/scenarios/new_deal.yaml", {"stake": 5, "share_rate": 6})


def test_a_scenario_may_leave_the_base_as_it_is(folder, parameters):
    folder.write("scenarios/status_quo.yaml", "title: Status quo\nwhy: The contract as it stands\nset: {}\n")
    assert read_scenarios(folder.path / "scenarios", parameters)["status_quo"].set == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("stake: 30%", "stak: 30%", 5, "did you mean `stake`?"),
        ("stake: 30%", "stake: 30", 5, "did you mean 30%?"),
        ("stake: 30%", "stake: {2025: 30%}", 5, "values by date for a parameter that has one value"),
        ("stake: 30%", "stake:", 5, "stake: the value is empty"),
        ("stake: 30%", "stake: 30%\n  stake: 31%", 6, "written twice, on lines 5 and 6"),
        ("2030: 10%", "2018: 10%", 6, "'2018' does not come after 2019-01-01"),
        ("share_rate: {2019: 20%, 2030: 10%}", "microsoft_part: 50%", 6, "tier_three add to 101%"),
        ("share_rate: {2019: 20%, 2030: 10%}", "tranches: $1bn", 6, "one value for a parameter of dated payments"),
        ("title: New deal\n", "", 1, "`title` is missing"),
        ("title: New deal", "title:", 1, "`title` is empty"),
        ("title: New deal", "title: New deal\npins: {}", 2, "'pins' is not a key here"),
    ],
)
def test_what_is_wrong_in_a_scenario_is_named_with_its_line(folder, old, new, line, words):
    problem = folder.change(old, new, "scenarios/new_deal.yaml")
    assert (problem.where, problem.line) == ("params/scenarios/new_deal.yaml", line)
    assert words in str(problem)


@pytest.mark.parametrize("written", ["", "stake", "[stake]"])
def test_a_scenario_whose_set_holds_no_mapping_is_refused(folder, written):
    folder.write("scenarios/new_deal.yaml", f"title: T\nwhy: W\nset: {written}\n")
    (problem,) = folder.problems()
    assert problem.line == 3
    assert "`set`" in problem.what


def test_a_new_scenario_is_saved_and_reads_back(folder, parameters):
    path = folder.path / "scenarios/mine.yaml"
    save_scenario(path, "Mine", "To see", {"stake": 0.33, "agi_date": math.inf, "share_rate": {2025: 0.2}}, parameters)
    assert path.read_text() == (
        "# yaml-language-server: $schema=../schema/scenario.json\ntitle: Mine\nwhy: To see\nset:\n"
        "  stake: 33%\n  agi_date: never\n  share_rate: {2025: 20%}\n"
    )
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []


def test_saving_again_keeps_comments_order_and_spelling(folder, parameters):
    path = folder.path / "scenarios/new_deal.yaml"
    save_scenario(path, "New deal", "A new reason", {"agi_date": "2030", "cap": 100, "stake": 0.3}, parameters)
    assert path.read_text() == (
        "title: New deal\nwhy: A new reason\nset:\n  # what OpenAI offers\n  stake: 30%  # the low end\n"
        "  agi_date: 2030-01-01\n  cap: $100bn\n"
    )
    save_scenario(path, "New deal", "A new reason", {"stake": 0.31}, parameters)
    assert path.read_text() == (
        "title: New deal\nwhy: A new reason\nset:\n  # what OpenAI offers\n  stake: 31%  # the low end\n"
    )
    save_scenario(path, "New deal", "A new reason", {}, parameters)
    assert path.read_text() == (
        "title: New deal\nwhy: A new reason\nset:\n  # what OpenAI offers\n  {}  # the low end\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "why: >-\n  two\n  lines\nset: {stake: 30%}  # flow\ntitle: 'T'\n",
        "set:\n  stake:  0.30 # low\n  share_rate:\n    2019: 20%\n    2030: 10%\n\n# end\ntitle: T\nwhy: W",
        "title: T\r\nwhy: W\r\nset:\r\n  cap: 100\r\n  stake: 30%",
        "? title\n: T\nwhy: W\nset:\n  ? stake\n  : 30%\n",
        "{title: T, why: W, set: {stake: 30%}}",
        "not: a scenario\n",
        "title: T\nwhy: W\nwhy: W\nset: {}\n",
        "[",
    ],
)
def test_any_layout_can_be_saved_over(folder, parameters, text):
    path = folder.write("scenarios/odd.yaml", text)
    save_scenario(path, "T", "because", {"stake": 0.3, "cap": 92, "share_rate": {2030: 0.2}}, parameters)
    read = read_scenarios(path.parent, parameters)["odd"]
    assert (read.title, read.why, list(read.set)) == ("T", "because", list(read.set))
    assert read.set == {"stake": 0.3, "cap": 92.0, "share_rate": Dated((read_moment("2030"),), (0.2,), "step")}
    assert ("# low" in text) == ("# low" in path.read_text())
    assert ("0.30" in text) == ("0.30" in path.read_text())
    saved = path.read_bytes()
    assert saved.count(b"\r\n") == (saved.count(b"\n") if "\r\n" in text else 0)


def test_only_what_a_reader_would_take_is_saved(folder, parameters, wrong):
    path = folder.path / "scenarios/mine.yaml"
    for settings_, title, words in (
        ({"stake": 3}, "T", "300% is above the range"),
        ({"stake": np.array([0.3])}, "T", "not one per future"),
        ({"microsoft_part": 0.5}, "T", "tier_three add to 101%"),
        ({}, " ", "`title` is empty"),
        ({}, "a\ud800", "not YAML"),
    ):
        assert words in str(wrong(save_scenario, path, title, "W", settings_, parameters)[0])
    assert not path.exists()
    (problem,) = wrong(save_scenario, folder.path / "scenarios/My deal.yaml", "T", "W", {}, parameters)
    assert "cannot be the file of a scenario" in problem.what
    (problem,) = wrong(save_scenario, folder.path / "actuals.yaml/x.yaml", "T", "W", {}, parameters)
    assert "cannot be written" in problem.what


@given(title=st.text(min_size=1, max_size=40).filter(str.strip))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_any_title_reads_back_as_it_was_saved(folder, title):
    try:
        title.encode()
    except UnicodeEncodeError:
        return
    path = folder.path / "scenarios/titled.yaml"
    save_scenario(path, title, "W", {}, {})
    saved = read_yaml(path.read_bytes().decode(), Complaints(""))
    assert saved.entries["title"].value.text == title.strip()
