"""Live futures as HTML: the spread behind each holder's value, who is better off, and the fan of a row."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dealgrid.analysis.live import ALL, Glimpse
from dealgrid.inputs import display_value
from dealgrid.output import answer, charts, markup, rounded
from dealgrid.output.markup import BAR, FIGURES, LINE, NAMES, PLOT

Floats = NDArray[np.float64]

LOW, HIGH = "5%", "95%"
BANDS = ((LOW, HIGH, 0.25), ("25%", "75%", 0.6))  # of a fan or a bar, and how dense each is drawn
TALL, SIDE, FOOT, TOP = 210, 60, 20, 12  # of a fan: its height, and the room for figures around it
TICKS, MOST_LABELS = 5, 16
GAP = 5  # between the lines of two holders


def behind(shown: Glimpse) -> str:
    """How many futures are behind the pictures, and why not more."""
    return f'<div role="status">{markup.heading(_behind(shown))}</div>'


def about(shown: Glimpse, scenario: str, settings: Sequence[str]) -> str:
    """What is drawn in the futures, and the command that gives the same; scenario and settings quoted for a shell."""
    command = html.escape(_command(shown, scenario, settings))
    style = f"{markup.SMALL}; line-height: 1.6"
    same = f'<div style="{style}">In a terminal: <code style="white-space: pre-wrap">{command}</code></div>'
    return "".join(map(markup.heading, _drawn(shown))) + same


def spread(shown: Glimpse, names: Sequence[str], colours: Sequence[str]) -> str:
    """A line per holder and structure: nine and five futures in ten, the median, and the case without doubt."""
    frames = [frame.drop(index=frame.index[-1]) for frame in shown.values]
    ends = np.concatenate([[0.0], *(frame[["base", LOW, HIGH]].to_numpy().ravel() for frame in frames)])
    low, wide = float(ends.min()), float(np.ptp(ends)) or 1.0
    parts, top = [], 2.0
    for label in frames[0].index:
        parts.append(markup.letters(0, top + BAR - 2, str(label)))
        for frame, colour in zip(frames, colours, strict=True):
            line = {str(name): float(value) for name, value in frame.loc[label].items()}
            at = {name: NAMES + PLOT * (value - low) / wide for name, value in line.items()}
            for begin, end, dense in BANDS:
                parts.append(_band(at[begin], top, max(at[end] - at[begin], 0.5), BAR, colour, dense))
            parts.append(markup.rect(at["50%"] - 1, top, 2, BAR, "white", "none"))
            parts.append(_diamond(at["base"], top + BAR / 2))
            span = f"{display_value(line[LOW], answer.AMOUNT)} to {display_value(line[HIGH], answer.AMOUNT)}"
            parts.append(markup.letters(max(at[HIGH], at["base"]) + 6, top + BAR - 2, span))
            top += LINE
        top += GAP
    parts.append(markup.rect(NAMES - PLOT * low / wide, 0, 0.5, top, charts.FAINT, "none"))
    title = "Spread of the value by holder, US$ bn"
    note = (
        f"{title}: nine futures in ten (light), half of them (dark), the median (white line); ◆ the case without doubt"
    )
    picture = markup.svg(NAMES + PLOT + FIGURES + SIDE, top, parts, title)
    return markup.heading(note) + markup.legend(names, colours) + picture + _gains(shown, names)


def fan(shown: Glimpse, names: Sequence[str], colours: Sequence[str]) -> str:
    """A row over the coming periods: bands of the structure that is moved, median and edges of the other."""
    row = shown.cases[1].deal.row(shown.row)
    periods = list(dict.fromkeys([*shown.fans[1].columns, *shown.fans[0].columns]))
    lines = [rounded.lines_of(frame.reindex(columns=periods)) for frame in shown.fans]
    first, second = ({name: np.array(list(line.values()), dtype=float) for name, line in each} for each in lines)
    scale = _Scale([each[part] for each in (first, second) for part in (LOW, HIGH)], periods, row.unit)
    parts = [*scale.axis(row.unit), *_labels(periods, scale)]
    for begin, end, dense in BANDS:
        parts.append(_area(scale, second[begin], second[end], colours[1], dense))
    for part in (LOW, HIGH):
        parts.append(_line(scale, first[part], colours[0], "1", "4 3"))
    parts.append(_line(scale, first["50%"], colours[0], "2"))
    parts.append(_line(scale, second["50%"], colours[1], "2"))
    note = (
        f"{row.label}, {row.unit}. Bands: nine futures in ten and half of them under {names[1]}, with the median. "
        f"Lines: median and nine in ten (dashed) under {names[0]}."
    )
    picture = markup.svg(NAMES + PLOT + FIGURES + SIDE, TOP + TALL + FOOT, parts, f"Fan of {row.label}")
    cut = f"Cut off at the top or bottom: {scale.cut}." if scale.cut else ""
    return markup.heading(note) + picture + (markup.heading(cut) if cut else "")


def _behind(shown: Glimpse) -> str:
    """One sentence: how many futures, and why not more."""
    count = f"{shown.count:,}"
    if shown.is_all:
        said = f"{count} futures are behind these pictures"
    elif shown.is_waiting:
        said = (
            f"{count} futures are behind these pictures for now, computed by NumPy; the kernel for {ALL:,} is being "
            "compiled, once on this machine, which takes up to a minute"
        )
    elif shown.how.startswith("NumPy"):
        said = f"{count} futures are behind these pictures, not {ALL:,} ({shown.how})"
    else:
        said = f"{count} of {ALL:,} futures are behind these pictures while terms move; all are when they rest"
    failed = sum(shown.failed)
    checks = f"CHECKS FAILED in {failed:,} of them" if failed else "all checks are zero in every one"
    return f"{said}; {checks}. The draws are the same each time (seed {shown.seed}): only terms move the pictures."


def _drawn(shown: Glimpse) -> list[str]:
    """What is drawn under each structure, and what is not since somebody chose it."""
    lines = []
    for case, drawn in zip(shown.cases, shown.drawn, strict=True):
        parameters = case.deal.parameters.values()
        chosen = [
            f"{each.label} ({'set here' if each.name in case.settings else 'set by the scenario'})"
            for each in parameters
            if each.uncertain and each.name not in drawn
        ]
        total = len(drawn) + len(chosen)
        but = f", not {' nor '.join(chosen)}" if chosen else ""
        lines.append(f"{case.title}: {len(drawn)} of {total} uncertain parameters are drawn{but}.")
    return lines


def _command(shown: Glimpse, scenario: str, settings: Sequence[str]) -> str:
    sets = "".join(f" --set {each}" for each in settings)
    story = shown.cases[1].deal.story
    is_usual = shown.row in story.paths
    rows = "" if is_usual else f" --rows {','.join(dict.fromkeys([*story.holders, story.total, shown.row]))}"
    return f"dealgrid futures {scenario}{sets} --count {shown.count} --seed {shown.seed}{rows}"


def _gains(shown: Glimpse, names: Sequence[str]) -> str:
    """Means with their errors, and in how many futures each holder is better off."""
    first, second = (dict(rounded.lines_of(frame)) for frame in shown.values)
    lines = {}
    for label, gain in rounded.lines_of(shown.gains):
        lines[label] = [
            *(_short(each[label]["mean"], each[label]["error"]) for each in (first, second)),
            _short(gain["mean"], gain["error"]),
            *(_short(gain[each], gain[f"{each}_error"], "fraction") for each in ("better", "worse")),
        ]
    columns = [*(f"Mean, {name}" for name in names), "Difference", "Better in", "Worse in"]
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=columns)
    frame.attrs["totals"] = ["Total"]
    title = (
        f"Means in US$ bn, and in how many futures {names[1]} is better or worse than {names[0]}; "
        "each ± its standard error"
    )
    return markup.table(frame, title, is_text=True)


def _short(value: float, error: float, unit: str = answer.AMOUNT) -> str:
    return rounded.with_error(value, error, unit).replace("less than ", "<")


class _Scale:
    """Where a period and a value stand in the picture; one period that dwarfs all others is cut."""

    def __init__(self, lines: Sequence[Floats], periods: Sequence[str], unit: str) -> None:
        values = np.stack(lines)  # (lines, periods)
        finite = np.where(np.isfinite(values), values, 0.0)
        sizes = np.abs(finite).max(axis=0)
        largest = np.sort(sizes)
        is_cut = len(largest) > 1 and largest[-1] > charts.CUT * largest[-2] > 0
        limit = float(largest[-2] if is_cut else largest[-1]) or 1.0
        beyond = np.isinf(values).any(axis=0) | (sizes > limit)
        names = ", ".join(str(name) for name, is_beyond in zip(periods, beyond, strict=True) if is_beyond)
        reach = display_value(float(np.nanmax(values[:, beyond], initial=-np.inf)), unit)
        self.cut = f"{names}, where nine futures in ten reach to {reach}" if names else ""
        self.low = float(np.clip(finite.min(), -limit, 0))
        self.high = float(np.clip(finite.max(), 0, limit))
        self.high = self.high if self.high > self.low else self.low + 1.0
        self.step = (PLOT + NAMES + FIGURES - SIDE) / max(len(periods) - 1, 1)

    def x(self, place: int) -> float:
        return SIDE + place * self.step

    def y(self, value: float) -> float:
        return TOP + TALL * (self.high - float(np.clip(value, self.low, self.high))) / (self.high - self.low)

    def axis(self, unit: str) -> list[str]:
        """Thin rules at round values, each with its figure."""
        parts = []
        for value in _round_values(self.low, self.high):
            y = self.y(value)
            colour = charts.RULE if value else charts.FAINT
            parts.append(markup.rect(SIDE, y, PLOT + NAMES + FIGURES - SIDE, 0.5, colour, "none"))
            parts.append(markup.letters(SIDE - 6, y + 4, display_value(value, unit), "end"))
        return parts


def _round_values(low: float, high: float) -> list[float]:
    """Some four round numbers from the lowest to the highest, zero among them."""
    rough = (high - low) / TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
    return [step * each for each in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _labels(periods: Sequence[str], scale: _Scale) -> list[str]:
    every = -(-len(periods) // MOST_LABELS)
    return [
        markup.letters(scale.x(place), TOP + TALL + FOOT - 4, str(periods[place]), "middle")
        for place in range(0, len(periods), every)
    ]


def _points(scale: _Scale, line: Floats) -> list[str]:
    values = enumerate(line.tolist())
    return [f"{scale.x(place):.1f},{scale.y(value):.1f}" for place, value in values if not math.isnan(value)]


def _area(scale: _Scale, low: Floats, high: Floats, colour: str, dense: float) -> str:
    points = " ".join(itertools.chain(_points(scale, low), reversed(_points(scale, high))))
    return f'<polygon points="{points}" fill="{colour}" fill-opacity="{dense / 1.5:.2f}"/>'


def _line(scale: _Scale, line: Floats, colour: str, width: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    points = " ".join(_points(scale, line))
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def _band(x: float, y: float, width: float, height: float, colour: str, dense: float) -> str:
    size = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {size} fill="{colour}" fill-opacity="{dense}"/>'


def _diamond(x: float, y: float) -> str:
    side = 4
    points = f"{x - side:.1f},{y:.1f} {x:.1f},{y - side} {x + side:.1f},{y:.1f} {x:.1f},{y + side}"
    return f'<polygon points="{points}" fill="{charts.INK}" stroke="white" stroke-width="0.7"/>'
