"""Figures under uncertainty as text: no digit is shown that another seed would change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from dealgrid.analysis.bargain import SURE, Bargaining, turning_points
from dealgrid.analysis.futures import Futures, coming
from dealgrid.dates import date_of
from dealgrid.inputs import UNITS, display_value

SCALES = {"fraction": (100, "%"), "multiple": (1, "×")}
MOST_DECIMALS = 1
FINEST = 2  # decimals shown beside an error, however small
DAYS_IN_MONTH = 31


def figure(value: float, error: float, unit: str) -> str:
    """A value to the digits its standard error allows: `483`, `12.4%`; a date to the month or year it is sure of.

    A value that would be rounded to nothing keeps the digit its error is in.
    """
    if not math.isfinite(value) or not math.isfinite(error):
        return display_value(value, unit)
    if UNITS[unit].kind == "date":
        day = date_of(value)
        return day.isoformat() if error < 1 else f"{day:%Y-%m}" if error < DAYS_IN_MONTH / 2 else f"{day:%Y}"
    scale, mark = SCALES.get(UNITS[unit].kind, (1, ""))
    decimals = MOST_DECIMALS if not error else -math.ceil(math.log10(error * scale))
    is_nothing = value and not round(value * scale, decimals)  # 4% ± 2% is not 0%
    return _written(value * scale, decimals + 1 if is_nothing else decimals, mark)


def _written(value: float, decimals: int, mark: str) -> str:
    decimals = min(decimals, MOST_DECIMALS)
    size = round(abs(value), decimals)
    text = f"{size:,.{max(decimals, 0)}f}{mark}"
    return f"({text})" if value < 0 and size else text


def with_error(value: float, error: float, unit: str) -> str:
    """A value and its standard error, to the first digit of the error: `483 ± 2`."""
    if not math.isfinite(value) or not math.isfinite(error) or not error:
        return figure(value, 0.0, unit)
    if UNITS[unit].kind == "date":
        return f"{date_of(value).isoformat()} ± {math.ceil(error)} days"
    scale, mark = SCALES.get(UNITS[unit].kind, (1, ""))
    decimals = min(-math.floor(math.log10(error * scale)), FINEST)
    size = round(error * scale, decimals)
    spread = f"{size:,.{max(decimals, 0)}f}{mark}" if size else f"less than {10.0**-FINEST}{mark}"
    value = round(value * scale, decimals)
    text = f"{abs(value):,.{max(decimals, 0)}f}{mark}"
    return f"({text}) ± {spread}" if value < 0 else f"{text} ± {spread}"


def sentences(found: Futures) -> list[str]:
    """What the futures say, in words: every value with its error and the span of nine futures in ten."""
    frame = found.summary()
    told = []
    for label, line in lines_of(frame):
        unit, errors = str(line["unit"]), dict(lines_of(frame.attrs["errors"]))[label]
        if UNITS[unit].kind != "amount":
            continue
        low, high = (figure(line[part], errors[part], unit) for part in ("5%", "95%"))
        mean = with_error(line["mean"], line["error"], unit)
        name = f"{found.case.title}: {label[0].lower()}{label[1:]}"
        told.append(f"{name} is {mean} US$ bn, {low} to {high} in nine of ten futures.")
    for label, line in lines_of(found.losses()):
        told.append(f"{found.case.title}: {label}, in {_chance_of_loss(line, found.count)}.")
    return told


def summary(found: Futures) -> pd.DataFrame:
    """The distribution of each `once` row as text: mean with its error, quantiles to the digits they are sure of."""
    frame = found.summary()
    errors = dict(lines_of(frame.attrs["errors"]))
    lines = {}
    for label, line in lines_of(frame):
        unit = str(line["unit"])
        lines[label] = {
            "no doubt": display_value(float(line["base"]), unit),
            "mean": with_error(float(line["mean"]), float(line["error"]), unit),
            **{name: figure(float(line[name]), errors[label][name], unit) for name in frame.attrs["errors"].columns},
            "without": "" if not line["without"] else figure(float(line["without"]), 0.0, "fraction"),
        }
    texts = pd.DataFrame.from_dict(lines, orient="index")
    return _as(frame, texts.drop(columns="without") if len(texts) and not texts["without"].any() else texts)


def binding(found: Futures, every: int = 1) -> pd.DataFrame:
    """How likely each clause is to bind, in percent; those that never do are left out."""
    frame = found.binding()
    errors = frame.attrs["errors"]
    some = frame[(frame > 0).any(axis=1)]
    columns = [*frame.columns[:-1:every], frame.columns[-1]]
    texts = {
        column: [
            _chance(value, error) for value, error in zip(some[column], errors.loc[some.index, column], strict=True)
        ]
        for column in columns
    }
    return _as(frame, pd.DataFrame(texts, index=some.index))


def losses(found: Futures) -> pd.DataFrame:
    """How likely the money does not come back."""
    frame = found.losses()
    texts = [_chance_of_loss(line, found.count) for _, line in lines_of(frame)]
    return _as(frame, pd.DataFrame({"how often": texts}, index=frame.index))


def _chance_of_loss(line: dict[str, Any], count: int) -> str:
    """A chance with its error; one that was never met is not zero, but too small for so many futures."""
    if not line["probability"]:
        return f"none of {count:,} futures"
    return f"{with_error(line['probability'], line['error'], 'fraction')} of futures"


def fan(found: Futures, row: str) -> pd.DataFrame:
    """A row over the coming periods: base, mean and quantiles, to the digits they are sure of."""
    frame = found.fan(row)
    errors = frame.attrs["errors"]
    unit = str(frame.attrs["unit"])
    periods = [found.case.calendar.periods[place] for place in coming(found.case)]
    lines = {
        ("no doubt" if name == "base" else str(name)): [
            figure(value, error, unit)
            for value, error in zip(frame.loc[name, periods], errors.loc[name, periods], strict=True)
        ]
        for name in errors.index
    }
    return _as(frame, pd.DataFrame.from_dict(lines, orient="index", columns=periods))


def indices(frame: pd.DataFrame) -> pd.DataFrame:
    """Sobol indices: parts of the variance in percent with their errors, and the grade of each parameter."""
    lines = {
        line["label"]: {
            "grade": line["grade"],
            "alone": with_error(line["first"], line["first_error"], "fraction"),
            "with others": with_error(line["total"], line["total_error"], "fraction"),
        }
        for _, line in lines_of(frame)
    }
    return _as(frame, pd.DataFrame.from_dict(lines, orient="index"))


def tornado(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """The largest swings, one parameter at a time."""
    unit = str(frame.attrs["unit"])
    lines = {
        line["label"]: {
            "grade": line["grade"], "from": line["low"], "to": line["high"], "by": line["span"],
            "low": display_value(line["at_low"], unit), "high": display_value(line["at_high"], unit),
            "swing": display_value(line["swing"], unit),
        }
        for _, line in lines_of(frame.head(most))
    }  # fmt: skip
    return _as(frame, pd.DataFrame.from_dict(lines, orient="index"))


def information(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """What it is worth to know each parameter before choosing, and to know all."""
    unit = str(frame.attrs["unit"])
    lines = {
        line["label"]: {"grade": line["grade"], "worth": with_error(line["worth"], line["error"], unit)}
        for _, line in lines_of(frame.head(most))
    }
    lines["Everything"] = {"grade": "", "worth": with_error(frame.attrs["all_value"], frame.attrs["all_error"], unit)}
    return _as(frame, pd.DataFrame.from_dict(lines, orient="index"))


def gains(frame: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Points of a map, or beliefs: what each party gains, with its error, and how likely it is to regret signing."""
    terms = [column for column in frame.columns if not str(column).endswith((" gains", " error", " regrets"))]
    lines: dict[Any, dict[str, str]] = {}
    for name, line in lines_of(frame):
        texts = {str(term): str(line[term]) for term in terms}
        for label in labels:
            texts[f"{label} gains"] = with_error(line[f"{label} gains"], line[f"{label} error"], "US$ bn")
            texts[f"{label} regrets"] = figure(line[f"{label} regrets"], 0.005, "fraction")
        lines[name] = texts
    return _as(frame, pd.DataFrame.from_dict(lines, orient="index"))


def lines_of(frame: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """The lines of a frame, each with its label."""
    return [
        (str(label), {str(name): value for name, value in line.items()})
        for label, line in frame.to_dict("index").items()
    ]


def _chance(value: float, error: float) -> str:
    if not value:
        return "·"
    return figure(value, max(error, 0.005), "fraction") if round(value, 2) else "<1%"


def _as(frame: pd.DataFrame, texts: pd.DataFrame) -> pd.DataFrame:
    texts.attrs = {key: frame.attrs[key] for key in ("title", "caption")}
    return texts


def what_matters(label: str, deciders: pd.DataFrame, worth: pd.DataFrame) -> str:
    """A sentence on what decides a row and what is most worth knowing about it."""
    first, second, *_ = (line for _, line in lines_of(deciders))
    judged = int(deciders["judgement"].sum())
    best = lines_of(worth)[0][1]
    unit = str(worth.attrs["unit"])
    parts = [
        f"{line['label'].lower()} ({with_error(line['total'], line['total_error'], 'fraction')})"
        for line in (first, second)
    ]
    told = f"{label}: most of the variance comes from {parts[0]}, then from {parts[1]}; "
    told += f"{judged} of the {len(deciders)} that decide are our own judgement. "
    if best["worth"] <= SURE * best["error"]:
        return told + "To know any one of them before signing would be worth nothing that can be told from zero."
    figures = with_error(best["worth"], best["error"], unit)
    return f"{told}Most worth knowing before signing: {best['label'].lower()}, {figures} {unit}."


def agreement(found: Bargaining) -> list[str]:
    """What a map says, in words: where both gain most evenly, or that they nowhere do."""
    labels = [surface.party.label for surface in found.surfaces]
    even = found.equal_gain()
    if even is None:
        near = found.nearest()
        least = min(range(2), key=lambda party: near.gains[party])
        told = [f"{found.study.title}: nowhere on the map do both gain; at best {labels[least]} still loses "
                f"{with_error(-near.gains[least], near.errors[least], 'US$ bn')} US$ bn."]  # fmt: skip
    else:
        terms = " and ".join(
            turned.shown(value) for turned, value in zip(found.levers, (even.across, even.up), strict=True)
        )
        gains = (f"{label} {with_error(gain, error, 'US$ bn')}"
                 for label, gain, error in zip(labels, even.gains, even.errors, strict=True))  # fmt: skip
        told = [f"{found.study.title}: both gain most evenly at {terms}: {' and '.join(gains)} US$ bn."]
    return told


def marked(found: Bargaining) -> list[str]:
    """What the marked scenarios bring, in words: a side that would rather keep the present contract is named."""
    labels = [surface.party.label for surface in found.surfaces]
    told = []
    for mark in found.marks:
        worse = [label for label, gain in zip(labels, mark.gains, strict=True) if gain < 0]
        what = f"{' and '.join(worse)} would rather keep the present contract" if worse else "both gain"
        told.append(f"{mark.name}: {what}.")
    return told


def why(seen: pd.DataFrame, turned: pd.DataFrame, found: Bargaining) -> list[str]:
    """Why both sign, or why one would not: what the deal brings each by its own belief, by the other's, and by any.

    `seen` is what `bargain.beliefs` gives, `turned` what `bargain.dial` does.
    """
    each_year = str(turned.attrs["each"])
    told = []
    for place, surface in enumerate(found.surfaces):
        label, name = surface.party.label, surface.party.name
        own, others = (seen.iloc[line] for line in (place, 1 - place))
        gains, other_gains = (_won(each[f"{label} gains"], each[f"{label} error"]) for each in (own, others))
        regrets = figure(own[f"{label} regrets"], 0.005, "fraction")
        told.append(
            f"By its own belief {label} {gains} under {found.title}, and regrets it in {regrets} of futures; by the "
            f"belief of the other side it {other_gains}."
        )
        turns = [
            f"{with_error(chance, error, 'fraction')}{each_year}" for chance, error in turning_points(turned, name)
        ]
        low, high = (f"{chance:.3g}%" for chance in (100 * turned["probability"].iloc[[0, -1]]).tolist())
        if turns:
            told.append(f"The belief at which it stops being worth signing for {label}: {' and '.join(turns)}.")
        else:
            is_gain = bool((turned[f"{name}_gain"] >= 0).all())
            ends = "." if is_gain else "; so this belief is not why it signs. The map shows at which terms it gains."
            which = "every" if is_gain else "no"
            told.append(f"For {label} it is worth signing at {which} belief from {low} to {high}{each_year}{ends}")
    return told


def _won(gain: float, error: float) -> str:
    if abs(gain) <= SURE * error:
        return f"neither gains nor loses beyond the error of the draws ({with_error(gain, error, 'US$ bn')} US$ bn)"
    return f"{'gains' if gain > 0 else 'loses'} {with_error(abs(gain), error, 'US$ bn')} US$ bn"


def turned(frame: pd.DataFrame, found: Bargaining, every: int = 2) -> pd.DataFrame:
    """What the deal brings each side by a belief."""
    lines = {}
    for _, line in lines_of(frame.iloc[::every]):
        lines[figure(line["probability"], 0.0, "fraction") + str(frame.attrs["each"])] = {
            f"{surface.party.label} gains": with_error(
                line[f"{surface.party.name}_gain"], line[f"{surface.party.name}_error"], "US$ bn"
            )
            for surface in found.surfaces
        }
    return _as(frame, pd.DataFrame.from_dict(lines, orient="index"))
