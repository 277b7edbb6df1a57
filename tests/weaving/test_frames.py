"""Functions that look at their caller's frame are found statically, and refused where they cannot be woven."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from tests.weaving import callers
from tests.weaving.support import woven
from tests.weaving.twins import twins
from tracing_proxies.compiled import hot
from tracing_proxies.weaving import frameless, loom
from tracing_proxies.weaving.frames import FrameSearch

LOOKING = [
    "caller", "caller_at", "caller_by_alias", "by_alias_below", "caller_by_name", "module_of_caller", "whole_stack",
    "extracted", "first_outside", "_two_up", "by_helper", "by_a_helpers_helper", "failing", "factorial", "awaiting",
    "generating", "first_told", "second_told",
]  # fmt: skip
ALIKE = [
    "own_frame", "own_frame_by_name", "callers_within", "stack", "uses_a_stack", "makes_a_type", "warning",
    "warning_by_helper", "logging_caller",
]  # fmt: skip
NAME = callers.__name__


@pytest.mark.parametrize("name", LOOKING)
def test_a_function_that_looks_at_its_callers_frame_is_found(name: str) -> None:
    assert FrameSearch().frames_above(vars(callers)[name]) > 0


@pytest.mark.parametrize("name", ALIKE)
def test_a_function_that_only_looks_alike_is_not(name: str) -> None:
    assert FrameSearch().frames_above(vars(callers)[name]) == 0


def test_what_is_woven_already_is_followed_to_what_it_calls() -> None:
    with woven(f"{NAME}:at_depth"):
        assert FrameSearch().frames_above(callers.z_awaits_at_depth) > 0


def test_what_a_method_calls_in_its_class_counts() -> None:
    methods = vars(callers.Named)
    assert [
        FrameSearch().frames_above(methods[name], callers.Named) for name in ("__init__", "caller", "by_method")
    ] == [
        1,
        1,
        1,
    ]
    assert FrameSearch().frames_above(methods["_up"], callers.Named) == 2


def test_a_function_that_looks_through_the_whole_stack_taints_whoever_calls_it() -> None:
    deep = "import inspect\ndef deep():\n    return inspect.stack()\n"
    source = deep + "def a():\n    return deep()\ndef b():\n    return a()\n"
    module = type(sys)("tainted_module")
    exec(source, vars(module))
    sys.modules["tainted_module"] = module
    try:
        assert FrameSearch().frames_above(module.b) > 0
    finally:
        del sys.modules["tainted_module"]


def test_where_it_cannot_be_woven_it_is_refused_aloud_and_works(monkeypatch: Any, caplog: Any) -> None:
    monkeypatch.setattr(frameless, "monitoring", None)
    monkeypatch.setattr(loom, "stands_between", lambda raw, lazy: True)
    with caplog.at_level(logging.WARNING), woven(f"{NAME}:caller", f"{NAME}:own_frame") as spans:
        assert callers.caller() == "test_where_it_cannot_be_woven_it_is_refused_aloud_and_works"
        callers.own_frame()
    assert [span.name for span in spans] == ["own_frame"]
    [record] = caplog.records
    assert "caller is not traced: it looks at its caller's frame" in record.getMessage()


LOOKING_STREAMS = """
    import contextlib, inspect, types

    def names():
        return [frame.function for frame in inspect.stack()[1:6]]
    def stream():
        found = [names()]
        try:
            found.append((yield found))
            found.append(names())
            yield found
        except ValueError:
            found.append(names())
            yield found
        finally:
            found.append(names())
    async def later():
        found = [names()]
        try:
            found.append((yield found))
            found.append(names())
            yield found
        finally:
            found.append(names())
    @types.coroutine
    def waited():
        yield names()
    @contextlib.contextmanager
    def manager():
        found = [names()]
        try:
            yield found
        finally:
            found.append(names())
    @contextlib.asynccontextmanager
    async def later_manager():
        found = [names()]
        yield found
        found.append(names())
"""


def _sent(module: Any) -> Any:
    stream = module.stream()
    next(stream)
    return stream.send(1)


def _thrown(module: Any) -> Any:
    stream = module.stream()
    next(stream)
    return stream.throw(ValueError("x"))


def _closed(module: Any) -> Any:
    stream = module.stream()
    found = next(stream)
    stream.close()
    return found


def _dropped(module: Any) -> Any:
    stream = module.stream()
    found = next(stream)
    del stream
    return found


def _entered(module: Any) -> Any:
    with module.manager() as found:
        pass
    return found


def _failed(module: Any) -> Any:
    with contextlib.suppress(ValueError), module.manager() as found:
        raise ValueError
    return found


async def _asked(module: Any) -> Any:
    stream = module.later()
    await stream.asend(None)
    found = await stream.asend(1)
    await stream.aclose()
    return found


async def _thrown_later(module: Any) -> Any:
    stream = module.later()
    found = await stream.__anext__()
    with contextlib.suppress(ValueError):
        await stream.athrow(ValueError("x"))
    return found


ASKED: dict[str, Callable[[Any], Any]] = {
    "read": lambda module: list(module.stream()),
    "sent": _sent,
    "thrown": _thrown,
    "closed": _closed,
    "dropped": _dropped,
    "entered": _entered,
    "entered and failed": _failed,
    "async": lambda module: asyncio.run(_asked(module)),
    "async and thrown": lambda module: asyncio.run(_thrown_later(module)),
}


@pytest.mark.skipif(hot is None, reason="a frame of ours stands above each body")
@pytest.mark.parametrize("way", ASKED)
def test_generators_and_managers_that_look_at_the_stack_are_woven_where_that_is_compiled(way: str) -> None:
    with twins(LOOKING_STREAMS, "stream", "later", "manager") as (untraced, traced, spans):
        expected = ASKED[way](untraced)
        assert ASKED[way](traced) == expected
        assert expected[0]
    assert len(spans) == 1


def test_a_generator_that_is_a_coroutine_as_well_is_refused_if_it_looks_at_the_stack(caplog: Any) -> None:
    with twins(LOOKING_STREAMS, "waited") as (_, traced, spans):
        assert next(iter(traced.waited()))
        assert "waited is not traced: it is a generator that looks at its caller's frame" in caplog.text
    assert spans == []


def test_an_async_manager_that_looks_at_the_stack_sees_what_it_saw_untraced() -> None:
    async def enter(module: Any) -> Any:
        async with module.later_manager() as found:
            return found

    with twins(LOOKING_STREAMS, "later_manager") as (untraced, traced, _):
        assert asyncio.run(enter(traced)) == asyncio.run(enter(untraced))


def test_warnings_name_the_line_that_they_named_untraced() -> None:
    with woven(f"{NAME}:warning", f"{NAME}:warning_by_helper") as spans, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callers.warning()
        callers.warning_by_helper()
    assert {warning.filename for warning in caught} == {__file__}
    assert caught[1].lineno == caught[0].lineno + 1
    assert len(spans) == 2


@pytest.mark.skipif(sys.version_info < (3, 11), reason="logging counts every frame there")
def test_log_records_name_the_line_that_they_named_untraced(caplog: Any) -> None:
    with woven(f"{NAME}:logging_caller") as spans:
        callers.logging_caller(logging.getLogger("callers"))
    assert [record.filename for record in caplog.records] == ["test_frames.py"]
    assert len(spans) == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the entry of a frame that raises again comes back there")
def test_a_traceback_shows_the_frames_that_it_showed_untraced() -> None:
    def names() -> list[str]:
        try:
            callers.first_outside.__call__(1)  # type: ignore[call-arg]
        except TypeError as exc:
            found, traceback = [], exc.__traceback__
            while traceback is not None:
                found.append(traceback.tb_frame.f_code.co_name)
                traceback = traceback.tb_next
            return found
        raise AssertionError

    untraced = names()
    with woven(f"{NAME}:*"):
        assert names() == untraced == ["names"]


RAISING = """
    import asyncio, contextlib, warnings

    def function():
        raise ValueError("x")
    def generator():
        yield 1
        raise ValueError("x")
    async def coroutine():
        await asyncio.sleep(0)
        raise ValueError("x")
    async def async_generator():
        yield 1
        raise ValueError("x")
    @contextlib.contextmanager
    def manager():
        yield
        raise ValueError("x")
    @contextlib.asynccontextmanager
    async def async_manager():
        yield
        raise ValueError("x")
    def warner():
        warnings.warn("w", stacklevel=2)
        yield 1
    @contextlib.contextmanager
    def warning_manager():
        warnings.warn("w", stacklevel=3)
        yield
"""


async def async_read(stream: Any) -> None:
    async for _ in stream:
        pass


async def async_enter(manager: Any) -> None:
    async with manager:
        pass


def enter(manager: Any) -> None:
    with manager:
        pass


WAYS = {
    "function": lambda m: m.function(),
    "generator": lambda m: list(m.generator()),
    "sent": lambda m: [(stream := m.generator()), stream.send(None), stream.send(2)],
    "thrown": lambda m: [(stream := m.generator()), next(stream), stream.throw(KeyError("k"))],
    "refused": lambda m: m.generator().send(1),
    "coroutine": lambda m: asyncio.run(m.coroutine()),
    "async_generator": lambda m: asyncio.run(async_read(m.async_generator())),
    "manager": lambda m: enter(m.manager()),
    "async_manager": lambda m: asyncio.run(async_enter(m.async_manager())),
    "wrong_arguments": lambda m: m.coroutine(1),
}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the entry of a frame that raises again comes back there")
@pytest.mark.parametrize("way", WAYS)
def test_a_traceback_of_any_kind_shows_the_frames_that_it_showed_untraced(way: str) -> None:
    def frames(module: Any) -> list[str]:
        with pytest.raises((ValueError, KeyError, TypeError)) as caught:
            WAYS[way](module)
        return [entry.name for entry in caught.traceback]

    with twins(RAISING, "*") as (untraced, traced, _):
        expected = frames(untraced)
        assert frames(traced) == expected


def test_a_warning_within_a_stream_or_manager_names_the_line_that_it_named_untraced() -> None:
    def lines(module: Any) -> list[tuple[str, int]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            list(module.warner())
            enter(module.warning_manager())
        return [(warning.filename, warning.lineno) for warning in caught]

    with twins(RAISING, "*") as (untraced, traced, _):
        expected = lines(untraced)
        assert lines(traced) == expected


def test_a_search_for_the_first_frame_outside_of_a_package_passes_over_ours() -> None:
    source = """
        import os, sys

        def by_name():
            frame = sys._getframe()
            while frame.f_globals["__name__"] == __name__:
                frame = frame.f_back
            return frame.f_code.co_name

        registry = {"name": by_name}

        def log(how):
            return registry[how]()
    """
    with twins(source, "log") as (untraced, traced, spans):
        assert traced.log("name") == untraced.log("name")
    assert len(spans) == 1


def test_a_helper_that_looks_is_known_when_its_module_has_just_been_loaded(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "looking_library.py").write_text(
        "import sys\ndef _helper():\n    return sys._getframe(2).f_code.co_name\ndef ask():\n    return _helper()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with woven("looking_library:*"):
        module = importlib.import_module("looking_library")
        assert module.ask() == "test_a_helper_that_looks_is_known_when_its_module_has_just_been_loaded"
    del sys.modules["looking_library"]
