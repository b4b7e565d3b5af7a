"""The store of runs: each a folder written out of sight, moved in by one rename and never changed afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import difflib
import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dealgrid.deal import Case, Deal
from dealgrid.inputs import format_value, value_text
from dealgrid.problems import InputError, Problem, RunError
from dealgrid.runs.lock import HeldError, held, is_held

MANIFEST = "manifest.json"
NUMBERS = "numbers.parquet"
ACTUALS = "actuals.yaml"
LATEST = "latest.txt"  # a text, because making a symbolic link needs special rights on Windows
UNFINISHED, GOING = ".unfinished", ".deleting"
LOCK = ".lock"
PART = "unfinished-"  # begins the name of a file that is being written
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
RUN = re.compile(r"(?P<time>\d{8}T\d{6}Z)-(?P<hash>[0-9a-f]{8})")
TIME = "%Y%m%dT%H%M%SZ"
PACKAGE = "dealgrid"
READ_ONLY, WRITABLE = 0o444, 0o644
READ_BY_ALL = ("base", "scenarios")  # what in `params` moves the figures of any run, beside the actual figures
DONE, FAILED = "done", "failed"
PATIENCE = 10  # seconds that git may take to answer
WAIT = 0.05  # seconds between two attempts to claim a place
_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[\\/](?:[^\s:'\"\\/]+[\\/])+")  # of this machine, in an error's words


@dataclass(frozen=True)
class Recipe:
    """What a run is made from: enough to make it again.

    `settings` are texts as `--set` takes them; `inputs` and `sheets` map files to the SHA-256 of their bytes,
    `inputs` from the deal's folder, `sheets` from the folder its package lies in. `base`, `set` and `actuals` are
    what the inputs say, as text: by parameter, by scenario and parameter, by `ROW@PERIOD`.
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
    study: str = ""
    base: Mapping[str, str] = field(default_factory=dict)
    set: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    actuals: Mapping[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits: the same for runs made from the same."""
        text = json.dumps(vars(self), sort_keys=True, default=dict)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass
class Draft:
    """A run that is being written. `folder` takes its files; `run` is the name it will be known by.

    `notes` are what its manifest says beyond what every manifest does.
    """

    folder: Path
    name: str
    place: str
    recipe: Recipe
    started: dt.datetime
    seconds: dict[str, float] = field(default_factory=dict)
    resumed: list[str] = field(default_factory=list)  # when it was taken up again, ISO, UTC
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def run(self) -> str:
        """`<name>/<UTC time>-<hash>`."""
        return f"{self.name}/{self.place}"

    @property
    def finished(self) -> list[str]:
        """The files that are whole, by path from the folder: what a run that goes on need not make again."""
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file() and not path.name.startswith(PART) and path != self.folder / MANIFEST
        )

    def has(self, *files: str) -> bool:
        """Whether these files are whole."""
        return all((self.folder / file).is_file() for file in files)

    def write(self, file: str, content: bytes | str) -> None:
        """Write one file of the run, whole or not at all."""
        with writing(self.folder / file) as path:
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def writing(self, file: str) -> contextlib.AbstractContextManager[Path]:
        """A place to write one file of the run at, which gets its own name when it is whole: see `writing`."""
        return writing(self.folder / file)

    @contextlib.contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Note how many seconds a step takes."""
        begun = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - begun, 3)


@dataclass(frozen=True)
class Listed:
    """One line of the list of runs; `status` is done, unfinished or failed.

    `is_running` while a process writes it; `is_good` if it is done and every check of the model was zero; `note`
    says what is wrong, else nothing. `manifest` is empty where there is none that can be read.
    """

    run: str
    name: str
    status: str
    started: str  # ISO, UTC
    folder: Path
    is_running: bool = False
    note: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_good(self) -> bool:
        """Whether it is done, and with exit status 0."""
        return self.status == DONE and self.manifest.get("exit") == 0


def recipe(
    deal: Deal,
    kind: str,
    scenarios: Sequence[str],
    settings: Mapping[str, str],
    files: Iterable[Path] = (),
    seed: int | None = None,
    study: str = "",
) -> Recipe:
    """What a run of a deal is made from; `files` are inputs beside the parameters, such as a notebook or a study."""
    where = deal.root / "params"
    params = [path for folder in READ_BY_ALL for path in sorted((where / folder).glob("*.yaml"))]
    params += [path for path in [where / ACTUALS] if path.exists()]
    return Recipe(
        kind=kind,
        deal=deal.name,
        scenarios=tuple(scenarios),
        settings=dict(settings),
        seed=seed,
        inputs=_hashes([*params, *files], deal.root),
        sheets=sheets(deal.name),
        code={**machine(), **_commit(deal.root)},
        packages=_packages(),
        python=platform.python_version(),
        study=study,
        base={name: value_text(each.value, each.unit) for name, each in deal.parameters.items()},
        set={
            scenario.name: {name: value_text(value, deal.parameters[name].unit) for name, value in scenario.set.items()}
            for scenario in deal.scenarios.values()
        },
        actuals={f"{pin.row}@{pin.period}": format_value(pin.value, deal.units[pin.row]) for pin in deal.actuals},
    )


def sheets(deal: str) -> dict[str, str]:
    """SHA-256 of each sheet of an installed deal, by path from the folder its package lies in."""
    package = Path(str(importlib.import_module(deal).__file__)).parent
    return _hashes(sorted(package.glob("*.py")), package.parent)


def machine() -> dict[str, str]:
    """The version of this program, and the SHA-256 of all its sources together."""
    here = Path(__file__).parents[1]
    sources = _hashes(sorted(here.rglob("*.py")), here)
    return {
        "version": importlib.metadata.version(PACKAGE),
        "sha256": hashlib.sha256(json.dumps(sources).encode()).hexdigest(),
    }


def reached(step: str) -> None:
    """A step of the store's writing lies behind; tests end the process here, at each in turn."""


@contextlib.contextmanager
def new_run(reports: Path, name: str, made_from: Recipe) -> Iterator[Draft]:
    """A folder to write a run into; `publish` it before leaving. RunError where it cannot be written.

    What is left behind by an error stays in the unfinished folder, with a manifest that says it failed; what is
    left by a kill or Ctrl-C stays there unfinished, and `resume` takes it up.
    """
    if not NAME.fullmatch(name):
        raise RunError(
            Problem(
                "reports", f"{name!r} cannot name a run", "lowercase letters, digits, - and _", "choose another name"
            )
        )
    with contextlib.ExitStack() as stack:
        with _said_clearly(reports):
            draft = _begin(reports, name, made_from, stack)
        with _kept_if_it_fails(reports, draft):
            yield draft


@contextlib.contextmanager
def resume(reports: Path, run: str, made_from: Recipe | None = None) -> Iterator[Draft]:
    """An unfinished or failed run taken up again: its finished files are there, half-written ones are gone.

    InputError where there is no such run, it is done, somebody is writing it, or `made_from`, what it would be made
    from now, is not what it was begun with. Else as `new_run`.
    """
    listed = find_run(reports, run)
    if listed.status == DONE:
        raise InputError(Problem(listed.run, "the run is done", "a run that is not finished", "make a new one"))
    begun = recipe_of(listed)
    if made_from is not None and made_from.hash != begun.hash:
        told = "; ".join(moved(begun, made_from).figures)
        if told:
            what = f"what the run was begun with has changed: {told}"
            raise InputError(Problem(listed.run, what, "the same inputs and code", "put them back, or make a new run"))
    started = dt.datetime.fromisoformat(listed.manifest["started"])
    place = listed.run.partition("/")[2]
    before = {key: listed.manifest.get(key, empty) for key, empty in (("resumed", []), ("notes", {}))}
    draft = Draft(listed.folder, listed.name, place, begun, started, {}, [*before["resumed"]], {**before["notes"]})
    with contextlib.ExitStack() as stack:
        with _said_clearly(reports):
            try:
                stack.enter_context(held(_lock_of(listed.folder.parent, place)))
            except HeldError:
                raise InputError(_busy(listed.run)) from None
            if not listed.folder.is_dir():  # whoever wrote it has just finished
                raise InputError(
                    Problem(listed.run, "the run has just been finished", "an unfinished run", "look again")
                )
            for path in [*listed.folder.rglob(PART + "*")]:
                path.unlink()
            draft.resumed.append(dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
            _write_manifest(draft, UNFINISHED.removeprefix("."))
        with _kept_if_it_fails(reports, draft):
            yield draft


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A place beside `path` to write at; when left, the file is put on the disk and takes its name in one step.

    So a file that has its name is whole. After an error what was written stays there for a look, unless the disk is
    what failed. Any process may write files of one run, each its own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(PART + path.name)
    try:
        yield part
        _flush(part)
        reached(f"written {path.name}")
        part.replace(path)
        reached(f"named {path.name}")
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)  # a full disk needs the room, if only for the manifest that says so
        raise


def publish(draft: Draft, cases: Iterable[Case] = (), checks: Mapping[str, Sequence[str]] | None = None) -> Path:
    """Write the manifest, move the finished run to its place by one rename, and point `latest.txt` at it.

    `checks` are the names of the checks that failed, by case; without them, those of `cases`. RunError where the
    folder cannot be written.
    """
    failed = {case.scenario: list(case.checks.failed) for case in cases} if checks is None else checks
    home = draft.folder.parent
    with _said_clearly(home.parent):
        for path in [*draft.folder.rglob(PART + "*")]:
            path.unlink()
        files = {file: _seal(draft.folder / file) for file in draft.finished}
        reached("sealed")
        _write_manifest(draft, DONE, files, failed)
        (draft.folder / MANIFEST).chmod(READ_ONLY)
        for folder in [*(path for path in draft.folder.rglob("*") if path.is_dir()), draft.folder]:
            _flush_folder(folder)
        reached("manifest sealed")
        final = home / draft.place
        draft.folder.rename(final)
        reached("moved")
        _flush_folder(home)
        _point(home)
        reached("pointed")
    return final


def write_numbers(draft: Draft, cases: Sequence[Case], names: Sequence[str] = ()) -> None:
    """All rows of all cases as one long table: scenario, row, label, unit, shape, sheet, period, value.

    `period` is empty (null) for `once` rows. Values are the case's own, bit for bit. `names` stand in the column
    `scenario` where several cases are of one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {
        key: [] for key in ("scenario", "row", "label", "unit", "shape", "sheet", "period", "value")
    }
    for case, name in zip(cases, names or [case.scenario for case in cases], strict=True):
        for row in case.deal.book.rows.values():
            values = [float(case.values[row.name])] if row.is_once else case.values[row.name].tolist()
            same = (name, row.name, row.label, row.unit, row.shape, row.sheet)
            for key, value in zip(columns, same, strict=False):
                columns[key] += [value] * len(values)
            columns["period"] += [None] if row.is_once else case.calendar.periods
            columns["value"] += [float(value) for value in values]
    types = {"value": pa.float64(), "period": pa.string()}
    words = pa.dictionary(pa.int32(), pa.string())
    table = pa.table({key: pa.array(column, types.get(key, words)) for key, column in columns.items()})
    with draft.writing(NUMBERS) as path:
        pq.write_table(table, path, compression="zstd")


def figures(numbers: Path) -> list[float]:
    """Every figure of a table that `write_numbers` wrote."""
    import pyarrow.parquet as pq

    return [float(value) for value in pq.read_table(numbers)["value"].to_pylist()]


def list_runs(reports: Path) -> list[Listed]:
    """Every run of a reports folder, the newest last; none where there is no such folder."""
    found = (_listed(path) for path in (reports.glob("*/*") if reports.is_dir() else ()))
    return sorted((run for run in found if run), key=lambda run: (run.started, run.run))


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_run(reports: Path, run: str) -> Listed:
    """A run by `NAME/PLACE`, by its folder, or the newest done one by `NAME`. InputError with the nearest ones."""
    return find_among(list_runs(reports), run, reports.name)


def find_among(runs: Sequence[Listed], run: str, where: str) -> Listed:
    """One of the runs of a reports folder called `where`; see `find_run`."""
    wanted = run.strip().rstrip("/").replace(os.sep, "/")
    exact = [each for each in runs if wanted == each.run or wanted.endswith("/" + each.run)]
    of_name = [each for each in runs if each.name == wanted]
    done = [each for each in of_name if each.status == DONE]
    if exact or done:
        return (exact or done)[-1]
    if of_name:
        what, expected = f"{wanted!r} is not a run that is done", "NAME/TIME-HASH, as `dealgrid runs list` shows it"
    else:
        what, expected = f"there is no run {wanted!r} in {where}", "one of those `dealgrid runs list` shows"
    near = difflib.get_close_matches(wanted, [each.run for each in runs] + [each.name for each in runs], 1)
    raise InputError(Problem("RUN", what, expected, f"did you mean `{near[0]}`?" if near else "look it up there"))


@dataclass(frozen=True)
class Moved:
    """What two recipes differ in, said for a person, by kind."""

    asked: tuple[str, ...]  # scenarios, settings, seed: what was asked for
    inputs: tuple[str, ...]  # parameters, scenarios, notebooks, studies
    data: tuple[str, ...]  # actual figures
    code: tuple[str, ...]  # the deal's sheets, the program
    environment: tuple[str, ...]  # Python and libraries

    @property
    def figures(self) -> tuple[str, ...]:
        """Everything but the environment, which should not move a figure."""
        return self.asked + self.inputs + self.data + self.code

    @property
    def kinds(self) -> str:
        """The kinds in which something differs: `inputs, code`; empty for none."""
        return ", ".join(name for name, told in vars(self).items() if told)


def moved(before: Recipe, after: Recipe) -> Moved:
    """What two recipes differ in; a version or commit with the same sources is the same program."""
    keys = ("kind", "deal", "scenarios", "study", "settings", "seed")
    pairs = {key: (getattr(before, key), getattr(after, key)) for key in keys}
    asked = [f"{key}: {_short(one)} → {_short(other)}" for key, (one, other) in pairs.items() if one != other]
    files = _files_moved(before.inputs, after.inputs)
    data = [name for name in files if name.endswith(ACTUALS)]
    code = [f"{name} {how}" for name, how in _files_moved(before.sheets, after.sheets).items()]
    if before.code.get("sha256") != after.code.get("sha256"):
        code.append(f"the program: {_version_of(before)} → {_version_of(after)}")
    values = _texts_moved(before.base, after.base)
    for scenario in {**before.set, **after.set}:
        texts = _texts_moved(before.set.get(scenario, {}), after.set.get(scenario, {}))
        values += [f"{told} in {scenario}" for told in texts]
    return Moved(
        asked=tuple(asked),
        inputs=tuple([f"{name} {how}" for name, how in files.items() if name not in data] + values),
        data=tuple([f"{name} {files[name]}" for name in data] + _texts_moved(before.actuals, after.actuals)),
        code=tuple(code),
        environment=tuple(
            _texts_moved({"python": before.python, **before.packages}, {"python": after.python, **after.packages})
        ),
    )


def delete(listed: Listed) -> None:
    """Delete a run that nobody is writing: out of sight in one step, then for good. RunError where it cannot be."""
    home = listed.folder.parent
    place = listed.run.partition("/")[2]
    with _said_clearly(home.parent):
        going = home / f".{place}{GOING}"
        listed.folder.rename(going)
        reached("out of sight")
        _remove(going)
        _lock_of(home, place).unlink(missing_ok=True)


def keep(reports: Path, name: str, count: int) -> list[str]:
    """Delete the older runs of a name, so that `count` done ones stay; the runs deleted.

    The last good one stays even if it is older; so does what is being written. Failed and unfinished runs go with
    the done ones of their time. Two may tidy at once: what the other has taken is left to it.
    """
    home = reports / name
    runs = [run for run in list_runs(reports) if run.name == name]
    done = [run for run in runs if run.status == DONE]
    spared = [*[run for run in done if run.is_good][-1:], *done[-count:]]
    oldest = done[-count:][0].started if len(done) >= count else ""
    gone = []
    for run in runs:
        if run.started >= oldest or run.is_running or run in spared:
            continue
        try:
            delete(run)
        except RunError:
            if run.folder.exists():
                raise
        else:
            gone.append(run.run)
    if home.is_dir():
        with _said_clearly(reports):
            _tidy(home)
    return gone


def place_of(folder: str) -> str | None:
    """The `<UTC time>-<hash>` of a run by the name of its folder, finished or not; None for one that is no run's."""
    place = folder.removeprefix(".").removesuffix(UNFINISHED)
    return place if folder in (place, hidden_name(place)) and _begun(place) else None


def hidden_name(place: str) -> str:
    """What the folder of a run is called until it is finished."""
    return f".{place}{UNFINISHED}"


def read_manifest(content: bytes) -> dict[str, Any]:
    """What a manifest says; empty for one that is damaged."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("status"), str) else {}


def _begun(place: str) -> dt.datetime | None:
    """When a run was begun, by its place; None for what is no place."""
    found = RUN.fullmatch(place)
    try:
        return dt.datetime.strptime(found["time"], TIME).replace(tzinfo=dt.UTC) if found else None
    except ValueError:  # digits that are no time
        return None


def _listed(path: Path) -> Listed | None:
    """A folder as a line of the list; None for one that is no run."""
    place = place_of(path.name)
    begun = _begun(place) if place else None
    if place is None or begun is None or not path.is_dir():
        return None
    is_hidden = path.name != place
    manifest = _read_manifest(path)
    running = is_hidden and is_held(_lock_of(path.parent, place))
    if not is_hidden:
        status = DONE if manifest else FAILED
        note = "" if manifest else f"its {MANIFEST} is missing or damaged"
    else:
        status = FAILED if manifest.get("status") == FAILED and not running else UNFINISHED.removeprefix(".")
        note = str(manifest.get("error", "")).partition("\n")[0] if status == FAILED else ""
        note = note or ("being written" if running else "")
    return Listed(
        f"{path.parent.name}/{place}", path.parent.name, status, begun.isoformat(), path, running, note, manifest
    )


def recipe_of(listed: Listed) -> Recipe:
    """What a run was made from, as its manifest says; InputError where it does not."""
    try:
        said = {each.name: listed.manifest[each.name] for each in dataclasses.fields(Recipe)}
        return Recipe(**said | {"scenarios": tuple(said["scenarios"])})
    except (KeyError, TypeError):
        what = f"its {MANIFEST} does not say what the run was made from"
        raise InputError(Problem(listed.run, what, "a manifest as runs write it", "make a new run")) from None


def _begin(reports: Path, name: str, made_from: Recipe, stack: contextlib.ExitStack) -> Draft:
    """Claim a place: a second goes to one of many at once, the others take the next."""
    home = reports / name
    home.mkdir(parents=True, exist_ok=True)
    while True:
        started = dt.datetime.now(dt.UTC)
        place = f"{started.strftime(TIME)}-{made_from.hash}"
        hidden = home / hidden_name(place)
        with contextlib.ExitStack() as claimed, contextlib.suppress(HeldError):
            claimed.enter_context(held(_lock_of(home, place)))
            reached("locked")
            if not any(home.glob(f"*{started.strftime(TIME)}-*")):  # one run a second, so that the order is known
                hidden.mkdir()
                reached("claimed")
                stack.push(claimed.pop_all())
                break
        time.sleep(WAIT)
    draft = Draft(hidden, name, place, made_from, started)
    _write_manifest(draft, UNFINISHED.removeprefix("."))
    reached("recipe written")
    return draft


def _lock_of(home: Path, place: str) -> Path:
    return home / f".{place.partition('-')[0]}{LOCK}"


def _busy(run: str) -> Problem:
    return Problem(run, "somebody is writing this run now", "one writer for a run", "wait until it is done")


@contextlib.contextmanager
def _kept_if_it_fails(reports: Path, draft: Draft) -> Iterator[None]:
    """An error on the way as a manifest that says the run failed, and why."""
    try:
        with _said_clearly(reports):
            yield
    except KeyboardInterrupt as stopped:
        stopped.add_note(f"{draft.run} is left unfinished.")
        raise
    except Exception as error:
        with contextlib.suppress(OSError):  # a full disk; the first error is the one to be told
            if draft.folder.is_dir():
                _write_manifest(draft, FAILED, error=_FOLDERS.sub("…/", str(error)))
        raise


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


def _write_manifest(
    draft: Draft,
    status: str,
    files: Mapping[str, Any] | None = None,
    checks: Mapping[str, Sequence[str]] | None = None,
    error: str = "",
) -> None:
    """What is known of a run so far: from the beginning what it is made from, at the end all the rest."""
    said: dict[str, Any] = {
        "run": draft.run,
        "status": status,
        **vars(draft.recipe),
        "started": draft.started.isoformat(timespec="seconds"),
        "resumed": draft.resumed,
        "notes": draft.notes,
    }
    if status in (DONE, FAILED):
        finished = dt.datetime.now(dt.UTC)
        failed = {case: list(names) for case, names in (checks or {}).items() if names}
        said |= {
            "finished": finished.isoformat(timespec="seconds"),
            "seconds": draft.seconds | {"all": round((finished - draft.started).total_seconds(), 3)},
            "checks": {"passed": not failed, "cases": list(checks or ()), "failed": failed},
            "exit": 3 if status == FAILED else int(bool(failed)),
            "files": dict(files or {}),
        }
    if error:
        said["error"] = error
    draft.write(MANIFEST, _text(said))


def _read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run; empty where there is none, or none that can be read."""
    try:
        return read_manifest((folder / MANIFEST).read_bytes())
    except OSError:
        return {}


def _files_moved(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """How each file differs that does."""
    return {
        name: "is new" if name not in before else "is gone" if name not in after else "changed"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


def _texts_moved(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [
        f"{name}: {before.get(name, 'absent')} → {after.get(name, 'absent')}"
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def _short(value: object) -> str:
    """A part of a recipe in a few words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={text}" for name, text in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return str(value) if value not in (None, "") else "none"


def _version_of(made_from: Recipe) -> str:
    commit = str(made_from.code.get("commit") or "")[:8]
    return " ".join([str(made_from.code.get("version")), *([f"({commit})"] if commit else [])])


def _remove(folder: Path) -> None:
    """Delete a folder whose files are read-only, which Windows would refuse."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else WRITABLE)
    shutil.rmtree(folder)


def _tidy(home: Path) -> None:
    """Take away what killed writers left beside the runs, and point at the newest."""
    for left in home.glob(f".*{GOING}"):
        _remove(left)
    for left in home.glob(f".{LATEST}.*"):
        left.unlink(missing_ok=True)
    for left in home.glob(f".*{LOCK}"):
        with contextlib.suppress(HeldError), held(left, patience=0):
            pass  # it goes with being left
    if any(RUN.fullmatch(path.name) for path in home.iterdir()):
        _point(home)
    else:
        (home / LATEST).unlink(missing_ok=True)


def _text(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False, default=dict) + "\n"


def _flush(path: Path) -> None:
    """Put a file safely on the disk."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _seal(path: Path) -> dict[str, str | int]:
    """Make a finished file read-only; its size and hash."""
    if os.access(path, os.W_OK):  # one written without `writing`; one sealed before a kill is on the disk already
        _flush(path)
    path.chmod(READ_ONLY)
    return {"sha256": digest(path), "bytes": path.stat().st_size}


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
        with contextlib.suppress(FileNotFoundError):  # somebody tidied it away: the next round makes another
            Path(beside).chmod(WRITABLE)
            Path(beside).replace(home / LATEST)
        if _says(home / LATEST) == newest == max(path.name for path in home.iterdir() if RUN.fullmatch(path.name)):
            return


def _says(latest: Path) -> str:
    try:
        return latest.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _hashes(files: Iterable[Path], root: Path) -> dict[str, str]:
    """SHA-256 by path from `root`; a file elsewhere is known by its name alone."""
    return {
        (path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in files
    }


def _commit(root: Path) -> dict[str, Any]:
    """The commit a project is at, and what has been changed since, where git knows it."""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--", "models", "params", "notebooks") if commit else None
    return {
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
