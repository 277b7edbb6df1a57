"""What is compiled reads paths, and begins and ends spans whose rules read more of a call, exactly as its originals."""

from __future__ import annotations

import sys
import time
import types
from dataclasses import dataclass, field
from typing import Any

import attrs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from opentelemetry import trace as api

from tracing_proxies.compiled import hot
from tracing_proxies.recording import outcome
from tracing_proxies.recording.context import current
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.scope import CallScope
from tracing_proxies.recording.span import RELEASED, Span
from tracing_proxies.registry import fields, path_steps
from tracing_proxies.registry.path_parser import Parser
from tracing_proxies.registry.paths import _compile, compile_path
from tracing_proxies.testing import registry_from
from tracing_proxies.weaving.proxies import raw_of
from tracing_proxies.weaving.weaver import Weaver

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

M = "outcome_shop"
SOURCE = """
def visit(within):
    return within()

class Shop:
    def sell(self, order=None, *rest, count=1, **more):
        return order

class Large(Shop):
    def sell(self, order=None, *rest, count=1, **more):
        return super().sell(order, *rest, count=count, **more)
"""


@dataclass
class Order:
    status: Any
    item: Any = None
    notes: list[Any] = field(default_factory=list)

    @property
    def loud(self) -> str:
        raise AssertionError("a property has run")


@attrs.define
class Slotted:
    status: Any
    item: Any = None


class Keyed(dict[str, Any]):
    """A dict with fields of its own."""

    def __init__(self, **entries: Any) -> None:
        super().__init__(entries)
        self.item = "of the object"


class Odd:
    """Answers whatever it is asked, by code that must not run."""

    def __getattr__(self, name: str) -> Any:
        if name in ("status", "item", "error"):
            raise AssertionError("foreign code has run")
        raise AttributeError(name)


ATOMS: Any = st.sampled_from(
    [None, True, False, 0, 7, 2**70, 1.5, "", "ok", "failed", "x" * 201, b"z", Odd(), ValueError("no")]
)
VALUES: Any = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["status", "item", "loud", "error"]), inner, max_size=3)
        | st.builds(Order, inner, inner)
        | st.builds(Slotted, inner, inner)
        | st.builds(Keyed, status=inner)
    ),
    max_leaves=6,
)
PATHS = [
    "args.order", "args.order.status", "args.order.item.status", "args.nowhere", "args[0].status", "args[*]", "self",
    "self.till", "self.till.item", "result", "result.status", "result.item.item", "result.loud", "error",
    "error.message", "error.type", "result[0]", "result[*].status", "first(result.error, args.order.item)",
    "(args.order).status.item", 'result.status == "failed"', 'result.item in ["ok", 7]', "not result.status",
    "result | len",
]  # fmt: skip


def scope_of(order: Any, result: Any, error: Any) -> CallScope:
    shop = types.SimpleNamespace(till=order)
    scope = CallScope("sell", shop, (order, result), {"order": order, "count": 1})
    scope.result, scope.error = result, error
    return scope


def originally(text: str) -> Any:
    """Compile a path into the closures that the compiled part stands for."""
    kept = path_steps.hot
    path_steps.hot = None
    try:
        return _compile(text, Parser(text))
    finally:
        path_steps.hot = kept


@settings(max_examples=150)
@given(st.sampled_from(PATHS), VALUES, VALUES, st.sampled_from([None, fields.MISSING, ValueError("a", 1), KeyError()]))
def test_a_path_finds_the_same(text: str, order: Any, result: Any, error: Any) -> None:
    scope = scope_of(order, result, error)
    expected = originally(text)(scope)
    found = [compile_path(text)(scope) for _ in range(2)]  # the second time it is known how a type is read
    assert [repr(one) for one in found] == [repr(expected)] * 2
    if type(expected) is not list:
        assert found[0] is expected or found[0] == expected


def test_a_path_reads_what_is_no_call_as_well() -> None:
    other = types.SimpleNamespace(args=types.MappingProxyType({"order": {"status": 1}}), result=fields.MISSING)
    assert compile_path("args.order.status")(other) == 1
    assert compile_path("args.other.status")(other) is fields.MISSING
    assert compile_path("result.status")(other) is fields.MISSING
    assert compile_path("error.message")(other) is fields.MISSING  # it has none


RULES: Any = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["fixed", '"sell.{args.order.status}"', '"{function}:{args.count}:{self.till}"']),
        "observation": st.sampled_from(["tool", "generation", "span"]),
        "level": st.just("WARNING"),
        "session": st.sampled_from(["args.order.item", "args.order"]),
        "user": st.just("args.order.status"),
        "tags": st.just('[one, "{args.order.status}", "of:{args.count}", one]'),
        "metadata": st.just("{ a: args.order.item, b: result.status, c: self.till, d: args.nowhere, e: args.count }"),
        "outcome": st.just('{ status: result.status, item: result.item, text: "got {result}" }'),
        "scores": st.just("{ s: result.item }"),
        "input": st.sampled_from(["args.order", "{ what: args.order, none: args.nowhere }", "args.nowhere"]),
        "output": st.sampled_from(["result.item", "{ is: result.status, all: result }", "result.nowhere"]),
        "error_when": st.sampled_from(['result.status == "failed"', "result.item", 'result in ["failed", 7]']),
        "error_message": st.sampled_from(["result.item", "first(result.error, result.status)"]),
        "status_message": st.sampled_from(["result.status", "args.order.item"]),
        "model": st.just("result.status"),
        "usage": st.just("{ input: result.item, output: args.count, total: args.order.item }"),
        "if": st.sampled_from(["args.order.status", "args.count == 1"]),
        "capture": st.sampled_from(
            ["none", "{ input: false }", "{ output: false }", "{ max_bytes: 60B, max_items: 2, max_depth: 2 }"]
        ),
        "nested": st.sampled_from(["child", "merge", "skip"]),
        "min_duration": st.just("1h"),
        "sample": st.just("100%"),
        "root": st.just("true"),
    },
)


def written(rule: dict[str, str], pattern: str) -> str:
    return "".join([f"  - match: {M}:{pattern}\n", *(f"    {key}: {value}\n" for key, value in rule.items())])


def facts(span: Span) -> dict[str, Any]:
    """Say everything of an ended span but its ids and times."""
    trace = span.trace
    assert span.context is RELEASED
    assert span.parent is span.scope is span.function is span.waiting_for is None
    return {
        **{
            name: repr(getattr(span, name))
            for name in (
                *("name", "type", "level", "status_message", "input", "output", "metadata", "model", "usage"),
                *("dropped", "kept_child", "settled", "app_root", "weight", "foreign", "library", "events"),
            )
        },
        "trace": (repr(trace.session), repr(trace.user), trace.tags, trace.name, trace.ended, trace.room),
        "is_first": span.parent_id is None,
        "since": round((time.time_ns() - time.perf_counter_ns() - trace.offset) / 1e9),
    }


class Woven:
    """One module, woven by rules, and the spans of its calls."""

    def __init__(self, rules: str, source: str = SOURCE) -> None:
        self.spans: list[Span] = []
        self.module: Any = types.ModuleType(M)
        sys.modules[M] = self.module
        exec(source, vars(self.module))
        self.recorder = Recorder(self.spans.append)
        self.weaver = Weaver(self.recorder)
        self.weaver.weave(registry_from(f"version: 1\nexport: {{ discard: {{}} }}\ntrace:\n{rules}"))

    def __enter__(self) -> Woven:
        return self

    def __exit__(self, *exc: object) -> None:
        self.weaver.undo()
        del sys.modules[M]
        assert not self.recorder.open


def by_originals(patch: pytest.MonkeyPatch) -> None:
    """Let calls that are not plain begin and end in Python."""
    patch.setattr(outcome, "begin_record", outcome.write_beginning)
    patch.setattr(outcome, "end_record", outcome.write_end)


def sell_originally(recorder: Recorder, recipe: Any, function: Any, shop: Any, args: Any, kwargs: Any) -> None:
    """Do as the compiled advice does around a call of ``sell``."""
    with pytest.MonkeyPatch.context() as patch:
        by_originals(patch)
        span = recorder.placement.begin(recipe, function, shop, args, kwargs, current())
        if span is not None:
            assert type(span) is Span
            span.stop = span.start + 1
            recorder.finish(span, args[0])


@settings(max_examples=50)
@given(
    RULES,
    VALUES,
    st.lists(VALUES, max_size=1),
    st.sampled_from([{}, {"count": 3}, {"extra": "e"}]),
    st.sampled_from(["a span", "a copy of it", "nothing"]),
)
def test_a_span_is_the_same_from_its_beginning_to_its_end(
    rule: dict[str, str], order: Any, rest: list[Any], kwargs: dict[str, Any], above: str
) -> None:
    seen: dict[str, list[Any]] = {"compiled": [], "original": []}
    visit = f"  - match: {M}:visit\n    session: '\"of the visit\"'\n"
    with Woven(visit + written(rule, "Shop.sell")) as shop:
        function = vars(shop.module.Shop)["sell"]
        recipe, raw = function._self_tp.recipe, raw_of(function)
        assume(not recipe.is_plain)
        for how, found in seen.items():
            thing = shop.module.Shop()
            thing.till = order

            def call(how: str = how, thing: Any = thing) -> None:
                if how == "compiled":
                    thing.sell(order, *rest, **kwargs)
                else:
                    sell_originally(shop.recorder, recipe, raw, thing, (order, *rest), kwargs)

            def within(call: Any = call) -> None:
                if above == "a copy of it":  # which another library has made current
                    copied = api.NonRecordingSpan(api.get_current_span().get_span_context())
                    with api.use_span(copied):
                        call()
                else:
                    call()

            if above == "nothing":
                within()
            else:
                shop.module.visit(within)
            found += [facts(span) for span in shop.spans]
            shop.spans.clear()
    assert seen["compiled"] == seen["original"]


FORGOTTEN = [
    *("scope", "parent", "parent_id", "app_root", "weight", "arguments", "keywords", "_input", "_metadata", "name"),
    *("type", "level", "status_message", "output", "model", "usage", "stop", "dropped", "kept_child", "settled"),
    *("waiting_for", "function", "instance_id", "prepared", "events", "outer", "foreign", "library"),
]


@pytest.mark.parametrize("plain", [True, False])
def test_a_field_that_is_deleted_has_its_first_value_again(plain: bool) -> None:
    rules = written({} if plain else {"metadata": "{ a: args.order }"}, "Shop.sell")
    with Woven(f"  - match: {M}:visit\n" + rules) as shop:

        def forget(of_trace: bool, name: str) -> None:
            span: Any = api.get_current_span()
            holder = span.trace if of_trace else span
            fresh = type(holder).__new__(type(holder))
            delattr(holder, name)
            assert getattr(holder, name) == getattr(fresh, name)
            shop.module.Shop().sell(1)

        for name in FORGOTTEN:
            shop.module.visit(lambda name=name: forget(False, name))
        for name in ("weight", "name", "session", "user", "tags", "room", "crowd", "payload", "held", "timed", "spent"):
            shop.module.visit(lambda name=name: forget(True, name))
        assert len(shop.spans) == 2 * len(FORGOTTEN) + 22


@pytest.mark.parametrize("plain", [True, False])
def test_a_span_is_handed_on_whatever_an_observer_makes_of_it(plain: bool) -> None:
    rules = written({} if plain else {"metadata": "{ a: args.order }"}, "Shop.sell")
    with Woven(f"  - match: {M}:visit\n" + rules) as shop:

        def observe(span: Any) -> None:
            span.recorder = span.recipe = span.stop = None

        shop.recorder.observers.append(observe)
        assert shop.module.visit(lambda: shop.module.Shop().sell(1)) == 1
        assert [span.name for span in shop.spans] == ["Shop.sell", "visit"]
