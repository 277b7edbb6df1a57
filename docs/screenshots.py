"""Take the README's pictures from a run of the demo: `make screenshots`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
TRACE, FLOW = "simulation.safety_buffer_breach", "simulation.multi_category_event"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run the demo in a folder, and serve the page over its store; yields the page's address."""
    store = folder / "demo.db"
    registry = str(ROOT / "registry.yaml")
    subprocess.run(
        [PROGRAM, "demo", "--registry", registry, "--store", str(store)],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    command = [PROGRAM, "ui", "--store", str(store), "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(line for line in process.stdout if line.startswith("page")).split()[1]
        finally:
            process.terminate()


def show(page: Page, view: str) -> None:
    """Go to a view, and wait until it is there."""
    address = "#/" + view
    page.evaluate(f"location.hash = {json.dumps(address)}")
    page.wait_for_selector(f"main[aria-busy=false][data-shown={json.dumps(address)}]")


def find(page: Page, name: str) -> str:
    """Return the id of the newest trace of a name."""
    show(page, f"traces?name={name}")
    link = page.locator("tbody a").first.get_attribute("href")
    found = re.search(r"trace/(\w+)", str(link))
    assert found is not None
    return found[1]


def main() -> None:
    """Take the pictures."""
    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser_path is None:
        raise SystemExit("no Chromium here: apt-get install chromium")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 780})
        page.goto(address)
        page.wait_for_selector("main[aria-busy=false] tbody tr")
        show(page, f"trace/{find(page, TRACE)}")
        page.get_by_role("button", name="Next error").click()
        page.wait_for_selector(".details section.bad")
        take(page, "trace.png")
        show(page, f"flow/{find(page, FLOW)}")
        page.set_viewport_size({"width": 1360, "height": 1060})
        take(page, "flow.png")
        browser.close()


def take(page: Page, name: str) -> None:
    """Save what is in sight."""
    page.wait_for_timeout(300)
    page.screenshot(path=str(PICTURES / name))
    print(f"wrote docs/pictures/{name}")


if __name__ == "__main__":
    main()
