"""What every study has, whatever its kind, and what a kind of study must offer to be read like the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dealgrid.inputs.adding_up import sums_apart
from dealgrid.inputs.allowed import Value
from dealgrid.inputs.complaints import Complaints, did_you_mean, quoted
from dealgrid.inputs.parameters import Parameter, groups_of
from dealgrid.inputs.scenarios import LAYERS, Scenario
from dealgrid.inputs.settings import read_settings
from dealgrid.inputs.unread import Unread
from dealgrid.inputs.yaml_text import Entry, Mapped, Node, Scalar, what_it_is


@dataclass(frozen=True)
class Study:
    """A study: its question, and the case it starts from; each kind adds what is its own."""

    kind: str
    name: str
    title: str
    why: str
    scenario: str  # one, or several laid over each other
    set: dict[str, Value]
    file: str
    lines: dict[str, int]  # of each of its keys


@dataclass(frozen=True)
class Key:
    """A key of a study file: what it is for, and its JSON Schema, which may depend on the parameters there are."""

    name: str
    description: str
    schema: Callable[[Mapping[str, Parameter]], dict[str, Any]]
    required: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of study: the keys it has beside the common ones, and who reads them.

    `read` is given the common part, the entries that have the right form, and the reading; it returns the study of
    its kind, or None after noting what is wrong.
    """

    name: str
    description: str
    keys: tuple[Key, ...]
    read: Callable[[Study, Mapping[str, Entry], Reading], Study | None]


@dataclass(frozen=True)
class Reading:
    """What a study may refer to, and where its problems are noted."""

    parameters: Mapping[str, Parameter]
    scenarios: Mapping[str, Scenario]
    rows: Mapping[str, str]  # each with its unit
    complaints: Complaints
    unread: Unread
    unread_scenarios: frozenset[str] = frozenset()  # files that are there and cannot be used: no false alarm

    def value(self, name: str, raw: object, line: int | None) -> Value | None:
        """A value for a parameter, through the door of `--set`; None, with the problem noted, where it is none."""
        if name not in self.parameters and self.unread.has(name):
            return None
        read = read_settings({name: raw}, self.parameters, self.complaints, {} if line is None else {name: line})
        found = read.get(name)
        return None if found is None or isinstance(found, np.ndarray) else found

    def settings(self, entry: Entry | None) -> tuple[dict[str, Value], dict[str, int]]:
        """A mapping of parameters to values, and the line of each; what cannot be used is noted."""
        if entry is None:
            return {}, {}
        if not isinstance(entry.value, Mapped):
            self.complaints.add(f"`{entry.key.text}` is {what_it_is(entry.value)}", "parameter: value",
                                "write each parameter on a line of its own", entry.key.line)  # fmt: skip
            return {}, {}
        lines = {name: each.key.line for name, each in entry.value.entries.items()}
        values = {name: self.value(name, each.value, lines[name]) for name, each in entry.value.entries.items()}
        return {name: value for name, value in values.items() if value is not None}, lines

    def scenario(self, text: str, line: int) -> bool:
        """Whether a text names a scenario, or several joined by `+`; noted where it does not."""
        parts = [part.strip() for part in text.split(LAYERS)]
        wrong = [part for part in parts if part not in self.scenarios and part not in self.unread_scenarios]
        for part in wrong:
            self.complaints.add(f"{quoted(part)} is not a scenario", "a file of params/scenarios, without .yaml",
                                did_you_mean(part, self.scenarios, "look it up in params/scenarios"), line)  # fmt: skip
        return not wrong

    def row(self, node: Node, line: int) -> str | None:
        """The row a piece of a file names; None, with the problem noted, where there is none."""
        name = node.text.strip() if isinstance(node, Scalar) else ""
        if name in self.rows:
            return name
        what = f"{quoted(name)} is not a row" if name else f"{what_it_is(node)} does not name a row"
        self.complaints.add(what, "the name of a row of the deal",
                            did_you_mean(name, self.rows, "`dealgrid show SCENARIO --format csv` lists every row"),
                            line)  # fmt: skip
        return None

    def clash(self, scenario: str, *layers: Mapping[str, Value]) -> str | None:
        """What does not add up once settings are laid over a scenario; None where all does, or where it is not known.

        Groups that the settings leave alone are the scenario's affair.
        """
        parts = [part.strip() for part in scenario.split(LAYERS)]
        if any(part not in self.scenarios for part in parts):
            return None
        values: dict[str, Any] = {name: parameter.value for name, parameter in self.parameters.items()}
        for layer in (*(self.scenarios[part].set for part in parts), *layers):
            values |= layer
        changed = {name for layer in layers for name in layer}
        for members, error in sums_apart(values, groups_of(self.parameters), self.unread.groups):
            if changed & set(members):
                return error.what
        return None
