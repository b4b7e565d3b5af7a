"""The sheets with periods: Timelines, and one sheet for each of the model, a block of rows for each case."""

from __future__ import annotations

import numpy as np

from dealgrid.dates import CALENDAR_UNITS
from dealgrid.deal import CHECK
from dealgrid.engine.row import OPENING as OPENS
from dealgrid.engine.row import Row
from dealgrid.inputs.dated import COMING, NOTHING
from dealgrid.output.workbook.formulas import Formulas
from dealgrid.output.workbook.layout import (
    FIRST,
    HEAD,
    NO_RATE,
    OPENING,
    PINS,
    SIGNS,
    TIMELINES,
    TOTAL,
    WORTH,
    Layout,
    rate_flow,
)
from dealgrid.output.workbook.looks import GAP, GREY
from dealgrid.output.workbook.pen import Pen, Sheet

ON_A_PAGE = 24  # periods across a printed page
WHY, WORDS = 60, 90
CERTIFICATE = 75  # letters of the longest label of a certificate


def widths(layout: Layout) -> list[float]:
    """Column widths of a sheet with periods."""
    labels = [len(row.label) for row in layout.deal.book.rows.values()] + [CERTIFICATE]
    return [4 + 0.82 * max(labels), 14, 10, 8.5, *[9.2] * len(layout.periods), 3, 34, WORDS, WHY]


def head(sheet: Sheet, layout: Layout, is_model: bool = True) -> None:
    """The header of a sheet with periods, and what stays in view."""
    right = ["", "row", "formula in words", "why, source"] if is_model else ["", "name"]
    sheet.head(HEAD, ["", "unit", "sum, last\nor value", "opening", *layout.periods])
    for column, text in enumerate(right, layout.last + 1):
        sheet.text(HEAD, column, text, bold=True, bottom=1, valign="bottom")
    sheet.freeze(HEAD + 1, FIRST)


def draw_timelines(pen: Pen, layout: Layout, formulas: Formulas, footer: str) -> None:
    """The calendar, and every dated parameter in each period of each case."""
    sheet = pen.sheet(TIMELINES, widths(layout)[: layout.last + 3], footer)
    sheet.title(TIMELINES, "The calendar, and what dated inputs come to in a period: the mean of its days, or a sum.")
    head(sheet, layout, is_model=False)
    for line, text in layout.bands[TIMELINES].items():
        sheet.band(line, text, layout.last + 1)
    columns = layout.cases[0].calendar.ingredients()
    for name, values in columns.items():
        line = layout.series[0][name].line
        label = name.replace("_", " ").capitalize()
        sheet.text(line, 0, label)
        sheet.text(line, 1, CALENDAR_UNITS[name], font_color=GREY)
        sheet.text(line, layout.last + 2, name, font_color=GREY)
        unit = "count" if CALENDAR_UNITS[name] == "number" else CALENDAR_UNITS[name]
        sheet.series(line, formulas.calendar(name), values, unit)
        if name == "period_end":
            day = float(columns["period_start"][0]) - 1
            sheet.formula(line, OPENING, formulas.before_the_first(), day, "date")
    for case, given in enumerate(layout.cases):
        arrays = layout.deal.arrays(given.given, given.calendar)
        names = [name for name in layout.series[case] if name in arrays and name not in columns]
        for name in names:
            parameter = layout.deal.parameters[name.removeprefix(COMING)]
            line = layout.series[case][name].line
            after = ", after the valuation date" if name.startswith(COMING) else ""
            sheet.text(line, 0, parameter.label + after)
            sheet.text(line, 1, parameter.unit, font_color=GREY)
            sheet.text(line, layout.last + 2, name, font_color=GREY)
            values = np.asarray(arrays[name], dtype=float)
            sheet.series(line, formulas.timeline(case, name), values, parameter.unit)
            if parameter.between == NOTHING:
                sheet.formula(line, TOTAL, formulas.total(case, name), float(values.sum()), parameter.unit, bold=True)
    sheet.words_for_endless(layout.ends[TIMELINES], layout.last)
    sheet.print_area(layout.ends[TIMELINES] - 1, layout.last, pages(layout))


def pages(layout: Layout) -> int:
    """How many printed pages the periods need across."""
    return -(-len(layout.periods) // ON_A_PAGE)


def draw_sheet(pen: Pen, layout: Layout, formulas: Formulas, sheet_name: str, footer: str) -> None:
    """One sheet of the model."""
    tab, rows = layout.tabs[sheet_name], layout.deal.book.sheets[sheet_name]
    sheet = pen.sheet(tab, widths(layout), footer)
    sheet.title(tab, "Rows of the model: one formula along each row, the same in every period.")
    head(sheet, layout)
    heads = layout.bands[tab]
    for (line, text), case in zip(heads.items(), range(len(layout.cases)), strict=True):
        chosen = layout.selector(case).seen_from(tab)
        formula = chosen if len(layout.cases) == 1 else f'"Case {case + 1}: "&{chosen}'
        sheet.band(line, text, layout.last + 1, formula)
        for row in rows:
            _row(sheet, layout, formulas, case, row)
            if rate_flow(layout.deal, row.name):
                _certificate(sheet, layout, formulas, case, row)
    sheet.words_for_endless(layout.ends[tab], layout.last)
    sheet.group_columns(layout.last + 2, layout.last + 4, [34, WORDS, WHY])
    sheet.print_area(layout.ends[tab] - 1, layout.last, pages(layout))


def _row(sheet: Sheet, layout: Layout, formulas: Formulas, case: int, row: Row) -> None:
    place, values = layout.series[case][row.name], layout.cases[case].values[row.name]
    unit = GAP if row.name.startswith(CHECK) and row.unit != "flag" else row.unit
    sheet.text(place.line, 0, row.label)
    sheet.text(place.line, 1, row.unit, font_color=GREY)
    sheet.height(place.line, 12.5, level=1)
    about = ". ".join(text.rstrip(".") for text in (row.why, row.source) if text)
    texts = (row.name, layout.deal.book.formula(row.name), about)
    for column, text in enumerate(texts, layout.last + 2):
        sheet.text(place.line, column, text, font_color=GREY)
    formula = formulas.row(case, row.name)
    if row.is_once:
        value = float(values)
        sheet.formula(place.line, TOTAL, formula, value, unit, endless=bool(np.isinf(value)), bold=True)
        return
    sheet.series(place.line, formula, values, unit)
    if row.shape == "flow":
        sheet.formula(place.line, TOTAL, formulas.total(case, row.name), float(values.sum()), unit, bold=True)
    elif row.shape == "balance":
        sheet.formula(
            place.line, TOTAL, formulas.total(case, row.name), float(values[-1]), unit, bool(np.isinf(values[-1])),
            bold=True,
        )  # fmt: skip
    if row.name in layout.looked_back_at:
        _opening(sheet, layout, case, row)
    if row.name in layout.pinned:
        flag = f"{PINS}!\x00{layout.flags[case][row.name].line + 1}=1"
        sheet.shade_where(place.line, FIRST, layout.last, flag)


def _opening(sheet: Sheet, layout: Layout, case: int, row: Row) -> None:
    """What stands before the first period: a parameter, or nothing."""
    place, name = layout.series[case][row.name], OPENS + row.name
    if name in layout.scalars:
        value = float(layout.cases[case].given[name])  # type: ignore[arg-type]
        sheet.formula(place.line, OPENING, layout.live(case, name).seen_from(place.tab), value, row.unit)
    else:
        sheet.number(place.line, OPENING, 0, row.unit, font_color=GREY)


def _certificate(sheet: Sheet, layout: Layout, formulas: Formulas, case: int, row: Row) -> None:
    """Two lines below a rate of return: how often its flow changes sign, and what the flow is worth at the rate."""
    signs, worth = (layout.series[case][each + row.name] for each in (SIGNS, WORTH))
    flow, _ = rate_flow(layout.deal, row.name) or ("", "")
    values = layout.cases[case].values[flow]
    sign, held = np.zeros(len(values)), 0.0
    for period, value in enumerate(values.tolist()):
        held = float(np.sign(value)) if value else held
        sign[period] = held
    changes = float((sign[1:] * sign[:-1] < 0).sum())
    for place, label, unit in (
        (signs, "Certificate: sign of the flow so far; changes (one: there is exactly one rate)", "count"),
        (worth, "Certificate: worth of the flow at this rate, part of its size (nothing, if right)", "fraction"),
    ):
        sheet.text(place.line, 0, label, font_color=GREY, indent=1)
        sheet.text(place.line, 1, unit, font_color=GREY)
        sheet.text(place.line, layout.last + 2, row.name, font_color=GREY)
        sheet.height(place.line, 12.5, level=1)
    sheet.series(signs.line, formulas.sign(case, row.name), sign, "count", num_format="+0;-0;0")
    sheet.number(signs.line, OPENING, 0, "count", font_color=GREY)
    sheet.formula(signs.line, TOTAL, formulas.sign_changes(case, row.name), changes, "count", num_format="0")
    rate = float(layout.cases[case].values[row.name])
    nothing = NO_RATE if np.isnan(rate) else 0.0
    sheet.formula(worth.line, TOTAL, formulas.worth_at_rate(case, row.name), nothing, GAP)
