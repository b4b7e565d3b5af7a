"""The linter passes what is written, and finds each fault put into a workbook."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable

import pytest

from dealgrid import Case, Deal
from dealgrid.output import workbook
from dealgrid.output.workbook.lint import lint

WRITTEN = dt.datetime(2026, 1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def made(pair: list[Case]) -> bytes:
    return workbook.write(pair, "", WRITTEN)


@pytest.fixture(scope="module")
def part_of(made: bytes, deal: Deal) -> Callable[[str], str]:
    """The file inside the workbook that holds a sheet."""
    with zipfile.ZipFile(io.BytesIO(made)) as parts:
        tabs = re.findall(r'<sheet name="([^"]+)"', parts.read("xl/workbook.xml").decode())
    return lambda tab: f"xl/worksheets/sheet{tabs.index(tab) + 1}.xml"


def doctored(made: bytes, part: str, change: Callable[[str], str], more: dict[str, bytes] | None = None) -> bytes:
    """The workbook with one of its files changed, which must change it, and perhaps others put in."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name == part:
                changed = change(text.decode()).encode()
                assert changed != text
                text = changed
            new.writestr(name, text)
        for name, text in (more or {}).items():
            new.writestr(name, text)
    return content.getvalue()


def told(made: bytes) -> list[str]:
    return [str(problem) for problem in lint(made)]


def cell(text: str, name: str, inside: str) -> str:
    """The sheet with another content of one cell: what stands between its tags."""
    return re.sub(rf'(<c r="{name}"[^>]*?)( t="str")?(/>|>.*?</c>)', rf"\1>{inside}</c>", text, count=1)


@pytest.mark.parametrize("names", [False, True])
@pytest.mark.parametrize("frequency", [1, 4])
def test_a_written_workbook_has_no_fault(deal: Deal, frequency: int, names: bool) -> None:
    pins = {"revenue@2027": 50.0, "exit_years": 3.0}
    case = deal.case(deal.story.proposal, {"periods_per_year": frequency}, pins)
    assert told(workbook.write([case], "", WRITTEN, names)) == []


def test_two_cases_have_no_fault_either(made: bytes) -> None:
    assert told(made) == []


FAULTS = {
    "a figure typed over a formula": ("H9", "<v>5</v>", "a figure stands among the formulas"),
    "another formula in one period": ("H9", "<f>H7</f><v>5</v>", "one formula along the line"),
    "a constant inside": ("H9", "<f>H8*1.05</f><v>5</v>", "the constant 1.05"),
    "a large constant": ("H9", "<f>H8+365</f><v>5</v>", "the constant 365"),
    "today": ("H9", "<f>TODAY()-H8</f><v>5</v>", "TODAY is volatile"),
    "a way around dependence": ("H9", "<f>OFFSET(H8,1,0)</f><v>5</v>", "OFFSET is volatile"),
    "a newer function": ("H9", "<f>_xlfn.XLOOKUP(H8,H7,H6)</f><v>5</v>", "XLOOKUP"),
    "another file": ("H9", "<f>[1]Sheet1!H8</f><v>5</v>", "takes from another file"),
    "another file by name": ("H9", "<f>'C:\\\\[Budget.xlsx]Sheet1'!H8</f><v>5</v>", "takes from another file"),
    "no cached value": ("H9", "<f>H8</f>", "no value beside it"),
    "no unit": ("B9", "", "the line has no unit"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_doctored_cell_is_found(made: bytes, part_of: Callable[[str], str], fault: str) -> None:
    name, inside, words = FAULTS[fault]
    wrong = told(doctored(made, part_of("Timing"), lambda text: cell(text, name, inside)))
    assert any(words in each and "Timing" in each for each in wrong), wrong


def test_an_error_in_a_cell_is_found(made: bytes, part_of: Callable[[str], str]) -> None:
    change = lambda text: text.replace('<c r="H9"', '<c t="e" r="H9"')  # noqa: E731 - one line, used once
    assert any("holds an error" in each for each in told(doctored(made, part_of("Timing"), change)))


def test_a_hidden_sheet_a_hidden_column_and_a_missing_freeze_are_found(
    made: bytes, part_of: Callable[[str], str]
) -> None:
    hidden = doctored(made, "xl/workbook.xml", lambda text: text.replace('name="Pins"', 'name="Pins" state="hidden"'))
    assert any("Pins" in each and "is hidden" in each for each in told(hidden))
    column = doctored(made, part_of("Exit"), lambda text: text.replace("<col min", '<col hidden="1" min', 1))
    assert any("Exit" in each and "column is hidden" in each for each in told(column))
    loose = doctored(made, part_of("Exit"), lambda text: re.sub(r"<pane[^>]*/>", "", text))
    assert any("Exit" in each and "nothing stays in view" in each for each in told(loose))


def test_links_to_outside_and_macros_are_found(made: bytes) -> None:
    link = b'<Relationships><Relationship Id="x" TargetMode="External" Target="https://example.com"/></Relationships>'
    more = {"xl/vbaProject.bin": b"", "xl/externalLinks/_rels/externalLink1.xml.rels": link}
    wrong = told(doctored(made, "xl/workbook.xml", lambda text: text + " ", more))
    assert any("macro" in each for each in wrong)
    assert any("from another file" in each for each in wrong)
    assert any("links to something outside" in each for each in wrong)


def test_checks_that_were_taken_out_are_missed(made: bytes) -> None:
    gone = doctored(made, "xl/workbook.xml", lambda text: text.replace('name="All checks"', 'name="Something"'))
    assert any("there are no checks" in each for each in told(gone))
