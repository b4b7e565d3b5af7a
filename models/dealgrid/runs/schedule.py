"""The scheduler's thinking: what is due, what is started, retried and told; the clock and the world are given to it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from dealgrid.inputs.cron import Cron, read_cron
from dealgrid.inputs.schedules import Schedule
from dealgrid.problems import InputError, RunError
from dealgrid.runs.state import DONE, FAILED, RUNNING, WAITING, Job, Message, State

ON_TIME = dt.timedelta(minutes=5)  # what is noticed later than that was missed
LATE = dt.timedelta(minutes=30)  # a run that waits longer, or a scheduler silent for so long, is worth an alarm
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(minutes=1), dt.timedelta(hours=1)  # between two attempts to tell
DOUBLINGS = 10  # of the first pause, which is beyond the longest: an address may be gone for years
BEAT = dt.timedelta(minutes=1)  # a sign of life so often
FINAL = (0, 1, 2)  # done, a check that failed, bad input: another attempt would end the same
SECOND = dt.timedelta(seconds=1)
MOST_MISSED = 1000  # due times caught up in one go; a longer absence is caught up in several


class World(Protocol):
    """What the scheduler does to the world outside."""

    def start(self, schedule: Schedule, job: Job) -> None:
        """Begin one attempt at a job in a process of its own, which reports by `finish`."""

    def is_alive(self, job: Job) -> bool:
        """Whether a process is at work on a running job, whoever started it."""

    def tell(self, message: Message) -> str:
        """Deliver a message; nothing, or why it could not be."""


@dataclass(frozen=True)
class Standing:
    """How a schedule stands: its last finished job, the next due time, and what is wrong, else nothing."""

    schedule: Schedule
    last: Job | None
    running: Job | None
    next_due: dt.datetime
    wrong: str


def step(schedules: Mapping[str, Schedule], state: State, now: dt.datetime, world: World) -> None:
    """One look at the clock: due times become jobs, lost attempts are noted, jobs start, failures are told.

    All that must last is in `state` before the world is touched, so that a kill anywhere loses nothing and the next
    step goes on from there.
    """
    take_over(schedules, state, now)
    beat = state.last_beat()
    if beat is None or not beat <= now < beat + BEAT:
        state.beat(now)
    for schedule in schedules.values():
        take_up_due(schedule, state, now)
    gone = {job.schedule for job in state.jobs(status=WAITING)} - set(schedules)
    if gone:
        state.drop(gone)
    for job in state.jobs(status=RUNNING):
        if not world.is_alive(job):
            lost = state.job(job.id)  # read again: it may have said how it ended since, and then it is not lost
            if lost is not None and (lost.status, lost.attempt) == (RUNNING, job.attempt):
                _note_lost(schedules.get(job.schedule), state, job, now)
    busy = {job.schedule for job in state.jobs(status=RUNNING)}
    for job in state.jobs(status=WAITING):
        if job.schedule not in busy and job.next_try <= now:
            busy.add(job.schedule)
            start(schedules[job.schedule], state, job, now, world)
    tell_all(state, now, world)


def tell_all(state: State, now: dt.datetime, world: World) -> None:
    """Deliver the messages whose time has come; what cannot be delivered waits, each time longer.

    A kill between a delivery and its note tells the same message again, which is better than not at all: the job's
    number in it shows that it is the same.
    """
    for message in state.untold():
        if message.next_try <= now:
            error = world.tell(message)
            if error:
                pause = min(FIRST_PAUSE * 2 ** min(message.tries, DOUBLINGS), LONGEST_PAUSE)
                state.not_told(message, now + pause, error)
            else:
                state.told(message, now)


def start(schedule: Schedule, state: State, job: Job, now: dt.datetime, world: World) -> None:
    """Begin an attempt, unless the schedule has one running."""
    if state.start(job, now):
        begun = state.job(job.id)
        assert begun is not None
        world.start(schedule, begun)


def finish(schedule: Schedule, state: State, job: Job, now: dt.datetime, code: int | None, error: str) -> bool:
    """An attempt is over: the job is done, waits for another attempt, or has failed and is told.

    `code` is the exit status, None where there is none. False, and nothing happens, if that attempt was over already.
    """
    if code not in FINAL and job.attempt <= schedule.retries:
        pause = dt.timedelta(seconds=schedule.backoff * 2 ** (job.attempt - 1))
        return state.retry(job, job.attempt, now + pause, code, error)
    title = f"dealgrid: {schedule.name} failed"
    body = "\n".join([
        f"{schedule.title}",
        f"due {_local(job.due, schedule)}, attempt {job.attempt} of {schedule.retries + 1}, job {job.id}",
        f"exit status {code}" if code is not None else "no exit status",
        error,
        f"Look at it with `dealgrid schedule status`; try again with `dealgrid schedule once {schedule.name}`.",
    ])  # fmt: skip
    tell = [(variable, title, body) for variable in schedule.tell] if code != 0 else []
    return state.end(job, job.attempt, now, code, error, tell)


def _note_lost(schedule: Schedule | None, state: State, job: Job, now: dt.datetime) -> None:
    error = "the process ended without saying how"
    if schedule is None:
        state.end(job, job.attempt, now, None, f"the schedule is gone, and {error}", ())
    else:
        finish(schedule, state, job, now, None, error)


def take_over(schedules: Mapping[str, Schedule], state: State, now: dt.datetime) -> None:
    """Keep to these schedules from now on, whatever was kept to before.

    What was due before, by the lines of then, stays due. A new schedule begins now, a changed line counts from now.
    One that is gone leaves what was due to be skipped, and begins anew should it come back.
    """
    before, after = state.kept(), {name: written(each) for name, each in schedules.items()}
    if before == after:
        return
    moved = []
    for name, was in known(state).items():
        if name not in schedules or _line(was) != _line(schedules[name]):
            while take_up_due(was, state, now):
                pass
            moved.append(name)
    state.change_over(now, after, set(before) - set(after), moved)


def known(state: State) -> dict[str, Schedule]:
    """The schedules that the scheduler keeps to, by name, read back from its memory."""
    read = {name: read_back(definition) for name, definition in state.kept().items()}
    return {name: schedule for name, schedule in read.items() if schedule is not None}


def written(schedule: Schedule) -> str:
    """A schedule as a text that `read_back` reads."""
    return json.dumps(vars(schedule) | {"cron": schedule.cron.text, "zone": schedule.zone.key})


def read_back(definition: str) -> Schedule | None:
    """The schedule that was written so; None where another version of this program wrote it."""
    said: dict[str, Any] = json.loads(definition)
    lists = {key: tuple(value) for key, value in said.items() if isinstance(value, list)}
    try:
        return Schedule(**said | lists | {"cron": read_cron(said["cron"]), "zone": ZoneInfo(said["zone"])})
    except (TypeError, KeyError):
        return None


def _line(schedule: Schedule) -> tuple[Cron, str]:
    """When it is due, however that is spelled."""
    return replace(schedule.cron, text=""), schedule.zone.key


def take_up_due(schedule: Schedule, state: State, now: dt.datetime) -> bool:
    """Make the due times since the last look into jobs, missed ones as the schedule says; whether there may be more."""
    seen = state.seen_until(schedule.name)
    if seen is None:
        state.enqueue(schedule.name, now, (), ())
        return False
    due: list[dt.datetime] = []
    for when in due_after(schedule, seen):
        if when > now or len(due) == MOST_MISSED:
            break
        due.append(when)
    until = now if len(due) < MOST_MISSED else due[-1]
    missed = [when for when in due if when < now - ON_TIME]
    fresh = due[len(missed) :]
    kept = {"all": missed, "once": missed[-1:] if not fresh else [], "skip": []}[schedule.catch_up]
    if due:
        state.enqueue(schedule.name, until, [*kept, *fresh], [when for when in missed if when not in kept])
    return until < now


def due_after(schedule: Schedule, after: dt.datetime) -> Iterator[dt.datetime]:
    """The due times after a moment, in UTC, without end.

    Where the clock goes back, an hour that is said is due once, at its first passing; every hour means every hour.
    Where it goes forward, what falls into the gap is due as much later.
    """
    from apscheduler.triggers.cron import CronTrigger

    cron = schedule.cron
    trigger = CronTrigger(
        minute=cron.numbers("minute"),
        hour=cron.numbers("hour"),
        day=cron.numbers("day"),
        month=cron.numbers("month"),
        day_of_week=",".join(cron.days),
        timezone=schedule.zone,
    )
    before: dt.datetime | None = None
    while True:
        found = trigger.get_next_fire_time(None, after + SECOND)
        if found is None:
            return
        after = found.astimezone(dt.UTC)
        is_second_passing = bool(after.astimezone(schedule.zone).fold)
        if (cron.is_every("hour") or not is_second_passing) and after != before:
            before = after
            yield after


def standings(schedules: Mapping[str, Schedule], state: State, now: dt.datetime) -> list[Standing]:
    """How every schedule stands; what is wrong is a failure, a delay, or a failure nobody could be told of."""
    beat = state.last_beat()
    untold = {message.job: message for message in state.untold() if message.tries}
    found = []
    for schedule in schedules.values():
        jobs = state.jobs(schedule.name)
        over = [job for job in jobs if job.status in (DONE, FAILED)]
        last = max(over, key=lambda job: (job.ended or job.due, job.id), default=None)
        running = next((job for job in jobs if job.status == RUNNING), None)
        wrong = [f"failed: {last.error or f'exit status {last.exit}'}"] if last and last.status == FAILED else []
        waiting = [job for job in jobs if job.status == WAITING]
        wrong += [f"attempt {job.attempt} failed: {job.error}" for job in waiting if job.error]
        if any(now - job.due > LATE and not job.error for job in waiting) and not running:
            wrong.append(f"late: due {_local(waiting[0].due, schedule)}")
        if running and running.started and now - running.started > dt.timedelta(seconds=schedule.time_limit) + LATE:
            wrong.append("late: runs longer than its time limit")
        if beat is None:
            wrong.append("late: `dealgrid schedule run` has not been started")
        elif now - beat > LATE:
            wrong.append(f"late: `dealgrid schedule run` is silent since {_local(beat, schedule)}")
        wrong += [f"not told: {untold[job.id].error}" for job in over if job.id in untold]
        found.append(Standing(schedule, last, running, next(due_after(schedule, now)), "; ".join(wrong)))
    return found


class Followed:
    """The schedules of a file that may change while they are kept to: those it last held when it could be used.

    `mark` is anything that changes when the file does; `read` reads it, or raises InputError; `tell` says what became
    of a change, once. A file that cannot be used leaves all as it was.
    """

    def __init__(
        self,
        mark: Callable[[], object],
        read: Callable[[], Mapping[str, Schedule]],
        tell: Callable[[str], None],
        last: Mapping[str, Schedule],
    ) -> None:
        self._mark, self._read, self._tell = mark, read, tell
        self.schedules, self.wrong = last, ""
        self._seen = self._judged = mark()
        self._judge()

    def look(self) -> None:
        """Take up what has changed, once it has stood still from one look to the next: it may be half saved."""
        mark = self._mark()
        if mark == self._seen and mark != self._judged:
            self._judged = mark
            self._judge()
        self._seen = mark

    def _judge(self) -> None:
        was_wrong = self.wrong
        try:
            found = self._read()
        except InputError as error:
            self.wrong = str(error)
            if self.wrong != was_wrong:
                kept = ", ".join(self.schedules) or "nothing"
                self._tell(f"{self.wrong}\nUntil that is mended, what was read before is kept to: {kept}.")
            return
        self.wrong = ""
        changes = _changes(self.schedules, found)
        if changes or was_wrong:
            self._tell(f"The schedules are read anew: {changes or 'all as before'}.")
        self.schedules = found


def _changes(before: Mapping[str, Schedule], after: Mapping[str, Schedule]) -> str:
    told = {
        "new": [name for name in after if name not in before],
        "gone": [name for name in before if name not in after],
        "changed": [name for name in after if name in before and after[name] != before[name]],
    }
    return "; ".join(f"{word} {', '.join(names)}" for word, names in told.items() if names)


def keep_going(
    look: Callable[[], None], wait: Callable[[float], bool], tell: Callable[[str], None], pause: float = 1.0
) -> None:
    """Look again and again until `wait`, which takes a pause in seconds, says that it is time to stop.

    A look that the disk refuses is told of, once, and not the last one.
    """
    refused = ""
    while True:
        try:
            look()
        except (RunError, OSError) as error:
            if str(error) != refused:
                refused = str(error)
                tell(f"{refused}\nIt is tried again until it works.")
        else:
            if refused:
                refused = ""
                tell("It works again.")
        if wait(pause):
            return


def _local(when: dt.datetime, schedule: Schedule) -> str:
    return when.astimezone(schedule.zone).strftime("%Y-%m-%d %H:%M %Z")
