"""Whole runs: all scenarios, the same results whatever the concurrency, errors that are recovered from."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from retail.__main__ import main
from retail.run import name_scenarios, run
from retail.simulation.engine import SimulationEngine
from retail.simulation.scenarios import SCENARIOS
from retail.simulation.schedule import draw_up

EXAMPLES = Path(__file__).parents[1]
WORKFLOW_KEYS = {
    "inventory_to_pricing": {"items_processed", "pricing_recommendations", "urgency_level"},
    "pricing_to_promotion": {"opportunities_processed", "campaign_recommendations", "total_potential_impact"},
    "promotion_to_inventory": {"campaigns_validated", "feasible_campaigns", "total_stock_required"},
    "cross_agent_learning": {"shared_insights", "learning_recommendations"},
    "market_event_response": {"response_strategy", "agent_action_plans"},
}


def run_all(concurrency: int, seed: int = 7) -> dict[str, Any]:
    return asyncio.run(run(name_scenarios("all"), seed, concurrency)).as_dict()


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    return run_all(6)


def list_decisions(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [decision for trigger in report["triggers"] for decision in trigger["orchestration"]["decisions"]]


def test_every_trigger_type_has_one_scenario_and_no_trigger_fails(everything: dict[str, Any]) -> None:
    assert len({scenario.trigger_type for scenario in SCENARIOS}) == 21
    assert [trigger["name"] for trigger in everything["triggers"]] == [scenario.name for scenario in SCENARIOS]
    assert set(everything["totals"]) == {"completed", "completed_with_errors"}


def test_all_agents_decide_and_the_model_calls_all_tools(everything: dict[str, Any]) -> None:
    decisions = list_decisions(everything)
    assert {decision["agent_id"] for decision in decisions} == {"inventory_agent", "pricing_agent", "promotion_agent"}
    assert len({tool for decision in decisions for tool in decision["parameters"]["tools"]}) == 20


def test_all_workflows_run_and_report_what_they_promise(everything: dict[str, Any]) -> None:
    seen = {}
    for trigger in everything["triggers"]:
        for workflow in trigger["workflows"]:
            seen[workflow["workflow"]] = workflow
            assert WORKFLOW_KEYS[workflow["workflow"]] | {"participants", "messages", "status"} <= set(workflow)
    assert set(seen) == set(WORKFLOW_KEYS)


def test_conflicts_are_resolved_and_the_loser_is_overruled(everything: dict[str, Any]) -> None:
    conflicted = [trigger["orchestration"] for trigger in everything["triggers"]]
    conflicted = [result for result in conflicted if result["conflicts_detected"]]
    assert conflicted
    for result in conflicted:
        assert len(result["resolution"]["rulings"]) == result["conflicts_detected"]
        assert any(decision["status"] == "overruled" for decision in result["decisions"])


def test_returned_and_raised_errors_are_recovered_from(everything: dict[str, Any]) -> None:
    recoveries = [entry for d in list_decisions(everything) for entry in d["parameters"].get("recoveries", [])]
    actions = {entry["recovery_action"] for entry in recoveries}
    assert {
        "use_own_price_as_market",
        "cap_service_level",
        "drop_unknown_products",
        "borrow_category_demand",
    } <= actions
    errors = " | ".join(entry["error"] for entry in recoveries)
    for raised in ("TimeoutError", "KeyError", "service_level must lie between 0 and 1"):
        assert raised in errors
    for returned in ("the archive answers for 168", "must both be positive", "at least 4 are needed"):
        assert returned in errors


def test_an_error_decision_says_so_in_its_parameters(everything: dict[str, Any]) -> None:
    decision = next(t for t in everything["triggers"] if t["trigger_type"] == "market_research")["decision"]
    assert "did not answer" in decision["parameters"]["error"]
    assert decision["status"] == "recovered"


def test_engine_events_tell_refusal_cancellation_and_expiry(everything: dict[str, Any]) -> None:
    assert {"activated", "refused", "cancelled", "expired"} == {e["status"] for e in everything["engine_events"]}


@pytest.mark.parametrize("concurrency", [1, 6])
def test_the_same_seed_decides_the_same(everything: dict[str, Any], concurrency: int) -> None:
    assert json.dumps(run_all(concurrency)) == json.dumps(everything)


def test_another_process_prints_the_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--json", "--seed", "11", "--scenarios", "oil_runs_low,stock_alert,port_strike"]
    assert main(arguments) == 0
    command = [sys.executable, "-m", "retail", *arguments, "--concurrency", "1"]
    other = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, check=True)
    assert other.stdout == capsys.readouterr().out
    assert other.stderr == ""


def test_another_seed_decides_differently(everything: dict[str, Any]) -> None:
    assert run_all(6, seed=8)["triggers"] != everything["triggers"]


def test_an_unknown_scenario_is_told_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--scenarios", "oil_runs_hig"])
    assert "oil_runs_low" in capsys.readouterr().err


def test_the_engine_refuses_a_scenario_that_cools_down_and_starts_afresh_after_a_reset() -> None:
    async def drive() -> list[str]:
        engine = SimulationEngine(3, stress=True)
        engine.initialize(draw_up(["oil_runs_low"]))
        await engine.start()
        await engine.plan_done.wait()
        await engine.stop()
        refused = engine.trigger_scenario("oil_runs_low", "low")
        engine.reset()
        raised = engine.trigger_scenario("oil_runs_low", "low")
        return [getattr(refused, "status", "raised"), getattr(raised, "intensity", "refused")]

    assert asyncio.run(drive()) == ["refused", "low"]
