"""The inputs room: parameters, scenarios, actuals, settings and pins come in here, or are refused with reasons."""

from dealgrid.inputs.actuals import Pin, check_pins, parse_pins, read_actuals
from dealgrid.inputs.allowed import Setting, Value
from dealgrid.inputs.dated import Dated
from dealgrid.inputs.everything import Inputs, read_inputs
from dealgrid.inputs.parameters import Parameter, read_parameters
from dealgrid.inputs.reported import Figure, Reported
from dealgrid.inputs.scenarios import Scenario, read_scenarios, save_scenario, value_text
from dealgrid.inputs.settings import apply_settings, check_settings, parse_settings
from dealgrid.inputs.uncertain import Uncertain
from dealgrid.inputs.values import UNITS, Unit, display_value, format_value, read_value

__all__ = [
    "UNITS", "Dated", "Figure", "Inputs", "Parameter", "Pin", "Reported", "Scenario", "Setting",
    "Uncertain", "Unit", "Value",
    "apply_settings", "check_pins", "check_settings", "display_value", "format_value",
    "parse_pins", "parse_settings", "read_actuals", "read_inputs", "read_parameters",
    "read_scenarios", "read_value", "save_scenario", "value_text",
]  # fmt: skip
