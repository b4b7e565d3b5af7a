"""The page of a sweep: its headline rows over its axes, each figure leading to its notebook; needs no network."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from dealgrid.deal import Case, Deal
from dealgrid.inputs import UNITS, Dated, display_value
from dealgrid.inputs.sweeps import SCENARIO, Sweep
from dealgrid.output import answer, charts, figures
from dealgrid.output.page import whole

FEWEST = 3  # values of an axis from which a line says more than a table
LIGHTEST, DARKEST = (247, 251, 255), (107, 174, 214)  # one blue, readable in grey and under black letters


class Links(NamedTuple):
    """Where the notebook of a point is: as a page to read, and as the notebook itself."""

    page: str
    notebook: str


def page(
    study: Sweep,
    deal: Deal,
    base: Case,
    cases: Sequence[Case],
    rows: Sequence[str],
    links: Sequence[Links | None],
    wrong: Mapping[int, str],
    run: str,
) -> str:
    """The page as HTML. `links` lead to the notebook of each point, None where it failed, as `wrong` then says."""
    parts = [f"<h1>{_text(study.title)}</h1>", f"<p>{_text(study.why)}</p>", _about(study, deal, base, cases, wrong)]
    if wrong:
        told = "".join(
            f"<li>{_text(_words(study, place))}: <pre>{_text(text)}</pre></li>" for place, text in sorted(wrong.items())
        )
        parts.append(f"<h2>Points that failed</h2><ul>{told}</ul>")
    if study.is_grid:
        parts += [_over(study, deal, base, cases, row, links) for row in rows]
    parts.append(_all_points(study, deal, base, cases, rows, links))
    foot = f"Run {run}. {deal.story.title}. Differences are from {base.title} without the axes."
    return whole(study.title, "\n".join(parts), foot, STYLE)


def _about(study: Sweep, deal: Deal, base: Case, cases: Sequence[Case], wrong: Mapping[int, str]) -> str:
    failed = [place for place, case in enumerate(cases) if not case.checks.passed]
    checks = "All checks are zero at every point." if not failed else f"CHECKS ARE NOT ZERO at {len(failed)} points."
    done = len(cases) - len(wrong)
    compared = (
        f"At {done} of {len(cases)} points the notebook was carried out, and every row it handed back is the engine's."
    )
    axes = "; ".join(f"{_label(deal, name)}: {', '.join(labels)}" for name, labels in study.axes.items())
    return f"<p>{_text(axes)}.</p><p>From {_text(base.title)}. {_text(compared)} {_text(checks)}</p>"


def _over(study: Sweep, deal: Deal, base: Case, cases: Sequence[Case], row: str, links: Sequence[Links | None]) -> str:
    """One row over the axes of a grid: a picture where an axis has an order, and the table it is drawn from."""
    names = sorted(study.axes, key=lambda name: -len(study.axes[name]))  # the longer one downwards
    at = {tuple(point.labels[name] for name in names): place for place, point in enumerate(study.points)}
    values = [float(case.values[row]) for case in cases]
    finding = _finding(study, deal, values, row)
    along = next((name for name in names if _has_order(study, deal, name)), "")
    if not along or not all(map(math.isfinite, values)):
        return f"<h2>{_text(finding)}</h2>{_heat(study, deal, base, row, names, at, values, links)}"
    drawn = charts.svg(_lines(study, deal, base, cases, row, along, finding))
    picture = f'<figure role="img" aria-label="{_text(finding)}">{drawn}</figure>'
    table = f"<div>{_heat(study, deal, base, row, names, at, values, links)}</div>"
    return f"<h2>{_text(deal.row(row).label)}</h2><div class=pair>{picture}{table}</div>"


def _has_order(study: Sweep, deal: Deal, name: str) -> bool:
    """Whether an axis goes through enough single values of a parameter that can be more or less."""
    if name not in deal.parameters or len(study.axes[name]) < FEWEST:
        return False
    return UNITS[deal.parameters[name].unit].kind != "flag" and not any(
        isinstance(point.set[name], Dated) for point in study.points
    )


def _lines(
    study: Sweep, deal: Deal, base: Case, cases: Sequence[Case], row: str, along: str, finding: str
) -> charts.Chart:
    """A row along one axis, a line for each value of the other."""
    import pandas as pd

    other = next((name for name in study.axes if name != along), "")
    lines: dict[str, dict[str, float]] = {}
    first: dict[str, Case] = {}
    for point, case in zip(study.points, cases, strict=True):
        name = case.title if other == SCENARIO else point.labels.get(other, base.title)
        lines.setdefault(name, {})[point.labels[along]] = float(case.values[row])
        first.setdefault(name, case)
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=list(study.axes[along]))
    caption = answer.caption([base]).replace(base.title, f"{base.title}, with the axes set")
    frame.attrs = {"unit": deal.row(row).unit, "caption": caption}
    if other == SCENARIO:
        frame.attrs[figures.COLOURS] = charts.distinct_colours(list(first.values()))
    named = f"; lines: {_label(deal, other)}" if other and other != SCENARIO else ""
    return figures.lines(frame, finding, f"{_label(deal, along)}{named}")


def _heat(
    study: Sweep, deal: Deal, base: Case, row: str, names: Sequence[str], at: Mapping[tuple[str, ...], int],
    values: Sequence[float], links: Sequence[Links | None],
) -> str:  # fmt: skip
    """The row's figures over one axis or two, shaded from least to most."""
    down, across = names[0], names[1] if len(names) > 1 else None
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    columns = study.axes[across] if across else ("",)
    head = "".join(f"<th>{_text(label)}</th>" for label in columns)
    lines = []
    for label in study.axes[down]:
        cells = []
        for column in columns:
            place = at[(label, column) if across else (label,)]
            share = (values[place] - low) / (high - low) if high > low and math.isfinite(values[place]) else 0.0
            text = _linked(display_value(values[place], deal.row(row).unit), links[place])
            cells.append(f'<td style="background:{_shade(share)}">{text}</td>')
        lines.append(f"<tr><th>{_text(label)}</th>{''.join(cells)}</tr>")
    over = f"Down: {_label(deal, down)}" + (f"; across: {_label(deal, across)}" if across else "")
    told = display_value(float(base.values[row]), deal.row(row).unit)
    caption = f"{deal.row(row).label}, {deal.row(row).unit}. {over}. Without the axes: {told}."
    return (
        "<div class=wide><table class=heat>"
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        f"<p class=note>{_text(caption)}</p>"
    )


def _finding(study: Sweep, deal: Deal, values: Sequence[float], row: str) -> str:
    """A title that says what the table shows: where the row is least and most."""
    place_of = {value: place for place, value in reversed(list(enumerate(values))) if math.isfinite(value)}
    unit, name = deal.row(row).unit, deal.row(row).label
    if not place_of:
        return f"{name} has no finite value"
    ends = min(place_of), max(place_of)
    least, most = (display_value(each, unit) for each in ends)
    if least == most:
        return f"{name} is {least} at every point"
    low, high = (_words(study, place_of[each]) for each in ends)
    return f"{name} goes from {least} ({low}) to {most} ({high})"


def _all_points(
    study: Sweep, deal: Deal, base: Case, cases: Sequence[Case], rows: Sequence[str], links: Sequence[Links | None]
) -> str:
    """Every point in a line: its axes, its figures, their differences from the base, its checks."""
    heads = [*(_label(deal, name) for name in study.axes)]
    for row in rows:
        heads += [deal.row(row).label, "difference"]
    lines = []
    for place, (point, case) in enumerate(zip(study.points, cases, strict=True)):
        cells = [point.labels.get(name, "") for name in study.axes]
        for row in rows:
            value, unit = float(case.values[row]), deal.row(row).unit
            cells += [display_value(value, unit), _signed(value - float(base.values[row]), unit)]
        checks = "zero" if case.checks.passed else ", ".join(case.checks.failed)
        told = "".join(f"<td>{_text(cell)}</td>" for cell in [*cells, checks])
        found = links[place]
        notebook = f'<a href="{quote(found.notebook)}">.ipynb</a>' if found else ""
        lines.append(f"<tr><th>{_linked(f'{place + 1:03}', found)}</th>{told}<td>{notebook}</td></tr>")
    head = "".join(f"<th>{_text(each)}</th>" for each in ["", *heads, "checks", "notebook"])
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f"<h2>Every point</h2><div class=wide>{table}</div>"


def _signed(value: float, unit: str) -> str:
    return "n/a" if math.isnan(value) else f"+{display_value(value, unit)}" if value > 0 else display_value(value, unit)


def _words(study: Sweep, place: int) -> str:
    return ", ".join(study.points[place].labels.values())


def _label(deal: Deal, name: str) -> str:
    return deal.parameters[name].label if name in deal.parameters else name.capitalize()


def _linked(text: str, links: Links | None) -> str:
    return f"{_text(text)} <b>failed</b>" if links is None else f'<a href="{quote(links.page)}">{_text(text)}</a>'


def _shade(share: float) -> str:
    mixed = (round(light + share * (dark - light)) for light, dark in zip(LIGHTEST, DARKEST, strict=True))
    return f"rgb({','.join(map(str, mixed))})"


def _text(text: str) -> str:
    return html.escape(text)


STYLE = """\
h2 { font-size: 1.15rem; }
.note { color: #555; font-size: 0.85rem; }
td, th { vertical-align: bottom; }
th:first-child { white-space: nowrap; }
.wide { overflow-x: auto; }
.pair { display: flex; flex-wrap: wrap; gap: 0 2.5rem; }
.pair > div { flex: 1 1 20rem; min-width: 0; }
.heat td { border: 1px solid #fff; text-align: right; }
a { text-decoration-color: #999; }
"""
