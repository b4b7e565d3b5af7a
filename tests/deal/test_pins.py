"""Pins in quarters: what a year's figure becomes, and which actual figures stand in for a formula."""

import pytest

from dealgrid import Deal, InputError
from tests.tolerance import NUMPY

QUARTERS = {"periods_per_year": 4}
OF_2027 = slice(32, 36)


def test_a_years_flow_is_spread_over_its_quarters_by_days(deal: Deal) -> None:
    case = deal.case("status_quo", set=QUARTERS, pins={"revenue@2027": 365.0})
    assert case["revenue"][OF_2027] == pytest.approx([90, 91, 92, 92], rel=NUMPY)


def test_a_years_balance_stands_at_the_end_of_its_last_quarter(deal: Deal) -> None:
    case = deal.case("status_quo", set=QUARTERS, pins={"losses_carried@2027": 7.0})
    assert case["losses_carried"][35] == 7.0
    assert case["losses_carried"][34] != 7.0


def test_a_years_rate_holds_in_each_of_its_quarters(deal: Deal) -> None:
    case = deal.case("new_deal", set=QUARTERS, pins={"dilution@2027": 0.01})
    assert list(case["dilution"][OF_2027]) == [0.01] * 4


def test_one_quarter_can_be_pinned_alone(deal: Deal) -> None:
    case = deal.case("new_deal", set=QUARTERS, pins={"revenue@2027-Q2": 20.0})
    assert case["revenue"][33] == 20.0
    assert case["revenue"][32] < 20.0


def test_a_quarter_of_a_model_in_years_is_refused(deal: Deal) -> None:
    with pytest.raises(InputError, match="set periods_per_year to 4"):
        deal.case("new_deal", pins={"revenue@2027-Q2": 20.0})


def test_actual_figures_hold_up_to_the_valuation_date(deal: Deal) -> None:
    early = deal.case("status_quo")  # 30 June 2025: the year 2025 has not ended
    late = deal.case("status_quo", set={"valuation_date": "2025-12-31"})
    assert early["revenue"][5] == late["revenue"][5] == 3.7
    assert early["revenue"][6] != 13.07
    assert late["revenue"][6] == 13.07
    assert late.explain("revenue", "2025").is_pinned


def test_a_pin_of_ones_own_goes_before_an_actual_figure(deal: Deal) -> None:
    assert deal.case("status_quo", pins={"revenue@2024": 4.0})["revenue"][5] == 4.0
