"""The demo's end: it names the page and writes its report, and both show the whole run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.viewer.conftest import served
from tests.viewer.test_page import opened, visit
from tracing_proxies.viewer.documents import Surroundings
from tracing_proxies.viewer.exact import read_exact
from tracing_proxies.viewer.store import open_for_reading

ROOT = Path(__file__).parent.parent.parent
PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
TRIGGERS = 21


def test_the_page_and_the_report_show_all_triggers_of_the_demo(browser: Browser, tmp_path: Path) -> None:
    store = tmp_path / "demo.db"
    command = [PROGRAM, "demo", "--registry", str(ROOT / "registry.yaml"), "--store", str(store)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    summary, report, page = done.stdout.splitlines()[-3:]
    assert f"triggers={TRIGGERS} traces={TRIGGERS} " in summary
    assert report == "report: demo-report.html"
    assert re.search(r"^page: .*tracing-proxies ui --store demo\.db$", page)
    assert_counted(store)
    with served(Surroundings(store)) as address:
        for where in (address, (tmp_path / "demo-report.html").as_uri()):
            with opened(browser, where) as shown:
                assert_complete(shown)


def assert_counted(store: Path) -> None:
    """All is recorded here: what is counted of each agent's decisions and each tool is what its spans come to."""
    with open_for_reading(store) as connection:
        counted = read_exact(connection, 0, 2**62)
        rows = connection.execute(
            "SELECT s.type, s.name, count(*), sum(s.level = 'ERROR') FROM spans s LEFT JOIN spans p "
            "ON p.trace_id = s.trace_id AND p.id = s.parent_observation_id WHERE s.type IN ('agent', 'tool') "
            "AND (p.id IS NULL OR p.type <> s.type OR p.name <> s.name) GROUP BY s.type, s.name"
        ).fetchall()
    assert {key: (calls.calls, calls.failed) for key, calls in counted.items()} == {
        (row[0], row[1]): (row[2], row[3]) for row in rows
    }


def assert_complete(page: Page) -> None:
    triggers = page.locator("tbody tr", has_text="simulation.")
    expect(triggers).to_have_count(TRIGGERS)
    links = [str(link.get_attribute("href")) for link in triggers.get_by_role("link").all()]
    assert len(set(links)) == TRIGGERS
    for link in links[:3]:
        visit(page, link.removeprefix("#/"))
        expect(page.get_by_label("From trigger to decision")).to_contain_text("intensity")
        expect(page.locator(".kind-agent").first).to_be_visible()
