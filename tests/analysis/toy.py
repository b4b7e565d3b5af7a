"""A pot that two sides share: a deal small enough to be worked out by hand."""

from pathlib import Path
from types import ModuleType

from dealgrid import Deal
from dealgrid.story import Story
from tests.engine.sheets import sheet

ROWS = '''
def ours(pot, stake, fee):
    """Ours. [US$ bn, once]"""
    return pot * stake + fee


def theirs(pot, ours):
    """Theirs. [US$ bn, once]"""
    return pot - ours


def returned(stake):
    """Money back. [multiple, once]"""
    return stake + stake


def dip(stake, middle):
    """Dip. [number, once]"""
    return (stake - middle) * (stake - middle)


def floor(stake, middle):
    """Floor. [number, once]"""
    return np.maximum(stake - middle, 0)


def step(stake, middle):
    """Step. [number, once]"""
    return np.where(stake > middle, 1, 0)


def days(end, period_end):
    """Days left. [days, once]"""
    return end - largest(period_end)


def path(level, calendar_year):
    """Level in all. [fraction, flow]"""
    return level + calendar_year * 0


def levels(path):
    """Levels added up. [fraction, once]"""
    return total(path)


def binds_size(pot, size, calendar_year):
    """The size binds. [flag, flag]"""
    return pot + calendar_year * 0 > size


def check_sum(pot, ours, theirs, tilt):
    """The parts are the pot. [US$ bn, once]"""
    return pot - ours - theirs + tilt
'''
STORY = Story(
    title="The pot", question="Who gets what?", scenarios=("now", "deal"), present="now", proposal="deal",
    holders={"ours": "We", "theirs": "They"}, total="ours", streams={}, outflows=(), center="ours",
    returns={"returned": "Our money back"}, clauses={},
)  # fmt: skip
BASE = """
first_year: {label: First year, unit: year, value: 2025, range: [2025, 2025], grade: A, source: a test}
last_year: {label: Last year, unit: year, value: 2028, range: [2028, 2028], grade: A, source: a test}
periods_per_year: {label: Periods, unit: count, value: 1, range: [1, 4], grade: A, source: a test}
valuation_date: {label: Day, unit: date, value: 2025-12-31, range: [2025-12-31, 2025-12-31], grade: A, source: a test}
check_tolerance: {label: Zero, unit: number, value: 1e-9, range: [0, 1], grade: A, source: a test}
pot: {label: Pot, unit: US$ bn, value: 100, range: [0, 1000], grade: J, source: a test, uncertain: {uniform: [80, 120]}}
fee: {label: Fee, unit: US$ bn, value: 0, range: [-200, 200], grade: B, source: a test, uncertain: {uniform: [-10, 10]}}
stake: {label: Stake, unit: fraction, value: 50%, range: [0%, 100%], grade: B, source: a test}
middle: {label: Middle, unit: fraction, value: 30%, range: [0%, 100%], grade: B, source: a test}
size: {label: Size, unit: US$ bn, value: 110, range: [0, no limit], grade: B, source: a test}
tilt: {label: Tilt, unit: US$ bn, value: 0, range: [0, 1], grade: B, source: a test}
end: {label: End, unit: date, value: 2028-12-31, range: [2025-01-01, never], grade: B, source: a test}
level:
  {label: Level, unit: fraction, value: {2019: 0%, 2025: 20%, 2026: 18%, 2027: 10%},
    range: [0%, 100%], grade: B, source: a test}
"""


def toy(root: Path, scenarios: dict[str, str] | None = None, studies: dict[str, str] | None = None) -> Deal:
    """The deal, its parameters written into a folder; scenarios and studies as the text of their files."""
    for folder in ("base", "scenarios", *(["studies"] if studies else [])):
        (root / "params" / folder).mkdir(parents=True, exist_ok=True)
    (root / "params" / "base" / "stand.yaml").write_text(BASE)
    both = {"now": "{}", "deal": "{fee: 0}"} | (scenarios or {})
    for name, settings in both.items():
        (root / "params" / "scenarios" / f"{name}.yaml").write_text(f"title: {name}\nwhy: a test\nset: {settings}\n")
    for name, text in (studies or {}).items():
        (root / "params" / "studies" / f"{name}.yaml").write_text(text)
    package = ModuleType("lemonade")
    package.SHEETS, package.STORY = (sheet(ROWS),), STORY
    return Deal(package, root)
