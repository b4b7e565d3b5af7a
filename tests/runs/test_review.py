"""Runs looked at again: verified from their manifest, compared, listed, and clear about what is damaged."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dealgrid import Deal
from dealgrid.cli import main
from dealgrid.problems import InputError, RunError
from dealgrid.runs import history, review, store
from dealgrid.runs.recipe import recipe
from tests.runs.conftest import ROOT

NAME = "new_deal"


def make(reports: Path, deal: Deal, settings: dict[str, str], name: str = NAME) -> store.Listed:
    cases = [deal.case(each, settings) for each in ("status_quo", "new_deal")]
    made_from = recipe(deal, "report", ["status_quo", "new_deal"], settings)
    with store.new_run(reports, name, made_from) as draft:
        store.write_numbers(draft, cases)
        draft.write("page.html", "<p>page</p>")
        store.publish(draft, cases)
    return store.find_run(reports, draft.run)


@pytest.fixture
def own(tmp_path: Path) -> Deal:
    """The deal with parameter files of its own, to change."""
    shutil.copytree(ROOT / "params", tmp_path / "project" / "params")
    return Deal.load(root=tmp_path / "project")


def change(deal: Deal, file: str, before: str, after: str) -> Deal:
    path = deal.root / "params" / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    return Deal.load(root=deal.root)


def doctor(run: store.Listed, by: float) -> None:
    """One number of a run, changed as by hand."""
    path = run.folder / store.NUMBERS
    table = pq.read_table(path).to_pandas()
    place = table.index[(table["row"] == "microsoft_value") & (table["scenario"] == "new_deal")][0]
    table.loc[place, "value"] *= 1 + by
    path.chmod(0o644)
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path)


def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["dealgrid", *words])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, said.err


def test_a_run_is_verified_to_the_last_bit_where_nothing_has_changed(tmp_path: Path, deal: Deal) -> None:
    found = review.verify(deal, make(tmp_path, deal, {"microsoft_stake": "31%"}))
    assert found.is_same
    assert found.moved.figures == ()
    lines = 2 * sum(1 if row.is_once else 22 for row in deal.book.rows.values())  # 2019 to 2040
    assert found.numbers == found.equal == lines
    assert "is verified" in review.verdict(found)[-1]


def test_a_run_made_elsewhere_is_verified_in_a_copy_and_the_environment_is_told(
    tmp_path: Path, deal: Deal, own: Deal
) -> None:
    run = make(tmp_path, deal, {})
    path = run.folder / "manifest.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    said["packages"]["numpy"] = "1.0"
    path.chmod(0o644)
    path.write_text(json.dumps(said), encoding="utf-8")
    found = review.verify(own, store.find_run(tmp_path, run.run))
    assert found.is_same
    assert [told.startswith("numpy: 1.0 → ") for told in found.moved.environment] == [True]


@pytest.mark.parametrize(("by", "is_same"), [(1e-14, True), (1e-10, False)])
def test_one_number_changed_by_hand_is_found(by: float, is_same: bool, tmp_path: Path, deal: Deal) -> None:
    run = make(tmp_path, deal, {})
    doctor(run, by)
    found = review.verify(deal, run)
    assert found.files == ("numbers.parquet is not what was written",)
    assert [each[:3] for each in found.different] == ([] if is_same else [("new_deal", "microsoft_value", "")])
    assert not found.is_same
    assert "NOT verified" in review.verdict(found)[-1]


def test_a_changed_parameter_is_named_and_its_numbers_differ(tmp_path: Path, own: Deal) -> None:
    run = make(tmp_path, own, {})
    value = own.parameters["exit_multiple"].value
    text = (own.root / "params" / "base" / "exit.yaml").read_text(encoding="utf-8")
    line = next(line for line in text[text.index("exit_multiple:") :].splitlines() if "value:" in line)
    changed = change(own, "base/exit.yaml", line, "  value: 9x")
    found = review.verify(changed, run)
    assert found.moved.inputs == ("params/base/exit.yaml changed", f"exit_multiple: {value:g}x → 9x")
    assert found.moved.kinds == "inputs"
    assert found.different
    assert "put those back" in review.verdict(found)[-1]


def test_files_that_are_missing_changed_or_foreign_are_named(tmp_path: Path, deal: Deal) -> None:
    run = make(tmp_path, deal, {})
    (run.folder / "page.html").chmod(0o644)
    (run.folder / "page.html").write_text("<p>other</p>", encoding="utf-8")
    (run.folder / "note.txt").write_text("mine", encoding="utf-8")
    found = review.verify(deal, run)
    assert found.files == ("page.html is not what was written", "note.txt was not written by the run")
    (run.folder / "page.html").unlink()
    assert review.files_wrong(run)[0] == "page.html is missing"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "numbers.parquet is missing"),
        (b"", "numbers.parquet is damaged"),
        (b"PAR1 and then nothing", "numbers.parquet is damaged"),
        ("a table of another kind", "numbers.parquet lacks the columns period, row, scenario"),
    ],
)
def test_numbers_that_cannot_be_read_are_a_clear_error(
    content: bytes | str | None, said: str, tmp_path: Path, deal: Deal
) -> None:
    good, run = make(tmp_path, deal, {}), make(tmp_path, deal, {})
    path = run.folder / store.NUMBERS
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        pq.write_table(pa.table({"value": [1.0]}), path)
    with pytest.raises(RunError, match=said):
        review.verify(deal, run)
    with pytest.raises(RunError, match=said):
        review.compared(good, run)
    assert history.figure(tmp_path, "microsoft_value", "new_deal")["run"].tolist() == [good.run]


def test_two_runs_are_compared_figure_by_figure_with_the_reason(tmp_path: Path, deal: Deal) -> None:
    a, b = make(tmp_path, deal, {}), make(tmp_path, deal, {"exit_multiple": "7x"})
    frame, moved = review.compared(a, b)
    assert moved.asked == ("settings: none → exit_multiple=7x",)
    line = frame[(frame["row"] == "microsoft_value") & (frame["scenario"] == "new_deal")].iloc[0]
    assert line["before"] == deal.case("new_deal")["microsoft_value"]
    assert line["after"] == deal.case("new_deal", {"exit_multiple": "7x"})["microsoft_value"]
    expected = 0
    for scenario in ("status_quo", "new_deal"):
        one, other = deal.case(scenario), deal.case(scenario, {"exit_multiple": "7x"})
        for name, row in deal.book.rows.items():
            pairs = zip(pd.Series(one.values[name]), pd.Series(other.values[name]), strict=True)
            small = 1e-9 if row.unit == "gap" else 0.0
            moved_ones = [(p, q) for p, q in pairs if p != q and not (np.isnan(p) and np.isnan(q))]
            expected += sum(not abs(p - q) <= max(small, 1e-12 * min(max(abs(p), abs(q)), 1e9)) for p, q in moved_ones)
    assert len(frame) == expected
    assert set(frame["scenario"]) <= {"status_quo", "new_deal"}
    assert review.compared(a, a)[0].empty


def test_a_figure_over_the_runs_tells_what_moved_it(tmp_path: Path, own: Deal) -> None:
    reports = tmp_path / "reports"
    assert history.figure(reports, "microsoft_value", "new_deal").empty
    make(reports, own, {})
    make(reports, own, {})
    make(reports, own, {"exit_multiple": "7x"})
    data = own.root / "params" / "actuals.yaml"
    data.write_text(data.read_text(encoding="utf-8") + "\n# looked at again\n", encoding="utf-8")
    make(reports, Deal.load(root=own.root), {"exit_multiple": "7x"})
    make(reports, own, {}, name="another")
    frame = history.figure(reports, "microsoft_value", "new_deal", name=NAME)
    assert frame["kinds"].tolist() == ["", "", "asked", "data"]
    assert frame["why"].tolist()[0] == history.FIRST
    assert frame["why"].tolist()[1] == history.NOTHING
    assert frame["change"].tolist()[1] == frame["change"].tolist()[3] == 0
    hidden = reports / NAME / ".20990101T000000Z-01234567.unfinished"
    shutil.copytree(store.find_run(reports, NAME).folder, hidden)
    assert len(history.figure(reports, "microsoft_value", "new_deal")) == 5  # an unfinished run is not read


def test_the_command_lists_shows_verifies_and_compares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = Deal.load()
    assert command(capsys, monkeypatch, "runs", "list", "--reports", str(tmp_path))[1] == ""
    a, b = make(tmp_path, deal, {}), make(tmp_path, deal, {"exit_multiple": "7x"})
    place = ["--reports", str(tmp_path)]
    status, out, _ = command(capsys, monkeypatch, "runs", "list", "--format", "json", *place)
    listed: list[dict[str, Any]] = json.loads(out)
    assert (status, [(each["run"], each["status"]) for each in listed]) == (0, [(a.run, "done"), (b.run, "done")])
    assert set(listed[0]) >= {"run", "name", "status", "started"}
    assert [
        line.split(",")[0]
        for line in command(capsys, monkeypatch, "runs", "list", "--latest", "--format", "csv", *place)[1].splitlines()
    ] == ["run", b.run]
    assert "exit_multiple = 7x" in command(capsys, monkeypatch, "runs", "show", b.run, *place)[1]
    assert command(capsys, monkeypatch, "runs", "verify", NAME, *place)[0] == 0
    status, out, _ = command(capsys, monkeypatch, "runs", "compare", a.run, b.run, *place)
    assert (status, "settings: none → exit_multiple=7x" in out, "figures moved" in out) == (0, True, True)
    moved = json.loads(command(capsys, monkeypatch, "runs", "compare", a.run, b.run, "--format", "json", *place)[1])
    assert moved["why"]["asked"] == ["settings: none → exit_multiple=7x"]
    doctor(b, 1e-3)
    assert command(capsys, monkeypatch, "runs", "verify", b.run, *place)[0] == 1
    status, _, err = command(capsys, monkeypatch, "runs", "verify", "new_dael", *place)
    assert (status, "did you mean `new_deal`" in err) == (2, True)


def test_an_unfinished_run_is_neither_verified_nor_compared(tmp_path: Path, deal: Deal) -> None:
    done = make(tmp_path, deal, {})
    with pytest.raises(KeyboardInterrupt), store.new_run(tmp_path, NAME, recipe(deal, "report", [], {})) as draft:
        raise KeyboardInterrupt
    left = store.find_run(tmp_path, draft.run)
    with pytest.raises(InputError, match="the run is unfinished"):
        review.verify(deal, left)
    with pytest.raises(InputError, match="the run is unfinished"):
        review.compared(done, left)


def test_the_history_of_a_figure_is_told_in_words_and_as_a_table(tmp_path: Path, deal: Deal) -> None:
    steps: dict[str, dict[str, str]] = {"nothing": {}, "terms": {"microsoft_stake": "30%"}}
    frame = history.figure(history.opened(deal, "", "new_deal", steps), "microsoft_value", "new_deal")
    assert frame["kinds"].tolist() == ["", "", "inputs"]
    before, after = deal.case("new_deal"), deal.case("new_deal", {"microsoft_stake": "30%"})
    assert frame["change"].tolist()[1:] == [0.0, after["microsoft_value"] - before["microsoft_value"]]
    said = history.sentences(frame)
    assert "when an input had changed" in said[1]
    assert said[2] == "In 1 of 2 steps it stayed exactly where it was."
    assert "microsoft_stake: 32.5% → 30% in new_deal" in history.table(frame, True)["Why"].iloc[-1]
    nothing = history.figure(history.opened(deal, str(tmp_path), "new_deal", {}), "microsoft_value", "new_deal")
    assert history.sentences(nothing) == ["No finished run has microsoft_value."]
    assert history.table(nothing).empty
