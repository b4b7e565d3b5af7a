"""What the scheduler knows, in SQLite: each change one transaction, so that a kill finds it before or after."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dealgrid.problems import Problem, RunError

if TYPE_CHECKING:
    from sqlalchemy import Connection

WAITING, RUNNING, DONE, FAILED, SKIPPED = "waiting", "running", "done", "failed", "skipped"
PATIENCE = 30  # seconds to wait for another process that is writing
OF_ATTEMPT = "where id = ? and attempt = ? and status = 'running'"
SYNCHRONOUS = "full"  # each change is on the disk before it counts: a power cut is no worse than a kill
TABLES = (
    "create table if not exists seen (schedule text primary key, until text not null)",
    """create table if not exists job (
        id integer primary key, schedule text not null, due text not null, status text not null,
        attempt integer not null default 0, next_try text not null, started text, ended text,
        exit integer, error text not null default '', unique (schedule, due))""",
    """create table if not exists message (
        id integer primary key, job integer not null, variable text not null, title text not null, body text not null,
        tries integer not null default 0, next_try text not null, told text, error text not null default '',
        unique (job, variable))""",
    "create index if not exists job_status on job (status)",
    "create table if not exists beat (id integer primary key check (id = 1), at text not null)",
    "create table if not exists kept (schedule text primary key, definition text not null)",
)


@dataclass(frozen=True)
class Job:
    """One run that was due. Times are UTC; `exit` is the command's status, None while it has none."""

    id: int
    schedule: str
    due: dt.datetime
    status: str
    attempt: int
    next_try: dt.datetime
    started: dt.datetime | None
    ended: dt.datetime | None
    exit: int | None
    error: str


@dataclass(frozen=True)
class Message:
    """One failure to be told at one address; `variable` names the variable of the environment that holds it."""

    id: int
    job: int
    variable: str
    title: str
    body: str
    tries: int
    next_try: dt.datetime
    told: dt.datetime | None
    error: str


class State:
    """The scheduler's memory, shared by the processes that work for it. RunError where it cannot be read or written."""

    def __init__(self, path: Path) -> None:
        from sqlalchemy import create_engine, event

        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": PATIENCE})
            # Transactions are ours to begin: the driver would begin them late, and two writers could both have read.
            event.listen(self._engine, "connect", _prepare)
            event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("begin immediate"))
        except OSError as error:
            raise self._refused(error.strerror) from error
        with self._writing() as change:
            for table in TABLES:
                change(table)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def kept(self) -> dict[str, str]:
        """The definitions that the scheduler keeps to, by schedule, as they were written."""
        return {row.schedule: row.definition for row in self._rows("select * from kept order by rowid")}

    def change_over(
        self, now: dt.datetime, definitions: Mapping[str, str], gone: Iterable[str], moved: Iterable[str]
    ) -> None:
        """Keep to other definitions: what is gone is forgotten, what is new or has moved is due from now on."""
        with self._writing() as change:
            for name in gone:
                change("delete from seen where schedule = ?", name)
            for name in moved:
                change("update seen set until = ? where schedule = ?", _text(now), name)
            change("delete from kept")
            for name, definition in definitions.items():
                change("insert into kept values (?, ?)", name, definition)
                change("insert or ignore into seen values (?, ?)", name, _text(now))

    def seen_until(self, schedule: str) -> dt.datetime | None:
        """Until when a schedule's due times have become jobs; None for one never seen."""
        found = self._rows("select until from seen where schedule = ?", schedule)
        return _when(found[0].until) if found else None

    def enqueue(
        self, schedule: str, until: dt.datetime, due: Iterable[dt.datetime], skipped: Iterable[dt.datetime]
    ) -> None:
        """Make due times into jobs, once each, and remember until when that is done."""
        with self._writing() as change:
            for status, times in ((WAITING, due), (SKIPPED, skipped)):
                for when in times:
                    change(
                        "insert or ignore into job (schedule, due, status, next_try) values (?, ?, ?, ?)",
                        schedule, _text(when), status, _text(when),
                    )  # fmt: skip
            change(
                """insert into seen values (?, ?)
                   on conflict do update set until = excluded.until where excluded.until > until""",
                schedule,
                _text(until),
            )

    def jobs(self, schedule: str | None = None, status: str | None = None) -> list[Job]:
        """The jobs, the earliest due first."""
        given = {"schedule": schedule, "status": status}
        asked = {column: value for column, value in given.items() if value is not None}
        where = " and ".join(f"{column} = ?" for column in asked) or "true"
        return [_job(row) for row in self._rows(f"select * from job where {where} order by due, id", *asked.values())]

    def job(self, number: int) -> Job | None:
        """A job by number."""
        found = self._rows("select * from job where id = ?", number)
        return _job(found[0]) if found else None

    def start(self, job: Job, now: dt.datetime) -> bool:
        """A waiting job becomes a running one, unless its schedule has one running already; whether it did."""
        with self._writing() as change:
            return bool(change(
                """update job set status = 'running', attempt = attempt + 1, started = ?, ended = null, error = ''
                   where id = ? and status = 'waiting'
                   and not exists (
                       select 1 from job other where other.schedule = job.schedule and other.status = 'running')""",
                _text(now), job.id,
            ))  # fmt: skip

    def begin(self, schedule: str, now: dt.datetime) -> Job | None:
        """A job that is due and running now, beside the clock; None if the schedule has one running."""
        with self._writing() as change:
            change(
                "insert or ignore into job (schedule, due, status, next_try) values (?, ?, ?, ?)",
                schedule, _text(now), WAITING, _text(now),
            )  # fmt: skip
        job = next(job for job in self.jobs(schedule) if job.due == now)
        if self.start(job, now):
            return self.job(job.id)
        with self._writing() as change:
            change("delete from job where id = ? and status = 'waiting'", job.id)
        return None

    def give_back(self, job: Job) -> None:
        """A running job waits again and the attempt does not count: it was stopped on purpose."""
        with self._writing() as change:
            change(
                f"update job set status = 'waiting', attempt = attempt - 1, started = null {OF_ATTEMPT}",
                job.id, job.attempt,
            )  # fmt: skip

    def withdraw(self, job: Job) -> None:
        """A running job is over without an end: who asked for it has stopped it."""
        with self._writing() as change:
            change(f"update job set status = 'skipped', error = 'stopped' {OF_ATTEMPT}", job.id, job.attempt)

    def retry(self, job: Job, attempt: int, next_try: dt.datetime, code: int | None, error: str) -> bool:
        """A running job waits for its next attempt; False if that attempt is over already."""
        with self._writing() as change:
            return bool(change(
                f"update job set status = 'waiting', next_try = ?, exit = ?, error = ? {OF_ATTEMPT}",
                _text(next_try), code, error, job.id, attempt,
            ))  # fmt: skip

    def end(
        self,
        job: Job,
        attempt: int,
        now: dt.datetime,
        code: int | None,
        error: str,
        tell: Iterable[tuple[str, str, str]],
    ) -> bool:
        """A running job is done (exit 0) or failed, with a message to each variable of `tell` (variable, title, body).

        Job and messages in one transaction: so each failure gets its messages once. False if it was over already.
        """
        with self._writing() as change:
            ended = change(
                f"update job set status = ?, ended = ?, exit = ?, error = ? {OF_ATTEMPT}",
                DONE if code == 0 else FAILED, _text(now), code, error, job.id, attempt,
            )  # fmt: skip
            for variable, title, body in tell if ended else ():
                change(
                    "insert or ignore into message (job, variable, title, body, next_try) values (?, ?, ?, ?, ?)",
                    job.id, variable, title, body, _text(now),
                )  # fmt: skip
            return bool(ended)

    def drop(self, schedules: Iterable[str]) -> None:
        """Skip what waits for schedules that are gone."""
        with self._writing() as change:
            for schedule in schedules:
                change(
                    """update job set status = 'skipped', error = 'the schedule is gone'
                       where schedule = ? and status = 'waiting'""",
                    schedule,
                )

    def untold(self) -> list[Message]:
        """The messages that have not reached anybody yet, the oldest first."""
        return [_message(row) for row in self._rows("select * from message where told is null order by id")]

    def told(self, message: Message, now: dt.datetime) -> None:
        """A message was delivered."""
        with self._writing() as change:
            change("update message set told = ?, tries = tries + 1, error = '' where id = ?", _text(now), message.id)

    def not_told(self, message: Message, next_try: dt.datetime, error: str) -> None:
        """A message could not be delivered; when to try again."""
        with self._writing() as change:
            change("update message set tries = tries + 1, next_try = ?, error = ? where id = ?",
                   _text(next_try), error, message.id)  # fmt: skip

    def beat(self, now: dt.datetime) -> None:
        """The scheduler is alive."""
        with self._writing() as change:
            change("insert into beat values (1, ?) on conflict do update set at = excluded.at", _text(now))

    def last_beat(self) -> dt.datetime | None:
        """When the scheduler was last alive."""
        found = self._rows("select at from beat")
        return _when(found[0].at) if found else None

    def _rows(self, question: str, *given: object) -> list[Any]:
        with self._transaction() as connection:
            return list(connection.exec_driver_sql(question, given).all())

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        with self._transaction() as connection:
            yield lambda order, *given: _change(connection, order, given)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        from sqlalchemy.exc import DBAPIError

        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise self._refused(error.orig) from error

    def _refused(self, why: object) -> RunError:
        what = f"the state of the schedules cannot be used: {why}"
        return RunError(
            Problem(
                self.path.as_posix(),
                what,
                "an SQLite file one may write, and room on its disk",
                "look at the disk and the permissions; a file that is damaged can be moved away, to begin anew",
            )
        )


def _prepare(raw: Any, record: object) -> None:
    raw.isolation_level = None
    raw.execute(f"pragma synchronous = {SYNCHRONOUS}")


def _change(connection: Connection, order: str, given: tuple[Any, ...]) -> int:
    return connection.exec_driver_sql(order, given).rowcount


def _text(when: dt.datetime) -> str:
    """A time as it is kept: UTC, of one width, so that texts sort as times do."""
    return when.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _when(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _job(row: Any) -> Job:
    times = {key: _when(value) if (value := getattr(row, key)) else None for key in ("started", "ended")}
    return Job(row.id, row.schedule, _when(row.due), row.status, row.attempt, _when(row.next_try),
               times["started"], times["ended"], row.exit, row.error)  # fmt: skip


def _message(row: Any) -> Message:
    told = _when(row.told) if row.told else None
    return Message(row.id, row.job, row.variable, row.title, row.body, row.tries, _when(row.next_try), told, row.error)
