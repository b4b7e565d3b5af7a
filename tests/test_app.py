"""The app over real HTTP: one notebook, to whoever has the token, on this machine alone, and nothing left behind."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
COMMAND = [sys.executable, "-c", "from dealgrid.cli import main; main()", "app", "--no-browser"]


@dataclass
class App:
    process: subprocess.Popen[str]
    address: str
    folder: Path  # for what it writes for a time

    def ask(self, path: str, cookie: str = "", host: str = "") -> tuple[int, str, http.client.HTTPMessage]:
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=SECONDS)
        connection.request("GET", path, headers={"Host": host or parts.netloc, "Cookie": cookie})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace"), answer.headers

    @property
    def path(self) -> str:
        return f"/?{urlsplit(self.address).query}"


def started(folder: Path, *options: str) -> App:
    process = subprocess.Popen(
        [*COMMAND, *options],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return App(process, process.stdout.readline().strip(), folder)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = started(tmp_path_factory.mktemp("app"))
    try:
        yield app
    finally:
        app.process.terminate()
        app.process.communicate(timeout=SECONDS)


@pytest.fixture(scope="module")
def opened(app: App) -> tuple[str, str]:
    """The page that the address opens, and the cookie that comes with it."""
    status, page, headers = app.ask(app.path)
    assert status == 200
    return page, "; ".join(cookie.partition(";")[0] for cookie in headers.get_all("Set-Cookie"))


def test_the_address_is_on_this_machine_and_holds_a_token(app: App) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", app.address)


@on_linux
def test_no_other_machine_can_reach_it(app: App) -> None:
    with socket.socket(socket.AF_INET6) as other, pytest.raises(OSError):  # noqa: PT011 - which, the system decides
        other.connect(("::1", urlsplit(app.address).port))
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"]
    port = f"{urlsplit(app.address).port:04X}"
    assert [each for each in listening if each.endswith(port)] == [f"0100007F:{port}"]  # 127.0.0.1, byte by byte


def test_the_page_shows_the_explorer_without_its_code(opened: tuple[str, str]) -> None:
    page, _ = opened
    assert "<title>Microsoft and OpenAI</title>" in page
    assert "application/vnd.jupyter.widget-view+json" in page
    assert "All checks are zero." in page
    assert "from dealgrid" not in page
    assert "explorer(deal" not in page


def test_the_page_asks_for_nothing_from_elsewhere(opened: tuple[str, str]) -> None:
    assert re.findall(r"<(?:link|script|img)[^>]+(?:href|src)=[\"']?(?:https?:)?//[^\"' >]*", opened[0]) == []


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=wrong", "/explore.ipynb", "/api/kernels"])
def test_without_the_token_nobody_gets_further_than_the_login(app: App, path: str) -> None:
    status, page, headers = app.ask(path)
    assert status == 302
    assert headers["Location"].startswith("/login")
    assert "widget" not in page


def test_a_page_under_another_name_is_refused_even_with_the_token(app: App) -> None:
    assert app.ask(app.path, host="elsewhere.example")[0] == 403


PATHS = ["90_checks.ipynb", "explore.ipynb", "picture.png", "../params/actuals.yaml", "..%2fparams%2factuals.yaml"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("start", ["/voila/files/", "/voila/static/", "/voila/templates/lab/static/", "/files/"])
def test_no_other_notebook_and_no_file_is_served_even_with_the_token(
    app: App, opened: tuple[str, str], start: str, path: str
) -> None:
    status, page, headers = app.ask(start + path, cookie=opened[1])
    if status == 302:
        status, page, _ = app.ask(headers["Location"], cookie=opened[1])
    assert status >= 400
    assert "cells" not in page
    assert "grade" not in page


@pytest.mark.parametrize("path", ["/voila/render/90_checks.ipynb", "/voila/tree", "/voila/api/contents/", "/90_checks"])
def test_no_list_of_files_and_no_other_page_is_served(app: App, opened: tuple[str, str], path: str) -> None:
    status, _, headers = app.ask(path, cookie=opened[1])
    assert status == 302
    assert app.ask(headers["Location"], cookie=opened[1])[0] == 403


@pytest.mark.long
@on_linux
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_and_leaves_neither_kernel_nor_file(tmp_path: Path, name: str) -> None:
    app = started(tmp_path)
    assert app.ask(app.path)[0] == 200
    kernels = [each for each in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path) in _read(each)]
    assert kernels
    app.process.send_signal(getattr(signal, name))
    _, told = app.process.communicate(timeout=SECONDS)
    assert app.process.returncode == 0
    assert told == "The explorer is open at this address, to whoever has it, until Ctrl-C.\nEnded.\n"
    assert [each for each in kernels if str(tmp_path) in _read(each)] == []
    assert list(tmp_path.glob("voila_*")) == []


def test_a_port_that_is_taken_is_status_2(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        app = started(tmp_path, f"--port={port}")
        _, told = app.process.communicate(timeout=SECONDS)
    assert app.process.returncode == 2
    assert app.address == ""
    assert f"--port: port {port} cannot be had" in told
    assert "Traceback" not in told
    assert list(tmp_path.glob("voila_*")) == []


@pytest.mark.long
def test_a_port_that_is_asked_for_is_the_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = started(tmp_path, f"--port={port}")
    assert urlsplit(app.address).port == port
    app.process.terminate()
    app.process.communicate(timeout=SECONDS)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # it has ended
        return ""
