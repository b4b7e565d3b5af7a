"""Charts of a negotiation: the map with its zone of agreement and curves, and gains by belief."""

from __future__ import annotations

import html
import itertools
from typing import Any

import pandas as pd

from dealgrid.analysis.bargain import SURE, Bargaining, Place, turning_points
from dealgrid.analysis.levers import Lever
from dealgrid.dates import date_of
from dealgrid.inputs import UNITS
from dealgrid.output import rounded, tables
from dealgrid.output.charts import HOLDERS, INK, LETTER, MARGIN, WIDTH, Chart, drawn, svg

ACROSS, UP = WIDTH + MARGIN, 420  # of the map, in pixels
LIFT = 15  # pixels by which names of marks beside each other stand one above the other
ZONE = "#DDEBDD"


def chart(found: Bargaining) -> Chart:
    """The map: shaded where both gain, each party's indifference curve with the band that holds it 95 times in 100."""
    across, up = found.levers
    x, y = (_axis(each, what) for each, what in ((across, "x"), (up, "y")))
    scales = {
        "x": {**x, "scale": _domain(found.across, across)},
        "y": {**y, "scale": _domain(found.up, up)},
    }
    layers = [_zone(found, scales), *(_curves(found, party, scales) for party in (0, 1)), *_places(found, scales)]
    spec = {"layer": layers, "width": ACROSS, "height": UP}
    even = found.equal_gain()
    title = "Nowhere on the map do both sides gain"
    if even:
        title = (
            f"Both sides gain between the curves, most evenly at {across.shown(even.across)} and {up.shown(even.up)}"
        )
    note = (
        f"Shaded: both gain over {found.study.present.replace('_', ' ')}. Solid: where a side is indifferent; thin: "
        "where it would be 1.96 standard errors of the mean away. "
    )
    return drawn(spec, title, note + found.caption)


def belief(frame: pd.DataFrame, found: Bargaining) -> Chart:
    """What the deal brings each side by a belief, with a band of 1.96 standard errors."""
    layers: list[dict[str, Any]] = []
    told = []
    for place, surface in enumerate(found.surfaces):
        name, label, colour = surface.party.name, surface.party.label, HOLDERS[place]
        values = [
            {
                "chance": 100 * chance,
                "gain": gain,
                "low": gain - SURE * error,
                "high": gain + SURE * error,
                "label": label,
            }
            for chance, gain, error in frame[["probability", f"{name}_gain", f"{name}_error"]].to_numpy().tolist()
        ]
        x = {"field": "chance", "type": "quantitative", "title": "Probability believed in, %"}
        y = {"field": "gain", "type": "quantitative", "title": "Gain over the present contract, US$ bn"}
        end = max(values, key=lambda line: float(line["chance"]))
        layers += [
            {"data": {"values": values}, "mark": {"type": "area", "opacity": 0.2, "color": colour},
             "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}},
            {"data": {"values": values}, "mark": {"type": "line", "color": colour}, "encoding": {"x": x, "y": y}},
            {"data": {"values": [end]}, "mark": {"type": "text", "align": "right", "dy": -8, "color": colour},
             "encoding": {"x": x, "y": y, "text": {"field": "label"}}},
        ]  # fmt: skip
        turns = turning_points(frame, name)
        told += [f"{label} would not sign beyond {turn:.0%}" for turn, _ in turns] or [_always(values, label)]
    layers.append({"data": {"values": [{"zero": 0}]}, "mark": {"type": "rule", "color": INK},
                   "encoding": {"y": {"field": "zero", "type": "quantitative"}}})  # fmt: skip
    spec = {"layer": layers, "width": ACROSS, "height": UP * 0.6}
    return drawn(spec, "; ".join(told), f"{frame.attrs['title']}. {frame.attrs['caption']}")


def page(found: Bargaining, beliefs: pd.DataFrame | None) -> str:
    """The map and its points as one page that needs no other file."""
    labels = [surface.party.label for surface in found.surfaces]
    parts = [f"<h1>{html.escape(found.study.title)}</h1>", f"<p>{html.escape(found.study.why)}</p>", svg(chart(found)),
             tables.as_html(rounded.gains(found.places(), labels))]  # fmt: skip
    if beliefs is not None:
        parts.append(svg(belief(beliefs, found)))
    body = "\n".join(parts)
    style = "body { font-family: Arial, sans-serif; max-width: 60em; margin: 2em auto; color: #222 }"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(found.study.title)}</title>'
        f"<style>{style}</style></head><body>\n{body}\n</body></html>\n"
    )


def _always(values: list[dict[str, Any]], label: str) -> str:
    gains = [line["gain"] for line in values]
    return f"{label} {'gains' if min(gains) >= 0 else 'loses'} at every belief shown"


def _axis(turned: Lever, channel: str) -> dict[str, Any]:
    parameter = turned.parameter
    unit = {"fraction": "%", "date": "year"}.get(UNITS[parameter.unit].kind, parameter.unit)
    title = f"{parameter.label}, {'last level of its path, ' if turned.is_path else ''}{unit}"
    axis = {"format": "d"} if unit == "year" else {}
    return {"field": channel, "type": "quantitative", "title": title, "axis": {"grid": False, **axis}}


def _scaled(value: float, turned: Lever) -> float:
    """A value as the axis shows it: percent, or a date as a year with its fraction."""
    kind = UNITS[turned.parameter.unit].kind
    if kind == "date":
        day = date_of(value)
        return day.year + (day.timetuple().tm_yday - 1) / 365.25
    return value * 100 if kind == "fraction" else value


def _domain(values: Any, turned: Lever) -> dict[str, Any]:
    return {"domain": [_scaled(float(each), turned) for each in (values[0], values[-1])], "nice": False}


def _edges(values: Any) -> list[tuple[float, float]]:
    """The cell of each value on an axis: halfway to its neighbours."""
    middles = [(float(a) + float(b)) / 2 for a, b in itertools.pairwise(values)]
    ends = [float(values[0]), *middles, float(values[-1])]
    return list(itertools.pairwise(ends))


def _zone(found: Bargaining, scales: dict[str, Any]) -> dict[str, Any]:
    """Cells in which both gain, joined along each line so that the page stays small."""
    across, up = found.levers
    columns, lines = _edges(found.across), _edges(found.up)
    values: list[dict[str, float]] = []
    for row, flags in enumerate(found.zone):
        begin = None
        for column, both in enumerate([*flags, False]):
            if both and begin is None:
                begin = column
            elif not both and begin is not None:
                values.append({
                    "x": _scaled(columns[begin][0], across), "x2": _scaled(columns[column - 1][1], across),
                    "y": _scaled(lines[row][0], up), "y2": _scaled(lines[row][1], up),
                })  # fmt: skip
                begin = None
    encoding = {**scales, "x2": {"field": "x2"}, "y2": {"field": "y2"}}
    return {"data": {"values": values}, "mark": {"type": "rect", "color": ZONE}, "encoding": encoding}


def _curves(found: Bargaining, party: int, scales: dict[str, Any]) -> dict[str, Any]:
    across, up = found.levers
    values = []
    for errors, width in ((0.0, 2.0), (SURE, 0.7), (-SURE, 0.7)):
        for x, y, x2, y2 in found.indifference(party, errors).tolist():
            values.append({
                "x": _scaled(x, across), "y": _scaled(y, up), "x2": _scaled(x2, across), "y2": _scaled(y2, up),
                "width": width,
            })  # fmt: skip
    encoding = {
        **scales, "x2": {"field": "x2"}, "y2": {"field": "y2"},
        "strokeWidth": {"field": "width", "type": "quantitative", "scale": None},
    }  # fmt: skip
    lines = {
        "data": {"values": values}, "mark": {"type": "rule", "color": HOLDERS[party], "strokeCap": "round"},
        "encoding": encoding,
    }  # fmt: skip
    solid = [each for each in values if each["width"] > 1]
    if not solid:
        return lines
    top = max(solid, key=lambda each: max(each["y"], each["y2"]) + (each["x"] if party else -each["x"]) * 1e-6)
    label = f"{found.surfaces[party].party.label} indifferent"
    ends = [_scaled(float(each), across) for each in (found.across[0], found.across[-1])]
    is_left = top["x"] < sum(ends) / 2
    text = {
        "data": {"values": [{"x": top["x"], "y": max(top["y"], top["y2"]), "label": label}]},
        "mark": {"type": "text", "align": "left" if is_left else "right", "dx": 6 if is_left else -6, "dy": 12,
                 "color": INK, "fontWeight": 600},
        "encoding": {**scales, "text": {"field": "label"}},
    }  # fmt: skip
    return {"layer": [lines, text]}


def _places(found: Bargaining, scales: dict[str, Any]) -> list[dict[str, Any]]:
    """Marks of scenarios, the Nash point and the point of equal gain, each with its name; marks of one place in one."""
    across, up = found.levers
    by_place: dict[tuple[float, float], list[str]] = {}
    own = [each for each in (found.nash(), found.equal_gain()) if each]
    for each in (*found.marks, *own):
        if _is_on(each, found):
            by_place.setdefault((_scaled(each.across, across), _scaled(each.up, up)), []).append(each.name)
    ours = {(_scaled(each.across, across), _scaled(each.up, up)) for each in own}
    begin, end = (_scaled(float(each), across) for each in (found.across[0], found.across[-1]))
    values: list[dict[str, Any]] = [
        {"x": x, "y": y, "name": names, "shape": "diamond" if (x, y) in ours else "circle"}
        for (x, y), names in by_place.items()
    ]
    points = {
        "data": {"values": values}, "mark": {"type": "point", "filled": True, "size": 60, "color": INK, "opacity": 1},
        "encoding": {**scales, "shape": {"field": "shape", "type": "nominal", "scale": None, "legend": None}},
    }  # fmt: skip
    names = []
    for value in values:
        x, long = value["x"], max(map(len, value["name"])) * LETTER * (end - begin) / ACROSS
        is_left = x + long > end  # no room to the right
        reach = (x - long, x) if is_left else (x, x + long)
        beside = {each["x"] for each in values if each["y"] == value["y"]} - {x}
        over = sum(reach[0] < each < reach[1] for each in beside)  # marks the name would run over
        names.append({
            "data": {"values": [value]},
            "mark": {"type": "text", "align": "right" if is_left else "left", "dx": -8 if is_left else 8,
                     "dy": -LIFT * over, "fontSize": 10, "color": INK},
            "encoding": {**scales, "text": {"field": "name"}},
        })  # fmt: skip
    return [points, *names]


def _is_on(place: Place, found: Bargaining) -> bool:
    return (
        found.across[0] <= place.across <= found.across[-1] and found.up[0] <= place.up <= found.up[-1]
    )  # fmt: skip
