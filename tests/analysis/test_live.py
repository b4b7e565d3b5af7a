"""Live futures: the same figures as those of `futures`, kept at hand while the terms of one structure move."""

import sys
from pathlib import Path

import numpy as np
import pytest

from dealgrid import Deal, InputError
from dealgrid.analysis import live as module
from dealgrid.analysis.futures import SEED, futures
from dealgrid.analysis.live import COUNTS, Live, how_drawn
from dealgrid.engine import kernel
from tests.analysis.toy import toy
from tests.tolerance import NUMPY

FEW = COUNTS[0]


@pytest.fixture(autouse=True)
def _without_a_compiler(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """NumPy serves, and no process is started that compiles; but for the long test."""
    if "long" not in request.keywords:
        monkeypatch.setattr(kernel._compiler, "refusal", "NumPy: a test")


def test_the_figures_are_those_of_futures_of_the_same_count(tmp_path: Path) -> None:
    deal = toy(tmp_path)
    cases = deal.case("now"), deal.case("deal", {"stake": "60%"})
    shown = Live(deal, SEED).look(*cases, "path")
    assert (shown.count, shown.how) == (FEW, "NumPy: a test")
    assert shown.drawn == (("pot", "fee"), ("pot",))
    for place, (scenario, settings) in enumerate((("now", {}), ("deal", {"stake": "60%"}))):
        found = futures(deal, scenario, FEW, SEED, ["ours", "theirs", "path"], settings)
        summary, values = found.summary(), shown.values[place]
        for label, holder in (("Ours", "We"), ("Theirs", "They")):
            columns = ["base", "mean", "error", "5%", "25%", "50%", "75%", "95%"]
            assert values.loc[holder, columns].tolist() == pytest.approx(summary.loc[label, columns].tolist())
        fan = found.fan("path")
        assert shown.fans[place].loc["95%"].tolist() == fan.loc["95%", ["2026", "2027", "2028"]].tolist()


def test_who_is_better_off_worked_by_hand(tmp_path: Path) -> None:
    deal = toy(tmp_path)
    live = Live(deal, SEED)
    more = live.look(deal.case("deal"), deal.case("deal", {"stake": "60%"}), "path").gains  # 0.1 × a pot of 80 to 120
    assert more.loc["We", ["mean", "better", "worse"]].tolist() == pytest.approx([10, 1, 0], abs=5e-3)
    assert more.loc["They", ["mean", "better", "worse"]].tolist() == pytest.approx([-10, 0, 1], abs=5e-3)
    fee = live.look(deal.case("now"), deal.case("deal"), "path").gains  # no fee instead of one of −10 to 10
    assert fee.loc["We", ["better", "worse"]].tolist() == pytest.approx([0.5, 0.5], abs=2e-3)
    assert fee.loc["We", "better_error"] == 0  # every block of draws has as many on either side
    same = live.look(deal.case("now"), deal.case("now"), "path").gains
    assert (same.to_numpy() == 0).all()


def test_a_setting_is_the_same_in_all_futures_and_draws_of_the_others_stay(tmp_path: Path) -> None:
    deal = toy(tmp_path)
    live = Live(deal, SEED)
    now = deal.case("now")
    shown = live.look(now, deal.case("now", {"fee": "$5bn"}), "path")
    assert shown.drawn[1] == ("pot",)
    expected = futures(deal, "deal", FEW, SEED, ["ours"]).summary().loc["Ours", "95%"] + 5
    assert shown.values[1].loc["We", "95%"] == pytest.approx(expected)


def test_the_structure_that_stands_still_is_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deal = toy(tmp_path)
    live, now, run = Live(deal, SEED), deal.case("now"), []
    inner = kernel.Totals.__call__

    def noted(self: kernel.Totals, changed: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        run.append(count)
        return inner(self, changed, count)

    monkeypatch.setattr(kernel.Totals, "__call__", noted)
    for stake in ("40%", "45%"):
        live.look(now, deal.case("deal", {"stake": stake}), "path")
    assert [count for count in run if count > 1] == [FEW] * 3
    live.look(deal.case("deal"), deal.case("deal", {"stake": "45%"}), "path")
    assert [count for count in run if count > 1] == [FEW] * 5  # another stands still


def test_a_check_that_fails_in_a_future_is_counted(tmp_path: Path) -> None:
    deal = toy(tmp_path)
    assert Live(deal, SEED).look(deal.case("now"), deal.case("now", {"tilt": 0.5}), "path").failed == (0, FEW)


def test_a_row_of_one_number_has_no_fan(tmp_path: Path) -> None:
    deal = toy(tmp_path)
    with pytest.raises(InputError, match="ours is one number per case"):
        Live(deal, SEED).look(deal.case("now"), deal.case("deal"), "ours")


def test_while_terms_move_there_are_as_many_futures_as_fit_the_time(tmp_path: Path) -> None:
    live = Live(toy(tmp_path), SEED)
    for pace, count in ((1.0, COUNTS[0]), (module.BUDGET / 5000, 4096), (0.0, COUNTS[-1])):
        live._pace = pace
        assert live.quick == count


def test_without_a_folder_for_kernels_numpy_serves_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deal = toy(tmp_path)
    monkeypatch.setattr(module, "cache_folder", lambda: None)
    live, cases = Live(deal, SEED), (deal.case("now"), deal.case("deal"))
    shown = live.look(*cases, "path")
    assert (shown.count, shown.is_waiting, shown.how) == (FEW, False, module.UNKEPT)
    assert live.is_ready(cases[1], "path")


def test_without_numba_numpy_serves_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deal = toy(tmp_path)
    monkeypatch.setattr(kernel, "_compiler", kernel._Compiler())
    monkeypatch.setitem(sys.modules, "numba", None)
    shown = Live(deal, SEED).look(deal.case("now"), deal.case("deal"), "path")
    assert shown.how.startswith("NumPy: there is no compiler")
    assert (shown.count, shown.is_waiting) == (FEW, False)


def test_quantiles_are_those_of_numpy() -> None:
    values = np.random.default_rng(1).normal(size=1001)
    assert module._quantiles(values).tolist() == pytest.approx(np.quantile(values, module.QUANTILES).tolist())
    endless = np.concatenate([values, np.full(1001, np.inf)])
    assert module._quantiles(endless)[-1] == np.inf


def test_how_a_parameter_is_drawn_is_said_in_words(deal: Deal) -> None:
    assert how_drawn(deal.parameters["microsoft_stake"]) == "30.2% to 34.8% in nine of ten"  # 30.25, 34.75
    assert how_drawn(deal.parameters["agi_date"]) == "with a chance of 2.0% a year from 2026 on"
    assert how_drawn(deal.parameters["restructuring_blocked"]) == "yes in 25.0%, no in 75.0% of them"


@pytest.mark.long
def test_the_kernel_takes_over_with_all_futures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernel.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(kernel, "_compiler", kernel._Compiler())
    deal = toy(tmp_path)
    live, cases = Live(deal, SEED), (deal.case("now"), deal.case("deal", {"stake": "60%"}))
    first = live.look(*cases, "path")
    assert (first.count, first.is_waiting, first.is_all) == (FEW, True, False)
    (process,) = kernel._compiler.elsewhere.values()
    assert process.wait(120) == 0
    assert live.is_ready(cases[1], "path")
    few, shown = live.look(*cases, "path", FEW), live.look(*cases, "path")
    assert (shown.how, shown.count, shown.is_all) == ("compiled", COUNTS[-1], True)
    assert few.values[1].to_numpy() == pytest.approx(first.values[1].to_numpy(), rel=NUMPY)
    moved = live.look(cases[0], deal.case("deal", {"stake": "70%", "pot": 100}), "path")  # no other kernel is needed
    assert moved.how == "compiled"
    assert len(kernel._compiler.known) == 1
    assert moved.values[1].loc["We", ["5%", "95%"]].tolist() == [70, 70]
