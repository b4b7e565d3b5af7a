"""A run is published whole or not at all, and says truly what it was made from."""

import dataclasses
import datetime as dt
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from dealgrid import Deal
from dealgrid.problems import InputError, RunError
from dealgrid.runs import store

NAME = "new_deal"


@pytest.fixture(scope="module")
def made_from(deal: Deal) -> store.Recipe:
    return store.recipe(deal, "report", ["status_quo", "new_deal"], {"microsoft_stake": "30%"})


def make(reports: Path, made_from: store.Recipe, deal: Deal) -> Path:
    case = deal.case("new_deal")
    with store.new_run(reports, NAME, made_from) as draft:
        draft.write("page.html", "<p>page</p>")
        store.write_numbers(draft, [case])
        return store.publish(draft, [case])


def published(reports: Path) -> list[Path]:
    return [path for path in reports.glob("*/*") if path.is_dir() and not path.name.startswith(".")]


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    return found


def test_a_finished_run_is_listed_as_done_and_latest_points_at_it(
    tmp_path: Path, made_from: store.Recipe, deal: Deal
) -> None:
    run = make(tmp_path, made_from, deal)
    assert [(each.run, each.status) for each in store.list_runs(tmp_path)] == [(f"{NAME}/{run.name}", "done")]
    assert (tmp_path / NAME / "latest.txt").read_text(encoding="utf-8") == run.name + "\n"
    assert [path.name for path in (tmp_path / NAME).iterdir() if path.name.startswith(".")] == []


def test_the_manifest_holds_the_hash_of_every_file(tmp_path: Path, made_from: store.Recipe, deal: Deal) -> None:
    run = make(tmp_path, made_from, deal)
    files = {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    del files["manifest.json"]
    found = {name: (hashlib.sha256(content).hexdigest(), len(content)) for name, content in files.items()}
    assert found == {name: (each["sha256"], each["bytes"]) for name, each in manifest(run)["files"].items()}
    assert len(found) == 2


def test_the_manifest_holds_the_hash_of_every_input(
    tmp_path: Path, made_from: store.Recipe, deal: Deal, place: Path
) -> None:
    said = manifest(make(tmp_path, made_from, deal))
    folders = [place / "params" / "base", place / "params" / "scenarios"]
    expected = {path.relative_to(place).as_posix() for folder in folders for path in folder.glob("*.yaml")}
    expected |= {"params/actuals.yaml"}  # but neither studies nor schedules: they move no figure of a report
    assert set(said["inputs"]) == expected
    for name, digest in said["inputs"].items():
        assert digest == hashlib.sha256((place / name).read_bytes()).hexdigest()
    assert {f"microsoft_openai/{sheet}.py" for sheet in deal.book.sheets} <= set(said["sheets"])
    assert said["settings"] == {"microsoft_stake": "30%"}
    assert said["checks"] == {"passed": True, "cases": ["new_deal"], "failed": {}}
    assert said["exit"] == 0
    assert said["packages"]["numpy"] == np.__version__


def test_the_numbers_are_those_of_the_case_bit_for_bit(tmp_path: Path, made_from: store.Recipe, deal: Deal) -> None:
    run = make(tmp_path, made_from, deal)
    case = deal.case("new_deal")
    table = pq.read_table(run / "numbers.parquet").to_pandas()
    assert list(table.columns) == ["scenario", "row", "label", "unit", "shape", "sheet", "period", "value"]
    assert list(dict.fromkeys(table["row"])) == list(deal.book.rows)
    for name, lines in table.groupby("row", observed=True):
        assert lines["value"].to_numpy().tobytes() == np.atleast_1d(case.values[str(name)]).astype(float).tobytes()
        once = deal.row(str(name)).is_once
        assert list(lines["period"].dropna()) == ([] if once else list(case.calendar.periods))


def test_a_finished_run_is_read_only(tmp_path: Path, made_from: store.Recipe, deal: Deal) -> None:
    run = make(tmp_path, made_from, deal)
    modes = {path.name: stat.filemode(path.stat().st_mode) for path in run.iterdir()}
    assert {name for name, mode in modes.items() if "w" in mode} == set()


def test_the_same_recipe_has_the_same_hash_and_another_setting_another(deal: Deal, made_from: store.Recipe) -> None:
    again = store.recipe(deal, "report", ["status_quo", "new_deal"], {"microsoft_stake": "30%"})
    other = store.recipe(deal, "report", ["status_quo", "new_deal"], {"microsoft_stake": "31%"})
    assert again.hash == made_from.hash != other.hash


def test_a_folder_without_git_gives_a_recipe_without_a_commit(
    deal: Deal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert store.recipe(deal, "report", [], {}).code["commit"] is None  # the folder of the tests is no repository
    monkeypatch.setenv("PATH", str(tmp_path))  # and here there is no git at all
    code = store.recipe(deal, "report", [], {}).code
    assert code["commit"] is code["changed_since"] is None
    assert len(code["sha256"]) == 64


def test_a_changed_repository_is_said_to_be_changed(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("there is no git on this machine")
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "a.yaml").write_text("a: 1\n", encoding="utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=test", "-c", "user.email=test@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    assert store._code(tmp_path, tmp_path)["changed_since"] == []
    (tmp_path / "params" / "a.yaml").write_text("a: 2\n", encoding="utf-8")
    code = store._code(tmp_path, tmp_path)
    assert code["changed_since"] == ["params/a.yaml"]
    assert len(code["commit"]) == 40


FILES = {"page.html": "<p>page</p>", "points/0001.txt": "1", "numbers.csv": "a,b\n1,2\n"}
STEPS = [
    "locked", "claimed", "written manifest.json", "named manifest.json", "recipe written",
    *(f"{what} {Path(file).name}" for file in FILES for what in ("written", "named")),
    "sealed", "written manifest.json", "named manifest.json", "manifest sealed", "moved", "pointed",
]  # fmt: skip
RESUMED = STEPS[2:4] + STEPS[7:]  # after a run that had come to the second file
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def write_files(draft: store.Draft) -> Path:
    for file, content in FILES.items():
        if not draft.has(file):
            draft.write(file, content)
    return store.publish(draft, checks={"new_deal": []})


def begin(reports: Path, made_from: store.Recipe) -> None:
    with store.new_run(reports, NAME, made_from) as draft:
        write_files(draft)


def take_up(reports: Path, run: str, made_from: store.Recipe) -> None:
    with store.resume(reports, run, made_from) as draft:
        write_files(draft)


def in_a_child(work: Callable[[], object], last: int) -> list[str]:
    """Do it in a process that kills itself as soon as it has reached so many steps; the steps it reached."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        steps: list[str] = []

        def stop(step: str) -> None:
            steps.append(step)
            os.write(write, step.encode() + b"\n")
            if len(steps) == last:
                os.kill(os.getpid(), signal.SIGKILL)

        store.reached = stop
        try:
            work()
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as told:
        return told.read().splitlines()


def assert_whole(run: Path) -> None:
    said = manifest(run)
    assert set(said["files"]) == set(FILES)
    for file, content in FILES.items():
        assert (run / file).read_text(encoding="utf-8") == content
        assert said["files"][file]["sha256"] == hashlib.sha256(content.encode()).hexdigest()


def complete(reports: Path, made_from: store.Recipe) -> None:
    """Resume what is unfinished, and look that it is what an undisturbed run would have been."""
    for run in published(reports):
        assert_whole(run)
    for listed in store.list_runs(reports):
        if listed.status == "done":
            continue
        assert (listed.status, listed.is_running) == ("unfinished", False)
        if not listed.manifest:  # killed before it could say what it is made from: nothing is in it yet
            with pytest.raises(InputError, match="does not say what the run was made from"):
                take_up(reports, listed.run, made_from)
            store.delete(listed)
            continue
        kept = {path: path.stat().st_ino for path in (listed.folder / file for file in FILES) if path.exists()}
        for path in kept:
            assert path.read_text(encoding="utf-8") == FILES[path.relative_to(listed.folder).as_posix()]
        take_up(reports, listed.run, made_from)
        final = reports / listed.run
        assert_whole(final)
        assert {path.relative_to(listed.folder): inode for path, inode in kept.items()} == {
            path.relative_to(listed.folder): (final / path.relative_to(listed.folder)).stat().st_ino for path in kept
        }  # the finished files are the same files, not copies made again
    if not published(reports):
        begin(reports, made_from)
    hidden = [path.name for path in (reports / NAME).iterdir() if path.name.startswith(".")]
    assert [name for name in hidden if not name.endswith(".lock") and "latest" not in name] == []
    newest = max(path.name for path in published(reports))
    store.keep(reports, NAME, 1)  # puts latest.txt right after a kill between the rename and it
    assert (reports / NAME / "latest.txt").read_text(encoding="utf-8") == newest + "\n"
    assert [path.name for path in (reports / NAME).iterdir()] in (["latest.txt", newest], [newest, "latest.txt"])


@needs_fork
@pytest.mark.parametrize("last", range(1, len(STEPS) + 1), ids=lambda last: f"{last}-{STEPS[last - 1]}")
def test_a_run_killed_at_any_step_is_published_whole_or_not_at_all_and_can_be_completed(
    last: int, tmp_path: Path, made_from: store.Recipe
) -> None:
    assert in_a_child(lambda: begin(tmp_path, made_from), last) == STEPS[:last]
    assert len(published(tmp_path)) == (last > STEPS.index("manifest sealed") + 1)
    complete(tmp_path, made_from)


@needs_fork
@pytest.mark.parametrize("last", range(1, len(RESUMED) + 1), ids=lambda last: f"{last}-{RESUMED[last - 1]}")
def test_a_resumed_run_killed_at_any_step_can_be_resumed_again(
    last: int, tmp_path: Path, made_from: store.Recipe
) -> None:
    in_a_child(lambda: begin(tmp_path, made_from), 8)
    (listed,) = store.list_runs(tmp_path)
    assert in_a_child(lambda: take_up(tmp_path, listed.run, made_from), last) == RESUMED[:last]
    complete(tmp_path, made_from)


@needs_fork
def test_a_deletion_killed_midway_leaves_no_run_half_there(tmp_path: Path, made_from: store.Recipe) -> None:
    begin(tmp_path, made_from)
    (listed,) = store.list_runs(tmp_path)
    assert in_a_child(lambda: store.delete(listed), 1) == ["out of sight"]
    assert store.list_runs(tmp_path) == []
    store.keep(tmp_path, NAME, 1)
    assert [path.name for path in (tmp_path / NAME).iterdir()] == []


@needs_fork
def test_a_run_that_is_being_written_is_seen_as_running_and_cannot_be_resumed(
    tmp_path: Path, made_from: store.Recipe
) -> None:
    with store.new_run(tmp_path, NAME, made_from) as draft:
        child = os.fork()
        if not child:  # another process: locks are between processes
            try:
                (listed,) = store.list_runs(tmp_path)
                try:
                    take_up(tmp_path, draft.run, made_from)
                except InputError as error:
                    os._exit(0 if listed.is_running and "somebody is writing" in str(error) else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with pytest.raises(InputError, match="somebody is writing"):  # nor by another part of this one
            take_up(tmp_path, draft.run, made_from)
        write_files(draft)
    assert [each.status for each in store.list_runs(tmp_path)] == ["done"]


def test_a_run_begun_with_other_inputs_is_not_completed_with_these(tmp_path: Path, made_from: store.Recipe) -> None:
    with pytest.raises(KeyboardInterrupt), store.new_run(tmp_path, NAME, made_from):
        raise KeyboardInterrupt
    (listed,) = store.list_runs(tmp_path)
    changed = {"params/base/exit.yaml": "0" * 64}
    other = dataclasses.replace(made_from, inputs={**made_from.inputs, **changed}, settings={})
    with pytest.raises(InputError) as caught:
        take_up(tmp_path, listed.run, other)
    assert "params/base/exit.yaml changed" in str(caught.value)
    assert "settings: microsoft_stake=30% → none" in str(caught.value)
    take_up(tmp_path, listed.run, made_from)
    with pytest.raises(InputError, match="the run is done"):
        take_up(tmp_path, listed.run, made_from)


def test_what_fails_halfway_through_a_file_leaves_no_file_of_that_name(tmp_path: Path, made_from: store.Recipe) -> None:
    def fail(draft: store.Draft) -> None:
        draft.write("whole.txt", "whole")
        with draft.writing("half.txt") as path:
            path.write_text("ha", encoding="utf-8")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), store.new_run(tmp_path, NAME, made_from) as draft:
        fail(draft)
    (listed,) = store.list_runs(tmp_path)
    assert listed.status == "failed"
    assert listed.note == "broken"
    with store.resume(tmp_path, listed.run) as draft:
        assert draft.finished == ["whole.txt"]
        assert not draft.has("half.txt")


def test_a_run_is_found_by_name_place_or_folder_and_a_wrong_one_gets_the_nearest(
    tmp_path: Path, made_from: store.Recipe
) -> None:
    begin(tmp_path, made_from)
    begin(tmp_path, made_from)
    first, last = store.list_runs(tmp_path)
    assert store.find_run(tmp_path, NAME).run == last.run
    assert store.find_run(tmp_path, first.run).run == first.run
    assert store.find_run(tmp_path, str(first.folder) + "/").run == first.run
    with pytest.raises(InputError, match="did you mean `new_deal`"):
        store.find_run(tmp_path, "new_dela")
    (tmp_path / "letters" / ".20260101T000000Z-01234567.unfinished").mkdir(parents=True)
    with pytest.raises(InputError, match="'letters' is not a run that is done"):
        store.find_run(tmp_path, "letters")


def test_foreign_and_damaged_folders_are_not_taken_for_runs(tmp_path: Path, made_from: store.Recipe) -> None:
    begin(tmp_path, made_from)
    for foreign in ("notes/today", f"{NAME}/copy of a run", f"{NAME}/20260101T000000Z-0123456"):
        (tmp_path / foreign).mkdir(parents=True)
    (tmp_path / NAME / "20260101T000000Z-01234567").mkdir()
    damaged, good = store.list_runs(tmp_path)
    assert (damaged.status, damaged.note) == ("failed", "its manifest.json is missing or damaged")
    assert (good.status, good.is_good) == ("done", True)


def make_at(reports: Path, made_from: store.Recipe, day: int, failed: Sequence[str] = ()) -> str:
    """A run as if it had been made on a day of 2026."""
    with store.new_run(reports, NAME, made_from) as draft:
        draft.started = dt.datetime(2026, 1, day, tzinfo=dt.UTC)
        hidden = reports / NAME / f".202601{day:02}T000000Z-{made_from.hash}.unfinished"
        draft.folder = draft.folder.rename(hidden)
        draft.place = hidden.name[1:].removesuffix(".unfinished")
        draft.write("page.html", str(day))
        store.publish(draft, checks={"new_deal": failed})
    return draft.run


def test_keep_deletes_the_older_runs_but_never_the_last_good_one(tmp_path: Path, made_from: store.Recipe) -> None:
    good = [make_at(tmp_path, made_from, day) for day in (1, 2)]
    bad = [make_at(tmp_path, made_from, day, ["check_cash"]) for day in (3, 4, 5)]
    assert store.keep(tmp_path, NAME, 9) == []
    assert store.keep(tmp_path, NAME, 2) == [good[0], bad[0]]
    assert [run.run for run in store.list_runs(tmp_path)] == [good[1], *bad[1:]]
    assert (tmp_path / NAME / "latest.txt").read_text(encoding="utf-8").strip() == bad[-1].split("/")[1]
    newer = make_at(tmp_path, made_from, 6)
    assert store.keep(tmp_path, NAME, 1) == [good[1], *bad[1:]]
    assert [run.run for run in store.list_runs(tmp_path)] == [newer]


def test_keep_tidies_what_failed_before_the_kept_runs_and_leaves_what_came_after(
    tmp_path: Path, made_from: store.Recipe
) -> None:
    old = tmp_path / NAME / ".20251231T000000Z-01234567.unfinished"
    (old / "points").mkdir(parents=True)
    done = make_at(tmp_path, made_from, 1)
    with pytest.raises(KeyboardInterrupt), store.new_run(tmp_path, NAME, made_from) as draft:
        raise KeyboardInterrupt
    assert store.keep(tmp_path, NAME, 1) == [f"{NAME}/20251231T000000Z-01234567"]
    assert [run.run for run in store.list_runs(tmp_path)] == [done, draft.run]


def test_a_run_that_fails_stays_unpublished_and_says_why_without_naming_this_machine(
    tmp_path: Path, made_from: store.Recipe
) -> None:
    with pytest.raises(ValueError, match="broken"), store.new_run(tmp_path, NAME, made_from):
        raise ValueError(f"broken: {tmp_path / 'deep' / 'file.txt'}")
    (listed,) = store.list_runs(tmp_path)
    said = manifest(listed.folder)
    assert (listed.status, said["status"], said["exit"]) == ("failed", "failed", 3)
    assert said["error"] == "broken: …/file.txt"
    assert published(tmp_path) == []


KILLED = """
import sys
from pathlib import Path
from dealgrid import Deal
from dealgrid.runs import store
deal = Deal.load(root=Path(sys.argv[2]))
case = deal.case("new_deal")
while True:
    with store.new_run(Path(sys.argv[1]), "new_deal", store.recipe(deal, "report", [], {})) as draft:
        store.write_numbers(draft, [case])
        print("written", flush=True)
        store.publish(draft, [case])
"""


def test_a_killed_process_leaves_only_its_unfinished_folder(tmp_path: Path, place: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), str(place)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(2):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()
    process.stdout.close()
    assert len(published(tmp_path)) >= 1
    for run in published(tmp_path):
        for name, each in manifest(run)["files"].items():
            assert hashlib.sha256((run / name).read_bytes()).hexdigest() == each["sha256"]
    assert {each.status for each in store.list_runs(tmp_path)} <= {"done", "unfinished"}


def write_one(reports: Path, made_from: store.Recipe, names: Any) -> None:
    with store.new_run(reports, NAME, made_from) as draft:
        draft.write("page.html", str(os.getpid()))
        names.put(store.publish(draft, []).name)


def test_writers_at_once_never_collide(tmp_path: Path, made_from: store.Recipe) -> None:
    names: Any = multiprocessing.get_context("spawn").Queue()
    start: Callable[..., Any] = multiprocessing.get_context("spawn").Process
    writers = [start(target=write_one, args=(tmp_path, made_from, names)) for _ in range(3)]
    for writer in writers:
        writer.start()
    found = [names.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join()
    assert sorted(found) == sorted(path.name for path in published(tmp_path))
    assert len(set(found)) == 3
    assert (tmp_path / NAME / "latest.txt").read_text(encoding="utf-8").strip() == max(found)


def test_a_file_in_place_of_the_folder_is_a_clear_error(tmp_path: Path, made_from: store.Recipe) -> None:
    (tmp_path / "reports").write_text("", encoding="utf-8")
    with (
        pytest.raises(RunError, match="the run cannot be written") as caught,
        store.new_run(tmp_path / "reports", NAME, made_from),
    ):
        pass
    assert "--output" in str(caught.value)


def test_a_read_only_folder_is_a_clear_error(tmp_path: Path, made_from: store.Recipe) -> None:
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o555)
    with pytest.raises(RunError, match="Permission denied"), store.new_run(tmp_path, NAME, made_from):
        pass


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A small disk, mounted as asked for."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", str(place)]
    mounted = shutil.which("mount") and subprocess.run(mount, capture_output=True, check=False)
    if not mounted or mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("disk", ["ro"], indirect=True)
def test_a_read_only_disk_is_a_clear_error(disk: Path, made_from: store.Recipe) -> None:
    with pytest.raises(RunError, match="Read-only file system"), store.new_run(disk, NAME, made_from):
        pass


@pytest.mark.parametrize("disk", ["size=64k"], indirect=True)
def test_a_full_disk_is_a_clear_error(disk: Path, made_from: store.Recipe, deal: Deal) -> None:
    with pytest.raises(RunError, match="No space left"), store.new_run(disk, NAME, made_from) as draft:
        [draft.write(file, b"x" * size) for file, size in {"small.txt": 2, "large.bin": 200_000}.items()]
    assert published(disk) == []
    (listed,) = store.list_runs(disk)
    assert (listed.status, "No space left" in listed.note) == ("failed", True)
    with store.resume(disk, listed.run, made_from) as draft:  # with room again, it goes on from there
        assert draft.finished == ["small.txt"]
        draft.write("large.bin", b"x" * 2_000)
        store.publish(draft)
    assert [each.status for each in store.list_runs(disk)] == ["done"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "Ä"])
def test_a_name_that_could_leave_the_folder_is_refused(name: str, tmp_path: Path, made_from: store.Recipe) -> None:
    with pytest.raises(RunError, match="cannot name a run"), store.new_run(tmp_path, name, made_from):
        pass


def test_there_are_no_runs_where_there_is_no_folder(tmp_path: Path) -> None:
    assert store.list_runs(tmp_path / "nowhere") == []


def test_an_unknown_scenario_writes_nothing(tmp_path: Path, deal: Deal) -> None:
    from dealgrid.runs.report import write_report

    with pytest.raises(InputError, match="new_deal"):
        write_report(deal, ["new_dael"], {}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_older_run_that_finishes_later_leaves_latest_at_the_newer(tmp_path: Path, made_from: store.Recipe) -> None:
    with store.new_run(tmp_path, NAME, made_from) as older:
        with store.new_run(tmp_path, NAME, made_from) as newer:
            final = store.publish(newer, [])
        store.publish(older, [])
    assert (tmp_path / NAME / "latest.txt").read_text(encoding="utf-8").strip() == final.name
