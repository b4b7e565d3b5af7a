"""Words over whole rows, each against arithmetic done by hand."""

import numpy as np
import pytest

from dealgrid.engine.words import irr, irr_state, largest, last, moic, npv, payback, total, when

FLOW = np.array([-10.0, 4.0, -1.0, 5.0, 6.0])
DATES = np.array([100.0, 200.0, 300.0, 400.0, 500.0])


def test_total_adds_from_the_first_period_to_the_last() -> None:
    assert total(FLOW) == 4.0  # −10 + 4 − 1 + 5 + 6
    assert total(np.array([1.0, 1e100, 1.0, -1e100])) == 0.0  # one after the other: the second 1 is lost as well


def test_last_is_the_last() -> None:
    assert last(FLOW) == 6.0


def test_largest_counts_a_fall_as_much_as_a_rise() -> None:
    assert largest(FLOW) == 10.0


def test_npv_weighs_each_period() -> None:
    assert npv(FLOW, np.array([1.0, 0.5, 0.0, 1.0, 0.5])) == 0.0  # −10 + 4 × 0.5 + 5 + 6 × 0.5


def test_irr_is_per_year() -> None:
    half_yearly = irr(np.array([-100.0, 110.0]), 2.0)
    assert half_yearly == pytest.approx(0.21)  # 1.1² − 1


def test_irr_state_tells_a_flow_never_repaid() -> None:
    assert irr_state(np.array([-1.0, 0.0])) == 2.0


@pytest.mark.parametrize(
    ("paid_in", "got_back", "multiple"),
    [([4.0, 0.0], [0.0, 10.0], 2.5), ([0.0, 0.0], [0.0, 1.0], np.inf), ([0.0, 0.0], [0.0, 0.0], 0.0)],
)
def test_moic_is_money_back_for_money_in(paid_in: list[float], got_back: list[float], multiple: float) -> None:
    assert moic(np.array(paid_in), np.array(got_back)) == multiple


@pytest.mark.parametrize(
    ("cumulative", "date"),
    [
        ([-1.0, -1.0, 0.0, 1.0, 1.0], 300.0),
        ([-1.0, 1.0, -1.0, 1.0, 1.0], 400.0),  # repaid, lent again, repaid for good
        ([0.0, 1.0, 2.0, 3.0, 4.0], 100.0),
        ([1.0, 1.0, 1.0, 1.0, -1.0], np.inf),
    ],
)
def test_payback_is_when_the_flow_is_repaid_for_good(cumulative: list[float], date: float) -> None:
    assert payback(np.array(cumulative), DATES) == date


@pytest.mark.parametrize(
    ("flags", "date"),
    [([0, 0, 1, 0, 1], 300.0), ([1, 1, 1, 1, 1], 100.0), ([0, 0, 0, 0, 0], np.inf)],
)
def test_when_is_the_first_date_with_the_flag(flags: list[int], date: float) -> None:
    assert when(np.array(flags, dtype=float), DATES) == date


def test_words_keep_futures_apart_also_where_each_has_dates_of_its_own() -> None:
    cumulative = np.array([[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    dates = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    np.testing.assert_array_equal(payback(cumulative, dates), [2.0, np.inf])
    np.testing.assert_array_equal(payback(cumulative, dates[:, :1]), [2.0, np.inf])
    np.testing.assert_array_equal(when((cumulative > 0) + 0.0, dates), [2.0, 10.0])
    np.testing.assert_array_equal(when((cumulative > 0)[:, :1] + 0.0, dates), [2.0, 20.0])  # one flag row for all


def test_amounts_below_one_count_like_all_others() -> None:
    half, nothing = np.array([0.5, 0.0]), np.zeros(2)
    assert moic(half, np.array([0.0, 1.0])) == 2
    assert moic(nothing, half) == np.inf
    assert moic(half, nothing) == 0
    assert moic(nothing, nothing) == 0
    dates = np.array([10.0, 20.0])
    assert payback(np.array([-0.5, 0.0]), dates) == 20
    assert payback(np.array([0.5, 0.5]), dates) == 10
    assert payback(np.array([0.5, -0.5]), dates) == np.inf
    assert when(np.array([0.0, 1.0]), dates) == 20
    assert when(half, dates) == 10
