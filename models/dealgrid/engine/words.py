"""Words over whole rows, for rows that have one number per case; and `each`, which repeats a row by name.

Every word takes arrays whose first axis is time, (periods,) or (periods, futures), and gives one number
per future, () or (futures,). Said of symbols, it is written down like any operation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from dealgrid.engine import irr as rates
from dealgrid.engine.ops import WORDS
from dealgrid.engine.row import each
from dealgrid.engine.trace import Call, Name, Symbol, Unsayable, expression_of

__all__ = ["each", "irr", "irr_state", "largest", "last", "moic", "npv", "payback", "total", "when"]


def _word(function: Callable[..., np.ndarray]) -> Callable[..., Any]:
    """Make a function of whole rows readable as an expression: said of symbols, it is written down."""
    operation = WORDS[function.__name__]

    @functools.wraps(function)
    def say(*operands: Any) -> Any:
        if not any(isinstance(operand, Symbol) for operand in operands):
            return function(*operands)
        expressions = tuple(expression_of(operand) for operand in operands)
        if len(expressions) != len(operation.whole):
            raise Unsayable(f"{operation.name} of {len(expressions)}", f"it takes {len(operation.whole)}")
        for expression, is_whole in zip(expressions, operation.whole, strict=True):
            if is_whole and not isinstance(expression, Name):
                raise Unsayable(f"{operation.name} of a formula", "a word takes whole rows by name: make it a row")
        return Symbol(Call(operation, expressions))

    say.__word__ = True  # type: ignore[attr-defined]  # row.py knows a word by it
    return say


@_word
def total(row: np.ndarray) -> np.ndarray:
    """The sum over all periods, in the row's unit."""
    return _sum(row)


@_word
def last(row: np.ndarray) -> np.ndarray:
    """The value in the last period, in the row's unit."""
    return row[-1]


@_word
def largest(row: np.ndarray) -> np.ndarray:
    """The largest absolute value over all periods, in the row's unit."""
    return np.maximum.reduce(np.absolute(row), axis=0)


@_word
def npv(flow: np.ndarray, discount_factor: np.ndarray) -> np.ndarray:
    """Present value of a flow: the sum of flow × discount factor, in the flow's unit."""
    return _sum(flow * discount_factor)


@_word
def irr(flow: np.ndarray, periods_per_year: float) -> np.ndarray:
    """Internal rate of return per year, a fraction; NaN where there is none, and `irr_state` says why."""
    return rates.annualised(rates.irr(flow), periods_per_year)


@_word
def irr_state(flow: np.ndarray) -> np.ndarray:
    """Which of `irr.STATES` describes the rate of return: one rate, several, never repaid…"""
    return rates.irr_state(flow)


@_word
def moic(paid_in: np.ndarray, got_back: np.ndarray) -> np.ndarray:
    """Multiple on invested capital: money got back ÷ money paid in, a multiple.

    Nothing paid in gives no limit if anything came back, else 0.
    """
    paid, got = _sum(paid_in), _sum(got_back)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(paid > 0, got / paid, np.where(got > 0, np.inf, 0.0))


@_word
def payback(cumulative: np.ndarray, date: np.ndarray) -> np.ndarray:
    """The date of the first period from which the cumulative cash flow stays at or above 0; inf for never."""
    is_below = cumulative < 0
    after_the_last = len(cumulative) - np.argmax(is_below[::-1], axis=0)
    return _date_in(date, np.where(is_below.any(axis=0), after_the_last, 0))


@_word
def when(flag: np.ndarray, date: np.ndarray) -> np.ndarray:
    """The date of the first period whose flag is 1; inf for never."""
    is_set = flag > 0
    return _date_in(date, np.where(is_set.any(axis=0), np.argmax(is_set, axis=0), len(is_set)))


def _sum(row: np.ndarray) -> np.ndarray:
    """From the first period to the last, one after the other, as a spreadsheet adds.

    np.sum adds a single case in another order than a crowd: test_a_case_alone_equals_itself_in_a_crowd.
    """
    return functools.reduce(np.add, row)


def _date_in(date: np.ndarray, period: np.ndarray) -> np.ndarray:
    """The date in a period counted from 0, one per future; inf after the last."""
    dates = np.concatenate([date, np.full_like(date[:1], np.inf)])
    if date.ndim == 1:
        return dates[period]
    futures = np.broadcast_shapes(dates.shape[1:], period.shape)
    places = np.broadcast_to(period, (1, *futures))
    return np.take_along_axis(np.broadcast_to(dates, (len(dates), *futures)), places, axis=0)[0]
