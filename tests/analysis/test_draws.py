"""Draws: each distribution against SciPy's own, correlations, and that nothing depends on who draws which part."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from dealgrid.analysis.draws import DAYS_IN_YEAR, STRATA, Doubt, Draws, normal_correlation
from dealgrid.inputs import Parameter, Uncertain
from dealgrid.problems import InputError

SEED = 7
MANY = 64 * 512
# Farthest of a cumulative share from its distribution: 512 draws in each part, whose largest distance (Kolmogorov) is
# below 2.5 ÷ √512 in all 64 parts but once in 4,000 times. Draws that are not stratified reach 1.36 ÷ √32768 or 0.0075.
FARTHEST = 2.5 / math.sqrt(MANY / STRATA) / STRATA


def parameter(
    name: str, kind: str, unit: str = "number", outcomes: tuple = (), correlated: dict | None = None, **arguments: float
) -> Parameter:
    uncertain = Uncertain(kind, arguments, outcomes, correlated or {})
    return Parameter(
        name=name, label=name, unit=unit, value=0.0, low=-math.inf, high=math.inf, grade="J", source="a test",
        address="", note="", between="step", uncertain=uncertain, confidential=False, adds_to_one="", sheet="stand",
        file="stand.yaml", line=1,
    )  # fmt: skip


def draws(*parameters: Parameter, seed: int = SEED) -> Draws:
    return Draws({each.name: each for each in parameters}, seed)


def drawn(each: Parameter, count: int = MANY) -> np.ndarray:
    return draws(each).values(0, count, [each.name])[each.name]


LOG = math.log
BESIDE_SCIPY = {
    "uniform": (parameter("x", "uniform", low=2.0, high=5.0), stats.uniform(2, 3)),
    "triangular": (parameter("x", "triangular", low=1.0, mode=3.0, high=6.0), stats.triang(2 / 5, 1, 5)),
    "triangular with its mode at the low end": (
        parameter("x", "triangular", low=1.0, mode=1.0, high=6.0),
        stats.triang(0, 1, 5),
    ),
    "pert": (parameter("x", "pert", low=10.0, mode=20.0, high=40.0), stats.beta(1 + 4 / 3, 1 + 8 / 3, 10, 30)),
    "normal": (parameter("x", "normal", mean=1.0, sd=2.0, low=-math.inf, high=math.inf), stats.norm(1, 2)),
    "normal cut off": (parameter("x", "normal", mean=1.0, sd=2.0, low=0.0, high=2.0), stats.truncnorm(-0.5, 0.5, 1, 2)),
    "normal, its far tail": (
        parameter("x", "normal", mean=0.0, sd=1.0, low=9.0, high=math.inf),
        stats.truncnorm(9, math.inf),
    ),
    "lognormal": (parameter("x", "lognormal", median=20.0, sd=0.4, low=0.0, high=math.inf), stats.lognorm(0.4, 0, 20)),
}


@pytest.mark.parametrize("case", BESIDE_SCIPY)
def test_draws_have_the_distribution_their_definition_says(case: str) -> None:
    each, expected = BESIDE_SCIPY[case]
    found = stats.kstest(drawn(each), expected.cdf)
    assert found.pvalue > 0.01
    assert found.statistic < FARTHEST


def test_a_lognormal_cut_off_keeps_the_shape_between_its_ends() -> None:
    values = drawn(parameter("x", "lognormal", median=1.0, sd=0.25, low=0.5, high=1.5))
    inside = stats.truncnorm(LOG(0.5) / 0.25, LOG(1.5) / 0.25, 0, 0.25)
    assert stats.kstest(np.log(values), inside.cdf).pvalue > 0.01
    assert 0.5 <= values.min() < values.max() <= 1.5


def test_outcomes_come_as_often_as_their_probabilities_say() -> None:
    values = drawn(parameter("x", "discrete", outcomes=((137.5, 0.125), (92.0, 0.625), (105.0, 0.25))))
    counts = {value: int((values == value).sum()) for value in (92.0, 105.0, 137.5)}
    # Parts of 1/64 fall wholly inside an outcome whose probability is so many of them: 40, 16 and 8 of 64.
    assert counts == {92.0: 40 * 512, 105.0: 16 * 512, 137.5: 8 * 512}


def test_a_hazard_strikes_with_the_same_chance_in_each_year_left() -> None:
    begin = 46023.0  # 2026-01-01
    days = drawn(parameter("x", "hazard", unit="date", **{"from": begin, "per_year": 0.25, "until": math.inf}))
    years = (days - begin) / DAYS_IN_YEAR
    surviving = [(years >= year).mean() for year in range(4)]
    assert surviving == pytest.approx([1, 0.75, 0.5625, 0.421875], abs=2e-3)  # 0.75 to the power of the year
    assert (days == np.floor(days)).all()


def test_a_hazard_that_has_not_struck_by_its_end_never_does() -> None:
    arguments = {"from": 46023.0, "per_year": 0.25, "until": 46023.0 + 730}
    days = drawn(parameter("x", "hazard", unit="date", **arguments))
    assert np.isinf(days).mean() == pytest.approx(0.5625, abs=1e-3)  # two years of 0.75; 730 days are half a day less
    assert days[np.isfinite(days)].max() <= 46023.0 + 730


def test_dates_are_whole_days_inside_their_ends() -> None:
    days = drawn(parameter("x", "triangular", unit="date", low=46000.0, mode=46010.0, high=46030.0))
    assert set(days) == set(np.arange(46000.0, 46031.0))


def test_every_part_of_a_distribution_is_drawn_from_once_in_a_block() -> None:
    parts = draws(parameter("x", "uniform", low=0.0, high=1.0)).parts(0, 4 * STRATA, ["x"])["x"]
    strata = np.floor(parts * STRATA).reshape(4, STRATA)
    assert (np.sort(strata, axis=1) == np.arange(STRATA)).all()
    assert not (strata[0] == strata[1]).all()


# --- who draws what -----------------------------------------------------------------------------------------------

STAND = (
    parameter("price", "lognormal", median=2.0, sd=0.3, low=0.0, high=math.inf),
    parameter("cups", "triangular", low=10.0, mode=20.0, high=40.0, correlated={"price": -0.6}),
    parameter("rain", "discrete", outcomes=((0.0, 0.7), (1.0, 0.3)), correlated={"cups": -0.3}),
    parameter("sugar", "uniform", low=1.0, high=2.0),
)
NAMES = [each.name for each in STAND]


@pytest.mark.parametrize("cuts", [[100], [1, 63, 64, 65, 200], list(range(0, 500, 37))])
def test_draws_are_the_same_to_the_last_bit_however_they_are_cut(cuts: list[int]) -> None:
    whole = draws(*STAND).values(0, 500, NAMES)
    edges = [0, *(cut for cut in cuts if cut), 500]
    for begin, end in itertools.pairwise(edges):
        part = draws(*STAND).values(begin, end, NAMES)
        assert all((part[name] == whole[name][begin:end]).all() for name in NAMES)


def test_another_parameter_leaves_the_draws_of_all_others_as_they_were() -> None:
    before = draws(*STAND).values(0, 500, NAMES)
    # Its name comes first in the alphabet, and it is correlated with what is there.
    new = parameter("ants", "uniform", low=0.0, high=1.0, correlated={"sugar": 0.9, "rain": 0.2})
    after = draws(new, *STAND).values(0, 500, NAMES)
    assert all((before[name] == after[name]).all() for name in NAMES)


def test_draws_do_not_depend_on_the_order_of_the_files_or_on_what_else_is_asked_for() -> None:
    whole = draws(*STAND).values(0, 500, NAMES)
    assert all((draws(*STAND[::-1]).values(0, 500, [name])[name] == whole[name]).all() for name in NAMES)


def test_a_seed_gives_the_same_draws_and_another_seed_others() -> None:
    one, again, other = (draws(*STAND, seed=seed).values(0, 64, ["price"])["price"] for seed in (1, 1, 2))
    assert (one == again).all()
    assert not (one == other).any()


def test_a_belief_moves_the_values_and_not_the_parts_they_stand_at() -> None:
    known = {each.name: each for each in STAND}
    believed = Draws(known, SEED, {"sugar": Uncertain("uniform", {"low": 1.0, "high": 3.0})})
    mine, theirs = draws(*STAND).values(0, 64, NAMES), believed.values(0, 64, NAMES)
    assert theirs["sugar"] - 1 == pytest.approx(2 * (mine["sugar"] - 1))
    assert all((mine[name] == theirs[name]).all() for name in NAMES if name != "sugar")


# --- correlations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [-0.95, -0.5, 0.0, 0.3, 0.8])
def test_rank_correlations_are_what_was_asked_for(rank: float) -> None:
    two = (
        parameter("price", "lognormal", median=2.0, sd=0.3, low=0.0, high=math.inf),
        parameter("cups", "triangular", low=10.0, mode=20.0, high=40.0, correlated={"price": rank} if rank else {}),
    )
    values = draws(*two).values(0, MANY, ["price", "cups"])
    found = stats.spearmanr(values["price"], values["cups"]).statistic
    error = (1 - rank**2) / math.sqrt(MANY) + 1e-4
    assert abs(found - rank) < 3 * error


def test_a_correlated_parameter_keeps_its_own_distribution() -> None:
    values = draws(*STAND).values(0, MANY, ["cups"])["cups"]
    assert stats.kstest(values, stats.triang(1 / 3, 10, 30).cdf).statistic < FARTHEST


def test_the_normal_correlation_of_large_blocks_is_the_well_known_one() -> None:
    assert normal_correlation(0.5) == pytest.approx(2 * math.sin(math.pi / 12), abs=0.01)  # 0.5176
    assert normal_correlation(-0.5) == -normal_correlation(0.5)
    assert normal_correlation(0.0) == 0.0


def test_correlations_that_no_normal_numbers_have_are_refused() -> None:
    three = (
        parameter("a", "uniform", low=0.0, high=1.0),
        parameter("b", "uniform", low=0.0, high=1.0, correlated={"a": 0.8}),
        parameter("c", "uniform", low=0.0, high=1.0, correlated={"a": -0.8, "b": 0.8}),
    )
    with pytest.raises(InputError, match="the correlations of a, b, c cannot all hold at once"):
        draws(*three)


def test_an_uncertain_calendar_is_refused() -> None:
    with pytest.raises(InputError, match="all futures share one calendar"):
        draws(parameter("valuation_date", "uniform", unit="date", low=1.0, high=2.0))


# --- sampling error -----------------------------------------------------------------------------------------------


def test_the_error_of_a_mean_falls_as_stratification_promises() -> None:
    doubt = parameter("x", "uniform", low=0.0, high=1.0)
    blocks = draws(doubt).values(0, MANY, ["x"])["x"].reshape(-1, STRATA).mean(axis=1)
    # One uniform number per part of width 1/64: variance 1/(12 × 64²) each, 64 of them averaged.
    assert blocks.std(ddof=1) == pytest.approx(math.sqrt(1 / 12) / STRATA / math.sqrt(STRATA), rel=0.1)
    four = blocks.reshape(-1, 4).mean(axis=1)
    assert four.std(ddof=1) == pytest.approx(blocks.std(ddof=1) / 2, rel=0.15)  # blocks are independent


def test_a_value_at_a_part_is_the_inverse_of_the_distribution() -> None:
    doubt = Doubt("x", "number", Uncertain("triangular", {"low": 1.0, "mode": 3.0, "high": 6.0}))
    parts = np.array([0.05, 0.4, 0.95])
    assert doubt.at(parts) == pytest.approx(stats.triang(2 / 5, 1, 5).ppf(parts))
