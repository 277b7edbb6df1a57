"""Reads the figures of a validation out of what its stages have written; none of them is written by hand."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs

_DEMO = re.compile(r"^demo: (.*?) store=", re.MULTILINE)


@attrs.frozen
class Ended:
    """How many tests there were, and how they ended."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        skipped = f", {self.skipped:,} skipped" if self.skipped else ""
        return f"{self.passed:,} tests passed, {self.failed:,} failed{skipped}"


class Outputs:
    """What the stages have left in the folder of a run.

    Its figures are read when they are asked for; one that is not there is a ``FileNotFoundError``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def demo(self) -> dict[str, int]:
        """The figures of the demo's summary, by name."""
        found = _DEMO.search((self._folder / "demo.log").read_text("utf-8"))
        if found is None:
            raise FileNotFoundError("the demo has printed no summary")
        return {name: int(value) for name, value in (pair.split("=") for pair in found[1].split())}

    @cached_property
    def bench(self) -> dict[str, dict[str, Any]]:
        """What a call costs, by case."""
        return {row["case"]: row for row in self._read("perf/report.json")["calls"]}

    @cached_property
    def throughput(self) -> dict[tuple[str, int], dict[str, Any]]:
        """What a span costs, by tracer and size."""
        return {(row["tracer"], row["size"]): row for row in self._read("perf/throughput.json")}

    @cached_property
    def load(self) -> dict[str, Any]:
        """The runs under stress and calmly."""
        found: dict[str, Any] = self._read("perf/load.json")
        return found

    @cached_property
    def soak(self) -> dict[str, dict[str, Any]]:
        """The judgements of the soak, by what is judged."""
        return {row["what"]: row for row in self._read("soak.json")["judged"]}

    @cached_property
    def dashboards(self) -> dict[str, Any]:
        """What making the dashboards twice has done, and how many widgets show something."""
        found: dict[str, Any] = self._read("dashboards.json")
        return found

    def outages(self, heading: str) -> list[dict[str, Any]]:
        """Return how each outage went; those below a heading, ours only where others are beside them."""
        told = self._read("perf/outage.json")
        if heading not in told:
            raise FileNotFoundError(heading)
        return [row for row in told[heading]["outages"] if row.get("tracer", "ours") == "ours"]

    def downstream(self) -> list[dict[str, Any]]:
        """Return the verdict on each library."""
        files = sorted((self._folder / "downstream").glob("*/verdict.json"))
        if not files:
            raise FileNotFoundError("no library was tested")
        return [json.loads(file.read_text("utf-8")) for file in files]

    def mutants(self) -> tuple[int, int]:
        """Return how many mutants were tried and how many of them the tests have killed, in all rooms together."""
        modules = [found for room in self._read("tests/mutants/results.json").values() for found in room.values()]
        return sum(found["tried"] for found in modules), sum(found["first"] for found in modules)

    def tests(self, suite: str, *files: str) -> Ended:
        """Count the tests of a stage, of all files or of those whose paths begin so.

        Raises:
            FileNotFoundError: the stage has run none of them.
        """
        root = ElementTree.parse(self._folder / f"{suite}.xml").getroot()
        ended = [
            {child.tag for child in case}
            for case in root.iter("testcase")
            if not files or (case.get("file") or "").startswith(files)
        ]
        if not ended:
            raise FileNotFoundError(f"no test of {', '.join(files) or suite}")
        failed = sum(bool(tags & {"failure", "error"}) for tags in ended)
        skipped = sum("skipped" in tags for tags in ended)
        return Ended(len(ended) - failed - skipped, failed, skipped)

    def _read(self, name: str) -> Any:
        return json.loads((self._folder / name).read_text("utf-8"))
