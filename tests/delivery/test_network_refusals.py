"""A server that is there and refuses: spans that it cannot take, keys that it does not know, too much, too often."""

from __future__ import annotations

import email.utils
import gzip
import os
import stat
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import tracing_proxies
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.delivery.network import Application, langfuse
from tests.delivery.support import observation, wait_until
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Storage
from tracing_proxies.delivery.spool.dead import DeadLetters
from tracing_proxies.testing import registry_from

Start = Callable[..., Application]


def buried(folder: Path) -> list[tuple[str, str]]:
    """Return why spans were given up, and what they are named."""
    letters = DeadLetters(folder)
    found = []
    for letter in letters.letters():
        request = ExportTraceServiceRequest.FromString(gzip.decompress(letters.read(letter)))
        (span,) = request.resource_spans[0].scope_spans[0].spans
        found.append((letter.why, span.name))
    return found


def test_the_span_that_spoils_a_batch_is_found_and_kept_apart_and_the_rest_arrives(
    start: Start, server: ContractServer, folder: Path
) -> None:
    server.rules(poison=["poison"])
    application = start(langfuse(server.url, folder))
    application.make(40)
    application.make(1, name="poison")
    application.make(59)
    assert application.ends_with(delivered=99, dropped={"rejected": 1})
    assert (server.counts()["unique"], server.counts()["repeated"]) == (99, 0)
    assert buried(folder) == [("http_400", "poison")]
    assert application.status["dead"] == {"folder": str(folder / "dead"), "spans": 1, "trouble": ""}
    assert application.status["healthy"]


def test_what_is_kept_of_it_is_for_its_owner_alone(start: Start, server: ContractServer, folder: Path) -> None:
    server.rules(poison=["poison"])
    application = start(langfuse(server.url, folder))
    application.make(1, name="poison")
    assert application.ends_with(dropped={"rejected": 1})
    (letter,) = (folder / "dead").iterdir()
    assert stat.S_IMODE(letter.stat().st_mode) == 0o600
    assert stat.S_IMODE(letter.parent.stat().st_mode) == 0o700


def test_a_server_that_takes_nothing_of_ours_is_left_alone_before_all_is_given_up(
    start: Start, server: ContractServer, folder: Path
) -> None:
    server.rules(always={"status": 400})
    application = start(langfuse(server.url, folder))
    application.make(100)
    assert wait_until(lambda: application.status["retry_in"] > 200)
    lost = application.account().lost
    assert application.breaker["state"] == "open"
    assert "HTTP 400 for 16 spans in a row" in application.breaker["reason"]
    assert lost == 16
    assert application.account().spooled == 84
    server.rules()
    application.retry_now()
    assert application.ends_with(delivered=84, dropped={"rejected": 16})


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_closed_door_is_told_with_its_path_and_tried_again_after_five_minutes(
    start: Start, server: ContractServer, folder: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server.rules(always={"status": status})
    application = start(langfuse(server.url, folder))
    application.make(20)
    assert application.is_left_alone()
    reason = f"HTTP {status} from {server.url}/api/public/otel/v1/traces: check the address and the keys"
    assert application.breaker["reason"] == application.status["reason"] == reason
    assert not application.status["healthy"]
    assert 290 < application.breaker["next_probe_in"] <= 300
    assert application.ends_with(spooled=20)
    assert wait_until(lambda: f"spans for langfuse have to wait: {reason}" in caplog.text)
    asked = len(server.requests())
    application.clock.advance(250)
    application.make(5)
    assert not application.pipeline.flush(0.2) or application.account().spooled == 25
    assert len(server.requests()) == asked, "nobody's hurry brings it forward"
    server.rules()
    application.clock.advance(50)
    assert application.ends_with(delivered=25)
    assert application.status["healthy"]
    assert server.counts()["repeated"] == 0
    assert SECRET_KEY not in str(application.pipeline.status()) + caplog.text


def test_an_address_with_a_path_is_told_without_it(start: Start, server: ContractServer, folder: Path) -> None:
    application = start(langfuse(server.url + "/t0ken-of-a-vendor", folder))
    application.make(1)
    assert application.is_left_alone()
    assert f"HTTP 404 from {server.url}/…/api/public/otel/v1/traces" in application.breaker["reason"]
    assert "t0ken" not in str(application.pipeline.status())
    assert application.ends_with(spooled=1)


def test_too_large_a_request_is_halved(start: Start, server: ContractServer, folder: Path) -> None:
    server.rules(max_spans=9)
    application = start(langfuse(server.url, folder))
    application.make(100)
    assert application.ends_with(delivered=100)
    assert server.counts()["repeated"] == 0
    assert application.status["shortened"] == 0


def test_a_server_that_says_so_and_hangs_up_before_it_has_read_the_body_is_heard(
    start: Start, server: ContractServer, folder: Path
) -> None:
    server.rules(max_length=600_000)
    application = start(langfuse(server.url, folder, read_timeout=5.0))
    for span in (observation(input=f'"{os.urandom(400_000).hex()}"') for _ in range(4)):
        application.sent.append(span.id)
        application.pipeline.put(span)
    assert application.ends_with(delivered=4)
    assert (server.counts()["unique"], server.counts()["repeated"]) == (4, 0)
    assert 413 in [request["status"] for request in server.requests()]


def test_too_large_a_span_loses_the_ends_of_its_texts_and_then_is_kept_apart(
    start: Start, server: ContractServer, folder: Path
) -> None:
    server.rules(max_bytes=6_000)
    application = start(langfuse(server.url, folder))
    application.make(10)
    application.make(1, name="long", input='"' + "x" * 50_000 + '"')
    application.make(1, name="wide", metadata={f"key-{number}": os.urandom(400).hex() for number in range(30)})
    application.make(10)
    assert application.ends_with(delivered=21, dropped={"too_large": 1})
    assert application.status["shortened"] == 1
    assert buried(folder) == [("http_413", "wide")]
    (long,) = [row for row in server.observations() if row["name"] == "long"]
    assert long["input"].endswith('x… [cut: 50002 characters]"')
    assert server.counts()["repeated"] == 0


def in_seconds(seconds: int) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (lambda: "7", 6, 7),
        (lambda: in_seconds(40), 36, 40),
        (lambda: "soon", 4, 5),
        (lambda: "-30", 0, 1),
        (lambda: in_seconds(-3_600), 0, 1),
        (lambda: "86400", 290, 300),
        (lambda: "9" * 400, 290, 300),
        (lambda: "nan", 4, 5),
        (lambda: None, 4, 5),
    ],
    ids=["seconds", "date", "garbage", "negative", "past", "huge", "enormous", "nan", "none"],
)
def test_a_server_that_asks_for_a_pause_gets_it_within_reason(
    start: Start, server: ContractServer, folder: Path, asked: Callable[[], Any], least: int, most: int
) -> None:
    value = asked()
    fault = {"status": 429, "headers": {} if value is None else {"Retry-After": value}}
    server.rules(always=fault)
    application = start(langfuse(server.url, folder))
    began = application.clock()
    application.make(3)
    assert application.has_tried()
    lane = application.pipeline._lanes[0]
    assert least <= lane.retry_at - began, "with what passed before the reply"
    assert application.status["retry_in"] <= most
    server.rules()
    application.retry_now()
    assert application.ends_with(delivered=3)
    assert server.counts()["repeated"] == 0
    statuses = [request["status"] for request in server.requests()]
    assert (statuses[0], statuses[-1]) == (429, 200)


def test_the_next_process_tries_what_was_refused_with_keys_of_its_own(
    start: Start, server: ContractServer, folder: Path
) -> None:
    wrong = start(LangfuseSink(server.url, PUBLIC_KEY, "sk-lf-wrong", storage=Storage(folder), linger=0.05))
    wrong.make(10)
    assert wrong.is_left_alone()
    assert wrong.ends_with(spooled=10)
    assert "sk-lf-wrong" not in str(wrong.pipeline.status())
    wrong.pipeline.close(0.2)
    right = start(langfuse(server.url, folder))
    right.pipeline.adopt()
    assert wait_until(lambda: server.counts()["unique"] == 10)
    assert wait_until(lambda: right.status["spool"]["adopted_delivered"] == 10)
    assert server.counts()["repeated"] == 0


def test_a_configuration_with_the_right_keys_sends_what_the_wrong_ones_could_not(
    server: ContractServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = types.ModuleType("refused_shop")
    exec("def sell(what):\n    return what", vars(module))
    monkeypatch.setitem(sys.modules, "refused_shop", module)
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC_KEY)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-wrong")
    text = f"""
version: 1
export: {{ langfuse: {{ host: "{server.url}" }} }}
spool: {{ path: "{tmp_path}" }}
trace: [{{ match: "refused_shop:sell" }}]
"""

    def delivery() -> dict[str, Any]:
        found: dict[str, Any] = tracing_proxies.status()["delivery"]
        return found

    tracing_proxies.activate(registry_from(text))
    try:
        for _ in range(3):
            module.sell("oil")
        assert wait_until(lambda: delivery()["sinks"]["langfuse"]["breaker"]["state"] == "open")
        assert wait_until(lambda: delivery()["spooled"] == 3)
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET_KEY)
        tracing_proxies.activate(registry_from(text))
        assert wait_until(lambda: (delivery()["delivered"], delivery()["spooled"]) == (3, 0))
        assert wait_until(lambda: not delivery()["retired"])
        assert (server.counts()["unique"], server.counts()["repeated"]) == (3, 0)
    finally:
        tracing_proxies.deactivate()
