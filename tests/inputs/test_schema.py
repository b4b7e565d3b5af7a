"""The JSON Schemas that editors use must take what the readers take, and complete the names."""

import json
import re
from pathlib import Path

import pytest
from tests.inputs.example import DEAL, NEW_DEAL, SPLIT

from dealgrid.inputs import UNITS, read_parameters
from dealgrid.inputs.complaints import Complaints
from dealgrid.inputs.schema import json_schema, write_schemas
from dealgrid.inputs.yaml_text import plain, read_yaml

jsonschema = pytest.importorskip("jsonschema", reason="the oracle for schemas is the library jsonschema")

NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@pytest.fixture
def schemas(parameters):
    return json_schema(parameters)


def as_editors_read(piece):
    """Texts as the numbers and booleans of YAML 1.2, which is what an editor checks."""
    if isinstance(piece, dict):
        return {key: as_editors_read(value) for key, value in piece.items()}
    if isinstance(piece, list):
        return [as_editors_read(item) for item in piece]
    if piece in ("true", "false"):
        return piece == "true"
    return float(piece.replace(".inf", "inf")) if NUMBER.fullmatch(piece) or piece == ".inf" else piece


def underlined(schema, text):
    """What an editor would underline."""
    jsonschema.Draft7Validator.check_schema(schema)
    data = as_editors_read(plain(read_yaml(text, Complaints(""))))
    return [error.json_path for error in jsonschema.Draft7Validator(schema).iter_errors(data)]


def test_the_schemas_take_what_the_readers_take(schemas):
    assert underlined(schemas["parameters"], DEAL) == []
    assert underlined(schemas["parameters"], SPLIT) == []
    assert underlined(schemas["scenario"], NEW_DEAL) == []


@pytest.mark.parametrize(
    "value", ["32.5%", "0.325", ".inf", "never", "yes", "true", "{2025: 1, 2028-Q3: 2%, 2029-03-01: 3}"]
)
def test_every_spelling_of_a_value_is_taken(schemas, value):
    assert underlined(schemas["parameters"], DEAL.replace("value: 32.5%", f"value: {value}")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  grade: M\n", ""),
        ("  grade: M", "  grade: D"),
        ("  grade: M", "  grad: M"),
        ("  unit: date", "  unit: day"),
        ("  value: 32.5%", "  value: [32.5%]"),
        ("{2019: 20%}", "{soon: 20%}"),
        ("[0%, 50%]", "[0%]"),
        ("{uniform: [30%, 35%]}", "{uniform: [30%]}"),
        ("{uniform: [30%, 35%]}", "{unifrom: [30%, 35%]}"),
        ("{from: 2026, per_year: 8%}", "{from: 2026}"),
        ("includes_principal:", "Includes Principal:"),
    ],
)
def test_an_editor_underlines_what_the_reader_would_refuse(schemas, old, new):
    assert old in DEAL
    assert underlined(schemas["parameters"], DEAL.replace(old, new)) != []


@pytest.mark.parametrize("line", ["stak: 30%", "includes_principal: maybe", "stake: {2025: 30%}"])
def test_an_editor_underlines_a_setting_that_cannot_be(schemas, line):
    assert underlined(schemas["scenario"], f"title: T\nwhy: W\nset:\n  {line}\n") != []


@pytest.mark.parametrize("line", ["grid: {stak: [30%]}", "grid: {stake: 30%}", "notbook: small", "kind: sweeep"])
def test_an_editor_underlines_a_study_that_cannot_be(schemas, line):
    text = "kind: sweep\ntitle: T\nwhy: W\nscenario: new_deal\nnotebook: small\ngrid: {stake: [30%]}\n"
    assert underlined(schemas["study"], text) == []
    key = line.partition(":")[0]
    changed = "".join(each for each in text.splitlines(True) if not each.startswith(key + ":")) + line + "\n"
    assert underlined(schemas["study"], changed) != []


def test_names_and_units_are_completed_with_what_they_mean(schemas, parameters):
    settings = schemas["scenario"]["properties"]["set"]["properties"]
    assert list(settings) == list(parameters)
    assert settings["stake"]["description"] == "Microsoft's ownership. fraction, from 0% to 100%"
    (entry,) = schemas["parameters"]["patternProperties"].values()
    assert entry["properties"]["unit"]["enum"] == list(UNITS)
    assert entry["required"] == ["label", "unit", "value", "range", "grade", "source"]


def test_schemas_are_written_where_the_files_look_for_them(folder, parameters):
    write_schemas(folder.path / "schema", parameters)
    for name in ("parameters", "scenario"):
        assert json.loads((folder.path / f"schema/{name}.json").read_text()) == json_schema(parameters)[name]


def test_the_published_schemas_are_those_of_the_parameters():
    root = Path(__file__).parents[2] / "params"
    for name, schema in json_schema(read_parameters(root / "base")).items():
        published = json.loads((root / f"schema/{name}.json").read_text(encoding="utf-8"))
        assert published == schema, "call dealgrid.inputs.schema.write_schemas(Path('params/schema'), parameters)"


def test_an_editor_underlines_nothing_in_the_files_of_the_deal():
    root = Path(__file__).parents[2] / "params"
    for folder, name in (("base", "parameters"), ("scenarios", "scenario"), ("studies", "study")):
        schema = json.loads((root / f"schema/{name}.json").read_text(encoding="utf-8"))
        for path in (root / folder).glob("*.yaml"):
            assert underlined(schema, path.read_text(encoding="utf-8")) == [], path
