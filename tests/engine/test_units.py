"""The units reading, on the lemonade stand and on formulas right and wrong."""

import pytest
from tests.engine import lemonade
from tests.engine.sheets import book_of, row
from tests.units import CALENDAR, MEASURES, RULES, derive_units

from dealgrid.engine.book import collect
from dealgrid.engine.ops import OPERATIONS, WORDS
from dealgrid.engine.row import UNITS

STAND_UNITS = {"cups": "count", "price": "US$ bn", "lemon_cost": "US$ bn", "periods_per_year": "count"}
GIVEN = {
    "dollars": "US$ bn",
    "rate": "US$ bn per year",
    "growth": "fraction per year",
    "share": "fraction",
    "years": "years",
    "days": "days",
    "date": "date",
    "is_hot": "flag",
}


def faults(formula: str, unit: str, shape: str = "rate") -> list[str]:
    """What is wrong with one row of ingredients in `GIVEN` and the calendar."""
    words = "".join(sign if sign.isalnum() or sign == "_" else " " for sign in formula).split()
    columns = " ".join([*GIVEN, *CALENDAR]) if shape == "once" else " ".join(CALENDAR)
    known = [name for name in dict.fromkeys(words) if name in {**GIVEN, **CALENDAR}]
    scalars = "" if shape == "once" else " ".join(GIVEN)
    return derive_units(book_of(row(formula, *known, unit=unit, shape=shape), scalars=scalars, columns=columns), GIVEN)


def test_the_stand_is_in_order() -> None:
    assert derive_units(collect([lemonade], list(STAND_UNITS)[1:], ["cups"]), STAND_UNITS) == []


def test_dollars_added_to_a_ratio_are_a_complaint_with_row_file_and_formula() -> None:
    (fault,) = faults("dollars + share", "US$ bn")
    assert fault == "stand.py:3: row `taste` adds a plain number to US$ bn in `dollars + share`"


def test_a_price_in_ratios_makes_the_stand_complain_where_the_fault_is_made() -> None:
    (fault,) = derive_units(collect([lemonade], list(STAND_UNITS)[1:], ["cups"]), {**STAND_UNITS, "price": "fraction"})
    assert fault.endswith("row `revenue` says [US$ bn], and its formula gives a plain number: cups × price")


def test_an_opening_is_in_the_unit_of_its_row() -> None:
    given = {**STAND_UNITS, "opening_cash": "years"}
    (fault,) = derive_units(collect([lemonade], list(given)[1:], ["cups"]), given)
    assert fault == "`opening_cash` is in years, and the row it opens in US$ bn"


def test_a_parameter_without_a_unit_is_named() -> None:
    (fault,) = derive_units(book_of(row("sugar", "sugar"), scalars="sugar"), {})
    assert "`sugar` has the unit None" in fault


@pytest.mark.parametrize(
    ("formula", "unit"),
    [
        ("rate * years", "US$ bn"),
        ("growth * years", "fraction"),
        ("days / days_in_year", "years"),
        ("date - period_start", "days"),
        ("period_end - period_start + 1", "days"),
        ("1 + period_end", "date"),
        ("date + days", "date"),
        ("date - days - 1", "date"),
        ("calendar_year - (calendar_year - years)", "years"),
        ("np.minimum(date, np.inf)", "date"),
        ("np.maximum(date - period_end, 0)", "days"),
        ("np.where(is_hot, date, np.inf)", "date"),
        ("np.where(date > period_end, dollars, 0)", "US$ bn"),
        ("np.logical_and(is_hot, date >= period_start)", "flag"),
        ("np.logical_not(is_hot * (1 - is_year_start))", "flag"),
        ("np.where(1 - is_hot, dollars, 0)", "US$ bn"),
        ("(date > period_end) * dollars", "US$ bn"),
        ("dollars * (1 + share) ** (days / days)", "US$ bn"),
        ("np.sqrt(dollars * dollars)", "US$ bn"),
        ("np.exp(-growth * years)", "number"),
        ("-np.absolute(dollars)", "US$ bn"),
        ("dollars + 0", "US$ bn"),
        ("0 - days", "days"),
        ("0 + is_hot", "fraction"),
        ("1 - share", "multiple"),
        ("np.maximum(days, 1)", "days"),
        ("is_hot + is_year_start", "count"),
        ("np.where(np.minimum(is_hot, 1), dollars, 0)", "US$ bn"),
    ],
)
def test_sound_formulas_are_in_order(formula: str, unit: str) -> None:
    assert faults(formula, unit) == []


@pytest.mark.parametrize(
    ("formula", "unit", "said"),
    [
        ("date + period_end", "date", "adds a date to a date"),
        ("dollars - days", "US$ bn", "subtracts days from US$ bn"),
        ("0 - date", "date", "subtracts a date from"),
        ("date - years", "date", "subtracts years from a date"),
        ("calendar_year - date", "years", "subtracts a date from a calendar year"),
        ("years - days", "years", "subtracts days from years"),
        ("date * share", "date", "multiplies a date"),
        ("date / days", "number", "divides a date"),
        ("-date", "date", "turns the sign of a date"),
        ("np.minimum(date, days)", "date", "puts a date beside days"),
        ("np.minimum(rate, 1)", "US$ bn per year", "puts US$ bn per year beside a plain number"),
        ("np.where(dollars, days, 0)", "days", "takes US$ bn for a yes or no"),
        ("np.where(is_hot, days, dollars)", "days", "is either days or US$ bn"),
        ("np.logical_or(is_hot, share)", "flag", "takes a plain number for a yes or no"),
        ("np.where(is_hot + is_year_start, days, 0)", "days", "takes a plain number for a yes or no"),
        ("dollars > days", "flag", "compares US$ bn with days"),
        ("(1 + share) ** years", "number", "raises to a power of years"),
        ("dollars ** share", "US$ bn", "raises US$ bn to a power"),
        ("np.log(dollars)", "number", "takes a curve of US$ bn"),
        ("dollars * years", "US$ bn", "its formula gives US$ bn * year"),
        ("rate", "US$ bn", "its formula gives US$ bn per year"),
        ("days / days_in_year", "days", "its formula gives years"),
        ("date", "days", "its formula gives a date"),
        ("days", "date", "its formula gives days"),
        ("calendar_year", "years", "its formula gives a calendar year"),
    ],
)
def test_faulty_formulas_are_told_what_they_do(formula: str, unit: str, said: str) -> None:
    (fault,) = faults(formula, unit)
    assert fault.startswith("stand.py:3: row `taste` ")
    assert said in fault


@pytest.mark.parametrize(
    ("formula", "unit"),
    [
        ("total(dollars)", "US$ bn"),
        ("last(date)", "date"),
        ("largest(days)", "days"),
        ("npv(dollars, share)", "US$ bn"),
        ("moic(dollars, dollars)", "multiple"),
        ("payback(dollars, period_end)", "date"),
        ("when(is_hot, period_end)", "date"),
        ("when(is_hot, calendar_year)", "year"),
        ("irr_state(dollars)", "number"),
    ],
)
def test_words_have_units_too(formula: str, unit: str) -> None:
    assert faults(formula, unit, "once") == []


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("total(date)", "adds up a date"),
        ("npv(dollars, days)", "discounts by days"),
        ("moic(dollars, days)", "divides days by US$ bn"),
        ("payback(date, days)", "repays a date"),
        ("when(dollars, date)", "takes US$ bn for a yes or no"),
    ],
)
def test_words_refuse_what_they_cannot_take(formula: str, said: str) -> None:
    (fault,) = faults(formula, "number", "once")
    assert said in fault


def test_a_fault_deep_in_a_formula_is_shown_by_its_own_part() -> None:
    (fault,) = faults("np.maximum((dollars + days) * share, 0)", "US$ bn")
    assert fault.endswith("adds days to US$ bn in `dollars + days`")


def test_every_operation_word_and_unit_has_its_rule() -> None:
    assert set(RULES) == {*OPERATIONS, *WORDS}
    assert set(MEASURES) == set(UNITS)
