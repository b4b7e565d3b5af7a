"""Live futures: two structures in the same futures, looked at again and again as the terms of one are moved.

Draws are made once, so that a picture moves with its terms and never with chance; the structure that stands still is
run once; one compiled kernel serves whatever is moved. The figures are those of `futures` under the same seed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dealgrid.analysis.draws import Doubt, Draws
from dealgrid.analysis.futures import QUANTILES, SEED, coming, master_checks, percent
from dealgrid.analysis.tally import Tally
from dealgrid.dates import date_of
from dealgrid.deal import TOLERANCE, Case, Deal
from dealgrid.engine.kernel import Totals, cache_folder, prepare
from dealgrid.engine.loops import Kernel
from dealgrid.inputs import Parameter, display_value
from dealgrid.problems import InputError, Problem

Floats = NDArray[np.float64]

COUNTS = (
    2_048,
    4_096,
    8_192,
    16_384,
    32_768,
    65_536,
    100_000,
)  # futures behind a picture: the first are NumPy's while there is no kernel
ALL = COUNTS[-1]
BUDGET = 0.015  # seconds a picture may take while a term is being moved
COMPILED = "compiled"
COMPILING = "NumPy: the kernel is being compiled"  # as `engine.kernel` says it
UNKEPT = "NumPy: the folder for caches cannot be written to, so that no kernel can be kept"


@dataclass(frozen=True)
class Glimpse:
    """Two structures in the same `count` futures; each pair is the one that stands still, then the one that is moved.

    `drawn` are the uncertain parameters that neither scenario nor setting chooses; `how` says who computed:
    "compiled", or "NumPy" and why; `failed` counts the futures in which a check of the model was not zero.
    `values` has a line per holder and the total: `base` (no parameter drawn), `mean` and its standard `error`, the
    quantiles. `gains` has the same lines, of the difference in each future: `mean`, `error`, and the part of the
    futures in which it is `better` or `worse` by more than the tolerance of the checks, each with its error.
    `fans` have the lines `base` and the quantiles, a column per period that ends after the valuation date.
    """

    cases: tuple[Case, Case]
    count: int
    seed: int
    row: str
    how: str
    drawn: tuple[tuple[str, ...], tuple[str, ...]]
    failed: tuple[int, int]
    values: tuple[pd.DataFrame, pd.DataFrame]
    gains: pd.DataFrame
    fans: tuple[pd.DataFrame, pd.DataFrame]

    @property
    def is_all(self) -> bool:
        """Whether as many futures are behind it as there ever will be."""
        return self.count == ALL

    @property
    def is_waiting(self) -> bool:
        """Whether a kernel is being compiled that will allow for more futures."""
        return self.how == COMPILING


@dataclass(frozen=True)
class _Side:
    """One structure in some futures."""

    case: Case
    key: tuple[object, ...]
    drawn: tuple[str, ...]
    failed: int
    holders: Floats  # (holders and total, futures)
    values: pd.DataFrame
    fan: pd.DataFrame


class Live:
    """A deal's futures, kept at hand. `rows` are those whose fan can be asked for without another kernel."""

    def __init__(self, deal: Deal, seed: int = SEED) -> None:
        self.deal = deal
        self.seed = seed
        self.rows = deal.story.paths
        self.holders = (*deal.story.holders, deal.story.total)
        self.labels = pd.Index([*deal.story.holders.values(), "Total"])
        self._draws = Draws(deal.parameters, seed)
        self._doubts = tuple(self._draws.doubts)
        self._values: dict[str, Floats] = {}
        self._kernels: dict[object, Kernel] = {}
        self._still: _Side | None = None
        self._pace = 0.0  # seconds a future, of the compiled kernel and all that is made of it

    @property
    def quick(self) -> int:
        """As many futures as a picture may have that is wanted at once, by how long the last ones took."""
        fitting = [count for count in COUNTS if count * self._pace <= BUDGET]
        return fitting[-1] if fitting else COUNTS[0]

    def look(self, against: Case, case: Case, row: str, count: int = ALL) -> Glimpse:
        """Both structures in `count` futures, or in the fewest of `COUNTS` while there is no compiled kernel.

        `row` is the one whose fan is drawn. InputError where it has no value per period, ModelError where a row is
        not a number in some future.
        """
        if self.deal.row(row).is_once:
            raise InputError(Problem("row", f"{row} is one number per case", "a row over periods", "name another"))
        totals = self._prepared(case, row)
        how = self._how(totals)
        count = count if how == COMPILED else COUNTS[0]
        still = self._side(against, row, count, (row, count, how))
        begun = time.perf_counter()
        moved = self._side(case, row, count, (), totals)
        gains = self._gains(still, moved, case)
        if how == COMPILED:
            self._pace = (time.perf_counter() - begun) / count
        pairs = (still.drawn, moved.drawn), (still.failed, moved.failed), (still.values, moved.values)
        return Glimpse((against, case), count, self.seed, row, how, *pairs, gains, (still.fan, moved.fan))

    def is_ready(self, case: Case, row: str) -> bool:
        """Whether nothing has to be waited for: a kernel is compiled, or will never be."""
        return self._how(self._prepared(case, row)) != COMPILING

    def _how(self, totals: Totals) -> str:
        """Who computes: the compiler is asked for, and tried, with the fewest futures."""
        if cache_folder() is None:  # a kernel another process compiles would never be found
            return UNKEPT
        totals(self._first(1, self._doubts), 1)
        return totals.how

    def _prepared(self, case: Case, row: str) -> Totals:
        """The rows looked at, ready to run. All doubts vary, the chosen ones by nothing: so one kernel serves."""
        deal = self.deal
        rows = dict.fromkeys([*self.holders, *self.rows, row, *master_checks(deal)])
        fixed = deal.fixed(case.pins, case.calendar)
        wait = None if cache_folder() is None else False
        totals = prepare(
            deal.book,
            case.calendar,
            deal.arrays(case.given, case.calendar),
            tuple(rows),
            self._doubts,
            fixed,
            wait=wait,
        )
        key = (tuple(rows), frozenset(pin.row for pin in fixed))
        if key in self._kernels:
            totals.kernel = self._kernels[key]  # to write it anew takes longer than to run it
        self._kernels[key] = totals.kernel
        return totals

    def _side(self, case: Case, row: str, count: int, key: tuple[object, ...], totals: Totals | None = None) -> _Side:
        """One structure in some futures; the one that stands still, which has a key, only once."""
        if key and self._still is not None and self._still.case is case and self._still.key == key:
            return self._still
        totals = totals or self._prepared(case, row)
        chosen = {*self.deal.scenario(case.scenario).set, *case.settings}
        drawn = [name for name in self._doubts if name not in chosen]
        found = totals(self._first(count, drawn), count)
        holders = np.stack([found[name] for name in self.holders])
        places = coming(case)
        fan = found[row][places]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # sorting holds no lock
            quantiles = list(pool.map(_quantiles, [*holders, *fan]))
        side = _Side(
            case, key, tuple(drawn), self._failed(found, case), holders,
            self._spread(case, holders, quantiles[: len(holders)]),
            self._fan(case, row, places, quantiles[len(holders) :]),
        )  # fmt: skip
        if key:
            self._still = side
        return side

    def _spread(self, case: Case, holders: Floats, quantiles: Sequence[Floats]) -> pd.DataFrame:
        tally = Tally.of(holders, holders[:, 0].copy(), [False] * len(holders))
        columns = {
            "base": [float(case.values[name]) for name in self.holders],
            "mean": tally.mean,
            "error": tally.error,
        }
        parts = dict(zip(map(percent, QUANTILES), np.transpose(quantiles), strict=True))
        return pd.DataFrame({**columns, **parts}, index=self.labels)

    def _fan(self, case: Case, row: str, places: Sequence[int], quantiles: Sequence[Floats]) -> pd.DataFrame:
        periods = [case.calendar.periods[place] for place in places]
        lines = np.vstack([case.values[row][list(places)], np.transpose(quantiles)])
        return pd.DataFrame(lines, index=pd.Index(["base", *map(percent, QUANTILES)]), columns=periods)

    def _gains(self, still: _Side, moved: _Side, case: Case) -> pd.DataFrame:
        """What the moved structure brings more than the other in the same future."""
        tolerance = float(case.given[TOLERANCE])  # type: ignore[arg-type]
        gains = moved.holders - still.holders
        series = np.concatenate([gains, gains > tolerance, gains < -tolerance])
        tally = Tally.of(series, np.zeros(len(series)), [False] * len(series))
        means, errors = (each.reshape(3, -1) for each in (tally.mean, tally.error))
        columns = {}
        for name, mean, error in zip(("mean", "better", "worse"), means, errors, strict=True):
            columns[name], columns["error" if name == "mean" else f"{name}_error"] = mean, error
        return pd.DataFrame(columns, index=self.labels)

    def _failed(self, found: Mapping[str, Floats], case: Case) -> int:
        tolerance = float(case.given[TOLERANCE])  # type: ignore[arg-type]
        wrong = [~(np.abs(np.atleast_2d(found[name])) <= tolerance).all(axis=0) for name in master_checks(self.deal)]
        return int(np.logical_or.reduce(wrong).sum()) if wrong else 0

    def _first(self, count: int, names: Sequence[str]) -> dict[str, Floats]:
        """The first futures of all there are, drawn once."""
        if len(next(iter(self._values.values()), ())) < count:
            self._values = self._draws.values(0, count, self._doubts)
        return {name: self._values[name][:count] for name in names}


def how_drawn(parameter: Parameter) -> str:
    """Between what an uncertain parameter lies in nine futures of ten, or how likely each outcome is, in words."""
    assert parameter.uncertain is not None
    if parameter.uncertain.kind == "hazard":
        chance, begin = (parameter.uncertain.arguments[name] for name in ("per_year", "from"))
        return f"with a chance of {display_value(chance, 'fraction')} a year from {date_of(begin).year} on"
    if parameter.uncertain.kind == "discrete":
        told = (
            f"{display_value(value, parameter.unit)} in {display_value(part, 'fraction')}"
            for value, part in parameter.uncertain.outcomes
        )
        return ", ".join(told) + " of them"
    doubt = Doubt(parameter.name, parameter.unit, parameter.uncertain)
    low, high = (display_value(value, parameter.unit) for value in doubt.at(np.array([QUANTILES[0], QUANTILES[-1]])))
    return f"{low} to {high} in nine of ten"


def _quantiles(values: Floats) -> Floats:
    """The quantiles of a series, between neighbours on a line."""
    places = np.array(QUANTILES) * (len(values) - 1)
    below = np.floor(places).astype(int)
    above = np.ceil(places).astype(int)
    ordered = np.partition(values, np.unique([below, above]))
    low, high = ordered[below], ordered[above]
    with np.errstate(invalid="ignore"):
        between = low + (high - low) * (places - below)
    return np.where(low == high, low, between)
