"""Unlimited return: who owns the commercial company, and what each owner receives."""

import numpy as np

from dealgrid.engine.words import each


def weights_total(nonprofit_weight, employees_weight, investors_weight):
    """Weights among which Microsoft's co-owners share the rest. [number, once]"""
    return nonprofit_weight + employees_weight + investors_weight


@each(holder={"nonprofit": "the nonprofit", "employees": "employees", "investors": "early and other investors"})
def holder_stake(microsoft_stake, holder_weight, weights_total):
    """Ownership of {holder} on conversion. [fraction, once]"""
    return (1 - microsoft_stake) * holder_weight / weights_total


def is_newly_converted(is_converted, prior_is_converted):
    """Conversion falls in this period. [flag, flag]"""
    return is_converted * (1 - prior_is_converted)


def agreed_conversion_fraction(is_newly_converted, stake_is_before_notes, agreed_notes_left, conversion_price):
    """Part of the company that notes of rounds agreed become on conversion. [fraction, rate]

    Where the stake agreed is the one before notes, they dilute everyone; else it counts them already.
    """
    return is_newly_converted * stake_is_before_notes * agreed_notes_left / (conversion_price + agreed_notes_left)


def late_note_value(late_notes_due, prior_late_notes):
    """New notes and interest on earlier ones. [US$ bn, flow]"""
    return late_notes_due - prior_late_notes


def late_note_dilution(late_note_value, round_price):
    """Part of the company that new notes and interest will take. [fraction, rate]

    Each note, and each interest on it, at the price of its own period's round.
    """
    return np.where(late_note_value > 0, late_note_value / (round_price + late_note_value), 0)


def late_note_claim(prior_late_note_claim, late_note_dilution, prior_is_converted):
    """Part of the company that notes of new rounds become on conversion. [fraction, balance]"""
    return (prior_late_note_claim * (1 - late_note_dilution) + late_note_dilution) * (1 - prior_is_converted)


def notes_conversion_fraction(agreed_conversion_fraction, is_newly_converted, late_note_claim):
    """Part of the company that all notes become on conversion. [fraction, rate]

    Rounds that nobody had agreed when the stake was talked of dilute everyone under either reading of it.
    """
    return 1 - (1 - agreed_conversion_fraction) * (1 - is_newly_converted * late_note_claim)


def kept_fraction(dilution, notes_conversion_fraction):
    """Part of an ownership left after new shares. [fraction, rate]"""
    return (1 - dilution) * (1 - notes_conversion_fraction)


@each(holder={"microsoft": "Microsoft", "nonprofit": "the nonprofit"})
def holder_ownership(is_newly_converted, holder_stake, prior_holder_ownership, kept_fraction):
    """Ownership of {holder}. [fraction, balance]"""
    return np.where(is_newly_converted, holder_stake, prior_holder_ownership) * kept_fraction


def investors_ownership(
    is_newly_converted,
    investors_stake,
    prior_investors_ownership,
    kept_fraction,
    notes_conversion_fraction,
    dilution,
):
    """Ownership of early and other investors, whose notes become shares. [fraction, balance]"""
    return np.where(
        is_newly_converted, investors_stake, prior_investors_ownership
    ) * kept_fraction + notes_conversion_fraction * (1 - dilution)


def employees_ownership(
    is_newly_converted,
    employees_stake,
    prior_employees_ownership,
    kept_fraction,
    dilution,
    employees_issue_fraction,
    is_converted,
):
    """Ownership of employees, who receive new shares as pay. [fraction, balance]"""
    return (
        np.where(is_newly_converted, employees_stake, prior_employees_ownership) * kept_fraction
        + dilution * employees_issue_fraction * is_converted
    )


def new_investors_ownership(
    prior_new_investors_ownership, kept_fraction, dilution, employees_issue_fraction, is_converted
):
    """Ownership of investors who buy after conversion. [fraction, balance]"""
    return prior_new_investors_ownership * kept_fraction + dilution * (1 - employees_issue_fraction) * is_converted


def equity_cash(distributable_cash, capped_cash):
    """Cash shared by ownership. [US$ bn, flow]"""
    return distributable_cash - capped_cash


def part_left_of_share(is_newly_converted, prior_part_left_of_share, dilution):
    """What later shares leave of a share held since conversion. [fraction, balance]"""
    return np.where(is_newly_converted, 1, prior_part_left_of_share) * (1 - dilution)


def price_at_conversion(is_newly_converted, round_price, prior_price_at_conversion):
    """Value of the company on conversion. [US$ bn, balance]"""
    return np.where(is_newly_converted, round_price, prior_price_at_conversion)


def warrant_strike(part_left_of_share, price_at_conversion, warrant_multiple):
    """Value of the company above which the nonprofit's warrant pays. [US$ bn, balance]

    The share price must have grown so many times, not the company, which grows by issuing shares too.
    """
    return np.where(part_left_of_share > 0, price_at_conversion * warrant_multiple / part_left_of_share, np.inf)


def is_warrant_due(exit_date, warrant_date, is_converted_at_exit):
    """The nonprofit's warrant can be used at the exit. [flag, once]"""
    return np.logical_and(exit_date >= warrant_date, is_converted_at_exit)


def warrant_paid(is_exit_period, is_warrant_due, equity_cash, warrant_strike, warrant_share):
    """Proceeds of the nonprofit's warrant. [US$ bn, flow]

    Part of what the exit brings beyond the strike.
    Source: a comment on LessWrong, 2025, on a warrant of the Foundation; terms undisclosed.
    """
    return is_exit_period * is_warrant_due * np.maximum(equity_cash - warrant_strike, 0) * warrant_share


def shared_equity_cash(equity_cash, warrant_paid):
    """Cash shared by ownership, after the warrant. [US$ bn, flow]"""
    return equity_cash - warrant_paid


@each(
    holder={
        "microsoft": "Microsoft",
        "employees": "employees",
        "investors": "early and other investors",
        "new_investors": "investors after conversion",
    }
)
def holder_equity_distribution(shared_equity_cash, holder_ownership):
    """Unlimited return to {holder}. [US$ bn, flow]"""
    return shared_equity_cash * holder_ownership


def nonprofit_equity_distribution(shared_equity_cash, nonprofit_ownership, warrant_paid):
    """Unlimited return to the nonprofit, its warrant included. [US$ bn, flow]"""
    return shared_equity_cash * nonprofit_ownership + warrant_paid
