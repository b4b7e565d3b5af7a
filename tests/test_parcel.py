"""Parcels: a worker elsewhere works on what it was sent, and on nothing of its own."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from dealgrid import Deal, RunError, parcel


def test_a_deal_is_read_from_what_was_sent(copy: Path) -> None:
    path = copy / "params" / "base" / "exit.yaml"
    text = path.read_text(encoding="utf-8")
    assert "value: 5x" in text
    path.write_text(text.replace("value: 5x", "value: 6x", 1), encoding="utf-8")
    deal = Deal.load(root=copy)
    sent = parcel.packed(deal)
    shutil.rmtree(copy)
    there = parcel.opened(sent)
    assert {name: each.value for name, each in there.parameters.items()} == {
        name: each.value for name, each in deal.parameters.items()
    }
    assert there.case("new_deal")["microsoft_value"] == deal.case("new_deal")["microsoft_value"]
    assert there.case("new_deal")["microsoft_value"] != Deal.load().case("new_deal")["microsoft_value"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sheets": {}}, "microsoft_openai/access.py, microsoft_openai/azure.py"),
        ({"machine": {"version": "0.0.1", "sha256": "0"}}, "instead of 0.0.1"),
        ({"deal": "no_such_deal"}, "the deal no_such_deal is not installed there"),
    ],
)
def test_another_program_is_refused_by_name(change: dict[str, object], said: str) -> None:
    sent = dataclasses.replace(parcel.packed(Deal.load()), **change)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="the worker on ") as caught:
        parcel.opened(sent)
    assert said in str(caught.value)
