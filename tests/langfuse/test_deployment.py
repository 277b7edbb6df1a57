"""What is in deploy/ holds together: by the schema of compose files, and by what each part needs of the others."""

from __future__ import annotations

import configparser
import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.application.conftest import ROOT
from tests.contract.routes import VERSION

DEPLOY = ROOT / "deploy"
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(:[?-])?([^}]*)\}")
SIZES = re.compile(r"[0-9]+(m|Mi|Gi)?")


def load(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def generated() -> set[str]:
    """Return the names of the settings that provision.py makes."""
    names = re.findall(r'^        "([A-Z_]+)": (?:lambda|random)', (DEPLOY / "provision.py").read_text(), re.MULTILINE)
    assert len(names) == 18
    return set(names)


@pytest.fixture(scope="module")
def check_compose() -> Callable[[Any], None]:
    pytest.importorskip("check_jsonschema", reason="it needs Python 3.11")  # what brings the schema
    schema = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    parsed = json.loads(schema.read_text("utf-8"))
    return jsonschema.validators.validator_for(parsed)(parsed).validate


def test_the_compose_file_keeps_the_compose_specification(check_compose: Callable[[Any], None]) -> None:
    compose = load("compose.yaml")
    check_compose(compose)
    for break_it in (
        lambda broken: broken["services"]["web"].update(imag="x"),
        lambda broken: broken["services"]["redis"].update(restart=["always"]),
        lambda broken: broken["services"]["minio"]["healthcheck"].update(intervall="5s"),
    ):
        broken = copy.deepcopy(compose)
        break_it(broken)
        with pytest.raises(jsonschema.ValidationError):
            check_compose(broken)


def test_the_compose_client_takes_the_file_where_there_is_one(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("no docker client with compose here")
    environ = tmp_path / "server.env"
    environ.write_text("".join(f"{name}=x\n" for name in generated()))
    command = [docker, "compose", "--env-file", str(environ), "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_variable_of_the_compose_file_is_made_by_the_script_or_has_a_default() -> None:
    found = VARIABLE.findall((DEPLOY / "compose.yaml").read_text())
    required = {name for name, mark, _ in found if mark == ":?"}
    assert required <= generated()
    assert {mark for _, mark, _ in found} == {":?", ":-"}
    assert generated() - required <= {"LANGFUSE_PORT"}


def test_the_containers_are_pinned_wait_for_each_other_and_show_only_the_pages() -> None:
    compose = load("compose.yaml")
    services = compose["services"]
    images = {name: service["image"] for name, service in services.items()}
    assert images["web"] == f"docker.io/langfuse/langfuse:{VERSION}"
    assert images["worker"] == f"docker.io/langfuse/langfuse-worker:{VERSION}"
    assert all(re.fullmatch(r"[a-z.]+/[a-z-]+/[a-z-]+:(RELEASE\.)?\d[\w.-]*", image) for image in images.values()), (
        images
    )
    assert [name for name, service in services.items() if "ports" in service] == ["web"]
    assert services["web"]["ports"][0].startswith("${LANGFUSE_ADDRESS:-127.0.0.1}:")
    for name in ("web", "worker"):
        assert set(services[name]["depends_on"]) == {"postgres", "clickhouse", "redis", "minio"}
    assert all("healthcheck" in services[name] for name in services["web"]["depends_on"])
    used = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert used == set(compose["volumes"])
    shared = services["worker"]["environment"]
    assert shared.items() <= services["web"]["environment"].items()
    assert shared["REDIS_AUTH"] == services["redis"]["environment"]["REDIS_PASSWORD"]
    assert shared["CLICKHOUSE_PASSWORD"] == services["clickhouse"]["environment"]["CLICKHOUSE_PASSWORD"]
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"] in shared["DATABASE_URL"]
    assert (
        services["minio"]["environment"]["MINIO_ROOT_PASSWORD"] == shared["LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY"]
    )


COMPONENTS = {
    "receivers": {"otlp": {"protocols"}},
    "processors": {
        "memory_limiter": {"check_interval", "limit_percentage", "spike_limit_percentage"},
        "batch": {"timeout", "send_batch_size", "send_batch_max_size"},
    },
    "exporters": {
        "otlphttp": {
            "traces_endpoint",
            "encoding",
            "compression",
            "auth",
            "headers",
            "retry_on_failure",
            "sending_queue",
        }
    },
    "extensions": {
        "health_check": {"endpoint"},
        "file_storage": {"directory", "create_directory"},
        "basicauth": {"client_auth"},
    },
}


def mistakes_of_collector(config: Any) -> Iterator[str]:
    """Yield what a Collector would refuse: unknown components and fields, and names that refer to nothing."""
    if unknown := set(config) - {*COMPONENTS, "service"}:
        yield f"unknown sections: {unknown}"
    for section, known in COMPONENTS.items():
        for name, fields in config[section].items():
            allowed = known.get(name.partition("/")[0])
            if allowed is None or set(fields) - allowed:
                yield f"unknown in {section}: {name} {fields}"
    service = config["service"]
    yield from (f"no extension {name}" for name in service["extensions"] if name not in config["extensions"])
    for kind, pipeline in service["pipelines"].items():
        if kind.partition("/")[0] not in ("traces", "metrics", "logs"):
            yield f"no kind of pipeline: {kind}"
        for section, names in pipeline.items():
            yield from (f"no {name} in {section}" for name in names if name not in config[section])
        if not pipeline["receivers"] or not pipeline["exporters"]:
            yield "a pipeline without ends"
    for exporter in config["exporters"].values():
        for name in (exporter["auth"]["authenticator"], exporter["sending_queue"]["storage"]):
            if name not in service["extensions"]:
                yield f"{name} is no extension in use"


def test_the_collectors_configuration_refers_to_nothing_that_is_missing() -> None:
    config = load("collector.yaml")
    assert list(mistakes_of_collector(config)) == []
    for break_it in (
        lambda broken: broken["service"]["pipelines"]["traces"]["processors"].append("tail_sampling"),
        lambda broken: broken["exporters"]["otlphttp/langfuse"].update(endpont="x"),
        lambda broken: broken["service"]["extensions"].remove("file_storage"),
        lambda broken: broken.update(exporter={}),
    ):
        broken = copy.deepcopy(config)
        break_it(broken)
        assert list(mistakes_of_collector(broken))


def test_the_collector_sends_what_langfuse_takes() -> None:
    config = load("collector.yaml")
    exporter = config["exporters"]["otlphttp/langfuse"]
    assert exporter["headers"] == {"x-langfuse-ingestion-version": "4"}
    assert exporter["traces_endpoint"] == "${env:LANGFUSE_BASE_URL}/api/public/otel/v1/traces"
    assert (exporter["compression"], exporter["encoding"]) == ("gzip", "proto")
    assert config["service"]["pipelines"]["traces"]["processors"][0] == "memory_limiter"
    assert set(re.findall(r"\$\{env:(\w+)\}", (DEPLOY / "collector.yaml").read_text())) == {
        "LANGFUSE_BASE_URL",
        "LANGFUSE_PUBLIC_KEY",
        "LANGFUSE_SECRET_KEY",
    }


def references(tree: Any) -> Iterator[dict[str, str]]:
    if isinstance(tree, dict):
        yield from ([tree["secretKeyRef"]] if "secretKeyRef" in tree else [])
        for value in tree.values():
            yield from references(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from references(item)


def test_the_helm_values_take_each_secret_from_what_the_script_makes() -> None:
    values = load("helm-values.yaml")
    assert set(values) == {"langfuse", "clickhouse"}
    assert values["langfuse"]["image"]["tag"] == VERSION
    found = list(references(values))
    assert {item["name"] for item in found} == {"langfuse"}
    assert {item["key"] for item in found} <= generated()
    assert values["clickhouse"]["auth"]["existingSecretKey"] in generated()
    environ = {item["name"]: item for item in values["langfuse"]["additionalEnv"]}
    assert {name for name in generated() if name.startswith("LANGFUSE_INIT_")} < set(environ)
    assert all(
        item["valueFrom"]["secretKeyRef"]["key"] == name for name, item in environ.items() if "valueFrom" in item
    )
    for part in ("web", "worker"):
        amounts = values["langfuse"][part]["resources"]
        assert all(SIZES.fullmatch(str(size)) for kind in amounts.values() for size in kind.values())


def test_the_example_of_an_environment_names_only_variables_that_are_read() -> None:
    names = set(re.findall(r"^#? ?([A-Z_]+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE))
    assert {"LANGFUSE_BASE_URL", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"} < names
    source = "".join(file.read_text() for file in (ROOT / "tracing_proxies").rglob("*.py"))
    source += (ROOT / "registry.yaml").read_text()
    assert {name for name in names if name.removesuffix("_FILE") not in source} == set()


def test_the_unit_for_systemd_is_a_unit(tmp_path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "application.service")
    assert unit.sections() == ["Unit", "Service", "Install"]
    assert "tracing-proxies run --" in unit["Service"]["ExecStart"]
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("no systemd here")
    text = (DEPLOY / "application.service").read_text().replace("/srv/app/.venv/bin/tracing-proxies", "/bin/true")
    (tmp_path / "app.service").write_text(text)
    done = subprocess.run([verify, "verify", "--man=no", str(tmp_path / "app.service")], capture_output=True, text=True)
    assert "app.service" not in done.stderr, done.stderr


def test_the_deployment_for_kubernetes_mounts_what_it_has_and_reads_what_the_script_writes() -> None:
    deployment = load("application.kubernetes.yaml")
    assert (deployment["apiVersion"], deployment["kind"]) == ("apps/v1", "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    (container,) = spec["containers"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(volumes) == set(mounts)
    environ = {item["name"]: item for item in container["env"]}
    script = (DEPLOY / "provision.py").read_text()
    written = re.findall(r'^        "(LANGFUSE_(?:BASE|PUBLIC|SECRET)\w+)": ', script, re.MULTILINE)
    assert {item["key"] for item in references(container)} | {"LANGFUSE_SECRET_KEY"} == set(written)
    item = volumes["keys"]["secret"]["items"][0]
    assert environ["LANGFUSE_SECRET_KEY_FILE"]["value"] == f"{mounts['keys']}/{item['path']}"
    assert environ["TRACING_PROXIES_REGISTRY"]["value"].startswith(mounts["registry"])
    assert environ["XDG_STATE_HOME"]["value"] == mounts["spool"]
