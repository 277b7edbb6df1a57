"""Builds observations and waits for conditions."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from tracing_proxies.recording.observation import Observation

_numbers = itertools.count(1)
START = 1_700_000_000_000_000_000


def observation(**changes: Any) -> Observation:
    """Return an observation with an id of its own."""
    number = next(_numbers)
    fields: dict[str, Any] = {
        "trace_id": f"{number:032x}",
        "id": f"{number:016x}",
        "parent_observation_id": None,
        "name": f"agent-{number}",
        "type": "agent",
        "start_time": START + number,
        "end_time": START + number + 1_000,
        "level": "DEFAULT",
        "status_message": None,
        "input": '{"question": 1}',
        "output": '"answer"',
        "metadata": {},
        "model": None,
        "usage_details": {},
        "user_id": None,
        "session_id": None,
        "tags": (),
        "trace_name": "simulation",
        "environment": "test",
        "release": None,
        "version": None,
        "sampling_weight": 1.0,
        "app_root": True,
        "service_name": "retail",
    }
    return Observation(**{**fields, **changes})


def observations(count: int, **changes: Any) -> list[Observation]:
    """Return several of them."""
    return [observation(**changes) for _ in range(count)]


def wait_until(condition: Callable[[], bool], timeout: float = 30.0) -> bool:
    """Return whether ``condition`` came true within ``timeout`` seconds, which is only a bound for a broken test."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
