"""Which cell of a workbook holds what, for whoever reads one back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dealgrid.deal import Case
from dealgrid.output.workbook.layout import DATED, FIRST, FIXED, INPUTS, PINS, TOTAL, Layout, Pinned, Place

Address = tuple[str, str]  # tab and cell, such as ("Inputs", "D12")


@dataclass(frozen=True)
class InputCell:
    """A cell in which a parameter of a scenario is typed.

    `part` is "value" for a parameter with one value; "date" or "amount" for entry `entry`, counted from 0, of a
    dated one. A free entry has the date 1E+300; a single value that always holds has the date 0. `is_fixed` cells
    decide the shape of the workbook and may not be changed.
    """

    scenario: str
    parameter: str
    part: str
    entry: int | None = None
    is_fixed: bool = False


@dataclass(frozen=True)
class PinCell:
    """A cell in which a figure may be typed that stands in for a row's formula.

    `kind` is "actual", "known" (the day an actual figure is known from) or "pin"; `period` None for a row with one
    number.
    """

    row: str
    period: str | None
    kind: str


@dataclass(frozen=True)
class RowCell:
    """A cell that holds a row of a case, counted from 0, in a period; `period` None: its one number, or total."""

    case: int
    row: str
    period: str | None


@dataclass(frozen=True)
class CellMap:
    """Every cell of a workbook that a reader may want to know: by tab and cell."""

    selectors: list[Address]  # per case, the cell with the name of its scenario
    inputs: dict[Address, InputCell]
    pins: dict[Address, PinCell]
    rows: dict[Address, RowCell]


def cell_map(cases: Sequence[Case]) -> CellMap:
    """Where everything stands in the workbook that `write` makes of these cases."""
    layout = Layout(list(cases))
    selectors = [_address(layout.selector(case)) for case in range(len(cases))]
    return CellMap(selectors, _inputs(layout), _pins(layout), _rows(layout))


def _address(place: Place) -> Address:
    return place.tab, place.cell


def _inputs(layout: Layout) -> dict[Address, InputCell]:
    found: dict[Address, InputCell] = {}
    for number, scenario in enumerate(layout.scenarios):
        for name, line in layout.scalars.items():
            if name in layout.deal.parameters:
                place = Place(INPUTS, line, layout.first_scenario + number)
                found[_address(place)] = InputCell(scenario, name, "value", is_fixed=name in FIXED)
        for name, lines in layout.dated.items():
            for entry in range(lines.slots):
                for part, column in (("date", 0), ("amount", 1)):
                    place = Place(DATED, lines.entries + entry, layout.first_pair + 2 * number + column)
                    found[_address(place)] = InputCell(scenario, name, part, entry)
    return found


def _pins(layout: Layout) -> dict[Address, PinCell]:
    found: dict[Address, PinCell] = {}
    kinds = {"actual": Pinned.ACTUAL, "known": Pinned.KNOWN, "pin": Pinned.OWN}
    for name, pinned in layout.pinned.items():
        over = zip(layout.periods, range(FIRST, FIRST + len(layout.periods)), strict=True)
        places: dict[str | None, int] = {None: TOTAL} if pinned.row.is_once else dict(over)
        for period, column in places.items():
            for kind, line in kinds.items():
                found[_address(Place(PINS, pinned.line + line, column))] = PinCell(name, period, kind)
    return found


def _rows(layout: Layout) -> dict[Address, RowCell]:
    found: dict[Address, RowCell] = {}
    for case in range(len(layout.cases)):
        for name, row in layout.deal.book.rows.items():
            if row.is_once or row.shape in ("flow", "balance"):
                found[_address(layout.figure(case, name))] = RowCell(case, name, None)
            if not row.is_once:
                for place, period in enumerate(layout.periods):
                    found[_address(layout.figure(case, name, place))] = RowCell(case, name, period)
    return found
