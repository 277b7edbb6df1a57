"""Which destinations a registry and the environment ask for, and that each gets its spans."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tracing_proxies
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer, start_server
from tracing_proxies import destinations
from tracing_proxies.delivery.sinks.otlp import OtlpSink
from tracing_proxies.errors import ActivationError, RegistryError
from tracing_proxies.testing import registry_from


@pytest.fixture(scope="module")
def server() -> Iterator[ContractServer]:
    made = start_server()
    yield made
    made.stop()


@pytest.fixture
def shop(server: ContractServer) -> Iterator[Any]:
    server.reset()
    module = types.ModuleType("destined_shop")
    exec("def sell(what):\n    return what", vars(module))
    sys.modules["destined_shop"] = module
    yield module
    tracing_proxies.deactivate()
    del sys.modules["destined_shop"]


def activate(export: str) -> None:
    tracing_proxies.activate(
        registry_from(f"version: 1\nexport: {export}\ntrace: [{{ match: 'destined_shop:sell' }}]\n")
    )


def test_a_collector_gets_spans_with_the_headers_of_the_registry(server: ContractServer, shop: Any) -> None:
    activate(f'{{ otlp: {{ endpoint: "{server.url}", headers: {{ X-Tenant: shop }} }} }}')
    shop.sell("oil")
    assert tracing_proxies.flush(10)
    assert [row["name"] for row in server.observations()] == ["sell"]
    (request,) = server.requests()
    assert {key.lower(): value for key, value in request["headers"].items()}["x-tenant"] == "shop"


def test_address_and_headers_of_a_collector_may_come_from_the_environment(
    server: ContractServer, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url + "/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=Bearer%20abc, x-tenant=two")
    activate("{ otlp: {} }")
    shop.sell("oil")
    assert tracing_proxies.flush(10)
    (request,) = server.requests()
    headers = {key.lower(): value for key, value in request["headers"].items()}
    assert (headers["x-key"], headers["x-tenant"]) == ("Bearer abc", "two")


def test_langfuse_a_collector_and_a_local_store_are_served_side_by_side(
    server: ContractServer, shop: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC_KEY)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET_KEY)
    activate(
        f'{{ langfuse: {{ host: "{server.url}", durability: wal }}, '
        f'otlp: {{ endpoint: "{server.url}/v1/traces" }}, local: {{ path: "{tmp_path}/t.db" }} }}'
    )
    for _ in range(5):
        shop.sell("oil")
    assert tracing_proxies.flush(10)
    sinks = tracing_proxies.status()["delivery"]["sinks"]
    assert {name: state["delivered"] for name, state in sinks.items()} == {"langfuse": 5, "otlp": 5, "local": 5}
    assert [sinks[name]["durability"] for name in ("langfuse", "otlp")] == ["wal", "spill"]


def test_spans_for_one_project_never_wait_in_the_folder_of_another(tmp_path: Path) -> None:
    spool = registry_from(f'version: 1\nspool: {{ path: "{tmp_path}" }}').spool
    folders = {
        destinations.spool_folder(spool, {}, name) for name in ("http://a\npk-1", "http://a\npk-2", "http://b\npk-1")
    }
    assert len(folders) == 3
    assert {folder.parent for folder in folders} == {tmp_path}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_STATE_HOME": "/var/state"}, "/var/state/tracing_proxies/spool"),
        ({"XDG_STATE_HOME": "relative"}, str(Path.home() / ".local/state/tracing_proxies/spool")),
        ({}, str(Path.home() / ".local/state/tracing_proxies/spool")),
    ],
)
def test_the_spool_lies_in_the_users_state_folder(environ: dict[str, str], expected: str) -> None:
    spool = registry_from("version: 1").spool
    assert str(destinations.spool_folder(spool, environ, "x").parent) == expected


def test_a_collector_without_an_address_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    with pytest.raises(ActivationError, match="needs an address"):
        activate("{ otlp: {} }")
    with pytest.raises(ActivationError, match="http"):
        activate('{ otlp: { endpoint: "localhost:4317" } }')


def test_no_message_repeats_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RegistryError) as caught:
        registry_from(
            'version: 1\nexport: { otlp: { headers: { "authorization": "sek\\u00e9-ret-1", "a b": sek-ret-2 } } }'
        )
    assert "authorization" in str(caught.value)
    assert "ret-" not in str(caught.value)
    registry = registry_from(
        "version: 1\nexport: { otlp: { endpoint: 'http://x', headers: { authorization: sek-ret } } }"
    )
    assert "sek-ret" not in repr(registry.export)
    assert "sek-ret" not in repr(OtlpSink("http://x", registry.export.otlp.headers))  # type: ignore[union-attr]
