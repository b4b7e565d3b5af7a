"""What can be seen of a row before it is run: its name, its docstring, its code."""

import pytest
from tests.engine import lemonade
from tests.engine.sheets import book_of, complaints, complaints_of, row, sheet

SPLIT_IN_TWO = '''
@each(child={"ann": "Ann", "ben": "the boy Ben"})
def child_share(child_weight, prior_child_share, children):
    """{Child}'s share, as {child} sees it. [fraction, rate]"""
    return child_weight / children + prior_child_share
'''


def test_a_row_is_what_its_author_wrote() -> None:
    book = book_of(
        '''
def price_paid(price):
    """Price a customer pays. [US$ bn, rate]

    Children get it for
    half.

    Source: the board at the stand.
    """
    return price
''',
        scalars="price",
    )
    paid = book.rows["price_paid"]
    assert (paid.label, paid.unit, paid.shape) == ("Price a customer pays", "US$ bn", "rate")
    assert paid.ingredients == ("price",)
    assert paid.why == "Children get it for half."
    assert paid.source == "the board at the stand."
    assert (paid.sheet, paid.file, paid.line) == ("stand", "stand.py", 3)


def test_a_row_repeated_for_each_name_takes_it_in_name_ingredients_and_text() -> None:
    book = book_of(SPLIT_IN_TWO, scalars="ann_weight ben_weight children")
    assert list(book.rows) == ["ann_share", "ben_share"]
    assert book.rows["ann_share"].ingredients == ("ann_weight", "prior_ann_share", "children")
    assert book.rows["ben_share"].label == "The boy Ben's share, as the boy Ben sees it"


def test_what_is_wrong_with_a_repeated_row_is_said_once() -> None:
    (problem,) = complaints(SPLIT_IN_TWO, scalars="ann_weight ben_weight")
    assert "asks for `children`" in problem
    (problem,) = complaints(SPLIT_IN_TWO.replace("/", "//"), scalars="ann_weight ben_weight children")
    assert "says floor_divide" in problem
    (problem,) = complaints(SPLIT_IN_TWO.replace(", rate", ", rat"), scalars="ann_weight ben_weight children")
    assert "has the shape 'rat'" in problem


def test_what_is_wrong_for_one_name_alone_is_said_of_that_name() -> None:
    problems = complaints(SPLIT_IN_TWO, scalars="children")
    assert [problem.splitlines()[0] for problem in problems] == [
        "stand.py:3: row `ann_share` asks for `ann_weight`, which is neither a row nor a parameter",
        "stand.py:3: row `ben_share` asks for `ben_weight`, which is neither a row nor a parameter",
    ]


def test_a_row_repeated_for_nothing_is_refused() -> None:
    problems = complaints(
        row("lemons", "lemons").replace("def", '@each(child={"ann": "Ann"})\ndef', 1), scalars="lemons"
    )
    assert "row `taste` is repeated for each child, and its name does not say `child`" in problems[0]


def test_each_takes_one_word() -> None:
    with pytest.raises(TypeError, match="one word"):
        sheet(SPLIT_IN_TWO.replace('child={"ann": "Ann", "ben": "the boy Ben"}', ""))


@pytest.mark.parametrize(
    ("head", "said", "advice"),
    [
        ("", "row `taste` has no docstring", "begin the docstring so"),
        ("Taste of it all", "the docstring of row `taste` begins 'Taste of it all'", "Label. [unit, shape]"),
        (
            "Taste. [number, sum]",
            "row `taste` has the shape 'sum'",
            "flow (an amount in a period; adds up over periods)",
        ),
        ("Taste. [lemons, rate]", "row `taste` has the unit 'lemons'", "US$ bn"),
    ],
)
def test_a_docstring_that_says_too_little_is_refused_with_what_to_write(head: str, said: str, advice: str) -> None:
    problems = complaints(row("sugar", "sugar").replace("Taste. [number, rate]", head), scalars="sugar")
    assert problems[0].startswith(f"stand.py:3: {said}")
    assert advice in problems[0]


def test_rows_that_use_an_unreadable_row_are_not_blamed_for_it() -> None:
    (problem,) = complaints(
        row("sugar", "sugar").replace("rate]", "rat]"),
        row("taste + prior_taste", "taste", "prior_taste", name="thirst"),
        scalars="sugar",
    )
    assert "row `taste` has the shape 'rat'" in problem


@pytest.mark.parametrize(
    ("faulty", "word"),
    [
        ("def taste(sugar=1):\n    {doc}\n    return sugar", "a default"),
        ("def taste(*sugar):\n    {doc}\n    return sugar", "a default, *, or **"),
        ("def taste(sugar, *, water):\n    {doc}\n    return sugar + water", "a default, *, or **"),
        ("def taste(sugar):\n    {doc}\n    sweet = sugar\n    return sweet", "a name of its own: sweet"),
        ("def taste(sugar):\n    {doc}\n    sugar = sugar + 1\n    return sugar", "a name of its own: sugar"),
        ("def taste(sugar):\n    {doc}\n    return (sweet := sugar)", "a name of its own: sweet"),
        ("def taste(sugar):\n    {doc}\n    return (lambda: sugar)()", "a name of its own"),
        ("def taste(sugar):\n    {doc}\n    return [each for each in sugar]", "a name of its own"),
        ("def taste(sugar):\n    {doc}\n    import math\n    return sugar", "a name of its own: math"),
        (
            "def taste(a, b, c, d, e, f, g, h):\n    {doc}\n    return a + b + c + d + e + f + g + h",
            "has 8 ingredients",
        ),
        ("HALF = 1\ndef taste(sugar):\n    {doc}\n    return sugar * HALF", "uses `HALF`"),
        (
            "def _sweet(sugar):\n    return sugar\ndef taste(sugar):\n    {doc}\n    return _sweet(sugar)",
            "uses `_sweet`",
        ),
        ("def taste(sugar):\n    {doc}\n    return sugar.sum()", "uses `sum`"),
        ("def taste(sugar):\n    {doc}\n    return sugar * np.random.random()", "uses `random`"),
        ("def taste(sugar):\n    {doc}\n    return min(sugar, 1)", "uses `min`"),
        ("def taste(sugar):\n    {doc}\n    return round(sugar)", "uses `round`"),
        ("def taste(sugar):\n    {doc}\n    return abs(sugar)", "uses `abs`"),
        ("def taste(sugar):\n    {doc}\n    return np.clip(sugar, 0, 1)", "uses `clip`"),
        ("def taste(sugar):\n    {doc}\n    return __import__('os').getcwd()", "uses `__import__`"),
    ],
)
def test_code_no_row_may_hold_is_refused_by_name(faulty: str, word: str) -> None:
    text = faulty.replace("{doc}", '"""Taste. [number, rate]"""')
    problems = complaints(text, scalars="sugar water a b c d e f g h")
    assert any(problem.startswith("stand.py:") and "row `taste`" in problem and word in problem for problem in problems)
    assert all("to do:" in problem for problem in problems)


def test_a_word_no_row_may_say_comes_with_the_word_to_say_instead() -> None:
    (problem,) = complaints(row("min(sugar, 1)", "sugar"), scalars="sugar")
    assert problem.splitlines()[-1].strip() == "to do:    write np.minimum(a, b)"


def test_imported_words_and_functions_of_other_modules_are_not_rows() -> None:
    assert list(book_of("from os.path import join\n", row("sugar", "sugar"), scalars="sugar").rows) == ["taste"]


def test_a_helper_with_a_leading_underscore_is_nobodys_row() -> None:
    assert list(book_of("def _half(x):\n    return x\n", row("sugar", "sugar"), scalars="sugar").rows) == ["taste"]


def test_a_row_written_twice_in_one_sheet_is_refused_though_python_forgets_the_first() -> None:
    (problem,) = complaints(row("sugar", "sugar"), row("water", "water"), scalars="sugar water")
    assert problem.startswith("stand.py:6: row `taste` is defined twice: also on line 3")


def test_a_row_written_in_two_sheets_is_refused_naming_both_files() -> None:
    first, second = (sheet(row("sugar", "sugar"), name) for name in ("stand", "shop"))
    (problem,) = complaints_of(first, second, scalars="sugar")
    assert problem.startswith("shop.py:3: row `taste` is defined twice: also in stand.py:3")


@pytest.mark.parametrize("name", ["prior_taste", "opening_taste"])
def test_reserved_beginnings_are_refused(name: str) -> None:
    (problem,) = complaints(row("sugar", "sugar", name=name), scalars="sugar")
    assert f"row `{name}` begins with a reserved word" in problem


def test_a_file_is_named_as_from_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(request.config.rootpath)
    (problem, *_) = complaints_of(lemonade)
    assert problem.startswith("tests/engine/lemonade.py:")
