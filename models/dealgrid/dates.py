"""Dates as Excel serial days, and the calendar of periods a deal is laid out on."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

EPOCH = dt.date(1899, 12, 30)  # day 0 of the Excel calendar as every spreadsheet counts it after February 1900
NEVER = math.inf  # the serial day of a date that never comes
QUARTER = re.compile(r"(\d{4})-?Q([1-4])", re.IGNORECASE)
MONTHS = {1: 12, 4: 3}  # in a period, by periods per year
# what a calendar supplies to rows, and the unit of each
CALENDAR_UNITS = {
    "period_start": "date",
    "period_end": "date",
    "calendar_year": "year",
    "days_in_year": "number",
    "is_year_start": "flag",
}


def serial(date: dt.date) -> int:
    """Excel serial day of a date: 2025-06-30 is 45838."""
    return (date - EPOCH).days


def date_of(day: float) -> dt.date:
    """The date of a finite serial day."""
    return EPOCH + dt.timedelta(days=math.floor(day))


def date_text(day: float) -> str:
    """A serial day as people write it: `2025-06-30`, or `never`."""
    return "never" if math.isinf(day) else date_of(day).isoformat()


@dataclass(frozen=True)
class Calendar:
    """The periods of a deal: whole years from `first_year` to `last_year`, each cut into 1 or 4.

    `periods` are their names (`2025`, `2025-Q3`); `ingredients()` are the rows it supplies.
    """

    first_year: int
    last_year: int
    periods_per_year: int = 1

    def __post_init__(self) -> None:
        if self.first_year > self.last_year:
            raise ValueError(f"no periods from {self.first_year} to {self.last_year}: the first year comes first")
        if self.periods_per_year not in MONTHS:
            raise ValueError(f"{self.periods_per_year} periods per year: write 1 (years) or 4 (quarters)")

    @cached_property
    def starts(self) -> tuple[dt.date, ...]:
        """First day of each period."""
        months = MONTHS[self.periods_per_year]
        return tuple(
            dt.date(year, 1 + part * months, 1)
            for year in range(self.first_year, self.last_year + 1)
            for part in range(self.periods_per_year)
        )

    @cached_property
    def ends(self) -> tuple[dt.date, ...]:
        """Last day of each period."""
        following = (*self.starts[1:], dt.date(self.last_year + 1, 1, 1))
        return tuple(start - dt.timedelta(days=1) for start in following)

    @cached_property
    def periods(self) -> tuple[str, ...]:
        """Names of the periods, as people write them."""
        if self.periods_per_year == 1:
            return tuple(str(start.year) for start in self.starts)
        months = MONTHS[self.periods_per_year]
        return tuple(f"{start.year}-Q{1 + (start.month - 1) // months}" for start in self.starts)

    def __len__(self) -> int:
        return len(self.starts)

    def index(self, period: str) -> int:
        """Position of a period named `2028` or `2028-Q3`; ValueError where there is none of that name."""
        quarter = QUARTER.fullmatch(period.strip())
        name = f"{quarter[1]}-Q{quarter[2]}" if quarter else period.strip()
        if name not in self.periods:
            raise ValueError(f"no period {period!r}: they run from {self.periods[0]} to {self.periods[-1]}")
        return self.periods.index(name)

    def ingredients(self) -> dict[str, np.ndarray]:
        """What the calendar supplies to rows, each of shape (periods,), read-only.

        `period_start`, `period_end` (serial days), `calendar_year`, `days_in_year`, `is_year_start`.
        """
        return dict(self._ingredients)

    @cached_property
    def _ingredients(self) -> dict[str, np.ndarray]:
        first_days = [dt.date(start.year, 1, 1) for start in self.starts]
        columns = {
            "period_start": [serial(start) for start in self.starts],
            "period_end": [serial(end) for end in self.ends],
            "calendar_year": [start.year for start in self.starts],
            "days_in_year": [serial(dt.date(day.year + 1, 1, 1)) - serial(day) for day in first_days],
            "is_year_start": [start == day for start, day in zip(self.starts, first_days, strict=True)],
        }
        arrays = {name: np.array(values, dtype=float) for name, values in columns.items()}
        for array in arrays.values():
            array.flags.writeable = False
        return arrays
