"""Commands that ask under uncertainty, or backwards: futures, solve, bargain."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dealgrid import Deal
from dealgrid.cli.options import CHECK_FAILED, Format, Output, Pins, Quiet, Sets, asked_of, names_of
from dealgrid.inputs import Pin, Setting, format_value, read_value
from dealgrid.problems import InputError, Problem, gathered

if TYPE_CHECKING:
    import pandas as pd

    from dealgrid.analysis.bargain import Bargaining
    from dealgrid.analysis.futures import Futures
    from dealgrid.analysis.solve import Solved

Count = Annotated[int | None, typer.Option(help="How many futures.")]
Seed = Annotated[int | None, typer.Option(help="The seed of the draws.")]
Rows = Annotated[str | None, typer.Option(metavar="A,B", help="Keep these rows.")]
Workers = Annotated[int, typer.Option(help="Processes of this machine that share the work; 0 for one per processor.")]
Cluster = Annotated[str, typer.Option(metavar="ADDRESS", help="A Dask scheduler that does the work.")]
ROW = "row:"  # begins the column of a row in a file of draws


def futures(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO|STUDY", help="A scenario, or a study of kind futures.")],
    count: Count = None,
    seed: Seed = None,
    sets: Sets = [],  # noqa: B006 - typer reads the default and never changes it
    pins: Pins = [],  # noqa: B006 - the same
    rows: Rows = None,
    draws: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write one line per future: what was drawn, and rows.")
    ] = None,
    workers: Workers = 1,
    cluster: Cluster = "",
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table,
    quiet: Quiet = False,
) -> None:
    """Run a scenario in many futures: how sure its figures are, and how likely each clause is to bind."""
    from dealgrid.analysis import futures as analysis
    from dealgrid.inputs.simulations import Simulation
    from dealgrid.output.terminal import progress, tell

    deal = Deal.load()
    problems: list[Problem] = []
    settings: Mapping[str, object] = {}
    given_pins: list[Pin] = []
    names: list[str] | None = None
    with gathered(problems):
        settings, given_pins, names = _given(deal, sets, pins, rows)
    study = deal.studies.get(scenario)
    if isinstance(study, Simulation):
        scenario, settings = study.scenario, {**study.set, **settings}
        count, seed = study.count if count is None else count, study.seed if seed is None else seed
        names = names or list(study.rows) or None
    else:
        with gathered(problems):
            _refuse_name(deal, scenario)
    count, seed = analysis.COUNT if count is None else count, analysis.SEED if seed is None else seed
    with gathered(problems):
        analysis.refuse_count(count)
    with gathered(problems):
        _refuse_place(draws)
    if problems:
        raise InputError(problems)
    with progress(quiet) as bar:
        task = bar.add_task("futures", total=count)
        found = analysis.futures(
            deal, scenario, count, seed, names, settings, given_pins, workers=workers, cluster=cluster, say=tell,
            tell=lambda done, of: bar.update(task, completed=done, total=of),
        )  # fmt: skip
        if draws is not None:
            task = bar.add_task("draws", total=count)
            lines = analysis.draws_of(deal, scenario, count, seed, names, settings, given_pins)
            _write_draws(deal, draws, lines, lambda done: bar.update(task, completed=done))
    _show_futures(found, format)
    if found.failed:
        tell(f"CHECKS FAILED in {found.failed:,} of {found.count:,} futures; the first is future {found.first_failed}.")
        raise typer.Exit(CHECK_FAILED)


def solve(
    parameter: Annotated[str, typer.Argument(help="A parameter, such as microsoft_stake.")],
    row: Annotated[str, typer.Option(help="The row that is to reach a figure.")],
    equals: Annotated[str, typer.Option(metavar="X", help="The figure, as people write it.")],
    scenario: Annotated[str | None, typer.Option(help="The scenario; without it, the present one.")] = None,
    expected: Annotated[bool, typer.Option("--expected", help="Over futures: the expected value.")] = False,
    quantile: Annotated[str | None, typer.Option(metavar="Q", help="Over futures: a quantile, such as 5%.")] = None,
    count: Count = None,
    seed: Seed = None,
    sets: Sets = [],  # noqa: B006 - typer reads the default and never changes it
    pins: Pins = [],  # noqa: B006 - the same
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table,
) -> None:
    """Find every value of a parameter that brings a row to a figure, or say why there is none."""
    from dealgrid.analysis import solve as analysis
    from dealgrid.analysis.futures import SEED
    from dealgrid.analysis.levers import lever

    deal = Deal.load()
    settings, given_pins, _ = _given(deal, sets, pins, None)
    problems: list[Problem] = []
    figure, part = math.nan, None
    with gathered(problems):
        figure = _value("--equals", equals, deal.row(row).unit)
    with gathered(problems):
        part = None if quantile is None else _value("--quantile", quantile, "fraction")
    with gathered(problems):
        lever(deal.case(scenario or deal.story.present), parameter)
    if problems:
        raise InputError(problems)
    found = deal.solve(
        parameter, row, figure, scenario=scenario, set=settings, pins=given_pins, expected=expected, quantile=part,
        count=analysis.COUNT if count is None else count, seed=SEED if seed is None else seed,
    )  # fmt: skip
    _show_solutions(found, format)


def bargain(
    study: Annotated[str, typer.Argument(help="A study of kind bargain in params/studies.")],
    count: Count = None,
    seed: Seed = None,
    output: Output = None,
    workers: Workers = 1,
    cluster: Cluster = "",
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table,
    quiet: Quiet = False,
) -> None:
    """Draw the map of a negotiation: where both sides gain over the present contract, by their own lights."""
    from dealgrid.analysis import bargain as analysis
    from dealgrid.output.terminal import progress, tell

    deal = Deal.load()
    asked = analysis.study_of(deal, study)
    with progress(quiet) as bar:
        task = bar.add_task("map", total=None)
        found = analysis.bargain(
            deal, asked, count, seed, workers=workers, cluster=cluster, say=tell,
            tell=lambda done, of: bar.update(task, completed=done, total=of),
        )  # fmt: skip
        laid = analysis.table(deal, asked, count, seed)
        turned = analysis.dial(laid) if asked.belief else None
        seen = analysis.beliefs(laid)
        folder = _keep(deal, found, seen, turned, output or deal.root / "reports")
    _show_map(found, seen, turned, format)
    tell(f"Written: {folder}")
    if found.failed:
        tell(f"CHECKS FAILED in {found.failed:,} runs.")
        raise typer.Exit(CHECK_FAILED)


def _refuse_name(deal: Deal, name: str) -> None:
    """InputError where a name is neither a scenario nor a study of kind futures."""
    from dealgrid.inputs.simulations import Simulation

    if name in deal.studies:
        kind = deal.studies[name].kind
        what, todo = f"{name} is a study of kind {kind}", f"dealgrid {kind} {name}"
        raise InputError(Problem("futures", what, "a scenario, or a study of kind futures", todo))
    try:
        deal.scenario(name)
    except InputError as error:
        studies = ", ".join(each for each, study in deal.studies.items() if isinstance(study, Simulation))
        also = f"; or a study: {studies}" if studies else ""
        raise InputError(
            dataclasses.replace(problem, expected=problem.expected + also) for problem in error.problems
        ) from None


def _refuse_place(path: Path | None) -> None:
    """InputError where a file cannot be written to: said before the work, not after it."""
    if path is None:
        return
    what = ""
    if not path.parent.is_dir():
        what = f"{path.parent} is not a folder"
    elif path.is_dir():
        what = f"{path} is a folder"
    elif not os.access(path.parent, os.W_OK):
        what = f"{path.parent} cannot be written to"
    if what:
        raise InputError(
            Problem(
                "--draws", what, "a file in a folder that exists and can be written to", "create it, or name another"
            )
        )


def _given(
    deal: Deal, sets: list[str], pins: list[str], rows: str | None
) -> tuple[dict[str, Setting], list[Pin], list[str] | None]:
    """Settings, pins and rows asked for; InputError with what is wrong in any of them."""
    problems: list[Problem] = []
    names: list[str] | None = None
    with gathered(problems):
        names = names_of(rows)
    settings, given_pins = asked_of(deal, sets, pins, names, problems)
    if problems:
        raise InputError(problems)
    return settings, given_pins, names


def _value(option: str, text: str, unit: str) -> float:
    from dealgrid.inputs.complaints import Complaints, MisreadError

    try:
        return read_value(text, unit)
    except MisreadError as error:
        complaints = Complaints(option, has_lines=False)
        complaints.misread(error, unit)
        complaints.finish()
        raise


def _write_draws(
    deal: Deal, path: Path, spans: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], tell: Any
) -> None:
    """A line per future: values in a form `--set` takes, rows at full precision, endless ones `inf`, none empty."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            done = 0
            for drawn, values in spans:
                if not done:
                    writer.writerow([*drawn, *(ROW + name for name in values)])
                texts = [[format_value(v, deal.parameters[n].unit) for v in each.tolist()] for n, each in drawn.items()]
                texts += [["" if math.isnan(v) else repr(v) for v in each.tolist()] for each in values.values()]
                writer.writerows(zip(*texts, strict=True))
                done += len(texts[0])
                tell(done)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _show_futures(found: Futures, format: Format) -> None:
    from dealgrid.output import rounded
    from dealgrid.output.terminal import show_texts

    frames = {"rows": found.summary().set_index("row"), "losses": found.losses(), "binding": found.binding()}
    fans = {row.name: found.fan(row.name) for row in found.rows if not row.is_once and row.shape != "flag"}
    if format is Format.json:
        said = {"deal": found.case.deal.name, "scenario": found.case.scenario, "count": found.count, "seed": found.seed,
                "drawn": list(found.drawn), **{name: _plain(frame) for name, frame in frames.items()},
                "periods": {name: _plain(frame) for name, frame in fans.items()},
                "checks": {"passed": not found.failed, "failed_futures": found.failed}}  # fmt: skip
        print(json.dumps(said, ensure_ascii=False))
    elif format is Format.csv:
        print(frames["rows"].to_csv(lineterminator="\n"), end="")
    else:
        texts = (rounded.summary(found), rounded.losses(found), rounded.binding(found))
        show_texts(*(frame for frame in (*texts, *(rounded.fan(found, name) for name in fans)) if len(frame)))


def _show_solutions(found: Solved, format: Format) -> None:
    from dealgrid.output.terminal import tell

    lines = [vars(each) for each in found.solutions]
    if format is Format.json:
        said = {"parameter": found.lever.name, "row": found.row.name, "equals": _number(found.equals),
                "of": found.what, "solutions": [{k: _number(v) for k, v in line.items()} for line in lines],
                "because": found.because}  # fmt: skip
        print(json.dumps(said, ensure_ascii=False))
        return
    if format is Format.csv:
        import pandas as pd

        columns = ["value", "setting", "reached", "error", "until", "beside", "reached_beside"]
        print(pd.DataFrame(lines, columns=columns).to_csv(index=False, lineterminator="\n"), end="")
        return
    print("\n".join(found.told()))
    for each in found.solutions:
        print(f"    --set {found.lever.name}='{each.setting}'")
    tell(f"{found.caption}.")


def _show_map(found: Bargaining, seen: pd.DataFrame, turned: pd.DataFrame | None, format: Format) -> None:
    from dealgrid.output import rounded
    from dealgrid.output.terminal import show_texts

    if format is Format.csv:
        print(found.table().to_csv(index=False, lineterminator="\n"), end="")
    elif format is Format.json:
        said = {"study": found.study.name, "count": found.count, "seed": found.seed,
                "zone": float(found.zone.mean()), "sure_zone": float(found.sure_zone.mean()),
                "points": _plain(found.places()), "beliefs": _plain(seen), "map": _plain(found.table()),
                "checks": {"passed": not found.failed}}  # fmt: skip
        print(json.dumps(said, ensure_ascii=False))
    else:
        labels = [surface.party.label for surface in found.surfaces]
        share, sure = found.zone.mean(), found.sure_zone.mean()
        print(
            f"{found.study.title}: both sides gain on {share:.0%} of the map, beyond doubt of the draws on {sure:.0%}."
        )
        show_texts(rounded.gains(found.places(), labels), rounded.gains(seen, labels))
        for line in rounded.why(seen, turned, found) if turned is not None else ():
            print(line)


def _keep(deal: Deal, found: Bargaining, seen: pd.DataFrame, turned: pd.DataFrame | None, reports: Path) -> Path:
    """The run: map and beliefs as Parquet, the page as HTML."""
    from dealgrid.output import maps
    from dealgrid.runs.store import new_run, publish, recipe

    study = found.study
    scenarios = [study.scenario, study.present, *study.marks]
    file = deal.root / "params" / "studies" / f"{study.name}.yaml"
    made_from = recipe(deal, "bargain", scenarios, {"count": str(found.count)}, [file], found.seed, study.name)
    with new_run(reports, study.name, made_from) as draft:
        draft.write("map.parquet", found.table().to_parquet(index=False))
        if turned is not None:
            draft.write("beliefs.parquet", _bare(turned).to_parquet(index=False))
        draft.write("map.html", maps.page(found, seen, turned))
        return publish(draft, [deal.case(name) for name in dict.fromkeys(scenarios)])


def _bare(frame: pd.DataFrame) -> pd.DataFrame:
    bare = frame.copy()
    bare.attrs = {}
    return bare


def _plain(frame: pd.DataFrame) -> Any:
    """A frame as plain data: endless and missing figures as JSON can hold them."""
    plain = {str(name): {str(k): _number(v) for k, v in line.items()} for name, line in frame.to_dict("index").items()}
    return (
        plain if frame.index.dtype == object or not len(frame) or isinstance(frame.index[0], str) else [*plain.values()]
    )


def _number(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else repr(value)
    return value.item() if hasattr(value, "item") else value
