"""The scheduler as people run it: real processes, a real clock, SIGTERM and SIGKILL."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dealgrid.runs import work
from dealgrid.runs.state import DONE, FAILED, RUNNING, WAITING, State
from tests.runs.conftest import ROOT, WORK, write_notebook

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGTERM nor SIGKILL"),
]
PATIENCE = 120
EACH_MINUTE = """\
quick:
  title: A small report
  cron: "0 0 1 1 *"
  time_zone: UTC
  run: report
  scenarios: [status_quo, new_deal]
  keep: 2
  retries: 1
  backoff: 1 s
  time_limit: {limit}
  tell: [TOLD]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "params", tmp_path / "params")
    (tmp_path / "params" / "schedules.yaml").write_text(EACH_MINUTE.format(limit="2 min"), encoding="utf-8")
    write_notebook(tmp_path / "notebooks" / "00_start_here.ipynb", WORK)
    return tmp_path


def dealgrid(project: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dealgrid.cli", "schedule", *words]
    env = os.environ | {"TOLD": f"json://127.0.0.1:9/{project.name}"}
    return subprocess.Popen(command, cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)


def until(true: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("it did not happen")


@pytest.fixture
def state(project: Path) -> Iterator[State]:
    opened = work.state_of(project / "reports")
    now = work.now()
    opened.enqueue("quick", now, [now], [])  # due now, as if the clock had come to it
    yield opened
    opened.close()


def done(project: Path) -> list[Path]:
    return [path for path in (project / "reports").glob("quick/2*") if (path / "manifest.json").exists()]


def test_a_due_report_is_made_and_sigterm_stops_cleanly(project: Path, state: State) -> None:
    process = dealgrid(project, "run")
    until(lambda: state.jobs(status=DONE))
    assert len(done(project)) == 1
    process.terminate()
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "Stopped." in said
    status = dealgrid(project, "status", "--format", "json")
    out, _ = status.communicate(timeout=PATIENCE)
    assert (status.returncode, json.loads(out)[0]["wrong"]) == (0, "")


def test_a_stopped_scheduler_gives_its_job_back_and_a_killed_one_leaves_it_running(project: Path, state: State) -> None:
    write_notebook(project / "notebooks" / "00_start_here.ipynb", "import time; time.sleep(15)", WORK)
    first = dealgrid(project, "run")
    until(lambda: list((project / "reports").glob("quick/.*/unfinished-start_here.ipynb")))
    first.terminate()
    first.communicate(timeout=PATIENCE)
    (job,) = state.jobs()
    assert (first.returncode, job.status, job.attempt) == (0, WAITING, 0)
    second = dealgrid(project, "run")
    until(lambda: len(list((project / "reports").glob("quick/.*/unfinished-start_here.ipynb"))) == 2)
    second.send_signal(signal.SIGKILL)
    second.communicate()
    assert [(job.status, job.attempt) for job in state.jobs()] == [(RUNNING, 1)]
    third = dealgrid(project, "run")  # it finds the job at work, and leaves it alone
    until(lambda: state.jobs(status=DONE))
    third.terminate()
    third.communicate(timeout=PATIENCE)
    assert [job.attempt for job in state.jobs()] == [1]
    assert len(done(project)) == 1


def test_two_schedulers_of_one_folder_do_not_run_at_once(project: Path, state: State) -> None:
    first = dealgrid(project, "run")
    until(lambda: state.last_beat())
    second = dealgrid(project, "run")
    _, said = second.communicate(timeout=PATIENCE)
    assert (second.returncode, "another `dealgrid schedule run`" in said) == (3, True)
    first.terminate()
    first.communicate(timeout=PATIENCE)


def test_a_time_limit_ends_the_run_and_the_failure_waits_for_somebody_to_hear_it(project: Path, state: State) -> None:
    (project / "params" / "schedules.yaml").write_text(EACH_MINUTE.format(limit="4 s"), encoding="utf-8")
    write_notebook(project / "notebooks" / "00_start_here.ipynb", "import time; time.sleep(600)")
    process = dealgrid(project, "run")
    (job,) = until(lambda: state.jobs(status=FAILED))
    assert (job.attempt, job.error) == (2, "stopped at its time limit of 4 s")
    message = until(lambda: [each for each in state.untold() if each.tries])[0]
    assert message.error == "the address in TOLD does not take the message"
    process.terminate()
    process.communicate(timeout=PATIENCE)
    status = dealgrid(project, "status")
    out, _ = status.communicate(timeout=PATIENCE)
    assert (status.returncode, "time limit" in out, "not told" in out) == (1, True, True)


def test_once_runs_now_and_says_what_failed(project: Path) -> None:
    good = dealgrid(project, "once", "quick")
    good.communicate(timeout=PATIENCE)
    assert (good.returncode, len(done(project))) == (0, 1)
    write_notebook(project / "notebooks" / "00_start_here.ipynb", "raise RuntimeError('broken')")
    bad = dealgrid(project, "once", "quick")
    _, said = bad.communicate(timeout=PATIENCE)
    assert (bad.returncode, "broken" in said) == (3, True)
    wrong = dealgrid(project, "once", "quik")
    _, said = wrong.communicate(timeout=PATIENCE)
    assert (wrong.returncode, "did you mean `quick`" in said) == (2, True)
