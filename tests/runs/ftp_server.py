"""A server of FTP on loopback, as small as the protocol lets it be: one user, one folder."""

from __future__ import annotations

import datetime as dt
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class _Talk(socketserver.StreamRequestHandler):
    """One connection: each command is a method."""

    disable_nagle_algorithm = True

    server: Server

    def handle(self) -> None:
        self.user, self.is_in, self.source, self.start = "", False, Path(), 0
        self.listening: socket.socket | None = None
        self.say("220 ready")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            word, _, rest = line.partition(" ")
            self.server.asked.append(line)
            act = getattr(self, f"on_{word.lower()}", None)
            if act is None:
                self.say("502 not known")
            elif not self.is_in and word not in ("USER", "PASS"):
                self.say("530 log in first")
            else:
                try:
                    act(rest)
                except OSError as error:
                    self.say(f"550 {error.strerror}")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def at(self, path: str) -> Path:
        return self.server.folder / path.lstrip("/")

    def send(self, content: bytes) -> None:
        """Content over the second connection."""
        assert self.listening is not None
        self.say("150 here it comes")
        with self.listening, self.listening.accept()[0] as data:
            data.sendall(content)
        self.say("226 done")

    def on_user(self, name: str) -> None:
        self.user = name
        self.say("331 and the password?")

    def on_pass(self, password: str) -> None:
        self.is_in = (self.user, password) == self.server.credentials
        self.say("230 welcome" if self.is_in else f"530 login incorrect for {self.user} with {password}")

    def on_type(self, _: str) -> None:
        self.say("200 as it is")

    def on_rest(self, start: str) -> None:
        self.start = int(start)
        self.say("350 from there")

    def on_pasv(self, _: str) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        port = self.listening.getsockname()[1]
        self.say(f"227 come in (127,0,0,1,{port // 256},{port % 256})")

    def on_mlsd(self, path: str) -> None:
        lines = []
        for each in sorted(self.at(path).iterdir()):
            kind = "dir" if each.is_dir() else "file"
            when = dt.datetime.fromtimestamp(each.stat().st_mtime, dt.UTC).strftime("%Y%m%d%H%M%S")
            lines.append(f"type={kind};size={each.stat().st_size};modify={when}; {each.name}\r\n")
        self.send("".join(lines).encode())

    def on_retr(self, path: str) -> None:
        self.send(self.at(path).read_bytes()[self.start :])
        self.start = 0

    def on_stor(self, path: str) -> None:
        assert self.listening is not None
        with self.at(path).open("r+b" if self.start else "wb") as file:
            file.seek(self.start)
            self.start = 0
            self.say("150 give it")
            with self.listening, self.listening.accept()[0] as data:
                while part := data.recv(1 << 16):
                    file.write(part)
        self.say("226 done")

    def on_mkd(self, path: str) -> None:
        self.at(path).mkdir()
        self.say(f'257 "{path}"')

    def on_rnfr(self, path: str) -> None:
        self.source = self.at(path)
        self.say("350 and to what?")

    def on_rnto(self, path: str) -> None:
        self.source.replace(self.at(path))
        self.say("250 done")

    def on_dele(self, path: str) -> None:
        self.at(path).unlink()
        self.say("250 done")


class Server(socketserver.ThreadingTCPServer):
    """The server; `asked` is every command it was given."""

    daemon_threads = True

    def __init__(self, folder: Path, credentials: tuple[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.folder, self.credentials = folder, credentials
        self.asked: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextmanager
def serving(folder: Path, credentials: tuple[str, str]) -> Iterator[Server]:
    """A server of a folder, for as long as it is needed."""
    with Server(folder, credentials) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
