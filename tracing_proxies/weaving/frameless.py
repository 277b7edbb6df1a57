"""Weaves functions without a frame of ours, for those that look at their caller's: by events of the interpreter.

``sys.monitoring`` (Python 3.12, PEP 669) calls us at the start and end of a code object, wherever a reference to its
function is held. The end by an exception is told for all code of the process only, so that callback returns at once for
code that is not ours.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any

from tracing_proxies.failures import contain
from tracing_proxies.recording.context import attach, detach
from tracing_proxies.recording.handles import Recording
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.steps import Steps
from tracing_proxies.weaving.stream import ABANDONED

_getframe = sys._getframe  # applications delete it, to try what they do without it
_STREAMS = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_TOOL_IDS = (4, 3, 5)  # 0 to 2 are for debuggers, coverage and profilers

monitoring: Any = getattr(sys, "monitoring", None)


class Frameless:
    """Records calls by the events of their code objects; takes one of the interpreter's tool ids while it has any."""

    def __init__(self) -> None:
        self._points: dict[int, tuple[CodeType, list[JoinPoint]]] = {}
        self._running: dict[int, _Call] = {}
        self._tool: int | None = None

    def refusal(self, function: Any) -> str | None:
        """Say why a function cannot be woven this way; None if it can."""
        if function.__code__.co_flags & _STREAMS:
            return "it is a generator that looks at its caller's frame"
        if monitoring is None:
            return "it looks at its caller's frame, and can be woven from Python 3.12 on"
        if self._tool is None and self._free_tool() is None:
            return "it looks at its caller's frame, and other tools have taken all ids of sys.monitoring"
        return None

    def add(self, point: JoinPoint) -> Callable[[], None]:
        """Begin to record a join point's calls; returns how to end that. Its function must not be refused."""
        code = point.function.__code__
        if self._tool is None:
            self._begin()
        events = monitoring.events
        if id(code) not in self._points:
            self._points[id(code)] = (code, [])
            wanted = events.PY_START | events.PY_RETURN
            if code.co_flags & inspect.CO_COROUTINE:
                wanted |= events.PY_YIELD | events.PY_RESUME
            monitoring.set_local_events(self._tool, code, wanted)
        self._points[id(code)][1].append(point)
        return lambda: self._remove(code, point)

    def _remove(self, code: CodeType, point: JoinPoint) -> None:
        points = self._points[id(code)][1]
        points.remove(point)
        if not points and self._tool is not None:
            if not any(call.code is code for call in list(self._running.values())):
                monitoring.set_local_events(self._tool, code, 0)
            del self._points[id(code)]
        self._end_if_idle()

    def _free_tool(self) -> int | None:
        return next((tool for tool in _TOOL_IDS if monitoring.get_tool(tool) is None), None)

    def _begin(self) -> None:
        tool = self._free_tool()
        monitoring.use_tool_id(tool, "tracing_proxies")
        self._tool = tool
        events = monitoring.events
        callbacks = {
            events.PY_START: self._started,
            events.PY_RETURN: self._returned,
            events.PY_YIELD: self._yielded,
            events.PY_RESUME: self._resumed,
            events.PY_THROW: self._resumed,
            events.PY_UNWIND: self._unwound,
        }
        for event, callback in callbacks.items():
            monitoring.register_callback(tool, event, callback)
        monitoring.set_events(tool, events.PY_UNWIND | events.PY_THROW)

    def _end_if_idle(self) -> None:
        # Calls that are under way still have to be seen to their ends.
        if self._points or self._running or self._tool is None:
            return
        tool, self._tool = self._tool, None
        monitoring.set_events(tool, 0)
        events = monitoring.events
        for event in (events.PY_START, events.PY_RETURN, events.PY_YIELD, events.PY_RESUME, events.PY_THROW):
            monitoring.register_callback(tool, event, None)
        monitoring.register_callback(tool, events.PY_UNWIND, None)
        monitoring.free_tool_id(tool)

    def _started(self, code: CodeType, offset: int) -> None:
        entry = self._points.get(id(code))
        if entry is None:
            return
        try:
            self._start(entry[1], code, _getframe(1))
        except Exception as exc:
            contain("frameless", exc)

    def _start(self, points: list[JoinPoint], code: CodeType, frame: FrameType) -> None:
        values = _values_of(frame)
        point = next((point for point in points if _runs(point.function, values)), None)
        recipe = None if point is None else point.recipe
        if point is None or recipe is None:
            return
        args, kwargs = arguments_of(code, values)
        instance = None
        if point.bound and args:
            instance, args = args[0], args[1:]
        recording = point.begin_later(recipe, point.function, instance, args, kwargs)
        if recording is not None:
            self._running[id(frame)] = _Call(code, recording)

    def _returned(self, code: CodeType, offset: int, result: Any) -> None:
        call = self._running.pop(id(_getframe(1)), None)
        if call is not None:
            self._end(call, lambda: call.recording.finish(result))

    def _unwound(self, code: CodeType, offset: int, exc: BaseException) -> None:
        if not self._running:
            return
        call = self._running.pop(id(_getframe(1)), None)
        if call is None:
            return
        if isinstance(exc, GeneratorExit):
            self._end(call, lambda: call.recording.abandon(ABANDONED))
        else:
            self._end(call, lambda: call.recording.fail(exc))

    def _yielded(self, code: CodeType, offset: int, value: Any) -> None:
        call = self._running.get(id(_getframe(1)))
        if call is not None:
            call.leave()

    def _resumed(self, code: CodeType, offset: int, exc: BaseException | None = None) -> None:
        if not self._running:
            return
        call = self._running.get(id(_getframe(1)))
        if call is not None:
            call.enter()

    def _end(self, call: _Call, end: Callable[[], None]) -> None:
        try:
            call.leave()
            end()
            if id(call.code) not in self._points and self._tool is not None:
                monitoring.set_local_events(self._tool, call.code, 0)
                self._end_if_idle()
        except Exception as exc:
            contain("frameless", exc)


class _Call:
    """One call under way, and what is current in it."""

    __slots__ = ("code", "recording", "steps", "token")

    def __init__(self, code: CodeType, recording: Recording) -> None:
        self.code = code
        self.recording = recording
        # A coroutine runs in steps, and what it has made current must not stay so for whoever awaits it.
        self.steps = Steps(recording) if code.co_flags & inspect.CO_COROUTINE else None
        self.token: Any = None
        self.enter()

    def enter(self) -> None:
        self.token = attach(self.recording.context) if self.steps is None else self.steps.enter()

    def leave(self) -> None:
        token, self.token = self.token, None
        if token is None:
            return
        if self.steps is None:
            detach(token)
        else:
            self.steps.leave(token)


def _values_of(frame: FrameType) -> Mapping[str, Any]:
    """Return the local variables of a frame, which holds none of them for having been asked."""
    held = frame.f_locals
    if sys.version_info >= (3, 13):
        return held  # it shows them as they are
    values = dict(held)
    held.clear()  # a copy that stays with the frame, and would keep alive what the function itself lets go
    return values


def _runs(function: Any, values: Mapping[str, Any]) -> bool:
    """Tell whether a frame runs this function, and not another one that was made of the same code."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            held = cell.cell_contents
        except ValueError:  # an empty cell
            continue
        if values.get(name) is not held:
            return False
    return True


def arguments_of(code: CodeType, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Rebuild the arguments of a call from the local variables of its frame, as they are when it starts.

    Returns:
        Positional and keyword arguments, defaults included.
    """
    names = code.co_varnames
    count, keywords = code.co_argcount, code.co_kwonlyargcount
    positional = [values[name] for name in names[:count] if name in values]
    named = {name: values[name] for name in names[count : count + keywords] if name in values}
    at = count + keywords
    if code.co_flags & inspect.CO_VARARGS:
        positional += values.get(names[at], ())
        at += 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        named |= values.get(names[at], {})
    return tuple(positional), named
