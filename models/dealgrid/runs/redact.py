"""A copy for outsiders: confidential parameters hidden where they are read, and a last look at what is written."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import html
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dealgrid.dates import MONTHS, date_of
from dealgrid.deal import DIGITS, REDACT, STRUCTURAL, Case, Deal
from dealgrid.explain import HIDDEN
from dealgrid.inputs import Dated, Setting, display_value, format_value
from dealgrid.inputs.values import UNITS
from dealgrid.problems import DealgridError, InputError, Problem, RunError
from dealgrid.runs import notebooks, store
from dealgrid.runs.recipe import Recipe

REDACTED = "redacted"  # in a manifest's notes: what is hidden
NOTE = " · redacted copy: confidential parameters are hidden"
WITHOUT = "without --redact it is told why"


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


@contextlib.contextmanager
def silent(notebook: str) -> Iterator[None]:
    """As `hiding`, and what a notebook raises is not told, since its words may repeat what is confidential."""
    with hiding():
        try:
            yield
        except notebooks.DiedError:
            raise  # which is said by Jupyter, of a kernel
        except DealgridError:
            raise RunError(
                Problem(notebook, f"the notebook fails; {WITHOUT}", "a notebook that runs from top to bottom",
                        "leave --redact out to see")
            ) from None  # fmt: skip


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


def told(names: Sequence[str]) -> list[str]:
    """What the terminal says of a redacted copy."""
    return [
        f"Hidden: {', '.join(names) or 'nothing, since no parameter is confidential'}.",
        "Figures that follow from what is hidden are kept.",
    ]


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
    """The value's spellings: telling ones anywhere, others where the parameter's name or label stands before them."""
    parameter = deal.parameters[name]
    values: list[Setting] = [parameter.value, *(case.given[name] for case in cases)]
    values += [each.set[name] for each in deal.scenarios.values() if name in each.set]
    numbers = {n for value in values for n in (value.values if isinstance(value, Dated) else (float(value),))}
    between = rf"(?:\W|(?<!\w){re.escape(parameter.unit)}(?!\w)){{1,16}}"  # a table has the unit in a column
    named = rf"(?<!\w)(?:{name}|{re.escape(parameter.label)}){between}"
    telling: set[str] = set()
    others: set[str] = set()
    for number in numbers:
        for text in _spellings(number, parameter.unit):
            (telling if _is_telling(text, number, parameter.unit) else others).add(re.escape(text))
    parts = [rf"(?<![\d.])(?:{'|'.join(sorted(telling))})(?!\d)"] if telling else []
    parts += [rf"{named}(?:{'|'.join(sorted(others))})(?![\w.]*\d|\w)"] if others else []
    return re.compile("|".join(parts))


def _is_telling(text: str, number: float, unit: str) -> bool:
    """Whether a spelling is not met by chance: it has many digits, and is not the end of a period or its beginning."""
    if UNITS[unit].kind == "date" and math.isfinite(number):
        day = date_of(number)
        following = day + dt.timedelta(days=1)
        if any((each.day, each.month % min(MONTHS.values())) == (1, 1) for each in (day, following)):
            return False
    return len(re.sub(r"\D", "", text).strip("0")) >= DIGITS


def _spellings(number: float, unit: str) -> set[str]:
    texts = {format_value(number, unit), display_value(number, unit)}
    if math.isfinite(number):
        texts |= {repr(number), f"{number:g}", f"{number * 100:.15g}", f"{number:,}"}
        texts |= {str(date_of(number).year)} if UNITS[unit].kind == "date" else set()
    return texts | {text.strip("$%xbn×") for text in texts if any(map(str.isdigit, text))}


def _text(path: Path) -> str:
    """What can be read in a file: figures of a table, words of a paper, and of a page with and without its marks."""
    if path.suffix == ".parquet":
        return "\n".join(map(repr, store.figures(path)))
    if path.suffix == ".pdf":
        return _words(path)
    text = path.read_bytes().decode("utf-8", errors="replace")
    if path.suffix == ".ipynb":
        text += "\n" + "\n".join(_strings(json.loads(text)))
    return text + "\n" + re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^<>]*>", " ", text)))


def _strings(found: object) -> Iterator[str]:
    """Every text in a notebook as it is read, its lines put together again."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        yield from (each for value in found.values() for each in _strings(value))
    elif isinstance(found, list):
        if all(isinstance(each, str) for each in found):
            yield "".join(found)
        else:
            yield from (each for value in found for each in _strings(value))


def _words(path: Path) -> str:
    """The words of a paper, of what is attached to it and of what it says of itself."""
    import pypdf

    paper = pypdf.PdfReader(path)
    parts = [path.read_bytes().decode("utf-8", errors="replace"), *(page.extract_text() for page in paper.pages)]
    parts += [str(value) for value in (paper.metadata or {}).values()]
    parts += [content.decode("utf-8", errors="replace") for files in paper.attachments.values() for content in files]
    text = "\n".join(parts)
    return text + "\n" + re.sub(r"\s+", " ", text)
