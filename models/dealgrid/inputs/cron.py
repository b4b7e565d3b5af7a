"""When a schedule is due: the five fields of a crontab line, read into the numbers they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dealgrid.inputs.complaints import MisreadError, quoted

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # cron counts from Sunday, and takes 7 for it too
FIELDS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}
PIECE = re.compile(r"(?P<all>\*)(?:/(?P<every>\d+))?|(?P<low>\w+)(?:-(?P<high>\w+)(?:/(?P<step>\d+))?)?")
EXPECTED = "five fields: minute, hour, day, month, weekday, as in `0 6 * * mon`"


@dataclass(frozen=True)
class Cron:
    """The minutes, hours, days, months and weekdays (0 is Sunday) that fit; `text` as it was written.

    A day must fit both `day` and `weekday`, so only one of the two may be narrowed: cron itself would take either.
    """

    text: str
    minute: tuple[int, ...]
    hour: tuple[int, ...]
    day: tuple[int, ...]
    month: tuple[int, ...]
    weekday: tuple[int, ...]

    def is_every(self, field: str) -> bool:
        """Whether a field is not narrowed."""
        low, high = FIELDS[field]
        return len(getattr(self, field)) == (7 if field == "weekday" else high - low + 1)

    def numbers(self, field: str) -> str:
        """A field for another program: `*`, or its numbers with commas between."""
        return "*" if self.is_every(field) else ",".join(map(str, getattr(self, field)))

    @property
    def days(self) -> tuple[str, ...]:
        """The weekdays by name, `mon`."""
        return tuple(DAYS[number] for number in self.weekday)


def read_cron(text: str) -> Cron:
    """The fields of a crontab line; MisreadError where it is none."""
    parts = text.split()
    if len(parts) != len(FIELDS):
        raise MisreadError(f"{quoted(text)} has {len(parts)} fields", EXPECTED, "write `*` where any value will do")
    read = {field: _read_field(field, part.lower()) for field, part in zip(FIELDS, parts, strict=True)}
    cron = Cron(" ".join(parts), **read)
    if not cron.is_every("day") and not cron.is_every("weekday"):
        raise MisreadError(f"{quoted(text)} narrows both day and weekday", "one of the two",
                           "cron would take either, other programs both: write `*` for one")  # fmt: skip
    return cron


def _read_field(field: str, text: str) -> tuple[int, ...]:
    low, high = FIELDS[field]
    found: set[int] = set()
    for piece in text.split(","):
        match = PIECE.fullmatch(piece)
        if not match:
            raise MisreadError(f"{field}: {quoted(piece)} is not understood", EXPECTED)
        first, last = low, high
        if match["all"] is None:
            first = _number(field, match["low"])
            last = _number(field, match["high"]) if match["high"] else first
        step = int(match["every"] or match["step"] or 1)
        if not low <= first <= last <= high or not step:
            raise MisreadError(f"{field}: {quoted(piece)} is outside {low} to {high}, or runs backwards", EXPECTED)
        found |= set(range(first, last + 1, step))
    if field == "weekday":
        found = {number % 7 for number in (found - {7} if text.startswith("*") else found)}
    return tuple(sorted(found))


def _number(field: str, word: str) -> int:
    names = {"month": dict(zip(MONTHS, range(1, 13), strict=True)), "weekday": dict(zip(DAYS, range(7), strict=True))}
    if word.isascii() and word.isdecimal():
        return int(word)
    if word[:3] not in names.get(field, {}):
        raise MisreadError(f"{field}: {quoted(word)} is not understood", EXPECTED)
    return names[field][word[:3]]
