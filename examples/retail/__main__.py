"""The command line: run scenarios and print what was decided about each."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence

from retail.models import Decision, TriggerOutcome
from retail.run import RunReport, name_scenarios, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 if every trigger was handled, 1 if one failed, 2 for a wrong scenario name."""
    parser = argparse.ArgumentParser(prog="retail", description="Run retail scenarios and print what was decided.")
    parser.add_argument("--scenarios", default="all", help="all, or scenario names or trigger types, with commas")
    parser.add_argument("--seed", type=int, default=7, help="seed of the simulated market")
    parser.add_argument("--concurrency", type=int, default=6, help="triggers handled at a time")
    parser.add_argument("--stress", action="store_true", help="fifty ticks a second, every scenario four times")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    try:
        names = name_scenarios(options.scenarios)
    except KeyError as problem:
        parser.error(problem.args[0])
    report = asyncio.run(run(names, options.seed, options.concurrency, options.stress))
    print(json.dumps(report.as_dict(), indent=2, ensure_ascii=False) if options.json else tell(report))
    return int(any(outcome.status == "failed" for outcome in report.outcomes))


def tell(report: RunReport) -> str:
    """Write a report for people."""
    lines = [line for outcome in report.outcomes for line in tell_outcome(outcome)]
    lines.append("Engine")
    lines += [
        f"  tick {event.tick:>3}  {event.status:<9}  {event.name}: {event.reason}"
        for event in report.events
        if event.status != "activated"
    ]
    totals = ", ".join(f"{count} {status}" for status, count in report.as_dict()["totals"].items())
    return "\n".join([*lines, f"{len(report.outcomes)} triggers: {totals}"])


def tell_outcome(outcome: TriggerOutcome) -> list[str]:
    """Write the lines about one trigger: decisions, conflicts, workflows, errors."""
    lines = [f"{outcome.trigger_id}  {outcome.trigger_type} ({outcome.name}, {outcome.intensity}): {outcome.status}"]
    for decision in outcome.orchestration.get("decisions", []):
        lines += tell_decision(decision)
    for ruling in outcome.orchestration.get("resolution", {}).get("rulings", []):
        lines.append(f"  conflict   {ruling['kind']}: {ruling['goes_ahead']} goes ahead, {ruling['rationale']}")
    for workflow in outcome.workflows:
        lines.append(f"  workflow   {workflow['workflow']}: {workflow['status']}, {len(workflow['messages'])} messages")
    lines += [f"  failed     {error}" for error in outcome.errors if outcome.status == "failed"]
    return [*lines, ""]


def tell_decision(decision: Decision) -> list[str]:
    """Write the lines about one decision, with what failed on the way and what was done about it."""
    about = ", ".join(decision.product_ids)
    agent = decision.agent_id.removesuffix("_agent")
    head = f"  {agent:<10} {decision.action_type} {about} ({decision.confidence_score:.2f}, {decision.status})"
    recoveries = decision.parameters.get("recoveries", [])
    return [head] + [f"             {entry['failed_tool']} failed: {entry['recovery_action']}" for entry in recoveries]


if __name__ == "__main__":
    raise SystemExit(main())
