"""Draws: what each uncertain parameter is in each future, the same whoever draws which part of them.

Futures come in blocks of `STRATA`. In a block each parameter's distribution is cut into as many parts of equal
probability and every part is drawn from once (Latin hypercube sampling: McKay, Beckman and Conover 1979), in an order
that keys decide. Blocks are independent of each other, so that the spread of their means says how sure a mean is.
A parameter's keys come from a stream of its own, a counter-based generator (Philox: Salmon et al. 2011) keyed by seed
and name: any part of it can be drawn alone, and a new parameter changes no other's draws. Correlations mix the keys by
a Gaussian copula; in a block the ranks of the mixed keys count, which keeps every parameter stratified (Stein 1987).
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dealgrid.deal import STRUCTURAL
from dealgrid.inputs import UNITS, Parameter, Uncertain
from dealgrid.inputs.values import LAST_DAY
from dealgrid.problems import InputError, Problem

Floats = NDArray[np.float64]

STRATA = 64  # futures in a block
NUMBERS_PER_COUNT = 4  # random numbers of 64 bits that Philox makes for one step of its counter
BITS, HALF = 40, 0.5  # of a random number that are used: with its stratum before them a float still holds all of them
DAYS_IN_YEAR = 365.25
STEEPEST = 1 - 1e-12  # of normal correlations; parameters that move as one are drawn as one


@dataclass(frozen=True)
class Doubt:
    """An uncertain parameter: its name, unit and distribution."""

    name: str
    unit: str
    uncertain: Uncertain

    def at(self, part: Floats) -> Floats:
        """The value below which a `part` of the futures lie, 0 < part < 1; dates and counts are whole."""
        values = _QUANTILES[self.uncertain.kind](part, self.uncertain)
        if self.uncertain.kind in ("discrete", "hazard") or UNITS[self.unit].kind != "date":
            return values
        low, high = self.uncertain.arguments["low"], self.uncertain.arguments["high"]
        return np.clip(np.floor(values + HALF), math.ceil(low), math.floor(high) if math.isfinite(high) else high)


class Draws:
    """The draws of a set of uncertain parameters under one seed.

    `believed` replaces distributions, as one party sees them: the draws stay at the same parts of each. InputError
    for a parameter of the calendar, and for correlations that cannot all hold.
    """

    def __init__(
        self, parameters: Mapping[str, Parameter], seed: int, believed: Mapping[str, Uncertain] | None = None
    ) -> None:
        doubts = {name: each.uncertain for name, each in parameters.items() if each.uncertain} | dict(believed or {})
        self.seed = seed
        self.doubts = {name: Doubt(name, parameters[name].unit, uncertain) for name, uncertain in doubts.items()}
        self.groups = _groups({name: parameters[name].uncertain for name in doubts})
        self._refuse_calendar(parameters)
        self._mixers = {group: _mixer(group, parameters) for group in self.groups if len(group) > 1}

    def values(self, begin: int, end: int, names: Iterable[str]) -> dict[str, Floats]:
        """Values of the futures from `begin` to before `end`, shape (end - begin,), in each parameter's unit."""
        return {name: self.doubts[name].at(part) for name, part in self.parts(begin, end, names).items()}

    def parts(self, begin: int, end: int, names: Iterable[str]) -> dict[str, Floats]:
        """The same as parts of each distribution: numbers evenly spread between 0 and 1."""
        wanted = set(names)
        first, last = begin // STRATA, -(-end // STRATA)
        cut = slice(begin - first * STRATA, end - first * STRATA)
        found: dict[str, Floats] = {}
        for group in self.groups:
            if not wanted.isdisjoint(group):
                found |= {name: part[cut] for name, part in self._group(group, first, last).items()}
        return {name: found[name] for name in self.doubts if name in wanted}

    def _group(self, group: tuple[str, ...], first: int, last: int) -> dict[str, Floats]:
        """Parts of parameters correlated with each other, whole blocks."""
        keys, jitters = zip(*(self._stream(name, first, last) for name in group), strict=True)
        if len(group) > 1:
            keys = _mixed(self._mixers[group], [_normal_quantile(key) for key in keys])
        return {
            name: ((_ranks(key) + jitter) / STRATA).ravel()
            for name, key, jitter in zip(group, keys, jitters, strict=True)
        }

    def _stream(self, name: str, first: int, last: int) -> tuple[Floats, Floats]:
        """Keys and places inside the strata, (blocks, STRATA) each, between 0 and 1 and never at either."""
        digest = hashlib.sha256(f"{self.seed}:{name}".encode()).digest()
        key = np.frombuffer(digest[:16], dtype="<u8")
        steps = 2 * STRATA // NUMBERS_PER_COUNT
        stream = np.random.Philox(key=key, counter=[first * steps, 0, 0, 0])
        raw = stream.random_raw((last - first) * 2 * STRATA).reshape(last - first, 2, STRATA)
        even = ((raw >> np.uint64(64 - BITS)).astype(float) + HALF) * 2.0**-BITS
        return even[:, 0], even[:, 1]

    def _refuse_calendar(self, parameters: Mapping[str, Parameter]) -> None:
        wrong = [parameters[name] for name in self.doubts if name in STRUCTURAL]
        if wrong:
            raise InputError(
                Problem(
                    each.file,
                    f"{each.name} is uncertain, but all futures share one calendar",
                    "a parameter that is not of the calendar",
                    "remove `uncertain`",
                    each.line,
                )
                for each in wrong
            )


def _ranks(keys: Floats) -> NDArray[np.int64]:
    """The place of each key in its block, from 0."""
    order = np.argsort(keys, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(keys.shape[1])[np.newaxis], axis=1)
    return ranks


# --- correlations -----------------------------------------------------------------------------------------------------


def _groups(uncertain: Mapping[str, Uncertain | None]) -> list[tuple[str, ...]]:
    """Parameters that are correlated with each other, directly or through others; most stand alone.

    In a group a parameter comes after those it names, so that one that is added, and names others, changes none.
    """
    named = {
        name: [other for other in (each.correlated if each else ()) if other in uncertain]
        for name, each in uncertain.items()
    }
    group_of = {name: {name} for name in uncertain}
    for name, others in named.items():
        for other in others:
            joined = group_of[name] | group_of[other]
            group_of.update(dict.fromkeys(joined, joined))
    groups = {tuple(_after_those_named(sorted(group), named)) for group in group_of.values()}
    return sorted(groups)


def _after_those_named(names: Sequence[str], named: Mapping[str, Sequence[str]]) -> list[str]:
    order: list[str] = []
    waiting = list(names)
    while waiting:
        free = [name for name in waiting if not set(named[name]) & (set(waiting) - {name})]
        chosen = (free or waiting)[0]  # two that name each other: the first by name
        order.append(chosen)
        waiting.remove(chosen)
    return order


def _mixer(group: tuple[str, ...], parameters: Mapping[str, Parameter]) -> Floats:
    """The lower triangle that turns independent normal numbers into correlated ones.

    InputError where no normal numbers have these correlations: rank correlations that can just hold may need normal
    ones that cannot.
    """
    matrix = np.eye(len(group))
    for place, name in enumerate(group):
        uncertain = parameters[name].uncertain
        for other, number in (uncertain.correlated if uncertain else {}).items():
            if other in group:
                there = group.index(other)
                matrix[place, there] = matrix[there, place] = normal_correlation(number)
    try:
        lower: Floats = np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
    except np.linalg.LinAlgError:
        first = parameters[group[-1]]
        problem = Problem(
            first.file,
            f"the correlations of {', '.join(group)} cannot all hold at once in a Gaussian copula",
            "rank correlations whose normal correlations make a positive definite matrix",
            "bring them nearer to 0",
            first.line,
        )
        raise InputError(problem) from None
    return lower


def _mixed(lower: Floats, normals: Sequence[Floats]) -> tuple[Floats, ...]:
    """Independent normal numbers mixed into correlated ones, added up in one order however many there are."""
    return tuple(
        functools.reduce(np.add, [weight * each for weight, each in zip(weights, normals, strict=True) if weight])
        for weights in lower.tolist()
    )


@functools.lru_cache(maxsize=256)
def normal_correlation(rank: float) -> float:
    """The correlation of normal numbers whose ranks, taken in blocks of `STRATA`, correlate as asked for.

    The mean rank correlation of n pairs is 6 ÷ (π(n + 1)) × (asin r + (n − 2) asin(r ÷ 2)) (Moran 1948), and a place
    drawn inside each stratum takes off 1 ÷ n². For many pairs it is the well-known r = 2 sin(π ÷ 6 × rank).
    """

    def expected(normal: float) -> float:
        of_ranks = 6 / (math.pi * (STRATA + 1)) * (math.asin(normal) + (STRATA - 2) * math.asin(normal / 2))
        return of_ranks * (1 - 1 / STRATA**2)

    low, high, size = 0.0, STEEPEST, abs(rank)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) < size else (low, middle)
    return math.copysign(low, rank)


# --- distributions ----------------------------------------------------------------------------------------------------


def _normal_part(value: float) -> float:
    return math.erfc(-value / math.sqrt(2)) / 2


def _normal_quantile(part: Floats) -> Floats:
    from scipy.special import ndtri

    values: Floats = ndtri(part)
    return values


def _uniform(part: Floats, uncertain: Uncertain) -> Floats:
    low, high = uncertain.arguments["low"], uncertain.arguments["high"]
    return low + part * (high - low)


def _triangular(part: Floats, uncertain: Uncertain) -> Floats:
    low, mode, high = (uncertain.arguments[name] for name in ("low", "mode", "high"))
    rising = low + np.sqrt(part * (high - low) * (mode - low))
    falling = high - np.sqrt((1 - part) * (high - low) * (high - mode))
    return np.where(part * (high - low) < mode - low, rising, falling)


def _pert(part: Floats, uncertain: Uncertain) -> Floats:
    """A beta distribution with a weight of 4 on the mode (Malcolm et al. 1959)."""
    from scipy.special import betaincinv

    low, mode, high = (uncertain.arguments[name] for name in ("low", "mode", "high"))
    before, after = 1 + 4 * (mode - low) / (high - low), 1 + 4 * (high - mode) / (high - low)
    values: Floats = low + (high - low) * betaincinv(before, after, part)
    return values


def _cut_normal(part: Floats, mean: float, sd: float, low: float, high: float) -> Floats:
    """A normal distribution cut off at both ends; from the nearer tail, where small parts are told apart."""
    if low > mean:
        return -_cut_normal(1 - part, -mean, sd, -high, -low)
    below, above = _normal_part((low - mean) / sd), _normal_part((high - mean) / sd)
    values: Floats = np.clip(mean + sd * _normal_quantile(below + part * (above - below)), low, high)
    return values


def _normal(part: Floats, uncertain: Uncertain) -> Floats:
    mean, sd, low, high = (uncertain.arguments[name] for name in ("mean", "sd", "low", "high"))
    return _cut_normal(part, mean, sd, low, high)


def _lognormal(part: Floats, uncertain: Uncertain) -> Floats:
    median, sd, low, high = (uncertain.arguments[name] for name in ("median", "sd", "low", "high"))
    logs = (-math.inf if low <= 0 else math.log(low), math.log(high))
    return np.clip(np.exp(_cut_normal(part, math.log(median), sd, *logs)), low, high)


def _discrete(part: Floats, uncertain: Uncertain) -> Floats:
    """In order of the values, so that correlations know which is more."""
    outcomes = sorted(pair for pair in uncertain.outcomes if pair[1] > 0)
    values, chances = np.array(outcomes).T
    return values[np.searchsorted(np.cumsum(chances)[:-1], part, side="right")]


def _hazard(part: Floats, uncertain: Uncertain) -> Floats:
    """The day something strikes that has the same chance in every year in which it has not struck yet."""
    begin, chance, until = (uncertain.arguments[name] for name in ("from", "per_year", "until"))
    years = np.log1p(-part) / np.log1p(-chance) if chance < 1 else np.zeros_like(part)
    days = np.floor(begin + DAYS_IN_YEAR * years)
    return np.where(days <= min(until, LAST_DAY), days, math.inf)


_QUANTILES: Mapping[str, Callable[[Floats, Uncertain], Floats]] = {
    "uniform": _uniform,
    "triangular": _triangular,
    "pert": _pert,
    "normal": _normal,
    "lognormal": _lognormal,
    "discrete": _discrete,
    "hazard": _hazard,
}
