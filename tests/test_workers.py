"""Tasks are done once each, whatever the number of workers, and again where a worker is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from dealgrid import workers
from dealgrid.problems import InputError, RunError

NOTES = Path(__file__).parent


def square(number: int) -> int:
    return number * number


def die_once(mark: Path, number: int) -> int:
    """Kill the worker at 3, the first time."""
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def die(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(number: int) -> int:
    if number == 2:
        raise ValueError("two is not allowed")
    return number


def note(folder: Path, number: int) -> int:
    (folder / f"{number}-{os.getpid()}").touch()
    time.sleep(60 if number else 0)
    return number


def wait_a_little(folder: Path, number: int) -> int:
    """Note who works on it, and take a while."""
    (folder / f"{number}-{os.getpid()}").touch()
    time.sleep(0.5)
    return number * number


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_task_is_done_once_whatever_the_number_of_workers(count: int) -> None:
    assert sorted(workers.done(square, range(7), count)) == [(n, n * n) for n in range(7)]


def test_no_tasks_need_no_workers() -> None:
    assert list(workers.done(square, [])) == []


def test_the_work_of_a_lost_worker_is_done_again(tmp_path: Path) -> None:
    assert sorted(workers.done(partial(die_once, tmp_path / "mark"), range(6), 2)) == [(n, n * n) for n in range(6)]


def test_a_task_that_kills_every_worker_is_told_and_spares_the_rest() -> None:
    with pytest.raises(RunError, match="task 2 was killed 3 times"):
        list(workers.done(die, range(3), 1))
    found = dict(workers.done(die, range(3), 2, lost=lambda index: -index))
    assert found == {0: 0, 1: -1, 2: 2}


def test_an_error_of_a_task_is_raised_where_its_result_is_awaited() -> None:
    with pytest.raises(ValueError, match="two is not allowed"):
        list(workers.done(refuse, range(4), 1))


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    results = workers.done(partial(note, tmp_path), range(3), 2)
    assert next(results) == (0, 0)
    results.close()
    for path in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name.split("-")[1]), 0)


def test_ctrl_c_ends_everything_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from functools import partial; from pathlib import Path\n"
        "from dealgrid import workers; from tests.test_workers import note\n"
        "if __name__ == '__main__':\n"
        "    try: list(workers.done(partial(note, Path(sys.argv[1])), [1, 2], 2))\n"
        "    except KeyboardInterrupt: sys.exit(130)\n"
    )
    script = tmp_path / "go.py"
    script.write_text(program)
    notes = tmp_path / "notes"
    notes.mkdir()
    command = [sys.executable, str(script), str(notes)]
    root = str(NOTES.parent)
    running = subprocess.Popen(command, start_new_session=True, env=os.environ | {"PYTHONPATH": root})
    while len(list(notes.iterdir())) < 2:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(30) == 130
    for path in notes.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name.split("-")[1]), 0)


def test_fewer_than_no_workers_are_refused() -> None:
    with pytest.raises(InputError, match="1 or more"):
        workers.done(square, range(2), -1)


def test_a_cluster_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"dealgrid\[cluster\]"):
        list(workers.done(square, range(2), cluster="tcp://127.0.0.1:1"))


@pytest.mark.long
def test_a_scheduler_that_does_not_answer_is_told() -> None:
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        list(workers.done(square, range(2), cluster="tcp://127.0.0.1:1"))


@pytest.mark.long
def test_a_cluster_does_the_work_of_a_worker_killed_midway_again(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    file = tmp_path / "scheduler.json"
    notes = tmp_path / "notes"
    notes.mkdir()
    environment = os.environ | {"PYTHONPATH": str(NOTES.parent)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment, "cwd": tmp_path}
    dask = [sys.executable, "-m", "distributed.cli"]
    started = [
        subprocess.Popen(
            [
                *dask[:2],
                "distributed.cli.dask_scheduler",
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--no-dashboard",
                "--scheduler-file",
                str(file),
            ],
            **quiet,
        )
    ]
    try:
        while not file.exists():
            time.sleep(0.1)
        # Without a nanny nobody starts a killed worker again: the other one must do its work.
        worker = [*dask[:2], "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1",
                  "--no-nanny", "--no-dashboard"]  # fmt: skip
        started += [subprocess.Popen(worker, **quiet) for _ in range(2)]
        import json

        address = json.loads(file.read_text())["address"]
        results = {}
        for index, value in workers.done(partial(wait_a_little, notes), range(12), cluster=address):
            results[index] = value
            if len(results) == 4:
                started[1].kill()
        assert results == {n: n * n for n in range(12)}
        assert len({path.name.split("-")[1] for path in notes.iterdir()}) == 2
    finally:
        for process in started:
            process.kill()
            process.wait()
