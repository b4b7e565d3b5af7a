"""The shapes of input files: which keys they have; checked on reading, and published as JSON Schema for editors.

The only importer of pydantic; whoever needs a shape imports this module when it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema, create_model

from dealgrid.inputs.complaints import Complaints, did_you_mean, listed, quoted
from dealgrid.inputs.dated import BETWEEN
from dealgrid.inputs.files import write_text
from dealgrid.inputs.uncertain import KINDS
from dealgrid.inputs.values import NO, UNITS, YES, display_range
from dealgrid.inputs.yaml_text import Entry, Mapped, plain, what_it_is

if TYPE_CHECKING:
    from dealgrid.inputs.parameters import Parameter
    from dealgrid.inputs.study import Kind

GRADES = ("A", "B", "B-", "C", "M", "J")
DRAFT = "http://json-schema.org/draft-07/schema#"  # the one editors' YAML plug-ins know
DATE_KEY = r"^[0-9]{4}(-?[Qq][1-4]|-[0-9]{2}(-[0-9]{2})?)?$"
NAME_KEY = r"^[a-z][a-z0-9_]*$"
SINGLE: dict[str, Any] = {"type": ["string", "number", "boolean"]}
DATED: dict[str, Any] = {
    "type": "object", "patternProperties": {DATE_KEY: SINGLE}, "additionalProperties": False, "minProperties": 1,
}  # fmt: skip
VALUE: dict[str, Any] = {"anyOf": [SINGLE, DATED]}
NAMES: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
YES_OR_NO: dict[str, Any] = {"enum": [True, False, *(word for word in (*YES, *NO) if word.isalpha())]}


def _numbers(count: int) -> dict[str, Any]:
    return {"type": "array", "items": SINGLE, "minItems": count, "maxItems": count}


def _named(names: tuple[str, ...], required: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "object", "properties": dict.fromkeys(names, SINGLE), "required": list(required),
            "additionalProperties": False}  # fmt: skip


def _uncertain() -> dict[str, Any]:
    shapes = {
        kind: {"type": "object", "additionalProperties": SINGLE, "minProperties": 1} if kind == "discrete"
        else _named(form.names, form.required) if form.is_named
        else _numbers(len(form.names))
        for kind, form in KINDS.items()
    }  # fmt: skip
    correlated = {"type": "object", "additionalProperties": SINGLE}
    return {"type": "object", "properties": {**shapes, "correlated": correlated}, "additionalProperties": False,
            "oneOf": [{"required": [kind]} for kind in KINDS]}  # fmt: skip


if TYPE_CHECKING:
    UnitName: TypeAlias = str
    Grade: TypeAlias = str
    Between: TypeAlias = str
else:  # closed lists, which a type checker cannot read from a table
    UnitName, Grade, Between = Literal[tuple(UNITS)], Literal[GRADES], Literal[BETWEEN]
Text = Annotated[str, WithJsonSchema({"type": ["string", "number"]})]  # a label may be a bare 401


class Shape(BaseModel):
    """A mapping with these keys and no others."""

    model_config = ConfigDict(extra="forbid")


class ParameterShape(Shape):
    """A parameter."""

    label: Text = Field(description="what tables call it")
    unit: UnitName = Field(description="the unit of its value")
    value: Annotated[Any, WithJsonSchema(VALUE)] = Field(description="a value, or values by date")
    range: Annotated[Any, WithJsonSchema(_numbers(2))] = Field(description="the lowest and highest value: [low, high]")
    grade: Grade = Field(description="how sure: A document, B press, B- weak, C arithmetic, M unverified, J ours")
    source: Text = Field(description="who says so, and when")
    address: Text = Field("", description="where the source can be read")
    note: Text = Field("", description="why this value")
    between: Between = Field("step", description="what happens between dates")
    uncertain: Annotated[Any, WithJsonSchema(_uncertain())] = Field(None, description="how it is drawn in futures")
    confidential: Annotated[str, WithJsonSchema(YES_OR_NO)] = Field("no", description="yes or no")
    adds_to_one: Text = Field("", description="the group of parameters whose values add to 1 with this one")


class ScenarioShape(Shape):
    """A scenario: what differs from the base, and why."""

    title: Text = Field(description="what charts call it")
    why: Text = Field(description="why somebody would look at it")
    set: Annotated[Any, WithJsonSchema({"type": "object"})] = Field(
        description="parameter: value for each that differs from the base; `{}` if none does"
    )


class StudyShape(Shape):
    """What every study has."""

    kind: Text = Field(description="what kind of study it is")
    title: Text = Field(description="what pages call it")
    why: Text = Field(description="the question it answers")
    scenario: Text = Field(description="the scenario it starts from, or several joined by +")
    set: Annotated[Any, WithJsonSchema({"type": "object"})] = Field(
        None, description="parameter: value for each that differs from the scenario in all of it"
    )


class ActualsShape(Shape):
    """Known values of one row from one source."""

    unit: Text = Field("", description="the unit of the values, that of the row")
    grade: Grade = Field(description="how sure they are: A, B, B-, C, M or J")
    source: Text = Field(description="who says so, and when")
    address: Text = Field("", description="where the source can be read")
    note: Text = Field("", description="anything a reader should know")
    values: Annotated[Any, WithJsonSchema(DATED)] = Field(description="a value for each period: {2025: 13.07}")


class ScheduleShape(Shape):
    """What runs when, and who is told if it fails."""

    title: Text = Field(description="what it is, for people")
    cron: Text = Field(description="minute, hour, day, month, weekday: `0 6 * * mon`")
    time_zone: Text = Field(description="the place whose clock counts: Europe/London, or UTC")
    run: Literal["report", "sweep"] = Field(description="report or sweep")
    scenarios: Annotated[Any, WithJsonSchema(NAMES)] = Field(None, description="the scenarios of a report")
    study: Text = Field("", description="the study of a sweep")
    keep: Annotated[str, WithJsonSchema({"type": "integer", "minimum": 1})] = Field("", description="runs that stay")
    catch_up: Literal["once", "all", "skip"] = Field("once", description="what becomes of missed runs")
    retries: Annotated[str, WithJsonSchema({"type": "integer", "minimum": 0})] = Field("", description="after a crash")
    backoff: Text = Field("", description="before the first retry, then doubled: `10 min`")
    time_limit: Text = Field("", description="after which a run is stopped: `1 h`")
    to: Text = Field("", description="where the run is sent: an address, or the variable that holds it")
    tell: Annotated[Any, WithJsonSchema(NAMES)] = Field(
        None, description="variables of the environment that hold Apprise addresses"
    )


def study_shape(kind: Kind) -> type[Shape]:
    """The shape of a kind of study: the common keys, and its own."""
    fields: dict[str, Any] = {
        key.name: (Any, Field(... if key.required else None, description=key.description)) for key in kind.keys
    }
    made: type[Shape] = create_model(f"{kind.name.title()}Shape", __base__=StudyShape, **fields)
    return made


class ReportedShape(Shape):
    """What one source reports of some rows."""

    label: Text = Field(description="what is reported, in words")
    kind: Literal["actual", "plan"] = Field(description="`actual` for the past, `plan` for what is expected")
    rows: Text = Field(description="the rows it is laid beside: `revenue`, or `paid - received`")
    unit: Text = Field(description="the unit of the values, that of the rows")
    plan: Text = Field("", description="the scenario with the plan reported, laid over the one looked at")
    grade: Grade = Field(description="how sure the values are: A, B, B-, C, M or J")
    source: Text = Field(description="who says so, and when")
    address: Text = Field("", description="where the source can be read")
    note: Text = Field("", description="anything a reader should know")
    values: Annotated[Any, WithJsonSchema(DATED)] = Field(description="a value for each period: {2025: 13.07}")


def check_shape(node: Mapped, shape: type[Shape], name: str, line: int, complaints: Complaints) -> dict[str, Entry]:
    """The entries that have the right form; what is missing, empty, unknown or malformed is noted.

    `name` begins the messages and may be empty; `line` is where a missing key is reported.
    """
    begin = f"{name}: " if name else ""
    absent = {key for key, entry in node.entries.items() if getattr(entry.value, "is_absent", False)}
    known_absent = absent & set(shape.model_fields)
    for key in sorted(known_absent, key=list(node.entries).index):
        complaints.add(f"{begin}`{key}` is empty", _expected(shape, key), f"write it after `{key}:`",
                       node.entries[key].key.line)  # fmt: skip
    wrong = set(known_absent)
    for error in _errors(node, shape):
        key = str(error["loc"][0])
        if key not in known_absent:
            complaints.add(*_message(error["type"], key, node, shape, begin),
                           node.entries[key].key.line if key in node.entries else line)  # fmt: skip
        wrong.add(key)
    return {key: entry for key, entry in node.entries.items() if key not in wrong}


def _errors(node: Mapped, shape: type[Shape]) -> list[Any]:
    try:
        shape.model_validate(plain(node))
    except ValidationError as error:
        return list(error.errors(include_url=False, include_input=False))
    return []


def _expected(shape: type[Shape], key: str) -> str:
    return shape.model_fields[key].description or ""


def _message(kind: str, key: str, node: Mapped, shape: type[Shape], begin: str) -> tuple[str, str, str]:
    if kind == "missing":
        return f"{begin}`{key}` is missing", _expected(shape, key), f"add a line `{key}: …`"
    keys = list(shape.model_fields)
    if kind == "extra_forbidden":
        return f"{begin}{quoted(key)} is not a key here", listed(keys), did_you_mean(key, keys, "remove it")
    value = node.entries[key].value
    what = f"{begin}`{key}` is {what_it_is(value)}"
    if kind != "literal_error":
        return what, _expected(shape, key), "write one text"
    choices = list(getattr(shape.model_fields[key].annotation, "__args__", ()))
    return what, listed(choices), did_you_mean(str(plain(value)), choices, "choose one of these")


def json_schema(parameters: Mapping[str, Parameter]) -> dict[str, dict[str, Any]]:
    """The JSON Schemas for editors: of parameter files, scenarios, studies and schedules."""
    return {
        "parameters": _parameters_schema(parameters),
        "scenario": _scenario_schema(parameters),
        "study": _study_schema(parameters),
        "schedules": _schedules_schema(),
    }


def write_schemas(folder: Path, parameters: Mapping[str, Parameter]) -> None:
    """Write each as a file of its name into a folder."""
    for name, schema in json_schema(parameters).items():
        write_text(folder / f"{name}.json", json.dumps(schema, indent=2, ensure_ascii=False) + "\n")


def _parameters_schema(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    entry = ParameterShape.model_json_schema()
    properties = entry["properties"]
    uncertain = [name for name, parameter in parameters.items() if parameter.uncertain]
    properties["uncertain"]["properties"]["correlated"] = {
        "type": "object", "properties": dict.fromkeys(uncertain, SINGLE), "additionalProperties": SINGLE,
    }  # fmt: skip
    groups = sorted({parameter.adds_to_one for parameter in parameters.values() if parameter.adds_to_one})
    properties["adds_to_one"]["examples"] = groups
    return {"$schema": DRAFT, "title": "Parameters of a sheet", "type": "object", "minProperties": 1,
            "patternProperties": {NAME_KEY: entry}, "additionalProperties": False}  # fmt: skip


def _schedules_schema() -> dict[str, Any]:
    return {"$schema": DRAFT, "title": "Schedules", "type": "object",
            "patternProperties": {"^[a-z0-9][a-z0-9_-]*$": ScheduleShape.model_json_schema()},
            "additionalProperties": False}  # fmt: skip


def _scenario_schema(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    schema = ScenarioShape.model_json_schema()
    schema["properties"]["set"] |= {
        "properties": {name: _setting_schema(parameter) for name, parameter in parameters.items()},
        "additionalProperties": False,
    }
    return {"$schema": DRAFT, **schema}


def _study_schema(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """One schema for all kinds: `kind` decides which keys a file may have."""
    from dealgrid.inputs.studies import KINDS as KINDS_OF_STUDY  # which reads shapes from here

    settings = _scenario_schema(parameters)["properties"]["set"]
    cases = []
    for kind in KINDS_OF_STUDY.values():
        schema = study_shape(kind).model_json_schema()
        schema["properties"]["set"] |= {key: settings[key] for key in ("properties", "additionalProperties")}
        schema["properties"]["kind"] = {"const": kind.name, "description": kind.description}
        for key in kind.keys:
            schema["properties"][key.name] = {"description": key.description, **key.schema(parameters)}
        cases.append({"if": {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]}, "then": schema})
    kinds = {"enum": list(KINDS_OF_STUDY), "description": "what kind of study it is"}
    return {"$schema": DRAFT, "title": "A study", "type": "object", "required": ["kind"],
            "properties": {"kind": kinds}, "allOf": cases}  # fmt: skip


def _setting_schema(parameter: Parameter) -> dict[str, Any]:
    is_flag = UNITS[parameter.unit].kind == "flag"
    single = {"enum": [*YES_OR_NO["enum"], 0, 1]} if is_flag else {"type": ["string", "number"]}
    allowed = display_range(parameter.low, parameter.high, parameter.unit)
    description = f"{parameter.label}. {parameter.unit}, {allowed}"  # no value: it would go stale with each edit
    return {"description": description, **({"anyOf": [single, DATED]} if parameter.is_dated else single)}
