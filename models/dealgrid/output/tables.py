"""Tables: the figures of cases as plain DataFrames at full precision, and the one way all of them are shown.

Every frame says in `frame.attrs` what is needed to show it: `title`, `caption`, and `unit` where all figures share
one. Where they do not, a column `unit` gives each line's. A line named in `attrs["totals"]` is a sum of those above.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from dealgrid.deal import CHECK, TOLERANCE, Case
from dealgrid.engine.row import Row
from dealgrid.inputs import display_value
from dealgrid.output import answer

if TYPE_CHECKING:
    from great_tables import GT

UNIT, SHAPE, VALUE = "unit", "shape", "value"  # columns that are about a line, not figures of a case or period
DIFFERENCE = "Difference"
TEXT = "text"  # unit of a line of words
PROSE = 40  # letters of a cell that is read as a sentence
BINDS, FREE = "●", "·"  # a flag over periods, where a column of yes and no would tire the eye
NUMBERS = {"US$ bn": "US$ bn", "fraction": "%", "multiple": "×", "date": "date", "flag": "flag"}
FITS: dict[float, tuple[str, str]] = {  # up to so many columns: size of letters, space beside a figure
    6: ("14px", "12px"),
    10: ("13px", "7px"),
    16: ("11px", "4px"),
    np.inf: ("10px", "2px"),  # twenty-two years in the width of a page
}
GRADES = {
    "A": "primary document",
    "B": "press or analyst report",
    "B-": "weak or contradicted report",
    "C": "arithmetic on A and B",
    "M": "unverified",
    "J": "our own judgement",
}


def values_by_holder(cases: Sequence[Case]) -> pd.DataFrame:
    """Present values in US$ bn: a line per holder and the total, a column per case; of two cases, their difference."""
    story = cases[0].deal.story
    names = [*story.holders, story.total]
    labels = [*story.holders.values(), "Total"]
    frame = _by_case(cases, labels, [[float(case.values[name]) for name in names] for case in cases])
    return _about(frame, f"Value by holder, {answer.AMOUNT}", answer.caption(cases), answer.AMOUNT, ["Total"])


def streams(cases: Sequence[Case]) -> pd.DataFrame:
    """Present values in US$ bn of the centre's streams, those it pays negative, and their sum; columns as by holder."""
    deal = cases[0].deal
    labels = [*deal.story.streams.values(), "Total"]
    columns = [[*answer.signed_streams(case).values(), float(case.values[deal.story.center])] for case in cases]
    title = f"Where {answer.center_name(deal)}'s money comes from, {answer.AMOUNT}"
    return _about(_by_case(cases, labels, columns), title, answer.caption(cases), answer.AMOUNT, ["Total"])


def returns(cases: Sequence[Case]) -> pd.DataFrame:
    """Rates of return, multiples and dates of the story: a line each, a column per case; a rate's kind below it."""
    lines: dict[str, list[Any]] = {}
    for name, label in cases[0].deal.story.returns.items():
        lines[label] = [cases[0].deal.row(name).unit, *(float(case.values[name]) for case in cases)]
        if answer.rate_state(cases[0], name):
            lines[f"{label}: what it is"] = [TEXT, *(answer.rate_state(case, name) for case in cases)]
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=[UNIT, *answer.titles(cases)])
    return _about(frame, "Returns", answer.caption(cases))


def cash_flows(case: Case) -> pd.DataFrame:
    """Cash of the centre's streams in US$ bn from the valuation date on, those it pays negative, and their sum."""
    places = answer.forecast(case)
    flows = answer.stream_flows(case)
    lines = {case.deal.story.streams[name]: flow[places] for name, flow in flows.items()}
    lines["Total"] = np.sum(list(lines.values()), axis=0) if lines else np.zeros(len(places))
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=[case.calendar.periods[place] for place in places])
    title = f"{answer.center_name(case.deal)}'s cash by stream under {answer.titles([case])[0]}, {answer.AMOUNT}"
    return _about(frame, title, answer.caption([case]), answer.AMOUNT, ["Total"])


def clauses_binding(case: Case) -> pd.DataFrame:
    """Which clause binds when: a line per clause, a column per period, 1 where it binds and 0 where not."""
    lines = {row.label: case.values[row.name] for row in answer.clauses(case.deal)}
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=list(case.calendar.periods))
    title = f"Which clause binds when: {answer.short_title(case)}"
    return _about(frame, title, answer.caption([case]), "flag")


def rows(case: Case, names: Sequence[str], title: str = "Rows") -> pd.DataFrame:
    """Rows of the model over periods: a line each with its unit and shape; `once` rows fill the column `value`.

    InputError if a name is not a row.
    """
    wanted = [case.deal.row(name) for name in names]
    periods = list(case.calendar.periods)
    has_once = any(row.is_once for row in wanted)
    columns = [UNIT, SHAPE, *([VALUE] if has_once else []), *periods]
    lines = []
    for row in wanted:
        values = case.values[row.name]
        figures = {VALUE: float(values)} if row.is_once else dict(zip(periods, values.tolist(), strict=True))
        lines.append({UNIT: row.unit, SHAPE: row.shape, **figures})
    frame = pd.DataFrame(lines, index=pd.Index([row.label for row in wanted]), columns=columns)
    return _about(frame, title, answer.caption([case]))


def sheet(case: Case, name: str) -> pd.DataFrame:
    """Every row of a sheet, as `rows` gives them. InputError if there is no such sheet."""
    return rows(case, list(case.sheet(name).index), name.replace("_", " ").capitalize())


def grades(case: Case) -> pd.DataFrame:
    """How sure the parameters are: how many of each grade, and how many of those the centre's value rests on."""
    everything, rested_on = list(case.deal.parameters.values()), case.rests_on(case.deal.story.center)
    groups = {"All parameters": everything, f"{answer.center_name(case.deal)}'s value rests on": rested_on}
    counts = {
        title: [sum(each.grade == grade for each in group) for grade in GRADES] for title, group in groups.items()
    }
    frame = pd.DataFrame(counts, index=pd.Index([f"{grade}: {meaning}" for grade, meaning in GRADES.items()]))
    frame.loc["Total"] = frame.sum()
    return _about(frame, "How sure the figures are", answer.caption([case]), "count", ["Total"])


class Compared(Protocol):
    """What a comparison of two cases tells: the row, and its way from `a` to `b` in steps, clause by clause."""

    @property
    def a(self) -> Case:
        """The case it starts from."""

    @property
    def b(self) -> Case:
        """The case it comes to."""

    @property
    def row(self) -> Row:
        """The row whose change is told."""

    def bridge(self, period: str | None = None) -> pd.DataFrame:
        """A line per step, with columns `step`, `kind`, `amount`, `before` and `after`; the ends are the cases."""


def steps(compared: Compared, frame: pd.DataFrame) -> list[str]:
    """The names of a bridge's steps, its ends by the titles that tell the cases apart."""
    first, last = answer.titles([compared.a, compared.b])
    return [first, *frame["step"][1:-1], last]


def bridge(compared: Compared, period: str | None = None) -> pd.DataFrame:
    """From one case to another: a line per step, what it adds, and where that leads. A row by period needs one."""
    steps_of = compared.bridge(period)
    names = steps(compared, steps_of)
    last = len(names) - 1
    changes = [amount if 0 < place < last else "" for place, amount in enumerate(steps_of["amount"])]
    frame = pd.DataFrame({"Adds": changes, "Then": list(steps_of["after"])}, index=pd.Index(names), dtype=object)
    about = f"{steps_of.attrs['caption']}. {answer.caption([compared.a, compared.b])}"
    unit = compared.row.unit
    return _about(frame, f"{compared.row.label}, clause by clause, {NUMBERS.get(unit, unit)}", about, unit, [names[-1]])


def checks(case: Case) -> pd.DataFrame:
    """Every check of the model, its largest gap over periods, and whether that is zero by the case's tolerance."""
    wanted = [row for row in case.deal.book.rows.values() if row.name.startswith(CHECK)]
    gaps = [float(np.max(np.abs(case.values[row.name]))) for row in wanted]
    frame = pd.DataFrame(
        {"Largest gap": gaps, "Zero": [row.name not in case.checks.failed for row in wanted]},
        index=pd.Index([row.label for row in wanted]),
    )
    tolerance = float(case.given[TOLERANCE])  # type: ignore[arg-type]
    frame = _about(frame, f"Checks, each zero within {tolerance:.0e}", answer.caption([case]), "number")
    frame.attrs["zero"] = tolerance
    return frame


def formatted(frame: pd.DataFrame) -> pd.DataFrame:
    """The same table as text in house style, for the terminal, HTML and print alike.

    The column `unit` stays, in the words tables use, only where lines differ in it.
    """
    units = list(frame[UNIT]) if UNIT in frame else [frame.attrs.get(UNIT, "number")] * len(frame)
    shapes = list(frame[SHAPE]) if SHAPE in frame else [""] * len(frame)
    columns = [column for column in frame.columns if column not in (UNIT, SHAPE)]
    zero = float(frame.attrs.get("zero", 0))
    lines = [
        [_cell(value, unit, shape, str(column), zero) for column, value in zip(columns, line, strict=True)]
        for line, unit, shape in zip(frame[columns].to_numpy(dtype=object), units, shapes, strict=True)
    ]
    text = pd.DataFrame(lines, index=frame.index, columns=columns)
    if len(set(units)) > 1 and SHAPE in frame:
        text.insert(0, UNIT, [NUMBERS.get(unit, unit) for unit in units])
    text.attrs = dict(frame.attrs)
    return text


@dataclass(frozen=True)
class Shown:
    """A table as notebooks show it: HTML in house style, and the same figures as plain text."""

    frame: pd.DataFrame

    def __str__(self) -> str:
        return _as_text(formatted(self.frame))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self.frame)


def show(frame: pd.DataFrame) -> Shown:
    """A table in house style; the value of a notebook's cell."""
    return Shown(frame)


def as_html(frame: pd.DataFrame) -> str:
    """A table as HTML that needs no other file; the same frame always gives the same text."""
    table = _great_table(formatted(frame)).as_raw_html()
    return f'<div class="tex2jax_ignore mathjax_ignore">{table}</div>'  # or pages read US$ … US$ as a formula


def _by_case(cases: Sequence[Case], labels: list[str], columns: list[list[float]]) -> pd.DataFrame:
    """A column per case, and of exactly two cases the second less the first."""
    frame = pd.DataFrame(dict(zip(answer.titles(cases), columns, strict=True)), index=pd.Index(labels))
    if len(cases) == 2:
        frame[DIFFERENCE] = frame.iloc[:, 1] - frame.iloc[:, 0]
    return frame


def _about(frame: pd.DataFrame, title: str, caption: str, unit: str = "", totals: Sequence[str] = ()) -> pd.DataFrame:
    about: dict[Hashable | None, Any] = {"title": title, "caption": caption, "totals": list(totals)}
    frame.attrs = about | ({UNIT: unit} if unit else {})
    return frame


def _cell(value: object, unit: str, shape: str, column: str, zero: float) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if shape and (shape == "once") != (column == VALUE):
        return ""  # one number per case has no periods, a row over periods no single value
    number = float(value)  # type: ignore[arg-type]
    if abs(number) <= zero:
        number = 0.0  # what rounding left
    if unit == "flag" and shape != "once" and number in (0, 1):
        return BINDS if number else FREE
    return display_value(number, unit)


def _as_text(text: pd.DataFrame) -> str:
    with pd.option_context("display.width", None, "display.max_columns", None, "display.max_colwidth", None):
        return f"{text.attrs.get('title', '')}\n\n{text.to_string()}\n\n{text.attrs.get('caption', '')}"


def _is_prose(cells: pd.Series) -> bool:
    """Whether a column holds sentences, which begin at the left and break over lines."""
    return bool(cells.map(len).max() > PROSE) if len(cells) else False


def _great_table(text: pd.DataFrame) -> GT:
    """The house's table: thin rules, figures to the right, totals in bold, nothing coloured."""
    from great_tables import GT, loc, style
    from great_tables import html as raw

    title, caption, totals = (text.attrs.get(key, "") for key in ("title", "caption", "totals"))
    stub = " "
    frame = text.reset_index(names=stub)
    size, gap = next(fit for most, fit in FITS.items() if len(text.columns) <= most)
    name = "t" + hashlib.sha256((frame.to_csv() + title + caption).encode()).hexdigest()[:10]
    table = (
        GT(frame, rowname_col=stub, id=name)
        .tab_header(raw(html.escape(title)))
        .tab_source_note(raw(html.escape(caption)))
        .cols_align("right", columns=[str(column) for column in text.columns])
        .cols_align("left", columns=[str(column) for column in text.columns if _is_prose(text[column])])
        .tab_options(
            table_font_size=size,
            table_font_names=["Segoe UI", "Helvetica Neue", "Arial", "sans-serif"],
            table_margin_left="0px",
            table_border_top_style="none",
            table_border_bottom_style="none",
            heading_align="left",
            heading_title_font_size="15px",
            heading_title_font_weight="600",
            heading_border_bottom_style="none",
            column_labels_border_top_style="none",
            column_labels_border_bottom_width="1px",
            column_labels_border_bottom_color="#444444",
            column_labels_font_weight="600",
            table_body_hlines_color="#E4E4E4",
            table_body_border_top_width="1px",
            table_body_border_top_color="#444444",
            table_body_border_bottom_width="1px",
            table_body_border_bottom_color="#444444",
            stub_border_style="none",
            source_notes_font_size="11px",
            data_row_padding="3px",
            data_row_padding_horizontal=gap,
            column_labels_padding_horizontal=gap,
        )
    )
    css = f"#{name} tbody tr {{ background: none !important; }}"  # pages of notebooks stripe lines
    css += f" #{name} td.gt_right {{ white-space: nowrap; }}"  # a date breaks at no hyphen
    table = table.opt_css(f"{css} #{name} th.gt_stub {{ min-width: 10em; }}")
    # JupyterLab drops styles of a page it has not been told to trust, but for those of an element itself.
    table = table.tab_style(style.text(align="left", weight="normal"), [loc.stub(), loc.source_notes()])
    table = table.tab_style(style.text(align="left", weight="bold"), loc.title())
    last = [place for place, label in enumerate(text.index) if label in (totals or [])]
    if last:
        places = [loc.body(rows=last), loc.stub(rows=last)]
        table = table.tab_style(style.text(weight="bold"), places)
        table = table.tab_style(style.borders(sides="top", color="#444444", weight="1px"), places)
    return table
