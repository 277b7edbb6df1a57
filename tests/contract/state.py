"""What the contract server has received, and what it is to do next."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

MAX_BODY = 20_000_000


class State:
    """Everything that the server remembers; shared by the threads that answer."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        self.rows: dict[tuple[int, str, str, int], dict[str, Any]] = {}
        self.scores: dict[str, dict[str, Any]] = {}
        self.score_configs: dict[str, dict[str, Any]] = {}
        self.models: list[dict[str, Any]] = []
        self.widgets: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.score_requests: list[dict[str, Any]] = []
        self.repeated = 0
        self.last = 0.0
        self.script: deque[dict[str, Any]] = deque()
        self.score_script: deque[dict[str, Any]] = deque()
        self.rules: dict[str, Any] = {}

    def next_fault(self) -> dict[str, Any]:
        with self.lock:
            if self.script:
                return self.script.popleft()
            return self.rules.get("always") or {}

    def next_score_fault(self) -> dict[str, Any]:
        with self.lock:
            if self.score_script:
                return self.score_script.popleft()
            return self.rules.get("scores_always") or {}

    def keep(self, observations: list[dict[str, Any]]) -> None:
        with self.lock:
            for row in observations:
                key = (row["start_time"] // 60_000_000_000, row["trace_id"], row["id"], row["start_time"])
                self.repeated += key in self.rows
                self.rows[key] = row
                self.last = time.time()

    def refuses(self, observations: list[dict[str, Any]], size: int) -> int:
        with self.lock:
            poison = self.rules.get("poison", [])
            if len(observations) > self.rules.get("max_spans", 10**9) or size > self.rules.get("max_bytes", MAX_BODY):
                return 413
            return 400 if any(row["name"] in poison for row in observations) else 0
