"""The workbook of a run: every figure as a value, laid out for finance, its formula in words beside it."""

from __future__ import annotations

import datetime as dt
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dealgrid.dates import date_text
from dealgrid.deal import CHECK, VALUATION_DATE, Case, Deal
from dealgrid.engine.row import Row
from dealgrid.inputs import Dated, display_value, value_text
from dealgrid.output import answer

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

VALUES_ONLY = (
    "This workbook holds values: the figures of the run, at full precision. Its cells have no live formulas, so "
    "changing an input here changes nothing else. The formula of every row stands in words at the right of its line."
)
FORMATS = {
    "US$ bn": "#,##0.0_);(#,##0.0);–_)",
    "US$ bn per year": "#,##0.0_);(#,##0.0);–_)",
    "fraction": "0.0%_);(0.0%);–_)",
    "fraction per year": "0.0%_);(0.0%);–_)",
    "multiple": '0.0"×"_);(0.0"×");–_)',
    "date": "yyyy-mm-dd",
    "days": "#,##0_);(#,##0);–_)",
    "days per year": "#,##0_);(#,##0);–_)",
    "years": "0.00_);(0.00);–_)",
    "year": "0",
    "number": "#,##0.000_);(#,##0.000);–_)",
    "count": "#,##0_);(#,##0);–_)",
    "flag": '[=1]"yes";[=0]"no";0.00',
    "gap": "[=0]0;0.0E+00;0.0E+00",
}
TO_ONE_DECIMAL, TINY = ("US$ bn", "US$ bn per year", "multiple"), 1e-6
FONT, GREY, BLUE = "Arial", "#666666", "#0000FF"
SHADE, WARNING = "#F2F2F2", "#C00000"
LINE = 12.5  # height of a line of text, in points
FIRST = 3  # column of the first period
ON_A_PAGE, SCALE = 11, 60  # periods on a printed page, and its size in per cent
COMMENT = {"author": "dealgrid", "x_scale": 1.6}
WIDEST_NAME = 31  # of a tab, as Excel allows


def write(cases: Sequence[Case], compared: Sequence[Case], run: str, written: dt.datetime) -> bytes:
    """The workbook of two or more cases in full, the second held against the first; `compared` stand in one table.

    The same bytes for the same input; `written` is the moment its properties bear.
    """
    import xlsxwriter

    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(content, options) as book:
        deal = cases[0].deal
        book.set_properties({"title": deal.story.title, "author": "dealgrid", "comments": run, "created": written})
        book.set_size(2400, 1600)
        _Writer(book, cases, compared, run).write()
    return content.getvalue()


def tab_of(sheet: str) -> str:
    """The name of a sheet's tab: `revenue_share` is `Revenue share`."""
    return sheet.replace("_", " ").capitalize()[:WIDEST_NAME]


class _Writer:
    """Writes one workbook; keeps the formats it has made."""

    def __init__(self, book: Workbook, cases: Sequence[Case], compared: Sequence[Case], run: str) -> None:
        self.book = book
        self.cases = cases
        self.compared = compared
        self.run = run
        self.deal: Deal = cases[0].deal
        self.titles = answer.titles(cases)
        self.formats: dict[tuple[tuple[str, Any], ...], Format] = {}

    def write(self) -> None:
        """All sheets, in the order they are read."""
        self._cover()
        self._compare()
        self._inputs()
        for name, rows in self.deal.book.sheets.items():
            self._sheet(name, rows)

    def format(self, **properties: Any) -> Format:
        """A cell's format, made once."""
        key = tuple(sorted(properties.items()))
        if key not in self.formats:
            self.formats[key] = self.book.add_format({"font_name": FONT, "font_size": 9, "valign": "top", **properties})
        return self.formats[key]

    def _add(self, name: str, widths: Sequence[float], *, wide: bool = True) -> Worksheet:
        sheet = self.book.add_worksheet(name)
        sheet.hide_gridlines(2)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width, self.format())
        sheet.set_paper(9)
        if wide:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.8)
        check = "0" if all(case.checks.passed for case in self.compared) else "NOT ZERO"
        dates = dict.fromkeys(date_text(float(case.given[VALUATION_DATE])) for case in self.cases)  # type: ignore[arg-type]
        left = f"&8{_in_footer(name)} · valued on {', '.join(dates)} · master check {check}"
        sheet.set_footer(f"&L{left}&C&8{_in_footer(self.run)}&R&8page &P of &N")
        return sheet

    def _title(self, sheet: Worksheet, text: str, about: str) -> int:
        sheet.write_string(0, 0, text, self.format(bold=True, font_size=14))
        sheet.set_row(0, 21)
        sheet.write_string(1, 0, about, self.format(font_color=GREY))
        return 3

    def _cover(self) -> None:
        sheet = self._add("Cover", [24, 96], wide=False)
        story = self.deal.story
        line = self._title(sheet, story.title, "") - 2
        sheet.write_string(line, 0, story.question, self.format(italic=True, font_size=12))
        line += 2
        failed = [name for case in self.compared for name in case.checks.failed]
        if failed:
            text = "CHECKS OF THE MODEL ARE NOT ZERO: " + ", ".join(dict.fromkeys(failed))
            line = self._wrapped(sheet, line, "", text, bold=True, font_color=WARNING)
        line = self._wrapped(sheet, line, "What this is", VALUES_ONLY)
        for title, case in zip(self.titles, self.cases, strict=True):
            line = self._wrapped(
                sheet, line, f"Case: {case.scenario}", f"{title}. {self.deal.scenario(case.scenario).why}"
            )
        line = self._wrapped(sheet, line, "Run", self.run)
        line = self._wrapped(sheet, line, "Valued on", date_text(float(self.cases[0].given[VALUATION_DATE])))  # type: ignore[arg-type]
        line = self._wrapped(sheet, line, "Present values", " ".join(answer.convention(self.deal)))
        line = self._wrapped(
            sheet, line, "Master check", "not zero" if failed else "0: every check of every case is zero"
        )
        line += 1
        sheet.write_string(line, 0, "The answer", self.format(bold=True, bottom=1))
        sheet.write_blank(line, 1, None, self.format(bottom=1))
        line = self._gap(sheet, line)
        for sentence in answer.answer(self.cases[0], self.cases[1]):
            line = self._wrapped(sheet, line, "", sentence)
        line += 1
        sheet.write_string(line, 0, "How to read it", self.format(bold=True, bottom=1))
        sheet.write_blank(line, 1, None, self.format(bottom=1))
        legend: list[tuple[str, str, dict[str, Any]]] = [
            (
                "123.4",
                "a value given: a parameter, or a row pinned to a known figure (its note names the source)",
                {"font_color": BLUE},
            ),
            ("123.4", "a value the model works out", {}),
            ("123.4", "an input that differs from the base", {"font_color": BLUE, "bg_color": SHADE}),
            ("(1.4)", "a negative amount; – is exactly zero", {}),
            ("no limit, never", "an amount without a limit, a date that does not come", {}),
            (
                "sum, last or value",
                "the sum of a flow, the last of a balance, the one number of a row that has one",
                {},
            ),
            ("Compare", "values, streams and returns of every scenario, side by side", {}),
            ("Inputs", "every parameter with its value in each case, range, grade and source", {}),
            ("the other tabs", "the sheets of the model; one block of rows for each case", {}),
            (
                "A, B, C, M, J",
                "grades: primary document, press or analyst report, arithmetic on those, unverified, our judgement",
                {},
            ),
        ]
        line = self._gap(sheet, line)
        for sign, meaning, looks in legend:
            line = self._wrapped(sheet, line, sign, meaning, looks)

    def _wrapped(
        self,
        sheet: Worksheet,
        line: int,
        head: str,
        text: str,
        looks: Mapping[str, Any] | None = None,
        **properties: Any,
    ) -> int:
        """One line of the cover, as high as its text needs; the next line."""
        sheet.write_string(line, 0, head, self.format(**(looks or {"font_color": GREY})))
        sheet.write_string(line, 1, text, self.format(text_wrap=True, **properties))
        sheet.set_row(line, 13 * max(1, math.ceil(len(text) / 108)) + 3)
        return line + 1

    def _gap(self, sheet: Worksheet, line: int) -> int:
        """A low line under a rule; the line after it."""
        sheet.set_row(line + 1, 4)
        return line + 2

    def _compare(self) -> None:
        story = self.deal.story
        sheet = self._add("Compare", [52, 26, 9, *([17] * len(self.compared))])
        line = self._title(
            sheet,
            "Compare",
            "Every scenario side by side; settings of this run hold in each. Values are present values.",
        )
        head = self.format(bold=True, text_wrap=True, align="right", valign="bottom", bottom=1)
        for column, text in enumerate(("", "row", "unit")):
            sheet.write_string(line, column, text, self.format(bold=True, valign="bottom", bottom=1))
        for column, case in enumerate(self.compared, 3):
            sheet.write_string(line, column, f"{case.title}\n{case.scenario}", head)
        sheet.set_row(line, 54)
        sheet.freeze_panes(line + 1, 3)
        sheet.repeat_rows(line)
        line += 1
        groups: dict[str, dict[str, str]] = {
            "Values by holder": {**story.holders, story.total: "Total"},
            "Values by stream; what is paid, as an amount": {
                **story.streams,
                story.center: f"Total to {answer.center_name(self.deal)}",
            },
            "Returns": dict(story.returns),
            "Checks": {name: row.label for name, row in self.deal.book.rows.items() if name.startswith(CHECK)},
        }
        for title, names in groups.items():
            line = self._band(sheet, line, title, 3 + len(self.compared))
            for name, label in names.items():
                row = self.deal.row(name)
                is_total = name in (story.total, story.center) and label.startswith("Total")
                looks = {"bold": True, "top": 1} if is_total else {}
                if name in story.outflows:
                    label += " (paid)"
                sheet.write_string(line, 0, label, self.format(**looks))
                for column, text in enumerate((name, row.unit), 1):
                    sheet.write_string(line, column, text, self.format(font_color=GREY, **looks))
                for column, case in enumerate(self.compared, 3):
                    value = (
                        float(np.max(np.abs(case.values[name]))) if name.startswith(CHECK) else float(case.values[name])
                    )
                    self._value(sheet, line, column, value, "gap" if name.startswith(CHECK) else row.unit, looks)
                line += 1
            line += 1

    def _inputs(self) -> None:
        heads = ["sheet", "name", "label", "unit", *self.titles, "lowest", "highest", "grade", "source", "note"]
        first, after = 4, 4 + len(self.cases)
        sheet = self._add("Inputs", [16, 29, 36, 15, *([17] * len(self.cases)), 11, 11, 7, 62, 34])
        line = self._title(
            sheet,
            "Inputs",
            "Every parameter of the model. A shaded value differs from the base. Dated values hold from their date on.",
        )
        for column, text in enumerate(heads):
            is_figure = first <= column < after + 2
            sheet.write_string(
                line,
                column,
                text,
                self.format(
                    bold=True,
                    text_wrap=True,
                    bg_color=SHADE,
                    valign="bottom",
                    align="center" if text == "grade" else "right" if is_figure else "left",
                ),
            )
        sheet.set_row(line, 40)
        sheet.freeze_panes(line + 1, 3)
        sheet.repeat_rows(line)
        top = line
        words = self.format(text_wrap=True)
        order = {name: place for place, name in enumerate(self.deal.book.sheets)}
        for parameter in sorted(self.deal.parameters.values(), key=lambda each: order.get(each.sheet, len(order))):
            line += 1
            texts = [tab_of(parameter.sheet), parameter.name, parameter.label, parameter.unit]
            for column, text in enumerate(texts):
                sheet.write_string(line, column, text, words)
            longest = 1
            for column, case in enumerate(self.cases, first):
                value = case.given[parameter.name]
                looks = {"font_color": BLUE, "align": "right"} | (
                    {} if value == parameter.value else {"bg_color": SHADE}
                )
                if isinstance(value, Dated):
                    text = value_text(value, parameter.unit).strip("{}").replace(", ", "\n")
                    longest = max(longest, text.count("\n") + 1)
                    sheet.write_string(line, column, text, self.format(text_wrap=True, **looks))
                else:
                    self._value(sheet, line, column, float(value), parameter.unit, looks)
            for column, value in enumerate((parameter.low, parameter.high), after):
                self._value(sheet, line, column, value, parameter.unit, {"align": "right"})
            source = " ".join(text for text in (parameter.source, parameter.address) if text)
            sheet.write_string(line, after + 2, parameter.grade, self.format(align="center"))
            for column, text in enumerate((source, parameter.note), after + 3):
                sheet.write_string(line, column, text, self.format(text_wrap=True, indent=1))
            texts_wide = ((parameter.label, 34), (source, 60), (parameter.note, 32))
            longest = max(longest, *(math.ceil(len(text) / wide) for text, wide in texts_wide))
            sheet.set_row(line, LINE * longest + 3)
        sheet.autofilter(top, 0, line, len(heads) - 1)

    def _sheet(self, name: str, rows: Sequence[Row]) -> None:
        periods = self._periods()
        after = FIRST + len(periods)
        sheet = self._add(tab_of(name), [50, 14, 10, *([8.2] * len(periods)), 3, 34, 90, 60], wide=True)
        line = self._title(sheet, tab_of(name), f"Rows of the model; one block for each case. Run {self.run}")
        for column, text in enumerate(("", "unit", "sum, last\nor value", *periods)):
            align = "left" if column < FIRST - 1 else "right"
            looks = self.format(bold=True, bottom=1, valign="bottom", text_wrap=True, align=align)
            sheet.write_string(line, column, text, looks)
        for column, text in enumerate(("row", "formula in words", "why, source"), after + 1):
            sheet.write_string(line, column, text, self.format(bold=True, bottom=1, valign="bottom"))
        sheet.set_row(line, 27)
        sheet.freeze_panes(line + 1, FIRST)
        sheet.repeat_rows(line)
        sheet.repeat_columns(0, FIRST - 1)
        line = self._gap(sheet, line)
        grey = self.format(font_color=GREY)
        for title, case in zip(self.titles, self.cases, strict=True):
            line = self._band(sheet, line, title, after)
            pinned = self._pinned(case)
            for row in rows:
                self._row(sheet, line, row, case, periods, pinned)
                about = ". ".join(text.rstrip(".") for text in (row.why, row.source) if text)
                for column, text in enumerate((row.name, self.deal.book.formula(row.name), about), after + 1):
                    sheet.write_string(line, column, text, grey)
                line += 1
            line += 1
        sheet.print_area(0, 0, line - 1, after - 1)
        # Twenty periods and more on one page would be too small to read; a page takes as many as it can show.
        pages = math.ceil(len(periods) / ON_A_PAGE)
        each = math.ceil(len(periods) / pages)
        sheet.set_print_scale(SCALE)
        sheet.set_v_pagebreaks([FIRST + each * page for page in range(1, pages)])

    def _row(
        self,
        sheet: Worksheet,
        line: int,
        row: Row,
        case: Case,
        periods: Sequence[str],
        pinned: Mapping[tuple[str, str], str],
    ) -> None:
        is_check = row.name.startswith(CHECK)
        unit = "gap" if is_check and row.unit != "flag" else row.unit
        sheet.write_string(line, 0, row.label, self.format())
        sheet.write_string(line, 1, row.unit, self.format(font_color=GREY))
        values = np.atleast_1d(case.values[row.name]).astype(float)
        summed: dict[str, Callable[[], float]] = {
            "flow": values.sum,
            "balance": lambda: values[-1],
            "once": lambda: values[0],
        }
        if row.shape in summed:
            looks = {"font_color": BLUE} if (row.name, "") in pinned else {}
            self._value(sheet, line, FIRST - 1, float(summed[row.shape]()), unit, {"bold": True, **looks})
            if looks:
                sheet.write_comment(line, FIRST - 1, pinned[row.name, ""], COMMENT)
        if row.is_once:
            return
        places = {period: place for place, period in enumerate(periods, FIRST)}
        for period, value in zip(case.calendar.periods, values, strict=True):
            source = pinned.get((row.name, period))
            self._value(sheet, line, places[period], float(value), unit, {"font_color": BLUE} if source else {})
            if source:
                sheet.write_comment(line, places[period], source, COMMENT)

    def _band(self, sheet: Worksheet, line: int, text: str, columns: int) -> int:
        looks = self.format(bold=True, bg_color=SHADE)
        sheet.write_string(line, 0, text, looks)
        for column in range(1, columns):
            sheet.write_blank(line, column, None, looks)
        return line + 1

    def _value(
        self, sheet: Worksheet, line: int, column: int, value: float, unit: str, looks: Mapping[str, Any]
    ) -> None:
        """A number in its unit's format; what a workbook cannot hold as a number, in words."""
        if not math.isfinite(value):
            sheet.write_string(
                line,
                column,
                display_value(value, "number" if unit == "gap" else unit),
                self.format(**{"align": "right", **looks}),
            )
        else:
            if unit in TO_ONE_DECIMAL and 0 < abs(value) < TINY:
                unit = "gap"  # a tolerance or what rounding leaves: not to be shown as an amount of 0.0
            sheet.write_number(
                line, column, _Exact(value), self.format(**{"num_format": FORMATS[unit], "align": "right", **looks})
            )

    def _periods(self) -> list[str]:
        """Periods of all cases, in order: a case may begin later or count quarters."""
        found = {period for case in self.cases for period in case.calendar.periods}
        return sorted(found)

    def _pinned(self, case: Case) -> dict[tuple[str, str], str]:
        """Where each pinned figure comes from, by row and period ("" for one number per case)."""
        found = {}
        for name in dict.fromkeys(pin.row for pin in case.pins):
            is_once = self.deal.row(name).is_once
            for period in ("",) if is_once else case.calendar.periods:
                told = case.explain(name, period or None, depth=0)
                if told.formula.startswith("pinned"):
                    found[name, period] = f"{told.source} (grade {told.grade})"
        return found


class _Exact(float):
    """A number that is written with all its digits; XlsxWriter would write 16, and some floats need 17.

    Fenced by test_every_figure_is_the_case_at_full_precision.
    """

    def __format__(self, form: str) -> str:
        return repr(float(self))


def _in_footer(text: str) -> str:
    return text.replace("&", "&&")
