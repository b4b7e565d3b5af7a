"""A small deal of 22 rows over 16 years, as rows, as a plain Python loop, and as C++ in `small_deal.cpp`."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

from dealgrid.dates import Calendar
from dealgrid.engine.book import Book, collect
from dealgrid.engine.words import irr, moic, npv, total

YEARS = Calendar(2025, 2040)
VARYING = ("growth", "margin", "share_rate", "share_cap", "stake", "discount_rate", "opening_revenue", "opening_cap")
ROWS = ("value", "share_total", "multiple", "rate_of_return")
SHARED = {"cap_growth": 0.2, "tax_rate": 0.21}
OUTLAY = np.array([40.0, 30.0, 20.0] + [0.0] * 13)
FIXED_COST = np.linspace(2.0, 6.0, 16)


def revenue(prior_revenue, growth):
    """Revenue. [US$ bn, flow]"""
    return prior_revenue * (1 + growth)


def profit(revenue, margin, fixed_cost):
    """Profit before tax. [US$ bn, flow]"""
    return revenue * margin - fixed_cost


def taxable(profit, prior_losses):
    """Profit above losses carried. [US$ bn, flow]"""
    return np.maximum(profit - prior_losses, 0)


def losses(profit, prior_losses):
    """Losses carried. [US$ bn, balance]"""
    return np.maximum(prior_losses - profit, 0)


def tax(taxable, tax_rate):
    """Tax. [US$ bn, flow]"""
    return taxable * tax_rate


def distributable(profit, tax):
    """Cash to share. [US$ bn, flow]"""
    return np.maximum(profit - tax, 0)


def share_due(revenue, share_rate):
    """Revenue share before its cap. [US$ bn, flow]"""
    return revenue * share_rate


def share_room(share_cap, prior_share_to_date):
    """Room under the cap of the revenue share. [US$ bn, balance]"""
    return np.maximum(share_cap - prior_share_to_date, 0)


def share_paid(share_due, share_room):
    """Revenue share. [US$ bn, flow]"""
    return np.minimum(share_due, share_room)


def share_to_date(prior_share_to_date, share_paid):
    """Revenue share to date. [US$ bn, balance]"""
    return prior_share_to_date + share_paid


def cap(prior_cap, cap_growth):
    """Cap of the return. [US$ bn, balance]"""
    return prior_cap * (1 + cap_growth)


def room(cap, prior_received):
    """Room under the cap. [US$ bn, balance]"""
    return np.maximum(cap - prior_received, 0)


def split(distributable, stake):
    """Part of the cash before the cap. [US$ bn, flow]"""
    return distributable * stake


def distribution(split, room):
    """Return. [US$ bn, flow]"""
    return np.minimum(split, room)


def received(prior_received, distribution):
    """Return to date. [US$ bn, balance]"""
    return prior_received + distribution


def got_back(share_paid, distribution):
    """What comes back. [US$ bn, flow]"""
    return share_paid + distribution


def net_flow(got_back, outlay):
    """What comes back less what goes out. [US$ bn, flow]"""
    return got_back - outlay


def factor(prior_factor, discount_rate):
    """Worth today of a dollar. [number, rate]"""
    return prior_factor / (1 + discount_rate)


def value(net_flow, factor):
    """Worth. [US$ bn, once]"""
    return npv(net_flow, factor)


def share_total(share_paid):
    """Revenue share in all. [US$ bn, once]"""
    return total(share_paid)


def multiple(outlay, got_back):
    """Multiple of money. [multiple, once]"""
    return moic(outlay, got_back)


def rate_of_return(net_flow, periods_per_year):
    """Rate of return. [fraction, once]"""
    return irr(net_flow, periods_per_year)


def book() -> Book:
    """The rows above as a book."""
    sheet = ModuleType("small.deal")
    for name, member in list(globals().items()):
        is_row = callable(member) and (getattr(member, "__doc__", None) or "").rstrip().endswith("]")
        if is_row:
            setattr(sheet, name, member)
            member.__module__ = sheet.__name__
    scalars = [*VARYING, *SHARED, "opening_factor", "periods_per_year"]
    return collect([sheet], scalars, ["outlay", "fixed_cost"])


def given() -> dict[str, float | np.ndarray]:
    """What all futures share."""
    return {**SHARED, "outlay": OUTLAY, "fixed_cost": FIXED_COST, "opening_factor": 1.0, "periods_per_year": 1.0}


def draw(futures: int, seed: int = 1) -> dict[str, np.ndarray]:
    """What differs, one value per future."""
    random = np.random.default_rng(seed)
    spans = ((0.1, 0.4), (0.1, 0.4), (0.05, 0.2), (20, 90), (0.2, 0.5), (0.07, 0.15), (8, 20), (80, 200))
    return {name: random.uniform(low, high, futures) for name, (low, high) in zip(VARYING, spans, strict=True)}


def by_plain_python(moved: dict[str, np.ndarray]) -> list[tuple[float, float, float, float]]:
    """The same rows, one future after the other, in Python's own numbers; the rate by Newton's method."""
    return [_one(*future) for future in zip(*(moved[name].tolist() for name in VARYING), strict=True)]


def _one(
    growth: float,
    margin: float,
    share_rate: float,
    share_cap: float,
    stake: float,
    discount_rate: float,
    revenue: float,
    cap: float,
) -> tuple[float, float, float, float]:
    losses = share_to_date = received = worth = paid_in = back = 0.0
    factor, flow = 1.0, []
    for outlay, fixed_cost in zip(OUTLAY.tolist(), FIXED_COST.tolist(), strict=True):
        revenue *= 1 + growth
        profit = revenue * margin - fixed_cost
        taxable, losses = max(profit - losses, 0.0), max(losses - profit, 0.0)
        share = min(revenue * share_rate, max(share_cap - share_to_date, 0.0))
        share_to_date += share
        cap *= 1 + SHARED["cap_growth"]
        cash = max(profit - taxable * SHARED["tax_rate"], 0.0)
        part = min(cash * stake, max(cap - received, 0.0))
        received += part
        factor /= 1 + discount_rate
        worth += (share + part - outlay) * factor
        paid_in += outlay
        back += share + part
        flow.append(share + part - outlay)
    return worth, share_to_date, back / paid_in, rate_by_plain_python(flow)


def rate_by_plain_python(flow: list[float]) -> float:
    """Newton's method on log(PV of receipts / PV of payments) in log(1 + rate)."""
    x = 0.1
    for _ in range(50):
        discount, got, paid, got_time, paid_time = math.exp(-x), 0.0, 0.0, 0.0, 0.0
        for amount in reversed(flow):
            got_time = got_time * discount + got
            paid_time = paid_time * discount + paid
            got = got * discount + max(amount, 0.0)
            paid = paid * discount + max(-amount, 0.0)
        step = math.log(got / paid) / (discount * (got_time / got - paid_time / paid))
        x += step
        if abs(step) < 1e-14:
            break
    return math.expm1(x)


def compiled_cpp() -> Callable[[dict[str, np.ndarray], int], np.ndarray] | None:
    """The C++ of these rows, ready to call with futures and threads: (rows, futures); None where there is no g++."""
    compiler = shutil.which("g++")
    if compiler is None:
        return None
    library = Path(tempfile.mkdtemp()) / "small_deal.so"
    source = Path(__file__).with_suffix(".cpp")
    options = ["-O3", "-march=native", "-mprefer-vector-width=512", "-std=c++17", "-shared", "-fPIC", "-pthread"]
    subprocess.run([compiler, *options, str(source), "-o", str(library)], check=True)
    function = ctypes.CDLL(str(library)).small_deal
    pointer = ctypes.POINTER(ctypes.c_double)

    def call(moved: dict[str, np.ndarray], threads: int) -> np.ndarray:
        futures = moved[VARYING[0]].size
        found = np.empty((len(ROWS), futures))
        inputs = [np.ascontiguousarray(moved[name]) for name in VARYING]
        pointers = (pointer * len(inputs))(*(each.ctypes.data_as(pointer) for each in inputs))
        function(
            ctypes.c_long(futures), ctypes.c_int(threads), pointers, OUTLAY.ctypes.data_as(pointer),
            FIXED_COST.ctypes.data_as(pointer), ctypes.c_double(SHARED["cap_growth"]),
            ctypes.c_double(SHARED["tax_rate"]), found.ctypes.data_as(pointer),
        )  # fmt: skip
        return found

    return call
