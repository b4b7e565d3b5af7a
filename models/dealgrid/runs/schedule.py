"""The scheduler's thinking: what is due, what is started, retried and told; the clock and the world are given to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from dealgrid.inputs.schedules import Schedule
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

    def is_alive(self, schedule: Schedule, job: Job) -> bool:
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
    beat = state.last_beat()
    if beat is None or not beat <= now < beat + BEAT:
        state.beat(now)
    for schedule in schedules.values():
        take_up_due(schedule, state, now)
    gone = {job.schedule for job in state.jobs(status=WAITING)} - set(schedules)
    if gone:
        state.drop(gone)
    for job in state.jobs(status=RUNNING):
        if job.schedule in schedules and not world.is_alive(schedules[job.schedule], job):
            lost = state.job(job.id)  # read again: it may have said how it ended since, and then it is not lost
            if lost is not None and (lost.status, lost.attempt) == (RUNNING, job.attempt):
                finish(schedules[job.schedule], state, job, now, None, "the process ended without saying how")
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


def take_up_due(schedule: Schedule, state: State, now: dt.datetime) -> None:
    """Make the due times since the last look into jobs, missed ones as the schedule says; a new one begins now."""
    seen = state.seen_until(schedule.name)
    if seen is None:
        state.enqueue(schedule.name, now, (), ())
        return
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
        seen = state.seen_until(schedule.name)
        if beat is None or seen is None:
            wrong.append("late: `dealgrid schedule run` has not been started")
        elif now - beat > LATE:
            wrong.append(f"late: `dealgrid schedule run` is silent since {_local(beat, schedule)}")
        wrong += [f"not told: {untold[job.id].error}" for job in over if job.id in untold]
        found.append(Standing(schedule, last, running, next(due_after(schedule, now)), "; ".join(wrong)))
    return found


def keep_going(look: Callable[[], None], wait: Callable[[float], bool], pause: float = 1.0) -> None:
    """Look again and again until `wait`, which takes a pause in seconds, says that it is time to stop."""
    look()
    while not wait(pause):
        look()


def _local(when: dt.datetime, schedule: Schedule) -> str:
    return when.astimezone(schedule.zone).strftime("%Y-%m-%d %H:%M %Z")
