"""Chosen rows in many futures, against the same book filled in whole by NumPy."""

import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.sheets import book_of, row
from tests.engine.test_irr import KINDS, TOLERANCE, mixed_flows, padded, same_rate
from tests.engine.test_ops import TRAPS, called
from tests.engine.test_readings import FORMULAS, YEARS, books, parameters, pins_of
from tests.engine.test_run import GIVEN, STAND, SUMMERS
from tests.engine.trees import NAMES, used
from tests.tolerance import NUMPY

from dealgrid.dates import Calendar
from dealgrid.engine import kernel
from dealgrid.engine import run as run_module
from dealgrid.engine.book import Book
from dealgrid.engine.kernel import Totals, prepare, totals
from dealgrid.engine.ops import OPERATIONS, WORDS
from dealgrid.engine.run import Fixed, run
from dealgrid.problems import InputError, ModelError

# The exponent is kept small: powers of powers make much of a last digit, whoever computes them.
POWER = "np.maximum({0}, growth) ** np.minimum(np.absolute({1}), 1) + {2}"
ROOT = "np.where({0} > 0, np.sqrt({0}), np.exp({1})) / {2}"
ROWS = ("total_profit", "cash", "rate_of_return")
PRICES = np.linspace(-2.0, 4.0, 11)


def test_only_the_rows_asked_for_come_back_in_the_order_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "CHUNK", 3)
    found = totals(STAND, SUMMERS, {**GIVEN, "price": PRICES}, ROWS, futures=11)
    expected = run(STAND, SUMMERS, {**GIVEN, "price": PRICES}, futures=11)
    assert list(found) == list(ROWS)
    for name in ROWS:
        np.testing.assert_array_equal(found[name], expected[name])
        assert not found[name].flags.writeable


def test_a_row_nobody_asked_for_is_not_computed() -> None:
    given = {**GIVEN, "lemon_cost": np.array([np.nan, np.nan])}
    assert totals(STAND, SUMMERS, given, ["revenue"], futures=2)["revenue"].tolist() == [
        [20.0, 20.0], [40.0, 40.0], [60.0, 60.0]
    ]  # fmt: skip
    with pytest.raises(ModelError, match="row `cost` is not a number in 2026"):
        totals(STAND, SUMMERS, given, ["cash"], futures=2)


def test_the_future_without_a_rate_is_counted_from_the_first_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "CHUNK", 3)
    prices = np.where(np.arange(11) == 7, np.inf, PRICES)
    with pytest.raises(ModelError, match="the flow is inf in period 0 of future 7"):
        totals(STAND, SUMMERS, {**GIVEN, "price": prices}, ROWS, futures=11)


def test_a_pin_may_differ_between_futures_of_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "CHUNK", 3)
    pins = [Fixed("revenue", 1, np.arange(11.0)), Fixed("cost", None, 1.0)]
    found = totals(STAND, SUMMERS, GIVEN, ROWS, pins, futures=11)
    expected = run(STAND, SUMMERS, GIVEN, pins, futures=11)
    for name in ROWS:
        np.testing.assert_array_equal(found[name], expected[name])


def test_everything_wrong_with_a_block_is_said_at_once() -> None:
    ready = prepare(STAND, SUMMERS, GIVEN, ROWS, ["price"])
    with pytest.raises(InputError, match=r"`lemon_cost` was not said to differ(.|\n)*one of price"):
        ready({"lemon_cost": PRICES}, 11)
    with pytest.raises(InputError, match=r"`price` has values of shape \(11,\)"):
        ready({"price": PRICES}, 12)
    with pytest.raises(InputError, match=r"`cheer` is not a row(.|\n)*no row uses `weather`"):
        prepare(STAND, SUMMERS, GIVEN, ["cheer"], ["weather"])


# The generated kernel, read by Python itself: every lane of every loop, without a compiler


def as_python(text: str) -> Callable[..., None]:
    namespace: dict[str, object] = {}
    exec(compile(text, "<kernel>", "exec"), namespace)

    def call(*operands: object) -> None:
        with np.errstate(all="ignore"):
            namespace["kernel"](*operands)  # type: ignore[operator]

    return call


@pytest.fixture
def by_python() -> Iterator[None]:
    """Kernels are Python functions, made of their text."""
    with pytest.MonkeyPatch.context() as patch:
        ready = lambda text, wait, say: (as_python(text), "compiled")  # noqa: E731
        patch.setattr(kernel, "_compiler", SimpleNamespace(ready=ready))
        yield


def assert_same(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    for name, value in found.items():
        assert value.shape == expected[name].shape
        np.testing.assert_allclose(value, expected[name], rtol=NUMPY, atol=0, err_msg=name)


def said(work: Callable[[], object]) -> str:
    try:
        work()
    except ModelError as error:
        return str(error)
    return ""


@given(books((*FORMULAS, POWER, ROOT)), st.lists(parameters(), min_size=2, max_size=70), st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("by_python")
def test_the_generated_kernel_is_the_book_in_numpy(book: Book, cases: list[dict], data: st.DataObject) -> None:
    futures = len(cases)
    varying = data.draw(st.lists(st.sampled_from(sorted(cases[0])), min_size=1, unique=True))
    values = {
        name: np.stack([case[name] for case in cases], axis=-1) if name in varying else value
        for name, value in cases[0].items()
    }
    pins = data.draw(pins_of(book))
    if pins and data.draw(st.booleans()):
        pins.append(Fixed(pins[0].row, pins[0].period, np.linspace(-1, 1, futures)))
    rows = data.draw(st.lists(st.sampled_from(sorted(book.rows)), min_size=1, unique=True))
    needed = book.only(rows)
    expected_error = said(lambda: run(needed, YEARS, values, [pin for pin in pins if pin.row in needed.rows], futures))
    if expected_error:
        assert "is not a number" in said(lambda: totals(book, YEARS, values, rows, pins, futures, wait=True))
        return
    expected = run(needed, YEARS, values, [pin for pin in pins if pin.row in needed.rows], futures)
    assert_same(totals(book, YEARS, values, rows, pins, futures, wait=True), expected)


@pytest.mark.usefixtures("by_python")
def test_every_word_of_the_table_is_known_to_the_kernel() -> None:
    rows = [row("cups * price", "cups", "price", name="sales", shape="flow"),
            row("np.where(cups > price, 1, 0)", "cups", "price", name="is_hot", unit="flag", shape="flag"),
            row("sales - 1", "sales", name="gain", shape="flow")]  # fmt: skip
    calls = {"irr": "irr(gain, price)", "irr_state": "irr_state(gain)", "npv": "npv(gain, cups)",
             "moic": "moic(sales, gain)", "payback": "payback(gain, period_end)",
             "when": "when(is_hot, period_end)"}  # fmt: skip
    for word in WORDS:
        call = calls.get(word, f"{word}(gain)")
        names = [name for name in ("gain", "sales", "is_hot", "cups", "price", "period_end") if name in call]
        rows.append(row(call, *names, name=f"a_{word}", shape="once"))
    book = book_of(*rows, scalars="price", columns="cups period_end")
    given = {"price": np.linspace(-3, 4, 100), "cups": np.array([-3.0, 0.2, 0.4, 2.0])}
    years = Calendar(2025, 2028)
    names = [f"a_{word}" for word in WORDS]
    assert_same(totals(book, years, given, names, futures=100, wait=True), run(book, years, given, futures=100))


@pytest.mark.usefixtures("by_python")
def test_rows_named_like_the_kernels_own_words_are_no_trouble() -> None:
    rows = row("exp + 1", "exp", name="power"), row("power * range", "power", "range", name="min")
    book = book_of(*rows, scalars="exp", columns="range")
    given = {"exp": np.arange(3.0), "range": np.array([1.0, 2.0, 3.0])}
    assert_same(totals(book, SUMMERS, given, ["min"], futures=3, wait=True), run(book, SUMMERS, given, futures=3))


@pytest.mark.usefixtures("by_python")
def test_a_value_that_is_no_number_is_the_same_error_however_deep_it_hides() -> None:
    rows = (row("cups / price", "cups", "price", name="ratio"),
            row("np.where(ratio > 1, 1, 0)", "ratio", name="is_high", unit="flag", shape="flag"),
            row("total(is_high)", "is_high", name="years_high", shape="once"))  # fmt: skip
    book = book_of(*rows, scalars="price", columns="cups")
    given = {"price": np.array([1.0] * 70 + [0.0]), "cups": np.array([1.0, 0.0, 2.0])}
    with pytest.raises(ModelError, match="row `ratio` is not a number in 2026"):
        totals(book, SUMMERS, given, ["years_high"], futures=71, wait=True)


def test_the_text_of_a_kernel_reads_like_the_rows() -> None:
    text = prepare(STAND, SUMMERS, GIVEN, ["total_profit"], ["price"]).kernel.text
    assert "revenue = cups * price" in text
    assert "prior_cash + profit" in text
    assert "rate_of_return" not in text  # nobody asked for it


# Compiled


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of the tests' own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernel.FOLDER, str(folder))
        yield folder


def fresh(patch: pytest.MonkeyPatch) -> None:
    """As in a new process: no kernel is known."""
    patch.setattr(kernel, "_compiler", kernel._Compiler())


PROFIT = ["total_profit"]


def sold(futures: int = 1000, rows: Sequence[str] = PROFIT, **options: object) -> tuple[dict, Totals, list[str]]:
    told: list[str] = []
    ready = prepare(STAND, SUMMERS, GIVEN, rows, ["price"], say=told.append, **options)
    return ready({"price": np.linspace(-2, 4, futures)}, futures), ready, told


@pytest.mark.parametrize("rows", [("cash", "total_profit"), pytest.param(ROWS, marks=pytest.mark.long)])
def test_a_compiled_stand_earns_what_numpy_says(cache: Path, rows: tuple[str, ...]) -> None:
    prices = np.linspace(-2, 4, 10_001)
    for threads in (1, 2):
        ready = prepare(STAND, SUMMERS, GIVEN, rows, ["price"], threads=threads, wait=True)
        found = ready({"price": prices}, prices.size)
        assert ready.how == "compiled"
        assert_same(found, run(STAND, SUMMERS, {**GIVEN, "price": prices}, futures=prices.size))


@pytest.mark.long
def test_rates_compiled_are_numpys_on_every_kind_of_flow_and_packed(cache: Path) -> None:
    book = book_of(
        row("irr(flow, pace)", "flow", "pace", name="rate", shape="once"),
        row("irr_state(flow)", "flow", name="state", shape="once"),
        scalars="pace", columns="flow",
    )  # fmt: skip
    draw = np.random.default_rng(15)
    flows = padded(
        [make(draw).astype(float) for name, (_, make) in KINDS.items() if name != "double" for _ in range(64)]
    )
    given = {"flow": np.concatenate([mixed_flows(2_000, len(flows)), flows], axis=1)}
    years, futures = Calendar(2025, 2024 + len(flows)), given["flow"].shape[1]
    ready = prepare(book, years, {"pace": 1.0}, ["rate", "state"], ["flow"], wait=True)
    found, expected = ready(given, futures), run(book, years, {"pace": 1.0, **given}, futures=futures)
    assert ready.how == "compiled"
    np.testing.assert_array_equal(found["state"], expected["state"])
    blur = np.where(np.arange(futures) < 2_000, NUMPY, TOLERANCE)  # the kinds have rates that nearly touch
    assert (same_rate(found["rate"], expected["rate"], blur) | np.isnan(expected["rate"])).all()
    if platform.machine() == "x86_64":
        (text,) = kernel._compiler.known[ready.kernel.text].inspect_asm().values()
        bodies = re.split(r"^(_ZN\S+):$", text, flags=re.MULTILINE)
        for name in ("read_signs", "guess_rates", "value_parts", "step_on_value"):  # as many lanes as a register holds
            own = [body for head, body in zip(bodies[1::2], bodies[2::2], strict=True) if f"{len(name)}{name}" in head]
            assert any(re.search(r"\b(vaddpd|vmulpd|vmaxpd|addpd)\b", body) for body in own), name


@pytest.mark.long
def test_every_operation_compiled_is_what_numpy_computes_infinities_and_nans_included(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formulas = [*(called(name) for name in OPERATIONS), *TRAPS, "np.where(lemons > sugar, water, lemons > water)",
                "np.minimum(lemons > sugar, sugar > water) * np.absolute(lemons > 0)", "np.inf - lemons"]  # fmt: skip
    sheet = [row(formula, *used(formula), name=f"row_{k}") for k, formula in enumerate(formulas)]
    book = book_of(*sheet, scalars=" ".join(NAMES))
    special = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -2.5, 1e300, np.inf, -np.inf, np.nan]
    given = dict(zip(NAMES, np.array(list(product(special, repeat=3))).T, strict=True))
    monkeypatch.setattr(run_module, "_refuse_nan", lambda *_: None)
    monkeypatch.setattr(Totals, "_mend", lambda *_: None)
    futures = given["lemons"].size
    ready = prepare(book, SUMMERS, {}, list(book.rows), NAMES, wait=True)
    found = ready(given, futures)
    assert ready.how == "compiled"
    expected = run(book, SUMMERS, given, futures=futures)
    for name, formula in zip(book.rows, formulas, strict=True):
        np.testing.assert_allclose(found[name], expected[name], rtol=NUMPY, atol=1e-320, err_msg=formula)


def test_few_futures_are_numpys_unless_it_is_told_to_wait(cache: Path) -> None:
    _, ready, told = sold()
    assert ready.how == "NumPy: 1,000 futures are few"
    assert told == []


def test_what_is_compiled_is_kept_and_found_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, ready, _ = sold(wait=True)
    fresh(monkeypatch)
    again, _, told = sold(wait=True)
    assert told == []
    np.testing.assert_array_equal(first["total_profit"], again["total_profit"])
    assert (cache / "kernels" / kernel._key(ready.kernel.text) / "kernel.py").read_text() == ready.kernel.text


def test_a_damaged_kernel_is_compiled_anew(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, ready, _ = sold(wait=True)
    (machine_code,) = (cache / "kernels" / kernel._key(ready.kernel.text)).rglob("*.nbc")
    whole = bytearray(machine_code.read_bytes())
    whole[len(whole) // 2] ^= 255
    machine_code.write_bytes(whole)
    fresh(monkeypatch)
    again, _, told = sold(wait=True)
    assert told == ["Compiling the kernel for these rows: once, then it is kept."]
    np.testing.assert_array_equal(first["total_profit"], again["total_profit"])
    assert kernel._is_whole(machine_code.parents[1])


def test_a_cache_that_cannot_be_written_is_said_and_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(kernel.FOLDER, str(tmp_path / "file"))
    fresh(monkeypatch)
    found, ready, told = sold(wait=True)
    assert ready.how == "compiled"
    assert "cannot be kept" in told[0]
    assert_same(found, run(STAND, SUMMERS, {**GIVEN, "price": np.linspace(-2, 4, 1000)}, futures=1000))


def test_without_a_compiler_numpy_serves_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    fresh(monkeypatch)
    found, ready, told = sold(wait=True)
    assert ready.how.startswith("NumPy: there is no compiler")
    assert "computed by NumPy" in told[0]
    assert_same(found, run(STAND, SUMMERS, {**GIVEN, "price": np.linspace(-2, 4, 1000)}, futures=1000))


@pytest.mark.long
def test_numpy_serves_while_another_process_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernel.FOLDER, str(tmp_path))
    fresh(monkeypatch)
    found, ready, told = sold(wait=False)
    assert ready.how == "NumPy: the kernel is being compiled"
    assert len(told) == 1
    (process,) = kernel._compiler.elsewhere.values()
    assert process.wait(120) == 0
    again = ready({"price": np.linspace(-2, 4, 1000)}, 1000)
    assert ready.how == "compiled"
    assert len(told) == 1
    assert_same(again, found)


@pytest.mark.long
def test_a_kept_kernel_is_read_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernel.FOLDER, str(tmp_path))
    text = prepare(STAND, SUMMERS, GIVEN, PROFIT, ["price"]).kernel.text
    subprocess.run([sys.executable, "-c", kernel.ELSEWHERE], input=text.encode(), check=True, timeout=120)
    fresh(monkeypatch)
    found, ready, told = sold(wait=True)
    assert ready.kernel.text == text
    assert (ready.how, told) == ("compiled", [])  # nothing is compiled again
    assert_same(found, sold(wait=False)[0])


@pytest.mark.long
def test_two_processes_that_compile_the_same_leave_one_whole_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(kernel.FOLDER, str(tmp_path))
    text = prepare(STAND, SUMMERS, GIVEN, PROFIT, ["price"]).kernel.text
    racers = [subprocess.Popen([sys.executable, "-c", kernel.ELSEWHERE], stdin=subprocess.PIPE) for _ in range(2)]
    for racer in racers:
        racer.stdin.write(text.encode())
        racer.stdin.close()
    assert [racer.wait(120) for racer in racers] == [0, 0]
    (kept,) = (tmp_path / "kernels").iterdir()
    assert kernel._is_whole(kept)
