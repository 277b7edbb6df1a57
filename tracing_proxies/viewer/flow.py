"""Draws the workflow of one trace, or of many, as a graph from the trigger to the decision."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from tracing_proxies.viewer.agents import percentile
from tracing_proxies.viewer.selection import Selection
from tracing_proxies.viewer.spans import Brief, read_spans
from tracing_proxies.viewer.traces import read_page

_MOST_TRACES: Final = 400
_MOST_SPANS: Final = 5_000
_AT_ONCE: Final = 25
_BUDGET: Final = 0.08
_OF_AN_AGENT: Final = ("tool", "generation", "retriever", "embedding")
"""What belongs to the agent that uses it: the same tool in another agent's hands is another node."""


@attrs.define
class Node:
    """A kind of step; ``kind`` is the type of its spans, or trigger or decision."""

    key: str
    kind: str
    name: str
    spans: int = 0
    errors: int = 0


@attrs.define
class Edge:
    """How often one step led to another, how often that failed, and how long it took, in nanoseconds."""

    source: str
    target: str
    label: str = ""
    count: int = 0
    errors: int = 0
    durations: list[int] = attrs.field(factory=list)


@attrs.define
class Graph:
    """Nodes and edges by their keys, of so many traces.

    Args:
        by_source: whether triggers of the same source are one node, and events are left out.
    """

    by_source: bool = False
    traces: int = 0
    spans: int = 0
    nodes: dict[str, Node] = attrs.field(factory=dict)
    edges: dict[tuple[str, str, str], Edge] = attrs.field(factory=dict)

    def add(self, spans: Sequence[Brief]) -> None:
        """Add a trace.

        Args:
            spans: as `read_spans` orders them.
        """
        self.traces += 1
        self.spans += len(spans)
        keys: list[str] = []
        senders: list[str] = []  # where edges to a span's children start: a message is an edge, not a node
        labels: list[str] = []
        agents: list[str] = []
        for span in spans:
            top = span.parent < 0
            above, agent = ("", "") if top else (keys[span.parent], agents[span.parent])
            key, label = self._key(span, agent, top), "" if top else labels[span.parent]
            agents.append(key if span.type == "agent" else agent)
            if span.recipient is not None and span.sender is not None and not top:
                keys.append(above)
                senders.append(above)
                labels.append(span.name.rpartition(".")[2])
                continue
            if not top and _is_namesake(span, spans[span.parent]):
                key = above  # an agent's own loop, a workflow that hands on to the function of its name
            if key == above or (self.by_source and span.type == "event"):
                keys.append(above)
                senders.append(above)
                labels.append(label)
                continue
            keys.append(key)
            senders.append(key)
            labels.append("")
            self._see(key, span, top)
            if not top:
                self._lead(senders[span.parent], key, label, span.level == "ERROR", span.end - span.start)
        self._decide(spans, keys)

    def _key(self, span: Brief, agent: str, top: bool) -> str:
        if top:
            return f"trigger {(self.by_source and span.source) or span.name}"
        if span.type in _OF_AN_AGENT and agent:
            return f"{agent} / {span.type} {span.name}"
        return f"{span.type} {span.name}"

    def _see(self, key: str, span: Brief, top: bool) -> None:
        name = span.source if top and self.by_source and span.source else span.name
        node = self.nodes.setdefault(key, Node(key, "trigger" if top else span.type, name))
        node.spans += 1
        node.errors += span.level == "ERROR"

    def _lead(self, source: str, target: str, label: str, failed: bool, duration: int) -> None:
        edge = self.edges.setdefault((source, target, label), Edge(source, target, label))
        edge.count += 1
        edge.errors += failed
        edge.durations.append(duration)

    def _decide(self, spans: Sequence[Brief], keys: Sequence[str]) -> None:
        for span, key in zip(spans, keys, strict=True):
            if span.decision and span.type == "agent" and span.level != "WARNING":
                target = f"decision {span.decision}"
                node = self.nodes.setdefault(target, Node(target, "decision", span.decision))
                node.spans += 1
                self._lead(key, target, "", span.level == "ERROR", span.end - span.start)

    def plain(self) -> dict[str, Any]:
        """Return the graph in plain values, durations in milliseconds."""
        return {
            "traces": self.traces,
            "spans": self.spans,
            "nodes": [attrs.asdict(node) for node in self.nodes.values()],
            "edges": [
                {
                    "source": edge.source,
                    "target": edge.target,
                    "label": edge.label,
                    "count": edge.count,
                    "errors": edge.errors,
                    "p50": percentile(sorted(edge.durations), 0.5) / 1e6,
                    "p95": percentile(sorted(edge.durations), 0.95) / 1e6,
                }
                for edge in self.edges.values()
            ],
        }


def _is_namesake(span: Brief, parent: Brief) -> bool:
    return span.type == parent.type and span.name.rpartition(".")[2] == parent.name.rpartition(".")[2]


def draw_flow(traces: Iterable[Sequence[Brief]]) -> Graph:
    """Draw the graph of traces, each as `read_spans` orders it."""
    graph = Graph()
    for spans in traces:
        graph.add(spans)
    return graph


def read_flow(connection: sqlite3.Connection, selection: Selection, *, budget: float = _BUDGET) -> dict[str, Any]:
    """Draw the graph of the newest traces of a selection: at most 400 of them, and 5,000 spans.

    Triggers of the same source are one node, unless the selection is of one trigger.

    Args:
        budget: seconds after which no more is looked for once it has become rare; otherwise how much is drawn does not
            depend on how busy the machine is.

    Returns:
        The graph in plain values; ``complete`` says whether the selection holds no more.
    """
    end = time.perf_counter() + budget
    graph, cursor = Graph(by_source=not selection.name), ""
    while cursor is not None and graph.traces < _MOST_TRACES and graph.spans < _MOST_SPANS:
        page = read_page(connection, selection, cursor, size=_AT_ONCE, budget=end - time.perf_counter())
        for trace in page["traces"]:
            if graph.traces and graph.spans + trace["spans"] > _MOST_SPANS:
                return {**graph.plain(), "complete": False}
            if trace["spans"] > 1:  # an event alone has no flow
                graph.add(read_spans(connection, trace["id"]))
        cursor = page["cursor"]
        if len(page["traces"]) < _AT_ONCE and time.perf_counter() >= end:
            break  # what is rare may be far away
    return {**graph.plain(), "complete": cursor is None}
