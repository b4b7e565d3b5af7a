"""Reads a written workbook for the rules of FAST and of the ICAEW that a program can check."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

from dealgrid.engine.ops import WORDS
from dealgrid.output.workbook.layout import ALL_CHECKS, CHARTS, COMPARE, COVER, DATED, HEAD, INPUTS, letters
from dealgrid.problems import Problem

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
CELL = re.compile(r"(\$?)([A-Z]{1,3})(\$?)([0-9]{1,7})(?![0-9A-Za-z_(])")
TEXT, TAB = re.compile(r'"(?:[^"]|"")*"'), re.compile(r"'(?:[^']|'')*'!|[A-Za-z0-9_]+!")
FUNCTION = re.compile(r"([A-Za-z_.][A-Za-z0-9_.]*)\(")
NUMBER = re.compile(r"(?<![A-Za-z0-9_.$])[0-9]*\.?[0-9]+(?:E[+-]?[0-9]+)?")
# The spellings of words hold figures of their own: the guess of a rate, the kinds of answer it may have.
OF_WORDS = [re.compile(re.sub(r"\\{\d\\}", "[^(),]+", re.escape(word.excel))) for word in WORDS.values()]
CONSTANTS = {"0", "1", "1E+300", "1E+290"}  # nothing, one, and how a cell holds no limit
VOLATILE = {"NOW", "TODAY", "RAND", "RANDBETWEEN", "OFFSET", "INDIRECT", "CELL", "INFO"}
KNOWN = {  # what the spellings of engine/ops.py and this room use: all of them in Excel 2010 and in LibreOffice
    *("ABS", "AND", "COLUMNS", "DATE", "EXP", "IF", "IFERROR", "INDEX", "IRR", "ISNUMBER", "LN", "MATCH", "MAX", "MIN"),
    *("MONTH", "NPV", "OR", "SQRT", "SUM", "SUMPRODUCT", "YEAR"),
}
FREE = (COVER, CHARTS)  # sheets to be looked at, which need no frozen panes
WITHOUT_PERIODS = (*FREE, INPUTS, DATED, ALL_CHECKS, COMPARE)


@dataclass(frozen=True)
class _Cell:
    line: int
    column: int
    formula: str | None
    has_value: bool
    is_error: bool
    text: str

    @property
    def name(self) -> str:
        return f"{letters(self.column)}{self.line + 1}"


@dataclass
class _Sheet:
    tab: str
    state: str
    frozen: tuple[int, int]  # lines and columns that stay
    cells: list[_Cell] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    arrays: list[str] = field(default_factory=list)


def lint(made: bytes, name: str = "workbook") -> list[Problem]:
    """What is wrong with a workbook, each with its cell; empty where all rules hold."""
    with zipfile.ZipFile(io.BytesIO(made)) as parts:
        sheets = _read(parts)
        problems = list(_of_package(parts, name))
    problems += [_told(f"{name}", *found) for found in _of_book(sheets)]
    for sheet in sheets:
        problems += [_told(f"{name}, {sheet.tab}{cell and '!' + cell}", *told) for cell, *told in _of_sheet(sheet)]
    return problems


def _told(where: str, what: str, expected: str) -> Problem:
    return Problem(where, what, expected)


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(parts: zipfile.ZipFile) -> list[_Sheet]:
    book = ElementTree.fromstring(parts.read("xl/workbook.xml"))
    targets = {
        each.attrib["Id"]: each.attrib["Target"]
        for each in ElementTree.fromstring(parts.read("xl/_rels/workbook.xml.rels"))
    }
    shared = _shared(parts)
    return [
        _sheet(each, ElementTree.fromstring(parts.read(_path(targets[each.attrib[RELATION]]))), shared)
        for each in book.iter(f"{MAIN}sheet")
    ]


def _path(target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _shared(parts: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in parts.namelist():
        return []
    root = ElementTree.fromstring(parts.read("xl/sharedStrings.xml"))
    return ["".join(text.text or "" for text in each.iter(f"{MAIN}t")) for each in root.iter(f"{MAIN}si")]


def _sheet(about: ElementTree.Element, root: ElementTree.Element, shared: list[str]) -> _Sheet:
    pane = root.find(f".//{MAIN}pane[@state='frozen']")
    frozen = (0, 0) if pane is None else (int(pane.get("ySplit", "0")), int(pane.get("xSplit", "0")))
    sheet = _Sheet(about.attrib["name"], about.get("state", "visible"), frozen)
    for each in (*root.iter(f"{MAIN}row"), *root.iter(f"{MAIN}col")):
        if each.get("hidden") in ("1", "true"):
            sheet.hidden.append(each.get("r") or letters(int(each.attrib["min"]) - 1))
    for each in root.iter(f"{MAIN}c"):
        found = CELL.fullmatch(each.attrib["r"])
        assert found is not None
        formula, value = each.find(f"{MAIN}f"), each.find(f"{MAIN}v")
        held = (value.text or "") if value is not None else ""
        kind = each.get("t", "n")
        if formula is not None and formula.get("t") == "array":
            sheet.arrays.append(each.attrib["r"])
        text = shared[int(held)] if kind == "s" and held else held if kind == "str" else ""
        cell = _Cell(
            int(found[4]) - 1, _column(found[2]), None if formula is None else formula.text or "", held != "",
            kind == "e", text,
        )  # fmt: skip
        sheet.cells.append(cell)
    return sheet


def _column(text: str) -> int:
    number = 0
    for letter in text:
        number = 26 * number + ord(letter) - 64
    return number - 1


# --- rules ------------------------------------------------------------------------------------------------------------


def _of_package(parts: zipfile.ZipFile, name: str) -> Iterator[Problem]:
    for part in parts.namelist():
        if "externalLink" in part or "connections" in part:
            yield Problem(f"{name}, {part}", "the workbook takes from another file", "nothing from outside")
        if "vbaProject" in part or "macrosheet" in part.lower():
            yield Problem(f"{name}, {part}", "the workbook holds a macro", "formulas only")
        if part.endswith(".rels") and b'TargetMode="External"' in parts.read(part):
            yield Problem(f"{name}, {part}", "the workbook links to something outside", "links within the workbook")


def _of_book(sheets: list[_Sheet]) -> Iterator[tuple[str, str]]:
    by_tab = {sheet.tab: sheet for sheet in sheets}
    checks = by_tab.get(ALL_CHECKS)
    if checks is None or not any(cell.formula and cell.line > HEAD for cell in checks.cells):
        yield "there are no checks", f"a sheet {ALL_CHECKS!r} with live checks"
    cover = by_tab.get(COVER)
    if cover is None or not any(f"'{ALL_CHECKS}'!" in (cell.formula or "") for cell in cover.cells):
        yield "the cover does not show the master check", f"a cell that takes it from {ALL_CHECKS!r}"


def _of_sheet(sheet: _Sheet) -> Iterator[tuple[str, str, str]]:
    if sheet.state != "visible":
        yield "", "the sheet is hidden", "every sheet to be seen"
    for each in sheet.hidden:
        yield each, "a line or column is hidden", "everything to be seen; groups may be folded"
    for each in sheet.arrays:
        yield each, "an array formula", "plain formulas"
    if sheet.tab not in FREE and not all(sheet.frozen):
        yield "", "nothing stays in view", "frozen panes below the header and beside the labels"
    for cell in sheet.cells:
        yield from ((cell.name, *told) for told in _of_cell(cell))
    if sheet.tab not in WITHOUT_PERIODS and all(sheet.frozen):
        yield from _along_lines(sheet)


def _of_cell(cell: _Cell) -> Iterator[tuple[str, str]]:
    if cell.is_error:
        yield "the cell holds an error", "a figure"
    if cell.formula is None:
        return
    if not cell.has_value:
        yield "the formula has no value beside it", "a cached value, or viewers show nothing"
    bare = TEXT.sub('""', cell.formula)
    if "[" in TAB.sub("", bare) or re.search(r"'[^']*\[", bare):
        yield "the formula takes from another file", "cells of this workbook"
    functions = {found.upper() for found in FUNCTION.findall(TAB.sub("", bare))}
    for each in sorted(functions & VOLATILE):
        yield f"{each} is volatile", "formulas that change with their inputs alone"
    for each in sorted(functions - KNOWN - VOLATILE):
        yield f"{each} is not among the functions in use", f"functions of Excel 2010: {', '.join(sorted(KNOWN))}"
    for each in _constants(bare):
        yield f"the constant {each} stands in a formula", "a cell of Inputs; only 0, 1 and no limit stand in formulas"


def _constants(formula: str) -> list[str]:
    for word in OF_WORDS:
        formula = word.sub("", formula)
    plain = CELL.sub("", TAB.sub("", formula))
    return [each for each in NUMBER.findall(plain) if each not in CONSTANTS]


def _along_lines(sheet: _Sheet) -> Iterator[tuple[str, str, str]]:
    """Below the header and right of the labels: one formula a line, nothing typed over it, and its unit named."""
    head, left = sheet.frozen
    units = {cell.line for cell in sheet.cells if cell.column == 1 and cell.text}
    lines: dict[int, list[_Cell]] = {}
    for cell in sheet.cells:
        if cell.line >= head and (cell.has_value or cell.formula is not None):
            lines.setdefault(cell.line, []).append(cell)
    for line, cells in lines.items():
        with_formula = [cell for cell in cells if cell.formula is not None]
        if with_formula and with_formula[0].column and line not in units:
            yield with_formula[0].name, "the line has no unit", "a unit in column B"
        right = [cell for cell in cells if cell.column >= left and cell.formula is not None]
        if not right:
            continue
        first = relative(right[0])
        for cell in right[1:]:
            if relative(cell) != first:
                yield cell.name, f"another formula than in {right[0].name}", "one formula along the line"
                break
        columns = {cell.column for cell in right}
        for cell in cells:
            inside = min(columns) <= cell.column <= max(columns)
            if cell.formula is None and not cell.text and inside:
                yield cell.name, "a figure stands among the formulas of its line", "one formula along the line"


def relative(cell: _Cell) -> str:
    """The formula with every cell it takes as steps from its own, so that copies of one formula are equal."""

    def step(found: re.Match[str]) -> str:
        fixed_column, column, fixed_line, line = found.groups()
        across = column if fixed_column else f"[{_column(column) - cell.column}]"
        down = line if fixed_line else f"[{int(line) - 1 - cell.line}]"
        return f"R{down}C{across}"

    return CELL.sub(step, cell.formula or "")
