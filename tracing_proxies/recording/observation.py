"""The finished, masked form of a span: what every destination receives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


# A named tuple: it cannot be changed after masking, and making one costs 0.3 us where a frozen attrs class of as many
# fields takes 2.
class Observation(NamedTuple):
    """One span as it leaves the process; every text in it has been masked.

    The names follow Langfuse's observations, and are the columns of the local store.

    Args:
        trace_id: 32 hexadecimal digits.
        id: 16 hexadecimal digits.
        parent_observation_id: 16 hexadecimal digits, or None at the top of a trace.
        start_time: nanoseconds since the epoch.
        end_time: nanoseconds since the epoch, never before ``start_time``.
        input: JSON text, or None where nothing was captured.
        output: JSON text, or None where nothing was captured.
        sampling_weight: how many calls this span stands for, 1.0 where everything is kept.
        trace_state: what all services are told of the trace, W3C ``tracestate``: ``ot=th:…;rv:…`` where it was sampled.
        app_root: whether no recorded span of this process stands above it.
        attributes: what else a span that another library has made says of itself, by OTLP attribute: texts, numbers,
            truth values and lists of texts; None where there is nothing.
    """

    trace_id: str
    id: str
    parent_observation_id: str | None
    name: str
    type: str
    start_time: int
    end_time: int
    level: str
    status_message: str | None
    input: str | None
    output: str | None
    metadata: dict[str, Any]
    model: str | None
    usage_details: dict[str, int]
    user_id: str | None
    session_id: str | None
    tags: tuple[str, ...]
    trace_name: str
    environment: str
    release: str | None
    version: str | None
    sampling_weight: float
    app_root: bool
    service_name: str
    trace_state: str | None = None
    attributes: Mapping[str, Any] | None = None
