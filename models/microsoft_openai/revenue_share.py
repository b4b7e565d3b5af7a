"""Revenue share: what OpenAI pays Microsoft out of revenue, and what flows the other way."""

import numpy as np


def share_end(revenue_share_ends_on_agi, revenue_share_end, agi_effective_date):
    """Last day of the revenue share. [date, once]"""
    return np.where(revenue_share_ends_on_agi, np.minimum(revenue_share_end, agi_effective_date), revenue_share_end)


def share_in_force(share_end, period_start, days_in_period):
    """Part of the period with the revenue share in force. [fraction, rate]"""
    return np.minimum(np.maximum(share_end - period_start + 1, 0) / days_in_period, 1)


def share_before_cap(revenue, revenue_share_rate, share_in_force):
    """Revenue share before its total cap. [US$ bn, flow]"""
    return revenue * revenue_share_rate * share_in_force


def share_counted_fraction(period_end, revenue_share_cap_start, days_in_period):
    """Part of the period whose payments count towards the total cap. [fraction, rate]"""
    return np.minimum(np.maximum(period_end - revenue_share_cap_start + 1, 0) / days_in_period, 1)


def share_not_counted(share_before_cap, share_counted_fraction):
    """Revenue share that does not count towards the total cap. [US$ bn, flow]"""
    return share_before_cap * (1 - share_counted_fraction)


def share_counted_before_cap(share_before_cap, share_not_counted):
    """Revenue share that counts towards the total cap, before it. [US$ bn, flow]"""
    return share_before_cap - share_not_counted


def share_room(revenue_share_cap, prior_share_counted_to_date):
    """Room left under the total cap. [US$ bn, balance]"""
    return np.maximum(revenue_share_cap - prior_share_counted_to_date, 0)


def revenue_share_paid(share_not_counted, share_counted_before_cap, share_room):
    """Revenue share paid to Microsoft. [US$ bn, flow]

    Payments before the cap begins to count are paid in full, later ones up to what is left under it.
    Source: joint statement of 27 April 2026 on a total cap; its size The Information, 11 May 2026.
    """
    return share_not_counted + np.minimum(share_counted_before_cap, share_room)


def share_counted_to_date(prior_share_counted_to_date, revenue_share_paid, share_not_counted, share_counted_fraction):
    """Revenue share counted towards the total cap to date. [US$ bn, balance]

    Counted from what was paid, so that an actual payment takes the place of the formula's.
    """
    return prior_share_counted_to_date + np.maximum(revenue_share_paid - share_not_counted, 0) * (
        share_counted_fraction > 0
    )


def revenue_share_paid_to_date(prior_revenue_share_paid_to_date, revenue_share_paid):
    """Revenue share paid to Microsoft to date. [US$ bn, balance]"""
    return prior_revenue_share_paid_to_date + revenue_share_paid


def reverse_share_in_force(reverse_share_end, period_start, days_in_period):
    """Part of the period in which Microsoft pays a share to OpenAI. [fraction, rate]"""
    return np.minimum(np.maximum(reverse_share_end - period_start + 1, 0) / days_in_period, 1)


def bing_revenue(bing_plan, period_years):
    """Bing revenue that Microsoft shares. [US$ bn, flow]"""
    return bing_plan * period_years


def reverse_share_received(azure_openai_revenue, bing_revenue, reverse_share_rate, reverse_share_in_force):
    """Share of Azure OpenAI and Bing revenue received from Microsoft. [US$ bn, flow]

    Source: TechCrunch, November 2025.
    """
    return (azure_openai_revenue + bing_revenue) * reverse_share_rate * reverse_share_in_force
