"""Pins: rows given a value in a period, by actuals, by `--pin` or from Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dealgrid.inputs.complaints import Complaints, MisreadError, did_you_mean, quoted
from dealgrid.inputs.files import read_mapping, shown
from dealgrid.inputs.values import UNITS, read_value
from dealgrid.inputs.yaml_text import Entry, Listed, Mapped, Node, Scalar, what_it_is

OPTION = "--pin"
WHAT_IF_GRADE = "J"  # a value somebody tries out is their judgement
PERIOD = re.compile(r"([0-9]{4})(?:-?[Qq]([1-4]))?")


@dataclass(frozen=True)
class Pin:
    """A row's value in a period, named as the calendar names it; None for every period."""

    row: str
    period: str | None
    value: float
    source: str
    grade: str
    where: str
    line: int | None = None


def read_actuals(path: Path, rows: Mapping[str, str]) -> list[Pin]:
    """The pins of an actuals file, in its order; `rows` gives the unit of each row. InputError with all problems."""
    complaints = Complaints(shown(path))
    pins = gather_actuals(path, rows, complaints)
    complaints.finish()
    return pins


def gather_actuals(path: Path, rows: Mapping[str, str], complaints: Complaints) -> list[Pin]:
    """The pins that can be used; problems are noted, not raised."""
    root = read_mapping(path, complaints)
    pins: list[Pin] = []
    for row, entry in (root.entries if root else {}).items():
        if _is_row(row, rows, complaints, entry.key.line):
            blocks = _blocks(row, entry, complaints)
            found = [pin for block, line in blocks for pin in _read_block(row, block, line, rows[row], complaints)]
            _check_once(found, complaints)
            pins += found
    return pins


def parse_pins(items: Iterable[str], rows: Mapping[str, str]) -> list[Pin]:
    """Pins from `ROW@PERIOD=VALUE` or, for every period, `ROW=VALUE` texts; later ones override earlier ones."""
    complaints = Complaints(OPTION, has_lines=False)
    pins: list[Pin] = []
    for item in items:
        place, equals, text = item.partition("=")
        if not equals or not place.strip():
            complaints.add(f"{quoted(item)} pins nothing", "ROW@PERIOD=VALUE, as in revenue@2025=$13bn",
                           "write a row, perhaps `@` and a period, `=` and a value")  # fmt: skip
            continue
        pins += _read_pin(place, text.strip(), rows, complaints)
    complaints.finish()
    return pins


def check_pins(pins: Mapping[str, object], rows: Mapping[str, str], where: str = "pins") -> list[Pin]:
    """Pins from Python: `ROW@PERIOD` or `ROW` to a value, or `ROW` to a mapping of period to value."""
    complaints = Complaints(where, has_lines=False)
    found: list[Pin] = []
    for place, raw in pins.items():
        each = (
            {f"{place}@{period}": value for period, value in raw.items()} if isinstance(raw, Mapping) else {place: raw}
        )
        for full_place, value in each.items():
            found += _read_pin(str(full_place), value, rows, complaints)
    complaints.finish()
    return found


def read_period(raw: str) -> str:
    """A period as the calendar names it: `2028` or `2028-Q3`; MisreadError where it is neither."""
    match = PERIOD.fullmatch(raw.strip())
    if not match:
        raise MisreadError(f"{quoted(raw)} is not a period", "a year or a quarter, such as `2028` or `2028-Q3`",
                      "write the period's name")  # fmt: skip
    year, quarter = match.groups()
    return f"{year}-Q{quarter}" if quarter else year


def _read_pin(place: str, raw: object, rows: Mapping[str, str], complaints: Complaints) -> list[Pin]:
    """One pin in a list, or none where it is wrong."""
    row, at, period_text = (part.strip() for part in place.partition("@"))
    if not _is_row(row, rows, complaints, None):
        return []
    try:
        period = read_period(period_text) if at else None
        value = read_value(raw, rows[row])
    except MisreadError as error:
        complaints.misread(error, place.strip())
        return []
    return [Pin(row, period, value, complaints.where, WHAT_IF_GRADE, complaints.where)]


def _is_row(row: str, rows: Mapping[str, str], complaints: Complaints, line: int | None) -> bool:
    if row not in rows:
        complaints.add(f"{quoted(row)} is not a row", "the name of a row",
                       did_you_mean(row, rows, "look it up with `dealgrid show`"), line)  # fmt: skip
        return False
    if rows[row] not in UNITS:
        complaints.add(f"{row} is in {quoted(rows[row])}, a unit no value can be written in", ", ".join(UNITS),
                       "correct the unit in the row's docstring", line)  # fmt: skip
        return False
    return True


def _blocks(row: str, entry: Entry, complaints: Complaints) -> list[tuple[Node, int]]:
    """The blocks of a row, each with the line that stands for it."""
    if not isinstance(entry.value, Listed):
        return [(entry.value, entry.key.line)]
    if not entry.value.items:
        complaints.add(f"{row}: the list is empty", "a block with grade, source and values",
                       "add one, or remove the row", entry.key.line)  # fmt: skip
    return [(item, item.line) for item in entry.value.items]


def _read_block(row: str, block: Node, line: int, unit: str, complaints: Complaints) -> list[Pin]:
    from dealgrid.inputs.schema import ActualsShape, check_shape  # brings pydantic, so only when files are read

    if not isinstance(block, Mapped):
        complaints.add(f"{row}: {what_it_is(block)} does not give actuals", "grade, source and values",
                       "write each on a line below the row", line)  # fmt: skip
        return []
    entries = check_shape(block, ActualsShape, row, line, complaints)
    text = {key: entry.value.text.strip() for key, entry in entries.items() if isinstance(entry.value, Scalar)}
    if text.get("unit", unit) != unit:
        complaints.add(f"{row}: the values are in {quoted(text['unit'])}, the row in {unit}", f"`unit: {unit}`",
                       "convert the values and correct the unit", entries["unit"].key.line)  # fmt: skip
        return []
    values = entries.get("values")
    if values is None:
        return []
    if not isinstance(values.value, Mapped) or not values.value.entries:
        complaints.add(f"{row}: `values` is {what_it_is(values.value)} without any value in it"
                       if isinstance(values.value, Mapped) else f"{row}: `values` is {what_it_is(values.value)}",
                       "a value for each period, as in {2025: 13.07}", "write period: value",
                       values.key.line)  # fmt: skip
        return []
    pairs = [
        (_read_value(row, period, entry, unit, complaints), entry) for period, entry in values.value.entries.items()
    ]
    return [
        Pin(row, found[0], found[1], text.get("source", ""), text.get("grade", ""), complaints.where, entry.key.line)
        for found, entry in pairs
        if found
    ]


def _read_value(row: str, period: str, entry: Entry, unit: str, complaints: Complaints) -> tuple[str, float] | None:
    try:
        if not isinstance(entry.value, Scalar):
            raise MisreadError(f"{what_it_is(entry.value)} is not a value", UNITS[unit].expected, "write one value")
        return read_period(period), read_value(entry.value.text, unit)
    except MisreadError as error:
        complaints.misread(error, f"{row}, {period}", entry.key.line)
        return None


def _check_once(pins: list[Pin], complaints: Complaints) -> None:
    seen: dict[str | None, Pin] = {}
    for pin in pins:
        first = seen.setdefault(pin.period, pin)
        if first is not pin:
            complaints.add(f"{pin.row}: {pin.period} is also on line {first.line}", "each period once",
                           "keep one of the two", pin.line)  # fmt: skip
