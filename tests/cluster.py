"""A Dask scheduler and its workers on loopback, as people start them: processes that can be killed one by one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STARTS = 60  # seconds a scheduler or a worker may take to start


@dataclass
class Cluster:
    """Its address and processes."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]

    def kill(self) -> None:
        """Kill all of it at once."""
        for process in (self.scheduler, *self.workers):
            process.kill()


@contextlib.contextmanager
def running(
    folder: Path, workers: int = 2, threads: int = 1, environments: Sequence[dict[str, str]] = ()
) -> Iterator[Cluster]:
    """A cluster that runs in a folder. `environments` are variables of each worker, in place of everybody's."""
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    file = Path(tempfile.mkdtemp(dir=folder)) / "scheduler.json"
    everybody = os.environ | {"PYTHONPATH": str(ROOT)}
    dask = [sys.executable, "-m"]
    nothing = subprocess.DEVNULL
    begin = [*dask, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
             "--scheduler-file", str(file)]  # fmt: skip
    # Without a nanny nobody starts a killed worker again: another one must do its work.
    join = [*dask, "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", str(threads),
            "--no-nanny", "--no-dashboard"]  # fmt: skip
    started = [subprocess.Popen(begin, stdout=nothing, stderr=nothing, env=everybody, cwd=folder)]
    try:
        end = time.monotonic() + STARTS
        while not file.exists():
            assert started[0].poll() is None, "the scheduler ended"
            assert time.monotonic() < end, "the scheduler did not start"
            time.sleep(0.05)
        for place in range(workers):
            own = everybody | (environments[place] if environments else {})
            started.append(subprocess.Popen(join, stdout=nothing, stderr=nothing, env=own, cwd=folder))
        address = json.loads(file.read_text())["address"]
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=STARTS)
        yield Cluster(address, started[0], started[1:])
    finally:
        for process in started:
            process.kill()
            process.wait()
