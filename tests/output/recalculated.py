"""Workbooks read from their XML, and recalculated by two programs that know nothing of each other."""

from __future__ import annotations

import io
import math
import re
import tempfile
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import formualizer
import ironcalc

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
ENDLESS_FROM = 1e290  # no limit less an amount, or times a rate, is no limit all the same
Cells = dict[tuple[str, str], float | str]


def formula_cells(made: bytes) -> Cells:
    """The cached value of every cell that holds a formula."""
    found: Cells = {}
    with zipfile.ZipFile(io.BytesIO(made)) as parts:
        book = ElementTree.fromstring(parts.read("xl/workbook.xml"))
        tabs = [each.attrib["name"] for each in book.iter(f"{MAIN}sheet")]
        for number, tab in enumerate(tabs, start=1):
            for cell in ElementTree.fromstring(parts.read(f"xl/worksheets/sheet{number}.xml")).iter(f"{MAIN}c"):
                if cell.find(f"{MAIN}f") is not None:
                    held = cell.find(f"{MAIN}v")
                    assert held is not None, f"{tab}!{cell.attrib['r']} has no cached value"
                    text = held.text or ""
                    found[tab, cell.attrib["r"]] = text if cell.attrib.get("t") == "str" else float(text)
    return found


def place(cell: str) -> tuple[int, int]:
    """Line and column of a cell, counted from 1."""
    letters, digits = re.fullmatch(r"([A-Z]+)(\d+)", cell).groups()  # type: ignore[union-attr]
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter) - 64
    return int(digits), column


class IronCalc:
    """A workbook open in IronCalc."""

    def __init__(self, made: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "made.xlsx")
            path.write_bytes(made)
            self.model = ironcalc.load_from_xlsx(str(path), "en", "UTC", "en")
        self.tabs = {each["name"]: number for number, each in enumerate(self.model.get_worksheets_properties())}

    def type(self, tab: str, cell: str, value: float | str) -> None:
        """Change a cell."""
        if isinstance(value, str):
            self.model.update_cell_with_text(self.tabs[tab], *place(cell), value)
        else:
            self.model.update_cell_with_number(self.tabs[tab], *place(cell), value)

    def values(self, wanted: Cells) -> Cells:
        """What the cells hold once recalculated."""
        self.model.evaluate()
        return {(tab, cell): self.model.get_cell_value(self.tabs[tab], *place(cell)) for tab, cell in wanted}


class Formualizer:
    """A workbook open in Formualizer."""

    def __init__(self, made: bytes) -> None:
        self.book = formualizer.Workbook.from_bytes(made)
        self.book.set_temporal_egress("serial")

    def type(self, tab: str, cell: str, value: float | str) -> None:
        """Change a cell."""
        self.book.set_value(tab, *place(cell), value)

    def values(self, wanted: Cells) -> Cells:
        """What the cells hold once recalculated."""
        self.book.evaluate_all()
        return {(tab, cell): self.book.get_value(tab, *place(cell)) for tab, cell in wanted}


def difference(value: object, expected: float | str) -> float:
    """How far apart two cells are, relative to the larger of 1 and the expected value; infinite if unlike."""
    if isinstance(expected, str) or isinstance(value, str):
        return 0.0 if value == expected else math.inf
    if not isinstance(value, int | float) or isinstance(value, bool):
        return math.inf
    if max(abs(expected), abs(value)) >= ENDLESS_FROM:
        return 0.0 if min(abs(expected), abs(value)) >= ENDLESS_FROM and value * expected > 0 else math.inf
    return abs(value - expected) / max(1.0, abs(expected))


def worst(found: Cells, expected: Cells) -> tuple[float, tuple[str, str]]:
    """The largest difference between two sets of cells, and where it is."""
    return max((difference(found[at], value), at) for at, value in expected.items())
