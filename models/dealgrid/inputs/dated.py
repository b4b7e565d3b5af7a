"""Values that change with time, and what they come to in each period of a calendar."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dealgrid.dates import Calendar, date_text, serial
from dealgrid.inputs.complaints import Complaints, MisreadError, quoted
from dealgrid.inputs.values import UNITS, read_moment

STEP, LINEAR, NOTHING = "step", "linear", "nothing"
BETWEEN = (STEP, LINEAR, NOTHING)
COMING = "coming_"  # coming_x: the dated amounts of parameter x that fall after the valuation date
UNITS_OF_PAYMENTS = ("US$ bn", "number", "count", "days")  # what can add up over dates

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dated:
    """Values by date: `step` holds each until the next, `linear` draws lines, `nothing` pays each on its day.

    Before its first date a step or a line has its first value, after its last date its last.
    """

    days: tuple[float, ...]
    values: tuple[float, ...]
    between: str = STEP

    def at(self, days: Floats) -> Floats:
        """The value on each of the given serial days; for `nothing`, the amount paid on that day."""
        known, values = np.array(self.days), np.array(self.values)
        if self.between == LINEAR:
            line: Floats = np.interp(days, known, values)
            return line
        position = np.searchsorted(known, days, side="right") - 1
        if self.between == NOTHING:
            return np.where(np.isin(days, known), values[np.maximum(position, 0)], 0.0)
        held: Floats = values[np.maximum(position, 0)]
        return held

    def over(self, calendar: Calendar) -> Floats:
        """Shape (periods,): the mean of the daily values of each period, or for `nothing` their sum.

            A change inside a period counts by days. A period in which some day has no limit has none. Payments on days
        outside the calendar are in no period.
        """
        starts = np.array([serial(start) for start in calendar.starts])
        lengths = np.array([serial(end) + 1 for end in calendar.ends]) - starts
        daily = self.at(np.arange(starts[0], starts[0] + lengths.sum(), dtype=float))
        offsets = starts - starts[0]
        if self.between == NOTHING:
            return np.add.reduceat(daily, offsets)
        # Only what differs from the first day is averaged, so that a constant comes out as exactly itself.
        first = daily[offsets]
        finite_first = np.where(np.isinf(first), 0.0, first)
        differences: Floats = np.add.reduceat(daily - np.repeat(finite_first, lengths), offsets) / lengths
        return finite_first + differences


def read_dated(
    entries: Iterable[tuple[object, object, int | None]],
    read_one: Callable[[object], float],
    between: str,
    name: str,
    complaints: Complaints,
) -> Dated | None:
    """A dated value from (date, value, line) entries; None, with every problem noted, where it cannot be read."""
    before = len(complaints.problems)
    days: list[float] = []
    values: list[float] = []
    for date, raw, line in entries:
        day = _noted(read_moment, date, f"{name}, date", complaints, line)
        value = _noted(read_one, raw, f"{name}, {date_name(date)}", complaints, line)
        if day is not None and days and day <= days[-1]:
            complaints.misread(_out_of_order(date, days[-1]), name, line)
        days += [] if day is None else [day]
        values += [] if value is None else [value]
    if not days and len(complaints.problems) == before:
        complaints.add(f"{name}: no dates are given", "a value for each date, such as {2025: 20%, 2030: 10%}",
                       "add at least one, or write a single value")  # fmt: skip
    return Dated(tuple(days), tuple(values), between) if len(complaints.problems) == before else None


def date_name(raw: object) -> str:
    """A date for messages, as it was written; serial days as dates."""
    return date_text(raw) if isinstance(raw, float) else str(raw)


def check_between(between: str, unit: str) -> None:
    """MisreadError where values in this unit cannot be joined, or paid, this way."""
    if between == LINEAR and not UNITS[unit].is_continuous:
        raise MisreadError(f"`between: linear` makes no sense for the unit {unit}", "`step`", "remove the line")
    if between == NOTHING and unit not in UNITS_OF_PAYMENTS:
        raise MisreadError(f"`between: nothing` makes dated payments, which cannot be in {unit}", "the unit US$ bn",
                      "use `step`, or state the amounts in US$ bn")  # fmt: skip


def _noted(
    read: Callable[[object], float], raw: object, name: str, complaints: Complaints, line: int | None
) -> float | None:
    try:
        return read(raw)
    except MisreadError as error:
        complaints.misread(error, name, line)
        return None


def _out_of_order(date: object, previous: float) -> MisreadError:
    return MisreadError(f"the date {quoted(date_name(date))} does not come after {date_text(previous)}",
                   "dates in order, each once", "put the dates in order and keep one value for each")  # fmt: skip
