"""What a parameter may be set to: reads values, by date or per future, and checks them against unit and range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dealgrid.inputs.complaints import Complaints, MisreadError
from dealgrid.inputs.dated import STEP, Dated, check_between, read_dated
from dealgrid.inputs.values import UNITS, check_number, display_range, format_value, read_value
from dealgrid.inputs.yaml_text import Listed, Mapped, Node, Scalar, what_it_is

Value: TypeAlias = float | Dated
Setting: TypeAlias = float | Dated | NDArray[np.float64]  # an array holds one value per future


LARGEST_AMOUNT = 1e6  # US$ bn, ten times what the world earns in a year: a larger one is dollars by mistake


@dataclass(frozen=True)
class Allowed:
    """The values a parameter may take: in its unit, from `low` to `high`, joined as `between` says."""

    unit: str
    low: float
    high: float
    between: str

    def read(self, raw: object, name: str, complaints: Complaints, line: int | None = None) -> Setting | None:
        """A value from a piece of a file or from Python; None, with every problem noted, where it is wrong.

        Text, number, bool or date: a float. A mapping by date: a `Dated`. An array: one value per future.
        """
        try:
            entries = _entries_by_date(raw)
            if entries is not None:
                check_between(self.between, self.unit)
                return read_dated(entries, self.one_by_date, self.between, name, complaints)
            if isinstance(raw, np.ndarray) and raw.ndim:
                return self.per_future(raw)
            return self.one(raw)
        except MisreadError as error:
            complaints.misread(error, name, line)
            return None

    def one(self, raw: object) -> float:
        """One value inside the range; MisreadError otherwise."""
        single = _single(raw, self.unit)
        value = read_value(single, self.unit)
        self._check_inside(value, single)
        return value

    def one_by_date(self, raw: object) -> float:
        """One of the values of a `Dated`; MisreadError otherwise."""
        value = self.one(raw)
        if math.isinf(value) and self.between != STEP:
            raise MisreadError(f"no limit cannot be a value where `between` is {self.between}", "a finite value",
                          "use `between: step`, or write a finite value")  # fmt: skip
        return value

    def per_future(self, raw: NDArray[np.generic]) -> NDArray[np.float64]:
        """An array of shape (futures,) inside the range; MisreadError otherwise."""
        if raw.ndim != 1 or not raw.size or raw.dtype.kind not in "fiub":
            raise MisreadError(f"an array of shape {raw.shape} and type {raw.dtype} is not a value per future",
                          "numbers in one dimension",
                          "pass a number for each future; dates as serial days")  # fmt: skip
        array = raw.astype(np.float64)
        # The extremes and one value that is not whole stand for all: a check of each in Python would take minutes.
        suspects = [array.min(), array.max()]
        if not UNITS[self.unit].is_continuous:
            suspects += list(array[np.isfinite(array) & (array != np.floor(array))][:1])
        for suspect in suspects:
            number = check_number(float(suspect), self.unit)
            self._check_inside(number, number)
        checked: NDArray[np.float64] = array + 0.0
        return checked

    def _check_inside(self, value: float, written: object) -> None:
        is_too_much = UNITS[self.unit].is_money and math.isfinite(value) and value > LARGEST_AMOUNT
        if self.low <= value <= self.high and not is_too_much:
            return
        if is_too_much and self.high > LARGEST_AMOUNT:
            text = format_value(value, self.unit, bare=True)
            raise MisreadError(f"{text} is more than a million US$ bn", UNITS[self.unit].expected,
                          self._advice(value, text))  # fmt: skip
        side = "below" if value < self.low else "above"
        text = " ".join(written.split()) if isinstance(written, str) else format_value(value, self.unit)
        raise MisreadError(f"{text} is {side} the range",
                      f"{UNITS[self.unit].noun} {display_range(self.low, self.high, self.unit)}",
                      self._advice(value, text))  # fmt: skip

    def _advice(self, value: float, text: str) -> str:
        kind = UNITS[self.unit].kind
        if kind == "fraction" and self.low <= value / 100 <= self.high:
            return f"did you mean {format_value(value / 100, self.unit)}?"
        if kind == "amount" and self.low <= value / 1e9 <= self.high:
            return f"a plain number counts US$ bn: for dollars write `${text}`"
        return "write a value inside the range, or widen `range` with a source"


def _entries_by_date(raw: object) -> list[tuple[object, object, int | None]] | None:
    """(date, value, line) of a mapping from a file or from Python; None where it is not one."""
    if isinstance(raw, Mapped):
        return [(entry.key.text, entry.value, entry.key.line) for entry in raw.entries.values()]
    if isinstance(raw, Mapping):
        return [(key, value, None) for key, value in raw.items()]
    if isinstance(raw, Dated):
        return [(day, value, None) for day, value in zip(raw.days, raw.values, strict=True)]
    return None


def _single(raw: object, unit: str) -> object:
    if isinstance(raw, Scalar):
        return raw.text
    if isinstance(raw, np.ndarray) and not raw.ndim:
        return raw.item()
    if isinstance(raw, Listed | list | tuple):
        raise MisreadError("a list is not a value", UNITS[unit].expected,
                      "write one value; in Python, many futures are a NumPy array")  # fmt: skip
    if isinstance(raw, Node):
        raise MisreadError(f"{what_it_is(raw)} is not a value", UNITS[unit].expected, "write one value")
    return raw
