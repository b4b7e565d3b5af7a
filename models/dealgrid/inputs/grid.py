"""Workbooks as plain cells: reads those of anybody, through the safe door, and writes a table as one."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from dealgrid.inputs.complaints import Complaints
from dealgrid.inputs.files import shown
from dealgrid.inputs.package import safe_package

TOKEN = re.compile(
    r'"(?:[^"]|"")*"'  # a text
    r"|'(?:[^']|'')*'"  # the name of a sheet, in quotes
    r"|[A-Za-z_$\\][\w.$]*"  # a function, a cell, a sheet
    r"|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"|\s+|."
)
PREFIXES = ("_XLFN.", "_XLWS.", "COM.MICROSOFT.")  # before newer functions, as programs see fit


@dataclass(frozen=True)
class Cell:
    """What stands in a cell: a formula, beginning with `=`, or a value (a number, text or yes/no); dates as days."""

    value: float | str | bool | None
    formula: str = ""


Grid: TypeAlias = dict[str, Cell]  # by place, such as B7; empty cells are not in it


def read_workbook(path: Path, complaints: Complaints) -> dict[str, Grid] | None:
    """Every sheet of a workbook, in its order; None, with the reasons noted, where it is refused or cannot be read.

    Formulas come as text and nothing is computed; dates come as serial days whatever their format.
    """
    package = safe_package(path, complaints)
    if package is None:
        return None
    # Everything was counted and looked through; a part may still make no sense, and that is the file's fault
    # (test_no_workbook_gives_a_traceback).
    try:
        return _grids(package)
    except Exception as error:  # noqa: BLE001 - see above
        complaints.at(shown(path)).add(
            f"the workbook is broken: {(' '.join(str(error).split()) or type(error).__name__)[:120]}",
            "a workbook that Excel opens without repairing it", "open it in Excel, save it again and try that one",
        )  # fmt: skip
        return None


def _grids(package: bytes) -> dict[str, Grid]:
    import openpyxl  # heavy; the only place that imports it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it does not keep: nothing is written back
        book = openpyxl.load_workbook(io.BytesIO(package), read_only=True, keep_links=False)
        try:
            return {sheet.title: _grid(sheet) for sheet in book.worksheets}
        finally:
            book.close()


def _grid(sheet: Any) -> Grid:
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet._reader import WorkSheetParser

    # The library's own rows fill every gap, and one cell in the last column would make them 16,384 wide; its parser
    # gives the cells that are there (test_cells_far_apart_cost_nothing).
    grid: Grid = {}
    with sheet._get_source() as source:
        for _, row in WorkSheetParser(source, sheet._shared_strings).parse():
            for cell in row:
                if cell["value"] not in (None, ""):
                    place = f"{get_column_letter(cell['column'])}{cell['row']}"
                    grid[place] = _cell(cell["value"], cell["data_type"])
    return grid


def _cell(value: Any, kind: str) -> Cell:
    if kind == "f":
        # A formula over several cells is an object that holds its text; a table of data has none.
        return Cell(None, value if isinstance(value, str) else str(getattr(value, "text", None) or "={}"))
    if isinstance(value, bool | str):
        return Cell(value)
    if isinstance(value, int | float):
        return Cell(float(value))
    return Cell(str(value))


def canonical(formula: str) -> str:
    """A formula without what programs change when they save it: blanks, `$`, letter case, quotes, prefixes."""
    words = [_word(token) for token in TOKEN.findall(formula)]
    text = "".join(words)
    return text.replace("TRUE()", "TRUE").replace("FALSE()", "FALSE")


def _word(token: str) -> str:
    if token.startswith('"'):
        return token
    if token.startswith("'"):
        return token[1:-1].replace("''", "'").upper()
    if token[0].isdigit() or (token[0] == "." and len(token) > 1):
        return repr(float(token))
    if token.isspace():
        return ""
    word = token.replace("$", "").upper()
    for prefix in PREFIXES:
        word = word.removeprefix(prefix)
    return word


def table_bytes(
    title: str, heading: Sequence[str], rows: Iterable[Sequence[tuple[object, str]]], widths: Sequence[float]
) -> bytes:
    """A workbook of one sheet: a heading, and cells of value and number format; no text becomes a formula."""
    import datetime as dt

    import openpyxl
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = openpyxl.Workbook()
    book.properties.creator = "dealgrid"
    book.properties.created = dt.datetime(2000, 1, 1)
    sheet = book.active
    sheet.title = title
    for line, row in enumerate(([(name, "General") for name in heading], *rows), 1):
        for column, (value, number_format) in enumerate(row, 1):
            if value == "":
                continue
            cell = sheet.cell(line, column)
            cell.value = value
            cell.number_format = number_format
            cell.font = Font(name="Arial", size=9, bold=line == 1)
            if isinstance(value, str):
                cell.data_type = "s"
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
