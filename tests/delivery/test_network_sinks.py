"""Several destinations at once: each keeps its own pace, its own spool and its own account."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import ContractServer
from tests.delivery.network import Application, langfuse
from tests.delivery.support import wait_until
from tracing_proxies.delivery.ledger import Balance
from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.delivery.sinks.otlp import OtlpSink
from tracing_proxies.delivery.sinks.protocol import Storage

Start = Callable[..., Application]


def collector(url: str, folder: Path) -> OtlpSink:
    return OtlpSink(url, {}, storage=Storage(folder), linger=0.05, connect_timeout=0.5, read_timeout=0.5)


def sums(application: Application) -> dict[str, tuple[int, int]]:
    """Return what each destination has, and what waits for it."""
    sinks: dict[str, Balance] = dict(application.account().sinks)
    return {name: (one.delivered, one.spooled) for name, one in sinks.items()}


def test_one_that_is_away_costs_the_others_nothing(
    start: Start, server: ContractServer, own_server: ContractServer, tmp_path: Path
) -> None:
    application = start(
        langfuse(own_server.url, tmp_path / "langfuse"),
        collector(server.url, tmp_path / "otlp"),
        LocalSink(tmp_path / "traces.db"),
    )
    application.make(20)
    assert wait_until(lambda: sums(application) == {"langfuse": (20, 0), "otlp": (20, 0), "local": (20, 0)})
    before = own_server.counts()["unique"]
    own_server.stop()
    application.make(30)
    assert wait_until(lambda: sums(application) == {"langfuse": (20, 30), "otlp": (50, 0), "local": (50, 0)})
    sinks = application.pipeline.status()["sinks"]
    assert {name: (one["healthy"], one["breaker"]["state"] == "closed") for name, one in sinks.items()} == {
        "langfuse": (False, False),
        "otlp": (True, True),
        "local": (True, True),
    }
    assert application.pipeline.flush(5), "delivered to two, and safe on disk for the third"
    own_server.restart()
    application.retry_now()
    assert wait_until(lambda: sums(application) == {"langfuse": (50, 0), "otlp": (50, 0), "local": (50, 0)})
    assert (before, own_server.counts()["unique"], own_server.counts()["repeated"]) == (20, 30, 0)
    assert (server.counts()["unique"], server.counts()["repeated"]) == (50, 0)


@pytest.mark.parametrize(
    "fault",
    [
        {"stall": 3},
        {"status": 500},
        {"status": 401},
        {"status": 400},
        {"status": 429, "headers": {"Retry-After": "60"}},
    ],
    ids=["hangs", "500", "401", "400", "429"],
)
def test_whatever_one_of_them_does_the_other_has_everything(
    start: Start, server: ContractServer, own_server: ContractServer, tmp_path: Path, fault: dict[str, Any]
) -> None:
    own_server.rules(always=fault)
    application = start(langfuse(own_server.url, tmp_path / "langfuse"), collector(server.url, tmp_path / "otlp"))
    for _ in range(4):
        application.make(10)
    assert wait_until(lambda: sums(application)["otlp"] == (40, 0))
    assert server.counts()["repeated"] == 0
    assert sums(application)["langfuse"][0] == 0
    own_server.rules()
    application.retry_now()
    lost = application.account().sinks["langfuse"].lost
    assert wait_until(lambda: sums(application)["langfuse"][0] + application.account().sinks["langfuse"].lost == 40)
    assert lost == 0 or fault == {"status": 400}


def test_two_destinations_of_one_process_share_no_file(
    start: Start, server: ContractServer, own_server: ContractServer, tmp_path: Path
) -> None:
    own_server.rules(poison=["poison"])
    server.rules(poison=["poison"])
    application = start(langfuse(own_server.url, tmp_path / "langfuse"), collector(server.url, tmp_path / "otlp"))
    application.make(1, name="poison")
    assert application.ends_with(dropped={"rejected": 1})
    assert wait_until(lambda: application.account().sinks["otlp"].dropped == {"rejected": 1})
    assert [len(list((tmp_path / name / "dead").iterdir())) for name in ("langfuse", "otlp")] == [1, 1]
