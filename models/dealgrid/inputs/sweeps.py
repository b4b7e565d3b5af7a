"""Sweeps: studies that carry out a notebook at many points, laid out by `grid`, `zip` and `points`."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dealgrid.dates import date_of, serial
from dealgrid.inputs.allowed import Value
from dealgrid.inputs.complaints import MisreadError, quoted
from dealgrid.inputs.dated import Dated
from dealgrid.inputs.parameters import Parameter
from dealgrid.inputs.scenarios import value_text
from dealgrid.inputs.study import Key, Kind, Reading, Study
from dealgrid.inputs.values import UNITS, display_value, read_value
from dealgrid.inputs.yaml_text import Entry, Listed, Mapped, Node, Scalar, what_it_is

GRID, ZIP, POINTS, NOTEBOOK, ROWS = "grid", "zip", "points", "notebook", "rows"
SCENARIO = "scenario"  # beside the parameters, an axis may go through scenarios
FROM, TO, STEP, NAMED = "from", "to", "step", "named"
MOST = 10_000  # points; each is a notebook somebody is meant to open
WHOLE = 1e-9  # how far from a whole number of steps the end may be
STEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Mark:
    """One value on an axis: a parameter's, or the name of a scenario, and the words it is shown by."""

    value: Value | str
    label: str


@dataclass(frozen=True)
class Point:
    """One point: the scenario it is of, the parameters set on top, and the label of each axis here."""

    scenario: str
    set: dict[str, Value]
    labels: dict[str, str]


@dataclass(frozen=True)
class Sweep(Study):
    """A sweep: the notebook, its points in order, and the rows its index shows (the deal's own choice if empty).

    `axes` holds the labels of each axis in order; `is_grid` if the points are all combinations of two axes or of one.
    """

    notebook: str
    rows: tuple[str, ...]
    axes: dict[str, tuple[str, ...]]
    points: tuple[Point, ...]
    is_grid: bool


def _read(head: Study, entries: Mapping[str, Entry], reading: Reading) -> Sweep | None:
    before = len(reading.complaints.problems)
    notebook = _notebook(entries.get(NOTEBOOK), reading)
    rows = _rows(entries.get(ROWS), reading)
    blocks = {
        GRID: _grid(entries[GRID], reading) if GRID in entries else None,
        ZIP: _zip(entries[ZIP], reading) if ZIP in entries else None,
        POINTS: _listed_points(entries[POINTS], reading) if POINTS in entries else None,
    }
    given = {name: block for name, block in blocks.items() if block is not None}
    if not given and not {GRID, ZIP, POINTS} & set(head.lines):
        reading.complaints.add("a sweep without points", f"`{GRID}`, `{ZIP}` or `{POINTS}`",
                               f"add `{GRID}:` and below it parameters with values", head.lines["kind"])  # fmt: skip
    _refuse_twice(entries, head, reading)
    if len(reading.complaints.problems) > before:
        return None
    count = math.prod(len(block) for block in given.values())
    if count > MOST:
        reading.complaints.add(f"{count:,} points", f"at most {MOST:,}, each of which becomes a notebook",
                               "take larger steps, or ask `futures` instead", head.lines["kind"])  # fmt: skip
        return None
    points = _points(head, list(given.values()), reading)
    axes: dict[str, dict[str, None]] = {}
    for point in points:
        for name, label in point.labels.items():
            axes.setdefault(name, {})[label] = None
    is_grid = len(axes) <= 2 and len(points) == math.prod(map(len, axes.values()))
    return Sweep(**vars(head), notebook=notebook, rows=rows, points=points, is_grid=is_grid,
                 axes={name: tuple(labels) for name, labels in axes.items()})  # fmt: skip


Combination = dict[str, Mark]


def _points(head: Study, blocks: list[list[Combination]], reading: Reading) -> tuple[Point, ...]:
    """Every combination of what stands in the blocks, each once and adding up."""
    points: dict[Any, Point] = {}
    clashes: dict[str, None] = {}
    for combination in itertools.product(*blocks):
        marks = {name: mark for part in combination for name, mark in part.items()}
        scenario = str(marks[SCENARIO].value) if SCENARIO in marks else head.scenario
        own = {name: mark.value for name, mark in marks.items() if not isinstance(mark.value, str)}
        clash = reading.clash(scenario, head.set, own)
        if clash:
            clashes[clash] = None
        settings = {**head.set, **own}
        key = (scenario, *sorted(settings.items(), key=lambda item: item[0]))
        if key in points:
            shown = ", ".join(f"{name} {mark.label}" for name, mark in marks.items())
            reading.complaints.add(f"the point {shown} is there twice", "each point once", "remove one of the two",
                                   head.lines[_last(head)])  # fmt: skip
        points[key] = Point(scenario, settings, {name: mark.label for name, mark in marks.items()})
    for clash in clashes:
        reading.complaints.add(clash, "parts that add up", "set the others of the group at the same points (`zip`)",
                               head.lines[_last(head)])  # fmt: skip
    return tuple(points.values())


def _last(head: Study) -> str:
    return next(block for block in (POINTS, ZIP, GRID) if block in head.lines)


def _refuse_twice(entries: Mapping[str, Entry], head: Study, reading: Reading) -> None:
    """A parameter in two blocks, or in a block and in `set`, would silently lose one of its values."""
    seen: dict[str, str] = dict.fromkeys(head.set, "set")
    for block in (GRID, ZIP, POINTS):
        node = entries[block].value if block in entries else None
        mappings = node.items if isinstance(node, Listed) else (node,)
        names = {name: each.key.line for m in mappings if isinstance(m, Mapped) for name, each in m.entries.items()}
        for name, line in names.items():
            if name in seen:
                reading.complaints.add(f"{name} is also in `{seen[name]}`", "each parameter in one place",
                                       "keep one of the two", line)  # fmt: skip
            seen.setdefault(name, block)


def _grid(entry: Entry, reading: Reading) -> list[Combination]:
    axes = _axes(entry, reading)
    return [dict(zip(axes, marks, strict=True)) for marks in itertools.product(*axes.values())]


def _zip(entry: Entry, reading: Reading) -> list[Combination]:
    axes = _axes(entry, reading)
    counts = {name: len(marks) for name, marks in axes.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        reading.complaints.add(f"`{ZIP}` has lists of different lengths: {told}", "as many values in each",
                               "complete the shorter one", entry.key.line)  # fmt: skip
        return []
    return [dict(zip(axes, marks, strict=True)) for marks in zip(*axes.values(), strict=True)]


def _axes(entry: Entry, reading: Reading) -> dict[str, list[Mark]]:
    if not isinstance(entry.value, Mapped) or not entry.value.entries:
        reading.complaints.add(f"`{entry.key.text}` is {what_it_is(entry.value)}", "parameter: its values",
                               "write each parameter with its values on a line of its own", entry.key.line)  # fmt: skip
        return {}
    return {name: _axis(name, each, reading) for name, each in entry.value.entries.items()}


def _listed_points(entry: Entry, reading: Reading) -> list[Combination]:
    node = entry.value
    if not isinstance(node, Listed) or not node.items:
        reading.complaints.add(f"`{POINTS}` is {what_it_is(node)}", "a list of points",
                               "begin each with a hyphen, as in `- {parameter: value}`", entry.key.line)  # fmt: skip
        return []
    found = []
    for item in node.items:
        if not isinstance(item, Mapped) or not item.entries:
            reading.complaints.add(f"{what_it_is(item)} is not a point", "parameter: value, for each that is set",
                                   "write it as in `- {parameter: value}`", item.line)  # fmt: skip
            continue
        marks = {name: _mark(name, each.value, each.key.line, reading) for name, each in item.entries.items()}
        found.append({name: mark for name, mark in marks.items() if mark})
    return found


def _axis(name: str, entry: Entry, reading: Reading) -> list[Mark]:
    """The marks of one axis: a list, from and to with a step, or values with names."""
    node, line = entry.value, entry.key.line
    if isinstance(node, Listed) and node.items:
        return [mark for item in node.items if (mark := _mark(name, item, item.line, reading))]
    if isinstance(node, Mapped) and set(node.entries) == {NAMED}:
        return _named(name, node.entries[NAMED], reading)
    if isinstance(node, Mapped) and {FROM, TO, STEP} & set(node.entries):
        return _steps(name, node, reading)
    reading.complaints.add(f"{name} is {what_it_is(node)}",
                           "a list of values, `{from: …, to: …, step: …}` or `named:` with a name for each value",
                           "write the values in brackets, as in [30%, 35%]", line)  # fmt: skip
    return []


def _named(name: str, entry: Entry, reading: Reading) -> list[Mark]:
    node = entry.value
    if not isinstance(node, Mapped) or not node.entries:
        reading.complaints.add(f"{name}: `{NAMED}` is {what_it_is(node)}", "a name for each value",
                               "write `name: value` on a line for each", entry.key.line)  # fmt: skip
        return []
    marks = ((label, _mark(name, each.value, each.key.line, reading)) for label, each in node.entries.items())
    return [Mark(mark.value, label) for label, mark in marks if mark]


def _mark(name: str, node: Node, line: int, reading: Reading) -> Mark | None:
    if name == SCENARIO:
        text = node.text.strip() if isinstance(node, Scalar) else ""
        if not text:
            reading.complaints.add(f"{what_it_is(node)} does not name a scenario", "the name of a scenario",
                                   "write one name", line)  # fmt: skip
            return None
        return Mark(text, text) if reading.scenario(text, line) else None
    value = reading.value(name, node, line)
    return None if value is None else Mark(value, _label(value, reading.parameters[name].unit))


def _label(value: Value, unit: str) -> str:
    if isinstance(value, Dated):
        return value_text(value, unit)
    return display_value(value, unit) if UNITS[unit].kind in ("date", "flag", "year") else value_text(value, unit)


def _steps(name: str, node: Mapped, reading: Reading) -> list[Mark]:
    """Values at equal steps, both ends included, without the dust of adding fractions up."""
    try:
        texts = _texts(node)
        unit = reading.parameters[name].unit if name in reading.parameters else None
        if unit is None or reading.parameters[name].is_dated:
            reading.value(name, texts[FROM], node.entries[FROM].key.line)  # says why
            return []
        values = _years(texts, unit) if UNITS[unit].kind == "date" else _equal(texts, unit)
    except MisreadError as error:
        reading.complaints.misread(error, name, node.line)
        return []
    marks = [(value, reading.value(name, value, node.line)) for value in values]
    return [Mark(value, _label(value, unit)) for _, value in marks if value is not None]


def _texts(node: Mapped) -> dict[str, str]:
    keys = {FROM, TO, STEP}
    texts = {key: each.value.text for key, each in node.entries.items() if isinstance(each.value, Scalar)}
    if set(node.entries) != keys or set(texts) != keys:
        raise MisreadError(f"{', '.join(node.entries)}: this is not a range with steps",
                      "`from`, `to` and `step`, one value each", "write {from: 30%, to: 35%, step: 0.5%}")  # fmt: skip
    return texts


def _equal(texts: Mapping[str, str], unit: str) -> list[float]:
    if UNITS[unit].kind == "flag":
        raise MisreadError("there are no steps between yes and no", "a list of values", "write [no, yes]")
    first, last, step = (read_value(texts[key], unit) for key in (FROM, TO, STEP))
    count = _count(first, last, step, texts)
    start, width = Decimal(repr(first)), Decimal(repr(step))
    return [float(start + place * width) for place in range(count + 1)]


def _years(texts: Mapping[str, str], unit: str) -> list[float]:
    """The same day of the year, every so many years."""
    first, last = (read_value(texts[key], unit) for key in (FROM, TO))
    step = read_value(texts[STEP], "years")
    if math.isinf(first) or math.isinf(last) or step != math.floor(step):
        raise MisreadError("dates go in steps of whole years between two days", "as in {from: 2026, to: 2032, step: 1}",
                      "write the dates as a list")  # fmt: skip
    begin, end = date_of(first), date_of(last)
    if (begin.month, begin.day) != (end.month, end.day) or (begin.month, begin.day) == (2, 29):
        raise MisreadError(f"from {begin} to {end} is not a number of whole years", "the same day in both years",
                      "write the dates as a list")  # fmt: skip
    count = _count(begin.year, end.year, step, texts)
    return [float(serial(begin.replace(year=begin.year + place * int(step)))) for place in range(count + 1)]


def _count(first: float, last: float, step: float, texts: Mapping[str, str]) -> int:
    if not all(map(math.isfinite, (first, last, step))) or step <= 0 or last < first:
        raise MisreadError(f"from {texts[FROM]} to {texts[TO]} by {texts[STEP]} goes nowhere",
                      "a finite range, upwards, by a step above 0", "put the lower end first")  # fmt: skip
    count = (last - first) / step
    if count > MOST:
        raise MisreadError(f"{count:,.0f} steps", f"at most {MOST:,}", "take larger steps")
    if abs(count - round(count)) > WHOLE * max(1, count):
        raise MisreadError(f"steps of {texts[STEP]} from {texts[FROM]} do not end at {texts[TO]}",
                      "a whole number of steps", "change one of the three")  # fmt: skip
    return round(count)


def _notebook(entry: Entry | None, reading: Reading) -> str:
    if entry is None or not isinstance(entry.value, Scalar):
        return ""  # noted already
    name = entry.value.text.strip().removesuffix(".ipynb")
    if not STEM.fullmatch(name):
        reading.complaints.add(f"{quoted(name)} is not a notebook", "the name of a notebook in notebooks/",
                               "write the name alone, without a folder", entry.key.line)  # fmt: skip
    return name


def _rows(entry: Entry | None, reading: Reading) -> tuple[str, ...]:
    if entry is None:
        return ()
    if not isinstance(entry.value, Listed) or not entry.value.items:
        reading.complaints.add(f"`{ROWS}` is {what_it_is(entry.value)}", "a list of rows",
                               "write the names in brackets", entry.key.line)  # fmt: skip
        return ()
    return tuple(name for item in entry.value.items if (name := reading.row(item, item.line)))


def _by_parameter(parameters: Mapping[str, Parameter], each: dict[str, Any]) -> dict[str, Any]:
    names = {"enum": [*parameters, SCENARIO]}
    return {"type": "object", "propertyNames": names, "additionalProperties": each, "minProperties": 1}


def _axes_schema(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    single = {"type": ["string", "number", "boolean"]}
    steps = {"type": "object", "properties": dict.fromkeys((FROM, TO, STEP), single),
             "required": [FROM, TO, STEP], "additionalProperties": False}  # fmt: skip
    named = {"type": "object", "properties": {NAMED: {"type": "object", "minProperties": 1}}, "required": [NAMED],
             "additionalProperties": False}  # fmt: skip
    return _by_parameter(parameters, {"anyOf": [{"type": "array", "minItems": 1}, steps, named]})


def _points_schema(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    value = {"type": ["string", "number", "boolean", "object"]}
    return {"type": "array", "minItems": 1, "items": _by_parameter(parameters, value)}


def _names(_: Mapping[str, Parameter]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": {"type": "string"}}


def _name(_: Iterable[str]) -> dict[str, Any]:
    return {"type": "string"}


KIND = Kind(
    "sweep",
    "a notebook carried out at many points",
    (
        Key(NOTEBOOK, "the notebook carried out at each point: its name in notebooks/", _name, required=True),
        Key(ROWS, "the rows the index shows, each with one number per case", _names),
        Key(GRID, "parameters with their values, all combined with each other", _axes_schema),
        Key(ZIP, "parameters with their values, side by side: first with first, second with second", _axes_schema),
        Key(POINTS, "single points, each a mapping of parameters to values; blocks are combined with each other",
            _points_schema),
    ),
    _read,
)  # fmt: skip
