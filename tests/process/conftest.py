"""Small applications in a folder of their own, each run as a real process in one of the three ways of use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracing_proxies.viewer.store import open_for_reading, read_trace

APPS = Path(__file__).parent / "apps"
PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
REGISTRY = """
version: 1
use: [threads, processes]
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
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LANGFUSE_", "TRACING_PROXIES", "PYTHONPATH"))}
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **variables}

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
