"""All literals of all detectors, found in one pass over a text (0.5 us for 80 characters, whatever their number)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ahocorasick_rs import AhoCorasick, Implementation

from tracing_proxies.masking.detectors.shape import without_halves


class Anchors:
    """Knows which part waits for which literal.

    Args:
        waiting: for each part its literals, in lower case.
    """

    __slots__ = ("_automaton", "_owners")

    def __init__(self, waiting: Iterable[Sequence[str]]) -> None:
        owners: dict[str, list[int]] = {}
        for index, literals in enumerate(waiting):
            for literal in literals:
                owners.setdefault(literal, []).append(index)
        self._owners = [tuple(indices) for indices in owners.values()]
        # A text without any literal is the rule, and this automaton is the fastest for it; it is built once a scanner.
        self._automaton = AhoCorasick(list(owners), implementation=Implementation.DFA) if owners else None

    def places(self, lower: str) -> dict[int, list[int]]:
        """Return for each part whose literals occur where they begin.

        Args:
            lower: the text in lower case.
        """
        places: dict[int, list[int]] = {}
        if self._automaton is None:
            return places
        owners = self._owners
        for literal, start, _ in self._automaton.find_matches_as_indexes(without_halves(lower), overlapping=True):
            for index in owners[literal]:
                if index in places:
                    places[index].append(start)
                else:
                    places[index] = [start]
        return places
