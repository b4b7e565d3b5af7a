"""Access: the AGI clause, how long Microsoft may use the models, and when others may too."""

import numpy as np

from dealgrid.engine.words import each


def agi_effective_date(agi_date, verification_lag):
    """Date on which AGI has been declared and verified. [date, once]"""
    return agi_date + verification_lag


def is_agi(period_end, agi_effective_date):
    """AGI has been declared and verified. [flag, flag]"""
    return period_end >= agi_effective_date


def last_access_date(access_ends_on_agi, access_end, agi_effective_date):
    """Last day of Microsoft's access to new models. [date, once]"""
    return np.where(access_ends_on_agi, np.minimum(access_end, agi_effective_date), access_end)


def has_access(period_end, last_access_date):
    """Microsoft has access to new models to the end of the period. [flag, flag]"""
    return period_end <= last_access_date


def access_fraction(last_access_date, period_start, days_in_period):
    """Part of the period with access. [fraction, rate]"""
    return np.minimum(np.maximum(last_access_date - period_start + 1, 0) / days_in_period, 1)


def years_without_access(period_end, last_access_date, days_in_period, access_fraction, mid_period, days_in_year):
    """Years without access, to the middle of the period's part without it. [years, rate]"""
    return (
        np.maximum(period_end - last_access_date - days_in_period * (1 - access_fraction) * (1 - mid_period), 0)
        / days_in_year
    )


def head_start_years(last_access_date, access_end, preparation_years):
    """Years of replacement done before access ends; none where AGI ends it unannounced. [years, once]"""
    return np.where(last_access_date >= access_end, preparation_years, 0)


def replaced_fraction(years_without_access, head_start_years, replacement_years):
    """Part of the lost models that others have replaced. [fraction, rate]"""
    return np.minimum((years_without_access + head_start_years) / replacement_years, 1)


def lost_fraction(access_fraction, replaced_fraction):
    """Part of the business on OpenAI's models that is lost. [fraction, rate]"""
    return (1 - access_fraction) * (1 - replaced_fraction)


def last_research_date(research_ends_on_agi, research_end, agi_effective_date):
    """Last day of Microsoft's rights to OpenAI's research. [date, once]

    Source: Microsoft's post of 28 October 2025: until AGI is verified or 2030, whichever comes first.
    """
    return np.where(research_ends_on_agi, np.minimum(research_end, agi_effective_date), research_end)


def own_research_cost(period_end, last_research_date, days_in_period, own_research_plan, period_years):
    """Microsoft's research in place of OpenAI's. [US$ bn, flow]"""
    return (
        np.minimum(np.maximum(period_end - last_research_date, 0) / days_in_period, 1)
        * own_research_plan
        * period_years
    )


_RIGHTS = {"models": "sells OpenAI's models", "compute": "has the first claim on OpenAI's compute"}


@each(right=_RIGHTS)
def right_exclusive_until(exclusivity_ends_on_agi, right_exclusivity_end, agi_effective_date):
    """Last day on which Azure alone {right}. [date, once]"""
    return np.where(
        exclusivity_ends_on_agi, np.minimum(right_exclusivity_end, agi_effective_date), right_exclusivity_end
    )


@each(right={"models": "selling through", "compute": "buying compute from"})
def right_open_ramp(period_end, right_exclusive_until, days_in_year, open_years):
    """How far {right} other clouds has come. [fraction, rate]"""
    return np.minimum(np.maximum(period_end - right_exclusive_until, 0) / days_in_year / open_years, 1)
