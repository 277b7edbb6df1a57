"""What counts as an error of what a call has raised."""

from __future__ import annotations

import asyncio
import sys

CONTROL_FLOW = (StopIteration, StopAsyncIteration, GeneratorExit)


def is_cancellation(exc: BaseException) -> bool:
    """Tell whether a task was cancelled."""
    # Without an import: what raises it has imported it.
    trio_cancelled = getattr(sys.modules.get("trio"), "Cancelled", ())
    return isinstance(exc, (asyncio.CancelledError, trio_cancelled))


def is_failure(exc: BaseException) -> bool:
    """Tell whether what a call has raised is an error, and not control flow or a cancellation."""
    return not (isinstance(exc, CONTROL_FLOW) or is_cancellation(exc))
