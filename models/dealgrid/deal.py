"""The meeting place: a deal's rows, its parameters and scenarios, and one case of it filled in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import importlib
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from dealgrid.dates import CALENDAR_UNITS, Calendar, serial
from dealgrid.engine.book import Book, collect, read_sheets
from dealgrid.engine.irr import Certificate, certificate
from dealgrid.engine.kernel import Totals, prepare
from dealgrid.engine.row import OPENING, PRIOR, Row
from dealgrid.engine.run import Fixed, run
from dealgrid.engine.trace import Name, calls_in
from dealgrid.explain import HIDDEN, Explanation, Origins
from dealgrid.inputs import (
    Dated,
    Parameter,
    Pin,
    Reported,
    Scenario,
    Setting,
    apply_settings,
    check_pins,
    check_settings,
    read_inputs,
)
from dealgrid.inputs.dated import COMING, NOTHING
from dealgrid.inputs.scenarios import LAYERS as LAYERS
from dealgrid.inputs.study import Study
from dealgrid.pins import fix, place_of, refuse_places
from dealgrid.problems import InputError, Problem, gathered
from dealgrid.story import Story

if TYPE_CHECKING:
    import pandas as pd

REDACT = "DEALGRID_REDACT"  # set in the environment: hide confidential parameters, in a notebook's kernel too
DIGITS = 5  # significant digits from which a figure is not met by chance
MONEY, FLAG = "US$", "flag"
GROUP = "dealgrid.deals"  # the entry-point group in which a package offers its deal
CHECK = "check_"  # a row whose name begins so must be zero
# The parameters the machine itself asks for: every deal has them.
FIRST_YEAR, LAST_YEAR, PERIODS_PER_YEAR = "first_year", "last_year", "periods_per_year"
VALUATION_DATE, TOLERANCE = "valuation_date", "check_tolerance"
STRUCTURAL = (FIRST_YEAR, LAST_YEAR, PERIODS_PER_YEAR, VALUATION_DATE, TOLERANCE)
FREQUENCIES = (1, 4)


@dataclass(frozen=True)
class Checks:
    """Whether every check of a case is zero, and the names of those that are not."""

    failed: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all are zero."""
        return not self.failed


class Deal:
    """A deal: its book of rows, its parameters, scenarios, studies and actual figures."""

    def __init__(self, package: ModuleType, root: Path) -> None:
        self.name: str = package.__name__
        self.story: Story = package.STORY
        self.root = root
        rows, _ = read_sheets(package.SHEETS)  # what is wrong with them, `collect` says with all the rest
        self.units: dict[str, str] = {name: row.unit for name, row in rows.items()}
        inputs = read_inputs(root / "params", self.units)
        self.parameters: dict[str, Parameter] = inputs.parameters
        self._refuse_missing_files(rows.values())
        self._refuse_missing()
        self.book: Book = collect(package.SHEETS, *self._names())
        self._refuse_unused()
        order = {name: place for place, name in enumerate(self.story.scenarios)}
        names = sorted(inputs.scenarios, key=lambda name: (order.get(name, len(order)), name))
        self.scenarios: dict[str, Scenario] = {name: inputs.scenarios[name] for name in names}
        self.hidden: frozenset[str] = frozenset()
        if os.environ.get(REDACT):
            self._hide()
        self.studies: dict[str, Study] = inputs.studies
        self.actuals: list[Pin] = inputs.actuals
        self.reported: list[Reported] = inputs.reported

    @classmethod
    def load(cls, name: str | None = None, root: Path | None = None) -> Self:
        """Open a deal that is installed: by name, or the only one. InputError or ModelError with all problems.

        `root` is the folder with `params/`; without it, the current folder or the nearest above it that has
        one, else the folder the deal's package was installed from.
        """
        package = _package(name)
        return cls(package, root or _find_root(package))

    @staticmethod
    def find_root(name: str | None = None) -> Path:
        """The folder with `params/` that `load` would take, without reading what is in it."""
        return _find_root(_package(name))

    def _hide(self) -> None:
        """Hide what is confidential: cases leave out its figures, and texts that may repeat them give way to names."""
        self.hidden = frozenset(name for name, each in self.parameters.items() if each.confidential)
        for name in self.hidden:
            texts = dict.fromkeys(("source", "note", "address"), HIDDEN)
            self.parameters[name] = dataclasses.replace(self.parameters[name], **texts)  # type: ignore[arg-type]
        for name, scenario in self.scenarios.items():
            if self.hidden & scenario.set.keys():
                self.scenarios[name] = dataclasses.replace(scenario, title=name, why=HIDDEN)

    def case(
        self,
        scenario: str = "status_quo",
        set: Mapping[str, object] | None = None,
        pins: Mapping[str, object] | Iterable[Pin] = (),
    ) -> Case:
        """One scenario filled in, with parameters set and rows pinned on top of it.

        `set` takes values as people write them (`"32.5%"`) or as numbers; `pins` a mapping of `ROW@PERIOD`
        or `ROW` to a value, or pins already read. InputError with all problems, ModelError if a row is not
        a number.
        """
        given, calendar, all_pins = self._prepare(scenario, set or {}, pins)
        values = run(self.book, calendar, self.arrays(given, calendar), self.fixed(all_pins, calendar))
        return Case(self, scenario, dict(set or {}), calendar, given, all_pins, values)

    def many(
        self, scenario: str, set: Mapping[str, object], pins: Mapping[str, object] | Iterable[Pin] = ()
    ) -> dict[str, np.ndarray]:
        """Many futures of one scenario at once: each parameter in `set` one value or an array of one per future.

        Rows come back as (periods, futures), `once` rows as (futures,).
        """
        given, calendar, all_pins = self._prepare(scenario, set, pins)
        futures = next((len(value) for value in given.values() if isinstance(value, np.ndarray)), 1)
        return run(self.book, calendar, self.arrays(given, calendar), self.fixed(all_pins, calendar), futures)

    def cases(self, points: Iterable[tuple[str, Mapping[str, object]]]) -> list[Case]:
        """A case for each scenario with its settings, all computed in one call of the engine.

        Cases on another calendar, or valued on another day and so with other actual figures, take another call.
        """
        prepared = [(scenario, dict(set), *self._prepare(scenario, set, ())) for scenario, set in points]
        alike: dict[tuple[object, ...], list[int]] = {}
        for place, (_, _, given, calendar, pins) in enumerate(prepared):
            alike.setdefault((calendar, given[VALUATION_DATE], tuple(map(id, pins))), []).append(place)
        found: dict[int, Case] = {}
        for places in alike.values():
            _, _, _, calendar, pins = prepared[places[0]]
            arrays = [self.arrays(prepared[place][2], calendar) for place in places]
            together = {name: _side_by_side([each[name] for each in arrays]) for name in arrays[0]}
            values = run(self.book, calendar, together, self.fixed(pins, calendar), len(places))
            for index, place in enumerate(places):
                scenario, set, given, *_ = prepared[place]
                own = {name: value[..., index] for name, value in values.items()}
                found[place] = Case(self, scenario, set, calendar, given, pins, own)
        return [found[place] for place in range(len(prepared))]

    def scenario(self, name: str) -> Scenario:
        """A scenario by name, or several laid over each other: `new_deal+plan_hsbc`; InputError with the nearest."""
        parts = [part.strip() for part in name.split(LAYERS)]
        unknown = [part for part in parts if part not in self.scenarios]
        if unknown:
            expected = "one of " + ", ".join(self.scenarios)
            raise InputError(
                Problem(
                    "scenario",
                    f"{part!r} is not a scenario",
                    expected,
                    _near(part, self.scenarios, "`dealgrid show` lists them"),
                )
                for part in unknown
            )
        layers = [self.scenarios[part] for part in parts]
        if len(layers) == 1:
            return layers[0]
        return Scenario(
            name=LAYERS.join(parts),
            title=f" {LAYERS} ".join(layer.title for layer in layers),
            why=" ".join(layer.why for layer in layers),
            set={name: value for layer in layers for name, value in layer.set.items()},
            file=layers[-1].file,
            lines={},
        )

    def row(self, name: str) -> Row:
        """A row by name; InputError with the nearest one."""
        if name not in self.book.rows:
            raise InputError(Problem("row", f"{name!r} is not a row", "a row of a sheet", _near(name, self.book.rows)))
        return self.book.rows[name]

    def is_earlier(self, name: str) -> bool:
        """Whether a name is `prior_x` of a row x that has a value per period."""
        row = self.book.rows.get(name.removeprefix(PRIOR))
        return name.startswith(PRIOR) and row is not None and not row.is_once

    def sheet(self, name: str) -> list[Row]:
        """The rows of a sheet, in their author's order; InputError with the nearest one."""
        sheets = self.book.sheets
        if name not in sheets:
            raise InputError(
                Problem(
                    "sheet",
                    f"{name!r} is not a sheet",
                    "one of " + ", ".join(sheets),
                    _near(name, sheets, "look it up in that list"),
                )
            )
        return sheets[name]

    def _refuse_missing_files(self, rows: Iterable[Row]) -> None:
        """A sheet without a parameter file whose own rows ask for parameters that are nowhere: the file is lost."""
        base = self.root / "params" / "base"
        known = {*self.units, *self.parameters, *CALENDAR_UNITS}
        asked: dict[str, dict[str, None]] = {}
        for row in rows:
            plain = (name.removeprefix(PRIOR).removeprefix(COMING) for name in row.ingredients)
            asked.setdefault(row.sheet, {}).update(dict.fromkeys(name for name in plain if name not in known))
        lost: dict[str, list[str]] = {}
        for sheet, names in asked.items():
            new = [name for name in names if not any(name in others for others in lost.values())]
            if new and not (base / f"{sheet}.yaml").exists():
                lost[sheet] = new
        if lost:
            raise InputError(
                Problem(
                    str(base / f"{sheet}.yaml"),
                    "the file is missing",
                    f"the parameters of the sheet {sheet}, such as {', '.join(names)}",
                    "restore the file, as with `git restore params/base`",
                )
                for sheet, names in lost.items()
            )

    def _refuse_missing(self) -> None:
        missing = [name for name in STRUCTURAL if name not in self.parameters]
        if missing:
            raise InputError(
                Problem(
                    str(self.root / "params" / "base"),
                    f"parameter `{name}` is missing",
                    "every deal has it",
                    "add it to timing.yaml or checks.yaml",
                )
                for name in missing
            )

    def _refuse_unused(self) -> None:
        """A parameter that no row uses is a figure somebody edits without effect."""
        unused = [name for name in self.parameters if name not in self.book.given and name not in STRUCTURAL]
        unused = [name for name in unused if COMING + name not in self.book.given]
        if unused:
            raise InputError(
                Problem(
                    self.parameters[name].file,
                    f"no row uses the parameter `{name}`",
                    "every parameter moves something",
                    _near(
                        name,
                        {each.removeprefix(PRIOR) for row in self.book.rows.values() for each in row.ingredients}
                        - {name},
                    ),
                    self.parameters[name].line,
                )
                for name in unused
            )

    def _names(self) -> tuple[set[str], set[str]]:
        """Names the rows may use: those with one number per case, those with one per period."""
        dated = {name for name, parameter in self.parameters.items() if parameter.is_dated}
        coming = {COMING + name for name, parameter in self.parameters.items() if parameter.between == NOTHING}
        calendar = set(CALENDAR_UNITS)
        return set(self.parameters) - dated, dated | coming | calendar

    def _prepare(
        self, scenario: str, set: Mapping[str, object], pins: Mapping[str, object] | Iterable[Pin]
    ) -> tuple[dict[str, Setting], Calendar, list[Pin]]:
        problems: list[Problem] = []
        layers: list[Mapping[str, Setting]] = []
        given_pins: list[Pin] = []
        with gathered(problems):
            layers.append(self.scenario(scenario).set)
        with gathered(problems):
            layers.append(check_settings(set, self.parameters))
        with gathered(problems):
            given_pins.extend(check_pins(pins, self.units) if isinstance(pins, Mapping) else pins)
        if problems:
            raise InputError(problems)
        given = apply_settings(self.parameters, *layers)
        calendar = _calendar(given)
        refuse_places(given_pins, self.book, calendar)
        return given, calendar, [*self._actuals_until(given[VALUATION_DATE], calendar), *given_pins]

    def _actuals_until(self, valuation_date: Setting, calendar: Calendar) -> list[Pin]:
        """Actual figures of periods that had ended by the valuation date."""
        ends = {str(year): _year_end(year) for year in range(calendar.first_year, calendar.last_year + 1)}
        ends |= {period: serial(end) for period, end in zip(calendar.periods, calendar.ends, strict=True)}
        return [pin for pin in self.actuals if pin.period in ends and ends[pin.period] <= float(valuation_date)]  # type: ignore[arg-type]

    def arrays(self, given: Mapping[str, Setting], calendar: Calendar) -> dict[str, float | np.ndarray]:
        """What the engine is given: numbers, arrays of futures, and a value per period for what has dates."""
        valuation_date = float(given[VALUATION_DATE])  # type: ignore[arg-type]
        arrays: dict[str, float | np.ndarray] = {}
        for name, value in given.items():
            if isinstance(value, Dated):
                arrays[name] = value.over(calendar)
            elif self.parameters[name].is_dated:  # set to one number, which then holds throughout
                arrays[name] = np.broadcast_to(value, (len(calendar), *np.shape(value)))
            else:
                arrays[name] = value
            if self.parameters[name].between == NOTHING:
                arrays[COMING + name] = (
                    _after(value, valuation_date).over(calendar) if isinstance(value, Dated) else arrays[name]
                )
        return arrays

    def fixed(self, pins: Iterable[Pin], calendar: Calendar) -> list[Fixed]:
        """Pins as the engine takes them."""
        return [fixed for pin in pins for fixed in fix(pin, self.book.rows[pin.row], calendar)]


class Case:
    """One scenario of a deal, filled in: every row, every period, and where each figure comes from."""

    def __init__(
        self,
        deal: Deal,
        scenario: str,
        settings: dict[str, object],
        calendar: Calendar,
        given: dict[str, Setting],
        pins: list[Pin],
        values: dict[str, np.ndarray],
    ) -> None:
        self.deal = deal
        self.scenario = scenario
        self.settings = settings
        self.calendar = calendar
        self.given = given
        self.pins = pins
        self.values = values
        self.masked = self._repeating() if deal.hidden else frozenset()
        self.values |= {name: np.full_like(values[name], np.nan, dtype=float) for name in self.masked}

    def _repeating(self) -> frozenset[str]:
        """Rows that rest on a confidential parameter and show its value in some period.

        A figure of few digits is one of money and one of another kind by chance: there the kinds must agree. Yes and
        no are met everywhere: there another flag must say the same in every period.
        """
        columns = self.deal.arrays(self.given, self.calendar)
        found = set()
        for name in self.deal.hidden:
            value = self.given[name]
            told = [*(value.values if isinstance(value, Dated) else (value,)), columns[name]]
            unit = self.deal.parameters[name].unit
            is_money = unit.startswith(MONEY)
            for row in self.deal.book.rows.values():
                alike = row.unit.startswith(MONEY) == is_money
                if unit == FLAG:
                    repeats = row.unit == FLAG and bool(np.all(self.values[row.name] == columns[name]))
                else:
                    repeats = any(self._is_told(row, one, alike) for one in told)
                if repeats and not row.name.startswith(CHECK):
                    found |= {row.name} if any(each.name == name for each in self.rests_on(row.name)) else set()
        return frozenset(found)

    def _is_told(self, row: Row, value: Any, alike: bool) -> bool:
        """Whether a row shows a value, or the value of some period, in its place."""
        if row.is_once and np.ndim(value):
            return False
        shown, wanted = np.broadcast_arrays(np.atleast_1d(self.values[row.name]), value)
        same = np.isclose(shown, wanted, rtol=1e-12, atol=0.0) & (shown != 0)
        return any(alike or len(repr(float(each)).replace(".", "").strip("0")) >= DIGITS for each in wanted[same])

    @property
    def title(self) -> str:
        """Title of the scenario."""
        return self.deal.scenario(self.scenario).title

    def __getitem__(self, name: str) -> float | np.ndarray:
        """A row's value: a number if it is `once`, else an array of shape (periods,)."""
        row = self.deal.row(name)
        return float(self.values[name]) if row.is_once else self.values[name]

    def row(self, name: str) -> pd.Series | float:
        """A row over periods, in its unit; a number if it is `once`."""
        import pandas as pd

        if self.deal.row(name).is_once:
            return float(self.values[name])
        return pd.Series(self.values[name], index=pd.Index(self.calendar.periods, name="period"), name=name)

    def sheet(self, name: str) -> pd.DataFrame:
        """All rows of a sheet: a line each, a column per period; a `once` row fills the column `value`."""
        import pandas as pd

        return pd.DataFrame(
            {
                row.name: {"label": row.label, "unit": row.unit, "shape": row.shape}
                | (
                    {"value": float(self.values[row.name])}
                    if row.is_once
                    else dict(zip(self.calendar.periods, self.values[row.name], strict=True))
                )
                for row in self.deal.sheet(name)
            }
        ).T

    def totals(
        self,
        rows: Sequence[str],
        varying: Iterable[str],
        *,
        threads: int | None = None,
        wait: bool | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Totals:
        """Rows of this case made ready for many futures, block by block, that differ in the parameters `varying`.

        Call the result with a block: an array of one value per future for each of those parameters (also one per
        period, first, for one by date, and its `coming_…`), and how many futures. The options are those of
        `engine.kernel.prepare`. InputError with all problems.
        """
        given = self.deal.arrays(self.given, self.calendar)
        fixed = self.deal.fixed(self.pins, self.calendar)
        return prepare(self.deal.book, self.calendar, given, rows, varying, fixed, threads=threads, wait=wait, say=say)

    @property
    def own_pins(self) -> list[Pin]:
        """Pins of this case alone, without the actual figures."""
        return [pin for pin in self.pins if pin not in self.deal.actuals]

    @functools.cached_property
    def checks(self) -> Checks:
        """Which checks of the model are not zero, by the tolerance of the case."""
        tolerance = float(self.given[TOLERANCE])  # type: ignore[arg-type]
        failed = (
            name
            for name in self.deal.book.rows
            if name.startswith(CHECK) and np.max(np.abs(self.values[name])) > tolerance
        )
        return Checks(tuple(failed))

    def as_json(self, rows: Collection[str] | None = None) -> dict[str, Any]:
        """The case as plain data, at full precision; no limit and never are `"inf"`, no rate is null."""
        chosen = [self.deal.row(name) for name in rows] if rows is not None else list(self.deal.book.rows.values())
        return {
            "deal": self.deal.name,
            "scenario": self.scenario,
            "periods": list(self.calendar.periods),
            "rows": {row.name: self._row_as_json(row) for row in chosen},
            "checks": {"passed": self.checks.passed, "failed": list(self.checks.failed)},
        }

    def _row_as_json(self, row: Row) -> dict[str, Any]:
        head = {"label": row.label, "unit": row.unit, "shape": row.shape}
        if row.is_once:
            return head | {"value": _plain(float(self.values[row.name]))}
        return head | {"values": [_plain(value) for value in self.values[row.name].tolist()]}

    def explain(self, name: str, period: str | None = None, depth: int = 3) -> Explanation:
        """Where a figure comes from: its formula, what that is made of, down to the sources.

        `period` is needed for a row over periods (the last one if left out); `depth` is how many formulas
        deep the tree goes. A figure that stands in the tree already is not unfolded again.
        """
        is_column = name in CALENDAR_UNITS or self.deal.is_earlier(name)
        if name not in self.deal.parameters and not is_column:
            self.deal.row(name)  # or says that there is none, and the nearest
        place = len(self.calendar) - 1 if period is None else place_of(period, self.calendar)
        return self._origins.explain(name, place, depth)

    @functools.cached_property
    def _origins(self) -> Origins:
        return Origins(
            book=self.deal.book,
            calendar=self.calendar,
            values=self.values,
            columns=self._columns,
            parameters=self.deal.parameters,
            hidden=self.deal.hidden,
            scenario=self.deal.scenario(self.scenario),
            settings=self.settings,
            pins=self.pins,
            root=self.deal.root,
        )

    def certificate(self, name: str) -> Certificate | None:
        """What is behind a rate of return per period: how many there are, which one and why; None for other rows."""
        for call in calls_in(self.deal.book.expressions[name]) if name in self.deal.book.rows else ():
            flow = call.operands[0]
            if call.operation.name == "irr" and isinstance(flow, Name):
                return certificate(self.values[flow.name])
        return None

    def rests_on(self, name: str) -> list[Parameter]:
        """Every parameter a row depends on, in any period, in the order of the parameter files."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            each = waiting.pop()
            plain = each.removeprefix(PRIOR)
            if plain in seen:
                continue
            seen.add(plain)
            if plain in self.deal.book.rows:
                waiting += [*self.deal.book.rows[plain].ingredients]
                waiting.append(OPENING + plain)
        names = {each.removeprefix(COMING) for each in seen}
        return [parameter for parameter in self.deal.parameters.values() if parameter.name in names]

    @functools.cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        """What the engine was given, calendar included."""
        given = self.deal.arrays(self.given, self.calendar)
        columns = {name: np.asarray(value) for name, value in {**self.calendar.ingredients(), **given}.items()}
        for name in {*self.deal.hidden, *map(COMING.__add__, self.deal.hidden)} & columns.keys():
            columns[name] = np.full(columns[name].shape, np.nan)
        return columns


def _calendar(given: Mapping[str, Setting]) -> Calendar:
    problems = [
        Problem("set", f"{name} has one value per future", "one value for all", "set one value")
        for name in STRUCTURAL
        if np.ndim(given[name])  # type: ignore[arg-type]
    ]
    if problems:
        raise InputError(problems)
    first, last, frequency = (int(given[name]) for name in (FIRST_YEAR, LAST_YEAR, PERIODS_PER_YEAR))  # type: ignore[arg-type]
    if frequency not in FREQUENCIES:
        raise InputError(
            Problem(
                "set", f"{PERIODS_PER_YEAR} is {frequency}", "1 for years or 4 for quarters", "choose one of the two"
            )
        )
    return Calendar(first, last, frequency)


def _side_by_side(values: list[float | np.ndarray]) -> float | np.ndarray:
    """One ingredient of many cases: one value where all agree, else one per case in the last dimension."""
    first = values[0]
    return first if all(np.array_equal(each, first) for each in values) else np.stack(values, axis=-1)


def _after(value: Dated, day: float) -> Dated:
    """The dated amounts that fall after a day."""
    return Dated(
        value.days,
        tuple(amount if when > day else 0.0 for when, amount in zip(value.days, value.values, strict=True)),
        value.between,
    )


def _package(name: str | None) -> ModuleType:
    """The package of a deal that is installed: by name, or of the only one."""
    offered = {point.name: point for point in entry_points(group=GROUP)}
    if name is None and len(offered) == 1:
        name = next(iter(offered))
    if name not in offered:
        what = f"{name!r} is not a deal" if name else "no deal is named"
        raise InputError(
            Problem("dealgrid", what, "one of " + ", ".join(sorted(offered)), "name one, or run `make setup`")
        )
    return importlib.import_module(offered[name].value)


def _find_root(package: ModuleType) -> Path:
    """The folder with `params/`: here or above, else where the deal was installed from."""
    here = Path.cwd()
    installed = Path(str(package.__file__)).resolve().parents[2]
    for folder in (here, *here.parents, installed):
        if (folder / "params").is_dir():  # without `base`, its reader says what is missing, instead of taking another
            return folder
    raise InputError(
        Problem(
            str(here),
            "no folder `params` here or above",
            "the parameter files of the deal",
            "run inside the project's folder",
        )
    )


def _near(
    name: str, known: Collection[str], otherwise: str = "`dealgrid show SCENARIO --format csv` lists every row"
) -> str:
    import difflib

    near = difflib.get_close_matches(name.lower(), known, 1)
    return f"did you mean `{near[0]}`?" if near else otherwise


def _year_end(year: int) -> int:
    return serial(dt.date(year, 12, 31))


def _plain(value: float) -> float | str | None:
    """A number as JSON can hold it."""
    if math.isnan(value):
        return None
    return ("inf" if value > 0 else "-inf") if math.isinf(value) else value
