"""The NumPy reading, against a lemonade stand worked by hand."""

import numpy as np
import pytest
from tests.engine import lemonade
from tests.engine.sheets import book_of, row

from dealgrid.dates import Calendar
from dealgrid.engine.book import Book, collect
from dealgrid.engine.run import Fixed, run
from dealgrid.problems import InputError, ModelError

SUMMERS = Calendar(2025, 2027)
STAND = collect([lemonade], ["price", "lemon_cost", "periods_per_year", "opening_cash"], ["cups"])
GIVEN = {
    "cups": np.array([10.0, 20.0, 30.0]),
    "price": 2.0,
    "lemon_cost": 0.5,
    "opening_cash": 0.0,
    "periods_per_year": 1.0,
}


def tasted(
    *rows: str, fixed: tuple[Fixed, ...] = (), futures: int | None = None, columns: str = "", **given: object
) -> list:
    """Run one sheet over three summers; the values of its last row as lists."""
    scalars = " ".join(name for name in given if name not in columns.split())
    book = book_of(*rows, scalars=scalars, columns=columns)
    return run(book, SUMMERS, given, fixed, futures)[list(book.rows)[-1]].tolist()


def test_the_stand_earns_what_arithmetic_says() -> None:
    values = run(STAND, SUMMERS, GIVEN)
    assert values["revenue"].tolist() == [20.0, 40.0, 60.0]  # cups × 2
    assert values["cost"].tolist() == [0.0, 10.0, 15.0]  # the till is empty before the first summer: credit
    assert values["profit"].tolist() == [20.0, 30.0, 45.0]
    assert values["cash"].tolist() == [20.0, 50.0, 95.0]
    assert values["total_profit"] == 95.0
    assert np.isnan(values["rate_of_return"])  # never paid in: no rate, and no error


def test_an_opening_stands_before_the_first_period() -> None:
    values = run(STAND, SUMMERS, {**GIVEN, "opening_cash": 1.0})
    assert values["cost"].tolist() == [5.0, 10.0, 15.0]
    assert values["cash"].tolist() == [16.0, 46.0, 91.0]  # 1 + 15, + 30, + 45


def test_an_opening_stands_before_the_first_period_of_a_row_filled_in_whole() -> None:
    rows = row("cups", "cups", name="sales"), row("prior_sales", "prior_sales")
    cups = np.array([1.0, 2.0, 3.0])
    assert tasted(*rows, cups=cups, columns="cups") == [0.0, 1.0, 2.0]
    assert tasted(*rows, cups=cups, columns="cups", opening_sales=7.0) == [7.0, 1.0, 2.0]
    assert tasted(*rows, cups=cups, columns="cups", opening_sales=np.array([7.0, 8.0]), futures=2) == [
        [7.0, 8.0],
        [1.0, 1.0],
        [2.0, 2.0],
    ]


@pytest.mark.parametrize("futures", [1, 2, 5])
def test_every_row_has_the_promised_shape_in_a_crowd_even_where_no_future_differs(futures: int) -> None:
    values = run(STAND, SUMMERS, GIVEN, futures=futures)
    assert {name: value.shape for name, value in values.items()} == {
        **dict.fromkeys(("revenue", "cost", "profit", "cash"), (3, futures)),
        "total_profit": (futures,),
        "rate_of_return": (futures,),
    }


def test_a_case_alone_has_periods_only() -> None:
    values = run(STAND, SUMMERS, GIVEN)
    assert {name: value.shape for name, value in values.items()} == {
        **dict.fromkeys(("revenue", "cost", "profit", "cash"), (3,)),
        **dict.fromkeys(("total_profit", "rate_of_return"), ()),
    }


def test_a_row_without_ingredients_fills_every_period() -> None:
    assert tasted(row("1")) == [1.0, 1.0, 1.0]
    assert tasted(row("1"), futures=2) == [[1.0, 1.0]] * 3
    assert tasted(row("1", shape="once")) == 1.0


def test_a_row_of_parameters_alone_fills_every_period() -> None:
    assert tasted(row("sugar + 1", "sugar"), sugar=np.array([1.0, 2.0]), futures=2) == [[2.0, 3.0]] * 3


def test_results_cannot_be_written_to() -> None:
    for futures in (None, 2):
        for value in run(STAND, SUMMERS, GIVEN, futures=futures).values():
            assert not value.flags.writeable


# Pins


def test_a_pin_overrides_one_period_of_a_row_filled_in_whole_and_what_follows_uses_it() -> None:
    values = run(STAND, SUMMERS, GIVEN, [Fixed("revenue", 1, 0.0)])
    assert values["revenue"].tolist() == [20.0, 0.0, 60.0]
    assert values["cash"].tolist() == [20.0, 10.0, 55.0]  # 20, + 0 − 10, + 60 − 15


def test_a_pin_in_a_loop_through_time_is_what_its_own_past_sees() -> None:
    values = run(STAND, SUMMERS, GIVEN, [Fixed("cash", 0, 0.0)])
    assert values["cash"].tolist() == [0.0, 40.0, 85.0]  # pinned; 0 + 40 on credit; 40 + 60 − 15
    assert tasted(row("prior_taste + 1", "prior_taste"), fixed=(Fixed("taste", 1, 10.0),)) == [1.0, 10.0, 11.0]


def test_a_pin_without_a_period_holds_in_every_period() -> None:
    assert run(STAND, SUMMERS, GIVEN, [Fixed("cost", None, 1.0)])["cash"].tolist() == [19.0, 58.0, 117.0]
    assert run(STAND, SUMMERS, GIVEN, [Fixed("revenue", None, 1.0)])["revenue"].tolist() == [1.0, 1.0, 1.0]


def test_a_pin_of_a_once_row_is_what_period_rows_see() -> None:
    rows = row("sugar", "sugar", name="sweetness", shape="once"), row("sweetness + 1", "sweetness")
    assert tasted(*rows, fixed=(Fixed("sweetness", None, 4.0),), sugar=1.0) == [5.0, 5.0, 5.0]


def test_of_two_pins_on_one_cell_the_last_counts() -> None:
    for name in ("revenue", "cash"):
        pins = [Fixed(name, 1, 1.0), Fixed(name, None, 3.0), Fixed(name, 1, 2.0)]
        assert run(STAND, SUMMERS, GIVEN, pins)[name].tolist() == [3.0, 2.0, 3.0]


@pytest.mark.parametrize("name", ["revenue", "cost", "cash"])
def test_a_pin_may_differ_between_futures(name: str) -> None:
    values = run(STAND, SUMMERS, GIVEN, [Fixed(name, 1, np.array([1.0, 2.0]))], futures=2)
    for future in range(2):
        alone = run(STAND, SUMMERS, GIVEN, [Fixed(name, 1, future + 1.0)])
        assert {each: values[each][..., future].tolist() for each in ("revenue", "cost", "cash", "total_profit")} == {
            each: alone[each].tolist() for each in ("revenue", "cost", "cash", "total_profit")
        }


def test_pinning_every_cell_of_a_row_frees_it_of_its_formula() -> None:
    rows = row("sugar / water", "sugar", "water")
    assert tasted(rows, fixed=(Fixed("taste", None, 1.0),), sugar=0.0, water=0.0) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("pin", "said"),
    [
        (Fixed("revenu", 1, 0.0), "`revenu` is not a row"),
        (Fixed("revenue", 3, 0.0), "row `revenue` is pinned in period 3"),
        (Fixed("revenue", -1, 0.0), "row `revenue` is pinned in period -1"),
        (Fixed("total_profit", 0, 0.0), "the row has one number"),
        (Fixed("revenue", 0, np.array([1.0, 2.0])), "row `revenue` is pinned to values of shape (2,)"),
    ],
)
def test_a_pin_that_fits_no_cell_is_refused(pin: Fixed, said: str) -> None:
    with pytest.raises(InputError) as raised:
        run(STAND, SUMMERS, GIVEN, [pin])
    assert said in str(raised.value)


# What is given


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cups": 1.0}, "`cups` has values of shape ()"),
        ({"cups": np.ones(4)}, "`cups` has values of shape (4,)"),
        ({"price": np.ones(3)}, "`price` has values of shape (3,)"),
    ],
)
def test_values_of_another_shape_are_refused(change: dict, said: str) -> None:
    with pytest.raises(InputError) as raised:
        run(STAND, SUMMERS, {**GIVEN, **change})
    assert said in str(raised.value)


def test_a_parameter_without_a_value_is_refused_by_name() -> None:
    with pytest.raises(InputError) as raised:
        run(STAND, SUMMERS, {})
    assert "`cups` has no value" in str(raised.value)
    assert len(raised.value.problems) == 5


# Numbers


def test_what_is_not_a_number_is_refused_naming_the_row_the_period_and_the_formula() -> None:
    with pytest.raises(ModelError) as raised:
        tasted(
            row("sugar / cups", "sugar", "cups"),
            row("taste + 1", "taste", name="thirst"),
            sugar=0.0,
            cups=np.array([1.0, 0.0, 0.0]),
            columns="cups",
        )
    (problem,) = raised.value.problems  # what follows from it is not another problem
    assert str(problem).startswith("stand.py:3: row `taste` is not a number in 2026")
    assert "sugar ÷ cups" in str(problem)
    assert "0 ÷ 0" in problem.advice


def test_what_is_not_a_number_in_one_future_only_is_refused_too() -> None:
    cups = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ModelError, match="row `taste` is not a number in 2026"):
        tasted(row("sugar / cups", "sugar", "cups"), sugar=0.0, cups=cups, columns="cups", futures=2)


def test_a_once_row_that_is_not_a_number_is_refused_without_a_period() -> None:
    with pytest.raises(ModelError) as raised:
        tasted(row("sugar - sugar", "sugar", shape="once"), sugar=np.inf)
    assert "row `taste` is not a number\n" in str(raised.value)


def test_a_rate_of_return_may_be_no_number_and_so_may_what_is_made_of_it() -> None:
    flow = row("cups", "cups", name="flow")
    rate = row("irr(flow, sugar)", "flow", "sugar", name="rate", shape="once")
    cups = np.array([-1.0, 0.0, 0.0])
    assert np.isnan(tasted(flow, rate, sugar=1.0, cups=cups, columns="cups"))
    assert np.isnan(
        tasted(flow, rate, row("rate - sugar", "rate", "sugar", shape="once"), sugar=1.0, cups=cups, columns="cups")
    )


def test_a_division_by_nothing_in_the_branch_not_taken_is_no_error() -> None:
    formula = "np.where(water > 0, sugar / water, 1)"
    assert tasted(row(formula, "water", "sugar"), sugar=1.0, water=0.0) == [1.0, 1.0, 1.0]


def test_no_limit_passes_through_the_smaller_and_the_larger() -> None:
    assert tasted(row("np.minimum(sugar, lid)", "sugar", "lid"), sugar=1.5, lid=np.inf) == [1.5, 1.5, 1.5]
    assert tasted(row("np.maximum(lid - sugar, 0)", "lid", "sugar"), sugar=1.5, lid=np.inf) == [np.inf] * 3


def test_flags_of_a_loop_add_up_as_numbers() -> None:
    """Rows are floats before the next row sees them: NumPy's True + True would be True."""
    rows = (
        row("prior_taste > 0", "prior_taste", name="is_sweet", unit="flag", shape="flag"),
        row("prior_taste + 1 > 0", "prior_taste", name="is_wet", unit="flag", shape="flag"),
        row("is_sweet + is_wet", "is_sweet", "is_wet"),
    )
    assert tasted(*rows) == [1.0, 2.0, 2.0]
    assert tasted(*rows, opening_taste=np.array([0.0, 1.0]), futures=2) == [[1.0, 2.0], [2.0, 2.0], [2.0, 2.0]]


def test_a_loop_that_divides_by_nothing_finds_no_limit_as_any_row_does() -> None:
    assert (
        tasted(row("prior_taste + sugar / water", "prior_taste", "sugar", "water"), sugar=1.0, water=0.0)
        == [np.inf] * 3
    )


@pytest.mark.parametrize("formula", ["np.minimum({}, {})", "np.maximum({}, {})"])
def test_in_a_loop_too_the_smaller_and_the_larger_do_not_hide_what_is_not_a_number(formula: str) -> None:
    for order in (("prior_taste", "(lid - lid)"), ("(lid - lid)", "prior_taste")):
        with pytest.raises(ModelError, match="row `taste` is not a number in 2025"):
            tasted(row(formula.format(*order), "prior_taste", "lid"), lid=np.inf)


@pytest.mark.parametrize("exponent", [2.0, 0.5, -1.0, 3.3])
@pytest.mark.parametrize("looks_at", ["prior_taste", "cups", "lid"])
@pytest.mark.parametrize("is_shared", [True, False])
def test_a_power_is_the_same_alone_and_in_a_crowd(exponent: float, looks_at: str, is_shared: bool) -> None:
    """In a loop and out of it. NumPy squares by a 2 that all futures share, where it raises to powers otherwise."""
    rows = row(f"np.maximum({looks_at}, water) ** sugar", looks_at, "water", "sugar")
    book = book_of(rows, scalars="water sugar lid", columns="cups")
    water = np.linspace(0.1, 0.9, 500)
    given = {"cups": np.zeros(3), "lid": 0.0, "sugar": exponent}
    crowd = run(
        book, SUMMERS, {**given, "water": water} | ({} if is_shared else {"sugar": np.full(500, exponent)}), (), 500
    )
    alone = [run(book, SUMMERS, {**given, "water": each})["taste"] for each in water]
    np.testing.assert_array_equal(np.transpose(alone), crowd["taste"])


def test_a_loop_runs_with_pins_without_and_with_others() -> None:
    rows = row("prior_taste + 1", "prior_taste")
    book = book_of(rows)
    for _ in range(2):
        assert run(book, SUMMERS, {})["taste"].tolist() == [1.0, 2.0, 3.0]
        assert run(book, SUMMERS, {}, [Fixed("taste", 0, 5.0)])["taste"].tolist() == [5.0, 6.0, 7.0]
        assert run(book, SUMMERS, {}, [Fixed("taste", 1, 0.0)])["taste"].tolist() == [1.0, 0.0, 1.0]


def test_a_row_may_have_any_name_python_allows() -> None:
    for name in ("periods", "t", "math", "fill", "outside"):
        rows = row(f"prior_{name} + 1", f"prior_{name}", name=name)
        assert tasted(rows) == [1.0, 2.0, 3.0]


def test_words_see_a_row_one_period_earlier() -> None:
    sales = row("cups", "cups", name="sales")
    past = row("total(prior_sales)", "prior_sales", shape="once")
    assert tasted(sales, past, cups=np.array([1.0, 2.0, 3.0]), columns="cups") == 3.0  # 0 + 1 + 2


def test_words_over_dates_give_dates() -> None:
    flag = row("cups > 1", "cups", name="is_busy", unit="flag", shape="flag")
    first = row("when(is_busy, period_end)", "is_busy", "period_end", unit="date", shape="once")
    book = book_of(flag, first, columns="cups period_end")
    cups = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 2.0]])
    values = run(book, SUMMERS, {"cups": cups}, futures=2)
    assert values["taste"].tolist() == [np.inf, SUMMERS.ingredients()["period_end"][1]]


def test_a_book_without_rows_runs() -> None:
    assert run(Book({}, {}, frozenset(), frozenset(), ()), SUMMERS, {}) == {}
