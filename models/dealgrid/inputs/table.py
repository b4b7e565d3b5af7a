"""Parameters and scenarios as one flat table for spreadsheets, and what an edited table changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from dealgrid.dates import date_text
from dealgrid.inputs.allowed import Value
from dealgrid.inputs.complaints import Complaints, MisreadError, did_you_mean, listed, quoted
from dealgrid.inputs.dated import Dated, read_dated
from dealgrid.inputs.parameters import Parameter
from dealgrid.inputs.scenarios import Scenario, value_text
from dealgrid.inputs.settings import read_settings
from dealgrid.inputs.values import FIRST_YEAR, LAST_YEAR, UNITS, read_value

BASE = "base"
COLUMNS = ("in", "sheet", "name", "label", "unit", "from", "value", "lowest", "highest", "grade", "source", "exported")
NEEDED = ("in", "name", "from", "value")  # a table without the others can still be read back
TEXTS = ("label", "grade", "source")  # of a parameter in the base, which may be edited here
FIXED = ("sheet", "unit")  # shown for the reader; a change of them is no change of a figure
# A text beginning with one of these would be taken for a formula; the wide ones count in East Asian settings.
RISKY = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
GUARD = "'"

Raw: TypeAlias = float | str | bool | None
Content = TypeVar("Content", str, float)


@dataclass(frozen=True)
class Row:
    """One row of a table as somebody left it: a cell for each column it has, and how to complain about one."""

    line: int
    cells: Mapping[str, Raw]
    complain: Callable[[str], tuple[Complaints, int | None]]  # by column

    def text(self, column: str) -> str:
        """A cell as text, without the guard against formulas; empty where there is none."""
        raw = self.cells.get(column)
        return unguarded(raw).strip() if isinstance(raw, str) else "" if raw is None else _number_text(raw)

    def add(self, column: str, what: str, expected: str = "", advice: str = "") -> None:
        """Note a problem with one of its cells."""
        complaints, line = self.complain(column)
        complaints.add(what, expected, advice, line)

    def misread(self, error: MisreadError, column: str, name: str) -> None:
        """Note a value that could not be read."""
        complaints, line = self.complain(column)
        complaints.misread(error, name, line)


@dataclass(frozen=True)
class Change:
    """One thing a table changes: of the base or of a scenario, a field of a parameter or its value."""

    where: str  # "base" or the name of a scenario
    name: str
    key: str  # "value", "range", or one of TEXTS
    before: str
    after: str  # empty for a setting that is taken out of a scenario
    value: Value | None = None  # what `value` becomes
    range: tuple[float, float] | None = None  # what `range` becomes
    row: Row | None = field(default=None, compare=False, repr=False)


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe before it where it looks like one."""
    return GUARD + text if text.startswith((*RISKY, GUARD)) else text


def unguarded(text: str) -> str:
    """The text that was guarded; one that begins with an apostrophe of its own is left alone."""
    is_guarded = text.startswith(GUARD) and text[1:].startswith((*RISKY, GUARD))
    return text[1:] if is_guarded else text


def table_rows(
    parameters: Mapping[str, Parameter], scenarios: Mapping[str, Scenario], order: Sequence[str]
) -> list[dict[str, float | str]]:
    """The base, then each scenario's settings: a row per value, a dated one a row per date; sheets in `order`.

    Numbers are floats in the parameter's unit, dates serial days, flags yes or no; `no limit` and `never` words.
    """
    places = {sheet: place for place, sheet in enumerate(order)}
    inside = sorted(parameters.values(), key=lambda each: places.get(each.sheet, len(places)))
    rows = [row for parameter in inside for row in _rows_of(BASE, parameter, parameter.value)]
    for scenario in scenarios.values():
        for name, value in scenario.set.items():
            rows += _rows_of(scenario.name, parameters[name], value)
    return rows


def _rows_of(where: str, parameter: Parameter, value: Value) -> list[dict[str, float | str]]:
    pairs: list[tuple[float | str, float]] = (
        list(zip(value.days, value.values, strict=True)) if isinstance(value, Dated) else [("", value)]
    )
    head: dict[str, float | str] = {
        "in": where, "sheet": parameter.sheet, "name": parameter.name, "label": guarded(parameter.label),
        "unit": parameter.unit,
    }  # fmt: skip
    tail: dict[str, float | str] = {
        "lowest": _plain(parameter.low, parameter.unit), "highest": _plain(parameter.high, parameter.unit),
        "grade": parameter.grade, "source": guarded(parameter.source), "exported": _stamp(where, parameter, value),
    }  # fmt: skip
    return [{**head, "from": day, "value": _plain(each, parameter.unit), **tail} for day, each in pairs]


def _plain(value: float, unit: str) -> float | str:
    """A value as a cell holds it: a number, or the word for one that no cell can hold."""
    if UNITS[unit].kind == "flag" or value == float("inf"):
        return value_text(value, unit)
    return value


def _stamp(where: str, parameter: Parameter, value: Value) -> str:
    """A short mark of what was exported, so that an edit of the files since then is not undone unseen."""
    about = (parameter.label, parameter.low, parameter.high, parameter.grade, parameter.source) if where == BASE else ()
    text = json.dumps([value_text(value, parameter.unit), *map(str, about)])
    return "v" + hashlib.sha256(text.encode()).hexdigest()[:10]


def read_table(
    rows: Iterable[Row], parameters: Mapping[str, Parameter], scenarios: Mapping[str, Scenario]
) -> list[Change]:
    """What the rows change, in their order; problems are noted with the rows. Rows nobody touched change nothing.

    A parameter or setting that is not in the table stays as it is; a setting whose value is empty leaves its scenario.
    """
    entries: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        where, name = row.text("in"), row.text("name")
        if _is_known(row, where, name, parameters, scenarios):
            entries.setdefault((where, name), []).append(row)
    changes: list[Change] = []
    for (where, name), group in entries.items():
        changes += _Entry(where, parameters[name], scenarios.get(where), group).changes(parameters)
    return changes


def _is_known(
    row: Row, where: str, name: str, parameters: Mapping[str, Parameter], scenarios: Mapping[str, Scenario]
) -> bool:
    if where != BASE and where not in scenarios:
        row.add("in", f"{quoted(where)} is neither `{BASE}` nor a scenario", listed([BASE, *scenarios]),
                did_you_mean(where, [BASE, *scenarios], "give the scenario a file first"))  # fmt: skip
        return False
    if name not in parameters:
        row.add("name", f"{quoted(name)} is not a parameter", "the name of a parameter in the base",
                did_you_mean(name, parameters, "a new parameter is written in params/base by hand"))  # fmt: skip
        return False
    return True


class _Entry:
    """A parameter in the base, or a setting of a scenario, as the rows give it."""

    def __init__(self, where: str, parameter: Parameter, scenario: Scenario | None, rows: list[Row]) -> None:
        self.where, self.parameter, self.rows = where, parameter, rows
        self.present = parameter.value if scenario is None else scenario.set.get(parameter.name)

    def changes(self, parameters: Mapping[str, Parameter]) -> list[Change]:
        """What the rows make of it."""
        for column in FIXED:
            self._refuse_fixed(column)
        said = self._said() if self.where == BASE else self.parameter
        found = self._value(said, parameters) if self._has_value() else self._without_value()
        found += [
            self._change(key, getattr(self.parameter, key), getattr(said, key))
            for key in TEXTS
            if getattr(said, key) != getattr(self.parameter, key)
        ]
        if (said.low, said.high) != (self.parameter.low, self.parameter.high):
            change = self._change("range", range_text(self.parameter), range_text(said))
            found.append(replace(change, range=(said.low, said.high)))
        return [] if not found or self._is_untouched(said, found) else found

    def _change(self, key: str, before: str, after: str, value: Value | None = None) -> Change:
        return Change(self.where, self.parameter.name, key, before, after, value, row=self.rows[0])

    def _has_value(self) -> bool:
        return self.where == BASE or any(row.cells.get("value") not in (None, "") for row in self.rows)

    def _without_value(self) -> list[Change]:
        """A setting whose value was emptied leaves its scenario."""
        if self.present is None:
            return []
        return [self._change("value", value_text(self.present, self.parameter.unit), "")]

    def _said(self) -> Parameter:
        """The parameter with the texts and the range that the rows give it."""
        from dealgrid.inputs.schema import GRADES  # brings pydantic, so only when it is needed

        texts = {key: self._other(key, self._text(key), getattr(self.parameter, key)) for key in TEXTS}
        low = self._other("lowest", self._end("lowest"), self.parameter.low)
        high = self._other("highest", self._end("highest"), self.parameter.high)
        if low > high or low == float("inf"):
            self.rows[0].add("lowest", f"{self.parameter.name}: the range begins at "
                             f"{value_text(low, self.parameter.unit)} and ends at "
                             f"{value_text(high, self.parameter.unit)}",
                             "a finite low end, then a high end", "put the lower value first")  # fmt: skip
        if texts["grade"] not in GRADES:
            self.rows[0].add("grade", f"{self.parameter.name}: the grade is {quoted(texts['grade'])}", listed(GRADES))
        return replace(self.parameter, low=low, high=high, label=texts["label"], grade=texts["grade"],
                       source=texts["source"])  # fmt: skip

    def _text(self, column: str) -> Callable[[Row], str | None]:
        return lambda row: row.text(column) if row.text(column) and self._is_safe(row, column) else None

    def _end(self, column: str) -> Callable[[Row], float | None]:
        def read(row: Row) -> float | None:
            raw = raw_value(row.cells.get(column), self.parameter.unit)
            if raw is None or raw == "":
                return None
            try:
                return read_value(raw, self.parameter.unit)
            except MisreadError as error:
                row.misread(error, column, f"{self.parameter.name}, {column}")
                return None

        return read

    def _other(self, column: str, read: Callable[[Row], Content | None], present: Content) -> Content:
        """What a column says where it is not as present; two rows that say different things contradict each other."""
        others = [(row, found) for row in self.rows if (found := read(row)) is not None and found != present]
        for row, found in others[1:]:
            if found != others[0][1]:
                row.add(column, f"{self.parameter.name}: the {column} is not the one in row {others[0][0].line}",
                        "one for all rows of a parameter", "give it the same in each row")  # fmt: skip
        return others[0][1] if others else present

    def _refuse_fixed(self, column: str) -> None:
        known = getattr(self.parameter, column)
        for row in self.rows:
            if row.text(column) not in ("", known):
                row.add(column, f"{self.parameter.name}: the {column} is {quoted(row.text(column))}", f"`{known}`",
                        "a parameter is moved, or given another unit, in its YAML file")  # fmt: skip

    def _is_safe(self, row: Row, column: str) -> bool:
        raw = row.cells.get(column)
        if isinstance(raw, str) and raw.startswith(RISKY):
            row.add(column, f"{self.parameter.name}: the {column} {quoted(raw)} begins as a formula does",
                    "a text", f"begin it with a word, or put an apostrophe before it: {GUARD}{raw[:12]}…")  # fmt: skip
            return False
        return True

    def _value(self, parameter: Parameter, parameters: Mapping[str, Parameter]) -> list[Change]:
        value = self._read(parameter, parameters)
        if value is None or value == self.present:
            return []
        unit = parameter.unit
        before = "" if self.present is None else value_text(self.present, unit)
        return [self._change("value", before, value_text(value, unit), value)]

    def _read(self, parameter: Parameter, parameters: Mapping[str, Parameter]) -> Value | None:
        """The value through the door every setting takes, each problem with its row; None where it is wrong."""
        name, first = parameter.name, self.rows[0]
        dated = [row for row in self.rows if row.cells.get("from") not in (None, "")]
        if self.where == BASE and bool(dated) != parameter.is_dated:
            first.add("from", f"{name}: {'values by date' if dated else 'a value without a date'}",
                      "a date in `from` on every row" if parameter.is_dated else "one row without a date",
                      "whether a parameter changes with time is written in its YAML file")  # fmt: skip
            return None
        if not dated:
            for row in self.rows[1:]:
                row.add("name", f"{name}: it stands in row {first.line} too", "one row", "keep one of the two")
            return self._single(parameter, parameters)
        bare = [row for row in self.rows if row not in dated]
        for row in bare:
            row.add("from", f"{name}: a row without a date among rows with one", "a date", "fill it in")
        return None if bare else self._dated(parameter, parameters)

    def _single(self, parameter: Parameter, parameters: Mapping[str, Parameter]) -> Value | None:
        row = self.rows[0]
        raw = raw_value(row.cells.get("value"), parameter.unit)
        complaints, line = row.complain("value")
        settings = {parameter.name: "" if raw is None else raw}
        found = read_settings(settings, {**parameters, parameter.name: parameter}, complaints,
                              {} if line is None else {parameter.name: line})  # fmt: skip
        return found.get(parameter.name)  # type: ignore[return-value]  # an array cannot stand in a cell

    def _dated(self, parameter: Parameter, parameters: Mapping[str, Parameter]) -> Value | None:
        name = parameter.name
        days: list[tuple[float, Row]] = []
        is_right = True
        for row in self.rows:
            try:
                day = read_value(raw_value(row.cells["from"], "date"), "date")
                if day == float("inf"):
                    raise MisreadError("never is not a day", "a date, such as 2028-06-30", "give the day")
                days.append((day, row))
            except MisreadError as error:
                row.misread(error, "from", f"{name}, from")
                is_right = False
        values: dict[float, float] = {}
        for day, row in sorted(days, key=lambda pair: pair[0]):
            if day in values:
                row.add("from", f"{name}: {date_text(day)} is given twice", "each date once", "keep one of the two")
                is_right = False
            complaints, line = row.complain("value")
            raw = raw_value(row.cells.get("value"), parameter.unit)
            entry = [(day, "" if raw is None else raw, line)]
            one = read_dated(entry, parameter.allowed.one_by_date, parameter.between, name, complaints)
            if one is None:
                is_right = False
            else:
                values[day] = one.values[0]
        if not is_right:
            return None
        complaints, line = self.rows[0].complain("value")
        whole = Dated(tuple(values), tuple(values.values()), parameter.between)
        lines = {} if line is None else {name: line}
        found = read_settings({name: whole}, {**parameters, name: parameter}, complaints, lines)
        return found.get(name)  # type: ignore[return-value]  # the same

    def _is_untouched(self, said: Parameter, changes: list[Change]) -> bool:
        """Whether the rows stand as they were exported, so that what has changed since is no business of theirs.

        Rows that were edited, of an entry that has changed since too, are refused.
        """
        marks = {row.text("exported") for row in self.rows} - {""}
        if not marks or self.present is None or marks == {_stamp(self.where, self.parameter, self.present)}:
            return False
        value = next((change.value for change in changes if change.key == "value"), self.present)
        if value is not None and marks == {_stamp(self.where, said, value)}:
            return True
        name = self.parameter.name
        self.rows[0].add("exported", f"{name}: it has changed in the files since this table was exported",
                         "a table of the present files, where the value is "
                         + value_text(self.present, self.parameter.unit),
                         "export again and repeat the edit, or empty `exported` on its rows to have yours")  # fmt: skip
        return False


def range_text(parameter: Parameter) -> str:
    """The range of a parameter as its file gives it: `[0%, 50%]`."""
    return f"[{value_text(parameter.low, parameter.unit)}, {value_text(parameter.high, parameter.unit)}]"


def raw_value(raw: Raw, unit: str) -> Raw:
    """A cell as the door of values takes it: without its guard, and a bare year in a date as a year."""
    if isinstance(raw, str):
        return unguarded(raw).strip()
    if isinstance(raw, float) and not isinstance(raw, bool) and UNITS[unit].kind == "date":
        is_year = raw.is_integer() and FIRST_YEAR <= raw <= LAST_YEAR
        return int(raw) if is_year else raw
    return raw


def _number_text(raw: float | bool) -> str:
    return str(int(raw)) if float(raw).is_integer() else str(raw)
