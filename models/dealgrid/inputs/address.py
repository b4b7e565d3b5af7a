"""Addresses where runs are kept, any that fsspec knows, as people write them: read, opened, shown without secrets."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from dealgrid.inputs.complaints import MisreadError, did_you_mean
from dealgrid.problems import InputError, Problem, RunError

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
FORMS = "a folder, an address such as s3://bucket/reports or sftp://host/path, or a variable that holds one"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_WHOLE = re.compile(r"/|~|\\\\|[A-Za-z]:[\\/]")  # begins the path of a folder that is the same from everywhere
_REFUSED = re.compile(r"credential|auth|login|denied|forbidden", re.IGNORECASE)


def is_elsewhere(address: str) -> bool:
    """Whether an address is more than the path of a folder."""
    return "://" in address


def read_address(text: str) -> str:
    """The address that a text is, or that the variable of the environment holds which it names.

    InputError for one that nothing can be sent to or read from; nothing is asked of the network.
    """
    import fsspec

    is_variable = bool(VARIABLE.fullmatch(text))
    address = os.environ.get(text, "").strip() if is_variable else text
    said = f"what the variable {text} holds" if is_variable else repr(shown(address))
    protocol = address.partition("://")[0] if is_elsewhere(address) else "file"
    what, advice = "", ""
    if is_variable and not address:
        what, advice = f"the variable {text} is not set", f"set it; a folder of that name is ./{text}"
    elif not address.strip() or "::" in address:
        what, advice = f"{said} is not an address of a folder", "name one folder"
    else:
        try:
            fsspec.get_filesystem_class(protocol)
        except ValueError:
            unknown = f"nothing is known of the protocol of {said}" if is_variable else ""
            what = unknown or f"nothing is known of the protocol {protocol}://"
            advice = "look for a misspelling"
        except ImportError as error:
            what, advice = f"a package for {protocol}:// is not installed", str(error)
    if what:
        raise InputError(Problem("ADDRESS", what, FORMS, advice))
    return address


def check_written(text: str) -> None:
    """MisreadError for what no file may say: an address with a secret, or one that is none. It is not repeated."""
    import fsspec

    if VARIABLE.fullmatch(text):
        return
    if _is_secret(text):
        raise MisreadError(
            "the address holds a secret", "the name of a variable of the environment, as in DEALGRID_STORE",
            "put the address into the environment, never into this file",
        )  # fmt: skip
    protocol, _, rest = text.partition("://")
    if not text.isprintable() or "::" in text or not (rest if is_elsewhere(text) else _WHOLE.match(text)):
        raise MisreadError(
            "this is neither an address nor the name of a variable",
            "s3://bucket/reports, the whole path of a folder, or a variable's name",
        )
    known = fsspec.available_protocols()
    if is_elsewhere(text) and protocol not in known:
        raise MisreadError(
            f"nothing is known of the protocol {protocol}://", "one that fsspec knows, such as s3:// or sftp://",
            did_you_mean(protocol, known, "look for a misspelling"),
        )  # fmt: skip


def opened(address: str) -> tuple[Any, str]:
    """The file system of fsspec behind an address, and the path there."""
    import fsspec

    files, root = fsspec.core.url_to_fs(address)
    return files, str(root).rstrip("/")


def shown(address: str) -> str:
    """An address without user, password and what stands after a question mark."""
    protocol, _, rest = address.partition("://")
    if not is_elsewhere(address):
        return address
    user, at, place = rest.rpartition("@")
    has_user = bool(at) and (":" in user or "/" not in user)
    return f"{protocol}://{place if has_user else rest}".partition("?")[0]


def hidden(text: str, address: str) -> str:
    """A text, such as an error's, without the secrets of an address."""
    said = _ADDRESS.sub(lambda found: shown(found[0]), text)
    for secret in _secrets(address):
        said = said.replace(secret, "…")
    return said


@contextlib.contextmanager
def said_clearly(address: str, where: str, what: str, may: str, advice: str) -> Iterator[None]:
    """What an address answers as a RunError. Libraries raise what they like, and say what they like.

    `where` and `what` are those of the error, `may` is what one wants to do there.
    """
    try:
        yield
    except (InputError, RunError):
        raise
    except Exception as error:
        said = hidden(str(error).partition("\n")[0] or type(error).__name__, address)
        is_refused = isinstance(error, PermissionError) or _REFUSED.search(said)
        expected = f"credentials that may {may} there" if is_refused else f"an address that answers and lets one {may}"
        raise RunError(Problem(where, f"{what}: {said}", expected, advice)) from error


def _is_secret(address: str) -> bool:
    return bool(_secrets(address)) or "?" in address


def _secrets(address: str) -> list[str]:
    """The password of an address and what stands after a question mark, as written and as meant."""
    rest, _, query = address.partition("://")[2].partition("?")
    password = rest.rpartition("@")[0].partition(":")[2]
    words = [password, query, *(part.partition("=")[2] for part in query.split("&"))]
    return sorted({form for word in words for form in (word, unquote(word)) if form}, key=len, reverse=True)
