"""Commands that answer at once: show, explain, compare, check."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from typing import Annotated

import typer

from dealgrid import Case, Deal
from dealgrid.cli.options import CHECK_FAILED, Format, Pins, Sets, case_of, exit_on, names_of
from dealgrid.dates import CALENDAR_UNITS
from dealgrid.engine.row import Row
from dealgrid.problems import InputError, Problem, gathered


def show(
    scenario: Annotated[str | None, typer.Argument(help="A scenario, such as new_deal.")] = None,
    sets: Sets = [],  # noqa: B006 - typer reads the default and never changes it
    pins: Pins = [],  # noqa: B006 - the same
    rows: Annotated[str | None, typer.Option(metavar="A,B", help="Only these rows.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Only this sheet.")] = None,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table,
) -> None:
    """Show a scenario: its rows over the years. Without one, list the scenarios."""
    deal = Deal.load()
    if scenario is None:
        _list_scenarios(deal, format, is_asked_more=bool(sets or pins or rows or sheet))
        return
    names = names_of(rows)
    case = case_of(deal, scenario, sets, pins, names, sheet)
    chosen = _chosen(deal, names, sheet)
    if format is Format.json:
        print(json.dumps(case.as_json([row.name for row in chosen]), ensure_ascii=False))
    elif format is Format.csv:
        _write_csv(case, chosen)
    else:
        _show_table(case, chosen, is_all=names is None and sheet is None)
    exit_on(case)


def explain(
    row: Annotated[str, typer.Argument(help="A row, such as microsoft_value.")],
    period: Annotated[str | None, typer.Argument(help="A period, such as 2028 or 2028-Q3.")] = None,
    scenario: Annotated[str | None, typer.Option(help="The scenario the figures are of.")] = None,
    sets: Sets = [],  # noqa: B006 - typer reads the default and never changes it
    pins: Pins = [],  # noqa: B006 - the same
    depth: Annotated[int, typer.Option(min=0, help="How many formulas deep the tree goes.")] = 2,
) -> None:
    """Explain a figure: its formula, its ingredients with their values, down to the sources."""
    from dealgrid.output.terminal import show_explanation

    deal = Deal.load()
    case = case_of(
        deal, scenario or deal.story.present, sets, pins, [row] if _is_to_be_a_row(deal, row) else None, None
    )
    explanation = case.explain(row, period, depth)
    show_explanation(explanation, case.certificate(row), [] if explanation.is_pinned else case.rests_on(row))
    exit_on(case)


def check() -> None:
    """Check the parameter files, the studies, the rows and every scenario; say every problem."""
    from dealgrid.inputs.sweeps import Sweep
    from dealgrid.output.terminal import show_checks
    from dealgrid.runs.sweep import check as check_sweep

    deal = Deal.load()
    problems: list[Problem] = []
    for study in deal.studies.values():
        if isinstance(study, Sweep):
            with gathered(problems):
                check_sweep(deal, study)
    if problems:
        raise InputError(problems)
    cases = [deal.case(name) for name in deal.scenarios]
    grades = Counter(parameter.grade for parameter in deal.parameters.values())
    counted = ", ".join(f"{grades[grade]} {grade}" for grade in sorted(grades))
    show_checks(cases, f"{len(deal.book.rows)} rows; {len(deal.parameters)} parameters by grade: {counted}.")
    if not all(case.checks.passed for case in cases):
        raise typer.Exit(CHECK_FAILED)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="The scenario to start from.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The scenario to go to.")],
    row: Annotated[str | None, typer.Option(help="The row whose change is explained.")] = None,
    sets: Sets = [],  # noqa: B006 - typer reads the default and never changes it
    pins: Pins = [],  # noqa: B006 - the same
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.table,
) -> None:
    """Compare two scenarios: what moved, and which clause moved it."""
    from dealgrid.analysis.compare import compare_cases
    from dealgrid.output.terminal import show_comparison

    deal = Deal.load()
    first = case_of(deal, a, sets, pins, [row] if row else None, None)
    second = case_of(deal, b, sets, pins, None, None)
    found = compare_cases(first, second, row)
    frame = found.to_frame()
    if format is Format.json:
        print(frame.to_json(orient="index", double_precision=15, force_ascii=False))
    elif format is Format.csv:
        print(frame.to_csv(lineterminator="\n"), end="")
    else:
        head = f"{found.row.label}, {found.row.unit}. {frame.attrs['caption']}."
        bridge, parts = (found.bridge(), found.by_holder()) if found.row.is_once else (None, frame)
        show_comparison(head, bridge, parts, found.parameters(), found.row.unit)
    exit_on(first)
    exit_on(second)


def _list_scenarios(deal: Deal, format: Format, is_asked_more: bool) -> None:
    from dealgrid.output.terminal import show_scenarios

    titles = {name: scenario.title for name, scenario in deal.scenarios.items()}
    if is_asked_more:
        expected = "one of " + ", ".join(titles)
        raise InputError(
            Problem("show", "no scenario is named", expected, f"write `dealgrid show {next(iter(titles))} …`")
        )
    if format is Format.json:
        print(json.dumps([{"scenario": name, "title": title} for name, title in titles.items()], ensure_ascii=False))
    elif format is Format.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([("scenario", "title"), *titles.items()])
    else:
        show_scenarios(titles)


def _is_to_be_a_row(deal: Deal, name: str) -> bool:
    """Whether only a row can bear this name: it is neither a parameter nor a column of the calendar."""
    return name not in deal.parameters and name not in CALENDAR_UNITS and not deal.is_earlier(name)


def _chosen(deal: Deal, names: list[str] | None, sheet: str | None) -> list[Row]:
    """The rows asked for, by name, by sheet, or both; all where neither is given."""
    if names is None and sheet is None:
        return list(deal.book.rows.values())
    of_sheet = deal.sheet(sheet) if sheet is not None else []
    return [*(deal.row(name) for name in names or ()), *of_sheet]


def _show_table(case: Case, chosen: list[Row], is_all: bool) -> None:
    from dealgrid.output.terminal import console, show_rows

    if not is_all:
        show_rows(case, chosen)
        return
    story = case.deal.story  # two hundred rows are no answer: show what the values add up to, and say where the rest is
    show_rows(case, [case.deal.row(name) for name in (*story.holders, story.total, *story.returns)])
    sheets = ", ".join(case.deal.book.sheets)
    console().print(f"Rows over the years: --sheet with one of {sheets}; or --rows; or --format csv for all.")


def _write_csv(case: Case, rows: list[Row]) -> None:
    """A line per row, at full precision: a column per period, `value` for a row with one number."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["row", "label", "unit", "shape", "value", *case.calendar.periods])
    for row in rows:
        figures = case.values[row.name]
        once = [repr(float(figures)), *[""] * len(case.calendar)] if row.is_once else ["", *map(repr, figures.tolist())]
        writer.writerow([row.name, row.label, row.unit, row.shape, *once])
