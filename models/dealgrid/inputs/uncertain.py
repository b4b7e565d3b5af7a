"""How an uncertain parameter varies from future to future, as its file says it; the drawing is done elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from dealgrid.inputs.allowed import Allowed
from dealgrid.inputs.complaints import Complaints, MisreadError, did_you_mean, listed, quoted
from dealgrid.inputs.unread import Unread
from dealgrid.inputs.values import UNITS, display_range, format_value, read_value
from dealgrid.inputs.yaml_text import Listed, Mapped, Node, Scalar, what_it_is

PROBABILITY_TOLERANCE = 1e-9
CORRELATED = "correlated"


@dataclass(frozen=True)
class Form:
    """How one kind is written: the names of its numbers, in braces with names or in brackets in order."""

    names: tuple[str, ...]
    required: tuple[str, ...]
    is_named: bool
    example: str


def _in_order(*names: str, example: str) -> Form:
    return Form(names, names, is_named=False, example=example)


KINDS: dict[str, Form] = {
    "uniform": _in_order("low", "high", example="{uniform: [30%, 35%]}"),
    "triangular": _in_order("low", "mode", "high", example="{triangular: [10, 20, 40]}"),
    "pert": _in_order("low", "mode", "high", example="{pert: [10, 20, 40]}"),
    "normal": Form(("mean", "sd", "low", "high"), ("mean", "sd"), True, "{normal: {mean: 10%, sd: 2%}}"),
    "lognormal": Form(("median", "sd", "low", "high"), ("median", "sd"), True, "{lognormal: {median: 20, sd: 0.4}}"),
    "discrete": Form((), (), True, "{discrete: {yes: 30%, no: 70%}}"),
    "hazard": Form(("from", "per_year", "until"), ("from", "per_year"), True,
                   "{hazard: {from: 2026, per_year: 8%}}"),
}  # fmt: skip
ON_DATES = ("uniform", "triangular", "pert", "normal", "discrete", "hazard")


@dataclass(frozen=True)
class Uncertain:
    """A distribution. `arguments` holds its numbers by name, in the parameter's unit:

    uniform `low` `high` · triangular, pert `low` `mode` `high` · normal `mean` `sd` `low` `high` · lognormal `median`
    `sd` (of the logarithm) `low` `high` · hazard `from` `per_year` `until` (infinite if not given; a date that has
    not come by then never comes). Discrete has `outcomes` instead: pairs of value and probability. Normal and
    lognormal are cut off at `low` and `high`, which are the parameter's range unless given. Spreads of dates are
    in days. `correlated` holds rank correlations with other uncertain parameters.
    """

    kind: str
    arguments: Mapping[str, float] = field(default_factory=dict)
    outcomes: tuple[tuple[float, float], ...] = ()
    correlated: Mapping[str, float] = field(default_factory=dict)


def read_uncertain(node: Node, allowed: Allowed, name: str, complaints: Complaints) -> Uncertain | None:
    """What `uncertain:` says, checked against the unit and the range; None, with problems noted, where it is wrong."""
    before = len(complaints.problems)
    begin = f"{name}, uncertain"
    kind = _kind(node, allowed.unit, begin, complaints)
    if kind is None or not isinstance(node, Mapped):
        return None
    body = node.entries[kind].value
    reader = _Reader(allowed, f"{begin}, {kind}", complaints)
    outcomes = reader.outcomes(body) if kind == "discrete" else ()
    arguments = {} if kind == "discrete" else reader.arguments(body, kind)
    correlations = node.entries.get(CORRELATED)
    correlated = reader.correlations(correlations.value, name) if correlations else {}
    return Uncertain(kind, arguments, outcomes, correlated) if len(complaints.problems) == before else None


def _kind(node: Node, unit: str, begin: str, complaints: Complaints) -> str | None:
    if not isinstance(node, Mapped):
        complaints.add(f"{begin}: {what_it_is(node)} is not a distribution", listed(KINDS),
                       "write for example `uncertain: {uniform: [30%, 35%]}`", node.line)  # fmt: skip
        return None
    for key in node.entries:
        if key not in KINDS and key != CORRELATED:
            complaints.add(f"{begin}: {quoted(key)} is not a distribution", listed(KINDS),
                           did_you_mean(key, (*KINDS, CORRELATED), "choose one of these"), node.line)  # fmt: skip
    kinds = [key for key in node.entries if key in KINDS]
    if len(kinds) != 1:
        complaints.add(f"{begin}: {len(kinds)} distributions are given", "exactly one",
                       "keep one of them" if kinds else f"add one of {listed(KINDS)}", node.line)  # fmt: skip
        return None
    return kinds[0] if _suits(kinds[0], unit, begin, node.line, complaints) else None


def _suits(kind: str, unit: str, begin: str, line: int, complaints: Complaints) -> bool:
    is_date = UNITS[unit].kind == "date"
    allowed = ON_DATES if is_date else tuple(key for key in KINDS if key != "hazard")
    if not is_date and not UNITS[unit].is_continuous:
        allowed = ("discrete",)
    if kind not in allowed:
        complaints.add(f"{begin}: {kind} cannot draw a value in {unit}", listed(allowed),
                       f"use `{allowed[-1]}`", line)  # fmt: skip
    return kind in allowed


@dataclass(frozen=True)
class _Reader:
    """Reads the numbers of one distribution, noting what is wrong under one heading."""

    allowed: Allowed
    begin: str
    complaints: Complaints

    def arguments(self, body: Node, kind: str) -> dict[str, float]:
        """The numbers by name, checked together."""
        before = len(self.complaints.problems)
        pieces = self._pieces(body, kind)
        found = {name: self._number(name, kind, piece) for name, piece in pieces.items()}
        if len(self.complaints.problems) > before:
            return {}
        numbers = self._completed(kind, {name: value for name, value in found.items() if value is not None})
        for problem in _wrong(kind, numbers, self.allowed):
            self.complaints.misread(problem, self.begin, body.line)
        return numbers

    def outcomes(self, body: Node) -> tuple[tuple[float, float], ...]:
        """Values with their probabilities, which add to 1."""
        if not isinstance(body, Mapped) or not body.entries:
            self._malformed(body, "discrete")
            return ()
        before = len(self.complaints.problems)
        pairs = [
            (self._read(entry.key, self.allowed.unit, key), self._read(entry.value, "fraction", key))
            for key, entry in body.entries.items()
        ]
        outcomes = tuple((value, chance) for value, chance in pairs if value is not None and chance is not None)
        if len(self.complaints.problems) == before:
            self._check_outcomes(outcomes, body.line)
        return outcomes

    def correlations(self, body: Node, name: str) -> dict[str, float]:
        """Correlations by the other parameter's name; that it exists is checked when all are read."""
        if not isinstance(body, Mapped):
            self.complaints.add(f"{self.begin}: `correlated` is {what_it_is(body)}", "other parameters with numbers",
                                "write for example `correlated: {exit_multiple: 0.4}`", body.line)  # fmt: skip
            return {}
        found: dict[str, float] = {}
        for other, entry in body.entries.items():
            number = self._read(entry.value, "number", f"correlated with {other}")
            if number is not None and (not -1 <= number <= 1 or other == name):
                self.complaints.add(f"{self.begin}: {other} cannot have a correlation of {number:g} with {name}",
                                    "another parameter, and a number from -1 to 1", "correct it",
                                    entry.key.line)  # fmt: skip
            elif number is not None:
                found[other] = number
        return found

    def _pieces(self, body: Node, kind: str) -> dict[str, Node]:
        form = KINDS[kind]
        if form.is_named and isinstance(body, Mapped):
            known = {key: entry.value for key, entry in body.entries.items() if key in form.names}
            for key in body.entries.keys() - known.keys():
                self.complaints.add(f"{self.begin}: {quoted(key)} is not a number of this distribution",
                                    listed(form.names), did_you_mean(key, form.names, "remove it"),
                                    body.entries[key].key.line)  # fmt: skip
            missing = [key for key in form.required if key not in body.entries]
            for key in missing:
                self.complaints.add(f"{self.begin}: `{key}` is missing", form.example, f"add `{key}: …`", body.line)
            return known
        if not form.is_named and isinstance(body, Listed) and len(body.items) == len(form.names):
            return dict(zip(form.names, body.items, strict=True))
        self._malformed(body, kind)
        return {}

    def _malformed(self, body: Node, kind: str) -> None:
        self.complaints.add(f"{self.begin}: {what_it_is(body)} does not describe it", KINDS[kind].example,
                            "write it in this form", body.line)  # fmt: skip

    def _number(self, name: str, kind: str, piece: Node) -> float | None:
        spread = (
            "days"
            if UNITS[self.allowed.unit].kind == "date"
            else "number"
            if kind == "lognormal"
            else self.allowed.unit
        )
        unit = {"sd": spread, "per_year": "fraction per year"}.get(name, self.allowed.unit)
        return self._read(piece, unit, name)

    def _read(self, piece: Node, unit: str, name: str) -> float | None:
        try:
            if not isinstance(piece, Scalar):
                raise MisreadError(f"{what_it_is(piece)} is not a value", UNITS[unit].expected, "write one value")
            return read_value(piece.text, unit)
        except MisreadError as error:
            self.complaints.misread(error, f"{self.begin}, {name}", piece.line)
            return None

    def _completed(self, kind: str, numbers: dict[str, float]) -> dict[str, float]:
        if kind in ("normal", "lognormal"):
            return {
                **numbers,
                "low": numbers.get("low", self.allowed.low),
                "high": numbers.get("high", self.allowed.high),
            }
        return {**numbers, "until": numbers.get("until", math.inf)} if kind == "hazard" else numbers

    def _check_outcomes(self, outcomes: tuple[tuple[float, float], ...], line: int) -> None:
        for error in _outside([value for value, _ in outcomes], self.allowed):
            self.complaints.misread(error, self.begin, line)
        if len({value for value, _ in outcomes}) < len(outcomes):
            self.complaints.add(f"{self.begin}: a value is given twice", "each value once", "join them", line)
        total = math.fsum(chance for _, chance in outcomes)
        if abs(total - 1) > PROBABILITY_TOLERANCE or any(chance < 0 for _, chance in outcomes):
            self.complaints.add(f"{self.begin}: the probabilities add to {format_value(total, 'fraction')}",
                                "probabilities of 0% or more that add to 100%", "correct them", line)  # fmt: skip


def _outside(values: Iterable[float], allowed: Allowed) -> Iterable[MisreadError]:
    for value in values:
        if not allowed.low <= value <= allowed.high:
            yield MisreadError(f"{format_value(value, allowed.unit)} is outside the parameter's range",
                          f"a value {display_range(allowed.low, allowed.high, allowed.unit)}",
                          "move it inside, or widen `range`")  # fmt: skip


def _wrong(kind: str, numbers: Mapping[str, float], allowed: Allowed) -> Iterable[MisreadError]:
    """Everything the numbers of a distribution contradict."""
    points = [numbers[key] for key in ("low", "mode", "median", "mean", "high") if key in numbers]
    if kind == "hazard":
        yield from _wrong_hazard(numbers, allowed.high)
        points = [numbers["from"]]
    elif points != sorted(points) or points[0] == points[-1]:
        yield MisreadError("the numbers are not in order", "a low one, a middle one where there is one, a higher one",
                      "put them in order, or leave `uncertain` out if it is certain")  # fmt: skip
    if kind in ("uniform", "triangular", "pert") and math.isinf(points[-1]):
        yield MisreadError("an endless distribution cannot be drawn from", "finite numbers", "give a finite high")
    yield from _outside(points, allowed)
    if numbers.get("sd", 1) <= 0 or math.isinf(numbers.get("sd", 1)):
        yield MisreadError("`sd` is not a positive number", "how far values spread, above 0", "correct it")
    if math.isinf(numbers.get("mean", 0)) or math.isinf(numbers.get("median", 1)) or numbers.get("median", 1) <= 0:
        yield MisreadError("the middle of the distribution is not usable",
                      "a finite number, above 0 for lognormal", "correct it")  # fmt: skip


def _wrong_hazard(numbers: Mapping[str, float], high: float) -> Iterable[MisreadError]:
    if numbers["until"] <= numbers["from"]:
        yield MisreadError("`until` does not come after `from`", "two dates in order", "correct the dates")
    if numbers["per_year"] <= 0:
        yield MisreadError("`per_year` is not positive", "a chance per year, such as 8%", "correct it")
    if not math.isinf(high):
        yield MisreadError("a hazard may never strike, but the range ends on a date", "a range up to `never`",
                      "write `range: [2019, never]`")  # fmt: skip


def check_correlations(uncertain: Mapping[str, Uncertain], unread: Unread) -> Iterable[tuple[str, MisreadError]]:
    """(parameter, what is wrong) for correlations with parameters that are not uncertain, or that cannot all hold."""
    contradictory = False
    names = list(uncertain)
    matrix = np.eye(len(names))
    for name, other, number in ((n, o, r) for n, u in uncertain.items() for o, r in u.correlated.items()):
        if unread.has(other):
            continue
        if other not in uncertain:
            yield name, MisreadError(f"correlated with {quoted(other)}, which is not an uncertain parameter",
                                "the name of a parameter with `uncertain`",
                                did_you_mean(other, names, "remove it, or give that one a distribution"))  # fmt: skip
            continue
        back = uncertain[other].correlated.get(name, number)
        if back != number:
            contradictory = True
            yield name, MisreadError(f"the correlation with {other} is {number:g} here and {back:g} there",
                                "one number for each pair", "say it once")  # fmt: skip
        matrix[names.index(name), names.index(other)] = matrix[names.index(other), names.index(name)] = number
    if not contradictory and names and np.linalg.eigvalsh(matrix).min() < -PROBABILITY_TOLERANCE:
        involved = [name for name in names if uncertain[name].correlated]
        yield involved[0], MisreadError(f"the correlations of {listed(involved)} cannot all hold at once",
                                   "numbers some set of draws could have", "bring them nearer to 0")  # fmt: skip
