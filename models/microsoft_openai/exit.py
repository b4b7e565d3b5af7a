"""Exit: what the company fetches when it is sold or listed."""

import numpy as np


def multiple_value(prior_yearly_revenue, yearly_revenue, held_fraction, exit_multiple):
    """Value of the business by its revenue. [US$ bn, balance]

    At an exit inside the period, by revenue on the way from the last period's level to this one's.
    """
    return (prior_yearly_revenue + (yearly_revenue - prior_yearly_revenue) * held_fraction) * exit_multiple


def perpetuity_value(business_cash_flow, periods_per_year, perpetuity_growth, equity_discount_rate):
    """Value of the business by free cash flow that grows for ever. [US$ bn, balance]

    Interest on cash is left out of it: the cash goes with the business at its own worth.
    """
    return business_cash_flow * periods_per_year * (1 + perpetuity_growth) / (equity_discount_rate - perpetuity_growth)


def cash_at_exit(prior_cash, cash_before_distribution, operating_distribution, held_fraction):
    """Cash that goes with the business. [US$ bn, balance]"""
    return prior_cash + (cash_before_distribution - prior_cash) * held_fraction - operating_distribution


def equity_value(exit_by_perpetuity, perpetuity_value, multiple_value, cash_at_exit):
    """Value of the business and its cash. [US$ bn, balance]"""
    return np.maximum(np.where(exit_by_perpetuity, perpetuity_value, multiple_value) + cash_at_exit, 0)


def exit_equity_value(equity_value, illiquidity_discount, is_exit_period):
    """Proceeds of the exit. [US$ bn, flow]"""
    return equity_value * (1 - illiquidity_discount) * is_exit_period


def exit_cash(exit_equity_value, notes_repaid):
    """Proceeds of the exit for holders, after notes are repaid. [US$ bn, flow]"""
    return exit_equity_value - notes_repaid
