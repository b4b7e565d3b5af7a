"""Solve: which values of a parameter bring a row to a figure; in one case, or on the whole of many futures."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dealgrid.analysis.futures import SEED, Crowd, refuse_count
from dealgrid.analysis.levers import Lever, is_structural, lever, points, text_of_range
from dealgrid.analysis.tally import Tally
from dealgrid.deal import Case, Deal
from dealgrid.engine.row import Row
from dealgrid.inputs import UNITS, Pin, display_value
from dealgrid.problems import InputError, ModelError, Problem

Floats = NDArray[np.float64]
Measure = Callable[[Floats], tuple[Floats, Floats]]  # points to figures and their standard errors

SCAN, SCAN_FUTURES = 257, 33  # points over the range, among which solutions are looked for
COUNT = 4_096
AT_ONCE = 16_384  # futures in one call of the engine
EQUAL = 1e-9  # relative to the figure: closer is equal
STEP = 1e-4  # of a value, to each side, for the slope at a solution


@dataclass(frozen=True)
class Solution:
    """A value of the parameter that brings the row to the figure; to `until`, where all from one to the other do.

    `reached` is what the row then is, `setting` the value as `--set` takes it, `error` the standard error of the value
    (0 for one case). Where values are whole, as dates are, none may fit: then `value` and `beside` are the neighbours
    between which the row passes the figure, and `reached` and `reached_beside` what it is there.
    """

    value: float
    setting: str
    reached: float
    error: float = 0.0
    until: float | None = None
    beside: float | None = None
    reached_beside: float | None = None


@dataclass(frozen=True)
class Solved:
    """All solutions that were found in the range of a parameter, or why there are none."""

    lever: Lever
    row: Row
    equals: float
    what: str  # "" for one case, else "expected value" or "5% quantile"
    caption: str
    solutions: tuple[Solution, ...]
    because: str  # "" where there are solutions

    def told(self) -> list[str]:
        """The answer in sentences."""
        figure = display_value(self.equals, self.row.unit)
        goal = f"{self.what + ' of ' if self.what else ''}{self.row.label.lower()} = {figure}"
        if not self.solutions:
            return [f"No value of {self.lever.name} brings {goal}: {self.because}."]
        return [self._sentence(each, goal) for each in self.solutions]

    def _sentence(self, found: Solution, goal: str) -> str:
        here = self.lever.shown(found.value)
        if found.until is not None:
            return f"{self.lever.name} from {here} to {self.lever.shown(found.until)}: {goal} throughout"
        if found.beside is not None and found.reached_beside is not None:
            figures = (display_value(each, self.row.unit) for each in (found.reached, found.reached_beside))
            one, other = figures
            return f"{self.lever.name} between {here} ({one}) and {self.lever.shown(found.beside)} ({other}): {goal}"
        return f"{self.lever.name} = {here}{self._give_or_take(found)}: {goal}"

    def _give_or_take(self, found: Solution) -> str:
        unit = self.lever.parameter.unit
        if not found.error:
            return ""
        spread = f"{found.error:.0f} days" if UNITS[unit].kind == "date" else f"{found.error:.2g}"
        return f" ± {found.error * 100:.2g} percentage points" if UNITS[unit].kind == "fraction" else f" ± {spread}"


def solve(
    deal: Deal,
    parameter: str,
    row: str,
    equals: float,
    scenario: str | None = None,
    set: Mapping[str, object] | None = None,
    pins: Mapping[str, object] | Iterable[Pin] = (),
    expected: bool = False,
    quantile: float | None = None,
    count: int = COUNT,
    seed: int = SEED,
) -> Solved:
    """The values of a parameter at which a `once` row equals a figure, in the row's unit; the present scenario's
    unless one is named.

    The whole range is scanned at 257 points, every change of sign between two of them is narrowed down (Brent's
    method), and so is every near miss, so that what touches the figure is found too; what lies closer together than
    two points may be missed. With `expected` or `quantile` the figure is one of `count` futures that all points share,
    scanned at 33 points, and each solution has a standard error. InputError for a parameter or row that cannot be used.
    """
    scenario = scenario or deal.story.present
    case = deal.case(scenario, set, pins)
    turned, wanted = lever(case, parameter), deal.row(row)
    in_futures = expected or quantile is not None
    _refuse(turned, wanted, expected, quantile, count)
    if in_futures:
        measure = _of_futures(deal, scenario, set, pins, turned, row, quantile, count, seed)
        what = "expected value" if quantile is None else f"{quantile * 100:g}% quantile"
        caption = f"{case.title}, {count:,} futures, seed {seed}"
    else:
        measure = _of_case(deal, scenario, set, pins, case, turned, row)
        what, caption = "", case.title
    at = points(turned, case.calendar, SCAN_FUTURES if in_futures else SCAN)
    figures, _ = measure(at)
    search = _Search(turned, measure, equals, at, figures)
    solutions = tuple(sorted(search.solutions(), key=lambda found: found.value))
    because = "" if solutions else search.because(wanted)
    return Solved(turned, wanted, equals, what, caption, solutions, because)


def _refuse(turned: Lever, row: Row, expected: bool, quantile: float | None, count: int) -> None:
    problems = []
    if not row.is_once:
        problems.append(
            Problem("row", f"{row.name} has a value per period", "a row with one number per case", "name another")
        )
    if expected and quantile is not None:
        problems.append(Problem("quantile", "both expected value and quantile are asked for", "one", "leave one out"))
    if quantile is not None and not 0 < quantile < 1:
        problems.append(
            Problem("quantile", f"{quantile:g} is no part of futures", "between 0 and 1", "write 5% or 0.05")
        )
    if (expected or quantile is not None) and is_structural(turned.name):
        problems.append(
            Problem("parameter", f"all futures share {turned.name}", "a parameter that is not of the calendar",
                    "solve without futures")
        )  # fmt: skip
    if problems:
        raise InputError(problems)
    if expected or quantile is not None:
        refuse_count(count)


def _of_case(
    deal: Deal,
    scenario: str,
    set: Mapping[str, object] | None,
    pins: Mapping[str, object] | Iterable[Pin],
    case: Case,
    turned: Lever,
    row: str,
) -> Measure:
    if is_structural(turned.name):

        def one_by_one(at: Floats) -> tuple[Floats, Floats]:
            settings = [{**(set or {}), turned.name: float(x)} for x in at]
            figures = [_tried(functools.partial(_figure, deal, scenario, each, pins, row)) for each in settings]
            return np.array(figures), np.zeros(len(at))

        return one_by_one
    totals = case.totals([row], [turned.name])

    def one(given: Floats) -> float:
        return float(totals({turned.name: given}, 1)[row][0])

    def all_at_once(at: Floats) -> tuple[Floats, Floats]:
        given = turned.over(at, case.calendar)
        try:
            return totals({turned.name: given}, len(at))[row], np.zeros(len(at))
        except ModelError:  # no number somewhere: find out where
            alone = [_tried(functools.partial(one, given[..., n : n + 1])) for n in range(len(at))]
            return np.array(alone), np.zeros(len(at))

    return all_at_once


def _figure(
    deal: Deal, scenario: str, set: Mapping[str, object], pins: Mapping[str, object] | Iterable[Pin], row: str
) -> float:
    return float(deal.case(scenario, set, pins)[row])


def _tried(compute: Callable[[], float]) -> float:
    """A figure, or none where the model has none or refuses the value."""
    try:
        return compute()
    except (ModelError, InputError):
        return math.nan


def _of_futures(
    deal: Deal,
    scenario: str,
    set: Mapping[str, object] | None,
    pins: Mapping[str, object] | Iterable[Pin],
    turned: Lever,
    row: str,
    quantile: float | None,
    count: int,
    seed: int,
) -> Measure:
    crowd = Crowd(deal, scenario, [row], seed, set, pins, varying=[turned.name])
    drawn = crowd.draws.values(0, count, crowd.drawn)

    def measure(at: Floats) -> tuple[Floats, Floats]:
        found = [_measured(_values(crowd, drawn, turned, x, count, row), quantile) for x in at]
        return np.array([figure for figure, _ in found]), np.array([error for _, error in found])

    return measure


def _values(
    crowd: Crowd, drawn: Mapping[str, Floats], turned: Lever, at: float, count: int, row: str
) -> Floats:  # fmt: skip
    """The row in all futures with the lever at one value."""
    parts = []
    for begin in range(0, count, AT_ONCE):
        size = min(AT_ONCE, count - begin)
        given = turned.over(np.full(size, at), crowd.case.calendar)
        some = {name: values[begin : begin + size] for name, values in drawn.items()}
        try:
            parts.append(crowd.totals({**some, turned.name: given}, size)[row])
        except ModelError:
            parts.append(np.full(size, math.nan))
    return np.concatenate(parts)


def _measured(values: Floats, quantile: float | None) -> tuple[float, float]:
    """A mean or a quantile and its standard error; none where not all futures have a number to count."""
    if np.isnan(values).any() or (quantile is None and not np.isfinite(values).all()):
        return math.nan, math.nan
    tally = Tally.of(values[np.newaxis], values[:1], [quantile is not None])
    return (float(tally.mean[0]), float(tally.error[0])) if quantile is None else tally.quantile(0, quantile)


class _Search:
    """Looks among figures at points for those that equal another."""

    def __init__(self, turned: Lever, measure: Measure, equals: float, at: Floats, figures: Floats) -> None:
        self.turned = turned
        self.measure = measure
        self.equals = equals
        self.at = at
        self.figures = figures
        self.is_continuous = UNITS[turned.parameter.unit].is_continuous
        self.is_date = UNITS[turned.parameter.unit].kind == "date"
        finite = figures[np.isfinite(figures)]
        spread = float(np.ptp(finite)) if finite.size else 0.0
        self.near = EQUAL * max(1.0, abs(equals) if math.isfinite(equals) else 1.0, spread)
        self.jumps: list[tuple[float, float, float]] = []

    def solutions(self) -> list[Solution]:
        """Flat stretches and single hits, crossings between two points, and where the figure is only touched."""
        found = [*self._hits()]
        gaps = self._gaps(self.figures)
        is_hit = self._equal(self.figures)
        for place in range(len(self.at) - 1):
            if is_hit[place] or is_hit[place + 1] or not np.isfinite(gaps[place : place + 2]).all():
                continue
            if gaps[place] * gaps[place + 1] < 0:
                found += self._crossing(place)
        return found + self._touching(gaps, is_hit)

    def because(self, row: Row) -> str:
        """Why there is no solution."""
        usable = self.figures[~np.isnan(self.figures)]
        across = text_of_range(self.turned)
        if not usable.size:
            return f"{row.name} has no number anywhere from {across}"
        low, high = (display_value(float(each), row.unit) for each in (usable.min(), usable.max()))
        if np.all(usable == usable[0]):
            return f"{row.name} does not depend on it: it is {low} all over {across}"
        for at, before, after in self.jumps:
            one, other = (display_value(each, row.unit) for each in (before, after))
            return f"{row.name} jumps over it, from {one} to {other}, at {self.turned.name} = {self.turned.shown(at)}"
        if usable.min() <= self.equals <= usable.max():
            return f"{row.name} takes values from {low} to {high} over {across}, but none that is equal"
        return f"{row.name} is between {low} and {high} all over {across}"

    def _gaps(self, figures: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            return np.asarray(figures - self.equals)

    def _equal(self, figures: Floats) -> NDArray[np.bool_]:
        return (figures == self.equals) | (np.abs(self._gaps(figures)) <= self.near)

    def _gap(self, x: float) -> float:
        return float(self._gaps(self.measure(np.array([x]))[0])[0])

    def _hits(self) -> list[Solution]:
        """Points that fit; neighbours that fit are one stretch."""
        found: list[Solution] = []
        places = np.flatnonzero(self._equal(self.figures))
        for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
            if not run.size:
                continue
            first, last = float(self.at[run[0]]), float(self.at[run[-1]])
            reached = float(self.figures[run[0]])
            if run.size > 1:
                first, last = self._edge(run[0], -1), self._edge(run[-1], 1)
                found.append(Solution(first, self.turned.text(first), reached, until=last))
            else:
                found.append(self._solution(first))
        return found

    def _edge(self, place: int, step: int) -> float:
        """Where a stretch that fits ends, between a point inside it and the next outside."""
        inside = float(self.at[place])
        if not 0 <= place + step < len(self.at) or not math.isfinite(self.at[place + step]):
            return inside
        outside = float(self.at[place + step])
        while abs(outside - inside) > (1 if not self.is_continuous else 1e-12 * max(1.0, abs(inside))):
            middle = (inside + outside) / 2 if self.is_continuous else float(round((inside + outside) / 2))
            if middle in (inside, outside):
                break
            fits = bool(self._equal(np.array([self._gap(middle) + self.equals]))[0])
            inside, outside = (middle, outside) if fits else (inside, middle)
        return inside

    def _crossing(self, place: int) -> list[Solution]:
        low, high = float(self.at[place]), float(self.at[place + 1])
        if not self.is_continuous or math.isinf(high):
            return self._whole_crossing(low, high, place)
        from scipy.optimize import brentq

        root = float(brentq(self._gap, low, high, xtol=1e-13 * max(1.0, abs(high)), rtol=8.9e-16, disp=False))
        step = max(abs(high - low), abs(root)) * 1e-9
        sides = [self._gap(min(max(root + side, low), high)) for side in (-step, step)]
        largest_slope = abs(self.figures[place + 1] - self.figures[place]) / (high - low)
        if abs(sides[1] - sides[0]) > 1e3 * largest_slope * 2 * step + 10 * self.near:
            self.jumps.append((root, sides[0] + self.equals, sides[1] + self.equals))
            return []
        return [self._solution(root)]

    def _whole_crossing(self, low: float, high: float, place: int) -> list[Solution]:
        """Neighbouring days, or the two values between which a row passes the figure."""
        before, after = float(self.figures[place]), float(self.figures[place + 1])
        while self.is_date and math.isfinite(high) and high - low > 1:
            middle = float(math.floor((low + high) / 2))
            figure = self._gap(middle) + self.equals
            if self._equal(np.array([figure]))[0]:
                return [self._solution(middle)]
            if (figure - self.equals) * (before - self.equals) > 0:
                low, before = middle, figure
            else:
                high, after = middle, figure
        if not self.is_date or math.isinf(high):
            self.jumps.append((high, before, after))
            return []
        return [Solution(low, self.turned.text(low), before, beside=high, reached_beside=after)]

    def _touching(self, gaps: Floats, is_hit: NDArray[np.bool_]) -> list[Solution]:
        """Where the row comes nearest to the figure between three points without passing it, and reaches it."""
        if not self.is_continuous:
            return []
        from scipy.optimize import minimize_scalar

        found = []
        for place in range(1, len(self.at) - 1):
            three = slice(place - 1, place + 2)
            near, same = np.abs(gaps[three]), np.sign(gaps[three])
            if is_hit[three].any() or not np.isfinite([*gaps[three], *self.at[three]]).all():
                continue
            if near[1] < near[0] and near[1] < near[2] and same[0] == same[1] == same[2]:
                ends = float(self.at[place - 1]), float(self.at[place + 1])
                lowest = minimize_scalar(lambda x: abs(self._gap(x)), bounds=ends, method="bounded",
                                         options={"xatol": 1e-9 * max(1.0, abs(ends[1]))})  # fmt: skip
                if lowest.fun <= self.near:
                    found.append(self._solution(float(lowest.x)))
        return found

    def _solution(self, value: float) -> Solution:
        figures, errors = self.measure(np.array([value]))
        return Solution(value, self.turned.text(value), float(figures[0]), self._error(value, float(errors[0])))

    def _error(self, value: float, error: float) -> float:
        """The error of a figure as one of the value, by the slope there."""
        if not error or not math.isfinite(value):
            return 0.0
        step = 30.0 if self.is_date else STEP * max(abs(value), STEP)
        low, high = (max(self.turned.parameter.low, value - step), min(self.turned.parameter.high, value + step))
        figures, _ = self.measure(np.array([low, high]))
        slope = (figures[1] - figures[0]) / (high - low)
        return abs(error / slope) if slope else math.inf
