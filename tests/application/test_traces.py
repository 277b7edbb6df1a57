"""The traces of a whole run in the local store show what the application did, and change nothing of it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.application.cases import OUTCOMES
from tests.application.conftest import ROOT
from tracing_proxies.testing import capture_spans

COMMAND = [sys.executable, "-m", "retail", "--scenarios", "all", "--seed", "7", "--json"]
WORKFLOWS = {
    "inventory_to_pricing": ("items_processed", "pricing_recommendations", "urgency_level"),
    "pricing_to_promotion": ("opportunities_processed", "campaign_recommendations", "total_potential_impact"),
    "promotion_to_inventory_validation": ("campaigns_validated", "feasible_campaigns", "total_stock_required"),
    "cross_agent_learning": ("shared_insights", "learning_recommendations"),
    "market_event_response": ("response_strategy", "agent_action_plans"),
}


def launcher() -> str:
    return str(Path(sys.executable).parent / "tracing-proxies")


def run(command: list[str], **variables: str) -> str:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LANGFUSE_")}
    done = subprocess.run(command, env={**environ, **variables}, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "not traced" not in done.stderr
    return done.stdout


class Run:
    """One traced run: what it printed, and what the store holds."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.printed = run([launcher(), "run", "--", *COMMAND], TRACING_PROXIES__EXPORT__LOCAL__PATH=str(store))
        connection = sqlite3.connect(store)
        connection.row_factory = sqlite3.Row
        self.rows: list[dict[str, Any]] = []
        for row in connection.execute("SELECT * FROM observations ORDER BY start_time"):
            found = dict(row)
            for name in ("input", "output", "metadata", "usage_details", "tags"):
                found[name] = None if found[name] is None else json.loads(found[name])
            self.rows.append(found)
        connection.close()
        self.by_id = {row["id"]: row for row in self.rows}
        self.roots = [row for row in self.rows if row["parent_observation_id"] is None]
        self.triggers = [row for row in self.roots if row["name"].startswith("simulation.")]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["type"] == kind]

    def ancestors(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        found = []
        while row["parent_observation_id"] is not None:
            row = self.by_id[row["parent_observation_id"]]
            found.append(row)
        return found


@pytest.fixture(scope="module")
def traced_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run") / "store" / "traces.db")


@pytest.fixture(scope="module")
def results(traced_run: Run) -> dict[str, Any]:
    return dict(json.loads(traced_run.printed))


def test_the_results_are_the_same_with_and_without_tracing(traced_run: Run) -> None:
    assert traced_run.printed == run(COMMAND)


def test_every_trigger_is_exactly_one_complete_trace(traced_run: Run, results: dict[str, Any]) -> None:
    assert len(traced_run.triggers) == 21
    assert len({row["trace_id"] for row in traced_run.triggers}) == 21
    told = {row["metadata"]["trigger_id"]: row for row in traced_run.triggers}
    for trigger in results["triggers"]:
        row = told[trigger["trigger_id"]]
        assert row["name"] == f"simulation.{trigger['trigger_type']}"
        assert row["metadata"]["trigger_source"] == trigger["agent_type"]
        assert row["metadata"]["intensity"] == trigger["intensity"]
        assert row["metadata"]["products"]
        assert row["metadata"]["outcome.status"] == trigger["status"]
        assert row["session_id"] == "run-7"
        assert {"simulation", trigger["agent_type"]} <= set(row["tags"])
    assert all(
        row["parent_observation_id"] in traced_run.by_id for row in traced_run.rows if row["parent_observation_id"]
    )


def test_what_stands_on_a_root_stands_on_every_span_of_its_trace(traced_run: Run) -> None:
    roots = {row["trace_id"]: row for row in traced_run.triggers}
    for row in traced_run.rows:
        root = roots.get(row["trace_id"])
        if root is not None:
            assert row["tags"] == root["tags"]
            assert (row["session_id"], row["trace_name"], row["environment"]) == ("run-7", root["name"], "dev")


def test_concurrent_triggers_do_not_mix(traced_run: Run) -> None:
    for row in traced_run.rows:
        assert {above["trace_id"] for above in traced_run.ancestors(row)} <= {row["trace_id"]}
    spans = [(row["start_time"], row["end_time"]) for row in traced_run.triggers]
    assert any(a[0] < b[0] < a[1] for a in spans for b in spans), "nothing ran concurrently"


def test_every_decision_has_its_agent_with_confidence_and_reasoning(traced_run: Run, results: dict[str, Any]) -> None:
    decided = [row for row in traced_run.of("agent") if "outcome.decision" in row["metadata"]]
    assert {row["name"] for row in decided} == {"inventory_agent", "pricing_agent", "promotion_agent"}
    for row in decided:
        assert 0 <= row["metadata"]["outcome.confidence"] <= 1
        assert row["metadata"]["outcome.rationale"]
    leads = Counter(t["decision"]["action_type"] for t in results["triggers"] if t["decision"])
    roots = Counter(
        row["metadata"]["outcome.decision"] for row in traced_run.triggers if "outcome.decision" in row["metadata"]
    )
    assert roots == leads


def test_generations_carry_model_and_tokens_and_tools_stand_under_the_agent_that_called_them(traced_run: Run) -> None:
    generations = traced_run.of("generation")
    assert generations
    for row in generations:
        assert row["model"] == "retail-offline-1"
        assert row["usage_details"]["total"] == row["usage_details"]["input"] + row["usage_details"]["output"] > 0
        assert traced_run.by_id[row["parent_observation_id"]]["type"] == "agent"
    for row in traced_run.of("tool"):
        assert {"agent", "chain"} & {above["type"] for above in traced_run.ancestors(row)}
    assert {row["name"] for row in traced_run.of("tool")} == set(OUTCOMES)


def test_messages_conflicts_and_their_resolution_are_there(traced_run: Run, results: dict[str, Any]) -> None:
    messages = [row for row in traced_run.of("chain") if row["name"].startswith("message.")]
    assert messages
    assert all(row["metadata"]["sender"] and row["metadata"]["recipient"] for row in messages)
    conflicts = sum(t["orchestration"]["conflicts_detected"] for t in results["triggers"])
    events = [r for r in traced_run.rows if r["name"].endswith("process_market_event")]
    assert len(events) == 21
    assert sum(row["metadata"]["outcome.conflicts"] for row in events) == conflicts > 0
    assert any(row["name"].endswith("resolve_conflicts") for row in traced_run.rows)


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_shows_participants_messages_and_outcome(traced_run: Run, workflow: str) -> None:
    rows = [row for row in traced_run.of("chain") if row["name"] == f"CollaborationWorkflow.{workflow}"]
    assert rows
    for row in rows:
        metadata = row["metadata"]
        assert metadata["outcome.participants"]
        assert metadata["outcome.status"]
        assert "outcome.messages" in metadata
        for key in WORKFLOWS[workflow]:
            assert f"outcome.{key}" in metadata, key
        names = [above["name"] for above in traced_run.ancestors(row)]
        assert names[0].startswith("workflow.")
        assert names[-1].startswith("simulation.")


def test_returned_and_raised_errors_are_error_spans_and_recoveries_are_named(traced_run: Run) -> None:
    errors = [row for row in traced_run.of("tool") if row["level"] == "ERROR"]
    assert any(row["metadata"].get("error.returned") for row in errors)
    assert {"TimeoutError", "ValueError", "KeyError"} <= {row["metadata"].get("error.type") for row in errors}
    assert all(row["status_message"] for row in errors)
    recoveries = {
        row["metadata"]["outcome.recovery_action"] for row in traced_run.rows if row["name"] == "RetailAgent.recover"
    }
    assert {"use_own_price_as_market", "cap_service_level", "drop_unknown_products"} <= recoveries
    followed = [
        row["metadata"]["propagation"] for row in traced_run.triggers if row["metadata"]["propagation"]["recoveries"]
    ]
    assert followed


def test_the_propagation_of_each_trigger_is_followed_to_its_outcome(traced_run: Run) -> None:
    per_trace: dict[str, Counter[str]] = defaultdict(Counter)
    for row in traced_run.rows:
        per_trace[row["trace_id"]][row["type"]] += 1
    for row in traced_run.triggers:
        reached = row["metadata"]["propagation"]
        assert row["metadata"]["propagation.outcome"] == row["metadata"]["outcome.status"]
        assert row["metadata"]["trigger_category"] == row["metadata"]["trigger_source"]
        assert bool(reached["tools"]) == bool(per_trace[row["trace_id"]]["tool"])


def test_engine_events_are_traces_of_their_own(traced_run: Run, results: dict[str, Any]) -> None:
    names = Counter(row["name"] for row in traced_run.roots)
    told = Counter(event["status"] for event in results["engine_events"])
    assert names["engine.refused"] == told["refused"] == 1
    assert names["engine.cancelled"] == told["cancelled"] == 1
    assert names["engine.expired"] >= told["expired"]
    [refused] = [row for row in traced_run.roots if row["name"] == "engine.refused"]
    assert refused["level"] == "WARNING"
    assert "cooling down" in refused["status_message"]


def test_nothing_seeded_stands_anywhere_in_the_store(traced_run: Run) -> None:
    from retail.simulation import contacts

    assert contacts.CONTACT_EMAIL in traced_run.printed
    data = b"".join(file.read_bytes() for file in traced_run.store.parent.iterdir())
    for secret in (contacts.CONTACT_EMAIL, contacts.CONTACT_PHONE, contacts.SUPPLIER_API_KEY):
        assert secret.encode() not in data


def test_the_store_is_readable_by_its_owner_only(traced_run: Run) -> None:
    assert stat.S_IMODE(traced_run.store.stat().st_mode) == 0o600


DECISIONS = {
    "inventory_agent": ("make_inventory_decision", "safety_buffer_breach"),
    "pricing_agent": ("make_pricing_decision", "market_research"),
    "promotion_agent": ("make_promotion_decision", "performance_review"),
}


@pytest.mark.parametrize("agent", DECISIONS)
def test_a_decision_shows_its_arguments_parent_outcome_and_failure(traced_run: Run, agent: str) -> None:
    rows = [row for row in traced_run.of("agent") if row["name"] == agent and isinstance(row["input"], dict)]
    assert rows
    for row in rows:
        parent = traced_run.by_id[row["parent_observation_id"]]
        assert parent["type"] == "chain"
        assert set(row["input"]) == {"situation", "context"}
        assert {"outcome.decision", "outcome.confidence", "outcome.rationale", "outcome.status"} <= set(row["metadata"])
        assert row["metadata"]["outcome.decision"] == row["output"]["action_type"]
    failing = DECISIONS[agent][1]
    [failed] = [row for row in rows if row["trace_name"] == f"simulation.{failing}" and row["level"] == "ERROR"]
    assert failed["input"]["situation"] == failing
    assert failed["metadata"]["error.returned"] is True
    assert failed["status_message"]
    assert failed["metadata"]["outcome.status"] == "recovered"


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_that_raises_is_an_error_span_under_what_called_it(traced: Path, workflow: str) -> None:
    from retail.agents.collaboration import CollaborationWorkflow
    from retail.agents.orchestrator import orchestrator

    broken = CollaborationWorkflow(orchestrator.send_message)
    with capture_spans() as spans, pytest.raises((KeyError, TypeError)):
        asyncio.run(getattr(broken, workflow)({"products": 7}))
    span = spans[-1]
    assert (span.name, span.type, span.level) == (f"CollaborationWorkflow.{workflow}", "chain", "ERROR")
    assert span.input == {"data": {"products": 7}}
    assert span.metadata["error.type"] in ("KeyError", "TypeError")
    assert span.metadata["error.stack"]
