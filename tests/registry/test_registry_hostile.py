"""Whatever a file, a folder or the environment holds, the loader answers with a registry or with its own errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.registry.writing import ODD, VALID, VARIABLES, registries
from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.codes import CODES
from tracing_proxies.registry.keys import KEYS, LATER, sections
from tracing_proxies.registry.loader import load_registry, parse_registry


def codes_of(text: str, environ: dict[str, str] | None = None) -> set[str]:
    """Load a text; every problem of it is documented, has a place, and is told in a line."""
    try:
        parse_registry(text, base=Path("/nowhere"), environ=environ or {})
    except RegistryError as error:
        for problem in error.problems:
            assert problem.code in CODES
            assert problem.message
            assert "\n" not in str(problem)
            assert problem.place.line > 0 or problem.place.file != "registry.yaml" or problem.code == "TP102"
        return {problem.code for problem in error.problems}
    return set()


names = st.sampled_from(sorted({key.name for key in KEYS} | {later.name for later in LATER} | {"x", "<<", "threads"}))
values = st.sampled_from([*ODD, *VARIABLES, *(value for made in VALID.values() for value in made)])
trees = st.recursive(
    values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(names, trees, max_size=5))
@settings(max_examples=examples(150))
def test_any_tree_of_keys_and_values_is_read_or_refused(tree: dict[str, Any]) -> None:
    codes_of(yaml.safe_dump({"version": 1, **tree}, allow_unicode=True))


@given(
    st.binary(max_size=200), st.sampled_from(["version: 1\n", "version: 1\ntrace:\n- match: a:b\n  name: ", "x: &a "])
)
@settings(max_examples=examples(100))
def test_any_bytes_after_a_good_start_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, start: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "tail.yaml"
    path.write_bytes(start.encode() + tail)
    codes: set[str] = set()
    try:
        load_registry(path, environ={})
    except RegistryError as error:
        codes = {problem.code for problem in error.problems}
    assert codes <= CODES.keys()


@given(
    text=registries(),
    path=st.lists(
        st.sampled_from(sorted({*sections(), *(key.name for key in KEYS), "a", "5"})), min_size=1, max_size=5
    ),
    value=st.sampled_from(ODD).map(str),
)
@settings(max_examples=examples(150))
def test_any_override_is_put_in_or_refused(text: str, path: list[str], value: str) -> None:
    codes_of(text, {"TRACING_PROXIES__" + "__".join(path).upper().replace(".", "__"): value})


@pytest.mark.parametrize("opening", ["[", "{", "[{a: ", "- ", "? ", "{? ", "&a [", "!x [", "'", '"', "a: "])
def test_fifty_thousand_openings_are_refused(opening: str) -> None:
    assert codes_of("version: 1\nservice: " + opening * 50_000)
    assert codes_of("version: 1\nservice:\n  " + opening * 50_000 + "\n")


def test_nesting_by_indentation_is_bounded() -> None:
    deep = "\n".join("  " * level + "a:" for level in range(400))
    assert codes_of("version: 1\n" + deep) == {"TP102"}


@pytest.mark.parametrize("key", ["if", "when", "name", "user", "match", "except", "tags"])
@pytest.mark.parametrize("text", ["(", "[", "not ", "-", "{", "first(", "a.", "*", "'", "|len", "a:", "+"])
def test_a_hostile_expression_is_refused_where_it_stands(key: str, text: str) -> None:
    hostile = (text * 50_000).replace("'", "''")
    rule = "" if key == "match" else "match: a:b, "
    assert codes_of(f"version: 1\ntrace: [{{ {rule}{key}: '{hostile}' }}]")


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nservice: !!python/object/apply:os.system ['true']",
        "version: 1\nservice: { name: !!binary aGk= }",
        "version: 1\nservice: !local { name: x }",
        "%TAG ! tag:example.com,2000:\n---\nversion: 1\nservice: !x {}",
    ],
)
def test_no_tag_constructs_anything(text: str) -> None:
    assert "TP103" in codes_of(text)


def test_aliases_of_aliases_are_counted_before_they_unfold() -> None:
    lines = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]" for i in range(12)]
    assert codes_of("version: 1\n" + "\n".join(lines)) == {"TP102"}


def test_an_alias_within_what_it_names_is_refused() -> None:
    assert "TP104" in codes_of("version: 1\nroles: &r { a: *r }")


def test_a_thousand_variables_cannot_make_a_value_grow_without_end() -> None:
    assert codes_of(f"version: 1\nservice: {{ name: '{'${X}' * 1_000}' }}", {"X": "x" * 1_000}) == {"TP102"}
