"""Values by date, over the periods of a calendar."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgrid.dates import Calendar
from dealgrid.inputs import Dated
from dealgrid.inputs.values import read_moment


def dated(between, **values):
    return Dated(
        tuple(read_moment(key.strip("_").replace("_", "-")) for key in values), tuple(values.values()), between
    )


def test_a_step_holds_each_value_until_the_next_and_the_first_before_it():
    rate = dated("step", _2021=0.2, _2023=0.1)
    assert rate.over(Calendar(2020, 2024)).tolist() == [0.2, 0.2, 0.2, 0.1, 0.1]


def test_a_change_inside_a_period_counts_by_days():
    rate = dated("step", _2020=0.0, _2025_10_28=1.0)
    assert rate.over(Calendar(2025, 2025))[0] == pytest.approx(65 / 365)  # 28 October to 31 December is 65 days


def test_quarters_average_to_the_year():
    rate = dated("step", _2020=0.0, _2025_10_28=1.0)
    quarters = rate.over(Calendar(2025, 2025, 4))
    assert quarters.tolist() == [0, 0, 0, pytest.approx(65 / 92)]


def test_a_line_is_flat_outside_its_dates_and_averages_its_days_between_them():
    rate = dated("linear", _2021=0.0, _2022=1.0)
    # Day 0 to day 364 of 365: the mean of 0/365 … 364/365 is 182/365.
    assert rate.over(Calendar(2020, 2022)).tolist() == [0.0, pytest.approx(182 / 365), 1.0]


def test_dated_payments_fall_on_their_day_and_nowhere_else():
    money = dated("nothing", _2019_07_22=1.0, _2021=2.0, _2021_12_31=0.5)
    assert money.over(Calendar(2018, 2022)).tolist() == [0, 1.0, 0, 2.5, 0]
    assert money.over(Calendar(2021, 2021, 4)).tolist() == [2.0, 0, 0, 0.5]


def test_a_period_with_a_day_without_limit_has_no_limit():
    cap = dated("step", _2020=38.0, _2022_07=math.inf, _2024=38.0)
    assert cap.over(Calendar(2020, 2025)).tolist() == [38, 38, math.inf, math.inf, 38, 38]


@given(st.floats(-1e300, 1e300), st.sampled_from(["step", "linear"]), st.sampled_from([1, 4]))
def test_the_mean_of_a_constant_is_exactly_the_constant(value, between, periods_per_year):
    constant = dated(between, _2021=value, _2023_05=value)
    assert np.all(constant.over(Calendar(2019, 2025, periods_per_year)) == value)


@given(st.lists(st.floats(0, 1e6), min_size=4, max_size=4))
def test_years_of_steps_agree_with_their_days_added_up(values):
    plan = dated("step", **dict(zip(("_2021", "_2022_03_15", "_2022_11", "_2024"), values, strict=True)))
    calendar = Calendar(2020, 2025)
    days = [plan.at(np.arange(start.toordinal(), end.toordinal() + 1) - 693594.0)  # ordinal of day 0
            for start, end in zip(calendar.starts, calendar.ends, strict=True)]  # fmt: skip
    assert plan.over(calendar) == pytest.approx([each.mean() for each in days], rel=1e-12, abs=1e-9)
