"""Distributions as files give them."""

import math

import pytest

from dealgrid.inputs.values import read_moment


def test_a_distribution_is_kept_with_its_numbers_by_name(parameters):
    stake, agi = parameters["stake"].uncertain, parameters["agi_date"].uncertain
    assert (stake.kind, stake.arguments) == ("uniform", {"low": 0.3, "high": 0.35})
    assert (agi.kind, agi.correlated) == ("hazard", {"stake": 0.4})
    assert agi.arguments == {"from": read_moment("2026"), "per_year": 0.08, "until": math.inf}
    assert parameters["cap"].uncertain is None


@pytest.mark.parametrize(
    ("text", "kind", "arguments"),
    [
        ("{triangular: [10%, 20%, 40%]}", "triangular", {"low": 0.1, "mode": 0.2, "high": 0.4}),
        ("{pert: [10%, 20%, 40%]}", "pert", {"low": 0.1, "mode": 0.2, "high": 0.4}),
        ("{normal: {mean: 30%, sd: 5%}}", "normal", {"mean": 0.3, "sd": 0.05, "low": 0.0, "high": 1.0}),
        (
            "{lognormal: {median: 30%, sd: 0.4, high: 90%}}", "lognormal",
            {"median": 0.3, "sd": 0.4, "low": 0.0, "high": 0.9},
        ),
    ],
)  # fmt: skip
def test_every_kind_is_read(folder, text, kind, arguments):
    folder.write("base/deal.yaml", (folder.path / "base/deal.yaml").read_text().replace("{uniform: [30%, 35%]}", text))
    uncertain = folder.read()["stake"].uncertain
    assert (uncertain.kind, uncertain.arguments) == (kind, arguments)


def test_outcomes_of_a_flag_are_pairs_of_value_and_probability(folder):
    text = (folder.path / "base/deal.yaml").read_text()
    folder.write("base/deal.yaml", text + "  uncertain: {discrete: {yes: 30%, no: 0.7}}\n")
    assert folder.read()["includes_principal"].uncertain.outcomes == ((1.0, 0.3), (0.0, 0.7))


def test_spreads_of_dates_are_in_days(folder):
    text = (folder.path / "base/deal.yaml").read_text()
    new = "normal: {mean: 2030-06-30, sd: 200 days}"
    folder.write("base/deal.yaml", text.replace("hazard: {from: 2026, per_year: 8%}", new))
    assert folder.read()["agi_date"].uncertain.arguments["sd"] == 200


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("uniform", "'uniform' is not a distribution"),
        ("{unifrom: [30%, 35%]}", "did you mean `uniform`?"),
        ("{}", "0 distributions are given"),
        ("{uniform: [30%, 35%], pert: [30%, 31%, 35%]}", "2 distributions are given"),
        ("{uniform: [35%, 30%]}", "not in order"),
        ("{uniform: [30%, 30%]}", "not in order"),
        ("{uniform: [30%]}", "does not describe it"),
        ("{uniform: {low: 30%, high: 35%}}", "does not describe it"),
        ("{uniform: [30%, 135%]}", "135% is outside the parameter's range"),
        ("{uniform: [30%, 2030-01-01]}", "high: '2030-01-01' is a date"),
        ("{triangular: [30%, 36%, 35%]}", "not in order"),
        ("{normal: {mean: 30%}}", "`sd` is missing"),
        ("{normal: {mean: 30%, sd: 0%}}", "`sd` is not a positive number"),
        ("{normal: {mean: 30%, sd: 1%, hgih: 1}}", "did you mean `high`?"),
        ("{normal: [30%, 5%]}", "does not describe it"),
        ("{lognormal: {median: 0%, sd: 0.4}}", "the middle of the distribution is not usable"),
        ("{discrete: {30%: 50%, 35%: 40%}}", "the probabilities add to 90%"),
        ("{discrete: {30%: 150%, 35%: -50%}}", "0% or more"),
        ("{discrete: {30%: 50%, 0.3: 50%}}", "a value is given twice"),
        ("{discrete: {}}", "does not describe it"),
        ("{discrete: {300%: 1}}", "300% is outside"),
        ("{hazard: {from: 2026, per_year: 8%}}", "hazard cannot draw a value in fraction"),
        ("{uniform: [30%, 35%], correlated: {nobody: 0.1}}", "which is not an uncertain parameter"),
        ("{uniform: [30%, 35%], correlated: {agi_dat: 0.1}}", "did you mean `agi_date`?"),
        ("{uniform: [30%, 35%], correlated: {agi_date: 1.1}}", "from -1 to 1"),
        ("{uniform: [30%, 35%], correlated: {stake: 0.5}}", "cannot have a correlation"),
        ("{uniform: [30%, 35%], correlated: 0.5}", "`correlated` is '0.5'"),
        ("{uniform: [30%, 35%], correlated: {agi_date: 0.5}}", "is 0.5 here and 0.4 there"),
    ],
)
def test_a_distribution_that_cannot_be_drawn_from_is_refused(folder, new, words):
    text = (folder.path / "base/deal.yaml").read_text()
    folder.write("base/deal.yaml", text.replace("{uniform: [30%, 35%]}", new))
    problems = folder.problems()
    assert words in "\n".join(map(str, problems))
    assert all(problem.line in (2, 9, 17) for problem in problems)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("{from: 2026}", "`per_year` is missing"),
        ("{from: 2026, per_year: 0%}", "`per_year` is not positive"),
        ("{from: 2026, per_year: 8%, until: 2025}", "does not come after"),
        ("{from: 2010, per_year: 8%}", "outside the parameter's range"),
        ("{from: never, per_year: 8%}", "does not come after"),
    ],
)
def test_a_hazard_that_makes_no_sense_is_refused(folder, new, words):
    problem = folder.change("{from: 2026, per_year: 8%}", new)
    assert words in str(problem)


def test_a_hazard_needs_a_range_that_reaches_never(folder):
    text = (folder.path / "base/deal.yaml").read_text()
    folder.write("base/deal.yaml", text.replace("[2019, never]", "[2019, 2040]").replace("value: never", "value: 2030"))
    (problem,) = folder.problems()
    assert "the range ends on a date" in problem.what


def test_correlations_that_no_draws_can_have_are_refused(folder):
    extra = "  uncertain: {lognormal: {median: 92, sd: 0.1}, correlated: {stake: 0.9, agi_date: -0.9}}\n"
    problem = folder.change("  confidential: no\n", "  confidential: no\n" + extra, "base/split.yaml")
    assert "cannot all hold at once" in problem.what


@pytest.mark.parametrize(
    ("file", "after", "words"),
    [
        ("base/deal.yaml", "  source: The Information via Reuters, 7 May 2025\n", "has values by date"),
        ("base/split.yaml", "  source: WSJ, October 2024\n", "must add to 1 with others"),
    ],
)
def test_only_a_value_on_its_own_can_be_uncertain(folder, file, after, words):
    problem = folder.change(after, after + "  uncertain: {uniform: [10%, 50%]}\n", file)
    assert words in problem.what
