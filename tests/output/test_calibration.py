"""Calibration: the model's figure is that of the very rows, time and contract that the report is about."""

import numpy as np
import pytest

from dealgrid import Deal
from dealgrid.inputs import Figure, Reported
from dealgrid.output import calibration, charts, judged, tables
from tests.tolerance import NUMPY

SCENARIO = "amended_apr_2026"


def reported(rows: dict[str, int], unit: str, *figures: tuple[str, str, float], plan: str = "") -> Reported:
    made = tuple(Figure(first, last, value, 1) for first, last, value in figures)
    return Reported("made_up", "Made up", "actual", rows, unit, plan, "B", "a test", made, 1)


@pytest.fixture(scope="module")
def loaded() -> Deal:
    return Deal.load()


@pytest.fixture
def deal(loaded: Deal, monkeypatch: pytest.MonkeyPatch) -> Deal:
    """The deal, whose reports a test may replace for itself."""
    monkeypatch.setattr(loaded, "reported", loaded.reported)
    return loaded


def test_a_flow_is_added_up_over_its_quarters(deal: Deal) -> None:
    deal.reported = [reported({"revenue": 1}, "US$ bn", ("2025-Q3", "2026-Q2", 20.0))]
    (found,) = calibration.laid_beside(deal, SCENARIO, "actual", {})
    quarters = deal.case(SCENARIO, {"periods_per_year": 4}).row("revenue")
    assert found.model == pytest.approx(sum(quarters[["2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2"]]), rel=NUMPY)
    assert found.label == "Made up, 2025-Q3 to 2026-Q2"


def test_several_years_are_added_up_and_rows_taken_off(deal: Deal) -> None:
    rows = {"revenue_share_paid": 1, "reverse_share_received": -1}
    deal.reported = [reported(rows, "US$ bn", ("2026", "2028", 20.0))]
    (found,) = calibration.laid_beside(deal, SCENARIO, "actual", {})
    case = deal.case(SCENARIO)
    paid, received = (case.row(row)[["2026", "2027", "2028"]].sum() for row in rows)
    assert found.model == pytest.approx(paid - received, rel=NUMPY)
    assert found.difference == pytest.approx(paid - received - 20, rel=NUMPY)
    assert found.part == pytest.approx((paid - received - 20) / 20, rel=NUMPY)


def test_of_a_level_the_end_counts(deal: Deal) -> None:
    deal.reported = [reported({"microsoft_ownership": 1}, "fraction", ("2026-Q1", "2026-Q2", 0.25))]
    (found,) = calibration.laid_beside(deal, SCENARIO, "actual", {})
    assert found.model == deal.case(SCENARIO, {"periods_per_year": 4}).row("microsoft_ownership")["2026-Q2"]


@pytest.mark.parametrize(
    ("time", "day"), [("2025-Q1", "2025-03-31"), ("2025-Q4", "2025-12-31"), ("2026", "2026-12-31")]
)
def test_a_value_of_the_whole_case_is_that_of_the_last_day(deal: Deal, time: str, day: str) -> None:
    deal.reported = [reported({"total_value": 1}, "US$ bn", (time, time, 300.0))]
    (found,) = calibration.laid_beside(deal, SCENARIO, "actual", {})
    assert found.model == deal.case(SCENARIO, {"valuation_date": day})["total_value"]


def test_a_plan_is_laid_over_the_scenario(deal: Deal) -> None:
    deal.reported = [reported({"revenue": 1}, "US$ bn", ("2030", "2030", 283.0), plan="plan_2026_q1")]
    (found,) = calibration.laid_beside(deal, "blocked", "actual", {})
    assert found.model == deal.case("blocked+plan_2026_q1").row("revenue")["2030"]


def test_settings_reach_the_model(deal: Deal) -> None:
    deal.reported = [reported({"revenue": 1}, "US$ bn", ("2030", "2030", 200.0))]
    settings = {"revenue_scale": "1.5x"}
    (found,) = calibration.laid_beside(deal, SCENARIO, "actual", settings)
    assert found.model == deal.case(SCENARIO, settings).row("revenue")["2030"]


def test_a_figure_that_is_an_input_itself_is_marked_and_counts_for_nothing(deal: Deal) -> None:
    deal.reported = [reported({"revenue": 1}, "US$ bn", ("2024", "2024", 3.7), ("2026", "2026", 1000.0))]
    found = calibration.laid_beside(deal, SCENARIO, "actual", {})
    assert [each.is_input for each in found] == [True, False]
    assert calibration.finding(found).startswith("0 of 1 figures within 10%")
    frame = calibration.table(found, deal.case(SCENARIO))
    assert list(frame[calibration.PINNED]) == ["yes", ""]
    chart = charts.differences(found, deal.case(SCENARIO))
    (rows,) = [data for data in chart.spec["datasets"].values() if "figure" in data[0]]
    assert [row["figure"] for row in rows] == ["Made up, 2026"]
    assert rows[0]["shown"] == tables.formatted(frame)[calibration.PART].iloc[1]


def test_a_bar_that_dwarfs_the_others_is_cut_with_its_figure(deal: Deal) -> None:
    deal.reported = [reported({"revenue": 1}, "US$ bn", ("2030", "2030", 1.0))]
    found = calibration.laid_beside(deal, SCENARIO, "actual", {})
    chart = charts.differences(found, deal.case(SCENARIO))
    (rows,) = chart.spec["datasets"].values()
    assert rows[0]["drawn"] == 1
    assert rows[0]["shown"].endswith("% (bar cut)")
    assert rows[0]["part"] == found[0].part


def test_the_words_say_how_many_are_near_and_which_are_farthest(deal: Deal) -> None:
    given = deal.case(SCENARIO).row("revenue")["2030"]
    figures = [("2030", "2030", given / factor) for factor in (1.05, 1.5, 0.6)]
    deal.reported = [reported({"revenue": 1}, "US$ bn", figure) for figure in figures]
    deal.reported = [
        Reported(**{**vars(each), "label": label}) for each, label in zip(deal.reported, ["A", "B", "C"], strict=True)
    ]
    told = calibration.sentences(calibration.laid_beside(deal, SCENARIO, "actual", {}))
    assert told[0] == "1 of 3 figures within 10% of what is reported; farthest: B, 2030."
    assert told[1].startswith("Most above: B, 2030")
    assert told[2].startswith("Most below: C, 2030")


def test_what_is_shipped_has_a_source_and_a_grade_and_a_model_beside_it(deal: Deal) -> None:
    for kind in ("actual", "plan"):
        for each in calibration.laid_beside(deal, SCENARIO, kind, {}):
            assert np.isfinite(each.model)
            assert each.reported.source
            assert each.reported.grade


def test_the_part_of_judgement_is_that_of_the_swings(deal: Deal) -> None:
    from dealgrid.analysis import judgement

    case = deal.case("new_deal")
    found = judgement.by_grade(deal, "new_deal", ["microsoft_value"], width=0.1, corners=20)
    share = found[found["grade"] == "J"]["share"].iloc[0]
    assert judged.by_row(found, case, "moved")["Of all swings"].iloc[0] == f"{share:.1%}"
    assert f"{share:.1%} of all swings are theirs" in judged.sentences([("moved", found)], case)[0]
