"""One pass over a text: anchors, digits, overlaps, replacement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from tracing_proxies.masking import markers
from tracing_proxies.masking.detectors import PARTS, Detector, Family, Span
from tracing_proxies.masking.detectors.anchors import Anchors
from tracing_proxies.masking.detectors.digits import find_runs

# Every shipped detector needs a digit, an `@`, an underscore or a sign of assignment: prose without them is done after
# one search (0.3 us for 80 characters).
_WORTH = re.compile(r"[0-9@:=_]").search
_DIGITS = re.compile(r"[0-9][0-9.:\-A-Z]|[A-Z][0-9]|::").search
_WHOLE = re.compile(r"\s*([A-Za-z0-9](?:[ .\-/]?[A-Za-z0-9]){4,20})\s*\Z").match
_LONGEST_WHOLE = 28
# A masked text may bring a word nearer to a number: passes repeat until nothing changes, which makes masking
# idempotent. Two are the rule; the bound is for texts made to need more.
_MOST_PASSES = 12


class Scanner:
    """Finds and replaces with a fixed set of detectors.

    Args:
        detectors: any of ``DETECTORS``, and others that have a name and ``find``; where two claim the same place, a
            shipped one names it, among these the first in the order of ``DETECTORS``.
        allow: texts that stay when a detector finds exactly them.
        replace: called with class name and value, returns what stands for the value.
    """

    __slots__ = ("_allow", "_anchors", "_judges", "_own", "_parts", "_replace", "_searches", "_wholes")

    def __init__(
        self,
        detectors: Iterable[Detector],
        allow: frozenset[str] = frozenset(),
        replace: Callable[[str, str], str] = markers.replace,
    ) -> None:
        self._allow = allow
        self._replace = replace
        detectors = tuple(detectors)
        names = {detector.name for detector in detectors if isinstance(detector, Family)}
        parts = [(rank, part) for rank, part in enumerate(PARTS) if part.name in names]
        self._own = tuple(detector for detector in detectors if not isinstance(detector, Family))
        reading = [(rank, part) for rank, part in parts if part.read is not None]
        self._anchors = Anchors(part.anchors for _, part in reading)
        self._parts = tuple((rank, part.name, part.read) for rank, part in reading if part.read is not None)
        self._searches = tuple((rank, part.name, part.search) for rank, part in parts if part.search is not None)
        self._judges = tuple((rank, part.name, part.judge) for rank, part in parts if part.judge is not None)
        self._wholes = tuple((rank, part.name, part.whole) for rank, part in parts if part.whole is not None)

    def mask(self, text: str, label: str = "") -> str:
        """Return the text with everything that was found replaced; the same object if nothing was.

        Args:
            text: any text.
            label: the key that the text stands under, read as if it stood before it.
        """
        if not (self._own or _WORTH(text)):
            return text
        masked = self._once(text, label)
        if masked is text:
            return text
        for _ in range(_MOST_PASSES - 1):
            if not (self._own or _WORTH(masked)):
                break
            text, masked = masked, self._once(masked, label)
            if masked is text:
                break
        return masked

    def find(self, text: str, label: str = "") -> list[Span]:
        """Return start, end and class of everything that is found, in order and without overlaps.

        What masking finds only after this has been replaced is not among it.

        Args:
            text: any text.
            label: the key that the text stands under.
        """
        offset = len(label)
        found = self._find(label + text if offset else text, offset)
        if not found:
            return []
        return [
            (start - offset, end - offset, name)
            for start, end, name in _merge(found)
            if start >= offset and text[start - offset : end - offset] not in self._allow
        ]

    def _once(self, text: str, label: str) -> str:
        spans = self.find(text, label)
        if not spans:
            return text
        pieces: list[str] = []
        past = 0
        for start, end, name in spans:
            pieces += (text[past:start], self._replace(name, text[start:end]))
            past = end
        pieces.append(text[past:])
        return "".join(pieces)

    def _find(self, text: str, offset: int) -> list[tuple[int, int, int, str]]:
        """Return start, rank, end and class of every find."""
        if "[" in text:
            text = markers.blank(text)
        lower = text.lower()
        if len(lower) != len(text):
            lower = "".join(low if len(low := character.lower()) == 1 else character for character in text)
        found: list[tuple[int, int, int, str]] = []
        for index, places in self._anchors.places(lower).items():
            rank, name, read = self._parts[index]
            for start, end in read(text, lower, places):
                found.append((start, rank, end, name))
        if _DIGITS(text):
            for rank, name, search in self._searches:
                for start, end in search(text, lower):
                    found.append((start, rank, end, name))
            for run in find_runs(text):
                before = len(found)
                for rank, name, judge in self._judges:
                    for start, end in judge(run, text, lower):
                        found.append((start, rank, end, name))
                    if len(found) > before:
                        break
        if not found and not offset and len(text) <= _LONGEST_WHOLE and (whole := _WHOLE(text)):
            for rank, name, test in self._wholes:
                if test(whole[1]):
                    return [(whole.start(1), rank, whole.end(1), name)]
        for rank, detector in enumerate(self._own, len(PARTS)):
            for start, end in detector.find(text):
                found.append((start, rank, end, detector.name))
        return found


def _merge(found: list[tuple[int, int, int, str]]) -> Iterator[Span]:
    """Yield places that do not overlap: of overlapping ones their union, under the class of the first in rank."""
    if len(found) > 1:
        found.sort()
    start, rank, end, name = found[0]
    for next_start, next_rank, next_end, next_name in found[1:]:
        if next_start < end:
            end = max(end, next_end)
            if next_rank < rank:
                rank, name = next_rank, next_name
            continue
        yield start, end, name
        start, rank, end, name = next_start, next_rank, next_end, next_name
    yield start, end, name
