"""A sweep on a Dask cluster is the sweep made here, to the last bit, whatever happens to the cluster."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dealgrid import Deal
from dealgrid.problems import RunError
from dealgrid.runs import store, sweep, warm
from tests import cluster
from tests.command import COMMAND
from tests.runs.conftest import ROOT
from tests.runs.test_sweep import numbers, project

PATIENCE = 300  # seconds
OTHER = """\
import os
from pathlib import Path
if 'OTHER' in os.environ: case = Deal.load(root=Path(os.environ['OTHER'])).case(scenario, set=settings)"""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not warm.is_possible(), reason="warm kernels need Linux"),
]


def asked(deal: Deal, *words: str, midway: Callable[[], None] | None = None) -> tuple[int, str]:
    """The exit status of `dealgrid sweep` and what it said; `midway` is done once a point has arrived."""
    command = [COMMAND, "sweep", "stakes", "--quiet", *words]
    running = subprocess.Popen(command, cwd=deal.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        if midway is not None:
            end = time.monotonic() + PATIENCE
            while not list(deal.root.glob("reports/stakes/.*.unfinished/handed/[!u]*.json")):
                assert running.poll() is None, running.communicate()[0]
                assert time.monotonic() < end, "no point has arrived"
                time.sleep(0.02)
            midway()
        said, _ = running.communicate(timeout=PATIENCE)
    finally:
        running.kill()
    assert "Traceback" not in said
    return running.returncode, said


def other_parameters(folder: Path) -> Path:
    """A project that counts illiquidity for more than is done here."""
    shutil.copytree(ROOT / "params", folder / "params")
    path = folder / "params" / "base" / "exit.yaml"
    text, count = re.subn(r"(?m)(^illiquidity_discount:\n(?:  .*\n)*?  value: ).*$", r"\g<1>11%", path.read_text())
    assert count == 1
    path.write_text(text)
    return folder


def is_same(one: Path, other: Path) -> None:
    """The same figures and the same files of notebooks, byte by byte."""
    pd.testing.assert_frame_equal(numbers(one), numbers(other), check_exact=True)
    files = [{path.name: path.read_bytes() for path in (each / "notebooks").iterdir()} for each in (one, other)]
    assert len(files[0]) == 12  # a notebook and its page for each of 6 points
    assert files[0] == files[1]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> tuple[Deal, Path]:
    """A project, and its sweep made on this machine."""
    deal = project(tmp_path_factory.mktemp("here"))
    return deal, sweep.run_sweep(deal, "stakes", deal.root / "quiet", 2).folder


def test_a_cluster_that_loses_a_worker_makes_the_same_sweep(here: tuple[Deal, Path], tmp_path: Path) -> None:
    deal, alone = here
    # Its workers stand in a project of other parameters, which are not to be read; each has two threads.
    with cluster.running(other_parameters(tmp_path), threads=2) as there:
        status, said = asked(deal, "--cluster", there.address, midway=there.workers[0].kill)
        assert there.workers[0].wait() < 0
        assert there.workers[1].poll() is None
    assert (status, "6 points" in said) == (0, True), said
    is_same(store.find_run(deal.root / "reports", "stakes").folder, alone)


def test_a_cluster_that_goes_away_is_told_and_the_sweep_completed_here(here: tuple[Deal, Path], tmp_path: Path) -> None:
    deal, alone = here
    with cluster.running(tmp_path) as there:
        status, said = asked(deal, "--cluster", there.address, midway=there.kill)
    assert (status, "has gone away" in said) == (3, True), said
    left = store.list_runs(deal.root / "reports")[-1]
    assert left.status == "failed"
    status, said = asked(deal, "--resume", left.run)
    assert status == 0, said
    is_same(store.find_run(deal.root / "reports", left.run).folder, alone)


def test_an_address_where_nobody_answers_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    deal = project(tmp_path)
    status, said = asked(deal, "--cluster", "tcp://127.0.0.1:1")
    assert (status, "no Dask scheduler answers at tcp://127.0.0.1:1" in said) == (2, True), said
    assert not (tmp_path / "reports").exists()


def test_a_worker_with_another_program_is_refused_by_name(here: tuple[Deal, Path], tmp_path: Path) -> None:
    deal, _ = here
    models = shutil.copytree(ROOT / "models", tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))
    with (models / "microsoft_openai" / "exit.py").open("a") as file:
        file.write("\n")
    with cluster.running(tmp_path, 1, environments=[{"PYTHONPATH": f"{models}{os.pathsep}{ROOT}"}]) as there:
        status, said = asked(deal, "--cluster", there.address)
    assert (status, "its program is another one than here: microsoft_openai/exit.py" in said) == (3, True), said


def test_a_worker_that_reads_other_parameters_cannot_give_other_numbers(tmp_path: Path) -> None:
    deal = project(tmp_path, OTHER)
    other = other_parameters(tmp_path / "other")
    with (
        cluster.running(tmp_path, 1, environments=[{"PYTHONPATH": str(ROOT), "OTHER": str(other)}]) as there,
        pytest.raises(RunError) as caught,
    ):
        sweep.run_sweep(deal, "stakes", tmp_path / "reports", cluster=there.address)
    assert len(caught.value.problems) == 6
    assert all("its numbers are not the engine's" in each.what for each in caught.value.problems)
