"""What must hold for every parameter: the checks, and which way the answer moves."""

import datetime as dt
import math

import numpy as np
import pytest

from dealgrid import Deal
from dealgrid.dates import NEVER, serial
from dealgrid.deal import STRUCTURAL
from dealgrid.inputs import Parameter
from tests.tolerance import EXCEL

FUTURES = 2000
LAST_DAY = serial(dt.date(2040, 12, 31))
LATEST = serial(dt.date(2045, 12, 31))
NO_LIMIT_SHARE = 0.1  # of the draws of a parameter whose range has no upper end


def drawn(parameter: Parameter, random: np.random.Generator) -> np.ndarray:
    """One value per future, from all over the parameter's range."""
    if parameter.unit == "flag":
        return random.integers(0, 2, FUTURES).astype(float)
    high = parameter.high
    if math.isinf(high):
        high = (
            LATEST
            if parameter.unit == "date"
            else max(10 * np.max(np.abs(parameter.number)) if math.isfinite(parameter.number) else 1000, 500)
        )
    values = random.uniform(parameter.low, high, FUTURES)
    if parameter.unit in ("date", "count", "year"):
        values = np.round(values)
    if math.isinf(parameter.high):
        values = np.where(random.random(FUTURES) < NO_LIMIT_SHARE, NEVER, values)
    return values


def random_settings(deal: Deal, seed: int) -> dict[str, np.ndarray]:
    """A value per future for every parameter that is not about the calendar, from its whole range.

    Half of the parameters by date keep their path; the others get one level per future.
    """
    random = np.random.default_rng(seed)
    settings = {}
    groups: dict[str, list[str]] = {}
    for name, parameter in deal.parameters.items():
        if name in STRUCTURAL or parameter.between == "nothing":
            continue
        if parameter.adds_to_one:
            groups.setdefault(parameter.adds_to_one, []).append(name)
        elif not parameter.is_dated or random.random() < 0.5:
            settings[name] = drawn(parameter, random)
    settings["exit_date"] = np.minimum(settings["exit_date"], LAST_DAY)  # or check_exit says that nobody is paid
    settings["cap_on_profit_most"] = np.full(FUTURES, NEVER)  # or check_cap_reading doubts caps drawn at random
    for names in groups.values():
        shares = random.dirichlet(np.ones(len(names)), FUTURES)
        shares[:, -1] = 1 - shares[:, :-1].sum(axis=1)
        settings |= dict(zip(names, np.maximum(shares, 0).T, strict=True))
    return settings


@pytest.mark.parametrize("frequency", [1, 4])
def test_every_check_is_zero_in_every_scenario(deal: Deal, frequency: int) -> None:
    failed = {name: deal.case(name, set={"periods_per_year": frequency}).checks.failed for name in deal.scenarios}
    assert failed == dict.fromkeys(deal.scenarios, ())


@pytest.mark.parametrize("frequency", [1, 4])
@pytest.mark.parametrize("scenario", ["status_quo", "new_deal"])
def test_every_check_is_zero_for_parameters_from_all_over_their_ranges(
    deal: Deal, scenario: str, frequency: int
) -> None:
    # Valued before the first actual figure: what has happened would contradict a past drawn at random.
    settings = {**random_settings(deal, seed=frequency), "valuation_date": "2021-12-31"}
    rows = deal.many(scenario, {**settings, "periods_per_year": frequency})
    worst = {
        name: float(np.max(np.abs(rows[name]))) for name in rows if name.startswith("check_") and name != "check_all"
    }
    assert {name: gap for name, gap in worst.items() if gap > 1e-7} == {}  # amounts go up to 1e6 here: 13 digits
    assert np.isfinite(rows["total_value"]).all()


def test_the_checks_can_fail(deal: Deal) -> None:
    assert (
        deal.case("status_quo", pins={"microsoft_capped_distribution@2030": 5.0}).checks.failed[0]
        == "check_distribution"
    )
    assert "check_ownership" in deal.case("new_deal", pins={"microsoft_ownership@2030": 0.5}).checks.failed
    assert "check_cash" in deal.case("new_deal", pins={"cash@2030": 0.5}).checks.failed
    assert "check_all" in deal.case("new_deal", pins={"cash@2030": 0.5}).checks.failed


def test_an_exit_outside_the_model_is_no_answer(deal: Deal) -> None:
    past = {"exit_date": "2026-06-30", "valuation_date": "2026-12-31"}
    same = {"exit_date": "2026-12-31", "valuation_date": "2026-12-31"}
    for settings in ({"exit_date": "2045-06-30"}, past, same):
        case = deal.case("new_deal", set=settings)
        assert case.checks.failed == ("check_exit", "check_all")
        assert case["check_exit"] == 1


def test_moving_the_exit_over_new_year_does_not_move_its_price(deal: Deal) -> None:
    for scenario in ("status_quo", "new_deal"):
        prices = [
            float(deal.case(scenario, set={"exit_date": date})["exit_equity_value"].sum())
            for date in ("2034-12-31", "2035-01-01")
        ]
        assert prices[1] == pytest.approx(prices[0], rel=0.01)


def test_quarters_and_years_give_nearly_the_same_answer(deal: Deal) -> None:
    for scenario in deal.scenarios:
        in_years = deal.case(scenario)["total_value"]
        in_quarters = deal.case(scenario, set={"periods_per_year": 4})["total_value"]
        assert in_quarters == pytest.approx(in_years, rel=0.02), scenario


@pytest.mark.parametrize(
    ("plan", "row", "reported"),
    [
        ("plan_2025_q1", "revenue", {2025: 13, 2029: 125, 2030: 174}),
        ("plan_2025_q3", "revenue", {2025: 13, 2030: 200}),
        ("plan_2026_q1", "revenue", {2026: 30, 2027: 62, 2030: 283}),
        ("plan_hsbc", "revenue", {2030: 213}),
        ("plan_2025_q1", "free_cash_flow", {2025: -7, 2026: -8, 2027: -20, 2028: -11, 2029: 12, 2030: 41}),
        ("plan_2025_q3", "free_cash_flow", {2025: -9, 2026: -17, 2027: -35, 2028: -47, 2029: -8, 2030: 38}),
        ("plan_2026_q1", "free_cash_flow", {2025: -8, 2026: -25, 2027: -57, 2028: -85, 2029: -51, 2030: 39}),
    ],
)
def test_a_plan_shows_the_figures_it_was_reported_with(
    deal: Deal, plan: str, row: str, reported: dict[int, float]
) -> None:
    figures = deal.case(plan)[row]
    for year, figure in reported.items():
        assert figures[year - 2019] == pytest.approx(figure, abs=0.05)


@pytest.mark.parametrize("scenario", ["status_quo", "new_deal"])
def test_a_crowd_of_futures_gives_what_each_gives_alone(deal: Deal, scenario: str) -> None:
    settings = random_settings(deal, seed=3)
    rows = deal.many(scenario, settings)
    for future in (0, 999, 1999):
        alone = deal.case(scenario, set={name: float(values[future]) for name, values in settings.items()})
        for name in ("microsoft_value", "total_value", "microsoft_irr"):
            np.testing.assert_allclose(rows[name][future], alone[name], rtol=1e-12)


def yearly(deal: Deal, row: str, frequency: int, **settings: object) -> np.ndarray:
    case = deal.case("new_deal", set={"periods_per_year": frequency, **settings})
    return np.asarray(case[row]).reshape(-1, frequency).sum(axis=1)


@pytest.mark.parametrize(
    "row",
    [
        "chatgpt_revenue",
        "agents_revenue",
        "bing_revenue",
        "azure_openai_demand",
        "copilot_demand",
        "planned_training_cost",
    ],
)
def test_yearly_amounts_given_come_to_the_same_in_quarters_and_years(deal: Deal, row: str) -> None:
    free = {"raising_limit_converted": 400, "models_exclusivity_end": "never"}  # neither shortfall nor ramp in a year
    np.testing.assert_allclose(yearly(deal, row, 4, **free), yearly(deal, row, 1, **free), rtol=EXCEL, atol=1e-12)


def test_revenue_rises_through_a_year_as_it_was_reported(deal: Deal) -> None:
    revenue = deal.case("closed_oct_2025", set={"periods_per_year": 4})["revenue"]
    first = (2025 - 2019) * 4
    assert revenue[first : first + 2].sum() == pytest.approx(4.3, abs=0.1)
    assert revenue[first + 4] == pytest.approx(5.7, abs=0.2)
    assert (np.diff(revenue[first : first + 24]) > 0).all()  # to the end of the plans, over each New Year too


def test_every_plan_by_date_comes_to_the_same_in_quarters_and_years(deal: Deal) -> None:
    from dealgrid.dates import Calendar
    from dealgrid.inputs import Dated

    for parameter in deal.parameters.values():
        if parameter.unit == "US$ bn per year" and isinstance(parameter.value, Dated):
            years, quarters = Calendar(2019, 2040), Calendar(2019, 2040, 4)
            lengths = [(end - start).days + 1 for start, end in zip(quarters.starts, quarters.ends, strict=True)]
            spread = (parameter.value.over(quarters) * lengths).reshape(-1, 4).sum(axis=1)
            in_year = np.reshape(lengths, (-1, 4)).sum(axis=1)
            np.testing.assert_allclose(
                spread / in_year, parameter.value.over(years), rtol=1e-12, err_msg=parameter.name
            )


def test_microsofts_value_rises_with_its_stake(deal: Deal) -> None:
    stakes = np.linspace(0, 1, 41)
    for scenario in ("new_deal", "agi_2028_new_deal", "closed_oct_2025", "amended_apr_2026"):
        assert np.all(np.diff(deal.many(scenario, {"microsoft_stake": stakes})["microsoft_value"]) > 0)


@pytest.mark.parametrize("others_stop", [True, False])
def test_microsofts_value_never_falls_with_its_cap(deal: Deal, others_stop: bool) -> None:
    caps = np.append(np.linspace(0, 2000, 401), NEVER)
    rows = deal.many("status_quo", {"microsoft_cap": caps, "others_stop_with_microsoft": others_stop})
    assert np.all(np.diff(rows["microsoft_value"]) >= -1e-9)
    assert rows["microsoft_value"][-1] > rows["microsoft_value"][0]


def test_early_agi_costs_microsoft_and_less_under_the_new_deal(deal: Deal) -> None:
    present = deal.case("status_quo")["microsoft_value"] - deal.case("agi_2028_status_quo")["microsoft_value"]
    proposed = deal.case("new_deal")["microsoft_value"] - deal.case("agi_2028_new_deal")["microsoft_value"]
    assert present > proposed > 0


def test_a_block_costs_both_sides(deal: Deal) -> None:
    present, blocked = deal.case("status_quo"), deal.case("blocked")
    assert blocked["total_value"] < present["total_value"]
    assert blocked["openai_side_value"] < present["openai_side_value"]


def test_more_revenue_share_moves_value_from_openais_side_to_microsoft(deal: Deal) -> None:
    rates = np.linspace(0, 0.3, 13)
    for scenario in ("status_quo", "new_deal"):
        rows = deal.many(scenario, {"revenue_share_rate": rates})
        assert np.all(np.diff(rows["revenue_share_value"]) > 0)
        assert np.all(np.diff(rows["openai_side_value"]) < 0)


def test_the_revenue_share_alone_neither_makes_nor_destroys_cash(deal: Deal) -> None:
    # With money to spare and nothing yet distributed, what Microsoft gets is what OpenAI's cash flow lacks.
    free = {"raising_limit_capped": 200, "tax_rate": "0%", "cash_yield": "0%"}
    low = deal.case("status_quo", set={**free, "revenue_share_rate": "10%"})
    high = deal.case("status_quo", set={**free, "revenue_share_rate": "20%"})
    paid = high["revenue_share_paid"] - low["revenue_share_paid"]
    lacking = low["free_cash_flow"] - high["free_cash_flow"]
    np.testing.assert_allclose(paid[7:], lacking[7:], rtol=1e-12, atol=1e-12)  # after the years with actual figures


def test_the_master_check_notices_each_check_alone(deal: Deal) -> None:
    checks = [name for name in deal.book.rows if name.startswith("check_") and name != "check_all"]
    assert len(checks) > 10
    for name in checks:
        for gap in (1.0, -1.0) if deal.row(name).unit == "US$ bn" else (1.0,):
            case = deal.case("status_quo", pins={name: gap})
            assert case.checks.failed == (name, "check_all"), name
