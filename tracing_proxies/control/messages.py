"""The lines that go over a control socket: one JSON object each way, within bounds."""

from __future__ import annotations

import json
from typing import Any, Final

LARGEST_REQUEST: Final = 4 * 1024
LARGEST_ANSWER: Final = 64 * 1024 * 1024


class MessageError(ValueError):
    """Says why a line is not a message."""


def write_request(command: str, about: str | None = None) -> bytes:
    """Write the line that asks for a command.

    Args:
        about: what it is about, for commands that need to know.
    """
    return json.dumps({"command": command, **({} if about is None else {"about": about})}).encode() + b"\n"


def read_request(line: bytes) -> tuple[str, str | None]:
    """Read the command that a line asks for, and what it is about.

    Raises:
        MessageError: it asks for none.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise MessageError("a request is one line of JSON") from None
    command = message.get("command") if isinstance(message, dict) else None
    if not isinstance(command, str):
        raise MessageError('a request is an object such as {"command": "status"}')
    about = message.get("about")
    if about is not None and not isinstance(about, str):
        raise MessageError("what a request is about is a text")
    return command, about


def write_result(result: Any) -> bytes:
    """Write the line that answers with a result, in plain values."""
    return json.dumps({"ok": True, "result": result}).encode() + b"\n"


def write_error(error: str) -> bytes:
    """Write the line that answers with an error."""
    return json.dumps({"ok": False, "error": error}).encode() + b"\n"


def read_answer(line: bytes) -> dict[str, Any]:
    """Read an answer.

    Returns:
        ``ok`` with ``result`` or ``error``.

    Raises:
        MessageError: the line is no answer.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise MessageError("the answer is not one line of JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("ok"), bool):
        raise MessageError("the answer says neither yes nor no")
    return message
