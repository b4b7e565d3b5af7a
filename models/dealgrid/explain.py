"""Where a figure comes from: its formula, what that is made of, and the sources at the end of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dealgrid.dates import CALENDAR_UNITS, Calendar
from dealgrid.engine.book import Book
from dealgrid.engine.row import OPENING, PRIOR, Row
from dealgrid.inputs import Parameter, Pin, Scenario
from dealgrid.inputs.dated import COMING
from dealgrid.pins import fix

HIDDEN = "confidential"  # what stands for a value that is not to be told


@dataclass(frozen=True)
class Explanation:
    """A figure, the formula it comes from, and the figures that formula is made of.

    `parts` is empty for a parameter, a calendar column, a pinned figure, and where the tree is cut, which
    `cut` then says: "above" for a figure unfolded already, "deeper" at the depth asked for. Inside a word
    over whole rows a row stands with its whole `series`, and with the period in which it is largest.
    """

    name: str
    label: str
    unit: str
    period: str  # "" for one number per case
    value: float
    formula: str  # "" for what is given
    source: str
    grade: str
    parts: tuple[Explanation, ...] = ()
    cut: str = ""
    series: tuple[float, ...] = ()
    is_pinned: bool = False
    is_hidden: bool = False  # confidential, in a redacted copy


@dataclass(frozen=True)
class Origins:
    """A case as explanations read it: every figure, and what gave it its value.

    `values` are of rows and `columns` of what the engine was given, each of shape (periods,) or (). `settings` name
    the parameters set on top of the scenario. Files are named from the folder `root`.
    """

    book: Book
    calendar: Calendar
    values: Mapping[str, np.ndarray]
    columns: Mapping[str, np.ndarray]
    parameters: Mapping[str, Parameter]
    hidden: Collection[str]
    scenario: Scenario
    settings: Collection[str]
    pins: Sequence[Pin]
    root: Path

    def explain(self, name: str, place: int | None, depth: int) -> Explanation:
        """A row, parameter or calendar column, in the period at `place` if it has one; `depth` formulas deep."""
        return self._explain(name, place if self._has_periods(name) else None, depth, set())

    def _has_periods(self, name: str) -> bool:
        return self._is_column(name.removeprefix(PRIOR))

    def _is_column(self, name: str) -> bool:
        rows = self.book.rows
        return name in self.book.columns or name in CALENDAR_UNITS or (name in rows and not rows[name].is_once)

    def _explain(self, name: str, place: int | None, depth: int, seen: set[tuple[str, int | None]]) -> Explanation:
        if name.startswith(PRIOR):
            name = name.removeprefix(PRIOR)
            if not place:
                return self._given(OPENING + name, None) if OPENING + name in self.parameters else _nothing(name)
            place -= 1
        if name not in self.book.rows:
            return self._given(name, place)
        row = self.book.rows[name]
        at = None if row.is_once else place
        period = "" if at is None else self.calendar.periods[at]
        value = float(self.values[name] if at is None else self.values[name][at])
        pin = self._pin_of(row, at)
        if pin is not None:
            formula = f"pinned ({self._published(pin.where)})"
            return Explanation(name, row.label, row.unit, period, value, formula, pin.source, pin.grade, is_pinned=True)
        formula = self.book.formula(name)
        cut = "above" if (name, at) in seen else "deeper" if depth == 0 else ""
        if cut:
            return Explanation(name, row.label, row.unit, period, value, formula, row.source, "", cut=cut)
        seen.add((name, at))
        parts = tuple(self._part(row, each, at, depth - 1, seen) for each in row.ingredients)
        return Explanation(name, row.label, row.unit, period, value, formula, row.source, "", parts)

    def _part(
        self, row: Row, name: str, place: int | None, depth: int, seen: set[tuple[str, int | None]]
    ) -> Explanation:
        """An ingredient at its row's period, or, for a whole row inside a word, with its series."""
        if not row.is_once or not self._is_column(name):
            return self._explain(name, place, depth, seen)
        series = self.values[name] if name in self.values else self.columns[name]
        largest = int(np.argmax(np.abs(np.where(np.isfinite(series), series, 0.0))))
        return dataclasses.replace(self._explain(name, largest, depth, seen), series=tuple(series.tolist()))

    def _given(self, name: str, place: int | None) -> Explanation:
        value = self.columns[name]
        period = self.calendar.periods[place] if value.ndim and place is not None else ""
        figure = float(value[place or 0] if value.ndim else value)
        parameter = self.parameters.get(name.removeprefix(COMING))
        if parameter is None:
            label, unit = name.replace("_", " "), CALENDAR_UNITS[name]
            return Explanation(name, label, unit, period, figure, "", "the calendar", "")
        source, grade = self._source(parameter)
        is_hidden = parameter.name in self.hidden
        if is_hidden:
            figure = math.nan
        return Explanation(
            name, parameter.label, parameter.unit, period, figure, "", source, grade, is_hidden=is_hidden
        )

    def _source(self, parameter: Parameter) -> tuple[str, str]:
        """Who gave a parameter its value, and the grade that says how sure it is."""
        if parameter.name in self.hidden:
            return HIDDEN, parameter.grade
        if parameter.name in self.settings:
            return "set for this case", ""
        if parameter.name in self.scenario.set:
            return f"scenario {self.scenario.name}: {self.scenario.why}", ""
        return parameter.source, parameter.grade

    def _published(self, where: str) -> str:
        """A file as it is published: from the deal's folder, which is nobody's business outside."""
        folder = self.root.absolute()
        path = Path(where)
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else where

    def _pin_of(self, row: Row, place: int | None) -> Pin | None:
        """The pin that stands in a period: the last one."""
        here = (
            pin
            for pin in reversed(self.pins)
            if pin.row == row.name and any(fixed.period == place for fixed in fix(pin, row, self.calendar))
        )
        return next(here, None)


def _nothing(name: str) -> Explanation:
    why = "nothing before the first period"
    return Explanation(PRIOR + name, "before the first period", "number", "", 0.0, "", why, "")
