"""The closer look at a finished span: what was decided, how it ended, and who has called what below it."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from tracing_proxies.compiled import hot
from tracing_proxies.monitoring.below import Below, OpenTrace
from tracing_proxies.monitoring.gathering import FULL, Gathering
from tracing_proxies.monitoring.glance import Glance
from tracing_proxies.monitoring.intervals import join, length
from tracing_proxies.recording.observation import Observation

_SOURCE: Final = "source:"
_VALUE: Final = re.compile(r"[\w.:/+-]{1,40}")
_OUTCOME: Final = "outcome."
_CONFIDENCE: Final = "outcome.confidence"
_TOO_MANY: Final = 1 << 63
"""Conflicts that nobody has counted; of still larger numbers there is no weight."""
_MOST_TRACES: Final = 2_000
_PATIENCE: Final = 600.0
_PATIENCE_AFTER_END: Final = 60.0
_MOST_NAMES: Final = 2_000

Name = tuple[str, str, str, bool]
"""The fields of a `CallName`: to make one for each call takes four times as long."""


class CloserLook:
    """Reads spans of which there is more to tell than a glance takes note of; one thread at a time.

    The original of what may be compiled (hot/closer.c).

    Args:
        clock: seconds, of a clock that does not go back.
        names: takes what agents and tools were named.
        delegating: the targets that hand their spans over to others' rules.

    Attributes:
        glance: the first look, at the spans of the same traces.
        gathered: what was counted.
    """

    __slots__ = ("_clock", "_delegating", "_names", "_traces", "gathered", "glance")

    def __init__(self, clock: Callable[[], float], names: set[Name], delegating: set[str]) -> None:
        self._clock = clock
        self._names = names
        self._delegating = delegating
        self._traces: OrderedDict[str, OpenTrace] = OrderedDict()
        self.gathered = Gathering()
        self.glance = Glance(self._traces, FULL)

    def read(self, span: Observation, target: str) -> None:
        """Take note of a span."""
        kind, metadata = span.type, span.metadata
        weight, outcome, taken = span.sampling_weight, "ok", span.end_time - span.start_time
        if span.level == "ERROR":
            outcome = "error"
            how = "returned" if metadata.get("error.returned") else "raised" if "error.type" in metadata else "noted"
            self.gathered.count("tracing_proxies_errors_total", (span.name, kind, how), weight)
        if metadata:
            self._read_metadata(span, metadata, outcome, weight)
        trace = self._traces.get(span.trace_id)
        below = None if trace is None else trace.below.pop(span.id, None)
        if kind == "agent":
            below = below or Below()
            self._end_agent(span, below, outcome, weight, taken, target)
        elif kind == "tool":
            below = below or Below()
            # A framework's span for a tool and that of the tool itself are one call.
            for tool in below.tools:
                if tool[0] == span.name:
                    self._note(tool[4], "tool", span.name, within=True)
            below.tools = [tool for tool in below.tools if tool[0] != span.name]
            below.tools.append((span.name, _source_of(span.trace_name, span.tags), outcome, weight, target))
        if "outcome.participants" in metadata:
            below = below or Below()
            below.collaborations = [(span.name, outcome, taken, weight)]
        if span.app_root or span.parent_observation_id is None:
            self.take_tops()
            self._count_workflows(span.trace_name, span.tags, outcome, (taken,), weight)
            if below is not None:
                self._end_coordination(span, below, weight, taken)
                self._settle(below)
            if trace is not None:
                self._end_trace(span.trace_id, trace)
        elif below is not None:
            self._hand_up(trace or self._open_trace(span.trace_id), span.parent_observation_id, below)

    def take_tops(self) -> None:
        """Count what was noted at a glance, many at a time."""
        for (name, tags, weight), sizes in self.glance.take().items():
            self._count_workflows(name, tags, "ok", sizes, weight)

    def settle_old(self) -> None:
        """Count what waits for a span that has ended before it, or never came."""
        now = self._clock()
        for trace_id, trace in list(self._traces.items()):
            if now - trace.touched > (_PATIENCE_AFTER_END if trace.ended else _PATIENCE):
                self._settle_all(self._traces.pop(trace_id))

    def _count_workflows(
        self, name: str, tags: tuple[str, ...], outcome: str, sizes: Sequence[int], weight: float
    ) -> None:
        labels = name, _source_of(name, tags), outcome
        self.gathered.count("tracing_proxies_workflows_total", labels, weight * len(sizes))
        self.gathered.sizes("tracing_proxies_workflow_duration_seconds", (name,), sizes, weight)

    def _end_agent(self, span: Observation, below: Below, outcome: str, weight: float, taken: int, target: str) -> None:
        name = span.name
        # The same agent within itself is the one that a framework makes of it.
        for agent in below.agents:
            if agent[0] == name:
                self._note(agent[5], "agent", name, within=True)
        self._count_agents(agent for agent in below.agents if agent[0] != name)
        below.agents = [(name, _source_of(span.trace_name, span.tags), outcome, taken, weight, target)]
        self._count_tools(name, below)
        below.tools = []
        below.busy = [(span.start_time, span.end_time)]

    def _count_agents(self, agents: Iterable[tuple[str, str, str, int, float, str]]) -> None:
        for name, source, outcome, taken, weight, target in agents:
            self._note(target, "agent", name, within=False)
            self.gathered.count("tracing_proxies_agent_calls_total", (name, source, outcome), weight)
            self.gathered.size("tracing_proxies_agent_duration_seconds", (name,), taken, weight)

    def _count_tools(self, agent: str, below: Below) -> None:
        for tool, source, outcome, weight, target in below.tools:
            self._note(target, "tool", tool, within=False)
            self.gathered.count("tracing_proxies_tool_calls_total", (agent, tool, source, outcome), weight)

    def _note(self, target: str, kind: str, name: str, *, within: bool) -> None:
        if len(self._names) < _MOST_NAMES:
            # What hands its span over to another target's rule is counted there as well.
            self._names.add((target, kind, name, within or target in self._delegating))

    def _end_coordination(self, span: Observation, below: Below, weight: float, taken: int) -> None:
        # Of a trace of which only errors are left it is not known when its agents were at work.
        if below.busy and span.metadata.get("sampling.detail") not in ("stub", "errors"):
            labels, busy = (span.trace_name,), length(below.busy, span.start_time, span.end_time)
            self.gathered.count("tracing_proxies_coordinated_seconds_total", labels, taken / 1e9 * weight)
            self.gathered.count("tracing_proxies_agent_busy_seconds_total", labels, busy / 1e9 * weight)

    def _end_trace(self, trace_id: str, trace: OpenTrace) -> None:
        if trace.below:
            trace.ended = True  # what goes on has outlived it
        else:
            del self._traces[trace_id]

    def _read_metadata(self, span: Observation, metadata: dict[str, Any], outcome: str, weight: float) -> None:
        for key, value in metadata.items():
            if not key.startswith(_OUTCOME):
                continue
            kind = type(value)
            if key == _CONFIDENCE:
                if kind in (int, float) and 0 <= value <= 1:
                    self.gathered.size("tracing_proxies_confidence", (span.name, span.type), value * 1e6, weight)
            elif key == "outcome.conflicts_detected" or key == "outcome.conflicts_resolved":
                if kind is int and -_TOO_MANY <= value < _TOO_MANY:
                    self.gathered.count("tracing_proxies_conflicts_total", (key.rpartition("_")[2],), value * weight)
            elif kind is bool or (kind is str and _VALUE.fullmatch(value)):
                said = str(value).lower() if kind is bool else value
                name = key[len(_OUTCOME) :]
                self.gathered.count("tracing_proxies_outcomes_total", (span.name, name, said), weight)
        sender, recipient = metadata.get("sender"), metadata.get("recipient")
        if type(sender) is str and type(recipient) is str:
            self.gathered.count("tracing_proxies_messages_total", (sender, recipient, outcome), weight)

    def _hand_up(self, trace: OpenTrace, parent_id: str, below: Below) -> None:
        trace.touched = self._clock()
        known = trace.below.get(parent_id)
        if known is None:
            trace.below[parent_id] = below
        else:
            known.take(below)

    def _open_trace(self, trace_id: str) -> OpenTrace:
        if len(self._traces) >= _MOST_TRACES:
            self._settle_all(self._traces.popitem(last=False)[1])
        trace = self._traces[trace_id] = OpenTrace(0.0)
        return trace

    def _settle_all(self, trace: OpenTrace) -> None:
        for below in trace.below.values():
            self._settle(below)

    def _settle(self, below: Below) -> None:
        self._count_agents(below.agents)
        self._count_tools("", below)
        for name, outcome, taken, weight in below.collaborations:
            self.gathered.count("tracing_proxies_collaborations_total", (name, outcome), weight)
            self.gathered.size("tracing_proxies_collaboration_duration_seconds", (name,), taken, weight)


def _leave_all(*read: Any) -> bool:
    return False


read_compiled: Callable[[CloserLook, Observation, str], bool] = _leave_all
"""Does as ``CloserLook.read`` and returns True, or leaves a span to it."""

if hot is not None:
    read_compiled = hot.read_closely
    hot.bind_closer(
        {
            "CloserLook": CloserLook,
            "Below": Below,
            "OpenTrace": OpenTrace,
            "Gathering": Gathering,
            "join": join,
            "length": length,
        }
    )


def _source_of(trace_name: str, tags: tuple[str, ...]) -> str:
    """Return what triggered a span: what a tag of its trace says, as in ``source:pricing``, else the trace's name."""
    for tag in tags:
        if tag.startswith(_SOURCE):
            return tag[len(_SOURCE) :]
    return trace_name
