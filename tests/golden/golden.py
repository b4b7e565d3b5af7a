"""What the golden files hold; run as a script it rewrites them: `.venv/bin/python -m tests.golden.golden`.

`formulas.txt` is every row's formula: a refactor leaves it alone, a change of the model is a diff that a
finance person can read. `<scenario>.csv` is every figure of a scenario, at 12 significant digits.
The README's picture is drawn anew too.
"""

from pathlib import Path

from dealgrid import Case, Deal
from dealgrid.output import charts

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
PICTURE = ROOT / "docs" / "images" / "answer.svg"
ZERO = 1e-12
SIGNIFICANT = 12  # the last digits of a float differ between machines


def formulas(deal: Deal) -> str:
    """Every sheet, every row: label, unit, shape, and the formula in words."""
    lines: list[str] = []
    for sheet, rows in deal.book.sheets.items():
        lines += [f"== {sheet} ==", ""]
        for row in rows:
            lines += [f"{row.name}  [{row.unit}, {row.shape}]  {row.label}", f"    = {deal.book.formula(row.name)}", ""]
    return "\n".join(lines)


def figures(case: Case) -> str:
    """Every row of a case as a line of CSV: `value` for one number, else a column per period."""
    lines = [",".join(["row", "unit", "value", *case.calendar.periods])]
    for row in case.deal.book.rows.values():
        if row.is_once:
            values = [text(float(case.values[row.name])), *[""] * len(case.calendar)]
        else:
            values = ["", *(text(value) for value in case.values[row.name].tolist())]
        lines.append(",".join([row.name, row.unit, *values]))
    return "\n".join(lines) + "\n"


def text(value: float) -> str:
    """A figure at 12 digits; what is zero but for the last bit of a float is zero."""
    return f"{value:.{SIGNIFICANT}g}" if abs(value) > ZERO else "0"


def picture(deal: Deal) -> str:
    """The README's picture of the answer."""
    cases = [deal.case(deal.story.present), deal.case(deal.story.proposal)]
    return charts.svg(charts.values_by_holder(cases)) + "\n"


def rewrite() -> None:
    """Write all golden files anew."""
    deal = Deal.load("microsoft_openai", root=ROOT)
    (FOLDER / "formulas.txt").write_text(formulas(deal), encoding="utf-8")
    for old in FOLDER.glob("*.csv"):
        old.unlink()
    for name in deal.scenarios:
        (FOLDER / f"{name}.csv").write_text(figures(deal.case(name)), encoding="utf-8")
    PICTURE.write_text(picture(deal), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
