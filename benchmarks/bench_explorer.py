"""From a slider's move to the new picture in the browser, with futures behind it: JupyterLab and the app."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DEALGRID = [sys.executable, "-c", "from dealgrid.cli import main; main()"]
MOVES, PATIENCE = 60, 180_000  # milliseconds a picture may take before this gives up
WIDTHS = {"width": 1400, "height": 1000}
ALL = "100,000 futures are behind"
# In the page, so that no clock but the browser's counts: the key goes down, and the status or the picture is new.
WATCH = """
([label, all]) => {
  const box = [...document.querySelectorAll('.widget-vbox')].filter(
    each => each.innerText.includes(label) && each.querySelectorAll('.noUi-handle').length === 1).pop();
  const handle = box.querySelector('.noUi-handle');
  handle.focus();
  window.times = {first: null, all: null, begun: null, handle};
  const picture = () => document.querySelector("svg[aria-label^='Spread of the value']")?.outerHTML || '';
  const status = () => document.querySelector('[role=status]')?.innerText || '';
  window.move = key => new Promise(done => {
    const before = picture(), times = window.times;
    times.first = times.all = null;
    times.begun = performance.now();
    const look = () => {
      if (picture() !== before && times.first === null) times.first = performance.now() - times.begun;
      if (times.first !== null && status().startsWith(all)) {
        times.all = performance.now() - times.begun;
        requestAnimationFrame(() => done([times.first, times.all]));
        seen.disconnect();
      }
    };
    const seen = new MutationObserver(look);
    seen.observe(document.body, {subtree: true, childList: true, characterData: true});
    handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
  });
}
"""


def rows() -> Iterator[tuple[str, float]]:
    """Milliseconds from a move to its picture: the first, and that of all futures; median and 95th percentile."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("  (left out: there is no Chromium)")
        return
    from playwright.sync_api import sync_playwright

    for way in ("lab", "app"):
        with served(way) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport=WIDTHS)
            page.set_default_timeout(PATIENCE)
            open_explorer(page, address, way)
            label = "Microsoft's ownership on conversion"
            page.evaluate(WATCH, [label, ALL])
            times = [page.evaluate("key => window.move(key)", "ArrowRight") for _ in range(MOVES)]
            for place, what in enumerate(("the first picture", "all 100,000 futures")):
                ordered = sorted(each[place] for each in times)
                yield f"{way}: move to {what}, median, ms", statistics.median(ordered)
                yield f"{way}: move to {what}, 95th percentile, ms", ordered[int(0.95 * len(ordered))]
            browser.close()


def open_explorer(page: Any, address: str, way: str) -> None:
    """Open the notebook, run it, and wait until all futures are behind the picture."""
    page.goto(address)
    if way == "lab":
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.locator(".widget-slider").first.wait_for()
    page.get_by_label("Futures behind the figures").check()
    page.get_by_text(ALL).wait_for()


@contextmanager
def served(way: str) -> Iterator[str]:
    """The explorer's notebook on a server of its own; its address."""
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        shutil.copytree(ROOT / "params", project / "params")
        (project / "notebooks").mkdir()
        shutil.copy(ROOT / "notebooks" / "explore.ipynb", project / "notebooks")
        own = {f"JUPYTER_{kind}_DIR": str(project / "jupyter" / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
        lab = [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser", "--ip=127.0.0.1", "--port=0",
               f"--notebook-dir={project / 'notebooks'}"]  # fmt: skip
        command = [*DEALGRID, "app", "--no-browser"] if way == "app" else lab
        server = subprocess.Popen(
            command,
            cwd=project,
            env={**os.environ, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip() if way == "app" else _lab_address(project)
        finally:
            server.terminate()
            server.communicate()


def _lab_address(project: Path) -> str:
    said: list[Path] = []
    while not said:
        time.sleep(0.1)
        said = list((project / "jupyter" / "RUNTIME").glob("jpserver-*.json"))
    told = json.loads(said[0].read_text(encoding="utf-8"))
    return f"{told['url']}lab/tree/explore.ipynb?token={told['token']}"


if __name__ == "__main__":
    for label, figure in rows():
        print(f"{label:<60} {figure:>14,.1f}")
