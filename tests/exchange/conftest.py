"""A deal in a folder of its own, whose files may be edited."""

import copy
import shutil
from pathlib import Path

import pytest

from dealgrid import Deal

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="package")
def shipped() -> Deal:
    """Read once: reading the files takes longer than most of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return Deal.load(root=ROOT)


@pytest.fixture
def deal(shipped: Deal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)
    moved = copy.copy(shipped)
    moved.root = tmp_path
    return moved
