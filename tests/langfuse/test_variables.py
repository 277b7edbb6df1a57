"""Every variable that Langfuse's SDK documents is honoured, or said not to apply."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

import tracing_proxies
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.langfuse import work
from tracing_proxies.cli.main import commands
from tracing_proxies.destinations import open_score_sinks, open_sinks
from tracing_proxies.langfuse.variables import VARIABLES, sink_settings
from tracing_proxies.testing import registry_from

KEYS = {
    "LANGFUSE_BASE_URL": "http://127.0.0.1:9",
    "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY,
    "LANGFUSE_SECRET_KEY": SECRET_KEY,
}
Activate = Callable[..., None]


def show(path: Any, monkeypatch: pytest.MonkeyPatch, text: str = "", **variables: str) -> dict[str, Any]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    path.write_text(f"version: 1\n{text}")
    shown = CliRunner().invoke(commands, ["config", "show", "--registry", str(path), "--json"], catch_exceptions=False)
    return {entry["key"]: entry["value"] for entry in json.loads(shown.stdout)["values"]}


def test_every_variable_of_the_installed_sdk_is_known() -> None:
    from langfuse._client import environment_variables

    documented = {value for name, value in vars(environment_variables).items() if name.startswith("LANGFUSE_")}
    assert documented <= {variable.name for variable in VARIABLES}


def test_each_is_either_honoured_or_has_a_reason_why_not() -> None:
    for variable in VARIABLES:
        assert bool(variable.honoured) != bool(variable.reason), variable.name


@pytest.mark.parametrize(
    ("name", "value", "setting", "expected"),
    [
        ("LANGFUSE_TIMEOUT", "7", "read_timeout", 7.0),
        ("LANGFUSE_TIMEOUT", "0", "read_timeout", 0.1),
        ("LANGFUSE_FLUSH_AT", "20", "max_batch_spans", 20),
        ("LANGFUSE_FLUSH_AT", "100000", "max_batch_spans", 512),
        ("LANGFUSE_FLUSH_INTERVAL", "0.5", "linger", 0.5),
        ("LANGFUSE_OTEL_MAX_BATCH_SIZE_BYTES", "100000", "max_batch_bytes", 100_000),
        ("LANGFUSE_OTEL_TRACES_EXPORT_PATH", "proxy/traces", "path", "/proxy/traces"),
        ("LANGFUSE_TIMEOUT", "soon", "read_timeout", None),
        ("LANGFUSE_TIMEOUT", "nan", "read_timeout", None),
        ("LANGFUSE_FLUSH_AT", "1.5", "max_batch_spans", None),
    ],
)
def test_what_sets_something_of_the_sink_is_read_and_clamped(
    name: str, value: str, setting: str, expected: Any
) -> None:
    assert sink_settings({name: value}).get(setting) == expected


def test_a_batch_has_no_more_spans_than_it_may(
    server: ContractServer, activate: Activate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGFUSE_FLUSH_AT", "2")
    activate("trace:\n  - match: tests.langfuse.work:tool\n")
    for _ in range(5):
        work.tool()
    assert tracing_proxies.flush(10)
    assert sum(request["spans"] for request in server.requests()) == 5
    assert max(request["spans"] for request in server.requests()) <= 2


@pytest.mark.parametrize("text", ["", "export: { langfuse: {} }\n"])
def test_nothing_is_sent_where_tracing_is_switched_off(text: str) -> None:
    environ = {**KEYS, "LANGFUSE_TRACING_ENABLED": "False"}
    registry = registry_from(f"version: 1\n{text}")
    assert [sink.name for sink in open_sinks(registry, environ) if sink.name != "discard"] == []
    assert open_score_sinks(registry, environ) == []
    assert [sink.name for sink in open_sinks(registry, KEYS)] == ["langfuse"]


def test_the_older_name_of_the_address_holds_where_the_newer_is_not_set() -> None:
    environ = {**KEYS, "LANGFUSE_HOST": "http://127.0.0.1:10"}
    registry = registry_from("version: 1\n")
    assert "127.0.0.1:9" in repr(open_sinks(registry, environ)[0])
    assert "127.0.0.1:10" in repr(open_sinks(registry, {**environ, "LANGFUSE_BASE_URL": ""})[0])


def test_debug_logs_each_request(
    server: ContractServer, activate: Activate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("tracing_proxies")
    monkeypatch.setattr(log, "level", log.level)
    monkeypatch.setenv("LANGFUSE_DEBUG", "true")
    activate("trace:\n  - match: tests.langfuse.work:tool\n")
    work.tool()
    assert tracing_proxies.flush(10)
    assert any("request 1 to langfuse: accepted" in record.getMessage() for record in caplog.records)


def test_config_shows_what_comes_of_each(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {variable.name: "5" for variable in VARIABLES} | {**KEYS, "LANGFUSE_SAMPLE_RATE": "0.1"}
    shown = show(tmp_path / "registry.yaml", monkeypatch, **values)
    for variable in VARIABLES:
        if "KEY" in variable.name:
            assert shown[variable.name] == "set"
        elif variable.reason or variable.name == "LANGFUSE_HOST":
            assert "not applicable" in shown[variable.name], variable.name
        else:
            assert "not applicable" not in shown[variable.name], variable.name
    assert shown["LANGFUSE_SAMPLE_RATE"].startswith("0.1 (not applicable: superseded")
    assert shown["LANGFUSE_HOST"] == "5 (not applicable: LANGFUSE_BASE_URL holds)"
    assert SECRET_KEY not in json.dumps(shown)


def test_config_shows_that_the_registry_holds_instead(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "service: { environment: dev }\nexport: { langfuse: { host: http://127.0.0.1:9 } }\n"
    values = {"LANGFUSE_TRACING_ENVIRONMENT": "stage", "LANGFUSE_RELEASE": "5", "LANGFUSE_BASE_URL": "http://x"}
    shown = show(tmp_path / "registry.yaml", monkeypatch, text, **values)
    assert shown["LANGFUSE_TRACING_ENVIRONMENT"] == "stage (not applicable: service.environment holds)"
    assert shown["LANGFUSE_BASE_URL"] == "http://x (not applicable: export.langfuse.host holds)"
    assert shown["LANGFUSE_RELEASE"] == "5"


def test_the_reason_why_a_variable_does_not_apply_is_not_cut(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text("version: 1\n")
    monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "0.1")
    done = CliRunner().invoke(commands, ["config", "show", "--registry", str(path)])
    [line] = [line for line in done.stdout.splitlines() if line.startswith("LANGFUSE_SAMPLE_RATE")]
    assert line.endswith("would be thinned once more by it)")


def test_config_shows_what_is_clamped_and_what_cannot_be_read(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show(
        tmp_path / "registry.yaml",
        monkeypatch,
        LANGFUSE_FLUSH_AT="100000",
        LANGFUSE_TIMEOUT="soon",
        LANGFUSE_BASE_URL="https://user:secret@langfuse.example.org",
    )
    assert shown["LANGFUSE_FLUSH_AT"] == "100000 (as 512)"
    assert shown["LANGFUSE_TIMEOUT"] == "soon (not applicable: it cannot be read)"
    assert "secret" not in shown["LANGFUSE_BASE_URL"]
    assert not set(shown) & {"LANGFUSE_SAMPLE_RATE", "LANGFUSE_RELEASE"}
