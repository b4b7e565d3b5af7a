"""The report: one run that carries out the notebook and writes page, paper, workbook and numbers of some cases."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dealgrid.analysis.compare import Comparison, compare_cases
from dealgrid.deal import LAYERS, Case, Deal
from dealgrid.inputs import check_settings, value_text
from dealgrid.output import answer, paper, workbook
from dealgrid.problems import InputError, Problem
from dealgrid.runs import notebooks, store
from dealgrid.runs import redact as hidden
from dealgrid.runs.recipe import recipe

NOTEBOOK = Path("notebooks", "00_start_here.ipynb")
EXECUTED, PAGE, PAPER, WORKBOOK = "start_here.ipynb", "start_here.html", "report.pdf", "deal.xlsx"
FILES = {PAGE: "page", PAPER: "paper", WORKBOOK: "workbook", EXECUTED: "notebook", store.NUMBERS: "numbers"}

REDACTED_PAGE = f"{hidden.NOTE}, the workbook is left out"

Progress = Callable[[str, int, int], None]  # what is being done, how many steps are done, of how many


@dataclass(frozen=True)
class Report:
    """A finished report: where it is, what it answers, and whether every check of the model is zero."""

    run: str
    folder: Path
    sentences: tuple[str, ...]
    failed: Mapping[str, tuple[str, ...]]  # the checks that are not zero, by scenario
    hidden: tuple[str, ...] | None = None  # of a redacted report, the parameters that are hidden

    @property
    def checks_passed(self) -> bool:
        """Whether all checks of all cases are zero."""
        return not self.failed


def write_report(
    deal: Deal,
    scenarios: Sequence[str],
    settings: Mapping[str, object],
    folder: Path,
    progress: Progress = lambda step, done, of: None,
    name: str = "",
    resume: str = "",
    redact: bool = False,
) -> Report:
    """Write the report of some scenarios into a folder of runs, with settings on top of each.

    The first two are set side by side, the second against the first; one alone is set against the present, and
    none means the deal's question. All scenarios of the deal stand in the numbers and in the workbook's inputs.
    `resume` names an unfinished run of the same report that is completed instead.
    `redact` makes a copy for outsiders: what is confidential is hidden, and the workbook, which computes, left out.
    InputError for what cannot be used as given, before anything is written; RunError where the run fails.
    """
    if redact:
        if resume:
            raise InputError(Problem("--redact", "a redacted report cannot be taken up again", "a new one",
                                     "leave --resume out"))  # fmt: skip
        with hidden.hiding():
            return _write(hidden.opened(deal), scenarios, settings, folder, progress, name, redact=True)
    return _write(deal, scenarios, settings, folder, progress, name, resume)


def _write(
    deal: Deal,
    scenarios: Sequence[str],
    settings: Mapping[str, object],
    folder: Path,
    progress: Progress,
    name: str,
    resume: str = "",
    redact: bool = False,
) -> Report:
    """As `write_report`, with the deal that is to be shown."""
    chosen = _chosen(deal, scenarios)
    texts = _as_text(deal, settings)
    notebook = deal.root / NOTEBOOK
    parameters = {"scenario": chosen[1], "against": chosen[0], "settings": texts}
    notebooks.check_parameters(notebook, parameters)
    compared = [deal.case(each, settings) for each in dict.fromkeys([*deal.scenarios, *chosen])]
    by_name = {case.scenario: case for case in compared}
    cases = [by_name[each] for each in chosen]
    made_from = recipe(deal, "report", chosen, texts, [notebook])
    shown = {**parameters, "settings": hidden.settings_shown(deal, texts)}
    if redact:
        made_from = hidden.recipe(deal, made_from, compared)
    begun = (
        store.resume(folder, resume, made_from)
        if resume
        else store.new_run(folder, name or _name(deal, chosen), made_from)
    )
    with begun as draft:
        if redact:
            draft.notes[hidden.REDACTED] = {"parameters": sorted(deal.hidden), "left_out": [WORKBOOK]}
        caption = paper.footer(cases, draft.run) + (REDACTED_PAGE if redact else "")

        def write_numbers() -> None:
            store.write_numbers(draft, compared)

        def write_notebook() -> None:
            if redact:
                with tempfile.TemporaryDirectory() as place, hidden.silent(notebook.name):
                    done = notebooks.execute(notebook, parameters, Path(place, EXECUTED))
                draft.write(EXECUTED, notebooks.with_parameters(done, shown))
            else:
                with draft.writing(EXECUTED) as path:
                    done = notebooks.execute(notebook, parameters, path)
            draft.write(PAGE, notebooks.to_html(done, deal.story.title, caption))

        def write_paper() -> None:
            draft.write(PAPER, paper.pdf(cases, draft.run, draft.started, _compared(*cases[:2])))

        def write_workbook() -> None:
            draft.write(WORKBOOK, workbook.write(cases, draft.run, draft.started))

        steps: dict[str, tuple[Callable[[], None], tuple[str, ...]]] = {
            "numbers": (write_numbers, (store.NUMBERS,)),
            "notebook": (write_notebook, (EXECUTED, PAGE)),
            "paper": (write_paper, (PAPER,)),
            "workbook": (write_workbook, (WORKBOOK,)),
        }
        if redact:
            del steps["workbook"]
        for place, (step, (write, files)) in enumerate(steps.items()):
            progress(step, place, len(steps))
            if not draft.has(*files):
                with draft.timed(step):
                    write()
        progress("done", len(steps), len(steps))
        if redact:
            hidden.refuse_leaks(deal, compared, draft.folder)
        final = store.publish(draft, compared)
    sentences = tuple(answer.answer(cases[0], cases[1]))
    failed = {case.scenario: case.checks.failed for case in compared if not case.checks.passed}
    return Report(draft.run, final, sentences, failed, tuple(sorted(deal.hidden)) if redact else None)


def summary(report: Report) -> list[str]:
    """What the terminal says of a finished report: the answer, the checks, and where each file is."""
    lines = [*report.sentences, ""]
    for scenario, names in report.failed.items():
        lines.append(f"NOT ZERO in {scenario}: {', '.join(names)}")
    if report.hidden is not None:
        lines += [*hidden.told(report.hidden), "The workbook is left out, since it computes.", ""]
    width = max(map(len, FILES.values()))
    written = {file: what for file, what in FILES.items() if report.hidden is None or file != WORKBOOK}
    return [*lines, *(f"{what:<{width}}  {_shown(report.folder / file)}" for file, what in written.items())]


def _chosen(deal: Deal, scenarios: Sequence[str]) -> list[str]:
    """The scenarios of a report, at least two, each once; InputError with all that are not scenarios."""
    problems: list[Problem] = []
    for each in scenarios:
        try:
            deal.scenario(each)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    wanted = list(dict.fromkeys(scenarios))
    if len(wanted) < 2:
        wanted = list(dict.fromkeys([deal.story.present, *wanted, deal.story.proposal]))[:2]
    return wanted


def _compared(first: Case, second: Case) -> Comparison | None:
    """How the second came about from the first; None where they stand on other days or calendars."""
    try:
        return compare_cases(first, second)
    except InputError:
        return None


def _name(deal: Deal, chosen: Sequence[str]) -> str:
    against, scenario = chosen[:2]
    name = scenario if against == deal.story.present else f"{scenario}-against-{against}"
    return name.replace(LAYERS, "-with-")


def _as_text(deal: Deal, settings: Mapping[str, object]) -> dict[str, str]:
    """Settings as `--set` takes them; InputError for one value per future, which a report cannot show."""
    checked = check_settings(settings, deal.parameters, "--set")
    many = [name for name, value in checked.items() if isinstance(value, np.ndarray)]
    if many:
        raise InputError(
            Problem("--set", f"{name}: many futures", "one value, for one case", "give one value") for name in many
        )
    return {
        name: value_text(value, deal.parameters[name].unit)
        for name, value in checked.items()
        if not isinstance(value, np.ndarray)
    }


def _shown(path: Path) -> str:
    """A path as people type it: from the current folder where it is inside."""
    path = path.resolve()
    here = Path.cwd().resolve()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
