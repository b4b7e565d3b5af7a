"""Reported figures: what was published of rows of the model, to lay it beside; never an input."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from dealgrid.inputs.actuals import read_period
from dealgrid.inputs.complaints import Complaints, MisreadError, did_you_mean, quoted
from dealgrid.inputs.files import read_mapping
from dealgrid.inputs.values import UNITS, read_value
from dealgrid.inputs.yaml_text import Entry, Mapped, Scalar, what_it_is

SPAN = ".."  # between the first and the last period of a figure
ACTUAL, PLAN = "actual", "plan"  # kinds of figures
TERMS = re.compile(r"[+-]?\s*[a-z_][a-z0-9_]*(?:\s+[+-]\s+[a-z_][a-z0-9_]*)*")


@dataclass(frozen=True)
class Figure:
    """One reported value, of the time from the first period to the last, each named as the calendar names it."""

    first: str
    last: str
    value: float
    line: int


@dataclass(frozen=True)
class Reported:
    """Figures one source gives: rows with 1 or -1, which add up to what it reports, and the values.

    `plan` names the scenario to be laid over the one looked at, and is empty for what is reported of the past.
    """

    name: str
    label: str
    kind: str
    rows: Mapping[str, int]
    unit: str
    plan: str
    grade: str
    source: str
    figures: tuple[Figure, ...]
    line: int


def gather_reported(
    path: Path, rows: Mapping[str, str], scenarios: Collection[str], complaints: Complaints
) -> list[Reported]:
    """The reported figures of a file that can be used; problems are noted. `rows` gives the unit of each row."""
    root = read_mapping(path, complaints)
    found = [_read(name, entry, rows, scenarios, complaints) for name, entry in (root.entries if root else {}).items()]
    return [each for each in found if each]


def _read(
    name: str, entry: Entry, rows: Mapping[str, str], scenarios: Collection[str], complaints: Complaints
) -> Reported | None:
    from dealgrid.inputs.schema import ReportedShape, check_shape  # brings pydantic, so only when files are read

    line = entry.key.line
    if not isinstance(entry.value, Mapped):
        complaints.add(f"{name}: {what_it_is(entry.value)} reports nothing", "label, rows, unit, source and values",
                       "write each on a line below the name", line)  # fmt: skip
        return None
    entries = check_shape(entry.value, ReportedShape, name, line, complaints)
    text = {key: each.value.text.strip() for key, each in entries.items() if isinstance(each.value, Scalar)}
    unit, plan = text.get("unit", ""), text.get("plan", "")
    terms = _terms(name, entries["rows"], unit, rows, complaints) if "rows" in entries else {}
    if plan and plan not in scenarios:
        complaints.add(f"{name}: {quoted(plan)} is not a scenario", "the name of a scenario",
                       did_you_mean(plan, scenarios, "leave `plan` out"), entries["plan"].key.line)  # fmt: skip
    figures = _figures(name, entries["values"], unit, complaints) if "values" in entries and unit in UNITS else []
    return Reported(name, text.get("label", ""), text.get("kind", ""), terms, unit, plan, text.get("grade", ""),
                    text.get("source", ""), tuple(figures), line)  # fmt: skip


def _terms(name: str, entry: Entry, unit: str, rows: Mapping[str, str], complaints: Complaints) -> dict[str, int]:
    """Rows with their signs, from `a + b - c`."""
    text = entry.value.text.strip() if isinstance(entry.value, Scalar) else ""
    if not TERMS.fullmatch(text):
        complaints.add(f"{name}: `rows` is {quoted(text)}", "names of rows, as in `revenue` or `paid - received`",
                       "write names with + or - between them", entry.key.line)  # fmt: skip
        return {}
    signs = {each[2]: -1 if each[1] == "-" else 1 for each in re.finditer(r"([+-]?)\s*([a-z_][a-z0-9_]*)", text)}
    for row in signs:
        if row not in rows:
            complaints.add(f"{name}: {quoted(row)} is not a row", "the name of a row",
                           did_you_mean(row, rows, "look it up with `dealgrid show`"), entry.key.line)  # fmt: skip
        elif rows[row] != unit:
            complaints.add(f"{name}: the values are in {quoted(unit)}, {row} in {rows[row]}", f"`unit: {rows[row]}`",
                           "convert the values and correct the unit, or name another row", entry.key.line)  # fmt: skip
    return signs


def _figures(name: str, entry: Entry, unit: str, complaints: Complaints) -> list[Figure]:
    if not isinstance(entry.value, Mapped) or not entry.value.entries:
        complaints.add(f"{name}: `values` is {what_it_is(entry.value)} without any value in it",
                       "a value for each period, as in {2025: 13.07, 2025-Q3..2026-Q2: 24.1}", "write period: value",
                       entry.key.line)  # fmt: skip
        return []
    figures = []
    for span, each in entry.value.entries.items():
        try:
            first, _, last = span.partition(SPAN)
            ends = read_period(first), read_period(last or first)
            if ends[0] > ends[1] or len(ends[0]) != len(ends[1]):
                raise MisreadError(f"{quoted(span)} runs from {ends[0]} to {ends[1]}",
                                   "two years or two quarters, the earlier first", "correct the period")  # fmt: skip
            if not isinstance(each.value, Scalar):
                raise MisreadError(f"{what_it_is(each.value)} is not a value", UNITS[unit].expected, "write one value")
            figures.append(Figure(*ends, read_value(each.value.text, unit), each.key.line))
        except MisreadError as error:
            complaints.misread(error, f"{name}, {span}", each.key.line)
    return figures
