"""A small folder of parameters, and the means to break it one line at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.inputs.example import ACTUALS, DEAL, NEW_DEAL, ROWS, SPLIT

from dealgrid.inputs import Parameter, read_inputs, read_parameters
from dealgrid.problems import InputError, Problem


@dataclass
class Folder:
    """A `params` folder on disk."""

    path: Path

    def write(self, name: str, text: str | bytes) -> Path:
        """Write one file of it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def read(self) -> dict[str, Parameter]:
        """The parameters of the base."""
        return read_parameters(self.path / "base")

    def problems(self) -> list[Problem]:
        """Everything wrong with the whole folder, which must be something."""
        with pytest.raises(InputError) as caught:
            read_inputs(self.path, ROWS)
        return caught.value.problems

    def change(self, old: str, new: str, name: str = "base/deal.yaml") -> Problem:
        """The one problem there is once `old` has become `new`."""
        text = (self.path / name).read_text()
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        self.write(name, text.replace(old, new))
        (problem,) = self.problems()
        return problem


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    made = Folder(tmp_path / "params")
    for name, text in {
        "base/deal.yaml": DEAL, "base/split.yaml": SPLIT, "scenarios/new_deal.yaml": NEW_DEAL, "actuals.yaml": ACTUALS,
    }.items():  # fmt: skip
        made.write(name, text)
    return made


@pytest.fixture
def parameters(folder: Folder) -> dict[str, Parameter]:
    return folder.read()


@pytest.fixture
def wrong() -> Callable[..., list[Problem]]:
    """The problems that calling something raises."""

    def problems_of(call: Callable[..., object], *args: object, **named: object) -> list[Problem]:
        with pytest.raises(InputError) as caught:
            call(*args, **named)
        return caught.value.problems

    return problems_of
