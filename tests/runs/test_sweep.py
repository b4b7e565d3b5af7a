"""Sweeps: every point a notebook whose numbers are the engine's; a fault spares the rest, a killed one goes on."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from dealgrid import Deal
from dealgrid.output import sweep_page
from dealgrid.problems import InputError, RunError
from dealgrid.runs import handed, store, sweep, warm
from tests.command import COMMAND, dealgrid
from tests.runs.conftest import ROOT, write_notebook

STUDY = """\
kind: sweep
title: Stakes
why: What does a point of stake bring?
scenario: new_deal
notebook: small
rows: [microsoft_value, total_value]
grid:
  microsoft_stake: [30%, 32.5%, 35%]
  exit_multiple: [4x, 6x]
"""
WORK = "from dealgrid import Deal\ncase = Deal.load().case(scenario, set=settings)\ncase['microsoft_value']"
WRONG = "if settings['microsoft_stake'] == '32.5%' and settings['exit_multiple'] == '6x': "
KILLS = int(os.environ.get("DEALGRID_KILLS", "3"))

pytestmark = pytest.mark.skipif(not warm.is_possible(), reason="warm kernels need Linux")


def project(root: Path, *more: str) -> Deal:
    shutil.copytree(ROOT / "params", root / "params", ignore=shutil.ignore_patterns("studies"))
    (root / "params" / "studies").mkdir()
    (root / "params" / "studies" / "stakes.yaml").write_text(STUDY)
    write_notebook(root / "notebooks" / "small.ipynb", WORK, *more)
    return Deal.load(root=root)


def numbers(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / store.NUMBERS)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Deal, sweep.Swept]:
    deal = project(tmp_path_factory.mktemp("sweep"))
    return deal, sweep.run_sweep(deal, "stakes", deal.root / "reports", 2)


def test_a_sweep_leaves_a_notebook_for_each_point_one_table_and_a_page(swept: tuple[Deal, sweep.Swept]) -> None:
    deal, made = swept
    assert made.points == 6
    assert len(list((made.folder / "notebooks").glob("*.ipynb"))) == 6
    frame = numbers(made.folder)
    assert frame["scenario"].nunique() == 7  # the base and 6 points
    told = frame[
        (frame["scenario"] == "006 new_deal, microsoft_stake 35%, exit_multiple 6x")
        & (frame["row"] == "microsoft_value")
    ]
    alone = deal.case("new_deal", set={"microsoft_stake": "35%", "exit_multiple": "6x"})
    assert told["value"].tolist() == [alone["microsoft_value"]]
    assert not (made.folder / "handed").exists()


def test_each_point_of_the_page_leads_to_its_notebook_and_to_a_page_of_it(swept: tuple[Deal, sweep.Swept]) -> None:
    _, made = swept
    page = (made.folder / "index.html").read_text()
    files = [path.relative_to(made.folder).as_posix() for path in (made.folder / "notebooks").iterdir()]
    assert len(files) == 12
    assert set(re.findall(r'(?:href|src)="([^"]+)"', page)) == set(files)  # all of them, nothing from elsewhere
    assert "All checks are zero at every point." in page


def test_the_page_of_a_point_shows_what_its_notebook_shows(swept: tuple[Deal, sweep.Swept]) -> None:
    deal, made = swept
    shown = made.folder / "notebooks" / "004-new-deal-microsoft-stake-32.5-exit-multiple-6x.html"
    alone = deal.case("new_deal", set={"microsoft_stake": "32.5%", "exit_multiple": "6x"})
    assert str(alone["microsoft_value"]) in shown.read_text()
    assert "004 new_deal, microsoft_stake 32.5%, exit_multiple 6x" in shown.read_text()


def test_a_picture_is_drawn_along_an_axis_that_has_an_order(swept: tuple[Deal, sweep.Swept]) -> None:
    deal, made = swept
    page = (made.folder / "index.html").read_text()
    assert page.count("<figure") == 2  # one for each row, over the three stakes
    assert all(label in page for label in (">30%</text>", ">32.5%</text>", ">35%</text>"))
    study = dataclasses.replace(sweep.find(deal, "stakes"), is_grid=False)  # then no axis stands still beside another
    base, *cases = sweep.cases_of(deal, "stakes").values()
    assert "<figure" not in sweep_page.page(study, deal, base, cases, study.rows, [None] * 6, {}, "run")


def test_the_notebooks_are_those_the_author_wrote(swept: tuple[Deal, sweep.Swept]) -> None:
    _, made = swept
    text = (made.folder / "notebooks").glob("*.ipynb").__next__().read_text()
    assert handed.MIME not in text
    assert "Handed" not in text


def test_the_manifest_says_what_was_compared(swept: tuple[Deal, sweep.Swept]) -> None:
    deal, made = swept
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert (manifest["status"], manifest["kind"], manifest["study"]) == ("done", "sweep", "stakes")
    assert manifest["notes"]["compared"] == {"points": 6, "rows": len(deal.book.rows), "tolerance": 1e-12}


def test_all_points_together_are_what_each_is_alone() -> None:
    deal = Deal.load(root=ROOT)
    points = [("new_deal", {"revenue_share_rate": {"2019": "20%"}}), ("status_quo", {"agi_date": "2028"}),
              ("new_deal", {"periods_per_year": 4}), ("status_quo", {"valuation_date": "2024-12-31"})]  # fmt: skip
    for (scenario, settings), case in zip(points, deal.cases(points), strict=True):
        alone = deal.case(scenario, settings)
        assert {name: value.tolist() for name, value in case.values.items()} == {
            name: value.tolist() for name, value in alone.values.items()
        }


def test_a_difference_between_notebook_and_engine_is_found() -> None:
    deal = Deal.load(root=ROOT)
    case, other = deal.case("new_deal"), deal.case("new_deal", {"exit_multiple": "4.000001x"})
    text = json.dumps(
        handed.Handed({"case": other}, "new_deal", {"exit_multiple": "4.000001x"})._repr_mimebundle_()[handed.MIME]
    )
    found = handed.differences(text, case)
    assert any("the notebook has" in each and "the engine" in each for each in found)
    same = json.dumps(handed.Handed({"cases": [case]}, "new_deal", {})._repr_mimebundle_()[handed.MIME])
    assert handed.differences(same, case) == []


def test_a_notebook_that_ignores_its_settings_is_refused() -> None:
    case = Deal.load(root=ROOT).case("new_deal")
    with pytest.raises(LookupError, match="no case of new_deal with the settings it was given"):
        handed.Handed({"case": case}, "new_deal", {"microsoft_stake": "30%"})


def test_a_study_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match="sweep-stake"):
        sweep.find(Deal.load(root=ROOT), "sweep-stak")


@pytest.mark.parametrize("name", ["sweep-stake", "sweep-agi-year", "sweep-cap-readings", "sweep-blocked"])
def test_the_studies_that_ship_can_be_carried_out(name: str) -> None:
    deal = Deal.load(root=ROOT)
    study = sweep.find(deal, name)
    sweep.check(deal, study)
    assert all(case.checks.passed for case in sweep.cases_of(deal, name).values())


@pytest.mark.long
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("raise ValueError('not today')", "ValueError: not today"),
        ("\n    while True: pass", "takes longer than 45 seconds"),
        ("import os; os._exit(1)", "kernel gave up"),
        ("case.values['total_value'] = case.values['total_value'] + 1", "not the engine's"),
    ],
)
def test_a_point_that_goes_wrong_spares_the_rest_and_is_done_again(tmp_path: Path, cell: str, said: str) -> None:
    deal = project(tmp_path, WRONG + cell)
    with pytest.raises(RunError) as caught:
        sweep.run_sweep(deal, "stakes", tmp_path / "reports", 2, seconds=45)
    (problem,) = caught.value.problems
    assert said in problem.what
    assert problem.where == "004 new_deal, microsoft_stake 32.5%, exit_multiple 6x"
    assert "--resume stakes/" in problem.advice
    (listed,) = store.list_runs(tmp_path / "reports")
    assert listed.status == "failed"
    assert len(list((listed.folder / "notebooks").glob("*.ipynb"))) == 5
    assert "Points that failed" in (listed.folder / "index.html").read_text()


@pytest.mark.long
def test_a_notebook_that_prints_200_mb_is_cut_and_the_sweep_is_whole(tmp_path: Path) -> None:
    deal = project(tmp_path, WRONG + "\n    for _ in range(200): print('x' * 1_000_000)")
    made = sweep.run_sweep(deal, "stakes", tmp_path / "reports", 2)
    sizes = sorted(path.stat().st_size for path in (made.folder / "notebooks").glob("*.ipynb"))
    assert warm.MOST < sizes[-1] < 1.1 * warm.MOST
    assert sizes[-2] < 100_000


@pytest.mark.long
def test_two_sweeps_of_one_name_at_once_do_not_collide(tmp_path: Path) -> None:
    deal = project(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(sweep.run_sweep, deal, "stakes", tmp_path / "reports", 1) for _ in range(2)]
        one, other = (each.result() for each in both)
    assert one.run != other.run
    pd.testing.assert_frame_equal(numbers(one.folder), numbers(other.folder))


def test_ctrl_c_stops_a_sweep_and_says_how_to_go_on(tmp_path: Path) -> None:
    project(tmp_path, "import time; time.sleep(0.5)")
    running = subprocess.Popen(
        [COMMAND, "sweep", "stakes", "--workers", "2"], cwd=tmp_path, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not list(tmp_path.glob("reports/stakes/.*.unfinished/handed/0*.json")) and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    _, said = running.communicate(timeout=60)
    (left,) = store.list_runs(tmp_path / "reports")
    assert running.returncode == 130
    assert said.strip() == f"Interrupted. {left.run} is left unfinished. `--resume` with its name goes on."
    assert dealgrid("sweep", "stakes", "--workers", "2", "--resume", left.run, cwd=tmp_path).returncode == 0
    assert [each.status for each in store.list_runs(tmp_path / "reports")] == ["done"]


PROGRAM = """\
import sys
from pathlib import Path
from dealgrid import Deal
from dealgrid.runs import sweep
if __name__ == "__main__":
    root = Path(sys.argv[1])
    sweep.run_sweep(Deal.load(root=root), "stakes", root / "reports", 2, resume=sys.argv[2] if sys.argv[2:] else "")
"""


@pytest.mark.long
def test_a_sweep_killed_at_random_moments_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    deal = project(tmp_path)
    program = tmp_path / "go.py"
    program.write_text(PROGRAM)
    undisturbed = sweep.run_sweep(deal, "stakes", tmp_path / "quiet", 2)
    begun = time.monotonic()
    subprocess.run([sys.executable, str(program), str(tmp_path)], check=True)
    usual = time.monotonic() - begun
    shutil.rmtree(tmp_path / "reports")
    chance = random.Random(7)
    run, kept = "", 0
    for _ in range(KILLS):
        command = [sys.executable, str(program), str(tmp_path), *([run] if run else [])]
        running = subprocess.Popen(command)
        try:
            running.wait(chance.uniform(0.1, 1.0) * usual)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
        runs = store.list_runs(tmp_path / "reports")
        done = [each for each in runs if each.status == "done"]
        for each in done:  # never half a run under a run's name
            pd.testing.assert_frame_equal(numbers(each.folder), numbers(undisturbed.folder))
        left = [each for each in runs if each.status != "done"]
        now = sum(1 for each in left for _ in (each.folder / "handed").glob("[!u]*.json")) if left else 0
        assert now >= kept or done  # never a finished point lost
        run, kept = (left[-1].run, now) if left else ("", 0)
    if run:
        subprocess.run([sys.executable, str(program), str(tmp_path), run], check=True)
    assert all(each.status == "done" for each in store.list_runs(tmp_path / "reports") if each.run == run)
    last = store.find_run(tmp_path / "reports", "stakes")
    pd.testing.assert_frame_equal(numbers(last.folder), numbers(undisturbed.folder))
