"""The app: one notebook through voila, on this machine alone, behind a token and without its code."""

from __future__ import annotations

import html
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dealgrid.problems import InputError, Problem

LOOPBACK = "127.0.0.1"
TOKEN_BYTES = 24
TRIES = 20  # of free ports, each of which another program may take first
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # on Linux, without any of them, a browser would open as text
FAILED = "`dealgrid check` says what is wrong with the parameters; correct it, then load this page again."
QUIET = ["--log-level=ERROR"]  # a kernel's warnings are about its own transport
TEMPLATE = Path(__file__).parent


def serve(notebook: Path, title: str, port: int, started: Callable[[str], None], with_browser: bool) -> None:
    """Serve a notebook until SIGINT or SIGTERM; each page opened has a kernel of its own, which ends with it.

    `port` 0 takes a free one. `started` is told the address, with the token in it, once it can be opened. No other
    notebook and no file beside this one is served. InputError where there is no such notebook or the port is taken.
    """
    if not notebook.is_file():
        raise InputError(
            Problem(notebook.name, "there is no such notebook", "a file in notebooks/", "restore it, or check its name")
        )
    server = _server(notebook, port, started, with_browser)
    options = server.config.VoilaConfiguration
    options.strip_sources, options.show_tracebacks, options.file_allowlist = True, False, []
    options.resources = {"metadata": {"name": title}}
    server.config.VoilaExecutor.cell_error_instruction = FAILED
    server.initialize([])
    server.voila_configuration.multi_kernel_manager_class = _quiet(server.voila_configuration)
    server.template_paths.insert(0, str(TEMPLATE))
    signal.signal(signal.SIGINT, server._handle_signal_stop)  # as voila does it on SIGTERM
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)  # refused requests are answered, not told
    logging.getLogger("tornado.general").setLevel(logging.ERROR)  # nor how often a page is asked whether it is there
    server.start()


def _server(notebook: Path, port: int, started: Callable[[str], None], with_browser: bool) -> Any:
    from voila.app import Voila, tornado  # type: ignore[import-untyped] # voila has no types

    class Server(Voila):  # type: ignore[misc] # voila has no types
        """Voila on the port asked for, or on a free one, instead of on one nearby."""

        def listen(self) -> None:
            self.ioloop = tornado.ioloop.IOLoop.current()
            try:
                self.port = _listening(self.app, port)
                address = f"http://{LOOPBACK}:{self.port}/?token={self.token}"
                started(address)
                if with_browser:
                    _open(address, Path(self.connection_dir))
                self.ioloop.start()
            finally:
                self.stop()

    return Server(
        notebook_path=str(notebook), ip=LOOPBACK, token=secrets.token_urlsafe(TOKEN_BYTES), log_level=logging.ERROR,
        config_file_paths=[],  # what this machine's other apps are set to is not meant for this one
        tornado_settings={"allow_remote_access": False},  # so that no page under another name gets at this one
    )  # fmt: skip


def _quiet(options: Any) -> Any:
    """Voila's manager of kernels, with kernels that say nothing of themselves."""

    class Kernels(options.multi_kernel_manager_class):  # type: ignore[misc] # voila has no types
        async def start_kernel(self, **given: Any) -> Any:
            return await super().start_kernel(extra_arguments=QUIET, **given)

    return Kernels


def _listening(application: Any, port: int) -> int:
    """Let an application listen on this machine alone; the port, which for 0 is a free one."""
    said = ""
    for number in [port] if port else [_free() for _ in range(TRIES)]:
        try:
            application.listen(number, LOOPBACK)
        except OSError as error:
            said = f"port {number} cannot be had: {error.strerror}"
        else:
            return number
    raise InputError(Problem("--port", said, "a free port", "name another, or none to take a free one"))


def _free() -> int:
    """A port no program has at the moment."""
    with socket.socket() as tried:
        tried.bind((LOOPBACK, 0))
        return int(tried.getsockname()[1])


def _open(address: str, folder: Path) -> None:
    """Open a browser if there is one, by a file that only its owner can read: the commands of all users are public."""
    if sys.platform == "linux" and not any(map(os.environ.get, SCREENS)):
        return
    page = folder / "open.html"  # the folder is the server's own, and goes with it
    page.write_text(f'<meta http-equiv="refresh" content="0; url={html.escape(address)}">', encoding="utf-8")
    threading.Thread(target=webbrowser.open, args=[page.as_uri()], daemon=True).start()
