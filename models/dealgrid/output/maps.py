"""Charts of a negotiation: the map with its zone of agreement and curves, and gains by belief."""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dealgrid.analysis.bargain import SURE, Bargaining, Place, turning_points
from dealgrid.analysis.levers import Lever
from dealgrid.dates import date_of
from dealgrid.inputs import UNITS
from dealgrid.output import rounded, tables
from dealgrid.output.charts import AMOUNTS, HOLDERS, INK, LETTER, MARGIN, WIDTH, Chart, drawn, svg
from dealgrid.output.page import whole

ACROSS, UP = WIDTH + MARGIN, 420  # of the map, in pixels
LIFT, DOT, MARK = 13, 8, 5  # height of a line of a name, its distance from a mark, half of a mark, in pixels
ALONG = 5  # points at which a piece of a curve is looked at
ZONE = "#DDEBDD"


def chart(found: Bargaining) -> Chart:
    """The map: shaded where both gain, each party's indifference curve with the band that holds it 95 times in 100."""
    across, up = found.levers
    x, y = (_axis(each, what) for each, what in ((across, "x"), (up, "y")))
    scales = {
        "x": {**x, "scale": _domain(found.across, across)},
        "y": {**y, "scale": _domain(found.up, up)},
    }
    layers = [
        _zone(found, scales), *(_curves(found, party, scales) for party in (0, 1)), _points(found, scales),
        *_names(found, scales),
    ]  # fmt: skip
    spec = {"layer": layers, "width": ACROSS, "height": UP}
    even = found.equal_gain()
    title = "Nowhere on the map do both sides gain"
    if even:
        title = (
            f"Both sides gain between the curves, most evenly at {across.shown(even.across)} and {up.shown(even.up)}"
        )
    note = (
        "Shaded: both gain over the present contract. Thick curves: where a side is indifferent. Thin curves to either "
        "side of it: were other futures drawn, it would lie between them 95 times in 100. "
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
        x = {"field": "chance", "type": "quantitative", "title": f"Chance believed in, %{frame.attrs['each']}"}
        y = {"field": "gain", "type": "quantitative", "title": "Gain over the present contract, US$ bn",
             "axis": {"labelExpr": AMOUNTS}}  # fmt: skip
        end = max(values, key=lambda line: float(line["chance"]))
        layers += [
            {"data": {"values": values}, "mark": {"type": "area", "opacity": 0.2, "color": colour},
             "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}},
            {"data": {"values": values}, "mark": {"type": "line", "color": colour}, "encoding": {"x": x, "y": y}},
            {"data": {"values": [end]}, "mark": {"type": "text", "align": "left", "dx": 8, "color": INK, "clip": False},
             "encoding": {"x": x, "y": y, "text": {"field": "label"}}},
        ]  # fmt: skip
        turns = turning_points(frame, name)
        told += [f"{label} is indifferent at {turn:.0%}{frame.attrs['each']}" for turn, _ in turns] or [
            _always(values, label)
        ]
    layers.append({"data": {"values": [{"zero": 0}]}, "mark": {"type": "rule", "color": INK},
                   "encoding": {"y": {"field": "zero", "type": "quantitative"}}})  # fmt: skip
    spec = {"layer": layers, "width": WIDTH, "height": UP * 0.6}
    return drawn(spec, "; ".join(told), f"{frame.attrs['title']}. {frame.attrs['caption']}")


EXPLAINED = (
    "Gains are over the present contract, in the same futures, each ± its standard error. Regrets is the part of "
    "futures in which a side would have done better to stay with the present contract. Nash is the point with the "
    "largest product of gains; equal gain the one at which whoever gains less gains most."
)


def page(found: Bargaining, seen: pd.DataFrame, turned: pd.DataFrame | None) -> str:
    """The map, its points and why both sign as one page that needs no other file.

    `seen` is what `bargain.beliefs` gives, `turned` what `bargain.dial` does, where the study has a belief to turn.
    """
    labels = [surface.party.label for surface in found.surfaces]
    said = [*rounded.agreement(found), *rounded.marked(found)]
    parts = [f"<h1>{html.escape(found.study.title)}</h1>", f"<p>{html.escape(found.study.why)}</p>", _listed(said),
             svg(chart(found)), tables.as_html(rounded.gains(found.places(), labels)), f"<p>{EXPLAINED}</p>",
             f"<h2>Why both sign</h2><p>{WHY}</p>"]  # fmt: skip
    parts += [_listed(rounded.why(seen, turned, found))] if turned is not None else []
    parts.append(tables.as_html(rounded.gains(seen, labels)))
    parts += [svg(belief(turned, found))] if turned is not None else []
    return whole(found.study.title, "\n".join(parts), found.caption)


WHY = "A side may sign because it believes something the other does not. So the deal is seen with each side's belief."


def _listed(told: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in told)}</ul>"


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
    return {
        "data": {"values": values}, "mark": {"type": "rule", "color": HOLDERS[party], "strokeCap": "round"},
        "encoding": encoding,
    }  # fmt: skip


def _marked(found: Bargaining) -> dict[tuple[float, float], list[str]]:
    """What stands on the map, by its place on the axes: marks of scenarios, the Nash point and that of equal gain."""
    across, up = found.levers
    by_place: dict[tuple[float, float], list[str]] = {}
    for each in (*found.marks, *_own(found)):
        if _is_on(each, found):
            by_place.setdefault((_scaled(each.across, across), _scaled(each.up, up)), []).append(each.name)
    return by_place


def _own(found: Bargaining) -> list[Place]:
    return [each for each in (found.nash(), found.equal_gain()) if each]


def _points(found: Bargaining, scales: dict[str, Any]) -> dict[str, Any]:
    across, up = found.levers
    ours = {(_scaled(each.across, across), _scaled(each.up, up)) for each in _own(found)}
    values = [{"x": x, "y": y, "shape": "diamond" if (x, y) in ours else "circle"} for x, y in _marked(found)]
    return {
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 60, "color": INK, "opacity": 1, "clip": False},
        "encoding": {**scales, "shape": {"field": "shape", "type": "nominal", "scale": None, "legend": None}},
    }


# --- where names stand ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Box:
    """A rectangle on the map, in pixels from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether two rectangles have a point in common."""
        is_beside = self.right < other.left or other.right < self.left
        return not (is_beside or self.bottom < other.top or other.bottom < self.top)

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether a point lies in it."""
        return self.left <= point[0] <= self.right and self.top <= point[1] <= self.bottom


FRAME = Box(0, 0, ACROSS, UP)


def box_beside(x: float, y: float, lines: Sequence[str], side: int, lift: int) -> Box:
    """The room that lines of a name take beside a point: to its left (-1) or right (1), below (-1) or above (1) it."""
    wide, tall = max(map(len, lines)) * LETTER, LIFT * len(lines)
    left = x + DOT if side > 0 else x - DOT - wide
    top = y - tall / 2 - lift * (tall / 2 + DOT + 1)
    return Box(left, top, left + wide, top + tall)


def best_box(boxes: Sequence[Box], taken: Sequence[Box], curves: Sequence[tuple[float, float]]) -> Box:
    """Of the boxes, which are in order of liking, the one that leaves the map least, meets least, and hides least."""

    def cost(place: int) -> float:
        box = boxes[place]
        leaves = sum((box.left < FRAME.left, box.top < FRAME.top, box.right > FRAME.right, box.bottom > FRAME.bottom))
        return 1000 * leaves + 100 * sum(map(box.meets, taken)) + sum(map(box.holds, curves)) + place / len(boxes)

    return boxes[min(range(len(boxes)), key=cost)]


def _names(found: Bargaining, scales: dict[str, Any]) -> list[dict[str, Any]]:
    """The names of marks and curves, each where it hides nothing, as far as there is such a place."""
    points = {place: _pixels(found, *place) for place in _marked(found)}
    curves = [
        [point for piece in found.indifference(party, errors).tolist() for point in _along(found, piece)]
        for errors in (0.0, SURE, -SURE) for party in (0, 1)
    ]  # fmt: skip
    both = list(itertools.chain.from_iterable(curves))
    taken = [Box(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in points.values()]
    layers: list[dict[str, Any]] = []
    for place, lines in _marked(found).items():
        x, y = points[place]
        boxes = [box_beside(x, y, lines, side, lift) for lift in (0, 1, -1) for side in (1, -1)]
        taken.append(best_box(boxes, taken, both))
        layers += _text(lines, taken[-1], taken[-1].left > x, 10, "normal")
    for party, surface in enumerate(found.surfaces):
        lines = [f"{surface.party.label} indifferent"]
        solid = sorted(
            (_along(found, piece)[0] for piece in found.indifference(party).tolist()), key=lambda each: each[1]
        )
        boxes = [box_beside(x, y, lines, side, 0) for x, y in solid for side in (-1, 1)]
        if boxes:
            taken.append(best_box(boxes, taken, both))
            layers += _text(lines, taken[-1], True, 11, "bold")
    return layers


def _pixels(found: Bargaining, x: float, y: float) -> tuple[float, float]:
    """Where a place on the axes stands on the map, in pixels."""
    (left, right), (low, high) = (
        (_scaled(float(values[0]), turned), _scaled(float(values[-1]), turned))
        for values, turned in zip((found.across, found.up), found.levers, strict=True)
    )
    return ACROSS * (x - left) / (right - left), UP * (high - y) / (high - low)


def _along(found: Bargaining, piece: Sequence[float]) -> list[tuple[float, float]]:
    """Points along a piece of a curve, in pixels."""
    across, up = found.levers
    (x, y), (x2, y2) = (
        _pixels(found, _scaled(one, across), _scaled(other, up)) for one, other in (piece[:2], piece[2:])
    )
    return [(x + (x2 - x) * part / ALONG, y + (y2 - y) * part / ALONG) for part in range(ALONG)]


def _text(lines: Sequence[str], box: Box, is_left: bool, size: int, weight: str) -> list[dict[str, Any]]:
    """Lines of text in a box, from its left or up to its right edge; a white rim keeps curves off the letters."""
    layers = []
    for place, line in enumerate(lines):
        at = {"x": {"value": box.left if is_left else box.right}, "y": {"value": box.top + LIFT * (place + 0.5)}}
        look = {"type": "text", "align": "left" if is_left else "right", "baseline": "middle", "fontSize": size,
                "fontWeight": weight, "text": line, "clip": False}  # fmt: skip
        for rim in ({"stroke": "white", "strokeWidth": 3, "color": "white"}, {"color": INK}):
            layers.append({"data": {"values": [{}]}, "mark": {**look, **rim}, "encoding": at})
    return layers


def _is_on(place: Place, found: Bargaining) -> bool:
    return (
        found.across[0] <= place.across <= found.across[-1] and found.up[0] <= place.up <= found.up[-1]
    )  # fmt: skip
