"""Levers: a parameter turned as one number, over its range: itself, or where its path by date ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dealgrid.dates import Calendar, serial
from dealgrid.deal import STRUCTURAL, VALUATION_DATE, Case
from dealgrid.inputs import UNITS, Dated, Parameter, Setting, display_value, format_value, value_text
from dealgrid.inputs.dated import NOTHING, STEP
from dealgrid.problems import InputError, Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Lever:
    """A parameter of a case that takes one number.

    A path by date keeps its shape after the valuation date: its steps go from the level in force then to the new last
    one in the proportions they had. A path without later steps gets the new level on the day after the valuation date.
    """

    parameter: Parameter
    value: Setting  # in the case
    valued: float  # the valuation date

    @property
    def name(self) -> str:
        """Name of the parameter."""
        return self.parameter.name

    @property
    def is_path(self) -> bool:
        """Whether it is the last level of a path by date."""
        return self.parameter.is_dated

    @property
    def now(self) -> float:
        """Where it stands in the case."""
        return self.value.values[-1] if isinstance(self.value, Dated) else float(self.value)

    def text(self, number: float) -> str:
        """The setting as `--set` takes it."""
        if not self.is_path:
            return format_value(number, self.parameter.unit)
        return value_text(self.path(number), self.parameter.unit)

    def shown(self, number: float) -> str:
        """The number as people read it."""
        text = display_value(number, self.parameter.unit)
        is_money = UNITS[self.parameter.unit].is_money and math.isfinite(number)
        return f"US$ {text}bn" if is_money else text

    def path(self, last: float) -> Dated:
        """The path by date with another last level."""
        fixed, part = self._made_of()
        values = tuple(a + b * last if b else a for a, b in zip(fixed.values, part.values, strict=True))
        return Dated(fixed.days, values, fixed.between)

    def over(self, numbers: Floats, calendar: Calendar) -> Floats:
        """What the engine is given: (numbers,), of a path (periods, numbers)."""
        if not self.is_path:
            return numbers
        fixed, part = (each.over(calendar)[:, np.newaxis] for each in self._made_of())
        return np.where(part == 0, fixed, fixed + part * numbers)

    def _made_of(self) -> tuple[Dated, Dated]:
        """The path as a fixed part, and a part to be multiplied by the last level."""
        path = self.value if isinstance(self.value, Dated) else Dated((self.valued,), (float(self.value),))
        start = float(path.at(np.array([self.valued]))[0])
        last = path.values[-1]
        days, values, shares = list(path.days), list(path.values), [0.0] * len(path.days)
        if path.days[-1] > self.valued:
            for place, day in enumerate(days):
                if day > self.valued:
                    is_end = place == len(days) - 1
                    shares[place] = 1.0 if is_end else (values[place] - start) / (last - start) if last != start else 0
                    values[place] = start * (1 - shares[place])
        else:
            days, values, shares = [*days, self.valued + 1], [*values, 0.0], [*shares, 1.0]
        return Dated(tuple(days), tuple(values), path.between), Dated(tuple(days), tuple(shares), path.between)


def lever(case: Case, name: str) -> Lever:
    """A parameter of a case as a lever; InputError where it is none, or cannot be turned as one number."""
    from dealgrid.inputs.complaints import did_you_mean

    deal = case.deal
    if name not in deal.parameters:
        near = did_you_mean(name, deal.parameters, "look it up in params/base")
        raise InputError(Problem("parameter", f"{name!r} is not a parameter", "the name of a parameter", near))
    parameter, value = deal.parameters[name], case.given[name]
    what, advice = "", ""
    if parameter.adds_to_one:
        others = [each.name for each in deal.parameters.values() if each.adds_to_one == parameter.adds_to_one]
        what = f"{name} must add to 1 with {', '.join(each for each in others if each != name)}"
        advice = "set all of them, in scenarios to be compared"
    elif parameter.between == NOTHING:
        what, advice = f"{name} is a list of dated payments", "set them one by one with --set"
    elif parameter.is_dated:
        values = value.values if isinstance(value, Dated) else (float(value),)
        if not all(map(math.isfinite, values)):
            what, advice = f"the path of {name} has a value without limit", "set a finite path first, with --set"
        elif parameter.between != STEP and not (
            isinstance(value, Dated) and value.days[-1] > float(case.given[VALUATION_DATE])  # type: ignore[arg-type]
        ):
            what = f"the line of {name} ends before the valuation date"
            advice = "set a path with a later date first, with --set"
    if what:
        raise InputError(Problem("parameter", what, "a parameter that can be turned as one number", advice))
    return Lever(parameter, value, float(case.given[VALUATION_DATE]))  # type: ignore[arg-type]


def is_structural(name: str) -> bool:
    """Whether all futures must share it."""
    return name in STRUCTURAL


def points(lever: Lever, calendar: Calendar, count: int, low: float | None = None, high: float | None = None) -> Floats:
    """Numbers over the range of a lever, in order, `count` of them or fewer where there are no more.

    A range without limit is filled ever more thinly, and its limitless end is a point. Dates lie in the calendar, and
    `never` is one where it may be.
    """
    parameter = lever.parameter
    unit = UNITS[parameter.unit]
    low, high = parameter.low if low is None else low, parameter.high if high is None else high
    ends = np.array([high]) if math.isinf(high) else np.zeros(0)
    if unit.kind == "date":
        begin, end = serial(calendar.starts[0]), serial(calendar.ends[-1])
        spread = np.round(np.linspace(max(low, begin), min(high, end), count))
    elif unit.kind == "flag" or unit.whole:
        first, last = (calendar.first_year, calendar.last_year) if unit.kind == "year" else (low, low + count - 1)
        spread = np.arange(max(low, first), min(high, last) + 1)
    elif math.isinf(high):
        scale = max(abs(lever.now - low) if math.isfinite(lever.now) else 0.0, 1.0)
        parts = np.linspace(0, 1, count, endpoint=False)
        spread = low + scale * parts / (1 - parts)
    else:
        spread = np.linspace(low, high, count)
    return np.unique(np.concatenate([spread, ends]))


def text_of_range(lever: Lever) -> str:
    """The range as people write it."""
    low, high = (format_value(each, lever.parameter.unit) for each in (lever.parameter.low, lever.parameter.high))
    return f"{low} to {high}"
