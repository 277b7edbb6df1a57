"""What comes of Strands' streams: a model's message, a tool's result, an agent's answer."""

from __future__ import annotations

from typing import Any

from tracing_proxies.compiled import hot

_MOST_TEXT = 65_536
_USAGE = (
    ("inputTokens", "input_tokens"),
    ("outputTokens", "output_tokens"),
    ("totalTokens", "total_tokens"),
    ("cacheReadInputTokens", "cache_read"),
    ("cacheWriteInputTokens", "cache_write"),
)


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


class Message:
    """Puts a model's message together from the events of its stream: the original of what may be compiled.

    Texts are kept in the pieces in which they come, far the most events of a real model: 2 us each, compiled 0.1. The
    events are those of Bedrock's ConverseStream, whatever the model is.

    Attributes:
        fields: what is told of the whole: why it stopped, and the tokens.
    """

    def __init__(self) -> None:
        self._content: list[dict[str, Any]] = []
        self.fields: dict[str, Any] = {}
        self._input: list[str] | None = None
        self._size = 0

    def add(self, event: Any) -> bool:
        """Take an event; False, for there may be more."""
        if type(event) is not dict:
            return False
        if "contentBlockDelta" in event:
            self._add_delta(_entry(event["contentBlockDelta"], "delta"))
        elif "contentBlockStart" in event:
            self._begin_block(_entry(_entry(event["contentBlockStart"], "start"), "toolUse"))
        elif "messageStop" in event:
            self._keep(event["messageStop"], "stopReason", "stop_reason")
        elif "metadata" in event:
            usage, metrics = _entry(event["metadata"], "usage"), _entry(event["metadata"], "metrics")
            for key, name in _USAGE:
                self._keep(usage, key, name)
            self._keep(metrics, "latencyMs", "latency_ms")
        return False

    def blocks(self) -> list[dict[str, Any]]:
        """Return the content, its texts joined."""
        return [_joined(block) for block in self._content]

    def _add_delta(self, delta: Any) -> None:
        if self._size > _MOST_TEXT or type(delta) is not dict:
            return
        if "toolUse" in delta and self._input is not None:
            pieces, piece = self._input, _entry(delta["toolUse"], "input")
        elif "text" in delta:
            if not self._content or "text" not in self._content[-1]:
                self._content.append({"text": []})
            pieces, piece = self._content[-1]["text"], delta["text"]
        else:
            return
        if isinstance(piece, str):
            pieces.append(piece)
            self._size += len(piece)

    def _begin_block(self, use: Any) -> None:
        self._input = None
        if use is not None:
            self._input = []
            told = {"name": _entry(use, "name"), "toolUseId": _entry(use, "toolUseId"), "input": self._input}
            self._content.append({"toolUse": told})

    def _keep(self, held: Any, key: str, name: str) -> None:
        if type(held) is dict and key in held:
            self.fields[name] = held[key]


_message: Any = Message if hot is None else hot.Message


class _ModelFold(_message):  # type: ignore[misc]
    """A model's message, with the model's name and the tokens."""

    wanted = ("contentBlockDelta", "contentBlockStart", "messageStop", "metadata")

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = _model_id(model)

    def value(self) -> Any:
        value = self.fields
        value["model"] = self._model
        value["message"] = {"role": "assistant", "content": self.blocks()}
        return value


class _ToolFold:
    """Takes a tool's result; what is streamed after it is nobody's, since the consumer stops reading."""

    def __init__(self) -> None:
        self._value: dict[str, Any] = {}

    def add(self, event: Any) -> bool:
        if type(event).__name__ != "ToolResultEvent" or not isinstance(event, dict):
            return False
        result = event.get("tool_result")
        if not isinstance(result, dict):
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


def _entry(held: Any, key: str) -> Any:
    return held.get(key) if type(held) is dict else None


def _joined(block: dict[str, Any]) -> dict[str, Any]:
    if "text" in block:
        return {"text": "".join(block["text"])}
    use = block["toolUse"]
    return {"toolUse": {**use, "input": "".join(use["input"])}}
