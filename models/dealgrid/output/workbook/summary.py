"""The sheets that sum a workbook up: Cover, Compare, All checks and Charts, all of them live."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dealgrid.dates import date_text
from dealgrid.deal import CHECK, TOLERANCE, VALUATION_DATE
from dealgrid.inputs import Setting
from dealgrid.output import answer, charts
from dealgrid.output.workbook.formulas import Formulas
from dealgrid.output.workbook.layout import (
    ALL_CHECKS,
    CHARTS,
    COMPARE,
    COVER,
    DATED,
    FIRST,
    FIRST_CASE,
    HEAD,
    INPUTS,
    NO_RATE,
    PINS,
    TIMELINES,
    Layout,
    Place,
    letters,
    quoted,
)
from dealgrid.output.workbook.looks import BLUE, CHOICE, GAP, GREEN, GREY, SHADE
from dealgrid.output.workbook.pen import Pen, Sheet, cells
from dealgrid.output.workbook.request import MADE_FROM, Request

CASES = 2  # column of the first case on Compare, All checks and Charts
UNLIKE = ("date", "year")  # units in which a difference says nothing


def case_names(layout: Layout) -> list[str]:
    """What each case is called at the head of a column."""
    return [case.scenario for case in layout.cases]


def value_line(
    sheet: Sheet, layout: Layout, line: int, name: str, label: str, first: int = CASES, **looks: Any
) -> None:
    """A row's one number in each case, and what each further case has more than the first."""
    row = layout.deal.row(name)
    values = [float(case.values[name]) for case in layout.cases]
    sheet.text(line, 0, label, **looks)
    sheet.text(line, 1, row.unit, font_color=GREY, **looks)
    for case, value in enumerate(values):
        seen = layout.place(case, name).seen_from(sheet.tab)
        sheet.formula(line, first + case, seen, value, row.unit, endless=math.isinf(value), **looks)
    for case in range(1, len(values)):
        column = first + len(values) + case - 1
        if row.unit in UNLIKE:
            sheet.text(line, column, "", **looks)
            continue
        more = values[case] - values[0] if all(map(math.isfinite, (values[case], values[0]))) else NO_RATE
        own, base = (f"{letters(first + each)}{line + 1}" for each in (case, 0))
        finite = f"MAX(ABS({own}),ABS({base}))<1E+290"
        formula = f'IFERROR(IF({finite},{own}-{base},"{NO_RATE}"),"{NO_RATE}")'
        sheet.formula(line, column, formula, more, row.unit, **looks)


def case_heads(sheet: Sheet, layout: Layout, line: int, first: int = CASES, with_changes: bool = True) -> None:
    """Live names of the cases at the head of their columns."""
    looks: dict[str, Any] = {"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom", "align": "right"}
    for case, name in enumerate(case_names(layout)):
        sheet.formula(line, first + case, layout.selector(case).seen_from(sheet.tab), name, **looks)
    for case in range(1, len(layout.cases) if with_changes else 0):
        column = first + len(layout.cases) + case - 1
        own, base = (letters(first + each) for each in (case, 0))
        formula = f'{own}{line + 1}&" less "&{base}{line + 1}'
        text = f"{case_names(layout)[case]} less {case_names(layout)[0]}"
        sheet.formula(line, column, formula, text, **looks)


# --- cover ------------------------------------------------------------------------------------------------------------


def draw_cover(pen: Pen, layout: Layout, request: Request, footer: str) -> None:
    """Question, answer, how to read and steer the workbook, master check, run and version."""
    count = len(layout.cases)
    after = CASES + 2 * count - 1
    wide = max(0.0, 96 - 16 * (2 * count - 1))
    sheet = pen.sheet(COVER, [30, 14, *[16] * (2 * count - 1), wide], footer)
    sheet.portrait()
    story = layout.deal.story
    sheet.title(story.title, story.question)
    line = _answer(sheet, layout, 3)
    line = _rule(sheet, line + 2, "This workbook", after)
    master = Place(ALL_CHECKS, HEAD + 1, CASES)
    sheet.text(line, 0, "Master check", font_color=GREY)
    passed = _master(layout)
    sheet.formula(line, 1, master.seen_from(COVER), passed, "count", num_format="0", bold=True, align="left")
    sheet.warn_where(line, 1, ">", 0)
    sheet.text(line, 2, "0 when every check of every case is zero, and every input in its range")
    dates = dict.fromkeys(date_text(float(case.given[VALUATION_DATE])) for case in layout.cases)  # type: ignore[arg-type]
    facts = {
        "Valued on, as written": ", ".join(dates),
        "Present values": " ".join(answer.convention(layout.deal)),
        "Run": request.run or "written by the command `dealgrid excel`",
        "Written": f"{request.written:%Y-%m-%d %H:%M:%S} UTC, by dealgrid {request.version}",
        MADE_FROM: request.text(),
    }
    for head, text in facts.items():
        line = _wrapped(sheet, line + 1, head, text, after) - 1
    line = _rule(sheet, line + 2, "Sheets", after)
    for tab, about in _contents(layout).items():
        sheet.link(line, 0, tab, tab)
        sheet.text(line, 1, about, font_color=GREY)
        line += 1
    line = _rule(sheet, line + 1, "How to read and change it", after)
    for sign, meaning, looks in LEGEND:
        sheet.text(line, 0, sign, **looks)
        sheet.text(line, 1, meaning)
        line += 1
    sheet.print_area(line, after, 1)


LEGEND: Sequence[tuple[str, str, Mapping[str, Any]]] = (
    (
        "scenario",
        "the cell that chooses: Inputs, one for each case",
        {"bg_color": CHOICE, "font_color": BLUE, "border": 1},
    ),
    ("123.4", "an input: change it and the workbook follows", {"font_color": BLUE}),
    ("123.4", "an input that differs from the base", {"font_color": BLUE, "bg_color": SHADE}),
    ("123.4", "a formula within its sheet", {}),
    ("123.4", "a formula that takes from another sheet", {"font_color": GREEN}),
    ("123.4", "a figure given in place of its row's formula: see Pins", {"font_color": GREEN, "bg_color": "#DDEBF7"}),
    ("(1.4)", "a negative amount; – is exactly zero", {}),
    ("no limit, never", "an amount without a limit, a date that does not come: 1E+300 in the cell", {}),
    ("sum, last or value", "the sum of a flow, the last of a balance, the one number of a row that has one", {}),
    ("opening", "what stands before the first period, for rows that look back", {}),
    ("A, B, C, M, J", "grades: primary document, press, arithmetic on those, unverified, our judgement", {}),
    ("Read it back", "dealgrid import FILE --as NAME makes a scenario of changed inputs", {}),
)


def _answer(sheet: Sheet, layout: Layout, line: int) -> int:
    story = layout.deal.story
    sheet.text(line, 0, "The answer: worth to each holder", bold=True, bottom=1, valign="bottom")
    sheet.text(line, 1, "", bottom=1)
    case_heads(sheet, layout, line)
    sheet.height(line, 40)
    for name, label in (*story.holders.items(), (story.total, "Total"), *story.returns.items()):
        line += 1
        looks = {"bold": True, "top": 1} if name == story.total else {}
        value_line(sheet, layout, line, name, label, **looks)
    return line


def _rule(sheet: Sheet, line: int, text: str, last: int) -> int:
    sheet.text(line, 0, text, bold=True, bottom=1)
    for column in range(1, last + 1):
        sheet.text(line, column, "", bottom=1)
    return line + 1


def _wrapped(sheet: Sheet, line: int, head: str, text: str, last: int) -> int:
    """A text over all columns to the right, as high as it needs; the next line."""
    sheet.text(line, 0, head, font_color=GREY)
    sheet.merged(line, 1, last, text)
    sheet.height(line, 12.5 * max(1, math.ceil(len(text) / 100)) + 2)
    return line + 1


def _contents(layout: Layout) -> dict[str, str]:
    told = {INPUTS: "every parameter, in each scenario; the scenario is chosen there"}
    if layout.dated:
        told[DATED] = "parameters that change with time: their dates and values"
    told[TIMELINES] = "the calendar, and dated parameters in each period"
    if layout.pinned:
        told[PINS] = "known figures that stand in for formulas, with their sources"
    told |= {tab: f"{len(layout.deal.book.sheets[sheet])} rows of the model" for sheet, tab in layout.tabs.items()}
    told[ALL_CHECKS] = "every check of the model and of the inputs"
    if len(layout.cases) > 1:
        told[COMPARE] = "the cases side by side, and their differences"
    return told | {CHARTS: "the answer drawn"}


# --- compare ----------------------------------------------------------------------------------------------------------


def draw_compare(pen: Pen, layout: Layout, footer: str) -> None:
    """The cases side by side, with what each has more than the first."""
    count = len(layout.cases)
    if count < 2:
        return
    sheet = pen.sheet(COMPARE, [52, 14, *[17] * (2 * count - 1), 3, 30], footer)
    sheet.title(COMPARE, "The cases side by side, in present values; turn a case to another scenario on Inputs.")
    sheet.text(HEAD, 0, "", bottom=1)
    sheet.text(HEAD, 1, "unit", bold=True, bottom=1, valign="bottom")
    case_heads(sheet, layout, HEAD)
    sheet.height(HEAD, 40)
    after = CASES + 2 * count - 1
    sheet.text(HEAD, after + 1, "row", bold=True, bottom=1, valign="bottom")
    sheet.freeze(HEAD + 1, CASES)
    line = HEAD + 1
    for title, names in compared(layout).items():
        sheet.band(line, title, after)
        for name, label in names.items():
            line += 1
            is_total = label.startswith("Total")
            looks = {"bold": True, "top": 1} if is_total else {}
            label += " (paid)" if name in layout.deal.story.outflows else ""
            value_line(sheet, layout, line, name, label, **looks)
            sheet.text(line, after + 1, name, font_color=GREY)
        line += 2
    sheet.print_area(line - 2, after - 1, 1)


def compared(layout: Layout) -> dict[str, dict[str, str]]:
    """The rows that Compare shows, in groups, each with its label."""
    story = layout.deal.story
    return {
        "Values by holder": {**story.holders, story.total: "Total"},
        "Values by stream; what is paid, as an amount": {
            **story.streams,
            story.center: f"Total to {answer.center_name(layout.deal)}",
        },
        "Returns": dict(story.returns),
    }


# --- checks -----------------------------------------------------------------------------------------------------------


def _gaps(layout: Layout) -> dict[str, list[float]]:
    """The largest gap of every check of the model, per case."""
    return {
        name: [float(np.max(np.abs(case.values[name]))) for case in layout.cases]
        for name in layout.deal.book.rows
        if name.startswith(CHECK)
    }


def _tolerances(layout: Layout) -> list[float]:
    return [float(case.given[TOLERANCE]) for case in layout.cases]  # type: ignore[arg-type]


def _master(layout: Layout) -> float:
    tolerances = _tolerances(layout)
    return float(
        sum(gap > tolerance for gaps in _gaps(layout).values() for gap, tolerance in zip(gaps, tolerances, strict=True))
    )


def draw_checks(pen: Pen, layout: Layout, formulas: Formulas, footer: str) -> None:
    """The largest gap of every check, whether it is within tolerance, and one master check over all."""
    count = len(layout.cases)
    sheet = pen.sheet(ALL_CHECKS, [62, 14, *[17] * (2 * count), 3, 34], footer)
    sheet.title(ALL_CHECKS, "The largest gap of each check over all periods; it fails when above the tolerance.")
    sheet.text(HEAD, 0, "", bottom=1)
    sheet.text(HEAD, 1, "unit", bold=True, bottom=1, valign="bottom")
    case_heads(sheet, layout, HEAD, with_changes=False)
    for case in range(count):
        looks = {"bold": True, "bottom": 1, "valign": "bottom", "align": "right"}
        sheet.text(HEAD, CASES + count + case, "fails" if count == 1 else f"case {case + 1} fails", **looks)
    sheet.height(HEAD, 40)
    sheet.freeze(HEAD + 1, CASES)
    gaps = _gaps(layout)
    master, tolerance, first = HEAD + 1, HEAD + 2, HEAD + 4
    lines: list[tuple[str, str, str, list[float], list[str]]] = [
        (layout.deal.row(name).label, layout.deal.row(name).unit, name, values, _gap_formulas(layout, name))
        for name, values in gaps.items()
    ]
    lines += _input_checks(layout)
    last = first + len(lines) - 1
    for line, (label, unit, name, values, made) in enumerate(lines, first):
        sheet.text(line, 0, label)
        sheet.text(line, 1, unit, font_color=GREY)
        sheet.text(line, CASES + 2 * count + 1, name, font_color=GREY)
        for case in range(count):
            sheet.formula(line, CASES + case, made[case], values[case], GAP)
            own, limit = f"{letters(CASES + case)}{line + 1}", f"{letters(CASES + case)}${tolerance + 1}"
            fails = float(values[case] > _tolerances(layout)[case])
            sheet.formula(line, CASES + count + case, f"IF({own}>{limit},1,0)", fails, "count", num_format="0")
            sheet.warn_where(line, CASES + count + case, ">", 0)
    sheet.text(master, 0, "Master check: how many checks fail in all cases", bold=True)
    sheet.text(master, 1, "count", font_color=GREY)
    every = f"{letters(CASES + count)}{first + 1}:{letters(CASES + 2 * count - 1)}{last + 1}"
    sheet.formula(master, CASES, f"SUM({every})", _master(layout), "count", bold=True, num_format="0")
    sheet.warn_where(master, CASES, ">", 0)
    sheet.text(tolerance, 0, "Tolerance")
    sheet.text(tolerance, 1, "US$ bn", font_color=GREY)
    for case in range(count):
        seen = layout.live(case, TOLERANCE).seen_from(ALL_CHECKS)
        sheet.formula(tolerance, CASES + case, seen, _tolerances(layout)[case], GAP)
    sheet.print_area(last, CASES + 2 * count - 1, 1)


def _gap_formulas(layout: Layout, name: str) -> list[str]:
    made = []
    for case in range(len(layout.cases)):
        place = layout.series[case][name]
        if layout.deal.row(name).is_once:
            made.append(f"ABS({place.seen_from(ALL_CHECKS)})")
            continue
        line, first, last = place.line + 1, letters(FIRST), letters(layout.last)
        cells_of = f"{quoted(place.tab)}${first}${line}:${last}${line}"
        made.append(f"MAX(MAX({cells_of}),-MIN({cells_of}))")
    return made


def _input_checks(layout: Layout) -> list[tuple[str, str, str, list[float], list[str]]]:
    """Checks of what has been typed: values in their ranges, parts that add to one, dates in order."""
    count, deal = len(layout.cases), layout.deal
    none = [0.0] * count
    top = min(layout.scalars.values()) + 1
    checks: list[tuple[str, str, str, list[float], list[str]]] = []

    def column(tab: str, place: int, first: int, last: int) -> str:
        return f"{quoted(tab)}${letters(place)}${first}:${letters(place)}${last}"

    made = []
    last = max(line for name, line in layout.scalars.items() if name in deal.parameters) + 1
    low, high = (column(INPUTS, layout.after_scenarios + place, top, last) for place in (0, 1))
    for case in range(count):
        live = column(INPUTS, FIRST_CASE + case, top, last)
        made.append(f"SUMPRODUCT(({live}<{low})+({live}>{high}))")
    checks.append(("Inputs outside their range", "count", "", none, made))
    groups: dict[str, list[str]] = {}
    for name, parameter in deal.parameters.items():
        if parameter.adds_to_one and name in layout.scalars:
            groups.setdefault(parameter.adds_to_one, []).append(name)
    for group, names in groups.items():
        made = []
        for case in range(count):
            parts = "+".join(layout.live(case, name).seen_from(ALL_CHECKS) for name in names)
            made.append(f"ABS({parts}-1)")
        gaps = [abs(float(sum(_one(case.given[name]) for name in names)) - 1) for case in layout.cases]
        checks.append((f"The parts of {group} add to one", "fraction", "", gaps, made))
    if layout.dated:
        first = min(each.first for each in layout.dated.values()) + 1
        end = max(each.last for each in layout.dated.values()) + 1
        made = []
        for case in range(count):
            begin = column(DATED, FIRST_CASE + layout.live_columns * case, first, end)
            until = column(DATED, FIRST_CASE + layout.live_columns * case + 1, first, end)
            made.append(f"SUMPRODUCT(({until}<{begin})*1)")
        checks.append(("Dates of dated inputs out of order", "count", "", none, made))
    return checks


def _one(value: Setting) -> float:
    return float(value)  # type: ignore[arg-type]  # parts of one whole, each with one value


# --- charts -----------------------------------------------------------------------------------------------------------


def draw_charts(pen: Pen, layout: Layout, footer: str) -> None:
    """Native charts on live cells: values by holder, by stream, and the streams' cash over the periods."""
    count = len(layout.cases)
    sheet = pen.sheet(CHARTS, [34, 10, *[14] * count, *[9] * 14], footer)
    sheet.title(CHARTS, "Drawn from live cells: the figures stand below the charts.")
    colours = charts.distinct_colours(layout.cases)
    right = {1: 7, 2: 6}.get(count, 5)  # the first column clear of a chart
    line = 27 + 25 * -(-count // 2)
    tops: list[tuple[str, int, int]] = []
    for title, names in list(compared(layout).items())[:2]:
        shown = {name: label for name, label in names.items() if not label.startswith("Total")}
        sheet.text(line, 0, title, bold=True, bottom=1, valign="bottom")
        sheet.text(line, 1, "unit", bold=True, bottom=1, valign="bottom")
        case_heads(sheet, layout, line, with_changes=False)
        sheet.height(line, 40)
        for place, (name, label) in enumerate(shown.items(), line + 1):
            paid = name in layout.deal.story.outflows
            _signed_line(sheet, layout, place, name, label + (" (paid)" if paid else ""), paid)
        tops.append((title.partition(";")[0], line, len(shown)))
        line += len(shown) + 2
    for place, (title, top, lines) in enumerate(tops):
        chart = pen.chart({"type": "bar" if place else "column"})
        for case in range(count):
            chart.add_series(
                {
                    "name": cells(CHARTS, top, CASES + case, top, CASES + case)[:3],
                    "categories": cells(CHARTS, top + 1, 0, top + lines, 0),
                    "values": cells(CHARTS, top + 1, CASES + case, top + lines, CASES + case),
                    "fill": {"color": colours[case]},
                    "gap": 60,
                }
            )
        _dress(chart, f"{title}: present value, US$ bn", has_legend=True)
        if place:
            chart.set_y_axis({"reverse": True, "num_font": FONT_SMALL, "label_position": "low"})
            chart.set_x_axis({"num_format": "#,##0", "num_font": FONT_SMALL, "major_gridlines": RULES})
        sheet.insert_chart(3, right if place else 0, chart)
    for case in range(count):
        chart = _flows(pen, layout, case)
        if chart is not None:
            sheet.insert_chart(27 + 25 * (case // 2), right if case % 2 else 0, chart)
    sheet.print_area(line, right + 10, 1)


FONT_SMALL = {"name": "Arial", "size": 8}
RULES = {"visible": True, "line": {"color": "#DDDDDD", "width": 0.5}}


def _signed_line(sheet: Sheet, layout: Layout, line: int, name: str, label: str, paid: bool) -> None:
    """A row's one number in each case, what is paid below zero."""
    unit = layout.deal.row(name).unit
    sheet.text(line, 0, label)
    sheet.text(line, 1, unit, font_color=GREY)
    for case, given in enumerate(layout.cases):
        seen = layout.place(case, name).seen_from(CHARTS)
        value = float(given.values[name]) * (-1 if paid else 1)
        sheet.formula(line, CASES + case, f"-{seen}" if paid else seen, value, unit)


def _flows(pen: Pen, layout: Layout, case: int) -> Any:
    """The cash per period behind each stream that the centre receives, stacked."""
    story, deal = layout.deal.story, layout.deal
    chart = pen.chart({"type": "column", "subtype": "stacked"})
    palette = [*charts.HOLDERS, *charts.OTHERS]
    drawn = 0
    for name, label in story.streams.items():
        flows = [
            each for each in deal.row(name).ingredients if each in deal.book.rows and deal.row(each).shape == "flow"
        ]
        if not flows or name in story.outflows:
            continue
        place = layout.place(case, flows[0])
        chart.add_series(
            {
                "name": label,
                "categories": cells(place.tab, HEAD, FIRST, HEAD, layout.last),
                "values": cells(place.tab, place.line, FIRST, place.line, layout.last),
                "fill": {"color": palette[drawn % len(palette)]},
                "gap": 40,
            }
        )
        drawn += 1
    if not drawn:
        return None
    told = "" if len(layout.cases) == 1 else f", case {case + 1}"
    _dress(chart, f"What {answer.center_name(deal)} receives in each period{told}, US$ bn", has_legend=True)
    return chart


def _dress(chart: Any, title: str, has_legend: bool) -> None:
    chart.set_title({"name": title, "name_font": {"name": "Arial", "size": 11, "bold": True}, "overlay": False})
    chart.set_legend({"position": "bottom", "font": FONT_SMALL} if has_legend else {"none": True})
    chart.set_x_axis({"num_font": FONT_SMALL, "label_position": "low"})
    chart.set_y_axis({"num_font": FONT_SMALL, "num_format": "#,##0", "major_gridlines": RULES})
    chart.set_size({"width": 640, "height": 440})
    chart.set_chartarea({"border": {"none": True}})
