"""What is compiled finishes a span exactly as its Python original does."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.weaving.support import woven
from tracing_proxies.compiled import hot
from tracing_proxies.delivery.prepare import Preparer, ServiceNames, _leave_all
from tracing_proxies.masking import Masker
from tracing_proxies.recording.observation import Observation
from tracing_proxies.registry.masking import MaskingSettings

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

SERVICE = ServiceNames("shop", "prod", "r1", None)
texts = st.sampled_from(["", "ok", "ana@example.com", "a" * 90, '{"password": "x"}', "\ud800", "żółw"]) | st.text(
    max_size=8
)
values: Any = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
fields: Any = st.fixed_dictionaries(
    {},
    optional={
        "status_message": texts, "model": texts, "level": st.sampled_from(["ERROR", "WARNING"]),
        "usage": st.just({"input": 3}), "metadata": st.dictionaries(texts, values, max_size=2), "weight": st.just(4.0),
        "stop": st.none(), "input": values,
    },
)  # fmt: skip
of_trace: Any = st.fixed_dictionaries(
    {}, optional={"session": texts, "user": texts, "tags": st.lists(texts, max_size=2).map(tuple)}
)
policies: Any = st.sampled_from([{}, {"policy": "strict"}, {"hide": ("left",)}, {"hide": ("a.left",)}])


def given_call(left: Any, right: Any = 1, result: Any = None) -> Any:
    return result


@settings(max_examples=150)
@given(policies, values, values, st.booleans(), values, fields, of_trace)
def test_a_finished_span_is_the_same(
    policy: Any, left: Any, right: Any, named: bool, result: Any, on_span: Any, on_trace: Any
) -> None:
    with woven(f"{__name__}:given_call") as spans:
        if named:
            given_call(left, right=right, result=result)
        else:
            given_call(left, right, result=result)
    (span,) = spans
    for name, value in on_span.items():
        if name == "metadata":
            span.metadata.update(value)
        else:
            setattr(span, name, value)
    for name, value in on_trace.items():
        setattr(span.trace, name, value)
    compiled, original = (Preparer(Masker(MaskingSettings(**policy)), SERVICE) for _ in range(2))
    original._finish = _leave_all
    expected, more = original(span), []
    for _ in range(3):  # the first time little is known
        span.prepared = None
        more.append(compiled(span))
    assert more == [expected] * 3
    assert all(type(one) is type(expected) for one in more)


def test_nobody_sees_an_observation_before_it_is_whole() -> None:
    with woven(f"{__name__}:given_call") as spans:
        given_call("ana@example.com", "never seen before")
    preparer = Preparer(Masker(), SERVICE)
    preparer(spans[0])
    spans[0].prepared = None
    known, seen = len(observations()), []

    def look(value: Any) -> Any:
        seen.append(len(observations()) - known)
        return value

    preparer._closely = look
    assert preparer(spans[0]) is not None
    assert seen == [0]


def test_what_a_trace_is_told_while_a_span_of_it_is_masked_is_not_taken_unmasked() -> None:
    with woven(f"{__name__}:given_call") as spans:
        given_call("ana@example.com", "never seen before")
    span, masker = spans[0], Masker()
    span.trace.tags, span.trace.user = ("seen",), "u1"
    preparer = Preparer(masker, SERVICE)
    preparer(span)
    span.prepared = None

    def mask_meanwhile(value: Any) -> Any:
        span.trace.add_tags(("ana@example.com",))
        span.name = span.trace.name = span.trace.user = span.trace.session = "write to ana@example.com"
        span.usage = {"ana@example.com": 1}
        return masker.value_closely(value)

    preparer._closely = mask_meanwhile
    finished = preparer(span)
    assert finished is not None
    assert finished.tags == ("seen",)
    assert "ana@example.com" not in repr(finished)


def observations() -> list[Observation]:
    """Return those that memory profilers and the like come across; to read one that is not whole ends the process."""
    return [found for found in gc.get_objects() if type(found) is Observation]


def given_more(left: Any, *others: Any, right: Any = "r", large: Any = ("x", ("y", [1])), **named: Any) -> Any:
    return left


@settings(max_examples=50)
@given(st.lists(values, min_size=1, max_size=3), st.dictionaries(st.sampled_from(["right", "a", "large"]), values))
def test_arguments_beyond_the_named_ones_and_defaults_are_the_same(args: list[Any], named: dict[str, Any]) -> None:
    with woven(f"{__name__}:given_more") as spans:
        given_more(*args, **named)
    compiled, original = (Preparer(Masker(), SERVICE) for _ in range(2))
    original._finish = _leave_all
    expected = original(spans[0])
    for _ in range(2):
        spans[0].prepared = None
        assert compiled(spans[0]) == expected


CALLS: Any = [
    lambda: given_call(1, "a", result=[1, "b"]),
    lambda: given_call(1),
    lambda: given_more(1, 2, right=3, a="b"),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_plain_span_is_finished_in_the_compiled_part(call: Any) -> None:
    with woven(f"{__name__}:given_call", f"{__name__}:given_more") as spans:
        call()
    preparer = Preparer(Masker(), SERVICE)
    preparer(spans[0])
    spans[0].prepared = None
    preparer._prepare = lambda span: pytest.fail("the original was asked")  # type: ignore[assignment,method-assign]
    finished = preparer(spans[0])
    assert finished is not None
    assert not gc.is_tracked(finished)
