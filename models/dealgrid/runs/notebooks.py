"""Notebooks carried out with parameters under papermill, and shown as pages that need no network."""

from __future__ import annotations

import ast
import difflib
import html
import logging
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dealgrid.problems import InputError, Problem, RunError

if TYPE_CHECKING:
    from nbformat import NotebookNode

PARAMETERS, INJECTED = "parameters", "injected-parameters"  # tags, as papermill has them
TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "dict": (dict,),
    "list": (list,),
    "tuple": (list, tuple),
    "None": (type(None),),
}
START = 120  # seconds a kernel may take to start on a busy machine
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
FAR = re.compile(
    r"<(?:script|link|img|iframe|image|use|source|object|embed)\b[^>]*?\b(?:src|href|data)\s*=\s*[\"']?\s*(?:https?:)?//"
    r"|<script\b(?:(?!</script).)*?https?://|@import\s[^;]*?//",
    re.IGNORECASE | re.DOTALL,
)
MOST_LINES = 12  # of an error's last words


@dataclass(frozen=True)
class _Place:
    """One parameter of a notebook: the types it takes, as its cell says."""

    name: str
    types: tuple[type, ...]  # empty: any
    said: str


def execute(notebook: Path, parameters: Mapping[str, object], output: Path, folder: Path | None = None) -> NotebookNode:
    """Carry out a notebook with parameters and write it to `output`, free of paths and times; the executed notebook.

    `folder` is where its code runs; the notebook's own if left out. InputError naming each parameter the notebook
    does not have or cannot take; RunError, with the cell, where a cell fails. `output` then holds what was reached.
    """
    check_parameters(notebook, parameters)
    import papermill

    quiet = logging.getLogger("papermill")
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # its log names folders of this machine
    try:
        papermill.execute_notebook(
            str(notebook).replace("{", "{{").replace("}", "}}"),  # papermill fills braces in
            str(output).replace("{", "{{").replace("}", "}}"),
            parameters=dict(parameters),
            cwd=str(folder or notebook.parent),
            progress_bar=sys.stderr.isatty(),
            start_timeout=START,
            extra_arguments=["--log-level=ERROR"],  # the kernel's warnings are about its own transport
        )
    except papermill.PapermillExecutionError as error:
        raise RunError(_failed(notebook, error)) from None
    except RuntimeError as error:  # the kernel did not start, or died
        raise RunError(
            Problem(notebook.name, f"the notebook's kernel gave up: {error}", "a kernel that answers", "run it again")
        ) from error
    finally:
        quiet.setLevel(level)
    done = _cleaned(_read(output))
    _write(done, output)
    return done


def check_parameters(notebook: Path, parameters: Mapping[str, object]) -> None:
    """Refuse parameters the notebook does not have, and values of another type than it says. InputError with all."""
    places = {place.name: place for place in _places(notebook)} if parameters else {}
    problems = []
    for name, value in parameters.items():
        place = places.get(name)
        if place is None:
            near = difflib.get_close_matches(name, places, 1)
            advice = f"did you mean `{near[0]}`?" if near else "leave it out"
            problems.append(
                Problem(
                    notebook.name, f"`{name}` is not a parameter of the notebook", "one of " + ", ".join(places), advice
                )
            )
        elif place.types and (
            not isinstance(value, place.types) or (isinstance(value, bool) and bool not in place.types)
        ):
            what = f"{name}: {value!r} is {type(value).__name__}"
            problems.append(Problem(notebook.name, what, place.said, "give a value of that type"))
    if problems:
        raise InputError(problems)


def to_html(notebook: NotebookNode, title: str = "", caption: str = "") -> str:
    """A notebook as one page that works without a network: prose and results, code folded away.

    `title` (else the first heading) names the page, `caption` stands at its foot. RunError where an output would
    fetch something from elsewhere.
    """
    from nbconvert import HTMLExporter

    options: dict[str, Any] = {"embed_images": True, "template_name": "basic", "raw_template": BODY}
    exporter = HTMLExporter(**options)  # type: ignore[no-untyped-call] # nbconvert has no types
    body, resources = exporter.from_notebook_node(notebook)
    title = title or _first_heading(notebook)
    styles = "\n".join(resources.get("inlining", {}).get("css", ()))
    page = PAGE.format(
        title=html.escape(title), style=STYLE, more=_highlighting(styles), body=body, caption=html.escape(caption)
    )
    far = FAR.search(page)
    if far:
        what = f"an output of the notebook fetches from the network: {far[0][:80]}"
        raise RunError(
            Problem(
                title or "notebook", what, "a page that works offline", "let the cell show a picture or a table instead"
            )
        )
    return page


def _places(notebook: Path) -> list[_Place]:
    """The parameters of a notebook, read from its `parameters` cell: `name: type = value  # what it is`."""
    cells = [cell for cell in _read(notebook).cells if PARAMETERS in cell.metadata.get("tags", ())]
    if not cells:
        raise InputError(
            Problem(
                notebook.name,
                "the notebook has no cell tagged `parameters`",
                "one such cell",
                "tag the cell that sets them",
            )
        )
    try:
        statements = ast.parse("\n".join(cell.source for cell in cells)).body
    except SyntaxError as error:
        raise InputError(
            Problem(
                notebook.name, f"the parameters cell is not Python: {error.msg}", "name: type = value", "correct it"
            )
        ) from error
    places = []
    for statement in statements:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            said = ast.unparse(statement.annotation)
            places.append(_Place(statement.target.id, _types_said(statement.annotation), said))
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            kind = type(ast.literal_eval(statement.value))
            places.append(_Place(statement.targets[0].id, TYPES.get(kind.__name__, ()), kind.__name__))
    return places


def _types_said(said: ast.expr) -> tuple[type, ...]:
    """`str`, `dict[str, str]`, `float | None` as types; nothing, which takes any value, for what is not known."""
    if isinstance(said, ast.BinOp):
        left, right = _types_said(said.left), _types_said(said.right)
        return left + right if left and right else ()
    if isinstance(said, ast.Subscript):
        return _types_said(said.value)
    if isinstance(said, ast.Constant) and said.value is None:
        return TYPES["None"]
    return TYPES.get(said.id, ()) if isinstance(said, ast.Name) else ()


def _failed(notebook: Path, error: Any) -> Problem:
    source = "\n".join(f"    | {line}" for line in error.source.strip().splitlines())
    said = COLOURS.sub("", f"{error.ename}: {error.evalue}").strip().splitlines()[:MOST_LINES]
    what = f"cell {error.exec_count or '?'} of the notebook fails\n{source}\n    " + "\n    ".join(said)
    return Problem(
        notebook.name, what, "a notebook that runs from top to bottom", "open it in JupyterLab and run this cell"
    )


def _cleaned(notebook: NotebookNode) -> NotebookNode:
    """Without what differs from machine to machine and from time to time."""
    notebook.metadata.pop("papermill", None)
    for place, cell in enumerate(notebook.cells):
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if INJECTED in cell.metadata.get("tags", ()):
            cell["id"] = f"injected-{place}"  # papermill gives it one by chance
    return notebook


def _read(path: Path) -> NotebookNode:
    import nbformat

    try:
        return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call] # nbformat has no types
    except FileNotFoundError:
        raise InputError(
            Problem(path.name, "there is no such notebook", "a file in notebooks/", "check its name")
        ) from None
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, TypeError, KeyError, AttributeError) as error:
        raise InputError(Problem(path.name, "this is not a notebook", "an .ipynb file", "check the file")) from error


def _write(notebook: NotebookNode, path: Path) -> None:
    import nbformat

    nbformat.write(notebook, path)  # type: ignore[no-untyped-call] # nbformat has no types


def _first_heading(notebook: NotebookNode) -> str:
    for cell in notebook.cells:
        found = re.search(r"^#\s+(.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if found:
            return found[1].strip()
    return "Notebook"


def _highlighting(styles: str) -> str:
    """The colours of code among nbconvert's styles; the rest is for pages with JupyterLab's look."""
    return "\n".join(
        line for line in styles.splitlines() if line.startswith((".highlight", "pre {", "td.linenos", "span.linenos"))
    )


BODY = """\
{%- extends 'basic/index.html.j2' -%}
{% block input_group %}<details class="code"><summary>code</summary>{{ super() }}</details>{% endblock input_group %}
{% block in_prompt %}{% endblock in_prompt %}
{% block output_area_prompt %}{% endblock output_area_prompt %}
{% block data_svg scoped %}<figure role="img" aria-label="{{ output.data['text/plain'] | default('chart', true) | e }}">
{{ output.data['image/svg+xml'] }}</figure>{% endblock data_svg %}
"""

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{more}
{style}
</style>
</head>
<body>
<main>
{body}
</main>
<footer>{caption}</footer>
</body>
</html>
"""

STYLE = """\
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1a1a1a;
  font: 16px/1.55 Georgia, "Liberation Serif", "Times New Roman", serif; }
main, footer { max-width: 52rem; margin: 0 auto; padding: 0 1.25rem; }
main { padding-top: 2.5rem; }
h1, h2, h3, h4 { line-height: 1.2; font-weight: 600; margin: 2.2em 0 0.6em; }
h1 { font-size: 2rem; margin-top: 0; }
h2 { font-size: 1.4rem; border-top: 1px solid #ccc; padding-top: 0.8em; }
h3 { font-size: 1.1rem; }
p, ul, ol { margin: 0 0 0.9em; }
a { color: inherit; }
a.anchor-link { display: none; }
figure { margin: 0; }
img, svg { max-width: 100%; height: auto; }
svg, svg * { overflow: visible; }
.jp-OutputArea-output, .output_area, .output_subarea { overflow-x: auto; max-width: 100%; }
.jp-RenderedText pre, pre { white-space: pre-wrap; overflow-wrap: anywhere; }
pre, code { font-family: "DejaVu Sans Mono", Consolas, Menlo, monospace; font-size: 0.8rem; line-height: 1.45; }
details.code { margin: 0.4em 0; color: #666; }
details.code summary { cursor: pointer; font: 0.75rem/1.4 "Liberation Sans", Arial, sans-serif; color: #888; }
details.code .highlight { background: #f7f7f5; padding: 0.6em 0.9em; border-left: 2px solid #ccc; overflow-x: auto; }
details.code .highlight pre { margin: 0; }
table { border-collapse: collapse; margin: 0.8em 0 1.4em; font-size: 0.9rem;
  font-variant-numeric: tabular-nums lining-nums; }
table th, table td { padding: 0.25em 0.8em; text-align: right; border: 0; border-bottom: 1px solid #e3e3e3; }
table thead th { border-bottom: 1px solid #555; font-weight: 600; vertical-align: bottom; }
td.gt_right { white-space: nowrap; }
table tbody th, table td:first-child, table th:first-child { text-align: left; }
footer { margin-top: 3rem; padding-bottom: 2rem; font-size: 0.8rem; color: #666; }
footer:not(:empty)::before { content: ""; display: block; border-top: 1px solid #ccc; margin-bottom: 0.7em; }
@media (max-width: 40rem) { body { font-size: 15px; } h1 { font-size: 1.5rem; } main { padding-top: 1.25rem; } }
@media print {
  @page { size: A4; margin: 18mm 16mm; }
  body { font-size: 10.5pt; }
  main, footer { max-width: none; padding: 0; }
  details.code { display: none; }
  .explained details::details-content { content-visibility: visible; block-size: auto; }
  h1, h2, h3 { break-after: avoid; }
  figure, img, svg, tr { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
