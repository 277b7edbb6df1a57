"""What a model streams is put together as it was said, by what is compiled and by its original alike."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.adapters.strands_streams import Message, fold_model
from tracing_proxies.compiled import hot

Events = list[Any]
KINDS = [Message] if hot is None else [Message, hot.Message]

odd = st.none() | st.integers() | st.text(max_size=3) | st.just({}) | st.lists(st.integers(), max_size=2)
texts = st.text(max_size=4) | st.sampled_from(["x" * 30_000, "€" * 30_000]) | odd


def some(**entries: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Dicts with some of the entries, and now and then something else in their place."""
    return st.fixed_dictionaries({}, optional=entries) | odd


use = some(name=texts, toolUseId=texts, more=odd)
delta = some(text=texts, toolUse=some(input=texts))
usage = some(inputTokens=odd, outputTokens=odd, totalTokens=odd, cacheReadInputTokens=odd, cacheWriteInputTokens=odd)
events = st.lists(
    st.fixed_dictionaries({"contentBlockDelta": some(delta=delta)})
    | st.fixed_dictionaries({"contentBlockStart": some(start=some(toolUse=use))})
    | st.fixed_dictionaries({"messageStop": some(stopReason=texts)})
    | st.fixed_dictionaries({"metadata": some(usage=usage, metrics=some(latencyMs=odd))})
    | some(contentBlockDelta=some(delta=delta), metadata=some(usage=usage), other=odd),
    max_size=12,
)


def fed(kind: Any, given: Events) -> tuple[list[Any], dict[str, Any]]:
    message = kind()
    assert [message.add(event) for event in given] == [False] * len(given)
    return message.blocks(), message.fields


@given(events)
def test_the_compiled_one_does_as_its_original(given: Events) -> None:
    found = [fed(kind, given) for kind in KINDS]
    assert all(one == found[0] for one in found)


SAID = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockStart": {"start": {}}},
    *({"contentBlockDelta": {"delta": {"text": piece}}} for piece in ("Let ", "me ", "see.")),
    {"contentBlockStop": {}},
    {"contentBlockStart": {"start": {"toolUse": {"name": "weigh", "toolUseId": "t1"}}}},
    *({"contentBlockDelta": {"delta": {"toolUse": {"input": piece}}}} for piece in ('{"grams"', ": 7}")),
    {"messageStop": {"stopReason": "tool_use"}},
    {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}, "metrics": {"latencyMs": 2}}},
]


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_of_texts_and_of_inputs_come_together(kind: Any) -> None:
    blocks, fields = fed(kind, SAID)
    told = {"name": "weigh", "toolUseId": "t1", "input": '{"grams": 7}'}
    assert blocks == [{"text": "Let me see."}, {"toolUse": told}]
    assert fields == {
        "stop_reason": "tool_use", "input_tokens": 3, "output_tokens": 5, "total_tokens": 8, "latency_ms": 2,
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_of_a_text_without_end_is_bounded(kind: Any) -> None:
    piece = {"contentBlockDelta": {"delta": {"text": "0123456789" * 100}}}
    [block], _ = fed(kind, [piece] * 1_000)
    assert 65_536 < len(block["text"]) <= 65_536 + 1_000


class _Hostile(str):
    """A key that empties what it is looked for in."""

    owner: dict[Any, Any]

    def __hash__(self) -> int:
        return hash("contentBlockDelta") if self == "a" else hash("delta")

    def __eq__(self, other: object) -> bool:
        if other in ("contentBlockDelta", "delta", "text", "toolUse"):
            self.owner.clear()
        return str.__eq__(self, other)


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_that_changes_while_it_is_read_does_no_harm(kind: Any) -> None:
    message = kind()
    for name in ("a", "b"):
        key, event = _Hostile(name), {"contentBlockDelta": {"delta": {"text": "x"}}}
        key.owner = event
        event["contentBlockDelta"][key] = {}
        assert message.add(event) is False
        gc.collect()


def test_a_fold_tells_the_model_beside_the_message() -> None:
    class Model:
        def get_config(self) -> dict[str, Any]:
            return {"model_id": "nova"}

    fold = fold_model(Model(), {})
    for event in SAID:
        assert fold.add(event) is False
    value = fold.value()
    assert (value["model"], value["stop_reason"], value["message"]["role"]) == ("nova", "tool_use", "assistant")
    assert value["message"]["content"][0] == {"text": "Let me see."}
