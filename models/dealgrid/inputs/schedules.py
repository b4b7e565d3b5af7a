"""Schedules: what runs when, and who is told; reads `params/schedules.yaml` and refuses what is wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from dealgrid.inputs.address import VARIABLE, check_written
from dealgrid.inputs.complaints import Complaints, MisreadError, did_you_mean, quoted
from dealgrid.inputs.cron import Cron, read_cron
from dealgrid.inputs.files import read_mapping, shown
from dealgrid.inputs.yaml_text import Entry, Listed, Mapped, Scalar, what_it_is

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h)")
SECONDS = {"s": 1, "min": 60, "h": 3600}
MOST_RETRIES, LONGEST = 20, 7 * 24 * 3600
LAYERS = "+"


@dataclass(frozen=True)
class Schedule:
    """One schedule. `backoff` is before the first retry and doubles; durations are in seconds.

    `tell` names variables of the environment that hold Apprise addresses. `catch_up` says what becomes of runs
    missed while nothing ran: `once` makes the last, `all` makes each, `skip` none. `to` is where a run is sent when it
    is done: an address, or the name of the variable of the environment that holds it; empty for nowhere.
    """

    name: str
    title: str
    cron: Cron
    zone: ZoneInfo
    run: str
    scenarios: tuple[str, ...]
    study: str
    keep: int
    catch_up: str
    retries: int
    backoff: float
    time_limit: float
    tell: tuple[str, ...]
    to: str = ""

    @property
    def command(self) -> tuple[str, ...]:
        """The words after `dealgrid` that do it."""
        what = ("report", *self.scenarios) if self.run == "report" else ("sweep", self.study)
        name = ("--name", self.name) if self.run == "report" else ()
        to = ("--to", self.to) if self.to else ()
        return (*what, *name, "--keep", str(self.keep), *to, "--quiet")

    @property
    def run_name(self) -> str:
        """What its runs are called: `<this>/<UTC time>-<hash>`."""
        return self.name if self.run == "report" else self.study

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables of the environment that the command reads."""
        return (self.to,) if VARIABLE.fullmatch(self.to) else ()


def read_schedules(path: Path, scenarios: Collection[str]) -> dict[str, Schedule]:
    """The schedules of a file, by name; none where there is no file. InputError with all problems.

    `scenarios` are the names a report may be of; studies are the files in `studies` beside the file.
    """
    if not path.exists():
        return {}
    complaints = Complaints(shown(path))
    root = read_mapping(path, complaints)
    studies = {each.stem for each in (path.parent / "studies").glob("*.yaml")}
    found = [
        _read(name, entry, scenarios, studies, complaints) for name, entry in (root.entries if root else {}).items()
    ]
    complaints.finish()
    return {schedule.name: schedule for schedule in found if schedule}


def _read(
    name: str, entry: Entry, scenarios: Collection[str], studies: Collection[str], complaints: Complaints
) -> Schedule | None:
    from dealgrid.inputs.schema import ScheduleShape, check_shape  # brings pydantic, so only when files are read

    before, line = len(complaints.problems), entry.key.line
    if not NAME.fullmatch(name):
        complaints.add(f"{quoted(name)} cannot be the name of a schedule", "lowercase letters, digits, - and _",
                       "rename it", line)  # fmt: skip
    if not isinstance(entry.value, Mapped):
        complaints.add(f"{name}: {what_it_is(entry.value)} does not describe a schedule",
                       "title, cron, time_zone, run", "write each on a line below the name", line)  # fmt: skip
        return None
    reader = _Reader(name, check_shape(entry.value, ScheduleShape, name, line, complaints), complaints)
    run = reader.text("run")
    chosen, study = reader.names("scenarios"), reader.text("study")
    _check_what(reader, run, chosen, study, scenarios, studies, line)
    cron, zone = reader.cron(), reader.zone()
    keep, retries = reader.count("keep", 12, 1, 1000), reader.count("retries", 2, 0, MOST_RETRIES)
    backoff, limit = reader.seconds("backoff", 300), reader.seconds("time_limit", 3600)
    tell, to = reader.variables(), reader.address("to")
    if len(complaints.problems) > before or cron is None or zone is None:
        return None
    return Schedule(name, reader.text("title"), cron, zone, run, chosen, study, keep,
                    reader.text("catch_up") or "once", retries, backoff, limit, tell, to)  # fmt: skip


def _check_what(
    reader: _Reader, run: str, chosen: Collection[str], study: str,
    scenarios: Collection[str], studies: Collection[str], line: int,
) -> None:  # fmt: skip
    if run == "report" and study:
        reader.wrong("a report takes no `study`", "`scenarios`", "remove `study`, or write `run: sweep`", "study")
    if run == "sweep" and chosen:
        reader.wrong(
            "a sweep takes no `scenarios`", "`study`", "remove `scenarios`: the study has its base", "scenarios"
        )
    if run == "sweep" and not study and "study" not in reader.entries:
        reader.complaints.add(f"{reader.name}: `study` is missing", "the study to sweep", "add a line `study: …`", line)
    for each in (part.strip() for scenario in chosen for part in scenario.split(LAYERS)):
        if each not in scenarios:
            reader.wrong(f"{quoted(each)} is not a scenario", ", ".join(scenarios),
                         did_you_mean(each, scenarios, "choose one of these"), "scenarios")  # fmt: skip
    if run == "sweep" and study and study not in studies:
        reader.wrong(f"{quoted(study)} is not a study", ", ".join(sorted(studies)) or "a file in params/studies",
                     did_you_mean(study, studies, "choose one of these"), "study")  # fmt: skip


@dataclass(frozen=True)
class _Reader:
    """The entries of one schedule, read one by one; what is wrong is noted."""

    name: str
    entries: Mapping[str, Entry]
    complaints: Complaints

    def wrong(self, what: str, expected: str, advice: str, key: str) -> None:
        self.complaints.add(f"{self.name}: {what}", expected, advice, self.entries[key].key.line)

    def text(self, key: str) -> str:
        value = self.entries[key].value if key in self.entries else None
        return value.text.strip() if isinstance(value, Scalar) else ""

    def names(self, key: str) -> tuple[str, ...]:
        """One name or a list of them."""
        value = self.entries[key].value if key in self.entries else None
        items = value.items if isinstance(value, Listed) else (value,) if value else ()
        found = [item.text.strip() for item in items if isinstance(item, Scalar) and not item.is_absent]
        if len(found) < len(items):
            self.wrong(f"`{key}` is not a list of names", "names in brackets", "write [one, other]", key)
        return tuple(dict.fromkeys(found))

    def variables(self) -> tuple[str, ...]:
        names = self.names("tell")
        for each in names:
            if not VARIABLE.fullmatch(each):  # and what it is stays out of the message: it may be a secret
                self.wrong("`tell` holds something that is not the name of a variable",
                           "names of environment variables, as in [DEALGRID_TELL]",
                           "put the address into the environment, never into this file", "tell")  # fmt: skip
        return names

    def address(self, key: str) -> str:
        text = self.text(key)
        if key in self.entries:
            try:
                check_written(text)
            except MisreadError as error:
                self.complaints.misread(error, f"{self.name}: `{key}`", self.entries[key].key.line)
        return text

    def cron(self) -> Cron | None:
        try:
            return read_cron(self.text("cron")) if "cron" in self.entries else None
        except MisreadError as error:
            self.complaints.misread(error, self.name, self.entries["cron"].key.line)
            return None

    def zone(self) -> ZoneInfo | None:
        text = self.text("time_zone")
        known = available_timezones()
        if text in known:
            return ZoneInfo(text)
        if "time_zone" in self.entries:
            self.wrong(f"{quoted(text)} is not a time zone", "a place, as in Europe/London, or UTC",
                       did_you_mean(text, known, "look it up in the tz database"), "time_zone")  # fmt: skip
        return None

    def count(self, key: str, default: int, low: int, high: int) -> int:
        text = self.text(key)
        if key not in self.entries:
            return default
        if not (text.isascii() and text.isdecimal()) or not low <= int(text) <= high:
            self.wrong(
                f"{key}: {quoted(text)} is not a count", f"a whole number from {low} to {high}", "write one", key
            )
            return default
        return int(text)

    def seconds(self, key: str, default: float) -> float:
        match = DURATION.fullmatch(self.text(key))
        if key not in self.entries:
            return default
        if not match or not 0 < float(match[1]) * SECONDS[match[2]] <= LONGEST:
            self.wrong(f"{key}: {quoted(self.text(key))} is not a duration", "`90 s`, `10 min` or `2 h`, up to a week",
                       "write a number and a unit", key)  # fmt: skip
            return default
        return float(match[1]) * SECONDS[match[2]]
