"""Runs the benchmarks with pytest-benchmark and writes their ratios to report.md and report.json."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from perf.test_calls import BURST

HERE = Path(__file__).parent


def measure() -> dict[str, float]:
    """Run every benchmark once, and return nanoseconds per call by case (medians over bursts)."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.json"
        command = [sys.executable, "-m", "pytest", str(HERE), "--benchmark-enable", f"--benchmark-json={raw}"]
        subprocess.run([*command, "--benchmark-disable-gc", "-o", "addopts="], check=True)
        report: dict[str, Any] = json.loads(raw.read_text())
    return {case["name"].removeprefix("test_"): case["stats"]["median"] * 1e9 / BURST for case in report["benchmarks"]}


def tabulate(medians: dict[str, float]) -> list[dict[str, Any]]:
    """Express each case as overhead over the plain call, and as a multiple of the bare proxy's overhead."""
    plain = medians["plain_call"]
    proxy = medians["bare_wrapt_proxy"] - plain
    return [
        {
            "case": name,
            "ns_per_call": round(value, 1),
            "overhead_ns": round(value - plain, 1),
            "times_bare_proxy": round((value - plain) / proxy, 2),
        }
        for name, value in medians.items()
    ]


def main() -> None:
    rows = tabulate(measure())
    (HERE / "report.json").write_text(json.dumps({"calls": rows}, indent=2) + "\n")
    lines = [
        "# What a call costs",
        "",
        "Medians; the last column is the overhead as a multiple of a bare wrapt proxy's.",
    ]
    lines += ["", "| case | ns per call | overhead ns | x bare proxy |", "|---|---|---|---|"]
    lines += [f"| {r['case']} | {r['ns_per_call']} | {r['overhead_ns']} | {r['times_bare_proxy']} |" for r in rows]
    (HERE / "report.md").write_text("\n".join(lines) + "\n")
    table = Table("case", "ns per call", "overhead ns", "x bare proxy", title="What a call costs")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
