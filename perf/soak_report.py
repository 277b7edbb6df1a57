"""What a soak has shown: a judgement of each figure by its bound, a table, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from perf.flatness import Trend, follow

MOST_MIB_PER_HOUR = 6.0
MOST_SPOOL_MIB_PER_HOUR = 1.0
MOST_PER_HOUR = 1.0
_WIDTH, _HEIGHT, _LEFT, _TOP = 760, 110, 120, 34
_TRACED, _UNTRACED = "#1f77b4", "#999999"


@attrs.frozen
class Held:
    """Something that the application holds.

    Args:
        most: the bound, per hour.
        read: takes it from a sample of one kind of application.
        beside: whether the untraced application has it too, and its slope is taken off.
    """

    name: str
    unit: str
    most: float
    read: Callable[[dict[str, Any], str], float]
    beside: bool = True


HELD = (
    Held("memory", "MiB", MOST_MIB_PER_HOUR, lambda sample, kind: float(sample[kind]["rss_mib"])),
    Held("file descriptors", "", MOST_PER_HOUR, lambda sample, kind: float(sample[kind]["fds"])),
    Held("threads", "", MOST_PER_HOUR, lambda sample, kind: float(sample[kind]["threads"])),
    Held("spool", "MiB", MOST_SPOOL_MIB_PER_HOUR, lambda sample, kind: sample["spool_bytes"] / 2**20, beside=False),
    Held("queue", "spans", MOST_PER_HOUR, lambda sample, kind: float(sample["queue"]), beside=False),
)


def trend(report: dict[str, Any], held: Held, kind: str) -> Trend:
    """Return how something has moved in one of the two applications."""
    asked = report["asked"]
    samples = [(sample["seconds"], held.read(sample, kind)) for sample in report["samples"]]
    return follow(samples, asked["cycle"], asked["warm_up"] * asked["minutes"] * 60)


def judge(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Hold each figure against its bound.

    Returns:
        A row each: what, its first and last median, its figure, its bound, and whether that is met.
    """
    rows = []
    for held in HELD:
        found = trend(report, held, "traced")
        plain = trend(report, held, "untraced").per_hour if held.beside else 0.0
        rows.append(
            {
                "what": held.name,
                "unit": held.unit,
                "first": round(found.first, 1),
                "last": round(found.last, 1),
                "traced_per_hour": round(found.per_hour, 2),
                "untraced_per_hour": round(plain, 2) if held.beside else None,
                "figure": round(found.per_hour - plain, 2),
                "most": held.most,
                "met": found.per_hour - plain <= held.most,
            }
        )
    return rows + [{"what": name, "figure": figure, "most": 0, "met": figure <= 0} for name, figure in lost(report)]


def lost(report: dict[str, Any]) -> list[tuple[str, int]]:
    """Count what must not have happened to any span."""
    told = report["told"]["traced"]
    dropped = sum(told["dropped"].values())
    accounted = told["delivered"] + told["sampled_out"] + dropped + told["queued"] + told["spooled"]
    return [
        ("spans unaccounted for", abs(told["produced"] - accounted)),
        ("spans dropped", dropped),
        ("spans that still waited at the end", told["queued"] + told["spooled"]),
        ("failures of tracing itself", sum(told["failures"].values())),
    ]


def write(report: dict[str, Any], into: Path) -> str:
    """Write soak.md and soak.svg, and return the former's text."""
    text = "\n".join(tell(report))
    (into / "soak.md").write_text(text, "utf-8")
    (into / "soak.svg").write_text(draw(report), "utf-8")
    return text


def tell(report: dict[str, Any]) -> list[str]:
    """Return the report as Markdown."""
    asked, measured, told, counts = (report[key] for key in ("asked", "measured", "told", "counts"))
    traced = told["traced"]
    lines = [
        "# A soak",
        "",
        f"Written by `make soak` on {measured['date']} with Python {measured['python']}: the retail application, "
        f"traced for {asked['minutes']:g} minutes while its server was away {counts['outages']} times, its registry "
        f"changed {counts['reloads']} times, and it forked {traced['forks']} times; {traced['calls']:,} calls, "
        f"{traced['errors']:,} of them errors, {traced['produced']:,} spans. The same runs untraced beside it. "
        "A slope is the median of those "
        f"between all pairs of cycles of {asked['cycle']:g} s (Theil-Sen), each cycle by its median, without the first "
        f"{asked['warm_up']:.0%} of the time. Both have one heap (MALLOC_ARENA_MAX=1); else it would be told how glibc "
        "spreads threads over sixteen of them, and not what is held.",
        "",
        "| | first | last | per hour | untraced, per hour | beyond it | bound | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in report["judged"]:
        met = "met" if row["met"] else "**not met**"
        if "first" not in row:
            lines.append(f"| {row['what']} | | {row['figure']:,} | | | | {row['most']} | {met} |")
            continue
        plain = "" if row["untraced_per_hour"] is None else f"{row['untraced_per_hour']:+.2f}"
        name = f"{row['what']}, {row['unit']}" if row["unit"] else row["what"]
        lines.append(
            f"| {name} | {row['first']:g} | {row['last']:g} | {row['traced_per_hour']:+.2f} | {plain} "
            f"| {row['figure']:+.2f} | {row['most']:g} | {met} |"
        )
    return [*lines, "", "![what is held, over time: traced in blue, untraced in grey](soak.svg)", ""]


def draw(report: dict[str, Any]) -> str:
    """Draw what is held over time."""
    height = _TOP + len(HELD) * (_HEIGHT + 14)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 20}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="20" fill="{_TRACED}">traced</text>',
        f'<text x="{_LEFT + 60}" y="20" fill="{_UNTRACED}">untraced</text>',
    ]
    for row, held in enumerate(HELD):
        parts += _panel(report["samples"], held, _TOP + row * (_HEIGHT + 14))
    return "\n".join([*parts, "</svg>", ""])


def _panel(samples: Sequence[dict[str, Any]], held: Held, y: int) -> list[str]:
    kinds = (("untraced", _UNTRACED), ("traced", _TRACED)) if held.beside else (("traced", _TRACED),)
    series = {kind: [held.read(sample, kind) for sample in samples] for kind, _ in kinds}
    most = max(1.0, *(max(values) for values in series.values())) * 1.05
    parts = [
        f'<rect x="{_LEFT}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#cccccc"/>',
        f'<text x="{_LEFT - 6}" y="{y + 12}" text-anchor="end">{most:.3g} {held.unit}</text>',
        f'<text x="4" y="{y + 56}">{held.name}</text>',
    ]
    length = max(1.0, samples[-1]["seconds"])
    for kind, colour in kinds:
        points = " ".join(
            f"{_LEFT + _WIDTH * sample['seconds'] / length:.1f},{y + _HEIGHT * (1 - value / most):.1f}"
            for sample, value in zip(samples, series[kind], strict=True)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
    return parts
