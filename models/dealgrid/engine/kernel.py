"""Chosen rows in as many futures as wanted: only what they need, block by block, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from dealgrid.dates import Calendar
from dealgrid.engine.book import Book
from dealgrid.engine.run import Fixed, Values, fill_in, refuse_unfit, shaped
from dealgrid.problems import InputError, Problem

CHUNK = 4096  # futures that NumPy fills in together, so that the rows of a block stay in the processor's cache


class Totals:
    """Chosen rows of a book, ready to be filled in for block after block of futures that differ in some things given.

    Made by `prepare`; called with what differs.
    """

    def __init__(
        self,
        book: Book,
        calendar: Calendar,
        given: Values,
        rows: Sequence[str],
        varying: Iterable[str],
        fixed: tuple[Fixed, ...],
        threads: int | None = None,
    ) -> None:
        self.book = book
        self.calendar = calendar
        self.given = given
        self.rows = tuple(rows)
        self.varying = frozenset(varying)
        self.fixed = fixed
        self.threads = threads
        self._needed = book.only(rows)
        self._kept = tuple(pin for pin in fixed if pin.row in self._needed.rows)

    def __call__(self, changed: Values, futures: int) -> dict[str, np.ndarray]:
        """The rows in so many futures: (periods, futures), `once` rows (futures,); not to be written to.

        `changed` holds what differs: (futures,) for a parameter of one number, (periods, futures) for one by date;
        what of `varying` is missing stays as given. InputError for another shape or name, ModelError with row and
        period where a value is not a number.
        """
        given = self._checked(changed, futures)
        return self._by_numpy(given, futures)

    def _checked(self, changed: Values, futures: int) -> dict[str, float | np.ndarray]:
        strangers = [name for name in changed if name not in self.varying]
        if strangers:
            raise InputError(
                Problem("parameters", f"`{name}` was not said to differ between futures",
                        "one of " + ", ".join(sorted(self.varying)), "name it when preparing the rows")
                for name in strangers
            )  # fmt: skip
        given = {**self.given, **changed}
        refuse_unfit(self.book, self.calendar, given, self.fixed, futures)
        return given

    def _by_numpy(self, given: Values, futures: int) -> dict[str, np.ndarray]:
        """In chunks of futures, so that memory is bounded by what is asked for."""
        found: dict[str, np.ndarray] = {}
        for start in range(0, futures, CHUNK):
            part = slice(start, min(start + CHUNK, futures))
            values = fill_in(
                self._needed,
                self.calendar,
                {name: _part(value, part, name in self.book.columns) for name, value in given.items()},
                [Fixed(pin.row, pin.period, _part(pin.value, part, False)) for pin in self._kept],
                start,
            )
            for name in self.rows:
                value = values[name]
                if name not in found:
                    found[name] = np.empty((*value.shape[:-1], futures))
                found[name][..., part] = value
        return {name: shaped(value, futures) for name, value in found.items()}


def prepare(
    book: Book,
    calendar: Calendar,
    given: Values,
    rows: Sequence[str],
    varying: Iterable[str],
    fixed: Iterable[Fixed] = (),
    *,
    threads: int | None = None,
) -> Totals:
    """Make ready to fill in `rows` for blocks of futures that differ in the parameters `varying`.

    `given` and `fixed` are as in `run.run`; what varies may be left out of `given`, and must then be in every block.
    `threads` work at once in the compiled kernel, by default as many as there are processors.
    InputError with all that is wrong.
    """
    rows = tuple(dict.fromkeys(rows))
    unknown = [name for name in rows if name not in book.rows]
    strangers = sorted({*varying} - book.given)
    if unknown or strangers:
        raise InputError(
            [
                *(Problem("rows", f"`{name}` is not a row", "the name of a row", "see `dealgrid show` for the names")
                  for name in unknown),
                *(Problem("parameters", f"no row uses `{name}`", "a parameter that a row uses", "leave it out")
                  for name in strangers),
            ]
        )  # fmt: skip
    return Totals(book, calendar, given, rows, varying, tuple(fixed), threads)


def totals(
    book: Book,
    calendar: Calendar,
    given: Values,
    rows: Sequence[str],
    fixed: Iterable[Fixed] = (),
    futures: int = 1,
    *,
    threads: int | None = None,
) -> dict[str, np.ndarray]:
    """Fill in the book as `run.run` does and give back only `rows`: (periods, futures), `once` rows (futures,)."""
    varying = [
        name for name in sorted(book.given) if np.ndim(given.get(name, 0.0)) == (2 if name in book.columns else 1)
    ]
    rest = {name: value for name, value in given.items() if name not in varying}
    ready = prepare(book, calendar, rest, rows, varying, fixed, threads=threads)
    return ready({name: given[name] for name in varying}, futures)


def _part(value: float | np.ndarray, part: slice, is_column: bool) -> float | np.ndarray:
    """The futures of a part, where each has its own value."""
    return np.asarray(value)[..., part] if np.ndim(value) == (2 if is_column else 1) else value
