"""Where everything stands in a workbook: tabs, lines and columns, decided before anything is written."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dealgrid.dates import serial
from dealgrid.deal import FIRST_YEAR, LAST_YEAR, PERIODS_PER_YEAR, Case, Deal
from dealgrid.engine.row import PRIOR, Row
from dealgrid.engine.trace import Name, calls_in
from dealgrid.inputs import Dated, Parameter, Pin, Setting, apply_settings, check_settings
from dealgrid.inputs.dated import COMING, LINEAR, NOTHING
from dealgrid.pins import fix
from dealgrid.problems import InputError, Problem

COVER, INPUTS, DATED, TIMELINES, PINS = "Cover", "Inputs", "Dated inputs", "Timelines", "Pins"
ALL_CHECKS, COMPARE, CHARTS = "All checks", "Compare", "Charts"
RESERVED = (COVER, INPUTS, DATED, TIMELINES, PINS, ALL_CHECKS, COMPARE, CHARTS)
WIDEST_NAME = 31  # of a tab, as Excel allows
ENDLESS = 1e300  # how a cell holds "never" and "no limit": engine/ops.py spells it so
NO_RATE = "n/a"  # what a cell holds where there is no rate of return

# Columns of every sheet with periods, the header's line, and the first line below it. Counted from 0.
LABEL, UNIT, TOTAL, OPENING, FIRST = range(5)
HEAD, BODY = 4, 5
SELECTOR, POSITION, INPUTS_HEAD = 4, 5, 8  # lines of Inputs: the scenario chosen, its place, the header
FIRST_CASE = 2  # column of Inputs in which the first case's live values stand
SPARE = 2  # lines left free for further dates in every timeline
FIXED = (FIRST_YEAR, LAST_YEAR, PERIODS_PER_YEAR)  # they decide how many columns there are
MONTHS, HALF = "months_in_a_year", "middle"  # the two figures a workbook needs that no parameter holds
CONSTANTS = {MONTHS: ("Months in a year", "count", 12.0), HALF: ("Where the middle of two days lies", "fraction", 0.5)}
SIGNS, WORTH = "signs of ", "worth at "  # before the name of a rate of return: the lines of its certificate


@functools.cache
def letters(column: int) -> str:
    """The letters of a column counted from 0: 27 is `AB`."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


@functools.cache
def quoted(tab: str) -> str:
    """A tab as a formula names it, with its exclamation mark."""
    return f"'{tab}'!" if not tab.isalnum() else f"{tab}!"


@dataclass(frozen=True)
class Place:
    """A cell or the first cell of a line: tab, line and column, counted from 0."""

    tab: str
    line: int
    column: int = TOTAL

    @property
    def cell(self) -> str:
        """Such as `C12`."""
        return f"{letters(self.column)}{self.line + 1}"

    def seen_from(self, tab: str) -> str:
        """The cell as a formula on a tab names it, always the same cell wherever it is copied to."""
        return f"{quoted(self.tab) if tab != self.tab else ''}${letters(self.column)}${self.line + 1}"


@dataclass(frozen=True)
class Timeline:
    """Lines of a dated parameter on Dated inputs: those that count begin with `first`, entries with `entries`."""

    first: int
    entries: int
    slots: int

    @property
    def last(self) -> int:
        """The line of the last entry."""
        return self.entries + self.slots - 1


@dataclass(frozen=True)
class Pinned:
    """Lines of a pinned row on Pins; each place of `actual` and `own` is a period, or None for a row with one number.

    `actual` holds figures known from a day on, `own` those that hold in any case.
    """

    row: Row
    line: int
    actual: Mapping[int | None, tuple[Pin, float, float]]  # the pin, its value there, the day it is known
    own: Mapping[int | None, tuple[Pin, float]]

    ACTUAL, KNOWN, OWN, VALUE = range(4)  # lines below `line`
    LINES = 4


@dataclass
class Layout:
    """The plan of a workbook of some cases, which share calendar, settings and pins."""

    cases: Sequence[Case]
    scenarios: dict[str, Mapping[str, Setting]] = field(default_factory=dict)  # the columns of Inputs
    titles: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)  # scenarios on another calendar, or at odds with the settings
    tabs: dict[str, str] = field(default_factory=dict)  # of the sheets of the model
    scalars: dict[str, int] = field(default_factory=dict)  # lines of Inputs
    bands: dict[str, dict[int, str]] = field(default_factory=dict)  # headings by tab and line
    dated: dict[str, Timeline] = field(default_factory=dict)
    pinned: dict[str, Pinned] = field(default_factory=dict)
    series: list[dict[str, Place]] = field(default_factory=list)  # per case: rows, dated parameters, calendar
    ends: dict[str, int] = field(default_factory=dict)  # the line after the last, by tab
    flags: list[dict[str, Place]] = field(default_factory=list)  # per case: whether a row is pinned

    def __post_init__(self) -> None:
        self._refuse_unlike()
        self._plan_scenarios()
        self._name_tabs()
        self._plan_inputs()
        self._plan_dated()
        self._plan_timelines()
        self._plan_pins()
        self._plan_rows()

    @property
    def deal(self) -> Deal:
        """The deal of all cases."""
        return self.cases[0].deal

    @property
    def periods(self) -> tuple[str, ...]:
        """Names of the periods."""
        return self.cases[0].calendar.periods

    @property
    def last(self) -> int:
        """Column of the last period."""
        return FIRST + len(self.periods) - 1

    @property
    def first_scenario(self) -> int:
        """Column of Inputs in which the first scenario's values stand."""
        return FIRST_CASE + len(self.cases)

    @property
    def after_scenarios(self) -> int:
        """Column of Inputs after the last scenario."""
        return self.first_scenario + len(self.scenarios)

    @property
    def live_columns(self) -> int:
        """Columns per case on Dated inputs: from, until, value, and the change in a day where lines are drawn."""
        return 4 if any(self.deal.parameters[name].between == LINEAR for name in self.dated) else 3

    @property
    def first_pair(self) -> int:
        """Column of Dated inputs in which the first scenario's dates stand, its values beside them."""
        return FIRST_CASE + self.live_columns * len(self.cases)

    @property
    def after_pairs(self) -> int:
        """Column of Dated inputs after the last scenario."""
        return self.first_pair + 2 * len(self.scenarios)

    def live(self, case: int, name: str) -> Place:
        """The cell with the value that counts of a parameter that has one, for a case counted from 0."""
        return Place(INPUTS, self.scalars[name], FIRST_CASE + case)

    def selector(self, case: int) -> Place:
        """The cell that chooses the scenario of a case."""
        return Place(INPUTS, SELECTOR, FIRST_CASE + case)

    def place(self, case: int, name: str) -> Place:
        """Where a row, dated parameter or calendar column stands for a case; a parameter's cell for the others."""
        return self.series[case][name] if name in self.series[case] else self.live(case, name)

    def figure(self, case: int, name: str, period: int | None = None) -> Place:
        """The cell of a row in a period counted from 0, or its total."""
        found = self.place(case, name)
        return found if period is None else Place(found.tab, found.line, FIRST + period)

    def is_series(self, name: str) -> bool:
        """Whether a name has a value per period."""
        book = self.deal.book
        return name in book.columns or (name in book.rows and not book.rows[name].is_once)

    def is_dated(self, name: str) -> bool:
        """Whether a parameter's values stand on Dated inputs."""
        return self.deal.parameters[name].is_dated

    @functools.cached_property
    def looked_back_at(self) -> frozenset[str]:
        """Rows of which some formula takes the value one period earlier."""
        rows = self.deal.book.rows.values()
        return frozenset(name.removeprefix(PRIOR) for row in rows for name in row.ingredients if name.startswith(PRIOR))

    @functools.cached_property
    def may_lack(self) -> frozenset[str]:
        """Rows that hold no number where there is no rate of return."""
        found: set[str] = set()
        for block in self.deal.book.blocks:
            for row in block.rows:
                if has_rate(self.deal, row.name) or found.intersection(row.ingredients):
                    found.add(row.name)
        return frozenset(found)

    def _refuse_unlike(self) -> None:
        first = self.cases[0]
        for case in self.cases[1:]:
            if case.calendar != first.calendar:
                what = f"{case.scenario} has other periods than {first.scenario}"
                raise InputError(Problem("excel", what, "scenarios on one calendar", "write a workbook for each"))

    def _plan_scenarios(self) -> None:
        first = self.cases[0]
        own = {case.scenario: case for case in self.cases}
        for name in dict.fromkeys([*self.deal.scenarios, *own]):
            case = own.get(name)
            given = case.given if case else _given(self.deal, name, first.settings)
            if given is None or any(given[each] != first.given[each] for each in FIXED):
                self.left_out.append(name)
                continue
            self.scenarios[name] = given
            self.titles[name] = self.deal.scenario(name).title

    def _name_tabs(self) -> None:
        taken = {each.lower() for each in RESERVED}
        for sheet in self.deal.book.sheets:
            tab = tab_of(sheet)
            while tab.lower() in taken:
                tab = tab[: WIDEST_NAME - len(" rows")] + " rows"
            taken.add(tab.lower())
            self.tabs[sheet] = tab

    def parameters_by_sheet(self) -> dict[str, list[Parameter]]:
        """Parameters under the tab of their sheet, sheets in the order of the model, each in its author's order."""
        order = {name: place for place, name in enumerate(self.deal.book.sheets)}
        found: dict[str, list[Parameter]] = {}
        for each in sorted(self.deal.parameters.values(), key=lambda each: order.get(each.sheet, len(order))):
            found.setdefault(self.tabs.get(each.sheet, tab_of(each.sheet)), []).append(each)
        return found

    def _plan_inputs(self) -> None:
        line, bands = INPUTS_HEAD + 1, self.bands.setdefault(INPUTS, {})
        for title, parameters in self.parameters_by_sheet().items():
            kept = [each for each in parameters if not each.is_dated and each.name not in FIXED]
            if kept:
                bands[line] = title
                for place, each in enumerate(kept, line + 1):
                    self.scalars[each.name] = place
                line += len(kept) + 1
        bands[line] = "Fixed in this workbook"
        drawn = any(each.between == LINEAR for each in self.deal.parameters.values())
        for place, name in enumerate((*FIXED, MONTHS, *((HALF,) if drawn else ())), line + 1):
            self.scalars[name] = place
        self.ends[INPUTS] = max(self.scalars.values()) + 1

    def _plan_dated(self) -> None:
        line, bands = INPUTS_HEAD + 1, self.bands.setdefault(DATED, {})
        for each in (each for group in self.parameters_by_sheet().values() for each in group if each.is_dated):
            # Scenarios count as they are written, too: the lines stay where they are whatever is set on top of them.
            values: list[Setting] = [
                each.value,
                *(known.set.get(each.name, each.value) for known in self.deal.scenarios.values()),
            ]
            values += [given[each.name] for given in self.scenarios.values()]
            most = max(_entries(value) for value in values)
            bands[line] = each.label
            before = 0 if each.between == NOTHING else 1
            self.dated[each.name] = Timeline(line + 1, line + 1 + before, most + SPARE)
            line = self.dated[each.name].last + 2
        self.ends[DATED] = line

    def _plan_timelines(self) -> None:
        book = self.deal.book
        line, bands = BODY, self.bands.setdefault(TIMELINES, {})
        bands[line] = "Calendar"
        calendar = {
            name: Place(TIMELINES, place) for place, name in enumerate(self.cases[0].calendar.ingredients(), line + 1)
        }
        line += len(calendar) + 1
        for case in range(len(self.cases)):
            bands[line] = self.heading(case)
            names = [name for name in self.dated if name in book.given]
            names += [COMING + name for name in self.dated if COMING + name in book.given]
            names.sort(key=lambda name: list(self.dated).index(name.removeprefix(COMING)))
            self.series.append(calendar | {name: Place(TIMELINES, place) for place, name in enumerate(names, line + 1)})
            line += len(names) + 2
        self.ends[TIMELINES] = line - 1

    def _plan_pins(self) -> None:
        found = _pins_by_row(self.cases[0])
        if not found:
            self.flags = [{} for _ in self.cases]
            return
        line, bands = BODY, self.bands.setdefault(PINS, {})
        for name, (actual, own) in found.items():
            row = self.deal.book.rows[name]
            bands[line] = row.label
            self.pinned[name] = Pinned(row, line + 1, actual, own)
            line += Pinned.LINES + 1
        for case in range(len(self.cases)):
            bands[line] = self.heading(case)
            self.flags.append({name: Place(PINS, place) for place, name in enumerate(self.pinned, line + 1)})
            line += len(self.pinned) + 1
        self.ends[PINS] = line

    def _plan_rows(self) -> None:
        for sheet, rows in self.deal.book.sheets.items():
            tab, line = self.tabs[sheet], BODY
            bands = self.bands.setdefault(tab, {})
            for case in range(len(self.cases)):
                bands[line] = self.heading(case)
                line += 1
                for row in rows:
                    certified = rate_flow(self.deal, row.name)
                    for name in (row.name, *((SIGNS + row.name, WORTH + row.name) if certified else ())):
                        self.series[case][name] = Place(tab, line)
                        line += 1
                line += 1
            self.ends[tab] = line - 1

    def heading(self, case: int) -> str:
        """What stands above the block of a case."""
        scenario = self.cases[case].scenario
        return f"{scenario}" if len(self.cases) == 1 else f"Case {case + 1}: {scenario}"


def tab_of(sheet: str) -> str:
    """The name of a sheet's tab: `revenue_share` is `Revenue share`."""
    return sheet.replace("_", " ").capitalize()[:WIDEST_NAME]


def rate_flow(deal: Deal, name: str) -> tuple[str, str] | None:
    """The flow of which a row is the rate of return, and what says how many periods a year has; None for others."""
    expression = deal.book.expressions[name]
    for call in calls_in(expression):
        flow, years = (*call.operands, None)[:2]
        if call is expression and call.operation.name == "irr" and isinstance(flow, Name) and isinstance(years, Name):
            return flow.name, years.name
    return None


def has_rate(deal: Deal, name: str) -> bool:
    """Whether a row's formula says `irr` anywhere."""
    return any(call.operation.name == "irr" for call in calls_in(deal.book.expressions[name]))


def as_held(value: float) -> float | str:
    """A figure as a cell holds it: no limit as 1E+300, no rate as a text."""
    if math.isnan(value):
        return NO_RATE
    return math.copysign(ENDLESS, value) if math.isinf(value) else float(value)


def entries_of(value: Setting) -> list[tuple[float, float]]:
    """Dates and values of a dated parameter; one number for all periods has the date 0."""
    if isinstance(value, Dated):
        return list(zip(value.days, value.values, strict=True))
    return [(0.0, float(value))]


def _given(deal: Deal, scenario: str, settings: Mapping[str, object]) -> Mapping[str, Setting] | None:
    """The values of a scenario under the settings of the workbook; None where the two do not go together."""
    try:
        return apply_settings(deal.parameters, deal.scenario(scenario).set, check_settings(settings, deal.parameters))
    except InputError:
        return None


def _entries(value: Setting) -> int:
    return len(entries_of(value))


def _pins_by_row(
    case: Case,
) -> dict[str, tuple[dict[int | None, tuple[Pin, float, float]], dict[int | None, tuple[Pin, float]]]]:
    """Figures for each pinned row: actual ones of any period of the calendar, and those of the case alone."""
    deal, calendar = case.deal, case.calendar
    ends = dict(zip(calendar.periods, map(serial, calendar.ends), strict=True))
    for period, end in list(ends.items()):
        ends[period[:4]] = max(end, ends.get(period[:4], end))
    found: dict[str, tuple[dict[int | None, tuple[Pin, float, float]], dict[int | None, tuple[Pin, float]]]] = {}
    for pin in deal.actuals:
        if pin.period in ends:
            for fixed in fix(pin, deal.book.rows[pin.row], calendar):
                known = float(ends[str(pin.period)])
                found.setdefault(pin.row, ({}, {}))[0][fixed.period] = pin, float(np.asarray(fixed.value)), known
    for pin in case.own_pins:
        for fixed in fix(pin, deal.book.rows[pin.row], calendar):
            found.setdefault(pin.row, ({}, {}))[1][fixed.period] = pin, float(np.asarray(fixed.value))
    return {name: found[name] for name in deal.book.rows if name in found}
