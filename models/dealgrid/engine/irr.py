"""Internal rates of return for many futures at once, each with a statement of how many there are and which was taken.

The value of a flow is a function of x = log(1 + rate). The method:

* A flow whose sign changes once has exactly one rate (Descartes). Newton's method on log(PV of receipts / PV of
  payments) finds it in a few steps, as that function is nearly a straight line in x; a last step or two on the
  value itself gives the final digits.
* So has a flow whose balance, with interest at one of its rates, never changes its sign before it ends at zero: the
  balances are the flow divided by (1 − (1 + rate)·discount), so by the same rule they have no rate themselves. It is
  the pure investment or loan of Soper 1959, Economica 26:174.
* A flow whose sign changes twice has two rates or none. The rate that Newton finds is the nearer to zero if at one
  other place the value has the sign it has between the two: at the opposite rate where zero lies between them, else
  a little farther from zero.
* For any other flow the whole line is searched. Multiplying the value by exp(k·x) moves no root, and choosing k
  between two opposite flows makes its derivative a flow with one sign change fewer (Laguerre 1883). The rates of
  that simpler flow, found the same way, are all the places where the value can turn; between two of them there is
  a rate exactly if the sign changes. No eigenvalues, no guess, nothing missed.

A sign counts only where the value exceeds the largest possible rounding error of its own evaluation. A turning
point below that touches zero: it is one (double) rate. Flows smaller than `RESIDUE` times the largest are zero.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

ONE_RATE, SEVERAL_RATES, NEVER_REPAID, NEVER_PAID_IN, NO_FLOWS, NO_RATE = range(6)

STATES = {
    ONE_RATE: "one rate",  # exactly one rate above −100 % makes the value zero
    SEVERAL_RATES: "several rates",  # two or more do; the one nearest to zero is taken
    NEVER_REPAID: "never repaid",  # money goes out and none ever comes back
    NEVER_PAID_IN: "never paid in",  # money comes in and none ever went out
    NO_FLOWS: "no flows",  # nothing but zeros
    NO_RATE: "no rate",  # money goes both ways, yet the value has the same sign at every rate
}

ROUNDING = 2.0**-53  # the largest relative error of one operation on doubles
RESIDUE = 1e-12  # a flow this small beside the largest of its future is what rounding left: one dollar in a trillion
TIE = 1e-12  # rates whose distances from zero differ by less are equally near
APART = 0.01  # discount factors of two rates are far from each other beyond this part of them
BLOCK = 8192  # futures worked on together, so that a period of them stays in the processor's cache
SCALES = 1e-100, 1e100  # flows beyond are brought near 1 by a power of two, which changes no digit
FEW_STEPS, MORE_STEPS = 1, 8  # Newton steps on the logarithm: for every future, then for those not yet settled
VALUE_STEPS = 3  # Newton steps on the value itself, after those
SETTLED = 1e-8  # a Newton step this small (relative) leaves an error of its square
NEWTON_TURNS, MOST_TURNS = 30, 200  # after the first, every second turn halves the bracket, which cannot fail

_memory = threading.local()

FALLS, TOUCHES, RISES = -1, 0, 1
CROSSINGS = {FALLS: "falls", TOUCHES: "touches", RISES: "rises"}


class NotFiniteError(ValueError):
    """A flow with an amount that is not finite; `period` and `future` count from 0."""

    def __init__(self, amount: float, period: int, future: int) -> None:
        self.amount = amount
        self.period = period
        self.future = future
        super().__init__(amount, period, future)

    def __str__(self) -> str:
        return (
            f"A rate of return needs finite amounts; the flow is {self.amount} in period {self.period} of "
            f"future {self.future} (counted from 0). Look for a division by zero in the rows it is made of."
        )


class Rates(NamedTuple):
    """What `solve` finds: the rate per period, its state (a key of `STATES`) and the number of distinct rates."""

    rate: np.ndarray
    state: np.ndarray
    roots: np.ndarray


class _Roots(NamedTuple):
    """Roots, shape (places, futures), NaN where there is none; how the value crosses there; its sign at the start."""

    at: np.ndarray
    crossing: np.ndarray
    first: np.ndarray


@dataclass(frozen=True)
class Certificate:
    """A rate of return and what stands behind it.

    `rate` is per period (NaN without one) and `state` a key of `STATES`. `roots` are all rates above −100 %, rising;
    `crossings` say for each whether the value `falls`, `rises` or only `touches` zero as the rate rises through it.
    `residual` is the value at the rate ÷ the present value of all flows taken as positive. `multiple` is money got
    back ÷ money paid in. `total` is the value at a rate of zero.
    """

    rate: float
    state: int
    why: str
    roots: tuple[float, ...]
    crossings: tuple[str, ...]
    residual: float
    multiple: float
    total: float

    def __str__(self) -> str:
        rate = "none" if np.isnan(self.rate) else f"{self.rate:.4%} per period"
        return f"Rate of return: {rate} ({STATES[self.state]}). {self.why} Multiple: {self.multiple:.2f}×."


def irr(flow: np.ndarray) -> np.ndarray:
    """Rate per period at which a flow is worth nothing; NaN where no rate above −100 % does it (see `irr_state`).

    `flow` has shape (periods,) or (periods, futures), equally spaced, positive when received; the result has shape
    () or (futures,). Of several rates it is the nearest to zero, as a spreadsheet with a guess of zero finds it.
    ValueError if a flow is not finite. A future's rate never depends on the other futures.

    >>> print(f"{irr(np.array([-100.0, 60.0, 60.0])):.6f}")
    0.130662
    """
    return _once(flow).rate


def irr_state(flow: np.ndarray) -> np.ndarray:
    """Which entry of `STATES` describes a flow's rate; shapes and errors as in `irr`.

    >>> STATES[int(irr_state(np.array([-13.0, 0.0, 0.0])))]
    'never repaid'
    """
    return _once(flow).state


def irr_roots(flow: np.ndarray) -> np.ndarray:
    """How many distinct rates above −100 % make a flow worth nothing; shapes and errors as in `irr`.

    A rate at which the value touches zero without crossing counts once.

    >>> float(irr_roots(np.array([-100.0, 230.0, -132.0])))  # 10 % and 20 %
    2.0
    """
    return solve(flow).roots


def annualised(rate: np.ndarray, periods_per_year: float) -> np.ndarray:
    """Yearly rate from a rate per period, compounding: (1 + rate)^periods_per_year − 1, exact for tiny rates too.

    >>> float(annualised(0.0, 4))
    0.0
    """
    return np.expm1(periods_per_year * np.log1p(rate))


@contextmanager
def remembered() -> Iterator[None]:
    """While inside, no flow is solved twice: `irr` and `irr_state` of one array share the work. It must not change."""
    _memory.found = {}
    try:
        yield
    finally:
        del _memory.found


def _once(flow: np.ndarray) -> Rates:
    found: dict[int, tuple[np.ndarray, Rates]] | None = getattr(_memory, "found", None)
    if found is None:
        return solve(flow)
    if id(flow) not in found:
        found[id(flow)] = flow, solve(flow)  # the flow is kept, so that its id stays its own
    return found[id(flow)][1]


def solve(flow: np.ndarray) -> Rates:
    """Rate, state and number of rates in one go; shapes and errors as in `irr`."""
    flow, shape = _table(flow)
    found = np.empty((3, flow.shape[1]))
    still_open = []  # cleaned flows whose number of rates is not known yet
    with np.errstate(all="ignore"):
        for start in range(0, flow.shape[1], BLOCK):
            block = slice(start, start + BLOCK)
            cleaned = _cleaned(flow[:, block], start)
            found[:, block] = _by_signs(cleaned)
            still_open.append(cleaned.compress(np.isnan(found[-1, block]), axis=1))
        for method, size in (_by_proof, BLOCK), (_searched, BLOCK // 2):
            futures, flows = np.flatnonzero(np.isnan(found[-1])), np.concatenate([flow[:, :0], *still_open], axis=1)
            still_open = []
            for start in range(0, len(futures), size):
                part, cleaned = futures[start : start + size], flows[:, start : start + size]
                found[:, part] = method(cleaned, found[0, part])
                still_open.append(cleaned.compress(np.isnan(found[-1, part]), axis=1))
    return Rates(*(row.reshape(shape)[()] for row in found))


def certificate(flow: np.ndarray) -> Certificate:
    """The rate of one flow, shape (periods,), with everything that justifies it. ValueError as in `irr`."""
    flow = np.asarray(flow, dtype=float)
    if flow.ndim != 1:
        raise ValueError(f"A certificate is for one flow of shape (periods,); this one has shape {flow.shape}.")
    rate, state = (float(answer) for answer in solve(flow)[:2])
    roots, crossings = _listed(flow, rate)
    scale = float(np.abs(flow).max()) or 1.0  # so that the sums of enormous flows stay finite
    got, paid = float((flow[flow > 0] / scale).sum()), -float((flow[flow < 0] / scale).sum())
    return Certificate(
        rate=rate,
        state=int(state),
        why=_why(int(state), roots, crossings, got - paid),
        roots=roots,
        crossings=tuple(CROSSINGS[crossing] for crossing in crossings),
        residual=_residual(flow, rate),
        multiple=got / paid if paid else (np.inf if got else 0.0),
        total=(got - paid) * scale,
    )


# --- reading the flow -------------------------------------------------------------------------------------------------


def _table(flow: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """The flow as (periods, futures) and the shape of the answer."""
    flow = np.asarray(flow, dtype=float)
    if flow.ndim not in (1, 2) or not len(flow):
        raise ValueError(
            f"A rate of return needs a flow of shape (periods,) or (periods, futures) with at least one period; "
            f"this one has shape {flow.shape}."
        )
    return (flow[:, None] if flow.ndim == 1 else flow), flow.shape[1:]


def _cleaned(flow: np.ndarray, start: int = 0) -> np.ndarray:
    """A copy of the block without residues and extreme scales. ValueError if an amount is not finite."""
    flow = np.array(flow, order="C")
    largest, size = np.zeros((2, flow.shape[1]))
    for amounts in flow:
        np.maximum(largest, np.abs(amounts, out=size), out=largest)
    if not np.isfinite(largest).all():
        _refuse(flow, start)
    for amounts in flow:
        np.copyto(amounts, 0.0, where=np.abs(amounts, out=size) <= RESIDUE * largest)
    extreme = (largest > 0) & ((largest < SCALES[0]) | (largest > SCALES[1]))
    if extreme.any():
        flow = np.ldexp(flow, np.where(extreme, -np.frexp(largest)[1], 0))
    return flow


def _refuse(flow: np.ndarray, start: int) -> None:
    period, future = np.argwhere(~np.isfinite(flow))[0]
    raise NotFiniteError(float(flow[period, future]), int(period), start + int(future))


def _sign_changes(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often the sign changes down each column, zeros skipped, and the last sign (0 where all are zero)."""
    changes, last = _counters(flow)
    for amounts in flow:
        _count_change(changes, last, amounts > 0, amounts < 0)
    return changes, last


def _counters(flow: np.ndarray) -> np.ndarray:
    """Room for two small whole numbers per future: bytes if they can count the periods, as they are fastest."""
    return np.zeros((2, flow.shape[1]), dtype=np.int8 if len(flow) < 128 else np.int32)


def _count_change(changes: np.ndarray, last: np.ndarray, up: np.ndarray, down: np.ndarray) -> None:
    """Take one more sign into the count, in place: `up` and `down` are flags, neither for a zero."""
    sign = up.view(np.int8) - down.view(np.int8)
    changes += (sign * last < 0).view(np.int8)
    np.copyto(last, sign, where=up | down)


def _noise(flow: np.ndarray) -> float:
    """Bound on the rounding error of a value ÷ the value of absolute flows (Higham, Accuracy and Stability, 5.1).

    Two roundings a period in Horner's rule, one for the discount factor, one for the weights of a derived flow.
    """
    return (4 * len(flow) + 8) * ROUNDING


# --- one block of futures ---------------------------------------------------------------------------------------------


def _by_signs(flow: np.ndarray) -> np.ndarray:
    """Rates, states and counts, shape (3, futures), of a cleaned block as far as signs tell.

    Else the count is NaN, and the rate where Newton has settled, which need not be the only one.
    """
    changes, last = _sign_changes(flow)
    state = np.array([NEVER_REPAID, NO_FLOWS, NEVER_PAID_IN], dtype=float)[last + 1]
    both = changes > 0
    state[both] = ONE_RATE
    rate = np.full(len(changes), np.nan)
    rate[both] = _single_rates(flow if both.all() else flow.compress(both, axis=1), FEW_STEPS)
    roots = np.where(both, np.where((changes == 1) & ~np.isnan(rate), 1.0, np.nan), 0.0)
    return np.array([rate, state, roots])


def _by_proof(flow: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """The same for flows with both signs, given a rate of each: as far as it can be shown to be the one to take."""
    changes, _ = _sign_changes(flow)
    rate = np.where(changes == 1, rate, _confirmed(flow, rate))
    slow = np.isnan(rate)
    again, own = flow.compress(slow, axis=1), changes[slow]
    found = _single_rates(again, MORE_STEPS)
    rate[slow] = np.where(own == 1, found, _confirmed(again, found))
    roots = np.where(changes == 1, 1.0, np.nan)
    for several, proves, count in (changes == 2, _is_nearer_of_two, 2.0), (changes > 2, _keeps_its_sign, 1.0):
        futures = np.flatnonzero(several & ~np.isnan(rate))
        proven = futures[proves(flow.take(futures, axis=1), rate[futures])]
        roots[proven] = count
    roots[np.isnan(rate)] = np.nan
    return np.array([rate, np.where(roots == 2, float(SEVERAL_RATES), float(ONE_RATE)), roots])


def _confirmed(flow: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Rates of flows that may have several after one more step of Newton's; NaN where that was not the last one."""
    discount = 1 / (1 + rate)
    value, slope = _horner(flow, discount)
    step = value / slope
    discount = discount - step
    return np.where(np.abs(step) <= TIE * discount, (1 - discount) / discount, np.nan)


def _keeps_its_sign(flow: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Whether the balance, with interest at the rate, never changes its sign before it ends at zero.

    Its worth today is the sum of what was, or less the sum of what is to come: the doubt is a part of the smaller. It
    is more than a rate that is settled but not yet exact can make, and enough for Newton's step to prove that there
    is a rate (Kantorovich).
    """
    discount = 1 / (1 + rate)
    _, size = _value(flow, discount)
    begin, end = (flow != 0).argmax(axis=0), len(flow) - 1 - (flow[::-1] != 0).argmax(axis=0)
    weight = np.sign(flow[begin, np.arange(len(rate))])
    doubt, noise = 4 * len(flow) ** 2 * SETTLED, _noise(flow) * size
    balance, so_far = np.zeros((2, len(rate)))
    keeps = np.ones(len(rate), dtype=bool)
    for period, amounts in enumerate(flow):
        part = amounts * weight
        balance += part
        so_far += np.abs(part)
        keeps &= (balance > doubt * np.minimum(so_far, size - so_far) + noise) | (period < begin) | (period >= end)
        weight *= discount
    return keeps


def _sign_beyond(value: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Sign of a value, 0 where it does not exceed a size or is not known."""
    return (value > size) * 1.0 - (value < -size) * 1.0


def _is_nearer_of_two(flow: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Whether flows whose sign changes twice have two rates, of which the given is nearer to zero, as far as one
    more place can tell: where two are equally near, or close together, the search must.
    """
    first = np.sign(flow[(flow != 0).argmax(axis=0), np.arange(len(rate))])
    total, size = _value(flow, np.ones(len(rate)))
    at_zero = _sign_beyond(total, _noise(flow) * size)
    discount = 1 / (1 + rate)
    farther = discount * np.where(discount < 1, 1 - APART, 1 + APART)
    place = np.where(at_zero == first, farther, 1 / (1 - rate))
    value, size = _value(flow, place)
    doubt = _noise(flow) + 2 * len(flow) * TIE * (1 + place)
    return (at_zero != 0) & (place > 0) & (_sign_beyond(value, doubt * size) == -first)


def _searched(flow: np.ndarray, _: np.ndarray) -> np.ndarray:
    """The same for any flows with both signs, whatever is known of them."""
    found = _all_roots(flow)
    roots = np.isfinite(found.at).sum(axis=0)
    state = np.select([roots == 0, roots == 1], [NO_RATE, ONE_RATE], SEVERAL_RATES)
    return np.array([_nearest(found), state, roots])


def _total_changes(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sign changes of the running totals, which bound the number of positive rates, and whether they are certain."""
    total, size = np.zeros((2, flow.shape[1]))
    for amounts in flow:
        size += np.abs(amounts)
    size *= _noise(flow)
    changes, last = _counters(flow)
    sure = np.ones(flow.shape[1], dtype=bool)
    for amounts in flow:
        total += amounts
        up, down = total > size, total < -size
        _count_change(changes, last, up, down)
        sure &= up | down | (last == 0)
    return changes, sure


def _nearest(found: _Roots) -> np.ndarray:
    """The rate nearest to zero; of two equally near, the one where the value falls as the rate rises."""
    rates = np.expm1(found.at)
    distance = np.where(np.isnan(rates), np.inf, np.abs(rates))
    is_near = distance <= distance.min(axis=0) + TIE
    order = np.where(is_near, np.where(found.crossing == FALLS, 0, 1), 2)
    return np.take_along_axis(rates, order.argmin(axis=0)[None], axis=0)[0]


# --- flows with a single rate: Newton, all futures together -----------------------------------------------------------


def _single_rates(flow: np.ndarray, steps: int) -> np.ndarray:
    """Rates of flows known to have exactly one; NaN for those that do not settle in so many steps on the logarithm."""
    discount = _first_guess(flow)
    for _ in range(steps):
        step, _, _ = _log_step(flow, discount)
        discount = discount * np.exp(-step)
    for _ in range(VALUE_STEPS):
        value, slope = _horner(flow, discount)
        step = value / slope
        discount = discount - step
    is_settled = (np.abs(step) <= SETTLED * discount) & np.isfinite(slope)
    return np.where(is_settled, (1 - discount) / discount, np.nan)


def _first_guess(flow: np.ndarray) -> np.ndarray:
    """Discount factor from totals, mean times and their variances: two terms of log(receipts / payments) in x."""
    (got, mean_got, spread_got), (paid, mean_paid, spread_paid) = _moments(flow)
    height, slope = np.log(got / paid), mean_got - mean_paid
    straight = height / slope
    bent = slope - (spread_got - spread_paid) * straight / 2
    return np.exp(-np.where(bent * slope > slope * slope / 2, height / bent, straight))


def _moments(flow: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Total, mean time and variance of the time, of receipts and of payments, by running sums of running sums."""
    total, first, second = np.zeros((3, 2, flow.shape[1]))
    for part in _receipts_and_payments(flow):
        second += first
        first += total
        total += part
    mean = first / total
    return list(zip(total, mean, 2 * second / total + mean - mean * mean, strict=True))


def _receipts_and_payments(flow: np.ndarray) -> Iterator[np.ndarray]:
    """Receipts above payments, shape (2, futures), from the last period to the first, in one array used again.

    Split anew at every use: a kept copy of the whole block would leave the processor's cache.
    """
    part = np.empty((2, flow.shape[1]))
    for amounts in flow[::-1]:
        np.maximum(amounts, 0, out=part[0])
        np.subtract(part[0], amounts, out=part[1])
        yield part


def _horner(flow: np.ndarray, discount: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value at a discount factor, and its derivative with respect to the factor."""
    value, slope = np.zeros((2, flow.shape[1]))
    for amounts in flow[::-1]:
        slope *= discount
        slope += value
        value *= discount
        value += amounts
    return value, slope


def _log_step(flow: np.ndarray, discount: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton's step in x on log(PV of receipts / PV of payments); the value; the value of absolute flows."""
    value, slope = np.zeros((2, 2, flow.shape[1]))
    for part in _receipts_and_payments(flow):
        slope *= discount
        slope += value
        value *= discount
        value += part
    (got, paid), (got_time, paid_time) = value, slope / value
    return np.log(got / paid) / (discount * (got_time - paid_time)), got - paid, got + paid


# --- any flow: the whole line -----------------------------------------------------------------------------------------


def _all_roots(flow: np.ndarray) -> _Roots:
    """All roots x = log(1 + rate) of cleaned flows that have both signs, rising.

    Positive roots are sought in the flow, negative ones in the flow read backwards, so that no discount factor
    exceeds 1 and nothing overflows.
    """
    futures = flow.shape[1]
    at_zero = _sign(flow, np.zeros(futures))
    both = np.concatenate([_from_first(flow), _from_first(flow[::-1])], axis=1)
    found = _roots_beyond_zero(both, np.concatenate([at_zero, at_zero]))
    right, left = found.first[:futures], found.first[futures:]
    middle = np.where(at_zero == 0, 0.0, np.nan)
    return _Roots(
        at=np.concatenate([-found.at[::-1, futures:], middle[None], found.at[:, :futures]]),
        crossing=np.concatenate(
            [
                -found.crossing[::-1, futures:],
                np.where(left == right, TOUCHES, right)[None],
                found.crossing[:, :futures],
            ]
        ),
        first=left,
    )


def _from_first(flow: np.ndarray) -> np.ndarray:
    """The flow moved up so that its first amount is not zero."""
    period = np.arange(len(flow))[:, None] + (flow != 0).argmax(axis=0)
    return np.where(period < len(flow), np.take_along_axis(flow, period % len(flow), axis=0), 0.0)


def _roots_beyond_zero(flow: np.ndarray, at_zero: np.ndarray) -> _Roots:
    """Roots x > 0 of flows with a first amount, given the sign of each at x = 0."""
    end = np.log1p(np.abs(flow).max(axis=0) / np.abs(flow[0])) + 1e-9  # beyond, the first amount outweighs the rest
    turns = _turning_points(flow, end)
    points = np.concatenate([np.zeros((1, end.size)), turns, end[None]])
    signs = np.array([at_zero, *(_sign(flow, at) for at in turns), np.sign(flow[0])])
    return _walk(flow, points, signs)


def _turning_points(flow: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Where the value, times exp(k·x), may turn: rising rows, padded with `end`; none where at most one root is."""
    total_changes, is_sure = _total_changes(flow)
    changes, _ = _sign_changes(flow)
    needed = np.flatnonzero((changes > 1) & ~(is_sure & (total_changes <= 1)))
    if not needed.size:
        return np.empty((0, end.size))
    simpler = _derived(flow.take(needed, axis=1))
    found = _roots_beyond_zero(simpler, _sign(simpler, np.zeros(needed.size)))
    places = np.sort(found.at, axis=0)
    places = places[np.isfinite(places).any(axis=1)]
    turns = np.repeat(end[None], len(places), axis=0)
    turns[:, needed] = np.fmin(places, end[needed])
    return turns


def _derived(flow: np.ndarray) -> np.ndarray:
    """The flow whose value is the derivative of exp(k·x)·value, k amid the first sign change: one change fewer."""
    sign = np.sign(flow)
    after = (sign == -sign[0]).argmax(axis=0)
    period = np.arange(len(flow))[:, None]
    before = np.where((sign != 0) & (period < after), period, 0).max(axis=0)
    derived = ((before + after) / 2 - period) * flow
    return derived / np.abs(derived).max(axis=0)


def _sign(flow: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Sign of the value at x ≥ 0, and 0 where rounding could have made it."""
    value, size = _value(flow, np.exp(-x))
    return np.where(np.abs(value) <= _noise(flow) * size, 0.0, np.sign(value))


def _value(flow: np.ndarray, discount: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value at a discount factor, and the value of absolute flows."""
    value, size = np.zeros((2, discount.size))
    for amounts in flow[::-1]:
        value *= discount
        value += amounts
        size *= discount
        size += np.abs(amounts)
    return value, size


def _walk(flow: np.ndarray, points: np.ndarray, signs: np.ndarray) -> _Roots:
    """Go along the points: a changed sign brackets a root; a point of sign 0 between others is a root itself."""
    places, futures = points.shape
    at = np.full((places - 1, futures), np.nan)
    crossing = np.zeros((places - 1, futures))
    low = np.full((places - 1, futures), np.nan)
    last, zero = signs[0].copy(), np.full(futures, np.nan)
    first = last.copy()
    for i in range(1, places):
        sign = signs[i]
        is_zero, is_change = sign == 0, (last != 0) & (sign != 0) & (sign != last)
        ends_zero = ~is_zero & (last != 0) & np.isfinite(zero)
        at[i - 1] = np.where(ends_zero, zero, np.nan)
        crossing[i - 1] = np.where(is_change, sign, TOUCHES)
        low[i - 1] = np.where(is_change & ~ends_zero, points[i - 1], np.nan)
        zero = np.where(is_zero & np.isnan(zero), points[i], np.where(is_zero, zero, np.nan))
        first = np.where(first == 0, sign, first)
        last = np.where(is_zero, last, sign)
    row, future = np.nonzero(np.isfinite(low))
    if row.size:
        at[row, future] = _bracketed(
            flow.take(future, axis=1), low[row, future], points[row + 1, future], -crossing[row, future]
        )
    return _Roots(at, crossing, first)


def _bracketed(flow: np.ndarray, low: np.ndarray, high: np.ndarray, sign_low: np.ndarray) -> np.ndarray:
    """The root between `low` and `high` ≥ 0, where the signs differ: Newton as above, halving where it strays."""
    root = low + np.minimum((high - low) / 2, 0.1)
    x, going = root.copy(), np.arange(root.size)
    for turn in range(MOST_TURNS):
        step, value, size = _log_step(flow, np.exp(-x))
        is_low = np.sign(value) == sign_low
        low, high = np.where(is_low, x, low), np.where(is_low, high, x)
        target = x + step
        is_inside = (target >= low) & (target <= high)
        is_root = np.abs(value) <= _noise(flow) * size
        if turn > NEWTON_TURNS and turn % 2:
            is_inside &= is_root
        target = np.where(is_inside, target, np.where(is_root, x, (low + high) / 2))
        root[going] = target
        stays = ~is_root & (np.abs(target - x) > 8 * ROUNDING * np.maximum(target, 1e-3))
        if not stays.any():
            break
        x, low, high, sign_low, going = (row[stays] for row in (target, low, high, sign_low, going))
        flow = flow if stays.all() else flow.compress(stays, axis=1)
    return root


# --- the certificate --------------------------------------------------------------------------------------------------


def _listed(flow: np.ndarray, rate: float) -> tuple[tuple[float, ...], list[int]]:
    """All rates of one flow, rising, and how the value crosses at each; the chosen one to its last digit."""
    if np.isnan(rate):
        return (), []
    with np.errstate(all="ignore"):
        found = _all_roots(_cleaned(flow[:, None]))
    here = np.isfinite(found.at[:, 0])
    roots = np.expm1(found.at[here, 0])
    roots[np.abs(roots - rate).argmin()] = rate
    return tuple(roots.tolist()), found.crossing[here, 0].astype(int).tolist()


def _residual(flow: np.ndarray, rate: float) -> float:
    """Value at the rate ÷ value of the absolute flows there; NaN without a rate."""
    if np.isnan(rate):
        return np.nan
    clean = _cleaned(flow[:, None])
    x = np.log1p(np.array([rate]))
    clean = _from_first(clean if rate >= 0 else clean[::-1])
    value, size = (_horner(amounts, np.exp(-np.abs(x)))[0][0] for amounts in (clean, np.abs(clean)))
    return float(value / size)


def _why(state: int, roots: tuple[float, ...], crossings: list[int], total: float) -> str:
    """The state in a sentence for a reader of finance."""
    if state == SEVERAL_RATES:
        listed = ", ".join(f"{root:.4%} ({CROSSINGS[c]})" for root, c in zip(roots, crossings, strict=True))
        return f"{len(roots)} rates make the value zero: {listed}; the one nearest to zero is taken."
    if state == ONE_RATE:
        through = {FALLS: "falls through", RISES: "rises through", TOUCHES: "touches"}[crossings[0]]
        return f"Exactly one rate above −100% makes the value zero; the value {through} zero as the rate rises."
    return {
        NEVER_REPAID: "Money goes out and none ever comes back, so no rate makes the value zero.",
        NEVER_PAID_IN: "Money comes in and none ever went out, so no rate makes the value zero.",
        NO_FLOWS: "There are no flows.",
        NO_RATE: f"Money goes both ways, yet the value is {'above' if total > 0 else 'below'} zero at every rate.",
    }[state]
