"""Notebooks carried out with parameters under papermill, and shown as pages that need no network."""

from __future__ import annotations

import ast
import contextlib
import difflib
import logging
import math
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dealgrid.output.page import whole
from dealgrid.problems import InputError, Problem, RunError
from dealgrid.runs import warm

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
SAVED = 5.0  # seconds between two writings of a notebook that is being carried out warm
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
FAR = re.compile(
    r"<(?:script|link|img|iframe|image|use|source|object|embed)\b[^>]*?\b(?:src|href|data)\s*=\s*[\"']?\s*(?:https?:)?//"
    r"|<script\b(?:(?!</script).)*?https?://|@import\s[^;]*?//",
    re.IGNORECASE | re.DOTALL,
)
MOST_LINES = 12  # of an error's last words


class DiedError(RunError):
    """The kernel of a notebook died; another one may live."""


@dataclass(frozen=True)
class _Place:
    """One parameter of a notebook: the types it takes, as its cell says."""

    name: str
    types: tuple[type, ...]  # empty: any
    said: str


def execute(
    notebook: Path,
    parameters: Mapping[str, object],
    output: Path,
    folder: Path | None = None,
    engine: str | None = None,
    seconds: float | None = None,
    last_cell: str = "",
) -> NotebookNode:
    """Carry out a notebook with parameters and write it to `output`, free of paths and times; the executed notebook.

    `folder` is where its code runs, the notebook's own if left out; `engine` one of papermill's; `seconds` all it may
    take; `last_cell` is code to be carried out after it, which the notebook returned ends with and the file does not.
    InputError naming each parameter the notebook does not have or cannot take; RunError, with the cell, where a cell
    fails. `output` then holds what was reached.
    """
    check_parameters(notebook, parameters)
    import papermill

    source: Any = str(notebook).replace("{", "{{").replace("}", "}}")  # papermill fills braces in
    if last_cell:
        source = _read(notebook)
        source.cells.append(_code(last_cell))
    end = None if seconds is None else time.monotonic() + seconds
    quiet = logging.getLogger("papermill")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)  # its log names folders of this machine
    try:
        papermill.execute_notebook(
            source,
            str(output).replace("{", "{{").replace("}", "}}"),
            parameters=dict(parameters),
            engine_name=engine,
            cwd=str(folder or notebook.parent),
            progress_bar=sys.stderr.isatty() and engine is None,
            start_timeout=START,
            timeout_func=None if end is None else lambda cell: max(1, math.ceil(end - time.monotonic())),
            extra_arguments=["--log-level=ERROR"],  # the kernel's warnings are about its own transport
        )
    except papermill.PapermillExecutionError as error:
        raise RunError(_failed(notebook, error)) from None
    except TimeoutError:
        what = f"the notebook takes longer than {seconds:g} seconds" if seconds else "a cell does not end"
        raise RunError(
            Problem(notebook.name, what, "a notebook that ends in time", "look at the last cell reached")
        ) from None
    except RuntimeError as error:  # the kernel did not start, or died
        raise DiedError(
            Problem(notebook.name, f"the notebook's kernel gave up: {error}", "a kernel that answers", "run it again")
        ) from error
    finally:
        quiet.setLevel(level)
        with contextlib.suppress(RunError, InputError):  # where it did not even begin
            done = _cleaned(_read(output))
            added = done.cells.pop() if last_cell and done.cells else None
            _write(done, output)
    if added is not None:
        done.cells.append(added)
    return done


class WarmEngine:
    """Papermill's engine `dealgrid`: each notebook in a kernel forked from a process that is warm already.

    Where that cannot be, on other systems or for other kernels, it says so and takes an ordinary kernel.
    """

    @classmethod
    def execute_notebook(cls, nb: NotebookNode, kernel_name: str, *given: Any, **named: Any) -> NotebookNode:
        """Carry out a notebook, as papermill's own engine does and with the same options."""
        from papermill.engines import NBClientEngine

        class Engine(NBClientEngine):  # type: ignore[misc] # papermill has no types
            @classmethod
            def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
                client = _client(nb_man, kernel_name, options)
                if client is None:
                    return super().execute_managed_notebook(nb_man, kernel_name, **options)
                with _saved_seldom(nb_man):
                    return client.execute()

        return Engine.execute_notebook(nb, kernel_name, *given, **named)

    @classmethod
    def nb_kernel_name(cls, nb: NotebookNode, name: str | None = None) -> str:
        """The kernel a notebook asks for."""
        from papermill.utils import nb_kernel_name

        return str(nb_kernel_name(nb, name))

    @classmethod
    def nb_language(cls, nb: NotebookNode, language: str | None = None) -> str:
        """The language a notebook is in."""
        from papermill.utils import nb_language

        return str(nb_language(nb, language))


def _client(nb_man: Any, kernel_name: str, options: Mapping[str, Any]) -> Any:
    """Papermill's client of a notebook, on a warm kernel; None, after saying why, where it cannot have one."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.log import logger

    class Client(PapermillNotebookClient):  # type: ignore[misc] # the same
        @contextlib.contextmanager
        def setup_kernel(self, **_: Any) -> Iterator[None]:
            kernel = warm.Kernel(os.getcwd())  # papermill has gone where the notebook is to run
            self.km = self.kc = kernel
            try:
                yield
                kernel.stop()
            except BaseException:
                kernel.kill()
                raise

    left_out = ("input_path", "timeout", "startup_timeout", "execution_timeout", "start_timeout", "extra_arguments")
    kept = {name: value for name, value in options.items() if name not in left_out}
    timeout = options.get("execution_timeout") or options.get("timeout")
    client = Client(nb_man, kernel_name=kernel_name, timeout=timeout, log=logger, **kept)
    why = "" if warm.is_possible() else "they need Linux"
    why = why or _not_ours(client.create_kernel_manager().kernel_spec)
    if not why:
        try:
            warm.ready()
            return client
        except RunError as error:
            why = error.problems[0].what
    print(f"dealgrid: no warm kernel ({why}); an ordinary one is taken", file=sys.stderr)
    return None


@contextlib.contextmanager
def _saved_seldom(nb_man: Any) -> Iterator[None]:
    """Papermill writes the whole notebook twice for each cell; every few seconds, and at the end, is enough."""
    save = nb_man.save
    last = time.monotonic()

    def seldom(**given: Any) -> None:
        nonlocal last
        if time.monotonic() - last > SAVED:
            save(**given)
            last = time.monotonic()

    nb_man.save = seldom
    try:
        yield
    finally:
        nb_man.save = save


def _not_ours(spec: Any) -> str:
    """Why a kernel is not IPython's of this very Python; empty where it is."""
    python = spec.argv[0]
    ours = {"python", "python3", f"python3.{sys.version_info[1]}", sys.executable}  # what jupyter takes for our own
    if spec.argv[1:3] != ["-m", "ipykernel_launcher"]:
        return f"{spec.display_name} is not IPython's kernel"
    if python not in ours and Path(python).absolute() != Path(sys.executable).absolute():
        return f"{spec.display_name} belongs to another Python"
    return f"{spec.display_name} asks for variables of its own" if spec.env else ""


def with_parameters(notebook: NotebookNode, parameters: Mapping[str, object]) -> str:
    """The text of an executed notebook whose injected cell shows other parameters than it ran with."""
    import nbformat

    for cell in notebook.cells:
        if INJECTED in cell.metadata.get("tags", ()):
            cell.source = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call] # nbformat has no types


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
    made = whole(title, body, caption, f"{_highlighting(styles)}\n{STYLE}")
    far = FAR.search(made)
    if far:
        what = f"an output of the notebook fetches from the network: {far[0][:80]}"
        raise RunError(
            Problem(
                title or "notebook", what, "a page that works offline", "let the cell show a picture or a table instead"
            )
        )
    return made


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


def _code(source: str) -> NotebookNode:
    """A cell of code that is not the author's."""
    import nbformat

    return nbformat.v4.new_code_cell(source, id="added")  # type: ignore[no-untyped-call] # the same


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

STYLE = """\
main, footer { max-width: 52rem; }
a.anchor-link { display: none; }
.jp-OutputArea-output, .output_area, .output_subarea { overflow-x: auto; max-width: 100%; }
.jp-RenderedText pre { white-space: pre-wrap; overflow-wrap: anywhere; }
details.code { margin: 0.4em 0; color: #666; }
details.code summary { cursor: pointer; font: 0.75rem/1.4 "Liberation Sans", Arial, sans-serif; color: #888; }
details.code .highlight { background: #f7f7f5; padding: 0.6em 0.9em; border-left: 2px solid #ccc; overflow-x: auto; }
details.code .highlight pre { margin: 0; }
td.gt_right { white-space: nowrap; }
@media print {
  details.code { display: none; }
  .explained details::details-content { content-visibility: visible; block-size: auto; }
}
"""
