"""The explorer in a browser: a slider moved by hand gives the figures of the same setting."""

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


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the notebook reads and writes."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "params", folder / "params")
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "explore.ipynb", folder / "notebooks")
    return folder


@pytest.fixture(scope="module")
def address(project: Path) -> Iterator[str]:
    """The notebook's address in a JupyterLab of its own, that is ended with the tests."""
    own = {f"JUPYTER_{kind}_DIR": str(project / "jupyter" / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser", "--ip=127.0.0.1", "--port=0"]
    server = subprocess.Popen(
        [*command, f"--notebook-dir={project / 'notebooks'}"],
        env={**os.environ, **own},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(MOST_WAITS):
            said = list((project / "jupyter" / "RUNTIME").glob("jpserver-*.json"))
            if said:
                break
            time.sleep(0.1)
        told = json.loads(said[0].read_text(encoding="utf-8"))
        yield f"{told['url']}lab/tree/explore.ipynb?token={told['token']}"
    finally:
        server.terminate()
        server.wait(SECONDS)


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Any]:
    """The notebook with all its cells run."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1200})
        page.set_default_timeout(1000 * SECONDS)
        page.goto(address)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.locator(".widget-slider").first.wait_for()
        yield page
        browser.close()


def control(page: Any, label: str) -> Any:
    """A term's box, by the words above it."""
    return page.locator(".widget-vbox", has_text=label).last


def shows(page: Any, command: str) -> None:
    """The command under the pictures comes to be this one."""
    page.locator(".widget-html code", has_text=re.compile(f"^{re.escape(command)}$")).wait_for()


def test_a_slider_moved_by_hand_gives_the_figures_of_the_same_setting(page: Any, project: Path) -> None:
    deal = Deal.load(root=project)
    shows(page, "dealgrid show new_deal")
    handle = control(page, deal.parameters["microsoft_stake"].label).locator(".noUi-handle")
    handle.focus()
    handle.press("ArrowRight")
    shows(page, "dealgrid show new_deal --set microsoft_stake=33%")
    case = deal.case("new_deal", {"microsoft_stake": "33%"})
    for name, label in {**deal.story.holders, deal.story.total: "Total"}.items():
        line = page.locator(".widget-html tr", has_text=label).first
        assert line.locator("td").nth(2).inner_text() == display_value(float(case.values[name]), "US$ bn")
    page.get_by_role("button", name="Reset").click()
    shows(page, "dealgrid show new_deal")


def test_what_is_wrong_is_said_and_what_is_right_is_saved(page: Any, project: Path) -> None:
    page.locator(".jupyter-widget-Collapse-header", has_text="Save as scenario").click()
    save = page.get_by_role("button", name="Save as scenario").last
    save.click()
    page.get_by_role("alert").get_by_text("cannot name a scenario").wait_for()
    for label, text in {"Name": "by_hand", "Title": "By hand", "Why": "A test in a browser."}.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("Why", exact=True).press("Tab")
    save.click()
    page.get_by_text("Saved as params/scenarios/by_hand.yaml").wait_for()
    assert Deal.load(root=project).scenario("by_hand").title == "By hand"
    assert "Traceback" not in page.locator("body").inner_text()
