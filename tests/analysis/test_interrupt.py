"""Ctrl-C in the middle of long work: it stops, says 130, and leaves nothing half-written."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEALGRID = [sys.executable, "-c", "from dealgrid.cli import main; main()"]
SECONDS = 60  # after which a test has failed, whatever hangs
LONG = ["futures", "new_deal", "--count", "380000", "--rows", "revenue", "--quiet"]  # NumPy's: half a minute
ENDS_BY = 20  # seconds: far less than the rest of the work would take

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux says in /proc how long a process has worked"),
]


def stopped(command: list[str], is_at_work: Callable[[subprocess.Popen[str]], bool]) -> tuple[int, str, str]:
    """Exit status and output of a command that gets Ctrl-C, with all its processes, once it is at work."""
    process = subprocess.Popen(
        [*DEALGRID, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + SECONDS
        while not is_at_work(process):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        out, told = process.communicate(timeout=ENDS_BY)
        return process.returncode, out, told
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)


def seconds_of(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_children(pid: int) -> int:
    """Processes a process has started that have worked for two seconds."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(seconds_of(int(each)) > 2 for each in children)


@pytest.mark.parametrize("command", [LONG, ["bargain", "bargain-stake-share", "--count", "2048", "--quiet"]])
def test_long_work_stops_with_130_and_without_a_traceback(command: list[str], tmp_path: Path) -> None:
    options = ["-o", str(tmp_path)] if command[0] == "bargain" else []
    status, out, told = stopped([*command, *options], lambda process: seconds_of(process.pid) > 4)
    assert (status, out) == (130, "")
    assert "Traceback" not in told
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_workers_end_with_it() -> None:
    status, out, told = stopped([*LONG, "--workers", "2"], lambda process: busy_children(process.pid) == 2)
    assert (status, out) == (130, "")
    assert "Traceback" not in told


def test_a_file_of_draws_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "draws.csv"
    file.write_text("old")
    command = ["futures", "new_deal", "--count", "60000", "--rows", "total_value", "--draws", str(file), "--quiet"]
    status, _, told = stopped(command, lambda _: len(list(tmp_path.iterdir())) == 2)  # one is written beside
    assert status == 130
    assert "Traceback" not in told
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("draws.csv", "old")]
