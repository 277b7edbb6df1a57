"""After deactivation nothing of the application or of its libraries differs from what it was."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import strands.models.model
import strands.telemetry.tracer
import strands.tools.decorator
from opentelemetry.trace import NoOpTracer
from strands.types.tools import AgentTool

import tracing_proxies
from tests.application.cases import AGENTS
from tests.application.conftest import ROOT
from tracing_proxies.registry.loader import load_registry


def _namespaces() -> dict[Any, dict[str, Any]]:
    """Copy the namespace of every module and class of the application and of its agent library."""
    found: dict[Any, dict[str, Any]] = {}
    for module in list(sys.modules.values()):
        if type(module) is ModuleType and module.__name__.partition(".")[0] in ("retail", "strands"):
            found[module] = dict(vars(module))
            for value in list(vars(module).values()):
                if isinstance(value, type):
                    found[value] = dict(vars(value))
    for cls in (threading.Thread, ThreadPoolExecutor, AgentTool):
        found[cls] = dict(vars(cls))
    return found


def test_every_namespace_is_identical_by_identity_and_the_meta_path_too(tmp_path: Path) -> None:
    import retail.run  # noqa: F401

    before, path = _namespaces(), list(sys.meta_path)
    registry = load_registry(
        ROOT / "registry.yaml", environ={"TRACING_PROXIES__EXPORT__LOCAL__PATH": str(tmp_path / "t.db")}
    )
    for _ in range(3):
        tracing_proxies.activate(registry)
        assert (
            vars(strands.tools.decorator.DecoratedFunctionTool).keys()
            > before[strands.tools.decorator.DecoratedFunctionTool].keys()
        )
        tracing_proxies.deactivate()
    after = _namespaces()
    for owner, entries in before.items():
        now = after[owner]
        assert now.keys() == entries.keys(), owner
        changed = [name for name in entries if now[name] is not entries[name]]
        # Caches that the interpreter and abc keep are no entries of the application's.
        assert not [name for name in changed if name not in ("__dict__", "__weakref__", "_abc_impl")], (owner, changed)
    assert sys.meta_path == path


def test_the_librarys_own_spans_are_muted_only_while_active(traced: Path) -> None:
    tracer = strands.telemetry.tracer.get_tracer()
    assert isinstance(tracer.tracer, NoOpTracer)
    tracing_proxies.deactivate()
    assert tracer.tracer is vars(tracer)["tracer"]


def test_tools_that_were_bound_while_active_work_untraced_afterwards(traced: Path) -> None:
    agent = AGENTS["inventory"][1]()
    tracing_proxies.deactivate()
    result = agent.agent.tool.retrieve_inventory_history(product_id="olive-oil-1l", days=60)
    assert result["status"] == "success"
    assert json.loads(result["content"][0]["text"])["success_rate"] >= 0
