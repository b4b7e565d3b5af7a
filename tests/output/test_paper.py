"""The paper holds the answer, says on every page what it shows, and reads no text as markup."""

import datetime as dt
import io

import pandas as pd
import pypdf
import pytest

from dealgrid import Deal
from dealgrid.inputs import display_value
from dealgrid.output import answer, paper

RUN = "new_deal/20260102T030405Z-0123abcd"
WRITTEN = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
HOSTILE = '#set page(fill: red) $x$ *b* _i_ [c] ] @ref <label> \\ " \' `raw` // c = h - l + e 1. ~ #panic("x")'


@pytest.fixture(scope="module")
def deal() -> Deal:
    return Deal.load()


@pytest.fixture(scope="module")
def made(deal: Deal) -> bytes:
    return paper.pdf([deal.case("status_quo"), deal.case("new_deal")], RUN, WRITTEN)


def words(page: pypdf.PageObject) -> str:
    return " ".join(page.extract_text().split())


def test_the_paper_holds_the_answer_and_its_figures(made: bytes, deal: Deal) -> None:
    cases = [deal.case("status_quo"), deal.case("new_deal")]
    text = " ".join(words(page) for page in pypdf.PdfReader(io.BytesIO(made)).pages).replace("- ", "-")
    for case in cases:
        for name, label in deal.story.holders.items():
            assert label in text
            assert display_value(float(case.values[name]), "US$ bn") in text
    assert deal.story.question in text
    assert answer.answer(*cases)[1] in text


def test_every_page_says_case_date_run_check_and_its_number(made: bytes) -> None:
    pages = pypdf.PdfReader(io.BytesIO(made)).pages
    for number, page in enumerate(pages, 1):
        text = words(page)
        for said in ("Status quo; New deal at 32.5%", "valued on 2025-06-30", RUN, "master check 0"):
            assert said in text
        assert f"page {number} of {len(pages)}" in text


def test_the_paper_is_a4_and_carries_its_own_fonts_only(made: bytes) -> None:
    for page in pypdf.PdfReader(io.BytesIO(made)).pages:
        assert (round(page.mediabox.width), round(page.mediabox.height)) == (595, 842)
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            assert "Libertinus" in font.get_object()["/BaseFont"]


def test_the_same_input_gives_the_same_bytes(made: bytes, deal: Deal) -> None:
    assert paper.pdf([deal.case("status_quo"), deal.case("new_deal")], RUN, WRITTEN) == made


def test_the_paper_bears_the_date_of_its_run_and_no_user(made: bytes) -> None:
    about = pypdf.PdfReader(io.BytesIO(made)).metadata
    assert about is not None
    assert about.creation_date == WRITTEN
    assert about.author == "dealgrid"


def test_markup_in_any_text_is_printed_as_it_stands() -> None:
    frame = pd.DataFrame({HOSTILE: [1.25, -1.25]}, index=[HOSTILE, "Total"])
    frame.attrs = {"title": HOSTILE, "caption": HOSTILE, "unit": "US$ bn", "totals": ["Total"]}
    made = paper.typeset(
        title=HOSTILE, question=HOSTILE, subtitle=HOSTILE, sentences=[HOSTILE], footer=HOSTILE, alarm=HOSTILE,
        sections=[paper.Section(HOSTILE, [frame])], written=WRITTEN,
    )  # fmt: skip
    text = "".join("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made)).pages).split())
    assert text.count("".join(HOSTILE.split())) >= 9
    assert "(1.2)" in text


def test_a_check_that_is_not_zero_is_the_first_thing_seen(deal: Deal) -> None:
    bad = deal.case("new_deal", pins={"check_cash": "1"})
    assert not bad.checks.passed
    assert "check_cash" in paper.alarm([bad])
    assert "NOT ZERO in new_deal" in paper.footer([bad], RUN)
    assert paper.alarm([deal.case("new_deal")]) == ""
