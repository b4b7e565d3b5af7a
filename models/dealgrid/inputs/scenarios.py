"""Scenarios: what differs from the base, and why; reads `params/scenarios` and saves into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dealgrid.dates import date_text
from dealgrid.inputs.adding_up import sums_apart
from dealgrid.inputs.allowed import Setting, Value
from dealgrid.inputs.complaints import Complaints
from dealgrid.inputs.dated import Dated
from dealgrid.inputs.files import STEM, read_mapping, read_text, shown, write_text, yaml_files
from dealgrid.inputs.parameters import Parameter, groups_of
from dealgrid.inputs.settings import check_settings, read_settings
from dealgrid.inputs.unread import Unread
from dealgrid.inputs.values import format_value
from dealgrid.inputs.yaml_text import Mapped, Scalar, edited, read_yaml, replaced, scalar_text, what_it_is

MODELINE = "# yaml-language-server: $schema=../schema/scenario.json\n"


@dataclass(frozen=True)
class Scenario:
    """One scenario: its settings, and the line of each."""

    name: str
    title: str
    why: str
    set: dict[str, Value]
    file: str
    lines: dict[str, int]


def read_scenarios(folder: Path, parameters: Mapping[str, Parameter]) -> dict[str, Scenario]:
    """Every scenario of a folder, by name. InputError with all problems of all files."""
    complaints = Complaints(shown(folder))
    found = gather_scenarios(folder, parameters, complaints, Unread())
    complaints.finish()
    return found


def gather_scenarios(
    folder: Path, parameters: Mapping[str, Parameter], complaints: Complaints, unread: Unread
) -> dict[str, Scenario]:
    """The scenarios that can be used; problems are noted, not raised, and none about `unread` parameters."""
    found: dict[str, Scenario] = {}
    for path in yaml_files(folder, complaints):
        there = complaints.at(shown(path))
        root = read_mapping(path, there)
        scenario = root and _read_scenario(path.stem, root, parameters, there, unread)
        if scenario:
            found[path.stem] = scenario
    return found


def save_scenario(
    path: Path, title: str, why: str, settings: Mapping[str, object], parameters: Mapping[str, Parameter]
) -> None:
    """Write a scenario file, in one step, after the checks a reader would make. InputError where it fails them.

    A file that is there keeps its comments, its order and the spelling of what does not change.
    """
    text = scenario_text(path, title, why, settings, parameters)
    complaints = Complaints(shown(path))
    try:
        write_text(path, text)
    except OSError as error:
        complaints.add(f"the file cannot be written: {error.strerror}", "a folder one may write in", "check the path")
        complaints.finish()


def scenario_text(
    path: Path, title: str, why: str, settings: Mapping[str, object], parameters: Mapping[str, Parameter]
) -> str:
    """What `save_scenario` would write. InputError where a reader would refuse it."""
    complaints = Complaints(shown(path))
    if path.suffix != ".yaml" or not STEM.fullmatch(path.stem):
        complaints.add("this cannot be the file of a scenario",
                       "lowercase letters, digits, underscores and hyphens, then .yaml",
                       "choose another name")  # fmt: skip
        complaints.finish()
    checked = check_settings(settings, parameters, shown(path))
    for name, value in checked.items():
        if isinstance(value, np.ndarray):
            complaints.add(f"{name}: a scenario has one value, not one per future", "a single value", "choose one")
    complaints.finish()
    wanted = _Wanted(
        title.strip(), why.strip(), {name: v for name, v in checked.items() if not isinstance(v, np.ndarray)}
    )
    text = _changed(path, wanted, parameters) or _fresh(wanted, parameters)
    if _reread(text, path, parameters, complaints) != wanted:
        complaints.finish()
        complaints.add("the title or reason cannot be written as text", "printable characters", "change it")
        complaints.finish()
    return text


@dataclass(frozen=True)
class _Wanted:
    title: str
    why: str
    set: dict[str, Value]


def _read_scenario(
    name: str, root: Mapped, parameters: Mapping[str, Parameter], complaints: Complaints, unread: Unread
) -> Scenario | None:
    from dealgrid.inputs.schema import ScenarioShape, check_shape  # brings pydantic, so only when files are read

    before = len(complaints.problems)
    entries = check_shape(root, ScenarioShape, "", root.line, complaints)
    settings = entries.get("set")
    if settings and not isinstance(settings.value, Mapped):
        complaints.add(f"`set` is {what_it_is(settings.value)}", "parameter: value, or `{}` where nothing differs",
                       "write each parameter on a line of its own", settings.key.line)  # fmt: skip
    entries_set = settings.value.entries if settings and isinstance(settings.value, Mapped) else {}
    lines = {key: entry.key.line for key, entry in entries_set.items()}
    given = {key: entry.value for key, entry in entries_set.items() if key in parameters or not unread.has(key)}
    values = read_settings(given, parameters, complaints, lines)
    if len(values) == len(given):
        _check_sums(values, parameters, lines, complaints, unread)
    if len(complaints.problems) > before:
        return None
    texts = {key: entry.value.text.strip() for key, entry in entries.items() if isinstance(entry.value, Scalar)}
    kept = {key: value for key, value in values.items() if not isinstance(value, np.ndarray)}
    return Scenario(name, texts["title"], texts["why"], kept, complaints.where, lines)


def _check_sums(
    values: Mapping[str, Setting], parameters: Mapping[str, Parameter], lines: Mapping[str, int],
    complaints: Complaints, unread: Unread,
) -> None:  # fmt: skip
    """What adds to 1 in the base must do so in the scenario; groups it leaves alone are the base's affair."""
    base: dict[str, Setting] = {key: parameter.value for key, parameter in parameters.items()}
    for members, error in sums_apart({**base, **values}, groups_of(parameters), unread.groups):
        changed = [name for name in members if name in lines]
        if changed:
            complaints.misread(error, changed[0], lines[changed[0]])


def value_text(value: Value, unit: str) -> str:
    """A value as a file or `--set` takes it: `32.5%`, `{2025: 20%, 2030: 10%}`."""
    if isinstance(value, Dated):
        pairs = zip(value.days, value.values, strict=True)
        return "{" + ", ".join(f"{day_text(day)}: {format_value(v, unit)}" for day, v in pairs) + "}"
    return format_value(value, unit)


def day_text(day: float) -> str:
    """A day as a key of dated values: `2028-06-30`, or the year for its first day."""
    return date_text(day).removesuffix("-01-01")  # the first of January is how a year reads


def _texts(wanted: _Wanted, parameters: Mapping[str, Parameter]) -> dict[str, str]:
    return {name: value_text(value, parameters[name].unit) for name, value in wanted.set.items()}


def _fresh(wanted: _Wanted, parameters: Mapping[str, Parameter]) -> str:
    texts = _texts(wanted, parameters)
    lines = "".join(f"\n  {name}: {text}" for name, text in texts.items()) or " {}"
    return f"{MODELINE}title: {scalar_text(wanted.title)}\nwhy: {scalar_text(wanted.why)}\nset:{lines}\n"


def _changed(path: Path, wanted: _Wanted, parameters: Mapping[str, Parameter]) -> str | None:
    """The present file with what is wanted put in; None where there is none, or none that can be edited so."""
    if not path.exists():
        return None
    unheard = Complaints(shown(path))  # a file that cannot be read is replaced
    text = read_text(path, unheard)
    root = None if text is None else read_yaml(text, unheard)
    if text is None or not isinstance(root, Mapped):
        return None
    scenario = _read_scenario(path.stem, root, parameters, unheard, Unread())
    if scenario is None or unheard.problems:
        return None
    old, new = _Wanted(scenario.title, scenario.why, scenario.set), _texts(wanted, parameters)
    section = root.entries["set"].value
    assert isinstance(section, Mapped)
    for name, value in old.set.items():
        if wanted.set.get(name) == value:  # the same value keeps the author's spelling
            node = section.entries[name].value
            new[name] = text[node.start : node.end]
    changed = [key for key in ("title", "why", "set") if getattr(wanted, key) != getattr(old, key)]
    # From the end, so that the places before an edit stay true.
    for key in sorted(changed, key=lambda key: root.entries[key].key.start, reverse=True):
        if key == "set":
            text = edited(text, root, "set", new)
        else:
            text = replaced(text, root.entries[key], scalar_text(getattr(wanted, key)))
    return text if _reread(text, path, parameters, unheard) == wanted else None


def _reread(text: str, path: Path, parameters: Mapping[str, Parameter], complaints: Complaints) -> _Wanted | None:
    root = read_yaml(text, complaints)
    scenario = _read_scenario(path.stem, root, parameters, complaints, Unread()) if isinstance(root, Mapped) else None
    return _Wanted(scenario.title, scenario.why, scenario.set) if scenario else None
