"""The report on paper: question, answer, charts and tables as a PDF, typeset by typst with the fonts it carries."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dealgrid.dates import date_text
from dealgrid.deal import VALUATION_DATE, Case
from dealgrid.output import answer, charts, tables

TEMPLATE = Path(__file__).with_suffix(".typ")
SMALL, USUAL = 7.5, 9.0  # points
MANY = 4  # columns from which the figures of a table are set small
MOST_WHOLE = 25  # lines of a table that is kept on one page
BREAK = "\u200b"  # a place where a long name may be broken
PAGE, HALF_PAGE = 215.0, 106.0  # millimetres that a chart may take below its heading
NO_TIME = "never"


@dataclass(frozen=True)
class Drawing:
    """A chart for the paper: its SVG, what it shows in words, and how tall it may be, in millimetres."""

    svg: str
    alt: str
    tallest: float


@dataclass(frozen=True)
class Section:
    """A heading of the paper and what stands under it."""

    title: str
    parts: Sequence[Drawing | pd.DataFrame]


def pdf(cases: Sequence[Case], run: str, written: dt.datetime, compared: tables.Compared | None = None) -> bytes:
    """The report of two or more cases, the second held against the first; the same bytes for the same input.

    `compared` is how the second came about from the first, clause by clause, where the two can be compared so.
    """
    present, proposal = cases[0], cases[1]
    pair = (present, proposal)
    story = present.deal.story
    sections = [
        Section("Values by holder", [_drawing(charts.values_by_holder(cases)), tables.values_by_holder(cases)]),
        Section("Values by stream", [_drawing(charts.streams(cases)), tables.streams(cases)]),
        Section("Returns", [tables.returns(cases)]),
        *([Section("What moved it", [_drawing(charts.bridge(compared)), tables.bridge(compared)])] if compared else []),
        Section("Cash over time", [_drawing(charts.cash_flows(case)) for case in pair]),
        Section(
            "When each clause binds",
            [*(_drawing(charts.clauses_binding(case), HALF_PAGE) for case in pair), clauses_in_words(cases)],
        ),
        Section("How sure the figures are", [tables.grades(proposal)]),
        Section("Checks of the model", [largest_gaps(cases)]),
    ]
    return typeset(
        title=story.title,
        question=story.question,
        subtitle="; ".join(answer.titles(cases)),
        sentences=answer.answer(present, proposal),
        sections=sections,
        footer=footer(cases, run),
        alarm=alarm(cases),
        written=written,
    )


def typeset(
    *,
    title: str,
    question: str,
    subtitle: str,
    sentences: Sequence[str],
    sections: Sequence[Section],
    footer: str,
    alarm: str,
    written: dt.datetime,
) -> bytes:
    """The PDF of any such content; `footer` stands on every page, `written` is the date the document bears."""
    import typst

    data = {
        "title": title,
        "question": question,
        "subtitle": subtitle,
        "answer": list(sentences),
        "footer": footer,
        "alarm": alarm,
        "written": {key: getattr(written, key) for key in ("year", "month", "day", "hour", "minute", "second")},
        "sections": [{"title": each.title, "parts": [_part(part) for part in each.parts]} for each in sections],
    }
    made = typst.compile(
        TEMPLATE.read_bytes(),
        format="pdf",
        ignore_system_fonts=True,  # the fonts that typst carries are the same on every machine
        sys_inputs={"data": json.dumps(data)},
    )
    assert isinstance(made, bytes)
    return made


def footer(cases: Sequence[Case], run: str) -> str:
    """What every page says: cases, valuation date, run, master check."""
    dates = dict.fromkeys(date_text(float(case.given[VALUATION_DATE])) for case in cases)  # type: ignore[arg-type]
    failed = [case.scenario for case in cases if not case.checks.passed]
    check = f"NOT ZERO in {', '.join(failed)}" if failed else "0"
    return f"{'; '.join(answer.titles(cases))} · valued on {', '.join(dates)} · run {run} · master check {check}"


def alarm(cases: Sequence[Case]) -> str:
    """What must be seen first where a check of the model is not zero; empty where all are."""
    failed = {case.title: case.checks.failed for case in cases if not case.checks.passed}
    if not failed:
        return ""
    told = "; ".join(f"{title}: {', '.join(names)}" for title, names in failed.items())
    return f"Checks of the model are not zero, so no figure here is to be relied on. {told}."


def clauses_in_words(cases: Sequence[Case]) -> pd.DataFrame:
    """The clauses that bind in some case, and the periods in which they do, a column per case."""
    found = [answer.binding_periods(case) for case in cases]
    labels = [row.label for row in answer.clauses(cases[0].deal) if any(row.label in each for each in found)]
    columns = {
        title: [answer.spans(case, each[label]) if label in each else NO_TIME for label in labels]
        for title, case, each in zip(answer.titles(cases), cases, found, strict=True)
    }
    frame = pd.DataFrame(columns, index=pd.Index(labels))
    frame.attrs = {"title": "Periods in which a clause binds", "caption": answer.caption(cases), "unit": "text"}
    return frame


def largest_gaps(cases: Sequence[Case]) -> pd.DataFrame:
    """Every check and its largest gap over periods, a column per case."""
    each = [tables.checks(case) for case in cases]
    frame = pd.DataFrame({title: one.iloc[:, 0] for title, one in zip(answer.titles(cases), each, strict=True)})
    frame.attrs = {**each[0].attrs, "caption": answer.caption(cases)}
    return frame


def _drawing(chart: charts.Chart, tallest: float = PAGE) -> Drawing:
    return Drawing(charts.svg(chart), chart.title, tallest)


def _part(part: Drawing | pd.DataFrame) -> dict[str, Any]:
    if isinstance(part, Drawing):
        return {"svg": part.svg, "alt": part.alt, "tallest": part.tallest}
    text = tables.formatted(part)
    is_words = part.attrs.get("unit") == "text"
    totals = part.attrs.get("totals", ())
    lines = [[str(label), *map(str, cells)] for label, cells in zip(text.index, text.to_numpy().tolist(), strict=True)]
    return {
        "title": str(part.attrs.get("title", "")),
        "note": str(part.attrs.get("caption", "")),
        "whole": len(part) <= MOST_WHOLE,
        "size": SMALL if len(text.columns) > MANY else USUAL,
        "head": ["", *(str(column).replace("_", "_" + BREAK) for column in text.columns)],
        "widths": [2.4, *([1.6 if is_words else 1.0] * len(text.columns))],
        "left": [True, *([is_words] * len(text.columns))],
        "lines": [
            {"cells": cells, "total": cells[0] in totals, "last": place == len(lines) - 1}
            for place, cells in enumerate(lines)
        ],
    }
