"""Parameters out as a flat table and back: only what was edited changes, comments stay, all problems at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dealgrid import Deal, InputError
from dealgrid.cli import app
from dealgrid.exchange import tables
from dealgrid.exchange.tables import csv_text, export, read_plan
from dealgrid.inputs import files
from dealgrid.inputs.complaints import Complaints
from dealgrid.inputs.table import COLUMNS, RISKY, guarded, unguarded
from dealgrid.inputs.yaml_text import Mapped, edited_in_order, read_yaml

Line = dict[str, str]


class Table:
    """The exported table, to be edited line by line."""

    def __init__(self, deal: Deal) -> None:
        self.deal = deal
        self.lines: list[Line] = list(csv.DictReader(io.StringIO(csv_text(deal))))

    def line(self, where: str, name: str, day: str | None = None) -> Line:
        return next(
            each for each in self.lines
            if (each["in"], each["name"]) == (where, name) and day in (None, each["from"])
        )  # fmt: skip

    def write(self, path: Path = Path("edited.csv"), delimiter: str = ",") -> Path:
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(self.lines)
        path.write_text(out.getvalue(), newline="")
        return path

    def change(self) -> dict[str, tuple[list[str], list[str]]]:
        """Write the table, read it back, and give the lines lost and gained in every file of the deal."""
        before = texts(self.deal)
        read_plan(self.deal, self.write()).write()
        return difference(before, texts(self.deal))

    def problems(self) -> list[str]:
        """Everything that is wrong with the table; nothing may have been written."""
        before = texts(self.deal)
        found = refused(self.deal, self.write())
        assert texts(self.deal) == before
        return found


@pytest.fixture
def table(deal: Deal) -> Table:
    return Table(deal)


def texts(deal: Deal) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in sorted((deal.root / "params").rglob("*"))
            if path.is_file()}  # fmt: skip


def difference(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[list[str], list[str]]]:
    assert before.keys() == after.keys()
    return {
        name: ([line for line in old.splitlines() if line not in after[name].splitlines()],
               [line for line in after[name].splitlines() if line not in old.splitlines()])
        for name, old in before.items()
        if old != after[name]
    }  # fmt: skip


def refused(deal: Deal, path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_plan(deal, path)
    return [str(problem) for problem in caught.value.problems]


def xlsx(deal: Deal, edit: Callable[[openpyxl.Workbook], object], path: Path = Path("edited.xlsx")) -> Path:
    """The table as a workbook, edited there."""
    export(deal, path)
    book = openpyxl.load_workbook(path)
    edit(book)
    book.save(path)
    return path


def rows_of(book: openpyxl.Workbook, where: str, name: str) -> Iterator[tuple]:
    return (row for row in book.active.iter_rows(min_row=2) if (row[0].value, row[2].value) == (where, name))


VALUE, FROM, SOURCE = COLUMNS.index("value"), COLUMNS.index("from"), COLUMNS.index("source")


def test_a_table_nobody_edited_changes_nothing(deal: Deal, table: Table) -> None:
    assert read_plan(deal, table.write()) == tables.Plan({}, ())
    assert read_plan(deal, xlsx(deal, lambda book: None)) == tables.Plan({}, ())


def test_every_value_of_base_and_scenarios_is_in_the_table(deal: Deal, table: Table) -> None:
    assert {line["name"] for line in table.lines if line["in"] == "base"} == set(deal.parameters)
    settings = {(each.name, name) for each in deal.scenarios.values() for name in each.set}
    assert {(line["in"], line["name"]) for line in table.lines if line["in"] != "base"} == settings


def test_only_the_edited_entry_of_a_file_changes(table: Table) -> None:
    table.line("base", "opening_cash")["value"] = "0.9"
    assert table.change() == {"funding.yaml": (["  value: 0.7"], ["  value: $0.9bn"])}


def test_a_scenario_keeps_its_other_settings_and_its_order(table: Table) -> None:
    table.line("new_deal", "microsoft_stake")["value"] = "0.33"
    assert table.change() == {"new_deal.yaml": (["  microsoft_stake: 32.5%"], ["  microsoft_stake: 33%"])}


def test_a_setting_whose_value_is_emptied_leaves_its_scenario(table: Table) -> None:
    table.line("new_deal", "access_end")["value"] = ""
    assert table.change() == {"new_deal.yaml": (["  access_end: 2032-12-31"], [])}


def test_a_line_added_for_a_scenario_is_a_new_setting(table: Table) -> None:
    table.lines.append({"in": "new_deal", "name": "agi_date", "value": "2031-06-30"})
    assert table.change() == {"new_deal.yaml": ([], ["  agi_date: 2031-06-30"])}


def test_texts_grade_and_range_of_the_base_can_be_edited(table: Table) -> None:
    line = table.line("base", "opening_cash")
    line |= {"source": "audited accounts: 2019", "grade": "A", "highest": "12"}
    assert table.change() == {
        "funding.yaml": (
            ["  range: [0, 10]",
             "  source: our estimate, 2026-11, early donations and investments, which the first tiers repay"],
            ["  range: [$0bn, $12bn]", "  grade: A", '  source: "audited accounts: 2019"'],
        )
    }  # fmt: skip


def test_dates_are_added_changed_and_removed_one_by_one(table: Table) -> None:
    paid = table.line("base", "committed_funding", "2025-04-01")
    paid["value"] = "11"
    table.lines.remove(table.line("base", "committed_funding", "2024-10-02"))
    table.lines += [{**paid, "from": "2023", "value": "1"}, {**paid, "from": "2026-Q2", "value": "7"}]
    old = "  value: {2024-10-02: 5.85, 2025-04-01: 10, 2025-12-31: 20}"
    new = "  value: {2023: $1bn, 2025-04-01: $11bn, 2025-12-31: 20, 2026-04-01: $7bn}"
    assert table.change() == {"funding.yaml": ([old], [new])}


def test_a_table_sorted_otherwise_and_saved_with_semicolons_says_the_same(deal: Deal, table: Table) -> None:
    table.lines.reverse()
    assert read_plan(deal, table.write(delimiter=";")).lines == ()


def test_all_problems_are_said_at_once_with_their_rows(table: Table) -> None:
    table.line("base", "opening_cash")["value"] = "11"
    table.line("base", "opening_cash")["unit"] = "fraction"
    table.line("new_deal", "microsoft_stake")["value"] = "lots"
    table.line("new_deal", "access_end")["value"] = "30/06/2032"
    table.line("base", "minimum_cash", "2025-01-01")["from"] = ""
    table.line("base", "minimum_cash", "2019-01-01")["name"] = "minimum_csh"
    said = "\n".join(table.problems())
    line = 2 + table.lines.index(table.line("base", "opening_cash"))
    assert f"edited.csv:{line}: opening_cash: 11 is above the range" in said
    assert "expected: an amount in US$ bn from $0bn to $10bn" in said
    assert "the unit is 'fraction'" in said
    assert "microsoft_stake: 'lots' cannot be read" in said
    assert "write the year first, as in 2025-10-28" in said
    assert "did you mean `minimum_cash`?" in said


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"in": "new_dael"}, "did you mean `new_deal`?"),
        ({"value": ""}, "the value is empty"),
        ({"value": "=1+1"}, "cannot be read"),
        ({"grade": "Z"}, "the grade is 'Z'"),
        ({"source": "=cmd|'/c calc'!A0"}, "begins as a formula does"),
        ({"label": "@SUM(A1)"}, "begins as a formula does"),
        ({"lowest": "20"}, "the range begins at $20bn"),
        ({"from": "2025"}, "values by date"),
    ],
)
def test_a_wrong_cell_is_refused(table: Table, edit: Line, said: str) -> None:
    table.line("base", "opening_cash").update(edit)
    assert said in "\n".join(table.problems())


def test_parts_that_no_longer_add_to_one_are_refused(table: Table) -> None:
    table.line("base", "employees_split")["value"] = "0.5"
    (problem,) = table.problems()
    assert "edited.csv" in problem
    assert "employees_split 50%" in problem


def test_what_only_a_whole_case_shows_is_refused_before_anything_is_written(table: Table) -> None:
    table.line("base", "periods_per_year")["value"] = "2"
    assert "1 for years or 4 for quarters" in "\n".join(table.problems())


def test_an_entry_edited_in_the_files_since_is_not_undone_by_the_table(deal: Deal, table: Table) -> None:
    path = deal.root / "params" / "base" / "funding.yaml"
    path.write_text(path.read_text().replace("  value: 0.7", "  value: 0.8"))
    now = Deal.load(root=deal.root)
    assert read_plan(now, table.write()).lines == ()  # nobody touched the row
    table.line("base", "opening_cash")["value"] = "0.9"
    (problem,) = refused(now, table.write())
    assert "opening_cash: it has changed in the files since this table was exported" in problem
    table.line("base", "opening_cash")["exported"] = ""
    assert read_plan(now, table.write()).lines[1] == "  opening_cash: $0.8bn → $0.9bn"


def test_a_workbook_takes_numbers_percentages_dates_and_words(deal: Deal) -> None:
    import datetime as dt

    def edit(book: openpyxl.Workbook) -> None:
        def put(where: str, name: str, value: object) -> None:
            next(rows_of(book, where, name))[VALUE].value = value

        put("base", "opening_cash", 0.9)
        put("new_deal", "microsoft_stake", "33.5%")
        put("new_deal", "access_end", dt.date(2033, 6, 30))
        put("new_deal", "access_ends_on_agi", True)
        put("new_deal", "conversion_date", 2026)  # a year, as people type one
        put("base", "agi_date", "never")

    assert read_plan(deal, xlsx(deal, edit)).lines == (
        "params/base/funding.yaml",
        "  opening_cash: $0.7bn → $0.9bn",
        "params/scenarios/new_deal.yaml",
        "  conversion_date: 2025-10-28 → 2026-01-01",
        "  microsoft_stake: 32.5% → 33.5%",
        "  access_ends_on_agi: no → yes",
        "  access_end: 2032-12-31 → 2033-06-30",
    )


def test_a_workbook_problem_names_its_cell(deal: Deal) -> None:
    def edit(book: openpyxl.Workbook) -> None:
        next(rows_of(book, "base", "opening_cash"))[VALUE].value = 11
        next(rows_of(book, "base", "agi_date"))[VALUE].value = "=TODAY()"

    cells: dict[str, str] = {}

    def places(book: openpyxl.Workbook) -> None:
        for name in ("opening_cash", "agi_date"):
            cells[name] = next(rows_of(book, "base", name))[VALUE].coordinate

    path = xlsx(deal, places)
    said = "\n".join(refused(deal, xlsx(deal, edit, path)))
    assert f"edited.xlsx, Parameters!{cells['opening_cash']}: opening_cash: $11bn is above the range" in said
    assert f"edited.xlsx, Parameters!{cells['agi_date']}: the cell holds a formula, '=TODAY()'" in said


def test_a_text_that_looks_like_a_formula_leaves_as_text_and_comes_back_the_same(deal: Deal) -> None:
    path = deal.root / "params" / "base" / "funding.yaml"
    old = "our estimate, 2026-11, early donations and investments, which the first tiers repay"
    path.write_text(path.read_text().replace(old, "\"=cmd|'/c calc'!A0\""))
    now = Deal.load(root=deal.root)
    assert ",'=cmd|'/c calc'!A0," in csv_text(now)
    path = xlsx(now, lambda book: None)
    cells = [cell for row in openpyxl.load_workbook(path).active.iter_rows() for cell in row]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    assert read_plan(now, path).lines == ()
    table = Table(now)
    table.line("base", "opening_cash")["value"] = "0.9"
    assert read_plan(now, table.write()).lines[1:] == ("  opening_cash: $0.7bn → $0.9bn",)


@given(st.text(st.sampled_from("'=+-@\t ab＝"), max_size=6))
def test_a_guarded_text_is_no_formula_and_comes_back_the_same(text: str) -> None:
    assert not guarded(text).startswith(RISKY)
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "nothing"),
        (b"name,value\nx,1\n", "no column `in` or `from`"),
        (b"in,name,from,value,valeu\n", "did you mean `value`?"),
        (b'in,name,from,value\n"base,x\n', "broken"),
        (b"in,name,from,value\nbase,opening_cash,,1,2,3\n", "6 cells"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_refused(deal: Deal, content: bytes, said: str) -> None:
    Path("edited.csv").write_bytes(content)
    if said == "nothing":
        said = "the table is empty"
    assert said in "\n".join(refused(deal, Path("edited.csv")))


def test_a_table_of_another_kind_is_refused(deal: Deal) -> None:
    Path("edited.txt").write_text("x")
    assert "ending in .csv or .xlsx" in "\n".join(refused(deal, Path("edited.txt")))
    with pytest.raises(InputError, match=r"ending in \.csv or \.xlsx"):
        export(deal, Path("out.pdf"))


def test_a_live_workbook_is_sent_to_its_own_command(deal: Deal) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Cover"
    book.save("edited.xlsx")
    assert "dealgrid import FILE --as NAME" in "\n".join(refused(deal, Path("edited.xlsx")))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--csv --xlsx out.csv", "one of the two"),
        ("--xlsx", "a workbook needs a file"),
        ("--csv out.xlsx", "a name ending in .csv"),
    ],
)
def test_the_command_refuses_what_cannot_be_written(deal: Deal, words: str, said: str) -> None:
    run = CliRunner().invoke(app, ["params", "export", *words.split()])
    assert isinstance(run.exception, InputError)
    assert said in str(run.exception)
    assert list(Path().glob("out.*")) == []


def test_the_command_exports_to_a_file_or_the_output_and_imports_with_the_changes_printed(deal: Deal) -> None:
    runner = CliRunner()
    printed = runner.invoke(app, ["params", "export"])
    assert printed.stdout == csv_text(deal)
    assert runner.invoke(app, ["params", "export", "--csv", "out.csv"]).exit_code == 0
    text = Path("out.csv").read_text()
    assert text == printed.stdout
    Path("out.csv").write_text(text.replace("base,funding,opening_cash,Cash at the start,US$ bn,,0.7,",
                                            "base,funding,opening_cash,Cash at the start,US$ bn,,0.9,"))  # fmt: skip
    before = texts(deal)
    dry = runner.invoke(app, ["params", "import", "out.csv", "--dry-run"])
    assert dry.stdout == "params/base/funding.yaml\n  opening_cash: $0.7bn → $0.9bn\n"
    assert texts(deal) == before
    done = runner.invoke(app, ["params", "import", "out.csv"])
    assert (done.exit_code, done.stdout) == (0, dry.stdout)
    assert difference(before, texts(deal)) == {"funding.yaml": (["  value: 0.7"], ["  value: $0.9bn"])}


def test_nothing_is_half_written_when_the_second_file_fails(
    deal: Deal, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.line("base", "opening_cash")["value"] = "0.9"
    table.line("new_deal", "microsoft_stake")["value"] = "0.33"
    plan, before = read_plan(deal, table.write()), texts(deal)
    real = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if Path(target).name == "new_deal.yaml":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(files.Path, "replace", fails)
    with pytest.raises(InputError, match="No space left"):
        plan.write()
    assert texts(deal) == before  # also no file of ours left beside them


@pytest.mark.parametrize(
    ("text", "wanted", "expected"),
    [
        ("v: {1: a, 2: b, 3: c} # x\n", {"2": "b"}, "v: {2: b} # x\n"),
        ("v: {1: a, 2: b}\n", {"0": "z", "1": "a", "2": "c", "3": "d"}, "v: {0: z, 1: a, 2: c, 3: d}\n"),
        ("v: {1: a, 2: b}\n", {"1": "a", "1.5": "x"}, "v: {1: a, 1.5: x}\n"),
        ("v:\n  1: a  # one\n  # of two\n  2: b\nw: 1\n", {"1": "a", "2": "c", "3": "d"},
         "v:\n  1: a  # one\n  # of two\n  2: c\n  3: d\nw: 1\n"),
        ("v:\n  1: a\n  2: b  # two\n", {"0": "z", "2": "b"}, "v:\n  0: z\n  2: b  # two\n"),
    ],
)  # fmt: skip
def test_a_mapping_is_edited_in_its_order_and_keeps_its_comments(
    text: str, wanted: dict[str, str], expected: str
) -> None:
    root = read_yaml(text, Complaints(""))
    assert isinstance(root, Mapped)
    node = root.entries["v"].value
    assert isinstance(node, Mapped)
    assert edited_in_order(text, node, wanted) == expected
