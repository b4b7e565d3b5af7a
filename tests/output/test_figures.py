"""Figures of rows: the periods, totals and lines a notebook asks for are the cases' own."""

from itertools import pairwise

import pytest

from dealgrid import Case, Deal, InputError
from dealgrid.output import charts, figures, tables
from tests.tolerance import NUMPY


@pytest.fixture(scope="module")
def cases(pair: list[Case]) -> dict[str, Case]:
    return dict(zip(["Now", "Then"], pair, strict=True))


def test_a_row_over_the_forecast_begins_with_the_period_of_the_valuation(cases: dict[str, Case]) -> None:
    frame = figures.over_periods(cases, "revenue", "Revenue")
    assert list(frame.index) == ["Now", "Then"]
    assert list(frame.columns) == [str(year) for year in range(2025, 2041)]  # valued on 30 June 2025
    assert frame.loc["Then", "2030"] == cases["Then"].row("revenue")["2030"]
    assert frame.attrs["unit"] == "US$ bn"
    assert frame.attrs[figures.COLOURS] == charts.distinct_colours(list(cases.values()))


def test_rows_of_one_case_come_under_their_labels(cases: dict[str, Case]) -> None:
    frame = figures.over_forecast(cases["Now"], ["revenue", "free_cash_flow"], "Money")
    assert list(frame.index) == ["Revenue", "Free cash flow"]
    assert frame.loc["Free cash flow", "2026"] == cases["Now"].row("free_cash_flow")["2026"]
    assert figures.COLOURS not in frame.attrs


def test_rows_of_holders_have_the_holders_colours(cases: dict[str, Case], deal: Deal) -> None:
    names = ["microsoft_ownership", "new_investors_ownership"]
    frame = figures.over_forecast(cases["Then"], names, "Ownership")
    known = charts.holder_colours(deal.story)
    assert frame.attrs[figures.COLOURS] == [known["microsoft_value"], known["new_investors_value"]]


def test_a_flow_is_added_up_and_of_all_else_the_last_counts(cases: dict[str, Case]) -> None:
    case = cases["Now"]
    assert figures.total(case, "revenue") == pytest.approx(sum(case.values["revenue"].tolist()), rel=NUMPY)
    assert figures.total(case, "cash") == case.values["cash"][-1]
    assert figures.total(case, "microsoft_value") == case["microsoft_value"]


def test_totals_stand_a_column_per_case_with_units_where_they_differ(cases: dict[str, Case]) -> None:
    frame = figures.totals(cases, ["microsoft_value", "microsoft_moic"], "Worth")
    assert frame.index[0] == "Microsoft"
    assert list(frame.columns) == [tables.UNIT, "Now", "Then"]
    assert frame["Then"].tolist() == [cases["Then"]["microsoft_value"], cases["Then"]["microsoft_moic"]]
    same = figures.totals(cases, ["microsoft_value", "nonprofit_value"], "Worth")
    assert list(same.columns) == ["Now", "Then"]
    assert same.attrs["unit"] == "US$ bn"


def test_a_grid_has_a_line_and_a_column_per_change(deal: Deal) -> None:
    stakes = {
        stake: {
            cap: deal.case("new_deal", {"microsoft_stake": stake, "revenue_share_cap": cap}) for cap in ("38", "60")
        }
        for stake in ("30%", "35%")
    }
    frame = figures.grid(stakes, "microsoft_value", "Worth")
    assert frame.loc["35%", "60"] == stakes["35%"]["60"]["microsoft_value"]
    changed = figures.changes(frame, "More than with 38")
    assert list(changed.columns) == ["60"]
    assert changed.loc["30%", "60"] == pytest.approx(frame.loc["30%", "60"] - frame.loc["30%", "38"], rel=NUMPY)
    assert "revenue_share_cap = $38bn or $60bn" in frame.attrs["caption"]


def test_the_largest_is_found_with_its_period(cases: dict[str, Case]) -> None:
    period, value = figures.largest(cases["Now"], "funding_need")
    needs = cases["Now"].row("funding_need")
    assert value == max(needs)
    assert needs[period] == value


def test_a_row_there_is_not_is_refused(cases: dict[str, Case]) -> None:
    for ask in (
        lambda: figures.over_periods(cases, "revenu", "x"),
        lambda: figures.totals(cases, ["revenu"], "x"),
        lambda: figures.over_forecast(cases["Now"], ["revenu"], "x"),
    ):
        with pytest.raises(InputError, match="did you mean `revenue`"):
            ask()


def test_lines_draw_every_figure_of_the_table_and_name_each_line_once(cases: dict[str, Case]) -> None:
    frame = figures.over_periods(cases, "revenue", "Revenue")
    chart = figures.lines(frame, "It grows", "Period")
    drawn = chart.spec["datasets"]["drawn"]
    assert [point["value"] for point in drawn] == frame.to_numpy().ravel().tolist()
    (names,) = {tuple(each["name"] for each in layer["data"]["values"]) for layer in chart.spec["layer"][1:]}
    assert sorted(names) == ["Now", "Then"]
    assert chart.title == "It grows"
    assert chart.spec["config"] == charts.HOUSE


def test_names_at_line_ends_stand_apart_and_inside_the_picture() -> None:
    import pandas as pd

    frame = pd.DataFrame({"2030": [10.0, 10.0, 9.99, 0.0]}, index=["a", "b", "c, with more said", "d"])
    ends = figures._ends(frame, [0.0, 10.0])
    heights = [each["height"] for each in ends]
    space = 10 * figures.SPACE / figures.HEIGHT
    assert [each["name"] for each in ends] == ["d", "c", "a", "b"]
    assert all(upper - lower >= space * (1 - NUMPY) for lower, upper in pairwise(heights))
    assert max(heights) <= 10.0
