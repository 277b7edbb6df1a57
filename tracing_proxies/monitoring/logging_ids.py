"""The ids of the current trace and span on the application's own log records, on request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.trace import get_current_span

from tracing_proxies.failures import contain

TRACE_ID: Final = "trace_id"
SPAN_ID: Final = "span_id"
_NAME: Final = "makeRecord"

_Make = Callable[..., logging.LogRecord]


class LogIds:
    """Gives every record that a logger makes the attributes ``trace_id`` and ``span_id``, "" outside of a trace.

    The record is completed after its logger has made it. A factory of records would come before ``extra=``, and
    `logging` raises where that names an attribute which is there already: an application that logs trace ids of its own
    would break. Here its own stay.
    """

    def __init__(self) -> None:
        self._original: Any = None
        self._ours: _Make | None = None
        self.on = False

    def follow(self, on: bool) -> None:
        """Begin, or leave `logging` as it was."""
        if on and not self.on:
            self._begin()
        elif self.on and not on:
            self._end()

    def _begin(self) -> None:
        self.on = True
        if self._ours is not None and logging.Logger.__dict__[_NAME] is not self._original:
            return  # somebody has wrapped ours since: it is there still, and speaks again
        original: _Make = logging.Logger.__dict__[_NAME]

        def makeRecord(self_: logging.Logger, /, *args: Any, **kwargs: Any) -> logging.LogRecord:
            record = original(self_, *args, **kwargs)
            if self.on:
                _complete(record)
            return record

        self._original, self._ours = original, makeRecord
        logging.Logger.makeRecord = makeRecord  # type: ignore[method-assign, assignment]

    def _end(self) -> None:
        self.on = False
        if logging.Logger.__dict__[_NAME] is self._ours:
            logging.Logger.makeRecord = self._original  # type: ignore[method-assign]
            self._original = self._ours = None
        # Else somebody has wrapped ours, and goes on to call it: it only passes through from now on.


def _complete(record: logging.LogRecord) -> None:
    try:
        context = get_current_span().get_span_context()
        known = context.is_valid
        values = record.__dict__
        values.setdefault(TRACE_ID, f"{context.trace_id:032x}" if known else "")
        values.setdefault(SPAN_ID, f"{context.span_id:016x}" if known else "")
    except Exception as exc:
        contain("logging", exc)
