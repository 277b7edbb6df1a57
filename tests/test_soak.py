"""A soak has everything happen around a real application, and judges what it holds by a slope that no outlier moves."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from perf.flatness import follow, slope
from perf.soak import Soak
from perf.soak_report import judge, lost, write

CYCLE = 60.0
TOLD = {
    "traced": {
        "forks": 3,
        "calls": 1_000,
        "errors": 7,
        "produced": 900,
        "delivered": 850,
        "sampled_out": 50,
        "dropped": {},
        "queued": 0,
        "spooled": 0,
        "failures": {},
    },
    "untraced": {},
}


def report(
    growth: float = 0.0, untraced: float = 0.0, descriptors: float = 0.0, told: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what a soak of an hour may find: what is gained in it, with a spike of memory in each cycle."""
    samples = []
    for number in range(360):
        share = number / 360
        spike = 300.0 if number % 6 == 0 else 0.0
        held = {"fds": 12 + descriptors * share, "threads": 9, "rss_mib": 100 + growth * share + spike}
        plain = {"fds": 5, "threads": 1, "rss_mib": 70 + untraced * share}
        more = {"phase": "calm", "spool_bytes": 2**20, "queue": 0}
        samples.append({"seconds": 10.0 * number, "traced": held, "untraced": plain, **more})
    asked = {"minutes": 60, "cycle": CYCLE, "every": 10, "warm_up": 0.4}
    measured = {"date": "2030-01-31", "python": "3.11"}
    counts = {"outages": 9, "reloads": 12}
    return {"asked": asked, "samples": samples, "told": told or TOLD, "measured": measured, "counts": counts}


def judged(found: dict[str, Any]) -> dict[str, bool]:
    return {row["what"]: row["met"] for row in judge(found)}


def test_a_slope_is_not_moved_by_a_third_of_the_points() -> None:
    straight = [(float(x), 3.0 * x + 1.0) for x in range(30)]
    wild = [(x, 1e6 if x % 4 == 0 else y) for x, y in straight]
    assert slope(straight) == pytest.approx(3.0)
    assert slope(wild) == pytest.approx(3.0, rel=0.2)
    with pytest.raises(ValueError, match="two points"):
        slope([(1.0, 2.0)])


def test_what_grows_while_it_warms_up_is_left_out() -> None:
    samples = [(float(second), min(second, 1_000.0)) for second in range(0, 3_600, 10)]
    assert follow(samples, CYCLE, 1_200.0).per_hour == 0.0
    assert follow(samples, CYCLE, 0.0).first < 60.0


def test_memory_that_grows_by_more_than_the_bound_is_found_and_spikes_are_not_growth() -> None:
    assert all(judged(report()).values())
    assert judged(report(growth=5.0))["memory"]
    assert not judged(report(growth=8.0))["memory"]


def test_what_the_application_gains_untraced_is_its_own() -> None:
    assert judged(report(growth=8.0, untraced=8.0))["memory"]


def test_a_descriptor_more_in_every_twenty_minutes_is_found() -> None:
    assert not judged(report(descriptors=3.0))["file descriptors"]
    assert judged(report(descriptors=3.0))["threads"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"delivered": 849}, "spans unaccounted for"),
        ({"delivered": 849, "dropped": {"overflow": 1}}, "spans dropped"),
        ({"delivered": 849, "spooled": 1}, "spans that still waited at the end"),
        ({"failures": {"capture": 1}}, "failures of tracing itself"),
    ],
)
def test_a_span_that_is_lost_is_found_wherever(change: dict[str, Any], what: str) -> None:
    found = judged(report(told={**TOLD, "traced": {**TOLD["traced"], **change}}))
    assert [name for name, is_met in found.items() if not is_met] == [what]


def test_the_report_says_which_bound_is_not_met(tmp_path: Path) -> None:
    found = report(growth=8.0)
    found["judged"] = judge(found)
    text = write(found, tmp_path)
    assert (tmp_path / "soak.md").read_text("utf-8") == text
    assert "+8.00 | +0.00 | +8.00 | 6 | **not met** |" in text
    assert text.count("**not met**") == 1
    assert (tmp_path / "soak.svg").read_text("utf-8").count("<polyline") == 8


def test_a_real_application_comes_through_a_cycle_with_every_span_accounted_for(tmp_path: Path) -> None:
    found = Soak(6.0, 6.0, 0.5, tmp_path).run(Console(file=io.StringIO()))
    traced = found["told"]["traced"]
    assert lost(found) == [(name, 0) for name, _ in lost(found)]
    assert traced["delivered"] > 300
    assert found["told"]["server"]["received"] >= 300
    assert found["counts"]["outages"] == 3
    assert found["counts"]["reloads"] in (4, 5)  # the last may come as its time is over
    assert {sample["phase"] for sample in found["samples"]} >= {"calm", "503", "gone"}
    assert all(sample["traced"]["rss_mib"] > 1.0 for sample in found["samples"])
