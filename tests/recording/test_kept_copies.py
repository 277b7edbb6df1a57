"""What was copied of a call waits as a row of words, and is made readable once, when somebody reads it."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest
from hypothesis import given

from tests.recording.test_compiled_capture import VALUES, alike
from tests.weaving.twins import twins
from tracing_proxies.compiled import hot
from tracing_proxies.recording.capture import take_snapshot
from tracing_proxies.recording.overflow import _weigh_payload
from tracing_proxies.recording.span import Span

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

SOURCE = """
    def hand_on(value, more=None):
        return value
"""
NESTED = {"lines": [{"product": f"P{number}", "tags": ["new", "cold"]} for number in range(12)], "total": 12}


def record(value: Any) -> Span:
    """Record a call that is given a value, and answers it."""
    with twins(SOURCE, "hand_on") as (_, traced, spans):
        traced.hand_on(value)
        [span] = spans
    return span


@given(VALUES)
def test_input_and_output_read_as_a_snapshot_does(value: Any) -> None:
    span = record(value)
    assert alike(span.output, take_snapshot(value))
    assert alike(span.input, take_snapshot({"value": value, "more": None}))


def test_what_is_read_once_is_the_same_object_ever_after() -> None:
    span = record(NESTED)
    assert type(span.kept_output) is hot.Copied
    assert span.output is span.output
    span.output["total"] = 13
    span.input["more"] = "set"
    assert span.output["total"] == 13
    assert span.input["more"] == "set"
    assert span.kept_output is span.output


def test_a_field_that_is_set_or_deleted_holds_nothing_that_was_copied() -> None:
    span = record(NESTED)
    span.output, span.input = "other", ["given"]
    assert (span.output, span.input) == ("other", ["given"])
    del span.output
    assert span.output is None


def test_the_collector_knows_nothing_of_a_copy() -> None:
    kept = record(NESTED).kept_output
    assert not gc.is_tracked(kept)
    assert gc.get_referents(kept) == []


def test_copies_that_wait_are_few_allocations_after_which_the_collector_runs() -> None:
    with twins(SOURCE, "hand_on") as (_, traced, spans):
        traced.hand_on(NESTED)
        gc.disable()
        try:
            before = gc.get_count()[0]
            for _ in range(20):
                traced.hand_on(NESTED)
            waiting = gc.get_count()[0] - before
            read = [(span.input, span.output) for span in spans]
            wanted = gc.get_count()[0] - before
        finally:
            gc.enable()
    assert len(read) == 21
    assert waiting < 20 * 10
    assert wanted > waiting + 20 * 30


def test_a_copy_weighs_about_what_its_containers_would() -> None:
    span = record(NESTED)
    kept = _weigh_payload(span)
    assert span.output == NESTED
    assert span.input["value"] == NESTED
    read = _weigh_payload(span)
    assert read / 3 < kept < 3 * read


def test_threads_that_read_at_the_same_time_find_one_object() -> None:
    for _ in range(50):
        span = record(NESTED)
        found: list[Any] = []
        start = threading.Barrier(4)

        def read(span: Span = span, found: list[Any] = found, start: threading.Barrier = start) -> None:
            start.wait()
            found.append(span.output)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(one) for one in found}) == 1


def test_metadata_of_a_span_that_waits_are_kept_alike_and_read_as_they_were() -> None:
    source = """
        from opentelemetry.trace import get_current_span

        def sell(product):
            get_current_span().set_attribute("product", product)
            get_current_span().set_attribute("nothing", "")
    """
    with twins(source, "sell") as (_, traced, spans):
        traced.sell([{"name": "P1"}, 2])
        [span] = spans
    assert type(span.kept_metadata) is hot.Copied
    assert span.has_metadata
    assert span.noted("product") == [{"name": "P1"}, 2]
    assert span.metadata == {"product": [{"name": "P1"}, 2], "nothing": ""}
    assert span.metadata is span.metadata
    span.metadata["more"] = span  # whoever has it may put anything into it
    assert gc.is_tracked(span)


def test_one_entry_of_the_metadata_is_read_by_itself() -> None:
    span = record(1)
    assert (span.noted("status"), span.has_metadata) == (None, False)
    span.metadata["status"] = "sold"
    span.metadata["lines"] = [1]
    assert (span.noted("status"), span.noted("lines"), span.noted("other")) == ("sold", [1], None)
    assert span.has_metadata
    assert span.noted("lines") is span.metadata["lines"]
