"""The page in a browser: what a person does with it, and what hostile text does not."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

import tracing_proxies
from tests.delivery.support import observation
from tests.environment import BUDGET
from tests.monitoring import shop
from tests.viewer.conftest import EPOCH, TOKEN, Filled, served
from tracing_proxies.cli.report import newest_traces, render
from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.delivery.sinks.local_calls import MINUTE, CallMinute, CallName, CallSum
from tracing_proxies.recording.observation import Observation
from tracing_proxies.testing import fill_store, registry_from, workflows
from tracing_proxies.viewer.documents import Surroundings
from tracing_proxies.viewer.store import open_for_reading

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
HOSTILE = (
    "<script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    '"><svg onload=window.hacked=1>',
    "javascript:window.hacked=1",
    "</script><script>window.hacked=1</script>",
    "{{7*7}}${7*7}<!--",
    "\u202e\u0000\x1b[31m\ud83d\ude00" + "W" * 3000,
)


@contextmanager
def opened(
    browser: Browser, address: str, *, width: int = 1280, height: int = 860, dark: bool = False
) -> Iterator[Page]:
    """Open the page by its address with the token; whatever the page complains of fails the test."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address if address.startswith("file:") else f"{address}?token={TOKEN}")
    settle(page)
    try:
        yield page
        assert complaints == []
    finally:
        context.close()


def is_complaint(message: ConsoleMessage) -> bool:
    """Whether a message is an error; of an answer with an error status the page tells in its own words."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


def settle(page: Page) -> None:
    page.wait_for_selector("main[aria-busy=false]")


def visit(page: Page, view: str) -> None:
    page.evaluate(f"location.hash = {json.dumps('#/' + view)}")
    page.wait_for_selector(f"main[aria-busy=false][data-shown={json.dumps('#/' + view)}]")


def inside(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.fixture(scope="module")
def address(filled: Filled) -> Iterator[str]:
    with served(Surroundings(filled.path)) as address:
        yield address


def test_a_trigger_is_found_and_followed_to_its_decision(browser: Browser, address: str, filled: Filled) -> None:
    wanted = next(w for w in filled.workflows if w.trigger.kind == "slow_moving_inventory" and not w.failed)
    kind = [w for w in filled.workflows if w.trigger.kind == wanted.trigger.kind]
    with opened(browser, address) as page:
        expect(page.locator("h1")).to_have_text("Traces")
        expect(page.locator("tbody tr")).to_have_count(50)
        page.get_by_role("button", name="Show older traces").click()
        expect(page.locator("tbody tr")).to_have_count(100)
        page.get_by_label("Text").fill("simulation.slow_moving")
        page.get_by_label("Text").press("Enter")
        expect(page.locator("tbody tr")).to_have_count(len(kind))
        page.locator(f"a[href='#/trace/{wanted.trace_id}']").click()
        expect(page.locator("h1")).to_have_text("simulation.slow_moving_inventory")
        story = page.get_by_label("From trigger to decision")
        expect(story).to_contain_text(wanted.trigger.products[0])
        decided = next(step for step in wanted.root.walk() if step.type == "agent" and step.decision)
        story.get_by_role("button", name=str(decided.decision)).first.click()
        details = page.get_by_role("complementary")
        expect(details.locator("h2")).to_contain_text(decided.name)
        expect(details.locator(".verdict")).to_have_text(str(decided.decision))
        expect(details).to_contain_text(f"confidence {decided.confidence:.2f}")
        expect(details.locator(".rationale")).to_have_text(str(decided.rationale))
        expect(page.locator("[role=treeitem][aria-selected=true]")).to_contain_text(decided.name)
        page.get_by_role("link", name="Flow", exact=True).last.click()
        expect(page.locator("svg.graph .kind-decision").first).to_be_visible()
        assert page.locator("svg.graph .kind-agent").count() >= 2


def test_filters_narrow_the_list_and_can_be_cleared(browser: Browser, address: str, filled: Filled) -> None:
    failed = {w.trace_id for w in filled.workflows if w.failed}
    with opened(browser, address) as page:
        page.get_by_label("Level").select_option("ERROR")
        expect(page.locator("tbody tr")).to_have_count(len(failed))
        assert page.locator("tbody tr .mark.error").count() == len(failed)
        page.get_by_label("Trigger source").select_option("promotion")
        some = [w for w in filled.workflows if w.failed and w.trigger.source == "promotion"]
        expect(page.locator("tbody tr")).to_have_count(len(some))
        page.get_by_label("Agent").select_option("promotion_agent")
        expect(page.locator("tbody tr")).to_have_count(len(some))
        page.get_by_role("link", name="Clear filters").click()
        expect(page.locator("tbody tr")).to_have_count(50)
        visit(page, "traces?text=nothing-has-this-in-it")
        expect(page.locator(".state h2")).to_have_text("No trace matches")


def test_spans_are_walked_and_folded_with_the_keyboard(browser: Browser, address: str, filled: Filled) -> None:
    workflow = next(w for w in filled.workflows if w.failed)
    steps = sum(1 for _ in workflow.root.walk())
    with opened(browser, address, height=2400) as page:
        visit(page, f"trace/{workflow.trace_id}")
        tree = page.get_by_role("tree")
        items = page.get_by_role("treeitem")
        expect(items).to_have_count(steps)
        tree.focus()
        page.keyboard.press("ArrowDown")
        chosen = page.locator("[role=treeitem][aria-selected=true]")
        expect(chosen).to_have_attribute("aria-level", "2")
        expect(tree).to_have_attribute("aria-activedescendant", str(chosen.get_attribute("id")))
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowLeft")
        expect(items).to_have_count(1)
        expect(items).to_have_attribute("aria-expanded", "false")
        page.keyboard.press("ArrowRight")
        expect(items).to_have_count(steps)
        page.keyboard.press("End")
        expect(page.get_by_role("complementary").locator("h2")).to_contain_text("AgentMemory.store_decision")
        page.get_by_role("button", name="Next error").click()
        expect(page.get_by_role("complementary").locator("section.bad h3")).to_have_text("Error")
        page.reload()  # the chosen span stands in the address
        settle(page)
        expect(page.get_by_role("complementary").locator("section.bad h3")).to_have_text("Error")


def test_agents_flow_and_tracing_show_what_there_is(browser: Browser, address: str, filled: Filled) -> None:
    with opened(browser, address) as page:
        visit(page, "agents")
        expect(page.locator("article")).to_have_count(3)
        expect(page.locator("article").first).to_contain_text("inventory_agent")
        expect(page.locator("svg.chart").first).to_be_visible()
        visit(page, "flow")
        sources = {w.trigger.source for w in filled.workflows}
        expect(page.locator("svg.graph .kind-trigger")).to_have_count(len(sources))
        expect(page.locator("svg.graph .kind-tool")).to_have_count(0)
        visit(page, "flow?steps=all")
        assert page.locator("svg.graph .kind-tool").count() > 8
        visit(page, "tracing")
        expect(page.locator("main")).to_contain_text("200 traces")


def test_new_traces_appear_by_themselves(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    stream = workflows(3, rate=1.0)
    with served(Surroundings(path)) as address, opened(browser, address) as page:
        expect(page.locator(".state h2")).to_have_text("No traces yet")
        expect(page.locator("header .line")).to_have_text("live")
        page.evaluate("window.sameDocument = true")
        fill_store(path, islice(stream, 3), epoch=EPOCH)
        expect(page.locator("tbody tr")).to_have_count(3)
        fill_store(path, islice(stream, 2), epoch=EPOCH)
        expect(page.locator("tbody tr")).to_have_count(5)
        expect(page.locator("tr.fresh")).to_have_count(2)
        expect(page.locator("[aria-live]")).to_have_text("2 new traces")
        assert page.evaluate("window.sameDocument")
        visit(page, "agents")
        fill_store(path, islice(stream, 2), epoch=EPOCH)
        page.get_by_role("button", name="There is more: refresh").click()
        expect(page.locator("header .line")).to_have_text("live")


def test_what_has_the_focus_as_soon_as_a_list_is_there_keeps_it(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        expect(page.locator("tbody tr a").first).to_be_visible()
        kept = page.evaluate("""async () => {
            const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
            for (const hash of ["#/agents", "#/traces"]) {
                location.hash = hash;
                while (document.querySelector("main").dataset.shown !== hash) await pause(1);
            }
            const link = document.querySelector("tbody a");
            link.focus();
            await pause(300); // a search that takes as long shows what it has found so far
            return document.activeElement === link;
        }""")
        assert kept


def test_single_events_do_not_stand_between_workflows(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    fill_store(path, islice(workflows(3, rate=1.0), 2), epoch=EPOCH)
    sink = LocalSink(path, retention_ns=10**30)
    place = {"type": "event", "app_root": True, "parent_observation_id": None}
    for number in range(5):
        at = {"trace_id": f"{number:032x}", "start_time": EPOCH + 10**12 + number, "end_time": EPOCH + 10**12 + number}
        assert sink.write([observation(name=f"tick_{number % 2}", **place, **at)]).delivered == 1
    sink.close()
    with served(Surroundings(path)) as address, opened(browser, address) as page:
        expect(page.locator("tbody tr")).to_have_count(3)
        folded = page.get_by_role("button", name="5 single events")
        expect(page.locator("tr.run")).to_contain_text("tick_0 ×3, tick_1 ×2")
        folded.press("Enter")
        expect(page.locator("tbody tr")).to_have_count(7)
        assert page.evaluate("document.activeElement.textContent") == "tick_0"
        visit(page, "traces?name=tick_1")  # where there is nothing else they are shown
        expect(page.locator("tbody tr")).to_have_count(2)


def test_agents_say_whether_their_figures_are_exact(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    sink = LocalSink(path, retention_ns=10**30)
    records = [observation(name=name, sampling_weight=10.0, start_time=EPOCH + 1) for name in ("counted", "sampled")]
    assert sink.write(records).delivered == 2
    sums = [CallSum("shop:counted", 4321, 0, 10**9, {600: 4321})]
    names = [CallName("shop:counted", "agent", "counted", within=False)]
    assert sink.keep(CallMinute(EPOCH // MINUTE * MINUTE, "process", sums, names))
    sink.close()
    with served(Surroundings(path)) as address, opened(browser, address) as page:
        visit(page, "agents")
        expect(page.get_by_role("article", name="counted")).to_contain_text("4,321")
        expect(page.get_by_role("article", name="counted").locator(".estimate")).to_have_count(0)
        expect(page.get_by_role("article", name="sampled").locator(".estimate")).to_have_count(1)
        expect(page.locator(".found")).to_contain_text("≈ else estimated by sampling weights")


def test_tracing_itself_is_told_with_what_each_rule_matches(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv(BUDGET, "2%")
    path = tmp_path / "traces.db"
    rule = "trace: [{ match: 'tests.monitoring.shop:Agent.*', observation: agent }]"
    text = f"version: 1\nexport: {{ local: {{ path: {path} }} }}\n{rule}\n"
    tracing_proxies.activate(registry_from(text))
    try:
        shop.Agent().decide()
        tracing_proxies.flush(10)
        with served(Surroundings(path)) as address, opened(browser, address) as page:
            visit(page, "tracing")
            card = page.locator(".card", has_text=f"Process {os.getpid()}")
            produced = "2 spans produced = 2 delivered"
            for text in ("2 % of a core", "full", "healthy", produced, "2, 0 failed", "checks are fine"):
                expect(card).to_contain_text(text)
            card.get_by_text("targets").click()
            expect(card.get_by_text("tests.monitoring.shop:Agent.decide")).to_be_visible()
            assert barriers(page) == []
    finally:
        tracing_proxies.deactivate()


@pytest.mark.parametrize("kind", ["page", "report"])
def test_hostile_text_in_every_field_stays_text(browser: Browser, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "traces.db"
    sink = LocalSink(path, retention_ns=10**30)
    written = [hostile(number, text) for number, text in enumerate(HOSTILE)]
    assert sink.write([record for trace in written for record in trace]).delivered == 2 * len(HOSTILE)
    sink.close()
    around = Surroundings(path)
    with served(around) as address:
        if kind == "report":
            with open_for_reading(path) as connection:
                text = render(connection, newest_traces(connection, 100), around)
            file = tmp_path / "report.html"
            file.write_text(text, encoding="utf-8")
            address = file.as_uri()
        with opened(browser, address, width=360) as page:
            expect(page.locator("tbody tr")).to_have_count(len(HOSTILE))
            assert inside(page)
            for number in range(len(HOSTILE)):
                for view in (f"trace/{number:032x}", f"trace/{number:032x}?span={2:016x}", f"flow/{number:032x}"):
                    visit(page, view)
                    assert inside(page), view
                assert "W" * 60 in page.content() or number < len(HOSTILE) - 1
            for view in ("agents", "flow", "flow?steps=all", "tracing", "traces"):
                visit(page, view)
                assert inside(page), view
            assert page.evaluate("typeof window.hacked") == "undefined"
            assert page.locator("main img, main script, main iframe, main a[href^='javascript:']").count() == 0


def hostile(number: int, text: str) -> list[Observation]:
    shared: dict[str, Any] = {
        "trace_id": f"{number:032x}", "start_time": EPOCH + number, "level": "ERROR", "status_message": text,
        "input": json.dumps({text: [text]}), "output": text, "model": text, "user_id": text, "session_id": text,
        "metadata": {
            text: text, "outcome.decision": text, "outcome.rationale": text, "outcome.confidence": 0.5,
            "error.stack": [text], "error.type": text, "trigger_source": text, "trigger_name": text, "products": [text],
            "intensity": text, "sender": text, "recipient": text,
        },
        "usage_details": {text: 1}, "tags": (text, text), "trace_name": text, "environment": text, "release": text,
        "service_name": text, "name": text,
    }  # fmt: skip
    top = observation(id=f"{1:016x}", type="chain", end_time=EPOCH + number + 10**9, app_root=True, **shared)
    below = {**shared, "start_time": EPOCH + number + 1000}
    parent = f"{1:016x}"
    child = observation(id=f"{2:016x}", parent_observation_id=parent, type="agent", end_time=EPOCH + 10**8, **below)
    return [top, child]


def test_a_trace_of_ten_thousand_spans_stays_usable(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    sink = LocalSink(path, retention_ns=10**30)
    top = observation(
        id=f"{0:016x}", name="top", type="chain", start_time=EPOCH, end_time=EPOCH + 10**10, app_root=True
    )
    rest = []
    for number in range(1, 10_000):
        start, above = EPOCH + number * 10**5, f"{(number - 1) // 10:016x}"
        place = {"trace_id": top.trace_id, "id": f"{number:016x}", "parent_observation_id": above, "app_root": False}
        rest.append(observation(name=f"step {number}", type="tool", start_time=start, end_time=start + 10**6, **place))
    assert sink.write([top, *rest]).delivered == 10_000
    sink.close()
    with served(Surroundings(path)) as address, opened(browser, address) as page:
        visit(page, f"trace/{top.trace_id}")
        items = page.get_by_role("treeitem")
        assert 10 < items.count() < 80  # only what is in sight
        expect(page.locator(".head")).to_contain_text("10,000 spans")
        page.get_by_role("tree").focus()
        page.keyboard.press("End")
        expect(page.locator("[role=treeitem][aria-selected=true]")).to_be_visible()
        page.get_by_label("Find a span").fill("step 7777")
        page.get_by_label("Find a span").press("Enter")
        expect(page.get_by_role("complementary").locator("h2")).to_contain_text("step 7777")
        assert items.count() < 80
        visit(page, f"flow/{top.trace_id}")
        expect(page.locator("svg.graph")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True), (2560, True)])
def test_every_view_fits_and_has_no_serious_barrier(
    browser: Browser, address: str, filled: Filled, width: int, dark: bool
) -> None:
    workflow = next(w for w in filled.workflows if w.failed and w.trigger.kind == "demand_spike")
    failed = next(step for step in workflow.root.walk() if step.error)
    views = ["traces", "flow", "agents", "tracing", f"trace/{workflow.trace_id}?span={failed.span_id}"]
    with opened(browser, address, width=width, dark=dark) as page:
        for view in [*views, f"flow/{workflow.trace_id}", "traces?text=nothing-has-this"]:
            visit(page, view)
            assert inside(page), view
            if width == 360 or (width == 1280 and view in views[-3:]):  # axe takes seconds
                assert barriers(page) == [], view


def barriers(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical."""
    session = page.context.new_cdp_session(page)  # not by the page's own means, which its policy forbids
    session.send("Runtime.evaluate", {"expression": AXE})
    run = "axe.run(document, {resultTypes: ['violations']}).then((found) => JSON.stringify(found.violations))"
    answer = session.send("Runtime.evaluate", {"expression": run, "awaitPromise": True})
    found = json.loads(answer["result"]["value"])
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:5]
    ]


def test_times_are_the_viewers_with_utc_on_hover(browser: Browser, address: str, filled: Filled) -> None:
    context = browser.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    page.goto(f"{address}?token={TOKEN}")
    settle(page)
    time = page.locator("tbody tr time").first
    utc = re.search(r"(\d\d):\d\d:\d\d\.\d{3} UTC$", str(time.get_attribute("title")))
    shown = re.search(r"(\d\d):\d\d:\d\d\.\d{3}$", time.inner_text())
    assert utc is not None
    assert shown is not None
    assert (int(shown[1]) - int(utc[1])) % 24 == 9
    context.close()


def test_what_cannot_be_shown_is_said(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    fill_store(path, islice(workflows(3), 1), epoch=EPOCH)
    with served(Surroundings(path)) as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{address}?token={TOKEN}")
        settle(page)
        visit(page, "trace/no-such-trace")
        expect(page.locator(".state")).to_contain_text("the store does not hold this any more")
        path.write_bytes(b"something else entirely" * 100)
        visit(page, "agents")
        expect(page.locator(".state h2")).to_have_text("This could not be shown")
        context.close()
