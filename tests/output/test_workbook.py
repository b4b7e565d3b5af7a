"""The workbook is live, complete and steered by its inputs; it takes no text for a formula and hides nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import math
import zipfile

import numpy as np
import openpyxl
import pytest
from openpyxl.utils import get_column_letter

from dealgrid import Case, Deal, InputError
from dealgrid.inputs import Dated
from dealgrid.output import workbook
from dealgrid.output.workbook.layout import ENDLESS, NO_RATE, RESERVED, Layout
from tests.output.recalculated import formula_cells

RUN = "new_deal/20260102T030405Z-0123abcd"
WRITTEN = dt.datetime(2026, 1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def made(pair: list[Case]) -> bytes:
    return workbook.write(pair, RUN, WRITTEN)


@pytest.fixture(scope="module")
def book(made: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(made))


@pytest.fixture(scope="module")
def cells(pair: list[Case]) -> workbook.CellMap:
    return workbook.cell_map(pair)


def held(value: float) -> float | str:
    """A figure as a cell holds it."""
    return NO_RATE if math.isnan(value) else math.copysign(ENDLESS, value) if math.isinf(value) else value


def as_number(cell: object) -> object:
    """What openpyxl makes of a cell, as a number where it is a date."""
    return float((cell - dt.datetime(1899, 12, 30)).days) if isinstance(cell, dt.datetime) else cell


def test_there_is_a_tab_for_everything(book: openpyxl.Workbook, deal: Deal) -> None:
    sheets = [name.replace("_", " ").capitalize() for name in deal.book.sheets]
    before, after = ["Cover", "Inputs", "Dated inputs", "Timelines", "Pins"], ["All checks", "Compare", "Charts"]
    assert book.sheetnames == [*before, *sheets, *after]
    assert set(before + after) == set(RESERVED)


def test_every_row_is_a_formula_with_the_cases_own_figure_beside_it(
    made: bytes, pair: list[Case], cells: workbook.CellMap
) -> None:
    cached = formula_cells(made)
    counted = 0
    for at, cell in cells.rows.items():
        values = pair[cell.case].values[cell.row]
        if cell.period is not None:
            value = float(values[pair[cell.case].calendar.periods.index(cell.period)])
        elif pair[cell.case].deal.row(cell.row).shape == "flow":
            assert cached[at] == pytest.approx(float(values.sum()), rel=1e-12, abs=1e-12)
            continue
        else:
            value = float(np.atleast_1d(values)[-1])
        assert cached[at] == held(value)
        counted += 1
    assert counted > 2 * len(pair[0].deal.book.rows)


def test_every_input_is_written_at_full_precision(
    book: openpyxl.Workbook, pair: list[Case], cells: workbook.CellMap, deal: Deal
) -> None:
    found: dict[tuple[str, str], dict[int, list[object]]] = {}
    given = {scenario: deal.case(scenario).given for scenario in deal.scenarios}
    for (tab, name), cell in cells.inputs.items():
        assert book[tab][name].data_type in ("n", "d")
        value = as_number(book[tab][name].value)
        if cell.part == "value":
            assert value == held(float(given[cell.scenario][cell.parameter])), (cell, value)
        else:
            found.setdefault((cell.scenario, cell.parameter), {}).setdefault(cell.entry or 0, []).append(value)
    for (scenario, name), entries in found.items():
        value = given[scenario][name]
        assert isinstance(value, Dated)
        used = [tuple(entry) for _, entry in sorted(entries.items()) if entry[0] < ENDLESS]
        assert used == [(day, held(amount)) for day, amount in zip(value.days, value.values, strict=True)]
    assert {cell.parameter for cell in cells.inputs.values()} == set(deal.parameters)
    assert {cell.scenario for cell in cells.inputs.values()} == set(deal.scenarios)


def test_every_input_stands_beside_its_unit_range_grade_and_source(
    book: openpyxl.Workbook, cells: workbook.CellMap, deal: Deal
) -> None:
    lines = {(tab, line[-1].value): line for tab in ("Inputs", "Dated inputs") for line in book[tab].iter_rows()}
    for name, parameter in deal.parameters.items():
        line = lines["Dated inputs" if parameter.is_dated else "Inputs", name]
        *_, low, high, grade, source, note, _ = (each.value for each in line)
        assert (as_number(low), as_number(high)) == (parameter.low, held(parameter.high))
        assert (line[1].value, grade, note or "") == (parameter.unit, parameter.grade, parameter.note)
        assert str(source).startswith(parameter.source)
    rules = {
        (tab, f"{get_column_letter(column)}{line}"): rule
        for tab in ("Inputs", "Dated inputs")
        for rule in book[tab].data_validations.dataValidation
        for area in rule.sqref.ranges
        for line, column in area.cells
    }
    assert set(cells.inputs) <= set(rules)
    for at, cell in cells.inputs.items():
        parameter = deal.parameters[cell.parameter]
        if cell.part == "amount" or (cell.part == "value" and not cell.is_fixed):
            assert float(rules[at].formula1) == pytest.approx(parameter.low, rel=1e-12)
            assert float(rules[at].formula2) == pytest.approx(held(parameter.high), rel=1e-12)


def test_the_selectors_take_the_names_of_the_scenarios(
    book: openpyxl.Workbook, cells: workbook.CellMap, pair: list[Case], deal: Deal
) -> None:
    for (tab, name), case in zip(cells.selectors, pair, strict=True):
        assert book[tab][name].value == case.scenario
        rule = next(each for each in book[tab].data_validations.dataValidation if name in each.sqref)
        (line,) = book[tab][rule.formula1.replace("$", "").removeprefix("=")]
        assert [each.value for each in line] == list(deal.scenarios)


def test_a_pin_is_an_input_with_its_source_as_a_comment(deal: Deal) -> None:
    case = deal.case(deal.story.present, pins={"revenue@2027": 50.0})
    made = openpyxl.load_workbook(io.BytesIO(workbook.write([case], RUN, WRITTEN)))
    found = workbook.cell_map([case]).pins
    filled = {cell: made[tab][name] for (tab, name), cell in found.items() if made[tab][name].value is not None}
    assert filled[workbook.PinCell("revenue", "2027", "pin")].value == 50
    assert filled[workbook.PinCell("revenue", "2027", "pin")].comment.text.strip() == "pins (grade J)"
    for pin in deal.actuals:
        cell = filled[workbook.PinCell(pin.row, pin.period, "actual")]
        assert (cell.value, cell.comment.text.strip()) == (pin.value, f"{pin.source} (grade {pin.grade})")


def test_the_cover_says_what_the_workbook_is_made_from_and_that_makes_it_again(
    book: openpyxl.Workbook, made: bytes, deal: Deal
) -> None:
    line = next(line for line in book["Cover"].iter_rows(values_only=True) if line[0] == workbook.MADE_FROM)
    request = workbook.Request.read(line[1])
    assert (request.run, request.model, request.layout) == (RUN, workbook.fingerprint(deal), workbook.LAYOUT)
    assert workbook.write(request.cases(deal), request.run, request.written, request.names) == made


def test_settings_and_pins_are_part_of_what_it_is_made_from(deal: Deal) -> None:
    case = deal.case("new_deal", {"microsoft_stake": "35%", "agi_date": "never"}, {"revenue@2027": 50, "exit_years": 2})
    request = workbook.Request.of([case], "", WRITTEN, True)
    again = workbook.Request.read(request.text())
    assert again == request
    assert again.settings == {"microsoft_stake": "35%", "agi_date": "never"}
    assert {name: value.tolist() for name, value in again.cases(deal)[0].values.items()} == {
        name: value.tolist() for name, value in case.values.items()
    }


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"layout": 1}', "hello"])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="made from"):
        workbook.Request.read(text)


def test_the_fingerprint_changes_with_a_parameter(deal: Deal) -> None:
    own = Deal.load()
    assert workbook.fingerprint(own) == workbook.fingerprint(deal)
    name, parameter = next(iter(own.parameters.items()))
    own.parameters[name] = dataclasses.replace(parameter, low=parameter.low - 1)
    assert workbook.fingerprint(own) != workbook.fingerprint(deal)


def test_no_text_becomes_a_formula_or_a_link(deal: Deal) -> None:
    hostile = ["=1+1", "+1", "-1", "@SUM(1)", "=cmd|' /C calc'!A0", "https://example.com", "{=1}"]
    own = Deal.load()
    names = [name for name, each in own.parameters.items() if not each.is_dated][: len(hostile)]
    for name, text in zip(names, hostile, strict=True):
        own.parameters[name] = dataclasses.replace(own.parameters[name], label=text, source=text, note=text)
    made = workbook.write([own.case("status_quo")], hostile[0], WRITTEN)
    assert set(formula_cells(made)) == set(formula_cells(workbook.write([deal.case("status_quo")], "", WRITTEN)))
    with zipfile.ZipFile(io.BytesIO(made)) as parts:
        assert not any(b"External" in parts.read(part) for part in parts.namelist() if part.endswith(".rels"))
    lines = openpyxl.load_workbook(io.BytesIO(made), read_only=True)["Inputs"].iter_rows()
    found = [cell.data_type for line in lines for cell in line if cell.value in hostile]
    assert found == ["s"] * 3 * len(hostile)


def test_the_same_input_gives_the_same_bytes(made: bytes, pair: list[Case]) -> None:
    assert workbook.write(pair, RUN, WRITTEN) == made


def test_a_failed_check_is_told_on_the_cover(deal: Deal) -> None:
    case = deal.case("new_deal", pins={"check_cash": "1"})
    cached = formula_cells(workbook.write([case], RUN, WRITTEN))
    master = [value for (tab, _), value in cached.items() if tab == "All checks"]
    assert 1.0 in master
    assert [value for (tab, cell), value in cached.items() if tab == "Cover" and cell.startswith("B")] == [2.0]


def test_a_rate_that_does_not_exist_is_said_in_words(deal: Deal) -> None:
    rate = deal.story.returns
    case = deal.case("status_quo")
    name = next(name for name in rate if name.endswith("irr"))
    case.values[name] = np.array(math.nan)
    cached = formula_cells(workbook.write([case], RUN, WRITTEN))
    at = next(at for at, cell in workbook.cell_map([case]).rows.items() if (cell.row, cell.period) == (name, None))
    assert cached[at] == NO_RATE


def test_scenarios_on_different_calendars_are_refused(deal: Deal) -> None:
    with pytest.raises(InputError, match="other periods"):
        workbook.write([deal.case("status_quo"), deal.case("new_deal", {"last_year": 2038})], RUN, WRITTEN)


def test_scenarios_laid_over_each_other_get_a_column(deal: Deal) -> None:
    case = deal.case("new_deal+plan_hsbc")
    assert list(Layout([case]).scenarios) == [*deal.scenarios, "new_deal+plan_hsbc"]


def test_names_are_defined_only_on_request(made: bytes, pair: list[Case], deal: Deal) -> None:
    assert not list(openpyxl.load_workbook(io.BytesIO(made)).defined_names)
    named = openpyxl.load_workbook(io.BytesIO(workbook.write(pair, RUN, WRITTEN, names=True))).defined_names
    scalars = {name for name, each in deal.parameters.items() if not each.is_dated}
    assert scalars | set(deal.book.rows) <= set(named)


def test_charts_are_drawn_from_cells(made: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(made)) as parts:
        charts = [parts.read(part).decode() for part in parts.namelist() if part.startswith("xl/charts/chart")]
    assert len(charts) == 4  # values by holder, by stream, and the cash of each case
    assert all("<c:numRef><c:f>" in chart for chart in charts)
