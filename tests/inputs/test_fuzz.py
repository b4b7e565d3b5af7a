"""Whatever a file, an option or a Python value holds, it is read or refused: never a traceback, never a nan."""

import math
import string

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.inputs.example import ACTUALS, DEAL, NEW_DEAL, ROWS, SPLIT

from dealgrid.inputs import check_pins, check_settings, parse_pins, parse_settings, read_inputs, read_parameters
from dealgrid.inputs import save_scenario as save
from dealgrid.problems import InputError

FILES = {"base/deal.yaml": DEAL, "base/split.yaml": SPLIT, "scenarios/new_deal.yaml": NEW_DEAL, "actuals.yaml": ACTUALS}
PIECES = [
    ":", ": ", "- ", "? ", "{", "}", "[", "]", ",", "#", " #", "&a ", "*a", "!t ", "!!int ", "|", ">", "'", '"', "%",
    "@", "`", "\n", "\n  ", "\n\n", "\t", " ", "<<: ", "---\n", "...", "%YAML 1.1\n", "~", "null", "yes", ".nan",
    ".inf", "-", "0x1F", "1e999", "1_0", "2025-02-30", "1:30", "\\", "\0", "\x85", "\u2028", "\ufeff", "\U0001f600",
    "é", "\r", "9" * 50, "stake", "value", "range", "unit", "uncertain", "{uniform: [0, 1]}", "{2025: 1}", "never",
    "set", "hazard",
]  # fmt: skip
QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
SCALARS = st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.sampled_from(PIECES)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["stake", "label", "unit", "value", "range", "set", "2025"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@st.composite
def mutations(draw):
    """A good file with a few pieces cut out, doubled, or put in where they do not belong."""
    name = draw(st.sampled_from(list(FILES)))
    text = FILES[name]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        new = draw(st.sampled_from(["", text[start:end] * 2, *PIECES]) | st.text(max_size=3))
        text = text[:start] + new + text[end:]
    return name, text


def is_read_or_refused(folder, name, content):
    folder.write(name, content)
    try:
        inputs = read_inputs(folder.path, ROWS)
    except InputError as error:
        for problem in error.problems:
            assert problem.where.startswith("params/")
            assert str(problem).count("\n") <= 2
            assert problem.expected
            assert problem.advice
    else:
        for parameter in inputs.parameters.values():
            values = np.atleast_1d(getattr(parameter.value, "values", parameter.value))
            assert np.all((parameter.low <= values) & (values <= parameter.high))
    finally:
        folder.write(name, FILES.get(name, ""))


@QUIET
@given(mutations())
def test_a_damaged_file_is_read_or_refused(folder, mutation):
    name, text = mutation
    is_read_or_refused(folder, name, text.encode("utf-8", "surrogatepass"))


@QUIET
@given(st.sampled_from(list(FILES)), st.binary(max_size=200))
def test_no_file_whatever_gives_a_traceback(folder, name, content):
    is_read_or_refused(folder, name, content)


@QUIET
@given(st.sampled_from(list(FILES)), st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=25).map("".join))
def test_no_text_whatever_gives_a_traceback(folder, name, text):
    is_read_or_refused(folder, name, text.encode("utf-8", "surrogatepass"))


def flow(tree):
    """A tree as flow YAML."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {flow(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(flow, tree)) + "]"
    text = str(tree)
    return (
        "'" + text.replace("'", "''") + "'" if set(text) - set(string.ascii_letters + string.digits + "._-") else text
    )


@QUIET
@given(st.sampled_from(list(FILES)), TREES)
def test_no_structure_whatever_gives_a_traceback(folder, name, tree):
    is_read_or_refused(folder, name, flow(tree).encode("utf-8", "surrogatepass"))


NAMES = st.sampled_from(["stake", "share_rate", "agi_date", "tranches", "revenue", "revenue@2025", "unknown"])
OPTIONS = st.builds("{}={}".format, NAMES, TREES.map(flow)) | st.text(max_size=20)


def accepted(check, given_values, known):
    """What the door lets in; nothing if it refuses, which it does with problems and no other way."""
    try:
        return check(given_values, known)
    except InputError as error:
        return [] if error.problems else None


@QUIET
@given(st.lists(OPTIONS, max_size=4))
def test_no_option_whatever_gives_a_traceback(parameters, items):
    assert accepted(parse_settings, items, parameters) is not None
    assert accepted(parse_pins, items, ROWS) is not None


@QUIET
@given(st.dictionaries(NAMES | st.text(), TREES))
def test_no_python_value_whatever_gives_a_traceback(parameters, values):
    settled = accepted(check_settings, values, parameters)
    assert not any(isinstance(value, float) and math.isnan(value) for value in dict(settled).values())
    assert not any(math.isnan(pin.value) for pin in accepted(check_pins, values, ROWS))


@QUIET
@given(mutations(), st.dictionaries(st.sampled_from(["stake", "cap", "agi_date"]), st.floats(0, 1), max_size=3))
def test_over_any_file_a_scenario_is_saved_so_that_it_reads_back(folder, parameters, mutation, values):
    path = folder.write("scenarios/new_deal.yaml", mutation[1].encode("utf-8", "surrogatepass"))
    wanted = {name: value for name, value in values.items() if name != "agi_date"}
    save(path, "Title", "Why", wanted, parameters)
    assert read_inputs(folder.path, ROWS).scenarios["new_deal"].set == wanted


def test_a_large_file_of_nonsense_is_refused_in_reasonable_time(folder):
    folder.write("base/deal.yaml", "".join(f"p{number}: {{}}\n" for number in range(3000)))
    with pytest.raises(InputError) as caught:
        read_parameters(folder.path / "base")
    assert len(caught.value.problems) == 3000 * 6  # six keys missing in each
