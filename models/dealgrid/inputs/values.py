"""Units, and the spellings in which people write values in them.

`UNITS` is the closed list. Every value that enters the program, from a file, the command line or Python, goes
through `read_value`; `format_value` is its exact inverse.
"""

from __future__ import annotations

import datetime as dt
import math
import numbers
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from dealgrid.dates import NEVER, date_of, serial
from dealgrid.inputs.complaints import MisreadError, quoted

FIRST_YEAR, LAST_YEAR = 1950, 2999  # a serial day outside them is a year or an amount by mistake
FIRST_DAY, LAST_DAY = serial(dt.date(FIRST_YEAR, 1, 1)), serial(dt.date(LAST_YEAR, 12, 31))
LONGEST_VALUE = 100
SMALLEST_DOLLARS = 1e-4  # US$ 100,000 in bn: `$13.75` is a slip for `$13.75bn`
NO_LIMIT = ("no limit", "unlimited", ".inf", "inf", "infinity")
YES, NO = ("yes", "true", "on", "1", "1.0"), ("no", "false", "off", "0", "0.0")
MONEY = {"": 0, "k": -6, "thousand": -6, "m": -3, "mn": -3, "million": -3} | {
    "bn": 0, "b": 0, "billion": 0, "t": 3, "tn": 3, "trillion": 3
}  # fmt: skip
DOLLARS_PER_BN = 9  # as a power of ten

AS_ASCII = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2212": "-", "×": "x"})
QUANTITY = re.compile(
    r"(?P<open>\()?(?P<sign>[+-]?) ?(?P<currency>us\$|usd|\$)? ?(?P<inner>[+-]?)"
    r"(?P<digits>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*)(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?:e(?P<power>[+-]?[0-9]{1,3}))? ?(?P<suffix>[a-z%]*)(?P<close>\))?"
)
MOMENT = re.compile(r"([0-9]{4})(?:-?q([1-4])|-([0-9]{2})(?:-([0-9]{2}))?)?")
PER_YEAR = re.compile(r" ?(?:per|a|/) ?(?:year|yr|annum)$| p\.a\.$")


@dataclass(frozen=True)
class Unit:
    """One unit: what may be written in it, and how it is written and shown."""

    name: str
    kind: str  # "amount", "fraction", "multiple", "date", "flag"…: what the value is
    expected: str  # for messages: "an amount in US$ bn, such as `$13.75bn` or `13.75`"
    suffixes: Mapping[str, int] = field(default_factory=dict)  # each with its power of ten
    prefix: str = ""
    suffix: str = ""  # one of `suffixes`, as written by `format_value`
    decimals: int | None = 1  # shown to people; None shows what is there
    whole: bool = False
    endless: str = ""  # the word for infinity where the unit allows it

    @property
    def noun(self) -> str:
        """What a value is, in a word or two: "a fraction"."""
        return self.expected.split(",")[0]

    @property
    def is_money(self) -> bool:
        """Whether a dollar sign may stand before the number."""
        return self.kind == "amount"

    @property
    def is_continuous(self) -> bool:
        """Whether every number between two values is a value."""
        return not self.whole and self.kind not in ("date", "flag")


PERCENT = {"": 0, "%": -2}
UNITS: dict[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit("US$ bn", "amount", "an amount in US$ bn, such as `$13.75bn`, `$194m` or `13.75`",
             MONEY, "$", "bn", endless="no limit"),
        Unit("US$ bn per year", "amount", "a yearly amount in US$ bn, such as `$5bn` or `5`",
             MONEY, "$", "bn", endless="no limit"),
        Unit("fraction", "fraction", "a fraction, such as `32.5%` or `0.325`", PERCENT, suffix="%"),
        Unit("fraction per year", "fraction", "a rate per year, such as `8%` or `0.08`", PERCENT, suffix="%"),
        Unit("multiple", "multiple", "a multiple, such as `4x` or `4`",
             {"": 0, "x": 0}, suffix="x", endless="no limit"),
        Unit("date", "date", "a date, such as `2028-06-30`, `2028-Q3` (its first day) or `never`", endless="never"),
        Unit("days", "days", "a number of days, such as `90 days` or `90`",
             {"": 0, "d": 0, "day": 0, "days": 0}, suffix=" days", decimals=None, endless="no limit"),
        Unit("years", "years", "a number of years, such as `2.5 years` or `2.5`",
             {"": 0, "y": 0, "year": 0, "years": 0}, suffix=" years", decimals=None, endless="no limit"),
        Unit("year", "year", "a calendar year, such as `2025`, or `never`",
             {"": 0}, whole=True, endless="never"),
        Unit("number", "number", "a number, such as `1.5`", {"": 0}, decimals=None, endless="no limit"),
        Unit("count", "count", "a whole number, such as `4`", {"": 0}, whole=True),
        Unit("flag", "flag", "`yes` or `no`"),
    )
}  # fmt: skip


def read_value(raw: object, unit: str) -> float:
    """A value in its unit, from the text people write or from a Python number, bool or date.

    Dates are serial days; a year, quarter or month means its first day; `never` and `no limit` are infinite;
    flags are 1.0 and 0.0. MisreadError where it is none of these.
    """
    known = UNITS[unit]
    if isinstance(raw, str):
        return _from_text(raw, known)
    if isinstance(raw, dt.date):
        return _from_date(raw, known)
    if isinstance(raw, bool) or type(raw).__name__ == "bool":  # numpy's bool is not a number to Python
        return _from_bool(bool(raw), known)
    if isinstance(raw, numbers.Integral) and known.kind == "date" and FIRST_YEAR <= int(raw) <= LAST_YEAR:
        return _from_text(str(raw), known)  # 2028 is a year, in Python as in a file
    if isinstance(raw, numbers.Real):
        return _from_number(raw, known)
    raise MisreadError(f"{quoted(raw)} is not a value", known.expected, "write one number, date or text")


def check_number(number: float, unit: str) -> float:
    """A finished number as a value of the unit; MisreadError where the unit cannot hold it."""
    known = UNITS[unit]
    if math.isnan(number):
        raise MisreadError("nan is not a value", known.expected, "write a number, or leave the setting out")
    if math.isinf(number) and not (number > 0 and known.endless):
        raise MisreadError(f"{quoted(number)} cannot stand for {unit}", known.expected, "write a finite number")
    if known.kind == "flag" and number not in (0, 1):
        raise MisreadError(f"{quoted(number)} is neither yes nor no", known.expected)
    if (known.whole or known.kind == "date") and not math.isinf(number) and number != math.floor(number):
        raise MisreadError(f"{quoted(number)} is not whole", known.expected, "round it first")
    if known.kind == "year" and not math.isinf(number) and not FIRST_YEAR <= number <= LAST_YEAR:
        raise MisreadError(f"{quoted(number)} is not a calendar year", known.expected)
    if known.kind == "date" and not math.isinf(number) and not FIRST_DAY <= number <= LAST_DAY:
        raise MisreadError(f"{quoted(number)} is no day from {FIRST_YEAR} to {LAST_YEAR}", known.expected,
                      "give a date, or a serial day as spreadsheets count them")  # fmt: skip
    return number + 0.0  # also turns -0.0 into 0.0, which would be spelt differently


def read_moment(raw: object) -> float:
    """Serial day of a date, or of the first day of a year, quarter or month; never infinite."""
    day = read_value(raw, "date")
    if math.isinf(day):
        raise MisreadError(f"{quoted(raw)} is not a day", "a year, quarter, month or date, such as `2028` or `2028-Q3`")
    return day


def format_value(value: float, unit: str, *, bare: bool = False) -> str:
    """Text that reads back as exactly this value: `$13.75bn`, `32.5%`, `2028-06-30`, `never`, `yes`.

    `bare` leaves the signs and words out where a plain number says the same (`13.75`, `0.325`), for tables that
    other programs read.
    """
    known = UNITS[unit]
    if math.isinf(value):
        return known.endless or repr(value)
    if known.kind == "date":
        return date_of(value).isoformat()
    if known.kind == "flag":
        return "yes" if value else "no"
    if bare:
        return _digits(value, 0)
    sign, size = ("-", -value) if value < 0 else ("", value)
    return f"{sign}{known.prefix}{_digits(size, known.suffixes[known.suffix.strip()])}{known.suffix}"


def display_value(value: float, unit: str) -> str:
    """A value as tables show it: `13.8`, `32.5%`, `3.2×`, `(1.4)`, `2028-06-30`, `never`, `no limit`."""
    known = UNITS[unit]
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return known.endless if value > 0 and known.endless else ("no limit" if value > 0 else "(no limit)")
    if known.kind == "date":
        return date_of(value).isoformat()
    if known.kind == "flag" and value in (0, 1):
        return "yes" if value else "no"
    text = _shown(abs(value), known)
    return f"({text})" if value < 0 and any(digit in text for digit in "123456789") else text


def display_range(low: float, high: float, unit: str) -> str:
    """What a range asks for, in words: `from 0% to 100%`."""
    return f"from {format_value(low, unit)} to {format_value(high, unit)}"


def _from_text(raw: str, unit: Unit) -> float:
    if len(raw) > LONGEST_VALUE:
        raise MisreadError(f"{quoted(raw)} is too long for a value", unit.expected)
    text = " ".join(raw.translate(AS_ASCII).lower().split())
    if not text:
        raise MisreadError("the value is empty", unit.expected, "write a value")
    if text.lstrip("+-.") == "nan":
        raise MisreadError("nan is not a value", unit.expected, "write a number, or leave the setting out")
    if text.removeprefix("+") in (*NO_LIMIT, unit.endless or NO_LIMIT[0]):
        return check_number(NEVER, unit.name)
    reader: Callable[[str, str, Unit], float] = {"date": _read_date, "flag": _read_flag}.get(unit.kind, _read_quantity)
    return check_number(reader(text, raw, unit), unit.name)


def _read_flag(text: str, raw: str, unit: Unit) -> float:
    if text in YES:
        return 1.0
    if text in NO:
        return 0.0
    raise _mistaken(text, raw, unit)


def _read_date(text: str, raw: str, unit: Unit) -> float:
    match = MOMENT.fullmatch(text)
    if not match:
        raise _mistaken(text, raw, unit)
    year, quarter, month, day = (int(part) if part else None for part in match.groups())
    months_per_quarter = 3
    first_month = 1 + months_per_quarter * (quarter - 1) if quarter else month or 1
    try:
        return float(serial(dt.date(year or 0, first_month, day or 1)))
    except ValueError as error:
        raise MisreadError(f"{quoted(raw)} is not a day of the calendar", unit.expected, "correct the date") from error


def _read_quantity(text: str, raw: str, unit: Unit) -> float:
    if unit.name.endswith("per year"):
        text = PER_YEAR.sub("", text)
    match = QUANTITY.fullmatch(text)
    if not match or bool(match["open"]) != bool(match["close"]):
        raise _mistaken(text, raw, unit)
    signs = match["sign"] + match["inner"] + ("-" if match["open"] else "")
    known_suffix = match["suffix"] in unit.suffixes
    if len(signs) > 1 or not known_suffix or (match["currency"] and not unit.is_money):
        raise _mistaken(text, raw, unit)
    power = int(match["power"] or 0) + unit.suffixes[match["suffix"]]
    if match["currency"] and not match["suffix"]:
        power -= DOLLARS_PER_BN
    digits = match["digits"].replace(",", "").replace("_", "")
    size = float(f"{digits}e{power}")  # one rounding only: 32.5% is the float nearest to 0.325
    if math.isinf(size):
        raise MisreadError(f"{quoted(raw)} is too large", unit.expected)
    if match["currency"] and not match["suffix"] and 0 < size < SMALLEST_DOLLARS:
        raise MisreadError(f"{quoted(raw)} is in single dollars", unit.expected,
                      f"for billions write `{text}bn`, for millions `{text}m`")  # fmt: skip
    return -size if "-" in signs else size


def _mistaken(text: str, raw: str, unit: Unit) -> MisreadError:
    kind = looks_like(text)
    what = f"{quoted(raw)} is {kind}, not {unit.noun}" if kind else f"{quoted(raw)} cannot be read"
    return MisreadError(what, unit.expected, _advice(text, unit))


def looks_like(text: str) -> str:
    """What a text seems to be, for a message where something else was expected; empty where it is unclear."""
    if text in ("yes", "no", "true", "false"):
        return "a yes or no"
    if text == "never" or (MOMENT.fullmatch(text) and not text.isdigit()):
        return "a date"
    match = QUANTITY.fullmatch(text)
    if not match:
        return ""
    if match["suffix"] == "%":
        return "a percentage"
    if match["currency"] or MONEY.get(match["suffix"], 0) or match["suffix"] == "bn":
        return "an amount of money"
    return {"x": "a multiple", "": "a plain number"}.get(match["suffix"], "")


def _advice(text: str, unit: Unit) -> str:
    if unit.kind != "date" and re.fullmatch(r"[^a-z]*[0-9],[0-9]+ ?[a-z%]*", text):
        return f"write a decimal point ({quoted(text.replace(',', '.'))}); commas only part thousands, as in 1,500"
    if unit.kind == "date" and re.search(r"[0-9][/. ][0-9]", text):
        return "write the year first, as in 2025-10-28"
    if re.search(r"[0-9] [0-9]", text):
        return "leave out the space between the digits"
    return "write it in one of these forms"


def _from_date(raw: dt.date, unit: Unit) -> float:
    if unit.kind != "date":
        raise MisreadError(f"{quoted(str(raw))} is a date, not {unit.noun}", unit.expected)
    if isinstance(raw, dt.datetime) and not (raw == raw and raw.time() == dt.time()):  # a missing date is not itself
        raise MisreadError(f"{quoted(str(raw))} is not one day", unit.expected, "give a date without a time")
    return check_number(float(serial(dt.date(raw.year, raw.month, raw.day))), unit.name)


def _from_bool(raw: bool, unit: Unit) -> float:
    if unit.kind != "flag":
        raise MisreadError(f"{quoted(raw)} is a yes or no, not {unit.noun}", unit.expected)
    return float(raw)


def _from_number(raw: numbers.Real, unit: Unit) -> float:
    try:
        number = float(raw)
    except OverflowError as error:
        raise MisreadError(f"{quoted(raw)} is too large", unit.expected) from error
    return check_number(number, unit.name)


def _digits(value: float, power: int) -> str:
    """Decimal text of value × 10^-power, exactly the digits that tell this float from its neighbours."""
    number = Decimal(repr(float(value))).normalize()
    shifted = Decimal((number.as_tuple().sign, number.as_tuple().digits, int(number.as_tuple().exponent) - power))
    readable = -10 < shifted.adjusted() < 16  # beyond, a row of zeros is harder to read than an e
    return f"{shifted:f}" if readable else f"{shifted:e}"


def _shown(size: float, unit: Unit) -> str:
    if unit.kind == "year":
        return f"{size:.0f}"
    if unit.whole:
        return f"{size:,.0f}"
    if unit.kind == "flag":
        return f"{size:.2f}"  # part of a period
    if unit.decimals is None:
        return f"{size:,.4g}" if size < 1e4 else f"{size:,.0f}"  # four digits at least
    marks = {"fraction": (100, "%"), "multiple": (1, "×")}
    scale, mark = marks.get(unit.kind, (1, ""))
    return f"{size * scale:,.{unit.decimals}f}{mark}"
