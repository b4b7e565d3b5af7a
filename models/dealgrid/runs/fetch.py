"""Runs opened wherever they are: from an address, what is needed of them is fetched into a folder that goes again."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from dealgrid.inputs.address import is_elsewhere, opened, read_address, said_clearly, shown
from dealgrid.problems import Problem, RunError
from dealgrid.runs import store

NOT_WHOLE = "it has not arrived whole"

Progress = Callable[[int, int], None]  # how many files are there, of how many


@dataclass(frozen=True)
class Runs:
    """The runs of a reports folder, the newest last; `where` is how it is called, without secrets."""

    runs: tuple[store.Listed, ...]
    where: str
    address: str = dataclasses.field(default="", repr=False)  # empty for a folder of this machine
    files: Any = None  # the file system behind the address
    root: str = ""

    def find(self, run: str) -> store.Listed:
        """A run by name, as `store.find_run`, of which only the manifest need be at hand."""
        return store.find_among(self.runs, run, self.where)

    def whole(self, run: store.Listed, progress: Progress = lambda there, of: None) -> store.Listed:
        """The run with its files at hand as they lie there, whether they are as written or not.

        What lies there beside them is at hand as an empty file. RunError where the address fails.
        """
        said = [*run.manifest.get("files", {})]
        if not self._is_to_fetch(run, said):
            return run
        with self._clearly(run):
            for done, name in enumerate(said):
                progress(done, len(said))
                self._fetch(run, name)
            for name in self._beside(run, said):
                (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (run.folder / name).touch()
        progress(len(said), len(said))
        return run

    def with_file(self, run: store.Listed, name: str) -> store.Listed:
        """The run with one file at hand, if it has it. RunError where it is not as written, or the address fails."""
        said = run.manifest.get("files", {}).get(name)
        if said is None or not self._is_to_fetch(run, [name]):
            return run
        with self._clearly(run):
            self._fetch(run, name)
        path = run.folder / name
        if path.is_file() and store.digest(path) != said.get("sha256"):
            what, advice = f"{name} is not what was written", "send the run again from where it was made"
            raise RunError(Problem(run.run, what, "a run as it was written", advice))
        return run

    def _is_to_fetch(self, run: store.Listed, names: list[str]) -> bool:
        outside = [name for name in names if not _stays_inside(name)]
        if outside and self.address:
            what = f"its {store.MANIFEST} names files outside its folder: {', '.join(map(repr, outside))}"
            raise RunError(Problem(run.run, what, "files of the run alone", "do not trust it: find out who wrote it"))
        return bool(self.address) and run.status == store.DONE

    def _fetch(self, run: store.Listed, name: str) -> None:
        """Bring a file here; nothing where there is none."""
        path, target = f"{self.root}/{run.run}/{name}", run.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.files.info(path)  # asked first: FTP calls whatever it cannot give by one name
            self.files.get_file(path, str(target))
        except FileNotFoundError:
            target.unlink(missing_ok=True)

    def _beside(self, run: store.Listed, said: list[str]) -> list[str]:
        """The files that lie in the folder of a run and are not its own; not those that are being written."""
        folder = f"{self.root}/{run.run}"
        names = [str(path).partition(f"{run.run}/")[2] for path in self.files.find(folder)]
        known = {*said, store.MANIFEST, ""}
        return [name for name in names if name not in known and not name.startswith(store.PART) and _stays_inside(name)]

    def _clearly(self, run: store.Listed) -> contextlib.AbstractContextManager[None]:
        return _clearly(self.address, run.run, "the run cannot be fetched")


@contextlib.contextmanager
def open_runs(reports: Path | str) -> Iterator[Runs]:
    """The runs of a folder, of an address, or of the address in a variable of the environment; see `read_address`.

    From an address come the manifests; `Runs` fetches the rest where it is asked for. A run whose manifest, which is
    sent last, is not there or not whole is unfinished. InputError for what is no address, RunError where it fails.
    """
    address = reports if isinstance(reports, Path) else read_address(reports)
    if isinstance(address, Path) or not is_elsewhere(address):
        yield Runs(tuple(store.list_runs(Path(address))), Path(address).name)
        return
    with tempfile.TemporaryDirectory(prefix="dealgrid-", ignore_cleanup_errors=True) as place:
        with _clearly(address, shown(address), "the runs cannot be read"):
            files, root = opened(address)
            _mirror(files, root, Path(place))
        runs = store.list_runs(Path(place))
        told = (dataclasses.replace(run, note=NOT_WHOLE) if _is_half_sent(run) else run for run in runs)
        yield Runs(tuple(told), shown(address), address, files, root)


def _mirror(files: Any, root: str, here: Path) -> None:
    """A reports folder with all the runs of another, their manifests alone."""
    names = [name for name in _names(files, root) if store.NAME.fullmatch(name)]
    found = [(name, folder) for name in names for folder in _names(files, f"{root}/{name}")]
    found = [(name, folder) for name, folder in found if store.place_of(folder)]
    paths = [f"{root}/{name}/{folder}/{store.MANIFEST}" for name, folder in found]
    contents = files.cat_ranges(paths, None, None) if paths else []
    for (name, folder), content in zip(found, contents, strict=True):
        if isinstance(content, Exception) and not isinstance(content, (FileNotFoundError, NotADirectoryError)):
            raise content
        place = store.place_of(folder) or folder
        is_whole = isinstance(content, bytes) and bool(store.read_manifest(content))
        copy = here / name / (folder if is_whole else store.hidden_name(place))
        copy.mkdir(parents=True, exist_ok=True)
        if is_whole:
            (copy / store.MANIFEST).write_bytes(content)


def _names(files: Any, folder: str) -> list[str]:
    """What lies in a folder; nothing where there is none."""
    try:
        return [str(path).rstrip("/").rpartition("/")[2] for path in files.ls(folder, detail=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_half_sent(run: store.Listed) -> bool:
    return run.status != store.DONE and not run.manifest


def _stays_inside(name: str) -> bool:
    """Whether a file of that name lies inside the folder it is named from, on any system."""
    parts = PurePosixPath(name).parts
    return bool(parts) and ".." not in parts and PureWindowsPath(name).anchor == "" and "\\" not in name


def _clearly(address: str, where: str, what: str) -> contextlib.AbstractContextManager[None]:
    advice = "see whether it is reachable from here, and who may read there"
    what = f"{what} at {shown(address)}" if where != shown(address) else what
    return said_clearly(address, where, what, "read", advice)
