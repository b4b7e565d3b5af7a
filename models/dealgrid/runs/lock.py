"""A lock between processes that ends with the process holding it, however that ends."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PATIENCE, PAUSE = 0.2, 0.02  # seconds
_OURS: set[str] = set()  # the system's lock lets a process take again what it holds, so we remember


class HeldError(Exception):
    """Another process, or another part of this one, holds the lock."""


@contextlib.contextmanager
def held(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock that a file stands for; the file comes and goes with it. HeldError if somebody has it.

    A child made by fork does not have it, so it ends with the process that took it, also by a kill; the file then
    stays, and means nothing. `patience` is in seconds: a look by `is_held` takes the lock for a moment. OSError
    where the file cannot be opened for writing.
    """
    key = os.path.realpath(path)
    until = time.monotonic() + patience
    while (file := _taken(path, key)) is None:
        if time.monotonic() > until:
            raise HeldError
        time.sleep(PAUSE)
    _OURS.add(key)
    try:
        yield
    finally:
        _OURS.discard(key)
        with contextlib.suppress(OSError):  # Windows: not while it is open
            path.unlink()
        file.close()


def _taken(path: Path, key: str) -> IO[bytes] | None:
    """The open file, its lock ours; None where somebody has the lock."""
    if key in _OURS:
        return None
    file = path.open("a+b")
    try:
        _take(file)
        if _is_same(path, file):
            return file
    except HeldError:
        pass
    file.close()
    return None


def _is_same(path: Path, file: IO[bytes]) -> bool:
    """Whether the file is still there: who held the lock before may have deleted it since we opened it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock of a file now; no file, no lock."""
    if os.path.realpath(path) in _OURS:
        return True  # and the file stays unopened: closing it again would end our own lock
    try:
        with path.open("r+b") as file:
            _take(file)
    except HeldError:
        return True
    except OSError:  # not there, or not ours to open
        return False
    return False


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise HeldError from error

else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # lockf, not flock: a forked kernel must not inherit it
        except (BlockingIOError, PermissionError) as error:
            raise HeldError from error
