"""What a worker of another machine is sent of a project, so that it needs nothing but the same program."""

from __future__ import annotations

import contextlib
import io
import platform
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dealgrid.deal import Deal
from dealgrid.problems import Problem, RunError
from dealgrid.runs import recipe


@dataclass(frozen=True)
class Parcel:
    """The parameters and one notebook of a project as a ZIP, and the program that must be there to read them."""

    files: bytes
    deal: str
    sheets: Mapping[str, str]
    machine: Mapping[str, str]


def packed(deal: Deal, notebook: Path) -> Parcel:
    """A parcel of a deal's project with a notebook, which lies in it."""
    params = (path for path in sorted((deal.root / "params").rglob("*")) if path.is_file())
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as files:
        for path in [*params, notebook]:
            files.write(path, path.relative_to(deal.root).as_posix())
    return Parcel(content.getvalue(), deal.name, recipe.sheets(deal.name), recipe.machine())


@contextlib.contextmanager
def unpacked(parcel: Parcel) -> Iterator[Path]:
    """The project of a parcel, in a folder that is there as long as this lasts."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(parcel.files)) as files:
            files.extractall(folder)
        yield Path(folder)


def refuse_other_program(parcel: Parcel) -> None:
    """RunError, naming this machine, where the deal or the program here is not the one the parcel was packed with."""
    where = f"the worker on {platform.node()}"
    try:
        here = recipe.sheets(parcel.deal)
    except ModuleNotFoundError:
        what = f"the deal {parcel.deal} is not installed there"
        raise RunError(Problem(where, what, "the same deal as here", "install it there")) from None
    told = [name for name in sorted({*here, *parcel.sheets}) if here.get(name) != parcel.sheets.get(name)]
    machine = recipe.machine()
    if machine != parcel.machine:
        versions = machine["version"], parcel.machine["version"]
        told.append("dealgrid " + (" instead of ".join(versions) if versions[0] != versions[1] else versions[0]))
    if told:
        what = f"its program is another one than here: {', '.join(told)}"
        raise RunError(Problem(where, what, "the very same files", "bring it up to date, or leave that worker out"))
