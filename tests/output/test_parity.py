"""What a workbook recalculates to, in programs that know nothing of dealgrid, is what NumPy computes: every cell."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from dealgrid import Case, Deal, ModelError
from dealgrid.inputs import Dated, Parameter
from dealgrid.output import workbook
from dealgrid.output.workbook.layout import ENDLESS, FIXED
from tests.output.recalculated import Cells, Formualizer, IronCalc, difference, formula_cells
from tests.tolerance import EXCEL

WRITTEN = dt.datetime(2026, 1, 2, 3, 4, 5)
YEARS: dict[str, object] = {}
QUARTERS: dict[str, object] = {"periods_per_year": 4}
RANDOM_SETS = 20
CHANGED = 12  # parameters changed in each
PROGRAMS = [IronCalc, Formualizer]


def made_of(*cases: Case) -> bytes:
    return workbook.write(cases, "", WRITTEN)


def unlike(found: Cells, expected: Cells) -> dict[tuple[str, str], tuple[object, object]]:
    """The cells that differ: empty where the workbook says what NumPy says."""
    return {at: (found[at], value) for at, value in expected.items() if difference(found[at], value) > EXCEL}


def drawn_value(parameter: Parameter, value: float | Dated, draw: np.random.Generator) -> float | Dated:
    """A value anywhere in the range; of dated parameters, values each scaled and dates moved by some days."""
    high = parameter.high if np.isfinite(parameter.high) else parameter.low + 3 * abs(_size(value) - parameter.low) + 1
    if isinstance(value, Dated):
        amounts = np.clip(np.array(value.values) * draw.uniform(0.5, 1.5, len(value.values)), parameter.low, high)
        days = np.array(value.days) + np.sort(draw.integers(0, 90, len(value.days)))
        return Dated(tuple(days.tolist()), tuple(amounts.tolist()), value.between)
    drawn = float(draw.uniform(parameter.low, high))
    return float(round(drawn)) if parameter.unit in ("date", "flag", "year", "count", "days") else drawn


def _size(value: float | Dated) -> float:
    numbers = np.array(value.values if isinstance(value, Dated) else [value])
    finite = numbers[np.isfinite(numbers)]
    return float(finite.max()) if len(finite) else 100.0


def drawn_set(deal: Deal, base: Case, draw: np.random.Generator) -> dict[str, object]:
    """Some parameters changed at once; parts of one whole stay, as they must add up, and so do the periods."""
    free = [each for each in deal.parameters.values() if not each.adds_to_one and each.name not in FIXED]
    chosen = draw.choice(len(free), CHANGED, replace=False)
    return {free[place].name: drawn_value(free[place], base.given[free[place].name], draw) for place in chosen}


def typed(program: IronCalc | Formualizer, inputs: Mapping, scenario: str, values: Mapping[str, object]) -> None:
    """Type values into the column of a scenario; free entries of a timeline get the date that never comes."""
    for (tab, cell), found in inputs.items():
        if found.scenario != scenario or found.parameter not in values:
            continue
        value = values[found.parameter]
        if found.part == "value":
            number = float(value)  # type: ignore[arg-type]
        else:
            entries = list(zip(value.days, value.values, strict=True))  # type: ignore[attr-defined]
            entries += [(ENDLESS, 0.0)] * (found.entry + 1 - len(entries))
            number = entries[found.entry][0 if found.part == "date" else 1]
        program.type(tab, cell, ENDLESS if np.isinf(number) else number)


def random_case(deal: Deal, base: Case, more: Mapping[str, object], seed: int) -> tuple[dict[str, object], Case]:
    """The first set of parameters from a seed that the model can be computed of at all."""
    draw = np.random.default_rng(seed)
    for _ in range(20):
        values = drawn_set(deal, base, draw)
        try:
            return values, deal.case(base.scenario, {**more, **values})
        except ModelError:
            continue
    raise AssertionError(f"no set of parameters from seed {seed} can be computed")


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_cell_recalculates_to_what_numpy_computes(program: type, pair: list[Case]) -> None:
    made = made_of(*pair)
    expected = formula_cells(made)
    assert len(expected) > len(pair) * sum(np.size(values) for values in pair[0].values.values())
    assert unlike(program(made).values(expected), expected) == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_selector_turned_to_another_scenario_gives_that_scenario(program: type, pair: list[Case]) -> None:
    present, proposal = pair
    turned = program(made_of(present))
    turned.type(*workbook.cell_map([present]).selectors[0], proposal.scenario)
    expected = formula_cells(made_of(proposal))
    assert unlike(turned.values(expected), expected) == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_inputs_typed_into_the_workbook_give_what_the_same_settings_give(program: type, deal: Deal) -> None:
    base = deal.case(deal.story.proposal)
    changed, expected_case = random_case(deal, base, YEARS, seed=1)
    program = program(made_of(base))
    typed(program, workbook.cell_map([base]).inputs, base.scenario, changed)
    expected = formula_cells(made_of(expected_case))
    assert unlike(program.values(expected), expected) == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_later_valuation_date_brings_in_the_actual_figures_known_by_then(program: type, deal: Deal) -> None:
    base = deal.case(deal.story.present)
    later = deal.case(deal.story.present, {"valuation_date": "2025-12-31"})
    assert len(later.pins) > len(base.pins)
    program = program(made_of(base))
    valued = {"valuation_date": later.given["valuation_date"]}
    typed(program, workbook.cell_map([base]).inputs, base.scenario, valued)
    expected = formula_cells(made_of(later))
    assert unlike(program.values(expected), expected) == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_pin_typed_into_the_workbook_holds_beside_those_it_was_written_with(program: type, deal: Deal) -> None:
    base = deal.case(deal.story.present, pins={"revenue@2027": 1.0, "exit_years": 3.0})
    cells = workbook.cell_map([base])
    pin = next(at for at, each in cells.pins.items() if each == workbook.PinCell("revenue", "2028", "pin"))
    program = program(made_of(base))
    program.type(*pin, 99.0)
    both = deal.case(base.scenario, pins={"revenue@2027": 1, "revenue@2028": 99, "exit_years": 3})
    expected = formula_cells(made_of(both))
    assert unlike(program.values(expected), expected) == {}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("calendar", [YEARS, QUARTERS], ids=["years", "quarters"])
def test_lines_between_dates_and_single_values_of_dated_parameters(
    program: type, calendar: dict[str, object], deal: Deal
) -> None:
    own = Deal.load()
    name = "training_plan"
    value = own.parameters[name].value
    assert isinstance(value, Dated)
    drawn = dataclasses.replace(value, days=tuple(day + 45 for day in value.days), between="linear")
    own.parameters[name] = dataclasses.replace(own.parameters[name], value=drawn, between="linear")
    case = own.case("status_quo", {**calendar, "revenue_share_rate": "15%", "microsoft_credits": 0})
    made = made_of(case)
    expected = formula_cells(made)
    found = program(made).values(expected)
    assert unlike(found, expected) == {}


@pytest.mark.long
@pytest.mark.parametrize("calendar", [YEARS, QUARTERS], ids=["years", "quarters"])
def test_the_selector_gives_every_scenario(calendar: dict[str, object], deal: Deal) -> None:
    first = deal.case(deal.story.present, calendar)
    opened = [program(made_of(first)) for program in PROGRAMS]
    selector = workbook.cell_map([first]).selectors[0]
    for scenario in deal.scenarios:
        expected = formula_cells(made_of(deal.case(scenario, calendar)))
        for program in opened:
            program.type(*selector, scenario)
            assert unlike(program.values(expected), expected) == {}, (scenario, program)


@pytest.mark.long
@pytest.mark.parametrize("calendar", [YEARS, QUARTERS], ids=["years", "quarters"])
def test_any_parameters_typed_in_give_what_numpy_computes_of_them(calendar: dict[str, object], deal: Deal) -> None:
    scenarios = list(deal.scenarios)
    for seed in range(RANDOM_SETS):
        base = deal.case(scenarios[seed % len(scenarios)], calendar)
        changed, expected_case = random_case(deal, base, calendar, seed)
        made, inputs = made_of(base), workbook.cell_map([base]).inputs
        expected = formula_cells(made_of(expected_case))
        for program in PROGRAMS:
            opened = program(made)
            typed(opened, inputs, base.scenario, changed)
            assert unlike(opened.values(expected), expected) == {}, (base.scenario, changed, program)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("calendar", [YEARS, QUARTERS], ids=["years", "quarters"])
def test_libreoffice_recalculates_every_cell_to_what_numpy_computes(
    calendar: dict[str, object], deal: Deal, tmp_path: Path
) -> None:
    pair = [deal.case(each, calendar) for each in (deal.story.present, deal.story.proposal)]
    made = made_of(*pair)
    expected = formula_cells(made)
    assert unlike(by_libreoffice(made, tmp_path), expected) == {}


def by_libreoffice(made: bytes, folder: Path) -> Cells:
    """Formula cells after LibreOffice has opened, recalculated and saved a workbook."""
    for part in ("in", "out", "profile/user"):
        (folder / part).mkdir(parents=True)
    (folder / "in" / "deal.xlsx").write_bytes(made)
    # It keeps cached values unless told to recalculate: 0 is "always".
    setting = (
        '<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">'
        "<value>0</value></prop></item>"
    )
    schema = 'xmlns:oor="http://openoffice.org/2001/registry"'
    text = f'<?xml version="1.0" encoding="UTF-8"?><oor:items {schema}>{setting}</oor:items>'
    (folder / "profile" / "user" / "registrymodifications.xcu").write_text(text, encoding="utf-8")
    command = ["soffice", f"-env:UserInstallation=file://{folder / 'profile'}", "--headless", "--convert-to", "xlsx"]
    command += ["--outdir", str(folder / "out"), str(folder / "in" / "deal.xlsx")]
    subprocess.run(command, check=True, capture_output=True)
    return formula_cells((folder / "out" / "deal.xlsx").read_bytes())
