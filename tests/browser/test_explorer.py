"""The explorer in a browser, in JupyterLab and as an app: what is moved by hand gives the figures of the command."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dealgrid import Deal
from dealgrid.inputs import display_value

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")]

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 90
MOST_WAITS = 600  # of a tenth of a second, for the server to say where it is
DEALGRID = [sys.executable, "-c", "from dealgrid.cli import main; main()"]
WIDE, NARROW = 1600, 700
SAVING = {"Name": "by_hand", "Title": "By hand", "Why": "A test in a browser."}


@pytest.fixture(scope="module", params=["lab", "app"])
def way(request: pytest.FixtureRequest) -> str:
    """How the notebook is opened."""
    return request.param


@pytest.fixture(scope="module")
def project(way: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the notebook reads and writes."""
    folder = tmp_path_factory.mktemp(way)
    shutil.copytree(ROOT / "params", folder / "params")
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "explore.ipynb", folder / "notebooks")
    return folder


@pytest.fixture(scope="module")
def address(way: str, project: Path) -> Iterator[str]:
    """The notebook's address on a server of its own, that is ended with the tests."""
    own = {f"JUPYTER_{kind}_DIR": str(project / "jupyter" / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    lab = [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser", "--ip=127.0.0.1", "--port=0"]
    command = [*DEALGRID, "app", "--no-browser"] if way == "app" else [*lab, f"--notebook-dir={project / 'notebooks'}"]
    server = subprocess.Popen(
        command, cwd=project, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip() if way == "app" else lab_address(project)
    finally:
        server.terminate()
        server.communicate(timeout=SECONDS)


def lab_address(project: Path) -> str:
    for _ in range(MOST_WAITS):
        said = list((project / "jupyter" / "RUNTIME").glob("jpserver-*.json"))
        if said:
            break
        time.sleep(0.1)
    told = json.loads(said[0].read_text(encoding="utf-8"))
    return f"{told['url']}lab/tree/explore.ipynb?token={told['token']}"


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What the browser's console calls an error."""
    return []


@pytest.fixture(scope="module")
def asked() -> set[str]:
    """The addresses the pages ask for something."""
    return set()


@pytest.fixture(scope="module")
def page(way: str, address: str, said: list[str], asked: set[str]) -> Iterator[Any]:
    """The notebook with all its cells run."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDE, "height": 1200})
        page.set_default_timeout(1000 * SECONDS)
        page.on("console", lambda told: said.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.add(request.url))
        page.goto(address)
        if way == "lab":
            page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.locator(".widget-slider").first.wait_for()
        yield page
        browser.close()


@pytest.fixture
def fresh(page: Any) -> Any:
    """The page with every term as the scenario has it."""
    page.set_viewport_size({"width": WIDE, "height": 1200})
    page.get_by_role("button", name="Reset").click()
    shows(page, "dealgrid show new_deal")
    return page


def control(page: Any, label: str) -> Any:
    """A term's box, by the words above it."""
    return page.locator(".explorer-terms .widget-vbox", has_text=label).last


def shows(page: Any, command: str) -> None:
    """The command under the pictures comes to be this one."""
    page.locator(".widget-html code", has_text=re.compile(f"^{re.escape(command)}$")).wait_for()


def press(page: Any, deal: Deal, name: str, key: str) -> None:
    handle = control(page, deal.parameters[name].label).locator(".noUi-handle")
    handle.focus()
    handle.press(key)


def figures(page: Any, deal: Deal) -> dict[str, str]:
    """The values by holder as the page shows them, those of the scenario with its settings."""
    lines = {name: page.locator(".widget-html tr", has_text=label).first for name, label in labels(deal).items()}
    return {name: line.locator("td").nth(2).inner_text() for name, line in lines.items()}


def labels(deal: Deal) -> dict[str, str]:
    return {**deal.story.holders, deal.story.total: "Total"}


def of_command(project: Path, deal: Deal, *options: str) -> dict[str, str]:
    """The same values, from the command `dealgrid show`."""
    command = [*DEALGRID, "show", "new_deal", *options, "--format", "json", "--rows", ",".join(labels(deal))]
    run = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return {name: display_value(row["value"], row["unit"]) for name, row in json.loads(run.stdout)["rows"].items()}


def test_a_slider_moved_by_hand_gives_the_figures_of_the_command(fresh: Any, project: Path) -> None:
    deal = Deal.load(root=project)
    assert figures(fresh, deal) == of_command(project, deal)
    press(fresh, deal, "microsoft_stake", "ArrowRight")
    shows(fresh, "dealgrid show new_deal --set microsoft_stake=33%")
    moved = of_command(project, deal, "--set", "microsoft_stake=33%")
    assert figures(fresh, deal) == moved
    assert moved != of_command(project, deal)


def test_every_tab_shows_its_pictures(fresh: Any) -> None:
    for name, told in {
        "Bridge": "Conversion and stake",
        "Cash": "By stream under New deal at 32.5%",
        "What binds when": "Filled in the periods in which the clause binds",
        "Where it comes from": "microsoft_instrument_value",
    }.items():
        fresh.get_by_role("tab", name=name).click()
        fresh.locator(".widget-html:visible", has_text=told).last.wait_for()


def test_the_tree_of_an_explanation_folds_by_key(fresh: Any) -> None:
    fresh.get_by_role("tab", name="Where it comes from").click()
    inner = fresh.locator(".explained details details").first
    assert inner.get_attribute("open") is None
    inner.locator("summary").first.focus()
    fresh.keyboard.press("Enter")
    assert inner.get_attribute("open") is not None
    assert inner.locator("code").first.is_visible()


@pytest.mark.parametrize("width", [WIDE, 1200, NARROW])
def test_nothing_is_cut_off_at_the_side(fresh: Any, way: str, width: int) -> None:
    fresh.set_viewport_size({"width": width, "height": 1200})
    if way == "lab" and width == NARROW:
        fresh.keyboard.press("Control+B")  # the list of files takes half of a narrow window
    fresh.get_by_role("tab", name="Bridge").click()
    figure = fresh.locator("svg[aria-label='Value by holder']")
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["width"] >= min(400, width / 2)


def test_what_is_wrong_is_said_and_no_figure_is_left(fresh: Any, project: Path) -> None:
    deal = Deal.load(root=project)
    ends = control(fresh, deal.parameters["conversion_date"].label)
    ends.locator("input[type=date]").fill("")
    fresh.get_by_role("alert").get_by_text("conversion_date: the value is empty").wait_for()
    assert fresh.locator("svg[aria-label='Value by holder']").count() == 0
    fresh.get_by_role("button", name="Reset").click()
    fresh.locator("svg[aria-label='Value by holder']").wait_for()
    assert fresh.locator(".widget-html [role=alert]").count() == 0


def test_a_scenario_is_saved_and_saved_again_with_its_comments_and_order(fresh: Any, project: Path) -> None:
    deal = Deal.load(root=project)
    fresh.locator(".jupyter-widget-Collapse-header", has_text="Save as scenario").click()
    save = fresh.get_by_role("button", name="Save as scenario").last
    save.click()
    fresh.get_by_role("alert").get_by_text("cannot name a scenario").wait_for()
    for label, text in SAVING.items():
        fresh.get_by_label(label, exact=True).fill(text)
    fresh.get_by_label("Why", exact=True).press("Tab")
    save.click()
    fresh.get_by_text("Saved as params/scenarios/by_hand.yaml").wait_for()
    file = project / "params" / "scenarios" / "by_hand.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith("  microsoft_stake:"))
    changed = [*lines[:at], "  # agreed by telephone", lines[at] + "  # before notes", *lines[at + 1 :]]
    file.write_text("\n".join(changed) + "\n", encoding="utf-8")
    press(fresh, deal, "microsoft_stake", "ArrowRight")
    shows(fresh, "dealgrid show new_deal --set microsoft_stake=33%")
    save.click()
    expected = "\n".join(changed).replace(lines[at], "  microsoft_stake: 33%") + "\n"
    for _ in range(MOST_WAITS):
        if file.read_text(encoding="utf-8") == expected:
            break
        time.sleep(0.1)
    assert file.read_text(encoding="utf-8") == expected
    assert Deal.load(root=project).scenario("by_hand").title == "By hand"


def test_futures_behind_the_figures_follow_a_term_and_say_how_many_they_are(fresh: Any, project: Path) -> None:
    deal = Deal.load(root=project)
    fresh.get_by_label("Futures behind the figures").check()
    picture = fresh.locator("svg[aria-label^='Spread of the value']")
    picture.wait_for()
    fresh.get_by_role("status").get_by_text("100,000 futures are behind these pictures;").wait_for()  # compiled
    before = picture.inner_html()
    press(fresh, deal, "microsoft_stake", "ArrowRight")
    fresh.locator("code", has_text="dealgrid futures new_deal --set microsoft_stake=33%").wait_for()
    fresh.get_by_role("status").get_by_text("100,000 futures are behind these pictures;").wait_for()
    assert picture.inner_html() != before
    control(fresh, deal.parameters["microsoft_stake"].label).get_by_text("Set here, so the same").wait_for()
    fresh.set_viewport_size({"width": NARROW, "height": 1200})
    box = fresh.get_by_role("status").bounding_box()
    assert box["x"] + box["width"] <= NARROW
    fresh.set_viewport_size({"width": WIDE, "height": 1200})
    fresh.get_by_label("Futures behind the figures").uncheck()
    picture.wait_for(state="detached")


def test_the_console_calls_nothing_an_error_and_nothing_comes_from_elsewhere(
    fresh: Any, way: str, said: list[str], asked: set[str]
) -> None:
    own = [each for each in said if not (way == "lab" and "404" in each)]  # JupyterLab asks for settings not there yet
    assert own == []
    assert {
        each for each in asked if not each.startswith(("http://127.0.0.1", "http://localhost", "data:", "blob:"))
    } == set()
    assert "Traceback" not in fresh.locator("body").inner_text()
