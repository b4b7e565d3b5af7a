"""Reads a whole `params` folder, so that what is wrong anywhere in it is said in one go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dealgrid.inputs.actuals import Pin, gather_actuals
from dealgrid.inputs.complaints import Complaints
from dealgrid.inputs.files import shown
from dealgrid.inputs.parameters import Parameter, gather_parameters
from dealgrid.inputs.reported import Reported, gather_reported
from dealgrid.inputs.scenarios import Scenario, gather_scenarios
from dealgrid.inputs.studies import gather_studies
from dealgrid.inputs.study import Reading, Study


@dataclass(frozen=True)
class Inputs:
    """Parameters, scenarios and studies by name, the pins of the actuals, and what is reported beside them."""

    parameters: dict[str, Parameter]
    scenarios: dict[str, Scenario]
    studies: dict[str, Study]
    actuals: list[Pin]
    reported: list[Reported]


def read_inputs(params: Path, rows: Mapping[str, str]) -> Inputs:
    """Everything in a `params` folder; `rows` gives the unit of each row. InputError with all problems of all files.

    `actuals.yaml`, `reported.yaml` and `studies` may be absent, `base` and `scenarios` may not.
    """
    complaints = Complaints(shown(params))
    base, scenarios, actuals = params / "base", params / "scenarios", params / "actuals.yaml"
    studies = params / "studies"
    parameters, unread = gather_parameters(base, complaints.at(shown(base)))
    found = gather_scenarios(scenarios, parameters, complaints.at(shown(scenarios)), unread)
    pins = gather_actuals(actuals, rows, complaints.at(shown(actuals))) if actuals.exists() else []
    unusable = frozenset(path.stem for path in scenarios.glob("*.yaml")) - set(found)
    reading = Reading(parameters, found, rows, complaints.at(shown(studies)), unread, unusable)
    asked = gather_studies(studies, reading) if studies.exists() else {}
    reported = params / "reported.yaml"
    beside = gather_reported(reported, rows, found, complaints.at(shown(reported))) if reported.exists() else []
    complaints.finish()
    return Inputs(parameters, found, asked, pins, beside)
