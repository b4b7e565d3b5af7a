"""The one table of what a row may say, with its spelling for every reader.

A row is a NumPy expression; each operation in it is a line of `OPERATIONS`. What is not here cannot be
said, and the tracer refuses it by name. The spellings close the traps between targets: a power is always
parenthesised (a spreadsheet reads `-2^2` as 4 and `2^3^2` from the left), a comparison is always 1 or 0
(SUM skips TRUE), `and` answers yes or no (Python's answers with an operand), equality on amounts and
rounding are not in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

ATOM = 9  # binds tighter than any operator: names, numbers, function calls, whatever stands in parentheses


@dataclass(frozen=True)
class Operation:
    """One operation: its NumPy function, and its spelling in words, in Excel and in the compiled kernel.

    `binds` is how tightly the words bind; an operand that binds less gets parentheses. `takes` is how
    tightly an operand must bind to stand bare, per operand. Excel and the kernel spell all but the four
    arithmetic signs as calls or in parentheses, so there they bind like atoms.
    """

    name: str
    function: Callable[..., Any] | None  # None for a word, which words.py defines
    words: str
    excel: str
    kernel: str
    binds: int
    takes: tuple[int, ...]
    is_infix: bool = False  # spelled bare between its operands in every target
    is_flag: bool = False  # the answer is yes or no
    keeps_flags: bool = False  # of yes/no operands alone, NumPy's answer is yes or no as well
    refuses_flags: bool = False  # of yes/no operands alone, NumPy's answer is wrong, coarse or an error
    whole: tuple[bool, ...] = ()  # for a word: which operands are whole rows

    def spelling(self, target: str) -> str:
        """The template for `target`: words, excel or kernel; `{0}`, `{1}` are its operands."""
        template: str = getattr(self, target)
        return template

    def tightness(self, target: str) -> int:
        """How tightly the spelling for `target` binds."""
        return self.binds if target == "words" or self.is_infix else ATOM


def _sign(
    name: str,
    function: np.ufunc,
    words: str,
    sign: str,
    binds: int,
    keeps_flags: bool = False,
    refuses_flags: bool = False,
) -> Operation:
    return Operation(
        name,
        function,
        words=f"{{0}} {words} {{1}}",
        excel=f"{{0}}{sign}{{1}}",
        kernel=f"{{0}} {sign} {{1}}",
        binds=binds,
        takes=(binds, binds + 1),
        is_infix=True,
        keeps_flags=keeps_flags,
        refuses_flags=refuses_flags,
    )


def _comparison(name: str, function: np.ufunc, words: str, sign: str) -> Operation:
    return Operation(
        name,
        function,
        words=f"{{0}} {words} {{1}}",
        excel=f"IF({{0}}{sign}{{1}},1,0)",
        kernel=f"({{0}} {sign} {{1}})",
        binds=2,
        takes=(3, 3),
        is_flag=True,
    )


def _joined(name: str, function: np.ufunc, words: str, excel: str, kernel: str, operands: int = 2) -> Operation:
    return Operation(name, function, words, excel, kernel, binds=1, takes=(2,) * operands, is_flag=True)


def _choice(name: str, function: np.ufunc, words: str, excel: str, kernel: str) -> Operation:
    return Operation(name, function, words, excel, kernel, binds=1, takes=(ATOM, ATOM), keeps_flags=True)


def _curve(name: str, function: np.ufunc, words: str, excel: str, kernel: str) -> Operation:
    return Operation(name, function, words, excel, kernel, binds=ATOM, takes=(0,), refuses_flags=True)


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        _sign("add", np.add, "+", "+", binds=3, refuses_flags=True),
        _sign("subtract", np.subtract, "−", "-", binds=3, refuses_flags=True),
        _sign("multiply", np.multiply, "×", "*", binds=4, keeps_flags=True),
        _sign("divide", np.divide, "÷", "/", binds=4),
        Operation(
            "power",
            np.power,
            words="{0} ^ {1}",
            excel="({0}^{1})",
            kernel="power({0}, {1})",  # Python's ** makes complex numbers of negative ones
            binds=6,
            takes=(ATOM, ATOM),
            refuses_flags=True,
        ),
        Operation(
            "negative",
            np.negative,
            words="−{0}",
            excel="(-{0})",
            kernel="(-{0})",
            binds=3,
            takes=(ATOM,),
            refuses_flags=True,
        ),
        _choice("minimum", np.minimum, "the smaller of {0} and {1}", "MIN({0},{1})", "smaller({0}, {1})"),
        _choice("maximum", np.maximum, "the larger of {0} and {1}", "MAX({0},{1})", "larger({0}, {1})"),
        Operation(
            "absolute",
            np.absolute,
            words="the size of {0}",
            excel="ABS({0})",
            kernel="abs({0})",
            binds=1,
            takes=(ATOM,),
            keeps_flags=True,
        ),
        _curve("exp", np.exp, "exp({0})", "EXP({0})", "exp({0})"),
        _curve("log", np.log, "ln({0})", "LN({0})", "log({0})"),
        _curve("sqrt", np.sqrt, "sqrt({0})", "SQRT({0})", "sqrt({0})"),
        Operation(
            "where",
            np.where,
            words="if {0} then {1} else {2}",
            excel="IF({0},{1},{2})",
            kernel="({1} if {0} else {2})",
            binds=0,
            takes=(1, 1, 1),
            keeps_flags=True,
        ),
        _comparison("less", np.less, "<", "<"),
        _comparison("less_equal", np.less_equal, "≤", "<="),
        _comparison("greater", np.greater, ">", ">"),
        _comparison("greater_equal", np.greater_equal, "≥", ">="),
        _joined("logical_and", np.logical_and, "{0} and {1}", "IF(AND({0},{1}),1,0)", "(({0} != 0) & ({1} != 0))"),
        _joined("logical_or", np.logical_or, "{0} or {1}", "IF(OR({0},{1}),1,0)", "(({0} != 0) | ({1} != 0))"),
        _joined("logical_not", np.logical_not, "not {0}", "IF({0},0,1)", "({0} == 0)", operands=1),
    )
}


def _word(name: str, words: str, excel: str, whole: tuple[bool, ...]) -> Operation:
    kernel = f"{name}({', '.join(f'{{{place}}}' for place in range(len(whole)))})"
    return Operation(name, None, words, excel, kernel, binds=1, takes=(ATOM,) * len(whole), whole=whole)


_ROW, _ONE = True, False

# Words over whole rows, for `once` rows. In the Excel spellings {0} is a range of cells along the row, and
# 1E+300 is how a workbook holds "never" and "no limit". A spreadsheet cannot tell several rates from one.
WORDS: dict[str, Operation] = {
    word.name: word
    for word in (
        _word("total", "the total of {0}", "SUM({0})", (_ROW,)),
        _word("last", "{0} in the last period", "INDEX({0},1,COLUMNS({0}))", (_ROW,)),
        _word("largest", "the largest size of {0}", "MAX(MAX({0}),-MIN({0}))", (_ROW,)),
        _word("npv", "the total of {0} × {1}", "SUMPRODUCT({0},{1})", (_ROW, _ROW)),
        _word(
            "irr",
            "the yearly rate at which {0} is worth nothing, {1} periods a year",
            "((1+IRR({0},0.1))^{1}-1)",
            (_ROW, _ONE),
        ),
        _word(
            "irr_state",
            "what kind of answer the rate of return of {0} has",
            "IF(MAX({0})<=0,IF(MIN({0})<0,2,4),IF(MIN({0})>=0,3,IF(ISNUMBER(IRR({0},0.1)),0,5)))",
            (_ROW,),
        ),
        _word(
            "moic",
            "the total of {1} ÷ the total of {0}",
            "IF(SUM({0})>0,SUM({1})/SUM({0}),IF(SUM({1})>0,1E+300,0))",
            (_ROW, _ROW),
        ),
        _word(
            "payback",
            "{1} of the first period from which {0} stays at or above 0",
            "IF(INDEX({0},1,COLUMNS({0}))<0,1E+300,"
            "INDEX({1},1,1+IFERROR(MATCH(SUMPRODUCT(MAX(({0}<0)*{1})),{1},1),0)))",  # dates rise and are positive
            (_ROW, _ROW),
        ),
        _word(
            "when",
            "{1} of the first period with {0}",
            "IFERROR(INDEX({1},1,MATCH(1,{0},0)),1E+300)",
            (_ROW, _ROW),
        ),
    )
}

BY_FUNCTION: dict[Callable[..., Any] | None, Operation] = {
    operation.function: operation for operation in OPERATIONS.values()
}

LITERALS = (0.0, 1.0, np.inf)  # the only numbers a row may hold: nothing, one, and no limit

SAYABLE = ", ".join(f"np.{name}" for name in OPERATIONS)

ADVICE: dict[str, str] = {  # for words people reach for that are not in the table
    "equal": "amounts are floats: compare with >= or <=, or use a flag",
    "not_equal": "amounts are floats: compare with > or <, or use a flag",
    "min": "write np.minimum(a, b)",
    "max": "write np.maximum(a, b)",
    "sum": "write the additions out, or total(row) in a `once` row",
    "abs": "write np.absolute(a)",
    "round": "rounding belongs to display, not to a row",
    "clip": "write np.minimum(np.maximum(x, low), high)",
    "bitwise_and": "write np.logical_and(a, b)",
    "bitwise_or": "write np.logical_or(a, b)",
    "invert": "write np.logical_not(a)",
    "floor_divide": "rounding belongs to display, not to a row",
    "remainder": "periods come from the calendar, not from remainders",
    "any": "write np.logical_or(a, b), or when(flag, date) in a `once` row",
    "all": "write np.logical_and(a, b)",
    "mean": "write the additions and the division out",
    "cumsum": "write prior_<row> + flow: a balance",
    "random": "chance belongs to the `uncertain` entry of a parameter",
    "select": "write one np.where inside another",
    "int": "rounding belongs to display, not to a row",
    "float": "a row is already a number",
    "len": "a row does not know how many periods there are",
    "positive": "leave the plus sign out",
}
