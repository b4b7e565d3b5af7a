"""Calibration: what was reported or planned, and what the model gives for the same rows and times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dealgrid.deal import LAYERS, VALUATION_DATE, Case, Deal
from dealgrid.inputs import Figure, Reported, display_value
from dealgrid.output import answer, tables

FREQUENCY = "periods_per_year"
QUARTERS = 4
CLOSE = 0.1  # of what is reported: a difference within it is called close
REPORTED, MODEL, DIFFERENCE, PART, GRADE, PINNED = "Reported", "Model", "Difference", "In %", "Grade", "An input"
TITLES = {"actual": "What was reported, and what the model gives", "plan": "Plans, and what the model makes of them"}


@dataclass(frozen=True)
class Beside:
    """A reported figure and the model's; `is_input` where the model's is a reported one itself, put in as actual."""

    reported: Reported
    figure: Figure
    model: float
    is_input: bool

    @property
    def label(self) -> str:
        """What it is, and of when."""
        first, last = self.figure.first, self.figure.last
        return f"{self.reported.label}, {first if first == last else f'{first} to {last}'}"

    @property
    def difference(self) -> float:
        """How much more the model gives."""
        return self.model - self.figure.value

    @property
    def part(self) -> float:
        """The difference as a part of what is reported."""
        return self.difference / abs(self.figure.value) if self.figure.value else np.nan


def laid_beside(deal: Deal, scenario: str, kind: str, settings: Mapping[str, object]) -> list[Beside]:
    """The reported figures of a kind, each beside the model's under a scenario, with a plan's own laid over that.

    A flow is added up over the time, of all else the end counts. Parts of years come from a case in quarters; a value
    of the whole case is that of the last day of the time. InputError as for a case.
    """
    cases: dict[tuple[str, int, str], Case] = {}
    found = []
    for reported in deal.reported:
        for figure in reported.figures if reported.kind == kind else ():
            name = f"{scenario}{LAYERS}{reported.plan}" if reported.plan else scenario
            is_valued = any(deal.row(row).is_once for row in reported.rows)
            frequency = QUARTERS if "-" in figure.first and not is_valued else 1
            key = name, frequency, _last_day(figure.last) if is_valued else ""
            if key not in cases:
                at = {FREQUENCY: frequency} | ({VALUATION_DATE: key[2]} if is_valued else {})
                cases[key] = deal.case(name, set={**settings, **at})
            model = sum(sign * _of(cases[key], row, figure) for row, sign in reported.rows.items())
            is_input = all(_is_pinned(cases[key], row, figure) for row in reported.rows)
            found.append(Beside(reported, figure, float(model), is_input))
    return found


def table(found: list[Beside], case: Case) -> pd.DataFrame:
    """A line per figure: reported, the model's, the difference and its part, and the grade of the report."""
    lines = {
        each.label: [each.reported.unit, each.figure.value, each.model, each.difference, _percent(each),
                     each.reported.grade, "yes" if each.is_input else ""]
        for each in found
    }  # fmt: skip
    columns = [tables.UNIT, REPORTED, MODEL, DIFFERENCE, PART, GRADE, PINNED]
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=columns)
    title = TITLES[found[0].reported.kind] if found else ""
    units = {tables.NUMBERS.get(each.reported.unit, each.reported.unit) for each in found}
    frame.attrs = {
        "title": f"{title}, {' and '.join(sorted(units, reverse=True))}",
        "totals": [],
        "caption": answer.caption([case]),
    }
    return frame


def sources(found: list[Beside]) -> pd.DataFrame:
    """Who reported what: a line per source."""
    reports = {each.reported.name: each.reported for each in found}.values()
    frame = pd.DataFrame(
        [[reported.source, reported.grade] for reported in reports],
        index=pd.Index([reported.label for reported in reports]),
        columns=["Source", GRADE],
    )
    frame.attrs = {"title": "Who reported it", "totals": [], "unit": tables.TEXT}
    return frame


def finding(found: list[Beside]) -> str:
    """How near the model comes, as a title."""
    own = [each for each in found if not each.is_input]
    if not own:
        return "Every figure reported is an input of the model"
    close = sum(abs(each.part) <= CLOSE for each in own)
    far = max(own, key=lambda each: abs(each.part))
    text = (
        f"{close} of {len(own)} figures within {display_value(CLOSE, 'fraction').replace('.0', '')} of what is reported"
    )
    return f"{text}; farthest: {far.label}" if _is_seen(far) else text


def sentences(found: list[Beside]) -> list[str]:
    """In words: how near, the farthest above and below, and how many figures prove nothing."""
    own = [each for each in found if not each.is_input]
    told = [finding(found) + "."]
    ends = {"above": max(own, key=lambda each: each.part), "below": min(own, key=lambda each: each.part)} if own else {}
    for side, each in ends.items():
        if (each.part > 0) == (side == "above") and _is_seen(each):
            figures = [display_value(value, each.reported.unit) for value in (each.model, each.figure.value)]
            told.append(f"Most {side}: {each.label}, {figures[0]} in the model and {figures[1]} reported.")
    same = len(found) - len(own)
    if same:
        told.append(f"{same} more agree because the model takes the reported figure itself; they prove nothing.")
    return told


def _of(case: Case, name: str, figure: Figure) -> float:
    row = case.deal.row(name)
    if row.is_once:
        return float(case.values[name])
    values = case.values[name][_places(case, figure)]
    return float(values.sum() if row.shape == "flow" else values[-1])


def _places(case: Case, figure: Figure) -> list[int]:
    """The places of the periods from first to last."""
    names = case.calendar.periods
    return [
        place for place, name in enumerate(names) if figure.first <= name and name[: len(figure.last)] <= figure.last
    ]


def _is_pinned(case: Case, name: str, figure: Figure) -> bool:
    periods = {case.calendar.periods[place] for place in _places(case, figure)}
    pinned = {pin.period for pin in case.pins if pin.row == name}
    return bool(periods) and all({period, period[:4]} & pinned for period in periods)


def _is_seen(each: Beside) -> bool:
    """Whether the difference shows in a table."""
    return display_value(each.difference, each.reported.unit) != display_value(0.0, each.reported.unit)


def _percent(each: Beside) -> str:
    return "" if np.isnan(each.part) else display_value(each.part, "fraction")


def _last_day(period: str) -> str:
    """The last day of a year or quarter, as a setting takes it."""
    year, _, quarter = period.partition("-Q")
    month = 3 * int(quarter or QUARTERS)
    following = dt.date(int(year) + month // 12, month % 12 + 1, 1)
    return (following - dt.timedelta(days=1)).isoformat()
