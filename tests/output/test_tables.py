"""Tables: the figures add up as their lines say, are those of the case, and are shown in house style."""

import html
import re

import numpy as np
import pandas as pd
import pytest

from dealgrid import Case, Deal
from dealgrid.engine import irr
from dealgrid.output import answer, tables
from tests.tolerance import NUMPY

AMOUNT = re.compile(r"[\d,]+\.\d|\([\d,]+\.\d\)")


@pytest.mark.parametrize("table", [tables.values_by_holder, tables.streams])
def test_the_lines_add_up_to_the_total(pair: list[Case], table: object) -> None:
    frame = table(pair)  # type: ignore[operator]
    assert frame.drop(index="Total").sum().to_numpy() == pytest.approx(frame.loc["Total"].to_numpy(), rel=NUMPY)


def test_the_streams_add_up_to_the_centre(pair: list[Case]) -> None:
    center = pair[0].deal.story.center
    totals = tables.streams(pair).loc["Total"]
    assert [totals[case.title] for case in pair] == [case[center] for case in pair]


def test_what_is_paid_is_negative(pair: list[Case]) -> None:
    story = pair[0].deal.story
    frame = tables.streams(pair)
    for name in story.outflows:
        assert frame.loc[story.streams[name], pair[0].title] == -pair[0][name]


def test_two_cases_have_a_difference_and_one_or_three_have_none(pair: list[Case]) -> None:
    frame = tables.values_by_holder(pair)
    assert list(frame.columns) == [pair[0].title, pair[1].title, tables.DIFFERENCE]
    assert (frame[tables.DIFFERENCE] == frame[pair[1].title] - frame[pair[0].title]).all()
    assert tables.DIFFERENCE not in tables.values_by_holder(pair[:1])
    assert tables.DIFFERENCE not in tables.values_by_holder([*pair, pair[0]])


def test_cases_of_one_scenario_are_told_apart(deal: Deal, pair: list[Case]) -> None:
    higher = deal.case(deal.story.proposal, set={"microsoft_stake": "40%"})
    names = answer.titles([pair[1], higher, higher])
    assert names[0] == pair[1].title
    assert names[1] == f"{pair[1].title} with microsoft_stake = 40%"
    assert len(set(names)) == 3


def test_the_cash_of_the_streams_is_the_centres_net_cash_after_the_valuation_year(pair: list[Case]) -> None:
    # Money already put in is no stream of value, so only periods wholly in the future must agree.
    totals = tables.cash_flows(pair[1]).loc["Total"]
    net = pair[1].row("microsoft_net_cash_flow")
    assert isinstance(net, pd.Series)
    later = list(totals.index)[1:]
    assert totals[later].to_numpy() == pytest.approx(net[later].to_numpy(), rel=NUMPY)


def test_a_rate_is_given_with_the_kind_of_answer_it_is(deal: Deal) -> None:
    nothing_back = {"microsoft_got_back": 0}
    case = deal.case("status_quo", pins=nothing_back)
    frame = tables.returns([case])
    label = deal.story.returns["microsoft_irr"]
    assert np.isnan(frame.loc[label, answer.titles([case])[0]])
    assert frame.loc[f"{label}: what it is"].iloc[1] == irr.STATES[irr.NEVER_REPAID]
    assert answer.return_text(case, "microsoft_irr") == "never repaid"


def test_the_flags_are_those_of_the_rows(pair: list[Case]) -> None:
    frame = tables.clauses_binding(pair[0])
    assert len(frame) == sum(name.startswith("binds_") for name in pair[0].deal.book.rows)
    assert list(frame.loc["Microsoft's cap binds"]) == list(pair[0]["binds_cap"])  # type: ignore[arg-type]


def test_every_parameter_has_one_grade(pair: list[Case]) -> None:
    frame = tables.grades(pair[0])
    counts = frame.drop(index="Total")
    assert counts.iloc[:, 0].sum() == len(pair[0].deal.parameters)
    assert counts.iloc[:, 1].sum() == len(pair[0].rests_on(pair[0].deal.story.center))
    assert (counts.iloc[:, 1] <= counts.iloc[:, 0]).all()


def test_a_check_that_fails_is_said_everywhere(deal: Deal) -> None:
    case = deal.case("status_quo", pins={"check_cash@2030": 0.5})
    frame = tables.formatted(tables.checks(case))
    assert frame.loc[deal.row("check_cash").label].tolist() == ["0.5", "no"]
    assert "check_cash" in answer.checked([case])
    assert "check_cash" in answer.caption([case])
    assert "check_cash" in answer.answer(deal.case("status_quo"), case)[-1]


def test_what_rounding_left_is_no_gap(pair: list[Case]) -> None:
    assert set(tables.formatted(tables.checks(pair[0]))["Largest gap"]) == {"0"}


def test_a_sheet_shows_each_row_where_it_has_a_value(pair: list[Case]) -> None:
    frame = tables.sheet(pair[0], "capped_return")
    text = tables.formatted(frame)
    assert list(frame.index) == [row.label for row in pair[0].deal.book.sheets["capped_return"]]
    once = text[frame["shape"] == "once"]
    assert (once[list(pair[0].calendar.periods)] == "").all(axis=None)
    assert (once["value"] != "").all()
    assert (text[frame["shape"] != "once"]["value"] == "").all()


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (1234.56, "US$ bn", "1,234.6"),
        (-38.96, "US$ bn", "(39.0)"),
        (0.325, "fraction", "32.5%"),
        (3.24, "multiple", "3.2×"),
        (46752.0, "date", "2027-12-31"),
        (np.inf, "date", "never"),
    ],
)
def test_figures_are_shown_in_house_style(value: float, unit: str, shown: str) -> None:
    frame = pd.DataFrame({"case": [value]}, index=["line"])
    frame.attrs = {"unit": unit}
    assert tables.formatted(frame).loc["line", "case"] == shown


def test_the_page_and_the_text_say_what_the_frame_says(pair: list[Case]) -> None:
    frame = tables.values_by_holder(pair)
    shown = tables.show(frame)
    for line, *figures in tables.formatted(frame).itertuples():
        assert line in str(shown)
        for figure in figures:
            assert AMOUNT.fullmatch(figure)
            assert figure in str(shown)
            assert f">{figure}<" in shown._repr_html_()
    assert answer.caption(pair) in str(shown)
    assert answer.caption(pair) in html.unescape(shown._repr_html_())


def test_the_same_table_gives_the_same_page(deal: Deal, pair: list[Case]) -> None:
    again = [deal.case(case.scenario) for case in pair]
    assert tables.as_html(tables.streams(pair)) == tables.as_html(tables.streams(again))


def test_two_tables_of_one_page_do_not_share_their_styles(pair: list[Case]) -> None:
    name = re.compile(r'id="(t\w{10})"')
    pages = [tables.as_html(tables.clauses_binding(case)) for case in pair]
    assert len({name.search(page)[1] for page in pages}) == 2  # type: ignore[index]


def test_a_page_fetches_nothing(pair: list[Case]) -> None:
    assert "http" not in tables.as_html(tables.streams(pair))


def test_the_answer_follows_from_the_cases(deal: Deal, pair: list[Case]) -> None:
    sentences = answer.answer(*pair)
    assert 10 <= len(sentences) <= 16
    assert sentences != answer.answer(pair[0], deal.case("blocked"))
    assert f"{pair[1][deal.story.total]:,.1f}" in sentences[0]
    assert all(case.title in sentences[0] for case in pair)


def test_a_case_beside_itself_has_nothing_to_tell(pair: list[Case]) -> None:
    text = " ".join(answer.answer(pair[0], pair[0]))
    assert " more" not in text
    assert " less" not in text
    assert answer.values_finding([pair[0], pair[0]]) == "Nothing moves"


def test_no_sentence_or_title_can_be_read_as_a_formula(deal: Deal, pair: list[Case]) -> None:
    # JupyterLab and pages with MathJax take what stands between two dollar signs of one paragraph for a formula.
    findings = [make(cases) for make in (answer.values_finding, answer.streams_finding) for cases in (pair, pair[:1])]
    findings += [answer.cash_finding(case) for case in pair]
    for text in [*answer.answer(*pair), *findings, answer.caption(pair)]:
        assert text.count("$") <= 1
    assert "mathjax_ignore" in tables.as_html(tables.streams(pair))


def test_markdown_takes_no_dollar_sign_or_underscore_for_its_own() -> None:
    found = answer.as_markdown(["US$ 1 and US$ 2", "microsoft_stake"])
    assert found == "- US<span>\\$</span> 1 and US<span>\\$</span> 2\n- microsoft\\_stake"


def test_periods_are_told_as_runs(pair: list[Case]) -> None:
    assert answer.spans(pair[0], ["2031", "2028", "2029", "2030", "2035"]) == "2028–2031, 2035"
