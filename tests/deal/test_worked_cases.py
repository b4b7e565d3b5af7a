"""The worked cases of the deal, by hand arithmetic: tiers, caps, revenue share, dates inside a period."""

import numpy as np
import pytest

from dealgrid import Case, Deal
from tests.tolerance import NUMPY

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
    pins = {"operating_profit": 0.0, "operating_profit@2031": -50.0, "operating_profit@2032": 40.0}
    case = deal.case("status_quo", pins=pins | {"operating_profit@2033": 40.0})
    assert case["losses_used"][13:15] == pytest.approx([32, 18], rel=NUMPY)  # 80 % of 40, then what is left of 50
    assert case["tax"][13:15] == pytest.approx([0.24 * 8, 0.24 * 22], rel=NUMPY)


def test_the_azure_commitment_is_spread_over_its_days(deal: Deal) -> None:
    case = deal.case("closed_oct_2025")
    assert case["azure_commitment_due"].sum() == pytest.approx(250, rel=NUMPY)
    assert case["azure_commitment_due"][7] == pytest.approx(250 * 365 / 2557, rel=NUMPY)  # 2026 to 2032


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


def test_the_stake_falls_from_32_5_to_27_to_25_percent_on_the_reported_rounds(deal: Deal) -> None:
    rounds = {"2024-10-02": 5.85, "2025-04-01": 10, "2025-12-31": 20, "2026-06-30": 58}  # 58 at 730 in the end
    settings = {"microsoft_stake": "32.5%", "stake_is_before_notes": True, "committed_funding": rounds}
    ownership = deal.case("closed_oct_2025", set=settings)["microsoft_ownership"]
    assert ownership[6] == pytest.approx(0.27, abs=0.005)  # about 27 % at the end of 2025
    assert ownership[7] == pytest.approx(0.25, abs=0.005)  # about 25 % on 30 June 2026


def test_notes_become_shares_at_the_price_agreed(deal: Deal) -> None:
    case = deal.case(
        "new_deal", set={"stake_is_before_notes": True, "microsoft_stake": "32.5%"}, pins={"dilution": 0.0}
    )
    notes = case["notes_to_convert"][6]
    assert case["microsoft_ownership"][6] == pytest.approx(0.325 * (1 - notes / (235 + notes)), rel=NUMPY)
    assert case["notes"][6] == 0
    assert case.checks.passed


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
