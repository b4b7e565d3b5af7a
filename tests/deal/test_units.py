"""Every row of the deal, run on quantities, derives the unit it declares."""

import pytest

from dealgrid import Deal
from dealgrid.dates import CALENDAR_UNITS
from dealgrid.inputs.dated import COMING
from tests.units import CALENDAR, derive_units


@pytest.fixture
def given(deal: Deal) -> dict[str, str]:
    units = {name: parameter.unit for name, parameter in deal.parameters.items()}
    return {**units, **{COMING + name: unit for name, unit in units.items()}, **CALENDAR}


def test_every_row_derives_its_declared_unit(deal: Deal, given: dict[str, str]) -> None:
    assert derive_units(deal.book, given) == []


def test_a_parameter_in_the_wrong_unit_is_noticed(deal: Deal, given: dict[str, str]) -> None:
    assert derive_units(deal.book, {**given, "microsoft_cap": "fraction"}) != []


def test_the_calendar_has_the_same_columns_here_and_there() -> None:
    assert set(CALENDAR) == set(CALENDAR_UNITS)
