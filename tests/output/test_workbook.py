"""The workbook holds the case's own numbers, says what they are, and takes no text for a formula."""

import dataclasses
import datetime as dt
import io
import math
import zipfile

import numpy as np
import openpyxl
import pytest

from dealgrid import Case, Deal
from dealgrid.inputs import Dated, value_text
from dealgrid.output import workbook

RUN = "new_deal/20260102T030405Z-0123abcd"
WRITTEN = dt.datetime(2026, 1, 2, 3, 4, 5)
TITLES = ["Status quo", "New deal at 32.5%"]


@pytest.fixture(scope="module")
def deal() -> Deal:
    return Deal.load()


@pytest.fixture(scope="module")
def cases(deal: Deal) -> list[Case]:
    return [deal.case("status_quo"), deal.case("new_deal")]


@pytest.fixture(scope="module")
def made(deal: Deal, cases: list[Case]) -> bytes:
    return workbook.write(cases, [deal.case(name) for name in deal.scenarios], RUN, WRITTEN)


@pytest.fixture(scope="module")
def book(made: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(made))


def as_number(cell: object) -> float:
    """What a cell holds, as the model has it: serial days, and the words for infinity."""
    if isinstance(cell, dt.datetime):
        return float((cell - dt.datetime(1899, 12, 30)).days)
    return {"never": math.inf, "no limit": math.inf, "n/a": math.nan}.get(cell, cell)  # type: ignore[arg-type, call-overload]


def test_there_is_a_tab_for_cover_comparison_inputs_and_every_sheet(book: openpyxl.Workbook, deal: Deal) -> None:
    assert book.sheetnames == ["Cover", "Compare", "Inputs", *(workbook.tab_of(sheet) for sheet in deal.book.sheets)]


def test_every_figure_is_the_case_at_full_precision(book: openpyxl.Workbook, deal: Deal, cases: list[Case]) -> None:
    counted = 0
    for sheet, rows in deal.book.sheets.items():
        lines = list(book[workbook.tab_of(sheet)].iter_rows(values_only=True))
        head = next(line for line in lines if "unit" in line)
        first, names = workbook.FIRST, head.index("row")
        starts = [next(place for place, line in enumerate(lines) if line[0] == title) for title in TITLES]
        for case, start in zip(cases, starts, strict=True):
            for row, line in zip(rows, lines[start + 1 :], strict=False):
                assert (line[0], line[1], line[names]) == (row.label, row.unit, row.name)
                assert line[names + 1] == deal.book.formula(row.name)
                if row.is_once:
                    assert as_number(line[first - 1]) == float(case.values[row.name]) or math.isnan(
                        case.values[row.name]
                    )
                    counted += 1
                    continue
                found = [as_number(cell) for cell in line[first : first + len(case.calendar)]]
                assert found == case.values[row.name].tolist()
                assert head[first : first + len(case.calendar)] == case.calendar.periods
                counted += len(found)
                if row.shape == "flow":
                    assert line[first - 1] == float(np.asarray(case.values[row.name], dtype=float).sum())
                if row.shape == "balance":
                    assert as_number(line[first - 1]) == float(case.values[row.name][-1])
    assert counted > 2 * len(deal.book.rows)


def test_every_scenario_stands_in_the_comparison(book: openpyxl.Workbook, deal: Deal) -> None:
    lines = {line[1]: line for line in book["Compare"].iter_rows(values_only=True) if line[1]}
    for name in (*deal.story.holders, *deal.story.streams, deal.story.total, deal.story.center):
        assert list(lines[name][3 : 3 + len(deal.scenarios)]) == [deal.case(each)[name] for each in deal.scenarios]


def test_every_parameter_stands_with_its_value_in_each_case(
    book: openpyxl.Workbook, deal: Deal, cases: list[Case]
) -> None:
    lines = {line[1]: line for line in book["Inputs"].iter_rows(values_only=True)}
    assert set(deal.parameters) <= set(lines)
    for name, parameter in deal.parameters.items():
        line = lines[name]
        assert (line[2], line[3], line[8]) == (parameter.label, parameter.unit, parameter.grade)
        assert parameter.source in str(line[9])
        for case, cell in zip(cases, line[4:6], strict=True):
            value = case.given[name]
            if isinstance(value, Dated):
                assert f"{{{str(cell).replace(chr(10), ', ')}}}" == value_text(value, parameter.unit)
            else:
                assert as_number(cell) == value


def test_a_pinned_figure_names_its_source(book: openpyxl.Workbook, cases: list[Case]) -> None:
    notes = [cell.comment.text for sheet in book for line in sheet.iter_rows() for cell in line if cell.comment]
    assert {pin.source for pin in cases[0].pins} <= {note.rsplit(" (grade", 1)[0] for note in notes}


def test_no_text_becomes_a_formula_or_a_link(deal: Deal, cases: list[Case]) -> None:
    hostile = ["=1+1", "+1", "-1", "@SUM(1)", "=cmd|' /C calc'!A0", "https://example.com", "{=1}"]
    name = next(iter(deal.parameters))
    own = Deal.load()
    for text in hostile:
        changed = dataclasses.replace(own.parameters[name], label=text, source=text, note=text)
        own.parameters[name] = changed
        pair = [own.case("status_quo"), own.case("new_deal")]
        made = workbook.write(pair, pair, text, WRITTEN)
        with zipfile.ZipFile(io.BytesIO(made)) as parts:
            sheets = [parts.read(part).decode() for part in parts.namelist() if part.startswith("xl/worksheets/sheet")]
        assert not any("<f>" in sheet or "<hyperlink" in sheet for sheet in sheets)
        cells = [cell for line in openpyxl.load_workbook(io.BytesIO(made))["Inputs"].iter_rows() for cell in line]
        assert [cell.data_type for cell in cells if cell.value == text] == ["s"] * 3


def test_the_workbook_says_it_has_values_only(book: openpyxl.Workbook) -> None:
    text = " ".join(str(cell) for line in book["Cover"].iter_rows(values_only=True) for cell in line if cell)
    assert "no live formulas" in text
    assert RUN in text
    assert "every check of every case is zero" in text


def test_the_same_input_gives_the_same_bytes(made: bytes, deal: Deal, cases: list[Case]) -> None:
    assert workbook.write(cases, [deal.case(name) for name in deal.scenarios], RUN, WRITTEN) == made


def test_the_properties_name_the_program_and_the_run(book: openpyxl.Workbook) -> None:
    about = book.properties
    assert (about.creator, about.lastModifiedBy, about.description) == ("dealgrid", "dealgrid", RUN)
    assert about.created == WRITTEN


def test_a_failed_check_is_told_on_the_cover(deal: Deal) -> None:
    pair = [deal.case("status_quo"), deal.case("new_deal", pins={"check_cash": "1"})]
    made = openpyxl.load_workbook(io.BytesIO(workbook.write(pair, pair, RUN, WRITTEN)))
    text = " ".join(str(cell) for line in made["Cover"].iter_rows(values_only=True) for cell in line if cell)
    assert "CHECKS OF THE MODEL ARE NOT ZERO: check_cash" in text


def test_quarters_and_rates_that_do_not_exist_can_be_written(deal: Deal) -> None:
    pair = [deal.case(name, {"periods_per_year": 4}) for name in ("status_quo", "new_deal")]
    pair[0].values["microsoft_irr"] = np.array(math.nan)
    made = openpyxl.load_workbook(io.BytesIO(workbook.write(pair, pair, RUN, WRITTEN)))
    head = next(line for line in made["Timing"].iter_rows(values_only=True) if "unit" in line)
    assert head[workbook.FIRST : workbook.FIRST + 2] == ("2019-Q1", "2019-Q2")
    lines = {line[1]: line for line in made["Compare"].iter_rows(values_only=True)}
    assert lines["microsoft_irr"][3] == "n/a"
