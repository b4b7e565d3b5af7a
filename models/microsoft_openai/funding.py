"""Funding: the cash OpenAI needs, what it may raise under each structure, and what a shortfall does."""

import numpy as np


def committed_money(committed_funding, conditional_funding, is_converted_in_time):
    """Money of rounds already agreed. [US$ bn, flow]

    Part of it comes only if the company converts in time.
    """
    return committed_funding + conditional_funding * is_converted_in_time


def note_years(days_in_period, capped_held_fraction, discount_basis):
    """Years of the period in which notes earn interest: to conversion or exit. [number, rate]"""
    return days_in_period * capped_held_fraction / discount_basis


def note_growth(note_interest, note_years):
    """Growth of notes by the interest of the period. [multiple, rate]"""
    return (1 + note_interest) ** note_years


def issue_growth(note_interest, note_years, mid_period):
    """Growth of notes sold in the period, which are taken to be sold in its middle. [multiple, rate]"""
    return (1 + note_interest) ** (note_years * (1 - mid_period))


def agreed_notes_issued(committed_money, prior_is_converted, held_fraction):
    """Notes for the money of rounds agreed before conversion. [US$ bn, flow]

    Such money that arrives in the period of conversion comes as notes too.
    """
    return committed_money * (1 - prior_is_converted) * held_fraction


def agreed_notes_due(prior_agreed_notes, note_growth, agreed_notes_issued, issue_growth):
    """Notes of rounds agreed, with interest. [US$ bn, balance]"""
    return prior_agreed_notes * note_growth + agreed_notes_issued * issue_growth


def refund_paid(refund_due, agreed_notes_due):
    """Notes handed back after a block. [US$ bn, flow]"""
    return np.minimum(refund_due, agreed_notes_due)


def agreed_notes_left(agreed_notes_due, refund_paid):
    """Notes of rounds agreed that are not handed back. [US$ bn, balance]"""
    return agreed_notes_due - refund_paid


def cash_before_raising(prior_cash, planned_free_cash_flow, committed_money, microsoft_cash_in, refund_paid):
    """Cash before raising more. [US$ bn, balance]"""
    return prior_cash + planned_free_cash_flow + committed_money + microsoft_cash_in - refund_paid


def funding_need(minimum_cash, cash_before_raising, is_forecast):
    """Money needed to keep the minimum of cash. [US$ bn, flow]"""
    return np.maximum(minimum_cash - cash_before_raising, 0) * is_forecast


def yearly_raising_limit(
    restructuring_blocked, raising_limit_blocked, raising_limit_capped, raising_limit_converted, converted_fraction
):
    """What can be raised in a year under the structure in force. [US$ bn per year, rate]"""
    return np.where(
        restructuring_blocked,
        raising_limit_blocked,
        raising_limit_capped * (1 - converted_fraction) + raising_limit_converted * converted_fraction,
    )


def raising_limit(prior_raising_room_left, is_year_start, yearly_raising_limit, period_years):
    """What can be raised in the period, with what is left of the year so far. [US$ bn, flow]"""
    return prior_raising_room_left * (1 - is_year_start) + yearly_raising_limit * period_years


def raised(funding_need, raising_limit):
    """Money raised in new rounds. [US$ bn, flow]"""
    return np.minimum(funding_need, raising_limit)


def raising_room_left(raising_limit, raised):
    """What could still be raised in the year. [US$ bn, balance]"""
    return np.maximum(raising_limit - raised, 0)


def funding_shortfall(funding_need, raised):
    """Money needed that cannot be raised. [US$ bn, flow]"""
    return funding_need - raised


def training_cut(funding_shortfall, planned_training_cost):
    """Compute for training cut for want of money. [US$ bn, flow]"""
    return np.minimum(funding_shortfall, planned_training_cost)


def training_cut_fraction(planned_training_cost, training_cut):
    """Part of planned training that is cut. [fraction, rate]"""
    return np.where(planned_training_cost > 0, training_cut / planned_training_cost, 0)


def money_in(raised, committed_money, microsoft_cash_in):
    """Cash from holders. [US$ bn, flow]"""
    return raised + committed_money + microsoft_cash_in


def cash_before_distribution(prior_cash, free_cash_flow, money_in, refund_paid):
    """Cash before anything is distributed. [US$ bn, balance]"""
    return prior_cash + free_cash_flow + money_in - refund_paid


def distribution_days(period_start, period_end, distribution_start, exit_date):
    """Days of the period in which cash is distributed to today's holders. [days, rate]"""
    return np.maximum(np.minimum(period_end, exit_date) - np.maximum(period_start, distribution_start) + 1, 0)


def distribution_fraction(distribution_days, days_in_period):
    """Part of the period in which cash is distributed to today's holders. [fraction, rate]"""
    return distribution_days / days_in_period


def operating_distribution(free_cash_flow, payout_ratio, cash_before_distribution, minimum_cash, distribution_fraction):
    """Cash from operations set free for holders. [US$ bn, flow]

    A part of free cash flow, and never what is needed to keep the minimum of cash.
    """
    return distribution_fraction * np.minimum(
        np.maximum(free_cash_flow, 0) * payout_ratio, np.maximum(cash_before_distribution - minimum_cash, 0)
    )


def cash(cash_before_distribution, distributable_cash, exit_cash):
    """Cash at the end of the period. [US$ bn, balance]

    Exit proceeds come from the buyer, not out of the company.
    """
    return cash_before_distribution - (distributable_cash - exit_cash)


def late_notes_issued(raised, capped_held_fraction):
    """Notes for money raised in new rounds while the return is capped, up to the exit. [US$ bn, flow]

    A capped company has no unlimited shares to sell: rounds are notes that become shares on conversion.
    Source: Reuters on the October 2024 round; CNBC on the SoftBank round of 2025.
    """
    return raised * capped_held_fraction


def late_notes_due(prior_late_notes, note_growth, late_notes_issued, issue_growth):
    """Notes of new rounds, with interest. [US$ bn, balance]"""
    return prior_late_notes * note_growth + late_notes_issued * issue_growth


def equity_raised(raised, converted_held_fraction, committed_money, prior_is_converted, held_fraction):
    """Money raised for shares after conversion, up to the exit. [US$ bn, flow]"""
    return raised * converted_held_fraction + committed_money * prior_is_converted * held_fraction


def notes_repaid(is_exit_period, is_converted_at_exit, exit_equity_value, agreed_notes_left, late_notes_due):
    """Notes repaid out of an exit that is still capped. [US$ bn, flow]"""
    return (
        is_exit_period * (1 - is_converted_at_exit) * np.minimum(exit_equity_value, agreed_notes_left + late_notes_due)
    )


def agreed_notes(agreed_notes_left, is_converted, is_exit_period):
    """Notes of rounds agreed; none once they are shares or the company is sold. [US$ bn, balance]"""
    return agreed_notes_left * (1 - is_converted) * (1 - is_exit_period)


def late_notes(late_notes_due, is_converted, is_exit_period):
    """Notes of new rounds; none once they are shares or the company is sold. [US$ bn, balance]"""
    return late_notes_due * (1 - is_converted) * (1 - is_exit_period)


def notes(agreed_notes, late_notes):
    """Notes outstanding. [US$ bn, balance]"""
    return agreed_notes + late_notes


def round_price(yearly_revenue, round_multiple, price_scale):
    """Value of the company before the money of a round. [US$ bn, rate]"""
    return yearly_revenue * round_multiple * price_scale


def shares_for_employees(stock_compensation, converted_held_fraction):
    """Worth of shares issued to employees, up to the exit. [US$ bn, flow]"""
    return stock_compensation * converted_held_fraction


def shares_issued(equity_raised, shares_for_employees):
    """Worth of shares issued to new investors and employees. [US$ bn, flow]"""
    return equity_raised + shares_for_employees


def dilution(shares_issued, round_price):
    """Part of the company that new shares take from everyone not buying. [fraction, rate]"""
    return np.where(shares_issued > 0, shares_issued / (round_price + shares_issued), 0)


def employees_issue_fraction(shares_for_employees, shares_issued):
    """Part of new shares that goes to employees. [fraction, rate]"""
    return np.where(shares_for_employees > 0, shares_for_employees / shares_issued, 0)
