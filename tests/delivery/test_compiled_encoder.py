"""What is compiled writes the very bytes of its Python original, and refuses what that refuses."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.delivery.support import observation
from tests.delivery.test_encoder import further, hostile, hostile_text, values
from tests.examples import examples
from tracing_proxies.compiled import hot
from tracing_proxies.delivery.encoder import write_span
from tracing_proxies.recording.observation import Observation

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

ODD: dict[str, st.SearchStrategy[Any]] = {
    "trace_id": st.sampled_from(["AB" * 16, "ab cd" + "0" * 28, "0" * 31, "g" * 32, "é" * 32, "", "0" * 16]),
    "id": st.sampled_from(["AB" * 8, " " + "ab" * 8, "0" * 17, "", "é" * 16]),
    "parent_observation_id": st.sampled_from(["", "AB" * 8, "x" * 16, "0" * 15]),
    "start_time": st.sampled_from([0, -1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**80, -(2**80), True]),
    "end_time": st.sampled_from([0, 1, 255, 256, 2**56, 2**63]),
    "level": st.sampled_from(["ERROR", "".join(["ERR", "OR"]), "DEFAULT"]),
    "status_message": st.sampled_from(["", "no", "\ud800"]),
    "name": st.sampled_from(["", "x" * 80, "x" * 81, "é" * 80, "\ud800"]),
    "user_id": st.sampled_from(["", "u" * 200, "u" * 201, "é" * 201, "\ud800" * 300]),
    "sampling_weight": st.sampled_from([1, 2, 1.0, 1.5, float("nan"), float("inf"), 0.0]),
    "metadata": st.dictionaries(st.integers() | st.none() | hostile_text, values, max_size=3),
    "usage_details": st.dictionaries(hostile_text, st.integers() | st.booleans() | st.floats(), max_size=3),
    "tags": st.lists(hostile_text, max_size=3).map(tuple),
    "trace_state": st.sampled_from(["", "ot=th:8", "é"]),
    "attributes": st.dictionaries(hostile_text, further, max_size=3)
    | st.dictionaries(hostile_text, further, max_size=3).map(MappingProxyType),
}


def outcome(encode: Any, one: Observation) -> Any:
    """Return the bytes, or which error there was."""
    try:
        return encode(one)
    except Exception as exc:
        return type(exc), str(exc)


@settings(max_examples=examples(300))
@given(hostile)
def test_the_bytes_are_those_of_the_original(one: Observation) -> None:
    assert outcome(hot.encode_span, one) == outcome(write_span, one)


@settings(max_examples=examples(300))
@given(st.fixed_dictionaries({}, optional=ODD))
def test_what_is_odd_is_written_or_refused_as_by_the_original(changes: dict[str, Any]) -> None:
    one = observation(**changes)
    assert outcome(hot.encode_span, one) == outcome(write_span, one)


@pytest.mark.parametrize("size", [0, 1, 105, 127, 128, 900, 1_024, 16_383, 16_384, 2_097_151, 2_097_152])
def test_every_size_is_written_as_the_original_does(size: int) -> None:
    one = observation(input="x" * size, output="é" * size, metadata={"k" * size: "v" * size})
    assert hot.encode_span(one) == write_span(one)


@pytest.mark.parametrize("given_", [None, (), (1,) * 26, "x"])
def test_what_is_no_observation_is_for_the_original(given_: Any) -> None:
    assert outcome(hot.encode_span, given_)[0] is outcome(write_span, given_)[0]
