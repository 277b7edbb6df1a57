"""A control folder of the test's own, and small traced applications as real processes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tracing_proxies
from tests.environment import inherited

PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
SHOP = """
class Agent:
    def run(self, task):
        return {"done": task}
"""
REGISTRY = "version: 1\nexport: { local: { path: traces.db } }\ntrace:\n  - match: shop:Agent.run\n"
ACTIVATED = "import os, sys, time, tracing_proxies\ntracing_proxies.activate()\nimport shop\n"
READY = "print('ready', flush=True)"


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have the sockets stand in a folder of the test's own, with a path that is short enough for one."""
    folder = Path(tempfile.mkdtemp(prefix="tp-", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    tracing_proxies.deactivate()
    shutil.rmtree(folder)


class App:
    """A folder with a registry and a module `shop`."""

    def __init__(self, folder: Path, place: Path) -> None:
        self.folder = folder
        self.place = place
        (folder / "shop.py").write_text(SHOP)
        (folder / "registry.yaml").write_text(REGISTRY)

    def environment(self) -> dict[str, str]:
        kept = inherited()
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "TRACING_PROXIES_STRICT": "1"}

    @contextmanager
    def start(self, body: str, prelude: str = ACTIVATED) -> Iterator[subprocess.Popen[str]]:
        """Run a traced program that prints `ready`, and kill it in the end."""
        (self.folder / "main.py").write_text(prelude + textwrap.dedent(body))
        process = subprocess.Popen(
            [sys.executable, "main.py"],
            cwd=self.folder,
            env=self.environment(),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line == "ready\n", line + str(process.stderr and process.stderr.read())
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(
            [PROGRAM, *arguments], cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=60
        )

    def sockets(self) -> list[Path]:
        """List what stands in the folder of sockets."""
        return sorted((self.place / "tracing_proxies").glob("*"))


@pytest.fixture
def app(tmp_path: Path, place: Path) -> App:
    return App(tmp_path, place)


def wait_until(condition: Callable[[], bool], timeout: float = 20.0) -> None:
    """Wait for a condition; the timeout is only a bound for a broken test."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
