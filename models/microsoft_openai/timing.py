"""Timing: the length of each period, and how long after the valuation date its cash arrives."""

import numpy as np


def days_in_period(period_end, period_start):
    """Days in the period. [days, rate]"""
    return period_end - period_start + 1


def period_years(days_in_period, days_in_year):
    """Length of the period. [years, rate]

    A part of its own calendar year, so that the quarters of a year add up to exactly one.
    """
    return days_in_period / days_in_year


def year_begun(prior_year_elapsed, is_year_start):
    """What has passed of the year when the period begins. [years, rate]"""
    return prior_year_elapsed * (1 - is_year_start)


def year_elapsed(year_begun, period_years):
    """What has passed of the year when the period ends. [years, balance]"""
    return year_begun + period_years


def is_forecast(period_end, valuation_date):
    """The period ends after the valuation date. [flag, flag]"""
    return period_end > valuation_date


def days_valued(period_end, valuation_date, days_in_period):
    """Days of the period after the valuation date. [days, rate]"""
    return np.maximum(np.minimum(period_end - valuation_date, days_in_period), 0)


def valued_fraction(days_valued, days_in_period):
    """Part of the period after the valuation date. [fraction, rate]

    A present value counts this part of the period's cash; the rest has already been received.
    """
    return days_valued / days_in_period


def discount_years(period_end, valuation_date, days_valued, mid_period, discount_basis):
    """Years from the valuation date to the middle of the part of the period after it. [number, rate]"""
    return np.maximum(period_end - valuation_date - days_valued * (1 - mid_period), 0) / discount_basis


def exit_years(exit_date, valuation_date, discount_basis):
    """Years from the valuation date to the exit. [number, once]"""
    return np.maximum(exit_date - valuation_date, 0) / discount_basis


def held_fraction(exit_date, period_start, days_in_period):
    """Part of the period up to the exit. [fraction, rate]

    After the exit, what the company distributes goes to whoever bought it.
    """
    return np.minimum(np.maximum(exit_date - period_start + 1, 0) / days_in_period, 1)


def is_exit_period(exit_date, period_start, period_end):
    """The exit falls in this period. [flag, flag]"""
    return np.logical_and(exit_date >= period_start, exit_date <= period_end)
