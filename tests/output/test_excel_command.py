"""The command excel: what it writes, and what it refuses without writing anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dealgrid import Deal, InputError
from dealgrid.cli import app
from dealgrid.output.workbook.lint import lint
from tests.output.recalculated import formula_cells


def excel(*words: str) -> Result:
    return CliRunner().invoke(app, ["excel", *words])


def test_a_workbook_is_written_that_the_linter_passes(tmp_path: Path, deal: Deal) -> None:
    path = tmp_path / "deal.xlsx"
    run = excel(
        "status_quo", "new_deal", "--set", "microsoft_stake=35%", "--pin", "revenue@2027=50", "--check", "-o", str(path)
    )
    assert (run.exit_code, run.stdout) == (0, "")
    made = path.read_bytes()
    assert lint(made) == []
    assert os.listdir(tmp_path) == ["deal.xlsx"]
    case = deal.case("new_deal", {"microsoft_stake": "35%"}, {"revenue@2027": 50})
    assert case["microsoft_value"] in formula_cells(made).values()


def test_a_failed_check_of_the_model_gives_status_1_and_the_workbook(tmp_path: Path) -> None:
    path = tmp_path / "deal.xlsx"
    assert excel("new_deal", "--pin", "check_cash=1", "-o", str(path)).exit_code == 1
    assert path.exists()


def test_everything_wrong_is_said_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    words = ("new_dael", "status_quo", "--set", "stake=1", "--pin", "revenu=2", "-o", str(tmp_path / "deal.xls"))
    run = excel(*words)
    assert isinstance(run.exception, InputError)
    told = str(run.exception)
    for word in ("deal.xls'", "new_dael", "stake", "revenu"):
        assert word in told
    assert told.count("'stake'") == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["deal.csv", "nowhere/deal.xlsx", "."])
def test_a_place_that_takes_no_workbook_is_refused(tmp_path: Path, name: str) -> None:
    run = excel("new_deal", "-o", str(tmp_path / name))
    assert isinstance(run.exception, InputError)
    assert os.listdir(tmp_path) == []
