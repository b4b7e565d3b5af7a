"""Goal seek: every solution in the range, or why there is none; on a toy by hand, on the deal by running it again."""

import datetime as dt

import pytest

from dealgrid import Deal
from dealgrid.analysis.solve import solve
from dealgrid.dates import serial
from dealgrid.inputs import parse_settings
from dealgrid.problems import InputError
from tests.analysis.toy import toy


@pytest.fixture(scope="module")
def pot(tmp_path_factory: pytest.TempPathFactory) -> Deal:
    return toy(tmp_path_factory.mktemp("pot"))


def values(deal: Deal, *asked: object, **options: object) -> list[float]:
    return [found.value for found in solve(deal, *asked, scenario="now", **options).solutions]


def test_one_solution_of_a_line(pot: Deal) -> None:
    assert values(pot, "stake", "ours", 64.0) == pytest.approx([0.64])  # 64 of a pot of 100


def test_both_solutions_of_a_parabola(pot: Deal) -> None:
    assert values(pot, "stake", "dip", 0.01) == pytest.approx([0.2, 0.4])  # 0.3 ± √0.01


def test_a_figure_that_is_only_touched_is_found(pot: Deal) -> None:
    assert values(pot, "stake", "dip", 0.0) == pytest.approx([0.3], abs=1e-4)


def test_a_stretch_on_which_all_values_fit(pot: Deal) -> None:
    (found,) = solve(pot, "stake", "floor", 0.0, scenario="now").solutions
    assert (found.value, found.until) == pytest.approx((0.0, 0.3), abs=1e-6)


def test_a_jump_is_no_solution(pot: Deal) -> None:
    found = solve(pot, "stake", "step", 0.5, scenario="now")
    assert found.solutions == ()
    assert "jumps over it, from 0 to 1, at stake = 30.0%" in found.because


def test_a_row_that_does_not_depend_on_the_parameter(pot: Deal) -> None:
    assert "does not depend on it" in solve(pot, "size", "ours", 64.0, scenario="now").because


def test_a_figure_out_of_reach(pot: Deal) -> None:
    assert "between 0.0 and 100.0 all over 0% to 100%" in solve(pot, "stake", "ours", 101.0, scenario="now").because


def test_a_date_is_found_to_the_day(pot: Deal) -> None:
    assert values(pot, "end", "days", -100.0) == [serial(dt.date(2028, 9, 22))]  # 100 days before the end of 2028


def test_a_path_keeps_its_shape(pot: Deal) -> None:
    # 20% in 2025; of the way from 20% to x, a fifth in 2026, as from 20% to 18% on the way to 10%; x in 2027 and 2028:
    # 20% + 16% + 0.2 x + 2 x = 58% at x = 10%, and 80% at x = 20%.
    (found,) = solve(pot, "level", "levels", 0.80, scenario="now").solutions
    assert found.value == pytest.approx(0.2)
    assert solve(pot, "level", "levels", 0.58, scenario="now").solutions[0].setting.startswith("{2019: 0%, 2025: 20%")


def test_the_setting_brings_the_row_to_the_figure(deal: Deal) -> None:
    for parameter, scenario in (("microsoft_stake", "new_deal"), ("revenue_share_rate", "new_deal")):
        low, high = (deal.case(scenario, {parameter: text} if parameter == "microsoft_stake" else {})["nonprofit_value"]
                     for text in ("20%", "30%"))  # fmt: skip
        goal = (low + high) / 2
        for found in solve(deal, parameter, "nonprofit_value", goal, scenario=scenario).solutions:
            case = deal.case(scenario, parse_settings([f"{parameter}={found.setting}"], deal.parameters))
            assert case["nonprofit_value"] == pytest.approx(goal, rel=1e-9)


def test_an_expected_value_is_reached_within_its_error(pot: Deal) -> None:
    (found,) = solve(pot, "stake", "ours", 64.0, scenario="now", expected=True, count=4096).solutions
    assert abs(found.value - 0.64) < 4 * found.error  # a mean pot of 100 and a mean fee of 0
    assert 0 < found.error < 1e-3


def test_a_quantile_is_reached(pot: Deal) -> None:
    (found,) = solve(pot, "stake", "ours", 50.0, scenario="deal", quantile=0.05, count=4096).solutions
    assert found.value == pytest.approx(50 / 82, abs=1e-3)  # 5% of pots from 80 to 120 are below 82


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("stak", "ours", 1.0), "did you mean `stake`"),
        (("stake", "our", 1.0), "did you mean `ours`"),
        (("stake", "path", 1.0), "has a value per period"),
    ],
)
def test_what_cannot_be_solved_for_is_refused(pot: Deal, asked: tuple, words: str) -> None:
    with pytest.raises(InputError, match=words):
        solve(pot, *asked)


def test_the_calendar_is_solved_for_case_by_case_and_refused_over_futures(pot: Deal) -> None:
    assert "does not depend" in solve(pot, "periods_per_year", "ours", 1.0).because
    with pytest.raises(InputError, match="all futures share periods_per_year"):
        solve(pot, "periods_per_year", "ours", 50.0, expected=True)


def test_parts_of_one_are_refused_with_advice(deal: Deal) -> None:
    group = next(name for name, each in deal.parameters.items() if each.adds_to_one)
    with pytest.raises(InputError, match="must add to 1 with"):
        solve(deal, group, "microsoft_value", 1.0)
