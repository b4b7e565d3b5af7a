"""Reading a row as an expression, and what it may not say."""

import numpy as np
import pytest
from tests.engine.sheets import book_of, complaints, row

from dealgrid.engine.trace import Call, Name, Number, Symbol, Unsayable, names_in

SCALARS = "sugar water lemons"
NAMES = SCALARS.split()


def said_of(formula: str) -> str:
    """The one complaint about a formula."""
    (problem,) = complaints(row(formula, *(name for name in NAMES if name in formula)), scalars=SCALARS)
    return problem


def test_a_formula_is_read_as_a_tree_in_the_order_it_is_written() -> None:
    expression = book_of(row("np.minimum(sugar + 1, water)", "sugar", "water"), scalars=SCALARS).expressions["taste"]
    assert isinstance(expression, Call)
    assert expression.operation.name == "minimum"
    left, right = expression.operands
    assert isinstance(left, Call)
    assert (left.operation.name, left.operands, right) == ("add", (Name("sugar"), Number(1.0)), Name("water"))
    assert list(names_in(expression)) == ["sugar", "water"]


def test_a_comparison_written_backwards_is_the_same_comparison() -> None:
    assert book_of(row("0 < sugar", "sugar"), scalars=SCALARS).formula("taste") == "sugar > 0"


def test_no_limit_is_said_in_words() -> None:
    assert book_of(row("np.where(sugar > 0, water, np.inf)", "sugar", "water"), scalars=SCALARS).formula("taste") == (
        "if sugar > 0 then water else no limit"
    )


@pytest.mark.parametrize(
    ("formula", "word", "advice"),
    [
        ("water if sugar else lemons", "a yes or no that Python must decide", "np.where"),
        ("sugar and water", "a yes or no that Python must decide", "np.logical_and"),
        ("not sugar", "a yes or no that Python must decide", "np.logical_not"),
        ("0 < sugar < 1", "a yes or no that Python must decide", "two comparisons"),
        ("sugar == water", "says equal", "compare with >= or <="),
        ("sugar != water", "says not_equal", "compare with > or <"),
        ("sugar * 2", "the number 2", "any other number is a parameter"),
        ("sugar ** 0.5", "the number 0.5", "any other number is a parameter"),
        ("sugar * -1", "the number -1", "any other number is a parameter"),
        ("sugar * True", "says True", "0, 1 and np.inf"),
        ("sugar * None", "says nothing", "return"),
        ("f'{sugar}'", "says a text", "a row is a number"),
        ("'sugar'", "says 'sugar'", "0, 1 and np.inf"),
        ("sugar // water", "says floor_divide", "rounding belongs to display"),
        ("sugar % water", "says remainder", "calendar"),
        ("sugar @ water", "says matmul", "engine/ops.py"),
        ("+sugar", "says positive", "leave the plus sign out"),
        ("sugar[0]", "says [ ]", "prior_<row>"),
        ("sugar & water", "says bitwise_and", "np.logical_and"),
        ("~sugar", "says invert", "np.logical_not"),
        ("sugar in water", "says a loop", "a word over the whole row"),
        ("np.add.exp(sugar)", "cannot be read", "operations listed"),
        ("sugar.exp", "cannot be read", "operations listed"),
        ("sugar(water)", "cannot be read", "operations listed"),
        ("np.where(sugar)", "says where of 1", "it takes 3"),
        ("np.add(sugar, water, where=lemons)", "says add(…, where=…)", "leave the option out"),
        ("(sugar > 1) + (water > 1)", "says add of nothing but yes/no answers", "np.logical_or"),
        ("(sugar > 1) * (water > 1) + (lemons > 1)", "says add of nothing but yes/no answers", "np.logical_or"),
        ("np.minimum(sugar > 1, water > 1) - (lemons > 1)", "says subtract of nothing but yes/no", "a flag row first"),
        ("np.sqrt(sugar > 1)", "says sqrt of nothing but yes/no answers", "a flag row first"),
        ("-(sugar > 1)", "says negative of nothing but yes/no answers", "a flag row first"),
        ("total(sugar + water)", "says total of a formula", "make it a row"),
        ("npv(sugar)", "says npv of 1", "it takes 2"),
    ],
)
def test_what_not_every_reader_can_say_is_refused_with_row_file_word_and_advice(
    formula: str, word: str, advice: str
) -> None:
    problem = said_of(formula)
    assert problem.startswith("stand.py:3: row `taste` ")
    assert word in problem
    assert advice in problem


def test_a_row_without_return_is_told_so() -> None:
    (problem,) = complaints(row("sugar", "sugar").replace("return ", ""), scalars=SCALARS)
    assert "row `taste` says nothing" in problem
    assert "return" in problem


@pytest.mark.parametrize(("word", "act"), [("float()", float), ("int()", int), ("round", round), ("len()", len)])
def test_a_symbol_is_no_number_of_pythons(word: str, act) -> None:
    with pytest.raises(Unsayable, match=word.replace("(", r"\(").replace(")", r"\)")):
        act(Symbol(Name("sugar")))


def test_a_symbol_is_no_position_in_a_list() -> None:
    with pytest.raises(Unsayable, match="prior_<row>"):
        [1, 2][Symbol(Name("sugar"))]


def test_the_totals_of_a_method_are_refused() -> None:
    with pytest.raises(Unsayable, match=r"add\.reduce"):
        np.add.reduce(Symbol(Name("sugar")))


def test_a_flag_times_an_amount_and_a_flag_plus_one_are_numbers_and_allowed() -> None:
    book = book_of(row("(sugar > 1) * water + (water > 1) * lemons + 1", "sugar", "water", "lemons"), scalars=SCALARS)
    assert book.formula("taste") == "(sugar > 1) × water + (water > 1) × lemons + 1"


def test_minus_nothing_is_nothing() -> None:
    expression = book_of(row("sugar + -0.0", "sugar"), scalars=SCALARS).expressions["taste"]
    assert isinstance(expression, Call)
    assert str(expression.operands[1]) == "Number(value=0.0)"
