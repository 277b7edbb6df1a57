"""What is compiled glances at finished spans exactly as its original does."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.delivery.support import observation
from tests.examples import examples
from tracing_proxies.compiled import hot
from tracing_proxies.monitoring.glance import Glance, PlainGlance
from tracing_proxies.recording.observation import Observation

TRACES = ("0" * 31 + "a", "0" * 31 + "b")
spans: Any = st.fixed_dictionaries(
    {"type": st.sampled_from(["span", "span", "generation", "agent", "tool", "chain", "thing"])},
    optional={
        "trace_id": st.sampled_from(TRACES),
        "trace_name": st.sampled_from(["", "order", "żółw"]),
        "tags": st.sampled_from([(), ("source:web",), ("a", "b")]),
        "level": st.sampled_from(["ERROR", "".join(["ERR", "OR"]), "DEFAULT", "WARNING"]),
        "metadata": st.sampled_from([{}, {"outcome.action": "buy"}]),
        "app_root": st.booleans(),
        "sampling_weight": st.sampled_from([1.0, 2.5, float("inf")]),
        "start_time": st.integers(0, 2**70),
        "end_time": st.integers(0, 2**70),
    },
)


def look(glance: Any, seen: list[tuple[Observation, str]], take: int) -> list[Any]:
    told: list[Any] = []
    for at, (span, target) in enumerate(seen):
        told.append(glance(span, target))
        if at == take:
            told.append(glance.take())
    return [*told, glance.latest, glance.take(), glance.take()]


@settings(max_examples=examples(200))
@given(st.lists(st.tuples(spans, st.sampled_from(["a:f", "b:g"])), max_size=12), st.integers(0, 12), st.integers(0, 4))
def test_every_span_tells_the_same(seen: list[Any], take: int, most: int) -> None:
    given_spans = [(observation(**changes), target) for changes, target in seen]
    traces: OrderedDict[str, Any] = OrderedDict({TRACES[1]: None})
    assert look(Glance(traces, most), given_spans, take) == look(PlainGlance(traces, most), given_spans, take)


@pytest.mark.parametrize("make", [PlainGlance, Glance], ids=["original", "compiled"])
def test_a_plain_span_at_the_top_is_noted_until_there_are_too_many(make: type[Glance]) -> None:
    glance = make(OrderedDict(), 2)
    top = observation(type="span", level="DEFAULT", metadata={}, app_root=True, trace_name="order", tags=())
    below = top._replace(app_root=False)
    assert [glance(span, "a:f") for span in (top, below, top, top, below)] == [True, True, True, False, True]
    taken = top.end_time - top.start_time
    assert glance.take() == {("order", (), top.sampling_weight): [taken, taken]}
    assert glance(top, "a:f")
    assert glance.latest == {"a:f": (top.trace_id, top.id, taken, top.end_time)}


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_what_is_no_span_is_refused() -> None:
    glance: Any = Glance(OrderedDict(), 2)
    for wrong in ((), (("a",), "b"), (observation(), None), (observation(),)):
        with pytest.raises(TypeError):
            glance(*wrong)
