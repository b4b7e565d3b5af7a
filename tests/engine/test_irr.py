"""Rates of return: against hand-worked cases, two other programs, and exact root isolation on whole-number flows."""

from __future__ import annotations

import flint
import numpy as np
import numpy_financial
import pytest
import pyxirr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dealgrid.engine import irr as irr_module
from dealgrid.engine.irr import (
    NEVER_PAID_IN,
    NEVER_REPAID,
    NO_FLOWS,
    NO_RATE,
    ONE_RATE,
    SEVERAL_RATES,
    STATES,
    annualised,
    certificate,
    irr,
    irr_roots,
    irr_state,
    solve,
)

TOLERANCE = 1e-10  # of 1 + rate, where the rate is a simple root
DOUBLE_TOLERANCE = 1e-5  # where it is a multiple one, which rounding blurs to a root of the machine's precision
EXCEL = [-70_000.0, 12_000, 15_000, 18_000, 21_000, 26_000]


def flow(*amounts: float) -> np.ndarray:
    return np.array(amounts, dtype=float)


def same_rate(a, b, tolerance: float = TOLERANCE) -> np.ndarray:
    return np.abs(np.log1p(a) - np.log1p(b)) <= tolerance


def padded(flows: list[np.ndarray]) -> np.ndarray:
    """Flows of any length side by side, shape (periods, futures)."""
    table = np.zeros((max(map(len, flows)), len(flows)))
    for column, amounts in enumerate(flows):
        table[: len(amounts), column] = amounts
    return table


# --- cases worked by hand or documented -------------------------------------------------------------------------------


def test_the_example_in_excels_documentation():
    assert irr(flow(*EXCEL)) == pytest.approx(0.0866309480365, abs=1e-13)
    assert irr(flow(*EXCEL[:5])) == pytest.approx(-0.0212448482734, abs=1e-12)  # its first four years


@pytest.mark.parametrize(
    ("amounts", "roots", "crossings"),
    [
        ((-100, 110), (0.1,), ("falls",)),  # 110 / 100 − 1
        ((110, -100), (-1 / 11,), ("rises",)),  # 100 / 110 − 1: a loan
        ((-100, 230, -132), (0.1, 0.2), ("rises", "falls")),  # −100 (1 − 1.1 v)(1 − 1.2 v)
        ((-1, 2.2, -1.21), (0.1,), ("touches",)),  # −(1 − 1.1 v)²
        ((-1, 3.3, -3.63, 1.331), (0.1,), ("falls",)),  # −(1 − 1.1 v)³
        ((-1, 2, -1), (0.0,), ("touches",)),  # −(1 − v)²
        ((-1, 0, 1), (0.0,), ("falls",)),  # −(1 − v)(1 + v)
        ((-1, 3, -2), (0.0, 1.0), ("rises", "falls")),  # −(1 − v)(1 − 2 v)
        ((-50, 0, 5), (10**-0.5 - 1,), ("falls",)),  # (1 + r)² = 5 / 50: a rate of −68 %
        ((1, -1, 0.1875), (-0.75, -0.25), ("falls", "rises")),  # (1 − v/4)(1 − 3v/4)
        ((-6, 11, -6, 1), (-2 / 3, -0.5, 0.0), ("falls", "rises", "falls")),  # (v − 1)(v − 2)(v − 3)
    ],
)
def test_every_root_is_found_with_its_crossing(amounts, roots, crossings):
    found = certificate(flow(*amounts))
    assert found.roots == pytest.approx(roots, abs=1e-9)
    assert found.crossings == crossings
    assert found.state == (ONE_RATE if len(roots) == 1 else SEVERAL_RATES)
    assert found.rate == min(found.roots, key=abs)
    assert abs(found.residual) < 1e-14


def test_of_two_rates_the_one_nearest_to_zero_is_taken():
    found = certificate(flow(-100, 100, 0, -7))
    assert found.rate == pytest.approx(numpy_financial.irr([-100, 100, 0, -7]), abs=1e-12)
    assert found.rate == pytest.approx(-0.0833, abs=1e-4)
    assert len(found.roots) == 2


def test_where_libraries_disagree_the_nearest_to_zero_is_taken_and_the_other_is_listed():
    found = certificate(flow(-50, -100, 600, 300, -100))
    assert found.roots == pytest.approx((-0.768895, 1.854418), abs=1e-6)
    assert found.rate == found.roots[0]
    assert pyxirr.irr([-50, -100, 600, 300, -100]) == pytest.approx(found.roots[1])


def test_of_two_rates_equally_near_the_one_where_the_value_falls_is_taken():
    level = flow(1, -2, 0.99)  # (1 + r)² − 2 (1 + r) + 0.99 = r² − 0.01: falls at −10 %, rises at +10 %
    assert irr(level) == pytest.approx(-0.1, abs=1e-12)
    assert irr(-level) == pytest.approx(0.1, abs=1e-12)


@pytest.mark.parametrize(
    ("amounts", "state", "multiple"),
    [
        ((-13, 0, 0), NEVER_REPAID, 0.0),
        ((0, -13, -2), NEVER_REPAID, 0.0),
        ((1, 2, 0), NEVER_PAID_IN, np.inf),
        ((0, 0), NO_FLOWS, 0.0),
        ((1, -2, 1.5), NO_RATE, 1.25),  # (1 − v)² + v²/2 is never zero
        ((-1, 2, -1.5), NO_RATE, 0.8),
    ],
)
def test_without_a_rate_the_state_says_why(amounts, state, multiple):
    found = certificate(flow(*amounts))
    assert np.isnan(found.rate)
    assert np.isnan(irr(flow(*amounts)))
    assert (found.state, found.roots, found.multiple) == (state, (), multiple)
    assert STATES[state] in str(found)
    assert "none" in str(found)
    assert irr_roots(flow(*amounts)) == 0


def test_the_certificate_reads_as_sentences():
    assert str(certificate(flow(-100, 230, -132))) == (
        "Rate of return: 10.0000% per period (several rates). 2 rates make the value zero: 10.0000% (rises), "
        "20.0000% (falls); the one nearest to zero is taken. Multiple: 0.99×."  # 230 / 232
    )
    assert "below zero at every rate" in certificate(flow(-1, 2, -1.5)).why
    assert "above zero at every rate" in certificate(flow(1, -2, 1.5)).why


def test_a_rate_per_period_is_annualised_by_compounding():
    assert annualised(0.1, 2) == pytest.approx(0.21)  # 1.1² − 1
    assert annualised(1e-18, 4) == pytest.approx(4e-18)
    assert np.isnan(annualised(np.nan, 4))


# --- shapes, errors, leftovers ----------------------------------------------------------------------------------------


def test_one_flow_gives_one_number_and_many_give_a_row():
    assert irr(flow(*EXCEL)).shape == ()
    assert irr(np.array([EXCEL, EXCEL]).T).shape == (2,)
    assert irr(np.empty((5, 0))).shape == (0,)
    assert irr_state([-1, 2]) == ONE_RATE


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_an_amount_that_is_not_finite_is_refused_with_its_place(bad):
    table = np.ones((3, 9000))
    table[1, 8500] = bad
    with pytest.raises(ValueError, match=r"in period 1 of future 8500"):
        irr(table)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 2, 2)])
def test_a_flow_of_the_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        irr(np.ones(shape))


def test_a_certificate_is_for_one_flow():
    with pytest.raises(ValueError, match="one flow"):
        certificate(np.ones((3, 2)))


@pytest.mark.parametrize("leftover", [1e-16, -1e-16, 3e-15, -3e-15])
def test_what_rounding_left_over_makes_no_rate(leftover):
    assert irr_state(13 * flow(-1, 0, leftover)) == NEVER_REPAID
    assert irr_state(13 * flow(leftover, 1, 2)) == NEVER_PAID_IN
    assert irr(13 * flow(leftover, -1, leftover, 1.21, leftover)) == pytest.approx(0.1, abs=1e-12)  # 1.1² = 1.21


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e12, 1.7e308])
def test_the_size_of_the_flows_does_not_matter(scale):
    assert irr(scale * (flow(*EXCEL) / 70_000)) == pytest.approx(0.0866309480365, abs=1e-12)
    found = certificate(scale * (flow(-100, 230, -132) / 232))
    assert found.roots == pytest.approx((0.1, 0.2), abs=1e-12)
    assert found.multiple == pytest.approx(230 / 232)


def test_a_rate_is_single_if_the_balance_at_it_never_changes_its_sign():
    late = flow(-100, 60, -10, 50, 23.65)  # at 10 %: −100, −50, −65, −21.5, and 1.1 × 21.5 = 23.65
    assert irr(late) == pytest.approx(0.1, abs=1e-13)
    assert irr_roots(late) == 1
    assert irr_module._keeps_its_sign(late[:, None], np.array([0.1])).tolist() == [True]
    early = flow(-100, 130, -40, 22)  # at 10 %: −100, +20, −18, +2.2: it changes
    assert irr_module._keeps_its_sign(early[:, None], np.array([0.1])).tolist() == [False]


def test_rates_far_from_zero_are_found_in_long_flows():
    for rate in (-0.9999, -0.9, 10.0, 1e6):
        late = np.zeros(88)
        late[[60, 61]] = -1, 1 + rate
        late[:60] = -1e-6 * (np.arange(60) % 2)
        assert abs(certificate(late).residual) < 1e-12, rate
        assert irr_roots(late) == 1


def test_a_loan_repaid_over_thirty_years_of_months():
    rate = 0.005  # annuity: 200,000 × rate / (1 − 1.005^−360) = 1,199.10 a month
    loan = np.r_[200_000, np.full(360, -200_000 * rate / (1 - 1.005**-360))]
    assert loan[1] == pytest.approx(-1199.10, abs=0.005)
    assert irr(loan) == pytest.approx(rate, abs=1e-13)
    assert certificate(loan).crossings == ("rises",)


# --- the batch --------------------------------------------------------------------------------------------------------


def mixed_flows(futures: int, periods: int = 22, seed: int = 1) -> np.ndarray:
    """Payments first, then receipts; a tenth of the later amounts turned round in half the futures; some empty ends."""
    draw = np.random.default_rng(seed)
    period = np.arange(periods)[:, None]
    start, paying = draw.integers(0, 4, futures), draw.integers(1, 8, futures)
    sign = np.where(period < start + paying, -1, 1) * np.where(period < start, 0, 1)
    turned = (draw.random((periods, futures)) < 0.1) & (draw.random(futures) < 0.5)
    return draw.lognormal(0, 0.7, (periods, futures)) * sign * np.where(turned, -1, 1)


def test_a_batch_gives_bit_for_bit_what_its_futures_give_alone():
    table = mixed_flows(200)
    together = np.array(solve(table))
    alone = np.array([np.array(solve(table[:, i])) for i in range(table.shape[1])]).T
    assert together.tobytes() == np.ascontiguousarray(alone).tobytes()


def test_more_futures_in_the_batch_change_no_others_result():
    table = mixed_flows(20_000)
    strange = np.concatenate([1e300 * table[:, :5], table, -1e-300 * table[:, :5]], axis=1)
    assert np.array(solve(strange))[:, 5:-5].tobytes() == np.array(solve(table)).tobytes()
    assert np.array(solve(np.asfortranarray(table))).tobytes() == np.array(solve(table)).tobytes()


def test_rate_state_and_count_are_the_same_asked_for_singly():
    table = mixed_flows(100)
    rates = solve(table)
    for answer, expected in zip((irr, irr_state, irr_roots), rates, strict=True):
        np.testing.assert_array_equal(answer(table), expected)
    np.testing.assert_array_equal(np.isnan(rates.rate), rates.roots == 0)
    np.testing.assert_array_equal(rates.state == SEVERAL_RATES, rates.roots > 1)


# --- other programs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "periods"), [(1, 22), (2, 6), (3, 40)])
def test_two_other_programs_agree_wherever_they_agree_with_each_other(seed, periods):
    table = mixed_flows(1500, periods, seed)
    first = np.array([numpy_financial.irr(column) for column in table.T])
    second = np.array([np.nan if (rate := pyxirr.irr(column, silent=True)) is None else rate for column in table.T])
    agree = same_rate(first, second, 1e-8)
    assert agree.sum() > 700
    assert same_rate(irr(table)[agree], second[agree], 1e-8).all()


def exact_roots(amounts: np.ndarray) -> list[tuple[float, int]]:
    """Rates above −100 % of a whole-number flow with multiplicities, rising: isolated in exact arithmetic."""
    value = flint.fmpz_poly([int(amount) for amount in amounts])
    roots = value.complex_roots()
    return sorted((float(1 / root.real - 1), times) for root, times in roots if root.imag == 0 and root.real > 0)


def factors(draw: np.random.Generator) -> np.ndarray:
    """A product of up to five factors (a − b·v): clustered, double and triple rates, times a few small amounts."""
    product = np.array([1])
    for _ in range(draw.integers(2, 6)):
        product = np.convolve(product, [draw.integers(1, 12), -draw.integers(1, 12)])
    return np.convolve(product, draw.integers(0, 4, draw.integers(1, 10)))


def square(draw: np.random.Generator) -> np.ndarray:
    """A square times a few small amounts: all its own rates are double."""
    root = draw.integers(-3, 4, draw.integers(2, 8))
    return np.convolve(np.convolve(root, root), draw.integers(-3, 4, draw.integers(1, 5)))


def cleaned_up(draw: np.random.Generator) -> np.ndarray:
    """Payments, receipts with some payments among them, and payments at the end."""
    return np.concatenate([-draw.integers(0, 50, 3), draw.integers(-5, 30, 18), -draw.integers(0, 99, 2)])


def turning_twice(draw: np.random.Generator) -> np.ndarray:
    """Money out, in and out again, or the other way round, with pauses: two rates, one double, or none."""
    parts = [draw.integers(0, 60, draw.integers(1, 9)) * sign for sign in draw.choice([-1, 1]) * np.array([1, -1, 1])]
    return np.concatenate(parts) * draw.choice([1, draw.integers(1, 10_000)])


def close_together(draw: np.random.Generator) -> np.ndarray:
    """Two rates a hundredth to a millionth apart, or one double, on either side of zero or around it."""
    size = 10 ** draw.integers(2, 5)
    one, other = draw.integers(size // 2, 2 * size, 2)
    other = draw.choice([one, one + 1, one + size // 50, other])
    pair = np.convolve([one, -size], [other, -size]).astype(object)
    return np.convolve(pair, draw.integers(1, 4, draw.integers(1, 9)).astype(object)) * draw.choice([-1, 1])


def far_off(draw: np.random.Generator) -> np.ndarray:
    """Two rates of which one is near −100 % or some thousand percent."""
    pair = np.convolve([1, -draw.integers(2, 900)], [draw.integers(2, 900), -draw.integers(1, 900)])
    return np.convolve(pair, draw.integers(0, 3, draw.integers(1, 6)) + 1) * draw.choice([-1, 1])


KINDS = {
    "small": (800, lambda draw: draw.integers(-9, 10, draw.integers(2, 31))),
    "sparse": (700, lambda draw: draw.integers(-1000, 1001, 30) * (draw.random(30) < 0.3)),
    "clustered": (1200, factors),
    "double": (1200, square),
    "quarterly": (40, lambda draw: draw.integers(-9, 10, 88) * (draw.random(88) < draw.choice([0.1, 0.4, 1]))),
    "clean-up": (600, cleaned_up),
    "turning twice": (1200, turning_twice),
    "close together": (800, close_together),
    "far off": (400, far_off),
}


@pytest.mark.parametrize("kind", KINDS)
def test_roots_are_counted_as_exact_arithmetic_counts_them(kind):
    count, make = KINDS[kind]
    draw = np.random.default_rng(11)
    flows = [amounts for amounts in (make(draw) for _ in range(count)) if amounts.any()]
    expected = [exact_roots(amounts) for amounts in flows]
    found = solve(padded(flows))
    np.testing.assert_array_equal(found.roots, [len(roots) for roots in expected])
    for rate, roots in zip(found.rate, expected, strict=True):
        if roots:
            blur = DOUBLE_TOLERANCE if max(times for _, times in roots) > 1 else TOLERANCE
            assert any(same_rate(rate, root, blur) for root, _ in roots)
            assert abs(rate) <= min(abs(root) for root, _ in roots) + blur * (1 + abs(rate))


@pytest.mark.parametrize("kind", KINDS)
def test_certificates_list_the_exact_roots_and_how_the_value_crosses(kind):
    draw = np.random.default_rng(12)
    count, make = KINDS[kind]
    flows = [amounts for amounts in (make(draw) for _ in range(count // 40)) if amounts.any()]
    for amounts in flows:
        found, expected = certificate(amounts), exact_roots(amounts)
        assert len(found.roots) == len(expected)
        assert all(same_rate(a, b, DOUBLE_TOLERANCE) for a, (b, _) in zip(found.roots, expected, strict=True))
        assert [crossing == "touches" for crossing in found.crossings] == [times % 2 == 0 for _, times in expected]
        assert np.array_equal(found.rate, irr(amounts), equal_nan=True)


# --- properties -------------------------------------------------------------------------------------------------------

amounts = st.lists(st.one_of(st.just(0.0), st.floats(-1000, 1000).map(lambda x: round(x, 3))), min_size=1, max_size=20)
quick = settings(max_examples=100, deadline=None)


@quick
@given(amounts)
def test_the_value_at_the_rate_is_zero(listed):
    found = certificate(flow(*listed))
    assume(found.roots)
    assert abs(found.residual) < 1e-13 + 1e-14 / (1 + found.rate)  # near −100 % a double holds few digits of 1 + rate
    assert list(found.roots) == sorted(found.roots)


@quick
@given(amounts, st.integers(-60, 60))
def test_scaling_leaves_the_rate(listed, power):
    table = np.array([flow(*listed), flow(*listed) * 2.0**power]).T
    np.testing.assert_array_equal(*irr(table))
    np.testing.assert_array_equal(*irr_roots(table))


@quick
@given(amounts)
def test_turning_the_sign_leaves_the_roots_and_turns_the_crossings(listed):
    one, other = certificate(flow(*listed)), certificate(-flow(*listed))
    assert len(one.roots) == len(other.roots)
    assert all(same_rate(one.roots, other.roots, 1e-12))
    turned = {"falls": "rises", "rises": "falls", "touches": "touches"}
    assert tuple(turned[crossing] for crossing in one.crossings) == other.crossings


@quick
@given(amounts, st.integers(1, 5), st.integers(0, 5))
def test_empty_periods_before_and_after_leave_the_roots(listed, before, after):
    one, other = certificate(flow(*listed)), certificate(np.r_[np.zeros(before), flow(*listed), np.zeros(after)])
    assert (one.state, one.crossings) == (other.state, other.crossings)
    assert all(same_rate(one.roots, other.roots, 1e-9))


def test_the_rate_and_its_state_are_solved_for_once_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    flow, asked = np.array([-100.0, 110.0]), []
    solve = irr_module.solve
    monkeypatch.setattr(irr_module, "solve", lambda flow: asked.append(1) or solve(flow))
    with irr_module.remembered():
        assert irr_module.irr(flow) == pytest.approx(0.1)
        assert irr_module.irr_state(flow) == irr_module.ONE_RATE
    assert len(asked) == 1
    flow[1] = 121.0  # outside a run an array may change between two questions
    assert irr_module.irr(flow) == pytest.approx(0.21)
