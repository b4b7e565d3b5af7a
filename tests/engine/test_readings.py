"""However a book is filled in, it holds the same numbers: random books against a plain interpreter of them."""

import inspect
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from tests.engine.sheets import book_of, row

from dealgrid.dates import Calendar
from dealgrid.engine.book import Book
from dealgrid.engine.row import OPENING, PRIOR
from dealgrid.engine.run import Fixed, run
from dealgrid.problems import ModelError

YEARS = Calendar(2025, 2034)  # long enough for np.sum to add in another order than one by one
FORMULAS = (
    "{0} + {1} * {2}",
    "np.minimum({0}, {1}) - {2}",
    "np.maximum({0} - {1}, 0) + {2}",
    "np.where({0} > {1}, {2}, {0} - {1})",
    "({0} >= {1}) * {2} - {0}",
    "np.logical_or({0} > {1}, {2} > {1}) * 1 + {1}",
)
POWER = "np.maximum({0}, growth) ** {1} + {2}"
WORDS = (
    "total({0})",
    "last({0})",
    "largest({0})",
    "npv({0}, {1})",
    "when({0}, period_end)",
    "payback({0}, period_end)",
)


@st.composite
def books(draw: Callable, formulas: tuple[str, ...] = FORMULAS) -> Book:
    """Rows of each other, of each other's past, of parameters; then words over some of them."""
    names = [f"row_{letter}" for letter in "abcdefg"[: draw(st.integers(2, 7))]]
    sheet = []
    for place, name in enumerate(names):
        known = [*names[:place], *(PRIOR + each for each in names), "cups", "price", "growth"]
        operands = [draw(st.sampled_from(known)) for _ in range(3)]
        formula = draw(st.sampled_from(formulas)).format(*operands)
        sheet.append(row(formula, *ingredients(formula, known), name=name))
    for place, word in enumerate(draw(st.lists(st.sampled_from(WORDS), max_size=3))):
        formula = word.format(draw(st.sampled_from(names)), draw(st.sampled_from(names)))
        sheet.append(row(formula, *ingredients(formula, [*names, "period_end"]), name=f"once_{place}", shape="once"))
    draw(st.randoms()).shuffle(sheet)
    return book_of(*sheet, scalars="price growth opening_row_a", columns="cups period_end")


def ingredients(formula: str, known: list[str]) -> list[str]:
    words = "".join(sign if sign.isalnum() or sign == "_" else " " for sign in formula).split()
    return [name for name in dict.fromkeys(words) if name in known]


amounts = st.floats(-2, 2).map(lambda amount: round(amount, 3))


@st.composite
def parameters(draw: Callable) -> dict[str, float | np.ndarray]:
    return {
        "price": draw(amounts),
        "growth": draw(st.floats(0.5, 1.5)),
        "opening_row_a": draw(amounts),
        "cups": np.array([draw(amounts) for _ in YEARS.periods]),
    }


def pins_of(book: Book) -> st.SearchStrategy[list[Fixed]]:
    names = st.sampled_from([name for name in book.rows if not book.rows[name].is_once])
    return st.lists(st.builds(Fixed, names, st.none() | st.integers(0, len(YEARS) - 1), amounts), max_size=3)


def filled_in(
    book: Book, values: dict, pins: Sequence[Fixed] = (), futures: int | None = None
) -> dict[str, np.ndarray]:
    """The book run, where it can be: rows that feed on themselves may grow past all numbers."""
    try:
        return run(book, YEARS, values, pins, futures)
    except ModelError:
        reject()


def interpreted(book: Book, given: dict, pins: list[Fixed]) -> dict[str, list[float] | float]:
    """Every cell by asking for it, cell by cell, with Python's own numbers."""
    given = {**YEARS.ingredients(), **given}
    pinned = {
        (pin.row, period): pin.value for pin in pins for period in range(len(YEARS)) if pin.period in (None, period)
    }
    cells: dict[tuple[str, int], float] = {}

    def cell(name: str, period: int) -> float:
        if name.startswith(PRIOR):
            row = name.removeprefix(PRIOR)
            return cell(row, period - 1) if period else given.get(OPENING + row, 0.0)
        if name not in book.rows:
            return float(given[name][period]) if name in book.columns else given[name]
        if (name, period) not in cells:
            formula = book.rows[name].function
            operands = [cell(each, period) for each in book.rows[name].ingredients]
            cells[name, period] = pinned[name, period] if (name, period) in pinned else float(formula(*operands))
        return cells[name, period]

    def whole(name: str) -> np.ndarray:
        return np.array([cell(name, period) for period in range(len(YEARS))])

    return {
        name: float(each.function(*map(whole, each.ingredients))) if each.is_once else whole(name).tolist()
        for name, each in book.rows.items()
    }


@given(books(), parameters(), st.data())
def test_every_cell_is_what_an_interpreter_of_single_cells_finds(book: Book, values: dict, data: st.DataObject) -> None:
    pins = data.draw(pins_of(book))
    filled = {name: value.tolist() for name, value in filled_in(book, values, pins).items()}
    assert filled == interpreted(book, values, pins)


@given(books())
def test_each_row_stands_after_what_it_needs(book: Book) -> None:
    done: set[str] = set()
    for block in book.blocks:
        inside = [each.name for each in block.rows]
        for each in block.rows:
            now = {name for name in each.ingredients if name in book.rows}
            earlier = {name.removeprefix(PRIOR) for name in each.ingredients if name.startswith(PRIOR)}
            assert now <= done | set(inside[: inside.index(each.name)])
            assert earlier <= done | set(inside)
        assert block.is_stepwise or len(inside) == 1
        done |= set(inside)
    assert done == set(book.rows)


@given(books((*FORMULAS, POWER)), st.lists(parameters(), min_size=2, max_size=9), st.data())
@settings(max_examples=50)
def test_a_case_alone_equals_itself_in_a_crowd(book: Book, cases: list[dict], data: st.DataObject) -> None:
    """To the last bit, powers and totals included: what bare scalars and np.sum would break."""
    pins = data.draw(pins_of(book))
    crowd = {name: np.stack([case[name] for case in cases], axis=-1) for name in cases[0]}
    together = filled_in(book, crowd, pins, futures=len(cases))
    for future, case in enumerate(cases):
        alone = run(book, YEARS, case, pins)
        assert {name: value[..., future].tolist() for name, value in together.items()} == {
            name: value.tolist() for name, value in alone.items()
        }


@given(books((*FORMULAS, POWER)), parameters())
@settings(max_examples=50)
def test_a_row_filled_in_whole_equals_itself_filled_in_step_by_step(book: Book, values: dict) -> None:
    """A row that looks back at a row of zeros is stepwise; a second sheet forces every row to."""
    stepwise = book_of(
        *(
            row(f"({formula_of(book, name)}) + 0 * prior_nothing", *each.ingredients, "prior_nothing", name=name)
            for name, each in book.rows.items()
            if not each.is_once
        ),
        row(
            "np.minimum(np.maximum(row_a, 0), 0) * prior_nothing", "row_a", "prior_nothing", name="nothing"
        ),  # in a loop with all the others
        scalars=" ".join(book.scalars),
        columns=" ".join(book.columns),
    )
    assert any(len(block.rows) > 1 for block in stepwise.blocks)
    whole, by_step = filled_in(book, values), run(stepwise, YEARS, values)
    assert {name: by_step[name].tolist() for name in book.rows if not book.rows[name].is_once} == {
        name: value.tolist() for name, value in whole.items() if not book.rows[name].is_once
    }


def formula_of(book: Book, name: str) -> str:
    """The text after `return`."""
    return inspect.getsource(book.rows[name].function).partition("return ")[2].strip()
