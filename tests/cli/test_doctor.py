"""The doctor says what was seen and what to do, and fails where something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.environment import inherited
from tracing_proxies.diagnosis.callables import layers_of
from tracing_proxies.diagnosis.destination import look_at_clock, look_at_store

PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
SHOP = """
import functools
import wrapt

def work(task):
    return task

def countdown(n):
    return n and countdown(n - 1)

class Router:
    def __init__(self):
        self.handler = work

def spied(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

class Application:
    def __init__(self):
        self.router = Router()

application = Application()
CACHED = functools.lru_cache(work)
WRAPPED = spied(work)
TOOLS = [work]
"""


SPY = """
import functools

def trace(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner
"""


def doctor(folder: Path, registry: str, *, status: int, **variables: str) -> list[tuple[str, str, str]]:
    """Run the doctor; returns level, subject and text of each finding."""
    (folder / "registry.yaml").write_text("version: 1\n" + registry)
    environ = inherited()
    command = [PROGRAM, "doctor", "--json"]
    done = subprocess.run(command, cwd=folder, env={**environ, **variables}, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, (done.stdout, done.stderr)
    findings = json.loads(done.stdout)["findings"]
    assert all(found["todo"] for found in findings if found["level"] == "wrong")
    return [(found["level"], found["about"], found["seen"]) for found in findings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


@pytest.fixture(scope="module")
def server() -> Iterator[ContractServer]:
    server = ContractServer()
    yield server
    server.stop()


def of(findings: list[tuple[str, str, str]], about: str) -> list[str]:
    return [seen for _, subject, seen in findings if subject == about]


def test_a_healthy_application_has_nothing_wrong_and_is_told_in_words(folder: Path) -> None:
    (folder / "registry.yaml").write_text("version: 1\ntrace:\n  - match: shop:spied\n")
    done = subprocess.run([PROGRAM, "doctor"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "✓ targets: 1 callables are traced.\n" in done.stdout
    assert f"✓ destination: Traces will go to {folder}/.tracing_proxies/traces.db.\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 wrong, 0 to know, in ")
    assert not (folder / ".tracing_proxies").exists()


def test_references_out_of_reach_are_named_with_module_and_name(folder: Path) -> None:
    findings = doctor(folder, "trace:\n  - match: shop:work\n", status=0)
    references = of(findings, "reference")
    assert any(seen.startswith("shop:CACHED ") and "lru_cache" in seen for seen in references)
    assert any(seen.startswith("shop:WRAPPED ") and "closure" in seen for seen in references)
    assert any("shop.Router" in seen and "'handler'" in seen for seen in references)
    assert not any("TOOLS" in seen for seen in references)
    assert of(findings, "late")[0].startswith("1 references")


def test_recursion_is_warned_of(folder: Path) -> None:
    findings = doctor(folder, "trace:\n  - match: shop:countdown\n", status=0)
    assert "shop:countdown seems to call itself" in of(findings, "recursion")[0]


KINDS = """
import types
from types import FunctionType

def names_functions(found):
    return [name for name, value in found.items() if type(value) is FunctionType]

class Meta:
    @staticmethod
    def takes(value):
        if type(value) is not types.FunctionType:
            return "value"
        return "call"

def is_function(value):
    return isinstance(value, FunctionType) or type(value) in {FunctionType} or type(value) is int
"""


def test_code_that_asks_for_the_very_class_of_functions_is_named(folder: Path) -> None:
    (folder / "kinds.py").write_text(KINDS)
    seen = of(doctor(folder, "trace:\n  - match: ['kinds:*', 'kinds:*.*']\n", status=0), "type")
    assert [text.partition(" asks by ")[0] for text in seen] == ["kinds:names_functions", "kinds:Meta.takes"]
    assert of(doctor(folder, "trace:\n  - match: shop:work\n", status=0), "type") == []


def test_code_that_asks_for_it_is_named_where_traced_methods_inherit_from_its_package(folder: Path) -> None:
    (folder / "kinds.py").write_text(KINDS)
    (folder / "hello.py").write_text(
        "from kinds import Meta\n\nclass Hello(Meta):\n    def render(self):\n        return 'hello'\n"
    )
    seen = of(doctor(folder, "trace:\n  - match: hello:Hello.render\n", status=0), "type")
    assert [text.partition(" asks by ")[0] for text in seen] == ["kinds:names_functions", "kinds:Meta.takes"]


def test_wrappers_beneath_ours_are_named() -> None:
    import functools

    import wrapt

    def plain() -> None:
        return None

    @functools.wraps(plain)
    def decorated() -> None:
        return None

    def advice(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return wrapped(*args, **kwargs)

    home = __name__
    assert layers_of(plain) == []
    assert layers_of(decorated) == [f"{home} (functools.wraps)"]
    assert layers_of(wrapt.FunctionWrapper(decorated, advice)) == [f"{home} (wrapt)", f"{home} (functools.wraps)"]


def test_a_foreign_wrapper_is_told(folder: Path) -> None:
    (folder / "other.py").write_text(SPY)
    (folder / "app.py").write_text("from other import trace\n@trace\ndef run():\n    return 1\n")
    findings = doctor(folder, "trace:\n  - match: app:run\n", status=0)
    assert of(findings, "wrapper") == [
        "app:run is wrapped already, by other (functools.wraps); our wrapper is the outermost."
    ]


def test_rules_without_a_match_and_refused_ones_are_wrong(folder: Path) -> None:
    rules = "trace:\n  - match: [shop:wrok, 'datetime:date.today', nowhere:f]\n"
    findings = doctor(folder, rules, status=1)
    problems = of(findings, "rule")
    assert any("no match for 'shop:wrok'" in seen and "shop:work" in seen for seen in problems)
    assert any("'datetime:date.today' cannot be traced" in seen and "written in C" in seen for seen in problems)
    assert any("nowhere" in seen for seen in of(findings, "import"))
    assert "datetime:date.today" in of(findings, "refused")[0]


def test_a_mistake_in_the_registry_is_wrong(folder: Path) -> None:
    findings = doctor(folder, "trcae: []\n", status=1)
    assert "TP201" in of(findings, "registry")[0]


@pytest.mark.parametrize(
    ("preset", "seen"),
    [
        ("preset: { requires: nowhere-lib, summary: s }\n", "The preset extra is left out: nowhere-lib"),
        ("preset: { summary: s }\ntrace:\n  - match: shop:gone\n", "The preset extra found no shop:gone"),
    ],
)
def test_presets_that_find_nothing_are_wrong(folder: Path, preset: str, seen: str) -> None:
    (folder / "extras").mkdir()
    (folder / "extras" / "__init__.py").write_text("")
    (folder / "extras" / "extra.yaml").write_text("version: 1\n" + preset)
    about = folder / "extras-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: extras\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[tracing_proxies.adapters]\nextra = extras\n")
    findings = doctor(folder, "use: [extra]\ntrace:\n  - match: shop:work\n", status=1, PYTHONPATH=str(folder))
    assert of(findings, "preset")[0].startswith(seen)


def test_another_instrumentation_of_the_same_library_is_told(folder: Path) -> None:
    about = folder / "opentelemetry_instrumentation_shop-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: opentelemetry-instrumentation-shop\nVersion: 1.0\n")
    findings = doctor(folder, "trace:\n  - match: shop:work\n", status=0, PYTHONPATH=str(folder))
    assert of(findings, "instrumentation") == [
        "opentelemetry-instrumentation-shop, which traces shop as well, is installed, and not loaded in this process."
    ]


def test_a_server_that_answers_is_fine_and_wrong_keys_are_wrong(folder: Path, server: ContractServer) -> None:
    rules = "trace:\n  - match: shop:work\n"
    keys = {"LANGFUSE_BASE_URL": server.url, "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY, "LANGFUSE_SECRET_KEY": SECRET_KEY}
    findings = doctor(folder, rules, status=0, **keys)
    assert of(findings, "destination") == [f"Traces go to the Langfuse server {server.url}, which answers."]
    findings = doctor(folder, rules, status=1, **{**keys, "LANGFUSE_SECRET_KEY": "sk-lf-wrong-one"})
    assert "does not accept the keys (HTTP 401)" in of(findings, "destination")[0]
    assert "sk-lf-wrong-one" not in str(findings)


def test_a_server_that_is_not_there_is_wrong(folder: Path) -> None:
    rules = "export: { langfuse: { host: 'http://127.0.0.1:9' } }\ntrace:\n  - match: shop:work\n"
    findings = doctor(folder, rules, status=1, LANGFUSE_PUBLIC_KEY="pk", LANGFUSE_SECRET_KEY="sk")
    assert of(findings, "destination") == [
        "The Langfuse server http://127.0.0.1:9 cannot be reached (Connection refused)."
    ]
    findings = doctor(folder, rules, status=1)
    assert "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY missing" in of(findings, "destination")[0]


def test_a_collector_that_answers_is_fine_and_one_that_is_not_there_is_wrong(
    folder: Path, server: ContractServer
) -> None:
    rules = "trace:\n  - match: shop:work\n"
    findings = doctor(folder, f"export: {{ otlp: {{ endpoint: '{server.url}' }} }}\n{rules}", status=0)
    assert of(findings, "destination") == [f"Traces go to the collector {server.url}, which answers."]
    findings = doctor(folder, f"export: {{ otlp: {{ endpoint: 'http://127.0.0.1:9' }} }}\n{rules}", status=1)
    assert of(findings, "destination") == ["The collector http://127.0.0.1:9 cannot be reached (Connection refused)."]
    assert server.received()["observations"] == []
    findings = doctor(folder, f"export: {{ otlp: {{}} }}\n{rules}", status=1)
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in of(findings, "destination")[0]
    findings = doctor(folder, f"export: {{ discard: {{}} }}\n{rules}", status=0)
    assert of(findings, "destination") == ["The registry discards what is traced."]


def test_clocks_that_differ_are_wrong() -> None:
    now = time.time()
    assert [finding.level for finding in look_at_clock(formatdate(now), now)] == ["fine"]
    assert list(look_at_clock(None, now)) == []
    assert list(look_at_clock("no date", now)) == []
    [ahead] = look_at_clock(formatdate(now), now + 120)
    assert (ahead.level, "ahead of" in ahead.seen) == ("wrong", True)


def test_a_store_that_cannot_be_written_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database, but a text that is long enough to be looked at as one")
    assert look_at_store(tmp_path / "text.db").level == "wrong"
    assert look_at_store(tmp_path / "text.db" / "below.db").level == "wrong"
    assert look_at_store(tmp_path / "new" / "t.db").level == "fine"
