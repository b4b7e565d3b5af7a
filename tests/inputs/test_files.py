"""Files are written in one step, with the permissions that are usual or were there."""

import os
import stat
import sys
from pathlib import Path

import pytest

from dealgrid.inputs import files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("mask", "usual"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_may_be_read_by_whom_the_user_lets_read(tmp_path: Path, mask: int, usual: int) -> None:
    before = os.umask(mask)
    try:
        files.write_bytes(tmp_path / "new", b"content")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == usual


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"before")
    path.chmod(0o640)
    files.write_bytes(path, b"after")
    assert (path.read_bytes(), mode(path)) == (b"after", 0o640)


def test_nothing_is_left_of_a_file_that_cannot_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        files.write_bytes(tmp_path / "folder", b"content")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
