"""The deal and the two structures that its question sets side by side."""

import pytest

from dealgrid import Case, Deal


@pytest.fixture(scope="module")
def deal() -> Deal:
    return Deal.load()


@pytest.fixture(scope="module")
def pair(deal: Deal) -> list[Case]:
    return [deal.case(deal.story.present), deal.case(deal.story.proposal)]
