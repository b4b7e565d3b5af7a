"""Figures under uncertainty as text: to the digits they are sure of, and never a nothing that is none."""

import io
from contextlib import redirect_stdout

import pandas as pd
import pytest

from dealgrid import Deal
from dealgrid.analysis import bargain
from dealgrid.output import rounded, terminal


@pytest.mark.parametrize(
    ("value", "error", "unit", "shown"),
    [
        (0.0412, 0.02, "fraction", "4%"),  # ± 2% allows for tens alone, which would say nothing
        (158.0, 120.0, "US$ bn", "200"),
        (483.3, 2.0, "US$ bn", "480"),
        (0.0, 2.0, "US$ bn", "0"),
        (-0.3, 20.0, "US$ bn", "0"),
    ],
)
def test_a_figure_has_the_digits_its_error_allows_but_is_not_rounded_to_nothing(
    value: float, error: float, unit: str, shown: str
) -> None:
    assert rounded.figure(value, error, unit) == shown


def test_rows_over_the_periods_alone_are_shown_alone(deal: Deal) -> None:
    found = deal.futures("new_deal", 128, rows=["revenue"])
    assert len(rounded.summary(found)) == 0
    assert list(found.summary().columns)[:3] == ["row", "unit", "base"]
    assert rounded.fan(found, "revenue").columns[0] == "2025"  # what is over is in no doubt


def test_without_rows_the_paths_of_the_story_have_their_fans(deal: Deal) -> None:
    found = deal.futures("new_deal", 128)
    assert all(len(found.fan(name)) for name in deal.story.paths)
    assert len(deal.story.paths) > 0


def test_a_loss_that_no_future_met_is_not_called_impossible(deal: Deal) -> None:
    texts = rounded.losses(deal.futures("new_deal", 128))
    assert set(texts["how often"]) == {"none of 128 futures"}


def test_a_table_too_wide_for_the_terminal_goes_on_below(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame(
        [["1,000"] * 9], index=["A long name of a row"], columns=[str(year) for year in range(2025, 2034)]
    )
    frame.attrs = {"title": "A title", "caption": "A caption"}
    monkeypatch.setattr(terminal, "WIDTH_OF_FILES", 40)
    with redirect_stdout(io.StringIO()) as said:
        terminal.show_texts(frame, frame)
    lines = said.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert said.getvalue().count("A caption") == 1
    assert all(said.getvalue().count(year) == 2 for year in frame.columns)


def test_why_both_sign_is_said_in_words(deal: Deal) -> None:
    study = deal.studies["bargain-stake-share"]
    found = deal.bargain("bargain-stake-share", count=64, points=(3, 3))
    laid = bargain.table(deal, study, 64)
    seen, turned = bargain.beliefs(laid), bargain.dial(laid)
    told = rounded.why(seen, turned, found)
    gains = rounded.with_error(seen.iloc[0]["Microsoft gains"], seen.iloc[0]["Microsoft error"], "US$ bn")
    assert told[0].startswith(f"By its own belief Microsoft gains {gains} US$ bn under New deal at 32.5%")
    turned["microsoft_gain"] = 10 - 100 * turned["probability"]  # nothing is left at 10%
    turned["microsoft_error"] = 1.0
    assert "stops being worth signing for Microsoft: 10% ± 1% a year" in rounded.why(seen, turned, found)[1]
    turned["microsoft_gain"] = -1.0
    assert (
        "no belief from 0.5% to 60% a year; so this belief is not why it signs" in rounded.why(seen, turned, found)[1]
    )
