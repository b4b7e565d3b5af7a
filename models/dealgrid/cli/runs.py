"""Commands about runs: list, show, verify, compare, send."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dealgrid import Deal
from dealgrid.cli.options import CHECK_FAILED, Format, Quiet, send_run
from dealgrid.runs import store

if TYPE_CHECKING:
    from dealgrid.runs.fetch import Runs

Reports = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="The reports folder; without it `reports/` of the project.")
]
Store = Annotated[
    str | None,
    typer.Option(
        "--reports",
        metavar="ADDRESS",
        help="Where the runs are: a folder, s3://…, sftp://…, a VARIABLE that holds it; without it `reports/` here.",
    ),
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="NAME/TIME-HASH, its folder, or NAME for the newest.")]
MOST_SHOWN = 20

app = typer.Typer(help="The runs in the reports folder: list, show, verify, compare, send.", no_args_is_help=True)


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(help="Only the runs of this name.")] = None,
    reports: Store = None,
    latest: Annotated[bool, typer.Option("--latest", help="Only the newest finished run of each name.")] = False,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table,
) -> None:
    """List the runs, the newest last."""
    from dealgrid.output.terminal import show_table, tell

    with _opened(reports) as there:
        runs = [run for run in there.runs if name in (None, run.name)]
    if latest:
        newest = {run.name: run for run in runs if run.status == store.DONE}
        runs = list(newest.values())
    lines = [_line(run) for run in runs]
    if format is Format.json:
        print(json.dumps(lines, ensure_ascii=False))
    elif format is Format.csv:
        writer = csv.DictWriter(sys.stdout, [*_line_of_nothing()], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**line, "scenarios": " ".join(line["scenarios"])} for line in lines)
    elif lines:
        show_table(
            ["run", "status", "kind", "checks", ""],
            [
                [
                    each["run"],
                    "running" if each["running"] else each["status"],
                    each["kind"],
                    {True: "zero", False: "NOT ZERO", None: ""}[each["checks_passed"]],
                    each["note"],
                ]
                for each in lines
            ],
        )
    else:
        tell(f"There are no runs in {there.where} yet: `dealgrid report` makes one.")


@app.command("show")
def show(
    run: Run,
    reports: Store = None,
    format: Annotated[Format, typer.Option(help="table or json, which is the manifest itself.")] = Format.table,
) -> None:
    """Show a run: what it was made from, its checks and its files."""
    from dealgrid.output.terminal import show_table
    from dealgrid.runs import review

    with _opened(reports) as there:
        listed = there.find(run)
    if format is Format.json:
        print(json.dumps({**listed.manifest, **_line(listed)}, ensure_ascii=False))
    elif format is Format.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(review.told(listed))
    else:
        show_table(["", ""], review.told(listed))


@app.command("verify")
def verify(
    run: Run,
    reports: Store = None,
) -> None:
    """Make a run's numbers again from its manifest, and compare every number and every file's hash."""
    from dealgrid.output.terminal import progress
    from dealgrid.runs import review

    deal = Deal.load()
    with _opened(reports, deal) as there, progress(quiet=False) as bar:
        task = bar.add_task("verifying", total=None)
        listed = there.whole(there.find(run), lambda done, of: bar.update(task, completed=done, total=of))
        found = review.verify(deal, listed)
    print("\n".join(review.verdict(found)))
    if not found.is_same:
        raise typer.Exit(CHECK_FAILED)


@app.command("compare")
def compare(
    a: Annotated[str, typer.Argument(metavar="RUN", help="The run to start from.")],
    b: Annotated[str, typer.Argument(metavar="RUN", help="The run to go to.")],
    reports: Store = None,
    row: Annotated[str | None, typer.Option(help="Only this row.")] = None,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table,
) -> None:
    """Compare two runs: which figures moved, and why: what was asked, inputs, data, code."""
    from dealgrid.output.terminal import show_table
    from dealgrid.runs import review

    with _opened(reports) as there:
        frame, moved = review.compared(*(there.with_file(there.find(run), store.NUMBERS) for run in (a, b)))
    if row is not None:
        frame = frame[frame["row"] == row]
    if format is Format.json:
        figures = json.loads(frame.to_json(orient="records", double_precision=15, force_ascii=False))
        print(json.dumps({"why": vars(moved), "moved": figures}, ensure_ascii=False))
        return
    if format is Format.csv:
        print(frame.to_csv(index=False, lineterminator="\n"), end="")
        return
    for kind, told in vars(moved).items():
        show_table(["", ""], [(kind if not place else "", each) for place, each in enumerate(told)]) if told else None
    once = frame[frame["period"].isna()] if row is None else frame
    columns = ["scenario", "row", "period", "before", "after", "unit"]
    lines = [
        (scenario, name, period if isinstance(period, str) else "", review.change_text(before, after, unit))
        for scenario, name, period, before, after, unit in once[columns].to_numpy().tolist()
    ]
    if lines:
        show_table(["scenario", "row", "period", "change"], lines[:MOST_SHOWN])
    print(_count(len(frame), len(once), min(len(lines), MOST_SHOWN)))


@app.command("send")
def send(
    run: Run,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="A folder, s3://bucket/path, sftp://host/path, ….")],
    reports: Store = None,
    quiet: Quiet = False,
) -> None:
    """Copy a finished run to another address; sending again completes what was interrupted."""
    with _opened(reports) as there:
        send_run(there.whole(there.find(run)), address, quiet)


def _opened(asked: str | None, deal: Deal | None = None) -> contextlib.AbstractContextManager[Runs]:
    """The runs of the reports folder or address that was named, else the project's."""
    from dealgrid.runs.fetch import open_runs

    return open_runs(reports_folder(None, deal) if asked is None else asked)


def reports_folder(asked: Path | None, deal: Deal | None = None) -> Path:
    """The reports folder that was named, else the project's."""
    return asked if asked is not None else (deal or Deal.load()).root / "reports"


def _count(all_moved: int, once: int, shown: int) -> str:
    if not all_moved:
        return "No figure moved."
    moved = f"{all_moved:,} figure{'s' if all_moved > 1 else ''} moved"
    if shown == all_moved:
        return f"{moved}."
    told = f"shown are {shown} of the {once} with one number for a case" if once else "none with one number for a case"
    return f"{moved}; {told}; --format csv for all."


def _line(run: store.Listed) -> dict[str, Any]:
    said = run.manifest
    return {
        "run": run.run,
        "name": run.name,
        "status": run.status,
        "started": run.started,
        "finished": said.get("finished"),
        "kind": said.get("kind", ""),
        "scenarios": list(said.get("scenarios", ())),
        "checks_passed": said["checks"]["passed"] if run.status == store.DONE else None,
        "exit": said.get("exit"),
        "running": run.is_running,
        "note": run.note,
    }


def _line_of_nothing() -> dict[str, Any]:
    return _line(store.Listed("", "", "", "", Path()))
