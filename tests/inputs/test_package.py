"""Workbooks from anybody: which are read, and that every hostile one is refused with its reason, in bounded work."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from dealgrid.inputs import package
from dealgrid.inputs.complaints import Complaints
from dealgrid.inputs.grid import Cell, Grid, canonical, read_workbook
from dealgrid.inputs.package import LARGEST_UNPACKED, MOST_CELLS, reaches_out

SHEET = "xl/worksheets/sheet1.xml"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = "xl/_rels/workbook.xml.rels"
TYPES = "[Content_Types].xml"


def plain_workbook() -> bytes:
    """A workbook of four cells, as another program writes it."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Inputs")
        sheet.write_string("A1", "stake")
        sheet.write_number("B1", 0.325)
        sheet.write_formula("C1", "=B1*2", None, 0.65)
        sheet.write_boolean("D1", True)
    return content.getvalue()


PLAIN = plain_workbook()


def changed(change: Callable[[dict[str, bytes]], None], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The plain workbook with its parts changed."""
    with zipfile.ZipFile(io.BytesIO(PLAIN)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return content.getvalue()


def with_part(name: str, data: bytes = b"x") -> bytes:
    return changed(lambda parts: parts.update({name: data}))


def with_text(name: str, old: str, new: str) -> bytes:
    def change(parts: dict[str, bytes]) -> None:
        assert old.encode() in parts[name]
        parts[name] = parts[name].replace(old.encode(), new.encode(), 1)

    return changed(change)


def with_relation(kind: str, target: str, mode: str = "External") -> bytes:
    relation = f'<Relationship Id="rIdX" Type="http://x/relationships/{kind}" Target="{target}" TargetMode="{mode}"/>'
    return with_text(RELATIONS, "</Relationships>", relation + "</Relationships>")


def with_formula(formula: str) -> bytes:
    return with_text(SHEET, "B1*2", formula)


def opened(content: bytes, folder: Path) -> tuple[dict[str, Grid] | None, str]:
    """The grids and everything said of a file."""
    path = folder / "deal.xlsx"
    path.write_bytes(content)
    complaints = Complaints("")
    grids = read_workbook(path, complaints)
    return grids, "\n".join(map(str, complaints.problems))


def test_a_plain_workbook_is_read_cell_by_cell(tmp_path: Path) -> None:
    grids, said = opened(PLAIN, tmp_path)
    cells = {"A1": Cell("stake"), "B1": Cell(0.325), "C1": Cell(None, "=B1*2"), "D1": Cell(True)}
    assert (grids, said) == ({"Inputs": cells}, "")


def test_a_date_comes_as_its_serial_day_whatever_its_format(tmp_path: Path) -> None:
    import datetime as dt

    book = openpyxl.Workbook()
    book.active["A1"] = dt.date(2025, 6, 30)
    content = io.BytesIO()
    book.save(content)
    grids, _ = opened(content.getvalue(), tmp_path)
    assert grids == {"Sheet": {"A1": Cell(45838.0)}}


def test_a_shared_formula_is_told_for_each_of_its_cells(tmp_path: Path) -> None:
    shared = '<f t="shared" ref="C1:C2" si="0">B1*2</f><v/></c></row><row r="2"><c r="C2"><f t="shared" si="0"/>'
    grids, said = opened(with_text(SHEET, "<f>B1*2</f>", shared), tmp_path)
    assert said == ""
    assert grids is not None
    assert grids["Inputs"]["C2"] == Cell(None, "=B2*2")


def zip_bomb() -> bytes:
    return changed(lambda parts: parts.update({SHEET: parts[SHEET] + b" " * 50_000_000}))


def bomb_in_many_parts() -> bytes:
    noise = random.Random(1).randbytes(2_000).hex()  # swells fiftyfold: no part of it is suspect by itself
    piece = "".join(noise[place : place + 40] * 50 for place in range(0, len(noise), 40)).encode()
    count = 1 + LARGEST_UNPACKED // len(piece)
    return changed(lambda parts: parts.update({f"xl/media/{number}.bin": piece for number in range(count)}))


def lying_sizes() -> bytes:
    """A bomb whose headers say that it is small."""
    content = bytearray(zip_bomb())
    real = struct.pack("<I", 50_000_000 + len(zipfile.ZipFile(io.BytesIO(PLAIN)).read(SHEET)))
    while (place := content.find(real)) >= 0:
        content[place : place + 4] = struct.pack("<I", 1000)
    return bytes(content)


def million_cells() -> bytes:
    rows = ("".join(f"<c><v>{line * column}</v></c>" for column in range(1000)) for line in range(1000))
    data = "".join(f"<row>{row}</row>" for row in rows)
    sheet = f"<worksheet {MAIN}><sheetData>{data}</sheetData></worksheet>"
    return changed(lambda parts: parts.update({SHEET: sheet.encode()}))


ENTITIES = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
HOSTILE = {
    "not a zip": (b"sheet,name,value\n", "not a workbook"),
    "empty": (b"", "not a workbook"),
    "old Excel or a password": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "password"),
    "cut off": (PLAIN[: len(PLAIN) // 2], "broken"),
    "a zip, but no workbook": (changed(lambda parts: parts.pop("xl/workbook.xml") and None), "no part"),
    "a zip bomb": (zip_bomb(), "bomb"),
    "a bomb in many parts": (bomb_in_many_parts(), "larger than"),
    "a bomb whose headers lie": (lying_sizes(), "broken"),
    "a million cells": (million_cells(), f"{MOST_CELLS:,} cells"),
    "entities": (changed(lambda p: p.update({SHEET: ENTITIES.encode() + p[SHEET].split(b"?>")[-1]})), "entities"),
    "entities in UTF-16": (
        changed(lambda p: p.update({"docProps/app.xml": (ENTITIES + "<x>&b;</x>").encode("utf-16")})), "entities"),
    "a document type from outside": (
        changed(lambda p: p.update({"xl/styles.xml": b'<!DOCTYPE x SYSTEM "http://evil.example/x"><x/>'})), "entities"),
    "a macro": (with_part("xl/vbaProject.bin"), "macros"),
    "a macro by another name": (with_relation("vbaProject", "innocent.bin", "Internal"), "macros"),
    "a workbook with macros": (
        with_text(TYPES, "vnd.openxmlformats-officedocument.spreadsheetml.sheet.main",
                  "vnd.ms-excel.sheet.macroEnabled.main"), "macros"),
    "a macro sheet": (with_part("xl/macrosheets/sheet1.xml", b"<x/>"), "macro sheets"),
    "a name that runs": (
        with_text("xl/workbook.xml", "</sheets>", "</sheets><definedNames><definedName name='_xlnm.Auto_Open'>"
                  "Inputs!$A$1</definedName></definedNames>"), "starts a macro"),
    "a link to a workbook": (with_part("xl/externalLinks/externalLink1.xml", b"<x/>"), "links to other workbooks"),
    "a link by relation": (with_relation("externalLinkPath", "file:///etc/passwd"), "links to other workbooks"),
    "a picture from the web": (with_relation("image", "http://evil.example/x.png"), "a link to"),
    "a link to a program": (with_relation("hyperlink", "file://server/share/run.exe"), "a link to"),
    "OLE": (with_part("xl/embeddings/oleObject1.bin"), "embedded objects"),
    "OLE in a sheet": (with_text(SHEET, "<sheetData>", "<oleObjects/><sheetData>"), "embedded objects"),
    "ActiveX": (with_part("xl/activeX/activeX1.xml", b"<x/>"), "controls"),
    "a connection": (with_part("xl/connections.xml", b"<x/>"), "connections"),
    "a web add-in": (with_part("xl/webextensions/taskpanes.xml", b"<x/>"), "add-ins"),
    "DDE": (with_formula("cmd|'/C calc'!A0"), "DDE"),
    "DDE in a function": (with_formula("DDE(&quot;soffice&quot;,&quot;x&quot;,&quot;y&quot;)"), "DDE"),
    "a call of the web": (with_formula("WEBSERVICE(&quot;http://evil.example&quot;)"), "WEBSERVICE"),
    "a formula abroad": (with_formula("'[other.xlsx]Sheet1'!A1"), "another workbook"),
    "a name that climbs out": (with_part("../../etc/cron.d/x", b"<x/>"), "out of the package"),
    "an absolute name": (with_part("/etc/passwd", b"<x/>"), "out of the package"),
    "a name with a drive": (with_part("c:/x.xml", b"<x/>"), "out of the package"),
    "a target that climbs out": (with_relation("worksheet", "../../../etc/passwd", "Internal"), "out of the package"),
    "nested XML": (with_text(SHEET, "<sheetData>", "<a>" * 100 + "</a>" * 100 + "<sheetData>"), "levels deep"),
    "a row far down": (with_text(SHEET, '<row r="1"', '<row r="1048576"'), "row"),
    "days from 1904": (with_text("xl/workbook.xml", "<workbookPr", '<workbookPr date1904="1"'), "1904"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_workbook_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    content, reason = HOSTILE[name]
    grids, said = opened(content, tmp_path)
    assert grids is None
    assert reason in said
    assert "deal.xlsx" in said


@pytest.mark.parametrize("name", ["a zip bomb", "a bomb whose headers lie", "a bomb in many parts"])
def test_a_bomb_is_not_unpacked_into_memory(name: str, tmp_path: Path) -> None:
    (tmp_path / "deal.xlsx").write_bytes(HOSTILE[name][0])
    tracemalloc.start()
    assert package.safe_package(tmp_path / "deal.xlsx", Complaints("")) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000 + len(HOSTILE[name][0])  # of the 50 and 150 million bytes they hold


def test_everything_that_could_act_is_named_at_once(tmp_path: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        parts |= {"xl/vbaProject.bin": b"x", "xl/activeX/a.xml": b"<x/>"}
        parts[SHEET] = parts[SHEET].replace(b"B1*2", b"cmd|x!A0")

    _, said = opened(changed(change), tmp_path)
    assert "macros" in said
    assert "controls" in said
    assert "DDE" in said


def test_cells_far_apart_cost_nothing(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(2, 20_002))
    path = tmp_path / "deal.xlsx"
    path.write_bytes(with_text(SHEET, "</sheetData>", rows + "</sheetData>"))
    tracemalloc.start()
    grids = read_workbook(path, Complaints(""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grids is not None
    assert len(grids["Inputs"]) == 20_004
    assert peak < 60_000_000  # filled up to their column, these rows would be 330 million cells


def test_a_workbook_is_read_with_links_of_the_web_in_it(tmp_path: Path) -> None:
    grids, said = opened(with_relation("hyperlink", "https://example.com/filing"), tmp_path)
    assert said == ""
    assert grids is not None


@given(place=st.integers(0, len(PLAIN) - 1), bit=st.integers(0, 7))
def test_no_workbook_gives_a_traceback_when_a_bit_is_flipped(
    place: int, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(PLAIN)
    content[place] ^= 1 << bit
    grids, said = opened(bytes(content), tmp_path_factory.getbasetemp())
    assert (grids is None) == bool(said)


@given(cut=st.integers(0, len(PLAIN) - 1))
def test_no_workbook_gives_a_traceback_when_it_is_cut_off(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    grids, said = opened(PLAIN[:cut], tmp_path_factory.getbasetemp())
    assert grids is None
    assert said


@given(
    name=st.sampled_from([SHEET, "xl/workbook.xml", RELATIONS, TYPES, "xl/sharedStrings.xml"]),
    place=st.floats(0, 1),
    junk=st.sampled_from(
        [b"", b"<", b'"', b"9" * 21, b"\xff", b"<c r='B1'><f t='shared' si='7'/></c>", b"1e999", b"</row>", b"nan"]
    ),
    length=st.integers(0, 30),
)  # fmt: skip
def test_no_workbook_gives_a_traceback_when_its_xml_is_spoilt(
    name: str, place: float, junk: bytes, length: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def change(parts: dict[str, bytes]) -> None:
        start = int(place * len(parts[name]))
        parts[name] = parts[name][:start] + junk + parts[name][start + length :]

    grids, said = opened(changed(change), tmp_path_factory.getbasetemp())
    assert (grids is None) == bool(said)


@pytest.mark.parametrize(
    ("saved", "written"),
    [
        ("=sum( $A$1 , B$2 )", "=SUM(A1,B2)"),
        ("='Inputs'!A1+1E3", "=Inputs!$A$1+1000"),
        ("=_xlfn.IFS(TRUE(),1)", "=IFS(TRUE,1.0)"),
    ],
)
def test_a_formula_saved_by_another_program_is_the_same_formula(saved: str, written: str) -> None:
    assert canonical(saved) == canonical(written)


@pytest.mark.parametrize(
    ("one", "other"), [("=A1+B1", "=A1-B1"), ('="a b"', '="ab"'), ("=A1*2", "=A1*2.5"), ("='A B'!C1", "='AB'!C1")]
)
def test_formulas_that_say_different_things_stay_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "formula", ['=IF(A1="a|b",1,2)', '="[x]!"', "=A1:B2", '=HYPERLINK("#Cover!A1")', "=CALLED(A1)"]
)
def test_a_formula_of_our_own_reaches_nowhere(formula: str) -> None:
    assert reaches_out(formula) == []
