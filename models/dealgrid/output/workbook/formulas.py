"""The formulas of a workbook: each row printed from its own expression, and the few that parameters need."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dealgrid.deal import FIRST_YEAR, PERIODS_PER_YEAR, VALUATION_DATE
from dealgrid.engine.row import PRIOR
from dealgrid.engine.trace import Name, Number, write
from dealgrid.inputs.dated import COMING, LINEAR, NOTHING
from dealgrid.output.workbook.layout import (
    DATED,
    FIRST,
    FIRST_CASE,
    HALF,
    MONTHS,
    NO_RATE,
    PINS,
    SIGNS,
    TIMELINES,
    TOTAL,
    Layout,
    Pinned,
    Place,
    letters,
    quoted,
    rate_flow,
)

# In a formula that is the same along a row: the letters of the cell's own column, and of the one before it.
HERE, BEFORE = "\x00", "\x01"


def at(formula: str, column: int) -> str:
    """A formula of a row as it stands in a column."""
    return formula.replace(HERE, letters(column)).replace(BEFORE, letters(column - 1))


class Formulas:
    """Prints formulas for one workbook; every one without its sign of equality."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.deal = layout.deal

    # --- rows ---------------------------------------------------------------------------------------------------------

    def row(self, case: int, name: str) -> str:
        """The formula of a row: of each of its periods, or of its one number."""
        place = self.layout.series[case][name]
        spell = self._range_speller(case, place.tab) if self.deal.row(name).is_once else self._speller(case, place.tab)
        formula = write(self.deal.book.expressions[name], "excel", spell)
        if name in self.layout.may_lack:
            formula = f'IFERROR({formula},"{NO_RATE}")'
        if name in self.layout.pinned:
            column = f"${letters(TOTAL)}$" if self.deal.row(name).is_once else HERE
            pinned = self.layout.pinned[name]
            flag = f"{PINS}!{column}{self.layout.flags[case][name].line + 1}"
            formula = f"IF({flag},{PINS}!{column}{pinned.line + Pinned.VALUE + 1},{formula})"
        return formula

    def total(self, case: int, name: str) -> str:
        """The sum of a flow, or the last of a balance."""
        line = self.layout.place(case, name).line
        if name in self.deal.book.rows and self.deal.row(name).shape == "balance":
            return f"${letters(self.layout.last)}{line + 1}"
        return f"SUM({self._whole(line)})"

    def _whole(self, line: int, before: int = 0) -> str:
        """The cells of all periods of a line, or of those one period earlier."""
        first, last = (letters(column - before) for column in (FIRST, self.layout.last))
        return f"${first}{line + 1}:${last}{line + 1}"

    def range(self, case: int, name: str, tab: str) -> str:
        """All periods of a row as a formula on a tab names them."""
        place = self.layout.place(case, name.removeprefix(PRIOR))
        prefix = quoted(place.tab) if place.tab != tab else ""
        return prefix + self._whole(place.line, 1 if name.startswith(PRIOR) else 0)

    def _speller(self, case: int, tab: str) -> Callable[[Name | Number], str]:
        def spell(atom: Name | Number) -> str:
            if isinstance(atom, Number):
                return "1E+300" if np.isinf(atom.value) else f"{atom.value:g}"
            name = atom.name.removeprefix(PRIOR)
            place = self.layout.place(case, name)
            if not self.layout.is_series(name):
                return place.seen_from(tab)
            prefix = quoted(place.tab) if place.tab != tab else ""
            return f"{prefix}{BEFORE if atom.name.startswith(PRIOR) else HERE}{place.line + 1}"

        return spell

    def _range_speller(self, case: int, tab: str) -> Callable[[Name | Number], str]:
        one = self._speller(case, tab)

        def spell(atom: Name | Number) -> str:
            if isinstance(atom, Name) and self.layout.is_series(atom.name.removeprefix(PRIOR)):
                return self.range(case, atom.name, tab)
            return one(atom)

        return spell

    # --- what stands beside a rate of return --------------------------------------------------------------------------

    def sign(self, case: int, name: str) -> str:
        """The sign of the flow behind a rate of return, that of the period before where the flow is zero."""
        flow, _ = self._flow(name)
        place = self.layout.place(case, flow)
        prefix = quoted(place.tab) if place.tab != self.layout.place(case, name).tab else ""
        cell = f"{prefix}{HERE}{place.line + 1}"
        own = self.layout.series[case][SIGNS + name].line + 1
        return f"IF({cell}>0,1,IF({cell}<0,-1,{BEFORE}{own}))"

    def sign_changes(self, case: int, name: str) -> str:
        """How often the sign changes: exactly one rate if once."""
        line = self.layout.series[case][SIGNS + name].line
        return f"SUMPRODUCT(({self._whole(line)}*{self._whole(line, 1)}<0)*1)"

    def worth_at_rate(self, case: int, name: str) -> str:
        """What the flow is worth at its rate of return, as a part of its size: nothing, if the rate is right."""
        flow, years = self._flow(name)
        place = self.layout.place(case, name)
        rate = f"(1+{letters(TOTAL)}{place.line + 1})^(1/{self.layout.place(case, years).seen_from(place.tab)})-1"
        cells = self.range(case, flow, place.tab)
        size = f"SUMPRODUCT({cells},{self._whole(self.layout.series[case][SIGNS + name].line)})"
        return f'IFERROR(NPV({rate},{cells})/{size},"{NO_RATE}")'

    def _flow(self, name: str) -> tuple[str, str]:
        found = rate_flow(self.deal, name)
        assert found is not None
        return found

    # --- calendar and timelines ---------------------------------------------------------------------------------------

    def calendar(self, name: str) -> str:
        """A column of the calendar, from the first year and the number of periods in a year alone."""
        line = {each: self.layout.series[0][each].line + 1 for each in self.layout.cases[0].calendar.ingredients()}
        start, year = (f"{HERE}{line[each]}" for each in ("period_start", "calendar_year"))
        months, parts = (self.layout.live(0, each).seen_from(TIMELINES) for each in (MONTHS, PERIODS_PER_YEAR))
        return {
            "period_start": f"{BEFORE}{line['period_end']}+1",
            "period_end": f"DATE(YEAR({start}),MONTH({start})+{months}/{parts},1)-1",
            "calendar_year": f"YEAR({start})",
            "days_in_year": f"DATE({year}+1,1,1)-DATE({year},1,1)",
            "is_year_start": f"IF({start}<=DATE({year},1,1),1,0)",
        }[name]

    def before_the_first(self) -> str:
        """The day before the first period."""
        return f"DATE({self.layout.live(0, FIRST_YEAR).seen_from(TIMELINES)},1,1)-1"

    def timeline(self, case: int, name: str) -> str:
        """A dated parameter in a period: the mean of its daily values, or the sum of what is paid in it."""
        plain = name.removeprefix(COMING)
        line = self.layout.dated[plain]
        column = FIRST_CASE + self.layout.live_columns * case
        starts, ends, value, slope = (  # the last is there, and used, only where lines are drawn
            f"{quoted(DATED)}${letters(column + place)}${line.first + 1}:${letters(column + place)}${line.last + 1}"
            for place in range(4)
        )
        first, last = (f"{HERE}{self.layout.series[0][each].line + 1}" for each in ("period_start", "period_end"))
        between = self.deal.parameters[plain].between
        if between == NOTHING:
            valued = self.layout.live(case, VALUATION_DATE).seen_from(TIMELINES)
            after = f"*({starts}>{valued})" if name.startswith(COMING) else ""
            return f"SUMPRODUCT({value}*({starts}>={first})*({starts}<={last}){after})"
        begin = f"(({starts}>{first})*{starts}+({starts}<={first})*{first})"
        end = f"(({ends}<={last})*{ends}+({ends}>{last})*({last}+1))"
        part = f"({ends}>{first})*({starts}<={last})*(({end}-{begin})/({last}-{first}+1))"
        if between != LINEAR:
            return f"SUMPRODUCT({value}*({part}))"
        middle = f"({begin}+{end}-1)*{self.layout.live(case, HALF).seen_from(TIMELINES)}"
        return f"SUMPRODUCT(({value}+{slope}*({middle}-{starts}))*({part}))"

    # --- inputs -------------------------------------------------------------------------------------------------------

    def position(self, case: int, tab: str, line: int, first: int, last: int) -> str:
        """The place of the chosen scenario among the columns of a tab."""
        columns = f"${letters(first)}${line + 1}:${letters(last)}${line + 1}"
        return f"MATCH({self.layout.selector(case).seen_from(tab)},{columns},0)"

    def chosen(self, line: int, first: int, last: int, position: Place) -> str:
        """The value of the chosen scenario in a line."""
        columns = f"${letters(first)}{line + 1}:${letters(last)}{line + 1}"
        return f"INDEX({columns},1,{letters(position.column)}${position.line + 1})"

    # --- pins ---------------------------------------------------------------------------------------------------------

    def pinned_value(self, pinned: Pinned) -> str:
        """The figure that stands in for a formula: one's own before an actual one."""
        actual, own = (f"{HERE}{pinned.line + line + 1}" for line in (Pinned.ACTUAL, Pinned.OWN))
        return f"IF(ISNUMBER({own}),{own},{actual}+0)"

    def is_pinned(self, case: int, pinned: Pinned) -> str:
        """Whether a figure stands in for a formula: one's own always, an actual one if known on the valuation date."""
        actual, known, own = (f"{HERE}{pinned.line + line + 1}" for line in range(Pinned.VALUE))
        valued = self.layout.live(case, VALUATION_DATE).seen_from(PINS)
        return f"IF(ISNUMBER({own}),1,IF(ISNUMBER({actual}),IF({known}<={valued},1,0),0))"
