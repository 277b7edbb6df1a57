"""Whether a registry's files still hold what was read: by content, whatever became of the files themselves."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracing_proxies.errors import RegistryError
from tracing_proxies.registry import sources as module
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.sources import Sources


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Sources]:
    def read(text: str) -> Sources:
        path = tmp_path / "registry.yaml"
        path.write_text(text)
        sources = Sources()
        try:
            load_registry(path, environ={}, sources=sources)
        except RegistryError:
            return sources
        return sources

    return read


def grow_old(path: Path) -> None:
    """Let a file look as if it had been written long ago; its change time is the system's to set."""
    os.utime(path, ns=(0, 0))


def is_changed(sources: Sources) -> bool:
    return sources.look() != sources.state


def test_nothing_has_changed_right_after_reading(read: Any) -> None:
    assert not is_changed(read("version: 1\n"))
    assert not is_changed(read("version: 1\ninclude: [none.d/*.yaml]\n"))
    assert not is_changed(read("version: 1\ninclude: ['*.yaml']\n"))
    assert not is_changed(read("version: 1\ninclude: [missing.yaml]\n"))


def test_only_what_a_file_holds_counts(read: Any, tmp_path: Path) -> None:
    sources = read("version: 1\n")
    path = tmp_path / "registry.yaml"
    grow_old(path)
    path.chmod(0o600)
    assert not is_changed(sources)
    (tmp_path / "new").write_text("version: 1\n")
    os.replace(tmp_path / "new", path)
    assert not is_changed(sources)
    path.write_text("version: 1 \n")
    assert is_changed(sources)


def test_a_file_whose_status_is_the_same_is_not_opened(
    read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = read("version: 1\n")
    opened: list[Path] = []
    real = module.read_content
    monkeypatch.setattr(module, "read_content", lambda path: opened.append(path) or real(path))
    sources.look()
    assert len(opened) == 1  # it has just been written, and may be once more without a sign of it
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10 * 10**9)
    sources.look()
    sources.look()
    sources.look()
    assert len(opened) == 2


def test_a_link_that_leads_elsewhere_is_a_change_if_other_text_is_there(read: Any, tmp_path: Path) -> None:
    for name, text in (("one", "version: 1\n"), ("two", "version: 1\n"), ("three", "version: 1\nroles: {}\n")):
        (tmp_path / name).write_text(text)
    path = tmp_path / "link.yaml"
    path.symlink_to("one")
    sources = Sources()
    load_registry(path, environ={}, sources=sources)
    for name, changed in (("two", False), ("three", True)):
        path.unlink()
        path.symlink_to(name)
        assert is_changed(sources) is changed


@pytest.mark.parametrize("text", ["version: 1\ninclude: [d/*.yaml]\n", "version: 1\ninclude: [d/*.yaml]\nbad: 1\n"])
def test_files_that_a_pattern_stands_for_count_from_the_moment_when_they_are_there(
    read: Any, tmp_path: Path, text: str
) -> None:
    (tmp_path / "d").mkdir()
    sources = read(text)
    (tmp_path / "d" / "a.txt").write_text("x")
    assert not is_changed(sources)
    (tmp_path / "d" / "a.yaml").write_text("")
    empty = sources.look()
    assert empty != sources.state
    (tmp_path / "d" / "a.yaml").write_text("version: 1\n")
    assert sources.look() != empty  # while it is being written, no two looks are the same
    (tmp_path / "d" / "a.yaml").unlink()
    assert not is_changed(sources)


def test_a_file_that_may_not_be_trusted_counts_as_changed_when_it_may(
    read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text("version: 1\n")
    path.chmod(0o666)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    sources = Sources()
    with pytest.raises(RegistryError, match="TP107"):
        load_registry(path, environ={}, sources=sources)
    assert not is_changed(sources)
    path.chmod(0o644)
    assert is_changed(sources)


def test_a_missing_file_counts_as_changed_when_it_comes_and_as_the_same_when_it_is_back(
    read: Any, tmp_path: Path
) -> None:
    sources = read("version: 1\ninclude: [more.yaml]\n")
    (tmp_path / "more.yaml").write_text("version: 1\n")
    assert is_changed(sources)
    sources = read("version: 1\ninclude: [more.yaml]\n")
    kept = (tmp_path / "more.yaml").read_text()
    (tmp_path / "more.yaml").unlink()
    assert is_changed(sources)
    (tmp_path / "more.yaml").write_text(kept)
    assert not is_changed(sources)


def test_equal_contents_have_equal_digests(read: Any) -> None:
    one, two, other = (read(text).digest for text in ("version: 1\n", "version: 1\n", "version: 1\nroles: {}\n"))
    assert one == two != other
