"""Export, change inputs, recalculate in another program, import, show: the workbook and the model say the same."""

from __future__ import annotations

import datetime as dt
import io
import json
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest

from dealgrid import Deal
from dealgrid.exchange.live import draft, read_live
from dealgrid.inputs import read_scenarios
from dealgrid.output.workbook import cell_map, write
from dealgrid.output.workbook.cells import CellMap
from tests.command import COMMAND
from tests.output.recalculated import Cells, Formualizer, IronCalc, difference
from tests.tolerance import EXCEL

WRITTEN = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
EXPORTED, CHOSEN = "new_deal", "amended_apr_2026"  # the scenario of the export, and the one the selector is turned to
ENDLESS = 1e300
EPOCH = dt.date(1899, 12, 30)
CHANGES: list[tuple[str, str, int | None, object]] = [  # parameter, part of it, entry, what is typed
    ("microsoft_stake", "value", None, 0.291),  # a percentage
    ("exclusivity_ends_on_agi", "value", None, 1),  # a yes
    ("agi_date", "value", None, dt.date(2031, 6, 30)),
    ("access_end", "value", None, ENDLESS),  # a date to never
    ("revenue_share_cap", "value", None, ENDLESS),  # an amount to no limit
    ("opening_cash", "value", None, 0.9),
    ("exit_multiple", "value", None, 9.5),
    ("revenue_share_rate", "amount", 1, 0.17),  # a dated entry
    ("revenue_share_rate", "date", 2, dt.date(2029, 7, 1)),  # and a new one, on a free line
    ("revenue_share_rate", "amount", 2, 0.08),
    ("verification_lag", "value", None, 90),
]


def typed_cells(places: CellMap, scenario: str) -> dict[tuple[str, str], object]:
    """What is typed into which cell of a scenario's column."""
    typed = {(name, part, entry): value for name, part, entry, value in CHANGES}
    found = {
        at: typed[cell.parameter, cell.part, cell.entry]
        for at, cell in places.inputs.items()
        if cell.scenario == scenario and (cell.parameter, cell.part, cell.entry) in typed
    }
    assert len(found) == len(CHANGES)
    return found


def edited(content: bytes, places: CellMap, scenario: str) -> bytes:
    """A workbook with its selector turned to a scenario and that one's inputs changed, as openpyxl saves it."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    for (tab, cell), value in {places.selectors[0]: scenario, **typed_cells(places, scenario)}.items():
        book[tab][cell].value = value
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def unlike(found: Cells, deal: Deal, name: str, places: CellMap) -> dict[str, tuple[object, object]]:
    """The rows that the workbook recalculates to something else than `show` gives."""
    case = deal.case(name)
    wrong: dict[str, tuple[object, object]] = {}
    for at, row in places.rows.items():
        is_once = deal.book.rows[row.row].is_once
        if row.period is None and not is_once:
            continue  # a total or last value, which `show` does not print
        value = float(case.values[row.row] if is_once else case.values[row.row][case.calendar.index(str(row.period))])
        held = "n/a" if value != value else max(min(value, ENDLESS), -ENDLESS)
        if difference(found[at], held) > EXCEL:
            wrong[f"{row.row}@{row.period}"] = (found[at], held)
    return wrong


def as_imported(deal: Deal, path: Path, name: str) -> Deal:
    """The deal with the scenario that the workbook becomes, read from its file."""
    draft(deal, path, name).write()
    deal.scenarios = {**deal.scenarios, **read_scenarios(deal.root / "params" / "scenarios", deal.parameters)}
    return deal


@pytest.fixture
def workbook(deal: Deal) -> tuple[bytes, CellMap]:
    cases = [deal.case(EXPORTED)]
    return write(cases, "", WRITTEN), cell_map(cases)


def recalculated(program: type[IronCalc | Formualizer], content: bytes, places: CellMap, changed: bool) -> Cells:
    """Every row's cells in a program, with the changes typed into it or without."""
    book = program(content)
    if changed:
        book.type(*places.selectors[0], CHOSEN)
        for at, value in typed_cells(places, CHOSEN).items():
            book.type(*at, float((value - EPOCH).days) if isinstance(value, dt.date) else float(value))  # type: ignore[arg-type]
    return book.values(dict.fromkeys(places.rows, 0.0))


@pytest.mark.parametrize("program", [IronCalc, pytest.param(Formualizer, marks=pytest.mark.long)])
def test_show_gives_what_the_changed_workbook_recalculates_to(
    deal: Deal, workbook: tuple[bytes, CellMap], program: type[IronCalc | Formualizer]
) -> None:
    content, places = workbook
    path = Path("deal.xlsx")
    path.write_bytes(edited(content, places, CHOSEN))
    found = read_live(deal, path)
    assert (found.base, len(found.changes)) == (CHOSEN, len({name for name, *_ in CHANGES}))
    imported = as_imported(deal, path, "my-case")
    assert unlike(recalculated(program, content, places, changed=True), imported, "my-case", places) == {}
    # And the changes did count: without them the workbook says something else.
    assert unlike(recalculated(program, content, places, changed=False), imported, "my-case", places) != {}


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_a_workbook_that_libreoffice_saved_is_read_the_same(deal: Deal, workbook: tuple[bytes, CellMap]) -> None:
    content, places = workbook
    Path("there").mkdir()
    (Path("there") / "deal.xlsx").write_bytes(edited(content, places, CHOSEN))
    convert = ["soffice", "--headless", f"-env:UserInstallation={Path('profile').absolute().as_uri()}", "--convert-to",
               "xlsx:Calc MS Excel 2007 XML", "--outdir", ".", "there/deal.xlsx"]  # fmt: skip
    subprocess.run(convert, capture_output=True, check=True, timeout=300)
    assert Path("deal.xlsx").read_bytes() != (Path("there") / "deal.xlsx").read_bytes()
    assert read_live(deal, Path("deal.xlsx")) == read_live(deal, Path("there/deal.xlsx"))
    imported = as_imported(deal, Path("deal.xlsx"), "my-case")
    book = openpyxl.load_workbook("deal.xlsx", data_only=True)  # the figures LibreOffice computed when it saved
    found = {(tab, cell): book[tab][cell].value for tab, cell in places.rows}
    assert unlike(_as_numbers(found), imported, "my-case", places) == {}


def _as_numbers(found: dict[tuple[str, str], object]) -> Cells:
    """Dates as serial days."""
    epoch = dt.datetime(1899, 12, 30)
    return {at: float((value - epoch).days) if isinstance(value, dt.datetime) else value  # type: ignore[misc]
            for at, value in found.items()}  # fmt: skip


@pytest.mark.long
def test_a_quarterly_workbook_with_settings_comes_back(deal: Deal) -> None:
    cases = [deal.case(EXPORTED, {"periods_per_year": 4, "opening_cash": 0.8})]
    content = write(cases, "", WRITTEN)
    Path("deal.xlsx").write_bytes(content)
    found = read_live(deal, Path("deal.xlsx"))
    assert dict(found.settings) == {**deal.scenarios[EXPORTED].set, "periods_per_year": 4.0, "opening_cash": 0.8}
    imported = as_imported(deal, Path("deal.xlsx"), "my-case")
    assert imported.case("my-case")["microsoft_value"] == cases[0]["microsoft_value"]


@pytest.mark.long
def test_a_workbook_of_two_cases_is_read_at_its_first_selector_or_the_column_named(deal: Deal) -> None:
    cases = [deal.case("status_quo"), deal.case(EXPORTED)]
    places = cell_map(cases)
    Path("deal.xlsx").write_bytes(edited(write(cases, "", WRITTEN), places, CHOSEN))
    assert read_live(deal, Path("deal.xlsx")).base == CHOSEN
    assert read_live(deal, Path("deal.xlsx"), EXPORTED).changes == ()


def test_the_command_prints_the_difference_and_writes_a_scenario_that_show_takes(
    deal: Deal, workbook: tuple[bytes, CellMap]
) -> None:
    content, places = workbook
    Path("deal.xlsx").write_bytes(edited(content, places, CHOSEN))
    target = Path("params/scenarios/my-case.yaml")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=120)

    done = run("import", "deal.xlsx", "--as", "my-case", "--title", "Mine", "--why", "To see.")
    assert done.returncode == 0
    assert done.stdout.startswith(f"params/scenarios/my-case.yaml (new), from the column {CHOSEN}\n  ")
    assert "microsoft_stake: 27% → 29.1%  (Inputs!" in done.stdout
    assert target.read_text().startswith(
        "# yaml-language-server: $schema=../schema/scenario.json\ntitle: Mine\nwhy: To see.\nset:\n"
    )
    shown = json.loads(run("show", "my-case", "--rows", "microsoft_value", "--format", "json").stdout)
    own = read_scenarios(Path("params/scenarios"), deal.parameters)
    deal.scenarios = {**deal.scenarios, "my-case": own["my-case"]}
    assert shown["rows"]["microsoft_value"]["value"] == deal.case("my-case")["microsoft_value"]


def test_the_command_refuses_with_status_2_and_writes_nothing(deal: Deal) -> None:
    Path("deal.xlsx").write_bytes(b"PK\x03\x04 and nothing more")
    before = sorted(Path("params").rglob("*"))
    for words in ("import deal.xlsx --as x", "params import deal.xlsx"):
        run = subprocess.run([COMMAND, *words.split()], capture_output=True, text=True, timeout=120)
        assert (run.returncode, run.stdout) == (2, "")
        assert "Traceback" not in run.stderr
        assert "to do:" in run.stderr
    assert sorted(Path("params").rglob("*")) == before
