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
from dealgrid.runs.lock import is_held_by_family
from dealgrid.runs.state import DONE, FAILED, RUNNING, SKIPPED, WAITING, State
from tests.runs.conftest import ROOT, WORK, Post, write_notebook

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGTERM nor SIGKILL"),
]
PATIENCE = 120
STARTED: list[subprocess.Popen[str]] = []
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
    process = subprocess.Popen(command, cwd=project, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    STARTED.append(process)
    return process


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """A test that fails leaves no scheduler behind."""
    yield
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.terminate()


def until(true: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("it did not happen")


def due(state: State, name: str) -> None:
    """A schedule is due now, as if the clock had come to it."""
    now = work.now()
    state.enqueue(name, now, [now], [])


@pytest.fixture
def state(project: Path) -> Iterator[State]:
    opened = work.state_of(project / "reports")
    due(opened, "quick")
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


def changed(project: Path, text: str) -> None:
    (project / "params" / "schedules.yaml").write_text(text, encoding="utf-8")


def status(project: Path) -> tuple[int, list[dict[str, str]], str]:
    process = dealgrid(project, "status", "--format", "json")
    out, said = process.communicate(timeout=PATIENCE)
    return process.returncode, json.loads(out or "[]"), said


def test_a_running_scheduler_takes_up_its_changed_file(project: Path, state: State) -> None:
    good = EACH_MINUTE.format(limit="2 min")
    process = dealgrid(project, "run")
    until(lambda: state.jobs(status=DONE))
    changed(project, good.replace("run: report", "run: reprt"))
    time.sleep(4)  # for several looks at the broken file, of which one is told
    code, (line,), said = status(project)
    assert (code, line["name"], "reprt" in said) == (1, "quick", True)
    assert line["wrong"] == "params/schedules.yaml cannot be used, so what was read before is kept to"
    changed(project, good.replace("quick:", "other:"))
    until(lambda: [*state.kept()] == ["other"])
    due(state, "other")
    until(lambda: state.jobs("other", DONE))
    assert status(project)[0] == 0
    process.terminate()
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said.count("reprt"), said.count("kept to: quick")) == (0, 1, 1)
    assert "The schedules are read anew: new other; gone quick." in said


def test_a_broken_file_does_not_stop_a_scheduler_that_is_started_again(project: Path, state: State) -> None:
    first = dealgrid(project, "run")
    until(lambda: state.kept())
    first.terminate()
    first.communicate(timeout=PATIENCE)
    changed(project, "quick: [")
    due(state, "quick")
    second = dealgrid(project, "run")
    until(lambda: len(done(project)))
    second.terminate()
    _, said = second.communicate(timeout=PATIENCE)
    assert (second.returncode, said.count("kept to: quick")) == (0, 1)


STUDY = """\
kind: sweep
title: Stakes
why: What does a point of stake bring?
scenario: new_deal
notebook: 00_start_here
rows: [microsoft_value]
grid:
  microsoft_stake: [30%, 35%]
"""
NIGHTLY = """\
nightly:
  title: The stakes each night
  cron: "0 0 1 1 *"
  time_zone: UTC
  run: sweep
  study: stakes
  keep: 1
  retries: 3
  tell: [TEAM]
"""


def test_a_sweep_is_kept_to_and_a_renamed_study_is_a_clear_failure_told_once(project: Path, post: Post) -> None:
    studies = project / "params" / "studies"
    (studies / "stakes.yaml").write_text(STUDY, encoding="utf-8")
    changed(project, NIGHTLY)
    process = dealgrid(project, "once", "nightly")
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said.splitlines()[-1]) == (0, "nightly is done.")
    state = work.state_of(project / "reports")
    process = dealgrid(project, "run")
    until(lambda: state.seen_until("nightly"))
    due(state, "nightly")
    until(lambda: len(state.jobs(status=DONE)) == 2)
    (run,) = (project / "reports").glob("stakes/2*/manifest.json")  # one of two: so much is kept
    manifest = json.loads(run.read_text(encoding="utf-8"))
    assert (manifest["study"], manifest["notes"]["compared"]["points"], post.bodies) == ("stakes", 2, [])
    assert status(project)[:2] == (0, [status(project)[1][0] | {"name": "nightly", "wrong": ""}])

    (studies / "stakes.yaml").rename(studies / "quotas.yaml")
    due(state, "nightly")
    (job,) = until(lambda: state.jobs(status=FAILED))
    until(lambda: not state.untold())
    assert (job.exit, job.attempt) == (2, 1)  # bad input, which another attempt would find as bad
    code, (line,), said = status(project)
    assert (code, "failed: STUDY: 'stakes' is not a study" in line["wrong"]) == (1, True)
    assert "params/schedules.yaml:6: nightly: 'stakes' is not a study" in said

    changed(project, NIGHTLY.replace("stakes", "quotas"))
    until(lambda: "quotas" in state.kept()["nightly"])
    code, (line,), said = status(project)
    assert (code, line["wrong"].startswith("failed: "), said) == (1, True, "")  # until it has run well again
    process.terminate()
    process.communicate(timeout=PATIENCE)
    state.close()
    assert post.told == {job.id: 1}
    assert "'stakes' is not a study" in post.bodies[0]


def test_once_that_is_stopped_is_over_and_leaves_nothing_running(project: Path) -> None:
    write_notebook(project / "notebooks" / "00_start_here.ipynb", "import time; time.sleep(600)")
    state = work.state_of(project / "reports")
    for number in (signal.SIGINT, signal.SIGTERM):
        begun = len(list((project / "reports").glob("quick/.*/unfinished-start_here.ipynb")))
        process = dealgrid(project, "once", "quick")
        until(lambda: len(list((project / "reports").glob("quick/.*/unfinished-start_here.ipynb"))) > begun)  # noqa: B023 - called at once
        second = dealgrid(project, "once", "quick")
        _, said = second.communicate(timeout=PATIENCE)
        assert (second.returncode, "is running already" in said) == (3, True)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
        assert (process.returncode, said.splitlines()[-1]) == (130, "quick was stopped.")
        until(lambda: not is_held_by_family(work.lock_of(project / "reports", "quick")))
    assert {job.status for job in state.jobs()} == {SKIPPED}
    state.close()
