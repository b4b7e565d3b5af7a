"""Which clause moved what: Shapley values on games small enough for hand and brute force, then on the deal."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dealgrid import Deal, InputError
from dealgrid.analysis.compare import MOST_EXACT, Comparison, attribute, compare, compare_cases
from tests.tolerance import NUMPY

ADDS_UP = 1e-9  # of sums of US$ bn
PAIRS = [("status_quo", "new_deal"), ("new_deal", "amended_apr_2026"), ("agi_2028_status_quo", "agi_2028_new_deal")]
STAKE = {"Conversion and stake": ("conversion", "unlimited_return")}


class Game:
    """Worth of every coalition, given as a list: player 0 is in those whose number is odd."""

    def __init__(self, values) -> None:
        self.values = np.asarray(values, dtype=float)
        self.players = len(self.values).bit_length() - 1

    def worth(self, coalitions: np.ndarray) -> np.ndarray:
        return self.values[coalitions @ (1 << np.arange(self.players))][:, np.newaxis]

    def of(self, players) -> float:
        return float(self.values[sum(1 << player for player in players)])

    def shapley(self, **options) -> np.ndarray:
        return attribute(self.worth, self.players, **options).contributions[:, 0]


games = (
    st.integers(1, 5).flatmap(lambda players: arrays.arrays(float, 2**players, elements=st.floats(-1e3, 1e3))).map(Game)
)
larger_games = arrays.arrays(float, 2**5, elements=st.floats(-1e3, 1e3)).map(Game)


def brute_force(game: Game) -> list[float]:
    """The mean of what each player adds over all orders: the definition."""
    added = [0.0] * game.players
    for order in itertools.permutations(range(game.players)):
        for place, player in enumerate(order):
            added[player] += game.of(order[: place + 1]) - game.of(order[:place])
    return [amount / math.factorial(game.players) for amount in added]


def test_two_players_share_what_they_make_together() -> None:
    # alone 10 and 20, together 50: (10 + (50 − 20)) / 2 = 20 and (20 + (50 − 10)) / 2 = 30
    attribution = attribute(Game([0, 10, 20, 50]).worth, 2)
    assert attribution.contributions[:, 0].tolist() == [20, 30]
    assert attribution.first[:, 0].tolist() == [10, 20]
    assert attribution.last[:, 0].tolist() == [30, 40]
    assert attribution.errors[:, 0].tolist() == [0, 0]


def test_a_left_glove_is_worth_four_times_a_right_one_of_two() -> None:
    # One left glove and two right ones, a pair sells for 1: Shapley's own example, 4/6, 1/6, 1/6.
    assert Game([0, 0, 0, 1, 0, 1, 0, 1]).shapley() == pytest.approx([4 / 6, 1 / 6, 1 / 6], rel=NUMPY)


@given(games)
def test_it_is_the_mean_over_all_orders(game: Game) -> None:
    assert game.shapley() == pytest.approx(brute_force(game), rel=NUMPY, abs=1e-9)


@given(larger_games, st.booleans())
def test_contributions_add_to_the_difference_exactly_even_if_drawn(game: Game, is_drawn: bool) -> None:
    found = game.shapley(most_exact=0 if is_drawn else MOST_EXACT, pairs=3)
    assert found.sum() == pytest.approx(game.values[-1] - game.values[0], abs=ADDS_UP)


@given(larger_games, st.integers(0, 4), st.booleans())
def test_a_player_that_changes_nothing_gets_exactly_nothing(game: Game, player: int, is_drawn: bool) -> None:
    numbers = np.arange(32)
    idle = Game(game.values[numbers & ~(1 << player)])
    assert idle.shapley(most_exact=0 if is_drawn else MOST_EXACT, pairs=3)[player] == 0


@given(larger_games)
def test_players_that_are_alike_get_the_same(game: Game) -> None:
    numbers = np.arange(32)
    swapped = (numbers & ~3) | (numbers & 1) << 1 | (numbers & 2) >> 1
    found = Game(game.values + game.values[swapped]).shapley()
    assert found[0] == pytest.approx(found[1], rel=NUMPY, abs=1e-9)


@given(larger_games, st.booleans())
def test_the_way_back_is_minus_the_way_there(game: Game, is_drawn: bool) -> None:
    options = {"most_exact": 0 if is_drawn else MOST_EXACT, "pairs": 3}
    assert Game(game.values[::-1]).shapley(**options) == pytest.approx(-game.shapley(**options), rel=NUMPY, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_drawn_orders_come_within_their_standard_errors_of_the_exact_answer(seed: int) -> None:
    game = Game(np.random.default_rng(seed).normal(size=2**6))
    drawn = attribute(game.worth, 6, most_exact=0, pairs=400, seed=seed)
    assert not drawn.is_exact
    assert (drawn.errors > 0).all()
    # Six errors: one in 500 million draws, as 400 pairs are near normal.
    assert (np.abs(drawn.contributions[:, 0] - game.shapley()) < 6 * drawn.errors[:, 0]).all()
    exact = attribute(game.worth, 6)
    assert drawn.first == pytest.approx(exact.first, rel=NUMPY)
    assert drawn.last == pytest.approx(exact.last, rel=NUMPY)


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def comparison(deal: Deal, request) -> Comparison:
    return compare(deal, *request.param)


def test_every_holder_and_stream_is_explained_to_the_last_cent(comparison: Comparison) -> None:
    differences = {name: comparison.b[name] - comparison.a[name] for name in comparison.contributions}
    sums = {name: found.sum() for name, found in comparison.contributions.items()}
    assert sums == pytest.approx(differences, abs=ADDS_UP)


def test_it_is_the_mean_over_all_orders_of_cases_set_by_hand(comparison: Comparison) -> None:
    deal, clauses = comparison.a.deal, comparison.clauses
    names = [[change.parameter for change in clause.changes] for clause in clauses]
    values = []
    for number in range(2 ** len(clauses)):
        taken = [name for clause, own in enumerate(names) for name in own if number >> clause & 1]
        mixed = deal.case(comparison.a.scenario, set={name: comparison.b.given[name] for name in taken})
        values.append(mixed["microsoft_value"])
    assert comparison.contributions["microsoft_value"] == pytest.approx(brute_force(Game(values)), abs=ADDS_UP)


def test_holders_add_to_their_total_and_streams_to_the_center(comparison: Comparison) -> None:
    for frame in (comparison.by_holder(), comparison.by_stream()):
        assert frame.drop(columns="Total").sum(axis=1).to_numpy() == pytest.approx(
            frame["Total"].to_numpy(), abs=ADDS_UP
        )


def test_the_bridge_leads_from_one_value_to_the_other_the_largest_step_first(comparison: Comparison) -> None:
    bridge = comparison.bridge()
    steps = bridge[bridge["kind"] == "clause"]
    assert bridge["step"].iloc[[0, -1]].tolist() == [comparison.a.title, comparison.b.title]
    assert bridge["amount"].iloc[[0, -1]].tolist() == [comparison.before, comparison.after]
    assert steps["amount"].abs().is_monotonic_decreasing
    assert steps["before"].tolist() == bridge["after"].tolist()[:-2]
    assert bridge["after"].iloc[-2] == pytest.approx(comparison.after, abs=ADDS_UP)


def test_the_way_back_between_scenarios_is_minus_the_way_there(deal: Deal, comparison: Comparison) -> None:
    back = compare(deal, comparison.b.scenario, comparison.a.scenario)
    assert back.contributions["total_value"] == pytest.approx(-comparison.contributions["total_value"], abs=ADDS_UP)


def test_a_row_over_periods_is_explained_in_each_of_them(deal: Deal) -> None:
    found = compare(deal, "status_quo", "new_deal", row="revenue", set={"periods_per_year": 4})
    frame = found.to_frame()
    assert frame.sum().to_numpy() == pytest.approx(found.b["revenue"] - found.a["revenue"], abs=ADDS_UP)
    assert list(frame.columns) == list(found.a.calendar.periods)
    assert found.bridge("2028-Q3")["amount"].iloc[-1] == found.b.row("revenue")["2028-Q3"]
    with pytest.raises(InputError, match="has a value per period"):
        found.bridge()


def test_payments_by_date_change_with_their_part_to_come(deal: Deal) -> None:
    a, b = deal.case(), deal.case(set={"microsoft_cash_in": {"2019-07-22": 1, "2028-12-31": 5}})
    found = compare_cases(a, b)
    assert [clause.name for clause in found.clauses] == ["microsoft"]
    assert found.contributions["outlay_value"].sum() == pytest.approx(
        b["outlay_value"] - a["outlay_value"], abs=ADDS_UP
    )
    assert b["outlay_value"] - a["outlay_value"] > 1


def test_a_stake_without_conversion_adds_nothing_and_shares_what_both_add(deal: Deal) -> None:
    apart = compare(deal, "status_quo", "closed_oct_2025", clauses={}).to_frame()
    assert apart.loc["Unlimited return", "changed_first"] == 0
    assert apart.loc["Unlimited return", "changed_last"] < -10
    together = compare(deal, "status_quo", "closed_oct_2025", clauses=STAKE).to_frame()
    assert "Unlimited return" not in together.index
    # From never converted to 27%: what 32.5% would have been is in neither scenario.
    alone = deal.case("status_quo", set={"conversion_date": "2025-10-28", "microsoft_stake": "27%"})
    difference = alone["microsoft_value"] - deal.case()["microsoft_value"]
    assert together.loc["Conversion and stake", "changed_first"] == pytest.approx(difference, abs=ADDS_UP)


def test_a_clause_whose_effect_is_pinned_away_gets_exactly_nothing(deal: Deal) -> None:
    found = compare(deal, "status_quo", "new_deal", pins={"revenue_share_paid": 1}, clauses=STAKE)
    assert found.to_frame().loc["Revenue share", "contribution"] == 0


def test_layers_and_settings_hold_on_both_sides(deal: Deal) -> None:
    found = compare(deal, "status_quo+plan_hsbc", "new_deal+plan_hsbc", set={"exit_multiple": 7})
    assert found.before == deal.case("status_quo+plan_hsbc", set={"exit_multiple": 7})["microsoft_value"]
    assert {change.parameter for clause in found.clauses for change in clause.changes}.isdisjoint(
        {"api_plan", "exit_multiple"}
    )


def test_what_differs_is_said_with_its_sources(deal: Deal) -> None:
    frame = compare(deal, "status_quo", "new_deal").parameters().set_index("parameter")
    share = frame.loc["revenue_share_rate"]
    assert share["before"] == "20% from 2023"
    assert share["after"].startswith("20% from 2023, 18% from 2026, ")
    assert share["source_before"] == "The Information via Reuters, 7 May 2025 (grade B)"
    assert share["source_after"] == "scenario new_deal"
    assert tuple(frame.loc["conversion_date", ["before", "after"]]) == ("never", "2025-10-28")
    layered = compare(deal, "status_quo", "new_deal+plan_hsbc").parameters().set_index("parameter")
    assert layered.loc["api_plan", "source_after"] == "scenario plan_hsbc"


def test_the_rows_that_moved_are_named_with_where_the_change_comes_in(deal: Deal) -> None:
    found = compare(deal, "status_quo", "new_deal").moved(400)
    assert found["change"].abs().is_monotonic_decreasing
    assert np.isfinite(found["change"]).all()
    assert (found["change"] != 0).all()
    assert not found["row"].duplicated().any()
    assert found.set_index("row")["takes"].str.contains("revenue_share_rate").any()


def test_a_scenario_compared_with_itself_has_nothing_to_say(deal: Deal) -> None:
    found = compare(deal, "new_deal", "new_deal")
    assert found.clauses == ()
    assert found.to_frame().empty
    assert found.moved().empty
    assert found.bridge()["kind"].tolist() == ["start", "end"]


def test_each_parameter_can_be_a_clause_and_many_are_drawn(deal: Deal) -> None:
    names = deal.scenario("amended_apr_2026").set
    found = compare(deal, "status_quo", "amended_apr_2026", clauses={name: [name] for name in names})
    assert len(found.clauses) == len(names) > MOST_EXACT
    assert not found.is_exact
    assert found.to_frame()["contribution"].sum() == pytest.approx(found.after - found.before, abs=ADDS_UP)
    assert found.to_frame().loc["conversion_date", "standard_error"] > 0


@pytest.mark.parametrize(
    ("setting", "value"), [("periods_per_year", 4), ("valuation_date", "2025-12-31"), ("last_year", 2045)]
)
def test_cases_on_another_calendar_or_day_are_refused(deal: Deal, setting: str, value: object) -> None:
    with pytest.raises(InputError, match=f"(?s){setting} is .*the same in both"):
        compare_cases(deal.case(), deal.case("new_deal", set={setting: value}))


def test_cases_with_other_pins_or_of_another_deal_are_refused(deal: Deal) -> None:
    with pytest.raises(InputError, match="different pins"):
        compare_cases(deal.case(), deal.case("new_deal", pins={"revenue": 5}))
    other = Deal.load("microsoft_openai", root=deal.root)
    with pytest.raises(InputError, match="two deals"):
        compare_cases(deal.case(), other.case("new_deal"))


def test_a_row_without_a_finite_value_is_refused_by_name(deal: Deal) -> None:
    with pytest.raises(InputError, match=r"effective_conversion_date \(never and 2025-10-28\) is not finite"):
        compare(deal, "status_quo", "new_deal", row="effective_conversion_date")


@pytest.mark.parametrize(
    ("clauses", "said"),
    [
        ({"Stake": ["microsoft_steak"]}, "neither a parameter nor a sheet"),
        ({"Stake": ["microsoft_stake"], "Price": ["microsoft_stake"]}, "'Stake' and 'Price'"),
        ({"Split": ["microsoft_split"]}, "tier 3 adds to 1, but stands in several clauses"),
    ],
)
def test_clauses_that_cannot_be_are_refused(deal: Deal, clauses: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        compare(deal, "status_quo", "new_deal", clauses=clauses)
