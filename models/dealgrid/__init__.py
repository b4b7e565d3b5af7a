"""A spreadsheet-style financial model of a deal: rows as functions, read as numbers, formulas and sources."""

from dealgrid.deal import Case, Deal, Explanation
from dealgrid.problems import DealgridError, InputError, ModelError, Problem

__all__ = ["Case", "Deal", "DealgridError", "Explanation", "InputError", "ModelError", "Problem"]
