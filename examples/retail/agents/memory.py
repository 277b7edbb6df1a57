"""What the agents remember: past decisions with their outcomes, in SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
from random import Random
from typing import Any

from retail.catalog import list_products
from retail.models import Decision

SCHEMA = """
CREATE TABLE decisions (
    run_id TEXT, trigger_id TEXT, agent_id TEXT, product_id TEXT, action_type TEXT, confidence REAL,
    parameters TEXT, age_days INTEGER, campaign_type TEXT, succeeded INTEGER, accuracy REAL
)
"""
PAST_ACTIONS = {
    "inventory_agent": ("restock", "hold_stock"),
    "pricing_agent": ("raise_price", "lower_price", "markdown"),
    "promotion_agent": ("flash_sale", "bundle", "campaign"),
}
FORGOTTEN_PRODUCTS = ("advent-candles",)


class AgentMemory:
    """Store decisions, and retrieve those whose outcome is settled.

    The outcome of a running decision is not known yet, so retrieval never returns it.
    """

    def __init__(self, path: str = ":memory:") -> None:
        """Open the memory, in a file or in the process, and fill an empty one with the shop's past decisions."""
        self._lock = threading.Lock()
        self._rows = sqlite3.connect(path, check_same_thread=False)
        if not self._rows.execute("SELECT name FROM sqlite_master WHERE name = 'decisions'").fetchone():
            self._rows.execute(SCHEMA)
            self._recall_past()

    def _recall_past(self) -> None:
        for agent_id, actions in PAST_ACTIONS.items():
            for product_id in list_products():
                if product_id in FORGOTTEN_PRODUCTS:
                    continue
                dice = Random(f"past:{agent_id}:{product_id}")
                for number in range(6):
                    action = actions[number % len(actions)]
                    row = (
                        "past", f"past-{number}", agent_id, product_id, action, round(dice.uniform(0.5, 0.95), 2), "{}",
                        4 + number * 9, action, int(dice.random() < 0.65), round(dice.uniform(0.6, 0.95), 2),
                    )  # fmt: skip
                    self._insert(row)
        self._rows.commit()

    def _insert(self, row: tuple[Any, ...]) -> None:
        self._rows.execute("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def store_decision(self, run_id: str, trigger_id: str, decision: Decision) -> int:
        """Keep a decision of the current run, one row a product; return how many rows were written."""
        parameters = json.dumps(decision.parameters, sort_keys=True)
        with self._lock:
            for product_id in decision.product_ids:
                self._insert(
                    (
                        run_id, trigger_id, decision.agent_id, product_id, decision.action_type,
                        decision.confidence_score, parameters, 0, decision.action_type, None, None,
                    )
                )  # fmt: skip
            self._rows.commit()
        return len(decision.product_ids)

    def retrieve_decisions(
        self, agent_id: str, product_id: str, days: int, campaign_type: str | None = None
    ) -> list[dict[str, Any]]:
        """Return an agent's settled decisions on a product within the last days, latest first."""
        query = (
            "SELECT action_type, confidence, age_days, succeeded, accuracy FROM decisions WHERE agent_id = ? "
            "AND product_id = ? AND age_days <= ? AND succeeded IS NOT NULL AND (? IS NULL OR campaign_type = ?) "
            "ORDER BY age_days, trigger_id"
        )
        with self._lock:
            rows = self._rows.execute(query, (agent_id, product_id, days, campaign_type, campaign_type)).fetchall()
        keys = ("action_type", "confidence", "age_days", "succeeded", "accuracy")
        return [dict(zip(keys, row, strict=True)) for row in rows]

    def count_decisions(self, run_id: str) -> int:
        """Count the rows that a run has stored."""
        with self._lock:
            found = self._rows.execute("SELECT COUNT(*) FROM decisions WHERE run_id = ?", (run_id,)).fetchone()
        return int(found[0])

    def forget_run(self, run_id: str) -> None:
        """Delete what a run has stored, so that it can be repeated."""
        with self._lock:
            self._rows.execute("DELETE FROM decisions WHERE run_id = ?", (run_id,))
            self._rows.commit()


agent_memory = AgentMemory()
