"""Reads YAML into texts that remember their line and place, guessing nothing, and edits it in place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dealgrid.inputs.complaints import Complaints, quoted

DEEPEST = 12  # levels; the deepest file anybody needs has five
ABSENT = ("", "~", "null", "Null", "NULL")
PLAIN = re.compile(r"[A-Za-z(][\w .,;()%$/’'–+&-]*", re.ASCII)
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
TABBED = re.compile(r"^ *\t[ \t]*[^\s#]", re.MULTILINE)


@dataclass(frozen=True)
class Node:
    """A piece of a YAML text: its line, counted from 1, and where it starts and ends in the text."""

    line: int
    start: int
    end: int


@dataclass(frozen=True)
class Scalar(Node):
    """One text, exactly as written; `plain` if without quotes."""

    text: str
    plain: bool

    @property
    def is_absent(self) -> bool:
        """Whether nothing stands where something could."""
        return self.text in ABSENT if self.plain else not self.text.strip()


@dataclass(frozen=True)
class Listed(Node):
    """A list of pieces."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Entry:
    """A key and what it leads to."""

    key: Scalar
    value: Node


@dataclass(frozen=True)
class Mapped(Node):
    """Keys with their pieces, in the author's order; `flow` if in braces."""

    entries: dict[str, Entry]
    flow: bool


def read_yaml(text: str, complaints: Complaints) -> Node | None:
    """The one document of a text; None, with the problems noted, where there is none that can be used.

    Anchors, aliases, tags, merge keys and directives are refused: a parameter file says everything where it stands.
    """
    before = len(complaints.problems)
    tab = TABBED.search(text)
    if tab:
        complaints.add("a line is indented with a tab", "spaces", "replace the tab by two spaces",
                       text.count("\n", 0, tab.start()) + 1)  # fmt: skip
        return None
    builder = _Builder(complaints)
    # The parser meets arbitrary text here; whatever it trips over is the file's fault and is told as such
    # (test_no_file_whatever_gives_a_traceback).
    try:
        for event in _events(text):
            builder.take(event)
    except Exception as error:  # noqa: BLE001 - see above
        complaints.add(*_syntax(error), line=_error_line(error, text))
        return None
    if builder.is_unusable:
        return None
    if builder.root is None or (isinstance(builder.root, Scalar) and builder.root.is_absent):
        if len(complaints.problems) == before:
            complaints.add("nothing is written here", "at least one entry", "fill it in, or delete it", line=1)
        return None
    return builder.root


def plain(node: Node) -> Any:
    """The node as texts, dicts and lists."""
    if isinstance(node, Mapped):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Listed):
        return [plain(item) for item in node.items]
    assert isinstance(node, Scalar)
    return node.text


def what_it_is(node: Node) -> str:
    """The node's form, for messages."""
    if isinstance(node, Scalar):
        return quoted(node.text)
    return "a list" if isinstance(node, Listed) else "a mapping"


def scalar_text(text: str) -> str:
    """A text as YAML that reads back as exactly this text."""
    if PLAIN.fullmatch(text) and text == text.strip() and text not in ABSENT:
        return text
    quoted_text = json.dumps(text, ensure_ascii=False)
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted_text)


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML  # heavy; the only place that imports it

    # Events, not objects: there every scalar is still the text people wrote.
    events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
    return events


def _syntax(error: Exception) -> tuple[str, str, str]:
    lines = [getattr(error, "problem", None), *str(error).splitlines(), type(error).__name__]
    return (f"this is not YAML: {next(line for line in lines if line)}", "entries of the form `key: value`",
            "look at this line and the one above: indentation, a missing colon or a quote left open")  # fmt: skip


def _error_line(error: Exception, text: str) -> int | None:
    position = getattr(error, "position", None)  # of a character that no YAML may hold
    if isinstance(position, int):
        return text.count("\n", 0, position) + 1
    mark = getattr(error, "problem_mark", None)
    if mark is None or mark.index >= len(text):  # the end of the file is the wrong place to look for an open quote
        mark = getattr(error, "context_mark", None) or mark
    return None if mark is None else int(mark.line) + 1


class _TooDeepError(ValueError):
    problem = f"more than {DEEPEST} levels inside each other"

    def __init__(self, mark: Any) -> None:
        super().__init__(self.problem)
        self.problem_mark = mark


class _Builder:
    """Turns parser events into nodes, without recursion, noting what is refused."""

    def __init__(self, complaints: Complaints) -> None:
        self.complaints = complaints
        self.root: Node | None = None
        self.is_unusable = False
        self.open: list[tuple[Any, list[Node]]] = []

    def take(self, event: Any) -> None:
        """Take the next event."""
        kind = type(event).__name__
        self._refuse_cleverness(event, kind)
        if kind == "ScalarEvent":
            start, end = event.start_mark, event.end_mark
            self._put(Scalar(start.line + 1, start.index, end.index, event.value, event.style is None))
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            if len(self.open) == DEEPEST:
                raise _TooDeepError(event.start_mark)
            self.open.append((event, []))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            opening, children = self.open.pop()
            self._put(self._closed(opening, children, event))

    def _refuse_cleverness(self, event: Any, kind: str) -> None:
        line = event.start_mark.line + 1
        clever = {
            "an alias": kind == "AliasEvent",
            "an anchor": kind != "AliasEvent" and getattr(event, "anchor", None) is not None,
            "a tag": kind != "DocumentStartEvent" and getattr(event, "tag", None) is not None,
            "a directive": kind == "DocumentStartEvent" and bool(event.version or event.tags),
            "a second document": kind == "DocumentStartEvent" and self.root is not None,
        }
        for word in (word for word, is_there in clever.items() if is_there):
            self.is_unusable = True
            self.complaints.add(f"{word} is not read here", "plain keys and values",
                                "write the value out where it is used", line)  # fmt: skip
        if kind == "AliasEvent":
            self._put(Scalar(line, event.start_mark.index, event.end_mark.index, "", plain=True))

    def _closed(self, opening: Any, children: list[Node], event: Any) -> Node:
        line, start = opening.start_mark.line + 1, opening.start_mark.index
        # A block ends where its last child does; the parser would count the comments after it.
        end = event.end_mark.index if opening.flow_style or not children else children[-1].end
        if type(event).__name__ == "SequenceEndEvent":
            return Listed(line, start, end, tuple(children))
        return Mapped(line, start, end, self._entries(children), bool(opening.flow_style))

    def _entries(self, children: list[Node]) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Scalar):
                self.complaints.add(f"{what_it_is(key)} cannot be a key", "a name or a date before the colon",
                                    "write a plain key", key.line)  # fmt: skip
            elif key.text == "<<" and key.plain:
                self.complaints.add("a merge key `<<` is not read here", "plain keys and values",
                                    "write the values out where they are used", key.line)  # fmt: skip
            elif key.text in entries:
                first = entries[key.text].key.line
                self.complaints.add(f"{quoted(key.text)} is written twice, on lines {first} and {key.line}",
                                    "each key once", "keep one of the two", key.line)  # fmt: skip
            else:
                entries[key.text] = Entry(key, value)
        return entries

    def _put(self, node: Node) -> None:
        if self.open:
            self.open[-1][1].append(node)
        else:
            self.root = node


def edited(text: str, root: Mapped, section: str, wanted: Mapping[str, str]) -> str:
    """The text with `section` (a mapping of the root) holding exactly `wanted`: name to YAML text.

    What is unchanged keeps its spelling, its comments and its place; new names come last.
    """
    node = root.entries[section].value
    if not isinstance(node, Mapped) or node.flow or not wanted:
        return replaced(text, root.entries[section], _block(wanted))
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = " " * (node.start - text.rfind("\n", 0, node.start) - 1)
    added = [f"{indent}{name}: {value}" for name, value in wanted.items() if name not in node.entries]
    end = _line_end(text, node.end)
    result = text[:end] + "".join(newline + line for line in added) + text[end:]
    for name, entry in reversed(node.entries.items()):  # from the end, so that places before stay true
        if name not in wanted:
            start = text.rfind("\n", 0, entry.key.start) + 1
            result = result[:start] + result[_line_end(text, entry.value.end) + len(newline) :]
        elif text[entry.value.start : entry.value.end] != wanted[name]:
            result = replaced(result, entry, wanted[name])
    return result


def edited_in_order(text: str, node: Mapped, wanted: Mapping[str, str]) -> str:
    """The text with a mapping holding exactly `wanted`, key to YAML text, in this order; some key of it must stay.

    Keys that stay keep their order, their comments and, where the text is the same, their spelling.
    """
    stays = [name for name in node.entries if name in wanted]
    added: dict[str, list[str]] = {"": []}  # the new pairs after each key that stays, or before them all
    place = ""
    for name, value in wanted.items():
        if name in node.entries:
            place = name
        else:
            added.setdefault(place, []).append(f"{name}: {value}")
    splices = [
        (entry.value.start, _end(text, entry), wanted[name]) for name, entry in node.entries.items() if name in wanted
    ]
    splices += _flow_splices(text, node, stays, added) if node.flow else _block_splices(text, node, stays, added)
    for start, end, new in sorted(splices, reverse=True):  # from the end, so that places before stay true
        text = text[:start] + new + text[end:]
    return text


def _flow_splices(
    text: str, node: Mapped, stays: list[str], added: Mapping[str, list[str]]
) -> Iterator[tuple[int, int, str]]:
    entries = list(node.entries.items())
    first = next(place for place, (name, _) in enumerate(entries) if name in stays)
    start = entries[first][1].key.start
    if first:
        yield entries[0][1].key.start, start, ""
    yield start, start, "".join(f"{pair}, " for pair in added[""])
    for place, (name, entry) in enumerate(entries[first:], first):
        end = _end(text, entry)
        if name not in stays:
            yield _end(text, entries[place - 1][1]), end, ""
        yield end, end, "".join(f", {pair}" for pair in added.get(name, ()))


def _block_splices(
    text: str, node: Mapped, stays: list[str], added: Mapping[str, list[str]]
) -> Iterator[tuple[int, int, str]]:
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = " " * (node.start - text.rfind("\n", 0, node.start) - 1)
    start = node.entries[stays[0]].key.start - len(indent)
    yield start, start, "".join(f"{indent}{pair}{newline}" for pair in added[""])
    for name, entry in node.entries.items():
        end = _line_end(text, entry.value.end)
        if name not in stays:
            yield text.rfind("\n", 0, entry.key.start) + 1, min(end + len(newline), len(text)), ""
        else:
            yield end, end, "".join(f"{newline}{indent}{pair}" for pair in added.get(name, ()))


def _end(text: str, entry: Entry) -> int:
    value = entry.value
    return value.start + len(text[value.start : value.end].rstrip())


def replaced(text: str, entry: Entry, new: str) -> str:
    """The text with another value for one entry."""
    value = entry.value
    gap = text[entry.key.end : value.start]
    gap = gap if "#" in gap else ": "
    if new.startswith("\n"):
        gap = ":"
    return text[: entry.key.end] + gap + new + text[_end(text, entry) :]


def _block(wanted: Mapping[str, str]) -> str:
    return "".join(f"\n  {name}: {value}" for name, value in wanted.items()) if wanted else "{}"


def _line_end(text: str, place: int) -> int:
    """Where the line of a place ends: before its line break."""
    end = len(text[:place].rstrip()) if place and text[place - 1 : place] in "\r\n" else place
    found = re.compile(r"\r?\n|\Z").search(text, end)
    return found.start() if found else len(text)
