"""What the main module defines is traced as what it would be called if it were imported."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import inherited

PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
FOLLOWED = sys.version_info >= (3, 12)
REGISTRY = """
version: 1
trace:
  - match: ['app:*', 'app:Agent.*', 'app:Base+.run', 'pkg.app:*', 'pkg.app:Agent.*', 'pkg.app:Base+.run', '{}']
"""
SOURCE = """
{top}
import json
class Agent:
    def run(self, task):
        return helper(task)

def helper(task):
    return {{"done": task}}

class Base:
    pass

class Sub(Base):
    def run(self):
        return 2

TOOLS = [helper]

def main():
    Sub().run()
    TOOLS[0]("tool")
    return Agent().run("milk")

if __name__ == "__main__":
    {before}
    assert main()["done"] == "milk"
    print("ran", sorted(name for name in globals() if not name.startswith("_")) == {names})
"""
NAMES = ["Agent", "Base", "Sub", "TOOLS", "helper", "json", "main"]
ALL = ["Agent.run", "Sub.run", "helper", "helper", "main"]


def write(folder: Path, top: str = "", before: str = "pass", more: str = "unused:x", names: str = "") -> None:
    source = SOURCE.format(top=top, before=before, names=sorted([*NAMES, *names.split()]))
    (folder / "app.py").write_text(source)
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "app.py").write_text(source)
    (folder / "other.py").write_text("def work():\n    return 1\n")
    (folder / "registry.yaml").write_text(REGISTRY.format(more))


def run(folder: Path, *command: str) -> list[str]:
    """Run a program; returns the names of its spans in order."""
    environ = inherited()
    done = subprocess.run(
        command, cwd=folder, env={**environ, "TRACING_PROXIES_STRICT": "1"}, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran True\n", "")
    store = folder / ".tracing_proxies" / "traces.db"
    if not store.exists():
        return []
    connection = sqlite3.connect(store)
    try:
        return sorted(name for (name,) in connection.execute("SELECT name FROM observations"))
    finally:
        connection.close()


@pytest.mark.skipif(not FOLLOWED, reason="nothing follows the main module before Python 3.12")
@pytest.mark.parametrize("command", [["app.py"], ["-m", "app"], ["-m", "pkg.app"]])
def test_a_program_started_traced_has_everything_traced_from_its_first_call(tmp_path: Path, command: list[str]) -> None:
    write(tmp_path)
    assert run(tmp_path, PROGRAM, "run", "--", sys.executable, *command) == ALL


@pytest.mark.skipif(not FOLLOWED, reason="nothing follows the main module before Python 3.12")
def test_activation_at_the_top_of_the_main_module_covers_what_follows(tmp_path: Path) -> None:
    write(tmp_path, top="import tracing_proxies\ntracing_proxies.activate()", names="tracing_proxies")
    assert run(tmp_path, sys.executable, "app.py") == ALL


def test_activation_after_the_definitions_covers_them(tmp_path: Path) -> None:
    write(tmp_path, before="import tracing_proxies\n    tracing_proxies.activate()", names="tracing_proxies")
    assert run(tmp_path, sys.executable, "app.py") == ALL


def test_activation_may_be_called_again_after_the_definitions(tmp_path: Path) -> None:
    write(
        tmp_path,
        top="import tracing_proxies\ntracing_proxies.activate()",
        before="tracing_proxies.activate()",
        names="tracing_proxies",
    )
    assert run(tmp_path, sys.executable, "app.py") == ALL


def test_a_module_of_interest_that_arrives_has_the_main_module_looked_at(tmp_path: Path) -> None:
    write(tmp_path, before="import other", more="other:work", names="other")
    assert run(tmp_path, PROGRAM, "run", "--", sys.executable, "app.py") == ALL


def test_the_first_span_has_the_main_module_looked_at(tmp_path: Path) -> None:
    write(tmp_path, top="import other", before="other.work()", more="other:work", names="other")
    assert run(tmp_path, PROGRAM, "run", "--", sys.executable, "app.py") == sorted([*ALL, "work"])


def test_rules_may_name_the_main_module_as_it_calls_itself(tmp_path: Path) -> None:
    write(tmp_path, before="import tracing_proxies\n    tracing_proxies.activate()", names="tracing_proxies")
    (tmp_path / "registry.yaml").write_text(
        "version: 1\ntrace:\n"
        "  - match: ['__main__:main', '__main__:Agent.run', '__main__:Base+.run', '__main__:helper']\n"
    )
    assert run(tmp_path, sys.executable, "app.py") == ALL


@pytest.mark.skipif(not FOLLOWED, reason="nothing follows the main module before Python 3.12")
def test_following_the_main_module_leaves_no_tool_behind(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import sys, tracing_proxies\n"
        "used = [n for n in range(6) if sys.monitoring.get_tool(n)]\n"
        "def f(): return 1\n"
        "f()\n"
        "tracing_proxies.deactivate()\n"
        "left = [n for n in range(6) if sys.monitoring.get_tool(n)]\n"
        "print('ran', (len(used), left, type(f).__name__, sys.gettrace(), sys.getprofile())"
        " == (1, [], 'function', None, None))\n"
    )
    (tmp_path / "registry.yaml").write_text("version: 1\ntrace:\n  - match: app:f\n")
    assert run(tmp_path, PROGRAM, "run", "--", sys.executable, "app.py") == ["f"]


@pytest.mark.skipif(not FOLLOWED, reason="nothing follows the main module before Python 3.12")
def test_a_main_module_that_no_rule_names_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import sys, other\n"
        "print('ran', (other.work(), [n for n in range(6) if sys.monitoring.get_tool(n)]) == (1, []))\n"
    )
    (tmp_path / "other.py").write_text("def work():\n    return 1\n")
    (tmp_path / "registry.yaml").write_text("version: 1\ntrace:\n  - match: other:work\n")
    assert run(tmp_path, PROGRAM, "run", "--", sys.executable, "app.py") == ["work"]


@pytest.mark.skipif(not FOLLOWED, reason="nothing follows the main module before Python 3.12")
def test_a_spawned_process_traces_the_functions_of_its_main_module(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import multiprocessing\n"
        "def work(n):\n    return n + 1\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with context.Pool(1) as pool:\n"
        "        answers = pool.map(work, [1, 2])\n"
        "        pool.close()\n"
        "        pool.join()\n"
        "    print('ran', answers == [2, 3])\n"
    )
    (tmp_path / "registry.yaml").write_text("version: 1\nuse: [processes]\ntrace:\n  - match: app:work\n")
    assert run(tmp_path, PROGRAM, "run", "--", sys.executable, "app.py") == ["work", "work"]
