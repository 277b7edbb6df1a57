"""Where advice is compiled, no frame of ours stands above a woven function, on any version of the interpreter."""

from __future__ import annotations

import asyncio
import sys
import threading
from functools import partial
from typing import Any

import pytest

from tests.weaving import callers
from tests.weaving.support import woven
from tests.weaving.twins import outcome, twins
from tracing_proxies.compiled import hot
from tracing_proxies.weaving.proxies import _NOT_FUNCTIONS, _AsRaw, is_woven

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

NAME = callers.__name__


def asking(function: Any, *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


@pytest.mark.parametrize(
    "name",
    [
        "caller",
        "caller_by_name",
        "first_outside",
        "by_helper",
        "module_of_caller",
        "by_a_helpers_helper",
        "whole_stack",
    ],
)
def test_a_function_sees_the_caller_that_it_saw_untraced(name: str) -> None:
    untraced = asking(getattr(callers, name))
    with woven(f"{NAME}:{name}") as spans:
        assert asking(getattr(callers, name)) == untraced
    assert [(span.name, span.output) for span in spans] == [(name, untraced)]


def test_methods_of_all_kinds_see_their_callers() -> None:
    with woven(f"{NAME}:Named.*", f"{NAME}:Named.__init__") as spans:
        named = callers.Named()
        here = named.caller(), named.by_method(), callers.Named.of_class(), callers.Named.of_none()
    assert named.where == "test_methods_of_all_kinds_see_their_callers"
    assert here == ("test_methods_of_all_kinds_see_their_callers",) * 4
    assert len(spans) == 5


def test_a_coroutine_comes_from_where_it_was_asked_for() -> None:
    source = """
        async def fetch():
            return 1

        fetch.__qualname__ = "Client.fetch"
    """
    with twins(source, "fetch") as (untraced, traced, spans):
        depth = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(2)
        try:
            coroutines = [asking(module.fetch) for module in (untraced, traced)]
        finally:
            sys.set_coroutine_origin_tracking_depth(depth)
        assert coroutines[1].cr_origin == coroutines[0].cr_origin
        assert [coroutine.__qualname__ for coroutine in coroutines] == ["Client.fetch"] * 2
        assert [asyncio.run(coroutine) for coroutine in coroutines] == [1, 1]
    assert len(spans) == 1


def test_an_error_has_no_entry_of_ours_in_its_traceback_and_is_the_same_object() -> None:
    source = """
        kept = ValueError("x")

        def fail():
            raise kept
    """
    with twins(source, "fail") as (_, traced, spans):
        with pytest.raises(ValueError, match="x") as caught:
            traced.fail()
        assert caught.value is traced.kept
        assert [entry.name for entry in caught.traceback][1:] == ["fail"]
    assert spans[0].level == "ERROR"


def test_an_attribute_is_read_as_its_original_reads_it() -> None:
    source = """
        import functools

        def sell(self, number: int = 1) -> int:
            "Sells."

        sell.price = 7

        @functools.lru_cache
        def cached(number):
            return number

        class Shop:
            def sell(self):
                return self
    """
    read = vars(_AsRaw)["__getattribute__"]
    with twins(source, "sell", "cached", "Shop.sell") as (untraced, traced, _):
        for proxy in (traced.sell, traced.cached, vars(traced.Shop)["sell"]):
            assert is_woven(proxy)
            for name in {*dir(object), *dir(untraced.sell), *dir(untraced.cached), *_NOT_FUNCTIONS, "price", "nope"}:
                found = outcome(partial(type(proxy).__getattribute__, proxy, name))
                expected = outcome(partial(read, proxy, name))
                assert (found == expected) or repr(found) == repr(expected), name


def test_a_profiler_sees_the_calls_that_it_saw_untraced() -> None:
    source = """
        def outer(number):
            return inner(number) + 1

        def inner(number):
            return number * 2
    """

    def calls(module: Any) -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []
        sys.setprofile(
            lambda frame, event, arg: seen.append((event, frame.f_code.co_name)) if event[0] != "c" else None
        )
        try:
            module.outer(1)
        finally:
            sys.setprofile(None)
        return [(event, name) for event, name in seen if name in ("outer", "inner")]

    with twins(source, "*") as (untraced, traced, spans):
        expected = calls(untraced)
        assert calls(traced) == expected
    assert len(spans) == 2


def test_recursion_goes_as_deep_as_untraced() -> None:
    source = """
        def dive(depth):
            return 0 if depth == 0 else 1 + dive(depth - 1)
    """
    with twins(source, "dive") as (untraced, traced, spans):
        depth = int(sys.getrecursionlimit() * 0.6)  # tests stand on a hundred frames or two themselves
        assert traced.dive(depth) == untraced.dive(depth) == depth
    assert len(spans) == depth + 1


def test_keywords_that_a_caller_keeps_are_not_those_of_the_span() -> None:
    source = """
        import functools

        def sell(**what):
            what["sold"] = True
            return sorted(what)

        again = functools.partial(sell, product="oil")
    """
    with twins(source, "sell") as (_, traced, spans):
        assert traced.again() == traced.again() == ["product", "sold"]
    assert [span.input for span in spans] == [{"product": "oil"}] * 2


def test_calls_in_many_threads_are_all_recorded_and_counted() -> None:
    source = """
        def work(number):
            return {"number": number}
    """
    with twins(source, "work") as (_, traced, spans):
        threads = [threading.Thread(target=lambda: [traced.work(number) for number in range(500)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(spans) == len({span.span_id for span in spans}) == 4_000
        assert sorted(span.output["number"] for span in spans) == sorted(list(range(500)) * 8)


def test_calls_leave_no_references_behind() -> None:
    source = """
        def work(thing, *, named=None):
            return thing

        def fail(thing):
            raise ValueError(thing)
    """

    class Thing:
        pass

    with twins(source, "*") as (_, traced, spans):
        thing = Thing()
        for _ in range(3):
            traced.work(thing, named=thing)
            with pytest.raises(ValueError):
                traced.fail(thing)
            spans.clear()
        before = sys.getrefcount(thing)
        for _ in range(100):
            traced.work(thing, named=thing)
            with pytest.raises(ValueError):
                traced.fail(thing)
            spans.clear()
        assert sys.getrefcount(thing) <= before + 1
