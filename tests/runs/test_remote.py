"""A run that is sent is there whole or is no run there; sending again completes it; no other run is overwritten."""

from __future__ import annotations

import json
import random
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from typer.testing import CliRunner

from dealgrid import Deal
from dealgrid.cli import app
from dealgrid.inputs.address import read_address
from dealgrid.problems import InputError, RunError
from dealgrid.runs import remote, store


class Flaky(MemoryFileSystem):
    """A store in memory whose every call that writes may fail, or cut what is written."""

    protocol = "flaky"
    store: dict[str, Any] = {}  # noqa: RUF012 - shared by all instances, as in the class it replaces
    pseudo_dirs: list[str] = [""]  # noqa: RUF012 - the same
    dice = random.Random(0)
    chance = 0.0
    cut = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("flaky://", "memory://"))

    def _roll(self) -> None:
        if self.dice.random() < self.chance:
            raise ConnectionError("the network is gone")

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode == "rb":
            return super().open(path, mode, **options)
        self._roll()
        file = super().open(path, mode, **options)
        write = file.write

        def written(content: bytes) -> int:
            if self.dice.random() < self.chance:
                write(content[: len(content) // 2])
                file.close()
                raise ConnectionError("the network is gone")
            return int(write(content[:-1] if self.cut else content))

        file.write = written
        return file

    def mv(self, *paths: str, **options: Any) -> None:
        self._roll()
        super().mv(*paths, **options)
        self._roll()

    def rm_file(self, path: str) -> None:
        self._roll()
        super().rm_file(path)


fsspec.register_implementation("flaky", Flaky, clobber=True)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory, deal: Deal) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "reports"
    case = deal.case("new_deal")
    with store.new_run(folder, "new_deal", store.recipe(deal, "report", ["new_deal"], {})) as draft:
        for name in ("page.html", "empty.txt", "notebooks/one.ipynb", "notebooks/two.ipynb"):
            draft.write(name, "" if name == "empty.txt" else name * 1000)
        store.write_numbers(draft, [case])
        store.publish(draft, [case])
    return folder


@pytest.fixture
def run(reports: Path) -> store.Listed:
    return store.find_run(reports, "new_deal")


@pytest.fixture(params=["memory", "file", "folder"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    there = tmp_path / "there"
    return {"memory": f"memory://{uuid.uuid4().hex}", "file": there.as_uri(), "folder": str(there)}[request.param]


@pytest.fixture
def flaky() -> Iterator[type[Flaky]]:
    Flaky.store.clear()
    Flaky.pseudo_dirs[:] = [""]
    Flaky.dice, Flaky.chance, Flaky.cut = random.Random(7), 0.0, False
    yield Flaky
    Flaky.chance, Flaky.cut = 0.0, False


def here(run: store.Listed) -> dict[str, bytes]:
    return {path.relative_to(run.folder).as_posix(): path.read_bytes()
            for path in run.folder.rglob("*") if path.is_file()}  # fmt: skip


def there(run: store.Listed, address: str) -> dict[str, bytes]:
    files, root = fsspec.core.url_to_fs(address)
    folder = f"{root.rstrip('/')}/{run.run}"
    return {path.removeprefix(folder + "/"): files.cat_file(path) for path in files.find(folder)}


def other_run(run: store.Listed, folder: Path) -> store.Listed:
    """Another run of the same name, made in the same second from the same on another machine."""
    copy = folder / "other" / run.run
    shutil.copytree(run.folder, copy)
    (copy / store.MANIFEST).chmod(0o644)
    (copy / store.MANIFEST).write_text(json.dumps({**run.manifest, "seconds": {"all": 9.0}}))
    return store.find_run(folder / "other", run.run)


def test_a_run_that_is_sent_is_the_same_bytes_there(run: store.Listed, address: str) -> None:
    sent = remote.send(run, address)
    assert (sent.sent, sent.kept) == (5, 0)
    assert there(run, address) == here(run)


def test_sending_again_leaves_what_is_there_and_mends_what_is_not(run: store.Listed, address: str) -> None:
    remote.send(run, address)
    files, root = fsspec.core.url_to_fs(address)
    files.pipe_file(f"{root}/{run.run}/page.html", b"x" * len(here(run)["page.html"]))  # right size, wrong content
    files.rm_file(f"{root}/{run.run}/notebooks/one.ipynb")
    sent = remote.send(run, address)
    assert (sent.sent, sent.kept) == (2, 3)
    assert there(run, address) == here(run)


def test_another_run_is_never_overwritten(run: store.Listed, address: str, tmp_path: Path) -> None:
    remote.send(other_run(run, tmp_path), address)
    before = there(run, address)
    with pytest.raises(RunError, match="another run of this name stands"):
        remote.send(run, address)
    assert there(run, address) == before


def test_two_different_runs_are_not_mixed_while_one_is_being_sent(run: store.Listed, tmp_path: Path) -> None:
    address, other = f"memory://{uuid.uuid4().hex}", other_run(run, tmp_path)
    refused = []

    def disturb(done: int, of: int) -> None:
        with pytest.raises(RunError, match="another run") as error:
            remote.send(other, address)
        refused.append(error)

    remote.send(run, address, disturb)
    assert len(refused) == 6  # before each of 5 files, and at the end
    assert there(run, address) == here(run)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_several_may_send_the_same_run_at_once(kind: str, run: store.Listed, tmp_path: Path) -> None:
    address = f"memory://{uuid.uuid4().hex}" if kind == "memory" else tmp_path.as_uri()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: remote.send(run, address), range(8)))
    assert there(run, address) == here(run)


def test_no_manifest_without_all_files_wherever_the_network_fails(run: store.Listed, flaky: type[Flaky]) -> None:
    failures, told = 0, set()
    for number in range(60):
        address = f"flaky://{number}"
        flaky.chance = 0.12
        for _ in range(100):
            try:
                remote.send(run, address)
                break
            except RunError as error:
                failures += 1
                told.add(run.run in str(error))
            found = there(run, address)
            if store.MANIFEST in found:
                assert {name: found.get(name) for name in here(run)} == here(run)
        flaky.chance = 0.0
        remote.send(run, address)
        assert there(run, address) == here(run)
    assert failures > 60
    assert told == {True}


def test_a_store_that_loses_bytes_is_found_out(run: store.Listed, flaky: type[Flaky]) -> None:
    flaky.cut = True
    with pytest.raises(RunError, match="does not read back"):
        remote.send(run, "flaky://cut")
    assert store.MANIFEST not in there(run, "flaky://cut")


def test_half_a_manifest_of_the_same_run_is_completed(run: store.Listed) -> None:
    address = f"memory://{uuid.uuid4().hex}"
    files, root = fsspec.core.url_to_fs(address)
    files.pipe_file(f"{root}/{run.run}/{store.MANIFEST}", here(run)[store.MANIFEST][:100])
    remote.send(run, address)
    assert there(run, address) == here(run)


def test_a_damaged_run_is_not_sent(run: store.Listed, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / run.run)
    (tmp_path / run.run / "page.html").chmod(0o644)
    (tmp_path / run.run / "page.html").write_text("changed")
    with pytest.raises(RunError, match=r"page\.html is not what was written"):
        remote.send(store.find_run(tmp_path, run.run), (tmp_path / "there").as_uri())
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize(("address", "said"), [
    ("nowhere://x", "nothing is known of the protocol nowhere://"),
    ("", "not an address"),
    ("simplecache::memory://x", "not an address"),
])  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused(run: store.Listed, address: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        remote.send(run, address)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(protocol: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
    with pytest.raises(InputError, match="Install s3fs"):
        read_address("s3://bucket/reports")


def test_no_password_is_said(run: store.Listed, flaky: type[Flaky]) -> None:
    flaky.chance = 1.0
    with pytest.raises(RunError) as error:
        remote.send(run, "flaky://user:secret@host/reports")
    assert "secret" not in str(error.value)
    assert "flaky://host/reports" in str(error.value)


def test_the_command_sends_a_run(reports: Path, run: store.Listed, tmp_path: Path) -> None:
    there_now = tmp_path / "there"
    words = ["runs", "send", "new_deal", str(there_now), "--reports", str(reports), "--quiet"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert [each.run for each in store.list_runs(there_now)] == [run.run]
