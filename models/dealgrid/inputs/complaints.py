"""Collects every problem of one source before any is raised."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from dealgrid.problems import InputError, Problem

LONGEST_QUOTE = 60
LONGEST_NAME = 80  # nobody mistypes a longer one, and comparing long texts is slow


class MisreadError(ValueError):
    """One text or value that cannot be read as what it should be; the reader of the file adds the place."""

    def __init__(self, what: str, expected: str, advice: str = "write it in one of these forms") -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.advice = advice


@dataclass
class Complaints:
    """The problems of one source (a file, an option); several sources may share one list."""

    where: str
    problems: list[Problem] = field(default_factory=list)
    has_lines: bool = True  # an option or a Python call has none to point at

    def add(self, what: str, expected: str = "", advice: str = "", line: int | None = None) -> None:
        """Note a problem and go on."""
        self.problems.append(Problem(self.where, what, expected, advice, line if self.has_lines else None))

    def misread(self, error: MisreadError, name: str = "", line: int | None = None) -> None:
        """Note a value that could not be read, with the name it was meant for."""
        self.add(f"{name}: {error.what}" if name else error.what, error.expected, error.advice, line)

    def at(self, where: str) -> Complaints:
        """The same list, for another source."""
        return Complaints(where, self.problems)

    def finish(self) -> None:
        """Raise all problems as one InputError, if there are any."""
        if self.problems:
            raise InputError(self.problems)


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word a person most likely meant, or None where nothing is near."""
    if len(word) > LONGEST_NAME:
        return None
    return next(iter(difflib.get_close_matches(word.lower(), list(words), n=1)), None)


def did_you_mean(word: str, words: Iterable[str], otherwise: str) -> str:
    """Advice for a name that is not known."""
    near = nearest(word, words)
    return otherwise if near is None else f"did you mean `{near}`?"


def quoted(value: object) -> str:
    """What was written, in quotes, on one line, cut where it is long."""
    text = value if isinstance(value, str) else repr(value)
    shown = text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"
    return "'" + "".join(char if char.isprintable() else ascii(char)[1:-1] for char in shown) + "'"


def listed(words: Iterable[str]) -> str:
    """Words for a sentence: `a, b or c`."""
    *most, final = [f"`{word}`" for word in words]
    return f"{', '.join(most)} or {final}" if most else final
