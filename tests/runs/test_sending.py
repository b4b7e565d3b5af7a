"""Runs are sent when they are done: by `--to`, and by schedules, which try again without making the run again."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dealgrid import Deal
from dealgrid.inputs.schedules import Schedule
from dealgrid.runs import fetch, store, warm, work
from dealgrid.runs.state import DONE, FAILED, WAITING, Job, State
from tests.runs.conftest import ROOT, WORK, schedules_of, write_notebook
from tests.runs.ftp_server import Server, serving
from tests.runs.test_review import command, make
from tests.runs.test_scheduler import EACH_MINUTE, PATIENCE, dealgrid, until

CREDENTIALS = ("clerk", "pass-4711")


class Attempts:
    """Stands for the processes of attempts: what each is asked, and how it ends; a report leaves a run here."""

    def __init__(self, deal: Deal, reports: Path, ends: list[int | None]) -> None:
        self.deal, self.reports, self.ends = deal, reports, ends
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, asked: Schedule, words: tuple[str, ...], *_: Any) -> tuple[int | None, str]:
        self.asked.append(words)
        code = self.ends.pop(0)
        if words[0] == "report":
            run = make(self.reports, self.deal, {}, name=asked.name)
            with (self.reports / work.FOLDER / f"{asked.name}.out").open("a") as printed:
                printed.write(f"It is worth 1.\n\nnotebook  reports/{run.run}/start_here.ipynb\n")
        return code, "" if code == 0 else "it could not be sent"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = work.state_of(tmp_path / "reports")
    yield opened
    opened.close()


def attempt(schedule: Schedule, state: State, tmp_path: Path, job: Job | None = None) -> Job:
    """One attempt at a job, a new one unless one is given, whether or not its time has come."""
    if job is None:
        begun = state.begin(schedule.name, work.now())
        assert begun is not None
    else:
        assert state.start(job, work.now())
        begun = state.job(job.id)
        assert begun is not None
    work.work(schedule, state, begun.id, begun.attempt, tmp_path, tmp_path / "reports")
    ended = state.job(begun.id)
    assert ended is not None
    return ended


def weekly(tmp_path: Path, **given: object) -> Schedule:
    return schedules_of(tmp_path, {"weekly": {"to": "s3://bucket/reports", "tell": "[TEAM]", **given}})["weekly"]


def play(monkeypatch: pytest.MonkeyPatch, deal: Deal, tmp_path: Path, ends: list[int | None]) -> Attempts:
    attempts = Attempts(deal, tmp_path / "reports", ends)
    monkeypatch.setattr(work, "_carry_out", attempts)
    return attempts


def test_what_could_not_be_sent_is_sent_by_the_next_attempt_and_not_made_again(
    tmp_path: Path, deal: Deal, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = play(monkeypatch, deal, tmp_path, [3, None, 0])
    schedule = weekly(tmp_path)
    job = attempt(schedule, state, tmp_path)
    assert (job.status, job.exit) == (WAITING, 3)
    job = attempt(schedule, state, tmp_path, job)  # killed while it sends
    assert (job.status, job.exit) == (WAITING, None)
    job = attempt(schedule, state, tmp_path, job)
    assert (job.status, job.attempt, job.exit, state.untold()) == (DONE, 3, 0, [])
    (run,) = store.list_runs(tmp_path / "reports")
    assert attempts.asked[0] == (*schedule.command, "--output")
    assert attempts.asked[1:] == [("runs", "send", run.run, "s3://bucket/reports", "--quiet", "--reports")] * 2


def test_what_is_never_sent_is_a_failure_that_is_told(
    tmp_path: Path, deal: Deal, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, deal, tmp_path, [3, 3])
    schedule = weekly(tmp_path, retries=1)
    job = attempt(schedule, state, tmp_path, attempt(schedule, state, tmp_path))
    assert (job.status, job.exit) == (FAILED, 3)
    assert ["it could not be sent" in message.body for message in state.untold()] == [True]


def test_a_run_whose_checks_failed_is_still_a_failure_when_it_is_sent_later(
    tmp_path: Path, deal: Deal, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, deal, tmp_path, [3, 0])
    schedule = weekly(tmp_path)
    job = attempt(schedule, state, tmp_path)
    (run,) = store.list_runs(tmp_path / "reports")
    path = run.folder / store.MANIFEST
    path.chmod(0o644)
    path.write_text(json.dumps({**run.manifest, "exit": 1}))
    job = attempt(schedule, state, tmp_path, job)
    assert (job.status, job.exit, job.error) == (FAILED, 1, f"{run.run} is sent; a check of the model failed in it")


@pytest.mark.parametrize("case", ["deleted", "another job", "no address", "unfinished", "nothing printed"])
def test_the_report_is_made_again_where_there_is_nothing_to_send(
    case: str, tmp_path: Path, deal: Deal, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = play(monkeypatch, deal, tmp_path, [3, 3, 0])
    schedule = weekly(tmp_path, retries=0 if case == "another job" else 2)
    job: Job | None = attempt(schedule, state, tmp_path)
    (run,) = store.list_runs(tmp_path / "reports")
    if case == "deleted":
        store.delete(run)
    elif case == "another job":
        job = None
    elif case == "no address":
        schedule = schedules_of(tmp_path, {"weekly": {}})["weekly"]
    elif case == "unfinished":
        run.folder.rename(run.folder.parent / store.hidden_name(run.run.partition("/")[2]))
    else:
        (tmp_path / "reports" / work.FOLDER / "weekly.out").unlink()
    attempt(schedule, state, tmp_path, job)
    assert [words[0] for words in attempts.asked] == ["report", "report"]


def test_a_sweep_is_known_by_its_study(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "stakes.yaml").write_text("")
    given = {"nightly": {"run": "sweep", "study": "stakes", "scenarios": "[]", "to": "ARCHIVE"}}
    text = schedules_of(tmp_path, given)["nightly"]
    assert (text.run_name, text.command) == (
        "stakes",
        ("sweep", "stakes", "--keep", "12", "--to", "ARCHIVE", "--quiet"),
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    shutil.copytree(ROOT / "params", root / "params")
    text = EACH_MINUTE.format(limit="2 min").replace("retries: 1", "retries: 6\n  to: ARCHIVE")
    (root / "params" / "schedules.yaml").write_text(text, encoding="utf-8")
    study = "kind: sweep\ntitle: Two\nwhy: Why?\nscenario: new_deal\nnotebook: 00_start_here\nrows: [microsoft_value]\n"
    (root / "params" / "studies" / "two.yaml").write_text(study + "grid:\n  microsoft_stake: [30%, 35%]\n")
    write_notebook(root / "notebooks" / "00_start_here.ipynb", WORK)
    return root


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An FTP server whose address only the environment knows."""
    (tmp_path / "there").mkdir()
    with serving(tmp_path / "there", CREDENTIALS) as server:
        monkeypatch.setenv("ARCHIVE", f"ftp://{':'.join(CREDENTIALS)}@127.0.0.1:{server.port}/reports")
        yield server


@pytest.mark.long
@pytest.mark.skipif(not warm.is_possible(), reason="warm kernels need Linux")
@pytest.mark.parametrize(
    ("words", "times"), [(("report", "new_deal", "--name", "weekly"), 2), (("sweep", "two", "--workers", "1"), 1)]
)
def test_a_run_that_is_done_is_sent_and_older_ones_go(
    words: tuple[str, ...], times: int, project: Path, archive: Server, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(project)
    said = ""
    for _ in range(times):
        status, out, err = command(capsys, monkeypatch, *words, "--to", "ARCHIVE", "--keep", "1", "--quiet")
        assert status == 0, err
        said += out + err
    (kept,) = store.list_runs(project / "reports")
    with fetch.open_runs("ARCHIVE") as there:
        assert [run.status for run in there.runs] == ["done"] * times
        assert there.runs[-1].manifest == kept.manifest
    assert f"Sent to ftp://127.0.0.1:{archive.port}/reports/{kept.run}: " in said
    assert CREDENTIALS[1] not in said
    status, _, err = command(capsys, monkeypatch, *words, "--to", "NOWHERE", "--quiet")
    assert (status, "the variable NOWHERE is not set" in err) == (2, True)
    assert [run.run for run in store.list_runs(project / "reports")] == [kept.run]  # nothing was made in vain


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_a_scheduled_report_waits_for_its_archive_and_is_made_once(project: Path, archive: Server) -> None:
    archive.credentials = ("nobody", "else")  # it lets nobody in
    opened = work.state_of(project / "reports")
    now = work.now()
    opened.enqueue("quick", now, [now], [])
    process = dealgrid(project, "run")
    try:
        (refused,) = until(lambda: [job for job in opened.jobs(status=WAITING) if job.error])
        assert "credentials that may write there" in refused.error
        assert CREDENTIALS[1] not in refused.error
        archive.credentials = CREDENTIALS
        (job,) = until(lambda: opened.jobs(status=DONE))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        opened.close()
    assert job.attempt > 1
    (made,) = store.list_runs(project / "reports")
    with fetch.open_runs("ARCHIVE") as there:
        assert [(run.run, run.status) for run in there.runs] == [(made.run, "done")]
    left = [path for path in (project / "reports" / work.FOLDER).iterdir() if path.suffix != ".lock"]
    assert [path.name for path in left if CREDENTIALS[1].encode() in path.read_bytes()] == []
