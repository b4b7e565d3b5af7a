"""Bargains: studies that draw the map of a negotiation, two terms on its axes and two parties who value them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dealgrid.inputs.allowed import Value
from dealgrid.inputs.complaints import MisreadError, did_you_mean, listed, quoted
from dealgrid.inputs.parameters import Parameter
from dealgrid.inputs.simulations import COUNT, ROWS, SEED, number_schema, rows, whole
from dealgrid.inputs.study import Key, Kind, Reading, Study
from dealgrid.inputs.uncertain import Uncertain, read_uncertain
from dealgrid.inputs.values import UNITS, read_value
from dealgrid.inputs.yaml_text import Entry, Listed, Mapped, Scalar, what_it_is

PRESENT, ACROSS, UP, PARTIES, MARKS, BELIEF = "present", "across", "up", "parties", "marks", "belief"
PARAMETER, FROM, TO, POINTS = "parameter", "from", "to", "points"
LABEL, SET, BELIEVE = "label", "set", "believe"
FEWEST, MOST = 2, 500  # points of an axis
DIALS = ("hazard", "discrete")  # distributions one probability says all about


@dataclass(frozen=True)
class Axis:
    """A term on an axis of the map: a parameter, or the last level of one by date, at equal steps."""

    parameter: str
    low: float
    high: float
    points: int


@dataclass(frozen=True)
class Party:
    """A side of the table: the rows it values the deal by, the parameters and distributions it takes for true."""

    name: str
    label: str
    rows: tuple[str, ...]
    set: dict[str, Value]
    believe: dict[str, Uncertain]


@dataclass(frozen=True)
class Bargain(Study):
    """A map: the terms on its axes, the parties, the contract without the deal, scenarios marked on the map, and the
    belief that is turned to see at which one the deal stops being worth signing (None for none).
    """

    present: str
    across: Axis
    up: Axis
    parties: tuple[Party, Party]
    marks: tuple[str, ...]
    belief: Axis | None
    count: int | None
    seed: int | None


def _read(head: Study, entries: Mapping[str, Entry], reading: Reading) -> Bargain | None:
    before = len(reading.complaints.problems)
    present = _scenario(entries.get(PRESENT), reading)
    axes = {key: _axis(entries[key], reading) for key in (ACROSS, UP) if key in entries}
    parties = _parties(entries.get(PARTIES), reading)
    marks = _marks(entries.get(MARKS), reading)
    belief = _belief(entries[BELIEF], reading) if BELIEF in entries else None
    count, seed = whole(entries, COUNT, 2, reading), whole(entries, SEED, 0, reading)
    across, up = axes.get(ACROSS), axes.get(UP)
    if across and up and across.parameter == up.parameter:
        reading.complaints.add(f"{up.parameter} is on both axes", "two terms", "choose another for one of them",
                               entries[UP].key.line)  # fmt: skip
    if len(reading.complaints.problems) > before or across is None or up is None:
        return None
    return Bargain(
        **vars(head), present=present, across=across, up=up, parties=(parties[0], parties[1]), marks=marks,
        belief=belief, count=count, seed=seed,
    )  # fmt: skip


def _scenario(entry: Entry | None, reading: Reading) -> str:
    if entry is None or not isinstance(entry.value, Scalar):
        return ""  # noted already
    text = entry.value.text.strip()
    reading.scenario(text, entry.key.line)
    return text


def _axis(entry: Entry, reading: Reading) -> Axis | None:
    """`{parameter: …, from: …, to: …, points: …}`, inside the parameter's range."""
    found = _pieces(entry, reading)
    if found is None:
        return None
    parameter, texts, line = found
    ends = []
    for key in (FROM, TO):
        try:
            value = parameter.allowed.one(texts[key])
            if math.isinf(value):
                raise MisreadError(f"{texts[key]} has no place on an axis", "finite ends", "give a finite one")
            ends.append(value)
        except MisreadError as error:
            reading.complaints.misread(error, f"{entry.key.text}, {parameter.name}, {key}", line)
    if len(ends) < 2:
        return None
    return _finished(parameter.name, (ends[0], ends[1]), texts, entry, reading)


def _belief(entry: Entry, reading: Reading) -> Axis | None:
    """The same for a probability: of a hazard per year, or of yes."""
    found = _pieces(entry, reading)
    if found is None:
        return None
    parameter, texts, line = found
    kind = parameter.uncertain.kind if parameter.uncertain else ""
    is_dial = kind == "hazard" or (kind == "discrete" and UNITS[parameter.unit].kind == "flag")
    if not is_dial:
        reading.complaints.add(f"{parameter.name} is not uncertain in a way that one probability describes",
                               "a hazard, or a discrete yes and no", "choose another parameter", line)  # fmt: skip
        return None
    try:
        low, high = (read_value(texts[key], "fraction") for key in (FROM, TO))
        if not 0 < low < high < 1:
            raise MisreadError(f"from {texts[FROM]} to {texts[TO]}", "probabilities between 0% and 100%, upwards",
                          "correct them")  # fmt: skip
    except MisreadError as error:
        reading.complaints.misread(error, entry.key.text, line)
        return None
    return _finished(parameter.name, (low, high), texts, entry, reading)


def _pieces(entry: Entry, reading: Reading) -> tuple[Parameter, dict[str, str], int] | None:
    node, line, keys = entry.value, entry.key.line, (PARAMETER, FROM, TO, POINTS)
    entries = node.entries if isinstance(node, Mapped) else {}
    texts = {key: each.value.text.strip() for key, each in entries.items() if isinstance(each.value, Scalar)}
    if set(texts) != set(keys) or len(entries) != len(keys):
        reading.complaints.add(f"`{entry.key.text}` is not the axis of a map", f"{listed(keys)}, one value each",
                               "write {parameter: …, from: …, to: …, points: 41}", line)  # fmt: skip
        return None
    name = texts[PARAMETER]
    if name not in reading.parameters:
        if not reading.unread.has(name):
            reading.complaints.add(f"{quoted(name)} is not a parameter", "the name of a parameter in the base",
                                   did_you_mean(name, reading.parameters, "look it up in params/base"),
                                   line)  # fmt: skip
        return None
    return reading.parameters[name], texts, line


def _finished(
    name: str, ends: tuple[float, float], texts: Mapping[str, str], entry: Entry, reading: Reading
) -> Axis | None:
    try:
        points = int(read_value(texts[POINTS], "count"))
        if not FEWEST <= points <= MOST:
            raise MisreadError(f"{points} points", f"{FEWEST} to {MOST}", "choose another number")
        if ends[0] >= ends[1]:
            raise MisreadError(f"from {texts[FROM]} to {texts[TO]} goes nowhere", "a low end, then a high one",
                          "put the lower one first")  # fmt: skip
    except MisreadError as error:
        reading.complaints.misread(error, entry.key.text, entry.key.line)
        return None
    return Axis(name, *ends, points)


def _parties(entry: Entry | None, reading: Reading) -> list[Party]:
    node = entry.value if entry else None
    if not isinstance(node, Mapped) or len(node.entries) != 2:
        if entry:
            reading.complaints.add(f"`{PARTIES}` is {what_it_is(entry.value)}", "two parties, by name",
                                   "write each with its `rows`", entry.key.line)  # fmt: skip
        return []
    return [party for name, each in node.entries.items() if (party := _party(name, each, reading))]


def _party(name: str, entry: Entry, reading: Reading) -> Party | None:
    node, line, keys = entry.value, entry.key.line, (LABEL, ROWS, SET, BELIEVE)
    entries = node.entries if isinstance(node, Mapped) else {}
    for key in entries.keys() - set(keys):
        reading.complaints.add(f"{name}: {quoted(key)} is not part of a party", listed(keys),
                               did_you_mean(key, keys, "remove it"), entries[key].key.line)  # fmt: skip
    if ROWS not in entries:
        reading.complaints.add(f"{name}: `{ROWS}` is missing", "the rows whose sum the deal is worth to the party",
                               "write for example `rows: [microsoft_value]`", line)  # fmt: skip
        return None
    label = entries[LABEL].value if LABEL in entries else None
    values, _ = reading.settings(entries.get(SET))
    found = rows(entries, reading)
    believe = _beliefs(entries[BELIEVE], reading) if BELIEVE in entries else {}
    return Party(name, label.text.strip() if isinstance(label, Scalar) else name, found, values, believe)


def _beliefs(entry: Entry, reading: Reading) -> dict[str, Uncertain]:
    if not isinstance(entry.value, Mapped):
        reading.complaints.add(f"`{BELIEVE}` is {what_it_is(entry.value)}", "parameter: distribution",
                               "write it as `uncertain` in params/base", entry.key.line)  # fmt: skip
        return {}
    found = {}
    for name, each in entry.value.entries.items():
        parameter = reading.parameters.get(name)
        if parameter is None or parameter.is_dated:
            if parameter is not None or not reading.unread.has(name):
                reading.complaints.add(f"{quoted(name)} cannot be believed in", "a parameter with a single value",
                                       did_you_mean(name, reading.parameters, "choose another"),
                                       each.key.line)  # fmt: skip
            continue
        uncertain = read_uncertain(each.value, parameter.allowed, name, reading.complaints)
        if uncertain and uncertain.correlated:
            reading.complaints.add(f"{name}: correlations are not a matter of belief", "a distribution alone",
                                   "leave `correlated` in params/base", each.key.line)  # fmt: skip
        elif uncertain:
            found[name] = uncertain
    return found


def _marks(entry: Entry | None, reading: Reading) -> tuple[str, ...]:
    if entry is None:
        return ()
    if not isinstance(entry.value, Listed):
        reading.complaints.add(f"`{MARKS}` is {what_it_is(entry.value)}", "a list of scenarios",
                               "write the names in brackets", entry.key.line)  # fmt: skip
        return ()
    texts = [(item.text.strip() if isinstance(item, Scalar) else "", item.line) for item in entry.value.items]
    return tuple(text for text, line in texts if reading.scenario(text, line))


def _axis_schema(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    value = {"type": ["string", "number"]}
    return {
        "type": "object",
        "properties": {PARAMETER: {"enum": list(parameters)}, FROM: value, TO: value, POINTS: {"type": "integer"}},
        "required": [PARAMETER, FROM, TO, POINTS], "additionalProperties": False,
    }  # fmt: skip


def _parties_schema(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    by_name = {"type": "object", "properties": {name: {} for name in parameters}, "additionalProperties": False}
    party = {
        "type": "object", "required": [ROWS], "additionalProperties": False,
        "properties": {LABEL: {"type": "string"}, ROWS: {"type": "array", "minItems": 1}, SET: by_name,
                       BELIEVE: by_name},
    }  # fmt: skip
    return {"type": "object", "minProperties": 2, "maxProperties": 2, "additionalProperties": party}


def _scenario_schema(_: Mapping[str, Parameter]) -> dict[str, Any]:
    return {"type": "string"}


def _marks_schema(_: Mapping[str, Parameter]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}}


KIND = Kind(
    "bargain",
    "the map of a negotiation",
    (
        Key(PRESENT, "the scenario both sides have without the deal", _scenario_schema, required=True),
        Key(ACROSS, "the term on the horizontal axis", _axis_schema, required=True),
        Key(UP, "the term on the vertical axis", _axis_schema, required=True),
        Key(PARTIES, "the two sides, each with the rows it values, what it takes for true and believes",
            _parties_schema, required=True),
        Key(MARKS, "scenarios whose terms are marked on the map", _marks_schema),
        Key(BELIEF, "the probability that is turned to see where the deal stops being worth signing", _axis_schema),
        Key(COUNT, "how many futures every point shares", number_schema),
        Key(SEED, "the seed of the draws", number_schema),
    ),
    _read,
)  # fmt: skip
