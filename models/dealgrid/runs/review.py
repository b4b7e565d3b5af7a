"""Runs looked at again: verified against what they were made from, and compared with each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dealgrid.deal import Deal
from dealgrid.inputs import display_value
from dealgrid.problems import InputError, Problem, RunError
from dealgrid.runs import history, store, sweep
from dealgrid.runs.recipe import ACTUALS, READ_BY_ALL, Moved, Recipe, moved, recipe
from dealgrid.runs.redact import REDACTED

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Verified:
    """What came of making a run's numbers again from its manifest.

    `files` are the files that are missing or not as they were written; `moved` is what has changed since, here;
    `numbers` how many figures were compared, `equal` how many are the same to the last bit, `different` those
    that differ by more than a part in 1e12: scenario, row, period, in the run, made again.
    """

    run: str
    files: tuple[str, ...]
    moved: Moved
    numbers: int
    equal: int
    different: tuple[tuple[str, str, str, float, float], ...]

    @property
    def is_same(self) -> bool:
        """Whether every file is as written and every number the same."""
        return not self.files and not self.different


def verify(deal: Deal, run: store.Listed) -> Verified:
    """Make the numbers of a run again with the inputs and the code that are here, and compare every one.

    InputError for a run that is not done, or cannot be made again (redacted, or of scenarios that are gone).
    RunError where its numbers cannot be read.
    """
    _refuse(deal, run)
    begun = store.recipe_of(run)
    now = recipe_now(deal, begun)
    wrong = tuple(files_wrong(run))
    if f"{store.NUMBERS} is missing" in wrong:
        raise RunError(Problem(run.run, f"{store.NUMBERS} is missing", "the numbers of the run", "make the run again"))
    frame = history.numbers(run)
    made = _made_again(deal, begun, frame)
    told = frame["value"].to_numpy(dtype=float)
    equal = (told == made) | (np.isnan(told) & np.isnan(made))
    with np.errstate(invalid="ignore"):  # infinities, which are equal or not
        near = equal | (np.abs(told - made) <= history.SAME * np.maximum(np.abs(told), np.abs(made)))
    near &= ~(np.isinf(told) ^ np.isinf(made))
    lines = frame.loc[~near, list(history.KEYS)].fillna("").astype(str).to_numpy().tolist()
    different = tuple(
        (*map(str, line), float(one), float(other))
        for line, one, other in zip(lines, told[~near], made[~near], strict=True)
    )
    return Verified(run.run, wrong, moved(begun, now), len(frame), int(equal.sum()), different)  # type: ignore[arg-type]


def recipe_now(deal: Deal, begun: Recipe) -> Recipe:
    """What a run would be made from if it were made here and now."""
    extra = [deal.root / name for name in begun.inputs if not _is_read_by_all(name)]
    return recipe(
        deal,
        begun.kind,
        begun.scenarios,
        begun.settings,
        [path for path in extra if path.is_file()],
        begun.seed,
        begun.study,
    )


def files_wrong(run: store.Listed) -> list[str]:
    """The files of a run that are not what its manifest says."""
    said: Mapping[str, Mapping[str, Any]] = run.manifest.get("files", {})
    there = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    wrong = []
    for name, each in said.items():
        if name not in there:
            wrong.append(f"{name} is missing")
        elif store.digest(run.folder / name) != each.get("sha256"):
            wrong.append(f"{name} is not what was written")
    return wrong + [f"{name} was not written by the run" for name in sorted(there - {*said, store.MANIFEST})]


def verdict(found: Verified) -> list[str]:
    """What was found, said for a person, the conclusion last."""
    lines = [f"file    {told}" for told in found.files]
    for kind in ("inputs", "data", "code", "environment"):
        lines += [f"{kind:<11} {told}" for told in getattr(found.moved, kind)]
    lines += [
        f"number  {scenario}, {row}{', ' + period if period else ''}: {one!r} in the run, {other!r} made again"
        for scenario, row, period, one, other in found.different
    ]
    if found.is_same:
        exact = "all to the last bit" if found.equal == found.numbers else f"{found.equal:,} to the last bit"
        lines.append(f"{found.run} is verified: {found.numbers:,} numbers are the same, {exact}.")
        return lines
    many = f"{len(found.different):,} of {found.numbers:,} numbers differ" if found.different else ""
    files = f"{len(found.files)} files are not as they were written" if found.files else ""
    lines.append(f"{found.run} is NOT verified: {' and '.join(text for text in (files, many) if text)}.")
    if found.different and found.moved.figures:
        lines.append("It was made from other inputs or code, named above: put those back and verify again.")
    return lines


def compared(before: store.Listed, after: store.Listed) -> tuple[pd.DataFrame, Moved]:
    """The figures in which two runs differ, the later one's own scenarios first, and what they are made from."""
    for run in (before, after):
        if run.status != store.DONE:
            raise InputError(Problem(run.run, f"the run is {run.status}", "a run that is done", "name another run"))
    begun = store.recipe_of(after)
    frame = history.moved_figures(before, after)
    places = {scenario: place for place, scenario in enumerate(begun.scenarios)}
    order = frame["scenario"].map(lambda scenario: places.get(scenario, len(places)))
    frame = frame.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)
    return frame, moved(store.recipe_of(before), begun)


def told(run: store.Listed) -> list[tuple[str, str]]:
    """What is known of a run, as pairs of words and text."""
    said = run.manifest
    lines = [("run", run.run), ("status", run.status + (f": {run.note}" if run.note else ""))]
    if not said:
        return lines
    lines += [(key, str(said.get(key, ""))) for key in ("kind", "study", "started", "finished") if said.get(key)]
    lines += [("resumed", ", ".join(said["resumed"]))] if said.get("resumed") else []
    lines.append(("scenarios", ", ".join(said.get("scenarios", ()))))
    lines += [("set", f"{name} = {text}") for name, text in said.get("settings", {}).items()]
    code = said.get("code", {})
    changed = code.get("changed_since")
    since = "" if changed is None else "as committed" if not changed else f"with changes in {', '.join(changed)}"
    lines.append(("program", " ".join(str(x) for x in (code.get("version"), code.get("commit") or "", since) if x)))
    lines.append(("python", str(said.get("python", ""))))
    if "checks" in said:
        failed = said["checks"].get("failed", {})
        not_zero = "; ".join(f"{case}: {', '.join(names)}" for case, names in failed.items())
        lines.append(("checks", f"NOT ZERO in {not_zero}" if failed else "all are zero"))
    if REDACTED in said.get("notes", {}):
        lines.append(("redacted", ", ".join(said["notes"][REDACTED]["parameters"])))
    lines += [("took", f"{seconds:g} s {step}") for step, seconds in said.get("seconds", {}).items()]
    lines += [("file", f"{name}, {each['bytes']:,} bytes") for name, each in said.get("files", {}).items()]
    return lines


def change_text(before: float, after: float, unit: str) -> str:
    """A change at the decimals people read; at full precision where these would hide it."""
    one, other = (display_value(value, unit) if value == value else "absent" for value in (before, after))
    return f"{one} → {other}" if one != other else f"{before!r} → {after!r}"


def _refuse(deal: Deal, run: store.Listed) -> None:
    problems = []
    if run.status != store.DONE:
        advice = "look at its notes with `dealgrid runs show`"
        raise InputError(Problem(run.run, f"the run is {run.status} {run.note}".strip(), "a run that is done", advice))
    begun = store.recipe_of(run)
    if REDACTED in run.manifest.get("notes", {}):
        what = "the run is redacted: its manifest does not say what it was made from"
        problems.append(Problem(run.run, what, "a run that keeps its inputs", "verify the run it is a copy of"))
    if begun.deal != deal.name:
        problems.append(Problem(run.run, f"the run is of the deal {begun.deal}", deal.name, "verify it in its project"))
    if problems:
        raise InputError(problems)


def _made_again(deal: Deal, begun: Recipe, frame: pd.DataFrame) -> np.ndarray:
    """Every figure of a table of numbers, made again; nan, or an infinity, where there is no such figure now."""
    figures: dict[tuple[str, str, str], float] = {}
    by_name = sweep.cases_of(deal, begun.study) if begun.kind == sweep.SWEEP else {}
    for scenario in dict.fromkeys(frame["scenario"].astype(str)):
        case = by_name.get(scenario) if begun.kind == sweep.SWEEP else deal.case(scenario, dict(begun.settings))
        if case is None:  # a point that is not in the study any more
            continue
        for name, row in deal.book.rows.items():
            if row.is_once:
                figures[scenario, name, ""] = float(case.values[name])
            else:
                pairs = zip(case.calendar.periods, case.values[name].tolist(), strict=True)
                figures |= {(scenario, name, period): float(value) for period, value in pairs}
    keys = frame[list(history.KEYS)].astype(object).fillna("").astype(str).to_numpy().tolist()
    return np.array([figures.get((key[0], key[1], key[2]), np.inf) for key in keys])


def _is_read_by_all(name: str) -> bool:
    parts = Path(name).parts
    return parts[0] == "params" and (parts[-1] == ACTUALS or parts[1] in READ_BY_ALL)
