"""Notebooks take only the parameters they have, fail clearly, and become pages that need no network."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from dealgrid.problems import InputError, RunError
from dealgrid.runs import notebooks
from tests.runs.conftest import write_notebook


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("braces{x}")  # papermill would fill in the braces of a path
    return write_notebook(folder / "small.ipynb", "print(scenario, rounds, settings)", "1 / (2 - rounds)")


@pytest.fixture(scope="module")
def executed(notebook: Path) -> Any:
    return notebooks.execute(
        notebook, {"scenario": "blocked", "settings": {"a": "1%"}}, notebook.with_name("out.ipynb")
    )


def texts(notebook: Any) -> list[str]:
    return [output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ())]


def test_a_notebook_runs_with_its_parameters(executed: Any) -> None:
    assert "blocked 1 {'a': '1%'}\n" in texts(executed)


def test_an_executed_notebook_is_the_same_bytes_each_time(notebook: Path, executed: Any) -> None:
    again = notebook.with_name("again.ipynb")
    notebooks.execute(notebook, {"scenario": "blocked", "settings": {"a": "1%"}}, again)
    assert again.read_bytes() == notebook.with_name("out.ipynb").read_bytes()


def test_an_executed_notebook_names_no_folder_and_no_time(notebook: Path, executed: Any) -> None:
    text = notebook.with_name("out.ipynb").read_text(encoding="utf-8")
    assert str(notebook.parent) not in text
    assert re.findall(r"\d{4}-\d\d-\d\dT\d\d:", text) == []
    assert "papermill" not in text
    nbformat.validate(executed)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"scenaro": "new_deal"}, ["small.ipynb", "`scenaro` is not a parameter", "did you mean `scenario`?"]),
        ({"scenario": 3}, ["small.ipynb", "scenario: 3 is int", "str"]),
        ({"rounds": True}, ["rounds: True is bool", "int"]),
        ({"rounds": "2"}, ["rounds: '2' is str", "int"]),
        ({"settings": ["a"]}, ["settings: ['a'] is list", "dict[str, str]"]),
        ({"share": "x"}, ["share: 'x' is str", "float | None"]),
        ({"scenaro": 1, "rounds": "2"}, ["`scenaro`", "rounds"]),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(
    notebook: Path, parameters: dict[str, object], said: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        notebooks.execute(notebook, parameters, notebook.with_name("never.ipynb"))
    assert [text for text in said if text not in str(caught.value)] == []
    assert not notebook.with_name("never.ipynb").exists()


@pytest.mark.parametrize("parameters", [{"share": None}, {"share": 1}, {"share": 0.5}, {"rounds": 2}, {}])
def test_a_parameter_that_fits_is_taken(notebook: Path, parameters: dict[str, object]) -> None:
    notebooks.check_parameters(notebook, parameters)


def test_a_failing_cell_is_shown_with_its_error_and_without_a_traceback(notebook: Path) -> None:
    output = notebook.with_name("failed.ipynb")
    with pytest.raises(RunError) as caught:
        notebooks.execute(notebook, {"rounds": 2}, output)
    said = str(caught.value)
    assert "1 / (2 - rounds)" in said
    assert "ZeroDivisionError: division by zero" in said
    assert "Traceback" not in said
    assert str(notebook.parent) not in said
    assert output.exists()  # what was reached


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"cells": 3}'])
def test_a_file_that_is_no_notebook_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        notebooks.check_parameters(tmp_path / "n.ipynb", {"a": 1})


def test_a_notebook_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such notebook"):
        notebooks.check_parameters(tmp_path / "n.ipynb", {"a": 1})


def test_a_page_fetches_nothing_and_has_a_title_and_a_foot(executed: Any) -> None:
    page = notebooks.to_html(executed, caption="run <1> & more")
    assert re.findall(r"<(?:script|link|iframe|img)\b[^>]*(?:https?:)?//", page) == []
    assert "<script" not in page
    assert "<title>What it is worth</title>" in page
    assert "<footer>run &lt;1&gt; &amp; more</footer>" in page
    assert "US$ 13.75bn went in" in page
    assert "blocked 1" in page


@pytest.mark.parametrize(
    "output",
    [
        '<script src="https://example.com/x.js"></script>',
        "<script src='//example.com/x.js'></script>",
        '<link rel="stylesheet" href="http://example.com/x.css">',
        '<img src="https://example.com/x.png">',
        '<script>load("https://example.com/x.js")</script>',
        '<style>@import url("//example.com/x.css");</style>',
    ],
)
def test_an_output_that_fetches_from_elsewhere_is_refused(output: str, executed: Any) -> None:
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("display_data", {"text/html": output})])
    with pytest.raises(RunError, match="fetches from the network"):
        notebooks.to_html(nbformat.v4.new_notebook(cells=[cell]))


def test_a_chart_stands_in_the_page_as_a_drawing_with_its_words() -> None:
    data = {"image/svg+xml": '<svg width="9" height="9"></svg>', "text/plain": 'Chart: "A" < B'}
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("display_data", data)])
    page = notebooks.to_html(nbformat.v4.new_notebook(cells=[cell]))
    assert re.search(r"<svg[^>]*></svg></figure>", page)
    assert """aria-label='Chart: "A" &lt; B'""" in page
