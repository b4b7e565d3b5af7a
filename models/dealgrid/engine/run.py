"""The NumPy reading: fill in every row, for one case or for many futures at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from dealgrid.dates import Calendar
from dealgrid.engine.book import Block, Book
from dealgrid.engine.row import OPENING, PRIOR, Row
from dealgrid.engine.trace import calls_in
from dealgrid.problems import ModelError, Problem

Values = Mapping[str, float | np.ndarray]


@dataclass(frozen=True)
class Fixed:
    """A row overridden in one period: `period` counts from 0, None for a `once` row; `value` () or (futures,)."""

    row: str
    period: int | None
    value: float | np.ndarray


def run(book: Book, calendar: Calendar, given: Values, fixed: Iterable[Fixed] = (), futures: int | None = None) -> dict[str, np.ndarray]:
    """Fill in the book.

    `given` holds the parameters: a number or (futures,) for each of `book.scalars`; (periods,) or
    (periods, futures) for those of `book.columns` that are not the calendar's. Without `futures`, period
    rows come back as (periods,) and `once` rows as (); with it, as (periods, futures) and (futures,).
    `ModelError` names the row and period where a value is not a number.
    """
    grid = _Grid(book, calendar, given, fixed, futures)
    with np.errstate(all="ignore"):  # a division by zero in the branch not taken is no error; `_refuse_nan` looks at results
        for block in book.blocks:
            (grid.fill_stepwise if block.is_stepwise else grid.fill_whole)(block)
    _refuse_nan(book, calendar, grid.values)
    return {name: grid.shaped(name) for name in book.rows}


class _Grid:
    """Values as they are filled in; period rows are (periods,) alone or (periods, 1 or futures) in a crowd."""

    def __init__(self, book: Book, calendar: Calendar, given: Values, fixed: Iterable[Fixed], futures: int | None) -> None:
        self.book = book
        self.periods = len(calendar)
        self.futures = futures
        self.given: dict[str, np.ndarray] = {}
        for name, value in {**calendar.ingredients(), **given}.items():
            array = np.asarray(value, dtype=float)
            needs_axis = futures is not None and name in book.columns and array.ndim == 1
            self.given[name] = array[:, None] if needs_axis else array
        self.values: dict[str, np.ndarray] = {}
        self.fixed: dict[str, list[Fixed]] = {}
        for each in fixed:
            self.fixed.setdefault(each.row, []).append(each)

    def known(self, name: str) -> np.ndarray:
        return self.values[name] if name in self.values else self.given[name]

    def opening(self, row: str) -> np.ndarray:
        return self.given.get(OPENING + row, np.float64(0.0))

    def fill_whole(self, block: Block) -> None:
        """One row that no later period feeds: all its periods in one go."""
        (row,) = block.rows
        operands = [self._shifted(name) if name.startswith(PRIOR) else self.known(name) for name in row.ingredients]
        value = np.asarray(row.function(*operands), dtype=float)
        self.values[row.name] = self._pinned(row, value if row.is_once else self._over_periods(value))

    def fill_stepwise(self, block: Block) -> None:
        """Rows that feed each other from period to period: left to right, one period at a time."""
        inside = {row.name for row in block.rows}
        columns = {
            name: self._column(name)
            for row in block.rows
            for name in row.ingredients
            if name.removeprefix(PRIOR) not in inside
        }
        prior = {PRIOR + name: self.opening(name) for name in inside}
        history: dict[str, list] = {name: [] for name in inside}
        for period in range(self.periods):
            here = {**prior, **{name: column[period] for name, column in columns.items()}}
            for row in block.rows:
                value = row.function(*[here[name] for name in row.ingredients])
                for each in self.fixed.get(row.name, ()):
                    if each.period == period:
                        value = each.value
                here[row.name] = value
                history[row.name].append(value)
            prior = {PRIOR + name: here[name] for name in inside}
        for name, values in history.items():
            self.values[name] = self._stack(values)

    def _column(self, name: str) -> np.ndarray | list:
        """A value for each period, whatever the shape of what is given."""
        if name.startswith(PRIOR):
            return self._shifted(name)
        value = self.known(name)
        is_column = name in self.book.columns or (name in self.book.rows and not self.book.rows[name].is_once)
        return value if is_column else [value] * self.periods

    def _shifted(self, name: str) -> np.ndarray:
        """A row one period earlier, its opening first."""
        row = name.removeprefix(PRIOR)
        return self._stack([self.opening(row), *self.known(row)[:-1]])

    def _stack(self, values: list) -> np.ndarray:
        if self.futures is None:
            return np.array(values, dtype=float)
        rows = [np.atleast_1d(np.asarray(value, dtype=float)) for value in values]
        return np.stack(np.broadcast_arrays(*rows))

    def _over_periods(self, value: np.ndarray) -> np.ndarray:
        if self.futures is None:
            return value if value.ndim else np.full(self.periods, value)
        return np.broadcast_to(value, (self.periods, value.shape[-1] if value.ndim else 1)).copy()

    def _pinned(self, row: Row, value: np.ndarray) -> np.ndarray:
        for each in self.fixed.get(row.name, ()):
            if row.is_once:
                value = np.asarray(each.value, dtype=float)
            elif np.ndim(each.value) and value.shape[-1] == 1:
                value = np.broadcast_to(value, (self.periods, np.size(each.value))).copy()
                value[each.period] = each.value
            else:
                value = value.copy()
                value[each.period] = each.value
        return value

    def shaped(self, name: str) -> np.ndarray:
        """The row in the shape its reader was promised."""
        value = self.values[name]
        if self.futures is None:
            return value
        shape = (self.futures,) if self.book.rows[name].is_once else (self.periods, self.futures)
        return np.broadcast_to(value, shape)


def _refuse_nan(book: Book, calendar: Calendar, values: Mapping[str, np.ndarray]) -> None:
    """A value that is not a number is an error at its first row, unless the row is a rate of return."""
    problems = []
    for row in (row for block in book.blocks for row in block.rows):
        bad = np.isnan(values[row.name])
        if not bad.any() or any(call.operation.name == "irr" for call in calls_in(book.expressions[row.name])):
            continue
        where = "" if row.is_once else f" in {calendar.periods[int(np.argmax(bad.reshape(len(calendar), -1).any(axis=1)))]}"
        problems.append(
            Problem(
                row.file,
                f"row `{row.name}` is not a number{where}",
                f"a number from: {book.formula(row.name)}",
                "look for 0 ÷ 0 or no limit − no limit among its ingredients (dealgrid explain shows them)",
                row.line,
            )
        )
        break  # what follows from it is not another problem
    if problems:
        raise ModelError(problems)
