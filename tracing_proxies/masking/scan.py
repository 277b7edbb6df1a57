"""One pass over a text: anchors, digits, overlaps, replacement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from tracing_proxies.masking import markers
from tracing_proxies.masking.detectors import DETECTORS, PARTS, Detector, Family, Span
from tracing_proxies.masking.detectors.anchors import Anchors
from tracing_proxies.masking.detectors.digits import find_runs
from tracing_proxies.masking.detectors.shape import shape_of

# Every shipped detector needs a digit, an `@`, an underscore or a sign of assignment: prose without them is done after
# one search (0.3 us for 80 characters).
_WORTH = re.compile(r"[0-9@:=_]").search
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

    __slots__ = (
        "_allow",
        "_anchors",
        "_judges",
        "_own",
        "_ranks",
        "_reads",
        "_replace",
        "_searches",
        "_unwanted",
        "_wholes",
    )

    def __init__(
        self,
        detectors: Iterable[Detector],
        allow: frozenset[str] = frozenset(),
        replace: Callable[[str, str], str] = markers.replace,
    ) -> None:
        self._allow = allow
        self._replace = replace
        detectors = tuple(detectors)
        self._own = tuple(detector for detector in detectors if not isinstance(detector, Family))
        names = {detector.name for detector in detectors if isinstance(detector, Family)}
        self._ranks = {name: rank for rank, name in enumerate((*DETECTORS, *(own.name for own in self._own)))}
        self._unwanted = frozenset(DETECTORS) - names
        parts = [part for part in PARTS if not names.isdisjoint(part.names)]
        reading = [part for part in parts if part.read is not None]
        self._anchors = Anchors(part.anchors for part in reading)
        self._reads = tuple(part.read for part in reading if part.read is not None)
        self._searches = tuple(part.search for part in parts if part.search is not None)
        self._judges = tuple(part.judge for part in parts if part.judge is not None)
        self._wholes = tuple(part.whole for part in parts if part.whole is not None)

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
            return found
        if self._unwanted:
            found = [span for span in found if span[2] not in self._unwanted]
        if len(found) > 1:
            found = self._merge(found)
        if offset:
            found = [(start - offset, end - offset, name) for start, end, name in found if start >= offset]
        if self._allow:
            found = [(start, end, name) for start, end, name in found if text[start:end] not in self._allow]
        return found

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

    def _find(self, text: str, offset: int) -> list[Span]:
        if "[" in text:
            text = markers.blank(text)
        lower = text.lower()
        if len(lower) != len(text):
            lower = "".join(low if len(low := character.lower()) == 1 else character for character in text)
        found: list[Span] = []
        for index, places in self._anchors.places(lower).items():
            found.extend(self._reads[index](text, lower, places))
        shape = shape_of(text)
        if b"0" in shape or b"::" in shape:
            for search in self._searches:
                found.extend(search(text, lower, shape))
            for run in find_runs(text, shape):
                before = len(found)
                for judge in self._judges:
                    found.extend(judge(run, text, lower))
                    if len(found) > before:
                        break
            if not (found or offset) and len(text) <= _LONGEST_WHOLE and (whole := _WHOLE(text)):
                for test in self._wholes:
                    if name := test(whole[1]):
                        return [(whole.start(1), whole.end(1), name)]
        for detector in self._own:
            found.extend((start, end, detector.name) for start, end in detector.find(text))
        return found

    def _merge(self, found: list[Span]) -> list[Span]:
        """Return places that do not overlap: of overlapping ones their union, under the class of the first in rank."""
        found.sort()
        ranks = self._ranks
        merged: list[Span] = []
        start, end, name = found[0]
        for next_start, next_end, next_name in found[1:]:
            if next_start < end:
                end = max(end, next_end)
                if ranks[next_name] < ranks[name]:
                    name = next_name
                continue
            merged.append((start, end, name))
            start, end, name = next_start, next_end, next_name
        merged.append((start, end, name))
        return merged
