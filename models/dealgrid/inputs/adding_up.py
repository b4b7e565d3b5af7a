"""Parameters that are parts of one whole: whether their values add to 1, on every date and in every future."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from dealgrid.dates import date_text
from dealgrid.inputs.allowed import Setting
from dealgrid.inputs.complaints import MisreadError
from dealgrid.inputs.dated import Dated, Floats
from dealgrid.inputs.values import format_value

SUM_TOLERANCE = 1e-9


def sums_apart(
    values: Mapping[str, Setting], groups: Mapping[str, str], unread: Collection[str] = ()
) -> list[tuple[list[str], MisreadError]]:
    """(members, what is wrong) for each group whose values do not add to 1.

    `groups` names the group of each parameter, empty for none; those in `unread` are passed over.
    """
    members: dict[str, list[str]] = {}
    for name, group in groups.items():
        if group and group not in unread:
            members.setdefault(group, []).append(name)
    checked = ((group, names, {name: values[name] for name in names}) for group, names in members.items())
    return [(names, error) for group, names, parts in checked if (error := _sum_apart(group, parts))]


def _sum_apart(group: str, values: Mapping[str, Setting]) -> MisreadError | None:
    days = _days_of_change(values)
    parts = {name: _on(days, value) for name, value in values.items()}
    sums = np.asarray(sum(parts.values(), np.zeros((days.size, 1))))
    gaps = np.abs(sums - 1)
    if gaps.max() <= SUM_TOLERANCE:
        return None
    day, future = np.unravel_index(gaps.argmax(), gaps.shape)
    shares = ", ".join(f"{name} {_share(part, sums, (int(day), int(future)))}" for name, part in parts.items())
    dated = any(isinstance(value, Dated) for value in values.values())
    when = f" on {date_text(float(days[day]))}" if dated else ""
    total = format_value(round(float(sums[day, future]), 12), "fraction")
    return MisreadError(f"the parts of {group} add to {total}{when}: {shares}", "parts that add to 100%",
                   "change one of them so that they do")  # fmt: skip


def _days_of_change(values: Mapping[str, Setting]) -> Floats:
    """Every day on which a part changes and the day before: a sum that holds there holds on every day."""
    days = {day + shift for value in values.values() if isinstance(value, Dated) for day in value.days
            for shift in (-1, 0)}  # fmt: skip
    return np.array(sorted(days or {0.0}))


def _on(days: Floats, value: Setting) -> Floats:
    """Shape (days or 1, futures or 1)."""
    return value.at(days)[:, None] if isinstance(value, Dated) else np.atleast_2d(value)


def _share(part: Floats, sums: Floats, place: tuple[int, int]) -> str:
    return format_value(float(np.broadcast_to(part, sums.shape)[place]), "fraction")
