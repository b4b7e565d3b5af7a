"""Tasks are done once each, whatever the number of workers, and again where a worker is lost."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from dealgrid import workers
from dealgrid.problems import DealgridError, InputError, Problem, RunError
from tests import cluster

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


def refuse_clearly(number: int) -> int:
    raise InputError(Problem("here", "what", "that", "this"))


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
    notes = tmp_path / "notes"
    notes.mkdir()
    with cluster.running(tmp_path) as there:
        results = {}
        for index, value in workers.done(partial(wait_a_little, notes), range(12), cluster=there.address):
            results[index] = value
            if len(results) == 4:
                there.workers[0].kill()
    assert results == {n: n * n for n in range(12)}
    assert len({path.name.split("-")[1] for path in notes.iterdir()}) == 2


@pytest.mark.long
def test_what_goes_wrong_on_a_cluster_is_told_as_the_tasks_or_the_clusters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "LOOK", 0.2)
    monkeypatch.setattr(workers, "ABSENT", 1)
    with (
        cluster.running(tmp_path, workers=1, environments=[{"PYTHONPATH": ""}]) as there,
        pytest.raises(RunError, match="cannot do the work: ModuleNotFoundError: No module named 'tests'"),
    ):
        list(workers.done(square, range(2), cluster=there.address))
    with cluster.running(tmp_path, workers=1) as there:
        with pytest.raises(ValueError, match="two is not allowed"):
            list(workers.done(refuse, range(4), cluster=there.address))
        with pytest.raises(InputError) as caught:
            list(workers.done(refuse_clearly, range(4), cluster=there.address))
        assert str(caught.value) == str(Problem("here", "what", "that", "this"))
        there.workers[0].kill()
        with pytest.raises(RunError, match="has had no worker for 1 seconds"):
            list(workers.done(square, range(2), cluster=there.address))


@pytest.mark.parametrize("kind", [InputError, RunError])
def test_an_error_that_comes_from_another_process_says_what_it_said_there(kind: type[DealgridError]) -> None:
    problems = [Problem("params/base/exit.yaml", "one", "that", "this", 3), Problem("--set", "two")]
    there = pickle.loads(pickle.dumps(kind(problems)))
    assert (type(there), there.problems, str(there)) == (kind, problems, str(kind(problems)))


def test_workers_of_this_machine_and_a_cluster_are_not_asked_for_together() -> None:
    with pytest.raises(InputError, match="one of the two"):
        workers.done(square, range(2), 2, "tcp://127.0.0.1:1")
