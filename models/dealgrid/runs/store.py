"""The store of runs: each a folder written out of sight, moved in by one rename and never changed afterwards."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dealgrid.deal import Case, Deal
from dealgrid.problems import Problem, RunError

MANIFEST = "manifest.json"
NUMBERS = "numbers.parquet"
LATEST = "latest.txt"  # a text, because making a symbolic link needs special rights on Windows
UNFINISHED = ".unfinished"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
RUN = re.compile(r"(?P<time>\d{8}T\d{6}Z)-(?P<hash>[0-9a-f]{8})")
TIME = "%Y%m%dT%H%M%SZ"
PACKAGE = "dealgrid"
READ_ONLY = 0o444
DONE, FAILED = "done", "failed"
PATIENCE = 10  # seconds that git may take to answer
WAIT = 0.05  # seconds between two attempts to claim a place
_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[\\/](?:[^\s:'\"\\/]+[\\/])+")  # of this machine, in an error's words


@dataclass(frozen=True)
class Recipe:
    """What a run is made from: enough to make it again.

    `settings` are texts as `--set` takes them; `inputs` and `sheets` map files to the SHA-256 of their bytes,
    `inputs` from the deal's folder, `sheets` from the folder its package lies in.
    """

    kind: str
    deal: str
    scenarios: tuple[str, ...]
    settings: Mapping[str, str]
    seed: int | None
    inputs: Mapping[str, str]
    sheets: Mapping[str, str]
    code: Mapping[str, Any]
    packages: Mapping[str, str]
    python: str

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits: the same for runs made from the same."""
        text = json.dumps(vars(self), sort_keys=True, default=dict)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass
class Draft:
    """A run that is being written. `folder` takes its files; `run` is the name it will be known by."""

    folder: Path
    name: str
    place: str
    recipe: Recipe
    started: dt.datetime
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def run(self) -> str:
        """`<name>/<UTC time>-<hash>`."""
        return f"{self.name}/{self.place}"

    def write(self, file: str, content: bytes | str) -> None:
        """Write one file of the run."""
        (self.folder / file).write_bytes(content.encode() if isinstance(content, str) else content)

    @contextlib.contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Note how many seconds a step takes."""
        begun = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - begun, 3)


@dataclass(frozen=True)
class Listed:
    """One line of the list of runs; `status` is done, unfinished or failed."""

    run: str
    name: str
    status: str
    started: str  # ISO, UTC
    folder: Path


def recipe(
    deal: Deal,
    kind: str,
    scenarios: Sequence[str],
    settings: Mapping[str, str],
    files: Iterable[Path] = (),
    seed: int | None = None,
) -> Recipe:
    """What a run of a deal is made from; `files` are inputs beside the parameter files, such as a notebook."""
    params = sorted((deal.root / "params").rglob("*.yaml"))
    package = Path(str(importlib.import_module(deal.name).__file__)).parent
    machine = Path(__file__).parents[1]
    return Recipe(
        kind=kind,
        deal=deal.name,
        scenarios=tuple(scenarios),
        settings=dict(settings),
        seed=seed,
        inputs=_hashes([*params, *files], deal.root),
        sheets=_hashes(sorted(package.glob("*.py")), package.parent),
        code=_code(machine, deal.root),
        packages=_packages(),
        python=platform.python_version(),
    )


@contextlib.contextmanager
def new_run(reports: Path, name: str, made_from: Recipe) -> Iterator[Draft]:
    """A folder to write a run into; `publish` it before leaving. RunError where it cannot be written.

    What is left behind by an error stays in the unfinished folder, with a manifest that says it failed; what is
    left by a kill or Ctrl-C stays there without one.
    """
    if not NAME.fullmatch(name):
        raise RunError(
            Problem(
                "reports", f"{name!r} cannot name a run", "lowercase letters, digits, - and _", "choose another name"
            )
        )
    with _said_clearly(reports):
        draft = _begin(reports, name, made_from)
    try:
        with _said_clearly(reports):
            yield draft
    except Exception as error:
        with contextlib.suppress(OSError):  # a full disk; the first error is the one to be told
            (draft.folder / MANIFEST).unlink(missing_ok=True)  # a finished one is read-only
            draft.write(MANIFEST, _text(_manifest(draft, FAILED, {}, {}) | {"error": _FOLDERS.sub("…/", str(error))}))
        raise


def publish(draft: Draft, cases: Iterable[Case]) -> Path:
    """Write the manifest, move the finished run to its place by one rename, and point `latest.txt` at it."""
    checks = {case.scenario: list(case.checks.failed) for case in cases}
    files = {
        path.relative_to(draft.folder).as_posix(): _seal(path)
        for path in sorted(draft.folder.rglob("*"))
        if path.is_file()
    }
    draft.write(MANIFEST, _text(_manifest(draft, DONE, files, checks)))
    _seal(draft.folder / MANIFEST)
    home = draft.folder.parent
    final = home / draft.place
    draft.folder.rename(final)
    _flush_folder(home)
    _point(home)
    return final


def write_numbers(draft: Draft, cases: Sequence[Case]) -> None:
    """All rows of all cases as one long table: scenario, row, label, unit, shape, sheet, period, value.

    `period` is empty (null) for `once` rows. Values are the case's own, bit for bit.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {
        key: [] for key in ("scenario", "row", "label", "unit", "shape", "sheet", "period", "value")
    }
    for case in cases:
        for row in case.deal.book.rows.values():
            values = [float(case.values[row.name])] if row.is_once else case.values[row.name].tolist()
            same = (case.scenario, row.name, row.label, row.unit, row.shape, row.sheet)
            for key, value in zip(columns, same, strict=False):
                columns[key] += [value] * len(values)
            columns["period"] += [None] if row.is_once else case.calendar.periods
            columns["value"] += [float(value) for value in values]
    types = {"value": pa.float64(), "period": pa.string()}
    words = pa.dictionary(pa.int32(), pa.string())
    table = pa.table({key: pa.array(column, types.get(key, words)) for key, column in columns.items()})
    pq.write_table(table, draft.folder / NUMBERS, compression="zstd")


def list_runs(reports: Path) -> list[Listed]:
    """Every run of a reports folder, the newest last; none where there is no such folder."""
    runs = []
    for path in reports.glob("*/*") if reports.is_dir() else ():
        place = path.name.removeprefix(".").removesuffix(UNFINISHED)
        found = RUN.fullmatch(place)
        if not found or not path.is_dir():
            continue
        begun = dt.datetime.strptime(found["time"], TIME).replace(tzinfo=dt.UTC)
        status = DONE if path.name == place else FAILED if _says_failed(path) else UNFINISHED.removeprefix(".")
        runs.append(Listed(f"{path.parent.name}/{place}", path.parent.name, status, begun.isoformat(), path))
    return sorted(runs, key=lambda run: (run.started, run.run))


def _begin(reports: Path, name: str, made_from: Recipe) -> Draft:
    """Claim a place: `mkdir` succeeds for one of many at once, the others take the next second."""
    home = reports / name
    home.mkdir(parents=True, exist_ok=True)
    while True:
        started = dt.datetime.now(dt.UTC)
        place = f"{started.strftime(TIME)}-{made_from.hash}"
        hidden = home / f".{place}{UNFINISHED}"
        try:
            hidden.mkdir()
        except FileExistsError:
            time.sleep(WAIT)
            continue
        # Who held the place before may have finished in between: then the run is there already.
        if not (home / place).exists():
            return Draft(hidden, name, place, made_from, started)
        hidden.rmdir()
        time.sleep(WAIT)


@contextlib.contextmanager
def _said_clearly(reports: Path) -> Iterator[None]:
    """A folder that is missing, read-only or full as a RunError instead of a traceback."""
    try:
        yield
    except OSError as error:
        folder = reports.as_posix()
        what = f"the run cannot be written: {error.strerror or error}"
        raise RunError(
            Problem(folder, what, "a folder one may write in, with room left", "name another with --output")
        ) from error


def _manifest(draft: Draft, status: str, files: Mapping[str, Any], checks: Mapping[str, list[str]]) -> dict[str, Any]:
    finished = dt.datetime.now(dt.UTC)
    failed = {scenario: names for scenario, names in checks.items() if names}
    return {
        "run": draft.run,
        "status": status,
        **vars(draft.recipe),
        "started": draft.started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "seconds": draft.seconds | {"all": round((finished - draft.started).total_seconds(), 3)},
        "checks": {"passed": not failed, "cases": list(checks), "failed": failed},
        "exit": 3 if status == FAILED else int(bool(failed)),
        "files": dict(files),
    }


def _says_failed(unfinished: Path) -> bool:
    """Whether a run that was never published ended in an error; one killed may have a manifest or half of one."""
    try:
        found = json.loads((unfinished / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("status") == FAILED


def _text(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False, default=dict) + "\n"


def _seal(path: Path) -> dict[str, str | int]:
    """Put a finished file safely on the disk and make it read-only; its size and hash."""
    with path.open("r+b") as file:
        content = file.read()
        os.fsync(file.fileno())
    path.chmod(READ_ONLY)
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _flush_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system lets a folder be flushed (not on Windows)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _point(home: Path) -> None:
    """Write the newest run's folder into `latest.txt`, and look again in case another run came in between."""
    while True:
        newest = max(path.name for path in home.iterdir() if RUN.fullmatch(path.name))
        handle, beside = tempfile.mkstemp(dir=home, prefix=f".{LATEST}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(newest + "\n")
        Path(beside).chmod(0o644)
        Path(beside).replace(home / LATEST)
        if newest == max(path.name for path in home.iterdir() if RUN.fullmatch(path.name)):
            return


def _hashes(files: Iterable[Path], root: Path) -> dict[str, str]:
    """SHA-256 by path from `root`; a file elsewhere is known by its name alone."""
    return {
        (path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in files
    }


def _code(machine: Path, root: Path) -> dict[str, Any]:
    """The version of the program: of its package, of its sources, and of the commit where git knows it."""
    sources = _hashes(sorted(machine.rglob("*.py")), machine)
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--", "models", "params", "notebooks") if commit else None
    return {
        "version": importlib.metadata.version(PACKAGE),
        "sha256": hashlib.sha256(json.dumps(sources).encode()).hexdigest(),
        "commit": commit,
        "changed_since": None
        if changed is None
        else sorted(line.split(maxsplit=1)[1] for line in changed.splitlines()),
    }


def _git(root: Path, *words: str) -> str | None:
    """What git answers; None where there is no git, no repository or no answer."""
    command = ["git", "-C", str(root), *words]
    try:
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
            timeout=PATIENCE,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return run.stdout.strip("\n")


def _packages() -> dict[str, str]:
    """Versions of the libraries the project asks for by name."""
    asked = importlib.metadata.requires(PACKAGE) or []
    names = sorted({re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in asked if "extra ==" not in line})
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
