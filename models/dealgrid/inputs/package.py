"""Opens a workbook from anybody: what swells, reaches out or could act is refused before anything else reads it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from dealgrid.inputs.complaints import Complaints, quoted
from dealgrid.inputs.files import shown

# What the largest workbook of this program needs, several times over; with it memory and time have a bound.
LARGEST_FILE, LARGEST_UNPACKED, MOST_PARTS = 20_000_000, 150_000_000, 2_000
LARGEST_RATIO, SMALL = 200, 1_000_000  # a part that swells more than this is a bomb, unless it stays small
LARGEST_SIDE_PART = 8_000_000  # parts other than sheets and texts are held in memory whole
MOST_CELLS, MOST_ROWS, DEEPEST = 400_000, 100_000, 64
MOST_ELEMENTS, MOST_SIDE_ELEMENTS = 2_000_000, 200_000  # of XML: in all, and of those that are no cell and no text
MOST_FORMULA_TEXT, COST_OF_SHARED = 40_000_000, 4  # characters; a shared formula is worked out at each of its cells
CHUNK = 1 << 16

ZIP, OLD_OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
CONTENT_TYPES = "[Content_Types].xml"
WORKBOOK_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
CELLS = re.compile(r"xl/worksheets/[^/]+\.xml")
TEXTS = "xl/sharedStrings.xml"
# The parts handed on; nothing else of the file is ever parsed for its meaning.
KEPT = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels|xl/sharedStrings\.xml"
    r"|xl/worksheets/[^/]+\.xml"
)
OF_CELLS = {"row", "c", "v", "f", "is", "si", "t", "r", "rPr", "sz", "color", "rFont", "family", "scheme", "b", "i"}
PICTURES = (".bin", ".png", ".jpg", ".jpeg", ".gif", ".emf", ".wmf", ".tif", ".tiff", ".bmp")  # never opened
# Words in names of parts, in their types and in their relations, each with what it stands for.
ACTIVE = (
    (re.compile(r"vbaproject|vbadata|macro(?!sheet)", re.I), "macros"),
    (re.compile(r"macrosheet|dialogsheet|attachedtoolbar", re.I), "macro sheets of old Excel"),
    (re.compile(r"externallink", re.I), "links to other workbooks"),
    (re.compile(r"activex|ctrlprop|/control\b|form-?control", re.I), "controls"),
    (re.compile(r"embeddings?/|oleobject|/package$|embedded-?package", re.I), "embedded objects"),
    (re.compile(r"customui|extensibility", re.I), "a changed ribbon"),
    (re.compile(r"xl/connections|relationships/connections|querytable|powerpivot|xl/model/|datamodel", re.I),
     "connections to outside data"),
    (re.compile(r"webextension|taskpane", re.I), "add-ins from the web"),
    (re.compile(r"attachedtemplate|subdocument|altchunk|afchunk", re.I), "documents pulled in from outside"),
)  # fmt: skip
HARMLESS_LINK = re.compile(r"(?:https?://|mailto:)[^\\]*\Z", re.I)
ACTIVE_ELEMENTS = {
    "oleObjects": "embedded objects", "controls": "controls", "externalReferences": "links to other workbooks",
    "ddeLink": "links to other programs (DDE)", "oleLink": "links to other programs",
}  # fmt: skip
STRINGS = re.compile(r'"(?:[^"]|"")*"')
REACHING = re.compile(r"\b(WEBSERVICE|RTD|DDE|CALL|REGISTER|REGISTER\.ID|EXEC|IMAGE|SQL\.REQUEST)\s*\(", re.I)
ABROAD = re.compile(r"\[[^\]]*\][^!\[\]]*!|\bfile:", re.I)
OFF = ("0", "false", "off", "")
AUTOMATIC = re.compile(r"(_xlnm\.)?auto_(open|close|activate|deactivate)", re.I)


class _UnfitError(Exception):
    """The file cannot be read any further."""

    def __init__(self, what: str, expected: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what, self.expected, self.advice = what, expected, advice


@dataclass
class _Counted:
    """What has come out of the file so far."""

    unpacked: int = 0
    elements: int = 0
    side_elements: int = 0
    cells: int = 0
    formula_text: int = 0
    found: dict[str, None] = field(default_factory=dict)  # what could act, in the order met


def safe_package(path: Path, complaints: Complaints) -> bytes | None:
    """The parts of a workbook that hold cells, as a package of their own; None, with the reasons noted, if refused.

    Everything is unpacked once in pieces and counted as it comes, whatever the file says of its sizes. Refused: what
    is no workbook or a broken one, more than a workbook of this program could hold, macros, controls, embedded
    objects, links to other files or programs, entities of XML, names that lead out of the package.
    """
    there = complaints.at(shown(path))
    try:
        content = _content(path)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _checked(archive, there)
    except _UnfitError as error:
        there.add(error.what, error.expected or "a workbook as dealgrid, Excel or LibreOffice saves it (.xlsx)",
                  error.advice or "save it again as .xlsx and try that one")  # fmt: skip
    # A zip from anybody: what the library trips over is the file's fault (test_no_workbook_gives_a_traceback).
    except Exception as error:  # noqa: BLE001 - see above
        there.add(f"the file is broken: {_in_a_line(error)}", "a whole workbook (.xlsx)",
                  "fetch or save it again: part of it may be missing")  # fmt: skip
    return None


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _UnfitError("there is no such file" if not path.exists() else "this is not a file", "",
                              "check the path")  # fmt: skip
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise _UnfitError(f"the file cannot be read: {getattr(error, 'strerror', None) or error}", "",
                          "check the path and the permissions") from error  # fmt: skip
    if len(content) > LARGEST_FILE:
        raise _UnfitError(f"the file has more than {LARGEST_FILE:,} bytes", "", "export it anew and change only inputs")
    if content.startswith(OLD_OFFICE):
        raise _UnfitError("this is a workbook of old Excel (.xls), or one with a password", "",
                          "save it as .xlsx without a password")  # fmt: skip
    if not content.startswith(ZIP):
        raise _UnfitError("this is not a workbook: it does not begin as an .xlsx file does")
    return content


def _checked(archive: zipfile.ZipFile, complaints: Complaints) -> bytes:
    parts = archive.infolist()
    counted = _Counted()
    _check_names(parts, counted)
    clean = io.BytesIO()
    with zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as kept:
        for part in parts:
            name = part.filename
            pieces = _pieces(archive, part, counted)
            if name.endswith("/") or name.lower().endswith(PICTURES):
                for _ in pieces:  # counted, never looked at
                    pass
                continue
            with _opened(kept, name) as place:
                _read_part(name, pieces, place, counted)
    for what in counted.found:
        complaints.add(f"the workbook holds {what}", "cells, formulas and charts only",
                       "remove them, or copy the inputs into a fresh export")  # fmt: skip
    if counted.found:
        raise _UnfitError("it is therefore not read", "", "nothing in it was run")
    return clean.getvalue()


def _check_names(parts: list[zipfile.ZipInfo], counted: _Counted) -> None:
    if len(parts) > MOST_PARTS:
        raise _UnfitError(f"the package has {len(parts):,} parts; at most {MOST_PARTS:,} are read")
    seen: set[str] = set()
    for part in parts:
        name = part.filename
        if name.startswith(("/", "\\")) or "\\" in name or ":" in name or ".." in name.split("/"):
            raise _UnfitError(f"a part is named {quoted(name)}, which leads out of the package")
        if not name.isprintable() or part.orig_filename != name:
            raise _UnfitError(f"a part has a name that cannot be shown: {quoted(part.orig_filename)}")
        if name.lower() in seen:
            raise _UnfitError(f"two parts are named {quoted(name)}")
        seen.add(name.lower())
        if part.flag_bits & 0x1:
            raise _UnfitError("the workbook has a password", "", "save it without one")
        _note_active(name, counted)
    missing = [name for name in (CONTENT_TYPES, "xl/workbook.xml") if name.lower() not in seen]
    if missing:
        raise _UnfitError(f"this is a zip, but no workbook: it has no part {quoted(missing[0])}")


def _pieces(archive: zipfile.ZipFile, part: zipfile.ZipInfo, counted: _Counted) -> Iterator[bytes]:
    """The bytes of a part as they come out, counted against every limit."""
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _UnfitError(f"the part {quoted(part.filename)} is packed in a way workbooks are not")
    size = 0
    is_large_allowed = CELLS.fullmatch(part.filename) or part.filename == TEXTS
    with archive.open(part) as stream:
        while piece := stream.read(CHUNK):
            size += len(piece)
            counted.unpacked += len(piece)
            if counted.unpacked > LARGEST_UNPACKED:
                raise _UnfitError(f"unpacked, the workbook is larger than {LARGEST_UNPACKED:,} bytes: a zip bomb?")
            if size > SMALL and size > LARGEST_RATIO * max(part.compress_size, 1):
                raise _UnfitError(f"the part {quoted(part.filename)} swells to more than {LARGEST_RATIO} times its "
                                  "packed size: a zip bomb?")  # fmt: skip
            if size > LARGEST_SIDE_PART and not is_large_allowed:
                raise _UnfitError(f"the part {quoted(part.filename)} is larger than {LARGEST_SIDE_PART:,} bytes")
            yield piece


class _opened:  # noqa: N801 - used as a function
    """The place in the clean package for a part that is handed on; None for one that is only looked through."""

    def __init__(self, kept: zipfile.ZipFile, name: str) -> None:
        self.place = kept.open(name, "w", force_zip64=True) if KEPT.fullmatch(name) else None

    def __enter__(self) -> io.BufferedIOBase | None:
        return self.place  # type: ignore[return-value]

    def __exit__(self, *_: object) -> None:
        if self.place:
            self.place.close()


def _read_part(name: str, pieces: Iterator[bytes], place: io.BufferedIOBase | None, counted: _Counted) -> None:
    """Look through a part as XML, refusing entities and noting what could act, and hand its bytes on."""
    look = _Look(name, counted)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = look.doctype
    parser.StartElementHandler = look.start
    parser.EndElementHandler = look.end
    parser.CharacterDataHandler = look.text
    parser.buffer_text = True
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            if place:
                place.write(piece)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise _UnfitError(f"the part {quoted(name)} is not XML: {expat.ErrorString(error.code)}") from error


class _Look:
    """What is noticed while a part streams by."""

    def __init__(self, name: str, counted: _Counted) -> None:
        self.name = name
        self.counted = counted
        self.depth = 0
        self.formula: list[str] | None = None
        self.shared: dict[str, int] = {}  # length of each shared formula
        self.share = ""

    def doctype(self, *_: object) -> None:
        """XML of a workbook declares nothing."""
        raise _UnfitError(f"the part {quoted(self.name)} declares a document type or entities, as bombs of XML do")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        counted, word = self.counted, tag.rpartition(":")[2]
        self.depth += 1
        counted.elements += 1
        if self.depth > DEEPEST:
            raise _UnfitError(f"the part {quoted(self.name)} is nested more than {DEEPEST} levels deep")
        counted.side_elements += word not in OF_CELLS
        if counted.elements > MOST_ELEMENTS or counted.side_elements > MOST_SIDE_ELEMENTS:
            raise _UnfitError("the workbook has more elements of XML than one with its cells could need")
        if word in ACTIVE_ELEMENTS:
            counted.found[ACTIVE_ELEMENTS[word]] = None
        if word == "c":
            self._cell(attributes)
        elif word in ("f", "definedName"):
            self._begin_formula(word, attributes)
        elif word == "row" and CELLS.fullmatch(self.name):
            self._row(attributes.get("r", "1"))
        elif word == "Relationship":
            self._relation(attributes)
        elif word in ("Override", "Default") and self.name == CONTENT_TYPES:
            self._type(attributes)
        elif word == "workbookPr" and attributes.get("date1904", "0").lower() in ("1", "true", "on"):
            raise _UnfitError("the workbook counts days from 1904", "", "in Excel's options, turn the 1904 dates off")

    def _cell(self, attributes: Mapping[str, str]) -> None:
        if not CELLS.fullmatch(self.name):
            return
        self.counted.cells += 1
        if self.counted.cells > MOST_CELLS:
            raise _UnfitError(f"the workbook has more than {MOST_CELLS:,} cells", "", "remove the sheets you added")
        place = attributes.get("r", "A1")
        if not re.fullmatch(r"[A-Z]{1,3}[1-9][0-9]{0,6}", place):
            raise _UnfitError(f"the part {quoted(self.name)} has a cell named {quoted(place)}")

    def _row(self, number: str) -> None:
        if not (number.isascii() and number.isdigit() and len(number) < 8 and int(number) <= MOST_ROWS):
            raise _UnfitError(f"the part {quoted(self.name)} has a row {quoted(number)}, beyond {MOST_ROWS:,}",
                              "", "remove what stands so far down")  # fmt: skip

    def _begin_formula(self, word: str, attributes: Mapping[str, str]) -> None:
        self.formula = []
        self.share = attributes.get("si", "") if attributes.get("t") == "shared" else ""
        if word != "definedName":
            return
        name = attributes.get("name", "")
        is_macro = any(
            attributes.get(key, "0").lower() not in OFF for key in ("function", "vbProcedure", "xlm", "macro")
        )
        if is_macro or AUTOMATIC.match(name):
            self.counted.found[f"a name that starts a macro ({quoted(name)})"] = None

    def text(self, piece: str) -> None:
        """Characters between tags."""
        if self.formula is not None:
            self.formula.append(piece)

    def end(self, _: str) -> None:
        """An element ends."""
        self.depth -= 1
        if self.formula is None:
            return
        formula, self.formula = "".join(self.formula), None
        length = self.shared.get(self.share, 0) if self.share and not formula else len(formula)
        if self.share and formula:
            self.shared[self.share] = length
        self.counted.formula_text += length * (COST_OF_SHARED if self.share else 1)
        if self.counted.formula_text > MOST_FORMULA_TEXT:
            raise _UnfitError(f"the formulas have more than {MOST_FORMULA_TEXT:,} characters in all")
        for what in reaches_out(formula):
            self.counted.found[f"a formula with {what} ({quoted(formula)})"] = None

    def _relation(self, attributes: Mapping[str, str]) -> None:
        kind, target = attributes.get("Type", ""), attributes.get("Target", "")
        _note_active(kind, self.counted)
        if attributes.get("TargetMode", "").lower() == "external":
            is_link = kind.endswith("/hyperlink") and HARMLESS_LINK.match(target)
            if not is_link:
                self.counted.found[f"a link to {quoted(target)}"] = None
        elif ".." in target.split("/")[2:] or "\\" in target or (":" in target and not target.startswith("#")):
            raise _UnfitError(f"the part {quoted(self.name)} leads to {quoted(target)}, out of the package")

    def _type(self, attributes: Mapping[str, str]) -> None:
        kind, name = attributes.get("ContentType", ""), attributes.get("PartName", "")
        _note_active(kind, self.counted)
        if name.lower() == "/xl/workbook.xml" and kind != WORKBOOK_TYPE and "macro" not in kind.lower():
            raise _UnfitError(f"the workbook is of the kind {quoted(kind)}", "a plain workbook (.xlsx)")


def reaches_out(formula: str) -> list[str]:
    """What in a formula would reach another file, program or page."""
    if not formula:
        return []
    bare = STRINGS.sub('""', formula)
    found = ["a link to another program (DDE)"] if "|" in bare else []
    found += [f"the function {match[1].upper()}" for match in REACHING.finditer(bare)]
    return found + (["a link to another workbook"] if ABROAD.search(bare) else [])


def _note_active(text: str, counted: _Counted) -> None:
    for pattern, what in ACTIVE:
        if pattern.search(text):
            counted.found[what] = None


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
