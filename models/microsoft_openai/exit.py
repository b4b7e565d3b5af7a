"""Exit: what the company fetches when it is sold or listed."""

import numpy as np


def multiple_value(yearly_revenue, exit_multiple):
    """Value of the business by its revenue. [US$ bn, balance]"""
    return yearly_revenue * exit_multiple


def perpetuity_value(free_cash_flow, periods_per_year, perpetuity_growth, equity_discount_rate):
    """Value of the business by free cash flow that grows for ever. [US$ bn, balance]"""
    return free_cash_flow * periods_per_year * (1 + perpetuity_growth) / (equity_discount_rate - perpetuity_growth)


def equity_value(
    exit_by_perpetuity, perpetuity_value, multiple_value, cash_before_distribution, operating_distribution
):
    """Value of the business and its cash. [US$ bn, balance]"""
    return np.maximum(
        np.where(exit_by_perpetuity, perpetuity_value, multiple_value)
        + cash_before_distribution
        - operating_distribution,
        0,
    )


def exit_equity_value(equity_value, illiquidity_discount, is_exit_period):
    """Proceeds of the exit. [US$ bn, flow]"""
    return equity_value * (1 - illiquidity_discount) * is_exit_period


def exit_cash(exit_equity_value, notes_repaid):
    """Proceeds of the exit for holders, after notes are repaid. [US$ bn, flow]"""
    return exit_equity_value - notes_repaid
