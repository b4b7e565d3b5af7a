"""What a worker of another machine is sent of a project, so that it needs nothing but the same program."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.metadata
import io
import json
import platform
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dealgrid.deal import Deal
from dealgrid.problems import Problem, RunError

PACKAGE = "dealgrid"


@dataclass(frozen=True)
class Parcel:
    """The parameters of a project as a ZIP, and files beside them; and the program that must be there to read them."""

    files: bytes
    deal: str
    sheets: Mapping[str, str]
    machine: Mapping[str, str]


def packed(deal: Deal, *files: Path) -> Parcel:
    """A parcel of a deal's project, with files that lie in it, such as a notebook."""
    params = (path for path in sorted((deal.root / "params").rglob("*")) if path.is_file())
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for path in [*params, *files]:
            made.write(path, path.relative_to(deal.root).as_posix())
    return Parcel(content.getvalue(), deal.name, sheets(deal.name), machine())


@contextlib.contextmanager
def unpacked(parcel: Parcel) -> Iterator[Path]:
    """The project of a parcel, in a folder that is there as long as this lasts."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(parcel.files)) as files:
            files.extractall(folder)
        yield Path(folder)


def opened(parcel: Parcel) -> Deal:
    """The deal of a parcel. RunError, naming this machine, where the program here is another one."""
    refuse_other_program(parcel)
    with unpacked(parcel) as folder:
        return Deal.load(parcel.deal, folder)


def opened_by_worker(deal: str, root: str, sent: Parcel | None) -> Deal:
    """The deal a worker works on: that of the project's folder, or of what was sent of it."""
    return opened(sent) if sent else Deal.load(deal, Path(root))


def refuse_other_program(parcel: Parcel) -> None:
    """RunError, naming this machine, where the deal or the program here is not the one the parcel was packed with."""
    where = f"the worker on {platform.node()}"
    try:
        here = sheets(parcel.deal)
    except ModuleNotFoundError:
        what = f"the deal {parcel.deal} is not installed there"
        raise RunError(Problem(where, what, "the same deal as here", "install it there")) from None
    told = [name for name in sorted({*here, *parcel.sheets}) if here.get(name) != parcel.sheets.get(name)]
    program = machine()
    if program != parcel.machine:
        versions = program["version"], parcel.machine["version"]
        told.append("dealgrid " + (" instead of ".join(versions) if versions[0] != versions[1] else versions[0]))
    if told:
        what = f"its program is another one than here: {', '.join(told)}"
        raise RunError(Problem(where, what, "the very same files", "bring it up to date, or leave that worker out"))


def sheets(deal: str) -> dict[str, str]:
    """SHA-256 of each sheet of an installed deal, by path from the folder its package lies in."""
    package = Path(str(importlib.import_module(deal).__file__)).parent
    return hashes(sorted(package.glob("*.py")), package.parent)


def machine() -> dict[str, str]:
    """The version of this program, and the SHA-256 of all its sources together."""
    here = Path(__file__).parent
    sources = hashes(sorted(here.rglob("*.py")), here)
    return {
        "version": importlib.metadata.version(PACKAGE),
        "sha256": hashlib.sha256(json.dumps(sources).encode()).hexdigest(),
    }


def hashes(files: Iterable[Path], root: Path) -> dict[str, str]:
    """SHA-256 by path from `root`; a file elsewhere is known by its name alone."""
    return {
        (path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in files
    }
