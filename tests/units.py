"""The reading of a book in units: nobody adds dollars to a ratio, or a date to a date."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pint

from dealgrid.engine.book import Book
from dealgrid.engine.row import OPENING, PRIOR, Row
from dealgrid.engine.trace import Call, Expression, Name, in_words

REGISTRY = pint.UnitRegistry(None)  # empty: here a year is not so many days
for definition in ("usd_bn = [money]", "day = [day]", "year = [year]"):
    REGISTRY.define(definition)
NUMBER, DOLLARS, DAYS, YEARS = (REGISTRY.Unit(text) for text in ("", "usd_bn", "day", "year"))


@dataclass(frozen=True)
class Measure:
    """What a value is measured in.

    `kind` is "amount"; "flag"; "point" for a date or a calendar year, of which only distances are amounts (in
    `unit`); "any" for 0 and no limit, which fit everywhere; "one" for 1, a number or else one day.
    """

    unit: pint.Unit
    kind: str = "amount"

    def __str__(self) -> str:
        if self.kind == "point":
            return "a date" if self.unit == DAYS else "a calendar year"
        known = [name for name, measure in MEASURES.items() if measure == replace(self, kind="amount")]
        return "a plain number" if self.unit == NUMBER else [*known, f"{self.unit}".replace("usd_bn", "US$ bn")][0]


MEASURES = {
    "US$ bn": Measure(DOLLARS),
    "US$ bn per year": Measure(DOLLARS / YEARS),
    "fraction": Measure(NUMBER),
    "fraction per year": Measure(NUMBER / YEARS),
    "multiple": Measure(NUMBER),
    "date": Measure(DAYS, "point"),
    "days": Measure(DAYS),
    "days per year": Measure(DAYS / YEARS),
    "years": Measure(YEARS),
    "year": Measure(YEARS, "point"),
    "number": Measure(NUMBER),
    "count": Measure(NUMBER),
    "flag": Measure(NUMBER, "flag"),
}
CALENDAR = {
    "period_start": "date",
    "period_end": "date",
    "calendar_year": "year",
    "days_in_year": "days per year",
    "is_year_start": "flag",
}
PLAIN, ANY, ONE, FLAG = Measure(NUMBER), Measure(NUMBER, "any"), Measure(NUMBER, "one"), MEASURES["flag"]


class Mismatch(Exception):
    """Two things measured differently were put together."""


def derive_units(book: Book, given_units: Mapping[str, str]) -> list[str]:
    """What is wrong with the units of a book, one sentence each; empty if every row is in the unit it declares.

    `given_units` holds the unit of each parameter; those of the calendar and of the rows are known. The unit of
    a row is derived from the declared units of its ingredients, so a fault is said where it is made and once.
    """
    units = {**given_units, **CALENDAR, **{name: row.unit for name, row in book.rows.items()}}
    return [*_unit_faults(book, units), *(fault for row in book.rows.values() for fault in _faults(book, row, units))]


def _unit_faults(book: Book, units: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(book.given):
        if units.get(name) not in MEASURES:
            yield f"`{name}` has the unit {units.get(name)!r}, which is none of: {', '.join(MEASURES)}"
        row = book.rows.get(name.removeprefix(OPENING))
        if name.startswith(OPENING) and row and MEASURES.get(units.get(name, "")) != MEASURES[row.unit]:
            yield f"`{name}` is in {units.get(name)}, and the row it opens in {row.unit}"


def _faults(book: Book, row: Row, units: Mapping[str, str]) -> Iterator[str]:
    expression = book.expressions[row.name]
    where = f"{row.file}:{row.line}: row `{row.name}`"
    if any(units.get(name.removeprefix(PRIOR)) not in MEASURES for name in row.ingredients):
        return
    try:
        derived = measure(expression, units)
    except Mismatch as mismatch:
        yield f"{where} {mismatch}"
        return
    declared = MEASURES[row.unit]
    fits = derived.unit == declared.unit and (derived.kind == "point") == (declared.kind == "point")
    if derived.kind != "any" and not fits:
        yield f"{where} says [{row.unit}], and its formula gives {derived}: {in_words(expression)}"


def measure(expression: Expression, units: Mapping[str, str]) -> Measure:
    """The measure of an expression; `Mismatch` saying which part of it is wrong."""
    if isinstance(expression, Name):
        return MEASURES[units[expression.name.removeprefix(PRIOR)]]
    if not isinstance(expression, Call):
        return ONE if expression.value == 1 else ANY
    operands = [measure(operand, units) for operand in expression.operands]
    try:
        return RULES[expression.operation.name](*operands)
    except Mismatch as mismatch:
        if "`" in str(mismatch):  # said of a smaller part already
            raise
        raise Mismatch(f"{mismatch} in `{in_words(expression)}`") from None


def _alike(left: Measure, right: Measure, act: str = "puts {} beside {}") -> Measure:
    """The common measure of two values, one of which may be 0, 1 or no limit."""
    left, right = _day_or_number(left, right), _day_or_number(right, left)
    if left.kind == "any" or left == right:
        return right
    if right.kind == "any":
        return left
    if left.unit != right.unit or "point" in (left.kind, right.kind):
        raise Mismatch(act.format(left, right))
    if {left.kind, right.kind} == {"flag", "one"}:
        return FLAG
    return PLAIN if left.unit == NUMBER else left


def _no_flag(value: Measure) -> Measure:
    return PLAIN if value.kind in ("flag", "one") else value


def _amount(value: Measure, act: str) -> Measure:
    if value.kind == "point":
        raise Mismatch(f"{act} {value}")
    return value


def _day_or_number(one: Measure, other: Measure) -> Measure:
    """1 beside days or a date is one day."""
    return Measure(DAYS) if one.kind == "one" and other.unit == DAYS else one


def _add(left: Measure, right: Measure) -> Measure:
    left, right = _day_or_number(left, right), _day_or_number(right, left)
    points = [each for each in (left, right) if each.kind == "point"]
    if len(points) == 1 and left.unit == right.unit:
        return points[0]
    if len(points) == 2:
        raise Mismatch(f"adds {left} to {right}")
    return _no_flag(_alike(left, right, "adds {1} to {0}"))


def _subtract(left: Measure, right: Measure) -> Measure:
    left, right = _day_or_number(left, right), _day_or_number(right, left)
    if left.kind == "point" and left.unit == right.unit:
        return Measure(left.unit) if right.kind == "point" else left
    if right.kind == "point":
        raise Mismatch(f"subtracts {right} from {left}")
    if (left.kind, right.kind) == ("one", "flag"):
        return FLAG
    return _no_flag(_alike(left, right, "subtracts {1} from {0}"))


def _multiply(left: Measure, right: Measure) -> Measure:
    if left.kind == right.kind == "flag":
        return FLAG
    return Measure(_amount(left, "multiplies").unit * _amount(right, "multiplies by").unit)


def _divide(left: Measure, right: Measure) -> Measure:
    return Measure(_amount(left, "divides").unit / _amount(right, "divides by").unit)


def _power(base: Measure, exponent: Measure) -> Measure:
    if exponent.unit != NUMBER:
        raise Mismatch(f"raises to a power of {exponent}")
    if base.unit != NUMBER:
        raise Mismatch(f"raises {base} to a power")
    return PLAIN


def _plain(value: Measure, act: str = "takes a curve of") -> Measure:
    if value.unit != NUMBER:
        raise Mismatch(f"{act} {value}")
    return PLAIN


def _flag(*values: Measure) -> Measure:
    for value in values:
        if value.kind not in ("flag", "any", "one"):
            raise Mismatch(f"takes {value} for a yes or no")
    return FLAG


def _where(condition: Measure, this: Measure, that: Measure) -> Measure:
    _flag(condition)
    return _alike(this, that, "is either {} or {}")


def _compare(left: Measure, right: Measure) -> Measure:
    _alike(left, right, "compares {} with {}")
    return FLAG


def _npv(flow: Measure, factor: Measure) -> Measure:
    _plain(factor, "discounts by")
    return _amount(flow, "adds up")


def _irr(flow: Measure, periods_per_year: Measure) -> Measure:
    _amount(flow, "takes the rate of return of")
    return _plain(periods_per_year, "compounds by")


def _moic(paid_in: Measure, got_back: Measure) -> Measure:
    _alike(paid_in, got_back, "divides {1} by {0}")
    return PLAIN


def _payback(cumulative: Measure, date: Measure) -> Measure:
    _amount(cumulative, "repays")
    return date


def _when(flag: Measure, date: Measure) -> Measure:
    _flag(flag)
    return date


RULES = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "power": _power,
    "negative": lambda value: _amount(value, "turns the sign of"),
    "minimum": _alike,
    "maximum": _alike,
    "absolute": lambda value: _amount(value, "takes the size of"),
    "exp": _plain,
    "log": _plain,
    "sqrt": lambda value: Measure(_amount(value, "takes the root of").unit ** 0.5),
    "where": _where,
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal"), _compare),
    **dict.fromkeys(("logical_and", "logical_or", "logical_not"), _flag),
    "total": lambda row: _amount(row, "adds up"),
    "last": lambda row: row,
    "largest": lambda row: _amount(row, "takes the size of"),
    "npv": _npv,
    "irr": _irr,
    "irr_state": lambda flow: PLAIN,
    "moic": _moic,
    "payback": _payback,
    "when": _when,
}
