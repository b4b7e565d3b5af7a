"""A small place to run in: the deal's own parameter files, and a notebook of a few lines."""

import shutil
from pathlib import Path

import nbformat
import pytest

from dealgrid import Deal
from dealgrid.inputs.schedules import Schedule, read_schedules

ROOT = Path(__file__).resolve().parents[2]
PARAMETERS = """\
scenario: str = "new_deal"  # the case
against: str = "status_quo"  # what it is set against
settings: dict[str, str] = {}  # on top of both
rounds: int = 1
share: float | None = None"""
WORK = """\
from dealgrid import Deal
from dealgrid.inputs.schedules import Schedule, read_schedules
case = Deal.load().case(scenario, set=settings)
print(f"{case['microsoft_value']:.6f}")"""


def write_notebook(path: Path, *cells: str, parameters: str = PARAMETERS) -> Path:
    heading = nbformat.v4.new_markdown_cell(
        "# What it is worth\n\nUS$ 13.75bn went in, and <none> came out.", id="heading"
    )
    given = nbformat.v4.new_code_cell(parameters, id="given", metadata={"tags": ["parameters"]})
    work = [nbformat.v4.new_code_cell(cell, id=f"work-{place}") for place, cell in enumerate(cells)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[heading, given, *work], metadata={"kernelspec": kernel}), path)
    return path


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "params", root / "params")
    write_notebook(root / "notebooks" / "00_start_here.ipynb", WORK)
    return root


@pytest.fixture(scope="session")
def deal(place: Path) -> Deal:
    return Deal.load(root=place)


def schedules_of(folder: Path, given: dict[str, dict[str, object]]) -> dict[str, Schedule]:
    """Schedules read from a file, each with what it needs unless it is given."""
    usual = {"title": "A report", "cron": "0 6 * * *", "time_zone": "UTC", "run": "report",
             "scenarios": "[status_quo, new_deal]"}  # fmt: skip
    lines = []
    for name, each in given.items():
        lines += [
            f"{name}:",
            *(
                f"  {key}: " + (f'"{value}"' if key == "cron" else str(value))
                for key, value in {**usual, **each}.items()
            ),
        ]
    path = folder / "schedules.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_schedules(path, ["status_quo", "new_deal"])
