"""An application of one class, traced by a file that the tests edit."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

import tracing_proxies
from tests.weaving.twins import make_module
from tracing_proxies.delivery import native
from tracing_proxies.weaving.proxies import is_woven, point_of

APPLICATION = "reloaded_application"
SOURCE = """
class Agent:
    def run(self, x=1):
        return x

    def rest(self):
        return 0

def helper():
    return 1
"""


@attrs.define
class Edited:
    """The application and its registry."""

    file: Path
    module: ModuleType
    raw: dict[str, Any]

    def write(self, *names: str, more: str = "", watch: str = "200ms") -> None:
        """Put a whole new file in the place of the registry: rules for ``run`` under one of the names each."""
        new = self.file.with_name(f"{self.file.name}.new")
        new.write_text(text(*names, more=more, watch=watch))
        os.replace(new, self.file)

    def traced_as(self, name: str = "run") -> str | None:
        """Return the name of the spans of a method's calls, None if it is not traced."""
        entry = vars(self.module.Agent)[name]
        recipe = point_of(entry).recipe if is_woven(entry) else None
        return None if recipe is None else recipe.constant_name

    def is_raw(self) -> bool:
        """Tell whether every entry is the one that was there before."""
        return all(vars(self.module.Agent).get(name) is entry for name, entry in self.raw.items())


def text(*names: str, more: str = "", watch: str = "200ms") -> str:
    """Write a registry with one rule for each name."""
    rules = "".join(f"  - match: {APPLICATION}:Agent.run\n    name: {name}\n" for name in names)
    trace = f"trace:\n{rules}" if rules else ""
    return f"version: 1\nexport: {{ discard: {{}} }}\nreload: {{ watch: {watch}, signal: none }}\n{trace}{more}"


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edited]:
    module = make_module(SOURCE, APPLICATION)
    monkeypatch.setitem(sys.modules, APPLICATION, module)
    found = Edited(tmp_path / "registry.yaml", module, dict(vars(module.Agent)))
    found.write("first")
    threads = native.ours()
    yield found
    tracing_proxies.deactivate()
    assert found.is_raw()
    eventually(lambda: native.ours().keys() <= threads.keys())


def eventually(holds: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until something holds, and return it; give up after a time that no machine takes."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "it does not hold"
        time.sleep(0.01)
    return found
