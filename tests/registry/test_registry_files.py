"""Files are included in order, refused where others could have written them, and found from any folder below."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.files import read_content
from tracing_proxies.registry.loader import load_registry, parse_registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "registry.d").mkdir()
    return tmp_path


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("version: 1", *lines)) + "\n")
    return path


def codes_of(path: Path) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        load_registry(path, environ={})
    return [problem.code for problem in caught.value.problems]


def test_included_files_come_in_name_order_and_the_including_file_wins(folder: Path) -> None:
    write(folder / "registry.d/b.yaml", "service: { name: b, release: b }", "trace: [{ match: b:x }]")
    write(folder / "registry.d/a.yaml", "service: { name: a, version: a }", "trace: [{ match: a:x, role: r }]")
    path = write(
        folder / "registry.yaml",
        "include: [registry.d/*.yaml]",
        "service: { name: own }",
        "roles: { r: { observation: tool } }",
        "trace: [{ match: own:x }]",
    )
    registry = load_registry(path, environ={})
    assert (registry.service.name, registry.service.release, registry.service.version) == ("own", "b", "a")
    assert [rule.match[0].text for rule in registry.rules] == ["a:x", "b:x", "own:x"]
    assert [rule.index for rule in registry.rules] == [0, 1, 2]
    assert registry.rules[0].bundle is registry.roles["r"]
    assert registry.files == (path, folder / "registry.d/a.yaml", folder / "registry.d/b.yaml")
    assert registry.path == path


def test_a_variable_overrides_a_role_in_whichever_file_it_is(folder: Path) -> None:
    write(folder / "more.yaml", "roles: { tool: { observation: tool } }", "trace: [{ match: a:x, role: tool }]")
    path = write(folder / "registry.yaml", "include: more.yaml", "roles: { agent: {} }")
    registry = load_registry(path, environ={"TRACING_PROXIES__ROLES__TOOL__OBSERVATION": "chain"})
    bundle = registry.rules[0].bundle
    assert bundle is not None
    assert bundle.observation == "chain"
    with pytest.raises(RegistryError) as caught:
        load_registry(path, environ={"TRACING_PROXIES__ROLES__TOOLS__OBSERVATION": "chain"})
    assert "Did you mean 'TRACING_PROXIES__ROLES__TOOL'?" in str(caught.value)


def test_what_hides_adds_up_over_files(folder: Path) -> None:
    write(folder / "more.yaml", "masking: { policy: strict, hide: [notes] }")
    path = write(folder / "registry.yaml", "include: more.yaml", "masking: { hide: [diary] }")
    masking = load_registry(path, environ={}).masking
    assert (masking.policy, masking.hide) == ("strict", ("notes", "diary"))


def test_problems_of_all_files_are_reported_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "registry.d/a.yaml", "nmae: x")
    write(folder / "registry.yaml", "include: [registry.d/*.yaml, missing.yaml]", "roels: {}")
    monkeypatch.chdir(folder)
    with pytest.raises(RegistryError) as caught:
        load_registry(Path("registry.yaml"), environ={})
    places = [f"{problem.place} {problem.code}" for problem in caught.value.problems]
    assert places == ["registry.yaml:2:30 TP108", "registry.yaml:3:1 TP201", "registry.d/a.yaml:2:1 TP201"]


def test_a_file_that_includes_itself_is_refused(folder: Path) -> None:
    write(folder / "other.yaml", "include: registry.yaml")
    assert codes_of(write(folder / "registry.yaml", "include: other.yaml")) == ["TP108"]


def test_files_include_each_other_to_a_bounded_depth(folder: Path) -> None:
    for number in range(20):
        write(folder / f"{number}.yaml", f"include: {number + 1}.yaml")
    assert codes_of(folder / "0.yaml") == ["TP108"]


def test_a_file_that_is_included_twice_counts_once(folder: Path) -> None:
    write(folder / "registry.d/a.yaml", "trace: [{ match: a:x }]")
    path = write(folder / "registry.yaml", "include: [registry.d/a.yaml, registry.d/*.yaml]")
    assert len(load_registry(path, environ={}).rules) == 1


def test_a_text_without_a_file_includes_from_its_base(folder: Path) -> None:
    write(folder / "registry.d/a.yaml", "trace: [{ match: a:x }]")
    registry = parse_registry("version: 1\ninclude: registry.d/a.yaml", base=folder, environ={})
    assert registry.path is None
    assert [rule.place.file for rule in registry.rules] == ["registry.d/a.yaml"]


def test_relative_paths_start_at_the_file_that_has_them(folder: Path) -> None:
    write(folder / "registry.d/a.yaml", "export: { local: { path: x.db } }")
    registry = load_registry(write(folder / "registry.yaml", "include: registry.d/a.yaml"), environ={})
    assert registry.export.local is not None
    assert registry.export.local.path == folder / "registry.d/x.db"


def test_a_file_that_others_may_write_is_refused_for_another_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder / "registry.yaml")
    path.chmod(0o664)
    load_registry(path, environ={})
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert codes_of(path) == ["TP107"]
    path.chmod(0o644)
    load_registry(path, environ={})


def test_an_included_file_that_others_may_write_is_refused_for_another_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "registry.d/a.yaml").chmod(0o646)
    path = write(folder / "registry.yaml", "include: registry.d/*")
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert codes_of(path) == ["TP107"]


def test_a_file_that_cannot_be_read_says_why(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "latin.yaml").write_bytes(b"version: 1\n# \xe9")
    (folder / "large.yaml").write_bytes(b"#" * (2**20 + 1))
    assert codes_of(folder / "missing.yaml") == ["TP100"]
    assert codes_of(folder) == ["TP100"]
    assert codes_of(folder / "pipe") == ["TP100"]
    assert codes_of(folder / "latin.yaml") == ["TP100"]
    assert codes_of(folder / "large.yaml") == ["TP102"]


def test_the_registry_is_the_argument_else_the_variable_else_a_file_above(folder: Path) -> None:
    below = folder / "a/b"
    below.mkdir(parents=True)
    environ = {"TRACING_PROXIES_REGISTRY": "env.yaml"}
    above = write(folder / "registry.yaml")
    assert find_registry("arg.yaml", environ, below) == below / "arg.yaml"
    assert find_registry(None, environ, below) == below / "env.yaml"
    assert find_registry(None, {"TRACING_PROXIES_REGISTRY": ""}, below) == above


def test_without_a_registry_anywhere_the_search_says_so() -> None:
    with pytest.raises(RegistryError) as caught:
        find_registry(None, {}, Path("/proc/self"))
    assert [problem.code for problem in caught.value.problems] == ["TP114"]


def test_a_file_is_read_in_no_more_memory_than_it_has(folder: Path) -> None:
    path = write(folder / "registry.yaml")
    read_content(path)
    tracemalloc.start()
    try:
        content = read_content(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert content.text == path.read_bytes()
    assert peak < 2**18
