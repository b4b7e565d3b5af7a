"""The deal's rows in many futures: the kernel against NumPy, in every scenario and at both frequencies."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from dealgrid import Deal
from dealgrid.deal import PERIODS_PER_YEAR, STRUCTURAL, Case
from dealgrid.engine import kernel
from dealgrid.engine.run import run
from dealgrid.inputs.values import UNITS
from tests.tolerance import NUMPY

PINS = {"revenue@2027": 50.0, "microsoft_cap_in_force@2028": 100.0}


def draws(case: Case, futures: int) -> dict[str, np.ndarray]:
    """Every parameter with one number, moved: flags at random, amounts by up to a tenth, dates by up to a year."""
    random = np.random.default_rng(7)
    given = case.deal.arrays(case.given, case.calendar)
    found = {}
    for name in sorted(case.deal.book.scalars & case.deal.book.given):
        parameter, value = case.deal.parameters[name], given[name]
        if name in STRUCTURAL or np.ndim(value):
            continue
        if UNITS[parameter.unit].kind == "flag":
            found[name] = random.integers(0, 2, futures).astype(float)
        elif UNITS[parameter.unit].kind == "date":
            found[name] = value + random.integers(-200, 200, futures)
        else:
            found[name] = value * random.uniform(0.9, 1.1, futures)
    return found


def compared(case: Case, futures: int, rows: list[str]) -> None:
    moved = draws(case, futures)
    ready = kernel.prepare(
        case.deal.book, case.calendar, case.deal.arrays(case.given, case.calendar), rows, moved,
        case.deal.fixed(case.pins, case.calendar), wait=True,
    )  # fmt: skip
    found = ready(moved, futures)
    assert ready.how == "compiled"
    given = {**case.deal.arrays(case.given, case.calendar), **moved}
    expected = run(case.deal.book, case.calendar, given, case.deal.fixed(case.pins, case.calendar), futures)
    for name in rows:
        np.testing.assert_allclose(found[name], expected[name], rtol=NUMPY, atol=NUMPY, err_msg=name)


def as_python(text: str, wait: bool, say: object) -> tuple[Callable[..., None], str]:
    namespace: dict[str, object] = {}
    exec(compile(text, "<kernel>", "exec"), namespace)
    return namespace["kernel"], "compiled"  # type: ignore[return-value]


@pytest.fixture
def by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are Python functions, made of their text."""
    monkeypatch.setattr(kernel, "_compiler", SimpleNamespace(ready=as_python))


@pytest.mark.parametrize("frequency", [1, 4])
@pytest.mark.usefixtures("by_python")
def test_the_generated_kernel_of_the_deal_is_the_deal(deal: Deal, frequency: int) -> None:
    case = deal.case(list(deal.scenarios)[-frequency], set={PERIODS_PER_YEAR: frequency}, pins=PINS)
    with np.errstate(all="ignore"):
        compared(case, 10, list(deal.book.rows))


@pytest.mark.long
@pytest.mark.usefixtures("by_python")
def test_every_row_of_every_scenario_is_the_same_in_the_generated_kernel(deal: Deal) -> None:
    with np.errstate(all="ignore"):
        for place, scenario in enumerate(deal.scenarios):
            settings = {PERIODS_PER_YEAR: (1, 4)[place % 2]}
            compared(deal.case(scenario, set=settings), 64, list(deal.book.rows))


@pytest.mark.long
def test_the_compiled_kernel_of_the_deal_is_the_deal_in_every_scenario(deal: Deal) -> None:
    rows = ["revenue", "microsoft_value", "microsoft_irr", "microsoft_irr_state", "microsoft_payback"]
    for scenario in deal.scenarios:
        for frequency in (1, 4):
            compared(deal.case(scenario, set={PERIODS_PER_YEAR: frequency}, pins=PINS), 300, rows)
