"""What a run is made from: enough to make it again, and to say what moved a figure since."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dealgrid.deal import Deal
from dealgrid.inputs import format_value, value_text
from dealgrid.parcel import PACKAGE, hashes, machine, sheets

ACTUALS = "actuals.yaml"
READ_BY_ALL = ("base", "scenarios")  # what in `params` moves the figures of any run, beside the actual figures
PATIENCE = 10  # seconds that git may take to answer


@dataclass(frozen=True)
class Recipe:
    """What a run is made from: enough to make it again.

    `settings` are texts as `--set` takes them; `inputs` and `sheets` map files to the SHA-256 of their bytes,
    `inputs` from the deal's folder, `sheets` from the folder its package lies in. `base`, `set` and `actuals` are
    what the inputs say, as text: by parameter, by scenario and parameter, by `ROW@PERIOD`.
    """

    kind: str
    deal: str
    scenarios: tuple[str, ...]
    settings: Mapping[str, str]
    seed: int | None
    inputs: Mapping[str, str]
    sheets: Mapping[str, str]
    code: Mapping[str, Any]
    packages: Mapping[str, str]
    python: str
    study: str = ""
    base: Mapping[str, str] = field(default_factory=dict)
    set: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    actuals: Mapping[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """Eight hexadecimal digits: the same for runs made from the same."""
        text = json.dumps(vars(self), sort_keys=True, default=dict)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Moved:
    """What two recipes differ in, said for a person, by kind."""

    asked: tuple[str, ...]  # scenarios, settings, seed: what was asked for
    inputs: tuple[str, ...]  # parameters, scenarios, notebooks, studies
    data: tuple[str, ...]  # actual figures
    code: tuple[str, ...]  # the deal's sheets, the program
    environment: tuple[str, ...]  # Python and libraries

    @property
    def figures(self) -> tuple[str, ...]:
        """Everything but the environment, which should not move a figure."""
        return self.asked + self.inputs + self.data + self.code

    @property
    def kinds(self) -> str:
        """The kinds in which something differs: `inputs, code`; empty for none."""
        return ", ".join(name for name, told in vars(self).items() if told)


def recipe(
    deal: Deal,
    kind: str,
    scenarios: Sequence[str],
    settings: Mapping[str, str],
    files: Iterable[Path] = (),
    seed: int | None = None,
    study: str = "",
) -> Recipe:
    """What a run of a deal is made from; `files` are inputs beside the parameters, such as a notebook or a study."""
    where = deal.root / "params"
    params = [path for folder in READ_BY_ALL for path in sorted((where / folder).glob("*.yaml"))]
    params += [path for path in [where / ACTUALS] if path.exists()]
    return Recipe(
        kind=kind,
        deal=deal.name,
        scenarios=tuple(scenarios),
        settings=dict(settings),
        seed=seed,
        inputs=hashes([*params, *files], deal.root),
        sheets=sheets(deal.name),
        code={**machine(), **_commit(deal.root)},
        packages=_packages(),
        python=platform.python_version(),
        study=study,
        base={name: value_text(each.value, each.unit) for name, each in deal.parameters.items()},
        set={
            scenario.name: {name: value_text(value, deal.parameters[name].unit) for name, value in scenario.set.items()}
            for scenario in deal.scenarios.values()
        },
        actuals={f"{pin.row}@{pin.period}": format_value(pin.value, deal.units[pin.row]) for pin in deal.actuals},
    )


def moved(before: Recipe, after: Recipe) -> Moved:
    """What two recipes differ in; a version or commit with the same sources is the same program."""
    keys = ("kind", "deal", "scenarios", "study", "settings", "seed")
    pairs = {key: (getattr(before, key), getattr(after, key)) for key in keys}
    asked = [f"{key}: {_short(one)} → {_short(other)}" for key, (one, other) in pairs.items() if one != other]
    files = _files_moved(before.inputs, after.inputs)
    data = [name for name in files if name.endswith(ACTUALS)]
    code = [f"{name} {how}" for name, how in _files_moved(before.sheets, after.sheets).items()]
    if before.code.get("sha256") != after.code.get("sha256"):
        code.append(f"the program: {_version_of(before)} → {_version_of(after)}")
    values = _texts_moved(before.base, after.base)
    for scenario in {**before.set, **after.set}:
        texts = _texts_moved(before.set.get(scenario, {}), after.set.get(scenario, {}))
        values += [f"{told} in {scenario}" for told in texts]
    return Moved(
        asked=tuple(asked),
        inputs=tuple([f"{name} {how}" for name, how in files.items() if name not in data] + values),
        data=tuple([f"{name} {files[name]}" for name in data] + _texts_moved(before.actuals, after.actuals)),
        code=tuple(code),
        environment=tuple(
            _texts_moved({"python": before.python, **before.packages}, {"python": after.python, **after.packages})
        ),
    )


def _files_moved(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """How each file differs that does."""
    return {
        name: "is new" if name not in before else "is gone" if name not in after else "changed"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


def _texts_moved(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [
        f"{name}: {before.get(name, 'absent')} → {after.get(name, 'absent')}"
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def _short(value: object) -> str:
    """A part of a recipe in a few words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={text}" for name, text in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return str(value) if value not in (None, "") else "none"


def _version_of(made_from: Recipe) -> str:
    commit = str(made_from.code.get("commit") or "")[:8]
    return " ".join([str(made_from.code.get("version")), *([f"({commit})"] if commit else [])])


def _commit(root: Path) -> dict[str, Any]:
    """The commit a project is at, and what has been changed since, where git knows it."""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--", "models", "params", "notebooks") if commit else None
    return {
        "commit": commit,
        "changed_since": None
        if changed is None
        else sorted(line.split(maxsplit=1)[1] for line in changed.splitlines()),
    }


def _git(root: Path, *words: str) -> str | None:
    """What git answers; None where there is no git, no repository or no answer."""
    command = ["git", "-C", str(root), *words]
    try:
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
            timeout=PATIENCE,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return run.stdout.strip("\n")


def _packages() -> dict[str, str]:
    """Versions of the libraries the project asks for by name."""
    asked = importlib.metadata.requires(PACKAGE) or []
    names = sorted({re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in asked if "extra ==" not in line})
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
