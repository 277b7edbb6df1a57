"""`config show`: every value with its origin, and no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import run
from tests.environment import BUDGET
from tracing_proxies.registry.keys import sections

REGISTRY = """\
version: 1
service: { name: "${APP_NAME}", environment: "${APP_ENV:-dev}" }
include: [more.yaml]
use: [threads, { http: { capture: none } }]
export:
  local: { path: traces.db, retention: 36h }
  langfuse: { host: "https://user:hunter2@langfuse.example" }
masking: { hide: [pan] }
defaults: { capture: { max_bytes: 4KiB }, sample: 10% }
roles:
  agent: { observation: agent, metadata: { id: self.id } }
trace:
  - match: shop:Agent.run
"""
MORE = 'version: 1\nservice: { release: "${DB_PASSWORD}" }\nmasking: { hide: [iban], policy: strict }\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    (tmp_path / "more.yaml").write_text(MORE)
    return tmp_path


def show(folder: Path, **variables: str) -> dict[str, list[tuple[Any, str, list[str]]]]:
    done = run(
        folder, "config", "show", "--json", **{BUDGET: None, "APP_NAME": "shop", "DB_PASSWORD": "hunter2", **variables}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "hunter2" not in done.stdout
    found: dict[str, list[tuple[Any, str, list[str]]]] = {}
    for entry in json.loads(done.stdout)["values"]:
        found.setdefault(entry["key"], []).append((entry["value"], entry["source"], entry["places"]))
    return found


def test_each_value_names_the_line_that_it_comes_from(folder: Path) -> None:
    found = show(folder)
    assert found["service.environment"] == [("dev", "file", ["registry.yaml:2:33"])]
    assert found["export.local.retention"] == [("36h", "file", ["registry.yaml:6:29"])]
    assert found["export.local.path"] == [(str(folder / "traces.db"), "file", ["registry.yaml:6:12"])]
    assert found["defaults.capture.max_bytes"] == [("4KiB", "file", ["registry.yaml:9:24"])]
    assert found["defaults.sample"] == [("10%", "file", ["registry.yaml:9:43"])]
    assert found["masking.policy"] == [("strict", "file", ["more.yaml:3:26"])]
    assert found["masking.hide"][0] == (["iban", "pan"], "file", ["more.yaml:3:12", "registry.yaml:8:12"])
    assert found["roles.agent.metadata.id"] == [("self.id", "file", ["registry.yaml:11:44"])]
    assert found["include"] == [(["more.yaml"], "file", ["registry.yaml:3:1"])]


def test_what_nobody_says_is_a_default_and_lists_that_are_only_added_to_say_so(folder: Path) -> None:
    found = show(folder)
    assert found["export.local.max_size"] == [("1GiB", "default", [])]
    assert found["defaults.nested"] == [("merge", "default", [])]
    assert found["sampling.budget"][0][1] == "default"
    assert found["masking.hide"][1][1] == found["masking.detect"][0][1] == "default"
    assert "email" in found["masking.detect"][0][0]


def test_the_environment_is_named_where_it_decides(folder: Path) -> None:
    found = show(
        folder,
        APP_ENV="prod",
        TRACING_PROXIES__EXPORT__LOCAL__MAX_SIZE="2GiB",
        TRACING_PROXIES__DEFAULTS__CAPTURE__INPUT="false",
        TRACING_PROXIES="off",
    )
    assert found["service.environment"] == [("prod", "file", ["registry.yaml:2:33", "${APP_ENV}"])]
    assert found["export.local.max_size"] == [("2GiB", "environment", ["TRACING_PROXIES__EXPORT__LOCAL__MAX_SIZE"])]
    assert found["defaults.capture.input"] == [(False, "environment", ["TRACING_PROXIES__DEFAULTS__CAPTURE__INPUT"])]
    assert found["TRACING_PROXIES"] == [("off", "environment", ["TRACING_PROXIES"])]


def test_a_presets_values_name_the_preset_or_the_line_beside_its_name(folder: Path) -> None:
    (folder / "registry.yaml").write_text("version: 1\nuse: [strands, { http: { capture: none, native: keep } }]\n")
    found = show(folder)
    assert found["use.strands.native"] == [("mute", "preset", ["strands.yaml:6:3"])]
    assert found["use.http.native"] == [("keep", "file", ["registry.yaml:2:41"])]
    assert found["use.http.capture.input"][0][:2] == (False, "file")


def test_secrets_are_told_to_be_set_and_never_shown(folder: Path) -> None:
    found = show(folder, LANGFUSE_PUBLIC_KEY="pk-hunter2", LANGFUSE_SECRET_KEY="sk-hunter2")
    assert found["LANGFUSE_SECRET_KEY"] == [("set", "environment", ["LANGFUSE_SECRET_KEY"])]
    assert found["service.release"] == [("set", "file", ["more.yaml:2:12", "${DB_PASSWORD}"])]
    assert found["export.langfuse.host"][0][0] == "https://***@langfuse.example"
    assert show(folder)["LANGFUSE_PUBLIC_KEY"] == [("not set", "environment", ["LANGFUSE_PUBLIC_KEY"])]
    told = run(folder, "config", "show", APP_NAME="shop", DB_PASSWORD="hunter2", LANGFUSE_SECRET_KEY="sk-hunter2")
    assert "hunter2" not in told.stdout


def test_without_an_export_block_the_destination_is_the_one_that_the_environment_allows(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text("version: 1\n")
    local = show(tmp_path)
    assert local["export.local.path"] == [(str(tmp_path / ".tracing_proxies" / "traces.db"), "default", [])]
    assert "export.langfuse.host" not in local
    keys = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk", "LANGFUSE_BASE_URL": "http://langfuse.example"}
    sent = show(tmp_path, LANGFUSE_TRACING_ENVIRONMENT="stage", LANGFUSE_RELEASE="1.2", **keys)
    assert sent["export.langfuse.host"] == [("http://langfuse.example", "environment", ["LANGFUSE_BASE_URL"])]
    assert "export.local.path" not in sent
    assert sent["service.environment"] == [("stage", "environment", ["LANGFUSE_TRACING_ENVIRONMENT"])]
    assert sent["service.release"] == [("1.2", "environment", ["LANGFUSE_RELEASE"])]
    assert sent["service.name"] == [("python", "default", [])]


def test_every_declared_key_of_a_section_is_shown(folder: Path) -> None:
    assert show(folder)["alerts"] == [(None, "default", [])], "it says nothing of alerts, so none of it holds"
    with (folder / "registry.yaml").open("a") as registry:
        registry.write("alerts: {}\n")
    found = show(folder)
    for key in sections()["registry"].values():
        if key.kind == "section" and key.section is not None and not key.presets_only and key.name != "export":
            for inner in sections()[key.section].values():
                shown = any(
                    name == f"{key.name}.{inner.name}" or name.startswith(f"{key.name}.{inner.name}.") for name in found
                )
                assert shown, f"{key.name}.{inner.name}"


def test_people_get_one_line_for_each_value(folder: Path) -> None:
    done = run(folder, "config", "show", APP_NAME="shop", DB_PASSWORD="x")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == f"{folder / 'registry.yaml'}, named by the working directory; rules: 1"
    assert "service.name shop registry.yaml:2:12, ${APP_NAME}" in lines
    assert "masking.show not set default" in lines
    named = run(folder, "config", "show", "--registry", "registry.yaml", APP_NAME="shop", DB_PASSWORD="x").stdout
    assert "named by --registry" in named


def test_a_registry_with_mistakes_is_not_shown(folder: Path) -> None:
    done = run(folder, "config", "show")
    assert (done.returncode, done.stdout) == (1, "")
    assert "TP111 the variable 'APP_NAME' is not set" in done.stderr
