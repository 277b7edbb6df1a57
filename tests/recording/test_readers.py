"""Readers are shown each kept span before it is masked, once, and their failures are theirs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.weaving.support import woven
from tracing_proxies import failures
from tracing_proxies.delivery.prepare import Preparer, ServiceNames
from tracing_proxies.masking import Masker
from tracing_proxies.recording.span import Span


def greet(name: str) -> str:
    return f"hello {name}"


def ended() -> Span:
    with woven(f"{__name__}:greet") as spans:
        greet("you")
    return spans[0]


def test_what_a_reader_writes_onto_a_span_is_masked_like_all_the_rest() -> None:
    readers: list[Any] = []
    preparer = Preparer(Masker(), ServiceNames(), readers=readers)
    readers.append(lambda span: span.metadata.__setitem__("seen", ["ana@example.com"]))
    finished = preparer(ended())
    assert finished is not None
    assert "seen" in finished.metadata
    assert "ana@example.com" not in json.dumps(finished.metadata)


def test_a_span_is_shown_once_however_often_it_is_asked_for() -> None:
    seen: list[str] = []
    preparer, span = Preparer(Masker(), ServiceNames(), readers=[lambda span: seen.append(span.name)]), ended()
    assert preparer(span) is preparer(span)
    assert seen == ["greet"]


def test_one_that_is_left_out_is_not_shown() -> None:
    seen: list[Span] = []
    preparer, span = Preparer(Masker(), ServiceNames(), readers=[seen.append]), ended()
    span.dropped = "min_duration"
    assert preparer(span) is None
    assert seen == []


def test_a_reader_that_fails_is_counted_and_the_others_are_shown_the_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    seen: list[str] = []
    before = failures.counts().get("reader", 0)
    preparer = Preparer(Masker(), ServiceNames(), readers=[lambda span: 1 / 0, lambda span: seen.append(span.name)])
    finished = preparer(ended())
    assert finished is not None
    assert json.loads(finished.output or "null") == "hello you"
    assert seen == ["greet"]
    assert failures.counts()["reader"] == before + 1
