"""A spreadsheet-style financial model of a deal: rows as functions, read as numbers, formulas and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dealgrid import deal as _deal
from dealgrid.deal import Case
from dealgrid.explain import Explanation
from dealgrid.problems import DealgridError, InputError, ModelError, Problem, RunError

if TYPE_CHECKING:
    from dealgrid.analysis.bargain import Bargaining
    from dealgrid.analysis.compare import Comparison
    from dealgrid.analysis.futures import Futures
    from dealgrid.analysis.solve import Solved

__all__ = ["Case", "Deal", "DealgridError", "Explanation", "InputError", "ModelError", "Problem", "RunError"]


class Deal(_deal.Deal):
    """A deal, with everything that can be asked of it."""

    def compare(self, a: str, b: str, **options: Any) -> Comparison:
        """What moved between two scenarios, and which clause moved it: see `dealgrid.analysis.compare.compare`."""
        from dealgrid.analysis.compare import compare

        return compare(self, a, b, **options)

    def futures(self, scenario: str, count: int = 10_000, **options: Any) -> Futures:
        """A scenario in many futures, its uncertain parameters drawn: see `dealgrid.analysis.futures.futures`."""
        from dealgrid.analysis.futures import futures

        return futures(self, scenario, count, **options)

    def solve(self, parameter: str, row: str, equals: float, **options: Any) -> Solved:
        """Which values of a parameter bring a row to a figure: see `dealgrid.analysis.solve.solve`."""
        from dealgrid.analysis.solve import solve

        return solve(self, parameter, row, equals, **options)

    def bargain(self, study: str, **options: Any) -> Bargaining:
        """The map of a negotiation, from a study of that kind: see `dealgrid.analysis.bargain.bargain`."""
        from dealgrid.analysis.bargain import bargain

        return bargain(self, study, **options)
