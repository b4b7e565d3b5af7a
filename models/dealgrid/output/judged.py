"""How much of the headline figures rests on judgement, from the swings that `analysis.judgement` finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dealgrid.deal import Case
from dealgrid.inputs import display_value
from dealgrid.output import answer, tables

MOST = 12  # judgements worth a line


def by_row(found: pd.DataFrame, case: Case, how: str) -> pd.DataFrame:
    """A line per headline figure: where our judgements together take it, and their part in all swings.

    `found` is a frame of `judgement.by_grade`; `how` says how far parameters were moved.
    """
    ours = found[found["grade"] == answer.OURS]
    lines = {
        _label(case, line.row): [
            *(display_value(figure, case.deal.row(line.row).unit) for figure in (line.low, line.base, line.high)),
            _part(line.share),
            str(line.parameters),
        ]
        for line in _lines(ours)
    }
    headings = ["Lowest", "As it stands", "Highest", "Of all swings", "Judgements moved"]
    return _words(pd.DataFrame.from_dict(lines, orient="index", columns=headings), f"Judgements {how}, US$ bn", case)


def largest(found: pd.DataFrame, case: Case, name: str) -> pd.DataFrame:
    """The judgements that move one row most, each alone: their ends, and the row at these.

    `found` is a frame of `judgement.swings`.
    """
    ours = found[(found["grade"] == answer.OURS) & (found["row"] == name)].head(MOST)
    unit = case.deal.row(name).unit
    lines = [
        [line.low, line.high, *(display_value(figure, unit) for figure in (line.at_low, line.at_high, line.swing))]
        for line in _lines(ours)
    ]
    headings = ["Low end", "High end", "At the low end", "At the high end", "Swing"]
    frame = pd.DataFrame(lines, index=pd.Index(list(ours["label"])), columns=headings)
    return _words(frame, f"{_label(case, name)}: the judgements that move it most, US$ bn", case)


def sentences(frames: Sequence[tuple[str, pd.DataFrame]], case: Case) -> list[str]:
    """In words, for the party at the centre: the part of judgement in all swings, and how far it reaches."""
    story, told = case.deal.story, []
    for how, found in frames:
        (line,) = _lines(found[(found["grade"] == answer.OURS) & (found["row"] == story.center)])
        low, base, high = (display_value(figure, answer.AMOUNT) for figure in (line.low, line.base, line.high))
        told.append(
            f"{_label(case, story.center)} under {case.title}, judgements {how}: {_part(line.share)} of all swings "
            f"are theirs; together they take {base} to between {low} and {high}, US$ bn."
        )
    return told


def _lines(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples())


def _label(case: Case, name: str) -> str:
    story = case.deal.story
    return {**story.holders, story.total: "Total"}.get(name, case.deal.row(name).label)


def _part(share: float) -> str:
    return display_value(float(share), "fraction")


def _words(frame: pd.DataFrame, title: str, case: Case) -> pd.DataFrame:
    frame.attrs = {"title": title, "caption": answer.caption([case]), "unit": tables.TEXT, "totals": []}
    return frame
