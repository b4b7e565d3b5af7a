"""The scheduler's hands: each attempt at a job is a process that holds its schedule's lock and says how it ended."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from dealgrid.inputs.files import shown
from dealgrid.inputs.schedules import Schedule, read_schedules
from dealgrid.problems import InputError, Problem, RunError
from dealgrid.runs import store, tell
from dealgrid.runs.lock import HeldError, held_by_family, is_held_by_family
from dealgrid.runs.schedule import finish
from dealgrid.runs.state import RUNNING, Job, Message, State

FOLDER, STATE = ".schedules", "state.sqlite"  # in the reports folder
SCHEDULES, NAMED = "schedules.yaml", ("scenarios", "studies")  # in the folder of parameters, where names come from
STOPPED = -signal.SIGTERM  # what stands for the exit status of a command that we were told to stop
LONGEST_NOTE, PAUSE = 3600.0, 1.0  # seconds to try to note an end on a full disk, and between two tries
GRACE = 30.0  # seconds that a process may take to stop, or to take its lock
MOST_WORDS = 2000  # bytes of what a command said on standard error, from the end


def now() -> dt.datetime:
    """The time, UTC."""
    return dt.datetime.now(dt.UTC)


def state_of(reports: Path) -> State:
    """The scheduler's memory in a reports folder."""
    return State(reports / FOLDER / STATE)


def mark_of(params: Path) -> object:
    """What changes when the schedules do, or the names they may hold: the file's bytes, scenarios and studies."""
    try:
        content: object = (params / SCHEDULES).read_bytes()
    except OSError as error:
        content = error.errno
    return content, *(sorted(path.name for path in (params / folder).glob("*.yaml")) for folder in NAMED)


def read(params: Path) -> dict[str, Schedule]:
    """The schedules as they stand in `params` now. InputError with all problems, also where there is no file."""
    path = params / SCHEDULES
    if not path.exists():
        raise InputError(
            Problem(shown(path), "there is no such file", "the schedules", "put it back; one with `{}` in it has none")
        )
    return read_schedules(path, sorted(each.stem for each in (params / "scenarios").glob("*.yaml")))


class Processes:
    """The world as it is: processes of this machine, and addresses from the environment."""

    def __init__(self, root: Path, reports: Path) -> None:
        self.root, self.reports = root, reports.absolute()  # the processes work in `root`
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

    def is_alive(self, job: Job) -> bool:
        """Whether the attempt's process is there: ours, or one that holds the lock, or one that may soon."""
        own = self._own.get((job.id, job.attempt))
        if own is not None:
            if own.poll() is None:
                return True
            del self._own[job.id, job.attempt]
        if is_held_by_family(lock_of(self.reports, job.schedule)):
            return True
        return own is None and job.started is not None and (now() - job.started).total_seconds() < GRACE

    def tell(self, message: Message) -> str:
        """Deliver a message."""
        return tell.deliver(message)

    def stop(self, state: State) -> None:
        """Stop the attempts this process has begun; their jobs are given back, by them or here."""
        for process in self._own.values():
            if process.poll() is None:
                process.terminate()
        for (number, attempt), process in self._own.items():
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            job = state.job(number)
            is_left = job is not None and (job.status, job.attempt) == (RUNNING, attempt)
            if job and is_left and not is_held_by_family(lock_of(self.reports, job.schedule)):
                state.give_back(job)  # it was stopped before it could say so


def work(schedule: Schedule, state: State, number: int, attempt: int, root: Path, reports: Path) -> int:
    """One attempt at a job: run the command, wait, and note how it ended; its exit status, 3 where it has none.

    SIGTERM stops the command and gives the job back. An attempt that is over already is left alone.
    """
    try:
        with held_by_family(lock_of(reports, schedule.name), patience=GRACE) as lock:
            job = state.job(number)
            if job is None or (job.status, job.attempt) != (RUNNING, attempt):
                return 3
            code, error = _attempt(schedule, job, root, reports, lock)
            if code == STOPPED:
                _noted(lambda: state.give_back(job))
                return 3
            _noted(lambda: finish(schedule, state, job, now(), code, error))
            return 3 if code is None else code
    except HeldError:
        return 3


def once(schedule: Schedule, state: State, root: Path, reports: Path) -> Job:
    """One run now, in the foreground, without a second attempt: the job, as it ended.

    SIGTERM and Ctrl-C stop it, and it is over. RunError where the schedule runs already.
    """
    what = Problem(schedule.name, "the schedule is running already", "one run at a time", "wait until it is done")
    job = state.begin(schedule.name, now())
    if job is None:
        raise RunError(what)
    try:
        with held_by_family(lock_of(reports, schedule.name)) as lock:
            code, error = _attempt(schedule, job, root, reports, lock)
            if code == STOPPED:
                state.withdraw(job)
            else:
                finish(replace(schedule, retries=0), state, job, now(), code, error)
    except HeldError:
        state.withdraw(job)
        raise RunError(what) from None
    except RunError as refused:
        ended = "it is done" if code == 0 else f"it failed: {error or f'exit status {code}'}"
        raise RunError([Problem(schedule.name, f"{ended}; but that could not be noted"), *refused.problems]) from None
    return state.job(job.id) or job


def _noted(note: Callable[[], object]) -> None:
    """Note how an attempt ended, again and again while the disk refuses; the lock is held meanwhile."""
    until = time.monotonic() + LONGEST_NOTE
    while True:
        try:
            note()
            return
        except RunError:
            if time.monotonic() > until:
                raise
        time.sleep(PAUSE)


def lock_of(reports: Path, name: str) -> Path:
    """The lock that keeps a schedule from running twice at once."""
    return reports / FOLDER / f"{name}.lock"


def _attempt(schedule: Schedule, job: Job, root: Path, reports: Path, lock: int) -> tuple[int | None, str]:
    """One attempt at a job: how its command ended; a sentence where log or process cannot be had.

    Where an earlier attempt has made the run and could not send it, it is only sent.
    """
    try:
        reports = reports.absolute()
        made = _made_before(schedule, job, reports)
        if made is None:
            _printed(schedule, reports).write_text(_line_of(job), encoding="utf-8")
            return _carry_out(schedule, (*schedule.command, "--output"), root, reports, lock)
        words = ("runs", "send", made.run, schedule.to, "--quiet", "--reports")
        code, error = _carry_out(schedule, words, root, reports, lock)
        if code == 0 and not made.is_good:
            return int(made.manifest["exit"]), f"{made.run} is sent; a check of the model failed in it"
        return code, error
    except OSError as refused:
        return None, f"it could not be started: {refused.strerror or refused}"


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
            _end(process, signal.SIGTERM if len(stopped) == 1 else signal.SIGKILL)

        before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
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
            for each, handler in before.items():
                signal.signal(each, handler)
        said.seek(max(0, said.seek(0, os.SEEK_END) - MOST_WORDS))
        words = said.read().decode(errors="replace").strip()
    if code == 0:
        return 0, ""
    if stopped:
        return STOPPED, ""
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
