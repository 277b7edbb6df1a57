"""What masking finds, damages and costs, beside other engines over the same data.

    python -m perf.masking --data FILE --scorer FILE

The data is JSON lines, each with ``text``, ``spans`` and ``labels``; the scorer is a program that is called as
``scorer module:function --data FILE --json FILE`` and writes what it counted. Neither is part of this project.
"""

from __future__ import annotations

import datetime
import json
import platform
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import attrs
import click
from rich.console import Console

from perf.masking_engines import PACKAGES, written_class
from tracing_proxies.masking.detectors import DETECTORS

HERE = Path(__file__).parent
ROOT = HERE.parent
ENGINES = ("ours", "presidio", "argus", "scrubadub", "langfuse_example", "logfire", "detect_secrets")
NAMES = {
    "ours": "**tracing_proxies**",
    "presidio": "Presidio, patterns, 0.4",
    "argus": "argus-redact, fast",
    "langfuse_example": "Langfuse's documented example",
    "logfire": "logfire's scrubber",
    "detect_secrets": "detect-secrets, defaults",
}
GROUPS = (("core", "core PII"), ("structured", "other ids"), ("secret", "secrets"))


@attrs.frozen
class Report:
    """What one engine did.

    Attributes:
        engine: its function's name.
        counts: what the scorer wrote for the data.
        kilobyte: microseconds of CPU for 1,000 characters of prose and of traffic.
    """

    engine: str
    counts: dict[str, Any]
    kilobyte: dict[str, float]


def install(engine: str, folder: Path) -> Path:
    """Return a Python that has an engine: ours, or one in the virtual environment of the others.

    Raises:
        subprocess.CalledProcessError: if its package does not install.
    """
    package = PACKAGES.get(engine)
    if package is None:
        return Path(sys.executable)
    python, ready = folder / "bin" / "python", folder / f".{engine}"
    if not python.exists():
        venv.create(folder, with_pip=True)
    if not ready.exists():
        subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True, capture_output=True)
        ready.touch()
    return python


def measure(engine: str, python: Path, data: Path, scorer: Path, budget: float) -> Report:
    """Run one engine over the data, in processes of its own."""
    counts = count(engine, python, data, scorer, "--budget", str(budget))
    costs = subprocess.run(
        [str(python), "-m", "perf.masking_engines", engine, str(data)],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return Report(engine, counts, json.loads(costs.stdout))


def count(engine: str, python: Path, data: Path, scorer: Path, *options: str) -> dict[str, Any]:
    """Have the scorer count what an engine does."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "counts.json"
        target = f"perf.masking_engines:{engine}"
        command = [python, scorer, target, "--data", data, "--traffic", "0", "--json", output, *options]
        subprocess.run([str(part) for part in command], check=True, cwd=ROOT, capture_output=True)
        counts: dict[str, Any] = next(iter(json.loads(output.read_text()).values()))
    return counts


def beyond_secrets(data: Path) -> str:
    """Return a pattern of the sources whose labels are not of secrets alone: elsewhere a masked address is damage."""
    kinds: dict[str, set[bool]] = {}
    for line in data.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        kinds.setdefault(record["source"], set()).update(kind.startswith("SECRET") for _, _, kind in record["spans"])
    only_secrets = sorted(source for source, found in kinds.items() if found == {True})
    return f"^(?!(?:{'|'.join(map(re.escape, only_secrets))})$)"


def tell_labelled(counts: dict[str, Any]) -> list[str]:
    """Say what is damaged where everything is labelled."""
    precision, damage = _percent(counts["region_precision"]), _percent(counts["over_masking"], 2)
    return [
        "Some sources label secrets alone, though e-mail and IP addresses stand in their texts, so that masking these",
        f"counts as damage. Of what this project changes in the others, {precision} % is labelled; {damage} % of the",
        "letters and digits outside labels change there.",
        "",
    ]


def write(
    reports: list[Report], by_class: dict[str, Any], labelled: dict[str, Any], missing: dict[str, str], output: Path
) -> None:
    """Write the tables."""
    lines = [
        "# Masking: what it finds, what it damages, what it costs",
        "",
        f"{datetime.date.today():%Y-%m-%d}, Python {platform.python_version()}, {platform.machine()}; written by "
        "`make bench-masking`.",
        "Strings, MB and ms are by the clock, us are of CPU. The machine is shared: where others worked on it, speeds",
        "by the clock are several times too low, for all engines alike.",
        "",
        "## Engines",
        "Recall: labelled values that are gone, in %. Precision: changed regions that touch a labelled value. Damage:",
        "letters and digits outside labels, look-alikes, and traffic of agents that changed, in %. Short strings have",
        "40 to 200 characters.",
        "",
        "| engine | core PII | other ids | secrets | precision | damage | look-alikes | traffic texts "
        "| traffic characters | short strings/s | JSON MB/s | 1 kB of prose, us | 1 kB of traffic, us "
        "| worst 20 kB, ms |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(report) for report in reports]
    lines += [f"| {NAMES.get(engine, engine)} | {reason} |" for engine, reason in missing.items()]
    lines += ["", *tell_labelled(labelled)]
    lines += ["What no engine of patterns finds: names, places, and addresses without a street and a number.", ""]
    ours = next(report for report in reports if report.engine == "ours")
    lines += ["## Found by class", "| class | labelled | found, % | not even half left, % |", "|---|---|---|---|"]
    for name, found in sorted(ours.counts["classes"].items()):
        lines.append(f"| {name} | {found['n']} | {_percent(1 - found['leak'])} | {_percent(1 - found['half'])} |")
    lines += [
        "",
        "A class with `obf:` before it is written to be misread: other letters for digits, breaks within a number.",
        "",
    ]
    lines += ["## Damage by class", "| class | on a labelled value | elsewhere |", "|---|---|---|"]
    for name in sorted(DETECTORS):
        hit = by_class["precision_by_placeholder"].get(written_class(name), {"tp": 0, "fp": 0})
        lines.append(f"| {name} | {hit['tp']} | {hit['fp']} |")
    lines += ["", "## Damage by source", "| source of the text | changed regions without a label |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in ours.counts["fp_by_source"].items()]
    lines += ["", "| source of look-alikes | changed | of |", "|---|---|---|"]
    lines += [
        f"| {name} | {changed} | {total} |" for name, (changed, total) in ours.counts["lookalike"]["by_source"].items()
    ]
    output.write_text("\n".join(lines) + "\n")


def _row(report: Report) -> str:
    counts, bench = report.counts, report.counts["bench"]
    cells = [NAMES.get(report.engine, report.engine)]
    cells += [_percent(1 - counts["groups"][group]["leak"]) for group, _ in GROUPS]
    cells += [
        _percent(counts["region_precision"]),
        _percent(counts["over_masking"], 2),
        _percent(counts["lookalike"]["changed"]),
        _percent(counts["traffic"]["texts_changed"]),
        _percent(counts["traffic"]["chars_changed"], 2),
        f"{bench['short']['strings_per_s']:,.0f}",
        f"{bench['json']['MB_per_s']:.2f}",
        f"{report.kilobyte['prose']:,.0f}",
        f"{report.kilobyte['traffic']:,.0f}",
        f"{counts['redos']['worst_ms']:,.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _percent(share: float | None, places: int = 1) -> str:
    return "-" if share is None else f"{100 * share:.{places}f}"


@click.command(help=__doc__)
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True, help="The labelled texts.")
@click.option("--scorer", type=click.Path(exists=True, path_type=Path), required=True, help="The program that counts.")
@click.option("--engines", default=",".join(ENGINES), show_default=True, help="Which engines to run.")
@click.option("--budget", default=1.5, show_default=True, help="Seconds for each measurement of speed.")
@click.option("--output", type=click.Path(path_type=Path), default=HERE / "masking.md", show_default=True)
def main(data: Path, scorer: Path, engines: str, budget: float, output: Path) -> None:
    """Measure each engine in turn and write the tables."""
    console = Console()
    reports, missing = [], {}
    for engine in engines.split(","):
        console.print(f"{engine} …")
        try:
            python = install(engine, ROOT / "build" / "engines")
            reports.append(measure(engine, python, data.resolve(), scorer.resolve(), budget))
        except subprocess.CalledProcessError as exc:
            said = exc.stderr if isinstance(exc.stderr, str) else (exc.stderr or b"").decode("utf-8", "replace")
            last = said.strip().splitlines()[-1:] or [f"exit {exc.returncode}"]
            missing[engine] = f"did not run: {last[0][:120]}"
            console.print(missing[engine])
    by_class = count("ours_by_class", Path(sys.executable), data.resolve(), scorer.resolve(), "--no-bench")
    only = ("--no-bench", "--only", beyond_secrets(data))
    labelled = count("ours", Path(sys.executable), data.resolve(), scorer.resolve(), *only)
    write(reports, by_class, labelled, missing, output)
    console.print(f"wrote {output}")


if __name__ == "__main__":
    main()
