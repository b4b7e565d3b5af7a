"""What the answer rests on: each parameter at its ends, against cases set by hand."""

import pytest

from dealgrid import Deal, InputError
from dealgrid.analysis.judgement import by_grade, swings
from dealgrid.dates import NEVER
from dealgrid.deal import STRUCTURAL
from tests.tolerance import NUMPY

ROW = "microsoft_value"


@pytest.fixture(scope="module")
def found(deal: Deal):
    return swings(deal, "new_deal", [ROW]).set_index("parameter")


@pytest.mark.parametrize(
    ("parameter", "low", "high", "span"),
    [
        ("revenue_scale", 0.25, 2, "distribution"),  # lognormal, cut off
        ("exit_multiple", "3x", "9x", "distribution"),  # triangular
        ("microsoft_cap", 92, 137.5, "distribution"),  # discrete
        ("agi_date", "2026-01-01", "never", "distribution"),  # hazard
        ("growth_loss", "0%", "100%", "range"),
        ("revenue_share_cap", 1, "no limit", "range"),
        ("exit_by_perpetuity", "no", "yes", "range"),
    ],
)
def test_the_ends_are_those_of_the_distribution_else_of_the_range(
    found, deal: Deal, parameter, low, high, span
) -> None:
    line = found.loc[parameter]
    cases = [deal.case("new_deal", set={parameter: end})[ROW] for end in (low, high)]
    assert line["span"] == span
    assert [line["at_low"], line["at_high"]] == pytest.approx(cases, rel=NUMPY)
    assert line["swing"] == max(*cases, line["base"]) - min(*cases, line["base"])


def test_a_path_is_scaled_from_the_valuation_date_as_far_as_its_range_allows(found, deal: Deal) -> None:
    line = found.loc["copilot_plan"]
    plan = {2019: 0, 2023: 0.2, 2024: 1.5, 2025: 4, 2026: 8, 2027: 13, 2028: 18, 2029: 23, 2030: 28}
    assert (line["low"], line["high"]) == ("× 0", "× 3.57")  # 100 ÷ 28
    up = {year: amount * 100 / 28 if year > 2025 else amount for year, amount in plan.items()}
    # Half of 2025 lies after the valuation date: 184 of 365 days.
    up[2025] = 4 * (1 + (100 / 28 - 1) * 184 / 365)
    assert line["at_high"] == pytest.approx(deal.case("new_deal", set={"copilot_plan": up})[ROW], rel=NUMPY)


def test_a_path_that_has_no_later_date_is_scaled_from_the_value_in_force(deal: Deal) -> None:
    line = swings(deal, "status_quo", [ROW]).set_index("parameter").loc["revenue_share_rate"]
    assert (line["low"], line["high"]) == ("× 0", "× 2.5")  # 20% since 2023, 50% at most


def test_payments_that_are_past_stay_and_those_to_come_are_scaled(deal: Deal) -> None:
    line = swings(deal, "status_quo", ["outlay_value"]).set_index("parameter").loc["microsoft_cash_in"]
    assert line["high"] == "× 200"  # 20 ÷ 0.1
    past = {
        "2019-07-22": 1,
        "2021-07-01": 2,
        "2023-01-23": 1.5,
        "2024-01-23": 1.5,
        "2024-10-02": 0.75,
        "2025-01-23": 1.3,
    }
    days = ["2025-12-31", "2026-06-30", "2026-12-31", "2027-06-30", "2027-12-31", "2028-06-30", "2028-12-31"]
    case = deal.case(set={"microsoft_cash_in": past | dict.fromkeys(days, 20)})
    assert line["at_high"] == pytest.approx(case["outlay_value"], rel=NUMPY)


def test_what_adds_to_one_shares_the_rest_in_proportion(found, deal: Deal) -> None:
    # 49% at 100% leaves nothing; at 0% the 41 : 8 : 2 of the others fill 1.
    line = swings(deal, "status_quo", ["nonprofit_value"]).set_index("parameter").loc["microsoft_split"]
    others = {"employees_split": 41 / 51, "investors_split": 8 / 51, "nonprofit_split": 2 / 51}
    assert line["at_low"] == pytest.approx(
        deal.case(set={"microsoft_split": 0, **others})["nonprofit_value"], rel=NUMPY
    )
    nothing = dict.fromkeys(others, 0)
    assert line["at_high"] == pytest.approx(
        deal.case(set={"microsoft_split": 1, **nothing})["nonprofit_value"], rel=NUMPY
    )


def test_facts_the_calendar_and_what_the_scenario_chose_are_not_in_doubt(deal: Deal) -> None:
    found = swings(deal, "new_deal", [ROW], set={"exit_multiple": 7})
    swung = set(found["parameter"])
    assert swung.isdisjoint({*deal.scenario("new_deal").set, *STRUCTURAL, "exit_multiple"})
    assert "A" not in set(found["grade"])
    assert {"J", "B", "C", "M"} <= set(found["grade"])


def test_lines_are_sorted_by_swing_within_each_row(deal: Deal) -> None:
    found = swings(deal, "status_quo")
    assert list(dict.fromkeys(found["row"])) == [
        "microsoft_value",
        *[name for name in deal.story.holders if name != ROW],
        "total_value",
    ]
    assert all(lines["swing"].is_monotonic_decreasing for _, lines in found.groupby("row"))


def test_with_a_width_each_is_moved_by_the_same_part_of_itself(deal: Deal) -> None:
    found = swings(deal, "status_quo", [ROW], width=0.1).set_index("parameter")
    assert tuple(found.loc["azure_compute_margin", ["low", "high"]]) == ("36%", "44%")
    assert tuple(found.loc["fade_years", ["low", "high"]]) == ("7", "9")  # whole: 0.8 is 1
    assert tuple(found.loc["chatgpt_plan", ["low", "high"]]) == ("× 0.9", "× 1.1")
    assert tuple(found.loc["competition_start", ["low", "high"]]) == ("2026-11-07", "2027-02-25")  # 550 days ± 55
    assert "exit_by_perpetuity" not in found.index
    assert "revenue_share_cap" not in found.index
    up = deal.case(set={"azure_compute_margin": 0.44})[ROW]
    assert found.loc["azure_compute_margin", "at_high"] == pytest.approx(up, rel=NUMPY)


def test_the_grades_share_all_swings_and_contain_each_of_their_own(deal: Deal) -> None:
    rows = [ROW, "nonprofit_value"]
    alone, grades = swings(deal, "new_deal", rows), by_grade(deal, "new_deal", rows, corners=100)
    for row in rows:
        lines = grades[grades["row"] == row].set_index("grade")
        own = alone[alone["row"] == row]
        assert lines["share"].sum() == pytest.approx(1)
        assert lines.loc["J", "swings"] == pytest.approx(own[own["grade"] == "J"]["swing"].sum())
        assert lines["parameters"].sum() == len(own)
        assert (lines["low"] <= lines["base"]).all()
        assert (lines["base"] <= lines["high"]).all()


def test_together_they_reach_further_both_ways_than_the_widest_alone(deal: Deal) -> None:
    alone = swings(deal, "new_deal", [ROW])
    grades = by_grade(deal, "new_deal", [ROW], corners=1).set_index("grade")
    lines = alone[alone["grade"] == "J"]
    assert grades.loc["J", "low"] < lines[["at_low", "at_high"]].min(axis=None)
    assert grades.loc["J", "high"] > lines[["at_low", "at_high"]].max(axis=None)


def test_the_same_seed_finds_the_same_bounds(deal: Deal) -> None:
    one, other = (by_grade(deal, "new_deal", [ROW], corners=50) for _ in range(2))
    assert one.equals(other)


def test_a_row_that_never_comes_in_some_future_has_no_swing_there_and_sorts_last(deal: Deal) -> None:
    found = swings(deal, "new_deal", ["effective_conversion_date"])
    last = found.iloc[-1]
    assert (last["parameter"], last["at_high"]) == ("restructuring_blocked", NEVER)
    assert found["swing"].isna().tolist() == [False] * (len(found) - 1) + [True]


def test_a_row_over_periods_is_refused(deal: Deal) -> None:
    with pytest.raises(InputError, match="revenue has a value per period"):
        swings(deal, "status_quo", ["revenue"])
