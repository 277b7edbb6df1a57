"""Rules into a framework's own functions make spans of what the framework keeps to itself."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

import tracing_proxies
from tests.scanning.support import scan
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.scanning.installed import find_installed, find_package
from tracing_proxies.scanning.writing import write_registry
from tracing_proxies.testing import capture_spans

SERVER = """
try:
    from mcp.server.mcpserver import MCPServer as Server
except ImportError:
    from mcp.server.fastmcp import FastMCP as Server

server = Server("shop")

@server.tool()
def add(a: int, b: int) -> int:
    return a + b
"""
BEDROCK = """
import boto3

client = boto3.client("bedrock-runtime", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
other = boto3.client("sts", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")

def ask(text):
    return client.converse(modelId="m-1", messages=[{"role": "user", "content": [{"text": text}]}])
"""


def load_scanned(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str) -> Any:
    """Scan a module, activate what is proposed, and import it."""
    found = scan(folder, {f"{name}.py": source})
    monkeypatch.syspath_prepend(str(folder))
    environ = {"TRACING_PROXIES__EXPORT__LOCAL__PATH": str(folder / "traces.db")}
    tracing_proxies.activate(parse_registry(write_registry(found), base=folder, environ=environ))
    return importlib.import_module(name)


@pytest.fixture(autouse=True)
def deactivated() -> Any:
    yield
    tracing_proxies.deactivate()
    for name in ("scanned_server", "scanned_bedrock"):
        sys.modules.pop(name, None)


def test_a_tool_that_a_server_keeps_is_traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mcp")
    module = load_scanned(tmp_path, monkeypatch, "scanned_server", SERVER)
    with capture_spans() as spans:
        asyncio.run(module.server.call_tool("add", {"a": 1, "b": 2}))
    assert [(span.type, span.name, span.input) for span in spans] == [("tool", "add", {"a": 1, "b": 2})]


def test_a_question_to_bedrock_is_a_generation_and_other_services_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("boto3")
    from botocore.stub import Stubber

    module = load_scanned(tmp_path, monkeypatch, "scanned_bedrock", BEDROCK)
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9},
        "metrics": {"latencyMs": 5},
    }
    with Stubber(module.client) as stubber, Stubber(module.other) as others, capture_spans() as spans:
        stubber.add_response("converse", answer)
        others.add_response("get_caller_identity", {"Account": "1", "UserId": "u", "Arn": "a" * 20})
        module.ask("hi")
        module.other.get_caller_identity()
    [span] = spans
    assert (span.type, span.model, span.usage) == ("generation", "m-1", {"input": 7, "output": 2})


def test_what_is_installed_is_read_and_not_imported() -> None:
    before = set(sys.modules)
    found = find_installed("strands.multiagent.graph:Graph.stream_async")
    assert found is not None
    assert found.is_async
    assert find_installed("strands.multiagent.graph:Graph.no_such_method") is None
    assert find_installed("no_such_library.x:f") is None
    assert find_package("no-such-library") is None
    assert set(sys.modules) == before
