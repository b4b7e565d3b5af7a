"""The JSON Schemas that editors use must take what the readers take, and complete the names."""

import json

import jsonschema
import pytest
from ruamel.yaml import YAML

from dealgrid.inputs.schema import json_schema, write_schemas
from tests.inputs.conftest import DEAL, NEW_DEAL, SPLIT


@pytest.fixture
def schemas(parameters):
    return json_schema(parameters)


def faults(schema, text):
    """What an editor would underline: it reads YAML 1.2, so dates are texts, and keys are texts."""
    yaml = YAML(typ="safe", pure=True)
    yaml.resolver.add_version_implicit_resolver = None
    data = json.loads(json.dumps(yaml.load(text), default=str))
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(data)]
