"""The deal as it is shipped, opened once."""

from pathlib import Path

import pytest

from dealgrid import Deal

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def deal() -> Deal:
    return Deal.load("microsoft_openai", root=ROOT)
