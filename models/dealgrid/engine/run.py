"""The NumPy reading: fill in every row, for one case or for many futures at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dealgrid.dates import Calendar
from dealgrid.engine.book import Block, Book
from dealgrid.engine.irr import NotFiniteError, remembered
from dealgrid.engine.row import OPENING, PRIOR, Row
from dealgrid.engine.trace import Name, Number, calls_in, write
from dealgrid.problems import InputError, ModelError, Problem

Values = Mapping[str, float | np.ndarray]
Arrays = Mapping[str, np.ndarray]  # (periods, futures) or, before the first period, (futures,)
Pins = Mapping[tuple[str, int], np.ndarray]  # by row and period, (futures,)


@dataclass(frozen=True)
class Fixed:
    """A row overridden in one period by a pin: `value` is () or (futures,).

    `period` counts from 0; None is every period, and for a `once` row the only one.
    """

    row: str
    period: int | None
    value: float | np.ndarray


def run(
    book: Book, calendar: Calendar, given: Values, fixed: Iterable[Fixed] = (), futures: int | None = None
) -> dict[str, np.ndarray]:
    """Fill in the book.

    `given` holds the parameters: a number or (futures,) for each of `book.scalars`; (periods,) or
    (periods, futures) for those of `book.columns` that are not the calendar's. Without `futures`, period
    rows come back as (periods,) and `once` rows as (); with it, as (periods, futures) and (futures,); all
    read-only. Of pins on one cell the last counts. `InputError` for what is given in another shape or not at
    all, `ModelError` with row and period where a value is not a number.
    """
    fixed = tuple(fixed)
    refuse_unfit(book, calendar, given, fixed, futures)
    values = fill_in(book, calendar, given, fixed)
    return {name: shaped(values[name], futures) for name in book.rows}


def refuse_unfit(
    book: Book, calendar: Calendar, given: Values, fixed: Iterable[Fixed], futures: int | None = None
) -> None:
    """`InputError` with everything that is given in a wrong shape, pinned in a wrong place, or missing."""
    given = {**calendar.ingredients(), **given}
    problems = [*_unfit_given(book, len(calendar), given, futures), *_unfit_pins(book, len(calendar), fixed, futures)]
    if problems:
        raise InputError(problems)


def fill_in(
    book: Book, calendar: Calendar, given: Values, fixed: Iterable[Fixed] = (), first: int = 0
) -> dict[str, np.ndarray]:
    """All rows of a book for what `refuse_unfit` has passed: (periods, futures), `once` rows (futures,).

    The last axis has length 1 where all futures agree. `first` is the number of the first future in an error.
    """
    grid = _Grid(book, len(calendar), {**calendar.ingredients(), **given}, tuple(fixed))
    with (
        remembered(),
        np.errstate(all="ignore"),
    ):  # a division by zero in the branch not taken is no error; results are looked at
        for block in book.blocks:
            try:
                (grid.fill_stepwise if block.is_stepwise else grid.fill_whole)(block)
            except NotFiniteError as error:
                _refuse_nan(book, calendar, grid.values)
                error.future += first
                row = block.rows[0]
                problem = Problem(row.file, f"row `{row.name}` has no answer: {error}", "finite amounts",
                                  "look for an endless or enormous amount among its ingredients", row.line)  # fmt: skip
                raise ModelError(problem) from None
    _refuse_nan(book, calendar, grid.values)
    return grid.values


class _Grid:
    """Values as they are filled in: (periods, futures) and, for `once` rows, (futures,); 1 future where all agree.

    One case is a crowd of one, as NumPy rounds the powers of bare scalars in another way than those of arrays:
    test_a_case_alone_equals_itself_in_a_crowd.
    """

    def __init__(self, book: Book, periods: int, given: Values, fixed: tuple[Fixed, ...]) -> None:
        self.book = book
        self.periods = periods
        self.given = {name: _with_futures(value, name in book.columns) for name, value in given.items()}
        self.values: dict[str, np.ndarray] = {}
        self.fixed: dict[str, list[Fixed]] = {}
        for pin in fixed:
            self.fixed.setdefault(pin.row, []).append(pin)

    def known(self, name: str) -> np.ndarray:
        """Values of a row, parameter or calendar column, or of a row one period earlier, its opening first."""
        if name.startswith(PRIOR):
            row = name.removeprefix(PRIOR)
            return _stacked([self.opening(row), *self.known(row)[:-1]])
        return self.values[name] if name in self.values else self.given[name]

    def opening(self, row: str) -> np.ndarray:
        return self.given.get(OPENING + row, np.zeros(1))

    def fill_whole(self, block: Block) -> None:
        """One row that no later period feeds: all its periods in one go."""
        (row,) = block.rows
        operands = [self.known(name) for name in row.ingredients]
        if row.name in self.book.powers:
            operands = _in_full(operands, None if row.is_once else self.periods)
        value = np.atleast_1d(np.asarray(row.function(*operands), dtype=float))
        if not row.is_once:
            value = np.broadcast_to(value, (self.periods, value.shape[-1]))
        self.values[row.name] = self._pinned(row, value)

    def _pinned(self, row: Row, value: np.ndarray) -> np.ndarray:
        pins = self.fixed.get(row.name)
        if not pins:
            return value
        width = max(value.shape[-1], *(np.size(pin.value) for pin in pins))
        value = np.broadcast_to(value, (*value.shape[:-1], width)).copy()
        for pin in pins:
            value[slice(None) if pin.period is None else pin.period] = pin.value
        return value

    def fill_stepwise(self, block: Block) -> None:
        """Rows that feed each other from period to period: left to right, one period at a time."""
        inside = [row.name for row in block.rows]
        outside = {
            name: self._by_period(name)
            for row in block.rows
            for name in row.ingredients
            if name.removeprefix(PRIOR) not in inside
        }
        openings = {name: self.opening(name) for name in inside}
        pins = {
            (name, period): np.atleast_1d(np.asarray(pin.value, dtype=float))
            for name in inside
            for pin in self.fixed.get(name, ())
            for period in (range(self.periods) if pin.period is None else [pin.period])
        }
        if all(value.shape[-1] == 1 for value in (*outside.values(), *openings.values(), *pins.values())):
            try:
                self.values.update(self._in_numbers(block, outside, openings, pins))
                return
            except ZeroDivisionError:  # where NumPy has an answer, no limit, Python has none
                pass
        self.values.update(self._in_arrays(block, outside, openings, pins))

    def _by_period(self, name: str) -> np.ndarray:
        value = self.known(name)
        return value if value.ndim > 1 else np.broadcast_to(value, (self.periods, *value.shape))

    def _in_arrays(self, block: Block, outside: Arrays, openings: Arrays, pins: Pins) -> dict[str, np.ndarray]:
        """The values of a stepwise block, every step an array of futures."""
        history: dict[str, list[np.ndarray]] = {name: [] for name in openings}
        prior = {PRIOR + name: opening for name, opening in openings.items()}
        for period in range(self.periods):
            here = {**prior, **{name: values[period] for name, values in outside.items()}}
            for row in block.rows:
                value = pins.get((row.name, period))
                if value is None:
                    operands = [here[name] for name in row.ingredients]
                    if row.name in self.book.powers:
                        operands = _in_full(operands)
                    value = np.asarray(row.function(*operands), dtype=float)  # not flags: True + True is True
                here[row.name] = value
                history[row.name].append(value)
            prior = {PRIOR + name: here[name] for name in history}
        return {name: _stacked(values) for name, values in history.items()}

    def _in_numbers(self, block: Block, outside: Arrays, openings: Arrays, pins: Pins) -> dict[str, np.ndarray]:
        """The same for one future, some ten times faster: a loop in Python's numbers, made of the kernel spellings.

        Bit for bit the same: test_a_case_alone_equals_itself_in_a_crowd.
        """
        pinned = tuple(sorted({name for name, _ in pins}))
        key = (block.rows[0].name, *pinned)
        if key not in self.book.loops:
            text = _loop(self.book, block, list(outside), list(openings), pinned)
            speech: dict[str, Any] = dict(_NUMBERS)
            exec(compile(text, f"<loop of {block.rows[0].name}>", "exec"), speech)
            self.book.loops[key] = speech["fill"]
        filled = self.book.loops[key](
            self.periods,
            [values[:, 0].tolist() for values in outside.values()],
            [opening.item() for opening in openings.values()],
            [[pins[name, t].item() if (name, t) in pins else None for t in range(self.periods)] for name in pinned],
        )
        return {
            name: np.array(values, dtype=float)[:, np.newaxis] for name, values in zip(openings, filled, strict=True)
        }


def _loop(book: Book, block: Block, outside: list[str], inside: list[str], pinned: tuple[str, ...]) -> str:
    """The text of a function that fills in a stepwise block for one future."""

    def spell(atom: Name | Number) -> str:
        if isinstance(atom, Number):
            return repr(atom.value)
        if atom.name in outside:
            return f"of_{atom.name}[t]"
        return f"was_{atom.name.removeprefix(PRIOR)}" if atom.name.startswith(PRIOR) else f"now_{atom.name}"

    lines = ["def fill(periods, outside, openings, pins):"]
    for mark, names, source in (("of", outside, "outside"), ("was", inside, "openings"), ("pin", pinned, "pins")):
        lines.append(f"    {''.join(f'{mark}_{name}, ' for name in names) or '()'} = {source}")
    lines += [f"    all_{name} = []" for name in inside]
    lines.append("    for t in range(periods):")
    for row in block.rows:
        formula = write(book.expressions[row.name], "kernel", spell)
        if row.name in pinned:
            formula = f"({formula}) if pin_{row.name}[t] is None else pin_{row.name}[t]"
        lines += [f"        now_{row.name} = {formula}", f"        all_{row.name}.append(now_{row.name})"]
    lines += [f"        was_{name} = now_{name}" for name in inside]
    return "\n".join([*lines, f"    return {', '.join(f'all_{name}' for name in inside)},"])


def _said_by_numpy(function: np.ufunc) -> Callable[..., float]:
    """A curve of single numbers by NumPy's own code for arrays, which rounds in its own way."""
    return lambda *operands: function(*(np.array([operand], dtype=float) for operand in operands)).item()


def _smaller(one: float, other: float) -> float:
    return other if other <= one or other != other else one  # what is not a number wins, as in np.minimum


def _larger(one: float, other: float) -> float:
    return other if other >= one or other != other else one


_NUMBERS: Mapping[str, object] = {
    **{name: _said_by_numpy(getattr(np, name)) for name in ("power", "exp", "log", "sqrt")},
    "smaller": _smaller,
    "larger": _larger,
    "inf": np.inf,
}


def _with_futures(value: float | np.ndarray, is_column: bool) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    return array[:, np.newaxis] if is_column and array.ndim == 1 else np.atleast_1d(array)


def _in_full(operands: list[np.ndarray], periods: int | None = None) -> list[np.ndarray]:
    """Operands with a number for every future, and for every period of a period row.

    NumPy squares by an exponent of 2 that all share, and raises to powers where each has its own; the last digit
    may differ: test_a_power_is_the_same_alone_and_in_a_crowd.
    """
    width = max(operand.shape[-1] for operand in operands)
    return [
        np.broadcast_to(operand, (*(operand.shape[:-1] if periods is None else (periods,)), width)).copy()
        for operand in operands
    ]


def _stacked(values: list[np.ndarray]) -> np.ndarray:
    """(futures,) or (1,) per period as (periods, futures)."""
    stacked = np.empty((len(values), max(map(len, values))))
    for period, value in enumerate(values):
        stacked[period] = value
    return stacked


def shaped(value: np.ndarray, futures: int | None) -> np.ndarray:
    """The row in the shape its reader was promised; a view that cannot be written to."""
    shaped = value[..., 0] if futures is None else np.broadcast_to(value, (*value.shape[:-1], futures))
    shaped.flags.writeable = False
    return shaped


def _unfit_given(book: Book, periods: int, given: Values, futures: int | None) -> Iterator[Problem]:
    shapes: dict[bool, list[tuple[int, ...]]] = {True: [(periods,)], False: [()]}
    if futures is not None:
        shapes = {True: [(periods,), (periods, futures)], False: [(), (futures,)]}
    for name in sorted(book.given):
        if name not in given:
            yield Problem("parameters", f"`{name}` has no value", "a value for every parameter a row uses", "give one")
        elif np.shape(given[name]) not in shapes[name in book.columns]:
            expected = " or ".join(map(str, shapes[name in book.columns]))
            advice = "one per period for a parameter by date, one for any other; more only with futures"
            yield Problem("parameters", f"`{name}` has values of shape {np.shape(given[name])}", expected, advice)


def _unfit_pins(book: Book, periods: int, fixed: Iterable[Fixed], futures: int | None) -> Iterator[Problem]:
    for pin in fixed:
        if pin.row not in book.rows:
            yield Problem("pins", f"`{pin.row}` is not a row", "the name of a row", "see `dealgrid show` for the names")
        elif pin.period is not None and (book.rows[pin.row].is_once or not 0 <= pin.period < periods):
            expected = "no period: the row has one number" if book.rows[pin.row].is_once else f"0 to {periods - 1}"
            yield Problem("pins", f"row `{pin.row}` is pinned in period {pin.period}", expected, "correct the period")
        elif np.shape(pin.value) not in ([()] if futures is None else [(), (futures,)]):
            what = f"row `{pin.row}` is pinned to values of shape {np.shape(pin.value)}"
            yield Problem("pins", what, "one number, or one per future", "give one number")


def _refuse_nan(book: Book, calendar: Calendar, values: Mapping[str, np.ndarray]) -> None:
    """A value that is not a number is an error at its first row, but for rates of return and what is made of them."""
    may_be_nan: set[str] = set()
    for row in (row for block in book.blocks for row in block.rows):
        is_nan = np.isnan(values.get(row.name, 0.0))  # a row that is not filled in yet cannot be blamed
        if not is_nan.any():
            continue
        is_rate = any(call.operation.name == "irr" for call in calls_in(book.expressions[row.name]))
        if is_rate or may_be_nan.intersection(row.ingredients):
            may_be_nan.add(row.name)
            continue
        where = "" if row.is_once else f" in {calendar.periods[int(np.argmax(is_nan.any(axis=1)))]}"
        raise ModelError(
            Problem(
                row.file,
                f"row `{row.name}` is not a number{where}",
                f"a number from: {book.formula(row.name)}",
                "look for 0 ÷ 0 or no limit − no limit among its ingredients (dealgrid explain shows them)",
                row.line,
            )
        )
