"""A copy for outsiders: confidential parameters hidden where they are read, and a last look at what is written."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dealgrid.deal import DIGITS, REDACT, STRUCTURAL, Case, Deal
from dealgrid.explain import HIDDEN
from dealgrid.inputs import Dated, Setting, format_value
from dealgrid.problems import InputError, Problem, RunError
from dealgrid.runs import store
from dealgrid.runs.recipe import Recipe


@contextlib.contextmanager
def hiding() -> Iterator[None]:
    """Within, a deal that is opened here or in a notebook hides what is confidential."""
    before = os.environ.get(REDACT)
    os.environ[REDACT] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[REDACT]
        else:
            os.environ[REDACT] = before


def opened(deal: Deal) -> Deal:
    """The deal again, hiding what is confidential; InputError for what every heading would show."""
    found = Deal.load(deal.name, deal.root)
    seen = [name for name in STRUCTURAL if name in found.hidden]
    if seen:
        raise InputError(
            Problem(found.parameters[name].file, f"{name} is confidential, and every table shows it",
                    "a parameter that can be hidden", "take `confidential` away, or do not publish the report",
                    found.parameters[name].line)
            for name in seen
        )  # fmt: skip
    return found


def settings_shown(deal: Deal, settings: Mapping[str, str]) -> dict[str, str]:
    """Settings, the confidential ones hidden."""
    return {name: HIDDEN if name in deal.hidden else text for name, text in settings.items()}


def recipe(deal: Deal, made_from: Recipe, cases: Sequence[Case]) -> Recipe:
    """A recipe that does not tell what is confidential; a hash of a file would, to whoever guesses the rest."""
    rows = {row for case in cases for row in case.masked}
    return dataclasses.replace(
        made_from,
        settings=settings_shown(deal, made_from.settings),
        base=settings_shown(deal, made_from.base),
        set={scenario: settings_shown(deal, texts) for scenario, texts in made_from.set.items()},
        actuals={key: HIDDEN if key.partition("@")[0] in rows else text for key, text in made_from.actuals.items()},
        inputs={name: HIDDEN if name.startswith("params/") else each for name, each in made_from.inputs.items()},
    )


def leaks(deal: Deal, cases: Sequence[Case], folder: Path) -> list[str]:
    """Confidential parameters that stand in a file of a run, each with the file, never with the value."""
    patterns = {name: _pattern(name, deal, cases) for name in sorted(deal.hidden)}
    found = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        text = _text(path)
        found += [f"{name} in {path.name}" for name, pattern in patterns.items() if pattern.search(text)]
    return found


def refuse_leaks(deal: Deal, cases: Sequence[Case], folder: Path) -> None:
    """RunError where a confidential value stands in a file of a run."""
    problems = [
        Problem("--redact", f"the value of {told} would be published", "no trace of it",
                "take the figure out of the notebook or the texts it shows")
        for told in leaks(deal, cases, folder)
    ]  # fmt: skip
    if problems:
        raise RunError(problems)


def _pattern(name: str, deal: Deal, cases: Sequence[Case]) -> re.Pattern[str]:
    """The value's spellings: long ones anywhere, short ones where the parameter's name stands before them."""
    values: list[Setting] = [deal.parameters[name].value, *(case.given[name] for case in cases)]
    values += [each.set[name] for each in deal.scenarios.values() if name in each.set]
    numbers = {n for value in values for n in (value.values if isinstance(value, Dated) else (float(value),))}
    unit = deal.parameters[name].unit
    spellings = {text for number in numbers for text in _spellings(number, unit)}
    parts = []
    for text in sorted(spellings):
        bounded = r"(?<![\d.])" + re.escape(text) + r"(?!\d)"
        is_long = len(re.sub(r"\D", "", text).strip("0")) >= DIGITS
        parts.append(bounded if is_long else rf"\b{name}\b\W{{1,12}}" + re.escape(text) + r"(?![\d.])")
    return re.compile("|".join(parts))


def _spellings(number: float, unit: str) -> set[str]:
    if not math.isfinite(number):
        return {format_value(number, unit)}
    texts = {format_value(number, unit), repr(number), f"{number * 100:.15g}", f"{number:,}"}
    return texts | {text.strip("$%xbn") for text in texts}


def _text(path: Path) -> str:
    """What can be read in a file: the figures of a table, the letters of anything else."""
    if path.suffix == ".parquet":
        return "\n".join(map(repr, store.figures(path)))
    return path.read_bytes().decode("utf-8", errors="replace").replace('\\"', '"')
