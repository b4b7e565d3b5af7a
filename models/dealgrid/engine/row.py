"""A row: a plain function whose name is the row and whose arguments are what it is made of."""

from __future__ import annotations

import dis
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dealgrid.engine.ops import ADVICE, OPERATIONS, SAYABLE
from dealgrid.problems import Problem

SHAPES = {
    "flow": "an amount in a period; adds up over periods",
    "balance": "a level at the end of a period; the last one counts",
    "rate": "a value per period that neither adds up nor carries over",
    "flag": "0 or 1 per period",
    "once": "one number per case",
}
UNITS = (
    "US$ bn",
    "US$ bn per year",
    "fraction",
    "fraction per year",
    "multiple",
    "date",
    "days",
    "days per year",
    "years",
    "year",
    "number",
    "count",
    "flag",
)
MOST_INGREDIENTS = 7
PRIOR = "prior_"
OPENING = "opening_"

_HEAD = re.compile(r"^(?P<label>.+?)\.\s*\[(?P<unit>[^,\]]+),\s*(?P<shape>\w+)\]$")
_SOURCE = re.compile(r"^Source:\s*(?P<source>.+)$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Row:
    """One row of a sheet, as its author wrote it.

    `ingredients` are names of rows, parameters or calendar columns; `prior_x` is x one period earlier.
    """

    name: str
    label: str
    unit: str
    shape: str
    ingredients: tuple[str, ...]
    function: Callable[..., Any]
    why: str
    source: str
    sheet: str
    file: str
    line: int

    @property
    def is_once(self) -> bool:
        """Whether the row has one number per case instead of one per period."""
        return self.shape == "once"


def each(**names: Mapping[str, str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Expand one definition into a row per name: `@each(holder={"nonprofit": "the nonprofit", ...})`.

    Where `holder` stands as a word in the row's name or its ingredients, each key takes its place;
    `{holder}` and `{Holder}` in the docstring become its text.
    """
    if len(names) != 1:
        raise TypeError("each() takes one word, such as each(holder={...})")

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__each__ = next(iter(names.items()))  # type: ignore[attr-defined]
        return function

    return mark


def read_rows(function: Callable[..., Any], sheet: str) -> tuple[list[Row], list[Problem]]:
    """The rows one definition stands for (more than one if it is marked by `each`), or what is wrong with it."""
    problems = [*_problems_of_signature(function), *_problems_of_code(function)]
    rows: list[Row] = []
    for replace, text in _expansions(function):
        docstring = inspect.cleandoc(function.__doc__ or "")
        for mark, by in text.items():
            docstring = docstring.replace(mark, by)
        row = _read_one(function, sheet, replace, docstring)
        if isinstance(row, Problem):
            return rows, [*problems, row]  # one definition, one complaint
        rows.append(row)
    return rows, problems


def _read_one(function: Callable[..., Any], sheet: str, replace: Callable[[str], str], docstring: str) -> Row | Problem:
    head, _, rest = docstring.partition("\n")
    found = _HEAD.match(head)
    name = f"row `{function.__name__}`"
    if found is None:
        return _problem(
            function,
            f"the docstring of {name} begins {head!r}" if head else f"{name} has no docstring",
            "Label. [unit, shape], such as: Revenue. [US$ bn, flow]",
            "begin the docstring so: it is what every table, chart and workbook shows",
        )
    unit, shape = found["unit"].strip(), found["shape"]
    if shape not in SHAPES:
        meanings = "; ".join(f"{each} ({meaning})" for each, meaning in SHAPES.items())
        return _problem(function, f"{name} has the shape {shape!r}", f"one of: {meanings}", "choose the one that fits")
    if unit not in UNITS:
        return _problem(function, f"{name} has the unit {unit!r}", f"one of: {', '.join(UNITS)}", "choose one of these")
    source = _SOURCE.search(rest)
    return Row(
        name=replace(function.__name__),
        label=found["label"],
        unit=unit,
        shape=shape,
        ingredients=tuple(replace(name) for name in inspect.signature(function).parameters),
        function=function,
        why=" ".join(rest[: source.start()].split() if source else rest.split()),
        source=" ".join(source["source"].split()) if source else "",
        sheet=sheet,
        file=file_of(function.__code__.co_filename),
        line=function.__code__.co_firstlineno,
    )


def names_of(function: Callable[..., Any]) -> list[str]:
    """Names of the rows one definition stands for."""
    return [replace(function.__name__) for replace, _ in _expansions(function)]


def _expansions(function: Callable[..., Any]) -> Iterator[tuple[Callable[[str], str], dict[str, str]]]:
    """For each row a definition stands for: how its names change, and what its text marks become."""
    repeated = getattr(function, "__each__", None)
    if repeated is None:
        yield str, {}
        return
    word, names = repeated
    for name, text in names.items():
        marks = {f"{{{word}}}": text, f"{{{word.capitalize()}}}": text[:1].upper() + text[1:]}
        yield functools.partial(_whole_word(word).sub, name), marks


def _whole_word(word: str) -> re.Pattern[str]:
    """`holder` in `holder_share` and `prior_holder_share`, not in `shareholder`."""
    return re.compile(rf"(?<![a-z0-9]){word}(?![a-z0-9])")


def file_of(path: str) -> str:
    """A file as people type it: relative to the current folder when inside it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _problem(function: Callable[..., Any], what: str, expected: str, advice: str) -> Problem:
    return Problem(file_of(function.__code__.co_filename), what, expected, advice, function.__code__.co_firstlineno)


def _problems_of_signature(function: Callable[..., Any]) -> Iterator[Problem]:
    """What can be seen from the first line: too many ingredients, hidden ones, a repetition of nothing."""
    name = function.__name__
    ingredients = inspect.signature(function).parameters.values()
    if any(each.default is not each.empty or each.kind is not each.POSITIONAL_OR_KEYWORD for each in ingredients):
        yield _problem(
            function,
            f"row `{name}` has a default, *, or ** argument",
            "plain names of rows and parameters",
            "a default hides a parameter: put it into the parameter file",
        )
    if len(ingredients) > MOST_INGREDIENTS:
        yield _problem(
            function,
            f"row `{name}` has {len(ingredients)} ingredients",
            f"at most {MOST_INGREDIENTS}",
            "split it: a part that deserves a name deserves a row",
        )
    word = getattr(function, "__each__", [""])[0]
    if word and not _whole_word(word).search(name):
        yield _problem(
            function,
            f"row `{name}` is repeated for each {word}, and its name does not say `{word}`",
            f"a name with the word {word}, such as {word}_{name}",
            "rename it, or leave @each out",
        )


def _problems_of_code(function: Callable[..., Any]) -> Iterator[Problem]:
    """What can be seen from the code alone: names it holds and words it uses."""
    code = function.__code__
    name = function.__name__
    own = [step for step in dis.get_instructions(code) if step.opname.startswith("STORE_")]
    functions = [const.co_name for const in code.co_consts if inspect.iscode(const)]
    held = list(dict.fromkeys([*(str(step.argval) for step in own), *functions, *code.co_freevars]))
    if held:
        yield _problem(
            function,
            f"row `{name}` holds a name of its own: {', '.join(held)}",
            "one `return` of one expression",
            "make it a row: then it can be seen, traced and checked",
        )
    known = _words_known(function)
    for word in code.co_names:
        if word not in known:
            yield _problem(
                function,
                f"row `{name}` uses `{word}`, which no row may say",
                f"{SAYABLE}, np.inf, + − * / **, comparisons, or a word of dealgrid.engine.words",
                ADVICE.get(word, "say it with these, or add the operation to engine/ops.py for every target"),
            )


def _words_known(function: Callable[..., Any]) -> set[str]:
    """Names that a row's code may mention: NumPy, its operations in the table, and the words its sheet imports."""
    words = {name for name, value in function.__globals__.items() if getattr(value, "__word__", False)}
    return words | set(OPERATIONS) | {"np", "inf"}
