"""The report: one run that carries out the notebook and writes page, paper, workbook and numbers of some cases."""

from __future__ import annotations

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

NOTEBOOK = Path("notebooks", "00_start_here.ipynb")
EXECUTED, PAGE, PAPER, WORKBOOK = "start_here.ipynb", "start_here.html", "report.pdf", "deal.xlsx"
FILES = {PAGE: "page", PAPER: "paper", WORKBOOK: "workbook", EXECUTED: "notebook", store.NUMBERS: "numbers"}

Progress = Callable[[str, int, int], None]  # what is being done, how many steps are done, of how many


@dataclass(frozen=True)
class Report:
    """A finished report: where it is, what it answers, and whether every check of the model is zero."""

    run: str
    folder: Path
    sentences: tuple[str, ...]
    failed: Mapping[str, tuple[str, ...]]  # the checks that are not zero, by scenario

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
) -> Report:
    """Write the report of some scenarios into a folder of runs, with settings on top of each.

    The first two are set side by side, the second against the first; one alone is set against the present, and
    none means the deal's question. All scenarios of the deal stand in the numbers and in the workbook's inputs.
    `resume` names an unfinished run of the same report that is completed instead.
    InputError for what cannot be used as given, before anything is written; RunError where the run fails.
    """
    chosen = _chosen(deal, scenarios)
    texts = _as_text(deal, settings)
    notebook = deal.root / NOTEBOOK
    parameters = {"scenario": chosen[1], "against": chosen[0], "settings": texts}
    notebooks.check_parameters(notebook, parameters)
    compared = [deal.case(each, settings) for each in dict.fromkeys([*deal.scenarios, *chosen])]
    by_name = {case.scenario: case for case in compared}
    cases = [by_name[each] for each in chosen]
    made_from = store.recipe(deal, "report", chosen, texts, [notebook])
    begun = (
        store.resume(folder, resume, made_from)
        if resume
        else store.new_run(folder, name or _name(deal, chosen), made_from)
    )
    with begun as draft:
        caption = paper.footer(cases, draft.run)

        def write_numbers() -> None:
            store.write_numbers(draft, compared)

        def write_notebook() -> None:
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
        for place, (step, (write, files)) in enumerate(steps.items()):
            progress(step, place, len(steps))
            if not draft.has(*files):
                with draft.timed(step):
                    write()
        progress("done", len(steps), len(steps))
        final = store.publish(draft, compared)
    sentences = tuple(answer.answer(cases[0], cases[1]))
    failed = {case.scenario: case.checks.failed for case in compared if not case.checks.passed}
    return Report(draft.run, final, sentences, failed)


def summary(report: Report) -> list[str]:
    """What the terminal says of a finished report: the answer, the checks, and where each file is."""
    lines = [*report.sentences, ""]
    for scenario, names in report.failed.items():
        lines.append(f"NOT ZERO in {scenario}: {', '.join(names)}")
    width = max(map(len, FILES.values()))
    return [*lines, *(f"{what:<{width}}  {_shown(report.folder / file)}" for file, what in FILES.items())]


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
