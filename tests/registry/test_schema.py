"""The generated schema says of a registry what the loader says, as far as a schema can see it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from docs.__main__ import generate
from tests.examples import examples
from tests.registry.writing import ENVIRON, ODD, VARIABLES, as_json, registries
from tracing_proxies.cli.main import commands
from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.forms import FORMS
from tracing_proxies.registry.keys import LATER
from tracing_proxies.registry.kinds import READERS
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.presets import preset_names, summarise
from tracing_proxies.registry.schema import schema_of_preset, schema_of_registry

ROOT = Path(__file__).parent.parent.parent
REGISTRY = Draft202012Validator(schema_of_registry(summarise(preset_names())))
PRESET = Draft202012Validator(schema_of_preset())

# What a schema can see of the loader's codes: where values stand, and how a single one is written.
SEEN = frozenset(("TP110", "TP113", "TP115", "TP201", "TP202", "TP204", "TP207", "TP208", "TP212", "TP213", "TP222"))


def codes_of(text: str, presets: Path | None = None) -> set[str]:
    try:
        parse_registry(text, base=Path("/nowhere"), environ=ENVIRON, presets=presets)
    except RegistryError as error:
        return {problem.code for problem in error.problems}
    return set()


@pytest.mark.parametrize("path", generate(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_generated_file_is_what_the_declared_keys_make(path: Path) -> None:
    assert path.read_text("utf-8") == generate()[path], f"{path.name} is out of date: run `make docs`"


@pytest.mark.parametrize("validator", [REGISTRY, PRESET], ids=["registry", "preset"])
def test_the_schemas_are_schemas_and_describe_every_key(validator: Draft202012Validator) -> None:
    Draft202012Validator.check_schema(validator.schema)
    described = list(properties_of(validator.schema))
    assert len(described) > 30
    assert all(schema["description"].endswith(".") for _, _, schema in described)


def properties_of(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for section, found in {"registry": schema, **schema["$defs"]}.items():
        for name, value in found["properties"].items():
            yield section, name, value


def test_keys_that_are_not_available_yet_are_not_in_the_schema() -> None:
    offered = {(section, name) for section, name, _ in properties_of(REGISTRY.schema)}
    assert not offered & {(later.section, later.name) for later in LATER}


def test_every_kind_of_value_has_a_form_beside_its_reader() -> None:
    assert FORMS.keys() == READERS.keys()


@pytest.mark.parametrize("path", [ROOT / "registry.yaml"], ids=lambda path: path.name)
def test_registries_that_load_fit_the_schema(path: Path) -> None:
    assert list(REGISTRY.iter_errors(as_json(path.read_text("utf-8")))) == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("adapters/*.yaml")), ids=lambda path: path.name)
def test_presets_that_load_fit_the_schema_of_presets_and_not_that_of_registries(path: Path) -> None:
    tree = as_json(path.read_text("utf-8"))
    assert list(PRESET.iter_errors(tree)) == []
    assert not REGISTRY.is_valid(tree)


def rule(line: str) -> str:
    return f"version: 1\ntrace:\n  - match: a:b\n    {line}\n"


BAD = [
    ("trace: []", "TP110"),
    ("version: 2", "TP115"),
    ("version: 0", "TP110"),
    ("version: one", "TP110"),
    ("version: 1\nbudget: {}", "TP113"),
    ("version: 1\nalerts: { path: x }", "TP201"),
    ("version: 1\nalerts: { channels: { x: { command: notify --now } } }", "TP202"),
    ("version: 1\nalerts: { rules: { agent_errors: { above: 5 lightyears } } }", "TP207"),
    ("version: 1\nalerts: { rules: { agent_errors: { metric: errors } } }", "TP208"),
    ("version: 1\nalerts: { channels: { x: { slack: https://x } } }", "TP222"),
    ("version: 1\nsampling: { budget: 1 }", "TP207"),
    ("version: 1\nsampling: { floor: 5 }", "TP207"),
    ("version: 1\nuse: [{ threads: { native: take } }]", "TP208"),
    ("version: 1\nscores: { success: yes }", "TP202"),
    ("version: 1\nscores: { sucess: true }", "TP201"),
    ("version: 1\ntrcae: []", "TP201"),
    ("version: 1\nexport: { local: { file: x } }", "TP201"),
    ("version: 1\nroles: { r: { match: a:b } }", "TP201"),
    (rule("metdata: {}"), "TP201"),
    (rule("masking: { allow: [x] }"), "TP201"),
    (rule("capture: { max_byts: 1KiB }"), "TP201"),
    ("- a", "TP202"),
    ("version: 1\ntrace: { match: a:b }", "TP202"),
    ("version: 1\nservice: { name: [a] }", "TP202"),
    ("version: 1\nservice: name", "TP202"),
    ("version: 1\nuse: [{ threads: {}, http: {} }]", "TP202"),
    ("version: 1\nexport: { local: { path: '' } }", "TP202"),
    ("version: 1\nmasking: { hide: [''] }", "TP202"),
    ("version: 1\nexport: { otlp: { headers: { a b: x } } }", "TP202"),
    ("version: 1\nexport: { otlp: { headers: { a: } } }", "TP202"),
    ("version: 1\nexport: { otlp: { headers: { a: é } } }", "TP202"),
    (rule("root: yes"), "TP202"),
    (rule("name:"), "TP202"),
    (rule("metadata: { x: null }"), "TP202"),
    (rule("metadata: [x]"), "TP202"),
    (rule("capture: { max_items: -1 }"), "TP202"),
    (rule("capture: { max_items: many }"), "TP202"),
    (rule("except: []"), "TP202"),
    (rule("except: shop.agents.Agent.run"), "TP204"),
    (rule("except: 'a:'"), "TP204"),
    (rule("except: 'a:B+c'"), "TP204"),
    (rule("capture: { max_bytes: 8192 }"), "TP207"),
    (rule("capture: { max_bytes: 8kib }"), "TP207"),
    (rule("min_duration: 5"), "TP207"),
    (rule("sample: 120%"), "TP207"),
    (rule("sample: 0/min"), "TP207"),
    (rule("sample: 5/fortnight"), "TP207"),
    (rule("sample: 0.1"), "TP207"),
    (rule("sample: sometimes"), "TP208"),
    (rule("observation: agnt"), "TP208"),
    (rule("nested: Merge"), "TP208"),
    (rule("capture: some"), "TP208"),
    ("version: 1\nmasking: { policy: closed, detect: [email] }", "TP208"),
    ("version: 1\nmasking: { detect: [emial] }", "TP208"),
    ("version: 1\ntrace: [{ name: x }]", "TP212"),
    (rule("fold: a:b"), "TP213"),
    ("version: 1\npreset: { summary: x }", "TP213"),
]


@pytest.mark.parametrize(("text", "code"), BAD)
def test_what_a_schema_can_see_is_refused_by_both(text: str, code: str) -> None:
    assert codes_of(text) == {code}
    assert not REGISTRY.is_valid(as_json(text))


def test_the_bad_examples_have_every_code_that_a_schema_can_see() -> None:
    assert {code for _, code in BAD} == SEEN


@given(registries(odd=[*ODD, *VARIABLES]))
@settings(max_examples=examples(300))
def test_what_the_loader_accepts_the_schema_accepts(text: str) -> None:
    if not codes_of(text):
        assert [error.message for error in REGISTRY.iter_errors(as_json(text))] == []


@given(registries())
@settings(max_examples=examples(300))
def test_what_is_in_the_wrong_place_or_of_the_wrong_kind_is_refused_by_both(text: str) -> None:
    seen = codes_of(text) & SEEN
    assert REGISTRY.is_valid(as_json(text)) is not bool(seen), seen


@given(data=st.data())
@settings(max_examples=examples(100))
def test_presets_are_judged_alike_by_their_schema(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = data.draw(registries(preset=True))
    folder = tmp_path_factory.getbasetemp()
    (folder / "drawn.yaml").write_text(text, encoding="utf-8")
    tree = as_json(text)
    skipped = isinstance(tree, dict) and isinstance(tree.get("preset"), dict) and "requires" in tree["preset"]
    if not skipped:  # a preset whose library is not installed is left out, mistakes and all
        seen = codes_of("version: 1\nuse: drawn", folder) & SEEN
        assert PRESET.is_valid(tree) is not bool(seen), seen


def test_the_command_prints_the_schema_or_writes_it_to_a_file(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert json.loads(run(commands, ["schema"]).stdout) == REGISTRY.schema
    assert json.loads(run(commands, ["schema", "--preset"]).stdout) == PRESET.schema
    assert run(commands, ["schema", "-o", str(tmp_path / "s.json")]).stdout == ""
    assert json.loads((tmp_path / "s.json").read_text("utf-8")) == REGISTRY.schema
