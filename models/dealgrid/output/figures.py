"""Figures of rows: one row over the periods of many cases, totals of many rows, and lines that draw either.

Cases come under names of the reader's choosing, which tell them apart in a table's lines or columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dealgrid.deal import VALUATION_DATE, Case, Deal
from dealgrid.inputs import display_value
from dealgrid.output import answer, charts, tables

ROOM = 60  # right of the names at line ends, which are cut where letters are wider than those measured
HEIGHT, SPACE, KEY = 260, 15, 10  # pixels: of a line chart, between names at line ends, and before them
COLOURS = "colours"  # key of `frame.attrs`: a colour per line, where lines have one everywhere


def over_periods(cases: Mapping[str, Case], name: str, title: str) -> pd.DataFrame:
    """One row in each case: a line per case, a column per period of the forecast. InputError if it is not a row."""
    row = _first(cases).deal.row(name)
    lines = {label: _forecast(case, case.values[row.name]) for label, case in cases.items()}
    frame = pd.DataFrame.from_dict(lines, orient="index")
    frame.attrs = _about(cases, title) | {"unit": row.unit, COLOURS: charts.distinct_colours(list(cases.values()))}
    return frame


def over_forecast(case: Case, names: Sequence[str], title: str) -> pd.DataFrame:
    """Rows of one case that share a unit: a line per row, a column per period of the forecast."""
    rows = [case.deal.row(name) for name in names]
    frame = pd.DataFrame.from_dict({row.label: _forecast(case, case.values[row.name]) for row in rows}, orient="index")
    colours = [_holder_colour(case, name) for name in names]
    about = _about({"": case}, title) | {"unit": rows[0].unit}
    frame.attrs = about | ({COLOURS: colours} if all(colours) else {})
    return frame


def grid(cases: Mapping[str, Mapping[str, Case]], name: str, title: str) -> pd.DataFrame:
    """One row's total over two lists of changes: a line per outer name, a column per inner one."""
    lines = {line: {column: total(case, name) for column, case in inner.items()} for line, inner in cases.items()}
    frame = pd.DataFrame.from_dict(lines, orient="index")
    every = {f"{line} {column}": case for line, inner in cases.items() for column, case in inner.items()}
    frame.attrs = _about(every, title) | {"unit": _first(every).deal.row(name).unit}
    return frame


def changes(frame: pd.DataFrame, title: str) -> pd.DataFrame:
    """What each column has more than the first: the same table, without the first column."""
    kept, *others = frame.columns
    changed = frame[others].sub(frame[kept], axis=0)
    changed.attrs = frame.attrs | {"title": title}
    return changed


def totals(cases: Mapping[str, Case], names: Sequence[str], title: str) -> pd.DataFrame:
    """Rows as one figure a case: flows added up over all periods, of all else the last; a column per case."""
    deal = _first(cases).deal
    rows = [deal.row(name) for name in names]
    frame = pd.DataFrame(
        {label: [total(case, row.name) for row in rows] for label, case in cases.items()},
        index=pd.Index([_label(deal, name) for name in names]),
    )
    units = list(dict.fromkeys(row.unit for row in rows))
    colours = [_holder_colour(_first(cases), name) for name in names]
    about = _about(cases, title)
    if len(units) > 1:
        frame.insert(0, tables.UNIT, [row.unit for row in rows])
    frame.attrs = about | ({"unit": units[0]} if len(units) == 1 else {}) | ({COLOURS: colours} if all(colours) else {})
    return frame


def total(case: Case, name: str) -> float:
    """A row as one figure: a flow added up over all periods, of all else the last. InputError if it is not a row."""
    row = case.deal.row(name)
    values = case.values[row.name]
    return float(values if row.is_once else values.sum() if row.shape == "flow" else values[-1])


def largest(case: Case, name: str) -> tuple[str, float]:
    """The period in which a row is largest, and how large it is there."""
    place = int(np.argmax(case.values[name]))
    return case.calendar.periods[place], float(case.values[name][place])


def said(value: float, unit: str = answer.AMOUNT) -> str:
    """A figure in house style, for a sentence; in US$ bn unless told otherwise."""
    return display_value(float(value), unit)


def lines(frame: pd.DataFrame, title: str, axis: str) -> charts.Chart:
    """A table's lines drawn over its columns, each named at its end; `axis` says what the columns are."""
    unit = str(frame.attrs.get("unit", answer.AMOUNT))
    data = charts._long(frame, "line", "column")
    data["shown"] = [display_value(value, unit) for value in data["value"]]
    is_scale = all(column.replace(".", "", 1).isdigit() for column in frame.columns)
    if is_scale:
        data["column"] = data["column"].astype(float)
    colours = list(frame.attrs.get(COLOURS, charts.OTHERS[: len(frame)]))
    x: dict[str, Any] = {"field": "column", "title": axis, "type": "quantitative" if is_scale else "ordinal"}
    ends = [float(data["column"].min()), float(data["column"].max())] if is_scale else list(frame.columns)
    x |= {"scale": {"domain": ends, "nice": False}, "axis": {"grid": False, "labelAngle": 0, "tickCount": 8}}
    x["axis"] |= {"format": "d"} if is_scale else {"values": ends[:: _apart(ends)]}
    low, high = min(0.0, float(data["value"].min())), max(0.0, float(data["value"].max()))
    domain = [low, high + (high - low or 1.0) * 0.05]
    scale = {"domain": domain, "nice": False}
    percent = unit == "fraction"
    label = "format(abs(datum.value), '.0%')" if percent else "format(abs(datum.value), ',')"
    y = {
        "field": "value",
        "type": "quantitative",
        "title": "%" if percent else unit,
        "scale": scale,
        "axis": {"labelExpr": f"datum.value < 0 ? '(' + {label} + ')' : {label}", "tickCount": 6, "ticks": False},
    }
    colour = {
        "field": "line",
        "type": "nominal",
        "scale": {"domain": list(frame.index), "range": colours},
        "legend": None,
    }
    tooltip = [{"field": each, "type": "nominal"} for each in ("line", "column", "shown")]
    drawn = {"x": x, "y": y, "color": colour, "tooltip": tooltip}
    height = {"field": "height", "type": "quantitative", "scale": scale}
    ends_of_lines = {"data": {"name": "ends", "values": _ends(frame, domain)}}
    keys = ends_of_lines | {
        "mark": {"type": "point", "shape": "square", "filled": True, "size": 60, "opacity": 1},
        "encoding": {"x": {"value": charts.WIDTH + KEY}, "y": height, "color": colour},
    }
    names = ends_of_lines | {
        "mark": {"type": "text", "align": "left", "dx": 2 * KEY, "color": charts.INK},
        "encoding": {"x": {"value": charts.WIDTH}, "y": height, "text": {"field": "name", "type": "nominal"}},
    }
    return charts.Chart(
        {
            "$schema": charts.SCHEMA,
            "config": charts.HOUSE,
            "title": charts.headed(title, frame.attrs["caption"]),
            "width": charts.WIDTH,
            "height": HEIGHT,
            "padding": {"left": 5, "top": 5, "bottom": 5, "right": ROOM},
            "datasets": {"drawn": data.to_dict(orient="records")},
            "layer": [
                {
                    "data": {"name": "drawn"},
                    "mark": {"type": "line", "strokeWidth": 2.5, "point": {"size": 24}},
                    "encoding": drawn,
                },
                keys,
                names,
            ],
        }
    )


def _apart(names: Sequence[Any]) -> int:
    """Every how many names stand under an axis, so that they do not run into each other."""
    room = charts.LETTER * max(len(str(name)) for name in names)
    return max(1, math.ceil(len(names) * room / charts.WIDTH))


def _ends(frame: pd.DataFrame, domain: Sequence[float]) -> list[dict[str, Any]]:
    """Where the names of lines stand, cut at a comma: at their ends, moved apart where they would overlap."""
    space = (domain[1] - domain[0]) * SPACE / HEIGHT
    last = frame.iloc[:, -1].sort_values(kind="stable")
    short = [str(line).partition(",")[0] for line in last.index]
    names = short if len(set(short)) == len(short) else list(last.index)
    heights: list[float] = []
    for value in last:
        heights.append(max(float(value), heights[-1] + space) if heights else float(value))
    over = max(heights[-1] - domain[1], 0.0)
    for place in reversed(range(len(heights))):  # what was pushed out at the top goes back down
        heights[place] = min(heights[place], domain[1] - (len(heights) - 1 - place) * space) if over else heights[place]
    return [
        {"line": line, "name": name, "height": height}
        for line, name, height in zip(last.index, names, heights, strict=True)
    ]


def _about(cases: Mapping[str, Case], title: str) -> dict[Any, Any]:
    """Title and caption of a table; cases of one scenario are said together, with all that is set in any of them."""
    given = list(cases.values())
    scenarios: dict[str, dict[str, list[str]]] = {}
    for case in given:
        known = scenarios.setdefault(case.title, {})
        for name, value in _changes(case):
            known[name] = list(dict.fromkeys([*known.get(name, []), value]))
    said = "; ".join(_together(scenario, known) for scenario, known in scenarios.items())
    caption = answer.caption(given).replace("; ".join(answer.titles(given)), said)
    return {"title": title, "caption": caption, "totals": []}


def _together(scenario: str, known: Mapping[str, Sequence[str]]) -> str:
    changes = [f"{name} = {' or '.join(values)}" if any(values) else name for name, values in known.items()]
    return f"{scenario} with {', '.join(changes)}" if changes else scenario


def _changes(case: Case) -> list[tuple[str, str]]:
    """What was set or pinned on top of a case's scenario, as its title says it: names and values."""
    said = answer.titles([case])[0].removeprefix(case.title).removeprefix(" with ")
    pairs = [each.partition(" = ") for each in said.split(", ") if each]
    return [(name, value) for name, _, value in pairs]


def _label(deal: Deal, name: str) -> str:
    """The short label a value has in the story, else the row's own."""
    story = deal.story
    short = {**story.streams, **story.holders, story.total: "Total"}
    return short.get(name, deal.row(name).label)


def _first(cases: Mapping[str, Case]) -> Case:
    return next(iter(cases.values()))


def _forecast(case: Case, values: np.ndarray) -> dict[str, float]:
    """A row's figures from the period of the valuation date on."""
    valued = float(case.given[VALUATION_DATE])  # type: ignore[arg-type]
    ends = case.calendar.ingredients()["period_end"]
    return {
        name: float(value) for name, value, end in zip(case.calendar.periods, values, ends, strict=True) if end > valued
    }


def _holder_colour(case: Case, name: str) -> str:
    """The colour of the holder a row is about, by the words its name begins with; empty if about none."""
    colours = charts.holder_colours(case.deal.story)
    about = [each for each in colours if name.startswith(each.removesuffix("value"))]
    return colours[max(about, key=len)] if about else ""
