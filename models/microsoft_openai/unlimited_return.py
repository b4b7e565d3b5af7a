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


@each(holder={"microsoft": "Microsoft", "nonprofit": "the nonprofit", "investors": "early and other investors"})
def holder_ownership(is_newly_converted, holder_stake, prior_holder_ownership, dilution):
    """Ownership of {holder}. [fraction, balance]"""
    return np.where(is_newly_converted, holder_stake, prior_holder_ownership) * (1 - dilution)


def employees_ownership(
    is_newly_converted, employees_stake, prior_employees_ownership, dilution, employees_issue_fraction, is_converted
):
    """Ownership of employees, who receive new shares as pay. [fraction, balance]"""
    return (
        np.where(is_newly_converted, employees_stake, prior_employees_ownership) * (1 - dilution)
        + dilution * employees_issue_fraction * is_converted
    )


def new_investors_ownership(prior_new_investors_ownership, dilution, employees_issue_fraction, is_converted):
    """Ownership of investors who buy after conversion. [fraction, balance]"""
    return prior_new_investors_ownership * (1 - dilution) + dilution * (1 - employees_issue_fraction) * is_converted


def equity_cash(distributable_cash, capped_cash):
    """Cash shared by ownership. [US$ bn, flow]"""
    return distributable_cash - capped_cash


@each(
    holder={
        "microsoft": "Microsoft",
        "nonprofit": "the nonprofit",
        "employees": "employees",
        "investors": "early and other investors",
        "new_investors": "investors after conversion",
    }
)
def holder_equity_distribution(equity_cash, holder_ownership):
    """Unlimited return to {holder}. [US$ bn, flow]"""
    return equity_cash * holder_ownership
