"""Sheets from a text, for tests that need one with a fault in it, and books from such sheets."""

import linecache
from types import ModuleType

from dealgrid.engine.book import Book, collect
from dealgrid.problems import ModelError

IMPORTS = "import numpy as np\nfrom dealgrid.engine.words import *\n"  # rows begin on line 3


def sheet(rows: str, name: str = "stand") -> ModuleType:
    """A module as if read from `<name>.py`; Python can show its lines, as of a file."""
    text = IMPORTS + rows.strip("\n") + "\n"
    module = ModuleType(f"lemonade.{name}")
    module.__file__ = f"{name}.py"
    linecache.cache[module.__file__] = (len(text), None, text.splitlines(keepends=True), module.__file__)
    exec(compile(text, module.__file__, "exec"), module.__dict__)
    return module


def row(formula: str, *ingredients: str, name: str = "taste", unit: str = "number", shape: str = "rate") -> str:
    """The text of one row, three lines."""
    return f'def {name}({", ".join(ingredients)}):\n    """Taste. [{unit}, {shape}]"""\n    return {formula}\n'


def book_of(*rows: str, scalars: str = "", columns: str = "") -> Book:
    """A book of one sheet; `scalars` and `columns` are names with blanks between."""
    return collect([sheet("".join(rows))], scalars.split(), columns.split())


def complaints(*rows: str, scalars: str = "", columns: str = "") -> list[str]:
    """What `collect` finds wrong with one sheet."""
    return complaints_of(sheet("".join(rows)), scalars=scalars, columns=columns)


def complaints_of(*sheets: ModuleType, scalars: str = "", columns: str = "") -> list[str]:
    """What `collect` finds wrong with sheets."""
    try:
        collect(sheets, scalars.split(), columns.split())
    except ModelError as error:
        return [str(problem) for problem in error.problems]
    return []
