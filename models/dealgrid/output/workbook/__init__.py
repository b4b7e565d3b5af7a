"""The live workbook: every row a formula, every parameter an input cell, and a cell that chooses the scenario.

docs/decisions/0008-live-workbook.md says what can be changed where, and why it is laid out so.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from dealgrid.dates import date_text
from dealgrid.deal import VALUATION_DATE, Case
from dealgrid.output.workbook import inputs, rows, summary
from dealgrid.output.workbook.cells import CellMap, InputCell, PinCell, RowCell, cell_map
from dealgrid.output.workbook.formulas import Formulas
from dealgrid.output.workbook.layout import Layout
from dealgrid.output.workbook.pen import Pen, reference
from dealgrid.output.workbook.request import LAYOUT, MADE_FROM, Request, fingerprint

__all__ = [
    "LAYOUT", "MADE_FROM", "CellMap", "InputCell", "Layout", "PinCell", "Request", "RowCell",
    "cell_map", "fingerprint", "write",
]  # fmt: skip


def write(cases: Sequence[Case], run: str, written: dt.datetime, names: bool = False) -> bytes:
    """The workbook of one or more cases, which share their settings and pins: a block of rows for each.

    `written` is the moment its properties bear; with `names`, parameters and rows of the first case get defined
    names. The same bytes for the same input. InputError where the cases lie on different calendars.
    """
    layout = Layout(list(cases))
    formulas = Formulas(layout)
    request = Request.of(cases, run, written, names)
    pen = Pen(layout.deal.story.title, request.text(), request.written)
    footer = _footer(layout, request)
    summary.draw_cover(pen, layout, request, footer)
    inputs.draw_inputs(pen, layout, formulas, footer)
    inputs.draw_dated(pen, layout, formulas, footer)
    rows.draw_timelines(pen, layout, formulas, footer)
    inputs.draw_pins(pen, layout, formulas, footer)
    for sheet in layout.deal.book.sheets:
        rows.draw_sheet(pen, layout, formulas, sheet, footer)
    summary.draw_checks(pen, layout, formulas, footer)
    summary.draw_compare(pen, layout, footer)
    summary.draw_charts(pen, layout, footer)
    if names:
        for name, reference in defined_names(layout).items():
            pen.name(name, reference)
    return pen.close()


def defined_names(layout: Layout) -> dict[str, str]:
    """Names for the live parameters and the rows of the first case, with what each stands for."""
    found = {}
    for name in (*layout.scalars, *layout.series[0]):
        if " " in name:
            continue
        place = layout.place(0, name)
        is_one = not layout.is_series(name)
        cell = place.seen_from("") if is_one else reference(place.tab, place.line, 4, layout.last)
        found[f"{name}_" if re.fullmatch(r"[a-z]{1,3}\d+|[rc]\d*", name) else name] = cell
    return found


def _footer(layout: Layout, request: Request) -> str:
    dates = dict.fromkeys(date_text(float(case.given[VALUATION_DATE])) for case in layout.cases)  # type: ignore[arg-type]
    run = (request.run or f"dealgrid {request.version}").replace("&", "&&")
    return f"&L&8&A · valued on {', '.join(dates)} as written&C&8{run}&R&8page &P of &N"
