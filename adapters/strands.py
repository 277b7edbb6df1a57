"""What YAML cannot say of Strands: tools reached in every way, and native spans muted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import repeat
from types import MethodType, ModuleType
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, NoOpTracer, Span

from tracing_proxies.compiled import hot
from tracing_proxies.recording.context import SPAN_KEY, current
from tracing_proxies.recording.scope import starts_lazily
from tracing_proxies.recording.unrecorded import Unrecorded
from tracing_proxies.registry.model import Preset
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.hooks import Hooks
from tracing_proxies.weaving.kinds import Shape
from tracing_proxies.weaving.proxies import is_woven, raw_of, weave_callable

_TOOLS = "strands.tools.decorator"
_TRACER = "strands.telemetry.tracer"

_woven: dict[int, tuple[Any, Any]] = {}


def install(hooks: Hooks, preset: Preset) -> None:
    """Let rules reach the functions inside of tools, and mute the framework's own spans if the preset says so."""
    hooks.on_module(_TOOLS, lambda module: _reach_tools(hooks, module))
    if preset.native == "mute":
        hooks.on_module(_TRACER, lambda module: _mute(hooks, module))
    hooks.on_undo(_woven.clear)


class Entry:
    """Answers the entry that an instance has of its own, or what stands for the function there."""

    def __init__(self, name: str, standing: dict[int, tuple[Any, Any]]) -> None:
        self.name = name
        self.standing = standing

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        entries = vars(instance)
        if self.name not in entries:
            raise AttributeError(self.name)
        held = entries[self.name]
        if type(held) is MethodType:
            known = self.standing.get(id(held.__func__))
            return held if known is None else MethodType(known[1], held.__self__)
        known = self.standing.get(id(held))
        return held if known is None else known[1]


_entry: Any = Entry if hot is None else hot.Entry


class _ToolFunction(_entry):  # type: ignore[misc]
    """Stands as `_tool_func` on the class of decorated tools, and answers the woven function where there is one.

    Bound copies of a tool live in registries of agents that were built long before. All of them read this attribute, so
    one descriptor on their class reaches them all, and its removal is an exact undo: their own entries stay raw.
    """

    def __set__(self, tool: Any, value: Any) -> None:
        vars(tool)["_tool_func"] = _raw(value)

    def __delete__(self, tool: Any) -> None:
        del vars(tool)["_tool_func"]


class _Silent(NoOpTracer):
    """Records nothing, and passes parents on: at once where the API would look at abstract classes first."""

    def start_span(self, name: str, context: Context | None = None, *args: Any, **kwargs: Any) -> Span:
        above: Any = (current() if context is None else context).get(SPAN_KEY)
        if type(above) is Unrecorded or type(above) is NonRecordingSpan:
            return above  # type: ignore[no-any-return]
        return super().start_span(name, context, *args, **kwargs)


def _make_muted() -> property:
    """Make what stands as `tracer` on the framework's tracer, and answers a silent one."""
    # As a function it would be called for each of the framework's spans: this answers the same without one.
    answer: Callable[[Any], Any] = partial(next, repeat(_Silent()))
    return property(answer, lambda tracer, value: vars(tracer).__setitem__("tracer", value))


def _reach_tools(hooks: Hooks, module: ModuleType) -> None:
    cls = module.DecoratedFunctionTool
    if "_tool_func" not in vars(cls):
        hooks.replace(cls, "_tool_func", _ToolFunction("_tool_func", _woven))
    hooks.add_container(cls, _tool_shape)


def _mute(hooks: Hooks, module: ModuleType) -> None:
    if "tracer" not in vars(module.Tracer):
        hooks.replace(module.Tracer, "tracer", _make_muted())


def _tool_shape(tool: Any, in_class: bool) -> Shape | None:
    function = _raw(vars(tool).get("_tool_func"))
    function = getattr(function, "__func__", function)
    if function is None:
        return None

    def put(point: JoinPoint) -> Any:
        _woven[id(function)] = (function, weave_callable(function, point))
        return lambda: _woven.pop(id(function), None)

    return Shape(function, in_class, starts_lazily(function), install=put)


def _raw(value: Any) -> Any:
    if type(value) is MethodType and is_woven(value.__func__):
        return MethodType(raw_of(value.__func__), value.__self__)
    return raw_of(value) if is_woven(value) else value


def function_of(tool: Any) -> Any:
    """Name the raw function of a decorated tool, if a rule of its own names it; it takes over the tool's span."""
    raw = vars(tool).get("_tool_func") if hasattr(tool, "__dict__") else None
    function = getattr(raw, "__func__", raw)
    return function if id(function) in _woven else None
