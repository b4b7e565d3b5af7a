"""Binding: which clause holds somebody back in which period."""

import numpy as np


def binds_cap(nonprofit_tier_cash, microsoft_split_due, microsoft_split_cash):
    """Microsoft's cap binds. [flag, flag]"""
    return nonprofit_tier_cash + (microsoft_split_due - microsoft_split_cash) > 0


def binds_others_cap(others_split_due, others_split_cash):
    """The other investors' and employees' cap binds. [flag, flag]"""
    return others_split_due > others_split_cash


def binds_revenue_share_cap(share_counted_before_cap, share_room):
    """The total cap on the revenue share binds. [flag, flag]"""
    return share_counted_before_cap > share_room


def binds_revenue_share_end(share_in_force, revenue, revenue_share_rate):
    """The end of the revenue share binds. [flag, flag]"""
    return np.logical_and(share_in_force < 1, revenue * revenue_share_rate > 0)


def binds_agi(is_agi, last_access_date, access_end, share_end, revenue_share_end, last_research_date, research_end):
    """The AGI clause binds. [flag, flag]

    Only where it has ended something earlier than its date would have.
    """
    return np.logical_and(
        is_agi,
        np.logical_or(
            last_access_date < access_end,
            np.logical_or(share_end < revenue_share_end, last_research_date < research_end),
        ),
    )


def binds_access_end(access_fraction):
    """Microsoft is without access to new models. [flag, flag]"""
    return access_fraction < 1


def binds_raising_limit(funding_shortfall):
    """The limit on raising money binds. [flag, flag]"""
    return funding_shortfall > 0


def binds_minimum_cash(funding_need):
    """The minimum of cash makes OpenAI raise money. [flag, flag]"""
    return funding_need > 0


def binds_insolvency(cash):
    """OpenAI has run out of cash. [flag, flag]

    Where costs that follow revenue alone are more than can be raised, cutting training is not enough.
    """
    return cash < 0


def binds_azure_commitment(azure_not_counted, azure_commitment_due, azure_by_choice):
    """The Azure commitment makes OpenAI buy more than it would choose. [flag, flag]"""
    return azure_not_counted + azure_commitment_due > azure_by_choice
