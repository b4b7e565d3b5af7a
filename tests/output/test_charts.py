"""Charts: valid, the same every time, drawn without a network, and readable in grey and to the colour-blind."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import vl_convert

from dealgrid import Case, Deal
from dealgrid.output import answer, charts, tables

OF_PAIR = [charts.values_by_holder, charts.streams]
OF_ONE = [charts.cash_flows, charts.clauses_binding]
# Severe dichromacy on linear RGB: Machado, Oliveira and Fernandes (2009), IEEE TVCG 15:1291, table of severity 1.0.
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # sRGB, D65
SEEN_IN_GREY = 10  # difference in lightness (CIE L*, 0 to 100) that neighbouring areas need
SEEN_APART = 12  # difference in colour (CIE 1976) below which two may be taken for one


def drawn(pair: Sequence[Case]) -> list[charts.Chart]:
    return [*(make(pair) for make in OF_PAIR), *(make(case) for make in OF_ONE for case in pair)]


def rows(chart: charts.Chart) -> list[dict[str, Any]]:
    return [row for data in chart.spec["datasets"].values() for row in data]


def linear(colour: str) -> np.ndarray:
    part = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB."""
    x, y, z = TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(axis=1)
    f = [t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def lightness(colour: str) -> float:
    return float(lab(linear(colour))[0])


@pytest.mark.parametrize("place", range(6))
def test_a_chart_is_the_same_every_time(deal: Deal, pair: list[Case], place: int) -> None:
    again = [deal.case(case.scenario) for case in pair]
    first, second = drawn(pair)[place], drawn(again)[place]
    assert first.spec == second.spec
    charts._svg.cache_clear()
    one = charts.svg(first)
    charts._svg.cache_clear()
    assert charts.svg(second) == one


def test_a_chart_is_valid_and_the_same_in_both_versions_of_vega_lite(pair: list[Case]) -> None:
    # Altair has checked it against version 6; JupyterLab draws it with version 5.
    for chart in drawn(pair):
        text = json.dumps(chart.spec)
        assert vl_convert.vegalite_to_svg(text, vl_version="6.4") == charts.svg(chart)


def test_a_chart_needs_nothing_from_elsewhere(pair: list[Case]) -> None:
    for chart in drawn(pair):
        assert '"url"' not in json.dumps(chart.spec)
        assert not re.search(r'(?:href|src)="(?!#)', charts.svg(chart))


def test_a_notebook_gets_the_chart_live_and_as_a_picture(pair: list[Case]) -> None:
    chart = charts.values_by_holder(pair)
    shown = chart._repr_mimebundle_()
    assert shown[charts.LIVE] == chart.spec
    assert shown[charts.VECTOR] == charts.svg(chart)
    assert ET.fromstring(shown[charts.VECTOR]).tag.endswith("svg")
    assert len(json.dumps(shown)) < 100_000


def test_a_png_is_a_png(pair: list[Case]) -> None:
    assert charts.png(charts.streams(pair), scale=1).startswith(b"\x89PNG")


@pytest.mark.parametrize(("make", "table"), list(zip(OF_PAIR, [tables.values_by_holder, tables.streams], strict=True)))
def test_a_bar_is_the_figure_of_the_table(pair: list[Case], make: Callable, table: Callable) -> None:
    frame = table(pair)
    for row in rows(make(pair)):
        assert row["value"] == frame.loc[row["line"], row["case"]]


def test_a_strip_is_the_cash_of_the_table(pair: list[Case]) -> None:
    frame = tables.cash_flows(pair[1])
    for row in rows(charts.cash_flows(pair[1])):
        assert row["value"] == frame.loc[row["stream"], row["period"]]


def test_a_bar_that_is_cut_says_so_with_its_figure(pair: list[Case]) -> None:
    data = rows(charts.cash_flows(pair[1]))
    cut = [row for row in data if row["drawn"] != row["value"]]
    assert cut
    assert [row["label"] for row in cut] == [f"{row['shown']} (bar cut)" for row in cut]
    assert {abs(row["drawn"]) for row in cut} == {max(abs(row["drawn"]) for row in data)}


def test_a_filled_place_is_a_period_in_which_the_clause_binds(pair: list[Case]) -> None:
    filled = {(row["clause"], row["period"]) for row in rows(charts.clauses_binding(pair[0])) if "period" in row}
    expected = {
        (label.removesuffix(" binds"), period)
        for label, periods in answer.binding_periods(pair[0]).items()
        for period in periods
    }
    assert filled == expected


def test_the_title_is_the_finding_and_changes_with_it(deal: Deal, pair: list[Case]) -> None:
    assert charts.values_by_holder(pair).title == answer.values_finding(pair)
    other = [pair[0], deal.case("blocked")]
    for make in OF_PAIR:
        assert make(pair).title != make(other).title
    for make in OF_ONE:
        assert make(pair[0]).title != make(other[1]).title


def test_the_caption_gives_source_cases_date_and_check(pair: list[Case]) -> None:
    for chart in drawn(pair)[:2]:
        caption = " ".join(chart.spec["title"]["subtitle"])
        for words in ("Source: ", *(case.title for case in pair), "2025-06-30", "All checks are zero."):
            assert words in caption


def test_quarters_one_case_and_many_cases_are_drawn(deal: Deal, pair: list[Case]) -> None:
    quarters = deal.case(deal.story.proposal, set={"periods_per_year": 4})
    every = [deal.case(name) for name in deal.scenarios]
    for chart in [
        *(make(quarters) for make in OF_ONE),
        *(make(cases) for make in OF_PAIR for cases in ([pair[0]], every)),
    ]:
        assert charts.svg(chart).startswith("<svg")


def test_a_long_name_moves_out_of_the_bars(deal: Deal, pair: list[Case]) -> None:
    long = deal.case(deal.story.proposal, set={"microsoft_stake": "40%", "exit_multiple": 7, "revenue_share_cap": 90})
    legends = [
        "legend" in str(layer) and "symbolType" in str(layer)
        for layer in charts.values_by_holder([pair[0], long]).spec["layer"]
    ]
    assert any(legends)
    assert "symbolType" not in str(charts.values_by_holder(pair).spec["layer"])


def test_two_cases_of_one_scenario_have_two_colours(deal: Deal, pair: list[Case]) -> None:
    higher = deal.case(deal.story.proposal, set={"microsoft_stake": "40%"})
    assert len(set(charts.distinct_colours([pair[1], higher]))) == 2
    assert charts.distinct_colours([pair[0], pair[1]]) == [charts.PRESENT, charts.PROPOSAL]


@pytest.mark.parametrize("colours", [charts.HOLDERS, (charts.PRESENT, charts.PROPOSAL)])
def test_colours_that_meet_differ_in_grey(colours: tuple[str, ...]) -> None:
    steps = np.diff(sorted(map(lightness, colours)))
    assert steps.min() >= SEEN_IN_GREY


@pytest.mark.parametrize("kind", [None, *BLINDNESS])
@pytest.mark.parametrize("colours", [charts.HOLDERS, (charts.PRESENT, charts.PROPOSAL, *charts.OTHERS)])
def test_no_two_colours_are_taken_for_one(colours: tuple[str, ...], kind: str | None) -> None:
    seen = {each: lab(np.array(BLINDNESS[kind]) @ linear(each) if kind else linear(each)) for each in colours}
    close = [(a, b) for a, b in combinations(seen, 2) if np.linalg.norm(seen[a] - seen[b]) < SEEN_APART]
    assert close == []


def test_names_inside_the_bars_can_be_read() -> None:
    for colour in (charts.PRESENT, charts.PROPOSAL):
        luminance = float(TO_XYZ[1] @ linear(colour))
        assert 1.05 / (luminance + 0.05) >= 4.5  # WCAG 2.1, contrast of text, here white


def test_a_scenario_and_a_holder_keep_their_colours(deal: Deal) -> None:
    scenarios, holders = charts.scenario_colours(deal), charts.holder_colours(deal.story)
    assert list(scenarios)[:2] == [deal.story.present, deal.story.proposal]
    assert set(scenarios) == set(deal.scenarios)
    assert list(holders) == list(deal.story.holders)
    assert not set(scenarios.values()) & set(holders.values())


def test_no_two_cases_of_a_chart_share_a_colour(deal: Deal) -> None:
    for pair in combinations([deal.case(name) for name in deal.scenarios], 2):
        first, second = charts.distinct_colours(pair)
        assert first != second


def test_a_bridge_draws_the_steps_of_the_comparison(deal: Deal, pair: list[Case]) -> None:
    compared = deal.compare(deal.story.present, deal.story.proposal)
    chart, frame = charts.bridge(compared), compared.bridge()
    drawn = rows(chart)
    assert [row["amount"] for row in drawn] == frame["amount"].tolist()
    assert [(row["before"], row["after"]) for row in drawn] == list(zip(frame["before"], frame["after"], strict=True))
    assert [row["step"] for row in drawn] == [*answer.titles(pair)[:1], *frame["step"][1:-1], *answer.titles(pair)[1:]]
    assert [row["part"] for row in drawn[1:-1]] == [
        "gain" if amount >= 0 else "loss" for amount in frame["amount"][1:-1]
    ]
    for one, other in pairwise(drawn[:-1]):  # each step begins where the one before it ended
        assert other["before"] == pytest.approx(one["after"])


def test_a_bridges_title_and_table_say_what_it_draws(deal: Deal) -> None:
    compared = deal.compare(deal.story.present, deal.story.proposal)
    frame, shown = compared.bridge(), tables.formatted(tables.bridge(compared))
    steps = frame[1:-1].set_index("step")["amount"]
    title = charts.bridge(compared).title
    assert f"{abs(frame['amount'].iloc[-1] - frame['amount'].iloc[0]):.1f} US$ bn in all" in title
    assert f"{abs(steps).max():.1f} by {abs(steps).idxmax()}" in title
    assert shown["Adds"].iloc[0] == shown["Adds"].iloc[-1] == ""
    assert [row["shown"] for row in rows(charts.bridge(compared))[1:-1]] == shown["Adds"].tolist()[1:-1]
    assert shown["Then"].iloc[-1] == f"{frame['amount'].iloc[-1]:,.1f}"


def test_a_bridge_where_nothing_moves_says_so(deal: Deal) -> None:
    compared = deal.compare(deal.story.present, deal.story.present)
    assert charts.bridge(compared).title.endswith("nothing moves")
    assert len(tables.bridge(compared)) == 2
    assert tables.bridge(compared).index.is_unique


def test_a_bridge_of_a_row_over_periods_is_of_one_period(deal: Deal) -> None:
    compared = deal.compare(deal.story.present, deal.story.proposal, row="revenue")
    assert rows(charts.bridge(compared, "2030"))[-1]["after"] == deal.case(deal.story.proposal).row("revenue")["2030"]
