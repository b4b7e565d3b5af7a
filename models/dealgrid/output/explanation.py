"""An explained figure as a tree a reviewer can fold: formula, ingredients with their values, down to the sources."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from dealgrid.deal import Case
from dealgrid.explain import HIDDEN, Explanation
from dealgrid.inputs import display_value
from dealgrid.output import answer

CUTS = {"above": "unfolded above", "deeper": "made of more: ask for it by name, or with a larger depth"}
OPEN = 1  # formulas deep that the tree is unfolded to begin with
WITHOUT_UNIT = ("date", "flag", "fraction", "multiple")  # the figure itself shows it
SMALL = "color: #666666; font-size: 0.85em"
WHOLE = "font-size: 14px; line-height: 1.45; margin-bottom: 1.2em"
LEVEL = "margin: 0 0 0.15em 1.4em"


@dataclass(frozen=True)
class Tree:
    """An explanation as a notebook shows it: HTML that folds without a script, and the same as indented text."""

    explanation: Explanation
    caption: str

    def __repr__(self) -> str:
        return "\n".join(_lines(self.explanation, 0))

    def _repr_html_(self) -> str:
        # Fenced, or pages read US$ … US$ as a formula.
        note = f'<div style="{SMALL}; margin-top: 0.6em">{html.escape(self.caption)}</div>'
        body = f'<div style="{WHOLE}">{_folded(self.explanation, 0)}{note}</div>'
        return f'<div class="explained tex2jax_ignore mathjax_ignore">{body}</div>'


def explain_tree(case: Case, name: str, period: str | None = None, depth: int = 3) -> Tree:
    """Where a figure of a case comes from, as a tree; `period` and `depth` as for `Case.explain`.

    InputError where there is no such row, parameter or period.
    """
    return Tree(case.explain(name, period, depth), answer.caption([case]))


def figure_text(explanation: Explanation) -> str:
    """The figure with its unit."""
    if explanation.is_hidden:
        return HIDDEN
    unit = "" if explanation.unit in WITHOUT_UNIT else f" {explanation.unit}"
    return display_value(explanation.value, explanation.unit) + unit


def notes(explanation: Explanation) -> list[str]:
    """What stands below a figure and its formula: source and grade, the whole row, why the tree ends here."""
    found = []
    if explanation.source:
        found.append(f"source: {explanation.source}" + (f" (grade {explanation.grade})" if explanation.grade else ""))
    if explanation.series:
        found.append(f"over all periods: {series_text(explanation)}")
    if explanation.cut:
        found.append(f"… {CUTS[explanation.cut]}")
    return found


def series_text(explanation: Explanation) -> str:
    """A whole row in a line; a run of one figure is written once."""
    figures = [display_value(value, explanation.unit) for value in explanation.series]
    runs = [(figure, len(list(run))) for figure, run in itertools.groupby(figures)]
    return "  ".join(figure if count == 1 else f"{count} × {figure}" for figure, count in runs)


def has_own_label(explanation: Explanation) -> bool:
    """Whether the label says more than the name."""
    return explanation.label.lower() != explanation.name.replace("_", " ")


def _lines(explanation: Explanation, level: int) -> Iterator[str]:
    indent = "    " * level
    period = f" {explanation.period}" if explanation.period else ""
    label = f"  {explanation.label}" if has_own_label(explanation) else ""
    yield f"{indent}{explanation.name}{period} = {figure_text(explanation)}{label}"
    below = [f"= {explanation.formula}"] if explanation.formula else []
    yield from (f"{indent}  {line}" for line in [*below, *notes(explanation)])
    for part in explanation.parts:
        yield from _lines(part, level + 1)


def _folded(explanation: Explanation, level: int) -> str:
    """A figure and, folded under it, what it is made of; keys and screen readers know `details` by themselves."""
    period = f" {html.escape(explanation.period)}" if explanation.period else ""
    label = f' <span style="{SMALL}">{html.escape(explanation.label)}</span>' if has_own_label(explanation) else ""
    figure = f"<b>{html.escape(explanation.name)}</b>{period} = <b>{html.escape(figure_text(explanation))}</b>{label}"
    formula = f"<div><code>= {html.escape(explanation.formula)}</code></div>" if explanation.formula else ""
    told = "".join(f'<div style="{SMALL}">{html.escape(note)}</div>' for note in notes(explanation))
    if not explanation.parts:
        return f'<div style="{LEVEL}">{figure}{formula}{told}</div>'
    inside = "".join(_folded(part, level + 1) for part in explanation.parts)
    is_open = " open" if level < OPEN else ""
    return (
        f'<details{is_open} style="{LEVEL}"><summary style="cursor: pointer">{figure}</summary>'
        f'<div style="margin-left: 1.1em">{formula}{told}</div>{inside}</details>'
    )
