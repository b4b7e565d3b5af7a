"""Settings: parameters given another value, by a scenario, by `--set` or from Python, through one door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from dealgrid.inputs.adding_up import sums_apart
from dealgrid.inputs.allowed import Setting
from dealgrid.inputs.complaints import Complaints, did_you_mean, quoted
from dealgrid.inputs.dated import NOTHING, Dated
from dealgrid.inputs.parameters import Parameter, groups_of
from dealgrid.inputs.yaml_text import Mapped, read_yaml

OPTION = "--set"


def parse_settings(items: Iterable[str], parameters: Mapping[str, Parameter]) -> dict[str, Setting]:
    """Settings from `NAME=VALUE` texts; a later one replaces an earlier one of the same name.

    VALUE as in a file, a dated one as `{2025: 20%, 2030: 10%}`. InputError with all problems.
    """
    complaints = Complaints(OPTION, has_lines=False)
    settings: dict[str, Setting] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not name.strip():
            complaints.add(f"{quoted(item)} sets nothing", "NAME=VALUE, as in microsoft_stake=32.5%",
                           "write a name, `=` and a value")  # fmt: skip
            continue
        settings |= read_settings({name.strip(): text.strip()}, parameters, complaints)
    complaints.finish()
    return settings


def check_settings(
    settings: Mapping[str, object], parameters: Mapping[str, Parameter], where: str = "set"
) -> dict[str, Setting]:
    """Settings from Python: texts as in a file, numbers, bools, dates, mappings by date, arrays of one per future.

    `where` names their origin in messages. InputError with all problems.
    """
    complaints = Complaints(where, has_lines=False)
    checked = read_settings(settings, parameters, complaints)
    complaints.finish()
    return checked


def read_settings(
    settings: Mapping[str, object],
    parameters: Mapping[str, Parameter],
    complaints: Complaints,
    lines: Mapping[str, int] | None = None,
) -> dict[str, Setting]:
    """The settings that can be used; what is wrong with the others is noted, with its line if known."""
    found: dict[str, Setting] = {}
    for name, raw in settings.items():
        value = _read_one(name, raw, parameters, complaints, (lines or {}).get(name))
        if value is not None:
            found[name] = value
    return found


def apply_settings(
    parameters: Mapping[str, Parameter], *layers: Mapping[str, Setting], where: str = "set"
) -> dict[str, Setting]:
    """The values of a case: the base, then each layer of checked settings over it. InputError where they clash."""
    values: dict[str, Setting] = {name: parameter.value for name, parameter in parameters.items()}
    for layer in layers:
        values |= layer
    complaints = Complaints(where, has_lines=False)
    for name in (name for name in values if name not in parameters):
        _unknown(name, parameters, complaints, None)
    counts = {name: value.size for name, value in values.items() if isinstance(value, np.ndarray)}
    if len(set(counts.values())) > 1:
        complaints.add(f"the arrays have different lengths: {', '.join(f'{n} {c}' for n, c in counts.items())}",
                       "one value per future in each", "give arrays of one length")  # fmt: skip
    else:
        for members, error in sums_apart(values, groups_of(parameters)):
            complaints.misread(error, members[0])
    complaints.finish()
    return values


def _read_one(
    name: str, raw: object, parameters: Mapping[str, Parameter], complaints: Complaints, line: int | None
) -> Setting | None:
    parameter = parameters.get(name)
    if parameter is None:
        _unknown(name, parameters, complaints, line)
        return None
    if isinstance(raw, str) and raw.lstrip().startswith("{"):
        raw = read_yaml(raw, complaints)
        if raw is None:
            return None
    if isinstance(raw, Mapped | Mapping | Dated) and not parameter.is_dated:
        complaints.add(f"{name}: values by date for a parameter that has one value", "one value",
                       f"give one value, or write the value in {parameter.file} by date", line)  # fmt: skip
        return None
    value = parameter.allowed.read(raw, name, complaints, line)
    if value is not None and parameter.between == NOTHING and not isinstance(value, Dated) and np.any(value):
        complaints.add(f"{name}: one value for a parameter of dated payments", "amounts by date, or 0 for none",
                       "write it as in {2025-10: $1bn}", line)  # fmt: skip
        return None
    return value


def _unknown(name: object, parameters: Mapping[str, Parameter], complaints: Complaints, line: int | None) -> None:
    complaints.add(f"{quoted(name)} is not a parameter", "the name of a parameter in the base",
                   did_you_mean(str(name), parameters, "look it up in params/base"), line)  # fmt: skip
