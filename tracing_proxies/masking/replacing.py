"""Puts something else in the place of what was found in a text: by the strategy that its detector falls under."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import attrs

from tracing_proxies.masking import hits, markers
from tracing_proxies.masking.detectors import Detector, Span
from tracing_proxies.masking.keyed import MaskingKey
from tracing_proxies.masking.strategies import Strategy, disguise, label_of

# A removal may bring together what stood apart, and a marker may bring a word nearer to a number: passes repeat until
# nothing changes, which makes masking idempotent. Two are the rule; the bound is for texts made to need more.
_MOST_PASSES: Final = 12


class TextMasker(Protocol):
    """Masks one text."""

    def mask(self, text: str, label: str = "") -> str:
        """Return the text with everything that was found replaced; the same object if nothing was.

        Args:
            label: the key that the text stands under, read as if it stood before it.
        """


@attrs.frozen(repr=False)
class Note:
    """One place that was masked.

    Args:
        start, end: in the text as it was before anything in it was replaced.
        detector: what has found it.
        instead: what stands in its place.
    """

    start: int
    end: int
    detector: str
    strategy: Strategy
    instead: str


class Replacer:
    """Replaces what is found by more than one strategy, or by more than the usual detectors.

    Args:
        find: asked for the usual detectors' finds in a text that stands under a label; none overlaps another.
        more: further detectors; where they overlap with the usual ones, those name the place.
        strategies: by detector; those that are not in it are replaced by a marker.
        key: what pseudonyms and encryption are made with.
        allow: texts that stay when they are found as such.
    """

    def __init__(
        self,
        find: Callable[[str, str], Sequence[Span]],
        more: Sequence[Detector],
        strategies: Mapping[str, Strategy],
        key: MaskingKey | None,
        allow: frozenset[str],
    ) -> None:
        self._usual = find
        self._more = more
        self._strategies = strategies
        self._key = key
        self._allow = allow
        self._marker = markers.compile_markers(detector.name for detector in more)

    def mask(self, text: str, label: str = "") -> str:
        """Return the text with everything that was found replaced; the same object if nothing was."""
        masked = self._once(text, label)
        if masked is text:
            return text
        for _ in range(_MOST_PASSES):
            text, masked = masked, self._once(masked, label)
            if masked is text:
                return masked
        return markers.HIDDEN

    def whole(self, text: str, label: str = "") -> str | None:
        """Return the detector that takes a text as a whole for one value, None if there is none."""
        found = self._finds(text, label)
        return found[0][2] if [(start, end) for start, end, _ in found] == [(0, len(text))] else None

    def notes(self, text: str, label: str = "") -> list[Note]:
        """Say what is found in a text, as long as nothing in it is replaced."""
        notes = []
        for start, end, name in self._finds(text, label):
            if text[start:end] not in self._allow:
                strategy = self._strategies.get(name, Strategy.HIDE)
                instead = disguise(strategy, label_of(name), text[start:end], self._key)
                notes.append(Note(start, end, name, strategy, instead))
        return notes

    def _once(self, text: str, label: str) -> str:
        pieces: list[str] = []
        past = 0
        for note in self.notes(text, label):
            pieces += (text[past : note.start], note.instead)
            past = note.end
            hits.counted[note.detector] += 1
        if not pieces:
            return text
        pieces.append(text[past:])
        return "".join(pieces)

    def _finds(self, text: str, label: str) -> Sequence[Span]:
        usual = self._usual(text, label)
        if not self._more:
            return usual
        taken = [match.span() for match in self._marker.finditer(text)] if "[" in text else []
        blanked = markers.blank(text, self._marker) if taken else text
        more: list[Span] = []
        for detector in self._more:
            for start, end in detector.find(blanked):
                widened = _widen(start, end, taken)
                if widened is not None:
                    more.append((*widened, detector.name))
        return _merge(usual, more) if more else usual


def _widen(start: int, end: int, taken: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Return a place together with the markers that it cuts into; None for one that lies within a marker."""
    for left, right in taken:
        if left < end and start < right:
            if left <= start and end <= right:
                return None
            start, end = min(start, left), max(end, right)
    return (start, end) if start < end else None


def _merge(usual: Sequence[Span], more: list[Span]) -> list[Span]:
    """Return places that do not overlap: of overlapping ones their union, by the name of the usual detector's."""
    ranked = sorted([(start, 0, end, name) for start, end, name in usual] + [(s, 1, e, name) for s, e, name in more])
    merged: list[Span] = []
    start, rank, end, name = ranked[0]
    for next_start, next_rank, next_end, next_name in ranked[1:]:
        if next_start < end:
            end = max(end, next_end)
            if next_rank < rank:
                rank, name = next_rank, next_name
            continue
        merged.append((start, end, name))
        start, rank, end, name = next_start, next_rank, next_end, next_name
    merged.append((start, end, name))
    return merged
