"""Stores with invented workflows in them, and the page over a store, as a browser or a client sees it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from tracing_proxies.cli.ui import listen
from tracing_proxies.testing import Workflow, fill_store, workflows
from tracing_proxies.viewer.documents import Surroundings
from tracing_proxies.viewer.server import make_app

TOKEN = "a-token-of-the-tests"
EPOCH = 1_790_000_000 * 10**9
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@attrs.frozen
class Filled:
    """A store and what was written to it."""

    path: Path
    workflows: list[Workflow]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A store of 200 workflows over 100 s, a fifth of which fail; it is not written to by tests."""
    path = tmp_path_factory.mktemp("store") / "traces.db"
    stream = list(islice(workflows(7, rate=2.0, error_share=0.2), 200))
    fill_store(path, stream, epoch=EPOCH, session="session-1")
    return Filled(path, stream)


@contextmanager
def served(around: Surroundings, token: str | None = TOKEN, **arguments: Any) -> Iterator[str]:
    """Serve the page at a free port; yields its address without the token."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    hosts = ["127.0.0.1", "localhost"]
    application = make_app(around, port=port, token=token, hosts=hosts, ending=lambda: server.should_exit, **arguments)
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def find_browser() -> str:
    """Return Chromium's path; without it the tests of the page fail in CI, and are skipped elsewhere."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        message = "no Chromium here: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium. One module's alone: while it runs, its thread has an event loop."""
    path = find_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def until(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
