"""Unkind applications: odd classes, lazy objects, half-done streams. They behave as untraced, and nothing is left."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import gc
import importlib
import sys
import types
import weakref
from typing import Any

import attrs
import pytest
from opentelemetry import trace as otel

import tracing_proxies
from tests.weaving import odd
from tests.weaving.support import make_registry, woven
from tests.weaving.twins import NAME, make_module, twins
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.testing import capture_spans, registry_from
from tracing_proxies.weaving.reach import Reach
from tracing_proxies.weaving.weaver import Weaver

M = odd.__name__


def test_generator_based_coroutines_can_still_be_awaited() -> None:
    async def main() -> Any:
        return await odd.generator_based()

    with woven(f"{M}:generator_based") as spans:
        assert asyncio.run(main()) == 5
    assert [span.output for span in spans] == [5]


@pytest.mark.parametrize("name", ["Odd", "Lazy", "moment", "released_view"])
def test_no_code_of_a_value_runs_when_it_passes_through(name: str) -> None:
    value = getattr(odd, name)()
    with woven(f"{M}:echo") as spans:
        assert odd.echo(value) is value
    assert len(spans) == 1


def test_a_lazy_object_in_a_module_or_class_is_not_evaluated_by_weaving() -> None:
    with woven(f"{M}:leaf", f"{M}:Base+.run") as spans:

        class WithLazy(odd.Base):
            attribute = odd.Lazy()

            def run(self) -> int:
                return 2

        assert odd.leaf() == 1
        assert WithLazy().run() == 2
    assert len(spans) == 2


def test_classes_that_a_decorator_builds_anew_are_woven_once_and_undone() -> None:
    with woven(f"{M}:Base+.run") as spans:

        @attrs.define
        class Slotted(odd.Base):
            def run(self) -> int:
                return 2

        @dataclasses.dataclass(slots=True)
        class Data(odd.Base):
            def run(self) -> int:
                return 3

        assert (Slotted().run(), Data().run()) == (2, 3)
    assert len(spans) == 2
    assert type(vars(Slotted)["run"]) is types.FunctionType
    assert type(vars(Data)["run"]) is types.FunctionType


def test_private_and_aliased_methods_survive_deepcopy() -> None:
    with woven(f"{M}:Holder._Holder__private"):
        assert copy.deepcopy(odd.Holder()).callback() == "mine"


def test_a_sync_manager_is_not_an_async_one() -> None:
    with woven(f"{M}:managed"):
        manager = odd.managed()
        assert not hasattr(manager, "__aenter__")
        with manager:
            pass


def test_a_manager_can_still_decorate_a_function() -> None:
    with woven(f"{M}:managed"):

        @odd.managed()
        def decorated() -> int:
            return 3

        assert decorated() == decorated() == 3


def test_managers_left_in_the_wrong_order_leave_no_ended_span_behind() -> None:
    with woven(f"{M}:managed", f"{M}:leaf") as spans:
        first, second = odd.managed(), odd.managed()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        odd.leaf()
    ended = {span.span_id for span in spans[:2]}
    assert spans[2].parent_id not in ended


def test_an_attribute_named_events_does_not_get_in_the_way_of_events() -> None:
    with woven(f"{M}:managed") as spans, odd.managed():
        span = otel.get_current_span()
        span.set_attribute("events", "abc")
        span.set_attribute(1, "no text")  # type: ignore[arg-type]
        span.add_event("happened", {"a": 1})
    assert spans[0].events == [{"name": "happened", "attributes": {"a": 1}}]


def test_streams_that_nobody_starts_are_not_left_open() -> None:
    async def coroutine() -> int:
        return 1

    recorder = Recorder(lambda span: None)
    weaver = Weaver(recorder)
    weaver.weave(make_registry(f"{M}:pass_on", f"{M}:managed"))
    try:
        odd.pass_on(number for number in range(3))
        with pytest.warns(RuntimeWarning, match="never awaited"):
            odd.pass_on(coroutine())
        for _ in range(10):
            odd.managed()
        gc.collect()
        assert (len(recorder.open), len(recorder.traces)) == (0, 0)
    finally:
        weaver.undo()


def test_a_huge_number_in_an_exception_keeps_the_error() -> None:
    with woven(f"{M}:boom") as spans, pytest.raises(ValueError):
        odd.boom(ValueError(10**5000))
    assert spans[0].level == "ERROR"
    assert "int of" in spans[0].status_message


def test_a_caught_exception_is_freed_at_once() -> None:
    class Marked(ValueError):
        pass

    gc.disable()
    try:
        with woven(f"{M}:fail_with"):
            try:
                odd.fail_with(Marked)
            except Marked as exc:
                gone = weakref.ref(exc)
        assert gone() is None
    finally:
        gc.enable()


def test_a_reloaded_module_is_woven_again(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "again_module.py").write_text(
        "def work():\n    return 1\n\nclass C:\n    def m(self):\n        return 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with woven("again_module:work", "again_module:C.m") as spans:
        import again_module  # type: ignore[import-not-found]

        importlib.reload(again_module)
        assert (again_module.work(), again_module.C().m()) == (1, 2)
    assert len(spans) == 2
    del sys.modules["again_module"]


def test_a_runtime_is_freed_after_deactivation() -> None:
    from tracing_proxies import runtime

    tracing_proxies.activate(registry_from("version: 1\nexport: { discard: {} }\n"))
    gone = weakref.ref(runtime._runtime.recorder)  # type: ignore[union-attr]
    tracing_proxies.deactivate()
    gc.collect()
    assert gone() is None


def test_a_pools_thread_does_not_keep_its_first_submitters_span() -> None:
    from concurrent.futures import ThreadPoolExecutor

    text = f"version: 1\nuse: [threads]\nexport: {{ discard: {{}} }}\ntrace:\n  - match: ['{M}:leaf', '{M}:managed']\n"
    tracing_proxies.activate(registry_from(text))
    try:
        with capture_spans() as spans, ThreadPoolExecutor(1) as pool:
            with odd.managed():
                pool.submit(odd.leaf).result()
            pool.submit(odd.leaf).result()
    finally:
        tracing_proxies.deactivate()
    inside, outer, alone = spans
    assert inside.parent_id == outer.span_id
    assert alone.parent_id is None


def test_an_activation_that_fails_leaves_nothing_woven(monkeypatch: Any) -> None:
    original = odd.leaf

    def fail(self: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(Reach, "search_all", fail)
    with pytest.raises(RuntimeError, match="ours"):
        tracing_proxies.activate(
            registry_from(f"version: 1\nexport: {{ discard: {{}} }}\ntrace:\n  - match: {M}:leaf\n")
        )
    assert odd.leaf is original
    assert tracing_proxies.status()["active"] is False


def test_attributes_that_a_class_makes_itself_are_not_asked_for() -> None:
    source = """
class LocalProxy:
    @property
    def __dict__(self):
        RAN.append(1)
        raise ImportError("not loaded yet")
    def __call__(self):
        return 1

RAN = []
NOW = LocalProxy()

def f(x=None):
    return 1
"""
    with twins(source, "f") as (_, traced, spans):
        assert traced.f(traced.NOW) == 1
        assert traced.RAN == []
    assert [span.name for span in spans] == ["f"]


@pytest.mark.parametrize(
    "made",
    ["wrapt.LazyObjectProxy(make)", "Proxy([1, 2])", "Proxy(Told())", "wrapt.CallableObjectProxy(len)"],
)
@pytest.mark.parametrize("place", ["KEPT = {}", "class Shop:\n    kept = {}", "KEPT = [{}]"])
def test_what_stands_for_another_object_is_not_asked_for_its_attributes(
    made: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
import wrapt
ASKED = []
def make():
    ASKED.append("made")
    raise ConnectionError
class Proxy(wrapt.ObjectProxy):
    pass
class Told:
    @property
    def __dict__(self):
        ASKED.append("told")
        return {}
def work():
    return 1
"""
    module: Any = make_module(source + place.format(made))
    monkeypatch.setitem(sys.modules, NAME, module)
    with woven(f"{NAME}:work", f"{NAME}:Shop.*") as spans:
        assert module.work() == 1
        assert module.ASKED == []
    assert module.ASKED == []
    assert [span.name for span in spans] == ["work"]
