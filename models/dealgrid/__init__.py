"""A spreadsheet-style financial model of a deal: rows as functions, read as numbers, formulas and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dealgrid import deal as _deal
from dealgrid.deal import Case, Explanation
from dealgrid.problems import DealgridError, InputError, ModelError, Problem, RunError

if TYPE_CHECKING:
    from dealgrid.analysis.compare import Comparison

__all__ = ["Case", "Deal", "DealgridError", "Explanation", "InputError", "ModelError", "Problem", "RunError"]


class Deal(_deal.Deal):
    """A deal, with everything that can be asked of it."""

    def compare(self, a: str, b: str, **options: Any) -> Comparison:
        """What moved between two scenarios, and which clause moved it: see `dealgrid.analysis.compare.compare`."""
        from dealgrid.analysis.compare import compare

        return compare(self, a, b, **options)
