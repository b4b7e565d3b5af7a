"""What must hold between rows, and the order they are filled in."""

import itertools

import pytest
from tests.engine import lemonade
from tests.engine.sheets import book_of, complaints, complaints_of, row

from dealgrid.engine.book import collect
from dealgrid.problems import ModelError

GIVEN = "price lemon_cost periods_per_year"
STAND = collect([lemonade], GIVEN.split(), ["cups"])


def test_rows_keep_their_authors_order() -> None:
    assert list(STAND.rows) == ["revenue", "cost", "profit", "cash", "total_profit", "rate_of_return"]
    assert [each.name for each in STAND.sheets["lemonade"]] == list(STAND.rows)


def test_rows_that_feed_each_other_through_time_share_a_block_and_no_others() -> None:
    blocks = {tuple(each.name for each in block.rows): block.is_stepwise for block in STAND.blocks}
    assert blocks == {
        ("revenue",): False,
        ("cost", "profit", "cash"): True,
        ("total_profit",): False,
        ("rate_of_return",): False,
    }


def test_a_row_that_needs_its_own_past_is_filled_in_step_by_step() -> None:
    (block,) = book_of(row("prior_taste + 1", "prior_taste")).blocks
    assert block.is_stepwise


def test_a_row_that_needs_anothers_past_is_not() -> None:
    book = book_of(row("sugar", "sugar"), row("prior_taste", "prior_taste", name="memory"), scalars="sugar")
    assert [block.is_stepwise for block in book.blocks] == [False, False]


def test_what_feeds_the_book_is_known_openings_included() -> None:
    book = collect([lemonade], [*GIVEN.split(), "opening_cash", "unused"], ["cups", "period_end"])
    assert book.given == {"price", "lemon_cost", "periods_per_year", "cups", "opening_cash"}


def test_formulas_read_as_words() -> None:
    assert STAND.formula("cost") == "if prior_cash > 0 then cups × lemon_cost else 0"
    assert STAND.formula("rate_of_return") == (
        "the yearly rate at which profit is worth nothing, periods_per_year periods a year"
    )


def test_a_ledger_without_rows_is_a_book_too() -> None:
    assert book_of("").blocks == ()


def test_all_problems_are_said_in_one_go() -> None:
    with pytest.raises(ModelError) as raised:
        book_of(row("sugr", "sugr"), row("water * 2", "water", name="thirst"), scalars="sugar water")
    assert len(raised.value.problems) == 2


def test_an_unknown_ingredient_is_named_with_the_nearest_name() -> None:
    (problem,) = complaints(row("sugr", "sugr"), scalars="sugar")
    assert problem.startswith("stand.py:3: row `taste` asks for `sugr`, which is neither a row nor a parameter")
    assert "did you mean `sugar`?" in problem


def test_an_unknown_ingredient_like_nothing_known_is_to_be_added() -> None:
    (problem,) = complaints(row("zest", "zest"), scalars="sugar")
    assert "add it to a sheet or to a parameter file" in problem


def test_an_unknown_past_is_named_with_the_nearest_row() -> None:
    (problem,) = complaints(row("sugar", "sugar"), row("prior_tast", "prior_tast", name="memory"), scalars="sugar")
    assert "row `memory` asks for `prior_tast`, and `tast` is not a row over periods" in problem
    assert "did you mean `prior_taste`?" in problem


def test_an_ingredient_that_is_not_used_is_left_out() -> None:
    (problem,) = complaints(row("sugar", "sugar", "water"), scalars="sugar water")
    assert "row `taste` does not use its ingredient `water`" in problem


def test_a_row_with_the_name_of_a_parameter_is_refused() -> None:
    (problem,) = complaints(row("sugar", "sugar"), scalars="sugar taste")
    assert "row `taste` has the name of a parameter" in problem


def test_an_opening_by_date_is_refused() -> None:
    (problem,) = complaints(row("prior_taste + 1", "prior_taste"), columns="opening_taste")
    assert "row `taste` has an opening by date: `opening_taste`" in problem


def test_a_once_row_has_no_past() -> None:
    (problem,) = complaints(
        row("sugar", "sugar", shape="once"), row("prior_taste", "prior_taste", name="memory"), scalars="sugar"
    )
    assert "row `memory` asks for `prior_taste`, and `taste` is not a row over periods" in problem


def test_a_once_row_of_parameters_may_feed_period_rows() -> None:
    book = book_of(
        row("sugar * water", "sugar", "water", name="sweet_water", shape="once"),
        row("sweet_water + cups", "sweet_water", "cups"),
        scalars="sugar water",
        columns="cups",
    )
    assert [each.name for block in book.blocks for each in block.rows] == ["sweet_water", "taste"]


def test_a_once_row_made_of_whole_rows_may_not_feed_period_rows_however_far_away() -> None:
    (problem,) = complaints(
        row("cups", "cups", name="sales"),
        row("total(sales)", "sales", name="all_sales", shape="once"),
        row("all_sales + 1", "all_sales", name="more_sales", shape="once"),
        row("sales / more_sales", "sales", "more_sales"),
        columns="cups",
    )
    assert "row `taste` is fed by `more_sales`, which is made of whole rows" in problem
    assert "state the rule per period" in problem


def test_a_word_over_whole_rows_stands_in_once_rows_only() -> None:
    (problem,) = complaints(row("total(cups)", "cups"), columns="cups")
    assert "row `taste` says `total` and has a value per period" in problem


def test_a_once_row_may_not_use_a_value_per_period_outside_a_word() -> None:
    (problem,) = complaints(row("total(cups) + cups", "cups", shape="once"), columns="cups")
    assert "row `taste` is `once` and uses `cups`, which has a value per period" in problem
    (problem,) = complaints(
        row("cups", "cups", name="sales"), row("prior_sales", "prior_sales", shape="once"), columns="cups"
    )
    assert "uses `prior_sales`, which has a value per period" in problem


@pytest.mark.parametrize("given", ["sugar", "sweetness"])
def test_a_word_over_one_number_is_refused(given: str) -> None:
    (problem,) = complaints(
        row("sugar", "sugar", name="sweetness", shape="once"),
        row(f"total({given})", given, shape="once"),
        scalars="sugar",
    )
    assert f"row `taste` says total of `{given}`, which is one number" in problem


def test_a_loop_within_a_period_is_printed() -> None:
    (problem,) = complaints(
        row("thirst", "thirst"), row("heat", "heat", name="thirst"), row("taste", "taste", name="heat")
    )
    assert "needs itself within one period: " in problem
    loop = problem.splitlines()[0].partition("period: ")[2].split(" ← ")
    assert loop[0] == loop[-1]
    assert set(loop) == {"taste", "thirst", "heat"}
    needs = {"taste": "thirst", "thirst": "heat", "heat": "taste"}
    assert all(needs[one] == other for one, other in itertools.pairwise(loop))
    assert "use prior_<row> for one of them" in problem


def test_a_row_made_of_itself_is_a_loop_of_one() -> None:
    (problem,) = complaints(row("taste + 1", "taste"))
    assert "row `taste` needs itself within one period: taste ← taste" in problem


def test_once_rows_can_be_in_a_loop_too() -> None:
    (problem,) = complaints(row("thirst", "thirst", shape="once"), row("taste", "taste", name="thirst", shape="once"))
    assert "needs itself within one period" in problem


def test_a_sound_stand_has_no_complaints() -> None:
    assert complaints_of(lemonade, scalars=GIVEN, columns="cups") == []
