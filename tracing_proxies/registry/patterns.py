"""Regular expressions of the user's, on an engine whose time is linear in the text."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

_MOST_PATTERN: Final = 2_000
_MOST_MEMORY: Final = 8 << 20  # what one compiled pattern may take; repeats of repeats end here and not in minutes
_REFUSED: Final = {
    "invalid perl operator": "lookaround, atomic groups and conditions are not supported",
    "invalid escape sequence": "this escape is not supported (back-references such as \\1 are not)",
    "pattern too large": "the pattern is too large once its repeats are written out",
    "invalid repetition size": "a repeat may count to 1,000 at most",
    "bad repetition operator": "two repeats follow one another (possessive repeats are not supported)",
}


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Any:
    """Compile a pattern in RE2's syntax.

    Returns:
        The compiled pattern, an object of `re2`.

    Raises:
        ValueError: the pattern is empty, too large, matches the empty text, or uses what the engine does not support.
            The message says what is wrong, and with which part.
    """
    if not pattern:
        raise ValueError("the pattern is empty")
    if len(pattern) > _MOST_PATTERN:
        raise ValueError(f"the pattern has {len(pattern):,} characters; {_MOST_PATTERN:,} are the most")
    import re2

    options = re2.Options()
    options.max_mem = _MOST_MEMORY
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options=options)
    except re2.error as exc:
        raise ValueError(_explain(pattern, exc)) from None
    if compiled.search("") is not None:
        raise ValueError("the pattern matches the empty text")
    return compiled


def _explain(pattern: str, error: Exception) -> str:
    """Return what the engine says of a pattern, in words and with the column where the faulty part begins."""
    said = error.args[0] if error.args else ""
    reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    kind, _, part = reason.partition(": ")
    at = pattern.find(part) if part else -1
    words = _REFUSED.get(kind, kind)
    return f"{words}: {part!r} at column {at + 1}" if at >= 0 else words
