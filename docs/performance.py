"""Fills the pages that tell durations, and the README's table of costs, with the figures that `perf/` has measured."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from perf.__main__ import describe
from perf.budget import tabulate_calm
from tracing_proxies.delivery.pipeline import MAX_PENDING_BYTES
from tracing_proxies.recording.overflow import MOST_BYTES
from tracing_proxies.registry.keys import sections

ROOT = Path(__file__).parent.parent
TEMPLATE = Path(__file__).parent / "performance.template.md"
ARCHITECTURE = Path(__file__).parent / "architecture.template.md"
_NOTE = "<!-- Made by `make docs` from docs/{} and what other targets have written to perf/. -->\n"
_BELOW = """
Measured by `make bench` on {{cores}} cores with Python {{python}}; trust the ratios. The span's masking, encoding and
sending are a worker thread's and not in these figures; with them a span takes {{span langfuse 100}} us of CPU until a
Langfuse server has it, with about 100 bytes in and out, where `@observe` with a mask function takes
{{span observe 100}} (`make throughput`, [all sizes](perf/throughput.md)). What each option costs, what other tools do,
and which knob to turn for which symptom: [`docs/performance.md`](docs/performance.md)."""
_TABLE = re.compile(r"^<!-- (\w+) -->$", re.MULTILINE)
_FIGURE = re.compile(r"\{\{(\w+)((?: [\w%-]+)*)\}\}")
_COSTS = re.compile(r"(<!-- costs: made by `make docs` -->\n).*?(<!-- end of costs -->)", re.DOTALL)
_IN_README = (
    "plain_call",
    "bare_wrapt_proxy",
    "woven_switched_off",
    "woven_sampled_out",
    "woven_counted_child",
    "woven_skeleton",
    "woven_captured",
    "langfuse_observe",
)
_MIB = 2**20


class Page:
    """A page with durations: a template's prose, with tables and figures in the place of its marks.

    A table's mark is a comment such as ``<!-- levels -->``, a figure's ``{{us woven_captured}}``.

    Args:
        perf: the folder of the reports.
    """

    def __init__(self, perf: Path = ROOT / "perf") -> None:
        report = json.loads((perf / "report.json").read_text("utf-8"))
        self._measured = report["measured"]
        self._levels, self._options = report["calls"], report["options"]
        self._cases: dict[str, dict[str, Any]] = {row["case"]: row for row in self._levels + self._options}
        self._peers = json.loads((perf / "peers.json").read_text("utf-8"))
        self._load = json.loads((perf / "load.json").read_text("utf-8"))
        (self._spans,) = read_tables((perf / "throughput.md").read_text("utf-8"))
        self._outages, self._long_outages = read_tables((perf / "outage.md").read_text("utf-8"))
        self._figures: dict[str, Callable[..., str]] = {
            "cores": lambda: str(self._measured["cores"]),
            "python": lambda: self._measured["python"],
            "us": lambda case: microseconds(self._cases[case]["overhead_ns"]),
            "more": lambda case: microseconds(self._cases[case]["more_ns"]),
            "worker": lambda case: microseconds(self._cases[case]["worker_ns"]),
            "times": lambda case: ratio(self._cases[case]["times_bare_proxy"]),
            "fall": lambda before, after: self._fall("overhead_ns", before, after),
            "fall_worker": lambda before, after: self._fall("worker_ns", before, after),
            "an_item": lambda case: microseconds(self._cases[case]["overhead_ns"] / 10),
            "in_percent": self._in_percent,
            "span": self._span,
            "memory": self._memory,
            "pending": lambda: f"{MAX_PENDING_BYTES // _MIB} MiB",
            "undecided": lambda: f"{MOST_BYTES // _MIB} MiB",
            "default": lambda section, key: sections()[section][key].default,
            "share_within": lambda: f"{self._load['stress']['within']['worst_ten_seconds']:.1%}",
            "share_all": lambda: f"{self._load['stress']['everything']['more_cpu']:.0%}",
        }
        self._tables: dict[str, Callable[[], Iterator[str]]] = {
            "measured": lambda: iter((describe(self._measured),)),
            "levels": self._level_table,
            "options": self._option_table,
            "response_times": lambda: tabulate_calm(self._load["calm"], self._load["stress"]["budget"]),
            "alone_times": lambda: tabulate_calm(self._load["alone"], self._load["stress"]["budget"]),
            "awaited_times": lambda: tabulate_calm(self._load["awaited"], self._load["stress"]["budget"]),
            "peers_measured": lambda: iter((describe(self._peers["measured"]),)),
            "peers": self._peer_table,
        }

    def text(self, template: Path = TEMPLATE) -> str:
        """Return the whole page, the one on performance or that of another template.

        Raises:
            ValueError: what the page recommends does not help, by these figures.
        """
        page = _TABLE.sub(lambda found: "\n".join(self._tables[found[1]]()), template.read_text("utf-8"))
        return _NOTE.format(template.name) + self._fill(page)

    def readme(self, text: str) -> str:
        """Return the README with its table of costs filled."""
        lines = ["| call | ns | overhead, times a bare proxy's |", "|---|---|---|"]
        for row in (self._cases[case] for case in _IN_README):
            lines.append(f"| {row['title']} | {row['ns_per_call']:,.0f} | {ratio(row['times_bare_proxy'])} |")
        below = self._fill(_BELOW)
        filled, places = _COSTS.subn(lambda found: "\n".join((found[1].rstrip(), *lines, below, found[2])), text)
        if places != 1:
            raise ValueError("the README needs one place for the table of costs")
        return filled

    def _fill(self, text: str) -> str:
        return _FIGURE.sub(lambda found: self._figures[found[1]](*found[2].split()), text)

    def _level_table(self) -> Iterator[str]:
        yield "| call | the caller waits, µs | times a bare proxy's | CPU of the worker, µs |"
        yield "|---|---|---|---|"
        for row in self._levels:
            waits, worker = microseconds(row["overhead_ns"]), microseconds(row["worker_ns"])
            yield f"| {row['title']} | {waits} | {ratio(row['times_bare_proxy'])} | {worker} |"

    def _option_table(self) -> Iterator[str]:
        yield "| what is asked for | the caller waits, µs | of which more, µs | CPU of the worker, µs |"
        yield "|---|---|---|---|"
        for row in self._options:
            waits, more, worker = (microseconds(row[key]) for key in ("overhead_ns", "more_ns", "worker_ns"))
            yield f"| {row['title']} | {waits} | {more} | {worker} |"

    def _peer_table(self) -> Iterator[str]:
        yield "| tool | version | how | of each call it records | the caller waits, µs | times a bare proxy's |"
        yield "|---|---|---|---|---|---|"
        for row in self._peers["tools"]:
            ours = row["package"] == "tracing_proxies"
            name = f"**tracing_proxies**, {row['tool']}" if ours else row["tool"]
            waits = microseconds(row["overhead_ns"])
            cells = (name, row["version"], row["way"], row["records"], waits, ratio(row["times_bare_proxy"]))
            yield f"| {' | '.join(cells)} |"
        for missing in self._peers["missing"]:
            yield f"| {missing['tool']} | | not measured: {missing['reason']} | | | |"

    def _fall(self, key: str, before: str, after: str) -> str:
        high, low = self._cases[before][key], self._cases[after][key]
        if low >= high:
            raise ValueError(f"{after} is not below {before} in perf/report.json: measure again, or correct the page")
        return f"{microseconds(high)} to {microseconds(low)} µs"

    def _in_percent(self, case: str, percent: str) -> str:
        """Return how many such calls a second take that many percent of a core."""
        row = self._cases[case]
        return f"{two_digits(float(percent) / 100 * 1e9 / (row['overhead_ns'] + row['worker_ns'])):,.0f}"

    def _span(self, tracer: str, size: str) -> str:
        (row,) = (row for row in self._spans if row["tracer"] == tracer and row["bytes in and out"] == f"{int(size):,}")
        return f"{two_digits(float(row['CPU us a span'])):,.0f}"

    def _memory(self, outages: str) -> str:
        short = [row for row in self._outages if row["tracer"] == "ours"]
        rows = short if outages == "short" else self._long_outages
        return f"{max(float(row['memory, MiB']) for row in rows):.1f} MiB"


def microseconds(nanoseconds: float) -> str:
    """Write a duration in microseconds, with as many digits as it is measured to."""
    value = nanoseconds / 1e3
    if abs(value) < 0.05:
        return "0"
    return f"{two_digits(value):,.0f}" if abs(value) >= 9.95 else f"{value:.1f}"


def ratio(value: float) -> str:
    """Write a multiple, to one decimal."""
    return f"{round(value, 1) + 0.0:,.1f}"  # not -0.0


def two_digits(value: float) -> float:
    """Round to two significant digits."""
    return float(f"{value:.2g}")


def read_tables(text: str) -> list[list[dict[str, str]]]:
    """Return the rows of each table on a page, by its headings."""
    tables = []
    for found in re.finditer(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in found[0].splitlines()]
        headings, _, *cells = rows
        tables.append([dict(zip(headings, row, strict=True)) for row in cells])
    return tables
