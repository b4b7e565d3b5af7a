"""Conversion: when the capped company becomes a commercial one, and what a block costs."""

import numpy as np


def effective_conversion_date(restructuring_blocked, conversion_date):
    """Date of conversion; never if it is blocked. [date, once]"""
    return np.where(restructuring_blocked, np.inf, conversion_date)


def is_converted(period_end, effective_conversion_date):
    """Converted by the end of the period. [flag, flag]"""
    return period_end >= effective_conversion_date


def converted_fraction(period_end, effective_conversion_date, days_in_period):
    """Part of the period after conversion. [fraction, rate]"""
    return np.minimum(np.maximum(period_end - effective_conversion_date + 1, 0) / days_in_period, 1)


def capped_held_fraction(held_fraction, converted_fraction):
    """Part of the period before both conversion and exit. [fraction, rate]"""
    return np.minimum(held_fraction, 1 - converted_fraction)


def converted_held_fraction(held_fraction, capped_held_fraction):
    """Part of the period after conversion and up to the exit. [fraction, rate]"""
    return held_fraction - capped_held_fraction


def is_converted_at_exit(exit_date, effective_conversion_date):
    """The exit is shared by ownership, not by the waterfall. [flag, once]"""
    return exit_date >= effective_conversion_date


def is_converted_in_time(conversion_deadline, effective_conversion_date):
    """Converted by the deadline on which conditional money depends. [flag, once]"""
    return conversion_deadline >= effective_conversion_date


def is_refund_period(refund_date, period_start, period_end, restructuring_blocked):
    """Conditional money is handed back in this period. [flag, flag]"""
    return np.logical_and(restructuring_blocked, np.logical_and(refund_date >= period_start, refund_date <= period_end))


def refund_years(refund_date, refundable_notes_date, discount_basis):
    """Years over which refundable notes have earned interest. [number, once]"""
    return np.maximum(refund_date - refundable_notes_date, 0) / discount_basis


def refund_due(is_refund_period, refundable_notes, refund_interest, refund_years):
    """Notes to be handed back with interest after a block. [US$ bn, flow]

    Only a block gives the right to ask for the money; a company that never sets out to convert keeps it, and
    the notes go on earning interest until an exit.
    Source: Reuters on the October 2024 notes; The Obsolete newsletter, 7 May 2025.
    """
    return is_refund_period * refundable_notes * (1 + refund_interest) ** refund_years
