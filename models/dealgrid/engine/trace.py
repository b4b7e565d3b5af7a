"""Reading a row as an expression: run on symbols instead of numbers, it writes itself down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from dealgrid.engine.ops import ADVICE, ATOM, BY_FUNCTION, LITERALS, SAYABLE, Operation
from dealgrid.engine.row import Row
from dealgrid.problems import ModelError, Problem


@dataclass(frozen=True, slots=True)
class Name:
    """An ingredient, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A literal: 0, 1 or no limit."""

    value: float


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of the table, or a word over whole rows, on its operands."""

    operation: Operation
    operands: tuple[Expression, ...]


Expression = Name | Number | Call


class Unsayable(Exception):
    """A row said something that not every reader can say."""

    def __init__(self, word: str, advice: str = "") -> None:
        self.word = word
        self.advice = advice or ADVICE.get(word, "say it with these, or add it to engine/ops.py for every target")
        super().__init__(f"{word}: {self.advice}")


class Symbol(NDArrayOperatorsMixin):
    """Stands for an ingredient while a row is read; every operation on it is written down."""

    __slots__ = ("expression",)

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Symbol:
        """Write down a NumPy universal function: `a + b`, `np.minimum(a, b)`."""
        if method != "__call__":
            raise Unsayable(f"{ufunc.__name__}.{method}")
        return apply(ufunc, operands, options)

    def __array_function__(self, function: Callable[..., Any], types: Any, operands: Any, options: Any) -> Symbol:
        """Write down any other NumPy function the table knows: `np.where`."""
        return apply(function, operands, options)

    def __bool__(self) -> bool:
        raise Unsayable(
            "a yes or no that Python must decide (if, and, or, not, min(), max(), a < b < c)",
            "write np.where, np.logical_and, np.logical_or, np.logical_not, np.minimum, np.maximum, "
            "or two comparisons: a row must hold for all futures at once",
        )

    def __float__(self) -> float:
        raise Unsayable("float()", "a row is already a number")

    def __int__(self) -> int:
        raise Unsayable("int()", "rounding belongs to display, not to a row")

    def __index__(self) -> int:
        raise Unsayable("a position", "reach an earlier period by the ingredient prior_<row>")

    def __round__(self, digits: int = 0) -> Symbol:
        raise Unsayable("round")

    def __len__(self) -> int:
        raise Unsayable("len()", "a row does not know how many periods there are")

    def __format__(self, form: str) -> str:
        raise Unsayable("a text", "a row is a number")

    def __iter__(self) -> Iterator[Symbol]:
        raise Unsayable("a loop", "use a word over the whole row, such as total(row), in a `once` row")

    def __getitem__(self, key: object) -> Symbol:
        raise Unsayable("[ ]", "reach an earlier period by the ingredient prior_<row>")


def apply(function: Callable[..., Any], operands: tuple[object, ...], options: Mapping[str, object]) -> Symbol:
    """The symbol of an operation on operands; `Unsayable` if the table does not have it in this form."""
    operation = BY_FUNCTION.get(function)
    if operation is None:
        raise Unsayable(function.__name__)
    if options:
        raise Unsayable(f"{function.__name__}(…, {next(iter(options))}=…)", "leave the option out")
    if len(operands) != len(operation.takes):
        raise Unsayable(f"{function.__name__} of {len(operands)}", f"it takes {len(operation.takes)}")
    expressions = tuple(expression_of(operand) for operand in operands)
    if operation.refuses_flags and all(is_flag(expression) for expression in expressions):
        raise Unsayable(
            f"{operation.name} of nothing but yes/no answers",
            "NumPy reads True + True as True: join them with np.logical_or, or make each a flag row first",
        )
    return Symbol(Call(operation, expressions))


def expression_of(value: object) -> Expression:
    """The expression of a symbol or of a literal a row may hold."""
    if isinstance(value, Symbol):
        return value.expression
    if value is None:
        raise Unsayable("nothing", "begin its one line with `return`")
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating):
        raise Unsayable(f"{value!r}", "only rows, parameters, 0, 1 and np.inf can stand in a row")
    if float(value) not in LITERALS:
        raise Unsayable(f"the number {value!r}", "only 0, 1 and np.inf are literals: any other number is a parameter")
    return Number(abs(float(value)))  # −0 is 0


def is_flag(expression: Expression) -> bool:
    """Whether NumPy answers with a yes or no (a boolean), which it adds and takes roots of in its own way."""
    if not isinstance(expression, Call):
        return False
    operands = expression.operands[1:] if expression.operation.name == "where" else expression.operands
    return expression.operation.is_flag or (expression.operation.keeps_flags and all(map(is_flag, operands)))


def trace(row: Row) -> Expression:
    """The expression of a row; `ModelError` naming row, file and word if it cannot be read."""
    try:
        return expression_of(row.function(*(Symbol(Name(name)) for name in row.ingredients)))
    except Unsayable as error:
        what, advice = f"row `{row.name}` says {error.word}", error.advice
    except Exception as error:  # noqa: BLE001 - whatever a row does is its own fault, said without a traceback
        what, advice = f"row `{row.name}` cannot be read: {error}", "write it with the operations listed"
    expected = f"{SAYABLE}, + − * / **, comparisons, words"
    raise ModelError(Problem(row.file, what, expected, advice, row.line))


def names_in(expression: Expression) -> Iterator[str]:
    """Every ingredient an expression uses, in order, repeats included."""
    if isinstance(expression, Name):
        yield expression.name
    elif isinstance(expression, Call):
        for operand in expression.operands:
            yield from names_in(operand)


def calls_in(expression: Expression) -> Iterator[Call]:
    """Every call in an expression, outermost first."""
    if isinstance(expression, Call):
        yield expression
        for operand in expression.operands:
            yield from calls_in(operand)


def write(expression: Expression, target: str, spell: Callable[[Name | Number], str]) -> str:
    """Print an expression for a target of the table (`words`, `excel`, `kernel`); `spell` prints names and numbers."""
    return _write(expression, target, spell)[0]


def _write(expression: Expression, target: str, spell: Callable[[Name | Number], str]) -> tuple[str, int]:
    if not isinstance(expression, Call):
        return spell(expression), ATOM
    operation = expression.operation
    parts = []
    for operand, needed in zip(expression.operands, operation.takes, strict=True):
        text, binds = _write(operand, target, spell)
        parts.append(text if binds >= needed else f"({text})")
    return operation.spelling(target).format(*parts), operation.tightness(target)


def in_words(expression: Expression, endless: str = "no limit") -> str:
    """The formula as a person reads it, by the names of its ingredients; `endless` is the word for no limit."""

    def spell(atom: Name | Number) -> str:
        if isinstance(atom, Name):
            return atom.name
        return endless if np.isinf(atom.value) else f"{atom.value:g}"

    return write(expression, "words", spell)
