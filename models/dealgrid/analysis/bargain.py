"""Bargain: what each point of a map of two terms is worth to each of two parties over the contract they have now.

All points share their futures, so that differences between them are not noise. Each party values the deal by its own
rows, discount rates and beliefs; its gain at a point is the mean over futures of what it has there less what it has
under the present contract in the same future. docs/decisions/0013-futures-and-the-map.md
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dealgrid.analysis.futures import SEED, Crowd, Key, Say, in_order
from dealgrid.analysis.levers import Lever, lever
from dealgrid.analysis.tally import Tally
from dealgrid.deal import Case, Deal
from dealgrid.inputs import UNITS, Uncertain
from dealgrid.inputs.bargains import Axis, Bargain, Party
from dealgrid.parcel import Parcel, opened_by_worker, packed
from dealgrid.problems import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Progress = Callable[[int, int], None]

COUNT, MOST = 2_048, 200_000
AT_ONCE = 16_384  # futures in one call of the engine: as many points as fit
SURE = (
    1.959963984540054  # standard errors to each side of an indifference curve: the band that holds it 95 times in 100
)


@dataclass(frozen=True)
class Surface:
    """A party's side of the map, each (up, across): mean `gain`, its standard `error`, and the probability of `regret`:
    that the deal turns out worse for it than the present contract, by its own lights.
    """

    party: Party
    gain: Floats
    error: Floats
    regret: Floats


@dataclass(frozen=True)
class Place:
    """A point of the map with what it is worth to each party, and why it is named."""

    name: str
    across: float
    up: float
    gains: tuple[float, float]
    errors: tuple[float, float]
    regrets: tuple[float, float]


@dataclass(frozen=True)
class Bargaining:
    """The map of a negotiation: two terms, two surfaces.

    `title` and `beside` are those of the scenario and of the present contract. `across` and `up` are the values on the
    axes, `levers` their parameters in the scenario; `marks` are scenarios at
    their own terms on the map, valued with all their other clauses. `failed` counts runs in which a check failed.
    """

    study: Bargain
    title: str
    beside: str
    count: int
    seed: int
    levers: tuple[Lever, Lever]
    across: Floats
    up: Floats
    surfaces: tuple[Surface, Surface]
    marks: tuple[Place, ...]
    failed: int

    @property
    def caption(self) -> str:
        """What the map is of."""
        checks = "all checks zero" if not self.failed else f"CHECKS FAILED in {self.failed:,}"
        return f"{self.title} against {self.beside}. {self.count:,} futures, seed {self.seed}; {checks}."

    @property
    def zone(self) -> Flags:
        """Where both gain."""
        return (self.surfaces[0].gain >= 0) & (self.surfaces[1].gain >= 0)

    @property
    def sure_zone(self) -> Flags:
        """Where both gain by more than chance explains."""
        one, other = self.surfaces
        return (one.gain > SURE * one.error) & (other.gain > SURE * other.error)

    @property
    def pareto(self) -> Flags:
        """Points than which no other point of the map is better for one side and as good for the other."""
        one, other = (surface.gain.ravel() for surface in self.surfaces)
        order = np.lexsort((-other, -one))
        best, kept = -math.inf, np.zeros(one.size, dtype=bool)
        for place in order:  # from the best for one side down: each must better the other
            if other[place] > best:
                best, kept[place] = other[place], True
        return kept.reshape(self.surfaces[0].gain.shape)

    def nash(self) -> Place | None:
        """The point of the zone with the largest product of gains (Nash 1950); None where there is no zone."""
        one, other = self.surfaces
        product = np.where(self.zone, one.gain * other.gain, -math.inf)
        return self.at(int(np.argmax(product)), "Nash") if self.zone.any() else None

    def equal_gain(self) -> Place | None:
        """The point of the zone at which the one who gains less gains most (Kalai 1977); None without a zone."""
        one, other = self.surfaces
        least = np.where(self.zone, np.minimum(one.gain, other.gain), -math.inf)
        return self.at(int(np.argmax(least)), "equal gain") if self.zone.any() else None

    def nearest(self) -> Place:
        """The point at which the one who gains less gains most, in a zone or not."""
        one, other = self.surfaces
        return self.at(int(np.argmax(np.minimum(one.gain, other.gain))), "nearest to agreement")

    def at(self, place: int, name: str) -> Place:
        """A point of the map by its place, counted line by line from the lower left."""
        up, across = divmod(place, len(self.across))
        one, other = ((s.gain[up, across], s.error[up, across], s.regret[up, across]) for s in self.surfaces)
        pairs = [(float(a), float(b)) for a, b in zip(one, other, strict=True)]
        return Place(name, float(self.across[across]), float(self.up[up]), *pairs)

    def indifference(self, party: int, errors: float = 0.0) -> Floats:
        """Where a party gains so many standard errors: pieces (pieces, 4), each from across, up to across, up."""
        surface = self.surfaces[party]
        return contour(self.across, self.up, surface.gain - errors * surface.error)

    def border(self, party: int, up: int) -> list[tuple[float, float]]:
        """Where a party is indifferent on a line of the map: values across, each with its standard error."""
        gain, error = self.surfaces[party].gain[up], self.surfaces[party].error[up]
        found = []
        for place in np.flatnonzero(np.diff(np.sign(gain)) != 0):
            step = self.across[place + 1] - self.across[place]
            slope = (gain[place + 1] - gain[place]) / step
            found.append((float(self.across[place] - gain[place] / slope), float(abs(error[place] / slope))))
        return found

    def table(self) -> pd.DataFrame:
        """A line per point: the terms, each party's gain, error and regret, whether it is in the zone and on the
        Pareto set.
        """
        import pandas as pd

        across, up = np.meshgrid(self.across, self.up)
        columns: dict[str, Floats | Flags] = {
            self.study.across.parameter: across.ravel(), self.study.up.parameter: up.ravel()
        }  # fmt: skip
        for surface in self.surfaces:
            for what in ("gain", "error", "regret"):
                columns[f"{surface.party.name}_{what}"] = getattr(surface, what).ravel()
        columns |= {"in_zone": self.zone.ravel(), "is_pareto": self.pareto.ravel()}
        return pd.DataFrame(columns)

    def places(self) -> pd.DataFrame:
        """The points that have a name: marks, Nash, equal gain; their terms as people read them, what they bring."""
        import pandas as pd

        named = [*self.marks, *(each for each in (self.nash(), self.equal_gain()) if each)]
        if not self.zone.any():
            named.append(self.nearest())
        lines = {}
        for each in named:
            line: dict[str, object] = {
                turned.parameter.label: turned.shown(value)
                for turned, value in zip(self.levers, (each.across, each.up), strict=True)
            }
            for surface, gain, error, regret in zip(self.surfaces, each.gains, each.errors, each.regrets, strict=True):
                label = surface.party.label
                line |= {f"{label} gains": gain, f"{label} error": error, f"{label} regrets": regret}
            lines[each.name] = line
        frame = pd.DataFrame.from_dict(lines, orient="index")
        frame.attrs = {"title": "Points of the map", "caption": self.caption}
        return frame


@dataclass(frozen=True)
class _Job:
    """All that a line of the map is made from, for a worker who has the project's folder, or what was `sent` of it."""

    deal: str
    root: str
    sent: Parcel | None
    study: Bargain
    count: int
    seed: int


class Table:
    """A study laid out: both parties' crowds, under the deal and the present contract, and the draws they share."""

    def __init__(self, deal: Deal, study: Bargain, count: int, seed: int, say: Say | None = None) -> None:
        self.deal, self.study, self.count, self.seed, self.say = deal, study, count, seed, say
        self.case = deal.case(study.scenario, study.set)
        self.levers = (lever(self.case, study.across.parameter), lever(self.case, study.up.parameter))
        self.terms = [each.name for each in self.levers]
        self.across, self.up = (
            points_of(axis, turned) for axis, turned in zip((study.across, study.up), self.levers, strict=True)
        )
        self._refuse()
        self._overlays = list({_overlay(party): party for party in study.parties}.values())

    @property
    def beside(self) -> str:
        """The title of the present contract."""
        return self.deal.scenario(self.study.present).title

    @functools.cached_property
    def sides(self) -> list[_Side]:
        """A side per way of seeing the world: parties that share it are run together."""
        return [
            _Side(self, overlay, [party for party in self.study.parties if _overlay(party) == _overlay(overlay)])
            for overlay in self._overlays
        ]

    def line(self, up: int) -> tuple[dict[str, tuple[Floats, Floats, Floats]], int]:
        """A line of the map: by party the gain, error and regret of each point across; and failed checks."""
        found, failed = {}, 0
        for side in self.sides:
            gains, wrong = side.gains(self.across, self.up[up])
            failed += wrong
            found.update({name: statistics(each) for name, each in gains.items()})
        return found, failed

    def gains_of(self, scenario: str, set: Mapping[str, object] | None = None,
                 believed: Mapping[str, Uncertain] | None = None) -> dict[str, Floats]:  # fmt: skip
        """What a scenario as it stands brings each party over the present contract, (futures,)."""
        found = {}
        for side in self.sides:
            now = side.present if not believed else side.values_of(self.study.present, {}, believed)
            then = side.values_of(scenario, set or {}, believed or {})
            found.update({name: then[name] - now[name] for name in then})
        return {party.name: found[party.name] for party in self.study.parties}

    def _refuse(self) -> None:
        problems = []
        if not 2 <= self.count <= MOST:
            problems.append(Problem("count", f"{self.count:,} futures", f"from 2 to {MOST:,}", "choose another number"))
        for party in self.study.parties:
            wrong = [name for name in (*party.set, *party.believe) if name in self.terms]
            problems += [
                Problem(self.study.file, f"{party.name} takes {name} for given, which is on an axis of the map",
                        "terms on the axes, beliefs about the rest", f"remove it from {party.name}")
                for name in wrong
            ]  # fmt: skip
            problems += [
                Problem(self.study.file, f"{party.name} values {name}, which has a value per period",
                        "rows with one number per case", "name another")
                for name in party.rows if not self.deal.row(name).is_once
            ]  # fmt: skip
        if problems:
            raise InputError(problems)


class _Side:
    """One way of seeing the world, and the parties who see it so."""

    def __init__(self, table: Table, overlay: Party, parties: Sequence[Party]) -> None:
        self.table, self.overlay, self.parties = table, overlay, parties
        self.rows = list(dict.fromkeys(name for party in parties for name in party.rows))
        study = table.study
        everyone = list(dict.fromkeys(name for party in study.parties for name in party.rows))
        self.crowd = Crowd(  # with the rows of all parties, so that all sides share one kernel: compiling takes longest
            table.deal, study.scenario, everyone, table.seed, {**study.set, **overlay.set},
            believed=overlay.believe, varying=table.terms, planned=len(table.across) * len(table.up) * table.count,
            say=table.say,
        )  # fmt: skip
        self.drawn = self.crowd.draws.values(0, table.count, self.crowd.drawn)

    @functools.cached_property
    def present(self) -> dict[str, Floats]:
        """What each party has under the present contract in each future."""
        return self.values_of(self.table.study.present, {}, {})

    def values_of(
        self, scenario: str, set: Mapping[str, object], believed: Mapping[str, Uncertain]
    ) -> dict[str, Floats]:
        """What each party has in a scenario in each future; `believed` comes over its own beliefs."""
        deal, count = self.table.deal, self.table.count
        own = {name: value for name, value in self.overlay.set.items() if name not in believed}
        crowd = Crowd(
            deal, scenario, self.rows, self.table.seed, {**set, **own}, believed={**self.overlay.believe, **believed}
        )
        return self._added(crowd.values(0, count))

    def gains(self, across: Floats, up: float) -> tuple[dict[str, Floats], int]:
        """Of each party (points, futures) on a line of the map; and in how many runs a check failed."""
        count, calendar = self.table.count, self.crowd.case.calendar
        at_once = max(AT_ONCE // count, 1)
        over, failed = self.table.levers, 0
        parts: list[dict[str, Floats]] = []
        for begin in range(0, len(across), at_once):
            some = across[begin : begin + at_once]
            given = {name: np.tile(values, len(some)) for name, values in self.drawn.items()}
            given[over[0].name] = over[0].over(np.repeat(some, count), calendar)
            given[over[1].name] = over[1].over(np.full(len(some) * count, up), calendar)
            values = self.crowd.totals(given, len(some) * count)
            failed += int(self.crowd.failing(values).sum())
            had = self.present
            parts.append({n: v.reshape(len(some), count) - had[n] for n, v in self._added(values).items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, failed

    def _added(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        return {
            party.name: functools.reduce(np.add, [values[name] for name in dict.fromkeys(party.rows)])
            for party in self.parties
        }


def bargain(
    deal: Deal,
    study: str | Bargain,
    count: int | None = None,
    seed: int | None = None,
    points: tuple[int, int] | None = None,
    tell: Progress | None = None,
    workers: int = 1,
    cluster: str = "",
    say: Say | None = None,
) -> Bargaining:
    """Draw the map of a study of kind `bargain`.

    `count`, `seed` and `points` (across, up) stand in for the study's own. Lines of the map are worked out one by one,
    here, by several `workers` or on a Dask `cluster`: the numbers are the same to the last bit. InputError with all
    problems.
    """
    asked = study_of(deal, study)
    if points is not None:
        asked = dataclasses.replace(
            asked,
            across=dataclasses.replace(asked.across, points=points[0]),
            up=dataclasses.replace(asked.up, points=points[1]),
        )
    laid = table(deal, asked, count, seed, say)
    lines = range(len(laid.up))
    sent = packed(deal) if cluster else None
    job = _Job(deal.name, str(deal.root), sent, asked, laid.count, laid.seed)
    done: Iterable[tuple[dict[str, tuple[Floats, Floats, Floats]], int]] = (
        map(laid.line, lines)
        if workers == 1 and not cluster
        else in_order(functools.partial(_line_elsewhere, job), list(lines), workers, cluster)
    )
    found, failed = [], 0
    for place, (line, wrong) in enumerate(done):
        found.append(line)
        failed += wrong
        if tell is not None:
            tell(place + 1, len(laid.up))
    one, other = (
        Surface(party, *(np.stack([line[party.name][what] for line in found]) for what in range(3)))
        for party in asked.parties
    )
    marks = tuple(_mark(laid, name) for name in asked.marks)
    return Bargaining(
        asked, laid.case.title, laid.beside, laid.count, laid.seed, laid.levers, laid.across, laid.up, (one, other),
        marks, failed,
    )  # fmt: skip


def study_of(deal: Deal, study: str | Bargain) -> Bargain:
    """A study of kind `bargain` by name; InputError where it is none."""
    if isinstance(study, Bargain):
        return study
    found = deal.studies.get(study)
    if isinstance(found, Bargain):
        return found
    names = [name for name, each in deal.studies.items() if isinstance(each, Bargain)]
    what = f"{study!r} is a study of kind {found.kind}" if found else f"{study!r} is not a study"
    raise InputError(Problem("study", what, "one of " + ", ".join(names), "see params/studies"))


def table(
    deal: Deal, study: str | Bargain, count: int | None = None, seed: int | None = None, say: Say | None = None
) -> Table:
    """A study laid out, its count and seed replaced where given."""
    asked = study_of(deal, study)
    count = (asked.count or COUNT) if count is None else count
    return Table(deal, asked, count, seed if seed is not None else asked.seed or SEED, say)


def beliefs(laid: Table) -> pd.DataFrame:
    """Why both sign: what the study's scenario as it stands brings each party, seen with each party's beliefs.

    A line per party whose belief it is; for each party its gain and standard error in the unit of its rows.
    """
    import pandas as pd

    lines = {}
    for believer in laid.study.parties:
        gains = laid.gains_of(laid.study.scenario, laid.study.set, _of(believer, laid))
        line: dict[str, float] = {}
        for party in laid.study.parties:
            mean, error, regret = (float(each[0]) for each in statistics(gains[party.name][np.newaxis]))
            line |= {f"{party.label} gains": mean, f"{party.label} error": error, f"{party.label} regrets": regret}
        lines[f"As {believer.label} sees it"] = line
    frame = pd.DataFrame.from_dict(lines, orient="index")
    frame.attrs = {
        "title": f"{laid.case.title}: what it brings, by whose belief",
        "caption": f"Against {laid.beside}. {laid.count:,} futures, seed {laid.seed}.",
    }
    return frame


def dial(laid: Table) -> pd.DataFrame:
    """The belief of the study turned over its range: what the scenario as it stands brings each party at each of them.

    A line per probability, with each party's gain and standard error; both hold the belief, and keep their own views of
    all else.
    """
    import pandas as pd

    axis = laid.study.belief
    if axis is None:
        raise InputError(Problem(laid.study.file, "`belief` is missing", "the belief to turn", "add it to the study"))
    lines = []
    for chance in np.linspace(axis.low, axis.high, axis.points):
        believed = {axis.parameter: turned_belief(laid.deal.parameters[axis.parameter].uncertain, float(chance))}
        gains = laid.gains_of(laid.study.scenario, laid.study.set, believed)
        line = {"probability": float(chance)}
        for name, values in gains.items():
            mean, error, _ = statistics(values[np.newaxis])
            line |= {f"{name}_gain": float(mean[0]), f"{name}_error": float(error[0])}
        lines.append(line)
    frame = pd.DataFrame(lines)
    label, uncertain = laid.deal.parameters[axis.parameter].label, laid.deal.parameters[axis.parameter].uncertain
    frame.attrs = {
        "each": " a year" if uncertain is not None and uncertain.kind == "hazard" else "",
        "title": f"What the deal brings by the belief in: {label}",
        "caption": f"{laid.case.title} against {laid.beside}. {laid.count:,} futures, seed {laid.seed}.",
    }
    return frame


def turning_points(frame: pd.DataFrame, name: str) -> list[tuple[float, float]]:
    """The beliefs at which a party's gain changes its sign, each with its standard error, between lines of `dial`."""
    chances, gain, error = (
        frame[column].to_numpy(dtype=float) for column in ("probability", f"{name}_gain", f"{name}_error")
    )
    found = []
    for place in np.flatnonzero(np.sign(gain[:-1]) * np.sign(gain[1:]) < 0):
        slope = (gain[place + 1] - gain[place]) / (chances[place + 1] - chances[place])
        found.append((float(chances[place] - gain[place] / slope), float(abs(error[place] / slope))))
    return found


def turned_belief(uncertain: Uncertain | None, chance: float) -> Uncertain:
    """A hazard with another chance per year, or a yes with another probability."""
    if uncertain is not None and uncertain.kind == "hazard":
        return dataclasses.replace(uncertain, arguments={**uncertain.arguments, "per_year": chance})
    return Uncertain("discrete", {}, ((1.0, chance), (0.0, 1 - chance)))


def points_of(axis: Axis, turned: Lever) -> Floats:
    """The values on an axis, from its low to its high end; dates in whole days, each once."""
    values = np.linspace(axis.low, axis.high, axis.points)
    is_whole = not UNITS[turned.parameter.unit].is_continuous
    return np.unique(np.round(values)) if is_whole else values


def statistics(gains: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, standard error and part below zero of gains (points, futures)."""
    plain = [False] * len(gains)
    tally = Tally.of(gains, np.ascontiguousarray(gains[:, 0]), plain)
    return tally.mean, tally.error, (gains < 0).mean(axis=1)


def contour(across: Floats, up: Floats, height: Floats) -> Floats:
    """Pieces of the line on which a surface (up, across) is zero: marching squares, straight inside each cell.

    Where a cell has its high corners opposite each other, the mean of the four says which two are joined.
    """
    pieces = []
    for row in range(len(up) - 1):
        for column in range(len(across) - 1):
            corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)]
            values = [float(height[y, x]) for x, y in corners]
            ends = [
                _crossing(across, up, corners[k], corners[(k + 1) % 4], values[k], values[(k + 1) % 4])
                for k in range(4)
                if (values[k] >= 0) != (values[(k + 1) % 4] >= 0)
            ]
            if len(ends) == 4 and (sum(values) >= 0) == (values[0] >= 0):
                ends = [ends[0], ends[1], ends[2], ends[3]]
            elif len(ends) == 4:
                ends = [ends[3], ends[0], ends[1], ends[2]]
            pieces += [(*ends[k], *ends[k + 1]) for k in range(0, len(ends), 2)]
    return np.array(pieces).reshape(-1, 4)


def _crossing(
    across: Floats, up: Floats, one: tuple[int, int], other: tuple[int, int], value: float, there: float
) -> tuple[float, float]:
    part = value / (value - there)
    x, y = (float(axis[a]) + part * float(axis[b] - axis[a]) for axis, a, b in
            ((across, one[0], other[0]), (up, one[1], other[1])))  # fmt: skip
    return x, y


def _mark(laid: Table, name: str) -> Place:
    case: Case = laid.deal.case(name)
    across, up = (lever(case, term).now for term in laid.terms)
    gains = [statistics(each[np.newaxis]) for each in laid.gains_of(name).values()]
    pairs = [(float(gains[0][what][0]), float(gains[1][what][0])) for what in range(3)]
    return Place(case.title, across, up, pairs[0], pairs[1], pairs[2])


def _overlay(party: Party) -> str:
    return repr((sorted(party.set.items()), sorted(party.believe.items())))


def _disputed(laid: Table) -> set[str]:
    """What some party has a belief about, as a distribution."""
    return {name for party in laid.study.parties for name in party.believe}


def _of(believer: Party, laid: Table) -> dict[str, Uncertain]:
    """A party's beliefs about all that is disputed; what it says nothing about it takes from the base."""
    found = {}
    for name in _disputed(laid):
        uncertain = believer.believe.get(name) or laid.deal.parameters[name].uncertain
        if uncertain:
            found[name] = uncertain
    return found


@functools.lru_cache(maxsize=2)
def _opened(key: Key) -> Table:
    job: _Job = key.job
    deal = opened_by_worker(job.deal, job.root, job.sent)
    return Table(deal, job.study, job.count, job.seed)


def _line_elsewhere(job: _Job, up: int) -> tuple[dict[str, tuple[Floats, Floats, Floats]], int]:
    return _opened(Key(job)).line(up)
