"""Numbers handed back by a notebook: which case it looked at, and whether every figure is the engine's."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from dealgrid.deal import Case
from dealgrid.problems import Problem, RunError

MIME = "application/vnd.dealgrid.rows+json"
SAME = 1e-12  # of the largest figure of a row
MOST = 3  # differences that are told


def last_cell(scenario: str, settings: Mapping[str, str]) -> str:
    """The code that hands back the numbers of a case, for the end of the notebook that looked at it."""
    return f"from dealgrid.runs.handed import Handed\n\nHanded(globals(), {scenario!r}, {dict(settings)!r})"


class Handed:
    """The numbers of the case with this scenario and these settings, found among a notebook's variables."""

    def __init__(self, variables: Mapping[str, Any], scenario: str, settings: Mapping[str, str]) -> None:
        cases = list(_cases(variables.values(), 3))
        mine = (case for case in cases if case.scenario == scenario and case.settings == settings and not case.own_pins)
        case = next(mine, None)
        if case is None:
            raise LookupError(f"the notebook holds no case of {scenario} with the settings it was given")
        self.case = case

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        rows = {name: base64.b64encode(_bytes(value)).decode() for name, value in self.case.values.items()}
        return {MIME: {"periods": list(self.case.calendar.periods), "rows": rows}, "text/plain": "handed back"}


def taken(notebook: Any) -> str:
    """What the last cell handed back, as JSON; the cell is removed. RunError where it did not."""
    outputs = notebook.cells.pop().get("outputs", ())
    for output in outputs:
        if MIME in output.get("data", {}):
            return json.dumps(output["data"][MIME])
    raise RunError(Problem("notebook", "it handed back no numbers", "the numbers of its case", "run it again"))


def differences(text: str, case: Case) -> list[str]:
    """Where the numbers handed back are not those of a case; RunError where they cannot be read."""
    try:
        told = json.loads(text)
        rows = {name: np.frombuffer(base64.b64decode(each)) for name, each in told["rows"].items()}
        periods = told["periods"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RunError(
            Problem("notebook", "the numbers it handed back are damaged", "JSON of rows", "run it again")
        ) from None
    if periods != list(case.calendar.periods) or set(rows) != set(case.values):
        return ["the notebook has other periods or other rows than the engine"]
    found = [each for name in case.values for each in _differs(name, rows[name], case)]
    return found[:MOST] + ([f"and {len(found) - MOST} more figures"] if len(found) > MOST else [])


def _differs(name: str, told: np.ndarray, case: Case) -> Iterator[str]:
    known = np.atleast_1d(np.asarray(case.values[name], dtype=float))
    if told.shape != known.shape:
        yield f"{name}: {told.size} figures, not {known.size}"
        return
    finite = known[np.isfinite(known)]
    room = SAME * np.max(np.abs(finite), initial=0.0)
    with np.errstate(invalid="ignore"):  # infinities, which are equal or not
        equal = (told == known) | (np.isnan(told) & np.isnan(known)) | (np.abs(told - known) <= room)
    for place in np.flatnonzero(~equal):
        where = name if case.deal.row(name).is_once else f"{name}@{case.calendar.periods[place]}"
        yield f"{where}: the notebook has {told[place]!r}, the engine {known[place]!r}"


def _cases(values: Iterable[Any], depth: int) -> Iterator[Case]:
    """Cases among values, and in lists and mappings of them."""
    for value in list(values):
        if isinstance(value, Case):
            yield value
        elif depth and isinstance(value, list | tuple):
            yield from _cases(value, depth - 1)
        elif depth and isinstance(value, dict):
            yield from _cases(value.values(), depth - 1)


def _bytes(value: Any) -> bytes:
    return np.atleast_1d(np.asarray(value, dtype="<f8")).tobytes()
