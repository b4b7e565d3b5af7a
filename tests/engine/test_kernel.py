"""Chosen rows in many futures, against the same book filled in whole by NumPy."""

import numpy as np
import pytest
from tests.engine.test_run import GIVEN, STAND, SUMMERS

from dealgrid.engine import kernel
from dealgrid.engine.kernel import prepare, totals
from dealgrid.engine.run import Fixed, run
from dealgrid.problems import InputError, ModelError

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
