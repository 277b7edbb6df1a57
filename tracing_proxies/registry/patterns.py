"""Regular expressions of the user's: RE2's, whose time grows with the text and never faster."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 4_096
_MEMORY: Final = 8 * 2**20


def why_refused(pattern: str) -> str | None:
    """Say why a pattern cannot be a detector's.

    Returns:
        The reason, None if it can.
    """
    import re2  # 10 ms, and most registries have no pattern

    if len(pattern) > LONGEST:
        return f"it has more than {LONGEST:,} characters"
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be compiled"
        return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return "it matches the empty text" if compiled.search("") is not None else None
