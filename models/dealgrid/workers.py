"""Many independent tasks done by worker processes: of this machine, or of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
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
    a task is raised here and ends the rest, as Ctrl-C and closing the iterator do.
    """
    todo = list(items)
    if workers < 0:
        raise InputError(Problem("--workers", f"{workers} workers", "1 or more", "leave it out for all processors"))
    if cluster:
        return _on_cluster(task, todo, cluster, lost)
    count = min(workers or usual(), len(todo))
    return _here(task, todo, count, lost)


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
            reply = (True, task(item))
        except Exception as error:  # noqa: BLE001 - it is raised again where the results are awaited
            reply = (False, error)
        try:
            pipe.send(reply)
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
    try:
        yield client
    finally:
        client.close()


def _on_cluster(
    task: Callable[[T], R], items: Sequence[T], address: str, lost: Callable[[int], R] | None
) -> Generator[tuple[int, R], None, None]:
    with _client(address) as client:
        import distributed

        futures = {client.submit(task, item, pure=False): index for index, item in enumerate(items)}
        try:
            arriving: Any = distributed.as_completed(list(futures), loop=client.loop)  # type: ignore[no-untyped-call]
            for future in arriving:
                index = futures.pop(future)
                try:
                    value = future.result()
                except distributed.scheduler.KilledWorker:
                    value = _gave_up(index, lost)
                future.release()
                yield index, value
        finally:
            with suppress(Exception):  # a scheduler that has gone has nothing left to cancel
                client.cancel(list(futures), force=True)
