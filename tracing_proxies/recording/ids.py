"""Trace and span ids, from a generator of our own so that the application's ``random`` is never drawn from."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from tracing_proxies.compiled import hot

_generator = random.Random() if hot is None else hot
random_bits: Callable[[int], int] = _generator.getrandbits
"""Draws 64 or 128 bits."""


def _reseed() -> None:
    _generator.seed(os.urandom(32))


_reseed()
# A forked child would otherwise repeat its parent's ids.
os.register_at_fork(after_in_child=_reseed)


def new_trace_id() -> int:
    """Return a random trace id of 128 bits, never 0 (W3C Trace Context, section 3.2.2.3)."""
    return random_bits(128) or new_trace_id()


def new_span_id() -> int:
    """Return a random span id of 64 bits, never 0 (W3C Trace Context, section 3.2.2.4)."""
    return random_bits(64) or new_span_id()


def trace_hex(trace_id: int) -> str:
    """Write a trace id as 32 lower-case hexadecimal digits."""
    return f"{trace_id:032x}"


def span_hex(span_id: int) -> str:
    """Write a span id as 16 lower-case hexadecimal digits."""
    return f"{span_id:016x}"
