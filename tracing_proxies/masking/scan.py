"""One pass over a text: gates, detectors, overlaps, replacement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from tracing_proxies.masking import markers
from tracing_proxies.masking.detectors import Detector, Found
from tracing_proxies.masking.detectors.digits import Run, find_runs

# Every detector needs a digit, an `@`, an underscore or a sign of assignment: prose without them is done after one
# search (0.4 us for 60 characters).
_WORTH = re.compile(r"[0-9@:=_]").search
_DIGITS = re.compile(r"[0-9][0-9.:]|::").search
# A masked text may bring a word nearer to a number: passes repeat until nothing changes, which makes masking
# idempotent. Two are the rule; the bound is for texts made to need more.
_MOST_PASSES = 12


class Scanner:
    """Finds and replaces with a fixed set of detectors.

    Args:
        detectors: in order of precedence.
        allow: texts that stay when a detector finds exactly them.
    """

    __slots__ = ("_allow", "_anchored", "_judges", "_names", "_searches")

    def __init__(self, detectors: Sequence[Detector], allow: frozenset[str]) -> None:
        self._allow = allow
        ranked = list(enumerate(detectors))
        self._names = [detector.name for detector in detectors]
        self._anchored: tuple[tuple[tuple[str, ...], int, Callable[[str, str], Iterator[Found]]], ...] = tuple(
            (d.anchors, rank, d.find) for rank, d in ranked if d.find is not None and d.anchors
        )
        self._searches: tuple[tuple[int, Callable[[str, str], Iterator[Found]]], ...] = tuple(
            (rank, d.find) for rank, d in ranked if d.find is not None and not d.anchors
        )
        self._judges: tuple[tuple[int, Callable[[Run, str, str], Iterator[Found]]], ...] = tuple(
            (rank, d.judge) for rank, d in ranked if d.judge is not None
        )

    def mask(self, text: str, label: str = "") -> str:
        """Return the text with everything that was found replaced; the same object if nothing was.

        Args:
            text: any text.
            label: the key that the text stands under, read as if it stood before it.
        """
        if not _WORTH(text):
            return text
        masked = self._once(text, label)
        if masked is text:
            return text
        for _ in range(_MOST_PASSES - 1):
            text, masked = masked, self._once(masked, label)
            if masked is text:
                break
        return masked

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Return start, end and detector of each place, in order; none overlaps another."""
        if not _WORTH(text):
            return []
        found = self._find(text)
        names = self._names
        ranked = [(start, rank, end, names[rank]) for start, rank, end, _ in found]
        return list(_merge(ranked)) if ranked else []

    def _once(self, text: str, label: str) -> str:
        offset = len(label)
        found = self._find(label + text if offset else text)
        if not found:
            return text
        pieces: list[str] = []
        past = offset
        source = label + text if offset else text
        for start, end, marker in _merge(found):
            if start < offset or source[start:end] in self._allow:
                continue
            pieces += (source[past:start], marker)
            past = end
        if not pieces:
            return text
        pieces.append(source[past:])
        return "".join(pieces)

    def _find(self, text: str) -> list[tuple[int, int, int, str]]:
        """Return start, rank, end and marker of every find."""
        text = markers.blank(text)
        lower = text.lower()
        if len(lower) != len(text):
            lower = "".join(low if len(low := character.lower()) == 1 else character for character in text)
        found: list[tuple[int, int, int, str]] = []
        for anchors, rank, find in self._anchored:
            for anchor in anchors:
                if anchor in lower:
                    for start, end, marker in find(text, lower):
                        found.append((start, rank, end, marker))
                    break
        if _DIGITS(text):
            for rank, find in self._searches:
                for start, end, marker in find(text, lower):
                    found.append((start, rank, end, marker))
            for run in find_runs(text):
                before = len(found)
                for rank, judge in self._judges:
                    for start, end, marker in judge(run, text, lower):
                        found.append((start, rank, end, marker))
                    if len(found) > before:
                        break
        return found


def _merge(found: list[tuple[int, int, int, str]]) -> Iterator[Found]:
    """Yield places that do not overlap: of overlapping ones their union, under the marker of the first in rank."""
    found.sort()
    start, rank, end, marker = found[0]
    for next_start, next_rank, next_end, next_marker in found[1:]:
        if next_start < end:
            end = max(end, next_end)
            if next_rank < rank:
                rank, marker = next_rank, next_marker
            continue
        yield start, end, marker
        start, rank, end, marker = next_start, next_rank, next_end, next_marker
    yield start, end, marker
