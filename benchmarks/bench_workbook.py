"""Writing the live workbook of the whole deal, in years and in quarters."""

from __future__ import annotations

import datetime as dt
import time

from dealgrid import Deal
from dealgrid.output import workbook

REPEATS = 5
WRITTEN = dt.datetime(2026, 1, 2)


def _milliseconds(scenarios: list[str], periods_per_year: int) -> tuple[float, int]:
    """The quickest of several, and how many cells hold rows."""
    deal = Deal.load()
    cases = [deal.case(scenario, {"periods_per_year": periods_per_year}) for scenario in scenarios]
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        workbook.write(cases, "", WRITTEN)
        times.append(time.perf_counter() - start)
    return min(times) * 1000, len(workbook.cell_map(cases).rows)


def rows() -> list[tuple[str, float]]:
    """Label and figure, in milliseconds."""
    table = []
    for scenarios in (["new_deal"], ["status_quo", "new_deal"]):
        for periods_per_year, name in ((1, "years"), (4, "quarters")):
            taken, cells = _milliseconds(scenarios, periods_per_year)
            what = "one case" if len(scenarios) == 1 else "two cases"
            promise = " (promise 1,000)" if len(scenarios) == 1 else ""
            table.append((f"ms: workbook of {what} in {name}, {cells:,} cells of rows{promise}", taken))
    return table
