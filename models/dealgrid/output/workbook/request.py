"""What a workbook is made from, as text on its cover: enough to write the very same workbook again."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dealgrid.deal import Case, Deal
from dealgrid.inputs import Setting, format_value, parse_pins, parse_settings, value_text

LAYOUT = 1  # raised whenever a cell of an older workbook would stand elsewhere or mean something else
MADE_FROM = "Made from"  # in column A of the cover, beside the text


@dataclass(frozen=True)
class Request:
    """What `write` was asked for, and which model it was asked of.

    `settings` and `pins` are in the spelling of `--set` and `--pin`; they lie on top of every scenario. `model` is
    the fingerprint of rows, parameters, scenarios and actual figures: another one means another workbook.
    """

    scenarios: tuple[str, ...]
    settings: Mapping[str, str]
    pins: tuple[str, ...]
    names: bool
    run: str
    written: dt.datetime
    deal: str
    model: str
    version: str
    layout: int = LAYOUT

    @classmethod
    def of(cls, cases: Sequence[Case], run: str, written: dt.datetime, names: bool) -> Request:
        """The request of cases that share their settings and pins."""
        deal = cases[0].deal
        return cls(
            scenarios=tuple(case.scenario for case in cases),
            settings={name: _as_text(cases[0].given[name], deal.parameters[name].unit) for name in cases[0].settings},
            pins=tuple(
                f"{pin.row}{'@' + pin.period if pin.period else ''}={format_value(pin.value, deal.units[pin.row])}"
                for pin in cases[0].own_pins
            ),
            names=names,
            run=run,
            written=written.replace(tzinfo=None, microsecond=0),
            deal=deal.name,
            model=fingerprint(deal),
            version=importlib.metadata.version("dealgrid"),
        )

    @classmethod
    def read(cls, text: str) -> Request:
        """The request a cover holds; ValueError where the text is none."""
        try:
            held = json.loads(text)
            return cls(
                scenarios=tuple(held["scenarios"]),
                settings=dict(held["set"]),
                pins=tuple(held["pin"]),
                names=bool(held["names"]),
                run=str(held["run"]),
                written=dt.datetime.fromisoformat(held["written"]),
                deal=str(held["deal"]),
                model=str(held["model"]),
                version=str(held["dealgrid"]),
                layout=int(held["layout"]),
            )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"not what a workbook of dealgrid is made from: {error}") from None

    def text(self) -> str:
        """As the cover holds it: `read` gives it back."""
        held = {
            "dealgrid": self.version,
            "layout": self.layout,
            "deal": self.deal,
            "model": self.model,
            "scenarios": list(self.scenarios),
            "set": dict(self.settings),
            "pin": list(self.pins),
            "names": self.names,
            "run": self.run,
            "written": self.written.isoformat(),
        }
        return json.dumps(held, ensure_ascii=False)

    def cases(self, deal: Deal) -> list[Case]:
        """The cases asked for, computed; InputError where the deal no longer takes what was asked."""
        settings = parse_settings([f"{name}={text}" for name, text in self.settings.items()], deal.parameters)
        pins = parse_pins(self.pins, deal.units)
        return [deal.case(scenario, settings, pins) for scenario in self.scenarios]


def fingerprint(deal: Deal) -> str:
    """Sixteen letters that change with any row, parameter, scenario or actual figure of a deal."""
    told: list[object] = [deal.name]
    told += [(name, row.label, row.unit, row.shape, deal.book.formula(name)) for name, row in deal.book.rows.items()]
    told += [
        (each.name, each.sheet, each.label, each.unit, each.value, each.low, each.high, each.grade, each.source)
        for each in deal.parameters.values()
    ]
    told += [(each.name, each.title, each.set) for each in deal.scenarios.values()]
    told += [(pin.row, pin.period, pin.value, pin.source, pin.grade) for pin in deal.actuals]
    return hashlib.sha256("\n".join(map(str, told)).encode()).hexdigest()[:16]


def _as_text(value: Setting, unit: str) -> str:
    if isinstance(value, np.ndarray):
        raise ValueError("a workbook shows one case, not many futures")
    return value_text(value, unit)
