"""A redacted report says nowhere what is confidential, and the same search finds it in one that is not redacted."""

import json
import re
import shutil
from pathlib import Path

import pytest

from dealgrid import Deal
from dealgrid.problems import InputError, RunError
from dealgrid.runs import report
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
