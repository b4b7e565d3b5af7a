"""Warm kernels: a process with everything imported, which forks a kernel without sockets for each notebook."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import datetime as dt
import gc
import importlib
import importlib.metadata
import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from multiprocessing.util import Finalize
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dealgrid.problems import Problem, RunError

# What notebooks of the house import, themselves or by what they call; a name that is not there is passed over.
PRELOADED = (
    "numpy", "pandas", "pyarrow", "altair", "vl_convert", "great_tables", "pydantic", "ruamel.yaml", "scipy.stats",
    "ipywidgets", "dealgrid", "dealgrid.inputs.schema", "dealgrid.analysis.compare", "dealgrid.output.answer",
    "dealgrid.output.charts", "dealgrid.output.figures", "dealgrid.output.tables", "dealgrid.explore",
)  # fmt: skip
GROUP = "dealgrid.deals"
STARTS, ENDS = 120, 5  # seconds a warm process may take to be ready, and a kernel to end by itself
MOST = 10_000_000  # characters a cell may print; the rest is dropped, and that is said
CUT = "\n[output cut here: the cell printed more than {most:,} characters]\n"
MOST_SHOWN = 100_000_000  # bytes one cell may show in all; beyond, the kernel ends
MARK = b"\0\x1edealgrid: the cell is done\x1e\0"  # ends what a cell's subprocesses printed
COUNT = 8  # bytes of a length
IDLE = 1.0  # seconds between two looks for kernels that have ended
SHELL, IOPUB = b"s", b"i"
PROGRAM = "import sys; del sys.path[0]; from dealgrid.runs.warm import serve; serve(int(sys.argv[1]))"
PR_SET_PDEATHSIG = 1


def is_possible() -> bool:
    """Whether this system can fork a process with its libraries loaded: not Windows, and macOS not safely."""
    return sys.platform.startswith("linux")


# --- in the process that asks -----------------------------------------------------------------------------------------


class _Server:
    """The warm process, as who started it sees it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(theirs.fileno())], pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for whoever asked, who then closes this
        )  # fmt: skip
        theirs.close()
        self.lock = threading.Lock()
        ready, _, _ = select.select([self.control], [], [], STARTS)
        answer = self.control.recv(1 << 20) if ready else b""
        if answer != b"ready":
            self.close()
            what = answer.decode(errors="replace").strip().splitlines()
            raise RunError(
                Problem(
                    "warm kernels",
                    f"the warm process did not start: {what[-1] if what else 'no answer'}",
                    "a process that is ready",
                    "leave out --engine dealgrid",
                )
            )

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def fork(self, cwd: str) -> tuple[socket.socket, int]:
        """A new kernel that runs in `cwd` with this process's environment: the socket to it, and its process."""
        ours, theirs = socket.socketpair()
        request = {"cwd": cwd, "env": dict(os.environ), "parent": os.getpid()}
        with self.lock, theirs:
            socket.send_fds(self.control, [json.dumps(request).encode()], [theirs.fileno()])
            answer = self.control.recv(1 << 10)
        if not answer:
            raise RunError(Problem("warm kernels", "the warm process has gone", "a process that forks", "run it again"))
        return ours, int(answer)

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a kernel, with all it started if it is to be killed; nothing if it has ended."""
        with self.lock, contextlib.suppress(OSError):
            self.control.send(json.dumps({"pid": pid, "signal": number}).encode())
            self.control.recv(1 << 10)

    def close(self) -> None:
        """End it, and all its kernels with it."""
        self.control.close()
        if os.getpid() == self.owner:
            try:
                self.process.wait(ENDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


_server: _Server | None = None
_lock = threading.Lock()


def _running() -> _Server:
    """The one warm process of this process; another one if it has gone."""
    global _server
    with _lock:
        if _server is None or _server.owner != os.getpid() or not _server.is_alive:
            _server = _Server()
            Finalize(None, _server.close, exitpriority=1)  # unlike atexit, also at the end of a worker
        return _server


def ready() -> None:
    """Start the warm process, so that the first notebook need not wait for it. RunError if it cannot be."""
    _running()


class Kernel:
    """A forked kernel, with as much of the face of Jupyter's kernel manager and client as nbclient looks at."""

    has_kernel = True
    allow_stdin = False

    def __init__(self, cwd: str) -> None:
        self.server = _running()
        self.socket, self.pid = self.server.fork(cwd)
        self.socket.setblocking(False)
        self.is_open = True
        self.received = bytearray()
        self.queues: dict[bytes, deque[dict[str, Any]]] = {SHELL: deque(), IOPUB: deque()}
        self.turn: asyncio.Lock | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.shell_channel = SimpleNamespace(
            get_msg=lambda timeout=None: self._message(SHELL, timeout), send=self._send
        )
        self.iopub_channel = SimpleNamespace(get_msg=lambda timeout=None: self._message(IOPUB, timeout))
        self.session = SimpleNamespace(msg=_request)

    def execute(self, code: str, store_history: bool = True, stop_on_error: bool = True) -> str:
        """Ask for a cell to be carried out; the identity of the request."""
        content = {"code": code, "silent": False, "store_history": store_history, "user_expressions": {},
                   "allow_stdin": False, "stop_on_error": stop_on_error}  # fmt: skip
        return self._send(_request("execute_request", content))

    def kernel_info(self) -> str:
        """Ask what the kernel is; the identity of the request."""
        return self._send(_request("kernel_info_request", {}))

    def is_alive(self) -> bool:
        """Whether it has not been seen to end."""
        return self.is_open

    def interrupt_kernel(self) -> None:
        """What Ctrl-C does."""
        self.server.signal(self.pid, signal.SIGINT)

    def stop(self) -> None:
        """End it: by itself if it can, so that its files are whole."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        last = time.monotonic() + ENDS
        while self.is_open and (left := last - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                with contextlib.suppress(OSError):
                    self.is_open = bool(self.socket.recv(1 << 16))
                    continue
                self.is_open = False
        self.kill()

    def kill(self) -> None:
        """End it at once, with all it started."""
        self.server.signal(self.pid, signal.SIGKILL)
        self.is_open = False
        # An event loop that still listens would do so to whatever gets the same number next:
        # test_a_notebook_that_goes_wrong_is_told_and_the_next_one_runs.
        if self.loop is not None and not self.loop.is_closed():
            self.loop.remove_reader(self.socket)
            if not self.loop.is_running():
                _end_tasks(self.loop)
        self.socket.close()

    def _send(self, message: dict[str, Any]) -> str:
        packed = json.dumps(message, default=str).encode()
        frame = memoryview(len(packed).to_bytes(COUNT) + packed)
        while frame:
            select.select([], [self.socket], [], STARTS)
            try:
                frame = frame[self.socket.send(frame) :]
            except OSError:  # it has ended: whoever waits for the answer finds out
                break
        return str(message["header"]["msg_id"])

    async def _message(self, channel: bytes, timeout: float | None) -> dict[str, Any]:
        """The next message of a channel; queue.Empty after `timeout` seconds."""
        wait = self._next(channel)
        try:
            return await (wait if timeout is None else asyncio.wait_for(wait, timeout))
        except TimeoutError:
            raise queue.Empty from None

    async def _next(self, channel: bytes) -> dict[str, Any]:
        if self.turn is None:
            self.turn = asyncio.Lock()
        while not self.queues[channel]:
            async with self.turn:
                if not self.queues[channel]:
                    await self._receive()
        return self.queues[channel].popleft()

    async def _receive(self) -> None:
        if not self.is_open:
            await asyncio.sleep(STARTS)  # nbclient looks every second whether the kernel is alive
            return
        try:
            self.loop = asyncio.get_running_loop()
            part = await self.loop.sock_recv(self.socket, 1 << 20)
        except OSError:
            part = b""
        self.is_open = bool(part)
        self.received += part
        while (message := _taken(self.received)) is not None:
            channel, *parts = message
            self.queues[channel].append(_unpacked(parts))


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Let the tasks of a loop end: nbclient, giving up, cancels what listens and leaves before the loop goes on."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=ENDS))


def _taken(received: bytearray) -> list[bytes] | None:
    """The parts of the first whole message, which is removed; None while there is none."""
    if len(received) < COUNT:
        return None
    end = COUNT + int.from_bytes(received[:COUNT])
    if len(received) < end:
        return None
    parts, place = [], COUNT
    while place < end:
        size = int.from_bytes(received[place : place + COUNT])
        parts.append(bytes(received[place + COUNT : place + COUNT + size]))
        place += COUNT + size
    del received[:end]
    return parts


def _joined(parts: Sequence[bytes | memoryview]) -> bytes:
    body = b"".join(len(part).to_bytes(COUNT) + bytes(part) for part in parts)
    return len(body).to_bytes(COUNT) + body


def _unpacked(parts: Sequence[bytes]) -> dict[str, Any]:
    header, parent, metadata, content = (json.loads(part) for part in parts[:4])
    header["date"] = dt.datetime.fromisoformat(header["date"])
    return {"header": header, "parent_header": parent, "metadata": metadata, "content": content,
            "buffers": [memoryview(part) for part in parts[4:]], "msg_id": header["msg_id"],
            "msg_type": header["msg_type"]}  # fmt: skip


def _request(kind: str, content: Any = None, **more: Any) -> dict[str, Any]:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": "", "version": "5.3",
              "date": dt.datetime.now(dt.UTC).isoformat()}  # fmt: skip
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content or {}, "buffers": [],
            "msg_id": header["msg_id"], "msg_type": kind, **more}  # fmt: skip


# --- in the warm process ----------------------------------------------------------------------------------------------


def serve(control: int) -> None:
    """The life of the warm process: import everything, then fork a kernel for each request until nobody asks."""
    line = socket.socket(fileno=control)
    try:
        before = dict(os.environ)
        app = _application()
        _preload(app)
        _refuse_threads()
        added = {name: value for name, value in os.environ.items() if before.get(name) != value}
        gc.collect()
        gc.freeze()  # pages that are never counted again are shared with the kernels
    except BaseException as error:
        with contextlib.suppress(OSError):
            line.send(f"{type(error).__name__}: {error}".encode()[:1000])
        raise
    line.send(b"ready")
    kernels: set[int] = set()
    while True:
        if not select.select([line], [], [], IDLE)[0]:
            _reap(kernels)
            continue
        try:
            text, handles, _, _ = socket.recv_fds(line, 1 << 22, 1)
        except ConnectionError:
            text = b""
        _reap(kernels)
        if not text:
            for pid in kernels:
                _kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            os._exit(0)
        request = json.loads(text)
        if not handles:
            if request["pid"] in kernels:
                _kill(request["pid"], request["signal"])
            line.send(b"done")
            continue
        pid = os.fork()
        if not pid:
            line.close()
            _live(app, socket.socket(fileno=handles[0]), request, added)
        os.close(handles[0])
        kernels.add(pid)
        line.send(str(pid).encode())


def _reap(kernels: set[int]) -> None:
    for pid in [*kernels]:
        if os.waitpid(pid, os.WNOHANG)[0]:
            kernels.discard(pid)


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        if number == signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)
        os.kill(pid, number)


def _application() -> Any:
    """IPython's kernel as its launcher makes it, but for sockets and the threads that serve them."""
    from ipykernel import kernelapp

    sys.argv = [str(Path(kernelapp.__file__).parents[1] / "ipykernel_launcher.py"), "-f", "kernel.json"]

    class Application(kernelapp.IPKernelApp):
        def init_connection_file(self) -> None:
            self.connection_file = os.devnull

        def write_connection_file(self, **_: Any) -> None:
            pass

        def _nothing(self, *_: Any) -> None:
            pass

        init_sockets = init_heartbeat = init_poller = log_connection_info = _nothing
        init_io = kernelapp.IPKernelApp.patch_io  # the streams are made in each kernel

        def init_kernel(self) -> None:
            from ipykernel.ipkernel import IPythonKernel

            class SocketlessKernel(IPythonKernel):
                def _abort_queues(self, subshell_id: str | None = None) -> None:
                    """Nothing is queued: cells are asked for one by one."""

            self.kernel = SocketlessKernel.instance(
                parent=self, session=self.session, iopub_socket=IOPUB, profile_dir=self.profile_dir,
                user_ns=self.user_ns, log=self.log,
            )  # fmt: skip

    app = Application.instance()
    app.initialize(["--log-level=ERROR", "--HistoryManager.hist_file=:memory:"])  # type: ignore[no-untyped-call]
    return app


def _preload(app: Any) -> None:
    """Import what notebooks will, as they would: pandas asks at its import whether it is in a notebook."""
    names = [*PRELOADED, *(point.value for point in importlib.metadata.entry_points(group=GROUP))]
    with app.shell.builtin_trap:
        for name in names:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def _refuse_threads() -> None:
    """A thread of Python does not survive a fork, and neither does what it was about to do."""
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        raise RuntimeError(f"an import started threads: {', '.join(others)}")


def _live(app: Any, line: socket.socket, request: dict[str, Any], added: dict[str, str]) -> None:
    """The life of a kernel."""
    try:
        _settle(request, added)
        asyncio.set_event_loop(loop := asyncio.new_event_loop())
        loop.run_until_complete(_answer(app, line))
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - to the end of the process
        app.shell.user_ns.clear()
        gc.collect()  # files the notebook left open are written out
        atexit._run_exitfuncs()
    finally:
        os._exit(0)


def _settle(request: dict[str, Any], added: dict[str, str]) -> None:
    """Make a process of its own of a fork."""
    os.setsid()
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.environ.clear()
    os.environ.update({**request["env"], **added, "JPY_PARENT_PID": str(request["parent"])})
    os.chdir(request["cwd"])
    time.tzset()
    importlib.invalidate_caches()
    if "numpy.random" in sys.modules:  # the standard library's generator does so by itself
        sys.modules["numpy.random"].seed()


def _die_with_parent() -> None:
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


async def _answer(app: Any, line: socket.socket) -> None:
    """Answer requests until there will be no more."""
    kernel = app.kernel
    sent = _Sent(line)
    session = app.session
    session.pid = os.getpid()
    session.send = sent.through(session)
    loop = asyncio.get_running_loop()
    # What cells with `await` look for: the thread they may be interrupted in, and the loop that hears of it.
    kernel.shell_channel_thread = SimpleNamespace(parent_thread=threading.main_thread())
    kernel.io_loop = SimpleNamespace(add_callback=loop.call_soon_threadsafe)
    streams = _streams(session, sent)
    received = bytearray()
    while True:
        while len(received) < COUNT or len(received) < COUNT + int.from_bytes(received[:COUNT]):
            await _readable(loop, line)
            part = line.recv(1 << 20)
            if not part:
                return
            received += part
        end = COUNT + int.from_bytes(received[:COUNT])
        message = json.loads(received[COUNT:end])
        del received[:end]
        await _handle(kernel, message, streams, sent)


async def _readable(loop: asyncio.AbstractEventLoop, line: socket.socket) -> None:
    """Wait for a request; meanwhile what cells left in the event loop goes on."""
    arrived = loop.create_future()
    loop.add_reader(line, arrived.cancel)
    try:
        await asyncio.wait([arrived])
    finally:
        loop.remove_reader(line)


async def _handle(kernel: Any, message: dict[str, Any], streams: Sequence[Any], sent: _Sent) -> None:
    """What the kernel's own dispatcher does with a request, in the same order."""
    for stream in streams:
        stream.printed = 0
    sent.shown = 0
    kernel.set_parent([], message, channel="shell")
    kernel._publish_status("busy", "shell")
    handler = kernel.shell_handlers[message["header"]["msg_type"]]
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = handler(SHELL, [], message)
        if result is not None:
            await result
    except KeyboardInterrupt:
        pass  # between the cell and its reply; the cell itself has told of its own
    finally:
        signal.signal(signal.SIGINT, former)
    for stream in streams:
        stream.catch_up()
        stream.flush()
    kernel._publish_status("idle", "shell")


class _Sent:
    """What a kernel sends, on its way to whoever asked."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.lock = threading.RLock()
        self.shown = 0  # bytes in this cell

    def through(self, session: Any) -> Any:
        """The method `send` of a session, for this way out."""

        def send(
            stream: Any,
            message: Any,
            content: Any = None,
            parent: Any = None,
            ident: Any = None,
            buffers: Any = None,
            track: bool = False,
            header: Any = None,
            metadata: Any = None,
        ) -> Any:
            if not isinstance(message, dict):
                message = session.msg(message, content=content, parent=parent, header=header, metadata=metadata)
            message.pop("tracker", None)
            parts = [session.pack(message[key]) for key in ("header", "parent_header", "metadata", "content")]
            binary = [memoryview(each).cast("B") for each in buffers or message.get("buffers") or ()]
            frame = _joined([SHELL if stream == SHELL else IOPUB, *parts, *binary])
            with self.lock:
                self.shown += len(frame)
                if self.shown > MOST_SHOWN:
                    os._exit(1)
                self.line.sendall(frame)
            return message

        return send


def _streams(session: Any, sent: _Sent) -> list[Any]:
    """Standard output and error of a kernel, whether printed by Python or by what it starts."""
    from ipykernel import iostream

    class Thread(iostream.IOPubThread):
        """Stands where the thread that serves the sockets would: what it would do is done at once."""

        def __init__(self) -> None:
            self.thread = threading.Thread()
            self.io_loop: Any = None

        def schedule(self, f: Any) -> None:
            f()

    class Stream(iostream.OutStream):
        printed = 0

        def _schedule_flush(self) -> None:
            """Not after a while but at the end: how text is cut must not depend on the clock."""

        def write(self, string: str) -> int:
            if os.getpid() != self._master_pid:  # a fork of the kernel: through the pipe, as a subprocess would
                with contextlib.suppress(OSError):
                    os.write(self._original_stdstream_fd, string.encode(errors="replace"))
                return len(string)
            kept = string[: max(MOST - self.printed, 0)]
            if len(kept) < len(string) and self.printed <= MOST:
                kept += CUT.format(most=MOST)
                self.printed = MOST + 1  # said once
            self.printed += len(string)
            if kept:
                super().write(kept)
            return len(string)

        def _watch_pipe_fd(self) -> None:
            seen = bytearray()
            with contextlib.suppress(OSError):
                while part := os.read(self._fid or 0, 1 << 16):
                    seen += part
                    while (place := seen.find(MARK)) >= 0:
                        self.write(seen[:place].decode(errors="replace"))
                        del seen[: place + len(MARK)]
                        self.caught_up.set()
                    kept = next((size for size in range(len(MARK) - 1, 0, -1) if seen.endswith(MARK[:size])), 0)
                    kept = max(kept, _begun(seen))
                    whole = len(seen) - kept
                    self.write(seen[:whole].decode(errors="replace"))
                    del seen[:whole]

        def catch_up(self) -> None:
            """Wait until all that was printed through the file descriptor is here."""
            if self._should_watch:
                self.caught_up.clear()
                os.write(self._original_stdstream_fd, MARK)
                self.caught_up.wait(ENDS)

        def _setup_stream_redirects(self, name: str) -> None:
            self.caught_up = threading.Event()
            super()._setup_stream_redirects(name)  # type: ignore[no-untyped-call]

    thread = Thread()
    for name, stream in (("stdout", sys.__stdout__), ("stderr", sys.__stderr__)):
        setattr(sys, name, stream)
        setattr(sys, name, Stream(session, thread, name))  # type: ignore[no-untyped-call]
    return [sys.stdout, sys.stderr]


def _begun(seen: bytes | bytearray) -> int:
    """How many bytes at the end begin a character whose rest is still to come."""
    for size in range(1, min(4, len(seen) + 1)):
        byte = seen[-size]
        if byte & 0b1100_0000 == 0b1100_0000:
            length = 2 if byte < 0b1110_0000 else 3 if byte < 0b1111_0000 else 4
            return size if size < length else 0
        if byte < 0b1000_0000:
            return 0
    return 0
