"""How much of the answer rests on judgement: what each figure does over the range of each parameter, by grade."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dealgrid.analysis import again, arrays
from dealgrid.dates import date_of, serial
from dealgrid.deal import STRUCTURAL, VALUATION_DATE, Case, Deal
from dealgrid.inputs import UNITS, Dated, Parameter, Pin, Setting, Uncertain, format_value
from dealgrid.inputs.dated import COMING, NOTHING
from dealgrid.problems import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Given = dict[str, float | np.ndarray]  # parts of what the engine is given

FACT = "A"  # the grade of what is known: it has no doubt to be swung over
CORNERS = 2000
SEED = 20250630
DIGITS = 12  # of an end, as shown
AT_ONCE = 1024  # futures in one run of the engine, which bounds the memory
DISTRIBUTION, RANGE, PATH, WIDTH = "distribution", "range", "path", "width"  # what a parameter's two ends are


@dataclass(frozen=True)
class _Ends:
    """A parameter and its two ends: the ends of its distribution or range, or how far its path is scaled."""

    parameter: Parameter
    low: float
    high: float
    span: str

    def text(self, end: float) -> str:
        """An end as a person would write it."""
        if self.span == PATH:
            return f"× {end:.3g}"
        return format_value(float(f"{end:.{DIGITS}g}"), self.parameter.unit)  # 44%, not 44.000000000000006%


def swings(
    deal: Deal,
    scenario: str,
    rows: Sequence[str] | None = None,
    set: Mapping[str, object] | None = None,
    pins: Mapping[str, object] | Iterable[Pin] = (),
    width: float | None = None,
) -> pd.DataFrame:
    """What `once` rows (the headline values unless named) are with each parameter at its low and high end, alone.

    A line per row and parameter, the largest swing first: `at_low`, `base`, `at_high`, and `swing`, the
    distance between the lowest and highest of the three. The ends (`span`) are those of the parameter's
    `distribution` where it has one, else of its `range`, which is wide: what would be refused beyond. A
    `path` by date is scaled from the valuation date on, as far as its range allows. With a `width`, such as
    0.1, each is moved by that part of itself instead, so that no range weighs more than another; what cannot be,
    yes or no, never and no limit, is left out. So are facts (grade A), and what the scenario or `set` has
    chosen: that is the question, not a doubt. InputError as for a case.
    """
    case = deal.case(scenario, set, pins)
    names = _headline(deal, rows)
    return _swings(case, _all_ends(case, width), names)


def by_grade(
    deal: Deal,
    scenario: str,
    rows: Sequence[str] | None = None,
    set: Mapping[str, object] | None = None,
    pins: Mapping[str, object] | Iterable[Pin] = (),
    width: float | None = None,
    corners: int = CORNERS,
    seed: int = SEED,
) -> pd.DataFrame:
    """How much of each row's swings comes from the parameters of each grade, and how far these take it together.

    A line per row and grade: number of `parameters`, the sum of their `swings`, its `share` in that of all
    grades, and `low`, `base`, `high`: the row with all parameters of the grade at one of their ends, the lowest
    and highest found among `corners` random choices and the two that look worst and best one at a time. These
    bounds are found, not proven: the true ones may be wider, never narrower.
    """
    import pandas as pd

    case = deal.case(scenario, set, pins)
    names = _headline(deal, rows)
    all_ends = _all_ends(case, width)
    alone = _swings(case, all_ends, names)
    grades = sorted({ends.parameter.grade for ends in all_ends})
    bounds = {
        grade: _bounds(case, [ends for ends in all_ends if ends.parameter.grade == grade], alone, names, corners, seed)
        for grade in grades
    }
    lines = []
    for name in names:
        of_row = alone[alone["row"] == name]
        for grade in grades:
            here = of_row[of_row["grade"] == grade]["swing"]
            low, high = bounds[grade][name]
            share = here.sum() / of_row["swing"].sum() if of_row["swing"].sum() else math.nan
            lines.append((name, grade, len(here), here.sum(), share, low, float(case.values[name]), high))
    frame = pd.DataFrame(lines, columns=["row", "grade", "parameters", "swings", "share", "low", "base", "high"])
    return _about(frame, case, "What rests on which grade")


def _headline(deal: Deal, rows: Sequence[str] | None) -> list[str]:
    story = deal.story
    names = list(dict.fromkeys(rows if rows is not None else [story.center, *story.holders, story.total]))
    problems = [
        Problem("rows", f"{name} has a value per period", "a row with one number per case", "name another")
        for name in names
        if not deal.row(name).is_once
    ]
    if problems:
        raise InputError(problems)
    return names


def _all_ends(case: Case, width: float | None) -> list[_Ends]:
    """The parameters that are in doubt, with their ends."""
    chosen = {*case.deal.scenario(case.scenario).set, *case.settings, *STRUCTURAL}
    doubtful = (each for each in case.deal.parameters.values() if each.grade != FACT and each.name not in chosen)
    found = (_ends(parameter, case, width) for parameter in doubtful)
    return [ends for ends in found if ends.low < ends.high]


def _ends(parameter: Parameter, case: Case, width: float | None) -> _Ends:
    value = case.given[parameter.name]
    if parameter.is_dated:
        low, high = _scales(parameter, value, case)
        if width is not None:
            low, high = max(low, 1 - width), min(high, 1 + width)
        return _Ends(parameter, low, high, PATH)
    if width is not None:
        return _Ends(parameter, *_around(parameter, float(value), case, width), WIDTH)  # type: ignore[arg-type]
    if parameter.uncertain:
        return _Ends(parameter, *_support(parameter.uncertain), DISTRIBUTION)
    return _Ends(parameter, parameter.low, parameter.high, RANGE)


def _around(parameter: Parameter, value: float, case: Case, width: float) -> tuple[float, float]:
    """A value less and more a part of itself, inside its range; of a date and a year it is a part of the time to it."""
    unit = UNITS[parameter.unit]
    if unit.kind == "flag" or not math.isfinite(value):
        return value, value
    day = float(case.given[VALUATION_DATE])  # type: ignore[arg-type]
    step = width * abs(value - {"date": day, "year": date_of(day).year}.get(unit.kind, 0.0))
    if not unit.is_continuous:
        step = float(math.ceil(step))
    return max(value - step, parameter.low), min(value + step, parameter.high)


def _support(uncertain: Uncertain) -> tuple[float, float]:
    """The lowest and highest value a distribution gives."""
    if uncertain.kind == "discrete":
        values = [value for value, chance in uncertain.outcomes if chance]
        return min(values), max(values)
    if uncertain.kind == "hazard":
        return uncertain.arguments["from"], math.inf
    return uncertain.arguments["low"], uncertain.arguments["high"]


def _scales(parameter: Parameter, value: Setting, case: Case) -> tuple[float, float]:
    """How far a path may be scaled down and up so that no value after the valuation date leaves the range."""
    amounts = _amounts_after(value, float(case.given[VALUATION_DATE]))  # type: ignore[arg-type]
    amounts = amounts[np.isfinite(amounts) & (amounts > 0)]
    if not amounts.size:
        return 1.0, 1.0
    return min(1.0, float(np.max(parameter.low / amounts))), max(1.0, float(np.min(parameter.high / amounts)))


def _amounts_after(value: Setting, day: float) -> Floats:
    """The values of a path that count after a day; for a step or a line also the one in force on it."""
    if not isinstance(value, Dated):
        return np.atleast_1d(value)
    days, values = np.array(value.days), np.array(value.values)
    later = values[days > day]
    return later if value.between == NOTHING else np.append(value.at(np.array([day])), later)


def _at(case: Case, given: Given, ends: _Ends, end: float) -> Given:
    """What the engine is given where one parameter stands at an end; what adds to 1 with it shares the rest."""
    name = ends.parameter.name
    if ends.span != PATH:
        return {name: end} | _others(case, given, ends.parameter, end)
    path = np.asarray(given[name], dtype=float)
    if ends.parameter.between == NOTHING:
        coming = np.asarray(given[COMING + name], dtype=float)
        return {name: path + (end - 1) * coming, COMING + name: end * coming}
    day = float(case.given[VALUATION_DATE])  # type: ignore[arg-type]
    starts, closes = (
        np.array([serial(date) for date in dates]) for dates in (case.calendar.starts, case.calendar.ends)
    )
    later = np.clip((closes - day) / (closes - starts + 1), 0, 1)  # part of each period after the valuation date
    return {name: path * (1 + (end - 1) * later)}


def _others(case: Case, given: Given, parameter: Parameter, end: float) -> Given:
    members = [each.name for each in case.deal.parameters.values() if each.adds_to_one == parameter.adds_to_one]
    if not parameter.adds_to_one:
        return {}
    rest = 1 - float(given[parameter.name])
    others = [name for name in members if name != parameter.name]
    return {name: (1 - end) * (float(given[name]) / rest if rest else 1 / len(others)) for name in others}


def _swings(case: Case, all_ends: Sequence[_Ends], names: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    given = arrays(case)
    futures = [_at(case, given, ends, end) for ends in all_ends for end in (ends.low, ends.high)]
    values = _run(case, futures, names)
    lines = []
    for name in names:
        base = float(case.values[name])
        for place, ends in enumerate(all_ends):
            low, high = (float(value) for value in values[name][2 * place : 2 * place + 2])
            parameter = ends.parameter
            about = (
                parameter.name,
                parameter.label,
                parameter.grade,
                ends.span,
                ends.text(ends.low),
                ends.text(ends.high),
            )
            lines.append((name, *about, low, base, high, _swing([low, base, high])))
    headings = ["row", "parameter", "label", "grade", "span", "low", "high", "at_low", "base", "at_high", "swing"]
    frame = pd.DataFrame(lines, columns=headings)
    order = frame["row"].map({name: place for place, name in enumerate(names)})
    frame = frame.assign(order=order).sort_values(["order", "swing"], ascending=[True, False], kind="stable")
    return _about(frame.drop(columns="order").reset_index(drop=True), case, "One parameter at a time")


def _swing(values: Sequence[float]) -> float:
    """The distance between lowest and highest; not a number where one of them has none."""
    return max(values) - min(values) if all(map(math.isfinite, values)) else math.nan


def _run(case: Case, futures: Sequence[Given], names: Sequence[str]) -> dict[str, np.ndarray]:
    """The rows in futures that each differ from the case in what is given."""
    given = arrays(case)
    found: list[dict[str, np.ndarray]] = []
    for at in range(0, len(futures), AT_ONCE):
        some = futures[at : at + AT_ONCE]
        moved = dict.fromkeys(name for future in some for name in future)
        changed = {
            name: np.stack([np.asarray(future.get(name, given[name])) for future in some], axis=-1) for name in moved
        }
        values = again(case, changed, len(some))
        found.append({name: values[name] for name in names})
    return {name: np.concatenate([part[name] for part in found]) if found else np.zeros(0) for name in names}


def _bounds(
    case: Case, all_ends: Sequence[_Ends], alone: pd.DataFrame, names: Sequence[str], corners: int, seed: int
) -> dict[str, tuple[float, float]]:
    """The lowest and highest of each row with all these parameters at one of their ends, base included."""
    draws = {ends.parameter.name: _draw(ends.parameter.name, corners, seed) for ends in all_ends}
    for name in names:
        of_row = alone[alone["row"] == name].set_index("parameter")
        rises = of_row["at_high"] > of_row["at_low"]
        for parameter, draw in draws.items():
            draws[parameter] = np.append(draw, [not rises[parameter], rises[parameter]])
    values = _at_corners(case, all_ends, draws, names)
    found = {}
    for name in names:
        all_values = np.append(values[name], case.values[name])
        finite = all_values[np.isfinite(all_values)]
        found[name] = (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)
    return found


def _draw(name: str, count: int, seed: int) -> NDArray[np.bool_]:
    """Low or high, from a stream of the parameter's own: others do not change when one is added."""
    return np.random.default_rng([seed, *name.encode()]).integers(0, 2, count).astype(bool)


def _at_corners(
    case: Case, all_ends: Sequence[_Ends], draws: Mapping[str, NDArray[np.bool_]], names: Sequence[str]
) -> dict[str, np.ndarray]:
    given = arrays(case)
    futures = len(next(iter(draws.values()), np.zeros(0)))
    changed: Given = {}
    for ends in all_ends:
        low, high = (_at(case, given, ends, end) for end in (ends.low, ends.high))
        own = [name for name in low if name.removeprefix(COMING) == ends.parameter.name]
        for name in own:
            one, other = (np.asarray(at[name], dtype=float)[..., np.newaxis] for at in (low, high))
            changed[name] = np.where(draws[ends.parameter.name], other, one)
    changed |= _made_to_add(case.deal, given, changed)
    found: list[dict[str, np.ndarray]] = []
    for at in range(0, futures, AT_ONCE):
        part = {name: np.asarray(values)[..., at : at + AT_ONCE] for name, values in changed.items()}
        values = again(case, part, min(AT_ONCE, futures - at))
        found.append({name: values[name] for name in names})
    return {name: np.concatenate([part[name] for part in found]) if found else np.zeros(0) for name in names}


def _made_to_add(deal: Deal, given: Given, changed: Given) -> Given:
    """What must add to 1 and was moved, divided by its sum; as given where the sum is 0."""
    groups: dict[str, list[str]] = {}
    for parameter in deal.parameters.values():
        if parameter.adds_to_one:
            groups.setdefault(parameter.adds_to_one, []).append(parameter.name)
    mended: Given = {}
    for members in (members for members in groups.values() if any(name in changed for name in members)):
        sums = sum(np.asarray(changed.get(name, given[name])) for name in members)
        for name in members:
            part = np.asarray(changed.get(name, given[name])) / np.where(sums, sums, 1)
            mended[name] = np.where(sums, part, given[name])
    return mended


def _about(frame: pd.DataFrame, case: Case, title: str) -> pd.DataFrame:
    frame.attrs = {"title": title, "caption": f"{case.title}; bounds of distributions and ranges as in params/base"}
    return frame
