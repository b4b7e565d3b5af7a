"""The terminal: cases, explanations and problems as a person reads them there."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from dealgrid.deal import Case
from dealgrid.engine.irr import Certificate
from dealgrid.engine.row import Row
from dealgrid.explain import Explanation
from dealgrid.inputs import Parameter, display_value
from dealgrid.output.answer import return_text
from dealgrid.output.explanation import figure_text, has_own_label, notes
from dealgrid.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

LABEL_WIDTH = 44
UNIT_WIDTH = 8
FIGURE_WIDTH = 9
GAP = 2  # between columns
FEWEST_LETTERS = 14  # of a label, however narrow the terminal
WIDTH_OF_FILES = 10_000  # where output does not go to a terminal, nothing is cut or wrapped


def console(to_error: bool = False) -> Console:
    """A console for data (standard output) or for everything else (standard error)."""
    stream = sys.stderr if to_error else sys.stdout
    return Console(stderr=to_error, highlight=False, soft_wrap=True, width=None if stream.isatty() else WIDTH_OF_FILES)


def tell(message: str) -> None:
    """Say something that is not data: on standard error."""
    console(to_error=True).print(Text(message))


def tell_problems(problems: Sequence[Problem], done: str = "") -> None:
    """Print every problem on standard error, each with its place, what was expected and what to do.

    Several are counted, and `done` says what came of what was asked.
    """
    out = console(to_error=True)
    for problem in problems:
        out.print(Text(str(problem), style="red" if out.is_terminal else ""))
    if len(problems) > 1:
        out.print(Text(f"{'; '.join([f'{len(problems)} problems', *filter(None, [done])])}."))


def show_rows(case: Case, rows: Collection[Row]) -> None:
    """Rows across the periods, in as many blocks as the width asks for; then the rows that have one number."""
    out = console()
    out.print(Text(f"{case.deal.story.title}: {case.title}", style="bold"))
    for line in _own_terms(case):
        out.print(Text(line))
    over_time = [row for row in rows if not row.is_once]
    label_width = min(LABEL_WIDTH, out.width // 3)
    for places in _blocks(len(case.calendar), out.width - label_width - UNIT_WIDTH):
        if over_time:
            out.print(_table_over_time(case, over_time, places, label_width))
    once = [row for row in rows if row.is_once]
    if once:
        out.print(_table_of_numbers(case, once))
    out.print(Text(checks_line(case)))


def _own_terms(case: Case) -> Iterable[str]:
    """What was set or pinned for this case alone, so that nobody takes it for the scenario."""
    if case.settings:
        yield "set: " + ", ".join(case.settings)
    pinned = dict.fromkeys(pin.row if pin.period is None else f"{pin.row}@{pin.period}" for pin in case.own_pins)
    if pinned:
        yield "pinned: " + ", ".join(pinned)


def checks_line(case: Case) -> str:
    """One line on the checks of a case."""
    if case.checks.passed:
        return "All checks are zero."
    return "CHECKS FAILED: " + ", ".join(case.checks.failed)


def show_explanation(
    explanation: Explanation, certificate: Certificate | None, parameters: Iterable[Parameter]
) -> None:
    """A figure as a tree of formulas down to what is given, and the sources of every parameter it rests on.

    A rate of return comes with its certificate.
    """
    out = console()
    tree = Tree(_explanation_text(explanation))
    _grow(tree, explanation.parts)
    out.print(tree)
    if certificate is not None:
        out.print(Text(f"\n{certificate}"))
    table = Table(title="It rests on", title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in ("parameter", "grade", "source"):
        table.add_column(heading, overflow="fold")
    for parameter in parameters:
        table.add_row(Text(parameter.name), parameter.grade, Text(parameter.source))
    if table.row_count:
        out.print()
        out.print(table)


def show_checks(cases: Iterable[Case], grades: str) -> None:
    """A line per scenario with its checks, and the grades of the parameters."""
    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("scenario")
    table.add_column("title")
    table.add_column("checks")
    for case in cases:
        table.add_row(case.scenario, Text(case.title), Text(checks_line(case)))
    out.print(table)
    out.print(Text(grades))


def show_comparison(
    head: str, bridge: pd.DataFrame | None, parts: pd.DataFrame, changes: pd.DataFrame, unit: str
) -> None:
    """The way from one case to another clause by clause, who gains by each, and what the clauses say.

    `bridge` has step, kind and amount; `parts` a line per clause, all in `unit`; `changes` a line per parameter.
    """
    out = console()
    out.print(Text(head, style="bold"))
    if bridge is not None:
        steps = Table(box=None, pad_edge=False, show_header=False)
        for name, kind, amount in bridge[["step", "kind", "amount"]].to_numpy().tolist():
            style = "" if kind == "clause" else "bold"
            shown = _change(amount, unit) if kind == "clause" else display_value(amount, unit)
            steps.add_row(Text(name, style=style), Text(shown, justify="right"))
        out.print(steps)
    moved = parts.loc[:, (parts != 0).any()]
    _print_frame(out, moved, str(parts.attrs["unit"]), is_change=True)
    if moved.columns.empty:
        out.print(Text("No clause moves it."))
    out.print()
    for change in changes.itertuples():
        out.print(
            Text(f"{change.clause}: {change.parameter}  {change.before} → {change.after}  ({change.source_after})")
        )


def show_scenarios(titles: Mapping[str, str]) -> None:
    """A line per scenario: its name and its title."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, title in titles.items():
        table.add_row(name, Text(title))
    console().print(table)


def _change(amount: float, unit: str) -> str:
    """A step from one value to another: between two dates it is days, between yes and no a part of 1."""
    if unit == "date":
        return f"{display_value(amount, 'days')} days"
    return display_value(amount, "number" if unit in ("flag", "year") else unit)


def _print_frame(out: Console, frame: pd.DataFrame, unit: str, is_change: bool = False) -> None:
    """A frame of figures in one unit, its title above it, in as many blocks of columns as the width asks for."""
    show = _change if is_change else display_value
    texts = [[show(figure, unit) for figure in figures] for figures in frame.to_numpy(dtype=float).tolist()]
    label_width = min(max(map(len, map(str, frame.index)), default=0), max(out.width // 3, FIGURE_WIDTH))
    widths = [
        max(map(len, [*str(heading).split(), *(line[place] for line in texts)]))
        for place, heading in enumerate(frame.columns)
    ]
    out.print()
    out.print(Text(str(frame.attrs["title"]), style="italic"))
    for places in _wide_blocks(widths, out.width - label_width):
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("", max_width=label_width, overflow="fold")
        for place in places:
            table.add_column(str(frame.columns[place]), justify="right", min_width=widths[place])
        for label, line in zip(frame.index, texts, strict=True):
            table.add_row(str(label), *(line[place] for place in places))
        out.print(table)


def _wide_blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    """Places of columns of these widths, as many in a block as there is room for, and one at least."""
    blocks: list[list[int]] = []
    left = 0
    for place, width in enumerate(widths):
        if not blocks or width + GAP > left:
            blocks.append([])
            left = room
        blocks[-1].append(place)
        left -= width + GAP
    return blocks


def show_texts(*frames: pd.DataFrame) -> None:
    """Tables whose figures are texts already, each under its title, in as many blocks of columns as the width asks for.

    A caption that several tables share stands once, below the last of them.
    """
    out = console()
    for place, frame in enumerate(frames):
        texts = [list(map(str, line)) for line in frame.to_numpy().tolist()]
        widths = [
            max(map(len, [*str(heading).split(), *(line[column] for line in texts)]))
            for column, heading in enumerate(frame.columns)
        ]
        labels = max(map(len, map(str, frame.index)), default=0)
        room = max(FEWEST_LETTERS, min(LABEL_WIDTH, labels, out.width // 3))
        title = str(frame.attrs["title"])
        for columns in _wide_blocks(widths, out.width - room):
            table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
            table.add_column("", max_width=room, overflow="fold")
            for column in columns:
                table.add_column(str(frame.columns[column]), justify="right", min_width=widths[column])
            for label, line in zip(frame.index, texts, strict=True):
                table.add_row(Text(str(label)), *(line[column] for column in columns))
            out.print(table)
            title = ""
        caption = str(frame.attrs["caption"])
        if place + 1 == len(frames) or str(frames[place + 1].attrs["caption"]) != caption:
            out.print(Text(caption, style="dim"))
        out.print()


def show_table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Lines of texts under their headings, nothing cut off."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(headings))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(*map(Text, line))
    console().print(table)


def progress(quiet: bool, time_left: bool = False) -> Progress:
    """A progress bar on standard error, if asked with the time that is left; silent where that is no terminal."""
    out = console(to_error=True)
    left = [TextColumn("left"), TimeRemainingColumn()] if time_left else []
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        *left,
        console=out,
        disable=quiet or not out.is_terminal,
        transient=True,
    )


def _blocks(periods: int, width: int) -> Iterable[range]:
    """Places of the periods whose figures fit side by side."""
    fit = max(width // (FIGURE_WIDTH + 1), 1)
    return [range(start, min(start + fit, periods)) for start in range(0, periods, fit)]


def _table_over_time(case: Case, rows: Collection[Row], places: range, label_width: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("", max_width=label_width, no_wrap=False)
    table.add_column("unit", style="dim", no_wrap=True)
    for place in places:
        table.add_column(case.calendar.periods[place], justify="right", no_wrap=True)
    for row in rows:
        figures = (display_value(float(case.values[row.name][place]), row.unit) for place in places)
        table.add_row(Text(row.label), row.unit, *figures)
    return table


def _table_of_numbers(case: Case, rows: Collection[Row]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(Text(row.label), Text(row.unit, style="dim"), Text(return_text(case, row.name), justify="right"))
    return table


def _explanation_text(explanation: Explanation) -> Text:
    period = f" {explanation.period}" if explanation.period else ""
    text = Text.assemble((explanation.name, "bold"), f"{period} = ", (figure_text(explanation), "bold"))
    if has_own_label(explanation):
        text.append(f"  {explanation.label}", style="dim")
    if explanation.formula:
        text.append(f"\n= {explanation.formula}")
    for note in notes(explanation):
        text.append(f"\n{note}", style="dim")
    return text


def _grow(tree: Tree, parts: Iterable[Explanation]) -> None:
    for part in parts:
        _grow(tree.add(_explanation_text(part)), part.parts)
