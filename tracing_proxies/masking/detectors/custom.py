"""Detectors that users write: patterns on an engine whose time is linear in the text."""

from __future__ import annotations

import re
from time import perf_counter
from typing import Any

import attrs

from tracing_proxies.masking.detectors.shape import without_halves
from tracing_proxies.registry.patterns import compile_pattern

# One search is linear, but a pattern such as `a.*x|a` reads to the end of the text for every match it finds.
_MOST_SECONDS = 0.05
_MORE_SECONDS_A_CHARACTER = 1e-6
_MATCHES_A_LOOK = 32
_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,39}\Z")


@attrs.frozen(eq=False, repr=False)
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
        text = without_halves(text)
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
    return PatternDetector(name, pattern, compile_pattern(pattern))
