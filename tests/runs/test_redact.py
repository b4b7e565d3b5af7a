"""A redacted report says nowhere what is confidential, and the same search finds it in one that is not redacted."""

import datetime as dt
import io
import json
import re
import shutil
from pathlib import Path

import pypdf
import pytest

from dealgrid import Deal
from dealgrid.output import answer, paper
from dealgrid.problems import InputError, RunError
from dealgrid.runs import redact, report, store, sweep, warm
from tests.runs.conftest import ROOT, write_notebook
from tests.runs.test_report import everything

SPELLINGS = ("31.23456789", "0.3123456789", "12.3456789", "17.3456789", "0.173456789")
SHOWN = """\
from dealgrid import Deal
from dealgrid.output import answer
from dealgrid.output.explanation import explain_tree
case = Deal.load().case(scenario, set=settings)
print(answer.caption([case]))
explain_tree(case, "microsoft_value", depth=30)"""
SETTINGS = {"microsoft_stake": "31.23456789%", "exit_multiple": "12.3456789x"}


def marked(root: Path, *names: str) -> int:
    """Mark parameters confidential; how many were found."""
    count = 0
    for path in (root / "params" / "base").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        for name in names:
            text, found = re.subn(rf"(?m)^{name}:\n", f"{name}:\n  confidential: yes\n", text)
            count += found
        path.write_text(text, encoding="utf-8")
    return count


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "params", tmp_path / "params")
    write_notebook(tmp_path / "notebooks" / "00_start_here.ipynb", SHOWN)
    return tmp_path


def test_no_spelling_of_a_confidential_value_is_in_a_redacted_report(root: Path) -> None:
    assert marked(root, "microsoft_stake", "exit_multiple", "revenue_share_rate") == 3
    scenario = root / "params" / "scenarios" / "new_deal.yaml"
    text = scenario.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^  revenue_share_rate:.*\n(?:    .*\n)*", "", text)
    scenario.write_text(text.replace("set:\n", "set:\n  revenue_share_rate: {2019: 20%, 2026: 17.3456789%}\n"))
    deal = Deal.load(root=root)
    open_text = everything(report.write_report(deal, [], SETTINGS, root / "open").folder)
    assert [each for each in SPELLINGS if each in open_text] == list(SPELLINGS)
    made = report.write_report(deal, [], SETTINGS, root / "reports", redact=True)
    published = everything(made.folder)
    said = published + "\n".join(report.summary(made))
    assert [each for each in SPELLINGS if each in said] == []
    assert str(root) not in published
    assert not (made.folder / report.WORKBOOK).exists()
    manifest = json.loads((made.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["settings"] == dict.fromkeys(SETTINGS, "confidential")
    assert manifest["set"]["new_deal"]["revenue_share_rate"] == "confidential"
    assert manifest["notes"]["redacted"]["parameters"] == ["exit_multiple", "microsoft_stake", "revenue_share_rate"]


def test_a_notebook_that_prints_a_confidential_value_is_not_published(root: Path) -> None:
    assert marked(root, "microsoft_stake") == 1
    write_notebook(root / "notebooks" / "00_start_here.ipynb", "print(settings)")
    with pytest.raises(RunError, match=r"microsoft_stake in start_here\.(ipynb|html)") as raised:
        report.write_report(Deal.load(root=root), [], SETTINGS, root / "reports", redact=True)
    assert "31.23456789" not in str(raised.value)
    assert [path.name.endswith(".unfinished") for path in (root / "reports" / "new_deal").iterdir()] == [True]


def test_the_calendar_cannot_be_hidden_and_a_redacted_report_not_resumed(root: Path) -> None:
    with pytest.raises(InputError, match="cannot be taken up again"):
        report.write_report(Deal.load(root=root), [], {}, root / "reports", resume="new_deal/x", redact=True)
    assert marked(root, "valuation_date") == 1
    with pytest.raises(InputError, match="every table shows it"):
        report.write_report(Deal.load(root=root), [], {}, root / "reports", redact=True)
    assert not (root / "reports").exists()


STUDY = """\
kind: sweep
title: Stakes where an exit pays 12.3456789x
why: What of the multiple of 12.3456789x?
scenario: new_deal
notebook: 00_start_here
set: {exit_multiple: 12.3456789x}
grid: {microsoft_stake: [30%, 35%]}
"""
needs_fork = pytest.mark.skipif(not warm.is_possible(), reason="warm kernels need Linux")


def study(root: Path, text: str = STUDY) -> Deal:
    shutil.rmtree(root / "params" / "studies")
    (root / "params" / "studies").mkdir()
    (root / "params" / "studies" / "stakes.yaml").write_text(text)
    return Deal.load(root=root)


@needs_fork
@pytest.mark.long
def test_no_spelling_of_a_confidential_value_is_in_a_redacted_sweep(root: Path) -> None:
    marked(root, "exit_multiple")
    deal = study(root)
    made = sweep.run_sweep(deal, "stakes", root / "reports", 2, redact=True)
    open_copy = sweep.run_sweep(deal, "stakes", root / "open", 2)
    text = {folder: "\n".join(each.read_text("latin-1") for each in folder.rglob("*") if each.is_file())
            for folder in (made.folder, open_copy.folder)}  # fmt: skip
    assert "12.3456789" in text[open_copy.folder]
    assert "12.3456789" not in text[made.folder]
    assert "redacted copy" in (made.folder / sweep.PAGE).read_text()
    assert str(root) not in text[made.folder]
    manifest = json.loads((made.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["settings"] == {"exit_multiple": "confidential"}
    assert manifest["notes"]["redacted"] == {"parameters": ["exit_multiple"], "left_out": []}
    assert made.hidden == ("exit_multiple",)


def test_a_sweep_through_what_is_confidential_is_refused_before_anything_is_written(root: Path) -> None:
    marked(root, "microsoft_stake")
    with pytest.raises(InputError, match="goes through microsoft_stake, which is confidential"):
        sweep.run_sweep(study(root), "stakes", root / "reports", 2, redact=True)
    assert not (root / "reports").exists()


@needs_fork
@pytest.mark.long
def test_what_a_notebook_raises_in_a_redacted_sweep_is_not_told_and_the_sweep_can_go_on(root: Path) -> None:
    marked(root, "exit_multiple")
    deal = study(root)
    raising = f"import os\nif os.path.exists({str(root / 'mark')!r}): raise ValueError(str(settings))\n"
    write_notebook(root / "notebooks" / "00_start_here.ipynb", raising + SHOWN)
    (root / "mark").touch()
    with pytest.raises(RunError, match="without --redact it is told why") as raised:
        sweep.run_sweep(deal, "stakes", root / "reports", 2, redact=True)
    (left,) = store.list_runs(root / "reports")
    files = [each.read_text("latin-1") for each in left.folder.rglob("*") if each.is_file()]
    assert not any("12.3456789" in text for text in [*files, str(raised.value)])
    assert f"--redact --resume {left.run}" in raised.value.problems[0].advice
    (root / "mark").unlink()
    made = sweep.run_sweep(deal, "stakes", root / "reports", 2, resume=left.run, redact=True)
    assert made.run == left.run


def test_the_words_of_a_paper_and_short_values_after_a_label_are_searched(root: Path, tmp_path: Path) -> None:
    marked(root, "exit_multiple", "access_end")
    with redact.hiding():
        deal = redact.opened(Deal.load(root=root))
    folder = tmp_path / "written"
    folder.mkdir()
    told = [Deal.load(root=root).case(each, {"exit_multiple": "12.3456789x"}) for each in ("status_quo", "new_deal")]
    made = pypdf.PdfReader(io.BytesIO(paper.pdf(told, "x/y", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))))
    pages = pypdf.PdfWriter()
    for page_made in made.pages[1:]:  # without the title, which stands in the file as it is read
        pages.add_page(page_made)
    pages.write(folder / "report.pdf")
    assert b"12.3456789" not in (folder / "report.pdf").read_bytes()
    cases = [deal.case("new_deal", {"exit_multiple": "12.3456789x"})]
    assert "exit_multiple in report.pdf" in redact.leaks(deal, cases, folder)
    (folder / "report.pdf").unlink()
    row = "<tr><td>{}</td>\n<td>{}</td><td>{}</td></tr>"
    page = folder / "page.html"
    page.write_text(row.format(deal.parameters["exit_multiple"].label, "multiple", "5x") + "2030-12-31")
    assert redact.leaks(deal, cases, folder) == ["exit_multiple in page.html"]
    page.write_text(row.format(deal.parameters["access_end"].label, "date", "2030-12-31") + "5x")
    assert redact.leaks(deal, cases, folder) == ["access_end in page.html"]
    page.write_text(row.format(deal.parameters["exit_multiple"].label, "multiple", "confidential") + "5x 2030-12-31")
    assert redact.leaks(deal, cases, folder) == []


def test_a_confidential_flag_leaves_the_clauses_that_bind_as_they_are(root: Path) -> None:
    shown = answer.clauses_finding(Deal.load(root=root).case("status_quo"))
    marked(root, "access_ends_on_agi")
    with redact.hiding():
        assert answer.clauses_finding(redact.opened(Deal.load(root=root)).case("status_quo")) == shown
