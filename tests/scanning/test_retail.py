"""The example application, scanned and traced by nothing but what the scan proposes."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import tracing_proxies
from tests.scanning.support import load
from tracing_proxies.cli.check import match_rules
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.scanning.survey import Survey, survey
from tracing_proxies.scanning.writing import write_registry
from tracing_proxies.testing import capture_spans

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def found() -> Survey:
    return survey([EXAMPLES])


def test_every_rule_matches_what_it_was_written_for(found: Survey) -> None:
    seen = match_rules(load(found))
    assert (seen.unmatched, seen.refused, seen.not_imported) == ((), {}, {})
    matched = {target for targets in seen.targets.values() for target in targets}
    assert {candidate.function.target for candidate in found.candidates} <= matched


def test_the_simulation_is_traced_with_agents_tools_and_orchestrator(found: Survey, tmp_path: Path) -> None:
    from retail.run import name_scenarios, run

    environ = {"TRACING_PROXIES__EXPORT__LOCAL__PATH": str(tmp_path / "traces.db")}
    tracing_proxies.activate(parse_registry(write_registry(found), base=tmp_path, environ=environ))
    try:
        with capture_spans() as spans:
            asyncio.run(run(name_scenarios("oil_runs_low,label_recall"), 7, 2))
    finally:
        tracing_proxies.deactivate()
    by_id = {span.span_id: span for span in spans}
    kinds = Counter(span.type for span in spans)
    assert {"agent", "tool", "chain", "generation"} <= kinds.keys()
    roots = [span for span in spans if span.parent_id not in by_id]
    assert {span.name for span in roots} == {"TriggerConsumer.handle"}
    assert len({span.trace_id for span in spans}) == len(roots) == 2
    tools = {span.name for span in spans if span.type == "tool"}
    assert {"forecast_demand_probabilistic", "calculate_safety_buffer"} <= tools
    decisions = [span for span in spans if span.type == "agent" and "outcome.decision" in span.metadata]
    assert {span.name for span in decisions} >= {"inventory_agent", "pricing_agent"}
    assert all(0 <= span.metadata["outcome.confidence"] <= 1 for span in decisions)
    chains = {span.name for span in spans if span.type == "chain"}
    assert "RetailOptimizationOrchestrator.process_market_event" in chains
    for span in spans:
        if span.type == "tool":
            assert {"agent", "chain"} & {above.type for above in ancestors(span, by_id)}


def ancestors(span: Any, by_id: dict[Any, Any]) -> list[Any]:
    above = []
    while span.parent_id in by_id:
        span = by_id[span.parent_id]
        above.append(span)
    return above
