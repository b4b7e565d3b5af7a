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

from dealgrid.deal import Case, Deal
from dealgrid.inputs import display_value
from dealgrid.output import answer, tables
from dealgrid.story import Story

if TYPE_CHECKING:
    import altair as alt

# The palette, defined here and nowhere else: after Okabe and Ito (2008), shifted so that the colours of one list also
# differ in lightness. test_charts.py measures it in grey and for the three kinds of colour-blindness.
HOLDERS = ("#0072B2", "#E69F00", "#009E73", "#5B2A68", "#E8B9D2")
PRESENT, PROPOSAL = "#8F959E", "#12355B"
OTHERS = ("#C2521A", "#56B4E9", "#7A1F1F", "#E3C037", "#2E6F4E", "#B07AA1", "#B9C3CD")
INK, FAINT, RULE = "#222222", "#666666", "#DDDDDD"
FONT = "Arial, Helvetica, sans-serif"

VEGALITE = "5.21"  # drawn with by us and, within the same major version, by JupyterLab
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"  # a name, not an address anything is fetched from
LIVE, VECTOR = "application/vnd.vegalite.v5+json", "image/svg+xml"
WIDTH = 460  # of the plot itself, in pixels
LETTER = 6.2  # width of a letter of a label, in pixels
TITLE_LETTERS, CAPTION_LETTERS, LABEL_LETTERS = 68, 112, 34
MOST_TICKS = 22
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
    limit = _cut(frame.to_numpy())
    data = _long(frame, "stream", "period")
    data["drawn"] = data["value"].clip(-limit, limit)
    data["shown"] = [display_value(value, answer.AMOUNT) for value in data["value"]]
    peaks = data.groupby("stream")["value"].transform(lambda values: values.abs() == values.abs().max())
    first_peaks = peaks & ~data[peaks].duplicated("stream").reindex(data.index, fill_value=False)
    is_cut = data["value"].abs() > limit
    data["label"] = data["shown"].where(first_peaks | is_cut, "") + np.where(is_cut, " (bar cut)", "")
    periods = list(frame.columns)
    x = alt.X("period:N", sort=periods, title=None, axis=_period_axis(periods))
    low, high = min(0.0, float(data["drawn"].min())), float(data["drawn"].max())
    room = (high - low) * 0.4  # for the figures above the bars
    scale = alt.Scale(domain=[low - room / 2 if low < 0 else 0, high + room], nice=False)
    y = alt.Y("drawn:Q", title=None, scale=scale, axis=alt.Axis(tickCount=3, grid=True))
    base = alt.Chart().encode(x=x, y=y, tooltip=["stream:N", "period:N", alt.Tooltip("shown:N", title="US$ bn")])
    bars = base.mark_bar(color=scenario_colours(case.deal)[case.scenario], size=_bar_width(len(periods)))
    labels = base.mark_text(baseline="bottom", dy=-3, fontSize=10, color=INK).encode(text="label:N")
    header = alt.Header(title=None, labelAngle=0, labelAlign="left", labelFontSize=12, labelPadding=4, labelOrient="top",
                        labelAnchor="start", labelBaseline="bottom", labelColor=INK)  # fmt: skip
    row = alt.Row("stream:N", sort=list(frame.index), header=header)
    chart = alt.layer(bars, labels, data=data).properties(width=WIDTH + 120, height=58).facet(row=row, spacing=8)
    note = "Cash per period, US$ bn, undiscounted; what is paid out is below zero. "
    return _finished(chart, answer.cash_finding(case), note + answer.caption([case]))


def clauses_binding(case: Case) -> Chart:
    """Which clause binds when: a strip per clause, filled in the periods in which it binds."""
    import altair as alt

    frame = tables.clauses_binding(case)
    data = _long(frame, "clause", "period")
    data["clause"] = ["\n".join(textwrap.wrap(label, LABEL_LETTERS)) for label in data["clause"]]
    data["binds"] = np.where(data["value"] > 0, "yes", "no")
    periods = list(frame.columns)
    clauses = list(dict.fromkeys(data["clause"]))
    lines = alt.Axis(labelExpr="split(datum.label, '\\n')", labelLimit=0, ticks=False, domain=False, labelPadding=8)
    base = alt.Chart(data).encode(
        x=alt.X("period:N", sort=periods, title=None, axis=_period_axis(periods), scale=alt.Scale(paddingInner=0.08)),
        y=alt.Y("clause:N", sort=clauses, title=None, axis=lines, scale=alt.Scale(paddingInner=0.3)),
        tooltip=["clause:N", "period:N", "binds:N"],
    )
    colour = alt.Color(
        "binds:N",
        scale=alt.Scale(domain=["yes", "no"], range=[scenario_colours(case.deal)[case.scenario], "#EEEEEE"]),
        legend=None,
    )
    chart = base.mark_rect().encode(color=colour).properties(width=WIDTH, height=32 * len(clauses))
    found = answer.binding_periods(case)
    title = f"{len(found)} of {len(clauses)} clauses bind at some time under {answer.titles([case])[0]}"
    return _finished(chart, title, "Filled where the clause binds. " + answer.caption([case]))


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
    longest = frame.min(axis=1).idxmax()
    pixels = frame.loc[longest] / (high - low) * WIDTH
    is_roomy = all(pixels[name] > (len(name) + 2) * LETTER for name in names)
    colours = alt.Scale(domain=names, range=_distinct(cases))
    legend = None if is_roomy else alt.Legend(title=None, orient="top", columns=1, labelLimit=0, symbolType="square")
    order = list(frame.index)
    base = alt.Chart(data).encode(
        x=alt.X("value:Q", title=axis, scale=alt.Scale(domain=[low, high], nice=False), axis=_amount_axis()),
        y=alt.Y(
            "line:N", sort=order, title=None, axis=_name_axis(), scale=alt.Scale(paddingInner=0.3, paddingOuter=0.1)
        ),
        yOffset=alt.YOffset("case:N", sort=names),
        tooltip=["line:N", "case:N", alt.Tooltip("shown:N", title="US$ bn")],
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


def _distinct(cases: Sequence[Case]) -> list[str]:
    """A colour per case: its scenario's, and where two cases share a scenario, one that is free for the second."""
    colours = scenario_colours(cases[0].deal)
    taken: list[str] = []
    for case in cases:
        free = [
            colours[case.scenario],
            *(each for each in OTHERS if each not in {colours[it.scenario] for it in cases}),
        ]
        taken.append(next((each for each in free if each not in taken), free[0]))
    return taken


def _cut(values: np.ndarray) -> float:
    """Where bars are cut: above the largest value of all periods but the one that dwarfs them; else infinite."""
    by_period = np.sort(np.abs(values).max(axis=0, initial=0.0))
    if len(by_period) < 2 or by_period[-1] <= CUT * by_period[-2] or not by_period[-2]:
        return np.inf
    return float(by_period[-2])


def _long(frame: pd.DataFrame, line: str, column: str) -> pd.DataFrame:
    """A wide table as one figure a line: columns `line`, `column`, `value`."""
    long = frame.rename_axis(index=line, columns=column).stack().rename("value").reset_index()
    long.attrs = {}
    return long


def _period_axis(periods: Collection[str]) -> alt.Axis:
    import altair as alt

    every = -(-len(periods) // MOST_TICKS)
    shown = list(periods)[::every]
    return alt.Axis(values=shown, labelAngle=0 if len(shown[0]) * LETTER < WIDTH / len(shown) else -90, ticks=False)


def _amount_axis() -> alt.Axis:
    import altair as alt

    return alt.Axis(tickCount=6, grid=True, ticks=False)


def _name_axis() -> alt.Axis:
    import altair as alt

    return alt.Axis(labelLimit=0, ticks=False, domain=False, labelPadding=8, labelFontSize=12)


def _bar_width(periods: int) -> float:
    return round(0.7 * (WIDTH + 120) / max(periods, 1), 1)


def _finished(chart: Any, title: str, caption: str) -> Chart:
    """The chart with title and caption, in house style, checked against the schema."""
    spec = (
        chart.properties(
            title={
                "text": textwrap.wrap(title, TITLE_LETTERS),
                "subtitle": textwrap.wrap(caption, CAPTION_LETTERS),
                "anchor": "start",
                "frame": "group",
            }
        )
        .configure(font=FONT, background="white", padding=8)
        .configure_view(stroke=None)
        .configure_title(
            fontSize=16, fontWeight=600, color=INK, subtitleFontSize=10.5, subtitleColor=FAINT, offset=14, subtitlePadding=6
        )
        .configure_axis(
            gridColor=RULE, domainColor=FAINT, tickColor=FAINT, labelColor=INK, titleColor=FAINT, titleFontWeight="normal",
            labelFontSize=11, titleFontSize=11,
        )
        .configure_text(fontSize=11)
        .configure_legend(labelFontSize=12, labelColor=INK)
        .to_dict(validate=True)
    )  # fmt: skip
    spec["$schema"] = SCHEMA
    return Chart(spec)
