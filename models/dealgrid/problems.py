"""What is wrong with an input, said so that a person can mend it, and all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Problem:
    """One thing wrong: where it stands, what it is, what was expected and what to do."""

    where: str  # a file, or the option it came in by: "params/base/exit.yaml", "--set"
    what: str  # "exit_multiple: 700x is above the range"
    expected: str = ""  # "a multiple from 0x to 40x"
    advice: str = ""  # "write a value inside the range, or widen `range` with a source"
    line: int | None = None  # counted from 1

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        text = f"{place}: {self.what}"
        if self.expected:
            text += f"\n    expected: {self.expected}"
        if self.advice:
            text += f"\n    to do:    {self.advice}"
        return text


class DealgridError(Exception):
    """The base of every error a person is meant to read; carries all problems found."""

    def __init__(self, problems: Iterable[Problem] | Problem) -> None:
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[Self], tuple[list[Problem]]]:
        """From its problems, so that one raised in another process says here what it said there."""
        return type(self), (self.problems,)


class InputError(DealgridError):
    """A parameter, scenario, pin or option cannot be used as written."""


class ModelError(DealgridError):
    """The rows of a deal cannot be read or run as written."""


class RunError(DealgridError):
    """A run could not be finished or written."""


@contextmanager
def gathered(problems: list[Problem]) -> Iterator[None]:
    """Go on after an InputError, keeping its problems, so that all that is wrong can be said at once."""
    try:
        yield
    except InputError as error:
        problems += error.problems
