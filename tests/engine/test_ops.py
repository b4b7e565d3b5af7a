"""One definition, many readings: each operation, and formulas made of them, say the same in every target."""

import ast
import inspect
import math
from collections.abc import Callable

import formualizer
import ironcalc
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.engine.sheets import book_of, row
from tests.engine.trees import AMOUNTS, CURVES, NAMES, formulas, numpy_reading, used
from tests.tolerance import EXCEL, NUMPY

from dealgrid.engine import words
from dealgrid.engine.ops import OPERATIONS, WORDS
from dealgrid.engine.trace import Expression, Name, Number, in_words, write

CELLS = dict(zip(NAMES, ("A1", "B1", "C1"), strict=True))
EXAMPLES = {  # operands inside the domain of each operation, the traps among them
    "power": [(2.0, 3.0), (0.7, -1.5), (3.0, 0.0)],
    "exp": [(-3.0,), (0.0,), (2.5,)],
    "log": [(0.2,), (1.0,), (30.0,)],
    "sqrt": [(0.0,), (2.0,), (30.0,)],
    "divide": [(1.0, 3.0), (-7.5, 0.1), (0.0, 2.0)],
    "where": [(0.0, 2.0, 3.0), (1.0, 2.0, 3.0)],
}
PAIRS = [(1.5, -2.25), (0.0, 1.0), (1.0, 1.0), (-0.1, -0.1), (0.0, 0.0), (3.0, 0.3)]
CASES = [
    (name, operands)
    for name, operation in OPERATIONS.items()
    for operands in EXAMPLES.get(name, sorted({pair[: len(operation.takes)] for pair in PAIRS}))
]
TRAPS = (
    "-(lemons ** sugar)",
    "(-lemons) ** sugar",
    "lemons ** (sugar ** water)",
    "(lemons ** sugar) ** water",
    "lemons - (sugar - water)",
    "lemons / (sugar / water)",
    "lemons / sugar * water",
    "lemons * (sugar / water)",
    "lemons - -sugar",
    "(lemons > sugar) * water",
    "np.where(np.logical_and(lemons, sugar), lemons, water) * sugar",
    "np.where(lemons > sugar, np.where(sugar > water, lemons, sugar), water) + 1",
    "np.exp(-(lemons - sugar)) * np.minimum(lemons, np.maximum(sugar, water) + 1)",
)


def read(formula: str) -> Expression:
    """The expression of a formula."""
    return book_of(row(formula, *used(formula)), scalars=" ".join(NAMES)).expressions["taste"]


def spelled(formula: str, target: str) -> str:
    """The formula in a target: names as they are, or as cells."""
    if target == "words":
        return in_words(read(formula))
    names = CELLS if target == "excel" else {}
    numbers = {0.0: "0.0", 1.0: "1.0", np.inf: "inf"}

    def spell(atom: Name | Number) -> str:
        return names.get(atom.name, atom.name) if isinstance(atom, Name) else numbers[atom.value]

    return write(read(formula), target, spell)


def by_python(text: str, values: dict[str, float]) -> float:
    spoken = {"power": math.pow, "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "smaller": min, "larger": max}
    return eval(text, {**spoken, "inf": math.inf, **values})


def by_formualizer(formula: str, cells: list[list[float]]) -> float:
    workbook = formualizer.Workbook()
    sheet = workbook.sheet("S")
    for line, numbers in enumerate(cells, start=1):
        for column, number in enumerate(numbers, start=1):
            sheet.set_value(line, column, number)
    sheet.set_formula(9, 9, f"={formula}")
    return workbook.evaluate_cell("S", 9, 9)


def by_ironcalc(formula: str, cells: list[list[float]]) -> float:
    model = ironcalc.create("book", "en", "UTC", "en")
    for line, numbers in enumerate(cells, start=1):
        for column, number in enumerate(numbers, start=1):
            model.update_cell_with_number(0, line, column, number)
    model.set_user_input(0, 9, 9, f"={formula}")
    model.evaluate()
    return model.get_cell_value(0, 9, 9)


Recalculator = Callable[[str, list[list[float]]], float]
RECALCULATORS: list[Recalculator] = [by_formualizer, by_ironcalc]


def called(name: str) -> str:
    """The formula that applies one operation to as many ingredients as it takes."""
    return f"np.{name}({', '.join(NAMES[: len(OPERATIONS[name].takes)])})"


@pytest.mark.parametrize(("name", "operands"), CASES)
def test_the_kernel_spelling_is_what_numpy_computes(name: str, operands: tuple[float, ...]) -> None:
    expected = float(OPERATIONS[name].function(*operands))
    value = by_python(spelled(called(name), "kernel"), dict(zip(NAMES, operands, strict=False)))
    assert float(value) == (pytest.approx(expected, rel=NUMPY) if name in CURVES else expected)


@pytest.mark.parametrize("recalculated", RECALCULATORS)
@pytest.mark.parametrize(("name", "operands"), CASES)
def test_the_excel_spelling_is_what_numpy_computes(
    name: str, operands: tuple[float, ...], recalculated: Recalculator
) -> None:
    expected = float(OPERATIONS[name].function(*operands))
    value = recalculated(spelled(called(name), "excel"), [list(operands)])
    assert not isinstance(value, bool)  # TRUE is not 1 to SUM
    assert value == pytest.approx(expected, rel=NUMPY)


@pytest.mark.parametrize("recalculated", RECALCULATORS)
@pytest.mark.parametrize("formula", TRAPS)
def test_parentheses_stand_where_a_spreadsheet_needs_them(formula: str, recalculated: Recalculator) -> None:
    values = dict(zip(NAMES, (1.5, 2.0, 3.0), strict=True))
    expected = float(eval(formula, {"np": np, **values}))
    assert recalculated(spelled(formula, "excel"), [[1.5, 2.0, 3.0]]) == pytest.approx(expected, rel=NUMPY)


@given(formulas(without=CURVES, literals=("0", "1")), st.data())
@settings(max_examples=60)
def test_any_formula_recalculated_as_a_spreadsheet_gives_the_numbers_of_numpy(
    formula: str, data: st.DataObject
) -> None:
    values = {name: data.draw(AMOUNTS) for name in NAMES}
    expected = numpy_reading(read(formula), values)
    assume(np.isfinite(np.array(expected, dtype=float)).all())
    for recalculated in RECALCULATORS:
        value = recalculated(spelled(formula, "excel"), [list(values.values())])
        assert value == pytest.approx(float(expected[0]), rel=NUMPY, abs=NUMPY)


@given(formulas(without=CURVES), st.data())
def test_any_formula_read_by_python_gives_the_very_numbers_of_numpy(formula: str, data: st.DataObject) -> None:
    values = {name: data.draw(AMOUNTS) for name in NAMES}
    expected = numpy_reading(read(formula), values)
    assume(not np.isnan(np.array(expected, dtype=float)).any())
    try:
        value = by_python(spelled(formula, "kernel"), values)
    except ZeroDivisionError:  # Python's own refusal; the compiled kernel divides as NumPy does
        assume(False)
    assert float(value) == float(expected[0])


@given(formulas(), st.data())
def test_any_formula_read_back_from_its_kernel_spelling_is_the_row_bit_for_bit(
    formula: str, data: st.DataObject
) -> None:
    values = {name: np.array([data.draw(AMOUNTS)]) for name in NAMES}
    reread = {
        **{name: getattr(np, name) for name in ("power", "exp", "log", "sqrt")},
        "smaller": np.minimum,
        "larger": np.maximum,
        "inf": np.inf,
    }
    with np.errstate(all="ignore"):
        expected = np.asarray(eval(formula, {"np": np, **values}), dtype=float)
        value = np.asarray(eval(spelled(formula, "kernel"), {**reread, **values}), dtype=float)
    np.testing.assert_array_equal(value, expected)


def test_words_are_read_in_one_way_only() -> None:
    assert spelled("np.minimum(lemons, sugar) * water", "words") == "(the smaller of lemons and sugar) × water"
    assert spelled("np.minimum(lemons, sugar * water)", "words") == "the smaller of lemons and (sugar × water)"
    assert spelled("np.absolute(lemons) + sugar", "words") == "(the size of lemons) + sugar"
    assert spelled("lemons - (sugar - water)", "words") == "lemons − (sugar − water)"
    assert spelled("lemons + -sugar", "words") == "lemons + (−sugar)"
    assert spelled("-(lemons ** sugar)", "words") == "−(lemons ^ sugar)"
    assert (
        spelled("np.where(np.logical_and(lemons > 0, sugar > 0), lemons, 0)", "words")
        == "if lemons > 0 and sugar > 0 then lemons else 0"
    )
    assert spelled("(lemons > sugar) > (water > 0)", "words") == "(lemons > sugar) > (water > 0)"
    assert spelled("(lemons > sugar) * water", "words") == "(lemons > sugar) × water"


def test_every_operation_takes_as_many_operands_as_its_spellings_show() -> None:
    for operation in (*OPERATIONS.values(), *WORDS.values()):
        for target in ("words", "excel", "kernel"):
            shown = {place for place in range(9) if f"{{{place}}}" in operation.spelling(target)}
            assert shown == set(range(len(operation.takes))), (operation.name, target)


def test_every_word_of_the_table_is_a_function_a_sheet_can_import_and_the_reverse() -> None:
    assert {name for name in words.__all__ if name != "each"} == set(WORDS)


def test_the_table_holds_no_equality_and_no_rounding() -> None:
    assert not {"equal", "not_equal", "rint", "floor", "ceil", "round"} & set(OPERATIONS)


FLOW, OTHER, FLAGS = [-10.0, 4.0, -1.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 0.0, 1.0, 0.0, 1.0]
NEGATIVE, POSITIVE, NOTHING = [-1.0, -2.0, 0.0, -3.0, -1.0], [1.0, 2.0, 0.0, 3.0, 1.0], [0.0] * 5
WORD_CASES = [
    *((name, [flow]) for name in ("total", "last", "largest") for flow in (FLOW, NEGATIVE, NOTHING)),
    ("npv", [FLOW, OTHER]),
    ("irr", [FLOW]),
    *(("irr_state", [flow]) for flow in (FLOW, NEGATIVE, POSITIVE, NOTHING)),
    *(("moic", [paid, FLOW]) for paid in (OTHER, NOTHING)),
    ("moic", [NOTHING, NOTHING]),
    *(("payback", [flow, OTHER]) for flow in (FLOW, NEGATIVE, POSITIVE, [-1.0, 1.0, 1.0, 1.0, 1.0])),
    *(("when", [flags, OTHER]) for flags in (FLAGS, NOTHING, [1.0] * 5)),
]


@pytest.mark.parametrize("recalculated", RECALCULATORS)
@pytest.mark.parametrize(("name", "rows"), WORD_CASES)
def test_the_excel_spelling_of_a_word_is_what_numpy_computes(
    name: str, rows: list[list[float]], recalculated: Recalculator
) -> None:
    more = ["4"] if name == "irr" else []
    formula = WORDS[name].excel.format(*[f"$A{line}:$E{line}" for line in range(1, len(rows) + 1)], *more)
    expected = float(getattr(words, name)(*map(np.array, rows), *map(float, more)))
    assert recalculated(formula, rows) == pytest.approx(1e300 if np.isinf(expected) else expected, rel=EXCEL)


def test_the_kernel_names_of_words_are_their_own() -> None:
    for name, word in WORDS.items():
        call = ast.parse(word.kernel.format(*"abc"), mode="eval").body
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Name)
        assert call.func.id == name
        assert len(call.args) == len(inspect.signature(getattr(words, name)).parameters)
