"""Edits of the base in place: another value, range or text in a parameter's file, everything else as it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from dealgrid.inputs.complaints import Complaints
from dealgrid.inputs.dated import Dated
from dealgrid.inputs.files import read_text, shown
from dealgrid.inputs.scenarios import day_text, value_text
from dealgrid.inputs.table import Change
from dealgrid.inputs.values import format_value, read_moment, read_value
from dealgrid.inputs.yaml_text import Entry, Mapped, Scalar, edited_in_order, read_yaml, replaced, scalar_text


def edited_sheet(path: Path, changes: Iterable[Change], units: dict[str, str]) -> str:
    """The text of a file of the base with the changes in it. InputError where the file is not as it was read."""
    complaints = Complaints(shown(path))
    text = read_text(path, complaints)
    root = None if text is None else read_yaml(text, complaints)
    complaints.finish()
    assert text is not None
    edits: list[tuple[int, Callable[[str], str]]] = []
    for change in changes:
        entry = root.entries.get(change.name) if isinstance(root, Mapped) else None
        body = entry.value if entry else None
        if not isinstance(body, Mapped) or change.key not in body.entries:
            complaints.add(f"{change.name}: `{change.key}` is not there any more", "the file as it was read",
                           "run it again")  # fmt: skip
            continue
        place = body.entries[change.key]
        edits.append((place.key.start, _edit(place, change, units[change.name])))
    complaints.finish()
    for _, edit in sorted(edits, key=lambda pair: pair[0], reverse=True):  # from the end: places before stay true
        text = edit(text)
    return text


def _edit(entry: Entry, change: Change, unit: str) -> Callable[[str], str]:
    if change.key == "range":
        return lambda text: replaced(text, entry, change.after)
    if change.key != "value":
        return lambda text: replaced(text, entry, scalar_text(change.after))
    value = change.value
    assert value is not None
    if isinstance(value, Dated) and isinstance(entry.value, Mapped):
        return _dated_edit(entry, entry.value, value, unit)
    return lambda text: replaced(text, entry, value_text(value, unit))


def _dated_edit(entry: Entry, node: Mapped, value: Dated, unit: str) -> Callable[[str], str]:
    """Dates that stay keep their spelling, and so do values that stay."""
    spelt = {read_moment(key): key for key in node.entries}
    if not any(day in spelt for day in value.days):
        return lambda text: replaced(text, entry, value_text(value, unit))

    def edit(text: str) -> str:
        wanted = {}
        for day, number in zip(value.days, value.values, strict=True):
            old = node.entries[spelt[day]].value if day in spelt else None
            is_same = isinstance(old, Scalar) and read_value(old.text, unit) == number
            as_written = text[old.start : old.end].rstrip() if old and is_same else format_value(number, unit)
            wanted[spelt.get(day, day_text(day))] = as_written
        return edited_in_order(text, node, wanted)

    return edit
