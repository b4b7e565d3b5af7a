"""Pins on the calendar: which periods of a case a pin holds, and a year's figure in quarters."""

from __future__ import annotations

from collections.abc import Iterable

from dealgrid.dates import Calendar
from dealgrid.engine.book import Book
from dealgrid.engine.row import Row
from dealgrid.engine.run import Fixed
from dealgrid.inputs import Pin
from dealgrid.problems import InputError, Problem


def fix(pin: Pin, row: Row, calendar: Calendar) -> list[Fixed]:
    """A pin as the engine takes it; a year's figure in quarters is spread as its row's shape asks."""
    if row.is_once:
        return [Fixed(row.name, None, pin.value)]
    if pin.period is None:
        return [Fixed(row.name, place, pin.value) for place in range(len(calendar))]
    if pin.period in calendar.periods:
        return [Fixed(row.name, calendar.periods.index(pin.period), pin.value)]
    places = [place for place, name in enumerate(calendar.periods) if name.startswith(pin.period + "-")]
    if row.shape == "balance":
        return [Fixed(row.name, places[-1], pin.value)]
    if row.shape == "flow":
        lengths = [(calendar.ends[place] - calendar.starts[place]).days + 1 for place in places]
        return [
            Fixed(row.name, place, pin.value * length / sum(lengths))
            for place, length in zip(places, lengths, strict=True)
        ]
    return [Fixed(row.name, place, pin.value) for place in places]


def refuse_places(pins: Iterable[Pin], book: Book, calendar: Calendar) -> None:
    """Pins given by a person must stand in a period the case has."""
    problems = []
    for pin in pins:
        if pin.period is None:
            continue
        if book.rows[pin.row].is_once:
            problems.append(
                Problem(
                    pin.where,
                    f"{pin.row}@{pin.period}: the row has one number per case",
                    f"{pin.row}=VALUE",
                    "leave the period out",
                    pin.line,
                )
            )
        elif pin.period not in calendar.periods and not any(
            name.startswith(pin.period + "-") for name in calendar.periods
        ):
            problems.append(_no_period(pin.where, f"{pin.row}@{pin.period}", calendar, pin.line))
    if problems:
        raise InputError(problems)


def _no_period(where: str, what: str, calendar: Calendar, line: int | None = None) -> Problem:
    advice = (
        "name a year, or set periods_per_year to 4"
        if calendar.periods_per_year == 1
        else "name a year or a quarter of the calendar"
    )
    return Problem(
        where,
        f"{what}: there is no such period",
        f"a period from {calendar.periods[0]} to {calendar.periods[-1]}",
        advice,
        line,
    )


def place_of(period: str, calendar: Calendar) -> int:
    """The place of a period in the calendar, counted from 0; InputError where there is none of that name."""
    try:
        return calendar.index(period)
    except ValueError:
        raise InputError(_no_period("period", repr(period), calendar)) from None
