"""Sweeps: one run that carries out a notebook at every point of a study, and proves its numbers by the engine's."""

from __future__ import annotations

import contextlib
import functools
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from dealgrid import parcel, workers
from dealgrid.deal import Case, Deal
from dealgrid.explain import HIDDEN
from dealgrid.inputs import value_text
from dealgrid.inputs.sweeps import KIND, Point, Sweep
from dealgrid.output import sweep_page
from dealgrid.problems import DealgridError, InputError, Problem, RunError
from dealgrid.runs import handed, notebooks, store
from dealgrid.runs import redact as confidential
from dealgrid.runs.recipe import recipe

SWEEP = KIND.name
ENGINE = "dealgrid"  # papermill's, with warm kernels
PAGE = "index.html"
FOLDER, HANDED = "notebooks", "handed"
TRIES = 2  # of a notebook whose kernel dies
LIMIT = 600.0  # seconds a notebook may take
LONGEST = 80  # characters of a file's name
_ALONE = threading.Lock()  # papermill changes the folder of the whole process, in which Dask may have several threads

Progress = Callable[[int, int], None]  # how many points are done, of how many


@dataclass(frozen=True)
class Swept:
    """A finished sweep: where it is, its points, and the checks that are not zero, by point."""

    run: str
    folder: Path
    points: int
    failed: Mapping[str, tuple[str, ...]]
    hidden: tuple[str, ...] | None = None  # of a redacted sweep, the parameters that are hidden


@dataclass(frozen=True)
class _Job:
    """What every point of a sweep shares: the project's folder and its notebook, or both as sent to a cluster."""

    root: str
    notebook: str  # from the root
    seconds: float
    engine: str | None
    is_redacted: bool
    sent: parcel.Parcel | None = None


@dataclass(frozen=True)
class _Task:
    """One point, as a worker is given it."""

    label: str
    scenario: str
    settings: Mapping[str, str]
    shown: Mapping[str, str]  # the settings, as the notebook is to show them


@dataclass(frozen=True)
class _Outcome:
    """What came of a point: the executed notebook, as a page too, and the numbers handed back, or what went wrong."""

    notebook: bytes = b""
    page: str = ""
    numbers: str = ""
    problem: str = ""


def run_sweep(
    deal: Deal,
    name: str,
    folder: Path,
    count: int = 0,
    cluster: str = "",
    resume: str = "",
    progress: Progress = lambda done, of: None,
    seconds: float = LIMIT,
    engine: str | None = ENGINE,
    redact: bool = False,
) -> Swept:
    """Carry out a sweep into a folder of runs, with `count` workers or on the Dask `cluster`.

    A worker of a cluster is sent the parameters and the notebook, and needs the same program.
    `resume` names an unfinished run of it, whose finished points stay. `seconds` is what a notebook may take.
    `redact` makes a copy for outsiders, in which what is confidential is hidden.
    InputError for what cannot be used as given, before anything is written. RunError where points fail or their
    numbers are not the engine's: the run stays unfinished, with all other points and a page that shows them.
    """
    with confidential.hiding() if redact else contextlib.nullcontext():
        if redact:
            deal = confidential.opened(deal)
        return _run(deal, name, folder, count, cluster, resume, progress, seconds, engine, redact)


def _run(
    deal: Deal,
    name: str,
    folder: Path,
    count: int,
    cluster: str,
    resume: str,
    progress: Progress,
    seconds: float,
    engine: str | None,
    redact: bool,
) -> Swept:
    """As `run_sweep`, with the deal that is to be shown."""
    study = _shown(deal, find(deal, name))
    notebook = deal.root / "notebooks" / f"{study.notebook}.ipynb"
    check(deal, study)
    workers.check(count, cluster)
    base, *cases = cases_of(deal, name).values()
    settings = _texts(deal, study.set)
    scenarios = list(dict.fromkeys(point.scenario for point in study.points))
    inputs = [deal.root / "params" / "studies" / f"{name}.yaml", notebook]
    made_from = recipe(deal, SWEEP, scenarios, settings, inputs, study=name)
    if redact:
        made_from = confidential.recipe(deal, made_from, [base, *cases])
    begun = store.resume(folder, resume, made_from) if resume else store.new_run(folder, name, made_from)
    with begun as draft:
        files = _files(study)
        todo = [place for place, file in enumerate(files) if not draft.has(*file)]
        tasks = [_task(deal, place, study.points[place], redact) for place in todo]
        sent = parcel.packed(deal, notebook) if cluster else None
        inside = notebook.relative_to(deal.root).as_posix()
        job = functools.partial(_carry_out, _Job(str(deal.root.absolute()), inside, seconds, engine, redact, sent))
        if redact:
            draft.notes[confidential.REDACTED] = {"parameters": sorted(deal.hidden), "left_out": []}
        wrong: dict[int, str] = {}
        done = len(files) - len(todo)
        progress(done, len(files))
        lost = _Outcome(problem="the process that carried it out was killed again and again")
        outcomes = workers.done(job, tasks, count, cluster, lambda _: lost)
        with draft.timed("notebooks"), contextlib.closing(outcomes):
            for index, outcome in outcomes:
                place = todo[index]
                if outcome.problem:
                    wrong[place] = outcome.problem
                else:
                    draft.write(files[place].notebook, outcome.notebook)
                    draft.write(files[place].page, outcome.page)
                    draft.write(files[place].numbers, outcome.numbers)
                done += 1
                progress(done, len(files))
        return _finished(draft, deal, study, base, cases, files, wrong, redact)


def _shown(deal: Deal, study: Sweep) -> Sweep:
    """A study whose texts may be read by outsiders; InputError where it goes through what is confidential."""
    told = [name for name in study.axes if name in deal.hidden]
    if told:
        raise InputError(
            Problem(study.file, f"the sweep goes through {name}, which is confidential", "an axis that may be shown",
                    "leave --redact out, or sweep something else", study.lines.get("kind"))
            for name in told
        )  # fmt: skip
    if deal.hidden & study.set.keys():
        return replace(study, title=study.name, why=HIDDEN)
    return study


def _task(deal: Deal, place: int, point: Point, redact: bool) -> _Task:
    settings = _texts(deal, point.set)
    shown = confidential.settings_shown(deal, settings)
    return _Task(label(place, point) + (confidential.NOTE if redact else ""), point.scenario, settings, shown)


def find(deal: Deal, name: str) -> Sweep:
    """A study by name that is a sweep; InputError with the nearest ones."""
    sweeps = [each.name for each in deal.studies.values() if isinstance(each, Sweep)]
    study = deal.studies.get(name)
    if isinstance(study, Sweep):
        return study
    what = f"{name!r} is a study of the kind {study.kind}" if study else f"{name!r} is not a study"
    raise InputError(
        Problem("STUDY", what, "one of " + ", ".join(sweeps), "choose one, or add a file to params/studies")
    )


def check(deal: Deal, study: Sweep) -> None:
    """Refuse a sweep whose notebook does not take a scenario and settings, or whose rows have values by period."""
    problems = [
        Problem(study.file, f"{name} has a value per period", "rows with one number per case",
                "name a row whose shape is once", study.lines.get("rows"))
        for name in study.rows if not deal.row(name).is_once
    ]  # fmt: skip
    try:
        notebooks.check_parameters(
            deal.root / "notebooks" / f"{study.notebook}.ipynb", {"scenario": study.scenario, "settings": {}}
        )
    except InputError as error:
        line = study.lines.get("notebook")
        problems += [Problem(study.file, f"{each.where}: {each.what}", each.expected, each.advice, line)
                     for each in error.problems]  # fmt: skip
    if problems:
        raise InputError(problems)


def cases_of(deal: Deal, name: str) -> dict[str, Case]:
    """The case a sweep starts from and that of each point, by name, all from one call of the engine."""
    study = find(deal, name)
    points = [(point.scenario, _texts(deal, point.set)) for point in study.points]
    cases = deal.cases([(study.scenario, _texts(deal, study.set)), *points])
    return dict(zip([study.scenario, *map(label, range(len(points)), study.points)], cases, strict=True))


def label(place: int, point: Point) -> str:
    """What a point is called in the numbers: `007 new_deal, microsoft_stake 30%`."""
    axes = [f"{name} {shown}" for name, shown in point.labels.items() if name != "scenario"]
    return ", ".join([f"{place + 1:03} {point.scenario}", *axes])


def _texts(deal: Deal, settings: Mapping[str, object]) -> dict[str, str]:
    return {name: value_text(value, deal.parameters[name].unit) for name, value in settings.items()}  # type: ignore[arg-type]


class _Files(NamedTuple):
    """The files of a point: its notebook, the same as a page, and the numbers it handed back."""

    notebook: str
    page: str
    numbers: str


def _files(study: Sweep) -> list[_Files]:
    stems = []
    for place, point in enumerate(study.points):
        words = re.sub(r"[^a-z0-9.]+", "-", label(place, point).lower()).strip("-.")
        stems.append(words[:LONGEST].rstrip("-."))
    return [_Files(f"{FOLDER}/{stem}.ipynb", f"{FOLDER}/{stem}.html", f"{HANDED}/{stem}.json") for stem in stems]


@contextlib.contextmanager
def _project(job: _Job) -> Iterator[Path]:
    """The folder of the project: this machine's, or what was sent of another's."""
    if job.sent is None:
        yield Path(job.root)
    else:
        with parcel.unpacked(job.sent) as folder:
            yield folder


def _carry_out(job: _Job, task: _Task) -> _Outcome:
    """Carry out the notebook at one point, again where its kernel dies; RunError where the program is another."""
    if job.sent is not None:
        parcel.refuse_other_program(job.sent)
    problem = ""
    for _ in range(TRIES):
        try:
            with _ALONE, _project(job) as root, tempfile.TemporaryDirectory() as folder:
                return _executed(job, task, root / job.notebook, Path(folder) / "executed.ipynb")
        except notebooks.DiedError as error:
            problem = f"{error.problems[0].what} (tried {TRIES} times)"
        except DealgridError as error:
            return _Outcome(problem="\n".join(each.what for each in error.problems))
        except OSError as error:
            return _Outcome(problem=f"it cannot be carried out: {error.strerror or error}")
    return _Outcome(problem=problem)


def _executed(job: _Job, task: _Task, notebook: Path, output: Path) -> _Outcome:
    """The notebook carried out at a point, as it is to be shown."""
    parameters = {"scenario": task.scenario, "settings": dict(task.settings)}
    last = handed.last_cell(task.scenario, task.settings)
    with confidential.silent(notebook.name) if job.is_redacted else contextlib.nullcontext():
        done = notebooks.execute(notebook, parameters, output, engine=job.engine, seconds=job.seconds, last_cell=last)
        numbers = handed.taken(done)
        if job.is_redacted:
            written = notebooks.with_parameters(done, parameters | {"settings": dict(task.shown)}).encode()
        else:
            written = output.read_bytes()
        return _Outcome(written, notebooks.to_html(done, caption=task.label), numbers)


def _finished(
    draft: store.Draft,
    deal: Deal,
    study: Sweep,
    base: Case,
    cases: Sequence[Case],
    files: Sequence[_Files],
    wrong: dict[int, str],
    redact: bool,
) -> Swept:
    """Compare, write numbers and page, and publish; RunError, with the page written, where a point is wrong."""
    for place, (case, own) in enumerate(zip(cases, files, strict=True)):
        if place not in wrong and (found := handed.differences(_text(draft.folder / own.numbers), case)):
            told = confidential.WITHOUT if redact else "; ".join(found)  # they may be of rows that are hidden
            wrong[place] = f"its numbers are not the engine's: {told}"
            for file in own:  # so that --resume carries it out again
                (draft.folder / file).unlink()
    names = [study.scenario, *map(label, range(len(cases)), study.points)]
    failed = {name: case.checks.failed for name, case in zip(names, [base, *cases], strict=True)}
    rows = study.rows or (deal.story.center, deal.story.total)
    links = [None if place in wrong else sweep_page.Links(own.page, own.notebook) for place, own in enumerate(files)]
    run = draft.run + (confidential.NOTE if redact else "")
    draft.write(PAGE, sweep_page.page(study, deal, base, cases, rows, links, wrong, run))
    if wrong:
        draft.notes["failed"] = {names[place + 1]: text for place, text in sorted(wrong.items())}
        raise RunError(_told(draft, study, names, wrong, redact))
    with draft.timed("numbers"):
        store.write_numbers(draft, [base, *cases], names)
    for own in files:
        (draft.folder / own.numbers).unlink()
    (draft.folder / HANDED).rmdir()
    seen = len(deal.book.rows) - len({row for case in cases for row in case.masked})
    draft.notes["compared"] = {"points": len(cases), "rows": seen, "tolerance": handed.SAME}
    if redact:
        confidential.refuse_leaks(deal, [base, *cases], draft.folder)
    final = store.publish(draft, checks=failed)
    wanting = {name: checks for name, checks in failed.items() if checks}
    return Swept(draft.run, final, len(cases), wanting, tuple(sorted(deal.hidden)) if redact else None)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _told(
    draft: store.Draft, study: Sweep, names: Sequence[str], wrong: Mapping[int, str], redact: bool
) -> list[Problem]:
    """Every point that is wrong, and how to go on."""
    whole = len(names) - 1 - len(wrong)
    again = f"dealgrid sweep {study.name}{' --redact' if redact else ''} --resume {draft.run}"
    advice = f"mend it, then `{again}`; {whole} other points are done"
    return [Problem(names[place + 1], text, "a notebook that runs and agrees with the engine", advice)
            for place, text in sorted(wrong.items())]  # fmt: skip
