"""Studies: questions asked of many cases; reads `params/studies`, each file by the reader of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dealgrid.inputs import bargains, simulations, sweeps
from dealgrid.inputs.complaints import Complaints, did_you_mean, listed
from dealgrid.inputs.files import read_mapping, shown, yaml_files
from dealgrid.inputs.parameters import Parameter
from dealgrid.inputs.scenarios import Scenario
from dealgrid.inputs.study import Kind, Reading, Study
from dealgrid.inputs.unread import Unread
from dealgrid.inputs.yaml_text import Mapped, Scalar, what_it_is

# The kinds there are. Another one is a file beside `sweeps.py` with its KIND, and a name here.
KINDS: dict[str, Kind] = {kind.name: kind for kind in (sweeps.KIND, simulations.KIND, bargains.KIND)}


def read_studies(
    folder: Path, parameters: Mapping[str, Parameter], scenarios: Mapping[str, Scenario], rows: Mapping[str, str]
) -> dict[str, Study]:
    """Every study of a folder, by name; `rows` gives the unit of each row. InputError with all problems."""
    complaints = Complaints(shown(folder))
    found = gather_studies(folder, Reading(parameters, scenarios, rows, complaints, Unread()))
    complaints.finish()
    return found


def gather_studies(folder: Path, reading: Reading) -> dict[str, Study]:
    """The studies that can be used; problems are noted, not raised."""
    found: dict[str, Study] = {}
    for path in yaml_files(folder, reading.complaints):
        there = reading.complaints.at(shown(path))
        root = read_mapping(path, there)
        study = root and read_study(path.stem, root, reading, there)
        if study:
            found[path.stem] = study
    return found


def read_study(name: str, root: Mapped, reading: Reading, complaints: Complaints) -> Study | None:
    """One study from what its file holds; None, with every problem noted, where it cannot be used."""
    from dealgrid.inputs.schema import check_shape, study_shape  # brings pydantic, so only when files are read

    before = len(complaints.problems)
    here = Reading(reading.parameters, reading.scenarios, reading.rows, complaints, reading.unread,
                   reading.unread_scenarios)  # fmt: skip
    kind = _kind(root, complaints)
    if kind is None:
        return None
    entries = check_shape(root, study_shape(kind), "", root.line, complaints)
    text = {key: entry.value.text.strip() for key, entry in entries.items() if isinstance(entry.value, Scalar)}
    if "scenario" in text:
        here.scenario(text["scenario"], entries["scenario"].key.line)
    settings, lines = here.settings(entries.get("set"))
    if "scenario" in text:
        clash = here.clash(text["scenario"], settings)
        if clash:
            complaints.add(clash, "parts that add up", "set the others of the group as well",
                           min(lines.values(), default=root.line))  # fmt: skip
    head = Study(
        kind.name, name, text.get("title", ""), text.get("why", ""), text.get("scenario", ""), settings,
        complaints.where, {key: entry.key.line for key, entry in root.entries.items()},
    )  # fmt: skip
    study = kind.read(head, entries, here)
    return None if len(complaints.problems) > before else study


def _kind(root: Mapped, complaints: Complaints) -> Kind | None:
    """The kind a study says it is; None, with the problem noted, where it is none."""
    entry = root.entries.get("kind")
    if entry is None:
        complaints.add("`kind` is missing", listed(KINDS), "add a line `kind: …`", root.line)
        return None
    word = entry.value.text.strip() if isinstance(entry.value, Scalar) else ""
    if word not in KINDS:
        complaints.add(f"`kind` is {what_it_is(entry.value)}", listed(KINDS),
                       did_you_mean(word, KINDS, "choose one of these"), entry.key.line)  # fmt: skip
        return None
    return KINDS[word]
