"""What YAML cannot say of Strands: streams folded to results, tools reached in every way, native spans muted."""

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
_MOST_TEXT = 65_536
_USAGE = (
    ("inputTokens", "input_tokens"),
    ("outputTokens", "output_tokens"),
    ("totalTokens", "total_tokens"),
    ("cacheReadInputTokens", "cache_read"),
    ("cacheWriteInputTokens", "cache_write"),
)

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


class _AgentFold:
    """Keeps the last event's result of an agent's stream."""

    wanted = ("result",)  # one event in thirty has it

    def __init__(self) -> None:
        self._result: Any = None

    def add(self, event: Any) -> bool:
        if type(event) is dict and "result" in event:
            self._result = event["result"]
        return False

    def value(self) -> Any:
        result = self._result
        if result is None:
            return {}
        fields = vars(result) if hasattr(result, "__dict__") else {}
        return {
            "text": _text_of(fields.get("message")),
            "stop_reason": fields.get("stop_reason"),
            "status": fields.get("status"),
        }


class _ModelFold:
    """Puts a model's stream together: text, tool uses, tokens."""

    wanted = ("contentBlockDelta", "contentBlockStart", "messageStop", "metadata")

    def __init__(self, model: Any) -> None:
        self._model = _model_id(model)
        self._content: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None
        self._size = 0
        self._value: dict[str, Any] = {}

    def add(self, event: Any) -> bool:
        if type(event) is not dict:
            return False
        if "contentBlockDelta" in event:  # far the most events of a real model: they are dealt with here
            delta = event["contentBlockDelta"].get("delta", {})
            if self._size > _MOST_TEXT:
                return False
            if "toolUse" in delta and self._open is not None:
                text = delta["toolUse"].get("input", "")
                self._open["input"] += text
            elif "text" in delta:
                text = delta["text"]
                if not self._content or "text" not in self._content[-1]:
                    self._content.append({"text": ""})
                self._content[-1]["text"] += text
            else:
                return False
            self._size += len(text)
        elif "contentBlockStart" in event:
            self._begin_block(event["contentBlockStart"].get("start", {}))
        elif "messageStop" in event:
            self._value["stop_reason"] = event["messageStop"].get("stopReason")
        elif "metadata" in event:
            self._usage(event["metadata"])
        return False

    def _begin_block(self, start: dict[str, Any]) -> None:
        self._open = None
        if "toolUse" in start:
            use = start["toolUse"]
            self._open = {"name": use.get("name"), "toolUseId": use.get("toolUseId"), "input": ""}
            self._content.append({"toolUse": self._open})

    def _usage(self, metadata: dict[str, Any]) -> None:
        usage, value = metadata.get("usage", {}), self._value
        for key, name in _USAGE:
            if key in usage:
                value[name] = usage[key]
        if "latencyMs" in metadata.get("metrics", {}):
            value["latency_ms"] = metadata["metrics"]["latencyMs"]

    def value(self) -> Any:
        value = self._value
        value["model"] = self._model
        value["message"] = {"role": "assistant", "content": self._content}
        return value


class _ToolFold:
    """Takes a tool's result; what is streamed after it is nobody's, since the consumer stops reading."""

    def __init__(self) -> None:
        self._value: dict[str, Any] = {}

    def add(self, event: Any) -> bool:
        result = event.get("tool_result") if isinstance(event, dict) else None
        if type(event).__name__ != "ToolResultEvent" or not isinstance(result, dict):
            return False
        exception = event.get("exception")
        content = result.get("content")
        message = f"{type(exception).__name__}: {_text_of(result)}" if exception is not None else _text_of(result)
        self._value = {"status": result.get("status"), "content": content, "message": message}
        return True

    def value(self) -> Any:
        return self._value


def fold_agent(agent: Any, arguments: dict[str, Any]) -> _AgentFold:
    """Fold an agent's, graph's or swarm's stream."""
    return _AgentFold()


def fold_model(model: Any, arguments: dict[str, Any]) -> _ModelFold:
    """Fold a model's stream."""
    return _ModelFold(model)


def fold_tool(tool: Any, arguments: dict[str, Any]) -> _ToolFold:
    """Fold a tool's stream."""
    return _ToolFold()


def _model_id(model: Any) -> str | None:
    # `get_config` is part of the framework's interface for models, and free of side effects in all of its providers.
    config = model.get_config()
    found = config.get("model_id") if isinstance(config, dict) else getattr(config, "model_id", None)
    return found if isinstance(found, str) else None


def _text_of(message: Any) -> str | None:
    if not isinstance(message, dict):
        return None
    texts = []
    for block in message.get("content") or ():  # no comprehension, which is a call of its own before Python 3.12
        if isinstance(block, dict) and "text" in block:
            texts.append(block["text"])
    return "\n".join(texts) if texts else None
