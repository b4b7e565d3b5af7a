"""Dates as spreadsheets count them, and the calendar of a deal."""

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.datetime import to_excel

from dealgrid.dates import Calendar, date_of, date_text, serial

DAYS = st.dates(dt.date(1900, 3, 1), dt.date(2200, 12, 31))  # the Excel calendar has a day too many before
CALENDARS = st.builds(
    Calendar,
    first_year=st.integers(1950, 2030),
    last_year=st.integers(2031, 2100),
    periods_per_year=st.sampled_from([1, 4]),
)
ONE_DAY = dt.timedelta(days=1)


@given(DAYS)
def test_a_serial_day_is_the_one_a_workbook_holds(day: dt.date) -> None:
    assert serial(day) == to_excel(day)


@given(DAYS)
def test_serial_days_count_calendar_days(day: dt.date) -> None:
    assert serial(day) - serial(dt.date(2000, 1, 1)) == (np.datetime64(day) - np.datetime64("2000-01-01")).astype(int)


@given(DAYS)
def test_a_date_comes_back_from_its_serial_day_at_any_hour(day: dt.date) -> None:
    assert date_of(serial(day)) == day
    assert date_of(serial(day) + 0.75) == day


def test_days_known_by_heart() -> None:
    assert serial(dt.date(2025, 6, 30)) == 45838
    assert serial(dt.date(2000, 1, 1)) == 36526


def test_a_date_is_shown_as_people_write_it() -> None:
    assert date_text(45838.0) == "2025-06-30"
    assert date_text(math.inf) == "never"


def test_a_year_is_a_period() -> None:
    calendar = Calendar(2024, 2026)
    assert calendar.periods == ("2024", "2025", "2026")
    assert len(calendar) == 3
    assert calendar.starts[0] == dt.date(2024, 1, 1)
    assert calendar.ends == (dt.date(2024, 12, 31), dt.date(2025, 12, 31), dt.date(2026, 12, 31))


def test_a_quarter_is_a_period() -> None:
    calendar = Calendar(2024, 2024, 4)
    assert calendar.periods == ("2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4")
    assert calendar.ends == (dt.date(2024, 3, 31), dt.date(2024, 6, 30), dt.date(2024, 9, 30), dt.date(2024, 12, 31))


@given(CALENDARS)
def test_each_period_begins_the_day_after_the_last_and_nothing_is_left_out(calendar: Calendar) -> None:
    assert all(end + ONE_DAY == start for end, start in zip(calendar.ends[:-1], calendar.starts[1:], strict=True))
    assert (calendar.starts[0].year, calendar.ends[-1].year) == (calendar.first_year, calendar.last_year)
    assert len(calendar) == len(calendar.ends) == len(calendar.periods) == len(set(calendar.periods))
    assert calendar.ends[-1] + ONE_DAY == dt.date(calendar.last_year + 1, 1, 1)


@given(CALENDARS)
def test_a_period_is_found_by_its_name(calendar: Calendar) -> None:
    assert [calendar.index(period) for period in calendar.periods] == list(range(len(calendar)))


@pytest.mark.parametrize("name", ["2028-Q3", "2028Q3", "2028q3", " 2028-q3 "])
def test_a_quarter_is_found_however_it_is_written(name: str) -> None:
    assert Calendar(2027, 2029, 4).index(name) == 6


@pytest.mark.parametrize("name", ["2030", "2028-Q3", "28", "", "2028-13"])
def test_a_period_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match="2027 to 2029"):
        Calendar(2027, 2029).index(name)


@pytest.mark.parametrize("years", [(2030, 2029, 1), (2025, 2030, 2), (2025, 2030, 12), (2025, 2030, 0)])
def test_a_calendar_that_cannot_be_is_refused(years: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="periods"):
        Calendar(*years)


def test_the_calendar_supplies_what_rows_ask_for() -> None:
    given = Calendar(2024, 2025).ingredients()
    assert given["period_start"].tolist() == [serial(dt.date(2024, 1, 1)), serial(dt.date(2025, 1, 1))]
    assert given["period_end"].tolist() == [serial(dt.date(2024, 12, 31)), serial(dt.date(2025, 12, 31))]
    assert given["calendar_year"].tolist() == [2024.0, 2025.0]
    assert given["days_in_year"].tolist() == [366.0, 365.0]  # 2024 is a leap year
    assert given["is_year_start"].tolist() == [1.0, 1.0]


def test_only_the_first_quarter_starts_a_year() -> None:
    assert Calendar(2024, 2025, 4).ingredients()["is_year_start"].tolist() == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]


@given(CALENDARS)
def test_the_days_of_the_periods_of_a_year_are_the_days_of_the_year(calendar: Calendar) -> None:
    given = calendar.ingredients()
    days = given["period_end"] - given["period_start"] + 1
    for year in (calendar.first_year, calendar.last_year):
        is_year = given["calendar_year"] == year
        assert (
            days[is_year].sum()
            == given["days_in_year"][is_year][0]
            == (dt.date(year + 1, 1, 1) - dt.date(year, 1, 1)).days
        )


def test_leap_years_follow_the_rule_of_a_hundred_and_four_hundred() -> None:
    given = Calendar(1999, 2101).ingredients()
    leap = given["calendar_year"][given["days_in_year"] == 366]
    assert 2000 in leap
    assert 2100 not in leap
    assert len(leap) == 25  # 2000, 2004, … 2096


def test_what_the_calendar_supplies_cannot_be_changed_by_who_asked_for_it() -> None:
    calendar = Calendar(2024, 2025)
    with pytest.raises(ValueError, match="read-only"):
        calendar.ingredients()["period_start"][0] = 0.0
    calendar.ingredients().clear()
    assert "period_start" in calendar.ingredients()
