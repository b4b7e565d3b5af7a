"""The book: all rows of a deal, collected in their author's order, checked, and sorted for filling in."""

from __future__ import annotations

import ast
import difflib
import functools
import graphlib
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from dealgrid.engine.ops import WORDS
from dealgrid.engine.row import OPENING, PRIOR, Row, file_of, names_of, read_rows
from dealgrid.engine.trace import Call, Expression, Name, calls_in, in_words, names_in, trace
from dealgrid.problems import ModelError, Problem


@dataclass(frozen=True)
class Block:
    """Rows that are filled in together.

    `is_stepwise` rows feed each other from period to period and fill from left to right, one period at a
    time; other blocks hold one row, which is computed for all its periods at once.
    """

    rows: tuple[Row, ...]
    is_stepwise: bool


@dataclass(frozen=True)
class Book:
    """The rows of a deal and what feeds them.

    `rows` in the author's order; `scalars` and `columns` are the names given from outside: one number per
    case, or one per period. `expressions` hold each row as it was read.
    """

    rows: Mapping[str, Row]
    expressions: Mapping[str, Expression]
    scalars: frozenset[str]
    columns: frozenset[str]
    blocks: tuple[Block, ...]

    @functools.cached_property
    def sheets(self) -> dict[str, list[Row]]:
        """Rows by sheet, both in the author's order."""
        sheets: dict[str, list[Row]] = {}
        for row in self.rows.values():
            sheets.setdefault(row.sheet, []).append(row)
        return sheets

    @functools.cached_property
    def given(self) -> frozenset[str]:
        """Parameters and calendar columns that some row uses, openings included."""
        used = {name for row in self.rows.values() for name in row.ingredients if name not in self.rows}
        openings = {OPENING + name.removeprefix(PRIOR) for name in used if name.startswith(PRIOR)}
        return frozenset(name for name in used | openings if name in self.scalars | self.columns)

    @functools.cached_property
    def powers(self) -> frozenset[str]:
        """Rows that raise something to a power, which run.py computes with care."""
        return frozenset(
            name
            for name, expression in self.expressions.items()
            if any(call.operation.name == "power" for call in calls_in(expression))
        )

    @functools.cached_property
    def loops(self) -> dict[tuple[str, ...], Callable[..., Any]]:
        """Where run.py keeps the loops it compiles for stepwise blocks."""
        return {}

    def only(self, names: Iterable[str]) -> Book:
        """The book of these rows and of all they are made of, at any distance."""
        kept: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop().removeprefix(PRIOR)
            if name in self.rows and name not in kept:
                kept.add(name)
                waiting += self.rows[name].ingredients
        return self.without(set(self.rows) - kept)

    def without(self, names: Collection[str]) -> Book:
        """The book without these rows; a loop through time must go as a whole, or stay."""
        return Book(
            {name: row for name, row in self.rows.items() if name not in names},
            {name: expression for name, expression in self.expressions.items() if name not in names},
            self.scalars,
            self.columns,
            tuple(block for block in self.blocks if block.rows[0].name not in names),
        )

    def formula(self, name: str) -> str:
        """The formula of a row in words."""
        return in_words(self.expressions[name], "never" if self.rows[name].unit == "date" else "no limit")


def collect(modules: Iterable[ModuleType], scalars: Collection[str], columns: Collection[str]) -> Book:
    """Read every sheet into a book; `ModelError` with all that is wrong.

    `scalars` are parameters with one number per case, `columns` parameters by date and calendar columns.
    """
    modules = list(modules)
    rows, problems = read_sheets(modules)
    problems += _taken_names(rows, {*scalars, *columns}, columns)
    expressions: dict[str, Expression] = {}
    for row in rows.values():
        try:
            expressions[row.name] = trace(row)
        except ModelError as error:
            complained = {(problem.where, problem.line) for problem in problems}
            problems += [each for each in error.problems if (each.where, each.line) not in complained]
    defined = {name for module in modules for function in _definitions(module) for name in names_of(function)}
    checker = _Checker(rows, expressions, frozenset(scalars), frozenset(columns), frozenset(defined - set(rows)))
    problems += checker.problems()
    if not problems:
        problems += _cycles(rows)
    if problems:
        raise ModelError(_once_per_definition(problems))
    return Book(rows, expressions, checker.scalars, checker.columns, tuple(_blocks(rows)))


def read_sheets(modules: Iterable[ModuleType]) -> tuple[dict[str, Row], list[Problem]]:
    """All rows of the sheets, in their author's order, and what is wrong with them one by one."""
    rows: dict[str, Row] = {}
    problems: list[Problem] = []
    for module in modules:
        sheet = module.__name__.rpartition(".")[2]
        for function in _definitions(module):
            read, wrong = read_rows(function, sheet)
            problems += wrong
            for row in read:
                if row.name.startswith((PRIOR, OPENING)):
                    problems.append(_of(row, "begins with a reserved word", f"no {PRIOR} or {OPENING}", "rename it"))
                if row.name in rows:
                    other = rows[row.name]
                    also = f"is defined twice: also in {other.file}:{other.line}"
                    problems.append(_of(row, also, "one definition", "rename one"))
                rows[row.name] = row
        problems += _lost_definitions(module)
    return rows, problems


def _definitions(module: ModuleType) -> list[Callable[..., Any]]:
    """Functions written in the module itself, not imported into it; those with a leading _ are nobody's rows."""
    return [
        function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    ]


def _lost_definitions(module: ModuleType) -> Iterator[Problem]:
    """Rows of one sheet that a later definition of the same name has replaced without a word."""
    try:
        statements = ast.parse(inspect.getsource(module)).body
    except (OSError, TypeError):  # a module without a file, as in a doctest
        return
    lines: dict[str, int] = {}
    for statement in statements:
        if not isinstance(statement, ast.FunctionDef):
            continue
        if statement.name in lines:
            what = f"row `{statement.name}` is defined twice: also on line {lines[statement.name]}"
            yield Problem(file_of(inspect.getfile(module)), what, "one definition", "rename one", statement.lineno)
        lines[statement.name] = statement.lineno


def _taken_names(rows: Mapping[str, Row], given: Collection[str], columns: Collection[str]) -> Iterator[Problem]:
    """Rows that share their name with something given, and openings that are not one number."""
    for name in rows:
        if name in given:
            yield _of(rows[name], "has the name of a parameter", "a name that is not taken", "rename one of them")
        if OPENING + name in columns:
            advice = "give its value one number, without dates"
            yield _of(rows[name], f"has an opening by date: `{OPENING}{name}`", "one number before the start", advice)


def _once_per_definition(problems: Iterable[Problem]) -> list[Problem]:
    """A definition that `each` repeats has its problems once, but for those that name something of one row alone."""
    kept: dict[tuple[str, int | None, str], Problem] = {}
    for problem in problems:
        kept.setdefault((problem.where, problem.line, re.sub(r"^row `\w+`", "", problem.what)), problem)
    return list(kept.values())


def _of(row: Row, what: str, expected: str, advice: str) -> Problem:
    return Problem(row.file, f"row `{row.name}` {what}", expected, advice, row.line)


class _Checker:
    """What must hold between rows: every ingredient known and used, shapes that fit."""

    def __init__(
        self,
        rows: Mapping[str, Row],
        expressions: Mapping[str, Expression],
        scalars: frozenset[str],
        columns: frozenset[str],
        unread: frozenset[str],
    ) -> None:
        self.rows = rows
        self.expressions = expressions
        self.scalars = scalars
        self.columns = columns
        self.unread = unread  # rows with a docstring that says too little: known by name alone
        self.over_periods = columns | {name for name, row in rows.items() if not row.is_once}
        self.summaries = self._summaries()

    def problems(self) -> Iterator[Problem]:
        for row in self.rows.values():
            yield from self._unknown(row)
            if row.name in self.expressions:
                expression = self.expressions[row.name]
                yield from self._unused(row, expression)
                yield from (self._shapes_once if row.is_once else self._shapes_over_periods)(row, expression)

    def _unknown(self, row: Row) -> Iterator[Problem]:
        known = {*self.rows, *self.scalars, *self.columns}
        for name in row.ingredients:
            earlier = name.removeprefix(PRIOR)
            if earlier in self.unread:
                continue
            if not name.startswith(PRIOR):
                if name not in known:
                    what = f"asks for `{name}`, which is neither a row nor a parameter"
                    yield _of(row, what, "a known name", _near(name, known))
            elif earlier not in self.rows or self.rows[earlier].is_once:
                what = f"asks for `{name}`, and `{earlier}` is not a row over periods"
                near = _near(earlier, {other for other, its in self.rows.items() if not its.is_once}, PRIOR)
                yield _of(row, what, "a row of a sheet with a value per period", near)

    def _unused(self, row: Row, expression: Expression) -> Iterator[Problem]:
        used = set(names_in(expression))
        for name in row.ingredients:
            if name not in used:
                yield _of(
                    row, f"does not use its ingredient `{name}`", "every ingredient in the formula", "leave it out"
                )

    def _is_over_periods(self, name: str) -> bool:
        return name.startswith(PRIOR) or name in self.over_periods

    def _summaries(self) -> frozenset[str]:
        """`once` rows that look at whole rows, directly or through another."""
        found: set[str] = set()
        while True:
            new = {
                name
                for name, expression in self.expressions.items()
                if self.rows[name].is_once
                and any(self._is_over_periods(each) or each in found for each in names_in(expression))
            }
            if new <= found:
                return frozenset(found)
            found |= new

    def _shapes_over_periods(self, row: Row, expression: Expression) -> Iterator[Problem]:
        for call in _words_in(expression):
            what = f"says `{call.operation.name}` and has a value per period"
            advice = "move the word into a `once` row of its own"
            yield _of(row, what, "a `once` row for words over whole rows", advice)
        for name in sorted(set(names_in(expression)) & self.summaries):
            what = f"is fed by `{name}`, which is made of whole rows"
            advice = "a period cannot wait for the end of the row: state the rule per period"
            yield _of(row, what, "parameters, period rows, or `once` rows of parameters alone", advice)

    def _shapes_once(self, row: Row, expression: Expression) -> Iterator[Problem]:
        for name in dict.fromkeys(_bare(expression)):
            if self._is_over_periods(name):
                what = f"is `once` and uses `{name}`, which has a value per period"
                yield _of(row, what, "whole rows inside a word such as total(row)", "choose total, last, npv, when …")
        one_number = self.scalars | (set(self.rows) - self.over_periods)
        for call in _words_in(expression):
            for operand, is_whole in zip(call.operands, call.operation.whole, strict=True):
                if is_whole and isinstance(operand, Name) and operand.name in one_number:
                    what = f"says {call.operation.name} of `{operand.name}`, which is one number"
                    yield _of(row, what, "a row over periods", "leave the word out")


def _near(name: str, known: Collection[str], prefix: str = "") -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f"did you mean `{prefix}{near[0]}`?" if near else "add it to a sheet or to a parameter file"


def _words_in(expression: Expression) -> Iterator[Call]:
    return (call for call in calls_in(expression) if call.operation.name in WORDS)


def _bare(expression: Expression) -> Iterator[str]:
    """Names outside the whole-row operands of words."""
    if isinstance(expression, Name):
        yield expression.name
    elif isinstance(expression, Call):
        whole = expression.operation.whole or (False,) * len(expression.operands)
        for operand, is_whole in zip(expression.operands, whole, strict=True):
            if not is_whole:
                yield from _bare(operand)


def _within_period(rows: Mapping[str, Row]) -> dict[str, list[str]]:
    """What each row needs from the same period."""
    return {name: [each for each in row.ingredients if each in rows] for name, row in rows.items()}


def _cycles(rows: Mapping[str, Row]) -> Iterator[Problem]:
    try:
        graphlib.TopologicalSorter(_within_period(rows)).prepare()
    except graphlib.CycleError as error:
        loop = list(reversed(error.args[1]))
        what = "needs itself within one period: " + " ← ".join(loop)
        yield _of(rows[loop[0]], what, "no loop inside a period", f"use {PRIOR}<row> for one of them")


def _blocks(rows: Mapping[str, Row]) -> Iterator[Block]:
    """Rows in an order that can be filled in; those in a loop through time share a block."""
    order = list(graphlib.TopologicalSorter(_within_period(rows)).static_order())
    needs = {
        name: {each.removeprefix(PRIOR) for each in rows[name].ingredients if each.removeprefix(PRIOR) in rows}
        for name in order
    }
    leader = _loops(order, needs)
    blocks: dict[str, list[str]] = {}
    for name in order:
        blocks.setdefault(leader[name], []).append(name)
    between = {
        first: {leader[each] for name in names for each in needs[name]} - {first} for first, names in blocks.items()
    }
    for first in graphlib.TopologicalSorter(between).static_order():
        block = tuple(rows[name] for name in blocks[first])
        yield Block(block, is_stepwise=len(block) > 1 or PRIOR + first in block[0].ingredients)


def _loops(order: list[str], needs: Mapping[str, set[str]]) -> dict[str, str]:
    """For each row the first of those it needs, at any distance, that need it in turn: itself if there is no loop."""
    if not order:
        return {}
    reaches = np.array([[other == name or other in needs[name] for other in order] for name in order], dtype=np.float32)
    for _ in range(len(order).bit_length()):  # each product doubles the distance
        reaches = np.minimum(reaches @ reaches, 1)
    first = np.argmax(reaches * reaches.T, axis=1)
    return {name: order[place] for name, place in zip(order, first, strict=True)}
