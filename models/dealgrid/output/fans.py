"""Charts of futures: fans of rows over the years, how likely clauses are to bind, and which parameters matter."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import numpy as np
import pandas as pd

from dealgrid.analysis.futures import Futures
from dealgrid.inputs import display_value
from dealgrid.output.charts import AMOUNTS, CUT, FAINT, INK, LETTER, PROPOSAL, WIDTH, Chart, colour_of, drawn
from dealgrid.output.rounded import lines_of

BANDS = (("5%", "95%", 0.18), ("25%", "75%", 0.32))  # of a fan, and how dense each is drawn
HEIGHT, LANE, BAR = 260, 26, 27
LINE = 40  # letters of a name of a bar on one line
HALF, LEAST = 0.5, 0.005  # from which a cell is dark, and below which a chance is not written
JUDGEMENT, OTHER = "#C2521A", PROPOSAL  # a parameter of grade J, and any other


def fan(found: Futures, row: str) -> Chart:
    """A row over the coming periods: its median, and the bands that hold half and nine tenths of futures."""
    frame = found.fan(row)
    coming = list(found.binding().columns[:-1])
    frame = frame[coming]
    last, unit = frame[coming[-1]], str(frame.attrs["unit"])
    values = [{"period": period, **{str(k): float(v) for k, v in frame[period].items()}} for period in coming]
    low_end, high_end, cut = _reach(frame, unit)
    scale = {"scale": {"domain": [low_end, high_end]}}
    x = {"field": "period", "type": "ordinal", "title": "Period", "axis": {"labelAngle": 0, "ticks": False}}
    colour = colour_of(found.case)
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "area", "opacity": opacity, "color": colour, "clip": True},
            "encoding": {
                "x": x, "y": {**_quantitative(f"['{low}']", unit), **scale}, "y2": {"field": f"['{high}']"},
            },
        }
        for low, high, opacity in BANDS
    ]  # fmt: skip
    lines = (("['50%']", {"color": colour, "strokeWidth": 2}), ("base", {"color": INK, "strokeDash": [4, 3]}))
    layers += [
        {"mark": {"type": "line", "clip": True, **look}, "encoding": {"x": x, "y": _quantitative(field, unit)}}
        for field, look in lines
    ]
    names = {"95%": "95%", "median": "50%", "5%": "5%", "no doubt": "base"}
    layers.append(_ends({name: float(last[line]) for name, line in names.items()}, coming[-1], x, high_end - low_end))
    low, high = (display_value(float(last[name]), unit) for name in ("5%", "95%"))
    label = found.case.deal.row(row).label
    title = f"{label}: {low} to {high} {unit} in {coming[-1]} in nine of ten futures"
    note = "Bands hold nine tenths and half of the futures; the dashed line is the case without doubt. "
    spec = {"data": {"values": values}, "layer": layers, "width": WIDTH, "height": HEIGHT}
    return drawn(spec, title, note + cut + found.caption)


def binding(found: Futures) -> Chart:
    """How likely each clause is to bind in each period: the darker, the likelier; clauses that never do left out."""
    frame = found.binding()
    frame = frame[(frame > 0).any(axis=1)]
    periods = list(frame.columns[:-1])
    values = [
        {"clause": clause, "period": period, "part": line[period], "dark": line[period] > HALF,
         "shown": "" if line[period] < LEAST else f"{100 * line[period]:.0f}"}
        for clause, line in lines_of(frame) for period in periods
    ]  # fmt: skip
    x = {"field": "period", "type": "ordinal", "title": "Period", "axis": {"labelAngle": 0, "ticks": False}}
    y = {**_names(list(map(str, frame.index))), "field": "clause"}
    colour = {"field": "part", "type": "quantitative", "legend": None,
              "scale": {"domain": [0, 1], "range": ["#F4F6F8", colour_of(found.case)]}}  # fmt: skip
    text = {"mark": {"type": "text", "fontSize": 10}, "encoding": {
        "x": x, "y": y, "text": {"field": "shown", "type": "nominal"},
        "color": {"condition": {"test": "datum.dark", "value": "white"}, "value": INK},
    }}  # fmt: skip
    layers = [{"mark": "rect", "encoding": {"x": x, "y": y, "color": colour}}, text]
    likely = frame.iloc[:, -1]
    certain = int((likely > 1 - LEAST).sum())
    title = f"{len(frame)} clauses may bind, {certain} of them in every future"
    spec = {"data": {"values": values}, "layer": layers, "width": WIDTH, "height": LANE * len(frame)}
    return drawn(spec, title, "Percent of futures in which the clause binds. " + found.caption)


def tornado(frame: pd.DataFrame, most: int) -> Chart:
    """The largest swings of a row, one parameter at a time, those of grade J in their own colour."""
    some = frame.head(most)
    unit = str(frame.attrs["unit"])
    values = [
        {"label": line["label"], "low": min(line["at_low"], line["base"], line["at_high"]),
         "high": max(line["at_low"], line["base"], line["at_high"]), "grade": _grade(line)}
        for _, line in lines_of(some)
    ]  # fmt: skip
    y = _names(list(some["label"]))
    bars = {
        "mark": {"type": "bar", "size": 14},
        "encoding": {"x": _quantitative("low", unit), "x2": {"field": "high"}, "y": y, "color": _by_grade()},
    }
    base = {"data": {"values": [{"base": float(some["base"].iloc[0])}]},
            "mark": {"type": "rule", "color": INK}, "encoding": {"x": _quantitative("base", unit)}}  # fmt: skip
    title = f"{some['label'].iloc[0]} moves it most: by {display_value(float(some['swing'].iloc[0]), unit)} {unit}"
    spec = {"data": {"values": values}, "layer": [bars, base], "width": WIDTH, "height": BAR * len(some)}
    return drawn(spec, title, f"{frame.attrs['title']}. {frame.attrs['caption']}")


def indices(frame: pd.DataFrame) -> Chart:
    """Which parts of the variance come from which parameter, with a standard error to each side."""
    values = [
        {"label": line["label"], "part": 100 * line["total"], "least": 100 * (line["total"] - line["total_error"]),
         "most": 100 * (line["total"] + line["total_error"]), "grade": _grade(line)}
        for _, line in lines_of(frame)
    ]  # fmt: skip
    y = _names(list(frame["label"]))
    x = _quantitative("part", "% of the variance, alone and together with others")
    layers = [
        {"mark": {"type": "bar", "size": 14}, "encoding": {"x": x, "y": y, "color": _by_grade()}},
        {"mark": {"type": "rule", "color": INK},
         "encoding": {"x": _quantitative("least", x["title"]), "x2": {"field": "most"}, "y": y}},
    ]  # fmt: skip
    count = int((frame["grade"] == "J").sum())
    title = f"{frame['label'].iloc[0]} decides most; {count} of these {len(frame)} are our own judgement"
    spec = {"data": {"values": values}, "layer": layers, "width": WIDTH, "height": BAR * len(frame)}
    return drawn(spec, title, f"{frame.attrs['title']}. {frame.attrs['caption']}")


def _quantitative(field: str, title: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, "axis": {"labelExpr": AMOUNTS, "ticks": False}}


def _names(names: list[str]) -> dict[str, Any]:
    """Names of bars on their left, in the order given; there is room for them, and long ones take two lines."""
    lines = {name: textwrap.wrap(name, LINE) for name in names}
    room = LETTER * max(len(line) for each in lines.values() for line in each)
    long = [name for name, each in lines.items() if len(each) > 1]  # half a line higher, to stand beside their bars
    is_long = f"indexof({json.dumps(long)}, datum.value) >= 0"
    axis = {
        "labelLimit": 0, "ticks": False, "domain": False, "labelPadding": 8, "minExtent": room, "labelFontSize": 10.5,
        "labelExpr": f"{json.dumps(lines)}[datum.label]",
        "labelOffset": {"condition": {"test": is_long, "value": -6}, "value": 0},
    }  # fmt: skip
    return {"field": "label", "type": "ordinal", "sort": names, "title": None, "axis": axis}


def _grade(line: dict[str, Any]) -> str:
    return "J: our judgement" if line["grade"] == "J" else "other"


def _by_grade() -> dict[str, Any]:
    return {
        "field": "grade", "type": "nominal",
        "scale": {"domain": ["J: our judgement", "other"], "range": [JUDGEMENT, OTHER]},
        "legend": {"title": "Grade", "orient": "top", "symbolType": "square", "columnPadding": 40},
    }  # fmt: skip


def _reach(frame: pd.DataFrame, unit: str) -> tuple[float, float, str]:
    """The ends of the axis of a fan, cut where one period dwarfs all others, and what is then said of it."""
    values = frame.loc[["base", *(end for low, high, _ in BANDS for end in (low, high))]].to_numpy(dtype=float)
    sizes = np.abs(values).max(axis=0)
    order = np.argsort(sizes)
    limit, said = float(sizes[order[-1]]), ""
    if len(order) > 1 and sizes[order[-1]] > CUT * sizes[order[-2]] > 0:
        limit, period = float(sizes[order[-2]]), frame.columns[order[-1]]
        low, high = (display_value(float(frame.loc[end, period]), unit) for end in BANDS[0][:2])
        said = f"{period} is cut: nine in ten lie from {low} to {high} {unit}. "
    low_end, high_end = float(np.clip(values.min(), -limit, 0)), float(np.clip(values.max(), 0, limit))
    return 1.05 * low_end, 1.05 * high_end or 1.0, said


def _ends(ends: dict[str, float], period: str, x: dict[str, Any], span: float) -> dict[str, Any]:
    """Names of lines at their ends, pushed apart where they would stand on each other."""
    order = sorted(ends.items(), key=lambda pair: -pair[1])
    gap, values, above = span * 14 / HEIGHT, [], float("inf")
    for name, value in order:
        place = min(value, above - gap)
        values.append({"period": period, "name": name, "place": place})
        above = place
    return {
        "data": {"values": values},
        "mark": {"type": "text", "align": "left", "dx": 12, "color": FAINT, "clip": False},
        "encoding": {"x": x, "y": {"field": "place", "type": "quantitative"}, "text": {"field": "name"}},
    }
