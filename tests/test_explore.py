"""The explorer, driven from Python: what it shows is what `deal.case` and `dealgrid show` give for the same terms."""

import asyncio
import base64
import dataclasses
import datetime as dt
import json
import re
import shlex
import shutil
from html import unescape
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dealgrid import Case, Deal, InputError, ModelError, explore
from dealgrid.analysis.compare import compare_cases
from dealgrid.analysis.live import ALL, COMPILED, COMPILING, Glimpse, Live
from dealgrid.cli import app
from dealgrid.engine import kernel
from dealgrid.explore import HEADINGS, Explorer, explorer, figures, page, terms, with_level
from dealgrid.inputs import Dated, check_settings, display_value, read_scenarios
from dealgrid.output import answer, tables
from dealgrid.problems import Problem

ROOT = Path(__file__).resolve().parents[1]
PRESENT, PROPOSAL = "status_quo", "new_deal"


@pytest.fixture(scope="module")
def deal() -> Deal:
    return Deal.load(root=ROOT)


@pytest.fixture
def shown(deal: Deal) -> Explorer:
    return explorer(deal, PROPOSAL, PRESENT)


def values(shown: Explorer, case: int = 1) -> list[float]:
    assert shown.shown is not None
    return shown.shown.values.iloc[:, case].tolist()


def expected(deal: Deal, scenario: str, settings: dict[str, object] | None = None) -> list[float]:
    case = deal.case(scenario, settings)
    return [float(case.values[name]) for name in (*deal.story.holders, deal.story.total)]


def command(shown: Explorer) -> list[str]:
    found = re.search(r"<code[^>]*>dealgrid (.*)</code>", shown.command.value, re.DOTALL)
    assert found
    return shlex.split(unescape(found[1]))


# --- figures ----------------------------------------------------------------------------------------------------------


def test_figures_are_those_of_the_two_cases_and_of_their_comparison(deal: Deal) -> None:
    settings = {"microsoft_stake": "40%"}
    found = figures(deal, PROPOSAL, PRESENT, settings)
    first, second = deal.case(PRESENT), deal.case(PROPOSAL, settings)
    assert found.values.equals(tables.values_by_holder([first, second]))
    assert found.bridge is not None
    assert found.bridge.equals(compare_cases(first, second).bridge())
    assert found.cash[1].equals(tables.cash_flows(second))
    assert found.binds[0].equals(tables.clauses_binding(first))
    assert found.problems == ()


def test_scenarios_that_cannot_be_compared_are_shown_without_a_bridge_and_with_the_reason(deal: Deal) -> None:
    found = figures(deal, PROPOSAL, PRESENT, {"valuation_date": "2025-12-31"})
    assert found.bridge is None
    assert "valuation_date" in str(found.problems[0])
    assert "valuation_date" in page(found)["Bridge"]


def test_a_scenario_beside_itself_moves_nothing(deal: Deal) -> None:
    found = figures(deal, PRESENT, PRESENT, {})
    assert (found.values[tables.DIFFERENCE] == 0).all()
    assert found.bridge is not None
    assert len(found.bridge) == 2
    assert set(page(found)) == set(HEADINGS)


def test_the_page_names_both_scenarios_and_every_total(deal: Deal) -> None:
    found = figures(deal, PROPOSAL, PRESENT, {"microsoft_stake": "40%"})
    text = page(found)
    for place, case in enumerate(found.cases):
        assert case.title in text["Value"]
        assert f">{display_value(found.values.loc['Total'].iloc[place], answer.AMOUNT)}<" in text["Value"]
    assert "1 term moved" in text["Value"]
    assert "microsoft_stake = 40%" in text["Caption"]
    assert page(figures(deal, PROPOSAL, PRESENT, {"microsoft_stake": "40%"})) == text


# --- terms ------------------------------------------------------------------------------------------------------------


def test_every_parameter_of_the_storys_clauses_is_a_term_but_for_those_no_slider_can_move(deal: Deal) -> None:
    named = {name for names in deal.story.clauses.values() for name in names}
    wanted = {name for name, parameter in deal.parameters.items() if {name, parameter.sheet} & named}
    found = [parameter.name for some in terms(deal).values() for parameter in some]
    assert len(found) == len(set(found))
    assert all(
        deal.parameters[name].adds_to_one or deal.parameters[name].between != "step" for name in wanted - {*found}
    )


def test_a_path_gets_a_new_level_at_its_last_date(deal: Deal) -> None:
    path = Dated((43466.0, 47119.0), (0.2, 0.1))  # 2019-01-01 and 2029-01-01
    found = with_level(path, "5%", deal.parameters["revenue_share_rate"], 0.0, 45838.0)
    assert found == "{2019: 20%, 2029: 5%}"


def test_a_path_that_ended_before_the_valuation_date_gets_a_new_level_on_that(deal: Deal) -> None:
    path = Dated((43466.0,), (0.2,))
    found = with_level(path, "5%", deal.parameters["revenue_share_rate"], 0.0, 45838.0)
    assert found == "{2019: 20%, 2025-06-30: 5%}"


def test_one_number_for_all_dates_holds_until_the_valuation_date(deal: Deal) -> None:
    found = with_level(0.2, "5%", deal.parameters["revenue_share_rate"], 43466.0, 45838.0)
    assert found == "{2019: 20%, 2025-06-30: 5%}"


def test_controls_say_what_the_parameter_file_says(shown: Explorer, deal: Deal) -> None:
    for name, term in shown.terms.items():
        assert deal.parameters[name].source in term.control.tooltip
        assert deal.parameters[name].label in unescape(term.label.value)
    stake = shown.terms["microsoft_stake"].control
    assert (stake.min, stake.max, stake.value) == (0.0, 100.0, 32.5)


# --- moving them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", Deal.load(root=ROOT).scenarios)
def test_unmoved_terms_give_every_scenario_as_it_stands(shown: Explorer, deal: Deal, scenario: str) -> None:
    shown.scenario.value = scenario
    assert shown.settings == {}
    assert shown.message.value == ""
    assert values(shown) == expected(deal, scenario)
    assert values(shown, 0) == expected(deal, PRESENT)


def test_a_moved_slider_gives_the_figures_of_the_same_setting(shown: Explorer, deal: Deal) -> None:
    shown.terms["microsoft_stake"].control.value = 33.3
    assert shown.settings == {"microsoft_stake": "33.3%"}
    assert values(shown) == expected(deal, PROPOSAL, {"microsoft_stake": 0.333})
    assert values(shown, 0) == expected(deal, PRESENT)


def test_every_term_can_be_moved_and_the_command_shown_gives_the_same_figures(shown: Explorer, deal: Deal) -> None:
    for term in shown.terms.values():
        control, unit = term.control, term.parameter.unit
        if term.endless is not None and term.endless.value:
            term.endless.value = False
        if unit == "flag":
            control.value = not control.value
        elif unit == "date":
            control.value += dt.timedelta(days=-1 if control.max and control.value >= control.max else 1)
        else:
            step = getattr(control, "step", None) or 1.0
            control.value = control.value + (step if control.value < getattr(control, "max", 1e9) else -step)
        assert term.text is not None, term.parameter.name
    assert set(shown.settings) == set(shown.terms)
    assert shown.message.value == ""
    assert values(shown) == expected(deal, PROPOSAL, shown.settings)
    told = CliRunner().invoke(app, [*command(shown), "--format", "json"])
    rows = json.loads(told.stdout)["rows"]
    assert values(shown) == [rows[name]["value"] for name in (*deal.story.holders, deal.story.total)]


def test_never_and_no_limit_are_boxes_to_tick(shown: Explorer, deal: Deal) -> None:
    end, cap = shown.terms["revenue_share_end"], shown.terms["revenue_share_cap"]
    end.endless.value = True
    assert end.control.disabled
    assert cap.endless.value  # the scenario has none
    cap.endless.value = False
    cap.control.value = 38.0
    assert not cap.control.disabled
    assert shown.settings == {"revenue_share_end": "never", "revenue_share_cap": "$38bn"}
    assert values(shown) == expected(deal, PROPOSAL, shown.settings)


def test_a_path_is_moved_at_its_end(shown: Explorer, deal: Deal) -> None:
    shown.terms["revenue_share_rate"].control.value = 5.0
    path = check_settings(shown.settings, deal.parameters)["revenue_share_rate"]
    given = deal.case(PROPOSAL).given["revenue_share_rate"]
    assert isinstance(path, Dated)
    assert isinstance(given, Dated)
    assert path.values[-1] == 0.05
    assert path.values[:-1] == given.values[:-1]
    assert values(shown) == expected(deal, PROPOSAL, {"revenue_share_rate": path})


def test_a_slider_moved_back_sets_nothing(shown: Explorer) -> None:
    slider = shown.terms["microsoft_stake"].control
    slider.value, slider.value = 40.0, 32.5
    assert shown.settings == {}


def test_reset_puts_every_term_back(shown: Explorer, deal: Deal) -> None:
    shown.terms["microsoft_stake"].control.value = 40.0
    shown.terms["agi_date"].endless.value = False
    shown.terms["access_end"].control.value = None
    shown.reset.click()
    assert shown.settings == {}
    assert shown.message.value == ""
    assert values(shown) == expected(deal, PROPOSAL)


def test_the_other_scenario_can_be_picked_without_losing_what_was_moved(shown: Explorer, deal: Deal) -> None:
    shown.terms["microsoft_stake"].control.value = 40.0
    shown.against.value = "blocked"
    assert values(shown, 0) == expected(deal, "blocked")
    assert values(shown) == expected(deal, PROPOSAL, {"microsoft_stake": "40%"})


def test_settings_that_cannot_be_used_are_said_and_no_figure_is_left(shown: Explorer) -> None:
    shown.terms["access_end"].control.value = None  # a date that was cleared
    assert "access_end: the value is empty" in shown.message.value
    assert "Traceback" not in shown.message.value
    assert shown.shown is None
    assert {view.value for view in shown.views.values()} == {""}
    shown.terms["access_end"].control.value = dt.date(2032, 12, 31)
    assert shown.message.value == ""
    assert shown.views["Value"].value


def test_a_number_outside_the_range_is_said(shown: Explorer) -> None:
    cap = shown.terms["revenue_share_cap"]
    cap.endless.value = False
    cap.control.value = 0.5
    assert "revenue_share_cap: $0.5bn is below the range" in unescape(shown.message.value)


def test_a_scenario_that_is_not_there_is_refused(deal: Deal) -> None:
    with pytest.raises(InputError, match="'new_dael' is not a scenario"):
        explorer(deal, "new_dael")


# --- the futures behind -----------------------------------------------------------------------------------------------


@pytest.fixture
def behind(shown: Explorer, monkeypatch: pytest.MonkeyPatch) -> Explorer:
    """The explorer with its futures, computed by NumPy."""
    monkeypatch.setattr(kernel._compiler, "refusal", "NumPy: a test")
    shown.behind.switch.value = True
    return shown


def pictures(shown: Explorer) -> list[str]:
    return [view.value for view in (shown.behind.spread, shown.behind.fan, shown.behind.about)]


def test_no_future_is_run_unless_asked_for(shown: Explorer) -> None:
    assert shown.behind.shown is None
    assert pictures(shown) == ["", "", ""]


def test_the_futures_shown_are_those_of_the_command_that_is_named(behind: Explorer, deal: Deal) -> None:
    behind.terms["agi_date"].endless.value = False
    found = re.search(r"<code[^>]*>dealgrid (.*)</code>", behind.behind.about.value, re.DOTALL)
    assert found
    told = CliRunner().invoke(app, [*shlex.split(unescape(found[1])), "--format", "json"])
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    assert behind.behind.shown is not None
    assert said["drawn"] == list(behind.behind.shown.drawn[1])
    row = behind.behind.row.value
    fan = {name: list(line.values()) for name, line in said["periods"][row].items()}
    assert behind.behind.shown.fans[1].loc["95%"].tolist() == fan["95%"][-len(behind.behind.shown.fans[1].columns) :]
    assert "2,048 futures are behind these pictures, not 100,000 (NumPy: a test)" in behind.behind.spread.value


def test_a_moved_term_moves_the_futures_and_is_no_longer_drawn(behind: Explorer) -> None:
    before, term = pictures(behind), behind.terms["agi_date"]
    assert "Drawn in the futures, with a chance of 2.0% a year" in term.note.value
    assert "Set by the scenario" in behind.terms["microsoft_stake"].note.value
    term.endless.value = False
    assert "Set here" in term.note.value
    assert "(set here)" in behind.behind.about.value
    assert all(one != other for one, other in zip(before, pictures(behind), strict=True))
    term.endless.value = True
    assert pictures(behind) == before  # the same draws: nothing but terms moves the pictures


def test_another_row_has_another_fan(behind: Explorer) -> None:
    behind.behind.row.value = "revenue_share_paid"
    assert "Revenue share paid to Microsoft, US$ bn" in behind.behind.fan.value


def test_settings_that_cannot_be_used_leave_no_futures(behind: Explorer) -> None:
    behind.terms["access_end"].control.value = None
    assert behind.behind.shown is None
    assert pictures(behind) == ["", "", ""]


def test_futures_switched_off_leave_nothing(behind: Explorer) -> None:
    behind.behind.switch.value = False
    assert behind.behind.shown is None
    assert pictures(behind) == ["", "", ""]
    assert {term.note.value for term in behind.terms.values()} == {""}


def test_a_row_that_is_no_number_in_some_future_is_said_and_the_other_figures_stay(
    behind: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = Problem("stand.py", "row `cash` is not a number", "a number", "look")
    monkeypatch.setattr(Live, "look", lambda *_: raised(ModelError(problem)))
    behind.terms["microsoft_stake"].control.value = 40.0
    assert "row `cash` is not a number" in behind.behind.spread.value
    assert behind.behind.fan.value == ""
    assert values(behind) == expected(behind.deal, PROPOSAL, {"microsoft_stake": "40%"})


def raised(error: Exception) -> None:
    raise error


def test_while_terms_move_there_are_fewer_futures_and_all_when_they_rest(
    behind: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, asked = behind.behind.shown, []
    assert few is not None

    def look(self: Live, against: Case, case: Case, row: str, count: int) -> Glimpse:
        asked.append(count)
        return dataclasses.replace(few, cases=(against, case), count=count, how=COMPILED)

    monkeypatch.setattr(Live, "look", look)
    monkeypatch.setattr(Live, "quick", 8192)

    async def moved() -> None:
        for stake in (35.0, 36.0, 37.0):
            behind.terms["microsoft_stake"].control.value = stake
        assert "8,192 of 100,000 futures are behind these pictures while terms move" in behind.behind.spread.value
        while asked[-1] != ALL:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(moved(), 60))
    assert asked == [8192, 8192, 8192, ALL]
    assert "100,000 futures are behind these pictures;" in behind.behind.spread.value


def test_all_futures_are_shown_as_soon_as_the_kernel_is_there(
    behind: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, answers = behind.behind.shown, iter([False, True])
    assert few is not None

    def look(self: Live, against: Case, case: Case, row: str, count: int) -> Glimpse:
        is_there = count == ALL
        return dataclasses.replace(few, count=count if is_there else 2048, how=COMPILED if is_there else COMPILING)

    monkeypatch.setattr(Live, "look", look)
    monkeypatch.setattr(Live, "quick", 2048)
    monkeypatch.setattr(Live, "is_ready", lambda *_: next(answers))
    monkeypatch.setattr(explore, "AGAIN", 0.01)

    async def waited() -> None:
        behind.terms["microsoft_stake"].control.value = 35.0
        assert "for now, computed by NumPy" in behind.behind.spread.value
        while behind.behind.shown is None or behind.behind.shown.count != ALL:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(waited(), 60))
    assert "100,000 futures are behind these pictures;" in behind.behind.spread.value


# --- saving -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def saving(tmp_path: Path) -> Explorer:
    shutil.copytree(ROOT / "params", tmp_path / "params")
    shown = explorer(Deal.load(root=tmp_path), PROPOSAL, PRESENT)
    shown.name.value, shown.title.value, shown.why.value = "our_offer", "Our offer", "What we would sign: a test."
    return shown


def test_a_saved_scenario_gives_the_figures_shown_and_can_be_picked(saving: Explorer) -> None:
    saving.terms["microsoft_stake"].control.value = 40.0
    saving.save.click()
    assert "Saved as params/scenarios/our_offer.yaml" in saving.saved.value
    again = Deal.load(root=saving.deal.root)
    assert again.scenario("our_offer").title == "Our offer"
    assert set(again.scenario("our_offer").set) == {*again.scenario(PROPOSAL).set, "microsoft_stake"}
    assert values(saving) == expected(again, "our_offer")
    assert saving.scenario.value == PROPOSAL
    saving.scenario.value = "our_offer"
    assert saving.settings == {}
    assert values(saving) == expected(again, "our_offer")


def test_what_was_saved_here_can_be_saved_again_but_no_other_scenario_is_written_over(saving: Explorer) -> None:
    saving.save.click()
    saving.terms["microsoft_stake"].control.value = 40.0
    saving.save.click()
    assert "Saved" in saving.saved.value
    folder = saving.deal.root / "params" / "scenarios"
    assert read_scenarios(folder, saving.deal.parameters)["our_offer"].set["microsoft_stake"] == 0.4
    before = (folder / "status_quo.yaml").read_bytes()
    saving.name.value = "status_quo"
    saving.save.click()
    assert "there is a scenario 'status_quo' already" in unescape(saving.saved.value)
    assert (folder / "status_quo.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["", "Our Offer", "../our_offer", "a/b", ".hidden", "<b>"])
def test_a_name_that_cannot_be_a_file_is_said(saving: Explorer, name: str) -> None:
    before = sorted(saving.deal.root.rglob("*"))
    saving.name.value = name
    saving.save.click()
    assert f"{name!r} cannot name a scenario" in unescape(saving.saved.value)
    assert "<b>" not in saving.saved.value
    assert sorted(saving.deal.root.rglob("*")) == before


@pytest.mark.parametrize("field", ["title", "why"])
def test_a_scenario_needs_title_and_reason(saving: Explorer, field: str) -> None:
    getattr(saving, field).value = " "
    saving.save.click()
    assert field in saving.saved.value
    assert not (saving.deal.root / "params" / "scenarios" / "our_offer.yaml").exists()


def test_terms_that_cannot_be_used_are_not_saved(saving: Explorer) -> None:
    saving.terms["access_end"].control.value = None
    saving.save.click()
    assert "access_end: the value is empty" in saving.saved.value
    assert not (saving.deal.root / "params" / "scenarios" / "our_offer.yaml").exists()


# --- in a notebook ----------------------------------------------------------------------------------------------------


def test_a_page_without_a_kernel_shows_the_figures_as_they_stood(shown: Explorer) -> None:
    bundle = shown._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == shown.widget.model_id
    assert "<svg" not in bundle["text/html"]  # a page that is not trusted would leave only its words
    values = shown.views["Value"].value
    assert values[values.index("</svg>") + 6 :] in bundle["text/html"]
    pictures = re.findall(
        r'<img alt="[^"]+" width="650" src="data:image/svg\+xml;base64,([^"]+)">', bundle["text/html"]
    )
    assert base64.b64decode(pictures[0]).decode() in values
    assert bundle["text/plain"] == "Explorer: New deal at 32.5% beside Status quo"
