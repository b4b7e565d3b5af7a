"""Runs sent to another address, any that fsspec knows: the manifest goes last, so no reader meets half a run."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dealgrid.inputs.address import opened, read_address, said_clearly, shown
from dealgrid.problems import InputError, Problem, RunError
from dealgrid.runs import store
from dealgrid.runs.review import files_wrong

CHUNK = 1 << 22  # bytes read at once
WITHOUT_FOLDERS = {
    "s3",
    "s3a",
    "gs",
    "gcs",
    "abfs",
    "abfss",
    "az",
    "adl",
    "oss",
    "oci",
}  # there, making one makes a bucket

Progress = Callable[[int, int], None]  # how many files are there, of how many


@dataclass(frozen=True)
class Sent:
    """A run that is whole at another address: where, how many files were sent now, and how many were there before."""

    address: str
    sent: int
    kept: int


@dataclass(frozen=True)
class _Place:
    """The folder of a run at an address; `mine` begins the names of what this sender is writing there."""

    files: Any
    folder: str
    digest: str
    mine: str

    def path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def names(self) -> list[str]:
        """What lies in the folder itself."""
        self.files.invalidate_cache()
        try:
            return [str(path).rsplit("/", 1)[-1] for path in self.files.ls(self.folder, detail=False)]
        except FileNotFoundError:
            return []

    def content(self, name: str) -> bytes | None:
        """A small file; None where there is none."""
        self.files.invalidate_cache()
        try:
            return bytes(self.files.cat_file(self.path(name)))
        except FileNotFoundError:
            return None

    def has(self, path: str, digest: str, size: int) -> bool:
        """Whether a file is there and reads back as it should."""
        self.files.invalidate_cache()
        try:
            if self.files.info(path)["size"] != size:
                return False
            found = hashlib.sha256()
            with self.files.open(path, "rb") as file:
                while part := file.read(CHUNK):
                    found.update(part)
        except FileNotFoundError:
            return False
        return found.hexdigest() == digest


def send(run: store.Listed, address: str, progress: Progress = lambda there, of: None) -> Sent:
    """Copy a finished run to `ADDRESS/<name>/<run>/`, reading every file back; what is there already stays.

    The address may be in a variable of the environment, which is then named instead. Each file takes its name when it
    is whole, the manifest after all others. Sending again completes a send that was interrupted; several may send at
    once. InputError for a run that is not done or an address that cannot be used. RunError where another run stands
    there, the run here is damaged, or the address fails: the run here is untouched.
    """
    address = read_address(address)
    if run.status != store.DONE:
        raise InputError(
            Problem(run.run, f"the run is {run.status}", "a run that is done", "finish it, or send another")
        )
    wrong = files_wrong(run)
    if wrong:
        raise RunError(Problem(run.run, "; ".join(wrong), "a run as it was written", "make it again"))
    manifest = (run.folder / store.MANIFEST).read_bytes()
    files = {name: (str(each["sha256"]), int(each["bytes"])) for name, each in run.manifest["files"].items()}
    what = f"the run could not be sent to {shown(address)}"
    advice = f"the run is whole here; then `dealgrid runs send {run.run} ADDRESS` goes on"
    with said_clearly(address, run.run, what, "write", advice):
        place = _place(run, address, hashlib.sha256(manifest).hexdigest())
        try:
            _claim(place, run, address, manifest)
            kept = 0
            for done, (name, (digest, size)) in enumerate(sorted(files.items())):
                progress(done, len(files) + 1)
                kept += not _put(place, run.folder / name, name, digest, size)
            _put(place, run.folder / store.MANIFEST, store.MANIFEST, place.digest, len(manifest))
            progress(len(files) + 1, len(files) + 1)
        except BaseException:
            _tidy(place, place.mine)
            raise
        _tidy(place, store.PART)  # also what killed senders left: all files have their names
        return Sent(shown(f"{address.rstrip('/')}/{run.run}"), len(files) - kept, kept)


def _place(run: store.Listed, address: str, digest: str) -> _Place:
    files, root = opened(address)
    return _Place(files, f"{root}/{run.run}", digest, f"{store.PART}{digest[:16]}-{uuid.uuid4().hex[:8]}")


def _claim(place: _Place, run: store.Listed, address: str, manifest: bytes) -> None:
    """Say that this run is being sent here, then look whether another one is, or stands here; RunError if so.

    Who says it first and looks second is seen by everybody who does the same.
    """
    _make_folder(place, place.folder)
    with place.files.open(place.path(place.mine), "wb") as file:
        file.write(run.run.encode())
    own = f"{store.PART}{place.digest[:16]}"
    others = [name for name in place.names() if name.startswith(store.PART) and not name.startswith(own)]
    there = place.content(store.MANIFEST)
    if others or (there is not None and not manifest.startswith(there)):  # a part of our own was interrupted
        what = f"another run is being sent to {shown(address)} by this name" if others else (
            f"another run of this name stands at {shown(address)}")  # fmt: skip
        raise RunError(Problem(run.run, what, "a place that is free", "send to another address, or delete it there"))


def _put(place: _Place, source: Path, name: str, digest: str, size: int) -> bool:
    """Send a file unless it is there: beside its place, read back, then renamed. False if it was there."""
    target, part = place.path(name), place.path(f"{place.mine}-part")
    if place.has(target, digest, size):
        return False
    _make_folder(place, target.rpartition("/")[0])
    try:
        with source.open("rb") as file, place.files.open(part, "wb") as there:
            while content := file.read(CHUNK):
                there.write(content)
        if place.has(part, digest, size):
            place.files.mv(part, target)
    except FileNotFoundError:  # somebody who sends the same run has finished and tidied up
        if not place.has(target, digest, size):
            raise
    if not place.has(target, digest, size):
        raise OSError(f"{name} does not read back as it was written")
    return True


def _make_folder(place: _Place, folder: str) -> None:
    said = place.files.protocol
    if WITHOUT_FOLDERS.isdisjoint([said] if isinstance(said, str) else said):
        place.files.makedirs(folder, exist_ok=True)


def _tidy(place: _Place, begins: str) -> None:
    """Take away files that are being written; what cannot be is left, since no reader looks at it."""
    with contextlib.suppress(Exception):
        for name in place.names():
            if name.startswith(begins):
                with contextlib.suppress(Exception):
                    place.files.rm_file(place.path(name))
