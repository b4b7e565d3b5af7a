"""The scheduler's hands: each attempt at a job is a process that holds its schedule's lock and says how it ended."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dealgrid.inputs.schedules import Schedule
from dealgrid.runs import store, tell
from dealgrid.runs.lock import HeldError, held_by_family, is_held_by_family
from dealgrid.runs.schedule import finish
from dealgrid.runs.state import RUNNING, Job, Message, State

FOLDER, STATE = ".schedules", "state.sqlite"  # in the reports folder
GRACE = 30.0  # seconds that a process may take to stop, or to take its lock
MOST_WORDS = 2000  # of what a command said on standard error, from the end


def now() -> dt.datetime:
    """The time, UTC."""
    return dt.datetime.now(dt.UTC)


def state_of(reports: Path) -> State:
    """The scheduler's memory in a reports folder."""
    return State(reports / FOLDER / STATE)


class Processes:
    """The world as it is: processes of this machine, and addresses from the environment."""

    def __init__(self, root: Path, reports: Path) -> None:
        self.root, self.reports = root, reports
        self._own: dict[tuple[int, int], subprocess.Popen[bytes]] = {}

    def start(self, schedule: Schedule, job: Job) -> None:
        """Begin an attempt: `dealgrid schedule work` in a session of its own, which a kill of ours leaves alone."""
        command = [sys.executable, "-m", "dealgrid.cli", "schedule", "work", str(job.id), str(job.attempt)]
        self._own[job.id, job.attempt] = subprocess.Popen(
            [*command, "--reports", str(self.reports)],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def is_alive(self, schedule: Schedule, job: Job) -> bool:
        """Whether the attempt's process is there: ours, or one that holds the lock, or one that may soon."""
        own = self._own.get((job.id, job.attempt))
        if own is not None:
            if own.poll() is None:
                return True
            del self._own[job.id, job.attempt]
        if is_held_by_family(lock_of(self.reports, schedule.name)):
            return True
        return own is None and job.started is not None and (now() - job.started).total_seconds() < GRACE

    def tell(self, message: Message) -> str:
        """Deliver a message."""
        return tell.deliver(message)

    def stop(self) -> None:
        """Stop the attempts this process has begun; they give their jobs back."""
        for process in self._own.values():
            if process.poll() is None:
                process.terminate()
        for process in self._own.values():
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()


def work(schedule: Schedule, state: State, number: int, attempt: int, root: Path, reports: Path) -> int:
    """One attempt at a job: run the command, wait, and note how it ended; its exit status, 3 where it has none.

    SIGTERM stops the command and gives the job back. An attempt that is over already is left alone.
    """
    try:
        with held_by_family(lock_of(reports, schedule.name), patience=GRACE) as lock:
            job = state.job(number)
            if job is None or (job.status, job.attempt) != (RUNNING, attempt):
                return 3
            made = _made_before(schedule, job, reports)
            if made is None:
                _printed(schedule, reports).write_text(_line_of(job), encoding="utf-8")
                code, error = _carry_out(schedule, (*schedule.command, "--output"), root, reports, lock)
            else:
                words = ("runs", "send", made.run, schedule.to, "--quiet", "--reports")
                code, error = _carry_out(schedule, words, root, reports, lock)
                if code == 0 and not made.is_good:
                    code, error = int(made.manifest["exit"]), f"{made.run} is sent; a check of the model failed in it"
            if code == -signal.SIGTERM:
                state.give_back(job)
                return 3
            finish(schedule, state, job, now(), code, error)
            return 3 if code is None else code
    except HeldError:
        return 3


def lock_of(reports: Path, name: str) -> Path:
    """The lock that keeps a schedule from running twice at once."""
    return reports / FOLDER / f"{name}.lock"


def _made_before(schedule: Schedule, job: Job, reports: Path) -> store.Listed | None:
    """The run that an earlier attempt at a job has made and could not send; None where it has to be made.

    What the command of an attempt prints names its files, and with them its run, before the run is sent.
    """
    try:
        said = _printed(schedule, reports).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    found = re.search(rf"(?<![\w-]){re.escape(schedule.run_name)}[\\/]({store.RUN.pattern})", said)
    if not schedule.to or not said.startswith(_line_of(job)) or found is None:
        return None
    run = f"{schedule.run_name}/{found[1]}"
    return next((each for each in store.list_runs(reports) if (each.run, each.status) == (run, store.DONE)), None)


def _printed(schedule: Schedule, reports: Path) -> Path:
    """Where the standard output of a schedule's last attempt to make a run is kept, after a line that names the job."""
    return reports / FOLDER / f"{schedule.name}.out"


def _line_of(job: Job) -> str:
    return f"job {job.id}, due {job.due.isoformat()}\n"


def _carry_out(
    schedule: Schedule, words: Sequence[str], root: Path, reports: Path, lock: int
) -> tuple[int | None, str]:
    """A command on the reports folder, stopped at its time limit: exit status (none then) and what went wrong."""
    command = [sys.executable, "-m", "dealgrid.cli", *words, str(reports)]
    log = reports / FOLDER / f"{schedule.name}.log"
    stopped: list[int] = []
    with log.open("w+b") as said, _printed(schedule, reports).open("ab") as printed:
        process = subprocess.Popen(
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=said,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},  # what is printed outlives a kill
            start_new_session=True,
            pass_fds=(lock,) if os.name != "nt" else (),  # so that the schedule stays locked should we be killed
        )

        def stop(number: int, frame: object) -> None:
            stopped.append(number)
            _end(process, signal.SIGTERM)

        before = signal.signal(signal.SIGTERM, stop)
        try:
            code = process.wait(schedule.time_limit)
        except subprocess.TimeoutExpired:
            _end(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
            _end(process, signal.SIGKILL)
            process.wait()
            return None, f"stopped at its time limit of {schedule.time_limit:g} s"
        finally:
            signal.signal(signal.SIGTERM, before)
        said.seek(0)
        words = said.read()[-MOST_WORDS:].decode(errors="replace").strip()
    if stopped:
        return -signal.SIGTERM, ""
    if code == 0:
        return 0, ""
    return (code, words) if code > 0 else (None, f"killed by signal {-code}. {words}".strip())


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    """A signal to a process and to all it has started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.terminate()
    except ProcessLookupError:
        pass
