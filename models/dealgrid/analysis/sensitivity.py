"""Sensitivity: which parameters the answer hangs on, and what it would be worth to know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dealgrid.analysis.draws import STRATA
from dealgrid.analysis.futures import SEED, Crowd, refuse_count
from dealgrid.analysis.judgement import DISTRIBUTION, swings
from dealgrid.deal import Deal
from dealgrid.inputs import Pin, format_value
from dealgrid.problems import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Pins = Mapping[str, object] | Iterable[Pin]

LOW, HIGH = 0.05, 0.95  # between which a parameter with a distribution is swung
POWER = 10  # 2 to this many points of the Sobol sequence, each tried once per parameter and twice more
DECIDERS = 10
COUNT = 16_384
BINS = 32  # parts of equal probability into which a parameter is cut to see what knowing it would change
DIGITS = 4  # of an end, as shown


def tornado(
    deal: Deal,
    scenario: str,
    row: str | None = None,
    set: Mapping[str, object] | None = None,
    pins: Pins = (),
) -> pd.DataFrame:
    """What a `once` row (the centre's value unless named) is with each parameter low and high, all others at base.

    A line per parameter, the largest swing first, columns as in `judgement.swings`. A parameter with a distribution
    stands at its 5% and 95% quantile; the others, as there, at the ends of their range or path, which say what would
    be refused and not what is likely: `span` tells them apart.
    """
    import pandas as pd

    name = row or deal.story.center
    wide = swings(deal, scenario, [name], set, pins)
    crowd = Crowd(deal, scenario, [name], SEED, set, pins)
    ends = {each: crowd.draws.doubts[each].at(np.array([LOW, HIGH])) for each in crowd.drawn}
    futures = 2 * len(ends)
    given = {each: np.full(futures, float(crowd.case.given[each])) for each in ends}  # type: ignore[arg-type]
    for place, (each, two) in enumerate(ends.items()):
        given[each][2 * place : 2 * place + 2] = two
    values = crowd.totals(given, futures)[name] if ends else np.zeros(0)
    base = float(crowd.case.values[name])
    lines = []
    for place, (each, two) in enumerate(ends.items()):
        parameter, at = deal.parameters[each], values[2 * place : 2 * place + 2]
        texts = [format_value(float(f"{end:.{DIGITS}g}") if end < 1e4 else float(end), parameter.unit) for end in two]
        swing = max(*at, base) - min(*at, base)
        lines.append((name, each, parameter.label, parameter.grade, DISTRIBUTION, *texts, at[0], base, at[1], swing))
    narrow = pd.DataFrame(lines, columns=wide.columns)
    rest = wide[(wide["span"] != DISTRIBUTION) & ~wide["parameter"].isin(ends)]
    frame = pd.concat([narrow, rest], ignore_index=True) if len(narrow) else rest
    frame = frame.sort_values("swing", ascending=False, kind="stable").reset_index(drop=True)
    title = f"{deal.row(name).label}, {deal.row(name).unit}, one parameter at a time"
    caption = f"{crowd.case.title}. Distributions from their 5% to their 95% quantile; else ranges of params/base."
    frame.attrs = {"title": title, "caption": caption, "row": name, "unit": deal.row(name).unit}
    return frame


def sobol(
    deal: Deal,
    scenario: str,
    rows: Sequence[str] | None = None,
    set: Mapping[str, object] | None = None,
    pins: Pins = (),
    power: int = POWER,
    seed: int = SEED,
) -> pd.DataFrame:
    """Sobol indices of `once` rows (the centre's value unless named): which parts of the variance come from what.

    A line per row and uncertain parameter, the largest `total` first: `first` is the part of the variance that would
    go if the parameter alone were known, `total` the part that would stay if all others were; each with its standard
    error (bootstrap; SALib: Saltelli et al. 2010). Correlations between parameters are left out, as the indices need
    independent ones. InputError for a row that is not a finite number in every future.
    """
    import pandas as pd
    from SALib.analyze import sobol as analysis
    from SALib.sample import sobol as sample

    names = list(dict.fromkeys(rows or [deal.story.center]))
    crowd = Crowd(deal, scenario, names, seed, set, pins)
    drawn = crowd.drawn
    if not drawn:
        raise InputError(
            Problem("scenario", f"nothing is uncertain in {scenario}", "parameters with `uncertain`", "set fewer")
        )
    problem = {"num_vars": len(drawn), "names": drawn, "bounds": [[0.0, 1.0]] * len(drawn)}
    parts = np.clip(sample.sample(problem, 2**power, calc_second_order=False, seed=seed), 1e-9, 1 - 1e-9)
    given = {each: crowd.draws.doubts[each].at(part) for each, part in zip(drawn, parts.T, strict=True)}
    values = crowd.totals(given, len(parts))
    _refuse_endless(deal, names, values)
    lines = []
    for name in names:
        found = analysis.analyze(
            problem, values[name], calc_second_order=False, conf_level=0.6826894921370859, seed=seed
        )
        for place, each in enumerate(drawn):
            parameter = deal.parameters[each]
            figures = (found[key][place] for key in ("S1", "S1_conf", "ST", "ST_conf"))
            lines.append((name, each, parameter.label, parameter.grade, *map(float, figures)))
    columns = ["row", "parameter", "label", "grade", "first", "first_error", "total", "total_error"]
    frame = pd.DataFrame(lines, columns=columns)
    order = frame["row"].map({name: place for place, name in enumerate(names)})
    frame = frame.assign(order=order).sort_values(["order", "total"], ascending=[True, False], kind="stable")
    frame = frame.drop(columns="order").reset_index(drop=True)
    futures = f"{len(parts):,} futures, seed {seed}"
    frame.attrs = {"title": "Which parameters the variance comes from", "caption": f"{crowd.case.title}. {futures}."}
    return frame


def deciders(indices: pd.DataFrame, row: str, most: int = DECIDERS) -> pd.DataFrame:
    """The parameters that decide a row: the first `most` of its Sobol indices, and whether each is a judgement."""
    frame = indices[indices["row"] == row].head(most).reset_index(drop=True)
    frame["judgement"] = frame["grade"] == "J"
    frame.attrs = {**indices.attrs, "title": "The parameters that decide the answer"}
    return frame


def information(
    deal: Deal,
    options: Sequence[str],
    row: str | None = None,
    set: Mapping[str, object] | None = None,
    pins: Pins = (),
    count: int = COUNT,
    seed: int = SEED,
) -> pd.DataFrame:
    """What it would be worth to know a parameter before choosing between two scenarios, in the unit of a `once` row.

    The party whose value the row is (the centre unless named) takes the scenario with the higher expected value.
    Knowing a parameter θ it would take the better one for each θ, and gain the expected value of partial perfect
    information E_θ[max_d E(value_d | θ)] − max_d E(value_d) (Raiffa and Schlaifer 1961). The inner expectations are
    means in 32 parts of θ of equal probability (Strong and Oakley 2013), or over each outcome of a discrete θ. To look
    up the better choice and to value it in the same futures would find value in noise; so half of the blocks of
    draws choose and the other half value, and the other way round. That makes it too low rather than too high, and at
    worthless parameters a little below 0. A line per parameter, the most valuable first, with the standard error; in
    `attrs` `all_value` and `all_error`: that of knowing everything. Both scenarios share their draws.
    """
    import pandas as pd

    if len(options) != 2:
        raise InputError(Problem("options", f"{len(options)} scenarios", "two to choose between", "name two"))
    refuse_count(count)
    name = row or deal.story.center
    crowds = [Crowd(deal, option, [name], seed, set, pins) for option in options]
    first, second = (crowd.values(0, count)[name] for crowd in crowds)
    _refuse_endless(deal, [name], {name: first - second})
    gain = second - first
    drawn = list(dict.fromkeys([*crowds[0].drawn, *crowds[1].drawn]))
    parts = crowds[0].draws.parts(0, count, drawn)
    lines = []
    for each in drawn:
        doubt = crowds[0].draws.doubts[each]
        if doubt.uncertain.kind == "discrete":
            _, bins = np.unique(doubt.at(parts[each]), return_inverse=True)
        else:
            bins = np.minimum((parts[each] * BINS).astype(np.int64), BINS - 1)
        worth, error = _mean(_chosen_by_half(gain, bins) - _chosen(gain))
        parameter = deal.parameters[each]
        lines.append((each, parameter.label, parameter.grade, worth, error))
    frame = pd.DataFrame(lines, columns=["parameter", "label", "grade", "worth", "error"])
    frame = frame.sort_values("worth", ascending=False, kind="stable").reset_index(drop=True)
    everything, error = _mean(np.maximum(gain, 0) - _chosen(gain))
    titles = [crowd.case.title for crowd in crowds]
    mean, mean_error = _mean(gain)
    frame.attrs = {
        "title": f"What it is worth to know a parameter before choosing, {deal.row(name).unit}",
        "caption": f"{titles[1]} or {titles[0]}, by {name}. {count:,} futures, seed {seed}.",
        "all_value": everything, "all_error": error, "gain": mean, "gain_error": mean_error,
        "unit": deal.row(name).unit,
    }  # fmt: skip
    return frame


def _refuse_endless(deal: Deal, names: Sequence[str], values: Mapping[str, Floats]) -> None:
    problems = [
        Problem("rows", f"{name} is not a finite number in every future", "a row of amounts", "name another")
        for name in names
        if np.ndim(values[name]) != 1 or not np.isfinite(values[name]).all()
    ]
    if problems:
        raise InputError(problems)


def _chosen(gain: Floats) -> Floats:
    """What each future brings over the first option where nothing more is known."""
    return gain if gain.mean() > 0 else np.zeros_like(gain)


def _chosen_by_half(gain: Floats, bins: NDArray[np.int64]) -> Floats:
    """The same where the part is known, chosen in each half of the blocks by the means of the other half."""
    half = (np.arange(len(gain)) // STRATA) % 2
    takes = np.zeros(len(gain), dtype=bool)
    for mine in (0, 1):
        others = half != mine
        sums = np.bincount(bins[others], gain[others], bins.max() + 1)
        takes[~others] = (sums > 0)[bins[~others]]
    return np.where(takes, gain, 0.0)


def _mean(values: Floats) -> tuple[float, float]:
    from dealgrid.analysis.tally import Tally

    tally = Tally.of(values[np.newaxis], np.zeros(1), [False])
    return float(tally.mean[0]), float(tally.error[0])
