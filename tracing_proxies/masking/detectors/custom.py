"""Detectors that users write: patterns on an engine whose time is linear in the text."""

from __future__ import annotations

import re
from functools import lru_cache
from time import perf_counter
from typing import Any

import attrs

_MOST_PATTERN = 2_000
_MOST_MEMORY = 8 << 20  # what one compiled pattern may take; repeats of repeats end here and not in minutes
# One search is linear, but a pattern such as `a.*x|a` reads to the end of the text for every match it finds.
_MOST_SECONDS = 0.05
_MORE_SECONDS_A_CHARACTER = 1e-6
_MATCHES_A_LOOK = 32
_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,39}\Z")
_REFUSED = {
    "invalid perl operator": "lookaround, atomic groups and conditions are not supported",
    "invalid escape sequence": "this escape is not supported (back-references such as \\1 are not)",
    "pattern too large": "the pattern is too large once its repeats are written out",
    "invalid repetition size": "a repeat may count to 1,000 at most",
    "bad repetition operator": "two repeats follow one another (possessive repeats are not supported)",
}


@attrs.frozen
class PatternDetector:
    """Finds what one pattern matches.

    Attributes:
        name: the class that its finds are reported as.
        pattern: the pattern as it was written.
    """

    name: str
    pattern: str
    _search: Any = attrs.field(repr=False, eq=False)

    def find(self, text: str) -> list[tuple[int, int]]:
        """Return start and end of every match that is not empty; of a pattern with a group ``value``, that group's.

        Args:
            text: any text.

        Raises:
            TimeoutError: when the text has taken more than 50 ms and 1 us a character; what was found by then is no
                answer, so that the text has to be hidden as a whole.
        """
        if not text.isascii():
            # The engine reads UTF-8, which has no lone surrogates; lengths stay as they are.
            text = text.encode("utf-8", "replace").decode("utf-8")
        group = self._search.groupindex.get("value", 0)
        ending = perf_counter() + _MOST_SECONDS + len(text) * _MORE_SECONDS_A_CHARACTER
        found: list[tuple[int, int]] = []
        for count, match in enumerate(self._search.finditer(text), 1):
            start, end = match.span(group)
            if start < end:
                found.append((start, end))
            if count % _MATCHES_A_LOOK == 0 and perf_counter() > ending:
                raise TimeoutError(f"the detector {self.name} took too long over a text of {len(text):,} characters")
        return found


def compile_detector(name: str, pattern: str) -> PatternDetector:
    """Compile a pattern in RE2's syntax; matching takes time linear in the text, whatever the pattern.

    Args:
        name: the class name: lower-case letters, digits, hyphens and underscores.
        pattern: the pattern; what its group ``value`` matches is reported, if it has one, else the whole match.

    Raises:
        ValueError: for a name of another form, and for a pattern that is empty, too large, matches the empty text, or
            uses what the engine does not support. The message says what is wrong, and with which part.
    """
    if not _NAME.match(name):
        raise ValueError(
            f"a detector's name has 1 to 40 lower-case letters, digits, hyphens and underscores, not {name!r}"
        )
    return PatternDetector(name, pattern, _compile(pattern))


@lru_cache(maxsize=256)
def _compile(pattern: str) -> Any:
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
