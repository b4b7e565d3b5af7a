"""Charts: one definition each, interactive in a page and vector in print, with the finding as its title.

A chart is a Vega-Lite specification with its data inside. JupyterLab draws it live, from its own copy of Vega; HTML
and PDF take the SVG that stands beside it. Nothing is fetched from anywhere. docs/decisions/0003-charts-and-tables.md
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dealgrid.deal import LAYERS, Case, Deal
from dealgrid.inputs import display_value
from dealgrid.output import answer, calibration, tables
from dealgrid.story import Story

if TYPE_CHECKING:
    import altair as alt

# The palette, defined here and nowhere else: after Okabe and Ito (2008), shifted so that the colours of one list also
# differ in lightness. test_charts.py measures it in grey and for the three kinds of colour-blindness.
HOLDERS = ("#0068A8", "#E69F00", "#00A37A", "#4A2058", "#F0C9DE")
PRESENT, PROPOSAL = "#6B727C", "#12355B"
OTHERS = ("#C2521A", "#56B4E9", "#7A1F1F", "#E3C037", "#2E6F4E", "#8E44AD", "#B9C3CD")
INK, FAINT, RULE, EMPTY = "#222222", "#666666", "#DDDDDD", "#EEEEEE"

VEGALITE = "5.21"  # drawn with by us and, within the same major version, by JupyterLab
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"  # a name, not an address anything is fetched from
LIVE, VECTOR = "application/vnd.vegalite.v5+json", "image/svg+xml"
WIDTH, MARGIN = 460, 120  # of the plot, and of the names beside it where they stand there, in pixels
# A page may show an SVG in a wider font than it was measured in, where the machine has no Arial: there is room for
# DejaVu Sans everywhere, the widest of the usual ones.
FONT = "Arial, Liberation Sans, Helvetica, sans-serif"
LETTER = 7.1  # width of a letter of a label, in pixels
TITLE_LETTERS, CAPTION_LETTERS = 58, 96
MOST_TICKS = 22
HOUSE: Mapping[str, Any] = {  # the look of every chart, as a specification's `config`
    "font": FONT,
    "background": "white",
    "padding": 8,
    "view": {"stroke": None},
    "title": {
        "fontSize": 16, "fontWeight": 600, "color": INK, "offset": 14,
        "subtitleFontSize": 10.5, "subtitleColor": FAINT, "subtitlePadding": 6,
    },
    "axis": {
        "gridColor": RULE, "domainColor": FAINT, "tickColor": FAINT, "labelColor": INK, "labelFontSize": 11,
        "titleColor": FAINT, "titleFontSize": 11, "titleFontWeight": "normal",
    },
    "text": {"fontSize": 11},
    "legend": {"labelFontSize": 12, "labelColor": INK},
}  # fmt: skip
AMOUNTS = "datum.value < 0 ? '(' + format(-datum.value, ',') + ')' : format(datum.value, ',')"  # negatives in brackets
CUT = 3  # a bar so many times the next is cut, with its figure beside it, or no other could be seen


@dataclass(frozen=True)
class Chart:
    """A chart as data: its Vega-Lite specification, which notebooks show live and print as SVG."""

    spec: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The finding."""
        return " ".join(self.spec["title"]["text"])

    def __repr__(self) -> str:
        return f"Chart: {self.title}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {LIVE: dict(self.spec), VECTOR: svg(self), "text/plain": repr(self)}


def holder_colours(story: Story) -> dict[str, str]:
    """The colour of each holder, by the name of its value's row."""
    return {name: HOLDERS[place % len(HOLDERS)] for place, name in enumerate(story.holders)}


def scenario_colours(deal: Deal) -> dict[str, str]:
    """The colour of each scenario: those of the two structures first, the others in the story's order."""
    given = {deal.story.present: PRESENT, deal.story.proposal: PROPOSAL}
    rest = [name for name in deal.scenarios if name not in given]
    return given | {name: OTHERS[place % len(OTHERS)] for place, name in enumerate(rest)}


def colour_of(case: Case) -> str:
    """The colour of a case's scenario; of scenarios laid over each other, that of the top one."""
    return scenario_colours(case.deal)[case.scenario.rpartition(LAYERS)[2].strip()]


def distinct_colours(cases: Sequence[Case]) -> list[str]:
    """A colour per case: its scenario's, and where another case has that already, one that is free."""
    own = [colour_of(case) for case in cases]
    free = [each for each in (*OTHERS, *HOLDERS) if each not in own]
    taken: list[str] = []
    for colour in own:
        taken.append(colour if colour not in taken else next((each for each in free if each not in taken), colour))
    return taken


def values_by_holder(cases: Sequence[Case]) -> Chart:
    """What each structure is worth to each holder: a bar per holder and case."""
    return _bars(tables.values_by_holder(cases), cases, answer.values_finding(cases), "Present value, US$ bn")


def streams(cases: Sequence[Case]) -> Chart:
    """Where the centre's money comes from: a bar per stream and case, what it pays to the left of zero."""
    return _bars(tables.streams(cases), cases, answer.streams_finding(cases), "Present value, US$ bn")


def cash_flows(case: Case) -> Chart:
    """The centre's cash over the years: a strip per stream that has any, all on one scale."""
    import altair as alt

    frame = tables.cash_flows(case).drop(index="Total")
    frame = frame[(frame != 0).any(axis=1)]
    data = _cash(frame)
    periods = list(frame.columns)
    low, high = min(0.0, float(data["drawn"].min())), max(0.0, float(data["drawn"].max()))
    room = (high - low or 1.0) * 0.35  # for the figures above and below the bars
    scale = alt.Scale(domain=[low - room if low < 0 else 0, high + room], nice=False)
    base = alt.Chart().encode(
        x=alt.X("period:N", sort=periods, title="Period", axis=_period_axis(periods)),
        y=alt.Y("drawn:Q", title=answer.AMOUNT, scale=scale, axis=_amount_axis(values=[0, _round(high)])),
        tooltip=["stream:N", "period:N", alt.Tooltip("shown:N", title=answer.AMOUNT)],
    )
    bars = base.mark_bar(color=colour_of(case), size=_bar_width(len(periods)))
    figures = base.encode(text="label:N")
    above = figures.mark_text(baseline="bottom", dy=-3, color=INK).transform_filter("datum.label && datum.value >= 0")
    below = figures.mark_text(baseline="top", dy=3, color=INK).transform_filter("datum.label && datum.value < 0")
    names = alt.Header(
        title=None, labelOrient="top", labelAnchor="start", labelFontSize=12, labelColor=INK, labelPadding=0
    )
    row = alt.Row("stream:N", sort=list(frame.index), header=names)
    chart = (
        alt.layer(bars, above, below, data=data).properties(width=WIDTH + MARGIN, height=54).facet(row=row, spacing=4)
    )
    note = "Cash per period in US$ bn, undiscounted; what is paid out hangs below zero. "
    return _finished(chart, answer.cash_finding(case), note + answer.caption([case]))


def clauses_binding(case: Case) -> Chart:
    """Which clause binds when: a strip per clause, filled in the periods in which it binds."""
    import altair as alt

    frame = tables.clauses_binding(case)
    frame.index = pd.Index([label.removesuffix(" binds") for label in frame.index])
    data = _long(frame, "clause", "period").query("value > 0")
    periods, clauses = list(frame.columns), list(frame.index)
    bands = alt.Scale(domain=clauses, paddingInner=0.55, paddingOuter=0.4)
    columns = alt.Scale(domain=periods, paddingInner=0.08)
    y = alt.Y("clause:N", title=None, axis=None, scale=bands)
    x = alt.X("period:N", title="Period", axis=_period_axis(periods), scale=columns)
    named = alt.Chart(pd.DataFrame({"clause": clauses}))
    lanes = named.mark_rect(color=EMPTY).encode(x=alt.value(0), x2=alt.value(WIDTH + MARGIN), y=y)
    fills = alt.Chart(data).mark_rect(color=colour_of(case))
    strips = fills.encode(x=x, y=y, tooltip=["clause:N", "period:N"])
    text = named.mark_text(align="left", baseline="bottom", dy=-3, fontSize=12, color=INK)
    names = text.encode(x=alt.value(0), y=alt.Y("clause:N", scale=bands, bandPosition=0), text="clause:N")
    chart = alt.layer(lanes, strips, names).properties(width=WIDTH + MARGIN, height=34 * len(clauses))
    found = answer.binding_periods(case)
    title = f"{len(found)} of {len(clauses)} clauses bind at some time under {answer.short_title(case)}"
    return _finished(chart, title, "Filled where the clause binds. " + answer.caption([case]))


def drawn(layers: Mapping[str, Any], title: str, caption: str) -> Chart:
    """A chart whose layers are already Vega-Lite, with title and caption in house style.

    Figures keep six digits: more is not seen, and the last ones differ from machine to machine.
    """
    import altair as alt

    return _finished(alt.Chart.from_dict(_lean(layers)), title, caption)


def _lean(piece: Any) -> Any:
    if isinstance(piece, Mapping):
        return {key: _lean(value) for key, value in piece.items()}
    if isinstance(piece, list | tuple):
        return [_lean(value) for value in piece]
    return float(f"{piece:.6g}") if isinstance(piece, float) else piece


def bridge(compared: tables.Compared, period: str | None = None) -> Chart:
    """From one case to another, clause by clause: full bars add, empty ones take away. A row by period needs one."""
    import altair as alt

    frame, cases = compared.bridge(period), (compared.a, compared.b)
    unit, names = compared.row.unit, tables.steps(compared, frame)
    ends = ("before", "after")
    data = pd.DataFrame({"step": names, "amount": frame["amount"], **{end: frame[end] for end in ends}})
    data["shown"] = [display_value(value, unit) for value in data["amount"]]
    data["right"] = data[["before", "after"]].max(axis=1)
    last = len(data) - 1
    data["next"] = [*names[1:], names[-1]]
    data["part"] = ["first", *("gain" if amount >= 0 else "loss" for amount in data["amount"][1:last]), "second"]
    low, high = min(0.0, float(data[["before", "after"]].min().min())), float(data["right"].max())
    room = (high - low or 1.0) * 9 * LETTER / WIDTH
    scale = alt.Scale(domain=[low, high + room], nice=False)
    title = "%" if unit == "fraction" else unit
    base = alt.Chart(data).encode(
        y=alt.Y("step:N", sort=names, title=None, axis=_name_axis(names), scale=alt.Scale(paddingInner=0.3)),
        tooltip=["step:N", alt.Tooltip("shown:N", title=title)],
    )
    bars = base.encode(x=alt.X("before:Q", title=title, scale=scale, axis=_amount_axis()), x2="after:Q")
    first, second = distinct_colours(cases)
    fills: dict[str, dict[str, Any]] = {
        "first": {"color": first}, "second": {"color": second},
        "gain": {"color": FAINT, "stroke": FAINT}, "loss": {"color": "white", "stroke": FAINT},
    }  # fmt: skip
    layers: list[Any] = [base.mark_rule(color=FAINT).encode(x=alt.X("after:Q", scale=scale), y2="next:N")]
    layers += [bars.mark_bar(**fill).transform_filter(alt.datum.part == part) for part, fill in fills.items()]
    figures = base.mark_text(align="left", dx=4, color=INK).encode(x=alt.X("right:Q", scale=scale), text="shown:N")
    chart = alt.layer(*layers, figures).properties(width=WIDTH, height=alt.Step(26))
    note = f"Full bars add, empty ones take away. {frame.attrs['caption']}. "
    return _finished(chart, answer.bridge_finding(compared.row, frame, names), note + answer.caption(cases))


def differences(found: list[calibration.Beside], case: Case) -> Chart:
    """How far the model is from what was reported, as a part of it: a bar per figure that is not an input itself."""
    import altair as alt

    own = [each for each in found if not each.is_input and np.isfinite(each.part)]
    data = pd.DataFrame({
        "figure": [each.label for each in own], "part": [each.part for each in own],
        "drawn": np.clip([each.part for each in own], -1, 1),
        "shown": [display_value(each.part, "fraction") for each in own],
    })  # fmt: skip
    data["shown"] += np.where(data["part"].abs() > 1, " (bar cut)", "")
    names = list(data["figure"])
    ends = alt.Scale(domain=[-1.35, 1.6], nice=False)
    label = "datum.value < 0 ? '(' + format(-datum.value, '.0%') + ')' : format(datum.value, '.0%')"
    axis = alt.Axis(labelExpr=label, values=[-1, -0.5, 0, 0.5, 1], ticks=False)
    room = _name_axis(names)
    base = alt.Chart(data).encode(
        x=alt.X("drawn:Q", title="Model less reported, % of what is reported", scale=ends, axis=axis),
        y=alt.Y("figure:N", sort=names, title=None, axis=room, scale=alt.Scale(paddingInner=0.35)),
        tooltip=["figure:N", "shown:N"],
    )
    layers = [
        base.mark_bar(color=colour_of(case)),
        base.mark_text(align="left", dx=4, color=INK).encode(text="shown:N").transform_filter("datum.part >= 0"),
        base.mark_text(align="right", dx=-4, color=INK).encode(text="shown:N").transform_filter("datum.part < 0"),
    ]
    chart = alt.layer(*layers).properties(width=WIDTH - 120, height=alt.Step(19))
    return _finished(chart, calibration.finding(found), answer.caption([case]))


def svg(chart: Chart) -> str:
    """A chart as SVG text that needs no other file; the same chart always gives the same text."""
    return _svg(_as_text(chart))


def png(chart: Chart, scale: float = 2) -> bytes:
    """A chart as a PNG picture, `scale` dots to the pixel."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_as_text(chart), vl_version=VEGALITE, scale=scale))


@functools.lru_cache(maxsize=32)  # a chart is drawn for the page, the print and the archive
def _svg(spec: str) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(spec, vl_version=VEGALITE))


def _as_text(chart: Chart) -> str:
    import json

    return json.dumps(chart.spec)


def _bars(frame: pd.DataFrame, cases: Sequence[Case], title: str, axis: str) -> Chart:
    """A group of bars per line of a table, one bar per case, figures at their ends, the cases' names inside."""
    import altair as alt

    names = answer.titles(cases)
    frame = frame[names].drop(index="Total")
    data = _long(frame, "line", "case")
    data["shown"] = [display_value(value, answer.AMOUNT) for value in data["value"]]
    low, high = min(0.0, float(data["value"].min())), max(0.0, float(data["value"].max()))
    room = (high - low or 1.0) * 9 * LETTER / WIDTH  # for the figures at the ends
    low, high = low - room if low < 0 else low, high + room
    longest = str(frame.min(axis=1).idxmax())
    pixels = frame.loc[longest] / (high - low) * WIDTH
    is_roomy = all(pixels[name] > (len(name) + 2) * LETTER for name in names)
    colours = alt.Scale(domain=names, range=distinct_colours(cases))
    legend = None if is_roomy else alt.Legend(title=None, orient="top", columns=1, labelLimit=0, symbolType="square")
    order = list(frame.index)
    base = alt.Chart(data).encode(
        x=alt.X("value:Q", title=axis, scale=alt.Scale(domain=[low, high], nice=False), axis=_amount_axis()),
        y=alt.Y(
            "line:N",
            sort=order,
            title=None,
            axis=_name_axis(order),
            scale=alt.Scale(paddingInner=0.3, paddingOuter=0.1),
        ),
        yOffset=alt.YOffset("case:N", sort=names),
        tooltip=["line:N", "case:N", alt.Tooltip("shown:N", title=answer.AMOUNT)],
    )
    layers: list[Any] = [
        base.mark_bar().encode(color=alt.Color("case:N", scale=colours, legend=legend)),
        base.mark_text(align="left", dx=4, color=INK).encode(text="shown:N").transform_filter("datum.value >= 0"),
        base.mark_text(align="right", dx=-4, color=INK).encode(text="shown:N").transform_filter("datum.value < 0"),
    ]
    if is_roomy:
        inside = base.mark_text(align="left", dx=6, color="white").encode(x=alt.datum(0), text="case:N")
        layers.append(inside.transform_filter(alt.datum.line == longest))
    chart = alt.layer(*layers).properties(width=WIDTH, height=alt.Step(20))
    return _finished(chart, title, answer.caption(cases))


def _cash(frame: pd.DataFrame) -> pd.DataFrame:
    """Cash as one figure a line, with the height drawn and a label for each stream's largest and for bars cut."""
    limit = _cut(frame.to_numpy())
    data = _long(frame.dropna(how="all"), "stream", "period")  # a hidden stream is not drawn
    data["drawn"] = data["value"].clip(-limit, limit)
    data["shown"] = [display_value(value, answer.AMOUNT) for value in data["value"]]
    size = data["value"].abs()
    is_cut = size > limit
    is_largest = data.index.isin(size.groupby(data["stream"]).idxmax())
    data["label"] = data["shown"].where(is_cut | is_largest, "") + np.where(is_cut, " (bar cut)", "")
    return data


def _cut(values: np.ndarray) -> float:
    """Where bars are cut: above the largest value of all periods but the one that dwarfs them; else infinite."""
    by_period = np.sort(np.abs(values).max(axis=0, initial=0.0))
    if len(by_period) < 2 or by_period[-1] <= CUT * by_period[-2] or not by_period[-2]:
        return np.inf
    return float(by_period[-2])


def _long(frame: pd.DataFrame, line: str, column: str) -> pd.DataFrame:
    """A wide table as one figure a line: columns `line`, `column`, `value`."""
    places = [(index, name) for index in frame.index for name in frame.columns]
    return pd.DataFrame(places, columns=[line, column]).assign(value=frame.to_numpy(dtype=float).ravel())


def _period_axis(periods: Collection[str]) -> alt.Axis:
    import altair as alt

    every = -(-len(periods) // MOST_TICKS)
    shown = list(periods)[::every]
    return alt.Axis(
        values=shown, labelAngle=0 if len(shown[0]) * LETTER < (WIDTH + MARGIN) / len(shown) else -90, ticks=False
    )


def _amount_axis(**given: Any) -> alt.Axis:
    import altair as alt

    bracketed = "datum.value < 0 ? '(' + format(-datum.value, ',') + ')' : format(datum.value, ',')"
    return alt.Axis(labelExpr=bracketed, grid=True, ticks=False, **({"tickCount": 6} | given))


def _round(number: float) -> float:
    """The largest of 1, 2, 5, 10, 20… that is not above a number; 0 if that is not positive."""
    if number <= 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(number))
    return float(max(step * power for step in (1, 2, 5) if step * power <= number))


def _name_axis(names: Collection[str]) -> alt.Axis:
    import altair as alt

    room = round(LETTER * max(map(len, names)) + 8)
    return alt.Axis(labelAlign="left", labelPadding=room, labelLimit=0, labelFontSize=12, ticks=False, domain=False)


def _bar_width(periods: int) -> float:
    return round(0.7 * (WIDTH + MARGIN) / max(periods, 1), 1)


def headed(title: str, caption: str) -> dict[str, Any]:
    """The title of a chart's specification: the finding, and below it what every chart says."""
    return {
        "text": textwrap.wrap(title, TITLE_LETTERS),
        "subtitle": textwrap.wrap(caption, CAPTION_LETTERS),
        "anchor": "start",
        "frame": "bounds",
    }


def _finished(chart: Any, title: str, caption: str) -> Chart:
    """The chart with title and caption, in house style, checked against the schema."""
    spec = chart.properties(title=headed(title, caption)).to_dict(validate=True)
    return Chart({**spec, "config": HOUSE, "$schema": SCHEMA})
