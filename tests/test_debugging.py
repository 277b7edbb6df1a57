"""The layer says what it does, room by room, where it is asked to; else nothing, and loggers are left as they were."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import start_server
from tests.environment import inherited
from tracing_proxies import debugging

SHOP = """
import os
import tracing_proxies

class Agent:
    def run(self, mail):
        return mail

tracing_proxies.activate()
Agent().run("ann@shop.example")
tracing_proxies.flush(10)
with open("registry.yaml", "a") as registry:
    registry.write("# more\\n")
tracing_proxies.reload()
with open("registry.yaml", "a") as registry:
    registry.write("nonsense: 1")
tracing_proxies.reload()
"""


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    yield
    debugging.end()


def said(folder: Path, rooms: str, **variables: str) -> tuple[list[dict[str, Any]], str]:
    (folder / "shop.py").write_text(textwrap.dedent(SHOP))
    (folder / "registry.yaml").write_text("version: 1\ntrace:\n  - match: shop:Agent.run\n    observation: agent\n")
    environ = {**inherited(), debugging.VARIABLE: rooms, "TRACING_PROXIES_STRICT": "1", **variables}
    done = subprocess.run(
        [sys.executable, "shop.py"], cwd=folder, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines], done.stderr


def test_each_room_says_what_it_does_as_a_line_of_json_with_the_ids_of_the_trace(tmp_path: Path) -> None:
    server = start_server()
    keys = {"LANGFUSE_PUBLIC_KEY": server.public_key, "LANGFUSE_SECRET_KEY": server.secret_key}
    try:
        lines, text = said(tmp_path, "all", LANGFUSE_BASE_URL=server.url, **keys)
        [received] = server.observations()
    finally:
        server.stop()
    by_event = {(line["room"], line["event"]): line for line in lines}
    # Which of the two threads that finish them tells its line first is chance.
    told = {line["type"]: line for line in lines if (line["room"], line["event"]) == ("recording", "span")}
    span = told["agent"]
    assert (told["score"]["trace_id"], told["score"]["parent_id"]) == (received["trace_id"], received["id"])
    assert (span["trace_id"], span["span_id"]) == (received["trace_id"], received["id"])
    assert (span["name"], span["type"]) == ("Agent.run", "agent")
    assert by_event["weaving", "woven"]["targets"] == 1
    sent = [(line["sink"], line["spans"]) for line in lines if (line["room"], line["event"]) == ("delivery", "sent")]
    assert sorted(sent) == [("langfuse", 1), ("scores", 1)]
    assert by_event["registry", "reloaded"]["rules"] == 1
    assert "TP201" in by_event["registry", "refused"]["reason"]
    assert all(line["at"].endswith("Z") and line["pid"] for line in lines)
    assert "ann@shop.example" not in text
    assert server.secret_key not in text


def test_only_the_rooms_that_are_named_speak_and_a_name_that_is_none_is_told(tmp_path: Path) -> None:
    lines, text = said(tmp_path, "recording, dilevery")
    assert {line["room"] for line in lines} == {"recording"}
    assert "TRACING_PROXIES_DEBUG names no room 'dilevery'. Did you mean 'delivery'?" in text


def test_without_the_variable_nothing_is_said(tmp_path: Path) -> None:
    assert said(tmp_path, "")[0] == []


def test_loggers_are_as_they_were_afterwards_and_the_applications_own_log_has_none_of_it(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("tracing_proxies.delivery")
    before = (logger.level, logger.propagate, list(logger.handlers))
    debugging.begin({debugging.VARIABLE: "delivery"})
    debugging.tell("delivery", "sent", spans=1)
    debugging.tell("sampling", "step")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["sent"]
    assert caplog.records == []
    debugging.begin({debugging.VARIABLE: "sampling"})
    assert debugging.rooms == {"sampling"}
    debugging.end()
    assert (logger.level, logger.propagate, logger.handlers) == before
    debugging.tell("delivery", "sent")
    assert capsys.readouterr().err == ""
