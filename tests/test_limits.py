"""The limits that docs/limits.md states are the ones that hold."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
import sys
import threading
import types
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.weaving.support import make_registry
from tests.weaving.twins import NAME, make_module, twins
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.weaving import compiled
from tracing_proxies.weaving.proxies import raw_of
from tracing_proxies.weaving.references import DEPTH, MOST_ITEMS
from tracing_proxies.weaving.weaver import Weaver

PAGE = Path(__file__).parent.parent / "docs" / "limits.md"
F = "def f(x=1):\n    return x\n"


@pytest.mark.parametrize("pattern", ["datetime:date.today", "builtins:str.upper", "builtins:len"])
def test_what_is_written_in_c_and_builtins_are_refused(pattern: str) -> None:
    weaver = Weaver(Recorder(lambda span: None))
    weaver.weave(make_registry(pattern))
    refused = list(weaver.refused)
    weaver.undo()
    assert [str(target) for target in refused] == [pattern]


def test_a_function_of_a_c_module_can_be_woven() -> None:
    import math

    spans: list[Any] = []
    weaver = Weaver(Recorder(spans.append))
    before = math.sqrt
    weaver.weave(make_registry("math:sqrt"))
    try:
        assert math.sqrt(4) == 2
    finally:
        weaver.undo()
    assert len(spans) == 1
    assert math.sqrt is before


@pytest.mark.parametrize(
    "source",
    [
        "def deco(g):\n    return lambda: g()\nHELD = deco(f)",
        "import functools\nHELD = functools.lru_cache(f)",
        "import types\nHELD = types.MappingProxyType({'f': f})['f']\nBOX = types.MappingProxyType({'f': f})\n"
        "del HELD\ndef HELD():\n    return BOX['f']()",
        "class Router:\n    pass\nrouter = Router()\nrouter.of = {1: f}\ndef HELD():\n    return router.of[1]()",
        f"BOX = [f] * {MOST_ITEMS + 1}\ndef HELD():\n    return BOX[0]()",
        f"BOX = {'[' * (DEPTH + 1)}f{']' * (DEPTH + 1)}\ndef HELD():\n    return BOX{'[0]' * (DEPTH + 1)}()",
        "class Own(list):\n    pass\nBOX = Own([f])\ndef HELD():\n    return BOX[0]()",
    ],
)
def test_references_out_of_reach_work_and_leave_no_span(source: str) -> None:
    with twins(F + source, "f") as (_, traced, spans):
        assert traced.HELD() == 1
        assert spans == []
        assert traced.f() == 1
        assert len(spans) == 1


def test_bound_methods_in_attributes_that_were_taken_before_leave_no_span() -> None:
    source = "class A:\n    def run(self):\n        return 1\na = A()\na.callback = a.run\nCALLBACK = a.run\n"
    with twins(source, "A.run") as (_, traced, spans):
        assert traced.a.callback() == 1
        assert spans == []
        assert traced.CALLBACK() == 1
        assert len(spans) == 1


def test_keys_stay_and_are_found() -> None:
    with twins(F + "TABLE = {f: 1}\n", "f") as (_, traced, _spans):
        assert type(next(iter(traced.TABLE))) is types.FunctionType
        assert traced.TABLE[traced.f] == 1


def test_a_proxy_is_a_function_by_every_question_but_its_bare_type() -> None:
    with twins(F, "f") as (_, traced, _spans):
        f, raw = traced.f, raw_of(traced.f)
        assert type(f) is not types.FunctionType
        assert isinstance(f, types.FunctionType)
        assert inspect.isfunction(f)
        assert callable(f)
        assert f == raw
        assert hash(f) == hash(raw)


def test_unwrapping_ends_at_a_proxy_as_at_a_function() -> None:
    with twins(F, "f") as (_, traced, spans):
        assert inspect.unwrap(traced.f) is traced.f
        assert not hasattr(traced.f, "__wrapped__")
        assert traced.f() == 1
    assert len(spans) == 1


def test_a_traced_call_takes_one_frame_more_where_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def down(n):\n    return n and down(n - 1)\n"
    deep = int(sys.getrecursionlimit() * 0.6)
    failed: list[type[BaseException]] = []

    def run(function: Any) -> None:
        try:
            function(deep)
        except RecursionError as error:
            failed.append(type(error))

    module = make_module(source)
    untraced = module.down
    monkeypatch.setitem(sys.modules, NAME, module)
    weaver = Weaver(Recorder(lambda span: None))
    for expected in ([], [RecursionError] if compiled.advised is None else []):
        thread = threading.Thread(target=run, args=(module.down,))
        thread.start()
        thread.join()
        assert failed == expected
        weaver.weave(make_registry(f"{NAME}:down"))
    weaver.undo()
    assert module.down is untraced


def test_a_patch_that_outlives_tracing_leaves_a_proxy_that_the_next_activation_takes_away() -> None:
    with twins(F, "f", exact=False) as (_, traced, spans):
        raw = raw_of(traced.f)
        patch = mock.patch.object(traced, "f")
        patch.start()
    patch.stop()
    assert traced.f() == 1
    assert (spans, type(traced.f) is types.FunctionType) == ([], False)
    assert raw_of(traced.f) is raw


def test_a_wrapper_on_top_stays_with_our_proxy_within() -> None:
    with twins(F, "f", exact=False) as (_, traced, spans):
        traced.f = on_top = functools.wraps(traced.f)(functools.partial(traced.f))
    assert traced.f is on_top
    assert traced.f() == 1
    assert spans == []


def test_the_page_names_the_bounds_that_the_code_has() -> None:
    text = PAGE.read_text()
    assert f"{MOST_ITEMS:,} items" in re.sub(r"\s+", " ", text)
    assert {3: "three"}[DEPTH] + " levels deep" in re.sub(r"\s+", " ", text)


def test_off_lets_what_has_begun_end_as_usual_and_leaves_everything_woven() -> None:
    module = make_module("async def f(x):\n    return x\n")
    sys.modules[NAME] = module
    spans: list[Any] = []
    weaver = Weaver(Recorder(spans.append))
    weaver.weave(make_registry(f"{NAME}:f"))
    woven = module.f
    try:
        begun = module.f(1)
        weaver.switch(False)
        assert asyncio.run(begun) == 1
        assert asyncio.run(module.f(2)) == 2
        assert module.f is woven
        assert [span.arguments for span in spans] == [(1,)]
        weaver.switch(True)
        assert asyncio.run(module.f(3)) == 3
        assert [span.arguments for span in spans] == [(1,), (3,)]
    finally:
        weaver.undo()
        del sys.modules[NAME]
    assert module.f is not woven
