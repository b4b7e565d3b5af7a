"""The book: all rows of a deal, collected in their author's order, checked, and sorted for filling in."""

from __future__ import annotations

import difflib
import functools
import graphlib
import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType

from dealgrid.engine.ops import WORDS
from dealgrid.engine.row import OPENING, PRIOR, Row, file_of, read_rows
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
        openings = {
            OPENING + name.removeprefix(PRIOR) for name in used if name.startswith(PRIOR)
        }
        return frozenset(name for name in used | openings if name in self.scalars | self.columns)

    def formula(self, name: str) -> str:
        """The formula of a row in words."""
        return in_words(self.expressions[name])


def collect(modules: Iterable[ModuleType], scalars: Collection[str], columns: Collection[str]) -> Book:
    """Read every sheet into a book; `ModelError` with all that is wrong.

    `scalars` are parameters with one number per case, `columns` parameters by date and calendar columns.
    """
    rows, problems = _read_sheets(modules)
    given_twice = [name for name in rows if name in scalars or name in columns]
    problems += [
        _of(rows[name], "has the name of a parameter", "a name that is not taken", "rename one of them")
        for name in given_twice
    ]
    expressions: dict[str, Expression] = {}
    for row in rows.values():
        try:
            expressions[row.name] = trace(row)
        except ModelError as error:
            problems += error.problems
    checker = _Checker(rows, expressions, frozenset(scalars), frozenset(columns))
    problems += checker.problems()
    if not problems:
        problems += checker.cycles()
    if problems:
        raise ModelError(problems)
    return Book(rows, expressions, checker.scalars, checker.columns, tuple(_blocks(rows)))


def _read_sheets(modules: Iterable[ModuleType]) -> tuple[dict[str, Row], list[Problem]]:
    rows: dict[str, Row] = {}
    problems: list[Problem] = []
    for module in modules:
        sheet = module.__name__.rpartition(".")[2]
        for name, function in list(vars(module).items()):
            if not inspect.isfunction(function) or function.__module__ != module.__name__ or name.startswith("_"):
                continue
            read, wrong = read_rows(function, sheet)
            problems += wrong
            for row in read:
                if row.name.startswith((PRIOR, OPENING)):
                    problems.append(_of(row, "begins with a reserved word", f"no {PRIOR} or {OPENING}", "rename it"))
                if row.name in rows:
                    problems.append(
                        _of(row, f"is defined twice: also in {rows[row.name].file}:{rows[row.name].line}", "one definition", "rename one")
                    )
                rows[row.name] = row
        problems += _lost_definitions(module)
    return rows, problems


def _lost_definitions(module: ModuleType) -> Iterator[Problem]:
    """Rows of one sheet that a later definition of the same name has replaced without a word."""
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        return
    lines: dict[str, int] = {}
    for number, text in enumerate(source.splitlines(), start=1):
        if text.startswith("def "):
            name = text[4:].partition("(")[0]
            if name in lines:
                where = file_of(vars(module)[name]) if inspect.isfunction(vars(module).get(name)) else module.__name__
                yield Problem(where, f"row `{name}` is defined twice: also on line {lines[name]}", "one definition", "rename one", number)
            lines[name] = number


def _of(row: Row, what: str, expected: str, advice: str) -> Problem:
    return Problem(row.file, f"row `{row.name}` {what}", expected, advice, row.line)


class _Checker:
    """What must hold between rows: every ingredient known, shapes that fit, no row that needs itself."""

    def __init__(
        self,
        rows: Mapping[str, Row],
        expressions: Mapping[str, Expression],
        scalars: frozenset[str],
        columns: frozenset[str],
    ) -> None:
        self.rows = rows
        self.expressions = expressions
        self.scalars = scalars
        self.columns = columns
        self.summaries = self._summaries()

    def problems(self) -> Iterator[Problem]:
        for name, expression in self.expressions.items():
            row = self.rows[name]
            yield from self._ingredients(row, expression)
            yield from self._shapes(row, expression)

    def _ingredients(self, row: Row, expression: Expression) -> Iterator[Problem]:
        known = {*self.rows, *self.scalars, *self.columns}
        for name in row.ingredients:
            plain = name.removeprefix(PRIOR)
            if name.startswith(PRIOR) and (plain not in self.rows or self.rows[plain].is_once):
                near = self._near(plain, {other for other, its in self.rows.items() if not its.is_once})
                yield _of(row, f"asks for `{name}`, and `{plain}` is not a row over periods", "a row of a sheet", near)
            elif not name.startswith(PRIOR) and name not in known:
                yield _of(row, f"asks for `{name}`, which is neither a row nor a parameter", "a known name", self._near(name, known))
        for name in set(row.ingredients) - set(names_in(expression)):
            yield _of(row, f"does not use its ingredient `{name}`", "every ingredient in the formula", "leave it out")

    @staticmethod
    def _near(name: str, known: Collection[str]) -> str:
        near = difflib.get_close_matches(name, known, 1)
        return f"did you mean `{near[0]}`?" if near else "add it to a sheet or to a parameter file"

    def _is_column(self, name: str) -> bool:
        return name.startswith(PRIOR) or name in self.columns or (name in self.rows and not self.rows[name].is_once)

    def _summaries(self) -> frozenset[str]:
        """`once` rows that look at whole rows, directly or through another."""
        found: set[str] = set()
        while True:
            new = {
                name
                for name, expression in self.expressions.items()
                if self.rows[name].is_once and any(self._is_column(each) or each in found for each in names_in(expression))
            }
            if new <= found:
                return frozenset(found)
            found |= new

    def _shapes(self, row: Row, expression: Expression) -> Iterator[Problem]:
        words = [call for call in calls_in(expression) if call.operation.name in WORDS]
        if not row.is_once:
            for call in words:
                yield _of(row, f"says `{call.operation.name}` and has a value per period", "a `once` row for words over whole rows", "move the word into a `once` row of its own")
            for name in sorted(set(names_in(expression)) & self.summaries):
                yield _of(row, f"is fed by `{name}`, which is made of whole rows", "parameters, period rows, or `once` rows of parameters alone", "a period cannot wait for the end of the row: state the rule per period")
            return
        for name in sorted({name for name in _bare(expression) if self._is_column(name)}):
            yield _of(row, f"is `once` and uses `{name}`, which has a value per period", "whole rows inside a word such as total(row)", "choose total, last, npv, when …")
        for call in words:
            for operand, is_whole in zip(call.operands, call.operation.whole, strict=True):
                if is_whole and isinstance(operand, Name) and not self._is_column(operand.name) and operand.name in self.rows:
                    yield _of(row, f"says {call.operation.name} of `{operand.name}`, which is `once`", "a row over periods", "leave the word out")

    def cycles(self) -> Iterator[Problem]:
        try:
            graphlib.TopologicalSorter(_within_period(self.rows)).prepare()
        except graphlib.CycleError as error:
            loop = list(reversed(error.args[1]))
            row = self.rows[loop[0]]
            yield _of(row, "needs itself within one period: " + " ← ".join(loop), "no loop inside a period", "use prior_<row> for one of them")


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


def _blocks(rows: Mapping[str, Row]) -> Iterator[Block]:
    """Rows in an order that can be filled in; those in a loop through time share a block."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    order = list(graphlib.TopologicalSorter(_within_period(rows)).static_order())
    place = {name: number for number, name in enumerate(order)}
    edges = [
        (place[name], place[each.removeprefix(PRIOR)])
        for name in order
        for each in rows[name].ingredients
        if each.removeprefix(PRIOR) in rows
    ]
    starts, ends = zip(*edges, strict=True) if edges else ((), ())
    graph = coo_array(([1] * len(edges), (starts, ends)), shape=(len(order), len(order)))
    _, group = connected_components(graph, connection="strong")
    members: dict[int, list[str]] = {}
    for name in order:
        members.setdefault(int(group[place[name]]), []).append(name)
    needs = {
        number: {int(group[place[each.removeprefix(PRIOR)]]) for name in names for each in rows[name].ingredients if each.removeprefix(PRIOR) in rows} - {number}
        for number, names in members.items()
    }
    for number in graphlib.TopologicalSorter(needs).static_order():
        block = tuple(rows[name] for name in members[number])
        yield Block(block, is_stepwise=len(block) > 1 or PRIOR + block[0].name in block[0].ingredients)
