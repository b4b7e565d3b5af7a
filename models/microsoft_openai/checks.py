"""Checks: what must be zero for the model to be believed, whatever the parameters."""

import numpy as np

from dealgrid.engine.words import largest, total


def capped_received(
    microsoft_capped_distribution,
    nonprofit_capped_distribution,
    employees_capped_distribution,
    investors_capped_distribution,
):
    """Capped return received by all. [US$ bn, flow]"""
    return (
        microsoft_capped_distribution
        + nonprofit_capped_distribution
        + employees_capped_distribution
        + investors_capped_distribution
    )


def equity_received(
    microsoft_equity_distribution,
    nonprofit_equity_distribution,
    employees_equity_distribution,
    investors_equity_distribution,
    new_investors_equity_distribution,
):
    """Unlimited return received by all. [US$ bn, flow]"""
    return (
        microsoft_equity_distribution
        + nonprofit_equity_distribution
        + employees_equity_distribution
        + investors_equity_distribution
        + new_investors_equity_distribution
    )


def check_distribution(distributable_cash, capped_received, equity_received):
    """Cash distributed is what holders receive. [US$ bn, flow]"""
    return distributable_cash - capped_received - equity_received


def check_tiers(capped_cash, first_close_cash, recoup_cash, split_cash, nonprofit_tier_cash):
    """The four tiers take all capped cash. [US$ bn, flow]"""
    return capped_cash - first_close_cash - recoup_cash - split_cash - nonprofit_tier_cash


def check_caps(microsoft_received_to_date, microsoft_cap_in_force, others_received_to_date, others_cap_in_force):
    """Nobody is above their cap. [US$ bn, balance]"""
    return np.maximum(microsoft_received_to_date - microsoft_cap_in_force, 0) + np.maximum(
        others_received_to_date - others_cap_in_force, 0
    )


def ownership_total(
    microsoft_ownership, nonprofit_ownership, employees_ownership, investors_ownership, new_investors_ownership
):
    """Ownership of all. [fraction, balance]"""
    return (
        microsoft_ownership + nonprofit_ownership + employees_ownership + investors_ownership + new_investors_ownership
    )


def check_ownership(ownership_total, is_converted, round_price):
    """Ownership adds to one; a gap at the price of a round. [US$ bn, balance]"""
    return (ownership_total - is_converted) * round_price


def cash_moved_to_date(prior_cash_moved_to_date, free_cash_flow, money_in, refund_paid, distributable_cash, exit_cash):
    """Cash that has come and gone to date. [US$ bn, balance]"""
    return prior_cash_moved_to_date + free_cash_flow + money_in - refund_paid - distributable_cash + exit_cash


def check_cash(cash, opening_cash, cash_moved_to_date):
    """Cash is what has come and gone. [US$ bn, balance]"""
    return cash - opening_cash - cash_moved_to_date


def check_losses(losses_used, prior_losses_carried):
    """Losses used are no more than losses held. [US$ bn, flow]"""
    return np.maximum(losses_used - prior_losses_carried, 0)


def check_share_cap(share_counted_to_date, revenue_share_cap):
    """The revenue share is never above its total cap. [US$ bn, balance]"""
    return np.maximum(share_counted_to_date - revenue_share_cap, 0)


def microsoft_receipts(
    revenue_share_paid,
    microsoft_capped_distribution,
    microsoft_equity_distribution,
    azure_compute_profit,
    azure_openai_profit,
    copilot_profit,
):
    """All streams Microsoft receives. [US$ bn, flow]"""
    return (
        revenue_share_paid
        + microsoft_capped_distribution
        + microsoft_equity_distribution
        + azure_compute_profit
        + azure_openai_profit
        + copilot_profit
    )


def check_streams(
    microsoft_net_cash_flow, microsoft_receipts, reverse_share_received, own_research_cost, microsoft_outlay
):
    """Microsoft's streams add to its net cash flow. [US$ bn, flow]"""
    return microsoft_net_cash_flow - (
        microsoft_receipts - reverse_share_received - own_research_cost - microsoft_outlay
    )


def check_values(total_value, microsoft_value, nonprofit_value, employees_value, investors_value, new_investors_value):
    """Values of holders add to the total. [US$ bn, once]"""
    return total_value - (microsoft_value + nonprofit_value + employees_value + investors_value + new_investors_value)


def check_no_negative_capped(
    microsoft_capped_distribution,
    nonprofit_capped_distribution,
    employees_capped_distribution,
    investors_capped_distribution,
):
    """No capped return is negative. [US$ bn, flow]"""
    return (
        np.maximum(0 - microsoft_capped_distribution, 0)
        + np.maximum(0 - nonprofit_capped_distribution, 0)
        + np.maximum(0 - employees_capped_distribution, 0)
        + np.maximum(0 - investors_capped_distribution, 0)
    )


def check_no_negative_equity(
    microsoft_equity_distribution,
    nonprofit_equity_distribution,
    employees_equity_distribution,
    investors_equity_distribution,
    new_investors_equity_distribution,
):
    """No unlimited return is negative. [US$ bn, flow]"""
    return (
        np.maximum(0 - microsoft_equity_distribution, 0)
        + np.maximum(0 - nonprofit_equity_distribution, 0)
        + np.maximum(0 - employees_equity_distribution, 0)
        + np.maximum(0 - investors_equity_distribution, 0)
        + np.maximum(0 - new_investors_equity_distribution, 0)
    )


def check_exit(is_exit_period, exit_date, valuation_date):
    """The exit falls inside the model and after the valuation date. [count, once]

    Otherwise nobody is paid for the company, and nothing else would say so.
    """
    return 1 - total(is_exit_period) * (exit_date > valuation_date)


def check_cap_reading(cap_includes_principal, microsoft_cap, cap_on_profit_most):
    """A cap that counts principal already is not raised by it again. [flag, once]

    Amounts above the highest cap on profit alone were reported with principal in them.
    """
    return np.logical_and(
        1 - cap_includes_principal, np.logical_and(microsoft_cap > cap_on_profit_most, microsoft_cap < np.inf)
    )


def largest_gap_for_holders(
    check_distribution, check_tiers, check_caps, check_ownership, check_no_negative_capped, check_no_negative_equity
):
    """Largest gap among the checks on what holders receive. [US$ bn, once]"""
    return np.maximum(
        np.maximum(
            np.maximum(largest(check_distribution), largest(check_tiers)),
            np.maximum(largest(check_caps), largest(check_ownership)),
        ),
        np.maximum(largest(check_no_negative_capped), largest(check_no_negative_equity)),
    )


def largest_gap_for_company(check_cash, check_losses, check_share_cap, check_streams, check_values):
    """Largest gap among the checks on the company and on values. [US$ bn, once]"""
    return np.maximum(
        np.maximum(np.maximum(largest(check_cash), largest(check_losses)), largest(check_share_cap)),
        np.maximum(largest(check_streams), np.absolute(check_values)),
    )


def check_dates(azure_commitment_start, azure_commitment_end, refundable_notes_date, refund_date):
    """What begins ends no earlier than it begins. [flag, once]"""
    return np.logical_or(azure_commitment_start > azure_commitment_end, refundable_notes_date > refund_date)


def is_misread(check_exit, check_cap_reading, check_dates):
    """A check on the terms given is not zero. [flag, once]"""
    return np.logical_or(check_exit > 0, np.logical_or(check_cap_reading, check_dates))


def check_all(largest_gap_for_holders, largest_gap_for_company, check_tolerance, is_misread):
    """Master check: 0 when every check is zero. [flag, once]"""
    return np.logical_or(np.maximum(largest_gap_for_holders, largest_gap_for_company) > check_tolerance, is_misread)
