"""Every identity and direction the model names, over parameters drawn at random, in both structures and frequencies.

- cash distributed is received, nobody above a cap, ownership adds to one, cash closes, losses, streams, values:
  test_every_check_is_zero
- the pattern of payment does not change totals:
  test_the_pattern_of_payment_changes_nothing
- tiers: nobody loses by more cash, Microsoft never gets beyond its cap:
  test_more_cash_lowers_nobody_and_no_cap_is_passed
- a higher cap never lowers Microsoft; growth never lowers a cap:
  test_a_higher_cap_never_lowers_microsoft
- the revenue share stays under rate times revenue and under its total cap:
  test_the_revenue_share_stays_under_rate_and_cap
- a clause in force for part of a period counts by days, the last included:
  test_a_last_day_counts_by_days
- later AGI never lowers access; a longer term never does:
  test_later_agi_never_lowers_access
- slower replacement never loses less:
  test_slower_replacement_never_loses_less
- a higher stake never lowers Microsoft, nor changes the total:
  test_a_higher_stake_never_lowers_microsoft
- each round dilutes everyone not buying; cheaper rounds dilute more:
  test_cheaper_rounds_never_dilute_less
- a stake of all at no dilution receives all:
  test_a_stake_of_all_receives_all
- a block means never converted, notes refunded with interest, a lower limit:
  test_a_block_refunds_and_never_converts
- yearly amounts come to the same in quarters:
  test_amounts_given_come_to_the_same_in_quarters
- a higher rate never raises the worth of money to be received; the exit is discounted from its day:
  test_a_higher_rate_never_raises_a_worth
- values of streams and holders add up:
  test_values_add_up
- training between nothing and plan; a shortfall is cut from it:
  test_a_shortfall_cuts_training
- Azure: never more than needed; the commitment is met, or all that is needed is bought:
  test_the_azure_commitment_is_met_or_all_is_bought
- a pin stands:
  test_a_pin_stands
- the tiers are call spreads:
  test_the_tiers_are_call_spreads_within_the_standard_error
"""

import datetime as dt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealgrid import Case, Deal
from dealgrid.dates import serial
from tests.tolerance import NUMPY

EXAMPLES = 15
FUTURES = 20_000
YEARS = range(2019, 2041)
CLOSE = 1e-9  # US$ bn, on sums of amounts up to thousands
HOLDERS = ("microsoft", "nonprofit", "employees", "investors")

some = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)


def days(first: str, last: str) -> st.SearchStrategy[dt.date]:
    return st.dates(dt.date.fromisoformat(first), dt.date.fromisoformat(last))


def part(low: float = 0.0, high: float = 1.0) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


WORLDS = st.fixed_dictionaries(
    {
        "revenue_scale": part(0.3, 2),
        "exit_multiple": part(1, 20),
        "long_run_margin": part(0.1, 0.45),
        "microsoft_cap": part(1, 500),
        "others_stop_with_microsoft": st.booleans(),
        "cap_growth": part(0, 0.4),
        "microsoft_stake": part(),
        "stake_is_before_notes": st.booleans(),
        "price_scale": part(0.25, 4),
        "revenue_share_cap": part(1, 200),
        "agi_date": days("2025-07-01", "2042-01-01"),
        "conversion_date": days("2025-07-01", "2042-01-01"),
        "exit_date": days("2026-01-01", "2040-12-31"),
        "distribution_start": days("2026-01-01", "2039-12-31"),
        "azure_commitment": part(0, 1000),
        "raising_limit_capped": part(0, 200),
        "raising_limit_converted": part(0, 400),
        "restructuring_blocked": st.booleans(),
        "cash_yield": part(0, 0.1),
        "payout_ratio": part(),
    }
)
SCENARIOS = st.sampled_from(["status_quo", "new_deal", "amended_apr_2026"])
FREQUENCIES = st.sampled_from([1, 4])


def in_world(deal: Deal, scenario: str, frequency: int, world: dict[str, object], **more: object) -> Case:
    return deal.case(scenario, set={**world, "periods_per_year": frequency, **more})


@some
@given(SCENARIOS, FREQUENCIES, WORLDS)
def test_every_check_is_zero(deal: Deal, scenario: str, frequency: int, world: dict[str, object]) -> None:
    case = in_world(deal, scenario, frequency, world, check_tolerance=1e-6)
    assert case.checks.failed == ()


def paid(deal: Deal, frequency: int, cash: dict[str, float], **terms: object) -> Case:
    pins = {"distributable_cash": 0.0} | {f"distributable_cash@{period}": amount for period, amount in cash.items()}
    return deal.case("status_quo", set={"periods_per_year": frequency, **terms}, pins=pins)


@some
@given(FREQUENCIES, part(0, 600), st.lists(part(0.01, 1), min_size=1, max_size=14), st.booleans(), part(1, 300))
def test_the_pattern_of_payment_changes_nothing(
    deal: Deal, frequency: int, total: float, parts: list[float], others_stop: bool, cap: float
) -> None:
    terms = {"others_stop_with_microsoft": others_stop, "microsoft_cap": cap}
    at_once = paid(deal, frequency, {"2026": total}, **terms)
    shares = {str(2026 + place): total * each / sum(parts) for place, each in enumerate(parts)}
    spread = paid(deal, frequency, shares, **terms)
    for holder in HOLDERS:
        row = f"{holder}_capped_distribution"
        assert spread[row].sum() == pytest.approx(at_once[row].sum(), rel=1e-9, abs=CLOSE)


@some
@given(FREQUENCIES, part(0, 600), part(0, 100), st.booleans(), part(1, 300))
def test_more_cash_lowers_nobody_and_no_cap_is_passed(
    deal: Deal, frequency: int, cash: float, more: float, others_stop: bool, cap: float
) -> None:
    terms = {"others_stop_with_microsoft": others_stop, "microsoft_cap": cap}
    less, rest = (paid(deal, frequency, {"2030": amount}, **terms) for amount in (cash, cash + more))
    for holder in HOLDERS:
        row = f"{holder}_capped_distribution"
        assert rest[row].sum() >= less[row].sum() - CLOSE
    assert rest["microsoft_received_to_date"].max() <= cap + CLOSE
    assert sum(rest[f"{holder}_capped_distribution"].sum() for holder in HOLDERS) == pytest.approx(
        cash + more, rel=1e-9
    )


@some
@given(FREQUENCIES, WORLDS, part(1, 400), part(0, 200))
def test_a_higher_cap_never_lowers_microsoft(
    deal: Deal, frequency: int, world: dict[str, object], cap: float, more: float
) -> None:
    free = {**world, "cap_on_profit_most": "no limit"}
    low, high = (in_world(deal, "status_quo", frequency, free, microsoft_cap=each) for each in (cap, cap + more))
    assert high["microsoft_value"] >= low["microsoft_value"] - CLOSE
    grown = in_world(deal, "status_quo", frequency, free, microsoft_cap=cap, cap_growth=0.4)
    assert np.all(grown["microsoft_cap_in_force"] >= low["microsoft_cap_in_force"] * (1 - NUMPY))


@some
@given(SCENARIOS, FREQUENCIES, WORLDS, part(0, 0.5))
def test_the_revenue_share_stays_under_rate_and_cap(
    deal: Deal, scenario: str, frequency: int, world: dict[str, object], rate: float
) -> None:
    case = in_world(deal, scenario, frequency, world, revenue_share_rate=rate, valuation_date="2022-12-31")
    assert np.all(case["revenue_share_paid"] <= case["revenue"] * rate + CLOSE)
    assert case["share_counted_to_date"].max() <= float(world["revenue_share_cap"]) + CLOSE  # type: ignore[arg-type]
    assert np.all(np.diff(case["revenue_share_paid_to_date"]) >= 0)


@some
@given(FREQUENCIES, days("2026-01-01", "2039-12-31"))
def test_a_last_day_counts_by_days(deal: Deal, frequency: int, last: dt.date) -> None:
    terms = {"periods_per_year": frequency, "revenue_share_end": last, "revenue_share_rate": 0.2}
    days_a_year = {f"revenue@{year}": 366.0 if year % 4 == 0 else 365.0 for year in YEARS}
    case = deal.case("status_quo", set=terms, pins={"revenue": 0.0} | days_a_year)
    since = serial(last) - serial(dt.date(2025, 12, 31))  # one dollar of revenue a day
    assert case["revenue_share_paid"][7 * frequency :].sum() == pytest.approx(0.2 * since, rel=1e-9)


@some
@given(SCENARIOS, FREQUENCIES, days("2025-07-01", "2040-12-31"), st.integers(0, 4000), st.integers(0, 900))
def test_later_agi_never_lowers_access(
    deal: Deal, scenario: str, frequency: int, agi: dt.date, later: int, lag: int
) -> None:
    dates = (agi, agi + dt.timedelta(later))
    terms = {"periods_per_year": frequency, "verification_lag": lag, "access_ends_on_agi": True}
    early, late = (deal.case(scenario, set={**terms, "agi_date": date}) for date in dates)
    for row in ("has_access", "access_fraction", "share_in_force"):
        assert np.all(late[row] >= early[row])
    assert np.all(late["is_agi"] <= early["is_agi"])
    kept = deal.case(scenario, set={**terms, "agi_date": agi, "access_ends_on_agi": False})
    assert np.all(kept["access_fraction"] >= early["access_fraction"])


@some
@given(FREQUENCIES, WORLDS, part(0.25, 10), part(0, 5))
def test_slower_replacement_never_loses_less(
    deal: Deal, frequency: int, world: dict[str, object], years: float, more: float
) -> None:
    fast, slow = (
        in_world(deal, "status_quo", frequency, world, replacement_years=each) for each in (years, years + more)
    )
    assert np.all(slow["profit_lost_to_access"] >= fast["profit_lost_to_access"] - CLOSE)
    assert np.all(fast["profit_lost_to_access"] >= 0)


@some
@given(FREQUENCIES, WORLDS, part(), part())
def test_a_higher_stake_never_lowers_microsoft(
    deal: Deal, frequency: int, world: dict[str, object], one: float, other: float
) -> None:
    low, high = (in_world(deal, "new_deal", frequency, world, microsoft_stake=each) for each in sorted((one, other)))
    assert high["microsoft_value"] >= low["microsoft_value"] - CLOSE
    assert high["openai_side_value"] <= low["openai_side_value"] + CLOSE
    assert high["total_value"] == pytest.approx(low["total_value"], rel=1e-9)


@some
@given(FREQUENCIES, WORLDS, part(0.25, 4), part(0.25, 4))
def test_cheaper_rounds_never_dilute_less(
    deal: Deal, frequency: int, world: dict[str, object], one: float, other: float
) -> None:
    dear, cheap = (
        in_world(deal, "new_deal", frequency, world, price_scale=each) for each in sorted((one, other))[::-1]
    )
    assert np.all(cheap["microsoft_ownership"] <= dear["microsoft_ownership"] + NUMPY)
    after = dear["is_newly_converted"][1:] == 0
    assert np.all(np.diff(dear["nonprofit_ownership"])[after] <= 0)


@some
@given(FREQUENCIES, WORLDS)
def test_a_stake_of_all_receives_all(deal: Deal, frequency: int, world: dict[str, object]) -> None:
    terms = {**world, "periods_per_year": frequency, "microsoft_stake": 1.0, "stake_is_before_notes": False}
    case = deal.case("new_deal", set={**terms, "conversion_date": "2025-10-28"}, pins={"dilution": 0.0, "raised": 0.0})
    np.testing.assert_allclose(case["microsoft_equity_distribution"], case["equity_cash"], rtol=NUMPY, atol=CLOSE)


@some
@given(SCENARIOS, FREQUENCIES, WORLDS, days("2026-01-01", "2030-12-31"))
def test_a_block_refunds_and_never_converts(
    deal: Deal, scenario: str, frequency: int, world: dict[str, object], date: dt.date
) -> None:
    terms = {**world, "restructuring_blocked": True, "refund_date": date, "exit_date": "2035-12-31"}
    case = in_world(deal, scenario, frequency, terms)
    assert case["is_converted"].max() == case["equity_cash"].max() == 0
    years = (serial(date) - serial(dt.date(2024, 10, 2))) / 365
    assert case["refund_paid"].sum() == pytest.approx(5.85 * 1.09**years, rel=1e-9)
    assert np.all(case["yearly_raising_limit"] == 20)
    assert in_world(deal, scenario, frequency, {**terms, "restructuring_blocked": False})["refund_paid"].max() == 0


@some
@given(SCENARIOS, WORLDS)
def test_amounts_given_come_to_the_same_in_quarters(deal: Deal, scenario: str, world: dict[str, object]) -> None:
    years, quarters = (in_world(deal, scenario, frequency, world) for frequency in (1, 4))
    for row in ("bing_revenue", "microsoft_outlay", "committed_money"):
        in_quarters = quarters[row].reshape(-1, 4).sum(axis=1)
        np.testing.assert_allclose(in_quarters, years[row], rtol=1e-9, atol=1e-12, err_msg=row)
    dues = quarters["azure_commitment_to_date"][3::4]
    np.testing.assert_allclose(dues, years["azure_commitment_to_date"], rtol=1e-9, atol=1e-12)


@some
@given(SCENARIOS, FREQUENCIES, WORLDS, part(0.06, 0.2), part(0, 0.2))
def test_a_higher_rate_never_raises_a_worth(
    deal: Deal, scenario: str, frequency: int, world: dict[str, object], rate: float, more: float
) -> None:
    def at(rate: float) -> Case:
        kinds = ("contract_discount_rate", "equity_discount_rate")
        return in_world(deal, scenario, frequency, world, **dict.fromkeys(kinds, min(rate, 0.2)))

    low, high = at(rate), at(rate + more)
    for row in ("revenue_share_value", "microsoft_capped_value", "microsoft_equity_value", "azure_compute_value"):
        assert high[row] <= low[row] + CLOSE
    exit_days = serial(world["exit_date"]) - serial(dt.date(2025, 6, 30))  # type: ignore[arg-type]
    assert low["exit_discount_factor"] == pytest.approx((1 + min(rate, 0.2)) ** (-exit_days / 365), rel=1e-9)


@some
@given(SCENARIOS, FREQUENCIES, WORLDS)
def test_values_add_up(deal: Deal, scenario: str, frequency: int, world: dict[str, object]) -> None:
    case = in_world(deal, scenario, frequency, world)
    story = deal.story
    streams = sum(case[name] * (-1 if name in story.outflows else 1) for name in story.streams)
    assert case["microsoft_value"] == pytest.approx(streams, rel=1e-9, abs=CLOSE)
    assert case["total_value"] == pytest.approx(sum(case[name] for name in story.holders), rel=1e-9, abs=CLOSE)


@some
@given(SCENARIOS, FREQUENCIES, WORLDS)
def test_a_shortfall_cuts_training(deal: Deal, scenario: str, frequency: int, world: dict[str, object]) -> None:
    case = in_world(deal, scenario, frequency, world)
    assert np.all(case["training_cost"] >= -CLOSE)
    assert np.all(case["training_cost"] <= case["planned_training_cost"] + CLOSE)
    is_short = case["funding_shortfall"] > CLOSE
    cut = np.minimum(case["funding_shortfall"], case["planned_training_cost"])
    np.testing.assert_allclose((case["planned_training_cost"] - case["training_cost"])[is_short], cut[is_short])
    assert np.all(np.diff(case["capability_index"]) <= 0)


@some
@given(SCENARIOS, FREQUENCIES, WORLDS, days("2025-07-01", "2028-01-01"), days("2028-12-31", "2040-12-31"))
def test_the_azure_commitment_is_met_or_all_is_bought(
    deal: Deal, scenario: str, frequency: int, world: dict[str, object], start: dt.date, end: dt.date
) -> None:
    case = in_world(deal, scenario, frequency, world, azure_commitment_start=start, azure_commitment_end=end)
    bought, needed = case["azure_compute_revenue"], case["compute_spend"]
    assert np.all(bought <= needed + CLOSE)
    assert np.all(bought >= np.minimum(case["azure_by_choice"], needed) - CLOSE)
    is_behind = case["azure_commitment_unmet"] > 1e-6
    np.testing.assert_allclose(bought[is_behind], needed[is_behind], rtol=1e-9)
    assert case["azure_commitment_to_date"][-1] == pytest.approx(float(world["azure_commitment"]), rel=1e-9)  # type: ignore[arg-type]


@some
@given(SCENARIOS, st.sampled_from(["revenue", "cash", "training_cost", "dilution", "azure_share"]), part(0, 0.9))
def test_a_pin_stands(deal: Deal, scenario: str, row: str, value: float) -> None:
    case = deal.case(scenario, pins={f"{row}@2029": value})
    assert case[row][10] == value


def call(strike: float, median: float, spread: float) -> float:
    """Expected value of a lognormal amount beyond a strike, in closed form, undiscounted."""
    ahead = (np.log(median / strike) + spread**2) / spread
    chance = NormalDist().cdf
    return median * np.exp(spread**2 / 2) * chance(ahead) - strike * chance(ahead - spread)


@pytest.mark.parametrize("cap", [92, 105])
@pytest.mark.parametrize(("median", "spread"), [(20, 1.0), (120, 0.65), (400, 0.9)])
def test_the_tiers_are_call_spreads_within_the_standard_error(
    deal: Deal, cap: float, median: float, spread: float
) -> None:
    payments = np.random.default_rng(20250630).lognormal(np.log(median), spread, FUTURES)
    largest = payments.max()
    pins = {"free_cash_flow": 0.0, "free_cash_flow@2030": largest, "exit_cash": 0.0, "capped_fraction": 1.0}
    pins |= {"cash_before_distribution": 2 * largest, "distribution_fraction": 1.0}
    rows = deal.many("status_quo", {"payout_ratio": payments / largest, "microsoft_cap": float(cap)}, pins)
    received = rows["microsoft_capped_distribution"].sum(axis=0)
    binds_at = 17.494 + (cap - 12.975) / 0.49
    first, second, third = (call(strike, median, spread) for strike in (0.194, 17.494, binds_at))
    by_hand = 0.75 * (first - second) + 0.49 * (second - third)
    error = received.std(ddof=1) / np.sqrt(FUTURES)
    assert 0 < error < 0.01 * by_hand  # or nearness would say nothing
    assert abs(received.mean() - by_hand) < 3 * error
