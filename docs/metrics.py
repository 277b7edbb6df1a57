"""The page on metrics: a template's prose, and a table of all that there are."""

from __future__ import annotations

from pathlib import Path

from tracing_proxies.monitoring.catalogue import DERIVED, METRICS, Metric

TEMPLATE = Path(__file__).parent / "metrics.template.md"
_NOTE = "<!-- Made by `make docs` from docs/metrics.template.md and tracing_proxies/monitoring/catalogue.py. -->\n"
_PLACE = "<!-- metrics -->\n"


def page() -> str:
    """Return the page."""
    before, _, after = TEMPLATE.read_text("utf-8").partition(_PLACE)
    return f"{_NOTE}{before}{_table()}{after}"


def _table() -> str:
    lines = ["| name | kind | labels | what it says |", "|---|---|---|---|"]
    lines += [_line(metric) for metric in METRICS]
    return (
        "\n".join(lines)
        + "\n\nThose that are derived are made when they are read; the quantiles are exported as well.\n"
    )


def _line(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    kind = "derived, quantile" if metric.kind == DERIVED and "quantile" in metric.labels else metric.kind
    estimate = " Estimate." if metric.estimate else ""
    return f"| `{metric.name}` | {kind} | {labels} | {metric.help}{estimate} |"
