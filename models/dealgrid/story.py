"""What a deal's answer consists of, so that tables, charts and reports know which rows to show."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Story:
    """The question a deal answers, the scenarios in its order, and the rows that are the answer.

    `present` and `proposal` name the two scenarios set side by side; `holders` and `streams` name `once`
    rows of present values with the short label each has on a chart; of the streams of the party at the
    centre, `outflows` are the ones it pays. `total` and `center` name the values they add up to, `returns`
    other figures worth a line. `clauses` name parameters, or sheets of them, that are negotiated together; a
    parameter's own name wins over its sheet's, and what is not named goes with its sheet. `paths` are rows over the
    periods whose spread is worth a picture.
    """

    title: str
    question: str
    scenarios: tuple[str, ...]
    present: str
    proposal: str
    holders: Mapping[str, str]
    total: str
    streams: Mapping[str, str]
    outflows: tuple[str, ...]
    center: str
    returns: Mapping[str, str]
    clauses: Mapping[str, Collection[str]]
    paths: tuple[str, ...] = ()
