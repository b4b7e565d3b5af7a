"""Who may import whom, read from the import statements themselves."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import resolve_name
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
FILES = sorted(MODELS.rglob("*.py"))
# From the top down; a room imports from the floors below its own, never from beside or above.
FLOORS = [
    ["cli"],
    [""],  # dealgrid/__init__.py, the front door
    ["runs", "explore", "app", "exchange"],  # exchange writes what output can write, to compare what comes back
    ["output"],
    ["analysis"],
    ["parcel"],
    ["deal"],
    ["explain"],
    ["pins"],
    ["inputs", "engine"],
    ["workers"],
    ["problems", "dates", "story"],
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
FOR_SHEETS = {"__future__", "numpy", "dealgrid.engine.words"}
FOR_FRONT = {"dealgrid.story"}  # a deal's __init__ lists its sheets and tells its story
LIGHT = {"numpy", "pandas"}  # the two that may be imported in several files
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEALS = set(PROJECT["entry-points"]["dealgrid.deals"].values())
ASKED_FOR = {
    canonicalize_name(Requirement(line).name)
    for lines in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for line in lines
}
LIBRARIES = {
    name for name, sources in packages_distributions().items() if {*map(canonicalize_name, sources)} & ASKED_FOR
}


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(MODELS).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(file) for file in FILES}


def imports(file: Path) -> set[str]:
    """Full names of the modules a file imports, wherever in the file; `from a import b` is a.b if that is a module."""
    package = module_of(file) if file.name == "__init__.py" else module_of(file).rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            deeper = {f"{source}.{alias.name}" for alias in node.names}
            found |= deeper & MODULES | ({source} if deeper - MODULES else set())
    return found


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def name(file: Path) -> str:
    return file.relative_to(MODELS).as_posix()


def test_every_file_has_a_place_in_the_table() -> None:
    unplaced = [file for file in FILES if file.relative_to(MODELS).parts[0] not in DEALS]
    assert [
        name(file)
        for file in unplaced
        if name(file).split("/")[0] != "dealgrid" or room(module_of(file)) not in FLOOR_OF
    ] == []


@pytest.mark.parametrize("file", [file for file in FILES if name(file).startswith("dealgrid/")], ids=name)
def test_a_room_imports_only_from_floors_below(file: Path) -> None:
    here = room(module_of(file))
    others = {module for module in imports(file) if module.split(".")[0] == "dealgrid" and room(module) != here}
    assert {module for module in others if FLOOR_OF[room(module)] <= FLOOR_OF[here]} == set()


@pytest.mark.parametrize(("part", "below"), [("ops", set()), ("row", {"dealgrid.engine.ops"})])
def test_operations_and_rows_stand_below_the_rest_of_the_engine(part: str, below: set[str]) -> None:
    own = {module for module in imports(MODELS / "dealgrid" / "engine" / f"{part}.py") if "engine" in module}
    assert own <= below


@pytest.mark.parametrize("file", [file for file in FILES if file.relative_to(MODELS).parts[0] in DEALS], ids=name)
def test_a_sheet_imports_only_numpy_and_the_words(file: Path) -> None:
    own = {module for module in imports(file) if module.split(".")[0] == file.parent.name}
    assert imports(file) - (own | FOR_FRONT if file.name == "__init__.py" else set()) <= FOR_SHEETS


def test_the_machine_knows_no_deal_and_no_library_it_does_not_ask_for() -> None:
    allowed = {"dealgrid", *sys.stdlib_module_names, *LIBRARIES}
    machine = [file for file in FILES if file.relative_to(MODELS).parts[0] not in DEALS]
    found = {(name(file), module.split(".")[0]) for file in machine for module in imports(file)}
    assert {pair for pair in found if pair[1] not in allowed} == set()


def library_of(module: str) -> str:
    """SciPy is many libraries in one, each imported by itself: scipy.stats, scipy.sparse."""
    return ".".join(module.split(".")[: 2 if module.startswith("scipy.") else 1])


def test_each_heavy_library_has_one_importing_file() -> None:
    users: dict[str, set[str]] = {}
    for file in FILES:
        heavy = {module for module in imports(file) if module.split(".")[0] in LIBRARIES - LIGHT}
        for library in {library_of(module) for module in heavy}:
            # The command is one thing in several files, all of them in the words of its library.
            users.setdefault(library, set()).add("dealgrid/cli" if room(module_of(file)) == "cli" else name(file))
    assert {library: files for library, files in users.items() if len(files) > 1} == {}


def test_import_dealgrid_imports_no_heavy_library() -> None:
    # pandas is imported first: what it brings along by itself (pyarrow) is not ours.
    program = "import sys, numpy, pandas; before = set(sys.modules); import dealgrid; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    new = {module.split(".")[0] for module in run.stdout.split()}
    assert "dealgrid" in new
    assert new & LIBRARIES == set()
