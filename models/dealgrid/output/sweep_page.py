"""The page of a sweep: its headline rows over its axes, each figure leading to its notebook; needs no network."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from dealgrid.deal import Case, Deal
from dealgrid.inputs import display_value
from dealgrid.inputs.sweeps import Sweep

LIGHTEST, DARKEST = (247, 251, 255), (107, 174, 214)  # one blue, readable in grey and under black letters


def page(
    study: Sweep,
    deal: Deal,
    base: Case,
    cases: Sequence[Case],
    rows: Sequence[str],
    links: Sequence[str | None],
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
        parts += [_heat(study, deal, base, cases, row, links) for row in rows]
    parts.append(_all_points(study, deal, base, cases, rows, links))
    foot = f"Run {_text(run)}. {_text(deal.story.title)}. Differences are from {_text(base.title)} without the axes."
    return PAGE.format(title=_text(study.title), body="\n".join(parts), foot=foot)


def _about(study: Sweep, deal: Deal, base: Case, cases: Sequence[Case], wrong: Mapping[int, str]) -> str:
    failed = [place for place, case in enumerate(cases) if not case.checks.passed]
    checks = "All checks are zero at every point." if not failed else f"CHECKS ARE NOT ZERO at {len(failed)} points."
    done = len(cases) - len(wrong)
    compared = (
        f"At {done} of {len(cases)} points the notebook was carried out, and every row of its case is the engine's."
    )
    axes = "; ".join(f"{_label(deal, name)}: {', '.join(labels)}" for name, labels in study.axes.items())
    return f"<p>{_text(axes)}.</p><p>From {_text(base.title)}. {_text(compared)} {_text(checks)}</p>"


def _heat(study: Sweep, deal: Deal, base: Case, cases: Sequence[Case], row: str, links: Sequence[str | None]) -> str:
    """One row over the axes of a grid, the longer one downwards, shaded from its least to its most."""
    names = sorted(study.axes, key=lambda name: -len(study.axes[name]))
    down, across = names[0], names[1] if len(names) > 1 else None
    at = {tuple(point.labels[name] for name in names): place for place, point in enumerate(study.points)}
    values = [float(case.values[row]) for case in cases]
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
        f"<h2>{_text(_finding(study, deal, values, row))}</h2><table class=heat>"
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        f"<p class=note>{_text(caption)}</p>"
    )


def _finding(study: Sweep, deal: Deal, values: Sequence[float], row: str) -> str:
    """A title that says what the table shows: where the row is least and most."""
    place_of = {value: place for place, value in reversed(list(enumerate(values))) if math.isfinite(value)}
    unit, name = deal.row(row).unit, deal.row(row).label
    if not place_of:
        return f"{name} has no finite value"
    least, most = min(place_of), max(place_of)
    if least == most:
        return f"{name} is {display_value(least, unit)} at every point"
    low, high = (f"{display_value(each, unit)} ({_words(study, place_of[each])})" for each in (least, most))
    return f"{name} goes from {low} to {high}"


def _all_points(
    study: Sweep, deal: Deal, base: Case, cases: Sequence[Case], rows: Sequence[str], links: Sequence[str | None]
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
        lines.append(f"<tr><th>{_linked(f'{place + 1:03}', links[place])}</th>{told}</tr>")
    head = "".join(f"<th>{_text(each)}</th>" for each in ["", *heads, "checks"])
    return f"<h2>Every point</h2><table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _signed(value: float, unit: str) -> str:
    return "n/a" if math.isnan(value) else f"+{display_value(value, unit)}" if value > 0 else display_value(value, unit)


def _words(study: Sweep, place: int) -> str:
    return ", ".join(study.points[place].labels.values())


def _label(deal: Deal, name: str) -> str:
    return deal.parameters[name].label if name in deal.parameters else name.capitalize()


def _linked(text: str, link: str | None) -> str:
    return f"{_text(text)} <b>failed</b>" if link is None else f'<a href="{quote(link)}">{_text(text)}</a>'


def _shade(share: float) -> str:
    mixed = (round(light + share * (dark - light)) for light, dark in zip(LIGHTEST, DARKEST, strict=True))
    return f"rgb({','.join(map(str, mixed))})"


def _text(text: str) -> str:
    return html.escape(text)


PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 2rem auto; max-width: 72rem; padding: 0 1.25rem; color: #1a1a1a; background: #fff;
  font: 16px/1.5 Georgia, "Liberation Serif", "Times New Roman", serif; }}
h1, h2 {{ line-height: 1.25; font-weight: 600; }}
h2 {{ font-size: 1.15rem; margin-top: 2.2rem; }}
table {{ border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; margin: 0.5rem 0; }}
.note {{ color: #555; font-size: 0.85rem; margin-top: 0.4rem; }}
td, th {{ padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid #e3e3e3; vertical-align: bottom; }}
th:first-child {{ text-align: left; white-space: nowrap; }}
thead th {{ border-bottom: 1px solid #555; font-weight: 600; }}
.heat td {{ border: 1px solid #fff; }}
a {{ color: inherit; text-decoration-color: #999; }}
pre {{ white-space: pre-wrap; font-size: 0.8rem; }}
footer {{ margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 0.7rem; font-size: 0.8rem; color: #666; }}
@media print {{ body {{ margin: 0; max-width: none; }} }}
</style>
</head>
<body>
{body}
<footer>{foot}</footer>
</body>
</html>
"""
