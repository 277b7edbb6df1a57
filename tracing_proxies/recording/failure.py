"""What counts as an error of what a call has raised."""

from __future__ import annotations

import sys

CONTROL_FLOW = (StopIteration, StopAsyncIteration, GeneratorExit)


def is_cancellation(exc: BaseException) -> bool:
    """Tell whether a task was cancelled."""
    # Without an import, which takes 9 ms for asyncio: what raises it has imported it.
    loaded = sys.modules.get
    cancelled = getattr(loaded("asyncio.exceptions"), "CancelledError", ())
    return isinstance(exc, (cancelled, getattr(loaded("trio"), "Cancelled", ())))


def is_failure(exc: BaseException) -> bool:
    """Tell whether what a call has raised is an error, and not control flow or a cancellation."""
    return not (isinstance(exc, CONTROL_FLOW) or is_cancellation(exc))
