"""Runs at other addresses are listed, shown, verified and compared as those in a reports folder are."""

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from dealgrid import Deal
from dealgrid.problems import InputError, RunError
from dealgrid.runs import fetch, remote, review, store
from tests.runs.ftp_server import serving
from tests.runs.test_remote import Flaky, flaky  # noqa: F401 - a fixture
from tests.runs.test_review import command, doctor, make

USER, PASSWORD = "clerk", "pass-4711"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory, deal: Deal) -> Path:
    """Two runs of one name and one of another."""
    folder = tmp_path_factory.mktemp("runs") / "reports"
    make(folder, deal, {})
    make(folder, deal, {"exit_multiple": "7x"})
    make(folder, deal, {}, name="weekly")
    return folder


@pytest.fixture(params=["memory", "file", "folder", "ftp"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    there = tmp_path / "there"
    if request.param == "ftp":
        there.mkdir()
        with serving(there, (USER, PASSWORD)) as server:
            yield f"ftp://{USER}:{PASSWORD}@127.0.0.1:{server.port}/reports"
    else:
        yield {"memory": f"memory://{uuid.uuid4().hex}", "file": there.as_uri(), "folder": str(there)}[request.param]


def send_all(reports: Path, address: str) -> list[str]:
    runs = store.list_runs(reports)
    for run in runs:
        remote.send(run, address)
    return [run.run for run in runs]


def damage(address: str, path: str, content: bytes | None) -> None:
    files, root = fsspec.core.url_to_fs(address)
    if content is None:
        files.rm_file(f"{root.rstrip('/')}/{path}")
    else:
        with files.open(f"{root.rstrip('/')}/{path}", "wb") as file:
            file.write(content)


def said_of(run: store.Listed) -> tuple[object, ...]:
    return run.run, run.name, run.status, run.started, run.note, run.manifest


def test_the_runs_at_an_address_are_those_that_were_sent_there(reports: Path, address: str) -> None:
    sent = send_all(reports, address)
    with fetch.open_runs(address) as there:
        assert [run.run for run in there.runs] == sent
        assert [said_of(run) for run in there.runs] == [said_of(run) for run in store.list_runs(reports)]
        assert PASSWORD not in repr(there)


def test_a_run_is_verified_at_its_address(reports: Path, address: str, deal: Deal) -> None:
    send_all(reports, address)
    with fetch.open_runs(address) as there:
        found = review.verify(deal, there.whole(there.find("new_deal")))
    assert (found.is_same, found.numbers) == (True, found.equal)
    assert found == review.verify(deal, store.find_run(reports, "new_deal"))


def test_what_is_wrong_with_a_file_at_the_address_is_found(reports: Path, address: str, deal: Deal) -> None:
    send_all(reports, address)
    run = store.find_run(reports, "new_deal")
    damage(address, f"{run.run}/page.html", b"<p>pagf</p>")
    damage(address, f"{run.run}/note.txt", b"mine")
    damage(address, f"{run.run}/unfinished-0123", b"left by a sender that was killed")
    with fetch.open_runs(address) as there:
        told = review.verify(deal, there.whole(there.find(run.run))).files
    is_here = "://" not in address  # where nobody sends, what is unfinished is as foreign as the rest
    extra = ("unfinished-0123 was not written by the run",) if is_here else ()
    assert told == ("page.html is not what was written", "note.txt was not written by the run", *extra)
    damage(address, f"{run.run}/page.html", None)
    with fetch.open_runs(address) as there:
        assert review.verify(deal, there.whole(there.find(run.run))).files[0] == "page.html is missing"


def test_numbers_changed_at_the_address_are_never_compared(reports: Path, tmp_path: Path) -> None:
    address = f"memory://{uuid.uuid4().hex}"
    first, second, _ = send_all(reports, address)
    copy = tmp_path / "copy"
    shutil.copytree(reports, copy)
    doctored = store.find_run(copy, second)
    doctor(doctored, 1e-3)
    damage(address, f"{second}/{store.NUMBERS}", (doctored.folder / store.NUMBERS).read_bytes())
    with fetch.open_runs(address) as there, pytest.raises(RunError, match=r"numbers\.parquet is not what was written"):
        there.with_file(there.find(second), store.NUMBERS)
    with fetch.open_runs(address) as there:
        assert there.with_file(there.find(first), store.NUMBERS).folder.is_dir()


def test_half_a_run_is_unfinished_at_every_step_of_its_sending(reports: Path) -> None:
    address, run = f"memory://{uuid.uuid4().hex}", store.find_run(reports, "new_deal")
    steps = []

    def look(done: int, of: int) -> None:
        with fetch.open_runs(address) as there:
            steps.append([(each.run, each.status, each.note) for each in there.runs])

    remote.send(run, address, look)
    assert steps[:-1] == [[(run.run, "unfinished", fetch.NOT_WHOLE)]] * (len(steps) - 1)
    assert steps[-1] == [(run.run, "done", "")]


@pytest.mark.parametrize("left", [None, 0, 1, 100, -1])
def test_a_run_with_less_than_its_manifest_is_not_done(left: int | None, reports: Path, deal: Deal) -> None:
    address, run = f"memory://{uuid.uuid4().hex}", store.find_run(reports, "new_deal")
    remote.send(run, address)
    whole = (run.folder / store.MANIFEST).read_bytes().rstrip()
    damage(address, f"{run.run}/{store.MANIFEST}", None if left is None else whole[:left])
    with fetch.open_runs(address) as there:
        assert [each.status for each in there.runs] == ["unfinished"]
        with pytest.raises(InputError, match="is not a run that is done"):
            there.find("new_deal")
        with pytest.raises(InputError, match="the run is unfinished it has not arrived whole"):
            review.verify(deal, there.whole(there.find(run.run)))


def test_killed_and_failing_senders_leave_no_run_that_is_done_too_early(
    reports: Path, flaky: type[Flaky]  # noqa: F811 - the fixture
) -> None:  # fmt: skip
    run, early = store.find_run(reports, "new_deal"), 0
    for number in range(30):
        flaky.chance = 0.1
        try:
            remote.send(run, f"flaky://f{number}")
        except RunError:
            early += 1
        flaky.chance = 0.0
        with fetch.open_runs(f"flaky://f{number}") as there:
            for each in there.runs:
                assert each.status == "unfinished" or review.files_wrong(there.whole(each)) == []
    assert 0 < early < 30


def test_unfinished_and_foreign_folders_are_listed_as_in_a_reports_folder(tmp_path: Path, deal: Deal) -> None:
    folder = tmp_path / "reports"
    make(folder, deal, {})
    with pytest.raises(KeyboardInterrupt), store.new_run(folder, "left", store.recipe(deal, "report", [], {})):
        raise KeyboardInterrupt
    with pytest.raises(ZeroDivisionError), store.new_run(folder, "broken", store.recipe(deal, "report", [], {})):
        raise ZeroDivisionError("no")
    (folder / "new_deal" / "notes").mkdir()
    (folder / "new_deal" / "20269999T000000Z-01234567").mkdir()
    (folder / "README.md").write_text("words")
    (folder / "file").write_text("words")
    here = store.list_runs(folder)
    assert sorted(run.status for run in here) == ["done", "failed", "unfinished"]
    with fetch.open_runs(folder.as_uri()) as there:
        assert [said_of(run) for run in there.runs] == [said_of(run) for run in here]


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "a/../../b", "C:\\escaped", "..\\escaped"])
def test_a_manifest_that_names_files_outside_its_folder_is_refused(name: str, reports: Path) -> None:
    address, run = f"memory://{uuid.uuid4().hex}", store.find_run(reports, "new_deal")
    remote.send(run, address)
    evil = {**run.manifest, "files": {name: {"sha256": "0", "bytes": 1}}}
    damage(address, f"{run.run}/{store.MANIFEST}", json.dumps(evil).encode())
    damage(address, f"{run.run}/x/{name}", b"x")
    with fetch.open_runs(address) as there:
        with pytest.raises(RunError, match="names files outside its folder"):
            there.whole(there.find("new_deal"))
        with pytest.raises(RunError, match="names files outside its folder"):
            there.with_file(there.find("new_deal"), name)


def test_what_was_fetched_goes_again(reports: Path) -> None:
    address = f"memory://{uuid.uuid4().hex}"
    send_all(reports, address)
    with fetch.open_runs(address) as there:
        folder = there.whole(there.find("weekly")).folder
        assert (folder / "page.html").is_file()
    assert not folder.exists()


def test_a_server_that_goes_away_is_a_clear_error_and_not_a_missing_file(tmp_path: Path, reports: Path) -> None:
    (tmp_path / "there").mkdir()
    with serving(tmp_path / "there", (USER, PASSWORD)) as server:
        address = f"ftp://{USER}:{PASSWORD}@127.0.0.1:{server.port}/reports"
        send_all(reports, address)
        with fetch.open_runs(address) as there:
            listed = there.find("weekly")
            there.files.ftp.close()
            with pytest.raises(RunError, match="the run cannot be fetched at ftp://127") as caught:
                there.whole(listed)
    assert PASSWORD not in str(caught.value)
    with pytest.raises(RunError, match="the runs cannot be read") as caught, fetch.open_runs(address):
        pass
    assert PASSWORD not in str(caught.value)


def test_the_commands_work_at_an_address_and_say_no_password(
    reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    with serving(tmp_path / "there", (USER, PASSWORD)) as server:
        at = f"ftp://{USER}:{PASSWORD}@127.0.0.1:{server.port}/reports"
        monkeypatch.setenv("ARCHIVE", at)
        first, second, third = [run.run for run in store.list_runs(reports)]
        place, everything = ["--reports", at], ""

        def dealgrid(*words: str) -> tuple[int, str, str]:
            nonlocal everything
            status, out, err = command(capsys, monkeypatch, *words)
            everything += out + err
            return status, out, err

        assert f"no runs in ftp://127.0.0.1:{server.port}/reports yet" in dealgrid("runs", "list", *place)[2]
        for run in (first, second):
            assert dealgrid("runs", "send", run, "ARCHIVE", "--reports", str(reports), "--quiet")[0] == 0
        status, out, _ = dealgrid("runs", "list", "--format", "json", *place)
        assert (status, [each["run"] for each in json.loads(out)]) == (0, [first, second])
        assert "exit_multiple = 7x" in dealgrid("runs", "show", second, "--reports", "ARCHIVE")[1]
        status, out, _ = dealgrid("runs", "verify", "new_deal", "--reports", "ARCHIVE")
        assert (status, "is verified" in out) == (0, True)
        here = dealgrid("runs", "compare", first, second, "--format", "csv", "--reports", str(reports))
        assert dealgrid("runs", "compare", first, second, "--format", "csv", "--reports", "ARCHIVE") == here
        (tmp_path / "there" / "reports" / second / "page.html").write_text("other")
        assert dealgrid("runs", "verify", second, *place)[0] == 1
        assert dealgrid("runs", "send", first, str(tmp_path / "back"), *place)[0] == 0
        assert [run.run for run in store.list_runs(tmp_path / "back")] == [first]
        status, _, err = dealgrid("runs", "show", third, *place)
        assert (status, f"there is no run '{third}' in ftp://127.0.0.1" in err) == (2, True)
        monkeypatch.setenv("ARCHIVE", at.replace(PASSWORD, "wrong-0815"))
        status, _, err = dealgrid("runs", "list", "--reports", "ARCHIVE")
        assert (status, "credentials that may read there" in err) == (3, True)
    status, _, err = dealgrid("runs", "list", *place)
    assert (status, "the runs cannot be read" in err) == (3, True)
    assert PASSWORD not in everything
    assert "wrong-0815" not in everything
    assert str(tmp_path / "there") not in everything


def test_what_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHIVE", raising=False)
    for asked, said in (
        ("ARCHIVE", "the variable ARCHIVE is not set"),
        ("s4://x", "nothing is known of"),
        ("", "not an address"),
    ):
        with pytest.raises(InputError, match=said), fetch.open_runs(asked):
            pass
