"""The answer in words: sentences computed from cases, so that no result is ever typed in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dealgrid.deal import VALUATION_DATE, Case, Deal
from dealgrid.engine.irr import ONE_RATE, STATES
from dealgrid.engine.row import Row
from dealgrid.explain import HIDDEN
from dealgrid.inputs import display_value, format_value

if TYPE_CHECKING:
    import pandas as pd

BINDS = "binds_"  # a flag row whose name begins so says that a clause binds
STATE = "_state"  # x_state is the kind of answer the rate of return x has
OURS = "J"  # the grade of a figure that is our own judgement
AMOUNT = "US$ bn"
MARKS = re.compile(r"[_*`]")  # what Markdown would take for its own
DOLLAR = r"<span>\$</span>"  # JupyterLab looks for formulas twice: in the text, and in what has become of it
STILL = "no change"
LARGE = 1 / 4  # a part of the whole worth pointing out


def answer(present: Case, proposal: Case) -> list[str]:
    """A dozen plain sentences: what each structure is worth to whom, why, when clauses bind, how sure it is."""
    return [
        _total(present, proposal),
        *_holders(present, proposal),
        *_streams(present, proposal),
        *_returns(present, proposal),
        *(clauses_finding(case) for case in (present, proposal)),
        _sureness(proposal),
        checked((present, proposal)),
    ]


def as_markdown(sentences: Iterable[str]) -> str:
    """Sentences as a list for a page, dollar signs and underscores kept from being read as marks."""
    return "\n".join("- " + MARKS.sub(r"\\\g<0>", sentence).replace("$", DOLLAR) for sentence in sentences)


def checked(cases: Sequence[Case]) -> str:
    """The master check in a sentence: that all checks are zero, or which are not."""
    failed = list(dict.fromkeys(name for case in cases for name in case.checks.failed))
    if failed:
        return f"CHECKS THAT ARE NOT ZERO: {', '.join(failed)}."
    return "All checks are zero."


def titles(cases: Sequence[Case]) -> list[str]:
    """A title for each case that tells it from the others: its scenario's, and what was set or pinned on top."""
    found: list[str] = []
    for case in cases:
        changes = [f"{name} = {_as_written(case, name)}" for name in case.settings]
        changes += [f"{pin.row}{'@' + pin.period if pin.period else ''} pinned" for pin in case.own_pins]
        title = f"{case.title} with {', '.join(changes)}" if changes else case.title
        found.append(title if title not in found else f"{title} ({found.count(title) + 1})")
    return found


def short_title(case: Case) -> str:
    """A case's title where its caption says the rest: of several changes their number alone."""
    changes = len(case.settings) + len(case.own_pins)
    return f"{case.title} with {changes} terms of its own" if changes > 1 else titles([case])[0]


def caption(cases: Sequence[Case]) -> str:
    """What stands under every table and chart: source, cases, valuation date, how values are made, master check."""
    dates = dict.fromkeys(_shown(_number(case, VALUATION_DATE), "date") for case in cases)
    names = "; ".join(titles(cases))
    kind = "Case" if len(cases) == 1 else "Cases"
    source = f"Source: dealgrid, model of {cases[0].deal.story.title}. {kind}: {names}."
    return " ".join([source, f"Valued on {' and '.join(dates)}.", *convention(cases[0].deal), checked(cases)])


def convention(deal: Deal) -> list[str]:
    """How cash is discounted, in the words of the rows that discount it."""
    factors = (name for stream in deal.story.streams for name in deal.row(stream).ingredients)
    rows = dict.fromkeys(name for name in factors if name in deal.book.rows and deal.row(name).shape == "rate")
    return [deal.row(name).why for name in rows if deal.row(name).why]


def center_name(deal: Deal) -> str:
    """The short name of the party at the centre."""
    return deal.story.holders.get(deal.story.center, deal.row(deal.story.center).label)


def signed_streams(case: Case) -> dict[str, float]:
    """The present value of each of the centre's streams, those it pays negative, under its row's name."""
    story = case.deal.story
    return {name: _value(case, name) * (-1 if name in story.outflows else 1) for name in story.streams}


def stream_flows(case: Case) -> dict[str, np.ndarray]:
    """Cash per period behind each stream's value, shape (periods,), those it pays negative.

    The flow is the one that the stream's row discounts. Streams of another make are left out.
    """
    flows = {}
    for name in case.deal.story.streams:
        parts = [each for each in case.deal.row(name).ingredients if _is_flow(case.deal, each)]
        if parts:
            flows[name] = case.values[parts[0]] * (-1 if name in case.deal.story.outflows else 1)
    return flows


def forecast(case: Case) -> list[int]:
    """Places of the periods that end after the valuation date."""
    valued = _number(case, VALUATION_DATE)
    return [place for place, end in enumerate(case.calendar.ingredients()["period_end"]) if end > valued]


def clauses(deal: Deal) -> list[Row]:
    """The rows that say when a clause binds, in the order of the sheets."""
    return [row for name, row in deal.book.rows.items() if name.startswith(BINDS) and not row.is_once]


def binding_periods(case: Case) -> dict[str, list[str]]:
    """For each clause that binds at all, its label and the periods in which it does."""
    names = np.array(case.calendar.periods)
    periods = {row.label: names[case.values[row.name] > 0].tolist() for row in clauses(case.deal)}
    return {label: when for label, when in periods.items() if when}


def values_finding(cases: Sequence[Case]) -> str:
    """What the values by holder show, as a title."""
    deal, story = cases[0].deal, cases[0].deal.story
    center = center_name(deal)
    if len(cases) == 1:
        part = _shown(_value(cases[0], story.center) / _value(cases[0], story.total), "fraction")
        return f"{center} holds {part} of the total of US$ {_amount(cases[0], story.total)}bn"
    if len(cases) > 2:
        return f"{center}: {_span(cases, story.center)}, US$ bn"
    moves = _largest_moves({label: _change(cases, name) for name, label in story.holders.items()})
    told = [f"{_more(change)} for {label}" for label, change in moves]
    return _with_unit(", ".join([*told, f"{_more(_change(cases, story.total))} in all"])) if moves else "Nothing moves"


def streams_finding(cases: Sequence[Case]) -> str:
    """What the streams show, as a title."""
    story, center = cases[0].deal.story, center_name(cases[0].deal)
    if len(cases) == 1:
        streams = signed_streams(cases[0])
        most = max(streams, key=lambda name: streams[name])
        return f"{story.streams[most]} brings most: {_shown(streams[most])} of US$ {_amount(cases[0], story.center)}bn"
    moves = _largest_moves(_stream_changes(cases[0], cases[-1]))
    if len(cases) > 2:
        return f"{center}: {_span(cases, story.center)}, US$ bn"
    told = ", ".join(f"{_more(change)} from {label}" for label, change in moves)
    return _with_unit(f"{_more(_change(cases, story.center))} for {center}: {told}") if moves else "Nothing moves"


def bridge_finding(row: Row, steps: pd.DataFrame, names: Sequence[str]) -> str:
    """What a bridge shows, as a title: how far the row moves, and the clauses that move it most, up and down."""
    amounts = steps["amount"].tolist()
    moved = amounts[-1] - amounts[0]
    clauses_of = dict(zip(names[1:-1], amounts[1:-1], strict=True))
    ordered = sorted(clauses_of, key=lambda name: clauses_of[name])
    ends = sorted({*ordered[:1], *ordered[-1:]}, key=lambda name: -abs(clauses_of[name]))
    told = [f"{_by(clauses_of[name], row.unit)} by {name}" for name in ends if _by(clauses_of[name], row.unit) != STILL]
    if not told:
        return f"{row.label}: nothing moves"
    unit = f" {row.unit}" if row.unit == AMOUNT else ""
    return f"{row.label}: {_by(moved, row.unit)}{unit} in all, {', '.join(told)}"


def _by(amount: float, unit: str) -> str:
    if _shown(amount, unit) == _shown(0.0, unit):
        return STILL
    return f"{'+' if amount > 0 else '−'}{_shown(abs(amount), unit)}"


def cash_finding(case: Case) -> str:
    """What the centre's cash over time shows, as a title."""
    places, center = forecast(case), center_name(case.deal)
    totals = np.sum([flow[places] for flow in stream_flows(case).values()], axis=0)
    if not np.any(totals):
        return f"No cash for {center} after the valuation date"
    periods = [case.calendar.periods[place] for place in places]
    best, whole = int(np.argmax(totals)), float(totals.sum())
    if totals[best] > whole * LARGE:
        return f"US$ {_shown(totals[best])}bn of {center}'s {_shown(whole)} comes in {periods[best]} alone"
    return f"US$ {_shown(whole)}bn for {center} from {periods[0]} to {periods[-1]}, the most in {periods[best]}"


def clauses_finding(case: Case) -> str:
    """Which clauses bind, and when, in a sentence."""
    found = binding_periods(case)
    known = [row for row in clauses(case.deal) if row.name not in case.masked]
    left = len(clauses(case.deal)) - len(known)
    hidden = f" ({left} more are {HIDDEN})" if left else ""
    count = f"{len(found)} of {len(known)} clauses bind at some time{hidden}"
    when = "; ".join(f"{label} ({spans(case, periods)})" for label, periods in found.items())
    return f"{titles([case])[0]}: {count}{': ' + when if when else ''}."


def spans(case: Case, periods: Iterable[str]) -> str:
    """Periods as runs: `2027–2030, 2035`."""
    places = sorted(case.calendar.periods.index(period) for period in periods)
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][1] + 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    names = case.calendar.periods
    return ", ".join(names[first] if first == last else f"{names[first]}–{names[last]}" for first, last in runs)


def rate_state(case: Case, name: str) -> str:
    """Kind of answer a rate of return has, in words; empty for any other row."""
    if name + STATE not in case.deal.book.rows:
        return ""
    return STATES[int(_value(case, name + STATE))]


def _total(present: Case, proposal: Case) -> str:
    cases, total = (present, proposal), present.deal.story.total
    worth = ", ".join(f"{_amount(case, total)} under {title}" for title, case in zip(titles(cases), cases, strict=True))
    date = _shown(_number(proposal, VALUATION_DATE), "date")
    return f"All holders together, in {AMOUNT}: {worth}; {_more(_change(cases, total))}. Valued on {date}."


def _holders(present: Case, proposal: Case) -> list[str]:
    cases = (present, proposal)
    return [
        f"{label}: {_amount(present, name)} → {_amount(proposal, name)}, {_more(_change(cases, name))}."
        for name, label in present.deal.story.holders.items()
    ]


def _streams(present: Case, proposal: Case) -> list[str]:
    center = center_name(present.deal)
    moves = _largest_moves(_stream_changes(present, proposal))
    if not moves:
        return [f"No stream of {center}'s changes."]
    told = ", ".join(f"{label} ({_more(change)})" for label, change in moves)
    return [f"Of {center}'s streams these move most: {told}."]


def _stream_changes(first: Case, second: Case) -> dict[str, float]:
    before, after = signed_streams(first), signed_streams(second)
    return {label: after[name] - before[name] for name, label in first.deal.story.streams.items()}


def _change(cases: Sequence[Case], name: str) -> float:
    return _value(cases[1], name) - _value(cases[0], name)


def _returns(present: Case, proposal: Case) -> list[str]:
    told = []
    for name, label in present.deal.story.returns.items():
        before, after = (return_text(case, name) for case in (present, proposal))
        told.append(f"{label}: {before} in both." if before == after else f"{label}: {before} → {after}.")
    return told


def return_text(case: Case, name: str) -> str:
    """A return as people read it: `49.0%`, `never repaid`, `12.0% (several rates)`."""
    state = rate_state(case, name)
    value = _value(case, name)
    if state and np.isnan(value):
        return state
    shown = _shown(value, case.deal.row(name).unit)
    return shown if state in ("", STATES[ONE_RATE]) else f"{shown} ({state})"


def _sureness(case: Case) -> str:
    rests = case.rests_on(case.deal.story.center)
    ours, ours_all = (sum(each.grade == OURS for each in group) for group in (rests, case.deal.parameters.values()))
    center, known = center_name(case.deal), len(case.deal.parameters)
    return (
        f"How sure: {center}'s value rests on {len(rests)} parameters, {ours} of them our own judgement "
        f"(grade {OURS}); so are {ours_all} of all {known}."
    )


def _largest_moves(changes: dict[str, float]) -> list[tuple[str, float]]:
    """The largest gain and the largest loss, the larger of the two first."""
    ordered = sorted(changes.items(), key=lambda pair: pair[1])
    ends = [ordered[-1]] * (ordered[-1][1] > 0) + [ordered[0]] * (ordered[0][1] < 0)
    seen = [(label, change) for label, change in ends if _is_seen(change)]
    return sorted(seen, key=lambda pair: -abs(pair[1]))


def _is_seen(change: float) -> bool:
    """Whether a change shows at the decimals of a table."""
    return _shown(change) != _shown(0.0)


def _more(change: float) -> str:
    if not _is_seen(change):
        return "no change"
    return f"{_shown(abs(change))} {'more' if change > 0 else 'less'}"


def _with_unit(text: str) -> str:
    """The same text, with the unit at its first figure."""
    return re.sub(r"[\d,.]*\d", r"US$ \g<0>bn", text, count=1)


def _span(cases: Sequence[Case], name: str) -> str:
    ordered = sorted(zip(titles(cases), cases, strict=True), key=lambda pair: _value(pair[1], name))
    (low, least), (high, most) = ordered[0], ordered[-1]
    return f"least under {low} ({_amount(least, name)}), most under {high} ({_amount(most, name)})"


def _amount(case: Case, name: str) -> str:
    return _shown(_value(case, name), case.deal.row(name).unit)


def _shown(value: float, unit: str = AMOUNT) -> str:
    return display_value(float(value), unit)


def _value(case: Case, name: str) -> float:
    return float(case.values[name])


def _number(case: Case, name: str) -> float:
    return float(case.given[name])  # type: ignore[arg-type]


def _is_flow(deal: Deal, name: str) -> bool:
    return name in deal.book.rows and deal.row(name).shape == "flow"


def _as_written(case: Case, name: str) -> str:
    if name in case.deal.hidden:
        return HIDDEN
    value = case.given[name]
    return format_value(float(value), case.deal.parameters[name].unit) if np.isscalar(value) else "as set"  # type: ignore[arg-type]
