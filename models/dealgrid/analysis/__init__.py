"""The analysis room: what moved between cases and why, and what the answer rests on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dealgrid.deal import Case
from dealgrid.engine.run import run


def arrays(case: Case) -> dict[str, float | np.ndarray]:
    """What the engine was given for a case: a number, or one value per period for what has dates."""
    return case.deal.arrays(case.given, case.calendar)


def again(case: Case, changed: Mapping[str, np.ndarray], futures: int) -> dict[str, np.ndarray]:
    """A case in many futures at once, with some of what the engine was given replaced.

    `changed` holds (futures,) for a parameter of one number, (periods, futures) for one by date. Rows come
    back as (periods, futures), `once` rows as (futures,).
    """
    fixed = case.deal.fixed(case.pins, case.calendar)
    return run(case.deal.book, case.calendar, {**arrays(case), **changed}, fixed, futures)
