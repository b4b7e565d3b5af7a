"""Opens the files of the inputs: finds them, reads their text, writes them in one step."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from dealgrid.inputs.complaints import Complaints, quoted
from dealgrid.inputs.yaml_text import Mapped, read_yaml, what_it_is

LARGEST = 1_000_000  # bytes; a parameter file has some ten thousand
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
STEM = re.compile(r"[a-z0-9][a-z0-9_-]*")


def shown(path: Path) -> str:
    """A path as messages give it: from the current directory where it is inside, else as it was given."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return str(path)


def yaml_files(folder: Path, complaints: Complaints) -> list[Path]:
    """The `.yaml` files of a folder in alphabetical order; every other thing in it that is not hidden is a problem."""
    there = complaints.at(shown(folder))
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        there.add(f"the folder cannot be read: {error.strerror}", "a folder of .yaml files", "check the path")
        return []
    for path in paths:
        if path.suffix != ".yaml" or not path.is_file():
            complaints.at(shown(path)).add("this is not a .yaml file and would be ignored", "only .yaml files here",
                                           "rename it to end in .yaml, or move it elsewhere")  # fmt: skip
        elif not STEM.fullmatch(path.stem):
            complaints.at(shown(path)).add(f"the file name {quoted(path.stem)} cannot be a name",
                                           "lowercase letters, digits, underscores and hyphens",
                                           "rename the file")  # fmt: skip
    usable = [path for path in paths if path.suffix == ".yaml" and path.is_file() and STEM.fullmatch(path.stem)]
    if not paths:
        there.add("the folder is empty", "at least one .yaml file", "check the path, or add a file")
    return usable


def read_text(path: Path, complaints: Complaints) -> str | None:
    """The text of a file; None, with the problem noted, where it has none."""
    there = complaints.at(shown(path))
    try:
        size = path.stat().st_size
        content = path.read_bytes() if path.is_file() and size <= LARGEST else None
    except (OSError, ValueError) as error:
        there.add(f"the file cannot be read: {getattr(error, 'strerror', None) or error}", f"a {path.suffix} file",
                  "check the path and the permissions")  # fmt: skip
        return None
    if content is None:
        there.add(f"this is not a file of at most {LARGEST:,} bytes", f"a small {path.suffix} file", "check the path")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        there.add(f"byte {error.start + 1} is not UTF-8", "a text saved as UTF-8",
                  "save the file as UTF-8 in your editor", content.count(b"\n", 0, error.start) + 1)  # fmt: skip
        return None


def read_mapping(path: Path, complaints: Complaints) -> Mapped | None:
    """The mapping a file holds; None, with the problems noted, where it holds none."""
    text = read_text(path, complaints)
    there = complaints.at(shown(path))
    root = None if text is None else read_yaml(text, there)
    if root is not None and not isinstance(root, Mapped):
        there.add(f"the file holds {what_it_is(root)}", "a mapping: a `key: value` on each line",
                  "begin each entry with its name and a colon", root.line)  # fmt: skip
        return None
    return root


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: a reader sees the old one or the new one, never half."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """The same for bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path, content)
    try:
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_together(texts: Mapping[Path, str]) -> None:
    """Write several files that are there, all or none: what is written already is put back where a later one fails."""
    before = {path: path.read_bytes() for path in texts}
    staged: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for path, text in texts.items():
            staged[path] = _beside(path, text.encode())
        for path, beside in staged.items():
            beside.replace(path)
            done.append(path)
    except BaseException:
        for path in done:
            write_bytes(path, before[path])
        raise
    finally:
        for beside in staged.values():
            beside.unlink(missing_ok=True)


def _beside(path: Path, content: bytes) -> Path:
    """The content in a file next to the one it is for, with that one's permissions, else with those usual here."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with os.fdopen(os.open(beside, NEW, 0o666), "wb") as file:
        try:
            file.write(content)
            if path.exists():
                beside.chmod(path.stat().st_mode & 0o777)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    return beside
