"""What holds for every test: generated examples are the same on every CI run, and no test waits on the clock."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from tests.command import ROOT

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A project folder of one's own, to spoil."""
    shutil.copytree(ROOT / "params", tmp_path / "params")
    return tmp_path
