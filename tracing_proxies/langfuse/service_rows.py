"""An observation that is written by hand: its state, and the rows that are sent of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import attrs

from tracing_proxies.failures import contain
from tracing_proxies.langfuse.scores import to_timestamp
from tracing_proxies.masking import Masker
from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.copying import Limits
from tracing_proxies.recording.failure import is_cancellation
from tracing_proxies.recording.ids import new_span_id, span_hex, trace_hex
from tracing_proxies.recording.observation import Observation
from tracing_proxies.recording.outcome import describe_error
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tally import Tally
from tracing_proxies.recording.trace import Trace
from tracing_proxies.registry.keys import LEVELS, OBSERVATIONS
from tracing_proxies.registry.policy import Policy

MOST_SPANS: Final = 5_000
"""Of one trace: more than ten thousand stop the server's worker."""
_LIMITS: Final = Limits(max_bytes=64 * 1024, max_items=1_000, max_depth=12)
_OWN: Final = frozenset(
    (
        "name", "type", "input", "output", "metadata", "level", "status_message", "model", "model_parameters", "usage",
        "cost", "completion_start", "version",
    )
)  # fmt: skip
_OF_TRACE: Final = frozenset(("session", "user", "tags", "trace_name", "public"))


class Row(Span):
    """One state of an observation, on its way; each is sent as a whole, and the last one that arrives holds."""

    more: Mapping[str, Any] = {}
    own_version: str | None = None

    def complete(self, prepared: Observation, masker: Masker) -> Observation:
        """Add what only Langfuse has a name for."""
        found = {key: masker.field(key.rpartition(".")[2], value) for key, value in self.more.items()}
        attributes = {
            key: value if type(value) in (bool, str) else json.dumps(value, ensure_ascii=False)
            for key, value in found.items()
            if value is not None
        }
        version = None if self.own_version is None else masker.field("version", self.own_version)
        return prepared._replace(
            attributes=attributes or None, version=prepared.version if version is None else str(version)
        )


@attrs.define
class Tree:
    """What the observations of one trace share.

    Args:
        put: takes each row.
        sent: the observations of which there has been a row.
        spans: how many observations there are.
    """

    trace: Trace
    put: Callable[[Row], None]
    recipe: Recipe
    sent: dict[int, WrittenObservation] = attrs.field(factory=dict)
    spans: int = 0
    public: bool | None = None


class WrittenObservation:
    """One observation of a trace that is written by hand: create it, update it, finalise it.

    A row goes to the server when it is finalised, and another one whenever it changes after that; ``send`` does the
    same in between. Every row has the same ids and the same start, so that it takes the former one's place. Until the
    server has merged them, its counts may see both: send in between only what somebody waits for.

    As a context manager it is finalised at the end, as an error if the block raises. Nothing here raises for the
    network's sake or the values'.

    Attributes:
        trace_id, id: hexadecimal.
    """

    def __init__(self, tree: Tree, parent: WrittenObservation | None, span_id: int, start: int | None) -> None:
        self._tree = tree
        self._parent = parent
        self._span_id = span_id
        self._start = time.time_ns() if start is None else start
        self._end: int | None = None
        self._state: dict[str, Any] = {"metadata": {}}
        self._left_out = tree.spans >= MOST_SPANS
        tree.spans += 1
        self.trace_id = trace_hex(tree.trace.trace_id)
        self.id = span_hex(span_id)

    def create_span(
        self, name: str, *, type: str = "span", start: int | None = None, **values: Any
    ) -> WrittenObservation:
        """Begin an observation below this one.

        Args:
            name: what it is called.
            type: span, generation, event, embedding, agent, tool, chain, retriever, guardrail or evaluator.
            start: nanoseconds since the epoch; None for now.
            values: as for ``update``.
        """
        below = WrittenObservation(self._tree, self, new_span_id(), start)
        return below.update(name=name, type=type, **values)

    def update(self, **values: Any) -> WrittenObservation:
        """Change what is known of it, and send it anew if it has been sent.

        Args:
            values: name, type, input, output, metadata (added by name), level, status_message, model,
                model_parameters, usage (counts by kind), cost (amounts by kind), completion_start (nanoseconds since
                the epoch), version; and for all observations of the trace: session, user, tags, trace_name, public.

        Raises:
            TypeError: a value has another name.
            ValueError: the type or the level is none.
        """
        unknown = values.keys() - _OWN - _OF_TRACE
        if unknown:
            raise TypeError(f"an observation has no {', '.join(sorted(unknown))}")
        if values.get("type", "span") not in OBSERVATIONS:
            raise ValueError(f"{values['type']!r} is none of {', '.join(OBSERVATIONS)}")
        if values.get("level", "DEFAULT") not in LEVELS:
            raise ValueError(f"{values['level']!r} is none of {', '.join(LEVELS)}")
        own = {name: snapshot(value, _LIMITS) for name, value in values.items() if name in _OWN and value is not None}
        metadata = own.pop("metadata", None)
        if metadata is not None:
            self._state["metadata"].update(metadata if isinstance(metadata, dict) else {"metadata": metadata})
        self._state.update(own)
        if self._note_trace({name: value for name, value in values.items() if name in _OF_TRACE}):
            for sent in list(self._tree.sent.values()):
                sent.send()
        elif self._span_id in self._tree.sent:
            self.send()
        return self

    def finalise(self, *, end: int | None = None, **values: Any) -> None:
        """End it, and send it; once more with other values if it has ended already.

        Args:
            end: nanoseconds since the epoch; None for now.
            values: as for ``update``.
        """
        if self._end is None or end is not None:
            self._end = max(self._start, time.time_ns() if end is None else end)
        resent = self._span_id in self._tree.sent
        if values:
            self.update(**values)
        if not (resent and values):
            self.send()

    def send(self) -> None:
        """Send it as it is known now."""
        if self._left_out:
            return
        tree = self._tree
        try:
            tree.put(self._row())
        except Exception as exc:
            contain("service", exc)
            return
        tree.sent.setdefault(self._span_id, self)

    def fail(self, exc: BaseException) -> None:
        """Note an exception as its error."""
        if is_cancellation(exc):
            self.update(level="WARNING", status_message="cancelled")
            return
        row = Row(cast(Any, None), self._tree.trace, self._span_id, None, None)
        try:
            describe_error(row, exc)
        except Exception as error:
            contain("service", error)
        self.update(level="ERROR", status_message=row.status_message, metadata=dict(row.metadata))

    def __enter__(self) -> WrittenObservation:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, traceback: Any) -> None:
        if isinstance(exc, Exception) or (exc is not None and is_cancellation(exc)):
            self.fail(exc)
        self.finalise()

    def _note_trace(self, values: dict[str, Any]) -> bool:
        """Take over what stands on all observations; returns whether it is anything new."""
        tree, trace = self._tree, self._tree.trace
        before = trace.session, trace.user, trace.tags, trace.name, tree.public
        for name in ("session", "user"):
            if values.get(name) is not None:
                setattr(trace, name, str(values[name]))
        trace.add_tags(tuple(map(str, values.get("tags") or ())))
        if values.get("trace_name"):
            trace.name = str(values["trace_name"])
        if values.get("public") is not None:
            tree.public = bool(values["public"])
        return before != (trace.session, trace.user, trace.tags, trace.name, tree.public)

    def _row(self) -> Row:
        tree, state, parent = self._tree, self._state, self._parent
        row = Row(cast(Any, None), tree.trace, self._span_id, None, None if parent is None else parent._span_id)
        row.recipe = tree.recipe
        row.app_root = parent is None
        row.start = self._start - tree.trace.offset
        row.stop = (self._end or max(self._start, time.time_ns())) - tree.trace.offset
        row.name, row.type = str(state.get("name", "")), state.get("type", "span")
        row.input, row.output = state.get("input"), state.get("output")
        row.metadata.update(state["metadata"])
        if parent is None and tree.spans > MOST_SPANS:
            row.metadata["sampling.left_out"] = tree.spans - MOST_SPANS
        row.level = state.get("level", "DEFAULT")
        row.status_message, row.model = state.get("status_message"), state.get("model")
        usage = state.get("usage") or {}
        row.usage = {key: count for key, count in usage.items() if type(count) is int}
        row.own_version = state.get("version")
        row.more = _more(state, tree.public)
        return row


def begin_tree(trace_id: int, put: Callable[[Row], None]) -> Tree:
    """Begin a trace."""
    recipe = Recipe(Policy(rule=cast(Any, None), chain=()), begin_tree, "written", bound=False, tally=Tally())
    return Tree(Trace(trace_id), put, recipe)


def _more(state: Mapping[str, Any], public: bool | None) -> dict[str, Any]:
    prefix = "langfuse.observation."
    found: dict[str, Any] = {}
    if state.get("model_parameters"):
        found[prefix + "model.parameters"] = state["model_parameters"]
    if state.get("cost"):
        found[prefix + "cost_details"] = state["cost"]
    if state.get("completion_start"):
        found[prefix + "completion_start_time"] = to_timestamp(int(state["completion_start"]))
    if public is not None:
        found["langfuse.trace.public"] = public
    return found
