"""Spellings of values: what people write, what it means, and what is refused."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgrid.dates import serial
from dealgrid.inputs import UNITS, display_value, format_value, read_value
from dealgrid.inputs.complaints import MisreadError
from dealgrid.inputs.values import FIRST_DAY, FIRST_YEAR, LAST_DAY, LAST_YEAR


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("$13.75bn", "US$ bn", 13.75),
        ("13.75", "US$ bn", 13.75),
        ("$194m", "US$ bn", 0.194),
        ("194 mn", "US$ bn", 0.194),
        ("28 million", "US$ bn", 0.028),
        ("$1e9", "US$ bn", 1.0),
        ("1e9", "US$ bn", 1e9),
        ("$250,000,000", "US$ bn", 0.25),
        ("$1_500_000_000", "US$ bn", 1.5),
        ("US$ 5 tn", "US$ bn", 5000.0),
        ("$5T", "US$ bn", 5000.0),
        ("$300,000k", "US$ bn", 0.3),
        ("USD 2b", "US$ bn", 2.0),
        ("-$1.4bn", "US$ bn", -1.4),
        ("$-1.4bn", "US$ bn", -1.4),
        ("\u2212$1.4bn", "US$ bn", -1.4),
        ("($1.4bn)", "US$ bn", -1.4),
        ("+3", "US$ bn", 3.0),
        ("$0", "US$ bn", 0.0),
        ("$5bn per year", "US$ bn per year", 5.0),
        ("$5bn/year", "US$ bn per year", 5.0),
        ("no limit", "US$ bn", math.inf),
        (".inf", "US$ bn", math.inf),
        ("32.5%", "fraction", 0.325),
        ("32.5\u00a0%", "fraction", 0.325),
        ("0.325", "fraction", 0.325),
        (".5", "fraction", 0.5),
        ("8% a year", "fraction per year", 0.08),
        ("8% p.a.", "fraction per year", 0.08),
        ("4x", "multiple", 4.0),
        ("4×", "multiple", 4.0),
        ("4", "multiple", 4.0),
        ("2025-10-28", "date", 45958.0),
        ("2028-Q3", "date", float(serial(dt.date(2028, 7, 1)))),
        ("2028q3", "date", float(serial(dt.date(2028, 7, 1)))),
        ("2028", "date", float(serial(dt.date(2028, 1, 1)))),
        ("2028-03", "date", float(serial(dt.date(2028, 3, 1)))),
        ("Never", "date", math.inf),
        ("90 days", "days", 90.0),
        ("1 day", "days", 1.0),
        ("2.5 years", "years", 2.5),
        ("2025", "year", 2025.0),
        ("never", "year", math.inf),
        ("1e-3", "number", 0.001),
        ("10,000", "count", 10000.0),
        ("yes", "flag", 1.0),
        ("False", "flag", 0.0),
        ("1.0", "flag", 1.0),
    ],
)
def test_a_value_is_read_as_people_write_it(text, unit, value):
    assert read_value(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("1,5", "US$ bn", "'1.5'"),
        ("$13.75", "US$ bn", "$13.75bn"),
        ("1 000", "number", "space"),
        ("1__0", "number", ""),
        ("2025-10-28", "US$ bn", "a date, not an amount"),
        ("32.5%", "multiple", "a percentage, not a multiple"),
        ("4x", "fraction", "a multiple, not a fraction"),
        ("$3bn", "fraction", "an amount of money"),
        ("$3bn", "date", "an amount of money, not a date"),
        ("yes", "fraction", "a yes or no"),
        ("0.3", "flag", "a plain number"),
        ("2025-02-30", "date", "not a day of the calendar"),
        ("2025-13", "date", "not a day of the calendar"),
        ("2025-Q5", "date", ""),
        ("28/10/2025", "date", "2025-10-28"),
        ("46000", "date", "2028-06-30"),
        ("1066", "date", "no day from"),
        ("nan", "number", "nan is not a value"),
        (".NaN", "US$ bn", "nan is not a value"),
        ("-.inf", "US$ bn", ""),
        ("never", "US$ bn", ""),
        ("inf", "fraction", "cannot stand for fraction"),
        ("inf", "count", "cannot stand for count"),
        ("1.5", "count", "not whole"),
        ("2025.5", "year", "not whole"),
        ("3025", "year", "not a calendar year"),
        ("1e999", "number", "too large"),
        ("1e99999", "number", ""),
        ("", "number", "empty"),
        (" \u00a0 ", "number", "empty"),
        ("٣", "number", ""),  # an Arabic three, which float() would take
        ("--3", "number", ""),
        ("-$-3", "US$ bn", ""),
        ("(3", "number", ""),
        ("3)", "number", ""),
        ("3 m", "number", ""),
        ("9" * 101, "number", "too long"),
        ("0x10", "number", ""),
        ("1:30", "number", ""),  # 90 to YAML 1.1
        ("null", "number", ""),
    ],
)
def test_what_is_not_a_value_of_the_unit_is_refused_with_advice(text, unit, words):
    with pytest.raises(MisreadError) as caught:
        read_value(text, unit)
    error = caught.value
    assert words in f"{error.what} {error.expected} {error.advice}"
    assert error.expected


@pytest.mark.parametrize(
    ("raw", "unit", "value"),
    [
        (13.75, "US$ bn", 13.75),
        (3, "multiple", 3.0),
        (np.float32(0.5), "fraction", 0.5),
        (np.int64(4), "count", 4.0),
        (True, "flag", 1.0),
        (np.bool_(False), "flag", 0.0),
        (1.0, "flag", 1.0),
        (dt.date(2025, 10, 28), "date", 45958.0),
        (dt.datetime(2025, 10, 28), "date", 45958.0),
        (pd.Timestamp("2025-10-28"), "date", 45958.0),
        (2028, "date", float(serial(dt.date(2028, 1, 1)))),
        (45958.0, "date", 45958.0),
        (math.inf, "date", math.inf),
    ],
)
def test_python_values_mean_what_they_say(raw, unit, value):
    assert read_value(raw, unit) == value


@pytest.mark.parametrize(
    ("raw", "unit"),
    [
        (math.nan, "number"), (-math.inf, "number"), (True, "US$ bn"), (0.5, "flag"), (dt.date(2025, 1, 1), "US$ bn"),
        (2028.0, "date"), (45958.5, "date"), (dt.datetime(2025, 1, 1, 12), "date"), (pd.NaT, "date"), (pd.NA, "number"),
        (None, "number"), (object(), "date"), (3 + 0j, "number"), (b"3", "number"), (10**400, "number"),
    ],
)  # fmt: skip
def test_python_values_that_fit_no_unit_are_refused(raw, unit):
    with pytest.raises(MisreadError):
        read_value(raw, unit)


FINITE = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
WHOLE = st.integers(-(2**53), 2**53).map(float)
VALUES = {
    "date": st.integers(FIRST_DAY, LAST_DAY).map(float),
    "year": st.integers(FIRST_YEAR, LAST_YEAR).map(float),
    "count": WHOLE,
    "flag": st.sampled_from([0.0, 1.0]),
}


@given(st.data(), st.sampled_from(list(UNITS)), st.booleans())
def test_a_written_value_reads_back_as_the_identical_float(data, unit, bare):
    values = VALUES.get(unit, FINITE)
    value = data.draw(values | st.just(math.inf) if UNITS[unit].endless else values)
    assert read_value(format_value(value, unit, bare=bare), unit) == value


@given(st.text(max_size=30) | st.from_regex(r"[-+(]?[$]?[0-9.,_ ]{1,8}[eE%xbn)-]{0,3}"), st.sampled_from(list(UNITS)))
def test_any_text_is_either_a_value_or_refused(text, unit):
    try:
        value = read_value(text, unit)
    except MisreadError:
        return
    assert not math.isnan(value)
    assert read_value(format_value(value, unit), unit) == value


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (13.75, "US$ bn", "$13.75bn"), (-1.4, "US$ bn", "-$1.4bn"), (0.325, "fraction", "32.5%"),
        (3.2, "multiple", "3.2x"), (45958.0, "date", "2025-10-28"), (math.inf, "date", "never"),
        (math.inf, "US$ bn", "no limit"), (90.0, "days", "90 days"), (1.0, "flag", "yes"), (2025.0, "year", "2025"),
    ],
)  # fmt: skip
def test_a_value_is_written_as_people_write_it(value, unit, text):
    assert format_value(value, unit) == text


def test_minus_zero_is_zero():
    assert math.copysign(1, read_value("-0", "number")) == 1


def test_a_bare_value_is_a_number_other_programs_read():
    assert format_value(0.325, "fraction", bare=True) == "0.325"
    assert format_value(13.75, "US$ bn", bare=True) == "13.75"
    assert format_value(45958.0, "date", bare=True) == "2025-10-28"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (13.75, "US$ bn", "13.8"), (-1.44, "US$ bn", "(1.4)"), (-0.04, "US$ bn", "0.0"), (1234.5, "US$ bn", "1,234.5"),
        (0.325, "fraction", "32.5%"), (-0.1, "fraction", "(10.0%)"), (3.21, "multiple", "3.2×"),
        (math.inf, "US$ bn", "no limit"), (-math.inf, "US$ bn", "(no limit)"), (math.inf, "date", "never"),
        (45958.0, "date", "2025-10-28"), (math.nan, "number", "n/a"), (1.0, "flag", "yes"), (0.5, "flag", "0.50"),
        (2025.0, "year", "2025"), (12345.0, "count", "12,345"), (0.123456, "number", "0.1235"), (90.0, "days", "90"),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_tables_show_it(value, unit, text):
    assert display_value(value, unit) == text
