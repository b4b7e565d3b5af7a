"""The explorer: the negotiated terms as sliders and pickers, and what two scenarios give under them, live.

`figures` computes what is shown and knows no widget; `page` draws it as HTML; `Explorer` ties both to controls.
docs/decisions/0007-explorer.md
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import html
import itertools
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd

from dealgrid.analysis.compare import CLAUSE, compare_cases
from dealgrid.analysis.live import ALL, COMPILED, Glimpse, Live, how_drawn
from dealgrid.dates import date_of, serial
from dealgrid.deal import FIRST_YEAR, STRUCTURAL, VALUATION_DATE, Case, Deal
from dealgrid.inputs import (
    UNITS,
    Dated,
    Parameter,
    Setting,
    display_value,
    format_value,
    read_scenarios,
    read_value,
    save_scenario,
    value_text,
)  # fmt: skip
from dealgrid.inputs.dated import STEP
from dealgrid.inputs.files import STEM
from dealgrid.output import answer, charts, explanation, glimpse, markup, tables
from dealgrid.problems import DealgridError, InputError, Problem, gathered

MOST_STEPS, FEWEST_STEPS = 20_000, 100  # of a slider
DIGITS = 10  # of a slider's position: what float arithmetic adds beyond them is no one's wish
PERCENT = 100
TALL, HEAD, LETTERS = 130, 28, 12  # heights of the bars over periods, of the figures above them, of a figure
REST, AGAIN = 0.15, 1.0  # seconds after which terms rest; between two looks whether a kernel is there
TERMS, PICTURES = "explorer-terms", "explorer-pictures"
ROOM = (  # the terms scroll by themselves, so that the pictures stay in view whichever is moved
    f"<style>.{TERMS} {{max-height: 75vh; overflow-y: auto}}"
    f".{TERMS} > * {{flex: none}} .{PICTURES} .widget-html-content {{min-width: 0}}"
    f"@media (max-width: 1000px) {{.{TERMS} {{max-height: 40vh}}}}</style>"
)
COUNT = itertools.count(1)


# --- what is shown ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    """Two cases and what the explorer shows of them, as frames at full precision.

    `cash` and `binds` hold a frame per case, that of `against` first. `bridge` leads from `against` to the scenario,
    and is None, with the reason in `problems`, where the two cannot be compared step by step.
    """

    cases: tuple[Case, Case]  # against, then the scenario with its settings
    values: pd.DataFrame
    returns: pd.DataFrame
    bridge: pd.DataFrame | None
    cash: tuple[pd.DataFrame, pd.DataFrame]
    binds: tuple[pd.DataFrame, pd.DataFrame]
    problems: tuple[Problem, ...]


def figures(deal: Deal, scenario: str, against: str, settings: Mapping[str, object]) -> Figures:
    """The figures of a scenario with settings on top of it, beside another scenario as it stands.

    InputError with everything that is wrong with the settings; ModelError where a row is no number.
    """
    return figures_of((deal.case(against), deal.case(scenario, settings)))


def figures_of(cases: tuple[Case, Case]) -> Figures:
    """The same of two cases: the one that stands still, then the one whose terms are moved."""
    first, second = cases
    problems: list[Problem] = []
    bridge = None
    with gathered(problems):
        bridge = compare_cases(first, second).bridge()
    return Figures(
        cases, tables.values_by_holder(cases), tables.returns(cases), bridge,
        (tables.cash_flows(first), tables.cash_flows(second)),
        (tables.clauses_binding(first), tables.clauses_binding(second)), tuple(problems),
    )  # fmt: skip


def terms(deal: Deal) -> dict[str, list[Parameter]]:
    """The negotiated terms by clause of the deal's story, in the order of the parameter files.

    Left out: what must add to 1 with others, and payments or lines by date, which no one slider can move.
    """
    label_of = {name: label for label, names in deal.story.clauses.items() for name in names}
    found: dict[str, list[Parameter]] = {label: [] for label in deal.story.clauses}
    for parameter in deal.parameters.values():
        label = label_of.get(parameter.name) or label_of.get(parameter.sheet)
        is_one = not parameter.adds_to_one and (not parameter.is_dated or parameter.between == STEP)
        if label and is_one and parameter.name not in STRUCTURAL:
            found[label].append(parameter)
    return {label: parameters for label, parameters in found.items() if parameters}


def level(value: Setting) -> float:
    """Where a value by date ends; a single value as it is."""
    return value.values[-1] if isinstance(value, Dated) else float(value)


def with_level(value: Setting, end: str, parameter: Parameter, first_day: float, valued: float) -> str:
    """A value by date with another level at its end, as people write it; nothing before the valuation date changes.

    The last entry gets the new level; where it is before the valuation date, the level begins on that.
    """
    dated = value if isinstance(value, Dated) else Dated((first_day,), (float(value),))
    by_day = dict(zip(dated.days, dated.values, strict=True))
    by_day[max(dated.days[-1], valued)] = read_value(end, parameter.unit)
    return value_text(Dated(tuple(by_day), tuple(by_day.values()), dated.between), parameter.unit)


# --- how it is drawn --------------------------------------------------------------------------------------------------


def page(shown: Figures) -> dict[str, str]:
    """What is shown as HTML, by the heading it goes under; the same figures always give the same text."""
    names, colours = _names(shown.cases), charts.distinct_colours(shown.cases)
    values, returns = (_renamed(frame, names) for frame in (shown.values, shown.returns))
    rows = [
        markup.Bar(str(label) if place == 0 else "", 0.0, float(line.iloc[place]), colours[place])
        for label, line in values.drop(index="Total").iterrows()
        for place in range(2)
    ]
    return {
        "Value": markup.legend(names, colours)
        + markup.bars(rows, "Value by holder")
        + markup.table(values)
        + markup.table(returns),
        "Bridge": _bridge(shown, colours),
        "Cash": _cash(shown, names, colours),
        "What binds when": _binds(shown, names, colours),
        "Where it comes from": explanation.explain_tree(shown.cases[1], shown.cases[1].deal.story.center)._repr_html_(),
        "Caption": f'<p style="{markup.SMALL}; line-height: 1.4">{html.escape(answer.caption(shown.cases))}</p>',
    }


def _names(cases: Sequence[Case]) -> list[str]:
    """The scenarios' titles, with how many terms are moved; which, the caption says."""
    moved = len(cases[1].settings)
    second = cases[1].title + (f", {moved} term{'s' if moved > 1 else ''} moved" if moved else "")
    return [cases[0].title, second if second != cases[0].title else f"{second} (2)"]


def _renamed(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    return frame.rename(columns=dict(zip([name for name in frame if name not in ABOUT], names, strict=False)))


ABOUT = (tables.UNIT, tables.DIFFERENCE)


def _bridge(shown: Figures, colours: Sequence[str]) -> str:
    if shown.bridge is None:
        return markup.said(shown.problems)
    ends = iter(colours)
    rows = []
    for step, kind, amount, before, after in shown.bridge.to_numpy(dtype=object).tolist():
        gain = charts.FAINT if amount >= 0 else "none"  # a loss is an empty bar, in grey too
        rows.append(markup.Bar(step, before, after, gain if kind == CLAUSE else next(ends), amount))
    return markup.heading(shown.bridge.attrs["title"] + ", US$ bn; full bars add, empty ones take away") + markup.bars(
        rows, shown.bridge.attrs["title"]
    )


def _cash(shown: Figures, names: Sequence[str], colours: Sequence[str]) -> str:
    both = pd.DataFrame({place: frame.loc["Total"] for place, frame in enumerate(shown.cash)}).fillna(0.0)
    title = markup.heading(f"{answer.center_name(shown.cases[0].deal)}'s cash by period, US$ bn, undiscounted")
    drawn = [markup.table(frame, f"By stream under {name}") for frame, name in zip(shown.cash, names, strict=True)]
    return title + markup.legend(names, colours) + _columns(both, colours) + "".join(drawn)


def _binds(shown: Figures, names: Sequence[str], colours: Sequence[str]) -> str:
    """A line per clause and a cell per period, its upper half the first case, its lower the second."""
    frames = shown.binds
    head = "".join(
        f'<th style="font-weight: normal; padding: 0 1px">{html.escape(str(name))}</th>' for name in frames[1]
    )
    periods = frames[1].columns
    marked = [frame.reindex(columns=periods).to_numpy() > 0 for frame in frames]
    lines = []
    for place, label in enumerate(frames[1].index):
        cells = ""
        for at in range(len(periods)):
            pairs = zip(marked, colours, strict=True)
            halves = [colour if marks[place, at] else charts.EMPTY for marks, colour in pairs]
            halved = "".join(f'<div style="height: 8px; background: {half}"></div>' for half in halves)
            cells += f'<td style="padding: 1px">{halved}</td>'
        name = html.escape(str(label).removesuffix(" binds"))
        lines.append(
            f'<tr style="background: none"><td style="text-align: left; white-space: nowrap">{name}</td>{cells}</tr>'
        )
    table = f'<table style="{markup.SMALL}; border-collapse: collapse; line-height: 1.3">'
    return markup.heading("Filled in the periods in which the clause binds") + markup.legend(names, colours) + (
        f'<div style="overflow-x: auto">{table}<tr><th></th>{head}</tr>{"".join(lines)}</table></div>'
    )  # fmt: skip


def _columns(both: pd.DataFrame, colours: Sequence[str]) -> str:
    """Two bars per period; those that dwarf all others are cut, with their figure."""
    values = both.to_numpy(dtype=float)
    largest = np.sort(np.abs(values).max(axis=1, initial=0.0))
    is_cut = len(largest) > 1 and largest[-1] > charts.CUT * largest[-2] > 0
    limit = float(largest[-2] if is_cut else largest[-1] if len(largest) else 0.0) or 1.0
    low, high = float(np.clip(values.min(initial=0.0), -limit, 0)), float(np.clip(values.max(initial=0.0), 0, limit))
    wide, scale = (markup.NAMES + markup.PLOT + markup.FIGURES) / max(len(both), 1), TALL / (high - low or 1.0)
    parts = []
    for at, period in enumerate(both.index):
        parts.append(markup.letters(at * wide + wide / 2, HEAD + TALL + 18, str(period), "middle"))
        is_told = [abs(value) > limit or (not is_cut and abs(value) == largest[-1]) for value in values[at]]
        for place, value in enumerate(values[at]):
            drawn = float(np.clip(value, -limit, limit))
            left, top = at * wide + (0.08 + 0.42 * place) * wide, HEAD + (high - max(drawn, 0)) * scale
            parts.append(markup.rect(left, top, 0.4 * wide, abs(drawn) * scale, colours[place], "none"))
            if is_told[place]:  # the first of two figures stands above the second, or they would touch
                above = top - 3 - (LETTERS if place == 0 and all(is_told) else 0)
                parts.append(
                    markup.letters(
                        left + 0.2 * wide, above, display_value(value, answer.AMOUNT), "middle", colours[place]
                    )
                )
    parts.append(markup.rect(0, HEAD + high * scale, len(both) * wide, 0.5, charts.FAINT, "none"))
    note = markup.heading("Bars beyond the picture are cut, with their figure.") if is_cut else ""
    return markup.svg(markup.NAMES + markup.PLOT + markup.FIGURES, HEAD + TALL + 24, parts, "Cash by period") + note


# --- the controls -----------------------------------------------------------------------------------------------------


class Term:
    """One negotiated term: its control, made from what the parameter file says of it.

    `control` is a slider, a box for numbers, a date picker or a checkbox; `endless` the checkbox beside it for
    `never` or `no limit`, where the range allows that. Shares are moved in per cent, values by date at their end.
    """

    def __init__(self, deal: Deal, parameter: Parameter) -> None:
        self.parameter = parameter
        self._unit = UNITS[parameter.unit]
        self._scale = PERCENT if self._unit.suffix == "%" else 1
        self._is_endless = math.isinf(parameter.high) and bool(self._unit.endless)
        self._spare = _spare(deal, parameter)
        self._given: Setting = parameter.value
        self._first_day = self._valued = 0.0
        self._start = ""
        self.control = self._made()
        self.control.tooltip = f"{parameter.name}: {parameter.source}"
        self.endless: Any = None
        if self._is_endless:
            self.endless = ipywidgets.Checkbox(description=self._unit.endless, indent=False)
            self.endless.layout.width = "90px"
        shown = f"{parameter.label}{' (level at the end)' if parameter.is_dated else ''}{self._unit_shown()}"
        title = html.escape(f"{parameter.name}: {parameter.source} (grade {parameter.grade})", quote=True)
        style = "line-height: 1.2; white-space: normal; margin-top: 6px"
        self.label = ipywidgets.HTML(f'<div title="{title}" style="{style}">{html.escape(shown)}</div>')
        self.note = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        controls = [self.control, *([self.endless] if self._is_endless else [])]
        self.widget = ipywidgets.VBox([self.label, ipywidgets.HBox(controls), self.note])

    def reset(self, given: Setting, first_day: float, valued: float) -> None:
        """Stand where the scenario does: `given` is its value, the days those its calendar and valuation begin on."""
        self._given, self._first_day, self._valued = given, first_day, valued
        value = level(given)
        if self.endless is not None:
            self.endless.value = math.isinf(value)
            self.control.disabled = math.isinf(value)
        self._put(self._spare if math.isinf(value) else value)
        self._start = self._end()

    @property
    def text(self) -> str | None:
        """The value as people write it; None where it is the scenario's."""
        end = self._end()
        if end == self._start:  # texts, because browsers send 235.00000000000003 for 235
            return None
        if not self.parameter.is_dated:
            return end
        return with_level(self._given, end, self.parameter, self._first_day, self._valued)

    def say(self, note: str) -> None:
        """A line under the control; none for no words."""
        drawn = f'<div style="{markup.SMALL}; line-height: 1.3">{html.escape(note)}</div>' if note else ""
        if drawn != self.note.value:
            self.note.value, self.note.layout.display = drawn, "" if note else "none"

    def observe(self, changed: Callable[[Any], None]) -> None:
        """Call `changed` whenever a person moves the term."""
        self.control.observe(changed, "value")
        if self.endless is not None:
            self.endless.observe(changed, "value")

    def _end(self) -> str:
        """Where the control stands, as people write it; of a value by date its end."""
        if self.endless is not None and self.endless.value:
            return self._unit.endless
        value = self.control.value
        if self._unit.kind == "flag":
            return "yes" if value else "no"
        if self._unit.kind == "date":
            return value.isoformat() if isinstance(value, dt.date) else ""
        number = f"{value:.{DIGITS}g}"
        return f"{number}%" if self._scale == PERCENT else format_value(float(number), self.parameter.unit)

    def _unit_shown(self) -> str:
        if self._unit.kind in ("flag", "date", "number"):
            return ""
        return ", " + self._unit.name.replace("fraction", "%")

    def _made(self) -> Any:
        low, high = self.parameter.low, self.parameter.high
        if self._unit.kind == "flag":
            return ipywidgets.Checkbox(description="yes", indent=False)
        if self._unit.kind == "date":
            last = None if math.isinf(high) else date_of(high)
            return ipywidgets.DatePicker(min=date_of(low), max=last)
        if math.isinf(high):
            return ipywidgets.FloatText(layout=ipywidgets.Layout(width="140px"))
        return ipywidgets.FloatSlider(min=self._shown(low), max=self._shown(high))

    def _put(self, value: float) -> None:
        if self._unit.kind == "flag":
            self.control.value = bool(value)
        elif self._unit.kind == "date":
            self.control.value = date_of(value)
        else:
            position = self._shown(value)
            if hasattr(self.control, "min"):
                low, high = self.control.min, self.control.max
                self.control.step = 1.0 if self._unit.whole else _step(low, high, position)
                self.control.readout_format = f",.{max(map(_decimals, (self.control.step, position)))}f"
            self.control.value = position

    def _shown(self, value: float) -> float:
        return float(f"{value * self._scale:.{DIGITS}g}")


def _spare(deal: Deal, parameter: Parameter) -> float:
    """Where a control stands that has just left `never`: a finite value of base or scenario, else the lowest."""
    others = (scenario.set[parameter.name] for scenario in deal.scenarios.values() if parameter.name in scenario.set)
    finite = (level(each) for each in (parameter.value, *others) if not math.isinf(level(each)))
    return next(finite, parameter.low)


def _step(low: float, high: float, value: float) -> float:
    """The widest of 1, 2, 5, 10, 20… that makes a hundred steps at least, one of which is the value."""
    span = high - low or 1.0
    power = math.floor(math.log10(span / FEWEST_STEPS))
    sizes = [digit * 10.0**each for each in range(power, power - 4, -1) for digit in (5, 2, 1)]
    fitting = [size for size in sizes if span / MOST_STEPS <= size <= span / FEWEST_STEPS]
    exact = (
        size
        for size in fitting
        if all(math.isclose(each / size, round(each / size), abs_tol=1e-6) for each in (low, value))
    )
    return float(f"{next(exact, fitting[-1]):.{DIGITS}g}")


def _decimals(number: float) -> int:
    return max(0, -int(Decimal(f"{number:.{DIGITS}g}").normalize().as_tuple().exponent))


# --- both together ----------------------------------------------------------------------------------------------------


class Behind:
    """The futures behind an explorer's figures: a box to tick, the row whose fan is drawn, and what is shown.

    While terms move there are as many futures as can be had at once, all when they rest, and few as long as the
    kernel is being compiled: the picture says how many. `shown` is what is in view, None where nothing is.
    """

    def __init__(self, deal: Deal) -> None:
        self.deal = deal
        self.shown: Glimpse | None = None
        self._live: Live | None = None
        self._cases: tuple[Case, Case] | None = None
        self._timer: asyncio.TimerHandle | None = None
        rows = [row for row in deal.book.rows.values() if not row.is_once and row.shape != "flag"]
        first = [deal.row(name) for name in deal.story.paths]
        options = [(f"{row.label} ({row.name})", row.name) for row in dict.fromkeys([*first, *rows])]
        self.switch = ipywidgets.Checkbox(
            description="Futures behind the figures", indent=False, layout=ipywidgets.Layout(width="auto")
        )
        self.row = ipywidgets.Dropdown(options=options, description="Fan of", layout=ipywidgets.Layout(width="460px"))
        self.row.layout.max_width = "100%"
        self.spread, self.fan, self.about = (ipywidgets.HTML() for _ in range(3))
        self._shown_when_on = ipywidgets.VBox([self.spread, self.row, self.fan, self.about])
        self.widget = ipywidgets.VBox([self.switch, self._shown_when_on])
        self._shown_when_on.layout.display = "none"

    def show(self, cases: tuple[Case, Case]) -> None:
        """Show the futures of two cases, if that is asked for."""
        self._wait(None, 0.0)
        self._cases = cases
        if not self.switch.value:
            self.clear()
            return
        self._shown_when_on.layout.display = ""
        if self._live is None:
            self.spread.value = markup.heading("The futures are being drawn.")
            self._live = Live(self.deal)
        self._look(self._live.quick if _loop() else ALL)

    def clear(self) -> None:
        """Show none."""
        self._wait(None, 0.0)
        self.shown = None
        for view in (self.spread, self.fan, self.about):
            view.value = ""
        if not self.switch.value:
            self._shown_when_on.layout.display = "none"

    def said_of(self, name: str, case: Case) -> str:
        """Whether an uncertain parameter is drawn in the futures of a case, in words; nothing where none are shown."""
        if not self.switch.value:
            return ""
        if name in case.settings:
            return "Set here, so the same in all futures."
        if name in case.deal.scenario(case.scenario).set:
            return "Set by the scenario, so the same in all futures."
        return f"Drawn in the futures, {how_drawn(self.deal.parameters[name])}; moving it sets it in all of them."

    def _look(self, count: int) -> None:
        """Run the futures and draw them; where a row is no number in one, say so."""
        assert self._live is not None
        assert self._cases is not None
        try:
            self.shown = shown = self._live.look(*self._cases, self.row.value, count)
        except DealgridError as error:
            self.clear()
            self.spread.value = markup.said(error.problems)
            return
        names, colours = _names(self._cases), charts.distinct_colours(self._cases)
        settings = [shlex.quote(f"{name}={text}") for name, text in self._cases[1].settings.items()]
        # In one piece: how many futures are behind a picture comes with it.
        self.spread.value = glimpse.behind(shown) + glimpse.spread(shown, names, colours)
        self.fan.value = glimpse.fan(shown, names, colours)
        self.about.value = glimpse.about(shown, shlex.quote(self._cases[1].scenario), settings)
        if shown.is_waiting:
            self._wait(self._look_again, AGAIN)
        elif not shown.is_all and shown.how == COMPILED:
            self._wait(functools.partial(self._look, ALL), REST)

    def _look_again(self) -> None:
        """All futures, once the kernel is there."""
        assert self._live is not None
        assert self._cases is not None
        if self._live.is_ready(self._cases[1], self.row.value):
            self._look(ALL)
        else:
            self._wait(self._look_again, AGAIN)

    def _wait(self, then: Callable[[], None] | None, seconds: float) -> None:
        """Do something in a while, unless something else is to be done first; without a loop of events, never."""
        if self._timer is not None:
            self._timer.cancel()
        loop = _loop()
        self._timer = loop.call_later(seconds, then) if loop and then else None


def _loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs here, as in a kernel; None in plain Python."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Explorer:
    """The explorer of a deal; the value of a notebook's cell.

    `pickers` are the two scenarios, `terms` the controls by parameter, `views` what is drawn by heading, `message`
    what is wrong; `name`, `title`, `why` and the button `save` write a scenario. `shown` are the figures in view,
    None where the settings cannot be used. `futures` is the box to tick for futures behind them, `behind` what is
    shown of these. `widget` is all of it, to be put into other boxes.
    """

    def __init__(self, deal: Deal, scenario: str, against: str) -> None:
        self.deal = deal
        self.shown: Figures | None = None
        self._is_moving = False
        self._saved: set[str] = set()
        for each in (scenario, against):
            deal.scenario(each)
        names = list(dict.fromkeys([*deal.scenarios, scenario, against]))
        self.scenario = ipywidgets.Dropdown(options=self._options(names), value=scenario, description="Scenario")
        self.against = ipywidgets.Dropdown(options=self._options(names), value=against, description="Beside")
        grouped = {label: [Term(deal, each) for each in some] for label, some in terms(deal).items()}
        self.terms = {term.parameter.name: term for some in grouped.values() for term in some}
        self.reset = ipywidgets.Button(description="Reset", tooltip="All terms as the scenario has them")
        self.message = ipywidgets.HTML()
        self.views = {heading: ipywidgets.HTML() for heading in HEADINGS}
        self.command = ipywidgets.HTML()
        self.behind = Behind(deal)
        self._standing: Case | None = None  # the case beside
        self.name = ipywidgets.Text(description="Name", placeholder="lowercase_with_underscores")
        self.title = ipywidgets.Text(description="Title")
        self.why = ipywidgets.Textarea(description="Why", placeholder="why these terms, and where they come from")
        self.save = ipywidgets.Button(description="Save as scenario")
        self.saved = ipywidgets.HTML()
        self.widget = self._laid_out(grouped)
        self._wire()
        self._restart()

    @property
    def settings(self) -> dict[str, object]:
        """The terms that stand otherwise than in the scenario, as people write them."""
        texts = {name: term.text for name, term in self.terms.items()}
        return {name: text for name, text in texts.items() if text is not None}

    def __repr__(self) -> str:
        return f"Explorer: {self.deal.scenario(self.scenario.value).title} beside {self.against.label}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = self.widget._repr_mimebundle_()
        still = self.message.value + "".join(view.value for view in self.views.values())
        # For a page without a kernel; fenced, or pages read US$ … US$ as a formula.
        fenced = f'<div class="tex2jax_ignore mathjax_ignore">{markup.still(still)}</div>'
        return bundle | {"text/plain": repr(self), "text/html": fenced}

    def _options(self, names: Sequence[str]) -> list[tuple[str, str]]:
        titles = [self.deal.scenario(name).title for name in names]
        return [
            (title if titles.count(title) == 1 else f"{title} ({name})", name)
            for title, name in zip(titles, names, strict=True)
        ]

    def _laid_out(self, grouped: Mapping[str, Sequence[Term]]) -> Any:
        groups = ipywidgets.Accordion([ipywidgets.VBox([term.widget for term in some]) for some in grouped.values()])
        for place, label in enumerate(grouped):
            groups.set_title(place, label)
        groups.selected_index = 0
        saving = ipywidgets.Accordion([ipywidgets.VBox([self.name, self.title, self.why, self.save, self.saved])])
        saving.set_title(0, "Save as scenario")
        saving.selected_index = None
        value, *others = HEADINGS[:-1]
        tabs = ipywidgets.Tab([self.views[heading] for heading in others])
        for place, heading in enumerate(others):
            tabs.set_title(place, heading)
        narrow = ipywidgets.Layout(flex="0 1 400px", min_width="300px")
        wide = ipywidgets.Layout(flex="1 1 560px", min_width="0", width="auto")  # below the terms where it is narrow
        scrolled = ipywidgets.VBox([groups])
        scrolled.add_class(TERMS)
        left = ipywidgets.VBox(
            [ipywidgets.HTML(ROOM), self.scenario, self.against, self.reset, scrolled, saving], layout=narrow
        )
        right = ipywidgets.VBox(
            [self.message, self.behind.widget, self.views[value], tabs, self.command, self.views[HEADINGS[-1]]],
            layout=wide,
        )
        right.add_class(PICTURES)
        row = ipywidgets.Layout(flex_flow="row wrap", grid_gap="0 16px")
        # Counted, not drawn by chance: the stored notebook is compared with a fresh run.
        return ipywidgets.HBox([left, right], layout=row, model_id=f"explorer-{next(COUNT)}")

    def _wire(self) -> None:
        self.scenario.observe(lambda _: self._restart(), "value")
        self.against.observe(lambda _: self._draw(), "value")
        self.behind.switch.observe(lambda _: self._draw(), "value")
        self.behind.row.observe(lambda _: self._draw(), "value")
        self.reset.on_click(lambda _: self._restart())
        self.save.on_click(lambda _: self._save())
        for term in self.terms.values():
            term.observe(functools.partial(self._moved, term))

    def _moved(self, term: Term, change: object) -> None:
        if term.endless is not None:
            term.control.disabled = term.endless.value
        self._draw()

    def _restart(self) -> None:
        """All terms as the scenario has them."""
        if self._is_moving:
            return
        case = self.deal.case(self.scenario.value)
        valued, first = (float(case.given[name]) for name in (VALUATION_DATE, FIRST_YEAR))  # type: ignore[arg-type]
        self._is_moving = True
        try:
            for name, term in self.terms.items():
                term.reset(case.given[name], serial(dt.date(int(first), 1, 1)), valued)
        finally:
            self._is_moving = False
        self._draw()

    def _draw(self) -> None:
        """Show the figures of the terms as they stand, or what is wrong with them; never figures of other terms."""
        if self._is_moving:
            return
        settings = self.settings
        sets = "".join(f" --set {shlex.quote(f'{name}={text}')}" for name, text in settings.items())
        try:
            cases = (self._beside(), self.deal.case(self.scenario.value, settings))
            self._say_what_is_drawn(cases[1])
            self.behind.show(cases)  # first: it is what those look at who have asked for it
            self.shown = figures_of(cases)
            drawn, self.message.value = page(self.shown), ""
        except DealgridError as error:
            self.behind.clear()
            self.shown, drawn, self.message.value = None, dict.fromkeys(HEADINGS, ""), markup.said(error.problems)
        for heading, view in self.views.items():
            view.value = drawn[heading]
        command = f"dealgrid show {shlex.quote(self.scenario.value)}{sets}"
        self.command.value = f'<code style="white-space: pre-wrap">{html.escape(command)}</code>'

    def _beside(self) -> Case:
        """The case that stands still, the same one as long as it does."""
        if self._standing is None or self._standing.scenario != self.against.value:
            self._standing = self.deal.case(self.against.value)
        return self._standing

    def _say_what_is_drawn(self, case: Case) -> None:
        """Under each uncertain term, while there are futures: whether it is drawn in them."""
        for name, term in self.terms.items():
            if term.parameter.uncertain:
                term.say(self.behind.said_of(name, case))

    def _save(self) -> None:
        """Write the terms as a scenario that can then be picked; say what is wrong where they cannot be."""
        name = self.name.value.strip()
        try:
            self._refuse_name(name)
            self.deal.case(self.scenario.value, self.settings)
            folder = self.deal.root / "params" / "scenarios"
            settings = {**self.deal.scenario(self.scenario.value).set, **self.settings}
            save_scenario(folder / f"{name}.yaml", self.title.value, self.why.value, settings, self.deal.parameters)
            self._saved.add(name)
            self.deal.scenarios[name] = read_scenarios(folder, self.deal.parameters)[name]
            self._standing = None
        except DealgridError as error:
            self.saved.value = markup.said(error.problems)
            return
        self.saved.value = markup.heading(f"Saved as params/scenarios/{name}.yaml.")
        self._is_moving = True  # the pickers keep their scenarios while their lists grow
        try:
            for picker in (self.scenario, self.against):
                kept, names = picker.value, [each for _, each in picker.options]
                picker.options = self._options(list(dict.fromkeys([*names, name])))  # which picks the first
                picker.value = kept
        finally:
            self._is_moving = False

    def _refuse_name(self, name: str) -> None:
        path = self.deal.root / "params" / "scenarios" / f"{name}.yaml"
        if not STEM.fullmatch(name):
            what, expected = f"{name!r} cannot name a scenario", "lowercase letters, digits, underscores and hyphens"
        elif name not in self._saved and (name in self.deal.scenarios or path.exists()):
            what, expected = f"there is a scenario {name!r} already", "a new name"
        else:
            return
        raise InputError(Problem("Save as scenario", what, expected, "choose another name"))


HEADINGS = ("Value", "Bridge", "Cash", "What binds when", "Where it comes from", "Caption")


def explorer(deal: Deal, scenario: str | None = None, against: str | None = None) -> Explorer:
    """The explorer of a deal, begun at a scenario beside another; without names, those of the story's question.

    InputError where one is not a scenario.
    """
    return Explorer(deal, scenario or deal.story.proposal, against or deal.story.present)
