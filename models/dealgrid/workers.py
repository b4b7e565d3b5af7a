"""Many independent tasks done by worker processes: of this machine, or of a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import queue
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from dealgrid.problems import InputError, Problem, RunError

T = TypeVar("T")
R = TypeVar("R")

TRIES = 3  # workers a task may lose before it is taken for what kills them
CONNECT = 10  # seconds a scheduler may take to answer
LOOK = 2  # seconds of silence after which a cluster is looked at
ABSENT = 60  # seconds a cluster may be without a single worker
# What a cluster is asked for. Whatever else it is sent it unpickles as it arrives, and a worker that cannot ends, as
# all others then do (test_what_goes_wrong_on_a_cluster_is_told_as_the_tasks_or_the_clusters).
CALL = "__import__('dealgrid.workers').workers.unpickled(given)"
GRACE = 5  # seconds a worker may take to end by itself


@dataclass(frozen=True)
class LostError(Exception):
    """A task whose worker was lost each time."""

    index: int

    def __str__(self) -> str:
        return f"the process working on task {self.index + 1} was killed {TRIES} times"


def usual() -> int:
    """As many workers as this process may use processors."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def done(
    task: Callable[[T], R],
    items: Iterable[T],
    workers: int = 0,
    cluster: str = "",
    lost: Callable[[int], R] | None = None,
) -> Generator[tuple[int, R], None, None]:
    """Yield (index, result) of `task` on every item, in the order in which they are done.

    `task` and the items are pickled: `task` is a function of a module, or a partial of one; a worker receives it
    once. `workers` processes are started (as many as there are processors for 0), or the Dask scheduler at `cluster`
    is asked. The results do not depend on how many do the work. A task whose worker is killed is done again, up to
    TRIES times, then `lost(index)` takes the place of its result, or RunError is raised without it. The first error of
    a task is raised here and ends the rest, as Ctrl-C and closing the iterator do. InputError where nobody answers at
    `cluster`; RunError where its scheduler goes away, its workers all do, or they cannot load what they are sent.
    """
    todo = list(items)
    _refuse(workers, cluster)
    if cluster:
        return _on_cluster(task, todo, cluster, lost)
    count = min(workers or usual(), len(todo))
    return _here(task, todo, count, lost)


def check(workers: int = 0, cluster: str = "") -> None:
    """Refuse, before anything is begun, a number of workers that cannot be or a cluster that does not answer."""
    _refuse(workers, cluster)
    if cluster:
        with _client(cluster):
            pass


def _refuse(workers: int, cluster: str) -> None:
    if workers < 0:
        raise InputError(Problem("--workers", f"{workers} workers", "1 or more", "leave it out for all processors"))
    if workers > 1 and cluster:
        what = "processes of this machine are asked for, and a cluster too"
        raise InputError(Problem("--workers", what, "one of the two", "leave --workers out: the cluster has its own"))


def _attempted(task: Callable[[T], R], item: T) -> tuple[bool, Any]:
    """Whether a task could be done, and its result, else its error: any other error is not the task's."""
    try:
        return True, task(item)
    except Exception as error:  # noqa: BLE001 - it is raised again where the results are awaited
        return False, error


def _gave_up(index: int, lost: Callable[[int], R] | None) -> R:
    if lost is None:
        error = LostError(index)
        raise RunError(
            Problem("workers", str(error), "a worker that lives", "look whether the machine ran out of memory")
        ) from error
    return lost(index)


# --- processes of this machine ----------------------------------------------------------------------------------------


class _Worker:
    """A process, the pipe to it, and the task it is at."""

    def __init__(self, task: bytes) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, task), daemon=False)
        with _deaf():
            self.process.start()
        theirs.close()
        self.index: int | None = None

    def begin(self, index: int, item: Any) -> None:
        self.index = index
        with suppress(OSError):  # a worker just killed: `wait` will say so
            self.pipe.send(item)

    def answer(self) -> Any:
        """What it sent; None where it is gone."""
        try:
            return self.pipe.recv() if self.pipe.poll() else None
        except (EOFError, OSError):
            return None

    def end(self, at_once: bool) -> None:
        self.pipe.close()  # which it notices when it is idle
        if at_once:
            self.process.terminate()
        self.process.join(GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


@contextmanager
def _deaf() -> Iterator[None]:
    """Within, a process that is started does not hear Ctrl-C until it says so: it has not yet learnt what to do."""
    can = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can else set()
    try:
        yield
    finally:
        if can:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, pickled: bytes) -> None:
    """The life of a worker: one task after the other, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; whoever started us decides
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # what a notebook starts shall hear it
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    task = pickle.loads(pickled)
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(_attempted(task, item))
        except (BrokenPipeError, ConnectionError):
            return
        except Exception as error:  # noqa: BLE001 - a result or error that cannot be pickled is the task's fault
            pipe.send((False, RuntimeError(f"the result of a task cannot be sent: {error}")))


def _here(
    task: Callable[[T], R], items: Sequence[T], count: int, lost: Callable[[int], R] | None
) -> Generator[tuple[int, R], None, None]:
    pickled = pickle.dumps(task)
    waiting = deque(enumerate(items))
    tries = [0] * len(items)
    crew: list[_Worker] = []
    is_whole = False
    try:
        while waiting or any(worker.index is not None for worker in crew):
            for worker in crew:
                if worker.index is None and waiting:
                    worker.begin(*waiting.popleft())
            while len(crew) < count and waiting:
                worker = _Worker(pickled)
                crew.append(worker)
                worker.begin(*waiting.popleft())
            ready = wait([each for worker in crew for each in (worker.pipe, worker.process.sentinel)])
            for worker in [each for each in crew if each.pipe in ready or each.process.sentinel in ready]:
                reply, index = worker.answer(), worker.index
                if reply is None:  # gone, with what it was at
                    worker.end(at_once=True)
                    crew.remove(worker)
                    if index is None:
                        continue
                    tries[index] += 1
                    if tries[index] < TRIES:
                        waiting.appendleft((index, items[index]))
                    else:
                        yield index, _gave_up(index, lost)
                    continue
                worker.index = None
                assert index is not None
                is_result, value = reply
                if not is_result:
                    raise value
                yield index, value
        is_whole = True
    finally:
        for worker in crew:
            worker.end(at_once=not is_whole)


# --- a Dask cluster ---------------------------------------------------------------------------------------------------


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Loggers that say nothing: what a library prints of a lost connection, with tracebacks, is told in our words."""
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        import distributed
    except ModuleNotFoundError:
        raise InputError(
            Problem(
                "--cluster",
                "the library for clusters is not installed",
                "the extra `cluster`",
                'pip install "dealgrid[cluster]"',
            )
        ) from None
    try:
        client: Any = distributed.Client(address, timeout=CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            Problem(
                "--cluster",
                f"no Dask scheduler answers at {address}",
                "an address as in tcp://10.0.0.5:8786",
                "start one with `dask scheduler`, and workers with `dask worker ADDRESS`",
            )
        ) from error
    with _quiet("distributed", "distributed.client"):
        try:
            yield client
        finally:
            client.close()


def _on_cluster(
    task: Callable[[T], R], items: Sequence[T], address: str, lost: Callable[[int], R] | None
) -> Generator[tuple[int, R], None, None]:
    with _client(address) as client:
        from distributed.scheduler import KilledWorker

        futures = {
            client.submit(eval, CALL, {"given": pickle.dumps((task, item))}, pure=False): index
            for index, item in enumerate(items)
        }
        arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for future in futures:
            future.add_done_callback(arrived.put)
        try:
            while futures:
                future = _next(arrived, client, address)
                index = futures.pop(future)
                try:
                    is_result, value = future.result()
                except KilledWorker:
                    is_result, value = True, _gave_up(index, lost)
                except Exception as error:  # none of the task's own, which are results
                    raise _failed(address, error) from error
                future.release()
                if not is_result:
                    raise value
                yield index, value
        finally:
            with suppress(Exception):  # a scheduler that has gone has nothing left to cancel
                client.cancel(list(futures), force=True)


def unpickled(given: bytes) -> tuple[bool, Any]:
    """The attempt at a task and its item, which are unpickled where the work is done."""
    return _attempted(*pickle.loads(given))


def _next(arrived: queue.SimpleQueue[Any], client: Any, address: str) -> Any:
    """The next future that is done, or cannot be; RunError where no worker has been there for a while."""
    seen = time.monotonic()
    while True:
        with suppress(queue.Empty):
            return arrived.get(timeout=LOOK)
        with suppress(Exception):  # a scheduler that goes away ends all futures, so the next look finds them
            if client.nthreads():
                seen = time.monotonic()
        if time.monotonic() - seen > ABSENT:
            raise RunError(
                Problem("--cluster", f"the scheduler at {address} has had no worker for {ABSENT} seconds",
                        "at least one", f"start some with `dask worker {address}`")
            )  # fmt: skip


def _failed(address: str, error: Exception) -> RunError:
    """What went wrong on a cluster, and not in a task: its scheduler is gone, or it does not know the program."""
    import distributed

    if isinstance(error, (distributed.CancelledError, OSError)):
        return RunError(
            Problem("--cluster", f"the scheduler at {address} has gone away", "one that stays until the work is done",
                    "look why it ended, and start it again")
        )  # fmt: skip
    cause = error.__cause__ or error
    return RunError(
        Problem("--cluster", f"the cluster at {address} cannot do the work: {type(cause).__name__}: {cause}",
                "a scheduler and workers with this very dealgrid", "install the same version there")
    )  # fmt: skip
