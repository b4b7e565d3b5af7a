"""Parameters and scenarios out into one flat table, and an edited table back into the YAML files, all or nothing."""

from __future__ import annotations

import csv
import dataclasses
import importlib
import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dealgrid.dates import date_of
from dealgrid.deal import Deal
from dealgrid.inputs import Scenario, Setting, format_value
from dealgrid.inputs.adding_up import sums_apart
from dealgrid.inputs.complaints import Complaints, did_you_mean, listed, quoted
from dealgrid.inputs.edits import edited_sheet
from dealgrid.inputs.files import read_text, shown, write_bytes, write_together
from dealgrid.inputs.grid import Cell, read_workbook, table_bytes
from dealgrid.inputs.parameters import groups_of
from dealgrid.inputs.scenarios import scenario_text
from dealgrid.inputs.table import BASE, COLUMNS, NEEDED, Change, Raw, Row, read_table, table_rows
from dealgrid.inputs.values import UNITS
from dealgrid.output.workbook.layout import COVER
from dealgrid.problems import DealgridError, InputError, Problem

TITLE = "Parameters"
CSV, XLSX = ".csv", ".xlsx"
WIDTHS = (22, 18, 30, 48, 16, 12, 14, 12, 12, 7, 70, 13)
PERCENT, DATE, PLAIN = "0.0##########%", "yyyy-mm-dd", "General"


@dataclass(frozen=True)
class Plan:
    """What an edited table makes of the files: the new text of each, and the changes, in words, under their file."""

    texts: Mapping[Path, str]
    lines: tuple[str, ...]

    def write(self) -> None:
        """Put the texts in place, all or none. InputError where a file cannot be written."""
        try:
            write_together(self.texts)
        except OSError as error:
            raise InputError(
                Problem(shown(Path(str(error.filename or "params"))), f"the file cannot be written: {error.strerror}",
                        "files one may write", "check the permissions; nothing was changed")
            ) from error  # fmt: skip


def csv_text(deal: Deal) -> str:
    """The table as text: numbers in their unit at full precision, dates as ISO dates."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in _rows(deal):
        writer.writerow({column: _as_text(column, row[column], str(row["unit"])) for column in COLUMNS})
    return out.getvalue()


def workbook_bytes(deal: Deal) -> bytes:
    """The table as a workbook of one sheet: numbers, percentages and dates as such."""
    rows = [[_as_cell(column, row[column], str(row["unit"])) for column in COLUMNS] for row in _rows(deal)]
    return table_bytes(TITLE, COLUMNS, rows, WIDTHS)


def export(deal: Deal, path: Path) -> None:
    """Write the table to a file, as its ending says. InputError for another ending, or where it cannot be written."""
    if path.suffix.lower() not in (CSV, XLSX):
        raise InputError(Problem(shown(path), f"a table cannot be written as {quoted(path.suffix or path.name)}",
                                 "a file ending in .csv or .xlsx", "choose one of the two"))  # fmt: skip
    content = workbook_bytes(deal) if path.suffix.lower() == XLSX else csv_text(deal).encode()
    try:
        write_bytes(path, content)
    except OSError as error:
        problem = Problem(shown(path), f"the file cannot be written: {error.strerror}", "a folder one may write in",
                          "check the path")  # fmt: skip
        raise InputError(problem) from error


def read_plan(deal: Deal, path: Path) -> Plan:
    """What an edited table changes, checked as if it were written. InputError with every problem of it."""
    complaints = Complaints(shown(path))
    changes = read_table(_read_rows(path, complaints), deal.parameters, deal.scenarios)
    complaints.finish()
    _check_sums(deal, changes, complaints)
    complaints.finish()
    texts = _texts(deal, changes)
    _check_whole(deal, texts)
    return Plan(texts, tuple(_in_words(deal, changes)))


def _rows(deal: Deal) -> list[dict[str, float | str]]:
    return table_rows(deal.parameters, deal.scenarios, list(deal.book.sheets))


def _unit(column: str, unit: str) -> str:
    return "date" if column == "from" else unit


def _as_text(column: str, value: float | str, unit: str) -> str:
    return value if isinstance(value, str) else format_value(value, _unit(column, unit), bare=True)


def _as_cell(column: str, value: float | str, unit: str) -> tuple[object, str]:
    if isinstance(value, str):
        return value, PLAIN
    kind = UNITS[_unit(column, unit)].kind
    return (date_of(value), DATE) if kind == "date" else (value, PERCENT if kind == "fraction" else PLAIN)


def _read_rows(path: Path, complaints: Complaints) -> list[Row]:
    """The rows of a file of either kind; problems are noted."""
    if path.suffix.lower() == XLSX:
        return list(_workbook_rows(path, complaints))
    if path.suffix.lower() == CSV:
        return list(_csv_rows(path, complaints))
    complaints.add(f"{quoted(path.name)} is no table", "a file ending in .csv or .xlsx, from `dealgrid params export`",
                   "export one, edit it, and give that")  # fmt: skip
    return []


def _csv_rows(path: Path, complaints: Complaints) -> Iterator[Row]:
    text = read_text(path, complaints)
    if text is None:
        return
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)  # as spreadsheets of other countries write it
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            first, line = line, reader.line_num + 1
            if columns is None:
                columns = _columns([cell.strip() for cell in cells], complaints, first)
                if columns is None:
                    return
            elif any(cell.strip() for cell in cells):
                if len(cells) > len(columns):
                    complaints.add(f"the row has {len(cells)} cells", f"{len(columns)}, as in the heading",
                                   "put a text with commas in quotes", first)  # fmt: skip
                values: dict[str, Raw] = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
                yield Row(first, values, lambda _, at=first: (complaints, at))  # type: ignore[misc]
    except csv.Error as error:
        complaints.add(f"the table is broken: {error}", "a table as it was exported", "look at this line", line)
    if columns is None:
        complaints.add("the table is empty", "a heading and rows", "export one with `dealgrid params export`")


def _workbook_rows(path: Path, complaints: Complaints) -> Iterator[Row]:
    sheets = read_workbook(path, complaints)
    if not sheets:
        if sheets is not None:
            complaints.add("the workbook has no sheet", f"a sheet {quoted(TITLE)}", "export it again")
        return
    if COVER in sheets:
        complaints.add("this is a live workbook, not a table of parameters", f"a sheet {quoted(TITLE)}",
                       "read it with `dealgrid import FILE --as NAME`")  # fmt: skip
        return
    title = TITLE if TITLE in sheets else next(iter(sheets))
    lines: dict[int, dict[str, Cell]] = {}
    for place, cell in sheets[title].items():
        letters = place.rstrip("0123456789")
        lines.setdefault(int(place[len(letters) :]), {})[letters] = cell
    head = lines.pop(1, {})
    letters_of = list(head)
    names = _columns([str(cell.value or cell.formula) for cell in head.values()], complaints, 1)
    if names is None:
        return
    for line, cells in sorted(lines.items()):
        yield from _workbook_row(line, cells, dict(zip(letters_of, names, strict=True)), f"{shown(path)}, {title}",
                                 complaints)  # fmt: skip


def _workbook_row(
    line: int, cells: Mapping[str, Cell], names: Mapping[str, str], place: str, complaints: Complaints
) -> Iterator[Row]:
    where = {name: f"{place}!{letters}{line}" for letters, name in names.items()}

    def complain(column: str) -> tuple[Complaints, int | None]:
        return complaints.at(where.get(column, f"{place}, row {line}")), None

    is_right = True
    for letters, cell in cells.items():
        if cell.formula:
            complaints.at(f"{place}!{letters}{line}").add(
                f"the cell holds a formula, {quoted(cell.formula)}", "a value", "write the value itself"
            )
            is_right = False
    if is_right:
        yield Row(line, {names[letters]: cell.value for letters, cell in cells.items() if letters in names}, complain)


def _columns(names: list[str], complaints: Complaints, line: int) -> list[str] | None:
    """The heading; None, with the problems noted, where it is not that of a table of parameters."""
    before = len(complaints.problems)
    while names and not names[-1]:
        names.pop()
    for place, name in enumerate(names):
        if name not in COLUMNS:
            complaints.add(f"{quoted(name)} is not a column", listed(COLUMNS),
                           did_you_mean(name, COLUMNS, "remove it; notes belong into `source`"), line)  # fmt: skip
        elif name in names[:place]:
            complaints.add(f"the column `{name}` is there twice", "each column once", "keep one of the two", line)
    missing = [name for name in NEEDED if name not in names]
    if missing:
        complaints.add(f"the table has no column {listed(missing)}", listed(COLUMNS),
                       "export one with `dealgrid params export` and edit that", line)  # fmt: skip
    return names if len(complaints.problems) == before else None


def _changed_scenarios(deal: Deal, changes: Iterable[Change]) -> dict[str, Scenario]:
    """The scenarios with changes in them, as they become."""
    found: dict[str, Scenario] = {}
    for change in changes:
        if change.where == BASE:
            continue
        scenario = found.get(change.where, deal.scenarios[change.where])
        settings = {
            name: value for name, value in scenario.set.items() if name != change.name or change.value is not None
        }
        if change.value is not None:
            settings[change.name] = change.value
        found[change.where] = dataclasses.replace(scenario, set=settings)
    return found


def _check_sums(deal: Deal, changes: list[Change], complaints: Complaints) -> None:
    """Parts that add to 1 must do so in the base and in every scenario, as they become."""
    base: dict[str, Setting] = {name: parameter.value for name, parameter in deal.parameters.items()}
    base |= {change.name: change.value for change in changes if change.where == BASE and change.value is not None}
    scenarios = {**deal.scenarios, **_changed_scenarios(deal, changes)}
    said: set[str] = set()  # a fault of the base shows in every scenario
    layers: dict[str, Mapping[str, Setting]] = {
        BASE: {},
        **{name: scenario.set for name, scenario in scenarios.items()},
    }
    for where, settings in layers.items():
        for members, error in sums_apart({**base, **settings}, groups_of(deal.parameters)):
            own = [change for change in changes if change.name in members and change.where in (where, BASE)]
            touched = own[0].row if own else None
            if touched and error.what not in said:
                said.add(error.what)
                touched.misread(error, "value", f"{own[0].name} in {where}")


def _texts(deal: Deal, changes: list[Change]) -> dict[Path, str]:
    """The new text of every file that changes."""
    units = {name: parameter.unit for name, parameter in deal.parameters.items()}
    by_file: dict[Path, list[Change]] = {}
    for change in changes:
        if change.where == BASE:
            path = deal.root / "params" / "base" / f"{deal.parameters[change.name].sheet}.yaml"
            by_file.setdefault(path, []).append(change)
    texts = {path: edited_sheet(path, group, units) for path, group in by_file.items()}
    as_said = {
        change.name: dataclasses.replace(deal.parameters[change.name], low=change.range[0], high=change.range[1])
        for change in changes
        if change.range
    }
    for name, scenario in _changed_scenarios(deal, changes).items():
        path = deal.root / "params" / "scenarios" / f"{name}.yaml"
        texts[path] = scenario_text(path, scenario.title, scenario.why, scenario.set, {**deal.parameters, **as_said})
    return {path: text for path, text in texts.items() if text != path.read_text(encoding="utf-8")}


def _check_whole(deal: Deal, texts: Mapping[Path, str]) -> None:
    """Read everything as it would be, in a folder aside, and fill in every scenario; InputError with all problems."""
    if not texts:
        return
    with tempfile.TemporaryDirectory(prefix="dealgrid-") as aside:
        shutil.copytree(deal.root / "params", Path(aside) / "params")
        for path, text in texts.items():
            (Path(aside) / path.relative_to(deal.root)).write_text(text, encoding="utf-8", newline="")
        problems: list[Problem] = []
        try:
            staged = Deal(importlib.import_module(deal.name), Path(aside))
            for name in staged.scenarios:
                try:
                    staged.case(name)
                except DealgridError as error:
                    problems += [dataclasses.replace(each, where=f"{name}: {each.where}") for each in error.problems]
        except DealgridError as error:
            problems += error.problems
        if problems:
            raise InputError(
                dataclasses.replace(each, where=each.where.replace(f"{aside}/", "")) for each in dict.fromkeys(problems)
            )


def _in_words(deal: Deal, changes: list[Change]) -> Iterator[str]:
    files: dict[str, list[Change]] = {}
    for change in changes:
        parameter = deal.parameters[change.name]
        file = parameter.file if change.where == BASE else deal.scenarios[change.where].file
        files.setdefault(file, []).append(change)
    for file, group in files.items():
        yield file
        for change in group:
            key = "" if change.key == "value" else f", {change.key}"
            yield f"  {change.name}{key}: {change.before or '(base)'} → {change.after or '(base)'}"
