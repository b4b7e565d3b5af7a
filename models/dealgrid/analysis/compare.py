"""What moved between two cases, and which clause moved it: attribution by Shapley values."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dealgrid.analysis import again, arrays
from dealgrid.dates import date_text
from dealgrid.deal import LAYERS, STRUCTURAL, Case, Deal
from dealgrid.engine.row import Row
from dealgrid.explain import HIDDEN
from dealgrid.inputs import Dated, Parameter, Pin, Setting, format_value
from dealgrid.inputs.dated import COMING, LINEAR, NOTHING, STEP
from dealgrid.problems import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Coalitions = NDArray[np.bool_]  # (coalitions, players): who is in
Worth = Callable[[Coalitions], Floats]  # (coalitions, players) to (coalitions, figures)

MOST_EXACT = 12  # clauses up to which all coalitions are run: 4,096 take under a second
PAIRS = 500  # of orders drawn beyond that, each with its reverse
SEED = 20250630
AT_ONCE = 1024  # futures in one run of the engine, which bounds the memory
MOVED_ROWS = 12
PREPOSITIONS = {STEP: "from", LINEAR: "in", NOTHING: "on"}
START, CLAUSE, END = "start", "clause", "end"  # kinds of step in a bridge


@dataclass(frozen=True)
class Change:
    """A parameter that differs, with its values as a person would write them, and where each comes from."""

    parameter: str
    label: str
    unit: str
    before: str
    after: str
    source_before: str
    source_after: str


@dataclass(frozen=True)
class Clause:
    """Parameters that are changed together."""

    name: str
    label: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Attribution:
    """What each player adds, (players, figures).

    `contributions` are Shapley values, with their `errors` (standard errors, 0 if exact); `first` is what a
    player adds to nobody, `last` what it adds to all others. Where players do not interact the three agree.
    """

    contributions: Floats
    errors: Floats
    first: Floats
    last: Floats
    is_exact: bool
    coalitions: int


@dataclass(frozen=True)
class Comparison:
    """What moved from case `a` to case `b`, and by which clause.

    The figures are those of `row`, the story's holders and their total, and its streams: by name, of shape
    (clauses,) for a `once` row and (clauses, periods) for one over periods. An outflow's are as the row has
    them, positive where more is paid.
    """

    a: Case
    b: Case
    row: Row
    clauses: tuple[Clause, ...]
    contributions: Mapping[str, Floats]
    errors: Mapping[str, Floats]
    first: Mapping[str, Floats]
    last: Mapping[str, Floats]
    is_exact: bool
    coalitions: int

    @property
    def before(self) -> float | np.ndarray:
        """The row in `a`."""
        return self.a[self.row.name]

    @property
    def after(self) -> float | np.ndarray:
        """The row in `b`."""
        return self.b[self.row.name]

    def to_frame(self) -> pd.DataFrame:
        """The row by clause: of a `once` row its contribution and how far that depends on the order; else by period."""
        import pandas as pd

        index = pd.Index(self._labels, name="clause")
        name = self.row.name
        if not self.row.is_once:
            frame = pd.DataFrame(self.contributions[name], index=index, columns=list(self.a.calendar.periods))
        else:
            figures = (self.contributions, self.errors, self.first, self.last)
            headings = ("contribution", "standard_error", "changed_first", "changed_last")
            columns = {heading: found[name] for heading, found in zip(headings, figures, strict=True)}
            frame = pd.DataFrame(columns, index=index)
        return self._about(frame, f"{self.row.label}: what each clause adds", self.row.unit)

    def by_holder(self) -> pd.DataFrame:
        """Contributions to the value of each holder and to their total: a line per clause, and the change they make."""
        story = self.a.deal.story
        frame = self._matrix({**story.holders, story.total: "Total"}, ())
        return self._about(frame, "Who gains by which clause", self.a.deal.row(story.total).unit)

    def by_stream(self) -> pd.DataFrame:
        """Contributions to each stream of the party at the centre, those it pays negative: a line per clause."""
        story = self.a.deal.story
        frame = self._matrix({**story.streams, story.center: "Total"}, story.outflows)
        return self._about(frame, "Which stream each clause moves", self.a.deal.row(story.center).unit)

    def parameters(self) -> pd.DataFrame:
        """The parameters that differ, with their values before and after and where these come from."""
        import pandas as pd

        lines = [{"clause": clause.label, **vars(change)} for clause in self.clauses for change in clause.changes]
        headings = ["clause", *(field.name for field in fields(Change))]
        return self._about(pd.DataFrame(lines, columns=headings), "What differs", "")

    def bridge(self, period: str | None = None) -> pd.DataFrame:
        """From `a` to `b` in steps, for a waterfall: the start, a step per clause, the largest first, the end.

        Columns `step`, `kind` (start, clause or end), `amount`, and the level `before` and `after` the step.
        A row over periods needs the period.
        """
        import pandas as pd

        place = self._place(period)
        ends = [float(value if place is None else value[place]) for value in map(np.asarray, (self.before, self.after))]
        amounts = self.contributions[self.row.name]
        amounts = amounts if place is None else amounts[:, place]
        order = sorted(range(len(self.clauses)), key=lambda at: -abs(amounts[at]))
        steps = [self.a.title, *(self._labels[at] for at in order), self.b.title]
        levels = np.cumsum([ends[0], *amounts[order]]).tolist()
        frame = pd.DataFrame(
            {
                "step": steps,
                "kind": [START, *[CLAUSE] * len(order), END],
                "amount": [ends[0], *amounts[order], ends[1]],
                "before": [0.0, *levels[:-1], 0.0],
                "after": [*levels, ends[1]],
            }
        )
        return self._about(frame, f"{self.row.label}: from {self.a.title} to {self.b.title}", self.row.unit)

    def moved(self, count: int = MOVED_ROWS) -> pd.DataFrame:
        """The flows and balances that moved most, each in the period of its largest change, and for flows in all.

        `takes` names the parameters that differ and that the row uses itself: there the change comes in. Of rows
        that are the same in both cases, period by period, only the first is named.
        """
        import pandas as pd

        changed = {change.parameter for clause in self.clauses for change in clause.changes}
        lines: dict[bytes, dict[str, object]] = {}
        for row in self.a.deal.book.rows.values():
            before, after = self.a.values[row.name], self.b.values[row.name]
            if (
                row.shape not in ("flow", "balance")
                or not np.isfinite([before, after]).all()
                or (before == after).all()
            ):
                continue
            at = int(np.argmax(np.abs(after - before)))
            taken = [name for name in (each.removeprefix(COMING) for each in row.ingredients) if name in changed]
            line: dict[str, object] = {
                "row": row.name,
                "label": row.label,
                "unit": row.unit,
                "period": self.a.calendar.periods[at],
            }
            line |= {"before": before[at], "after": after[at], "change": after[at] - before[at]}
            line["change_in_all"] = (after - before).sum() if row.shape == "flow" else math.nan
            lines.setdefault(np.stack([before, after]).tobytes(), {**line, "takes": ", ".join(taken)})
        headings = ["row", "label", "unit", "period", "before", "after", "change", "change_in_all", "takes"]
        frame = pd.DataFrame(list(lines.values()), columns=headings)
        frame = frame.sort_values("change", key=abs, ascending=False, kind="stable", ignore_index=True).head(count)
        return self._about(frame, "What moved most", "")

    @property
    def _labels(self) -> list[str]:
        return [clause.label for clause in self.clauses]

    def _matrix(self, labels: Mapping[str, str], outflows: Collection[str]) -> pd.DataFrame:
        import pandas as pd

        signs = {name: -1 if name in outflows else 1 for name in labels}
        columns = {label: signs[name] * self.contributions[name] + 0.0 for name, label in labels.items()}  # no -0
        return pd.DataFrame(columns, index=pd.Index(self._labels, name="clause"))

    def _about(self, frame: pd.DataFrame, title: str, unit: str) -> pd.DataFrame:
        how = "exact" if self.is_exact else f"{self.coalitions} combinations of clauses"
        frame.attrs = {"title": title, "caption": f"From {self.a.title} to {self.b.title}; Shapley values, {how}"}
        if unit:
            frame.attrs["unit"] = unit
        return frame

    def _place(self, period: str | None) -> int | None:
        if self.row.is_once:
            return None
        if period is None or period not in self.a.calendar.periods:
            periods = self.a.calendar.periods
            what = f"{self.row.name} has a value per period" if period is None else f"{period!r} is not a period"
            raise InputError(Problem("bridge", what, f"a period from {periods[0]} to {periods[-1]}", "name one"))
        return self.a.calendar.periods.index(period)


def compare(
    deal: Deal,
    a: str,
    b: str,
    row: str | None = None,
    set: Mapping[str, object] | None = None,
    pins: Mapping[str, object] | Iterable[Pin] = (),
    clauses: Mapping[str, Collection[str]] | None = None,
) -> Comparison:
    """What moved from scenario `a` to `b`, with the same settings and pins on both, and which clause moved it.

    `row` is the story's center unless named. `clauses` gives by label the parameters, or whole sheets, that
    change together; without it the story's, and what no clause names changes with its sheet. InputError where
    the two differ in their calendar or valuation date.
    """
    pins = pins if isinstance(pins, Mapping) else list(pins)
    return compare_cases(deal.case(a, set, pins), deal.case(b, set, pins), row, clauses)


def compare_cases(
    a: Case, b: Case, row: str | None = None, clauses: Mapping[str, Collection[str]] | None = None
) -> Comparison:
    """The same for two cases at hand, which may differ in their settings too, but not in their pins."""
    story = a.deal.story
    asked = a.deal.row(row or story.center)
    _refuse_unlike(a, b)
    if clauses is None:
        clauses = story.clauses
    found = _clauses(a, b, clauses)
    rows = list(dict.fromkeys([asked.name, story.center, *story.holders, story.total, *story.streams]))
    members = [{change.parameter for change in clause.changes} for clause in found]
    attribution = attribute(_worth(a, b, members, rows), len(found))
    _refuse_endless(a, b, asked, attribution.contributions[:, : a.values[asked.name].size])

    def by_row(figures: Floats) -> dict[str, Floats]:
        sizes = [a.values[name].size for name in rows]
        parts = np.split(figures, np.cumsum(sizes)[:-1], axis=1)
        return {name: part.reshape(len(found), *a.values[name].shape) for name, part in zip(rows, parts, strict=True)}

    return Comparison(
        a, b, asked, found,
        by_row(attribution.contributions), by_row(attribution.errors), by_row(attribution.first),
        by_row(attribution.last), attribution.is_exact, attribution.coalitions,
    )  # fmt: skip


def attribute(
    worth: Worth, players: int, most_exact: int = MOST_EXACT, pairs: int = PAIRS, seed: int = SEED
) -> Attribution:
    """Shapley values of a game: exact up to `most_exact` players, else from orders drawn in pairs.

    An order and its reverse are drawn together, which lessens the error and makes the way back exactly minus the way
    there: test_the_way_back_is_minus_the_way_there.
    Source: Shapley 1953; Castro, Gómez and Tejada 2009 for sampling.

    >>> both_or_nothing = lambda inside: inside.all(axis=1, keepdims=True) * 10.0
    >>> attribute(both_or_nothing, 2).contributions.ravel().tolist()
    [5.0, 5.0]
    """
    return _exact(worth, players) if players <= most_exact else _sampled(worth, players, pairs, seed)


def _exact(worth: Worth, players: int) -> Attribution:
    """Every coalition: a player's marginal amounts, each weighed by the part of all orders in which it comes so."""
    numbers = np.arange(2**players)
    values = worth((numbers[:, np.newaxis] >> np.arange(players)) & 1 == 1)
    sizes = np.array([int(number).bit_count() for number in numbers])
    weights = np.array([1 / (players * math.comb(players - 1, size)) for size in range(players)])
    contributions, first, last = (np.zeros((players, values.shape[1])) for _ in range(3))
    with np.errstate(invalid="ignore"):  # no limit less no limit is no number, which whoever asked for the row is told
        for player in range(players):
            without = numbers[numbers >> player & 1 == 0]
            marginal = values[without | 1 << player] - values[without]
            contributions[player] = weights[sizes[without]] @ marginal
            first[player], last[player] = marginal[0], marginal[-1]
    return Attribution(contributions, np.zeros_like(contributions), first, last, True, len(numbers))


def _sampled(worth: Worth, players: int, pairs: int, seed: int) -> Attribution:
    """Orders drawn at random, each with its reverse; the error is that of the pairs' means."""
    random = np.random.default_rng(seed)
    drawn = np.array([random.permutation(players) for _ in range(pairs)])
    orders = np.stack([drawn, drawn[:, ::-1]])  # (2, pairs, players)
    steps = np.arange(players + 1)
    places = np.argsort(orders, axis=-1)
    paths = places[..., np.newaxis, :] < steps[:, np.newaxis]  # (2, pairs, steps, players)
    alone = np.eye(players, dtype=bool)
    bounds = np.concatenate([np.zeros((1, players), bool), alone, ~alone, np.ones((1, players), bool)])
    wanted, place = np.unique(np.concatenate([paths.reshape(-1, players), bounds]), axis=0, return_inverse=True)
    values = worth(wanted)
    ends = values[place[-len(bounds) :]]
    along = values[place[: -len(bounds)]].reshape(2, pairs, players + 1, -1)
    with np.errstate(invalid="ignore"):
        marginal = np.take_along_axis(np.diff(along, axis=2), places[..., np.newaxis], axis=2)
        of_pairs = marginal.mean(axis=0)
        errors = of_pairs.std(axis=0, ddof=1) / math.sqrt(pairs)
        first, last = ends[1 : players + 1] - ends[0], ends[-1] - ends[players + 1 : -1]
    return Attribution(of_pairs.mean(axis=0), errors, first, last, False, len(wanted))


def _worth(a: Case, b: Case, members: Sequence[Collection[str]], rows: Sequence[str]) -> Worth:
    """The rows' values, side by side, in cases that are `a` but for the clauses taken from `b`."""
    given_a, given_b = arrays(a), arrays(b)

    def worth(coalitions: Coalitions) -> Floats:
        return np.concatenate([some(coalitions[at : at + AT_ONCE]) for at in range(0, len(coalitions), AT_ONCE)])

    def some(coalitions: Coalitions) -> Floats:
        mixed = {}
        for clause, names in enumerate(members):
            for name in filter(given_a.__contains__, [*names, *map(COMING.__add__, names)]):
                one, other = (np.asarray(given[name], dtype=float)[..., np.newaxis] for given in (given_a, given_b))
                mixed[name] = np.where(coalitions[:, clause], other, one)
        values = again(a, mixed, len(coalitions))
        return np.concatenate([np.atleast_2d(values[name]) for name in rows]).T

    return worth


def _clauses(a: Case, b: Case, groups: Mapping[str, Collection[str]]) -> tuple[Clause, ...]:
    """The parameters that differ, gathered into clauses: those with a label of their own, then sheets in order."""
    _refuse_groups(a.deal, groups)
    label_of = {name: label for label, names in groups.items() for name in names}
    gathered: dict[str, list[Change]] = {name: [] for name in (*groups, *a.deal.book.sheets)}
    for parameter in a.deal.parameters.values():
        if a.given[parameter.name] != b.given[parameter.name]:
            gathered.setdefault(_clause_of(parameter, label_of), []).append(_change(parameter, a, b))
    return tuple(
        Clause(name, name if name in groups else name.replace("_", " ").capitalize(), tuple(changes))
        for name, changes in gathered.items()
        if changes
    )


def _clause_of(parameter: Parameter, label_of: Mapping[str, str]) -> str:
    return label_of.get(parameter.name) or label_of.get(parameter.sheet) or parameter.sheet


def _change(parameter: Parameter, a: Case, b: Case) -> Change:
    before, after = a.given[parameter.name], b.given[parameter.name]
    if parameter.name in a.deal.hidden:
        return Change(parameter.name, parameter.label, parameter.unit, HIDDEN, HIDDEN, HIDDEN, HIDDEN)
    return Change(
        parameter.name, parameter.label, parameter.unit,
        _text(before, after, parameter), _text(after, before, parameter),
        _source(a, parameter), _source(b, parameter),
    )  # fmt: skip


def _text(value: Setting, other: Setting, parameter: Parameter) -> str:
    """A value as people write it; of one by date, what follows the dates both have in common, and the one before."""
    if not isinstance(value, Dated):
        return format_value(float(value), parameter.unit)
    entries = list(zip(value.days, value.values, strict=True))
    same = 0
    if isinstance(other, Dated):
        others = list(zip(other.days, other.values, strict=True))
        while same < min(len(entries), len(others)) and entries[same] == others[same]:
            same += 1
    word = PREPOSITIONS[value.between]
    later = entries[max(same - 1, 0) :]
    return ", ".join(f"{format_value(amount, parameter.unit)} {word} {_day(day)}" for day, amount in later)


def _day(day: float) -> str:
    return date_text(day).removesuffix("-01-01")  # the first of January is how a year reads


def _source(case: Case, parameter: Parameter) -> str:
    if parameter.name in case.settings:
        return "set for this case"
    for part in reversed(case.scenario.split(LAYERS)):
        scenario = case.deal.scenario(part)
        if parameter.name in scenario.set:
            return f"scenario {scenario.name}"
    return f"{parameter.source} (grade {parameter.grade})"


def _refuse_unlike(a: Case, b: Case) -> None:
    """Two cases can be mixed if they stand on one calendar, on one day, with the same actual figures."""
    problems = []
    if a.deal is not b.deal:
        problems.append(_problem("the cases are of two deals", "two cases of one deal", "open the deal once"))
    for name in STRUCTURAL:
        one, other = a.given[name], b.given[name]
        if one != other:
            parameter = a.deal.parameters[name]
            texts = _text(one, other, parameter), _text(other, one, parameter)
            what = f"{name} is {texts[0]} in {a.scenario} and {texts[1]} in {b.scenario}"
            problems.append(_problem(what, "the same in both", f"set {name} for both"))
    if not problems and a.pins != b.pins:
        problems.append(_problem("the cases have different pins", "the same pins", "pin the same rows in both"))
    if problems:
        raise InputError(problems)


def _refuse_groups(deal: Deal, groups: Mapping[str, Collection[str]]) -> None:
    """A clause names parameters or sheets, none twice, and what must add to 1 stays together."""
    problems = []
    sheets = {parameter.sheet for parameter in deal.parameters.values()}
    found: dict[str, str] = {}
    for label, name in ((label, name) for label, names in groups.items() for name in names):
        if name not in deal.parameters and name not in sheets:
            what = f"clause {label!r}: {name!r} is neither a parameter nor a sheet"
            problems.append(_problem(what, "the name of one", "look it up in params/base"))
        if found.setdefault(name, label) != label:
            what = f"{name} is in the clauses {found[name]!r} and {label!r}"
            problems.append(_problem(what, "each name in one clause", "keep one of the two"))
    parts: dict[str, set[str]] = {}
    for parameter in deal.parameters.values():
        if parameter.adds_to_one:
            parts.setdefault(parameter.adds_to_one, set()).add(_clause_of(parameter, found))
    problems += [
        _problem(f"{sum} adds to 1, but stands in several clauses", "all of it in one", "name all of it, or its sheet")
        for sum, clauses in parts.items()
        if len(clauses) > 1
    ]
    if problems:
        raise InputError(problems)


def _refuse_endless(a: Case, b: Case, row: Row, contributions: Floats) -> None:
    """A date that never comes or a limit that is not there has no distance to another."""
    values = (a.values[row.name], b.values[row.name])
    if np.isfinite(contributions).all() and all(np.isfinite(value).all() for value in values):
        return
    shown = f" ({' and '.join(format_value(float(value), row.unit) for value in values)})" if row.is_once else ""
    what = f"{row.name}{shown} is not finite in every combination of the clauses"
    raise InputError(
        _problem(what, "a row that is finite throughout", f"compare {a.deal.story.center}, or another amount")
    )


def _problem(what: str, expected: str, advice: str) -> Problem:
    return Problem("compare", what, expected, advice)
