"""A run is published whole or not at all, and says truly what it was made from."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
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
    expected = {path.relative_to(place).as_posix() for path in (place / "params").rglob("*.yaml")}
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


STEPS = ["_begin", "write", "write_numbers", "_seal", "_manifest", "rename", "_flush_folder", "_point"]


@pytest.mark.parametrize("step", STEPS)
def test_a_run_stopped_at_any_step_is_published_whole_or_not_at_all(
    step: str, tmp_path: Path, made_from: store.Recipe, deal: Deal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    owner: Any = {"write": store.Draft, "rename": Path}.get(step, store)
    monkeypatch.setattr(owner, step, stop)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, made_from, deal)
    monkeypatch.undo()
    for run in published(tmp_path):
        assert set(manifest(run)["files"]) == {"page.html", "numbers.parquet"}
        assert step in ("_flush_folder", "_point")  # the only steps after the rename
    expected = [] if step == "_begin" else ["done"] if published(tmp_path) else ["unfinished"]
    assert [each.status for each in store.list_runs(tmp_path)] == expected
    make(tmp_path, made_from, deal)  # and what was left stands in nobody's way
    assert store.list_runs(tmp_path)[-1].status == "done"


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


def test_a_full_disk_is_a_clear_error(tmp_path: Path, made_from: store.Recipe, deal: Deal) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        with pytest.raises(RunError, match="No space left"), store.new_run(disk, NAME, made_from) as draft:
            draft.write("large.bin", b"x" * 200_000)
        assert published(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=False)


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
