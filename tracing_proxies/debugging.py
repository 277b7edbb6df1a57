"""What the layer says of itself, room by room, when ``TRACING_PROXIES_DEBUG`` asks for it: one line of JSON each."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

VARIABLE: Final = "TRACING_PROXIES_DEBUG"
ROOMS: Final = ("alerts", "control", "delivery", "recording", "registry", "sampling", "weaving")
ALL: Final = "all"
_FIELDS: Final = "tracing_fields"
_log = logging.getLogger("tracing_proxies")

rooms: frozenset[str] = frozenset()
"""The rooms that say something; whoever is called often asks here first."""
_before: dict[str, tuple[int, bool]] = {}
_handler: logging.Handler | None = None


def tell(room: str, event: str, **fields: Any) -> None:
    """Say something, if the room was asked to.

    Args:
        room: one of `ROOMS`.
        event: what has happened, in a word or two.
        fields: plain values; what came from the application must be masked by then.
    """
    if room in rooms:
        try:
            logging.getLogger(f"tracing_proxies.{room}").debug(event, extra={_FIELDS: fields})
        except Exception as exc:  # a handler of the application's own
            from tracing_proxies.failures import contain

            contain("debugging", exc)


def begin(environ: Mapping[str, str]) -> None:
    """Let the rooms speak that the environment names, on the standard error output."""
    global rooms, _handler
    wanted = _read(environ.get(VARIABLE, ""))
    if wanted == rooms:
        return
    end()
    if not wanted:
        return
    _handler = logging.StreamHandler(sys.stderr)
    _handler.setFormatter(JsonLines())
    for room in sorted(wanted):
        logger = logging.getLogger(f"tracing_proxies.{room}")
        _before[room] = (logger.level, logger.propagate)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False  # what was asked for on the error output is no part of the application's own log
        logger.addHandler(_handler)
    rooms = wanted


def end() -> None:
    """Let every room be silent, and leave the loggers as they were."""
    global rooms, _handler
    for room, (level, propagate) in _before.items():
        logger = logging.getLogger(f"tracing_proxies.{room}")
        logger.setLevel(level)
        logger.propagate = propagate
        if _handler is not None:
            logger.removeHandler(_handler)
    _before.clear()
    rooms, _handler = frozenset(), None


class JsonLines(logging.Formatter):
    """Writes a record as one line: when, which process, which room, what has happened, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        seconds, fraction = divmod(record.created, 1)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{fraction * 1000:03.0f}Z"
        line = {
            "at": at,
            "pid": os.getpid(),
            "room": record.name.rpartition(".")[2],
            "event": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        return json.dumps(line, default=str)


def _read(text: str) -> frozenset[str]:
    names = {name.strip().lower() for name in text.split(",") if name.strip()}
    if names & {ALL, "1", "true", "*"}:
        return frozenset(ROOMS)
    for name in sorted(names - set(ROOMS)):
        from difflib import get_close_matches  # for mistakes alone

        near = get_close_matches(name, ROOMS, n=1)
        hint = f". Did you mean {near[0]!r}?" if near else f"; there are {', '.join(ROOMS)}, and {ALL}"
        _log.warning("%s names no room %r%s", VARIABLE, name[:40], hint)
    return frozenset(names & set(ROOMS))
