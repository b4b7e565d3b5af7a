"""How cells look: number formats by unit, colours, widths."""

from __future__ import annotations

from dealgrid.inputs import UNITS

FONT, GREY, BLUE, GREEN, BLACK = "Arial", "#666666", "#0000FF", "#006100", "#000000"
SHADE, WARNING, CHOICE = "#F2F2F2", "#C00000", "#FFF2CC"
LINE = 12.5  # height of a line of text, in points
COMMENT = {"author": "dealgrid", "x_scale": 1.8}
GAP, DAY_OR_ALWAYS, NO_NUMBER = "gap", "day", "none"

_BY_KIND = {
    "amount": ("#,##0.0", ""),
    "fraction": ("0.0%", ""),
    "multiple": ("0.0", '"×"'),
    "days": ("#,##0", ""),
    "years": ("0.00", ""),
    "number": ("#,##0.000", ""),
    "count": ("#,##0", ""),
}


def number_format(unit: str, endless: bool = False) -> str:
    """The number format of a unit: negatives in brackets, zero a dash; with `endless`, no limit and never in words.

    A format has room for four cases, so where no limit is one of them zero is shown as a number.
    """
    if unit == GAP:
        return "[=0]0;0.0E+00;0.0E+00"
    if unit == DAY_OR_ALWAYS:
        return '[>=1E+290]"–";[<1]"always";yyyy-mm-dd'
    kind = UNITS[unit].kind
    if kind == "date":
        return '[>=1E+290]"never";yyyy-mm-dd'
    if kind == "flag":
        return '[=1]"yes";[=0]"no";0.00'
    if kind == "year":
        return '[>=1E+290]"never";0'
    digits, mark = _BY_KIND[kind]
    if endless and UNITS[unit].endless:
        return f'[>=1E+290]"{UNITS[unit].endless}"_);[<0]({digits}{mark});{digits}{mark}_)'
    return f"{digits}{mark}_);({digits}{mark});–_)"
