"""Writes traces as Markdown: a table of them all, and each as a tree."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Final

from rich.console import Console

from tracing_proxies.viewer.tree import draw_trace

_WIDTH: Final = 120
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#+!|~$@-])")


def write_markdown(traces: Iterable[tuple[Mapping[str, Any], Sequence[dict[str, Any]]]]) -> str:
    """Return traces as Markdown in which nothing that they hold is markup.

    Args:
        traces: each as the list describes it, with its observations in the order of their starts.
    """
    rows, trees = [], []
    for trace, observations in traces:
        rows.append(_row(trace))
        trees.append(_tree(trace, observations))
    head = "| started (UTC) | trigger | decision | spans | errors | duration |\n|---|---|---|---|---|---|"
    return "\n".join(["# Traces", "", head, *rows, "", *trees])


def escape(text: str) -> str:
    """Make a text one that Markdown and HTML show as it is, on one line."""
    plain = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def _row(trace: Mapping[str, Any]) -> str:
    cells = (
        _when(trace["start"]),
        escape(trace["name"]),
        escape(trace["decision"] or trace["status"] or ""),
        str(trace["spans"]),
        str(trace["errors"]),
        f"{trace['duration']:,.1f} ms",
    )
    return f"| {' | '.join(cells)} |"


def _tree(trace: Mapping[str, Any], observations: Sequence[dict[str, Any]]) -> str:
    drawn = draw_trace(observations)
    out = io.StringIO()
    if drawn is not None:
        Console(file=out, width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False).print(drawn)
    text = "\n".join(line.rstrip() for line in out.getvalue().splitlines())
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    head = f"## {escape(trace['name'])}\n\n{_when(trace['start'])} UTC, trace {escape(trace['id'])}"
    return f"{head}\n\n{fence}text\n{text}\n{fence}\n"


def _when(ms: float) -> str:
    return datetime.fromtimestamp(ms / 1e3, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
