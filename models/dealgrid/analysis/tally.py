"""Streaming statistics: what is kept of many futures once each has been looked at, in memory that does not grow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dealgrid.analysis.draws import STRATA

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

EXACT = 65_536  # values of one series that are kept as they are; beyond, they are counted in buckets
FINE = 12  # each power of two is cut into 2 to this many buckets: a quantile is right to 1 part in 4,096
MANTISSA = 52  # bits of a float after its leading one
FEWEST_BLOCKS = 8  # from which the spread of block means says more than that of single futures


class Sketch:
    """The values of one series: themselves while they are few, then counts in buckets of equal relative width.

    What is kept depends on the values alone, not on their order or on who saw which.
    """

    def __init__(self, values: Floats) -> None:
        self.count = len(values)
        self.values: Floats | None = values
        self.keys: Whole = np.zeros(0, dtype=np.int64)
        self.counts: Whole = np.zeros(0, dtype=np.int64)
        self._cut()

    def add(self, other: Sketch) -> None:
        """Take in what another has seen."""
        self.count += other.count
        if self.values is not None and other.values is not None:
            self.values = np.concatenate([self.values, other.values])
        else:
            self._count()
            keys, counts = (other.keys, other.counts) if other.values is None else _counted(other.values)
            self._take(keys, counts)
        self._cut()

    def quantile(self, part: float) -> float:
        """The value with a `part` of all values below it, between neighbours on a line; not a number for none."""
        if not self.count:
            return math.nan
        if self.values is not None:
            return _between(np.sort(self.values), part)
        place = part * (self.count - 1)
        ends = np.cumsum(self.counts)
        at = int(np.searchsorted(ends, place, side="right"))
        low, high = _edge(int(self.keys[at])), _edge(int(self.keys[at]) + 1)
        inside = (place - (ends[at] - self.counts[at])) / self.counts[at]
        return low + (high - low) * inside if math.isfinite(low) and math.isfinite(high) else low

    def _cut(self) -> None:
        if self.count > EXACT:
            self._count()

    def _count(self) -> None:
        if self.values is not None:
            values, self.values = self.values, None
            self._take(*_counted(values))

    def _take(self, keys: Whole, counts: Whole) -> None:
        merged, places = np.unique(np.concatenate([self.keys, keys]), return_inverse=True)
        both = np.concatenate([self.counts, counts])
        self.keys, self.counts = merged, np.bincount(places, both, len(merged)).astype(np.int64)


def _between(ordered: Floats, part: float) -> float:
    """A quantile of ordered values, which may end in infinite ones."""
    place = part * (len(ordered) - 1)
    low, high = float(ordered[math.floor(place)]), float(ordered[math.ceil(place)])
    return low if low == high else low + (high - low) * (place - math.floor(place))


def _counted(values: Floats) -> tuple[Whole, Whole]:
    """Buckets and how many values lie in each; the bits of a float, read as a whole number, are in its order."""
    bits = (values + 0.0).view(np.int64)  # -0.0 becomes 0.0
    ordered = bits ^ ((bits >> 63) & np.int64(0x7FFF_FFFF_FFFF_FFFF))
    keys, counts = np.unique(ordered >> (MANTISSA - FINE), return_counts=True)
    return keys, counts.astype(np.int64)


def _edge(key: int) -> float:
    """The lower edge of a bucket."""
    ordered = np.array([key << (MANTISSA - FINE)], dtype=np.int64)
    bits = ordered ^ ((ordered >> 63) & np.int64(0x7FFF_FFFF_FFFF_FFFF))
    edge = float(bits.view(np.float64)[0])
    return 0.0 if abs(edge) < 2.0**-1000 else edge


@dataclass
class Tally:
    """Counts, sums and quantiles of several series over futures.

    `around` (series,) are values near each mean, so that sums of squares keep their digits. Everything is (series,).
    Infinite values and those that are no number are counted apart; means and deviations are of the rest.
    """

    around: Floats
    futures: int
    finite: Floats
    above: Floats  # + infinite
    missing: Floats
    total: Floats
    squares: Floats
    least: Floats
    most: Floats
    blocks: int  # whole ones
    block_products: Floats  # (3, series): sums over blocks of total², total × finite, finite²
    block_totals: Floats  # (2, series): sums over whole blocks of total, finite
    sketches: list[Sketch | None] = field(repr=False)

    @classmethod
    def of(cls, values: Floats, around: Floats, in_quantiles: Sequence[bool]) -> Self:
        """Of values (series, futures), which begin at a whole block of draws."""
        blocks = values.shape[1] // STRATA
        whole = (len(values), blocks, STRATA)
        moved = values - around[:, np.newaxis]
        counts = np.full(whole[:2], float(STRATA))
        finite = np.full(len(values), float(values.shape[1]))
        above = missing = np.zeros(len(values))
        if not np.isfinite(moved).all():
            is_finite = np.isfinite(values)
            moved[~is_finite] = 0.0
            counts = is_finite[:, : blocks * STRATA].reshape(whole).sum(axis=2).astype(float)
            finite = is_finite.sum(axis=1).astype(float)
            above = (values == np.inf).sum(axis=1).astype(float)
            missing = np.isnan(values).sum(axis=1).astype(float)
        parts = moved[:, : blocks * STRATA].reshape(whole).sum(axis=2)
        return cls(
            around=around,
            futures=values.shape[1],
            finite=finite,
            above=above,
            missing=missing,
            total=moved.sum(axis=1),
            squares=(moved * moved).sum(axis=1),
            least=np.fmin.reduce(values, axis=1, initial=np.inf),
            most=np.fmax.reduce(values, axis=1, initial=-np.inf),
            blocks=blocks,
            block_products=np.stack(
                [(one * other).sum(axis=1) for one, other in ((parts, parts), (parts, counts), (counts, counts))]
            ),
            block_totals=np.stack([parts.sum(axis=1), counts.sum(axis=1)]),
            sketches=[
                Sketch(line[~np.isnan(line)]) if wanted else None
                for line, wanted in zip(values, in_quantiles, strict=True)
            ],
        )

    def add(self, other: Tally) -> None:
        """Take in the futures that come next."""
        self.futures += other.futures
        self.blocks += other.blocks
        for name in ("finite", "above", "missing", "total", "squares", "block_products", "block_totals"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.least, self.most = np.fmin(self.least, other.least), np.fmax(self.most, other.most)
        for mine, theirs in zip(self.sketches, other.sketches, strict=True):
            if mine is not None and theirs is not None:
                mine.add(theirs)

    @property
    def mean(self) -> Floats:
        """Of finite values; not a number where there is none."""
        with np.errstate(invalid="ignore"):
            return self.around + self.total / self.finite

    @property
    def deviation(self) -> Floats:
        """Standard deviation of finite values."""
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = (self.squares - self.total**2 / self.finite) / (self.finite - 1)
        return np.sqrt(np.maximum(spread, 0))

    @property
    def error(self) -> Floats:
        """Standard error of the mean: from the spread of block means, as blocks are independent of each other.

        With fewer than `FEWEST_BLOCKS` blocks as if draws were not stratified, which is more. Where values are
        missing the mean is a ratio of sums, and this its usual (delta) approximation.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.blocks < FEWEST_BLOCKS:
                return self.deviation / np.sqrt(self.finite)
            mean = self.block_totals[0] / self.block_totals[1]
            squares, products, counts = self.block_products
            spread = np.maximum(squares - 2 * mean * products + mean**2 * counts, 0)
            of_blocks = np.sqrt(spread * self.blocks / (self.blocks - 1)) / self.block_totals[1]
            return of_blocks * np.sqrt(self.blocks * STRATA / self.futures)

    def quantile(self, series: int, part: float) -> tuple[float, float]:
        """A quantile and its standard error, from the quantiles one binomial deviation to either side (Woodruff 1952).

        That is the error without stratification, which makes it smaller.
        """
        sketch = self.sketches[series]
        if sketch is None or not sketch.count:
            return math.nan, math.nan
        side = math.sqrt(part * (1 - part) / sketch.count)
        low, high = (sketch.quantile(min(max(each, 0.0), 1.0)) for each in (part - side, part + side))
        return sketch.quantile(part), 0.0 if low == high else (high - low) / 2
