"""A live workbook that comes back: its changed inputs as a scenario, and everything else as it was written."""

from __future__ import annotations

import copy
import datetime as dt
import math
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dealgrid.deal import Case, Deal
from dealgrid.inputs import Dated, Scenario, Setting, Value, apply_settings, value_text
from dealgrid.inputs.adding_up import sums_apart
from dealgrid.inputs.complaints import Complaints, MisreadError, did_you_mean, listed, quoted
from dealgrid.inputs.dated import read_dated
from dealgrid.inputs.files import STEM, shown, write_text
from dealgrid.inputs.grid import Cell, Grid, canonical, read_workbook
from dealgrid.inputs.parameters import groups_of
from dealgrid.inputs.scenarios import scenario_text
from dealgrid.inputs.settings import read_settings
from dealgrid.inputs.table import BASE, RISKY
from dealgrid.output.workbook import LAYOUT, MADE_FROM, Request, cell_map, fingerprint, write
from dealgrid.output.workbook.cells import Address, CellMap
from dealgrid.output.workbook.layout import COVER, INPUTS
from dealgrid.problems import DealgridError, InputError, Problem

LEFT_OUT = "Not in this workbook"  # so begins the line of Inputs that names scenarios without a column
ENDLESS = 1e300 * (1 - 1e-9)  # the workbook's figure for never and no limit, as programs may round it
ROUNDING = 1e-13  # relative: some programs save fifteen digits
LONGEST_REQUEST, MOST_CASES = 32_767, 50
MOST_NAMED = 200  # cells of one sheet named one by one; beyond, the sheet itself was taken apart
EXPORT = "write one with `dealgrid excel SCENARIO -o deal.xlsx`"


@dataclass(frozen=True)
class Found:
    """What a workbook says: the settings of a scenario, which inputs were changed, and remarks for the reader."""

    base: str  # the scenario whose column was read
    title: str
    settings: Mapping[str, Value]
    changes: tuple[str, ...]  # in words, with their cells
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """A scenario ready to be written."""

    path: Path
    text: str
    lines: tuple[str, ...]
    remarks: tuple[str, ...]

    def write(self) -> None:
        """Put the file in place in one step. InputError where it cannot be written."""
        try:
            write_text(self.path, self.text)
        except OSError as error:
            raise InputError(Problem(shown(self.path), f"the file cannot be written: {error.strerror}",
                                     "a folder one may write in", "check the permissions")) from error  # fmt: skip


def draft(
    deal: Deal, path: Path, name: str, title: str | None = None, why: str | None = None, column: str | None = None,
    replace: bool = False,
) -> Draft:  # fmt: skip
    """The scenario `name` as a workbook gives it, checked as if it were written. InputError with every problem.

    The column read is that of the scenario chosen in the workbook's first selector, or the one named `column`.
    """
    present = deal.scenarios.get(name)
    problems = _refuse_name(name, present, replace) + _refuse_texts({"--title": title, "--why": why})
    found: Found | None = None
    try:
        found = read_live(deal, path, column)
    except InputError as error:
        problems += error.problems
    if problems or found is None:
        raise InputError(problems)
    title = title or (present.title if present else f"{found.title}, changed in a workbook")
    why = why or (present.why if present else _why(path, found))
    target = deal.root / "params" / "scenarios" / f"{name}.yaml"
    text = scenario_text(target, title, why, found.settings, deal.parameters)
    _check_case(deal, name, title, why, found.settings)
    return Draft(target, text, tuple(_in_words(target, found, present, deal)), found.remarks)


def read_live(deal: Deal, path: Path, column: str | None = None) -> Found:
    """What a live workbook says, compared cell by cell with the one that was written. InputError with every problem."""
    complaints = Complaints(shown(path), has_lines=False)
    sheets = read_workbook(path, complaints)
    complaints.finish()
    assert sheets is not None
    return read_grids(deal, sheets, shown(path), column)


def read_grids(deal: Deal, sheets: Mapping[str, Grid], where: str, column: str | None = None) -> Found:
    """The same for sheets already read; `where` names their file in messages."""
    complaints = Complaints(where, has_lines=False)
    request = _request(sheets, complaints)
    complaints.finish()
    assert request is not None
    then = _as_it_was(deal, sheets, request, complaints)
    complaints.finish()
    assert then is not None
    cases = _cases(then, request, complaints)
    written = _rewritten(cases, request)
    return _Reading(then, cases, written, sheets, complaints, column).found(request)


def _refuse_name(name: str, present: Scenario | None, replace: bool) -> list[Problem]:
    if not STEM.fullmatch(name):  # also keeps the file inside its folder
        return [Problem("--as", f"{quoted(name)} cannot be the name of a scenario",
                        "lowercase letters, digits, underscores and hyphens", "choose another")]  # fmt: skip
    if name == BASE:
        return [Problem("--as", "`base` is what scenarios differ from", "another name", "choose one")]
    if present and not replace:
        return [Problem("--as", f"there is a scenario {quoted(name)}", "a new name",
                        "choose another, or add --replace to change it")]  # fmt: skip
    return []


def _refuse_texts(texts: Mapping[str, str | None]) -> list[Problem]:
    return [
        Problem(option, f"{quoted(text)} begins as a formula does", "a text", "begin it with a word")
        for option, text in texts.items()
        if text and text.strip().startswith(RISKY)
    ]


def _why(path: Path, found: Found) -> str:
    count = len(found.changes)
    changed = f"{count or 'no'} input{'' if count == 1 else 's'} changed"
    return f"Read from the workbook {path.name}, made from {found.base}; {changed}."


def _request(sheets: Mapping[str, Grid], complaints: Complaints) -> Request | None:
    """What the workbook was made from, as its cover says."""
    cover = sheets.get(COVER, {})
    place = next((place for place, cell in cover.items() if cell.value == MADE_FROM and place.startswith("A")), None)
    text = cover[f"B{place[1:]}"].value if place and f"B{place[1:]}" in cover else None
    if not isinstance(text, str):
        complaints.add(f"this is no live workbook of dealgrid: no sheet {quoted(COVER)} says what it was made from",
                       "a workbook as `dealgrid excel` writes it", f"{EXPORT}, and change its inputs")  # fmt: skip
        return None
    there = complaints.at(f"{complaints.where}, {COVER}!B{(place or 'A0')[1:]}")
    try:
        if len(text) > LONGEST_REQUEST:
            raise ValueError("too long")
        request = Request.read(text)
        if len(request.scenarios) > MOST_CASES or not all(isinstance(name, str) for name in request.scenarios):
            raise ValueError("not scenarios")
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        there.add("what the workbook was made from cannot be read", "the text as it was written", f"{EXPORT} again")
        return None
    if request.layout != LAYOUT:
        age = "an older" if request.layout < LAYOUT else "a newer"
        there.add(f"the workbook has layout {request.layout}, of {age} dealgrid ({request.version})",
                  f"layout {LAYOUT}", f"{EXPORT} and carry the inputs over")  # fmt: skip
        return None
    return request


def _as_it_was(deal: Deal, sheets: Mapping[str, Grid], request: Request, complaints: Complaints) -> Deal | None:
    """The deal with the scenarios it had; None, with the reason noted, where its rows or figures have changed since.

    Scenarios that came later, such as one read from this very workbook, are left aside.
    """
    if request.deal != deal.name:
        complaints.add(f"the workbook is of the deal {quoted(request.deal)}", f"the deal {quoted(deal.name)}", EXPORT)
        return None
    texts = [cell.value for cell in sheets.get(INPUTS, {}).values() if isinstance(cell.value, str)]
    left_out = " ".join(text for text in texts if text.startswith(LEFT_OUT))
    named = {*texts, *re.findall(r"[\w+-]+", left_out)}
    then = copy.copy(deal)
    then.scenarios = {name: each for name, each in deal.scenarios.items() if name in named}
    for each in (deal, then):
        if fingerprint(each) == request.model:
            return each
    complaints.add(
        f"the workbook was written from another state of the model ({request.model}, by dealgrid {request.version} "
        f"on {request.written:%Y-%m-%d})",
        f"the rows, parameters, scenarios and actual figures of today ({fingerprint(deal)})",
        f"{EXPORT} and carry the inputs over, or go back to the files it was written from",
    )
    return None


def _cases(deal: Deal, request: Request, complaints: Complaints) -> list[Case]:
    try:
        return request.cases(deal)
    except DealgridError as error:
        raise InputError(
            Problem(f"{complaints.where}, {COVER}", f"what it was made from is no longer possible: {each.what}",
                    each.expected, f"{EXPORT} again")
            for each in error.problems
        ) from error  # fmt: skip


def _rewritten(cases: Sequence[Case], request: Request) -> dict[str, Grid]:
    """The workbook as it was written, read by the same reader."""
    content = write(cases, request.run, request.written.replace(tzinfo=dt.UTC), request.names)
    with tempfile.TemporaryDirectory(prefix="dealgrid-") as aside:
        path = Path(aside) / "written.xlsx"
        path.write_bytes(content)
        complaints = Complaints(path.name)
        sheets = read_workbook(path, complaints)
        complaints.finish()
    assert sheets is not None
    return sheets


@dataclass
class _Reading:
    """Compares a workbook with the one that was written."""

    deal: Deal
    cases: Sequence[Case]
    written: Mapping[str, Grid]
    sheets: Mapping[str, Grid]
    complaints: Complaints
    column: str | None
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.map: CellMap = cell_map(self.cases)

    def found(self, request: Request) -> Found:
        """What the workbook says; InputError with every cell that is not as it must be."""
        base = self._chosen()
        self._compare_sheets()
        settings, changes = self._settings(base) if base else ({}, [])
        self.complaints.finish()
        assert base
        self._check_sums(base, settings)
        self.complaints.finish()
        self._remark_other_columns(base)
        if request.pins:
            self.remarks.append(
                "A scenario holds no pins: to see what the workbook shows, add "
                + " ".join(f"--pin {pin}" for pin in request.pins)
            )
        kept = {name: value for name, value in settings.items() if value != self.deal.parameters[name].value}
        own = self.deal.scenario(base).set
        order = [name for name in own if name in settings and (name in kept or settings[name] == own[name])]
        order += [name for name in kept if name not in order]
        return Found(
            base,
            self.deal.scenario(base).title,
            {name: settings[name] for name in order},
            tuple(changes),
            tuple(self.remarks),
        )

    def _at(self, address: Address) -> Complaints:
        return self.complaints.at(f"{self.complaints.where}, {_name(address)}")

    def _cell(self, address: Address) -> Cell | None:
        return self.sheets.get(address[0], {}).get(address[1])

    def _was(self, address: Address) -> Cell | None:
        return self.written.get(address[0], {}).get(address[1])

    def _chosen(self) -> str | None:
        """The scenario whose column is read."""
        known = list(dict.fromkeys(cell.scenario for cell in self.map.inputs.values()))
        chosen: list[str | None] = []
        for address in self.map.selectors:
            cell = self._cell(address)
            value = cell.value if cell and not cell.formula else None
            if value not in known:
                what = f"the formula {quoted(cell.formula)}" if cell and cell.formula else quoted(str(value or ""))
                self._at(address).add(f"the scenario chosen is {what}", listed(known),
                                      did_you_mean(str(value), known, "choose one of the list"))  # fmt: skip
            chosen.append(str(value) if value in known else None)
        if self.column is None:
            return chosen[0]
        if self.column not in known:
            Complaints("--column", self.complaints.problems, has_lines=False).add(
                f"the workbook has no column {quoted(self.column)}", listed(known),
                did_you_mean(self.column, known, "name one of them"))  # fmt: skip
            return None
        return self.column

    def _compare_sheets(self) -> None:
        for tab in self.written:
            if tab not in self.sheets:
                self.complaints.add(f"the sheet {quoted(tab)} is not there", "every sheet that was written",
                                    "put it back, or start from a fresh export")  # fmt: skip
                continue
            wrong = list(self._compare_sheet(tab))
            for address, what, expected, advice in wrong[:MOST_NAMED]:
                self._at(address).add(what, expected, advice)
            if len(wrong) > MOST_NAMED:
                self.complaints.at(f"{self.complaints.where}, {tab}").add(
                    f"{len(wrong) - MOST_NAMED:,} more cells are not as they were written",
                    "rows and columns where they were", "undo what was inserted, deleted or sorted")  # fmt: skip
        added = [tab for tab in self.sheets if tab not in self.written]
        if added:
            self.remarks.append(f"Not read, as dealgrid did not write {'it' if len(added) == 1 else 'them'}: the "
                                f"sheet{'' if len(added) == 1 else 's'} {', '.join(map(quoted, added))}.")  # fmt: skip

    def _compare_sheet(self, tab: str) -> Iterator[tuple[Address, str, str, str]]:
        """(cell, what is wrong, what was expected, advice) for every cell that may not be as it is."""
        written, found = self.written[tab], self.sheets[tab]
        names = {cell.scenario for cell in self.map.inputs.values()}  # formulas look for these
        notes = 0
        skip = {address for address in (*self.map.inputs, *self.map.selectors) if address[0] == tab}
        for place in dict.fromkeys((*written, *found)):
            address, was, now = (tab, place), written.get(place), found.get(place)
            if address in skip or was == now:
                continue
            if address in self.map.pins:
                if not _is_same(was, now):
                    yield (address, f"the pin of {self.map.pins[address].row} is {_told(now)}, it was {_told(was)}",
                           "the figure as it was written: a scenario holds no pins",
                           "put it back; give the figure with --pin, or in params/actuals.yaml")  # fmt: skip
            elif (was and was.formula) or (now and now.formula):
                if not _is_same(was, now):
                    yield (address, f"the formula is changed: {_told(now)}", _told(was),
                           "put it back: rows are changed in the model, inputs in blue cells")  # fmt: skip
            elif was is None or (_is_text(was) and was.value not in names and (now is None or _is_text(now))):
                notes += not _is_same(was, now)
            elif not _is_same(was, now):
                yield (address, f"{_told(now)} stands in a cell that is no input", _told(was),
                       "put it back: only blue cells are read")  # fmt: skip
        if notes:
            self.remarks.append(f"Not read: {notes} text{'' if notes == 1 else 's'} and notes on {quoted(tab)} that "
                                "dealgrid did not write so.")  # fmt: skip

    def _columns(self, scenario: str) -> dict[str, dict[tuple[str, int | None], Address]]:
        """The cells of a scenario's column, by parameter, part and entry."""
        found: dict[str, dict[tuple[str, int | None], Address]] = {}
        for address, cell in self.map.inputs.items():
            if cell.scenario == scenario:
                found.setdefault(cell.parameter, {})[cell.part, cell.entry] = address
        return found

    def _settings(self, base: str) -> tuple[dict[str, Value], list[str]]:
        """The value of every parameter in a column, and in words what differs from the column as it was written."""
        given = self._given(base)
        settings: dict[str, Value] = {}
        changes: list[str] = []
        for name, cells in self._columns(base).items():
            touched = [address for address in cells.values() if not _is_same(self._was(address), self._cell(address))]
            if not touched:
                settings[name] = given[name]
                continue
            if any(self.map.inputs[address].is_fixed for address in touched):
                self._refuse_fixed(touched[0])
                continue
            value = self._value(name, cells)
            if value is None:
                continue
            settings[name] = value
            if value != given[name]:
                unit = self.deal.parameters[name].unit
                places = ", ".join(map(_name, touched))
                changes.append(f"{name}: {value_text(given[name], unit)} → {value_text(value, unit)}  ({places})")
        return settings, changes

    def _given(self, scenario: str) -> dict[str, Value]:
        """The values of a column as it was written: the base, the scenario, and what was set for the workbook."""
        own = {case.scenario: case for case in self.cases}.get(scenario)
        given: Mapping[str, Setting] = own.given if own else {}
        if own is None:
            settings = {name: self.cases[0].given[name] for name in self.cases[0].settings}
            given = apply_settings(self.deal.parameters, self.deal.scenario(scenario).set, settings)
        return {name: value for name, value in given.items() if isinstance(value, float | int | Dated)}

    def _refuse_fixed(self, address: Address) -> None:
        name = self.map.inputs[address].parameter
        self._at(address).add(f"{name} is {_told(self._cell(address))}, it was {_told(self._was(address))}",
                              "the value as it was written: the columns of the workbook stand for these periods",
                              f"put it back, and write a workbook with --set {name}=…")  # fmt: skip

    def _raw(self, address: Address) -> float | str | bool | None:
        """An input cell as the door of values takes it; None, with the problem noted, where it holds no value."""
        name = self.map.inputs[address].parameter
        cell = self._cell(address)
        if cell is None:
            self._at(address).add(f"{name}: the cell is empty", self._expected(name), "write a value")
            return None
        if cell.formula:
            self._at(address).add(f"{name}: the cell holds the formula {quoted(cell.formula)}", self._expected(name),
                                  "write the value itself")  # fmt: skip
            return None
        is_endless = isinstance(cell.value, float) and abs(cell.value) >= ENDLESS
        return math.copysign(math.inf, float(cell.value)) if is_endless else cell.value  # type: ignore[arg-type]

    def _expected(self, name: str) -> str:
        parameter = self.deal.parameters[name]
        return f"a value in {parameter.unit} from {value_text(parameter.low, parameter.unit)} to " + value_text(
            parameter.high, parameter.unit
        )

    def _value(self, name: str, cells: Mapping[tuple[str, int | None], Address]) -> Value | None:
        """A parameter's value through the door every setting takes."""
        if ("value", None) not in cells:
            return self._dated(name, cells)
        address = cells["value", None]
        raw = self._raw(address)
        if raw is None:
            return None
        found = read_settings({name: raw}, self.deal.parameters, self._at(address))
        return found.get(name)  # type: ignore[return-value]  # a cell holds no array

    def _dated(self, name: str, cells: Mapping[tuple[str, int | None], Address]) -> Value | None:
        """The dates and values of a parameter: free lines come last, a date of 0 is a value that always holds."""
        parameter = self.deal.parameters[name]
        before = len(self.complaints.problems)
        entries: list[tuple[float, float]] = []
        always: float | None = None
        free: Address | None = None
        lines = sorted({entry for _, entry in cells if entry is not None})
        for line in lines:
            date, amount = cells["date", line], cells["amount", line]
            day = self._raw(date)
            if day == math.inf or (isinstance(day, str) and day.strip().lower() == "never"):
                free = free or date
                continue
            if day is None:
                continue
            if free:
                self._at(date).add(f"{name}: a date below a free line", "dates in order, free lines last",
                                   f"move it up, to {_name(free)}")  # fmt: skip
            raw = self._raw(amount)
            if raw is None:
                continue
            if day == 0:
                always = self._always(name, amount, raw, line)
                continue
            there = self._at(amount)
            one = read_dated([(day, raw, None)], parameter.allowed.one_by_date, parameter.between, name, there)
            if one is None:
                continue
            if entries and one.days[0] <= entries[-1][0]:
                self._at(date).add(f"{name}: the date does not come after the one above", "dates in order, each once",
                                   "put them in order")  # fmt: skip
            entries.append((one.days[0], one.values[0]))
        if len(self.complaints.problems) > before:
            return None
        first = cells["date", lines[0]]
        if always is not None and entries:
            self._at(first).add(f"{name}: a value that always holds, and dates besides", "one of the two",
                                "give the first line a date, or free the others (1E+300)")  # fmt: skip
            return None
        if always is None and not entries:
            self._at(first).add(f"{name}: no line has a date", "at least one", "give the first line a date")
            return None
        pairs = tuple(zip(*entries, strict=True))
        value: Value = always if always is not None else Dated(pairs[0], pairs[1], parameter.between)
        return read_settings({name: value}, self.deal.parameters, self._at(first)).get(name)  # type: ignore[return-value]

    def _always(self, name: str, address: Address, raw: float | str | bool, line: int) -> float | None:
        if line:
            self._at(address).add(f"{name}: only the first line may have the date 0", "dates in order", "give the day")
            return None
        try:
            return self.deal.parameters[name].allowed.one(raw)
        except MisreadError as error:
            self._at(address).misread(error, name)
            return None

    def _check_sums(self, base: str, settings: Mapping[str, Value]) -> None:
        cells = self._columns(base)
        for members, error in sums_apart(settings, groups_of(self.deal.parameters)):
            places = [address for name in members for address in cells[name].values()]
            touched = [each for each in places if not _is_same(self._was(each), self._cell(each))]
            self._at((touched or places)[0]).misread(error)

    def _remark_other_columns(self, base: str) -> None:
        others: dict[str, int] = {}
        for address, cell in self.map.inputs.items():
            if cell.scenario != base and not _is_same(self._was(address), self._cell(address)):
                others[cell.scenario] = others.get(cell.scenario, 0) + 1
        for name, count in others.items():
            self.remarks.append(f"Changed too, and not read: {count} input{'' if count == 1 else 's'} of {name}; "
                                f"--column {name} reads {'it' if count == 1 else 'them'}.")  # fmt: skip


def _name(address: Address) -> str:
    return f"{address[0]}!{address[1]}"


def _is_text(cell: Cell | None) -> bool:
    return cell is not None and isinstance(cell.value, str) and not cell.formula


def _is_same(was: Cell | None, now: Cell | None) -> bool:
    """Whether two cells hold the same, whatever a program changed in saving it."""
    if was == now:
        return True
    if was is None or now is None:
        return False
    if was.formula or now.formula:
        return bool(was.formula and now.formula) and canonical(was.formula) == canonical(now.formula)
    if isinstance(was.value, float) and isinstance(now.value, float):
        return math.isclose(was.value, now.value, rel_tol=ROUNDING, abs_tol=0.0)
    if isinstance(was.value, str) and isinstance(now.value, str):
        return was.value.strip().replace("\r\n", "\n") == now.value.strip().replace("\r\n", "\n")
    return False


def _told(cell: Cell | None) -> str:
    if cell is None:
        return "empty"
    if cell.formula:
        return quoted(cell.formula)
    return f"{cell.value:.12g}" if isinstance(cell.value, float) else quoted(str(cell.value))


def _check_case(deal: Deal, name: str, title: str, why: str, settings: Mapping[str, Value]) -> None:
    """Fill the scenario in as `show` would. InputError where that is refused."""
    trial = copy.copy(deal)
    trial.scenarios = {**deal.scenarios, name: Scenario(name, title, why, dict(settings), name, {})}
    trial.case(name)


def _in_words(target: Path, found: Found, present: Scenario | None, deal: Deal) -> Iterator[str]:
    """What is written, with what it differs by from the scenario it was made from and from the file that is there."""
    yield f"{shown(target)} ({'changed' if present else 'new'}), from the column {found.base}"
    yield from (f"  {change}" for change in found.changes)
    if not found.changes:
        yield f"  no input differs from {found.base}"
    if present:
        for name in dict.fromkeys((*present.set, *found.settings)):
            unit = deal.parameters[name].unit
            before, after = present.set.get(name), found.settings.get(name)
            if before != after:
                texts = (value_text(each, unit) if each is not None else "(base)" for each in (before, after))
                yield f"  in the file, {name}: {' → '.join(texts)}"
