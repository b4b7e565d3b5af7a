"""A report is one run with everything in it, the same each time, and nothing of this machine."""

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import nbformat
import pyarrow.parquet as pq
import pypdf
import pytest

from dealgrid import Deal
from dealgrid.problems import InputError, RunError
from dealgrid.runs import report
from tests.runs.conftest import WORK, write_notebook

USER = "zaphodbeeblebrox"
PROGRAM = """
import sys
from pathlib import Path
from dealgrid import Deal
from dealgrid.runs.report import summary, write_report
made = write_report(Deal.load(root=Path(sys.argv[1])), [], {"microsoft_stake": "31%"}, Path(sys.argv[2]))
print(made.folder)
print("\\n".join(summary(made)))
"""


@pytest.fixture(scope="module")
def first(place: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A report made by another user in another home, and what was said of it."""
    home = tmp_path_factory.mktemp(USER)
    env = os.environ | {"HOME": str(home), "USER": USER, "LOGNAME": USER, "LNAME": USER, "USERNAME": USER}
    command = [sys.executable, "-c", PROGRAM, str(place), str(home / "reports")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=env, cwd=place, check=True)
    folder, _, said = done.stdout.partition("\n")
    return Path(folder), said


def everything(run: Path) -> str:
    """All text of a run, unpacked."""
    found = []
    for path in run.iterdir():
        content = path.read_bytes()
        found.append(content.decode("latin-1"))
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(io.BytesIO(content)) as parts:
                found += [parts.read(part).decode("latin-1") for part in parts.namelist()]
        if path.suffix == ".pdf":
            pdf = pypdf.PdfReader(io.BytesIO(content))
            found += [str(pdf.metadata), *(page.extract_text() for page in pdf.pages)]
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            found += [str(table.schema.metadata), str(table.to_pydict())]
    return "\n".join(found)


def test_a_report_holds_page_paper_workbook_notebook_numbers_and_manifest(first: tuple[Path, str]) -> None:
    run, said = first
    expected = {"start_here.ipynb", "start_here.html", "report.pdf", "deal.xlsx", "numbers.parquet", "manifest.json"}
    assert {path.name for path in run.iterdir()} == expected
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    for name, each in manifest["files"].items():
        assert hashlib.sha256((run / name).read_bytes()).hexdigest() == each["sha256"]
        assert name in said
    assert manifest["settings"] == {"microsoft_stake": "31%"}
    assert manifest["scenarios"] == ["status_quo", "new_deal"]
    assert "notebooks/00_start_here.ipynb" in manifest["inputs"]
    assert set(manifest["seconds"]) == {"numbers", "notebook", "paper", "workbook", "all"}


def test_nothing_in_a_report_names_the_user_or_a_folder_of_the_machine(first: tuple[Path, str], place: Path) -> None:
    run, _ = first
    text = everything(run)
    wanted = [USER, str(place), str(Path.cwd()), str(run.parents[1])]
    assert [word for word in wanted if word in text] == []


def test_the_numbers_and_the_notebook_say_the_same_as_the_case(first: tuple[Path, str], deal: Deal) -> None:
    run, _ = first
    case = deal.case("new_deal", {"microsoft_stake": "31%"})
    table = pq.read_table(run / "numbers.parquet").to_pandas()
    assert list(dict.fromkeys(table["scenario"])) == list(deal.scenarios)
    line = table[(table["scenario"] == "new_deal") & (table["row"] == "microsoft_value")]
    assert float(line["value"].iloc[0]) == case["microsoft_value"]
    notebook = nbformat.read(run / "start_here.ipynb", as_version=4)
    assert notebook.cells[-1].outputs[0].text == f"{case['microsoft_value']:.6f}\n"


def test_the_page_fetches_nothing(first: tuple[Path, str]) -> None:
    page = (first[0] / "start_here.html").read_text(encoding="utf-8")
    assert re.findall(r"<(?:script|link|iframe|img)\b[^>]*(?:https?:)?//", page) == []
    assert first[0].name in page


def test_a_second_report_has_the_same_numbers_and_hash(first: tuple[Path, str], deal: Deal, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    again = report.write_report(deal, [], {"microsoft_stake": 0.31}, tmp_path, lambda *step: steps.append(step))
    assert again.folder.name[-8:] == first[0].name[-8:]
    for name in ("numbers.parquet", "start_here.ipynb"):
        assert (again.folder / name).read_bytes() == (first[0] / name).read_bytes()
    assert [step[1] for step in steps] == [0, 1, 2, 3, 4]
    assert again.checks_passed


@pytest.mark.parametrize(
    ("asked", "chosen", "name"),
    [
        ([], ["status_quo", "new_deal"], "new_deal"),
        (["blocked"], ["status_quo", "blocked"], "blocked"),
        (["status_quo"], ["status_quo", "new_deal"], "new_deal"),
        (["new_deal"], ["status_quo", "new_deal"], "new_deal"),
        (["new_deal", "blocked"], ["new_deal", "blocked"], "blocked-against-new_deal"),
    ],
)
def test_what_is_not_asked_is_set_against_the_present(
    deal: Deal, asked: list[str], chosen: list[str], name: str
) -> None:
    assert report._chosen(deal, asked) == chosen
    assert report._name(deal, chosen) == name


def test_a_report_whose_checks_fail_is_written_and_says_so(
    deal: Deal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = deal.case
    monkeypatch.setattr(deal, "case", lambda name, set: real(name, set, {"check_cash": "1"}))

    def execute(notebook: Path, parameters: object, output: Path) -> nbformat.NotebookNode:
        nbformat.write(nbformat.v4.new_notebook(), output)
        return nbformat.read(output, as_version=4)

    monkeypatch.setattr("dealgrid.runs.notebooks.execute", execute)
    made = report.write_report(deal, [], {}, tmp_path)
    assert not made.checks_passed
    assert any("NOT ZERO in new_deal: check_cash" in line for line in report.summary(made))
    manifest = json.loads((made.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["exit"] == 1
    assert "check_cash" in manifest["checks"]["failed"]["new_deal"]


def test_a_notebook_that_fails_publishes_nothing(deal: Deal, place: Path, tmp_path: Path) -> None:
    notebook = place / "notebooks" / "00_start_here.ipynb"
    kept = notebook.read_bytes()
    write_notebook(notebook, "raise RuntimeError('broken')")
    try:
        with pytest.raises(RunError, match="broken"):
            report.write_report(deal, [], {}, tmp_path)
    finally:
        notebook.write_bytes(kept)
    (left,) = (tmp_path / "new_deal").iterdir()
    assert left.name.endswith(".unfinished")
    assert json.loads((left / "manifest.json").read_text(encoding="utf-8"))["status"] == "failed"


def test_many_futures_in_a_setting_are_refused(deal: Deal, tmp_path: Path) -> None:
    import numpy as np

    with pytest.raises(InputError, match="many futures"):
        report.write_report(deal, [], {"microsoft_stake": np.array([0.3, 0.31])}, tmp_path)


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_an_interrupted_report_leaves_only_its_unfinished_folder(place: Path, tmp_path: Path) -> None:
    root = tmp_path / "slow"
    root.mkdir()
    (root / "params").symlink_to(place / "params")
    write_notebook(root / "notebooks" / "00_start_here.ipynb", "import time\ntime.sleep(600)", WORK)
    reports = tmp_path / "reports"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), str(reports)], stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 120
    while not list(reports.glob("*/.*.unfinished/unfinished-start_here.ipynb")) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    assert process.stderr is not None
    assert "KeyboardInterrupt" in process.stderr.read()
    process.stderr.close()
    assert [path.name.endswith(".unfinished") for path in (reports / "new_deal").iterdir()] == [True]


@pytest.mark.long
def test_scenarios_laid_over_each_other_are_reported_like_any_other(tmp_path: Path) -> None:
    made = report.write_report(Deal.load(), ["new_deal+plan_hsbc"], {}, tmp_path)
    assert made.run.startswith("new_deal-with-plan_hsbc/")
    assert "HSBC" in (made.folder / "start_here.html").read_text(encoding="utf-8")
