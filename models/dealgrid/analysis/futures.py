"""Futures: a scenario in as many futures as asked for, streamed in spans whose numbers do not depend on who does them.

A span is a fixed number of futures. Each is drawn, run and tallied alone, and tallies are added up in order: so the
results are the same to the last bit on one processor or many machines. docs/decisions/0013-futures-and-the-map.md
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dealgrid.analysis.draws import Draws
from dealgrid.analysis.tally import Tally
from dealgrid.deal import CHECK, TOLERANCE, VALUATION_DATE, Case, Deal
from dealgrid.engine.kernel import prepare
from dealgrid.engine.row import Row
from dealgrid.inputs import Pin, Uncertain
from dealgrid.parcel import Parcel, opened_by_worker, packed
from dealgrid.problems import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]
Say = Callable[[str], None]
T = TypeVar("T")
R = TypeVar("R")

SPAN = 16_384  # futures that are drawn and tallied together: whole blocks of draws, and four of the engine
COUNT, SEED = 10_000, 20250630
MOST = 10**9
COMPILED = 400_000  # runs from which a compiler, at some twenty seconds for a new set of rows, is repaid
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINDS = "binds_"  # a flag row whose name begins so says that a clause binds
EVER = "at some time"  # beside the periods: in any of those after the valuation date
LOST: Mapping[
    str, tuple[str, Callable[[Floats], NDArray[np.bool_]]]
] = {  # what it is not to get one's money back, by the unit of a row among the returns
    "date": ("never", lambda values: values == np.inf),
    "multiple": ("below 1×", lambda values: ~(values >= 1)),
    "fraction": ("negative, or no rate", lambda values: ~(values >= 0)),
}


class Crowd:
    """A scenario ready to be run in any of its futures.

    What scenario or `set` choose is not drawn: that is the question, not a doubt. `believed` gives parameters other
    distributions, or distributions at all, and those are drawn whatever the scenario says. `varying` names more
    parameters that blocks of futures will be given values of. Where so many runs are `planned` that a compiler pays,
    the rows are compiled, else NumPy serves: so the last digits do not depend on how the work is cut.
    """

    def __init__(
        self,
        deal: Deal,
        scenario: str,
        rows: Sequence[str],
        seed: int = SEED,
        set: Mapping[str, object] | None = None,
        pins: Mapping[str, object] | Iterable[Pin] = (),
        believed: Mapping[str, Uncertain] | None = None,
        varying: Iterable[str] = (),
        planned: int = 0,
        say: Say | None = None,
    ) -> None:
        self.case: Case = deal.case(scenario, set, pins)
        self.rows = tuple(rows)
        self.draws = Draws(deal.parameters, seed, believed)
        chosen = ({*deal.scenario(scenario).set, *(set or {})} - {*(believed or {})}) | {*varying}
        self.drawn = [name for name in self.draws.doubts if name not in chosen]
        self.checks = master_checks(deal)
        self.totals = prepare(
            deal.book,
            self.case.calendar,
            deal.arrays(self.case.given, self.case.calendar),
            [*self.rows, *self.checks],
            [*self.drawn, *varying],
            deal.fixed(self.case.pins, self.case.calendar),
            wait=True if planned >= COMPILED else None,
            say=say,
        )

    def values(self, begin: int, end: int) -> dict[str, Floats]:
        """The rows in the futures from `begin` to before `end`: (periods, futures), `once` rows (futures,)."""
        return self.totals(self.draws.values(begin, end, self.drawn), end - begin)

    def failing(self, values: Mapping[str, Floats]) -> NDArray[np.bool_]:
        """In which of some futures a check of the model is not zero."""
        tolerance = float(self.case.given[TOLERANCE])  # type: ignore[arg-type]
        futures = np.shape(next(iter(values.values())))[-1]
        wrong = np.zeros(futures, dtype=bool)
        for name in self.checks:
            wrong |= ~(np.abs(np.atleast_2d(values[name])) <= tolerance).all(axis=0)
        return wrong


@dataclass(frozen=True)
class Job:
    """All that a span of futures is made from, for a worker who has the project's folder, or what was `sent` of it."""

    deal: str
    root: str
    sent: Parcel | None
    scenario: str
    rows: tuple[str, ...]
    seed: int
    set: Mapping[str, object]
    pins: tuple[Pin, ...]
    planned: int


@dataclass(frozen=True)
class Span:
    """What is left of a span: its tally, and the futures in which a check failed."""

    tally: Tally
    failed: int
    first_failed: int | None


@dataclass(frozen=True)
class Futures:
    """The futures of a scenario: how its rows are distributed, and how sure that is.

    `failed` counts the futures in which a check of the model was not zero, `first_failed` is the first of them.
    """

    case: Case
    count: int
    seed: int
    rows: tuple[Row, ...]
    drawn: tuple[str, ...]
    tally: Tally
    failed: int
    first_failed: int | None

    @property
    def caption(self) -> str:
        """What the figures are of."""
        checks = "All checks are zero in every one" if not self.failed else f"CHECKS FAILED in {self.failed:,}"
        settings = "".join(f", {name} = {value}" for name, value in self.case.settings.items())
        return f"{self.case.title}{settings}. {self.count:,} futures, seed {self.seed}. {checks}."

    def summary(self) -> pd.DataFrame:
        """A line per `once` row: `base` (no parameter drawn), `mean` with its standard `error`, `sd`, quantiles, and
        `without`: the part of futures in which the row has no finite value, which mean and deviation leave out.
        `attrs["errors"]` holds the standard errors of the quantiles.
        """
        import pandas as pd

        lines, errors = {}, {}
        mean, error, deviation = self.tally.mean, self.tally.error, self.tally.deviation
        for row, place in self._once():
            pairs = {percent(part): self.tally.quantile(place, part) for part in QUANTILES}
            quantiles = {name: value for name, (value, _) in pairs.items()}
            errors[row.label] = {name: spread for name, (_, spread) in pairs.items()}
            lines[row.label] = {
                "row": row.name, "unit": row.unit, "base": float(self.case.values[row.name]), "mean": mean[place],
                "error": error[place], "sd": deviation[place], **quantiles,
                "without": 1 - self.tally.finite[place] / self.count,
            }  # fmt: skip
        parts = [percent(part) for part in QUANTILES]
        columns = ["row", "unit", "base", "mean", "error", "sd", *parts, "without"]  # also where no row is `once`
        found = pd.DataFrame.from_dict(lines, orient="index").reindex(columns=columns)
        frame = self._about(found, "How the figures are distributed")
        frame.attrs["errors"] = pd.DataFrame.from_dict(errors, orient="index").reindex(columns=parts)
        return frame

    def fan(self, name: str) -> pd.DataFrame:
        """A row over its periods, a column each: lines `base`, `mean`, `error` (of the mean) and the quantiles.

        `attrs["errors"]` holds the standard errors of all but `error`.
        """
        import pandas as pd

        row = self.case.deal.row(name)
        if row not in self.rows or row.is_once:
            raise InputError(
                Problem("row", f"{name} was not kept over the periods", "a row over periods among `rows`", "name it")
            )
        places = [place for place, series in enumerate(self._series) if series[0] == name]
        found = {
            percent(part): [self.tally.quantile(place, part) for place in places]
            for part in QUANTILES
            if row.shape != "flag"
        }
        periods, nothing = list(self.case.calendar.periods), np.zeros(len(places))
        means = {"mean": self.tally.mean[places], "error": self.tally.error[places]}
        lines = {"base": self.case.values[name], **means, **{n: [v for v, _ in pairs] for n, pairs in found.items()}}
        errors = {"base": nothing, "mean": means["error"], **{n: [e for _, e in pairs] for n, pairs in found.items()}}
        frame = pd.DataFrame.from_dict(lines, orient="index", columns=periods)
        frame = self._about(frame, f"{row.label}, {row.unit}")
        frame.attrs["errors"] = pd.DataFrame.from_dict(errors, orient="index", columns=periods)
        frame.attrs |= {"row": name, "unit": row.unit}
        return frame

    def binding(self) -> pd.DataFrame:
        """The probability that each clause binds: a line per clause, a column per period from the valuation on, and
        in any of them; `attrs["errors"]` holds the standard errors, a frame of the same shape.
        """
        import pandas as pd

        flags = [row for row in self.rows if row.name.startswith(BINDS) and not row.is_once]
        periods = [self.case.calendar.periods[place] for place in coming(self.case)]
        places = {series: place for place, series in enumerate(self._series)}
        wanted = [[places[row.name, column] for column in (*periods, EVER)] for row in flags]
        frames = [
            pd.DataFrame(
                [figures[each] for each in wanted],
                index=pd.Index([row.label.removesuffix(" binds") for row in flags]),
                columns=[*periods, EVER],
            )
            for figures in (self.tally.mean, self.tally.error)
        ]
        frame = self._about(frames[0], "How likely each clause is to bind")
        frame.attrs |= {"unit": "fraction", "errors": frames[1]}
        return frame

    def losses(self) -> pd.DataFrame:
        """How likely it is that the centre does not get its money back, by each figure of return of the story."""
        import pandas as pd

        story, lines = self.case.deal.story, {}
        for place, (name, what) in enumerate(self._series):
            if name in story.returns and what in [words for words, _ in LOST.values()]:
                figures = {"probability": self.tally.mean[place], "error": self.tally.error[place]}
                lines[f"{story.returns[name]}: {what}"] = {"row": name, **figures}
        frame = pd.DataFrame.from_dict(lines, orient="index", columns=["row", "probability", "error"])
        frame = self._about(frame, "How likely the money does not come back")
        frame.attrs["unit"] = "fraction"
        return frame

    @functools.cached_property
    def _series(self) -> list[tuple[str, str]]:
        return [(series.row.name, series.what) for series in _series_of(self.case, self.rows)]

    def _once(self) -> Iterator[tuple[Row, int]]:
        for place, (name, what) in enumerate(self._series):
            row = self.case.deal.row(name)
            if row.is_once and not what:
                yield row, place

    def _about(self, frame: pd.DataFrame, title: str) -> pd.DataFrame:
        frame.attrs = {"title": title, "caption": self.caption}
        return frame


def futures(
    deal: Deal,
    scenario: str,
    count: int = COUNT,
    seed: int = SEED,
    rows: Sequence[str] | None = None,
    set: Mapping[str, object] | None = None,
    pins: Mapping[str, object] | Iterable[Pin] = (),
    tell: Progress | None = None,
    workers: int = 1,
    cluster: str = "",
    say: Say | None = None,
) -> Futures:
    """A scenario in `count` futures, every uncertain parameter drawn that scenario and `set` do not choose.

    `rows` are kept over all periods, or as one number; without it the story's values, returns and paths. The flags of
    binding clauses are always kept. Memory does not grow with `count`: quantiles are exact up to
    65,536 futures and right to 1 part in 4,096 of their size beyond. `tell` hears how many are done, of how many.
    Several `workers` are processes of this machine, a `cluster` the address of a Dask scheduler; the numbers are the
    same. InputError with all problems, ModelError if a row is not a number in some future.
    """
    names = kept_rows(deal, rows)
    refuse_count(count)
    pins = pins if isinstance(pins, Mapping) else tuple(pins)
    crowd = Crowd(deal, scenario, names, seed, set, pins, planned=count, say=say)
    spans = [(begin, min(begin + SPAN, count)) for begin in range(0, count, SPAN)]
    own = tuple(crowd.case.own_pins)
    sent = packed(deal) if cluster else None
    job = Job(deal.name, str(deal.root), sent, scenario, names, seed, dict(set or {}), own, count)
    done: Iterable[Span] = (
        (span_of(crowd, *span) for span in spans)
        if workers == 1 and not cluster
        else in_order(functools.partial(run_span, job), spans, workers, cluster)
    )
    total: Span | None = None
    for (_, end), span in zip(spans, done, strict=True):
        total = span if total is None else _added(total, span)
        if tell is not None:
            tell(end, count)
    assert total is not None
    kept = tuple(deal.row(name) for name in names)
    return Futures(crowd.case, count, seed, kept, tuple(crowd.drawn), total.tally, total.failed, total.first_failed)


def kept_rows(deal: Deal, rows: Sequence[str] | None) -> tuple[str, ...]:
    """The rows kept of futures: those asked for, or the story's values, returns and paths; and which clause binds."""
    story = deal.story
    asked = rows if rows is not None else [story.center, *story.holders, story.total, *story.returns, *story.paths]
    problems = []
    for name in asked:
        try:
            deal.row(name)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    flags = [name for name, row in deal.book.rows.items() if name.startswith(BINDS) and not row.is_once]
    return tuple(dict.fromkeys([*asked, *flags]))


def refuse_count(count: int) -> None:
    """InputError where so many futures cannot be run."""
    if not 2 <= count <= MOST:
        raise InputError(Problem("count", f"{count:,} futures", f"from 2 to {MOST:,}", "choose another number"))


def span_of(crowd: Crowd, begin: int, end: int) -> Span:
    """Draw, run and tally the futures from `begin`, a multiple of `SPAN`, to before `end`."""
    values = crowd.values(begin, end)
    rows = [crowd.case.deal.row(name) for name in crowd.rows]
    kinds = _series_of(crowd.case, rows)
    matrix = np.stack([series.take(values[series.row.name]) for series in kinds])
    around = np.array([series.around for series in kinds])
    failing = crowd.failing(values)
    first = begin + int(np.argmax(failing)) if failing.any() else None
    return Span(Tally.of(matrix, around, [series.in_quantiles for series in kinds]), int(failing.sum()), first)


def run_span(job: Job, span: tuple[int, int]) -> Span:
    """The same for a worker elsewhere, who opens the deal once and keeps it."""
    return span_of(_opened(Key(job)), *span)


def in_order(task: Callable[[T], R], items: Sequence[T], workers: int, cluster: str) -> Iterator[R]:
    """Results of a task done by workers, in the order of the items."""
    from dealgrid import workers as crew

    waiting: dict[int, R] = {}
    place = 0
    for index, result in crew.done(task, items, workers, cluster):
        waiting[index] = result
        while place in waiting:
            yield waiting.pop(place)
            place += 1


def draws_of(
    deal: Deal, scenario: str, count: int, seed: int, rows: Sequence[str] | None,
    set: Mapping[str, object] | None = None, pins: Mapping[str, object] | Iterable[Pin] = (),
) -> Iterator[tuple[dict[str, Floats], dict[str, Floats]]]:  # fmt: skip
    """Span by span, what was drawn and what the kept `once` rows came to, an array of one value per future each."""
    names = [name for name in kept_rows(deal, rows) if deal.row(name).is_once]
    crowd = Crowd(deal, scenario, names, seed, set, pins, planned=count)
    for begin in range(0, count, SPAN):
        end = min(begin + SPAN, count)
        drawn = crowd.draws.values(begin, end, crowd.drawn)
        values = crowd.totals(drawn, end - begin)
        yield drawn, {name: values[name] for name in names}


@dataclass(frozen=True)
class _Series:
    """One series of a tally: a `once` row, a row in one period, or whether something is so."""

    row: Row
    what: str  # "" for a `once` row, a period, or words for a probability
    around: float = 0.0
    in_quantiles: bool = False
    places: tuple[int, ...] = ()  # of periods
    test: Callable[[Floats], NDArray[np.bool_]] | None = None

    def take(self, values: Floats) -> Floats:
        """The series from its row's values, (futures,)."""
        if self.test is not None:
            return np.asarray(self.test(values), dtype=np.float64)
        if self.what == EVER:
            return np.asarray((values[list(self.places)] > 0).any(axis=0), dtype=np.float64)
        return values[self.places[0]] if self.places else values


def _series_of(case: Case, rows: Sequence[Row]) -> list[_Series]:
    found = []
    for row in rows:
        base, is_flag = case.values[row.name], row.shape == "flag"
        if row.is_once:
            found.append(_Series(row, "", _near(float(base)), not is_flag))
            if row.name in case.deal.story.returns and row.unit in LOST:
                what, is_lost = LOST[row.unit]
                found.append(_Series(row, what, test=is_lost))
            continue
        for place, period in enumerate(case.calendar.periods):
            found.append(_Series(row, period, _near(float(base[place])), not is_flag, (place,)))
        if is_flag:
            found.append(_Series(row, EVER, places=tuple(coming(case))))
    return found


def _near(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def coming(case: Case) -> list[int]:
    """Places of the periods that end after the valuation date."""
    valued = float(case.given[VALUATION_DATE])  # type: ignore[arg-type]
    return [place for place, end in enumerate(case.calendar.ingredients()["period_end"]) if end > valued]


def master_checks(deal: Deal) -> list[str]:
    """The checks that feed no other check: the master check and those it leaves out."""
    rows = deal.book.rows
    checks = [name for name in rows if name.startswith(CHECK)]
    spoken_for: set[str] = set()
    waiting = [each for name in checks for each in rows[name].ingredients]
    while waiting:
        name = waiting.pop()
        if name in rows and name not in spoken_for:
            spoken_for.add(name)
            waiting += rows[name].ingredients
    return [name for name in checks if name not in spoken_for]


def percent(part: float) -> str:
    """What a quantile is called."""
    return f"{part * 100:g}%"


def _added(one: Span, other: Span) -> Span:
    one.tally.add(other.tally)
    first = one.first_failed if one.first_failed is not None else other.first_failed
    return Span(one.tally, one.failed + other.failed, first)


class Key:
    """A job as the key of a cache, which its mappings cannot be."""

    def __init__(self, job: Any) -> None:
        self.job = job
        self.text = repr(job)

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other.text == self.text


@functools.lru_cache(maxsize=4)
def _opened(key: Key) -> Crowd:
    job: Job = key.job
    deal = opened_by_worker(job.deal, job.root, job.sent)
    return Crowd(deal, job.scenario, job.rows, job.seed, job.set, job.pins, planned=job.planned)
