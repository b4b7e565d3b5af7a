"""All runs at once: DuckDB reads their numbers in place and tells how a figure moved, and why."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dealgrid.deal import LAYERS, Deal
from dealgrid.inputs import display_value, save_scenario
from dealgrid.problems import InputError, Problem, RunError
from dealgrid.runs import store
from dealgrid.runs.recipe import Recipe, moved, recipe

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("scenario", "row", "period")
SAME = 1e-12  # relative: what is nearer is the same figure
NO_GAP = 1e-9  # a gap, which should be zero, is as good as zero below
WORDS = {
    "asked": "what was asked for",
    "inputs": "an input",
    "data": "a reported figure",
    "code": "the code",
    "environment": "a library",
}
FIRST = "the first of these runs"
NOTHING = "nothing it is made from"

MOVED = """
    select coalesce(a.scenario, b.scenario) as scenario, coalesce(a.row, b.row) as row,
           coalesce(a.period, b.period) as period, coalesce(a.label, b.label) as label,
           coalesce(a.unit, b.unit) as unit, a.value as before, b.value as after
    from read_parquet($1) a full join read_parquet($2) b
      on a.scenario = b.scenario and a.row = b.row and a.period is not distinct from b.period
    where (a.value is null) <> (b.value is null)
       or isnan(a.value) <> isnan(b.value)
       or (a.value <> b.value and (isinf(a.value) or isinf(b.value)
           or abs(a.value - b.value) > $3 * greatest(abs(a.value), abs(b.value))
              and not (a.unit = 'gap' and greatest(abs(a.value), abs(b.value)) < $4)))
    order by all
"""
FIGURE = """
    select filename, scenario, label, unit, value from read_parquet($1, filename = true, union_by_name = true)
    where "row" = $2 and scenario = $3 and period is not distinct from $4
"""


def figure(reports: Path, row: str, scenario: str, period: str | None = None, name: str | None = None) -> pd.DataFrame:
    """A figure over the finished runs of a reports folder, the oldest first: a line per run that has it.

    Columns: run, started (UTC), value (in the row's unit, `attrs["unit"]`), change since the run before, kinds of
    what differs (asked, inputs, data, code, environment) and why, in words. `name` keeps the runs of one name.
    Runs whose numbers cannot be read are left out and named in `attrs["damaged"]`. Empty for no runs.
    """
    import pandas as pd

    runs = [run for run in store.list_runs(reports) if run.status == store.DONE and name in (None, run.name)]
    whole = [run for run in runs if (run.folder / store.NUMBERS).is_file() and not damage(run)]
    files = {str(run.folder / store.NUMBERS): run for run in whole}
    found = _ask(FIGURE, [list(files), row, scenario, period]) if files else pd.DataFrame({"filename": []})
    values = {str(line.filename): line for line in found.itertuples()}
    told = _told([(run, values[file]) for file, run in files.items() if file in values])
    frame = pd.DataFrame(told, columns=["run", "started", "value", "change", "kinds", "why"])
    first = next(iter(values.values()), None)
    frame.attrs |= {"label": getattr(first, "label", row), "unit": getattr(first, "unit", "")}
    frame.attrs["damaged"] = [run.run for run in runs if run not in whole and (run.folder / store.NUMBERS).is_file()]
    return frame


def sentences(frame: pd.DataFrame) -> list[str]:
    """What the history of a figure shows, in words: from where to where, and what moved it most."""
    label, unit = frame.attrs["label"], frame.attrs["unit"]
    told = [f"Not read, since their numbers are damaged: {', '.join(frame.attrs['damaged'])}."]
    told = told if frame.attrs["damaged"] else []
    if frame.empty:
        return [f"No finished run has {label}.", *told]
    values = [display_value(value, unit) for value in frame["value"]]
    in_unit = f", in {unit}" if unit not in ("fraction", "multiple", "date", "flag") else ""
    told.insert(0, f"{label} in {len(frame)} runs{in_unit}: {values[0]} in the first, {values[-1]} in the last.")
    changes = frame["change"].fillna(0.0).to_numpy(dtype=float)
    if not changes.any():
        return [*told, "It has not moved."]
    most = int(abs(changes).argmax())
    kinds = [WORDS[kind] for kind in str(frame["kinds"].iloc[most]).split(", ") if kind] or ["nothing it is made from"]
    told.append(
        f"It moved most by {display_value(float(changes[most]), unit)}, when {' and '.join(kinds)} had changed."
    )
    same = int((changes == 0).sum()) - 1
    told.append(f"In {same} of {len(frame) - 1} steps it stayed exactly where it was.")
    return told


def table(frame: pd.DataFrame, is_example: bool = False) -> pd.DataFrame:
    """The history of a figure as a table to show: a line per run, by its time, or by its place in an example."""
    import pandas as pd

    unit = frame.attrs["unit"]
    names = [f"Run {place}" for place in range(1, len(frame) + 1)] if is_example else frame["started"].tolist()
    shown = pd.DataFrame(
        {
            frame.attrs["label"]: [display_value(value, unit) for value in frame["value"]],
            "Change": [
                "" if change != change else display_value(change, unit) for change in frame["change"].astype(float)
            ],
            "Why": frame["why"].tolist(),
        },
        index=pd.Index(names),
    )
    shown.attrs = {"title": f"{frame.attrs['label']} over the runs, {unit}", "caption": "", "unit": "text"}
    return shown


def opened(deal: Deal, reports: str, scenario: str, steps: Mapping[str, Mapping[str, str]]) -> Path:
    """The reports folder of that name or, where none is named, a temporary one with an example of a history.

    For the example the deal's parameter files are copied, and a run is made as they are and after each of `steps`:
    `terms` are saved into the scenario's file, as somebody editing it would; `settings` are asked for on top.
    """
    if reports:
        return Path(reports)
    root = Path(tempfile.mkdtemp(prefix="history-"))
    shutil.copytree(deal.root / "params", root / "params")
    _make(root, scenario, {})
    for kind, values in steps.items():
        if kind == "terms":
            copy = Deal.load(deal.name, root)
            own = copy.scenarios[scenario]
            path = root / "params" / "scenarios" / f"{scenario}.yaml"
            save_scenario(path, own.title, own.why, {**own.set, **values}, copy.parameters)
        _make(root, scenario, values if kind == "settings" else {})
    return root / "reports"


def _make(root: Path, scenario: str, settings: Mapping[str, str]) -> None:
    deal = Deal.load(root=root)
    case = deal.case(scenario, settings)
    name = scenario.replace(LAYERS, "-with-")
    with store.new_run(root / "reports", name, recipe(deal, "example", [scenario], settings)) as draft:
        store.write_numbers(draft, [case])
        store.publish(draft, [case])


def moved_figures(before: store.Listed, after: store.Listed) -> pd.DataFrame:
    """The figures in which two runs differ by more than a part in 1e12, one null where only one run has it.

    Columns: scenario, row, period (null for one number per case), label, unit, before, after.
    RunError where the numbers of one cannot be read.
    """
    for run in (before, after):
        wrong = damage(run)
        if wrong:
            raise RunError(wrong)
    return _ask(MOVED, [str(before.folder / store.NUMBERS), str(after.folder / store.NUMBERS), SAME, NO_GAP])


def numbers(run: store.Listed) -> pd.DataFrame:
    """The numbers of a run as they were written; RunError where they cannot be read."""
    wrong = damage(run)
    if wrong:
        raise RunError(wrong)
    return _ask("select * from read_parquet($1)", [str(run.folder / store.NUMBERS)])


def damage(run: store.Listed) -> Problem | None:
    """What keeps the numbers of a run from being read; None where nothing does."""
    import duckdb

    path = run.folder / store.NUMBERS
    if not path.is_file():
        what = f"{store.NUMBERS} is missing"
    else:
        try:
            columns = _ask("describe select * from read_parquet($1)", [str(path)])["column_name"].tolist()
        except duckdb.Error:
            what = f"{store.NUMBERS} is damaged: it cannot be read as Parquet"
        else:
            if {*KEYS, "value"} <= set(columns):
                return None
            what = f"{store.NUMBERS} lacks the columns {', '.join(sorted({*KEYS, 'value'} - set(columns)))}"
    advice = "make the run again, or take the file from a copy; its hash is in the manifest"
    return Problem(run.run, what, "a table of scenario, row, period and value", advice)


def _told(lines: Sequence[tuple[store.Listed, Any]]) -> list[dict[str, Any]]:
    """Each run with what moved since the one before it."""
    told: list[dict[str, Any]] = []
    before: tuple[Recipe, float] | None = None
    for run, line in lines:
        made_from, value = _recipe(run), float(line.value)
        change = None if before is None else value - before[1]
        differs = moved(before[0], made_from) if before else None
        why = "; ".join(differs.figures + differs.environment) or NOTHING if differs else FIRST
        kinds = differs.kinds if differs else ""
        told.append(
            {"run": run.run, "started": run.started, "value": value, "change": change, "kinds": kinds, "why": why}
        )
        before = (made_from, value)
    return told


def _recipe(run: store.Listed) -> Recipe:
    try:
        return store.recipe_of(run)
    except InputError as error:
        raise RunError(error.problems) from None


def _ask(question: str, given: Sequence[object]) -> pd.DataFrame:
    """The answer to a question in SQL, from a database in memory that touches no file but those it is given."""
    import duckdb

    with duckdb.connect(config={"threads": 2}) as connection:
        return connection.execute(question, list(given)).df()
