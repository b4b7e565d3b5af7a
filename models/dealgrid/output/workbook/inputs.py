"""The sheets on which a workbook is steered: Inputs, Dated inputs, and Pins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dealgrid.deal import VALUATION_DATE
from dealgrid.inputs import UNITS, Parameter, Setting, display_value
from dealgrid.inputs.dated import LINEAR
from dealgrid.output.workbook.formulas import Formulas
from dealgrid.output.workbook.layout import (
    CONSTANTS,
    DATED,
    ENDLESS,
    FIRST,
    FIRST_CASE,
    FIXED,
    HEAD,
    INPUTS,
    INPUTS_HEAD,
    PINS,
    POSITION,
    SELECTOR,
    TOTAL,
    Layout,
    Pinned,
    Place,
    entries_of,
    letters,
)
from dealgrid.output.workbook.looks import BLUE, CHOICE, DAY_OR_ALWAYS, GAP, GREY, SHADE
from dealgrid.output.workbook.pen import Pen, Sheet

ABOUT_INPUTS = (
    "Choose a scenario in the yellow cell; blue cells may be changed, each within its range. "
    "A shaded value differs from the base. 1E+300 stands for never and no limit."
)
ABOUT_DATED = (
    "Values that change with time. A value holds from its date to the next one, a payment falls on its day; "
    "free lines take further dates, in order."
)
ABOUT_PINS = (
    "Figures that stand in for a formula. Blue cells may be changed; an empty one leaves the formula. "
    "Actual figures count where they were known on the valuation date, pins always."
)


TINY = 1e-6
SOURCE, NOTE = 74, 41  # letters that fit beside each other in the columns of sources and notes


def draw_inputs(pen: Pen, layout: Layout, formulas: Formulas, footer: str) -> None:
    """Every parameter with one value: the live value of each case, each scenario's, range, grade and source."""
    cases, scenarios = len(layout.cases), layout.scenarios
    column = max(12.0, *(1.1 * len(name) + 2 for name in scenarios))
    widths = [label_width(layout), 14, *[column] * (cases + len(scenarios)), 11, 11, 7, 70, 40, 30]
    sheet = pen.sheet(INPUTS, widths, footer)
    sheet.title(INPUTS, ABOUT_INPUTS)
    if layout.left_out:
        left = "Not in this workbook, as their periods or what was set differ: " + ", ".join(layout.left_out) + "."
        sheet.text(2, 0, left, font_color=GREY)
    _choice(sheet, layout)
    sheet.text(POSITION, 0, "Its place among the scenarios", font_color=GREY)
    sheet.text(POSITION, 1, "count", font_color=GREY)
    first, last = layout.first_scenario, layout.after_scenarios - 1
    for case, given in enumerate(layout.cases):
        position = formulas.position(case, INPUTS, INPUTS_HEAD, first, last)
        place = list(scenarios).index(given.scenario) + 1
        sheet.formula(POSITION, FIRST_CASE + case, position, place, "count")
    lives = ["live"] if cases == 1 else [f"case {case + 1}" for case in range(cases)]
    for place, title in enumerate(layout.titles.values(), first):
        sheet.text(INPUTS_HEAD - 1, place, title, font_color=GREY, text_wrap=True, align="right", valign="bottom")
    sheet.height(INPUTS_HEAD - 1, 52)
    heads = ["", "unit", *lives, *scenarios, "lowest", "highest", "grade", "source", "note", "name"]
    sheet.head(INPUTS_HEAD, heads, left=2, height=27)
    for place in range(layout.after_scenarios + 2, layout.after_scenarios + 6):
        sheet.text(INPUTS_HEAD, place, heads[place], bold=True, bottom=1, valign="bottom", indent=1)
    sheet.freeze(INPUTS_HEAD + 1, FIRST_CASE + cases)
    for line, text in layout.bands[INPUTS].items():
        sheet.band(line, text, layout.after_scenarios + 6)
    for name, line in layout.scalars.items():
        if name in CONSTANTS:
            label, unit, value = CONSTANTS[name]
            _about(sheet, line, label, unit)
            for column in range(FIRST_CASE, FIRST_CASE + cases):
                sheet.number(line, column, value, unit, num_format="0.0#")
            sheet.text(line, layout.after_scenarios + 3, "a constant", indent=1)
            sheet.text(line, layout.after_scenarios + 5, name, font_color=GREY)
            continue
        _input_line(sheet, layout, formulas, layout.deal.parameters[name], line)
    sheet.words_for_endless(layout.ends[INPUTS], layout.after_scenarios + 1)
    sheet.print_area(layout.ends[INPUTS] - 1, layout.after_scenarios + 5, 2)


def label_width(layout: Layout) -> float:
    """Wide enough for the longest label of a parameter."""
    return 4 + 0.82 * max(len(each.label) for each in layout.deal.parameters.values())


def _choice(sheet: Sheet, layout: Layout) -> None:
    """The cells that choose a scenario each."""
    ends = (layout.first_scenario, layout.after_scenarios - 1)
    first, last = (f"${letters(each)}${INPUTS_HEAD + 1}" for each in ends)
    sheet.text(SELECTOR, 0, "Scenario", bold=True)
    sheet.text(SELECTOR, 1, "choose", font_color=GREY)
    for case, given in enumerate(layout.cases):
        column = FIRST_CASE + case
        looks = {"bold": True, "font_color": BLUE, "bg_color": CHOICE, "border": 1, "align": "right"}
        sheet.text(SELECTOR, column, given.scenario, text_wrap=True, **looks)
        rule = {
            "validate": "list",
            "source": f"={first}:{last}",
            "input_title": "Scenario",
            "input_message": "Choose one of the scenarios whose columns stand to the right.",
            "error_title": "Not a scenario",
            "error_message": "Choose one of the scenarios in the header below.",
        }
        sheet.allow(SELECTOR, column, SELECTOR, column, rule)
    sheet.height(SELECTOR, 27)


def _about(sheet: Sheet, line: int, label: str, unit: str) -> None:
    sheet.text(line, 0, label)
    sheet.text(line, 1, unit, font_color=GREY)
    sheet.height(line, 12.5, level=1)


def _input_line(sheet: Sheet, layout: Layout, formulas: Formulas, parameter: Parameter, line: int) -> None:
    name, unit = parameter.name, parameter.unit
    _about(sheet, line, parameter.label, unit)
    endless = np.isinf(parameter.high)
    first, last = layout.first_scenario, layout.after_scenarios - 1
    for case, given in enumerate(layout.cases):
        formula = formulas.chosen(line, first, last, Place(INPUTS, POSITION, FIRST_CASE + case))
        value = _one(given.given[name])
        shown = GAP if TINY > value > 0 else unit
        sheet.formula(line, FIRST_CASE + case, formula, value, shown, endless=endless, bold=True)
    is_fixed = name in FIXED
    for column, values in enumerate(layout.scenarios.values(), first):
        value = _one(values[name])
        looks: dict[str, Any] = {"font_color": GREY if is_fixed else BLUE} | (
            {} if values[name] == parameter.value else {"bg_color": SHADE}
        )
        tiny = TINY > value > 0  # a tolerance would be shown as 0.0
        sheet.number(line, column, value, GAP if tiny else unit, endless=endless, **looks)
    rule = _fixed_rule(_one(layout.cases[0].given[name])) if is_fixed else rule_of(parameter)
    sheet.allow(line, first, line, last, rule)
    _about_parameter(sheet, layout.after_scenarios, line, line, parameter)
    wide = max(len(_source(parameter)) / SOURCE, len(parameter.note) / NOTE)
    sheet.height(line, 12.5 * max(1, math.ceil(wide)), level=1)


def _about_parameter(sheet: Sheet, column: int, line: int, last: int, parameter: Parameter) -> None:
    """Range, grade, name, source and note; over several lines for a dated parameter."""
    for place, bound in enumerate((parameter.low, parameter.high), column):
        sheet.number(line, place, bound, parameter.unit, endless=bool(np.isinf(bound)), font_color=GREY)
    sheet.text(line, column + 2, parameter.grade, align="center")
    texts = (_source(parameter), parameter.note)
    for place, text in enumerate(texts, column + 3):
        if last > line:
            sheet.merged(line, place, place, text, last)
        else:
            sheet.text(line, place, text, text_wrap=True, indent=1)
    sheet.text(line, column + 5, parameter.name, font_color=GREY)


def _source(parameter: Parameter) -> str:
    return " ".join(each for each in (parameter.source, parameter.address) if each)


def rule_of(parameter: Parameter) -> dict[str, Any]:
    """The range of a parameter as data validation."""
    unit = UNITS[parameter.unit]
    low, high = (display_value(bound, parameter.unit) for bound in (parameter.low, parameter.high))
    endless = f" 1E+300 is {unit.endless}." if np.isinf(parameter.high) and unit.endless else ""
    told = f"{parameter.unit}, from {low} to {high}. Grade {parameter.grade}.{endless}"
    whole = not np.isinf(parameter.high) and (unit.whole or unit.kind in ("flag", "date"))
    return {
        "validate": "integer" if whole else "decimal",
        "criteria": "between",
        "minimum": parameter.low,
        "maximum": ENDLESS if np.isinf(parameter.high) else parameter.high,
        "input_title": _cut(parameter.label, 32),
        "input_message": _cut(told + (" 1 is yes, 0 is no." if unit.kind == "flag" else ""), 255),
        "error_title": "Out of range",
        "error_message": _cut(f"{parameter.label}: {told}", 255),
    }


def _fixed_rule(value: float) -> dict[str, Any]:
    return {
        "validate": "decimal",
        "criteria": "==",
        "value": value,
        "error_title": "Fixed in this workbook",
        "error_message": "The columns of the workbook stand for these periods: write another workbook with --set.",
    }


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _one(value: Setting) -> float:
    return float(value)  # type: ignore[arg-type]  # Inputs hold the parameters that have one value


def draw_dated(pen: Pen, layout: Layout, formulas: Formulas, footer: str) -> None:
    """Every dated parameter: the live dates and values of each case, and those of each scenario."""
    if not layout.dated:
        return
    cases, scenarios = len(layout.cases), layout.scenarios
    widths = [
        label_width(layout),
        14,
        *[10] * (layout.live_columns * cases),
        *[10, 10] * len(scenarios),
        11,
        11,
        7,
        70,
        40,
        30,
    ]
    sheet = pen.sheet(DATED, widths, footer)
    sheet.title(DATED, ABOUT_DATED)
    first, last = layout.first_pair, layout.after_pairs - 1
    sheet.text(POSITION, 0, "Place of its columns", font_color=GREY)
    sheet.text(POSITION, 1, "count", font_color=GREY)
    for case, given in enumerate(layout.cases):
        column = FIRST_CASE + layout.live_columns * case
        chosen = layout.selector(case).seen_from(DATED)
        sheet.formula(SELECTOR, column, chosen, given.scenario, bold=True)
        place = 2 * list(scenarios).index(given.scenario) + 1
        position = formulas.position(case, DATED, INPUTS_HEAD - 1, first, last)
        sheet.formula(POSITION, column, position, place, "count")
        sheet.formula(POSITION, column + 2, f"{letters(column)}{POSITION + 1}+1", place + 1, "count")
    for column, name in zip(range(first, last, 2), scenarios, strict=True):
        sheet.text(INPUTS_HEAD - 1, column, name, bold=True)
    heads = [
        "",
        "unit",
        *["from", "until", "value", "per day"][: layout.live_columns] * cases,
        *["from", "value"] * len(scenarios),
    ]
    sheet.head(INPUTS_HEAD, [*heads, "lowest", "highest", "grade", "source", "note", "name"], left=2, height=15)
    for column in range(layout.after_pairs + 2, layout.after_pairs + 6):
        text = ["grade", "source", "note", "name"][column - layout.after_pairs - 2]
        sheet.text(INPUTS_HEAD, column, text, bold=True, bottom=1, valign="bottom", indent=1)
    sheet.freeze(INPUTS_HEAD + 1, FIRST_CASE + layout.live_columns * cases, repeated=2)
    for line, text in layout.bands[DATED].items():
        sheet.band(line, text, layout.after_pairs + 6)
    for name in layout.dated:
        _timeline(sheet, layout, formulas, layout.deal.parameters[name])
    sheet.print_area(layout.ends[DATED] - 1, layout.after_pairs + 5, 3)


def _timeline(sheet: Sheet, layout: Layout, formulas: Formulas, parameter: Parameter) -> None:
    lines = layout.dated[parameter.name]
    for case, given in enumerate(layout.cases):
        _live_entries(sheet, layout, formulas, parameter, case, given.given[parameter.name])
    for line in range(lines.first, lines.last + 1):
        number = line - lines.entries + 1
        label = f"{number}" if number else "before the first date"
        sheet.text(line, 0, f"{label}", font_color=GREY, indent=1)
        sheet.text(line, 1, parameter.unit, font_color=GREY)
        sheet.height(line, 12.5, level=1)
    for column, values in zip(range(layout.first_pair, layout.after_pairs, 2), layout.scenarios.values(), strict=True):
        _entries(sheet, layout, parameter, column, values)
    _about_parameter(sheet, layout.after_pairs, lines.entries, lines.last, parameter)


def _entries(sheet: Sheet, layout: Layout, parameter: Parameter, column: int, given: Mapping[str, Setting]) -> None:
    """The dates and values of one scenario."""
    lines, value = layout.dated[parameter.name], given[parameter.name]
    looks: dict[str, Any] = {"font_color": BLUE} | ({} if value == parameter.value else {"bg_color": SHADE})
    entries = entries_of(value)
    entries += [(ENDLESS, 0.0)] * (lines.slots - len(entries))
    for line, (day, amount) in enumerate(entries, lines.entries):
        sheet.number(line, column, day, DAY_OR_ALWAYS, **looks)
        sheet.number(line, column + 1, amount, parameter.unit, endless=np.isinf(parameter.high), **looks)
    sheet.allow(lines.entries, column + 1, lines.last, column + 1, rule_of(parameter))
    rule = {
        "validate": "decimal",
        "criteria": ">=",
        "value": 0,
        "error_title": "Not a date",
        "error_message": "A date after the one above; 1E+300 for a line that is free, 0 for a value that always holds.",
    }
    sheet.allow(lines.entries, column, lines.entries, column, rule)
    above = f"={letters(column)}{lines.entries + 1}"
    sheet.allow(lines.entries + 1, column, lines.last, column, rule | {"value": above})


def _live_entries(
    sheet: Sheet, layout: Layout, formulas: Formulas, parameter: Parameter, case: int, value: Setting
) -> None:
    """The dates and values that count for a case: from, until, value, and by how much it changes in a day."""
    lines, column = layout.dated[parameter.name], FIRST_CASE + layout.live_columns * case
    first, last = layout.first_pair, layout.after_pairs - 1
    entries = entries_of(value)
    entries += [(ENDLESS, 0.0)] * (lines.slots - len(entries))
    if lines.first < lines.entries:
        begin, _, held, _ = (letters(column + place) for place in range(4))
        sheet.number(lines.first, column, 0, DAY_OR_ALWAYS, num_format='"–"')
        sheet.formula(lines.first, column + 1, f"{begin}{lines.entries + 1}", entries[0][0], DAY_OR_ALWAYS)
        sheet.formula(lines.first, column + 2, f"{held}{lines.entries + 1}", entries[0][1], parameter.unit)
        if parameter.between == LINEAR:
            sheet.number(lines.first, column + 3, 0, "number")
    for place, (day, amount) in enumerate(entries):
        line = lines.entries + place
        dates, values = Place(DATED, POSITION, column), Place(DATED, POSITION, column + 2)
        sheet.formula(line, column, formulas.chosen(line, first, last, dates), day, DAY_OR_ALWAYS)
        sheet.formula(
            line,
            column + 2,
            formulas.chosen(line, first, last, values),
            amount,
            parameter.unit,
            np.isinf(parameter.high),
        )
        is_last = line == lines.last
        until = ENDLESS if is_last else entries[place + 1][0]
        if is_last:
            sheet.number(line, column + 1, until, DAY_OR_ALWAYS)
        else:
            sheet.formula(line, column + 1, f"{letters(column)}{line + 2}", until, DAY_OR_ALWAYS)
        if parameter.between == LINEAR:
            begin, end, held, _ = (letters(column + each) for each in range(4))
            there = f"{end}{line + 1}"
            formula = (
                f"IF(AND({there}<1E+300,{there}>{begin}{line + 1}),"
                f"({held}{line + 2}-{held}{line + 1})/({there}-{begin}{line + 1}),0)"
            )
            per_day = 0.0 if until >= ENDLESS or until <= day else (entries[place + 1][1] - amount) / (until - day)
            sheet.formula(line, column + 3, formula, per_day, "number")


def draw_pins(pen: Pen, layout: Layout, formulas: Formulas, footer: str) -> None:
    """Figures that stand in for formulas: the inputs with their sources, then which of them count in each case."""
    if not layout.pinned:
        return
    widths = [58, 14, 10, 8.5, *[8.5] * len(layout.periods), 3, 34]
    sheet = pen.sheet(PINS, widths, footer)
    sheet.title(PINS, ABOUT_PINS)
    sheet.head(HEAD, ["", "unit", "total or\nvalue", "opening", *layout.periods, "", "row"])
    sheet.freeze(HEAD + 1, FIRST)
    for line, text in layout.bands[PINS].items():
        sheet.band(line, text, layout.last + 1)
    for name, pinned in layout.pinned.items():
        _pinned(sheet, layout, formulas, pinned)
        for case in range(len(layout.cases)):
            place = layout.flags[case][name]
            sheet.text(place.line, 0, f"Pinned: {pinned.row.label}")
            sheet.text(place.line, 1, "flag", font_color=GREY)
            sheet.text(place.line, layout.last + 2, name, font_color=GREY)
            valued = float(layout.cases[case].given[VALUATION_DATE])  # type: ignore[arg-type]
            flags = [_is_pinned(pinned, period, valued) for period in _places(layout, pinned)]
            formula = formulas.is_pinned(case, pinned)
            if pinned.row.is_once:
                sheet.formula(place.line, TOTAL, formula, flags[0], "flag")
            else:
                sheet.series(place.line, formula, np.array(flags), "flag")
    sheet.print_area(layout.ends[PINS] - 1, layout.last, 1 + len(layout.periods) // 30)


def _places(layout: Layout, pinned: Pinned) -> list[int | None]:
    return [None] if pinned.row.is_once else list(range(len(layout.periods)))


def _is_pinned(pinned: Pinned, period: int | None, valued: float) -> float:
    known = pinned.actual.get(period)
    return float(period in pinned.own or (known is not None and known[2] <= valued))


def _pinned(sheet: Sheet, layout: Layout, formulas: Formulas, pinned: Pinned) -> None:
    row, unit = pinned.row, pinned.row.unit
    kinds = (
        (Pinned.ACTUAL, "Actual figure", unit),
        (Pinned.KNOWN, "Known on a valuation date from", "date"),
        (Pinned.OWN, "Pin", unit),
        (Pinned.VALUE, "Figure in place of the formula", unit),
    )
    for kind, label, shown in kinds:
        sheet.text(pinned.line + kind, 0, label, indent=1)
        sheet.text(pinned.line + kind, 1, shown, font_color=GREY)
        sheet.text(pinned.line + kind, layout.last + 2, row.name, font_color=GREY)
    values = []
    for period in _places(layout, pinned):
        column = TOTAL if period is None else FIRST + period
        actual, own = pinned.actual.get(period), pinned.own.get(period)
        values.append(own[1] if own else actual[1] if actual else 0.0)
        if actual:
            sheet.number(pinned.line + Pinned.ACTUAL, column, actual[1], unit, font_color=BLUE)
            sheet.comment(pinned.line + Pinned.ACTUAL, column, f"{actual[0].source} (grade {actual[0].grade})")
            sheet.number(pinned.line + Pinned.KNOWN, column, actual[2], "date", font_color=BLUE)
        else:
            for line in (Pinned.ACTUAL, Pinned.KNOWN):
                sheet.blank(pinned.line + line, column, "date" if line == Pinned.KNOWN else unit, font_color=BLUE)
        if own:
            sheet.number(pinned.line + Pinned.OWN, column, own[1], unit, font_color=BLUE)
            sheet.comment(pinned.line + Pinned.OWN, column, f"{own[0].source} (grade {own[0].grade})")
        else:
            sheet.blank(pinned.line + Pinned.OWN, column, unit, font_color=BLUE)
    formula = formulas.pinned_value(pinned)
    if row.is_once:
        sheet.formula(pinned.line + Pinned.VALUE, TOTAL, formula, values[0], unit)
    else:
        sheet.series(pinned.line + Pinned.VALUE, formula, np.array(values), unit)
