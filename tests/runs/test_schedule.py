"""A year of the scheduler under a clock of ours: no run lost, none doubled, every failure told."""

import contextlib
import datetime as dt
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from dealgrid.inputs.schedules import Schedule
from dealgrid.problems import InputError, Problem, RunError
from dealgrid.runs import schedule, tell, work
from dealgrid.runs.state import DONE, FAILED, RUNNING, SKIPPED, WAITING, Job, Message, State
from tests.runs.conftest import Post, schedules_of

UTC = dt.UTC
START = dt.datetime(2026, 1, 1, tzinfo=UTC)
MINUTE, TEN, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(minutes=10), dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill, unlike a power cut, loses nothing that was handed to the system."""
    monkeypatch.setattr("dealgrid.runs.state.SYNCHRONOUS", "off")


class KilledError(BaseException):
    """The scheduler's process is gone, at once."""


class Sham:
    """A world whose processes take simulated time, end as the dice say, and outlive the scheduler."""

    def __init__(self, dice: random.Random, post: Post | None, schedules: dict[str, Schedule]) -> None:
        self.dice, self.post, self.schedules = dice, post, schedules
        self.now = START
        self.at_work: dict[str, tuple[Job, dt.datetime, int | None]] = {}
        self.begun: Counter[tuple[str, dt.datetime, int]] = Counter()
        self.ended: Counter[tuple[str, dt.datetime]] = Counter()
        self.delivered: list[int] = []

    def start(self, asked: Schedule, job: Job) -> None:
        assert asked.name not in self.at_work, "a schedule runs twice at once"
        self.begun[job.schedule, job.due, job.attempt] += 1
        takes = {"overlaps": 7 * HOUR * self.dice.random() ** 2 + HOUR, "fails": 2 * MINUTE}.get(asked.name, 5 * MINUTE)
        code: int | None = 3 if asked.name == "fails" else self.dice.choices([0, 3, 2, None], [90, 6, 1, 3])[0]
        self.at_work[asked.name] = (job, self.now + takes, code)

    def is_alive(self, job: Job) -> bool:
        return job.schedule in self.at_work

    def tell(self, message: Message) -> str:
        error = tell.deliver(message)
        if not error:
            self.delivered.append(message.job)
        return error

    def go_on(self, state: State, now: dt.datetime) -> None:
        """Time passes: processes that have come to their end say so themselves, whether or not a scheduler lives."""
        self.now = now
        for name, (job, ends, code) in list(self.at_work.items()):
            if ends <= now:
                del self.at_work[name]
                if code is not None and schedule.finish(self.schedules[name], state, job, ends, code, "it fails"):
                    self.ended[job.schedule, job.due] += code == 0

    def machine_stops(self) -> None:
        """All processes are gone without a word."""
        self.at_work.clear()


def killed_at_random(thing: Any, dice: random.Random, odds: float, happened: list[str]) -> Any:
    """The same thing, but before or after any call the process may be killed."""

    class Doomed:
        def __getattr__(self, name: str) -> Any:
            found = getattr(thing, name)
            if not callable(found):
                return found

            def call(*words: Any, **named: Any) -> Any:
                if dice.random() < odds:
                    happened.append(f"before {name}")
                    raise KilledError
                result = found(*words, **named)
                if dice.random() < odds:
                    happened.append(f"after {name}")
                    raise KilledError
                return result

            return call

    return Doomed()


GIVEN: dict[str, dict[str, object]] = {
    "weekly": {"cron": "0 6 * * mon", "time_zone": "America/Los_Angeles", "catch_up": "once"},
    "nightly": {"cron": "30 1 * * *", "time_zone": "Europe/London", "catch_up": "all"},  # in the hour that comes twice
    "overlaps": {"cron": "0 */6 * * *", "time_zone": "Europe/London", "catch_up": "all"},
    "fails": {"cron": "15 9 * * mon-fri", "time_zone": "Europe/Berlin", "catch_up": "skip", "retries": 1},
}


def next_event(state: State, world: Sham, now: dt.datetime) -> dt.datetime:
    """When something happens next, at least a minute from now: a look in between would find nothing to do."""
    times = [next(schedule.due_after(each, now)) for each in world.schedules.values()]
    times += [job.next_try for job in state.jobs(status=WAITING) if job.schedule not in world.at_work]
    times += [message.next_try for message in state.untold()]
    times += [ends for _, ends, _ in world.at_work.values()]
    return min(max(when, now + MINUTE) for when in times)


def simulate(folder: Path, post: Post, seed: int, days: int, start: dt.datetime) -> tuple[State, Sham, list[str]]:
    """So many days of a scheduler that is killed again and again, and of a mail server with bad days."""
    dice = random.Random(seed)
    schedules = schedules_of(folder, {name: {"tell": "TEAM", "retries": 2, **each} for name, each in GIVEN.items()})
    state, world, kills = State(folder / "state.sqlite"), Sham(dice, post, schedules), []
    schedule.step(schedules, state, start, world)
    now, end = start, start + days * DAY
    while now < end or any(job.due <= end for job in [*state.jobs(status=WAITING), *state.jobs(status=RUNNING)]):
        assert now < end + 30 * DAY
        now = next_event(state, world, now) + MINUTE * 4 * dice.random()
        place = (now - start) / DAY % 30
        post.mode = "takes"
        if now < end:
            post.mode = "refuses" if 3 < place < 3.4 else "hangs" if 10 < place < 10.1 else "takes"
        world.go_on(state, now)
        try:
            odds = 0.003 if now < end else 0.0
            schedule.step(
                schedules,
                killed_at_random(state, dice, odds, kills),
                now,
                killed_at_random(world, dice, odds, kills),
            )
        except KilledError:
            state.close()
            if dice.random() < 0.5:
                world.machine_stops()
            now += dice.choice([MINUTE, HOUR, 8 * HOUR, 2 * DAY]) * dice.random()
            state = State(folder / "state.sqlite")
    return state, world, kills


def look_that_all_is_well(state: State, world: Sham, kills: list[str], post: Post, end: dt.datetime) -> None:
    jobs = [job for job in state.jobs() if job.due <= end]
    by_due = {(job.schedule, job.due): job for job in jobs}
    for name, each in world.schedules.items():
        begun = min(job.due for job in jobs if job.schedule == name)
        expected = [due for due in islice(schedule.due_after(each, begun - MINUTE), 9999) if due <= end]
        assert [job.due for job in jobs if job.schedule == name] == expected  # none lost, none invented
        status = Counter(job.status for job in jobs if job.schedule == name)
        assert set(status) <= {DONE, FAILED, SKIPPED}
        if each.catch_up == "all":
            assert status[SKIPPED] == 0
    assert max(world.begun.values()) == 1  # no attempt doubled
    assert max(world.ended.values()) == 1  # no success doubled
    assert {key for key, count in world.ended.items() if count} == {
        key for key in by_due if by_due[key].status == DONE
    } | {key for key in world.ended if key not in by_due and world.ended[key]}
    failed = {job.id for job in state.jobs() if job.status == FAILED}
    assert set(post.told) == failed  # every failure is told, and nothing else
    # Once, but where the process was killed between the delivery and its note; then the job's number shows it.
    again = sum(count - 1 for count in post.told.values())
    assert again <= kills.count("after tell") + kills.count("before told")
    assert state.untold() == []


def test_three_weeks_with_kills_a_clock_change_and_a_bad_mail_server(tmp_path: Path, post: Post) -> None:
    start = dt.datetime(2026, 10, 12, tzinfo=UTC)
    state, world, kills = simulate(tmp_path, post, 1, 21, start)
    assert len(kills) > 10
    look_that_all_is_well(state, world, kills, post, start + 21 * DAY)
    state.close()


@pytest.mark.long
def test_a_year_with_kills_clock_changes_and_a_bad_mail_server(tmp_path: Path, post: Post) -> None:
    state, world, kills = simulate(tmp_path, post, 2, 365, START)
    assert len(kills) > 100
    look_that_all_is_well(state, world, kills, post, START + 365 * DAY)
    state.close()


# --- one by one -------------------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path / "state.sqlite")
    yield opened
    opened.close()


class Plain(Sham):
    """A world where a process ends as it is told to."""

    def __init__(self, schedules: dict[str, Schedule], code: int | None = 0) -> None:
        super().__init__(random.Random(0), None, schedules)
        self.code, self.mail, self.error = code, [], ""

    def start(self, asked: Schedule, job: Job) -> None:
        self.begun[job.schedule, job.due, job.attempt] += 1
        self.at_work[asked.name] = (job, self.now + MINUTE, self.code)

    def tell(self, message: Message) -> str:
        if not self.error:
            self.mail.append(message)
        return self.error


def run_until(world: Plain, state: State, now: dt.datetime, end: dt.datetime, pause: dt.timedelta = MINUTE) -> None:
    while now < end:
        world.go_on(state, now)
        schedule.step(world.schedules, state, now, world)
        now += pause


def one(tmp_path: Path, **given: object) -> dict[str, Schedule]:
    return schedules_of(tmp_path, {"one": given})


@pytest.mark.parametrize(
    ("cron", "day", "expected"),
    [
        ("30 1 * * *", "2026-10-25", ["00:30"]),  # 01:30 comes twice: the first, in summer time, is meant
        ("30 1 * * *", "2026-03-29", ["01:30"]),  # 01:30 does not come: as much later, at 02:30 summer time
        ("0 * * * *", "2026-10-25", [f"{hour:02}:00" for hour in range(24)]),  # every hour means every hour
        ("0 3 * * *", "2026-03-29", ["02:00"]),
        ("0 3 * * *", "2026-10-25", ["03:00"]),
    ],
)
def test_where_the_clock_changes_a_time_is_due_once(cron: str, day: str, expected: list[str], tmp_path: Path) -> None:
    (each,) = one(tmp_path, cron=cron, time_zone="Europe/London").values()
    midnight = dt.datetime.fromisoformat(day).replace(tzinfo=UTC)
    found = [due for due in islice(schedule.due_after(each, midnight - MINUTE), 30) if due < midnight + DAY]
    assert [f"{due:%H:%M}" for due in found] == expected


@pytest.mark.parametrize(("catch_up", "made"), [("all", [1, 2, 3, 4]), ("once", [1, 4]), ("skip", [1])])
def test_what_was_missed_is_caught_up_as_the_schedule_says(
    catch_up: str, made: list[int], tmp_path: Path, state: State
) -> None:
    world = Plain(one(tmp_path, catch_up=catch_up))
    run_until(world, state, START + 5 * HOUR, START + 7 * HOUR)
    run_until(world, state, START + 3 * DAY + 12 * HOUR, START + 3 * DAY + 13 * HOUR)  # nothing ran for three days
    jobs = state.jobs()
    assert [job.due for job in jobs] == [START + day * DAY + 6 * HOUR for day in range(4)]
    assert [place for place, job in enumerate(jobs, 1) if job.status == DONE] == made
    assert {job.status for job in jobs} <= {DONE, SKIPPED}


def test_a_time_due_now_makes_those_missed_before_it_needless(tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path, catch_up="once"))
    run_until(world, state, START + 5 * HOUR, START + 7 * HOUR)
    run_until(world, state, START + 3 * DAY + 6 * HOUR, START + 3 * DAY + 7 * HOUR)
    assert [job.status for job in state.jobs()] == [DONE, SKIPPED, SKIPPED, DONE]


def test_a_crash_is_tried_again_ever_later_then_told_once(tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path, retries=2, backoff="10 min", tell="[TEAM, BOSS]"), code=3)
    run_until(world, state, START + 5 * HOUR, START + 7 * HOUR)
    (job,) = state.jobs()
    assert (job.status, job.attempt, job.exit) == (FAILED, 3, 3)
    # 06:00 + 1 min, then 10 min, 1 min, 20 min, 1 min; a step each minute
    assert job.ended == START + 6 * HOUR + 33 * MINUTE
    assert [message.variable for message in world.mail] == ["TEAM", "BOSS"]
    assert "one failed" in world.mail[0].title
    assert "it fails" in world.mail[0].body


@pytest.mark.parametrize("code", [1, 2])
def test_a_failed_check_and_bad_input_are_told_at_once(code: int, tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path, retries=5, tell="TEAM"), code=code)
    run_until(world, state, START + 5 * HOUR, START + 7 * HOUR)
    assert [(job.status, job.attempt) for job in state.jobs()] == [(FAILED, 1)]
    assert len(world.mail) == 1


def test_a_process_that_vanishes_is_an_attempt(tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path, retries=1, tell="TEAM"), code=None)
    run_until(world, state, START + 5 * HOUR, START + 8 * HOUR)
    (job,) = state.jobs()
    assert (job.status, job.attempt, job.error) == (FAILED, 2, "the process ended without saying how")


def test_what_an_attempt_says_after_it_was_given_up_changes_nothing(tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path, retries=1))
    run_until(world, state, START + 5 * HOUR, START + 6 * HOUR + MINUTE)
    (job,) = state.jobs(status=RUNNING)
    assert schedule.finish(world.schedules["one"], state, job, START + 7 * HOUR, 3, "")
    assert not schedule.finish(world.schedules["one"], state, job, START + 8 * HOUR, 0, "")
    assert [job.status for job in state.jobs()] == [WAITING]


def test_a_run_that_takes_longer_than_its_interval_makes_the_next_wait(tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path, cron="0 * * * *"))
    run_until(world, state, START, START + 61 * MINUTE)
    world.at_work["one"] = (world.at_work["one"][0], START + 200 * MINUTE, 0)
    run_until(world, state, START + 61 * MINUTE, START + 190 * MINUTE)
    assert [job.status for job in state.jobs()] == [RUNNING, WAITING, WAITING]
    run_until(world, state, START + 190 * MINUTE, START + 230 * MINUTE)
    assert [job.status for job in state.jobs()] == [DONE, DONE, DONE]


def test_a_schedule_that_is_gone_leaves_nothing_waiting(tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path))
    run_until(world, state, START, START + HOUR)
    state.enqueue("gone", START, [START], [])
    run_until(world, state, START + HOUR, START + 2 * HOUR)
    assert [(job.schedule, job.status) for job in state.jobs()] == [("gone", SKIPPED)]


def test_a_schedule_removed_stops_being_due_and_begins_anew_when_it_comes_back(tmp_path: Path, state: State) -> None:
    daily = one(tmp_path, catch_up="all")
    run_until(Plain(daily), state, START, START + 7 * HOUR, TEN)
    run_until(Plain({}), state, START + 7 * HOUR, START + 2 * DAY, TEN)
    run_until(Plain(daily), state, START + 2 * DAY, START + 3 * DAY, TEN)
    # 06:00 of the first and of the third day: of the second it was not there
    assert [job.due for job in state.jobs()] == [START + 6 * HOUR, START + 2 * DAY + 6 * HOUR]


def test_a_schedule_added_begins_from_now(tmp_path: Path, state: State) -> None:
    given: dict[str, dict[str, object]] = {"one": {"catch_up": "all"}, "two": {"catch_up": "all", "cron": "0 * * * *"}}
    both = schedules_of(tmp_path, given)
    run_until(Plain({"one": both["one"]}), state, START, START + 7 * HOUR, TEN)
    run_until(Plain(both), state, START + 7 * HOUR + 30 * MINUTE, START + 9 * HOUR, TEN)
    assert [job.due for job in state.jobs("two")] == [START + 8 * HOUR]


@pytest.mark.parametrize("catch_up", ["all", "once", "skip"])
def test_a_changed_line_counts_from_the_change(catch_up: str, tmp_path: Path, state: State) -> None:
    run_until(Plain(one(tmp_path, catch_up=catch_up)), state, START, START + 7 * HOUR, TEN)
    hourly = one(tmp_path, catch_up=catch_up, cron="0 * * * *")
    run_until(Plain(hourly), state, START + 12 * HOUR + 30 * MINUTE, START + 14 * HOUR + MINUTE, TEN)
    # 06:00 by the line of then; by the new one not 07:00 to 12:00, which nobody had asked for
    assert [job.due for job in state.jobs()] == [START + hour * HOUR for hour in (6, 13, 14)]


def test_what_an_old_line_missed_is_caught_up_though_it_has_changed_since(tmp_path: Path, state: State) -> None:
    run_until(Plain(one(tmp_path, catch_up="all")), state, START, START + 7 * HOUR, TEN)
    noon = one(tmp_path, catch_up="all", cron="0 12 * * *")  # changed while nothing ran, for two days
    run_until(Plain(noon), state, START + 2 * DAY + 7 * HOUR, START + 2 * DAY + 13 * HOUR, TEN)
    times = [START + 6 * HOUR, START + DAY + 6 * HOUR, START + 2 * DAY + 6 * HOUR, START + 2 * DAY + 12 * HOUR]
    assert [(job.due, job.status) for job in state.jobs()] == [(due, DONE) for due in times]


def test_a_line_spelled_otherwise_is_the_same_line(tmp_path: Path, state: State) -> None:
    run_until(Plain(one(tmp_path, catch_up="all", cron="0 6 * * mon")), state, START, START + DAY, TEN)
    again = one(tmp_path, catch_up="all", cron="00 6 * * 1", title="Another title")
    run_until(Plain(again), state, START + 8 * DAY, START + 8 * DAY + HOUR, TEN)
    assert [job.due for job in state.jobs()] == [START + 4 * DAY + 6 * HOUR]  # Monday, 5 January, was missed


def test_a_running_job_whose_schedule_is_removed_ends_as_it_ends(tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path, tell="TEAM"), code=None)
    run_until(world, state, START + 5 * HOUR, START + 6 * HOUR + MINUTE)
    schedule.step({}, state, START + 6 * HOUR + MINUTE, world)
    assert [job.status for job in state.jobs()] == [RUNNING]
    world.machine_stops()
    schedule.step({}, state, START + 6 * HOUR + 2 * MINUTE, world)
    (job,) = state.jobs()
    assert (job.status, job.error) == (FAILED, "the schedule is gone, and the process ended without saying how")


def test_a_schedule_read_back_is_the_one_that_was_written(tmp_path: Path) -> None:
    given: dict[str, dict[str, object]] = {"one": {"tell": "[TEAM, BOSS]", "cron": "*/7 6-9 * jan-mar *"}, "two": {}}
    for each in schedules_of(tmp_path, given).values():
        assert schedule.read_back(schedule.written(each)) == each
    assert schedule.read_back('{"name": "one", "cron": "0 6 * * *", "zone": "UTC", "unheard": 1}') is None


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))])
def test_each_line_is_due_while_it_is_kept_to_whatever_changes_and_is_killed(
    seed: int, tmp_path: Path, state: State
) -> None:
    dice, kills = random.Random(seed), []
    lines = ("0 * * * *", "30 */2 * * *", "0 6 * * *", "45 5,17 * * *")
    zones = ("UTC", "Europe/London", "America/Los_Angeles")
    in_force: dict[str, tuple[Schedule, dt.datetime]] = {}
    expected: dict[str, set[dt.datetime]] = {name: set() for name in "abc"}

    def settle(name: str, until: dt.datetime) -> None:
        each, since = in_force.pop(name)
        expected[name] |= {due for due in islice(schedule.due_after(each, since), 999) if due <= until}

    world, now = Plain({}), START
    for _ in range(100):
        now += dice.choice([MINUTE, 20 * MINUTE, 3 * HOUR]) * dice.random()
        if dice.random() < 0.2:
            given: dict[str, dict[str, object]] = {
                name: {"cron": dice.choice(lines), "time_zone": dice.choice(zones), "catch_up": "all"}
                for name in "abc"
                if dice.random() < 0.7
            }
            world.schedules = schedules_of(tmp_path, given) if given else {}
        before = state.kept()
        with contextlib.suppress(KilledError):
            schedule.step(world.schedules, killed_at_random(state, dice, 0.05, kills), now, world)
        world.at_work.clear()
        if state.kept() != before:  # the moment at which the file was taken up
            for name in {*in_force, *world.schedules}:
                old, new = in_force.get(name), world.schedules.get(name)
                is_same = old and new and (old[0].cron, old[0].zone) == (new.cron, new.zone)
                if old and not is_same:
                    settle(name, now)
                if new and not is_same:
                    in_force[name] = (new, now)
    schedule.step(world.schedules, state, now, world)
    for name in [*in_force]:
        settle(name, now)
    assert len(kills) > 10
    assert {name: {job.due for job in state.jobs(name)} for name in "abc"} == expected


class File:
    """The file of the schedules, as it is read: what it holds, or that it is broken; and what was said about it."""

    def __init__(self, holds: dict[str, Schedule] | str, last: dict[str, Schedule] | None = None) -> None:
        self.holds, self.beside, self.said = holds, 0, []
        self.followed = schedule.Followed(
            lambda: repr((self.holds, self.beside)), self.read, self.said.append, last or {}
        )

    def read(self) -> dict[str, Schedule]:
        if isinstance(self.holds, str):
            raise InputError(Problem("schedules.yaml", self.holds))
        return self.holds

    def look(self, times: int = 2) -> list[str]:
        for _ in range(times):
            self.followed.look()
        return [*self.followed.schedules]


def test_a_broken_file_leaves_the_last_good_one_and_is_told_once(tmp_path: Path) -> None:
    good = schedules_of(tmp_path, {"one": {}, "two": {}})
    file = File(good, good)
    assert file.said == []
    file.holds = "this is no cron line"
    assert file.look(10) == ["one", "two"]
    file.beside = 1  # another scenario, say: the file is read again, and as broken as before
    assert file.look(10) == ["one", "two"]
    assert file.said == [
        "schedules.yaml: this is no cron line\nUntil that is mended, what was read before is kept to: one, two."
    ]
    file.holds = "nor is this"
    file.look(10)
    assert "nor is this" in file.said[1]
    file.holds = good
    file.look(10)
    assert file.said[2:] == ["The schedules are read anew: all as before."]
    assert file.followed.wrong == ""


def test_a_change_is_taken_up_once_it_stands_still(tmp_path: Path) -> None:
    both = schedules_of(tmp_path, {"one": {}, "two": {}})
    file = File(both, both)
    file.holds = {}  # as an editor that empties the file first
    assert file.look(1) == ["one", "two"]
    file.holds = schedules_of(tmp_path, {"two": {"keep": 3}, "three": {}})
    assert file.look(1) == ["one", "two"]
    assert file.look(1) == ["two", "three"]
    assert file.said == ["The schedules are read anew: new three; gone one; changed two."]


def test_a_file_broken_from_the_beginning_leaves_what_an_earlier_scheduler_kept_to(tmp_path: Path) -> None:
    good = schedules_of(tmp_path, {"one": {}})
    file = File("broken", good)
    assert file.look() == ["one"]
    assert len(file.said) == 1


def test_a_disk_that_refuses_is_told_of_once_and_looked_at_again() -> None:
    said: list[str] = []
    looks: Iterator[str] = iter(["", "full", "full", "gone", "", "full", ""])

    def look() -> None:
        if wrong := next(looks):
            raise RunError(Problem("state.sqlite", wrong))

    schedule.keep_going(look, lambda _: looks.__length_hint__() == 0, said.append)  # type: ignore[attr-defined]
    again = "It is tried again until it works."
    assert said == [
        f"state.sqlite: full\n{again}",
        f"state.sqlite: gone\n{again}",
        "It works again.",
        f"state.sqlite: full\n{again}",
        "It works again.",
    ]


def test_a_message_that_is_not_taken_waits_longer_each_time(tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path, retries=0, tell="TEAM"), code=3)
    world.error = "nobody there"
    run_until(world, state, START + 5 * HOUR, START + 16 * HOUR)
    (message,) = state.untold()
    # 1, 2, 4, … minutes to an hour: 6 until 63 minutes are over, then one an hour
    assert message.tries == 7 + 8
    assert "not told: nobody there" in schedule.standings(world.schedules, state, START + 16 * HOUR)[0].wrong
    world.error = ""
    run_until(world, state, START + 16 * HOUR, START + 18 * HOUR)
    assert state.untold() == []
    assert len(world.mail) == 1


def test_an_address_may_be_gone_for_years(tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path, retries=0, tell="TEAM"), code=3)
    world.error = "nobody there"
    run_until(world, state, START + 5 * HOUR, START + 7 * HOUR)
    for day in range(1, 1200):
        schedule.tell_all(state, START + day * DAY, world)
    world.error = ""
    schedule.tell_all(state, START + 1200 * DAY, world)
    assert len(world.mail) == 1


def test_status_says_what_is_late_and_what_fails(tmp_path: Path, state: State) -> None:
    world = Plain(one(tmp_path, retries=0))
    wrong: Callable[[dt.datetime], str] = lambda now: schedule.standings(world.schedules, state, now)[0].wrong  # noqa: E731
    assert "has not been started" in wrong(START)
    run_until(world, state, START + 5 * HOUR, START + 7 * HOUR)
    assert wrong(START + 7 * HOUR) == ""
    assert "is silent since 2026-01-01 06:59" in wrong(START + 2 * DAY)
    world.code = 3
    run_until(world, state, START + DAY + 5 * HOUR, START + DAY + 7 * HOUR)
    assert "failed: it fails" in wrong(START + DAY + 7 * HOUR)
    world.code = 0
    run_until(world, state, START + 2 * DAY + 5 * HOUR, START + 2 * DAY + 7 * HOUR)
    assert wrong(START + 2 * DAY + 7 * HOUR) == ""


def test_nothing_that_is_said_holds_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    message = Message(1, 1, "TEAM", "title", "body", 0, START, None, "")
    assert tell.deliver(message) == "the variable TEAM is not set"
    for address in ("nonsense", "mailto://user:secret@127.0.0.1:9/?cto=1"):
        monkeypatch.setenv("TEAM", address)
        assert "TEAM" in tell.deliver(message)
        assert "secret" not in tell.deliver(message)


def test_a_mail_goes_out_when_the_server_takes_it_again(post: Post) -> None:
    message = Message(7, 7, "TEAM", "title", "job 7", 0, START, None, "")
    for mode, is_taken in (("refuses", False), ("hangs", False), ("takes", True)):
        post.mode = mode
        assert (tell.deliver(message) == "") is is_taken
    assert post.told == {7: 1}
    post.close()
    assert tell.deliver(message) != ""
    post.open()
    assert tell.deliver(message) == ""


def test_a_file_that_is_no_state_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_text("not a database, but long enough to be looked at" * 50, encoding="utf-8")
    with pytest.raises(RunError, match="file is not a database"):
        State(tmp_path / "state.sqlite")


class Refusing:
    """A memory on a disk that is full for the first three ends."""

    def __init__(self, state: State) -> None:
        self.state, self.left = state, 3

    def __getattr__(self, name: str) -> Any:
        if name == "end" and self.left:
            self.left -= 1
            raise RunError(Problem("state.sqlite", "database or disk is full"))
        return getattr(self.state, name)


def test_an_end_that_a_full_disk_refuses_is_noted_when_there_is_room(
    tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PAUSE", 0.0)
    monkeypatch.setattr(work, "_carry_out", lambda *_: (0, ""))
    (tmp_path / work.FOLDER).mkdir()
    (asked,) = one(tmp_path).values()
    job = state.begin("one", START)
    assert job is not None
    refusing: Any = Refusing(state)
    assert work.work(asked, refusing, job.id, job.attempt, tmp_path, tmp_path) == 0
    assert [each.status for each in state.jobs()] == [DONE]


def test_once_on_a_full_disk_says_how_it_ended_and_that_this_is_not_noted(
    tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_carry_out", lambda *_: (2, "no such study"))
    (tmp_path / work.FOLDER).mkdir()
    (asked,) = one(tmp_path).values()
    refusing: Any = Refusing(state)
    with pytest.raises(RunError, match="it failed: no such study; but that could not be noted") as raised:
        work.once(asked, refusing, tmp_path, tmp_path)
    assert "disk is full" in str(raised.value)


def test_once_asks_nothing_of_the_clock_that_keeps_the_schedule(tmp_path: Path, state: State) -> None:
    begun = state.begin("one", START)
    assert begun is not None
    state.withdraw(begun)
    assert [job.status for job in state.jobs()] == [SKIPPED]
    run_until(Plain(one(tmp_path, catch_up="all")), state, START + 9 * DAY, START + 9 * DAY + HOUR, TEN)
    assert len(state.jobs()) == 1  # the scheduler, started days later, has missed nothing: it begins now
