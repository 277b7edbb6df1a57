"""Writes what the simulated strategies came to, as a picture (perf/sampling.svg) and a table (perf/sampling.md)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from perf.sampling_others import BACKGROUND, FIXED, PER_NAME, ErrorsFirst, Fixed, PerName
from perf.sampling_sim import BUDGET, RATE, SCENARIOS, TRUE, Ours, Outcome, Scenario, Second, World
from tracing_proxies.sampling.ladder import STEPS

HERE = Path(__file__).parent
SEED = 1
STRATEGIES: dict[str, type[World]] = {
    "budget": Ours,
    "fixed rate": Fixed,
    "rate per name": PerName,
    "errors first": ErrorsFirst,
}
_COLOURS = {"budget": "#0b6e4f", "fixed rate": "#7a7a7a", "rate per name": "#c8553d", "errors first": "#3d5a80"}
_WIDTH, _HEIGHT, _GAP, _LEFT, _TOP = 250, 86, 26, 96, 64
_PART = _HEIGHT + _GAP
Row = tuple[str, float, Callable[[Second, float], float], bool]


def _errors_kept(second: Second, budget: float) -> float:
    return 100 * second.errors_kept / second.errors if second.errors else math.nan  # there was none to keep


_ROWS: list[Row] = [
    ("CPU, % of a core", 4.0, lambda second, budget: 100 * second.cpu, True),
    ("kept traces, %", 100.0, lambda second, budget: 100 * second.kept / max(1, second.traces), True),
    ("errors kept, %", 100.0, _errors_kept, True),
    ("greatest weight, log10", 5.0, lambda second, budget: len(str(int(second.heaviest))) - 1, True),
    ("step of the ladder", 4.0, lambda second, budget: float(second.step), False),
]


def simulate() -> dict[str, dict[str, Outcome]]:
    """Run every strategy through every scenario."""
    cases = [(scenario, name) for scenario in SCENARIOS for name in STRATEGIES]
    found: dict[str, dict[str, Outcome]] = {scenario.name: {} for scenario in SCENARIOS}
    for scenario, name in track(cases, "simulating", console=Console(stderr=True)):
        found[scenario.name][name] = STRATEGIES[name](scenario, SEED).run()
    return found


def draw(found: dict[str, dict[str, Outcome]]) -> str:
    """Draw a column for each scenario and a row for each figure."""
    width = _LEFT + len(SCENARIOS) * (_WIDTH + 24)
    height = _TOP + len(_ROWS) * _PART + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for index, (name, colour) in enumerate(_COLOURS.items()):
        x = _LEFT + index * 130
        parts.append(f'<rect x="{x}" y="14" width="18" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 24}" y="20">{name}</text>')
    for column, scenario in enumerate(SCENARIOS):
        x = _LEFT + column * (_WIDTH + 24)
        parts.append(f'<text x="{x}" y="{_TOP - 14}" font-weight="bold">{scenario.name}</text>')
        for row, figure in enumerate(_ROWS):
            parts += _panel(scenario, found[scenario.name], figure, x, _TOP + row * _PART, column == 0)
    return "\n".join([*parts, "</svg>", ""])


def _panel(scenario: Scenario, outcomes: dict[str, Outcome], row: Row, x: int, y: int, titled: bool) -> list[str]:
    title, most, read, all_of_them = row
    parts = [f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#cccccc"/>']
    if titled:
        parts.append(f'<text x="{x - 6}" y="{y + 10}" text-anchor="end">{most:g}</text>')
        parts.append(f'<text x="{x - 6}" y="{y + _HEIGHT}" text-anchor="end">0</text>')
        for line, words in enumerate(title.split(", ")):
            parts.append(f'<text x="4" y="{y + 34 + 13 * line}">{words}</text>')
    if title.startswith("CPU"):
        at = y + _HEIGHT * (1 - 100 * BUDGET / most)
        parts.append(
            f'<line x1="{x}" x2="{x + _WIDTH}" y1="{at:.1f}" y2="{at:.1f}" stroke="black" stroke-dasharray="3 3"/>'
        )
    for name, outcome in reversed(outcomes.items()):
        if all_of_them or name == "budget":
            values = [read(second, outcome.budget) for second in outcome.seconds]
            parts.append(_line(values, most, x, y, _COLOURS[name], 1.8 if name == "budget" else 1.0))
    return parts


def _line(values: Sequence[float], most: float, x: int, y: int, colour: str, width: float) -> str:
    step = _WIDTH / max(1, len(values) - 1)
    points = " ".join(
        f"{x + index * step:.1f},{y + _HEIGHT * (1 - min(value, most) / most):.1f}"
        for index, value in enumerate(values)
        if not math.isnan(value)
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


_HEAD = (
    "| scenario | strategy | CPU, mean | any 10 s | any 1 s after the 10th | kept | errors kept | greatest weight "
    "| off | lowest step |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def _introduction() -> list[str]:
    costs = {name: f"{1e6 * getattr(TRUE, name):g}" for name in ("count", "skeleton", "payload", "export", "stub")}
    return [
        "# What adaptive sampling does, simulated",
        "",
        "Written by `make sampling-sim`: the real controller and the real tail of `tracing_proxies`, driven by a",
        f"virtual clock; {RATE:g} traces a second of 10 to 35 spans each, 2 % of them errors, a budget of {BUDGET:.0%}",
        f"of a core. In the simulated process a counted call costs {costs['count']} µs, a skeleton",
        f"{costs['skeleton']}, a payload {costs['payload']}, a delivered span {costs['export']} and a stub",
        f"{costs['stub']}; all but the first the controller has to find out. Bursts, storms and overloads last from",
        "the 20th second to the 30th (35th); after an idle time of 25 seconds five times the usual load comes from the",
        "30th second to the 40th; the flood, of traces that last six times as long, from the 15th to the 30th.",
        "",
        "The others are tuned to spend the budget under the steady load, as far as they can: a fixed rate keeps",
        f"{FIXED:.1%} of all traces, a rate per name {PER_NAME:.2f} of each name in a second, and errors first keeps",
        f"every error and {BACKGROUND:.0%} of the others, for which it has to record them all. CPU is in % of a core;",
        "the greatest weight is how many traces the heaviest that was kept stands for, and off is how far the number",
        "of traces that the weights say is from the true one, in this one run.",
        "",
        "![what happened in each second](sampling.svg)",
        "",
    ]


def tell(found: dict[str, dict[str, Outcome]]) -> str:
    """Write the table and what is to be known of it."""
    lines = [*_introduction(), *_HEAD]
    for scenario, outcomes in found.items():
        for name, outcome in outcomes.items():
            count = outcome.sums["count"]
            lines.append(
                f"| {scenario} | {name} | {100 * sum(outcome.ticks) / len(outcome.seconds):.2f} "
                f"| {100 * outcome.most(10.0):.2f} | {100 * outcome.most(1.0, since=10.0):.2f} "
                f"| {outcome.share('kept', 'traces'):.1%} | {outcome.share('errors_kept', 'errors'):.0%} "
                f"| {max(second.heaviest for second in outcome.seconds):,.0f} "
                f"| {count.estimate / count.true - 1:+.1%} "
                f"| {STEPS[max(second.step for second in outcome.seconds)] if name == 'budget' else ''} |"
            )
    burst = found["tenfold burst"]["budget"]
    before, within, after = (burst.share("errors_kept", "errors", *times) for times in ((10, 20), (20, 30), (32, 60)))
    lines += [
        "",
        f"In the tenfold burst counting alone costs {10 * RATE * 22.5 * TRUE.count:.2%} of a core, which no sampling",
        f"can avoid: what is left keeps {within:.0%} of the errors of those ten seconds (before it {before:.0%}, after",
        f"it {after:.0%}).",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Simulate, draw and tell."""
    logging.disable(logging.WARNING)
    found = simulate()
    (HERE / "sampling.svg").write_text(draw(found), encoding="utf-8")
    (HERE / "sampling.md").write_text(tell(found), encoding="utf-8")
    print(f"{HERE / 'sampling.svg'} and {HERE / 'sampling.md'}")


if __name__ == "__main__":
    main()
