"""A live workbook that comes back: its changed inputs as a scenario, anything else refused cell by cell."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dealgrid import Case, Deal, InputError
from dealgrid.cli import app
from dealgrid.exchange import live
from dealgrid.exchange.live import Found, draft, read_grids
from dealgrid.inputs import Dated
from dealgrid.inputs.complaints import Complaints
from dealgrid.inputs.grid import Cell, Grid, read_workbook
from dealgrid.output.workbook import MADE_FROM, cell_map, write
from dealgrid.output.workbook.cells import CellMap
from dealgrid.problems import Problem, gathered

WRITTEN = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
ENDLESS = 1e300
BASE = "new_deal"


class Sheet:
    """The cells of an exported workbook, changed in memory; it comes back as `deal.xlsx`."""

    def __init__(self, deal: Deal, cells: Mapping[str, Grid], places: CellMap) -> None:
        self.deal = deal
        self.cells = {tab: dict(grid) for tab, grid in cells.items()}
        self.map = places

    def place(self, parameter: str, part: str = "value", entry: int | None = None, scenario: str = BASE) -> str:
        """The address of an input, as messages write it."""
        tab, cell = next(at for at, found in self.map.inputs.items()
                         if (found.scenario, found.parameter, found.part, found.entry)
                         == (scenario, parameter, part, entry))  # fmt: skip
        return f"{tab}!{cell}"

    def put(self, place: str, value: float | str | bool | None) -> str:
        """Type into a cell; None empties it."""
        tab, _, cell = place.partition("!")
        if value is None:
            self.cells[tab].pop(cell, None)
        elif isinstance(value, str) and value.startswith("="):
            self.cells[tab][cell] = Cell(None, value)
        else:
            self.cells[tab][cell] = Cell(value if isinstance(value, str | bool) else float(value))
        return place

    def formula(self, row: str, period: str | None) -> str:
        """The address of a row's formula."""
        tab, cell = next(at for at, found in self.map.rows.items() if (found.row, found.period) == (row, period))
        return f"{tab}!{cell}"

    def request(self, **changes: object) -> None:
        """Change what the cover says it was made from."""
        place = next(cell for cell, held in self.cells["Cover"].items() if held.value == MADE_FROM)
        place = place.replace("A", "B")
        held = json.loads(str(self.cells["Cover"][place].value)) | changes
        self.cells["Cover"][place] = Cell(json.dumps(held))

    def found(self, column: str | None = None) -> Found:
        return read_grids(self.deal, self.cells, "deal.xlsx", column)

    def refused(self, column: str | None = None) -> list[str]:
        with pytest.raises(InputError) as caught:
            self.found(column)
        return [str(problem) for problem in caught.value.problems]


def grids_of(content: bytes, folder: Path) -> dict[str, Grid]:
    path = folder / "deal.xlsx"
    path.write_bytes(content)
    complaints = Complaints("")
    grids = read_workbook(path, complaints)
    complaints.finish()
    assert grids is not None
    return grids


@pytest.fixture(scope="module")
def exported(shipped: Deal, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Case], dict[str, Grid]]:
    cases = [shipped.case(BASE)]
    return cases, grids_of(write(cases, "", WRITTEN), tmp_path_factory.mktemp("exported"))


@pytest.fixture
def sheet(deal: Deal, exported: tuple[list[Case], dict[str, Grid]], monkeypatch: pytest.MonkeyPatch) -> Sheet:
    cases, cells = exported
    # Writing it anew takes a second each time; test_round_trip.py does so.
    monkeypatch.setattr(live, "_rewritten", lambda cases, request: cells)
    return Sheet(deal, cells, cell_map(cases))


def test_an_unchanged_workbook_gives_its_scenario_back(sheet: Sheet) -> None:
    found = sheet.found()
    assert found.base == BASE
    assert found.settings == sheet.deal.scenarios[BASE].set
    assert found.changes == found.remarks == ()


def test_inputs_of_every_kind_are_read(sheet: Sheet) -> None:
    stake = sheet.put(sheet.place("microsoft_stake"), 0.31)
    sheet.put(sheet.place("access_end"), ENDLESS)
    sheet.put(sheet.place("agi_date"), 48029)  # 2031-06-30
    sheet.put(sheet.place("revenue_share_cap"), 38)
    sheet.put(sheet.place("access_ends_on_agi"), True)
    sheet.put(sheet.place("exit_date"), "2031-Q3")
    sheet.put(sheet.place("revenue_share_rate", "amount", 2), 0.17)
    sheet.put(sheet.place("revenue_share_rate", "date", 7), 48214)  # 2032-01-01, on a free line
    sheet.put(sheet.place("revenue_share_rate", "amount", 7), 0.05)
    found = sheet.found()
    own = sheet.deal.scenarios[BASE].set
    rate = own["revenue_share_rate"]
    assert isinstance(rate, Dated)
    assert dict(found.settings) == {
        **{name: value for name, value in own.items() if name != "access_ends_on_agi"},  # yes is the base
        "microsoft_stake": 0.31, "access_end": float("inf"), "agi_date": 48029.0, "revenue_share_cap": 38.0,
        "exit_date": 48030.0,  # 2031-07-01
        "revenue_share_rate": Dated((*rate.days, 48214.0), (*rate.values[:2], 0.17, *rate.values[3:], 0.05)),
    }  # fmt: skip
    assert f"microsoft_stake: 32.5% → 31%  ({stake})" in found.changes
    assert len(found.changes) == 7


def test_the_selector_chooses_the_scenario_that_is_read(sheet: Sheet) -> None:
    sheet.put("!".join(sheet.map.selectors[0]), "status_quo")
    sheet.put(sheet.place("microsoft_stake"), 0.31)
    found = sheet.found()
    assert (found.base, found.changes) == ("status_quo", ())
    assert found.settings == sheet.deal.scenarios["status_quo"].set
    assert found.remarks == (f"Changed too, and not read: 1 input of {BASE}; --column {BASE} reads it.",)
    assert sheet.found(BASE).settings["microsoft_stake"] == 0.31


def test_every_changed_formula_is_named_with_its_cell(sheet: Sheet) -> None:
    number = sheet.put(sheet.formula("revenue", "2030"), 500)
    other = sheet.put(sheet.formula("microsoft_value", None), "=1+1")
    empty = sheet.put(sheet.formula("revenue", "2031"), None)
    added = sheet.put("Inputs!ZZ900", "=A1")
    said = sheet.refused()
    assert len(said) == 4
    for place in (number, other, empty, added):
        assert any(line.startswith(f"deal.xlsx, {place}: the formula is changed") for line in said)
    assert any("the formula is changed: '=1+1'\n    expected: '=" in line for line in said)


def test_formulas_as_other_programs_save_them_are_unchanged(sheet: Sheet) -> None:
    for grid in sheet.cells.values():
        for place, cell in grid.items():
            if cell.formula:
                grid[place] = Cell(
                    None, "= " + cell.formula[1:].replace("$", "").replace(",", " , ").replace("(", "( ")
                )
    assert sheet.found().changes == ()


def test_all_wrong_inputs_are_said_at_once(sheet: Sheet) -> None:
    cells = {
        sheet.put(sheet.place("microsoft_stake"), 32.5): "is above the range",
        sheet.put(sheet.place("access_ends_on_agi"), 0.5): "is neither yes nor no",
        sheet.put(sheet.place("opening_cash"), "lots"): "'lots' cannot be read",
        sheet.put(sheet.place("revenue_share_cap"), "=B2"): "the cell holds the formula '=B2'",
        sheet.put(sheet.place("exit_date"), 2031): "is no day from 1950",  # a year typed into a date
        sheet.put(sheet.place("agi_date"), 45838.5): "is not whole",
        sheet.put(sheet.place("access_end"), None): "the cell is empty",
        sheet.put(sheet.place("last_year"), 2050): "it was 2040",
        sheet.put(sheet.place("revenue_share_rate", "amount", 1), 0.9): "above the range",
        sheet.put(sheet.place("minimum_cash", "date", 1), 40000): "does not come after the one above",
    }
    said = sheet.refused()
    assert len(said) == len(cells)
    for place, reason in cells.items():
        (line,) = (each for each in said if each.startswith(f"deal.xlsx, {place}: "))
        assert reason in line
        assert "expected: " in line


@pytest.mark.parametrize("value", [True, "yes", "32.5%x", float("nan"), -0.1])
def test_a_value_of_the_wrong_kind_is_refused(sheet: Sheet, value: float | str | bool) -> None:
    place = sheet.put(sheet.place("microsoft_stake"), value)
    (line,) = sheet.refused()
    assert line.startswith(f"deal.xlsx, {place}: microsoft_stake: ")


def test_parts_that_no_longer_add_to_one_are_refused_with_their_cell(sheet: Sheet) -> None:
    place = sheet.put(sheet.place("employees_split"), 0.5)
    (line,) = sheet.refused()
    assert line.startswith(f"deal.xlsx, {place}: the parts of ")


def test_dates_below_a_free_line_and_a_value_beside_dates_are_refused(sheet: Sheet) -> None:
    gap = sheet.put(sheet.place("revenue_share_rate", "date", 2), ENDLESS)
    below = sheet.place("revenue_share_rate", "date", 3)
    beside = sheet.put(sheet.place("minimum_cash", "date", 0), 0)
    said = "\n".join(sheet.refused())
    assert f"{below}: revenue_share_rate: a date below a free line" in said
    assert f"move it up, to {gap}" in said
    assert f"{beside}: minimum_cash: a value that always holds, and dates besides" in said


def test_a_dated_value_set_to_always_is_one_value(sheet: Sheet) -> None:
    sheet.put(sheet.place("minimum_cash", "date", 0), 0)
    sheet.put(sheet.place("minimum_cash", "amount", 0), 12)
    sheet.put(sheet.place("minimum_cash", "date", 1), ENDLESS)
    assert sheet.found().settings["minimum_cash"] == 12.0


def test_a_changed_pin_is_refused_with_what_to_do_instead(sheet: Sheet) -> None:
    tab, cell = next(at for at, pin in sheet.map.pins.items() if pin.kind == "actual" and at[1] in sheet.cells[at[0]])
    sheet.put(f"{tab}!{cell}", 99)
    free = next(at for at, pin in sheet.map.pins.items() if pin.kind == "pin" and at[1] not in sheet.cells[at[0]])
    sheet.put("!".join(free), 5)
    said = sheet.refused()
    assert len(said) == 2
    assert all("the pin of" in line and "--pin" in line for line in said)


def test_a_figure_that_is_no_input_may_not_change(sheet: Sheet) -> None:
    labels = {found.parameter: at for at, found in sheet.map.inputs.items()}
    line = labels["microsoft_stake"][1].lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    place = next(cell for cell, held in sheet.cells["Inputs"].items()
                 if cell.rstrip("0123456789") not in ("A", "B") and cell.endswith(line)
                 and ("Inputs", cell) not in sheet.map.inputs and isinstance(held.value, float))  # fmt: skip
    sheet.put(f"Inputs!{place}", 0.99)
    (said,) = sheet.refused()
    assert said.startswith(f"deal.xlsx, Inputs!{place}: 0.99 stands in a cell that is no input")


def test_notes_and_sheets_of_ones_own_are_told_not_read(sheet: Sheet) -> None:
    sheet.put("Inputs!ZZ3", "ask the bank")
    sheet.put("Cover!A1", "My title")
    sheet.cells["Scratch"] = {"A1": Cell(None, "=1+1")}
    assert sheet.found().remarks == (
        "Not read: 1 text and notes on 'Cover' that dealgrid did not write so.",
        "Not read: 1 text and notes on 'Inputs' that dealgrid did not write so.",
        "Not read, as dealgrid did not write it: the sheet 'Scratch'.",
    )


def test_inserted_rows_are_summed_up(sheet: Sheet) -> None:
    moved = {f"{cell.rstrip('0123456789')}{int(cell.lstrip('ABCDEFGHIJKLMNOPQRSTUVWXYZ')) + 1}": held
             for cell, held in sheet.cells["Capped return"].items()}  # fmt: skip
    sheet.cells["Capped return"] = moved
    said = sheet.refused()
    assert len(said) == 201
    assert "more cells are not as they were written" in said[-1]


def test_a_missing_sheet_and_a_foreign_scenario_are_refused(sheet: Sheet) -> None:
    del sheet.cells["Checks"]
    sheet.put("!".join(sheet.map.selectors[0]), "new_dael")
    said = "\n".join(sheet.refused())
    assert "the sheet 'Checks' is not there" in said
    assert "did you mean `new_deal`?" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layout": 0}, "layout 0, of an older dealgrid"),
        ({"layout": 99}, "layout 99, of a newer dealgrid"),
        ({"deal": "lemonade"}, "of the deal 'lemonade'"),
        ({"model": "0" * 16}, "another state of the model"),
        ({"scenarios": [7]}, "cannot be read"),
        ({"scenarios": ["gone"]}, "no longer possible: 'gone' is not a scenario"),
        ({"scenarios": ["new_deal"] * 1000}, "cannot be read"),
        ({"written": 3}, "cannot be read"),
        ({"set": {"nonsense": 1}}, "'nonsense' is not a parameter"),
    ],
)
def test_an_unknown_or_older_workbook_is_told_plainly(sheet: Sheet, changes: dict[str, object], said: str) -> None:
    sheet.request(**changes)
    (line,) = sheet.refused()
    assert said in line
    assert "dealgrid excel SCENARIO" in line


@pytest.mark.parametrize("text", ["", "{", "[" * 20_000, "[]", "7", '{"layout": 1e999}'])
def test_a_spoilt_request_is_no_traceback(sheet: Sheet, text: str) -> None:
    place = next(cell for cell, held in sheet.cells["Cover"].items() if held.value == MADE_FROM).replace("A", "B")
    sheet.put(f"Cover!{place}", text)
    assert "cannot be read" in "\n".join(sheet.refused())


@pytest.mark.long
@given(data=st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_is_read_or_refused(sheet: Sheet, data: st.DataObject) -> None:
    tabs = st.sampled_from(["Inputs", "Dated inputs", "Pins", "Cover", "Checks"])
    texts = st.text(max_size=8) | st.sampled_from(["never", "no limit", "=A1", "=", "{2030: 1}", "2028-Q3", "'x"])
    before = {tab: dict(grid) for tab, grid in sheet.cells.items()}
    problems: list[Problem] = []
    try:
        for _ in range(data.draw(st.integers(1, 4))):
            tab = data.draw(tabs)
            place = data.draw(st.sampled_from(sorted(before[tab])))
            sheet.put(f"{tab}!{place}", data.draw(st.none() | st.booleans() | st.floats() | texts))
        with gathered(problems):  # anything but an InputError ends the test
            found = sheet.found()
            sheet.deal.case(found.base, dict(found.settings))
    finally:  # an example may be given up in the middle of a draw
        sheet.cells = before
    assert all(problem.where.startswith("deal.xlsx") and problem.expected for problem in problems)


@pytest.mark.long
def test_scenarios_without_a_column_are_known_to_have_been_there(deal: Deal, tmp_path: Path) -> None:
    other = {**deal.scenarios["plan_hsbc"].set, "last_year": 2045.0}
    deal.scenarios = {
        **deal.scenarios, "plan_hsbc": dataclasses.replace(deal.scenarios["plan_hsbc"], set=other)
    }  # fmt: skip
    cells = grids_of(write([deal.case(BASE)], "", WRITTEN), tmp_path)
    assert any("plan_hsbc" in str(cell.value) and "Not in this workbook" in str(cell.value)
               for cell in cells["Inputs"].values())  # fmt: skip
    deal.scenarios = {**deal.scenarios, "a": dataclasses.replace(deal.scenarios[BASE], name="a")}
    assert read_grids(deal, cells, "deal.xlsx").changes == ()


def test_a_workbook_of_somebody_else_is_told_plainly(sheet: Sheet) -> None:
    sheet.cells = {"Sheet1": {"A1": Cell(1.0)}}
    (line,) = sheet.refused()
    assert "this is no live workbook of dealgrid" in line


def test_a_workbook_can_be_read_again_after_its_scenario_was_added(sheet: Sheet) -> None:
    found = sheet.found()
    sheet.deal.scenarios = {
        **sheet.deal.scenarios,
        "my-case": live.Scenario("my-case", "t", "w", dict(found.settings), "my-case.yaml", {}),
    }
    assert sheet.found() == found


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "new_deal"}, "there is a scenario 'new_deal'"),
        ({"name": "base"}, "another name"),
        ({"name": "../evil"}, "cannot be the name of a scenario"),
        ({"name": "x", "title": "=cmd|x!A0"}, "begins as a formula does"),
        ({"name": "x", "why": "+1"}, "begins as a formula does"),
    ],
)
def test_a_name_or_text_that_cannot_be_is_refused(
    deal: Deal, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], said: str
) -> None:
    found = Found("status_quo", "Status quo", {}, (), ())
    monkeypatch.setattr(live, "read_live", lambda *_: found)
    with pytest.raises(InputError, match=said):
        draft(deal, Path("deal.xlsx"), **options)
    assert not Path("evil.yaml").exists()


def test_a_dry_run_says_what_would_change_and_writes_nothing(deal: Deal, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {**deal.scenarios["new_deal"].set, "microsoft_stake": 0.31}
    found = Found("new_deal", "New deal", settings, ("microsoft_stake: 32.5% → 31%  (Inputs!F9)",), ("A remark.",))
    monkeypatch.setattr(live, "read_live", lambda *_: found)
    run = CliRunner().invoke(app, ["import", "deal.xlsx", "--as", "my-case", "--dry-run"])
    assert run.exit_code == 0
    assert run.stdout == (
        "params/scenarios/my-case.yaml (new), from the column new_deal\n  microsoft_stake: 32.5% → 31%  (Inputs!F9)\n"
    )
    assert "A remark." in run.stderr
    assert not Path("params/scenarios/my-case.yaml").exists()


def test_a_replaced_scenario_keeps_its_title_and_comments(deal: Deal, monkeypatch: pytest.MonkeyPatch) -> None:
    path = deal.root / "params" / "scenarios" / "new_deal.yaml"
    path.write_text(path.read_text().replace("  microsoft_stake: 32.5%", "  # talked of\n  microsoft_stake: 32.5%"))
    settings = {**deal.scenarios["new_deal"].set, "microsoft_stake": 0.31}
    monkeypatch.setattr(live, "read_live", lambda *_: Found("new_deal", "t", settings, (), ()))
    before = path.read_text()
    made = draft(deal, Path("deal.xlsx"), "new_deal", replace=True)
    assert path.read_text() == before
    made.write()
    assert path.read_text() == before.replace("stake: 32.5%\n", "stake: 31%\n")
    assert "  in the file, microsoft_stake: 32.5% → 31%" in made.lines
