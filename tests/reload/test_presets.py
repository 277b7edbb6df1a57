"""The hooks of presets come and go with them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn.server
from hypothesis import given, settings
from hypothesis import strategies as st
from strands.tools.decorator import DecoratedFunctionTool, tool

import tracing_proxies
from tracing_proxies import runtime
from tracing_proxies.testing import capture_spans, registry_from

PLACES: list[tuple[Any, str]] = [
    (threading.Thread, "start"),
    (ThreadPoolExecutor, "submit"),
    (httpx.HTTPTransport, "handle_request"),
    (uvicorn.server.Server, "shutdown"),
    (DecoratedFunctionTool, "_tool_func"),
]
ABSENT = object()


def entries() -> list[Any]:
    return [vars(owner).get(name, ABSENT) for owner, name in PLACES]


def use(*presets: str, more: str = "") -> str:
    return f"version: 1\nexport: {{ discard: {{}} }}\nuse: [{', '.join(presets)}]\n{more}"


def go_over_to(text: str, path: Path) -> None:
    path.write_text(text)
    assert tracing_proxies.reload()


@pytest.fixture
def file(tmp_path: Path) -> Any:
    before = entries()
    path = tmp_path / "registry.yaml"
    path.write_text(use())
    tracing_proxies.activate(path)
    yield path
    tracing_proxies.deactivate()
    assert all(now is was for now, was in zip(entries(), before, strict=True))


def test_a_preset_that_is_dropped_leaves_nothing_behind(file: Path) -> None:
    raw = entries()
    go_over_to(use("threads", "http"), file)
    changed = [now is not was for now, was in zip(entries(), raw, strict=True)]
    assert changed == [True, True, True, True, False]
    go_over_to(use("threads"), file)
    changed = [now is not was for now, was in zip(entries(), raw, strict=True)]
    assert changed == [True, True, False, False, False]
    go_over_to(use(), file)
    assert all(now is was for now, was in zip(entries(), raw, strict=True))


def test_what_two_presets_share_stays_with_the_one_that_stays(file: Path) -> None:
    raw = vars(uvicorn.server.Server)["shutdown"]
    go_over_to(use("processes", "http"), file)
    go_over_to(use("http"), file)
    assert vars(uvicorn.server.Server)["shutdown"] is not raw
    go_over_to(use(), file)
    assert vars(uvicorn.server.Server)["shutdown"] is raw


def test_a_preset_that_did_not_change_is_left_alone(file: Path) -> None:
    go_over_to(use("threads", "{ http: { capture: none } }"), file)
    held = entries()
    go_over_to(use("threads", "{ http: { capture: none } }", more="defaults: { nested: child }\n"), file)
    assert all(now is was for now, was in zip(entries(), held, strict=True))
    go_over_to(use("threads", "{ http: { capture: all } }"), file)
    assert [now is was for now, was in zip(entries(), held, strict=True)][:3] == [True, True, False]


def test_the_reader_of_a_preset_is_there_once_however_often_it_is_reloaded(file: Path) -> None:
    active = runtime._runtime
    assert active is not None
    before = len(active.recorder.readers)
    for _ in range(3):
        go_over_to(use("retail", more="defaults: { nested: child }\n"), file)
        go_over_to(use("retail"), file)
    assert len(active.recorder.readers) == before + 1
    go_over_to(use(), file)
    assert len(active.recorder.readers) == before


@tool
def double(x: int) -> int:
    """Double a number.

    Args:
        x: a number.
    """
    return 2 * x


def test_a_tool_is_reached_as_long_as_the_preset_is_used(file: Path) -> None:
    rule = f"trace:\n  - match: {__name__}:double\n    name: '{{}}'\n"

    def called() -> list[str]:
        with capture_spans() as spans:
            assert double(4) == 8
        return [span.name for span in spans]

    go_over_to(use("strands", more=rule.replace("'{}'", "one")), file)
    assert called() == ["one"]
    go_over_to(use("strands", more=rule.replace("'{}'", "two")), file)
    assert called() == ["two"]
    # Taken back and put in again, since another one comes before it.
    go_over_to(use("threads", "{ strands: { native: keep } }", more=rule.replace("'{}'", "three")), file)
    assert called() == ["three"]
    go_over_to(use("strands"), file)
    assert called() == []
    go_over_to(use("strands", more=rule.replace("'{}'", "four")), file)
    assert called() == ["four"]


@settings(max_examples=12)
@given(
    st.lists(
        st.permutations(["threads", "http", "processes", "strands"]).flatmap(
            lambda names: st.integers(0, 4).map(lambda count: names[:count])
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_the_order_in_which_presets_come_and_go_all_is_given_back(edits: list[list[str]]) -> None:
    raw = entries()
    try:
        for presets in edits:
            tracing_proxies.activate(registry_from(use(*presets)))
            changed = [now is not was for now, was in zip(entries(), raw, strict=True)]
            served = "http" in presets or "processes" in presets
            assert changed == ["threads" in presets] * 2 + ["http" in presets, served, "strands" in presets]
    finally:
        tracing_proxies.deactivate()
    assert all(now is was for now, was in zip(entries(), raw, strict=True))
