"""Small applications in a folder of their own, each run as a real process in one of the three ways of use."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.environment import inherited
from tests.ports import free_port
from tracing_proxies.viewer.store import open_for_reading, read_trace

APPS = Path(__file__).parent / "apps"
PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
REGISTRY = """
version: 1
use: [threads, processes, http]
export: { local: { path: traces.db } }
trace:
  - match: goods:*
  - match: goods:Shelf.*
  - match: goods:Shelf.Box.*
"""
MAIN = """
import sys
{top}
import goods

{body}

if __name__ == "__main__":
    {guarded}
    main(*sys.argv[1:])
"""
ACTIVATE = "import tracing_proxies; tracing_proxies.activate()"

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

WAYS = ["run", "top", "guarded"]
"""Started by `tracing-proxies run`, activated at the top of the main module, activated below its guard."""


class App:
    """A folder with a registry and an application."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(APPS / "goods.py", folder)
        (folder / "registry.yaml").write_text(REGISTRY)

    def environment(self, **variables: str) -> dict[str, str]:
        """Return an environment without keys of a server, and without our own variables."""
        return {**inherited("PYTHONPATH"), "PYTHONDONTWRITEBYTECODE": "1", **variables}

    def command(self, way: str, *arguments: str) -> list[str]:
        """Return how an application is started."""
        return [PROGRAM, "run", "--", *arguments] if way == "run" else list(arguments)

    def write_main(self, way: str, body: str) -> None:
        """Write a main module whose function `main` is called with the arguments."""
        top, guarded = (ACTIVATE if way == "top" else ""), (ACTIVATE if way == "guarded" else "pass")
        (self.folder / "main.py").write_text(MAIN.format(top=top, guarded=guarded, body=textwrap.dedent(body)))

    def run(self, way: str, body: str, *arguments: str, timeout: float = 60) -> str:
        """Run a main module to its end; it must succeed and say nothing on its error output."""
        self.write_main(way, body)
        done = subprocess.run(
            self.command(way, sys.executable, "main.py", *arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    @contextmanager
    def serve(self, way: str, *arguments: str, path: str = "/ready") -> Iterator[Server]:
        """Run a server until it answers, and stop it in the end; its arguments may hold ``{port}``.

        Yields:
            The server. It must have ended by its own means, without a word of ours on its error output.
        """
        port = free_port()
        log = (self.folder / "server.log").open("w")
        process = subprocess.Popen(
            self.command(way, *(argument.format(port=port) for argument in arguments)),
            cwd=self.folder,
            env=self.environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        server = Server(process, f"http://127.0.0.1:{port}", self.folder / "server.log")
        try:
            wait_until(lambda: server.answers(path), server.log)
            yield server
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            log.close()
        assert "tracing" not in server.log().replace(str(self.folder), "").replace("tracing-proxies run", "")

    def spans(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return what the store holds, in the order of the starts."""
        try:
            with open_for_reading(self.folder / "traces.db") as connection:
                traces = [row[0] for row in connection.execute("SELECT DISTINCT trace_id FROM observations")]
                rows = [row for trace in traces for row in read_trace(connection, trace)]
        except FileNotFoundError:
            return []
        rows.sort(key=lambda row: row["start_time"])
        return [row for row in rows if name is None or row["name"] == name]

    def parent_of(self, span: dict[str, Any]) -> dict[str, Any] | None:
        """Return the span above, from whichever process; it is of the same trace."""
        above = [row for row in self.spans() if row["id"] == span["parent_observation_id"]]
        assert len(above) <= 1
        assert all(row["trace_id"] == span["trace_id"] for row in above)
        return above[0] if above else None


class Server:
    """A server in a process group of its own."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self._log = log

    def log(self) -> str:
        """Return what it has printed."""
        return self._log.read_text()

    def get(self, path: str, **headers: str) -> Any:
        """Ask it over a connection of its own, and read the answer's JSON."""
        request = urllib.request.Request(self.url + path, headers=headers)
        with _OPENER.open(request, timeout=20) as answer:
            return json.loads(answer.read())

    def tells(self, path: str, expected: Any) -> bool:
        """Tell whether it gives an answer, which it may not do while it restarts."""
        return self.answers(path) and self.get(path) == expected

    def answers(self, path: str) -> bool:
        """Tell whether it answers yet."""
        try:
            self.get(path)
        except OSError:
            assert self.process.poll() is None, self.log()
            return False
        return True


def wait_until(condition: Callable[[], bool], explain: Callable[[], str] = str, timeout: float = 30.0) -> None:
    """Wait for a condition; the timeout is only a bound for a broken test."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[[str], App]:
    def make(name: str) -> App:
        (tmp_path / name).mkdir()
        return App(tmp_path / name)

    return make


def told(output: str) -> Any:
    """Read what an application has printed as its last line, in JSON."""
    return json.loads(output.splitlines()[-1])
