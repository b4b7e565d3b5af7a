"""Parameters of a deal: reads `params/base`, one file per sheet, and refuses what is wrong, all of it at once."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dealgrid.dates import Calendar
from dealgrid.inputs.adding_up import sums_apart
from dealgrid.inputs.allowed import Allowed, Value
from dealgrid.inputs.complaints import Complaints, MisreadError, quoted
from dealgrid.inputs.dated import STEP, Dated
from dealgrid.inputs.files import read_mapping, shown, yaml_files
from dealgrid.inputs.uncertain import Uncertain, check_correlations, read_uncertain
from dealgrid.inputs.unread import Unread
from dealgrid.inputs.values import format_value, read_value
from dealgrid.inputs.yaml_text import Entry, Listed, Mapped, Node, Scalar, what_it_is

NAME = re.compile(r"[a-z][a-z0-9_]*")
RESERVED = frozenset(Calendar(2000, 2000).ingredients())  # supplied to rows by the calendar


@dataclass(frozen=True)
class Parameter:
    """One parameter: its value in the base with everything known about it, and where it is written."""

    name: str
    label: str
    unit: str
    value: Value
    low: float
    high: float
    grade: str
    source: str
    address: str
    note: str
    between: str
    uncertain: Uncertain | None
    confidential: bool
    adds_to_one: str
    sheet: str
    file: str
    line: int

    @property
    def is_dated(self) -> bool:
        """Whether the base gives values by date."""
        return isinstance(self.value, Dated)

    @property
    def allowed(self) -> Allowed:
        """The values it may be set to."""
        return Allowed(self.unit, self.low, self.high, self.between)

    @property
    def number(self) -> float:
        """The value of a parameter that is not dated."""
        if isinstance(self.value, Dated):
            raise TypeError(f"{self.name} is dated: its values are in `value`")
        return self.value


def read_parameters(folder: Path) -> dict[str, Parameter]:
    """Every parameter of a folder of sheets, files in alphabetical order, each in its author's order.

    InputError with all problems of all files.
    """
    complaints = Complaints(shown(folder))
    found, _ = gather_parameters(folder, complaints)
    complaints.finish()
    return found


def gather_parameters(folder: Path, complaints: Complaints) -> tuple[dict[str, Parameter], Unread]:
    """The parameters that can be used, and what is there but cannot; problems are noted, not raised."""
    found: dict[str, Parameter] = {}
    places: dict[str, tuple[str, int]] = {}
    unread = Unread()
    for path in yaml_files(folder, complaints):
        there = complaints.at(shown(path))
        root = read_mapping(path, there)
        unread.is_any = unread.is_any or root is None
        for name, entry in (root.entries if root else {}).items():
            parameter = _read_parameter(name, entry, path.stem, there)
            if name in places:
                _twice(name, entry.key.line, places[name], there)
            elif parameter:
                found[name] = parameter
            if not parameter:
                unread.names.add(name)
                unread.groups.add(_group_written(entry))
            places.setdefault(name, (there.where, entry.key.line))
    _check_together(found, places, unread, complaints)
    return found, unread


def _group_written(entry: Entry) -> str:
    group = entry.value.entries.get("adds_to_one") if isinstance(entry.value, Mapped) else None
    return group.value.text.strip() if group and isinstance(group.value, Scalar) else ""


def _read_parameter(name: str, entry: Entry, sheet: str, complaints: Complaints) -> Parameter | None:
    from dealgrid.inputs.schema import ParameterShape, check_shape  # brings pydantic, so only when files are read

    before = len(complaints.problems)
    line = entry.key.line
    _check_name(name, line, complaints)
    if not isinstance(entry.value, Mapped):
        complaints.add(f"{name}: {what_it_is(entry.value)} does not describe a parameter",
                       "label, unit, value, range, grade, source", "write each on a line below the name",
                       line)  # fmt: skip
        return None
    entries = check_shape(entry.value, ParameterShape, name, line, complaints)
    text = {key: piece.value.text.strip() for key, piece in entries.items() if isinstance(piece.value, Scalar)}
    confidential = _read_confidential(text, entries, name, complaints)
    if "unit" not in text:
        return None  # without it no value can be read
    allowed = _read_allowed(entries, text, name, complaints)
    value = _read_base(entries, allowed, name, complaints)
    uncertain = _read_uncertain(entries, allowed, name, complaints)
    _check_group(entries, text, name, complaints)
    if value is None or len(complaints.problems) > before:
        return None
    texts = {key: text.get(key, "") for key in ("label", "grade", "source", "address", "note", "adds_to_one")}
    return Parameter(
        name=name, unit=allowed.unit, value=value, low=allowed.low, high=allowed.high, between=allowed.between,
        uncertain=uncertain, confidential=confidential, sheet=sheet, file=complaints.where, line=line, **texts,
    )  # fmt: skip


def _check_name(name: str, line: int, complaints: Complaints) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        complaints.add(f"{quoted(name)} cannot be the name of a parameter",
                       "lowercase letters, digits and underscores, beginning with a letter",
                       "rename it, as in `exit_multiple`", line)  # fmt: skip
    elif name.startswith("prior_") or name in RESERVED:
        complaints.add(f"{quoted(name)} is reserved: the program supplies it", "another name", "rename it", line)


def _read_allowed(entries: Mapping[str, Entry], text: Mapping[str, str], name: str, complaints: Complaints) -> Allowed:
    """Unit, range and `between`; the range endless where it is wrong, so that the value is still read."""
    unit, between = text["unit"], text.get("between", STEP)
    entry = entries.get("range")
    try:
        low, high = _ends(entry.value, unit) if entry else (-math.inf, math.inf)
    except MisreadError as error:
        complaints.misread(error, f"{name}, range", entries["range"].key.line)
        low, high = -math.inf, math.inf
    return Allowed(unit, low, high, between)


def _ends(node: Node, unit: str) -> tuple[float, float]:
    if not isinstance(node, Listed) or len(node.items) != 2 or not all(isinstance(i, Scalar) for i in node.items):
        raise MisreadError(f"{what_it_is(node)} is not a range", "the lowest and the highest value, as in [0%, 50%]",
                      "write two values in brackets")  # fmt: skip
    low, high = (read_value(item.text, unit) for item in node.items if isinstance(item, Scalar))
    if math.isinf(low) or low > high:
        raise MisreadError(f"the range begins at {format_value(low, unit)} and ends at {format_value(high, unit)}",
                      "a finite low end, then a high end", "put the lower value first")  # fmt: skip
    return low, high


def _read_base(entries: Mapping[str, Entry], allowed: Allowed, name: str, complaints: Complaints) -> Value | None:
    entry = entries.get("value")
    if entry is None:
        return None
    value = allowed.read(entry.value, name, complaints, entry.key.line)
    if isinstance(entry.value, Scalar) and "between" in entries:
        complaints.add(f"{name}: `between` is given, but the value has no dates", "a value for each date",
                       "remove `between`, or write the value as in {2025: …}", entries["between"].key.line)  # fmt: skip
    return value if isinstance(value, float | Dated) else None


def _read_uncertain(
    entries: Mapping[str, Entry], allowed: Allowed, name: str, complaints: Complaints
) -> Uncertain | None:
    entry = entries.get("uncertain")
    if entry is None:
        return None
    dated = "value" in entries and isinstance(entries["value"].value, Mapped)
    for is_so, obstacle in ((dated, "has values by date"), ("adds_to_one" in entries, "must add to 1 with others")):
        if is_so:
            complaints.add(f"{name}: it {obstacle} and cannot be drawn on its own", "`uncertain` on a single value",
                           "make a scale or a weight uncertain instead", entry.key.line)  # fmt: skip
    return read_uncertain(entry.value, allowed, name, complaints)


def _check_group(entries: Mapping[str, Entry], text: Mapping[str, str], name: str, complaints: Complaints) -> None:
    if "adds_to_one" in entries and text["unit"] != "fraction":
        complaints.add(f"{name}: a value in {text['unit']} cannot be a part of 1", "the unit fraction",
                       "change `unit`, or remove `adds_to_one`", entries["adds_to_one"].key.line)  # fmt: skip


def _read_confidential(
    text: Mapping[str, str], entries: Mapping[str, Entry], name: str, complaints: Complaints
) -> bool:
    try:
        return bool(read_value(text.get("confidential", "no"), "flag"))
    except MisreadError as error:
        complaints.misread(error, f"{name}, confidential", entries["confidential"].key.line)
        return False


def _twice(name: str, line: int, first: tuple[str, int], complaints: Complaints) -> None:
    file, first_line = first
    complaints.add(f"{name} is also in {file}, line {first_line}", "each parameter in one file",
                   "keep one of the two", line)  # fmt: skip


def _check_together(
    found: Mapping[str, Parameter], places: Mapping[str, tuple[str, int]], unread: Unread, complaints: Complaints
) -> None:
    """Checks between parameters, leaving out what depends on one that could not be read."""
    uncertain = {name: parameter.uncertain for name, parameter in found.items() if parameter.uncertain}
    wrong = list(check_correlations(uncertain, unread))
    if not unread.is_any:
        values = {name: parameter.value for name, parameter in found.items()}
        wrong += [(members[0], error) for members, error in sums_apart(values, groups_of(found), unread.groups)]
    for name, error in wrong:
        file, line = places[name]
        complaints.at(file).misread(error, name, line)


def groups_of(parameters: Mapping[str, Parameter]) -> dict[str, str]:
    """The group of `adds_to_one` of each parameter, empty for none."""
    return {name: parameter.adds_to_one for name, parameter in parameters.items()}
