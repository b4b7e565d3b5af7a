"""A small place to run in: the deal's own parameter files, and a notebook of a few lines; and a mail server."""

import re
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import nbformat
import pytest
from aiosmtpd.controller import Controller

from dealgrid import Deal
from dealgrid.inputs.schedules import Schedule, read_schedules

ROOT = Path(__file__).resolve().parents[2]
PARAMETERS = """\
scenario: str = "new_deal"  # the case
against: str = "status_quo"  # what it is set against
settings: dict[str, str] = {}  # on top of both
rounds: int = 1
share: float | None = None"""
WORK = """\
from dealgrid import Deal
from dealgrid.inputs.schedules import Schedule, read_schedules
case = Deal.load().case(scenario, set=settings)
print(f"{case['microsoft_value']:.6f}")"""


def write_notebook(path: Path, *cells: str, parameters: str = PARAMETERS) -> Path:
    heading = nbformat.v4.new_markdown_cell(
        "# What it is worth\n\nUS$ 13.75bn went in, and <none> came out.", id="heading"
    )
    given = nbformat.v4.new_code_cell(parameters, id="given", metadata={"tags": ["parameters"]})
    work = [nbformat.v4.new_code_cell(cell, id=f"work-{place}") for place, cell in enumerate(cells)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[heading, given, *work], metadata={"kernelspec": kernel}), path)
    return path


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "params", root / "params")
    write_notebook(root / "notebooks" / "00_start_here.ipynb", WORK)
    return root


@pytest.fixture(scope="session")
def deal(place: Path) -> Deal:
    return Deal.load(root=place)


def schedules_of(folder: Path, given: dict[str, dict[str, object]]) -> dict[str, Schedule]:
    """Schedules read from a file, each with what it needs unless it is given."""
    usual = {"title": "A report", "cron": "0 6 * * *", "time_zone": "UTC", "run": "report",
             "scenarios": "[status_quo, new_deal]"}  # fmt: skip
    lines = []
    for name, each in given.items():
        lines += [
            f"{name}:",
            *(
                f"  {key}: " + (f'"{value}"' if key == "cron" else str(value))
                for key, value in {**usual, **each}.items()
            ),
        ]
    path = folder / "schedules.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_schedules(path, ["status_quo", "new_deal"])


class Post:
    """A mail server on loopback that takes mail, refuses it, or does not answer."""

    def __init__(self) -> None:
        self.mode, self.bodies = "takes", []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.controller: Controller | None = None
        self.open()

    def open(self) -> None:
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def close(self) -> None:
        if self.controller:
            self.controller.stop()
        self.controller = None

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.mode == "refuses":
            return "451 not today"
        if self.mode == "hangs":
            import asyncio

            await asyncio.sleep(1.5)
            return "451 too late"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mail = message_from_bytes(envelope.content)
        parts = [part for part in mail.walk() if part.get_content_type() == "text/plain"] or [mail]
        self.bodies.append(parts[0].get_payload(decode=True).decode())
        return "250 OK"

    @property
    def told(self) -> Counter[int]:
        """How often each job was told of."""
        return Counter(int(re.findall(r"job (\d+)", body)[0]) for body in self.bodies)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    server = Post()
    address = f"mailto://127.0.0.1:{server.port}/someone@example.com?from=dealgrid@example.com&cto=1&rto=1&format=text"
    monkeypatch.setenv("TEAM", address)
    yield server
    server.close()
