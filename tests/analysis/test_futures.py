"""Futures: statistics against NumPy, the same numbers however the work is cut, and draws that can be run again."""

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pytest

import dealgrid.analysis.futures as module
from dealgrid import Deal
from dealgrid.analysis.draws import STRATA
from dealgrid.analysis.futures import SPAN, Crowd, futures
from dealgrid.analysis.tally import EXACT, Sketch, Tally
from dealgrid.cli import app
from dealgrid.inputs import parse_settings
from dealgrid.problems import InputError
from tests.analysis.toy import toy
from tests.tolerance import NUMPY

SEED = 3


# --- statistics ---------------------------------------------------------------------------------------------------


def test_few_values_have_exact_quantiles() -> None:
    values = np.random.default_rng(1).normal(size=1001)
    sketch = Sketch(values[:400])
    sketch.add(Sketch(values[400:]))
    for part in (0.0, 0.05, 0.5, 0.95, 1.0):
        assert sketch.quantile(part) == pytest.approx(np.quantile(values, part), rel=NUMPY)


def test_quantiles_of_many_values_are_right_to_a_bucket() -> None:
    values = np.random.default_rng(1).normal(10, 40, size=3 * EXACT)
    values[:1000] = 0.0
    sketch = Sketch(values)
    for part in (0.001, 0.05, 0.3, 0.5, 0.95, 0.999):
        low, high = (np.quantile(values, part, method=method) for method in ("lower", "higher"))
        bucket = max(abs(low), abs(high)) / 4096
        assert low - bucket <= sketch.quantile(part) <= high + bucket
    assert sketch.values is None


def test_a_sketch_does_not_depend_on_who_saw_what() -> None:
    values = np.random.default_rng(1).normal(size=2 * EXACT + 17)
    whole, parts = Sketch(values), [Sketch(part) for part in np.array_split(values[::-1], 7)]
    joined = parts[0]
    for part in parts[1:]:
        joined.add(part)
    assert (joined.keys == whole.keys).all()
    assert (joined.counts == whole.counts).all()


def test_endless_values_are_the_largest() -> None:
    sketch = Sketch(np.array([1.0, math.inf, 2.0, math.inf, 3.0]))
    assert [sketch.quantile(part) for part in (0.0, 0.5, 0.75)] == [1.0, 3.0, math.inf]


def test_mean_and_deviation_are_those_of_numpy_and_leave_out_what_is_not_finite() -> None:
    values = np.random.default_rng(1).normal(500, 3, size=(2, 640))
    values[1, 5], values[1, 9] = math.inf, math.nan
    tally = Tally.of(values[:, :320], np.array([500.0, 0.0]), [True, True])
    tally.add(Tally.of(values[:, 320:], np.array([500.0, 0.0]), [True, True]))
    finite = np.where(np.isfinite(values), values, np.nan)
    assert tally.mean == pytest.approx(np.nanmean(finite, axis=1), rel=NUMPY)
    assert tally.deviation == pytest.approx(np.nanstd(finite, axis=1, ddof=1), rel=1e-9)
    assert (tally.above[1], tally.missing[1], tally.finite[1]) == (1, 1, 638)


def test_the_error_of_a_mean_is_that_of_block_means() -> None:
    blocks = np.random.default_rng(1).normal(size=(20, STRATA)) + np.arange(20)[:, np.newaxis]
    tally = Tally.of(blocks.reshape(1, -1), np.zeros(1), [False])
    assert tally.error[0] == pytest.approx(blocks.mean(axis=1).std(ddof=1) / math.sqrt(20), rel=1e-9)


def test_the_standard_error_says_how_far_means_are_apart_from_seed_to_seed(tmp_path: Path) -> None:
    deal = toy(tmp_path)
    found = [futures(deal, "now", 1024, seed).tally for seed in range(30)]
    spread = np.std([each.mean[0] for each in found], ddof=1)
    assert spread == pytest.approx(np.mean([each.error[0] for each in found]), rel=0.4)  # 30 of them: 13% each way
    assert np.mean([each.mean[0] for each in found]) == pytest.approx(50, abs=4 * spread / math.sqrt(30))


# --- futures ------------------------------------------------------------------------------------------------------


def test_the_mean_and_quantiles_of_a_sum_worked_by_hand(tmp_path: Path) -> None:
    line = futures(toy(tmp_path), "deal", 8192, SEED).summary().loc["Ours"]  # 0.5 × a pot from 80 to 120
    assert (line["base"], line["mean"]) == pytest.approx((50, 50), abs=5e-3)
    assert [line["5%"], line["50%"], line["95%"]] == pytest.approx([41, 50, 59], abs=0.05)
    assert line["sd"] == pytest.approx(20 / math.sqrt(12), rel=1e-3)


def test_a_clause_binds_as_often_as_its_parameter_says(tmp_path: Path) -> None:
    frame = futures(toy(tmp_path), "now", 8192, SEED).binding()
    assert list(frame.columns) == ["2026", "2027", "2028", "at some time"]
    assert frame.loc["The size"].to_numpy() == pytest.approx([0.25] * 4, abs=2e-3)  # a pot of 110 to 120 of 80 to 120


def test_money_that_does_not_come_back_is_counted(tmp_path: Path) -> None:
    poor = futures(toy(tmp_path), "now", 128, SEED, set={"stake": "40%"}).losses()
    assert poor["probability"].to_list() == [1.0]  # 2 × 40% is below 1
    assert list(poor.index) == ["Our money back: below 1×"]


def test_what_a_scenario_chooses_is_not_drawn(tmp_path: Path) -> None:
    deal = toy(tmp_path)
    assert set(futures(deal, "now", 64, SEED).drawn) == {"fee", "pot"}
    assert futures(deal, "deal", 64, SEED).drawn == ("pot",)
    assert futures(deal, "now", 64, SEED, set={"pot": 90}).drawn == ("fee",)


def test_a_check_that_fails_in_some_future_is_reported(tmp_path: Path) -> None:
    deal = toy(tmp_path)
    assert futures(deal, "now", 256, SEED).failed == 0
    found = futures(deal, "now", 256, SEED, set={"tilt": 0.5})
    assert (found.failed, found.first_failed) == (256, 0)
    assert "CHECKS FAILED in 256" in found.caption


def test_the_master_check_speaks_for_the_deal(deal: Deal) -> None:
    assert Crowd(deal, "status_quo", ["total_value"]).checks == ["check_all"]


def test_the_same_numbers_whatever_the_size_of_a_span(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deal = toy(tmp_path)
    one = futures(deal, "now", 1000, SEED)
    monkeypatch.setattr(module, "SPAN", 4 * STRATA)
    other = futures(deal, "now", 1000, SEED)
    assert other.tally.mean == pytest.approx(one.tally.mean, rel=NUMPY)
    assert other.summary()["5%"].to_list() == one.summary()["5%"].to_list()  # exact: a matter of values alone


def test_more_futures_begin_with_the_same_ones(deal: Deal) -> None:
    crowd = Crowd(deal, "new_deal", ["microsoft_value"], SEED)
    few, many = crowd.values(0, 64)["microsoft_value"], crowd.values(0, 200)["microsoft_value"]
    assert (few == many[:64]).all()
    assert (crowd.values(130, 200)["microsoft_value"] == many[130:]).all()


def test_progress_is_told_until_all_are_done(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    futures(toy(tmp_path), "now", SPAN + 5, SEED, tell=lambda done, of: told.append((done, of)))
    assert told == [(SPAN, SPAN + 5), (SPAN + 5, SPAN + 5)]


@pytest.mark.parametrize("count", [0, 1, 10**10])
def test_counts_that_cannot_be_run_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(InputError, match="from 2 to"):
        futures(toy(tmp_path), "now", count)


def test_rows_that_are_not_there_are_refused_all_at_once(deal: Deal) -> None:
    with pytest.raises(InputError) as error:
        futures(deal, "status_quo", 64, rows=["microsoft_valu", "revnue"])
    assert len(error.value.problems) == 2


# --- draws written out --------------------------------------------------------------------------------------------


def test_a_line_of_draws_gives_its_rows_when_it_is_set(
    deal: Deal, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    file = tmp_path / "draws.csv"
    rows = "microsoft_value,openai_side_value,microsoft_irr,microsoft_payback"
    with pytest.raises(SystemExit) as ended:
        app(
            [
                "futures",
                "closed_oct_2025",
                "--count",
                "70",
                "--seed",
                "5",
                "--rows",
                rows,
                "--draws",
                str(file),
                "--quiet",
            ]
        )
    assert ended.value.code in (0, None)
    capsys.readouterr()
    lines = list(csv.DictReader(file.open()))
    assert len(lines) == 70
    for line in itertools.islice(lines, 0, 70, 9):
        settings = [f"{name}={text}" for name, text in line.items() if not name.startswith("row:")]
        case = deal.case("closed_oct_2025", parse_settings(settings, deal.parameters))
        for name in rows.split(","):
            assert float(line[f"row:{name}"]) == pytest.approx(case[name], rel=NUMPY)


def test_a_file_of_draws_in_no_folder_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        app(
            ["futures", "new_deal", "--count", "64", "--draws", str(tmp_path / "no" / "draws.csv")],
            standalone_mode=False,
        )
    assert list(tmp_path.iterdir()) == []
