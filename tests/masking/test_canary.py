"""Nothing of forty canaries, put into every place of a span, is in any byte that leaves the process by any exit."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse

import pytest

from tests.masking.canaries import CANARIES, SENTINEL, occurrences, texts
from tests.masking.canary_exits import SHOWN, Run, deliver, spool
from tracing_proxies.masking import Masker
from tracing_proxies.masking.detectors import DETECTORS


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What leaves an application whose servers answer."""
    return deliver(tmp_path_factory.mktemp("delivered"))


@pytest.fixture(scope="module")
def spooled(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What an application leaves on disk whose server is away, and whose worker fails again and again."""
    return spool(tmp_path_factory.mktemp("spooled"))


def test_there_are_forty_and_the_search_finds_each_in_any_encoding() -> None:
    assert len(CANARIES) == 40
    for text in texts():
        raw = text.encode()
        for content in (
            raw,
            json.dumps({"a": text}).encode(),
            base64.b64encode(raw),
            base64.urlsafe_b64encode(b"ab" + raw + b"cd"),
            urllib.parse.quote(text, safe="").encode(),
            urllib.parse.quote_plus(text, safe="").encode(),
        ):
            assert list(occurrences(content)), text


def test_there_is_one_for_each_class_of_values() -> None:
    masker = Masker()
    assert {note.detector for text in texts() for note in masker.notes(text)} == set(DETECTORS)


@pytest.mark.parametrize("kind", CANARIES)
def test_a_canary_is_masked_in_its_text(kind: str) -> None:
    value, form = CANARIES[kind]
    assert value not in Masker().text(f"{SENTINEL}: {form.format(value)}")


def test_no_canary_is_in_what_shows_the_contents_of_spans(delivered: Run) -> None:
    seen = {name: content.count(SENTINEL.encode()) for name, content in delivered.data.items()}
    assert b"tracing failed" not in delivered.words["logs"], "nothing is hidden because it has failed"
    assert b"harmless" in delivered.data["OTLP body"]
    assert seen.pop("show") >= SHOWN
    assert min(seen.values()) >= len(CANARIES), seen
    assert leaks(delivered.data) == {}


def test_no_canary_is_in_the_spool_though_the_worker_fails_again_and_again(spooled: Run) -> None:
    assert spooled.data["spool"].count(SENTINEL.encode()) > len(CANARIES)
    assert leaks(spooled.data) == {}
    assert re.search(rb"tracing failed in (masking|prepare)", spooled.words["logs"])


@pytest.mark.parametrize("run", ["delivered", "spooled"])
def test_no_canary_is_in_what_only_tells_of_spans(run: str, request: pytest.FixtureRequest) -> None:
    words: dict[str, bytes] = request.getfixturevalue(run).words
    assert {name for name, content in words.items() if len(content) < 20} == set()
    assert leaks(words) == {}


def test_metrics_are_told_of_what_spans_hold_and_alerts_of_what_fails(delivered: Run) -> None:
    for exit_by in ("metrics", "OTLP metrics", "status PID --prometheus", "published counts", "scores"):
        assert SENTINEL.encode() in delivered.words[exit_by], exit_by
    for exit_by in ("/hook", "/slack", "/duty", "mail", "command", "logs"):
        assert b"agents_fail" in delivered.words[exit_by], exit_by


def leaks(exits: dict[str, bytes]) -> dict[str, list[str]]:
    found = {name: sorted(set(occurrences(content))) for name, content in exits.items()}
    return {name: kinds for name, kinds in found.items() if kinds}
