"""Writes cells: the one file that speaks to XlsxWriter, with formats made once and figures at full precision."""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from dealgrid.output.workbook.formulas import at
from dealgrid.output.workbook.layout import ENDLESS, FIRST, as_held, letters, quoted
from dealgrid.output.workbook.looks import BLACK, COMMENT, FONT, GREEN, GREY, SHADE, number_format

Looks = Mapping[str, Any]


class _Plain(Worksheet):  # type: ignore[misc]  # XlsxWriter ships no types
    """A sheet that takes formulas as they are: none of ours holds a function newer than 2010, which lint.py checks.

    Looking for these takes three quarters of the time of writing a workbook.
    """

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        return formula.removeprefix("=")


class Pen:
    """A workbook being written; keeps the formats it has made."""

    def __init__(self, title: str, run: str, written: dt.datetime) -> None:
        self._content = io.BytesIO()
        options = {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = xlsxwriter.Workbook(self._content, options)
        about = {"title": title, "author": "dealgrid", "comments": run, "created": written}
        self._book.set_properties(about)
        self._book.set_size(2400, 1600)
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}

    def format(self, **properties: Any) -> Any:
        """A cell's format, made once."""
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            plain = {"font_name": FONT, "font_size": 9, "valign": "top"}
            self._formats[key] = self._book.add_format({**plain, **properties})
        return self._formats[key]

    def sheet(self, tab: str, widths: Sequence[float], footer: str) -> Sheet:
        """A new sheet, ready for print: landscape, on as many pages as it needs downwards."""
        sheet = self._book.add_worksheet(tab, _Plain)
        sheet.hide_gridlines(2)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width, self.format())
        sheet.set_paper(8)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.8)
        sheet.set_footer(footer)
        return Sheet(self, sheet, tab)

    def name(self, name: str, reference: str) -> None:
        """A defined name for a cell or a range."""
        self._book.define_name(name, f"={reference}")

    def chart(self, options: Mapping[str, Any]) -> Any:
        """A native chart, empty."""
        return self._book.add_chart(dict(options))

    def close(self) -> bytes:
        """The file."""
        self._book.close()
        return self._content.getvalue()


class Sheet:
    """A sheet being written; lines and columns count from 0."""

    def __init__(self, pen: Pen, sheet: Any, tab: str) -> None:
        self._pen = pen
        self._sheet = sheet
        self.tab = tab

    def text(self, line: int, column: int, text: str, **looks: Any) -> None:
        """A text, never taken for a formula or a link."""
        self._sheet.write_string(line, column, text, self._pen.format(**looks))

    def number(self, line: int, column: int, value: float, unit: str, endless: bool = False, **looks: Any) -> None:
        """A figure typed in."""
        looks = {"num_format": number_format(unit, endless), "align": "right", **looks}
        held = math.copysign(ENDLESS, value) if math.isinf(value) else value
        self._sheet.write_number(line, column, _Exact(held), self._pen.format(**looks))

    def blank(self, line: int, column: int, unit: str, **looks: Any) -> None:
        """A cell in which a figure may be typed."""
        looks = {"num_format": number_format(unit), "align": "right", **looks}
        self._sheet.write_blank(line, column, None, self._pen.format(**looks))

    def formula(
        self,
        line: int,
        column: int,
        formula: str,
        value: float | str,
        unit: str = "",
        endless: bool = False,
        **looks: Any,
    ) -> None:
        """A formula with its value; green where it takes from another sheet."""
        shown = {"num_format": number_format(unit, endless), "align": "right"} if unit else {}
        looks = {"font_color": GREEN if "!" in formula else BLACK, **shown, **looks}
        held = value if isinstance(value, str) else as_held(float(value))
        self._sheet.write_formula(line, column, "=" + at(formula, column), self._pen.format(**looks), held)

    def series(self, line: int, formula: str, values: np.ndarray, unit: str, **looks: Any) -> None:
        """One formula along all periods, with its values."""
        endless = bool(np.isinf(values).any())
        looks = {
            "font_color": GREEN if "!" in formula else BLACK,
            "num_format": number_format(unit, endless),
            "align": "right",
            **looks,
        }
        shown = self._pen.format(**looks)
        for column, value in enumerate(values.tolist(), FIRST):
            held = value if math.isfinite(value) else as_held(value)
            self._sheet.write_formula(line, column, "=" + at(formula, column), shown, held)

    def comment(self, line: int, column: int, text: str) -> None:
        """A note on a cell."""
        self._sheet.write_comment(line, column, text, COMMENT)

    def merged(self, line: int, first: int, last: int, text: str, last_line: int | None = None) -> None:
        """A text over several columns or lines, broken into lines."""
        looks = self._pen.format(text_wrap=True, indent=0 if last > first else 1)
        self._sheet.merge_range(line, first, last_line or line, last, "", looks)
        self._sheet.write_string(line, first, text, looks)

    def link(self, line: int, column: int, tab: str, text: str, cell: str = "A1") -> None:
        """A link to another sheet of the workbook."""
        looks = self._pen.format(font_color=GREEN, underline=1)
        self._sheet.write_url(line, column, f"internal:{quoted(tab)}{cell}", looks, text)

    def title(self, text: str, about: str) -> None:
        """The first two lines."""
        self.text(0, 0, text, bold=True, font_size=14)
        self._sheet.set_row(0, 21)
        self.text(1, 0, about, font_color=GREY)

    def band(self, line: int, text: str, columns: int, formula: str = "") -> None:
        """A shaded heading across the columns; with a formula, its live text."""
        for column in range(1, columns):
            self._sheet.write_blank(line, column, None, self._pen.format(bg_color=SHADE))
        if formula:
            self.formula(line, 0, formula, text, bold=True, bg_color=SHADE, font_color=BLACK)
        else:
            self.text(line, 0, text, bold=True, bg_color=SHADE)

    def head(self, line: int, texts: Sequence[str], left: int = 2, height: float = 27) -> None:
        """The header: texts to the left up to a column, then figures."""
        for column, text in enumerate(texts):
            align = "left" if column < left else "right"
            self.text(line, column, text, bold=True, bottom=1, valign="bottom", text_wrap=True, align=align)
        self._sheet.set_row(line, height)

    def freeze(self, line: int, column: int, repeated: int = 1) -> None:
        """Lines and columns that stay on the screen; so many of the lines stay on every printed page."""
        self._sheet.freeze_panes(line, column)
        self._sheet.repeat_rows(line - repeated, line - 1)
        self._sheet.repeat_columns(0, UNIT_COLUMN)

    def group_columns(self, first: int, last: int, widths: Sequence[float]) -> None:
        """Columns that fold away together."""
        for column, width in zip(range(first, last + 1), widths, strict=True):
            self._sheet.set_column(column, column, width, self._pen.format(), {"level": 1})

    def height(self, line: int, height: float, level: int = 0) -> None:
        """The height of a line, in points."""
        self._sheet.set_row(line, height, None, {"level": level})

    def allow(self, first_line: int, first_column: int, last_line: int, last_column: int, rule: Looks) -> None:
        """What may be typed into cells."""
        self._sheet.data_validation(first_line, first_column, last_line, last_column, dict(rule))

    def shade_where(self, line: int, first: int, last: int, formula: str) -> None:
        """Shade the cells of a line where a formula is true."""
        rule = {"type": "formula", "criteria": f"={at(formula, first)}", "format": self._shade()}
        self._sheet.conditional_format(line, first, line, last, rule)

    def warn_where(self, line: int, column: int, criteria: str, value: object) -> None:
        """A cell in the colour of a warning where its value compares so."""
        rule = {"type": "cell", "criteria": criteria, "value": value, "format": self._warning()}
        self._sheet.conditional_format(line, column, line, column, rule)

    def words_for_endless(self, last_line: int, last_column: int) -> None:
        """Amounts without a limit in words wherever one may come up."""
        criteria = '=AND(ISNUMBER(C1),C1>=1E+290,$B1<>"date",$B1<>"year")'  # a text is more than any number
        rule = {"type": "formula", "criteria": criteria, "format": self._endless()}
        self._sheet.conditional_format(0, 2, last_line, last_column, rule)

    def print_area(self, last_line: int, last_column: int, pages: int) -> None:
        """What is printed, and on how many pages across."""
        self._sheet.print_area(0, 0, last_line, last_column)
        self._sheet.fit_to_pages(pages, 0)

    def portrait(self) -> None:
        """Upright, for a sheet to be read and not looked up in."""
        self._sheet.set_portrait()
        self._sheet.set_paper(9)

    def insert_chart(self, line: int, column: int, chart: Any) -> None:
        """A chart with its corner at a cell."""
        self._sheet.insert_chart(line, column, chart, {"object_position": 2})

    def _shade(self) -> Any:
        return self._pen._book.add_format({"bg_color": "#DDEBF7"})

    def _warning(self) -> Any:
        return self._pen._book.add_format({"font_color": "#FFFFFF", "bg_color": "#C00000"})

    def _endless(self) -> Any:
        return self._pen._book.add_format({"num_format": '"no limit"'})


UNIT_COLUMN = 1


def cells(tab: str, first_line: int, first_column: int, last_line: int, last_column: int) -> list[Any]:
    """A range as charts take it."""
    return [tab, first_line, first_column, last_line, last_column]


def reference(tab: str, line: int, first: int, last: int) -> str:
    """A range along a line, fixed."""
    return f"{quoted(tab)}${letters(first)}${line + 1}:${letters(last)}${line + 1}"


class _Exact(float):
    """A number that is written with all its digits; XlsxWriter would write 16, and some floats need 17.

    Fenced by test_every_input_is_written_at_full_precision.
    """

    def __format__(self, form: str) -> str:
        return repr(float(self))
