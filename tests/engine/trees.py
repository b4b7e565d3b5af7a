"""Random formulas over the table of operations, as the text a row would have."""

from collections.abc import Callable, Mapping

import numpy as np
from hypothesis import strategies as st

from dealgrid.engine.ops import OPERATIONS
from dealgrid.engine.trace import Call, Expression, Name

NAMES = ("lemons", "sugar", "water")
LITERALS = ("0", "1", "np.inf")
SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}
COMPARISONS = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
INFIX = SIGNS | COMPARISONS
CURVES = ("power", "exp", "log")  # the last digit depends on the library
LOGICAL = ("logical_and", "logical_or", "logical_not")
AMOUNTS = st.floats(0.01, 4) | st.floats(-4, -0.01) | st.sampled_from([0.0, 1.0, 2.0])


def formulas(without: tuple[str, ...] = (), literals: tuple[str, ...] = LITERALS) -> st.SearchStrategy[str]:
    """Amounts and flags made of each other; the same operation as a sign or as a call."""
    amounts = [name for name, each in OPERATIONS.items() if not each.is_flag and name not in {"where", *without}]
    names = st.sampled_from(NAMES)

    def said(name: str, *operands: str) -> st.SearchStrategy[str]:
        call = f"np.{name}({', '.join(operands)})"
        if name == "negative":
            return st.sampled_from([call, f"(-{operands[0]})"])
        return st.sampled_from([call, f"({operands[0]} {INFIX[name]} {operands[1]})"] if name in INFIX else [call])

    @st.composite
    def grown(draw: Callable[..., str], smaller: st.SearchStrategy[str]) -> str:
        kind = draw(st.sampled_from(["amount", "amount", "flag", "where"]))
        if kind == "amount":
            name = draw(st.sampled_from(amounts))
            operands = [draw(smaller)]
            if len(OPERATIONS[name].takes) > 1:
                operands.insert(draw(st.integers(0, 1)), draw(smaller | st.sampled_from(literals)))
            return draw(said(name, *operands))
        flag = draw(
            said(draw(st.sampled_from([*COMPARISONS])), draw(smaller), draw(smaller | st.sampled_from(literals)))
        )
        if draw(st.booleans()):
            other = draw(said(draw(st.sampled_from([*COMPARISONS])), draw(smaller), draw(names)))
            join = draw(st.sampled_from(LOGICAL))
            flag = f"np.{join}({flag})" if join == "logical_not" else f"np.{join}({flag}, {other})"
        if kind == "flag":
            return f"({flag} * {draw(smaller)})"
        return f"np.where({flag}, {draw(smaller)}, {draw(smaller | st.sampled_from(literals))})"

    return st.recursive(names, grown, max_leaves=12)


def numpy_reading(expression: Expression, values: Mapping[str, object]) -> list[object]:
    """The values of an expression and of all its parts, itself first, by the functions of the table."""
    if isinstance(expression, Name):
        return [values[expression.name]]
    if not isinstance(expression, Call):
        return [expression.value]
    parts = [numpy_reading(operand, values) for operand in expression.operands]
    assert expression.operation.function is not None
    with np.errstate(all="ignore"):
        value = expression.operation.function(*(part[0] for part in parts))
    return [value, *(value for part in parts for value in part)]


def used(formula: str) -> list[str]:
    """Names a formula uses, in their order."""
    return [name for name in NAMES if name in formula]
