"""Warm kernels show what cold ones do, byte by byte, each notebook by itself; what goes wrong is told."""

from __future__ import annotations

import gc
import json
import os
import re
import time
from pathlib import Path

import pytest

from dealgrid.problems import RunError
from dealgrid.runs import notebooks, warm
from tests.runs.conftest import write_notebook

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
ENGINE = "dealgrid"
NAMED = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")

pytestmark = pytest.mark.skipif(not warm.is_possible(), reason="warm kernels need Linux")

CELLS = (
    "import sys; print('out'); print('err', file=sys.stderr); print('out again')",
    "import subprocess, os; print('before', flush=True); _ = subprocess.run(['echo', 'von außen €'])\n"
    "_ = os.write(2, b'low\\n')",
    "from IPython.display import clear_output, display, update_display\nprint('gone'); clear_output(); print('kept')",
    "handle = display({'text/plain': 'one'}, raw=True, display_id='a')\ndisplay('two', display_id='b'); None",
    "update_display('three', display_id='b')",
    "import pandas as pd; pd.DataFrame({'a': range(80), 'b': [1.5] * 80})",
    "pd.options.display.width, pd.options.display.max_columns, pd.options.display.max_rows",
    "__name__, sys.argv[0], sys.path, os.getcwd(), sys.stdin.isatty(), sys.stdout.isatty(), sys.stdout.encoding",
    "{k: v for k, v in sorted(os.environ.items()) if k not in ('JPY_PARENT_PID', 'PYTEST_CURRENT_TEST')}",
    "import asyncio\nawait asyncio.sleep(0.01)\n'awaited'",
    "import warnings; warnings.simplefilter('always'); warnings.warn_explicit('careful', UserWarning, 'here', 1)",
    "import ipywidgets; ipywidgets.IntSlider(3)",
    "get_ipython().user_ns['__doc__'], 'Out' in dir(), In[1][:10], _",
    "import pickle\nclass Thing: pass\ntype(pickle.loads(pickle.dumps(Thing()))).__module__",
    "%who_ls Thing",
)
# Each ends in an error that is part of what is shown.
REFUSED = ("input('who?')", "1 / 0", "import missing_module_of_nobody", "def f(:\n  pass", "raise SystemExit(3)")


@pytest.fixture(autouse=True)
def _as_outside_of_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that finds itself inside pytest leaves the file descriptors alone."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")


def written(tmp_path: Path, name: str, *cells: str) -> Path:
    return write_notebook(tmp_path / name, *cells)


def carried_out(notebook: Path, engine: str | None, **options: object) -> str:
    output = notebook.with_name(f"{engine}-{notebook.name}")
    try:
        notebooks.execute(notebook, {}, output, engine=engine, **options)  # type: ignore[arg-type]
    except RunError:  # papermill tells of errors that were expected, too
        if "raises-exception" not in notebook.read_text():
            raise
    return output.read_text(encoding="utf-8")


def anonymous(text: str) -> list[str]:
    """The lines of a notebook that has widgets, in any order: their identities, drawn by chance, sort their states."""
    return sorted(line.strip(" ,") for line in NAMED.sub("id", text).splitlines())


def outputs(text: str) -> list[object]:
    """What each cell shows, without identities of widgets."""
    return [cell["outputs"] for cell in json.loads(NAMED.sub("id", text))["cells"] if "outputs" in cell]


def metadata(text: str) -> str:
    return json.dumps(json.loads(text)["metadata"], indent=1)


def test_what_a_warm_kernel_shows_is_what_a_cold_one_does(tmp_path: Path) -> None:
    import nbformat

    notebook = written(tmp_path, "small.ipynb", *CELLS, *REFUSED)
    changed = nbformat.read(notebook, as_version=4)
    for cell in changed.cells[-len(REFUSED) :]:
        cell.metadata["tags"] = ["raises-exception"]
    nbformat.write(changed, notebook)
    cold, hot = carried_out(notebook, None), carried_out(notebook, ENGINE)
    assert outputs(hot) == outputs(cold)
    assert anonymous(metadata(hot)) == anonymous(metadata(cold))  # with the state of the widgets


@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_is_the_same_bytes_from_a_warm_kernel(path: Path, tmp_path: Path) -> None:
    texts = []
    for engine in (None, ENGINE):
        output = tmp_path / f"{engine}.ipynb"
        notebooks.execute(path, {}, output, engine=engine)
        texts.append(output.read_text(encoding="utf-8"))
    if "widget-state+json" in texts[0]:
        assert anonymous(texts[0]) == anonymous(texts[1])
    else:
        assert texts[0] == texts[1]


def test_a_notebook_sees_nothing_of_the_one_before(tmp_path: Path) -> None:
    first = written(tmp_path, "first.ipynb", "import os, json; json.mine = 1; os.environ['MINE'] = '1'; mine = 1")
    carried_out(first, ENGINE)
    second = written(
        tmp_path, "second.ipynb", "import os, json; hasattr(json, 'mine'), 'MINE' in os.environ, 'mine' in dir()"
    )
    assert "(False, False, False)" in carried_out(second, ENGINE)


def test_two_notebooks_draw_different_random_numbers(tmp_path: Path) -> None:
    notebook = written(tmp_path, "random.ipynb", "import random, numpy; (random.random(), numpy.random.random())")
    one, other = (re.findall(r"0\.\d{6,}", carried_out(notebook, ENGINE)) for _ in range(2))
    assert len(one) == 2
    assert not set(one) & set(other)


def test_files_left_open_are_whole(tmp_path: Path) -> None:
    file = tmp_path / "left.txt"
    carried_out(
        written(tmp_path, "left.ipynb", f"left = open({str(file)!r}, 'w'); _ = left.write('all of it')"), ENGINE
    )
    assert file.read_text() == "all of it"


def test_what_is_printed_beyond_the_most_is_cut_and_that_is_said(tmp_path: Path) -> None:
    notebook = written(tmp_path, "much.ipynb", "for _ in range(200):\n    print('x' * 1_000_000)", "print('after')")
    text = carried_out(notebook, ENGINE)
    assert len(text) < 1.2 * warm.MOST
    assert "output cut here: the cell printed more than 10,000,000 characters" in text
    assert "after\\n" in text


@pytest.mark.long
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("import os; os._exit(1)", "kernel gave up"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "kernel gave up"),
        ("while True: pass", "takes longer than 2 seconds"),
        ("import time; time.sleep(60)", "takes longer than 2 seconds"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_notebook_that_goes_wrong_is_told_and_the_next_one_runs(
    tmp_path: Path, cell: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RunError, match=said):
        carried_out(written(tmp_path, "wrong.ipynb", "'reached'", cell), ENGINE, seconds=2)
    assert "reached" in (tmp_path / "dealgrid-wrong.ipynb").read_text()
    assert "'fine'" in carried_out(written(tmp_path, "fine.ipynb", "'fine'"), ENGINE)
    gc.collect()
    assert "Task was destroyed but it is pending" not in caplog.text


def gone(group: int) -> bool:
    """Whether all processes of a group are gone, once the warm process has looked after its kernels."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.long
def test_a_stopped_notebook_leaves_no_process(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    cell = (
        f"import os, subprocess; _ = open({str(mark)!r}, 'w').write(str(os.getpid()))\nsubprocess.run(['sleep', '60'])"
    )
    with pytest.raises(RunError):
        carried_out(written(tmp_path, "sleeps.ipynb", cell), ENGINE, seconds=2)
    assert gone(int(mark.read_text()))


def test_where_no_warm_kernel_can_be_an_ordinary_one_is_taken_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warm, "is_possible", lambda: False)
    assert "'fine'" in carried_out(written(tmp_path, "fine.ipynb", "'fine'"), ENGINE)
    assert "no warm kernel (they need Linux); an ordinary one is taken" in capfd.readouterr().err
