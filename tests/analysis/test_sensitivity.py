"""Sensitivity: indices and the value of information against a toy worked by hand."""

from pathlib import Path

import pytest

from dealgrid import Deal
from dealgrid.analysis.sensitivity import deciders, information, sobol, tornado
from tests.analysis.toy import toy


def test_two_equal_causes_decide_half_each(tmp_path: Path) -> None:
    frame = sobol(toy(tmp_path), "now", ["ours"]).set_index("parameter")  # 0.5 × a pot of 80 to 120, a fee of −10 to 10
    assert frame["first"].to_numpy() == pytest.approx([0.5, 0.5], abs=0.03)
    assert frame["total"].to_numpy() == pytest.approx([0.5, 0.5], abs=0.03)
    assert (frame["total_error"] < 0.05).all()


def test_the_deciders_mark_what_is_our_judgement(tmp_path: Path) -> None:
    frame = deciders(sobol(toy(tmp_path), "now", ["ours"], power=6), "ours")
    assert dict(zip(frame["parameter"], frame["judgement"], strict=True)) == {"pot": True, "fee": False}


def test_a_parameter_with_a_distribution_is_swung_between_its_quantiles(tmp_path: Path) -> None:
    frame = tornado(toy(tmp_path), "now", "ours").set_index("parameter")
    assert (frame.loc["pot", "at_low"], frame.loc["pot", "at_high"]) == pytest.approx((41, 59))  # half of 82 and 118
    assert frame.loc["stake", "swing"] == pytest.approx(100)  # over its range
    assert frame.loc["stake", "span"] == "range"


def test_knowing_what_decides_is_worth_what_arithmetic_says(tmp_path: Path) -> None:
    deal = toy(tmp_path, {"none": "{stake: 0%, fee: 0}", "all": "{stake: 100%, fee: -100}"})
    frame = information(deal, ["none", "all"], "ours", count=16384)
    # A pot of 80 to 120 less 100: signing only above 100 brings 20 ÷ 4.
    assert frame.set_index("parameter").loc["pot", "worth"] == pytest.approx(5, abs=0.05)
    assert frame.attrs["all_value"] == pytest.approx(5, abs=0.02)


def test_knowing_what_changes_no_choice_is_worth_nothing(tmp_path: Path) -> None:
    deal = toy(tmp_path, {"none": "{stake: 0%}", "all": "{stake: 100%}"})  # a pot is better than none, always
    frame = information(deal, ["none", "all"], "ours", count=4096)
    assert frame["worth"].to_list() == [0.0, 0.0]


def test_information_on_the_deal_is_never_worth_more_than_all_of_it(deal: Deal) -> None:
    frame = information(deal, ["status_quo", "new_deal"], "microsoft_value", count=2048)
    assert (frame["worth"] <= frame.attrs["all_value"] + 3 * frame.attrs["all_error"]).all()
