"""A lemonade stand in six rows: the toy the engine is tested on, so that its tests stand still."""

import numpy as np

from dealgrid.engine.words import irr, total


def revenue(cups, price):
    """Revenue. [US$ bn, flow]"""
    return cups * price


def cost(cups, lemon_cost, prior_cash):
    """Cost of lemons, bought on credit when the till is empty. [US$ bn, flow]

    Credit costs nothing here; the point is a row that looks back.
    """
    return np.where(prior_cash > 0, cups * lemon_cost, 0)


def profit(revenue, cost):
    """Profit. [US$ bn, flow]"""
    return revenue - cost


def cash(prior_cash, profit):
    """Money in the till. [US$ bn, balance]"""
    return prior_cash + profit


def total_profit(profit):
    """Profit over all summers. [US$ bn, once]"""
    return total(profit)


def rate_of_return(profit, periods_per_year):
    """Rate of return. [fraction, once]

    Source: the neighbour's boy.
    """
    return irr(profit, periods_per_year)
