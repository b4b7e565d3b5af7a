"""Holders: what each structure is worth to the nonprofit, employees and investors, and in all."""

import numpy as np

from dealgrid.engine.words import each, npv, total


@each(holder={"nonprofit": "the nonprofit", "employees": "employees", "investors": "early and other investors"})
def holder_distribution(holder_capped_distribution, holder_equity_distribution):
    """Distributions to {holder}. [US$ bn, flow]"""
    return holder_capped_distribution + holder_equity_distribution


@each(holder={"nonprofit": "the nonprofit", "employees": "employees"})
def holder_value(holder_distribution, distribution_value_factor):
    """Worth to {holder}. [US$ bn, once]"""
    return npv(holder_distribution, distribution_value_factor)


def investors_distribution_value(investors_distribution, distribution_value_factor):
    """Worth of distributions to early and other investors. [US$ bn, once]"""
    return npv(investors_distribution, distribution_value_factor)


def commitments_to_come(coming_committed_funding, coming_conditional_funding, is_converted_in_time):
    """Money of rounds agreed that is yet to come. [US$ bn, flow]"""
    return coming_committed_funding + coming_conditional_funding * is_converted_in_time


def notes_to_come(late_notes_issued, commitments_to_come, prior_is_converted, held_fraction):
    """Money investors have yet to put into notes. [US$ bn, flow]"""
    return late_notes_issued + commitments_to_come * (1 - prior_is_converted) * held_fraction


def notes_to_come_value(notes_to_come, contract_discount_factor):
    """Worth of the money investors have yet to put into notes. [US$ bn, once]"""
    return npv(notes_to_come, contract_discount_factor)


def notes_exit_value(notes_repaid, contract_discount_rate, exit_years):
    """Worth of notes repaid at the exit. [US$ bn, once]"""
    return total(notes_repaid) / (1 + contract_discount_rate) ** exit_years


def refund_wait_years(refund_date, valuation_date, discount_basis):
    """Years from the valuation date to the refund. [number, once]"""
    return np.maximum(refund_date - valuation_date, 0) / discount_basis


def is_refund_to_come(refund_date, valuation_date):
    """The refund falls after the valuation date. [flag, once]"""
    return refund_date > valuation_date


def refund_value(refund_paid, is_refund_to_come, contract_discount_rate, refund_wait_years):
    """Worth of notes handed back after a block. [US$ bn, once]"""
    return total(refund_paid) * is_refund_to_come / (1 + contract_discount_rate) ** refund_wait_years


def investors_value(investors_distribution_value, notes_exit_value, refund_value, notes_to_come_value):
    """Worth to early and other investors, less what they have yet to put in. [US$ bn, once]"""
    return investors_distribution_value + notes_exit_value + refund_value - notes_to_come_value


def new_investors_money(raised, converted_held_fraction, commitments_to_come, prior_is_converted, held_fraction):
    """Money investors after conversion have yet to put in. [US$ bn, flow]"""
    return raised * converted_held_fraction + commitments_to_come * prior_is_converted * held_fraction


def new_investors_distribution_value(new_investors_equity_distribution, distribution_value_factor):
    """Worth of distributions to investors after conversion. [US$ bn, once]"""
    return npv(new_investors_equity_distribution, distribution_value_factor)


def new_investors_money_value(new_investors_money, equity_discount_factor):
    """Worth of the money investors put in after conversion. [US$ bn, once]"""
    return npv(new_investors_money, equity_discount_factor)


def new_investors_value(new_investors_distribution_value, new_investors_money_value):
    """Worth to investors after conversion, less the money they put in. [US$ bn, once]"""
    return new_investors_distribution_value - new_investors_money_value


def openai_side_value(nonprofit_value, employees_value, investors_value, new_investors_value):
    """Worth to OpenAI's side: all but Microsoft. [US$ bn, once]"""
    return nonprofit_value + employees_value + investors_value + new_investors_value


def total_value(microsoft_value, openai_side_value):
    """Worth to all holders. [US$ bn, once]"""
    return microsoft_value + openai_side_value
