"""What is compiled reads finished spans exactly as its original does."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.delivery.support import observation
from tests.examples import examples
from tests.weaving.support import woven
from tracing_proxies.compiled import hot
from tracing_proxies.monitoring.closer import CloserLook, read_compiled
from tracing_proxies.monitoring.contents import SpanContents, Watched
from tracing_proxies.monitoring.gathering import FULL
from tracing_proxies.monitoring.intervals import MOST
from tracing_proxies.monitoring.numbers import Numbers
from tracing_proxies.recording.observation import Observation


class Text(str):
    """What a program may name its spans with."""


IDS = st.sampled_from(["1", "2", "3", "4"])
NAMES = st.sampled_from(["pricing", "stock", "żółw", "", Text("pricing")])
keys = st.sampled_from(
    [
        *("outcome.confidence", "outcome.conflicts_detected", "outcome.conflicts_resolved", "outcome.participants"),
        *("outcome.action", "outcome.żółw", "outcome.", "outcome", "outcome.日", "日outcome.", "sampling.detail"),
        *("sender", "recipient", "error.returned", "error.type", "other"),
    ]
)
values = (
    st.sampled_from([0, 1, 2, 0.5, 1.0, -0.0, 2**70, -(2**63), "stub", "errors", "x" * 40, "x" * 41, Text("a"), [1]])
    | st.booleans()
    | st.none()
    | st.floats()
    | st.text(max_size=3)
    | st.text(st.sampled_from("aZ_0٣²ⅷé日\U0001d7d8.:/+- \n\0"), max_size=6)
)
moments = st.integers(0, 500) | st.sampled_from([2**62, 2**70, -5])
spans = st.builds(
    observation,
    trace_id=st.sampled_from(["a", "b"]),
    id=IDS,
    parent_observation_id=IDS | IDS | IDS | st.none(),
    name=NAMES,
    type=st.sampled_from(["agent", "agent", "tool", "tool", "span", "thing", Text("agent")]),
    start_time=moments,
    end_time=moments,
    level=st.sampled_from(["DEFAULT", "DEFAULT", "WARNING", "ERROR", "".join(["ERR", "OR"])]),
    metadata=st.dictionaries(keys, values, max_size=4),
    tags=st.sampled_from([(), ("source:web",), ("x", "source:żółw", "source:b"), ("source:",), (Text("source:c"),)]),
    trace_name=NAMES,
    sampling_weight=st.sampled_from([1.0, 1.0, 1.0, 2.5, float("inf"), 3]),
    app_root=st.sampled_from([False, False, False, True]),
)
seconds = st.sampled_from([1.0, 70.0, 700.0])
steps: Any = st.lists(st.tuples(spans, st.sampled_from(["a:f", "b:g"])) | seconds, max_size=30)


def read_originally(look: CloserLook, span: Observation, target: str) -> bool:
    look.read(span, target)
    return True


def numbers_of(look: CloserLook) -> Any:
    numbers = Numbers()
    look.gathered.add_to(numbers)
    counters = {series: float(many) for series, many in numbers.counters.items()}
    bins = {series: {at: float(many) for at, many in d.bins.items()} for series, d in numbers.distributions.items()}
    return counters, bins, [(float(d.count), float(d.total)) for d in numbers.distributions.values()]


def run(read: Any, seen: list[Any]) -> Any:
    """Let a new look read spans, and tell what it knows of them afterwards; also what nobody has waited for."""
    now, told = [0.0], []
    names: set[Any] = set()
    look = CloserLook(lambda: now[0], names, {"b:g"})
    for step in seen:
        if isinstance(step, float):
            now[0] += step
            look.settle_old()
        elif not look.glance(*step) and not read(look, *step):
            look.read(*step)
    for trace_id, trace in look._traces.items():
        below = [(k, b.tools, b.agents, b.busy, b.collaborations) for k, b in trace.below.items()]
        told.append((trace_id, trace.touched, trace.ended, below))
    now[0] += 10_000.0
    look.settle_old()
    look.take_tops()
    return repr([told, numbers_of(look), sorted(names)])  # of numbers that are none, each is another one


@settings(max_examples=examples(400))
@given(steps)
def test_all_spans_tell_the_same(seen: list[Any]) -> None:
    assert run(read_compiled, seen) == run(read_originally, seen)


def test_many_series_names_and_sizes_tell_the_same() -> None:
    seen = []
    for each in range(4 * FULL):
        said: Any = {"trace_id": "a", "type": ("agent", "tool")[each % 2], "metadata": {"outcome.action": f"v{each}"}}
        seen.append((observation(name=f"n{each % 1_401}", **said), "a:f"))
    assert run(read_compiled, seen) == run(read_originally, seen)


def test_agents_that_were_at_work_at_very_many_times_tell_the_same() -> None:
    top: Any = {"trace_id": "a", "id": "top", "start_time": 40, "end_time": 9_000, "app_root": True}
    agents: Any = {"trace_id": "a", "parent_observation_id": "top", "app_root": False}
    for many in (3, MOST, MOST + 1, 3 * MOST):
        begins = [(each * 7919 % 4_001) * 3 for each in range(many)]  # in no order, some within others
        seen = [(observation(**agents, start_time=at, end_time=at + at % 11), "a:f") for at in begins]
        seen.append((observation(**top, type="span"), "b:g"))
        assert run(read_compiled, seen) == run(read_originally, seen)


def test_nothing_is_kept_of_traces_that_nobody_ends_but_of_the_last() -> None:
    look = CloserLook(lambda: 0.0, set(), set())
    for each in range(2_100):
        span = observation(trace_id=f"{each}", parent_observation_id="never", app_root=False)
        assert read_compiled(look, span, "a:f") or read_originally(look, span, "a:f")
    assert len(look._traces) == 2_000
    counted = numbers_of(look)[0]
    assert sum(many for (metric, _), many in counted.items() if metric.endswith("agent_calls_total")) == 100


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_what_is_no_span_is_refused() -> None:
    look: Any = CloserLook(lambda: 0.0, set(), set())
    for wrong in ((), (look, ("a",), "b"), (look, observation()), (look, None, "a")):
        with pytest.raises(TypeError):
            read_compiled(*wrong)
    assert not read_compiled(None, observation(), "a:f")
    assert not read_compiled(look, observation(), None)


def given_call(result: Any) -> Any:
    return result


def recorded() -> Any:
    with woven(f"{__name__}:given_call") as made:
        given_call(1)
    return made[0]


def test_what_finishes_spans_is_asked_as_ever_and_what_comes_of_them_is_read() -> None:
    contents, told, span = SpanContents(), Numbers(), recorded()
    finished = {"type": "agent", "metadata": {"outcome.action": "buy"}, "name": "pricing", "trace_name": "order"}
    answers = [observation(**finished), None, observation(**finished), LookupError()]

    def prepare(asked: Any) -> Any:
        assert asked is span
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watched = contents.watch(prepare)
    expected = list(answers)
    assert [watched(span) for _ in range(3)] == expected[:3]
    with pytest.raises(LookupError):
        watched(span)
    contents.add_to(told, lambda target: (target,))
    assert told.counters["tracing_proxies_agent_calls_total", ("pricing", "order", "ok")] == 2
    assert told.counters["tracing_proxies_outcomes_total", ("pricing", "action", "buy")] == 2
    assert [(name.target, name.type, name.name) for name in contents.names()] == [
        (f"{__name__}:given_call", "agent", "pricing")
    ]


def test_spans_of_others_are_read_by_the_original() -> None:
    class Foreign:
        def __init__(self, span: Any) -> None:
            self.recipe = span.recipe

    contents, told = SpanContents(), Numbers()
    foreign: Any = Foreign(recorded())
    contents.watch(lambda span: observation(type="agent", name="pricing"))(foreign)
    contents.add_to(told, lambda target: None)
    assert sum(many for (metric, _), many in told.counters.items() if metric.endswith("agent_calls_total")) == 1


def test_what_nobody_needs_any_more_is_gone() -> None:
    def make() -> Any:
        def prepare(span: Any) -> Any:
            return watched

        watched = SpanContents().watch(prepare)
        return weakref.ref(prepare)

    gone = make()
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_a_watch_asks_for_a_span_and_nothing_else() -> None:
    watched: Any = Watched(lambda span: None, SpanContents())
    assert watched(1) is None
    for wrong in ((), (1, 2)):
        with pytest.raises(TypeError):
            watched(*wrong)
