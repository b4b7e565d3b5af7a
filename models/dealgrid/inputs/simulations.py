"""Simulations: studies that run a scenario in many futures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dealgrid.inputs.complaints import MisreadError
from dealgrid.inputs.study import Key, Kind, Reading, Study
from dealgrid.inputs.values import read_value
from dealgrid.inputs.yaml_text import Entry, Listed, Scalar, what_it_is

COUNT, SEED, ROWS = "count", "seed", "rows"


@dataclass(frozen=True)
class Simulation(Study):
    """A simulation: how many futures, their seed, and the rows kept; None and () leave the choice to the analysis."""

    count: int | None
    seed: int | None
    rows: tuple[str, ...]


def whole(entries: Mapping[str, Entry], key: str, lowest: int, reading: Reading) -> int | None:
    """A whole number under a key; None where there is none, or, after noting it, where it is no such number."""
    if key not in entries:
        return None
    entry = entries[key]
    try:
        if not isinstance(entry.value, Scalar):
            raise MisreadError(f"`{key}` is {what_it_is(entry.value)}", "a whole number", "write one number")
        number = read_value(entry.value.text, "count")
        if number < lowest:
            raise MisreadError(f"`{key}` is {number:g}", f"{lowest} or more", "correct it")
    except MisreadError as error:
        reading.complaints.misread(error, key, entry.key.line)
        return None
    return int(number)


def rows(entries: Mapping[str, Entry], reading: Reading) -> tuple[str, ...]:
    """The rows listed under `rows`; none where there is no such key."""
    if ROWS not in entries:
        return ()
    node = entries[ROWS].value
    if not isinstance(node, Listed) or not node.items:
        reading.complaints.add(f"`{ROWS}` is {what_it_is(node)}", "a list of rows", "write the names in brackets",
                               entries[ROWS].key.line)  # fmt: skip
        return ()
    return tuple(name for item in node.items if (name := reading.row(item, item.line)))


def number_schema(_: Iterable[str]) -> dict[str, Any]:
    """The schema of a whole number."""
    return {"type": ["integer", "string"]}


def rows_schema(_: Iterable[str]) -> dict[str, Any]:
    """The schema of a list of rows."""
    return {"type": "array", "minItems": 1, "items": {"type": "string"}}


def _read(head: Study, entries: Mapping[str, Entry], reading: Reading) -> Simulation | None:
    return Simulation(
        **vars(head), count=whole(entries, COUNT, 2, reading), seed=whole(entries, SEED, 0, reading),
        rows=rows(entries, reading),
    )  # fmt: skip


KIND = Kind(
    "futures",
    "a scenario in many futures",
    (
        Key(COUNT, "how many futures", number_schema),
        Key(SEED, "the seed of the draws", number_schema),
        Key(ROWS, "the rows kept", rows_schema),
    ),
    _read,
)
