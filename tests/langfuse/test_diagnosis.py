"""Status and doctor say what becomes of the clients of Langfuse's SDK."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator

import pytest
from langfuse import Langfuse
from langfuse._client.resource_manager import LangfuseResourceManager
from opentelemetry.sdk.trace import TracerProvider

import tracing_proxies
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.langfuse import work
from tracing_proxies.cli.running import draw_process
from tracing_proxies.diagnosis.sdk import look_at_sdk
from tracing_proxies.testing import registry_from

Activate = Callable[..., None]


@pytest.fixture(autouse=True)
def _no_clients() -> Iterator[None]:
    yield
    while LangfuseResourceManager._instances:
        _, manager = LangfuseResourceManager._instances.popitem()
        atexit.unregister(manager.shutdown)


def client(url: str, project: str = PUBLIC_KEY, **options: object) -> Langfuse:
    provider = TracerProvider(shutdown_on_exit=False)
    return Langfuse(public_key=project, secret_key=SECRET_KEY, base_url=url, tracer_provider=provider, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lines", "project", "options", "level", "said"),
    [
        ("", PUBLIC_KEY, {}, "fine", "become part of these traces"),
        ("", PUBLIC_KEY, {"sample_rate": 0.5}, "note", "sample_rate=0.5"),
        ("", "pk-lf-other", {}, "note", "are not part of these traces"),
        ("use: [{ langfuse: { native: keep } }]", PUBLIC_KEY, {}, "note", "are not part of these traces"),
        ("export: { discard: {} }", PUBLIC_KEY, {}, "note", "its spans go to its server"),
        ("export: { discard: {} }\nuse: [langfuse]", PUBLIC_KEY, {}, "fine", "become part of these traces"),
    ],
)
def test_the_doctor_tells_of_clients_that_an_import_makes(
    server: ContractServer,
    environ: None,
    lines: str,
    project: str,
    options: dict[str, object],
    level: str,
    said: str,
) -> None:
    client(server.url, project, **options)
    [finding] = look_at_sdk(registry_from(f"version: 1\n{lines}\n"))
    assert (finding.level, finding.about) == (level, "sdk")
    assert said in finding.seen
    assert project in finding.seen


def test_without_a_client_there_is_nothing_to_tell(environ: None) -> None:
    assert list(look_at_sdk(registry_from("version: 1\n"))) == []


def test_the_status_tells_of_scores_and_clients(server: ContractServer, activate: Activate) -> None:
    early = client(server.url)
    activate("trace:\n  - match: tests.langfuse.work:agent\n    observation: agent\n")
    work.agent()
    assert tracing_proxies.flush(10)
    lines = "\n".join(draw_process(tracing_proxies.status()))
    assert "1 produced, 1 delivered, 0 queued, 0 spooled" in lines
    assert f"{PUBLIC_KEY}: adopted, made before tracing was activated" in lines
    assert early is not None
