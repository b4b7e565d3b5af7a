"""The worked cases of the deal, by hand arithmetic: tiers, caps, revenue share, dates inside a period."""

import numpy as np
import pytest

from dealgrid import Case, Deal, InputError
from microsoft_openai.checks import check_dates
from tests.tolerance import NUMPY

TERMS = ("azure_commitment_start", "azure_commitment_end", "refundable_notes_date", "refund_date")

# Cash at which Microsoft's cap binds: what tiers 1 and 2 take, and the rest of the cap at 49 %.
BINDS_AT = {92: 17.494 + (92 - 12.975) / 0.49, 105: 17.494 + (105 - 12.975) / 0.49}


def pay(deal: Deal, cash: dict[int, float], **settings: object) -> Case:
    """A capped case that distributes this cash and nothing else."""
    pins = {"distributable_cash": 0.0} | {f"distributable_cash@{year}": amount for year, amount in cash.items()}
    return deal.case("status_quo", set=settings, pins=pins)


def received(case: Case, holder: str = "microsoft") -> float:
    return float(case[f"{holder}_capped_distribution"].sum())


@pytest.mark.parametrize(
    ("cash", "microsoft"),
    [
        (5, 3.6045),  # 0.75 × (5 − 0.194)
        (17.494, 12.9750),  # 0.75 × 17.3
        (50, 28.90294),  # 12.975 + 0.49 × (50 − 17.494)
        (100, 53.40294),  # 12.975 + 0.49 × (100 − 17.494)
        (200, 92),
        (300, 92),
    ],
)
def test_the_tiers_pay_microsoft_what_the_contract_says(deal: Deal, cash: float, microsoft: float) -> None:
    assert received(pay(deal, {2026: cash})) == pytest.approx(microsoft, rel=NUMPY)


@pytest.mark.parametrize(("cash", "microsoft"), [(200, 102.40294), (300, 105)])  # 12.975 + 0.49 × (200 − 17.494)
def test_a_cap_of_105_pays_up_to_105(deal: Deal, cash: float, microsoft: float) -> None:
    assert received(pay(deal, {2026: cash}, microsoft_cap=105)) == pytest.approx(microsoft, rel=NUMPY)


def test_a_cap_on_profit_adds_the_principal(deal: Deal) -> None:
    case = pay(deal, {2026: 300}, cap_includes_principal=False)
    assert received(case) == pytest.approx(105, rel=NUMPY)  # 92 + 13


@pytest.mark.parametrize(("cap", "by_hand"), [(92, 178.76951), (105, 205.30012)])
def test_the_cap_binds_where_the_arithmetic_says(deal: Deal, cap: float, by_hand: float) -> None:
    assert BINDS_AT[cap] == pytest.approx(by_hand, abs=5e-6)
    just_below = pay(deal, {2026: BINDS_AT[cap] - 1e-6}, microsoft_cap=cap)
    just_above = pay(deal, {2026: BINDS_AT[cap] + 1e-6}, microsoft_cap=cap)
    assert just_below["binds_cap"].sum() == 0
    assert just_above["binds_cap"][7] == 1  # 2026
    assert received(just_above) == pytest.approx(cap, rel=NUMPY)


@pytest.mark.parametrize("total", [5, 17.494, 50, 100, 200, 300])
@pytest.mark.parametrize("shares", [(1,), (0.5, 0.5), (0.1, 0.2, 0.3, 0.4), (0.9, 0, 0, 0.05, 0.05)])
def test_the_pattern_of_payment_does_not_change_the_totals(deal: Deal, total: float, shares: tuple[float, ...]) -> None:
    at_once = pay(deal, {2026: total})
    spread = pay(deal, {2026 + place: total * share for place, share in enumerate(shares)})
    for holder in ("microsoft", "employees", "investors", "nonprofit"):
        assert received(spread, holder) == pytest.approx(received(at_once, holder), rel=1e-9, abs=1e-12)


def test_the_first_close_comes_before_everyone(deal: Deal) -> None:
    case = pay(deal, {2026: 0.194})
    assert received(case) == 0
    assert received(case, "investors") == 0.194


def test_all_beyond_the_cap_goes_to_the_nonprofit_if_others_stop(deal: Deal) -> None:
    case = pay(deal, {2026: 300})
    # 2 % of tier 3, and everything beyond the point where the cap binds
    assert received(case, "nonprofit") == pytest.approx(0.02 * (BINDS_AT[92] - 17.494) + 300 - BINDS_AT[92], rel=NUMPY)


def test_others_go_on_to_their_own_cap_under_the_other_reading(deal: Deal) -> None:
    case = pay(deal, {2026: 1000}, others_stop_with_microsoft=False)
    assert received(case) == pytest.approx(92, rel=NUMPY)
    assert received(case, "employees") + received(case, "investors") == pytest.approx(150, rel=NUMPY)
    assert received(case, "nonprofit") == pytest.approx(1000 - 92 - 150, rel=NUMPY)


def test_others_receive_49_percent_while_they_go_on(deal: Deal) -> None:
    case = pay(deal, {2026: 250}, others_stop_with_microsoft=False)
    others = 0.194 + 0.25 * 17.3 + 0.49 * (250 - 17.494)
    assert received(case, "employees") + received(case, "investors") == pytest.approx(others, rel=NUMPY)


def test_no_cap_is_a_cap_without_limit(deal: Deal) -> None:
    case = pay(deal, {2026: 1000}, microsoft_cap="no limit", others_cap="no limit")
    assert received(case) == pytest.approx(12.975 + 0.49 * (1000 - 17.494), rel=NUMPY)
    assert case.checks.passed


@pytest.mark.parametrize(("year", "cap"), [(2025, 92), (2026, 110.4), (2030, 228.93), (2035, 569.64)])
@pytest.mark.parametrize("frequency", [1, 4])
def test_the_cap_grows_by_a_fifth_each_year_from_2025(deal: Deal, year: int, cap: float, frequency: int) -> None:
    case = deal.case("status_quo", set={"cap_growth": "20%", "periods_per_year": frequency})
    last_period = (year - 2019 + 1) * frequency - 1
    assert case["microsoft_cap_in_force"][last_period] == pytest.approx(cap, abs=0.005)
    assert case["microsoft_cap_in_force"][last_period] == pytest.approx(92 * 1.2 ** (year - 2025), rel=NUMPY)


def test_a_cap_that_grows_lets_microsoft_receive_again(deal: Deal) -> None:
    case = pay(deal, {2025: 300, 2026: 300}, cap_growth="20%", valuation_date="2024-12-31")
    assert case["microsoft_capped_distribution"][6:8] == pytest.approx([92, 18.4], rel=NUMPY)  # 92 × 20 % = 18.4


def share(deal: Deal, revenue: dict[int, float], **settings: object) -> Case:
    pins = {"revenue": 0.0} | {f"revenue@{year}": amount for year, amount in revenue.items()}
    return deal.case("amended_apr_2026", set=settings, pins=pins)


def test_the_revenue_share_stops_at_its_total_cap(deal: Deal) -> None:
    revenue = {2026: 75, 2027: 100, 2028: 150, 2029: 150, 2030: 200}  # 675 in all
    case = share(deal, revenue)
    paid = case["revenue_share_paid"][7:12]
    assert paid == pytest.approx([15, 20, 3, 0, 0], rel=NUMPY)  # 20 % of 75, of 100, and the rest of 38
    assert case["revenue_share_paid"].sum() - case["revenue_share_paid"][:7].sum() == pytest.approx(38, rel=NUMPY)
    assert list(case["binds_revenue_share_cap"][7:12]) == [0, 0, 1, 1, 1]


def test_without_a_total_cap_the_share_of_675_is_135(deal: Deal) -> None:
    revenue = {2026: 75, 2027: 100, 2028: 150, 2029: 150, 2030: 200}
    case = share(deal, revenue, revenue_share_cap="no limit")
    assert case["revenue_share_paid"][7:].sum() == pytest.approx(135, rel=NUMPY)  # 20 % of 675


def test_payments_before_the_amendment_can_be_counted_too(deal: Deal) -> None:
    revenue = {2026: 75, 2027: 100, 2028: 100}
    case = share(deal, revenue, revenue_share_cap_start="2019-01-01")
    # 38 less the actual payment of 0.74 in 2024, 15 and 20 leaves 2.26
    assert case["revenue_share_paid"][7:10] == pytest.approx([15, 20, 2.26], rel=NUMPY)


def test_the_share_pays_for_the_days_up_to_its_last_included(deal: Deal) -> None:
    case = share(deal, {2028: 366}, revenue_share_cap="no limit", revenue_share_end="2028-03-31")
    assert case["revenue_share_paid"][9] == pytest.approx(91 * 0.2, rel=NUMPY)  # 31 + 29 + 31 of 366 days


def test_agi_ends_the_share_only_where_the_contract_says_so(deal: Deal) -> None:
    present = deal.case("status_quo", set={"agi_date": "2027-12-31"})
    amended = deal.case("amended_apr_2026", set={"agi_date": "2027-12-31", "revenue_share_cap": "no limit"})
    assert present["revenue_share_paid"][8] > 0  # 2027, the last day included
    assert present["revenue_share_paid"][9:].sum() == 0
    assert amended["revenue_share_paid"][9] > 0


def test_a_stake_of_all_receives_all_distributable_cash(deal: Deal) -> None:
    case = deal.case("new_deal", set={"microsoft_stake": "100%"}, pins={"dilution": 0.0})
    after = slice(7, None)  # from 2026, the first whole year after conversion
    assert case["distributable_cash"][after].sum() > 0
    assert case["microsoft_equity_distribution"][after] == pytest.approx(case["distributable_cash"][after], rel=NUMPY)


def test_a_stake_of_27_percent_of_500_is_135(deal: Deal) -> None:
    pins = {"dilution": 0.0, "distributable_cash": 0.0, "distributable_cash@2030": 500.0}
    case = deal.case("new_deal", set={"microsoft_stake": "27%"}, pins=pins)
    assert case["microsoft_equity_distribution"].sum() == pytest.approx(135, rel=NUMPY)


def test_conversion_inside_a_year_divides_cash_by_the_days_in_which_it_is_distributed(deal: Deal) -> None:
    pins = {"distributable_cash": 0.0, "distributable_cash@2027": 184.0}
    dates = {"conversion_date": "2027-10-01", "distribution_start": "2027-07-01"}
    case = deal.case("status_quo", set=dates, pins=pins)
    assert case["distribution_fraction"][8] == pytest.approx(184 / 365, rel=NUMPY)
    assert case["capped_cash"][8] == pytest.approx(92, rel=NUMPY)  # July to September
    assert case["equity_cash"][8] == pytest.approx(92, rel=NUMPY)  # October to December


def test_exit_and_start_of_distributions_in_one_year_count_the_days_between(deal: Deal) -> None:
    case = deal.case("new_deal", set={"distribution_start": "2035-04-01", "exit_date": "2035-06-30"})
    assert case["distribution_fraction"][16] == pytest.approx(91 / 365, rel=NUMPY)


def test_conversion_and_exit_in_one_year_part_its_money_by_days(deal: Deal) -> None:
    dates = {"conversion_date": "2031-04-01", "exit_date": "2031-06-30"}
    case = deal.case("new_deal", set=dates, pins={"raised@2031": 365.0})
    assert case["late_notes_issued"][12] == pytest.approx(90, rel=NUMPY)  # January to March
    assert case["equity_raised"][12] == pytest.approx(91, rel=NUMPY)  # April to June


def test_conversion_inside_a_year_divides_its_cash_by_days(deal: Deal) -> None:
    pins = {"distributable_cash": 0.0, "distributable_cash@2027": 365.0}
    case = deal.case("status_quo", set={"conversion_date": "2027-12-02"}, pins=pins)
    assert case["capped_cash"][8] == pytest.approx(335, rel=NUMPY)  # 365 less the 30 days from 2 to 31 December
    assert case["equity_cash"][8] == pytest.approx(30, rel=NUMPY)


def test_access_ends_with_its_last_day_and_models_are_replaced_over_the_years(deal: Deal) -> None:
    settings = {"access_end": "2029-12-31", "replacement_years": 2, "preparation_years": 0}
    case = deal.case("status_quo", set=settings | {"models_exclusivity_end": "never"})
    assert list(case["has_access"][10:12]) == [1, 0]
    assert case["lost_fraction"][10] == 0
    # 2030 and 2031 lie, in their middle, half a year and one and a half without access
    assert case["lost_fraction"][11:14] == pytest.approx([0.75, 0.25, 0], rel=NUMPY)
    lost = case["azure_openai_demand"][11] * 0.8 * 0.75 * 0.45 + case["copilot_demand"][11] * 0.5 * 0.75 * 0.5
    assert case["profit_lost_to_access"][11] == pytest.approx(lost, rel=NUMPY)  # × dependence × lost × margin


def test_a_known_end_of_access_is_prepared_and_an_end_by_agi_is_not(deal: Deal) -> None:
    settings = {"replacement_years": 2, "preparation_years": 1}
    known = deal.case("status_quo", set=settings | {"access_end": "2029-12-31"})
    by_agi = deal.case("status_quo", set=settings | {"agi_date": "2029-12-31"})
    assert known["lost_fraction"][11] == pytest.approx(0.25, rel=NUMPY)  # half a year and one of two are behind
    assert by_agi["lost_fraction"][11] == pytest.approx(0.75, rel=NUMPY)


def test_room_to_raise_is_kept_within_the_year_and_no_longer(deal: Deal) -> None:
    quarters = {"periods_per_year": 4, "raising_limit_capped": 40}
    case = deal.case("status_quo", set=quarters, pins={"funding_need": 0.0, "funding_need@2027-Q4": 40.0})
    assert case["raised"][35] == pytest.approx(40, rel=NUMPY)  # all of 2027's room
    case = deal.case("status_quo", set=quarters, pins={"funding_need": 0.0, "funding_need@2028-Q1": 40.0})
    assert case["raised"][36] == pytest.approx(40 * 91 / 366, rel=NUMPY)  # nothing of 2027's is left


def test_a_block_keeps_the_cap_hands_notes_back_with_interest_and_lowers_the_limit(deal: Deal) -> None:
    case = deal.case("blocked")
    assert case["is_converted"].sum() == 0
    years = 730 / 365  # 2 October 2024 to 2 October 2026
    assert case["refund_paid"].sum() == pytest.approx(5.85 * 1.09**years, rel=NUMPY)
    assert case["refund_paid"][7] > 0  # 2026
    assert list(case["yearly_raising_limit"]) == [20.0] * 22


def test_cash_is_discounted_from_the_middle_of_its_period_and_the_exit_from_its_day(deal: Deal) -> None:
    case = deal.case("status_quo")
    assert case["valued_fraction"][5:8] == pytest.approx([0, 184 / 365, 1], rel=NUMPY)  # 1 July to 31 December 2025
    assert case["discount_years"][6] == pytest.approx(92 / 365, rel=NUMPY)  # the middle of those 184 days
    assert case["discount_years"][7] == pytest.approx((184 + 182.5) / 365, rel=NUMPY)
    assert case["exit_discount_factor"] == pytest.approx(1.18 ** -(3836 / 365), rel=NUMPY)  # days to 31 December 2035


def test_losses_carried_forward_shelter_four_fifths_of_profit(deal: Deal) -> None:
    pins = {"taxable_profit": 0.0, "taxable_profit@2031": -50.0, "taxable_profit@2032": 40.0}
    case = deal.case("status_quo", pins=pins | {"taxable_profit@2033": 40.0})
    assert case["losses_used"][13:15] == pytest.approx([32, 18], rel=NUMPY)  # 80 % of 40, then what is left of 50
    assert case["tax"][13:15] == pytest.approx([0.24 * 8, 0.24 * 22], rel=NUMPY)


def bought(deal: Deal, compute: dict[int, float], **settings: object) -> Case:
    """A case in which OpenAI needs this compute, chooses nothing of it from Azure, and has committed 70 in all."""
    pins = {"compute_spend": 0.0} | {f"compute_spend@{year}": amount for year, amount in compute.items()}
    terms = {"azure_commitment": 70, "azure_commitment_start": "2026-01-01", "azure_commitment_end": "2032-12-31"}
    return deal.case("closed_oct_2025", set=terms | settings, pins={"azure_share": 0.0} | pins)


def test_the_azure_commitment_is_spread_over_its_days(deal: Deal) -> None:
    case = bought(deal, dict.fromkeys(range(2025, 2041), 100))
    assert case["azure_compute_revenue"].sum() == pytest.approx(70, rel=NUMPY)
    assert case["azure_compute_revenue"][6:9] == pytest.approx([0, 70 * 365 / 2557, 70 * 365 / 2557], rel=NUMPY)
    assert case["azure_commitment_unmet"].max() == pytest.approx(0, abs=1e-12)


def test_what_is_bought_early_beyond_the_commitment_need_not_be_bought_later(deal: Deal) -> None:
    case = bought(deal, dict.fromkeys(range(2026, 2041), 100) | {2026: 25}, azure_commitment_end="2032-12-30")
    plain = case["azure_compute_revenue"].sum()
    by_choice = deal.case("closed_oct_2025", set={"azure_commitment": 70},
                          pins={"compute_spend": 100.0, "azure_share": 0.0, "azure_share@2026": 0.25})  # fmt: skip
    # 25 by choice in 2026 are what 70 × 365/2557 = 9.99 a year ask of it and of 2027 and half of 2028
    assert by_choice["azure_compute_revenue"][7:10] == pytest.approx([25, 0, 70 * 1096 / 2557 - 25], rel=NUMPY)
    assert by_choice["azure_compute_revenue"][7:].sum() == pytest.approx(70, rel=NUMPY)
    assert plain == pytest.approx(70, rel=NUMPY)


def test_what_cannot_be_used_is_put_off_until_it_can_even_after_the_end(deal: Deal) -> None:
    case = bought(deal, dict.fromkeys(range(2026, 2033), 4) | {2033: 30, 2034: 30})
    assert case["azure_compute_revenue"][7:17] == pytest.approx([4] * 7 + [30, 12, 0], rel=NUMPY)  # 70 − 7 × 4 − 30
    assert case["azure_commitment_unmet"][13:16] == pytest.approx([42, 12, 0], rel=NUMPY)
    assert case["binds_azure_commitment"][7:17].tolist() == [1] * 9 + [0]


def test_only_purchases_from_the_first_day_count_towards_the_commitment(deal: Deal) -> None:
    terms = {"azure_commitment": 70, "azure_commitment_start": "2027-10-01", "azure_commitment_end": "2034-09-30"}
    pins = {"compute_spend": 100.0, "azure_share": 0.1}
    case = deal.case("closed_oct_2025", set=terms, pins=pins)
    assert case["azure_counted_to_date"][8] == pytest.approx(10 * 92 / 365, rel=NUMPY)  # October to December 2027
    assert case["azure_compute_revenue"][7:9] == pytest.approx([10, 10], rel=NUMPY)


def test_a_commitment_that_ends_before_it_begins_is_refused(deal: Deal) -> None:
    with pytest.raises(InputError, match="azure_commitment_end"):
        deal.case("closed_oct_2025", set={"azure_commitment_end": "2027-12-31"})
    with pytest.raises(InputError, match="azure_commitment_start"):
        deal.case("closed_oct_2025", set={"azure_commitment_start": "2033-01-01"})


def test_dates_out_of_order_fail_a_check_where_a_range_was_widened(deal: Deal) -> None:
    for date in ("azure_commitment_end", "refund_date"):
        given = {name: deal.parameters[name].number for name in TERMS} | {date: 40000.0}  # in 2009
        assert check_dates(**given)
        assert not check_dates(**{name: deal.parameters[name].number for name in TERMS})


def test_microsofts_money_is_13_75_in_all_and_credits_cost_their_margin_less(deal: Deal) -> None:
    case = deal.case("status_quo")
    face = sum(sum(deal.parameters[name].value.values) for name in ("microsoft_cash_in", "microsoft_credits"))
    assert face == pytest.approx(13.75, rel=NUMPY)
    assert case["microsoft_outlay"].sum() == pytest.approx(13.75 - 0.4 * 5.0, rel=NUMPY)  # 5.0 in credits at 40 %


def test_money_already_put_in_is_no_cost_from_the_valuation_date(deal: Deal) -> None:
    case = deal.case("status_quo")
    # 0.1 on the last day of 2025 in cash; the 1.3 of January 2025 lies before the valuation date
    assert case["outlay_to_come"][6] == pytest.approx(0.1, rel=NUMPY)
    assert np.all(case["outlay_to_come"][:6] == 0)


def test_the_stake_falls_from_32_5_to_27_percent_as_notes_become_shares(deal: Deal) -> None:
    settings = {"microsoft_stake": "32.5%", "stake_is_before_notes": True}
    ownership = deal.case("closed_oct_2025", set=settings)["microsoft_ownership"]
    assert ownership[6] == pytest.approx(0.27, abs=0.005)  # about 27 % at the end of 2025


def test_the_stake_falls_from_27_to_25_percent_by_june_2026_on_the_round_of_march(deal: Deal) -> None:
    ownership = deal.case("amended_apr_2026", set={"periods_per_year": 4})["microsoft_ownership"]
    reported = {27: 0.27, 28: 0.27, 29: 0.25}  # SEC filings: 31 December 2025, 31 March and 30 June 2026
    for quarter, stake in reported.items():
        assert ownership[quarter] == pytest.approx(stake, abs=0.005)
    round_alone = 0.27 * 730 / (730 + 58)
    assert ownership[29] == pytest.approx(round_alone, abs=0.005)  # the rest is shares for employees


def test_notes_become_shares_at_the_price_agreed(deal: Deal) -> None:
    case = deal.case(
        "new_deal", set={"stake_is_before_notes": True, "microsoft_stake": "32.5%"}, pins={"dilution": 0.0}
    )
    notes = case["agreed_notes_left"][6]
    assert case["microsoft_ownership"][6] == pytest.approx(0.325 * (1 - notes / (235 + notes)), rel=NUMPY)
    assert case["notes"][6] == 0
    assert case.checks.passed


def late(deal: Deal, **settings: object) -> Case:
    """Conversion at the end of 2028, after rounds of 30 and 40 at prices of 270 and 360 that nobody had agreed."""
    pins = {"raised": 0.0, "raised@2026": 30.0, "raised@2027": 40.0, "committed_money": 0.0, "dilution": 0.0}
    prices = {"round_price@2026": 270.0, "round_price@2027": 360.0}
    terms = {"conversion_date": "2028-12-31", "note_interest": "0%", "microsoft_stake": "30%"}
    return deal.case("new_deal", set=terms | settings, pins=pins | prices)


def test_rounds_nobody_had_agreed_dilute_everyone_at_their_own_prices(deal: Deal) -> None:
    for is_before in (False, True):  # of notes agreed there are none here, so the readings are one
        case = late(deal, stake_is_before_notes=is_before)
        assert case["late_note_claim"][7:9] == pytest.approx([0.1, 0.19], rel=NUMPY)  # 30/300; 0.1 × 0.9 + 40/400
        assert case["microsoft_ownership"][9] == pytest.approx(0.3 * 0.81, rel=NUMPY)
        investors = 0.7 * 20 / 72 * 0.81 + 0.19
        assert case["investors_ownership"][9] == pytest.approx(investors, rel=NUMPY)
        assert case.checks.passed


def test_interest_on_notes_compounds_by_years_whatever_the_period(deal: Deal) -> None:
    at_once = {"raised": 0.0, "committed_money": 0.0}
    years = deal.case("status_quo", pins=at_once | {"raised@2026": 10.0})["notes"]
    one_quarter = at_once | {"raised@2026-Q3": 10.0}
    quarter = deal.case("status_quo", set={"periods_per_year": 4}, pins=one_quarter)["notes"]
    spread = deal.case("status_quo", set={"periods_per_year": 4}, pins=at_once | {"raised@2026": 10.0})["notes"]
    assert years[7:9] == pytest.approx([10 * 1.09**0.5, 10 * 1.09**1.5], rel=NUMPY)  # from the middle of 2026
    assert quarter[35] == pytest.approx(10 * 1.09 ** ((46 + 92 + 365) / 365), rel=NUMPY)  # middle of July to September
    assert spread[31:64:4] == pytest.approx(years[7:16], rel=0.001)


def test_notes_earn_interest_up_to_an_exit_inside_the_year(deal: Deal) -> None:
    pins = {"raised": 0.0, "committed_money": 0.0, "raised@2026": 10.0}
    case = deal.case("status_quo", set={"exit_date": "2028-06-30"}, pins=pins)
    assert case["notes_repaid"][9] == pytest.approx(10 * 1.09 ** ((182.5 + 365 + 182) / 365), rel=NUMPY)
    assert case["notes"][9] == 0


def test_the_nonprofits_warrant_takes_its_part_beyond_the_strike(deal: Deal) -> None:
    settings = {"warrant_share": "20%", "warrant_multiple": "3x", "warrant_date": "2035-01-01"}
    plain, case = deal.case("new_deal"), deal.case("new_deal", set=settings)
    strike = 3 * case["price_at_conversion"][16] / case["part_left_of_share"][16]
    assert case["equity_cash"][16] > strike
    assert case["warrant_paid"].sum() == pytest.approx(0.2 * (case["equity_cash"][16] - strike), rel=NUMPY)
    assert case["nonprofit_value"] > plain["nonprofit_value"]
    assert case["total_value"] == pytest.approx(plain["total_value"], rel=NUMPY)
    assert deal.case("new_deal", set=settings | {"exit_date": "2034-12-31"})["warrant_paid"].sum() == 0


def test_research_rights_end_with_agi_or_their_date_and_cost_what_replaces_them(deal: Deal) -> None:
    case = deal.case("new_deal", set={"agi_date": "2028-06-30"})
    assert case["own_research_cost"][9] == pytest.approx(2 * 184 / 366, rel=NUMPY)  # 1 July to 31 December 2028
    assert deal.case("new_deal")["own_research_cost"][11:13] == pytest.approx([0, 2], rel=NUMPY)  # from 2031


def test_cash_earns_interest_that_is_taxed(deal: Deal) -> None:
    settings = {"cash_yield": "5%", "tax_rate": "20%", "loss_use_limit": "0%"}
    case = deal.case("status_quo", set=settings, pins={"cash@2031": 100.0, "operating_profit@2032": 10.0})
    assert case["interest_income"][13] == pytest.approx(100 * (1.05 ** (366 / 365) - 1), rel=NUMPY)  # 2032
    assert case["tax"][13] == pytest.approx(0.2 * (10 + case["interest_income"][13]), rel=NUMPY)
    quarters = deal.case("status_quo", set=settings | {"periods_per_year": 4}, pins={"cash": 100.0})
    assert quarters["interest_income"][52:56].sum() == pytest.approx(5, rel=0.02)


def test_no_interest_is_earned_on_cash_that_is_not_there(deal: Deal) -> None:
    assert deal.case("status_quo", pins={"cash": -100.0})["interest_income"][1:].max() == 0


def test_an_exit_by_perpetuity_does_not_count_cash_twice(deal: Deal) -> None:
    settings = {"exit_by_perpetuity": True, "illiquidity_discount": "0%"}
    case = deal.case("new_deal", set=settings, pins={"interest_income@2035": 10.0, "free_cash_flow@2035": 100.0})
    assert case["business_cash_flow"][16] == pytest.approx(100 - 10 * 0.76, rel=NUMPY)  # after tax of 24 %
    assert case["perpetuity_value"][16] == pytest.approx(92.4 * 1.03 / 0.15, rel=NUMPY)  # 18 % less 3 %


def test_compute_is_paid_for_a_quarter_of_a_year_later(deal: Deal) -> None:
    pins = {"inference_cost": 0.0, "planned_training_cost": 0.0, "planned_training_cost@2027": 40.0}
    for frequency in (1, 4):
        case = deal.case("new_deal", set={"periods_per_year": frequency}, pins=pins)
        last = 9 * frequency - 1
        days = 92 if frequency == 4 else 365
        assert case["payables"][last] == pytest.approx(40 * 92 / 365 * 0.25 / (92 / 365), rel=NUMPY), days
        assert case["payables_increase"].sum() == pytest.approx(0, abs=1e-12)


def test_actual_accounts_of_2024_and_2025_are_near_the_formula(deal: Deal) -> None:
    free = deal.case("status_quo", set={"valuation_date": "2019-12-31"})  # no actual figure stands in
    assert free["operating_profit"][5:7] == pytest.approx([-8.78, -20.92], abs=0.3)
    assert free["free_cash_flow"][5:7] == pytest.approx([-2, -8], abs=1.7)


def test_a_cap_that_counts_principal_is_not_raised_by_it_again(deal: Deal) -> None:
    for cap in (105, 137.5):
        assert deal.case("status_quo", set={"microsoft_cap": cap}).checks.passed
        wrong = deal.case("status_quo", set={"microsoft_cap": cap, "cap_includes_principal": False})
        assert wrong.checks.failed == ("check_cap_reading", "check_all")
    for settings in ({}, {"microsoft_cap": "no limit"}, {"microsoft_cap": 120, "cap_on_profit_most": 120}):
        assert deal.case("status_quo", set={"cap_includes_principal": False, **settings}).checks.passed


@pytest.mark.parametrize(
    ("value", "flow", "rate"),
    [
        ("revenue_share_value", "revenue_share_paid", 0.09),
        ("reverse_share_value", "reverse_share_received", 0.09),
        ("azure_compute_value", "azure_compute_profit", 0.09),
        ("own_research_value", "own_research_cost", 0.09),
        ("azure_openai_value", "azure_openai_profit", 0.10),
        ("copilot_value", "copilot_profit", 0.10),
        ("new_investors_money_value", "new_investors_money", 0.18),
    ],
)
def test_a_stream_is_worth_its_later_cash_from_the_middle_of_each_year(
    deal: Deal, value: str, flow: str, rate: float
) -> None:
    case = deal.case("new_deal")
    year_end = 184 / 365  # 31 December 2025, in years from 30 June
    by_hand = case[flow][6] * 184 / 365 / (1 + rate) ** (year_end / 2)
    for year in range(2026, 2041):
        days = 366 if year % 4 == 0 else 365
        by_hand += case[flow][year - 2019] / (1 + rate) ** (year_end + days / 2 / 365)
        year_end += days / 365
    assert by_hand > 0
    assert case[value] == pytest.approx(by_hand, rel=NUMPY)


def test_money_yet_to_put_in_is_discounted_whole(deal: Deal) -> None:
    # 0.1 on the last day of 2025 lies after the valuation date whole, though half of 2025 lies before it
    case = deal.case("status_quo", set={"microsoft_cash_in": {"2025-12-31": 0.1}, "microsoft_credits": 0})
    assert case["outlay_value"] == pytest.approx(0.1 / 1.09 ** (92 / 365), rel=NUMPY)
    money = {"committed_funding": {"2025-12-31": 10}, "conditional_funding": 0, "raising_limit_capped": 0}
    assert deal.case("status_quo", set=money)["notes_to_come_value"] == pytest.approx(
        10 / 1.09 ** (92 / 365), rel=NUMPY
    )


def test_money_committed_to_the_year_of_conversion_is_still_put_into_notes(deal: Deal) -> None:
    case = deal.case("new_deal")  # converts on 28 October 2025
    assert case["notes_to_come"][2025 - 2019] == 30  # 20 committed, 10 conditional on the conversion


def test_money_back_is_what_came_back_for_what_went_in(deal: Deal) -> None:
    case = deal.case("new_deal")
    back = case["microsoft_got_back"].sum() / case["microsoft_outlay"].sum()
    assert case["microsoft_moic"] == pytest.approx(back, rel=NUMPY)


def test_exit_proceeds_and_notes_are_discounted_from_their_days(deal: Deal) -> None:
    pins = {"operating_distribution": 0.0}
    case = deal.case("status_quo", pins=pins)
    years = 3836 / 365  # 30 June 2025 to 31 December 2035
    assert case["notes_exit_value"] == pytest.approx(case["notes_repaid"].sum() / 1.09**years, rel=NUMPY)
    for holder in ("nonprofit", "employees"):
        received = case[f"{holder}_distribution"].sum()
        assert case[f"{holder}_value"] == pytest.approx(received / 1.18**years, rel=NUMPY)
    assert case["microsoft_capped_value"] == pytest.approx(92 / 1.18**years, rel=NUMPY)
    converted = deal.case("new_deal", pins=pins)
    for value, flow in (
        ("microsoft_equity_value", "microsoft_equity_distribution"),
        ("new_investors_distribution_value", "new_investors_equity_distribution"),
    ):
        assert converted[value] == pytest.approx(converted[flow].sum() / 1.18**years, rel=NUMPY)


def test_a_refund_to_come_is_discounted_from_its_day_and_a_past_one_is_worth_nothing(deal: Deal) -> None:
    case = deal.case("blocked")
    assert case["refund_value"] == pytest.approx(5.85 * 1.09**2 / 1.09 ** (459 / 365), rel=NUMPY)  # 2 October 2026
    later = deal.case("blocked", set={"valuation_date": "2026-12-31"})
    assert later["refund_paid"].sum() > 0
    assert later["refund_value"] == 0
