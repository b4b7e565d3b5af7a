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


@dataclass(frozen=True)
class Inputs:
    """The parameters of the base, the scenarios by name, the pins of the actuals, and what is reported beside them."""

    parameters: dict[str, Parameter]
    scenarios: dict[str, Scenario]
    actuals: list[Pin]
    reported: list[Reported]


def read_inputs(params: Path, rows: Mapping[str, str]) -> Inputs:
    """Everything in a `params` folder; `rows` gives the unit of each row. InputError with all problems of all files.

    `actuals.yaml` and `reported.yaml` may be absent, `base` and `scenarios` may not.
    """
    complaints = Complaints(shown(params))
    base, scenarios, actuals = params / "base", params / "scenarios", params / "actuals.yaml"
    parameters, unread = gather_parameters(base, complaints.at(shown(base)))
    found = gather_scenarios(scenarios, parameters, complaints.at(shown(scenarios)), unread)
    pins = gather_actuals(actuals, rows, complaints.at(shown(actuals))) if actuals.exists() else []
    reported = params / "reported.yaml"
    beside = gather_reported(reported, rows, found, complaints.at(shown(reported))) if reported.exists() else []
    complaints.finish()
    return Inputs(parameters, found, pins, beside)
