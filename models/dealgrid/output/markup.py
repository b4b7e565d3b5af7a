"""Pictures and tables as HTML strings, drawn in a millisecond: the shared ones take a tenth of a second each."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dealgrid.inputs import display_value
from dealgrid.output import answer, charts, tables
from dealgrid.problems import Problem

FONT = f"font-family: {charts.FONT}; color: {charts.INK}"
SMALL = f"{FONT}; font-size: 11px"
NAMES, PLOT, FIGURES = 190, 380, 80  # widths in a picture, in pixels
LINE, BAR = 19, 13  # height of a line of a picture, and of the bar in it


@dataclass(frozen=True)
class Bar:
    """A bar with the name before it and the figure behind it."""

    label: str
    start: float
    end: float
    fill: str
    figure: float | None = None  # the bar's end where it is not another


def bars(rows: Sequence[Bar], title: str) -> str:
    """Bars from left to right on one scale, a line each, with the name before and the figure behind it."""
    ends = [0.0, *(each for row in rows for each in (row.start, row.end))]
    low, span = min(ends), max(ends) - min(ends) or 1.0
    parts = []
    for place, row in enumerate(rows):
        top = place * LINE + 2
        left, right = (NAMES + PLOT * (each - low) / span for each in sorted((row.start, row.end)))
        figure = display_value(row.end if row.figure is None else row.figure, answer.AMOUNT)
        stroke = charts.FAINT if row.fill == "none" else row.fill
        parts.append(letters(0, top + BAR - 2, row.label))
        parts.append(rect(left, top, max(right - left, 0.5), BAR, row.fill, stroke))
        parts.append(letters(right + 4, top + BAR - 2, figure))
    zero = NAMES - PLOT * low / span
    parts.append(rect(zero, 0, 0.5, len(rows) * LINE, charts.FAINT, "none"))
    return svg(NAMES + PLOT + FIGURES, len(rows) * LINE + 2, parts, title)


def svg(width: float, height: float, parts: Sequence[str], title: str) -> str:
    """A picture of so many pixels, which a narrow page makes smaller; `title` is what is read out of it."""
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" style="width: {width:.0f}px; max-width: 100%"'
    named = f'role="img" aria-label="{html.escape(title)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {named} {size}>{"".join(parts)}</svg>'


def still(drawn: str) -> str:
    """The same HTML with its pictures as images, which pages keep that take SVG apart until they are trusted."""

    def image(found: re.Match[str]) -> str:
        data = base64.b64encode(found[0].encode()).decode()
        return f'<img alt="{found[1]}" width="{found[2]}" src="data:image/svg+xml;base64,{data}">'

    return re.sub(r'<svg [^>]*aria-label="([^"]*)" viewBox="0 0 (\d+) .*?</svg>', image, drawn, flags=re.DOTALL)


def rect(x: float, y: float, width: float, height: float, fill: str, stroke: str) -> str:
    """A rectangle."""
    size = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {size} fill="{fill}" stroke="{stroke}"/>'


def letters(x: float, y: float, text: str, anchor: str = "start", colour: str = charts.INK) -> str:
    """A line of text; nothing for none. `anchor` is start, middle or end."""
    style = f'font-size="11" font-family="{charts.FONT}" fill="{colour}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(text)}</text>' if text else ""


def heading(text: str) -> str:
    """A line above a picture or table."""
    return f'<div style="{FONT}; font-size: 12px; line-height: 1.4">{html.escape(text)}</div>'


def legend(names: Sequence[str], colours: Sequence[str]) -> str:
    """The colour of each name."""
    keys = zip(names, colours, strict=True)
    marks = [f'<span style="color: {colour}">■</span> {html.escape(name)}' for name, colour in keys]
    return f'<div style="{FONT}; font-size: 12px; line-height: 1.6">{"&emsp;".join(marks)}</div>'


def table(frame: pd.DataFrame, title: str = "", is_text: bool = False) -> str:
    """A table of the house as plain HTML, its figures formatted but where they are texts already."""
    text = frame if is_text else tables.formatted(frame)
    totals = frame.attrs.get("totals", ())
    cell = "padding: 1px 7px; text-align: right; white-space: nowrap"
    wrapped = "padding: 1px 7px; text-align: right; vertical-align: bottom; max-width: 150px"
    head = "".join(f'<th style="{wrapped}">{html.escape(str(column))}</th>' for column in text.columns)
    lines = []
    for label, line in zip(text.index, text.to_numpy(dtype=object), strict=True):
        weight = "; font-weight: bold; border-top: 1px solid" if label in totals else ""
        figures = "".join(f'<td style="{cell}">{html.escape(str(each))}</td>' for each in line)
        lines.append(
            f'<tr style="background: none{weight}"><td style="text-align: left; white-space: nowrap">'
            f"{html.escape(str(label))}</td>{figures}</tr>"
        )
    style = f"{FONT}; font-size: 12px; line-height: 1.4; border-collapse: collapse; margin: 6px 0"
    named = heading(title or frame.attrs["title"])
    body = f'<table style="{style}"><tr style="border-bottom: 1px solid"><th></th>{head}</tr>{"".join(lines)}</table>'
    return f'{named}<div style="overflow-x: auto">{body}</div>'


def said(problems: Sequence[Problem]) -> str:
    """Problems as text; nothing for none."""
    text = "\n".join(str(problem) for problem in problems)
    return f'<pre role="alert" style="white-space: pre-wrap; margin: 4px 0">{html.escape(text)}</pre>' if text else ""
