"""Makes mutants of rows and words: one small change each to what a function returns."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

PRIOR = "prior_"
OTHER_SIGN: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
}
OTHER_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
}
OTHER_FUNCTION = {
    "minimum": "maximum",
    "maximum": "minimum",
    "logical_and": "logical_or",
    "logical_or": "logical_and",
}


@dataclass(frozen=True)
class Mutant:
    """One change: where it is, what it says instead, and the code of the function that says so."""

    file: str
    function: str
    before: str
    after: str
    number: int  # among the same changes of one function
    code: CodeType

    @property
    def name(self) -> str:
        """What tells it from all others, whatever the line it stands in."""
        again = f" #{self.number}" if self.number else ""
        return f"{self.file}: {self.function}: {self.before} => {self.after}{again}"


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every mutant of the functions of a file, those that do not compile to anything else left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for place, function in enumerate(tree.body):
        if not isinstance(function, ast.FunctionDef) or function.name == "_word":
            continue
        seen: dict[tuple[str, str], int] = {}
        for before, after, changed in _changed(function):
            copied = copy.copy(tree)
            copied.body = [*tree.body[:place], changed, *tree.body[place + 1 :]]
            code = _code_of(compile(ast.fix_missing_locations(copied), str(path), "exec"), function.name)
            number = seen.get((before, after), 0)
            seen[before, after] = number + 1
            yield Mutant(path.name, function.name, before, after, number, code)


def _code_of(module: CodeType, name: str) -> CodeType:
    return next(code for code in module.co_consts if isinstance(code, CodeType) and code.co_name == name)


def _changed(function: ast.FunctionDef) -> Iterator[tuple[str, str, ast.FunctionDef]]:
    """(what stands there, what stands there instead, the whole function) for each change."""
    nodes = [node for statement in function.body for node in ast.walk(statement) if isinstance(node, ast.expr)]
    for place, node in enumerate(nodes):
        for after in _instead(node):
            changed = copy.deepcopy(function)
            twins = [twin for statement in changed.body for twin in ast.walk(statement) if isinstance(twin, ast.expr)]
            _replace(changed, twins[place], after)
            yield ast.unparse(node), ast.unparse(after), changed
    for argument in function.args.args:
        if argument.arg.startswith(PRIOR):
            later = argument.arg.removeprefix(PRIOR)
            yield argument.arg, later, _renamed(function, argument.arg, later)


def _instead(node: ast.expr) -> Iterator[ast.expr]:
    """The small changes of one expression."""
    if isinstance(node, ast.BinOp):
        yield ast.BinOp(node.left, OTHER_SIGN[type(node.op)](), node.right)
        yield node.left
        if isinstance(node.op, ast.Add | ast.Mult):
            yield node.right
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER_COMPARISONS:
        for other in OTHER_COMPARISONS[type(node.ops[0])]:
            yield ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value in (0, 1):
        yield ast.Constant(1 - node.value)
    elif isinstance(node, ast.Attribute) and node.attr == "inf":
        yield ast.Constant(0)
    elif isinstance(node, ast.Call):
        yield from _other_calls(node)


def _other_calls(node: ast.Call) -> Iterator[ast.expr]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    if isinstance(node.func, ast.Attribute) and name in OTHER_FUNCTION:
        yield ast.Call(ast.Attribute(node.func.value, OTHER_FUNCTION[name], ast.Load()), node.args, node.keywords)
        yield from node.args
    elif name == "where":
        condition, this, that = node.args
        yield ast.Call(node.func, [condition, that, this], node.keywords)
        yield from (this, that)
    elif isinstance(node.func, ast.Name) and len(node.args) == 2:
        yield ast.Call(node.func, node.args[::-1], node.keywords)


def _replace(tree: ast.AST, old: ast.expr, new: ast.expr) -> None:
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list) and any(item is old for item in value):
                setattr(parent, field, [new if item is old else item for item in value])


def _renamed(function: ast.FunctionDef, name: str, other: str) -> ast.FunctionDef:
    changed = copy.deepcopy(function)
    names = [argument.arg for argument in changed.args.args]
    for argument in list(changed.args.args):
        if argument.arg == name:
            if other in names:
                continue  # it is asked for already; the name asked for in vain is one NumPy never sees
            argument.arg = other
    for node in ast.walk(changed):
        if isinstance(node, ast.Name) and node.id == name:
            node.id = other
    return changed
