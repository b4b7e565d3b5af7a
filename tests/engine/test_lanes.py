"""The kernel's curves and rates of return, lane by lane in plain Python, against NumPy and irr.py."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.test_irr import DOUBLE_TOLERANCE, KINDS, TOLERANCE, exact_roots, padded, same_rate
from tests.tolerance import NUMPY

from dealgrid.engine import irr, lanes

SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, -0.5, 1e16, np.inf, -np.inf, np.nan, 5e-324, -1e-310, 1.7e308,
           709.782712893384, 709.78271289338397, -745.1, -746.0, 1e-17, -1e-17]  # fmt: skip
ANY = st.sampled_from(SPECIAL) | st.floats(-750, 750) | st.floats(1e-12, 1e12) | st.floats(0.5, 1.5)
CURVES = ("exp", "log", "sqrt", "log1p", "expm1")


def agree(value: float, expected: float) -> bool:
    if math.isnan(expected) or math.isinf(expected) or expected == 0:
        return value == expected or (math.isnan(value) and math.isnan(expected))
    return value == pytest.approx(expected, rel=NUMPY, abs=1e-320)


@given(st.sampled_from(CURVES), ANY)
@settings(max_examples=400)
def test_a_curve_is_what_numpy_says(name: str, x: float) -> None:
    with np.errstate(all="ignore"):
        value, expected = getattr(lanes, name)(np.float64(x)), getattr(np, name)(np.array([x]))[0]
    assert agree(float(value), float(expected))


@given(ANY, ANY | st.integers(-9, 9).map(float))
@settings(max_examples=400)
def test_a_power_is_what_numpy_says_in_every_special_case(base: float, exponent: float) -> None:
    with np.errstate(all="ignore"):
        value = lanes.power(np.float64(base), np.float64(exponent))
        expected = np.power(np.array([base]), np.array([exponent]))[0]
    assert agree(float(value), float(expected))


@pytest.mark.parametrize(("name", "function"), [("smaller", np.minimum), ("larger", np.maximum)])
def test_what_is_not_a_number_wins(name: str, function: np.ufunc) -> None:
    for one in SPECIAL:
        for other in SPECIAL:
            np.testing.assert_equal(getattr(lanes, name)(one, other), function(one, other))


def solved(flows: np.ndarray) -> SimpleNamespace:
    """Rates, states and unfit lanes of up to LANES flows (periods, futures), by the kernel's own functions."""
    periods, futures = flows.shape
    flow = np.zeros((lanes.padded(periods), lanes.LANES))
    flow[:periods, :futures] = flows
    work = np.empty(lanes.WORK)
    with np.errstate(all="ignore"):
        lanes.solve_rates(flow.reshape(-1), periods, work, np.empty(lanes.room_needed(periods)))
    places = {"rate": lanes.RATE, "state": lanes.STATE, "unfit": lanes.UNFIT}
    return SimpleNamespace(**{name: work[at : at + futures] for name, at in places.items()})


FLOWS = [
    [-100.0, 60.0, 60.0],
    [-100.0, 230.0, -132.0],  # 10 % and 20 %
    [-1.0, 3.0, -2.25],  # touches at 50 %
    [1.0, -3.0, 2.25],
    [-4.0, 12.0, -9.0],
    [1.0, -2.0, 0.99],  # −10 % and 10 %, equally near: the value falls at the first
    [-1.0, 2.0, -0.99],
    [10.0, -5.0, -7.0],
    [-1.0, 0.0, 0.0],
    [1.0, 2.0, 0.0],
    [0.0, 0.0, 0.0],
    [1.0, -1.5, 1.0],  # money both ways, no rate
    [-1.0, 2.0, -1.0],  # touches at zero
    [0.0, -5.0, 5.0],  # a rate of zero
    [-1e-200, 1e-200, 1e-200],
    [-1e200, 1e200, 3e200],
    [-1000.0, 3600.0, -4310.0],
    [-1.0, 1e-15, 2.0],  # a residue
]


def test_every_kind_of_flow_has_the_rate_and_state_of_the_reference() -> None:
    flows = np.array(FLOWS).T
    expected, found = irr.solve(flows), solved(flows)
    np.testing.assert_array_equal(found.state, expected.state)
    np.testing.assert_allclose(found.rate, expected.rate, rtol=NUMPY, atol=NUMPY)


def test_six_rates_are_found_and_the_nearest_to_zero_is_taken() -> None:
    rates = [-0.4, -0.1, 0.05, 0.3, 0.9, 2.0]
    flow = np.array([1.0])
    for rate in rates:
        flow = np.convolve(flow, [1.0, -(1 + rate)])
    found = solved(flow[:, None])
    assert found.state[0] == irr.SEVERAL_RATES
    assert found.rate[0] == pytest.approx(0.05, rel=1e-9)


def test_a_flow_that_is_not_finite_is_marked_and_others_keep_their_rates() -> None:
    flows = np.array([[-100.0, 60.0, 60.0], [-1.0, np.inf, 1.0], [-1.0, np.nan, 1.0], [-1.0, 0.0, 1.21]]).T
    found = solved(flows)
    assert found.unfit.tolist() == [0.0, 1.0, 1.0, 0.0]
    np.testing.assert_allclose(found.rate[[0, 3]], irr.irr(flows[:, [0, 3]]), rtol=NUMPY)


@pytest.mark.parametrize("kind", KINDS)
def test_lanes_have_the_rates_and_states_of_exact_arithmetic_and_of_the_reference(kind: str) -> None:
    draw = np.random.default_rng(13)
    flows = [amounts for amounts in (KINDS[kind][1](draw) for _ in range(lanes.LANES)) if amounts.any()]
    found, reference = solved(padded(flows)), irr.solve(padded(flows))
    np.testing.assert_array_equal(found.state, reference.state)
    for rate, state, other, amounts in zip(found.rate, found.state, reference.rate, flows, strict=True):
        roots = exact_roots(amounts)
        has_both = (amounts > 0).any() and (amounts < 0).any()
        assert not has_both or state == [irr.NO_RATE, irr.ONE_RATE, irr.SEVERAL_RATES][min(len(roots), 2)]
        blur = DOUBLE_TOLERANCE if any(times > 1 for _, times in roots) else TOLERANCE
        assert not roots or (same_rate(rate, other, blur) and any(same_rate(rate, root, blur) for root, _ in roots))


def test_the_rate_of_a_lane_does_not_depend_on_its_neighbours() -> None:
    draw = np.random.default_rng(14)
    kinds = [make for _, make in KINDS.values()]
    table = padded([kinds[k % len(kinds)](draw) for k in range(40)])  # more than a pack of them need more than signs
    together = solved(table)
    alone = [solved(table[:, [k]]) for k in range(table.shape[1])]
    np.testing.assert_array_equal(together.rate, [each.rate[0] for each in alone])
    np.testing.assert_array_equal(together.state, [each.state[0] for each in alone])


amounts = st.sampled_from([0.0, 1.0, -1.0, 2.0, -2.25, 3.0]) | st.floats(-5, 5).map(lambda amount: round(amount, 2))


@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.lists(amounts, min_size=n, max_size=n), min_size=1, max_size=6)))
@settings(max_examples=40, deadline=None)
def test_any_flow_has_the_rate_and_state_of_the_reference(flows: list[list[float]]) -> None:
    table = np.array(flows).T
    expected, found = irr.solve(table), solved(table)
    np.testing.assert_array_equal(found.state, expected.state)
    touching = found.state == irr.SEVERAL_RATES  # a root that nearly touches is known to half its digits
    np.testing.assert_allclose(found.rate[~touching], expected.rate[~touching], rtol=1e-9, atol=NUMPY)
    np.testing.assert_allclose(found.rate[touching], expected.rate[touching], rtol=1e-6, atol=1e-6)


def test_constants_are_those_of_the_reference() -> None:
    for name in ("RESIDUE", "TIE", "APART", "SETTLED", "ROUNDING", "MORE_STEPS", "VALUE_STEPS", "NEWTON_TURNS",
                 "MOST_TURNS",
                 "ONE_RATE", "SEVERAL_RATES", "NEVER_REPAID", "NEVER_PAID_IN", "NO_FLOWS", "NO_RATE"):  # fmt: skip
        assert getattr(lanes, name) == getattr(irr, name)
    assert (lanes.LOWEST, lanes.HIGHEST) == irr.SCALES
