"""Chosen rows in as many futures as wanted: compiled for them, block by block, in bounded memory."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import platform
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np

from dealgrid.dates import Calendar
from dealgrid.engine import lanes
from dealgrid.engine.book import Book
from dealgrid.engine.loops import Kernel, varying_rows, write_kernel
from dealgrid.engine.row import OPENING, PRIOR
from dealgrid.engine.run import Fixed, Values, fill_in, refuse_unfit, shaped
from dealgrid.problems import InputError, Problem

CHUNK = 4096  # futures that NumPy fills in together, so that the rows of a block stay in the processor's cache
SHARES = 4  # parts for each thread, so that the work is shared evenly
LEAST, MOST = 4_096, 16_384  # futures of a part: enough to make little of handing it over, few enough for the cache
FEW = 20_000  # futures up to which NumPy is done before a compiler would be: docs/decisions/0012-kernel.md
FOLDER = "DEALGRID_CACHE"  # where compiled kernels are kept, instead of the system's place for such things
CURVES = {
    "smaller",
    "larger",
    "sqrt",
    "exp",
    "log",
    "power",
    "log1p",
    "expm1",
    "annualised",
    "multiple",
    "padded",
    "is_settled",
    "is_confirmed",
    "is_of_two",
    "sign_beyond",
}  # in line
SUMS = "sums.txt"  # the hashes of a kernel's files, written last
# What another process does for `wait=False`.
ELSEWHERE = f"import sys; from {__name__} import keep; keep(sys.stdin.read())"

Say = Callable[[str], None]
_log = logging.getLogger("dealgrid")


class Totals:
    """Chosen rows of a book, ready to be filled in for block after block of futures that differ in some things given.

    Made by `prepare`; called with what differs. `how` says who computed the last block: "compiled", or "NumPy" and why.
    """

    def __init__(
        self,
        book: Book,
        calendar: Calendar,
        given: Values,
        rows: Sequence[str],
        varying: Iterable[str],
        fixed: tuple[Fixed, ...],
        threads: int | None,
        wait: bool | None,
        say: Say | None,
    ) -> None:
        self.book = book
        self.calendar = calendar
        self.given = given
        self.rows = tuple(rows)
        self.varying = frozenset(varying)
        self.fixed = fixed
        self.threads = threads or _processors()
        self.wait = wait
        self.say = say or _log.info
        self.how = ""
        self._needed = book.only(rows)
        self._kept = tuple(pin for pin in fixed if pin.row in self._needed.rows)

    def __call__(self, changed: Values, futures: int) -> dict[str, np.ndarray]:
        """The rows in so many futures: (periods, futures), `once` rows (futures,); not to be written to.

        `changed` holds what differs: (futures,) for a parameter of one number, (periods, futures) for one by date;
        what of `varying` is missing stays as given. InputError for another shape or name, ModelError with row and
        period where a value is not a number.
        """
        given = self._checked(changed, futures)
        compiled = self._compiled(futures)
        return self._by_numpy(given, futures) if compiled is None else self._by_kernel(compiled, given, futures)

    @functools.cached_property
    def kernel(self) -> Kernel:
        """The generated kernel; its `text` is what is compiled."""
        apart = {pin.row for pin in self._kept if np.ndim(pin.value)}
        return write_kernel(
            self._needed, self.rows, self.varying & self._needed.given, {pin.row for pin in self._kept}, apart
        )

    def _checked(self, changed: Values, futures: int) -> dict[str, float | np.ndarray]:
        strangers = [name for name in changed if name not in self.varying]
        if strangers:
            raise InputError(
                Problem("parameters", f"`{name}` was not said to differ between futures",
                        "one of " + ", ".join(sorted(self.varying)), "name it when preparing the rows")
                for name in strangers
            )  # fmt: skip
        given = {**self.given, **changed}
        refuse_unfit(self.book, self.calendar, given, self.fixed, futures)
        return given

    # --- by NumPy -------------------------------------------------------------------------------------------------

    def _by_numpy(self, given: Values, futures: int) -> dict[str, np.ndarray]:
        """In chunks of futures, so that memory is bounded by what is asked for."""
        found: dict[str, np.ndarray] = {}
        for start in range(0, futures, CHUNK):
            part = slice(start, min(start + CHUNK, futures))
            values = self._part_by_numpy(given, part)
            for name in self.rows:
                value = values[name]
                if name not in found:
                    found[name] = np.empty((*value.shape[:-1], futures))
                found[name][..., part] = value
        return {name: shaped(value, futures) for name, value in found.items()}

    def _part_by_numpy(self, given: Values, part: slice) -> dict[str, np.ndarray]:
        own = {name: _part(value, part, name in self.book.columns) for name, value in given.items()}
        pins = [Fixed(pin.row, pin.period, _part(pin.value, part, False)) for pin in self._kept]
        return fill_in(self._needed, self.calendar, own, pins, part.start)

    # --- by the kernel --------------------------------------------------------------------------------------------

    def _compiled(self, futures: int) -> Callable[..., None] | None:
        """The machine code, or None where NumPy is to serve: for few futures, and without a compiler."""
        if self.wait is None and futures <= FEW:
            self.how = f"NumPy: {futures:,} futures are few"
            return None
        if not (self.kernel.once or self.kernel.rows):
            self.how = "NumPy: nothing asked for differs between futures"
            return None
        compiled, self.how = _compiler.ready(self.kernel.text, self.wait is not False, self.say)
        return compiled

    @functools.cached_property
    def _shared(self) -> dict[str, np.ndarray]:
        """Rows that no future changes, computed once: (periods,), `once` rows ()."""
        differs = varying_rows(self._needed, self.varying, {pin.row for pin in self._kept if np.ndim(pin.value)})
        book = self._needed.without(differs)
        values = fill_in(book, self.calendar, self.given, [pin for pin in self._kept if pin.row in book.rows])
        return {name: value[..., 0] for name, value in values.items()}

    @functools.cached_property
    def _constants(self) -> tuple[np.ndarray, np.ndarray]:
        """What all futures share, as the kernel takes it: (numbers,) and (numbers per period, periods)."""
        known = {**self.calendar.ingredients(), **self.given, **self._shared, **self._pinned()}
        single = np.array([known[name] for name in self.kernel.single], dtype=float)
        columns = np.empty((len(self.kernel.columns), len(self.calendar)))
        for place, name in enumerate(self.kernel.columns):
            if name.startswith(PRIOR):
                row = name.removeprefix(PRIOR)
                columns[place, 0] = self.given.get(OPENING + row, 0.0)
                columns[place, 1:] = known[row][:-1]  # type: ignore[index]
            else:
                columns[place] = known[name]
        return single, columns

    def _pinned(self) -> dict[str, np.ndarray]:
        """Pins by the names the kernel has for them; () for a `once` row, else one per period, futures last."""
        found: dict[str, np.ndarray] = {}
        for pin in self._kept:
            is_once = self.book.rows[pin.row].is_once
            width = max((np.shape(other.value) for other in self._kept if other.row == pin.row), key=len)
            shape = width if is_once else (len(self.calendar), *width)
            value = found.setdefault(f"_pin_{pin.row}", np.zeros(shape))
            at = ... if is_once or pin.period is None else pin.period
            value[at] = pin.value
            if not is_once:
                found.setdefault(f"_is_pinned_{pin.row}", np.zeros(len(self.calendar)))[at] = 1.0
        return found

    def _by_kernel(self, compiled: Callable[..., None], given: Values, futures: int) -> dict[str, np.ndarray]:
        kernel, periods, blocks = self.kernel, len(self.calendar), -(-futures // lanes.LANES)
        once = np.empty((len(kernel.once), blocks * lanes.LANES))
        rows = np.empty((len(kernel.rows), periods, blocks * lanes.LANES))
        unfit = np.zeros(blocks)
        given = {**given, **self._pinned()} if any(name.startswith("_") for name in self._differing) else given
        single, columns = self._constants

        size = self._size(futures)

        def fill(start: int) -> None:
            stop = min(start + size, futures)
            own = -(-(stop - start) // lanes.LANES)
            inputs = _side_by_side(given, kernel.inputs, (), start, stop, own)
            input_columns = _side_by_side(given, kernel.input_columns, (periods,), start, stop, own)
            compiled(
                periods, own, start, single, columns, inputs, input_columns, once, rows, unfit,
                np.empty(kernel.places * lanes.LANES), np.zeros(kernel.histories * lanes.padded(periods) * lanes.LANES),
                np.empty(lanes.WORK), np.empty(lanes.room_needed(periods)),
            )  # fmt: skip

        parts = range(0, futures, size)
        if self.threads == 1 or len(parts) == 1:
            for start in parts:
                fill(start)
        else:
            with ThreadPoolExecutor(min(self.threads, len(parts)), "kernel") as pool:
                list(pool.map(fill, parts))
        found = dict(zip((*kernel.once, *kernel.rows), (*once, *rows), strict=True))
        self._mend(found, unfit, given, futures)
        shared = {name: self._shared[name][..., np.newaxis] for name in self.rows if name not in found}
        return {
            name: shaped(shared[name] if name in shared else found[name][..., :futures], futures) for name in self.rows
        }

    def _size(self, futures: int) -> int:
        """How many futures a thread takes at a time: whole blocks of lanes."""
        even = -(-futures // (SHARES * self.threads * lanes.LANES)) * lanes.LANES
        return min(max(even, LEAST), MOST)

    @property
    def _differing(self) -> tuple[str, ...]:
        return (*self.kernel.inputs, *self.kernel.input_columns)

    def _mend(self, found: dict[str, np.ndarray], unfit: np.ndarray, given: Values, futures: int) -> None:
        """Blocks with something that is not a number are NumPy's: it knows what may be so, and says what may not."""
        for block in np.flatnonzero(unfit):
            part = slice(block * lanes.LANES, min((block + 1) * lanes.LANES, futures))
            values = self._part_by_numpy({name: given[name] for name in given if not name.startswith("_")}, part)
            for name, value in found.items():
                value[..., part] = values[name]


def prepare(
    book: Book,
    calendar: Calendar,
    given: Values,
    rows: Sequence[str],
    varying: Iterable[str],
    fixed: Iterable[Fixed] = (),
    *,
    threads: int | None = None,
    wait: bool | None = None,
    say: Say | None = None,
) -> Totals:
    """Make ready to fill in `rows` for blocks of futures that differ in the parameters `varying`.

    `given` and `fixed` are as in `run.run`; what varies may be left out of `given`, and must then be in every block.
    `threads` work at once in the compiled kernel, by default as many as there are processors. A kernel is compiled
    once and kept on disk. With `wait` a block waits for that; with `wait=False` it is done by another process while
    NumPy serves; by default blocks of few futures are NumPy's and larger ones wait. What a block gives, to the last
    digit, depends on who computes it, which with `wait=False` depends on the moment. `say` is told, in a sentence,
    when something is compiled or cannot be; without it, the log `dealgrid`. InputError with all that is wrong.
    """
    rows = tuple(dict.fromkeys(rows))
    unknown = [name for name in rows if name not in book.rows]
    strangers = sorted({*varying} - book.given)
    if unknown or strangers:
        raise InputError(
            [
                *(Problem("rows", f"`{name}` is not a row", "the name of a row", "see `dealgrid show` for the names")
                  for name in unknown),
                *(Problem("parameters", f"no row uses `{name}`", "a parameter that a row uses", "leave it out")
                  for name in strangers),
            ]
        )  # fmt: skip
    return Totals(book, calendar, given, rows, varying, tuple(fixed), threads, wait, say)


def totals(
    book: Book,
    calendar: Calendar,
    given: Values,
    rows: Sequence[str],
    fixed: Iterable[Fixed] = (),
    futures: int = 1,
    *,
    threads: int | None = None,
    wait: bool | None = None,
    say: Say | None = None,
) -> dict[str, np.ndarray]:
    """Fill in the book as `run.run` does and give back only `rows`: (periods, futures), `once` rows (futures,)."""
    varying = [
        name for name in sorted(book.given) if np.ndim(given.get(name, 0.0)) == (2 if name in book.columns else 1)
    ]
    rest = {name: value for name, value in given.items() if name not in varying}
    ready = prepare(book, calendar, rest, rows, varying, fixed, threads=threads, wait=wait, say=say)
    return ready({name: given[name] for name in varying}, futures)


def _part(value: float | np.ndarray, part: slice, is_column: bool) -> float | np.ndarray:
    """The futures of a part, where each has its own value."""
    return np.asarray(value)[..., part] if np.ndim(value) == (2 if is_column else 1) else value


def _side_by_side(
    given: Values, names: Sequence[str], shape: tuple[int, ...], start: int, stop: int, blocks: int
) -> np.ndarray:
    """A part of what differs, (names, …, futures), the last future repeated until the last block is full."""
    found = np.empty((len(names), *shape, blocks * lanes.LANES))
    for place, name in enumerate(names):
        value = np.asarray(given[name], dtype=float)
        value = value[..., start:stop] if value.ndim > len(shape) else value[..., np.newaxis]
        found[place, ..., : stop - start] = value
        found[place, ..., stop - start :] = value[..., -1:]
    return found


def _processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# --- compiling --------------------------------------------------------------------------------------------------------


class _Compiler:
    """Machine code for texts: compiled once in a process, once on a machine."""

    def __init__(self) -> None:
        self.known: dict[str, Callable[..., None]] = {}
        self.elsewhere: dict[str, subprocess.Popen[bytes]] = {}
        self.refusal = ""  # why nothing can be compiled here
        self.lock = threading.Lock()

    def ready(self, text: str, wait: bool, say: Say) -> tuple[Callable[..., None] | None, str]:
        """The machine code of a text and how it is computed; None, and why, where there is none yet or none at all."""
        if text in self.known:
            return self.known[text], "compiled"
        with self.lock:
            if text in self.known:
                return self.known[text], "compiled"
            if self.refusal:
                return None, self.refusal
            try:
                if not wait and not self._is_kept(text) and not self._is_done_elsewhere(text, say):
                    return None, "NumPy: the kernel is being compiled"
                self.known[text] = _compiled(text, say)
            except ImportError as error:
                self.refusal = f"NumPy: there is no compiler ({error})"
                say(f"These futures are computed by NumPy, which is slower: numba cannot be imported ({error}).")
                return None, self.refusal
            except Exception as error:  # noqa: BLE001 - whatever stops a compiler, NumPy has the same answer
                self.refusal = f"NumPy: the kernel cannot be compiled ({type(error).__name__})"
                say(f"These futures are computed by NumPy, which is slower: compiling failed ({error}).")
                return None, self.refusal
            return self.known[text], "compiled"

    def _is_kept(self, text: str) -> bool:
        folder = cache_folder()
        return folder is not None and _is_whole(folder / _key(text))

    def _is_done_elsewhere(self, text: str, say: Say) -> bool:
        """Whether the process that compiles a text has ended; it is started if there is none."""
        if text not in self.elsewhere:
            say("The kernel for these rows is being compiled, once; until then they are computed by NumPy.")
            process = subprocess.Popen([sys.executable, "-c", ELSEWHERE], stdin=subprocess.PIPE)
            assert process.stdin is not None
            process.stdin.write(text.encode())
            process.stdin.close()
            self.elsewhere[text] = process
        return self.elsewhere[text].poll() is not None


_compiler = _Compiler()


def keep(text: str) -> None:
    """Compile the text of a kernel into the cache, for other processes."""
    _compiled(text, _log.info)


def cache_folder() -> Path | None:
    """Where compiled kernels are kept on this machine; None where nothing can be written."""
    folder = _place_for_caches() / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{secrets.token_hex(8)}"
        probe.touch()
        probe.unlink()
    except OSError:
        return None
    return folder


def _place_for_caches() -> Path:
    if os.environ.get(FOLDER):
        return Path(os.environ[FOLDER]).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "dealgrid" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "dealgrid"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dealgrid"


def _key(text: str) -> str:
    """The name of a kernel: its text, and everything its machine code depends on."""
    import numba
    from numba.core.registry import cpu_target

    processor = str(cpu_target.target_context.codegen().magic_tuple())
    about = (text, numba.__version__, np.__version__, platform.python_version(), processor)
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:32]


def _compiled(text: str, say: Say) -> Callable[..., None]:
    """From the cache if it is there and whole, else compiled, and put there if that is possible."""
    folder = cache_folder()
    if folder is None:
        say("Compiling the kernel for these rows; it cannot be kept, as the folder for caches cannot be written to.")
        return _compile(text, None)
    kept = folder / _key(text)
    if _is_whole(kept):
        try:
            return _compile(text, kept / "kernel.py")
        except Exception:  # noqa: BLE001 - numba unpickles what was kept: whatever fails is compiled anew
            shutil.rmtree(kept, ignore_errors=True)
    say("Compiling the kernel for these rows: once, then it is kept.")
    own = folder / f"{kept.name}.{secrets.token_hex(8)}"
    try:
        own.mkdir()
        (own / "kernel.py").write_text(text, encoding="utf-8")
        compiled = _compile(text, own / "kernel.py")
        _seal(own)
    except OSError:  # the disk is full
        shutil.rmtree(own, ignore_errors=True)
        return _compile(text, None)
    except BaseException:  # Ctrl-C among them: nothing half-written stays
        shutil.rmtree(own, ignore_errors=True)
        raise
    if not _is_whole(kept):
        shutil.rmtree(kept, ignore_errors=True)
    with contextlib.suppress(OSError):  # another process was quicker
        own.rename(kept)
    shutil.rmtree(own, ignore_errors=True)
    return compiled


def _compile(text: str, file: Path | None) -> Callable[..., None]:
    """The machine code of a text; beside its file, numba keeps it and finds it again.

    What numba keeps names the module it was made in, and wants to import that when it is read again in another
    process: test_a_kept_kernel_is_read_by_another_process.
    """
    from numba import float64, int64, njit, void

    module = ModuleType(f"dealgrid_kernel_{hashlib.sha256(text.encode()).hexdigest()[:16]}")
    sys.modules[module.__name__] = module
    exec(compile(text, str(file or "<kernel>"), "exec"), module.__dict__)
    functions = {name: value for name, value in vars(module).items() if isinstance(value, FunctionType)}
    for name, function in functions.items():
        if name != "kernel":
            setattr(module, name, njit(function, error_model="numpy", forceinline=name in CURVES))
    numbers, lines, sheets = float64[::1], float64[:, ::1], float64[:, :, ::1]
    signature = void(int64, int64, int64, numbers, lines, lines, sheets, lines, sheets, *[numbers] * 5)
    jitted: Callable[..., None] = njit(signature, error_model="numpy", nogil=True, cache=file is not None)(
        functions["kernel"]
    )
    return jitted


def _seal(folder: Path) -> None:
    """Note the hashes of a kernel's files, so that damaged machine code is never run."""
    (folder / SUMS).write_text("\n".join(_sums(folder)), encoding="utf-8")


def _is_whole(folder: Path) -> bool:
    try:
        return (folder / SUMS).read_text(encoding="utf-8").splitlines() == _sums(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _sums(folder: Path) -> list[str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != SUMS)
    return [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder).as_posix()}" for file in files]
