"""What other systems are told of a trace in W3C ``tracestate``, kept within its bounds."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.trace import TraceState

from tracing_proxies.sampling.rule import write_state

_LONGEST = 512
_LARGE = 128


def told_state(state: TraceState | None, random: int, least: int | None) -> TraceState:
    """Write R and T into a trace state; what others have said in it stays.

    Args:
        random: R.
        least: T; None for a trace that is not kept.
    """
    known = [] if state is None else list(state.items())
    written = write_state(dict(known).get("ot"), random, least)
    return TraceState(shortened([("ot", written), *((name, value) for name, value in known if name != "ot")]))


def exported(state: TraceState, mask: Callable[[str], str]) -> str:
    """Write a state as it stands on a span: of what others have said in it, only what masking leaves alone.

    Args:
        mask: masks a text.
    """
    if len(state) == 1 and "ot" in state:
        return state.to_header()
    kept = [(name, value) for name, value in state.items() if name == "ot" or mask(value) == value]
    return TraceState(kept).to_header()


def shortened(members: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave members out until a state is within 512 characters (W3C Trace Context, section 3.3.1.5).

    Large members are left out first, then those at the end.
    """

    def length(name: str, value: str) -> int:
        return len(name) + len(value) + 2

    excess = sum(length(*member) for member in members) - 1 - _LONGEST
    for large in (True, False):
        for index in range(len(members) - 1, -1, -1):
            if excess <= 0:
                return members
            size = length(*members[index])
            if not large or size - 1 > _LARGE:
                excess -= size
                del members[index]
    return members
