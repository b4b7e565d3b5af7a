"""Notebooks: what they show is what they give, their form is the house's, and each works for every scenario."""

import ast
import copy
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat import NotebookNode
from tests.notebooks import rerun

from dealgrid import Deal
from dealgrid.output import charts

MOST_LINES, MOST_CODE_CELLS, MOST_BYTES = 10, 4, 1_000_000
START = "00_start_here.ipynb"
by_name = pytest.mark.parametrize("path", rerun.NOTEBOOKS, ids=lambda path: path.stem)
FRESH: dict[Path, NotebookNode] = {}


def fresh(path: Path) -> NotebookNode:
    """The notebook run again, once for all tests; each takes a copy."""
    if path not in FRESH:
        FRESH[path] = rerun.run_again(rerun.read(path))
    return copy.deepcopy(FRESH[path])


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameters(notebook: NotebookNode) -> NotebookNode:
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    return cell


def outputs(notebook: NotebookNode, kind: str) -> list[NotebookNode]:
    """Outputs with content of a kind; the notebook's own, so a change to one changes the notebook."""
    found = [output for cell in code_cells(notebook) for output in cell.outputs if kind in output.get("data", {})]
    assert found
    return found


def shown_text(notebook: NotebookNode) -> str:
    data = [output.get("data", {}) for cell in code_cells(notebook) for output in cell.outputs]
    return "\n".join(each.get("text/markdown", "") + each.get("text/plain", "") for each in data)


# --- what they show ---------------------------------------------------------------------------------------------------


@by_name
def test_running_it_again_gives_the_stored_outputs(path: Path) -> None:
    assert list(rerun.differences(rerun.read(path), fresh(path))) == []


@pytest.mark.long
def test_nbval_finds_the_stored_outputs_again() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "nbval.plugin",
        "--nbval",
        "-p",
        "no:cacheprovider",
        "-m",
        "",
    ]
    run = subprocess.run([*command, str(rerun.FOLDER)], capture_output=True, text=True, cwd=rerun.FOLDER.parent)
    assert run.returncode == 0, run.stdout
    assert re.search(r"\d+ passed", run.stdout)


def change_a_figure(notebook: NotebookNode) -> None:
    output = outputs(notebook, "text/html")[0]
    output.data["text/html"] = re.sub(r">(\d+)\.(\d)<", r">\1.\g<2>1<", output.data["text/html"], count=1)


def change_a_word(notebook: NotebookNode) -> None:
    output = outputs(notebook, "text/markdown")[0]
    output.data["text/markdown"] = output.data["text/markdown"].replace("more", "less")


def forget_to_execute(notebook: NotebookNode) -> None:
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None


def execute_in_another_order(notebook: NotebookNode) -> None:
    first, second = code_cells(notebook)[:2]
    first.execution_count, second.execution_count = second.execution_count, first.execution_count


def lose_an_output(notebook: NotebookNode) -> None:
    next(cell for cell in code_cells(notebook) if cell.outputs).outputs = []


def change_a_charts_data(notebook: NotebookNode) -> None:
    spec = outputs(notebook, charts.LIVE)[0].data[charts.LIVE]
    next(iter(spec["datasets"].values()))[0]["value"] += 1e-9


def change_a_picture(notebook: NotebookNode) -> None:
    data = outputs(notebook, charts.VECTOR)[0].data
    data[charts.VECTOR] = data[charts.VECTOR].replace(charts.PROPOSAL, "#FF0000")


def lose_a_picture(notebook: NotebookNode) -> None:
    del outputs(notebook, charts.VECTOR)[0].data[charts.VECTOR]


@pytest.mark.parametrize(
    ("doctor", "found"),
    [
        (change_a_figure, "text/html differs"),
        (change_a_word, "text/markdown differs"),
        (forget_to_execute, "was executed as [None]"),
        (execute_in_another_order, "was executed as [2]"),
        (lose_an_output, "has 0 outputs, not 1"),
        (change_a_charts_data, f"{charts.LIVE} differs"),
        (change_a_picture, f"{charts.VECTOR} differs"),
        (lose_a_picture, f"{charts.VECTOR} differs"),
    ],
)
def test_a_doctored_notebook_is_found_out(doctor: Callable[[NotebookNode], None], found: str) -> None:
    doctored = fresh(rerun.FOLDER / START)
    doctor(doctored)
    assert any(found in each for each in rerun.differences(doctored, fresh(rerun.FOLDER / START)))


@by_name
def test_every_cell_was_executed_in_order_and_none_failed(path: Path) -> None:
    cells = code_cells(rerun.read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert {output.output_type for cell in cells for output in cell.outputs} <= {"execute_result", "display_data"}


@by_name
def test_it_is_small_and_holds_nothing_of_one_run(path: Path) -> None:
    notebook = rerun.read(path)
    assert path.stat().st_size < MOST_BYTES
    assert dict(notebook.metadata) == rerun.METADATA
    assert [cell.metadata for cell in notebook.cells if set(cell.metadata) - {"tags"}] == []
    nbformat.validate(notebook)


# --- their form -------------------------------------------------------------------------------------------------------


@by_name
def test_it_begins_with_the_question(path: Path) -> None:
    first = rerun.read(path).cells[0]
    assert first.cell_type == "markdown"
    assert "?" in first.source.splitlines()[0]


def test_the_first_notebook_asks_the_storys_question() -> None:
    title = rerun.read(rerun.FOLDER / START).cells[0].source.splitlines()[0]
    assert Deal.load().story.question.lower() in title.lower()


@by_name
def test_the_second_cell_holds_the_parameters_literals_only_each_with_type_and_comment(path: Path) -> None:
    notebook = rerun.read(path)
    cell = parameters(notebook)
    assert notebook.cells[1] is cell
    for line, statement in zip(cell.source.splitlines(), ast.parse(cell.source).body, strict=True):
        assert isinstance(statement, ast.AnnAssign)
        assert statement.value is not None
        ast.literal_eval(statement.value)
        assert re.search(r"  # \S", line)


@by_name
def test_cells_of_code_are_short_and_define_nothing(path: Path) -> None:
    for cell in code_cells(rerun.read(path)):
        assert len(cell.source.splitlines()) <= MOST_LINES
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert not kinds & {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda}


@by_name
def test_prose_stands_between_code(path: Path) -> None:
    runs = [
        len(list(cells))
        for kind, cells in groupby(rerun.read(path).cells, lambda cell: cell.cell_type)
        if kind == "code"
    ]
    assert max(runs) <= MOST_CODE_CELLS


@by_name
def test_no_number_and_no_path_is_typed_in(path: Path) -> None:
    notebook = rerun.read(path)
    for cell in code_cells(notebook):
        constants = [node.value for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Constant)]
        if cell is not parameters(notebook):
            assert [
                value for value in constants if isinstance(value, int | float) and not isinstance(value, bool)
            ] == []
        assert [value for value in constants if isinstance(value, str) and re.search(r"[/\\]|\.\w+$", value)] == []


@by_name
def test_prose_states_no_figure_that_could_grow_stale(path: Path) -> None:
    prose = [cell.source for cell in rerun.read(path).cells if cell.cell_type == "markdown"]
    assert [found for text in prose for found in re.findall(r"\d+", text)] == []


@by_name
def test_a_chart_stands_with_the_table_it_draws(path: Path) -> None:
    cells = code_cells(rerun.read(path))
    for place, cell in enumerate(cells):
        drawn = re.fullmatch(r"charts\.(\w+)\((\w+)\)", cell.source)
        if drawn:
            assert cells[place + 1].source == f"tables.show(tables.{drawn[1]}({drawn[2]}))"


@by_name
def test_it_ends_with_the_master_check(path: Path) -> None:
    last = rerun.read(path).cells[-1]
    assert "answer.checked(" in last.source
    assert last.outputs[0].data["text/markdown"] == "All checks are zero."


# --- other parameters -------------------------------------------------------------------------------------------------


def run_with(tmp_path: Path, **given: object) -> NotebookNode:
    where = tmp_path / START
    papermill.execute_notebook(rerun.FOLDER / START, where, parameters=given, cwd=rerun.FOLDER, progress_bar=False)
    return rerun.read(where)


def test_settings_reach_both_cases_and_every_title(tmp_path: Path) -> None:
    stored, notebook = rerun.read(rerun.FOLDER / START), run_with(tmp_path, settings={"exit_multiple": "6x"})
    first, other = (outputs(each, "text/markdown")[0].data["text/markdown"].splitlines() for each in (stored, notebook))
    assert other[0].count("with exit\\_multiple = 6x") == 2
    assert other[0] != first[0]
    for before, after in zip(outputs(stored, charts.LIVE), outputs(notebook, charts.LIVE), strict=True):
        caption = " ".join(after.data[charts.LIVE]["title"]["subtitle"])
        assert "with exit_multiple = 6x" in caption
        assert before.data[charts.LIVE] != after.data[charts.LIVE]


@pytest.mark.long
@pytest.mark.parametrize("scenario", Deal.load().scenarios)
def test_every_scenario_runs_and_is_named_in_what_is_said(scenario: str, tmp_path: Path) -> None:
    deal = Deal.load()
    against = deal.story.present if scenario != deal.story.present else deal.story.proposal
    notebook = run_with(tmp_path, scenario=scenario, against=against)
    told = next(output for cell in code_cells(notebook) for output in cell.outputs if "text/markdown" in output.data)
    sentences = told.data["text/markdown"]
    assert deal.scenario(scenario).title in sentences
    # No word is left of the scenario the notebook is stored with.
    others = {each.title for name, each in deal.scenarios.items() if name not in (scenario, against)}
    text = shown_text(notebook).replace(deal.scenario(scenario).title, "").replace(deal.scenario(against).title, "")
    assert [title for title in others if title in text] == []
    assert notebook.cells[-1].outputs[0].data["text/markdown"] == "All checks are zero."
