"""One pass over a text: anchors, digits, overlaps, replacement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any, TypeAlias

from tracing_proxies.compiled import hot
from tracing_proxies.exclusion import importing
from tracing_proxies.lasting import pass_by
from tracing_proxies.masking import hits, markers
from tracing_proxies.masking.detectors import DETECTORS, Detector, Family, Span
from tracing_proxies.masking.detectors.digits import Run, runs_in
from tracing_proxies.masking.detectors.kinds import Form, Judge, Look, Looked, Read

# Every shipped detector needs a digit, an `@`, an underscore or a sign of assignment: prose without them is done after
# one search.
_WORTH = re.compile(r"[0-9@:=_]").search
_may_hold: Callable[[str], object] = _WORTH if hot is None else hot.may_hold
_WHOLE = re.compile(r"\s*([A-Za-z0-9](?:[ .\-/]?[A-Za-z0-9]){4,20})\s*\Z").match
_LONGEST_WHOLE = 28
_MOST_DIGITS = 80
# What may stand beside a masked value; behind a hyphen, say, a number may begin that was a piece of the value's word.
_APART = re.compile(r"[\s,;!?'\"`()<>]|:(?!:)|\.(?!\S)|\\[nrt]|\Z").match
_BEFORE = frozenset(" ,;'\"`()<>\n\t")
_BEHIND = _BEFORE | {"", "!", "?"}
# A masked text may bring a word nearer to a number: passes repeat until nothing changes, which makes masking
# idempotent. Two are the rule; the bound is for texts made to need more.
MOST_PASSES = 12
_SIGHT = 64  # judges of runs look at the 48 characters before one, and at a word or two behind it
_SIGHT_OF_GLUED = 20  # and what tells that it is glued stands in the 13 characters before it and the 18 behind it
_EXTENDS = frozenset("xXeE")
_RUNS = Form.RUNS.value


_Arranged: TypeAlias = tuple[
    Look,
    tuple[tuple[Read, bool], ...],
    Callable[[str, str, str, int, list[Span]], None],
    tuple[tuple[Judge, ...], ...],
    tuple[Callable[[str], str], ...],
    tuple[Any, ...],
]


class Scanner:
    """Finds and replaces with a fixed set of detectors.

    Args:
        detectors: any of ``DETECTORS``, and others that have a name and ``find``; where two claim the same place, a
            shipped one names it, among these the first in the order of ``DETECTORS``.
        allow: texts that stay when a detector finds exactly them.
        replace: called with class name and value, returns what stands for the value.

    Attributes:
        instead: what stands for all values of a class.
        is_plain: whether nothing but the parts decides on what is found, so that what is compiled finds it.
    """

    __slots__ = ("_allow", "_arranged", "_names", "_own", "_ranks", "_unwanted", "instead", "is_plain", "replace")

    def __init__(
        self,
        detectors: Iterable[Detector],
        allow: frozenset[str] = frozenset(),
        replace: Callable[[str, str], str] = markers.replace,
    ) -> None:
        self._allow = allow
        self.replace = replace
        self.instead = dict(markers.BY_CLASS) if replace is markers.replace else {}
        detectors = tuple(detectors)
        self._own = tuple(detector for detector in detectors if not isinstance(detector, Family))
        names = frozenset(detector.name for detector in detectors if isinstance(detector, Family))
        self._ranks = {name: rank for rank, name in enumerate((*DETECTORS, *(own.name for own in self._own)))}
        self._unwanted = frozenset(DETECTORS) - names
        self._names = names
        self.is_plain = hot is not None and not (self._own or self._unwanted or allow)
        self._arranged: _Arranged | None = None

    def mask(self, text: str, label: str = "") -> str:
        """Return the text with everything that was found replaced; the same object if nothing was.

        Args:
            text: any text.
            label: the key that the text stands under, read as if it stood before it.
        """
        if type(text) is not str:  # such as a member of an enumeration, which what is compiled does not take
            text = str.__str__(text)
        if self._arranged and self.is_plain:
            ways, counted = self._arranged[-1], hits.counted
            masked: str = hot.mask(text, ways, self.instead, self.replace, counted, MOST_PASSES, label)
            return masked
        if not (self._own or _may_hold(text)):
            return text
        for _ in range(MOST_PASSES):
            spans, settled = self._spans(text, label)
            if not spans:
                break
            text = _replaced(text, spans, self.instead, self.replace, hits.counted)
            if settled or not (self._own or _may_hold(text)):
                break
        return text

    def find(self, text: str, label: str = "") -> list[Span]:
        """Return start, end and class of everything that is found, in order and without overlaps.

        What masking finds only after this has been replaced is not among it.

        Args:
            text: any text.
            label: the key that the text stands under.
        """
        return self._spans(text if type(text) is str else str.__str__(text), label)[0]

    def _spans(self, text: str, label: str) -> tuple[list[Span], bool]:
        """Return what is found, and whether masking it leaves nothing that another pass could find."""
        arranged = self._arranged or self._arrange()
        if self.is_plain:
            spans: tuple[list[Span], bool] = hot.find(text, arranged[-1], label)
            return spans
        offset = len(label)
        read = label + text if offset else text
        if "[" in read:
            read = markers.blank(read)
        looked = arranged[0](read)
        unjudged: list[Run] = []
        if looked is None:
            found = [(start, end, own.name) for own in self._own for start, end in own.find(read)]
            settled = not self._own
        else:
            found, settled, unjudged = self._find(read, offset, looked, arranged)
        if not found:
            return found, True
        if self._unwanted:
            found = [span for span in found if span[2] not in self._unwanted]
        if len(found) > 1:
            found = _merged(found, self._ranks)
        if offset:
            found = [(start - offset, end - offset, name) for start, end, name in found if start >= offset]
        if self._allow:
            found = [(start, end, name) for start, end, name in found if text[start:end] not in self._allow]
        if settled:
            for start, end, name in found:
                if not (
                    text[end : end + 1] in _BEHIND and (start == 0 or text[start - 1] in _BEFORE)
                ) and not _stands_apart(text, start, end, name):
                    return found, False
            if unjudged:
                settled = _stand_afar(text, unjudged, found, offset)
        return found, settled

    def _find(self, text: str, offset: int, looked: Looked, arranged: _Arranged) -> tuple[list[Span], bool, list[Run]]:
        """Return what is found, whether it settles all that was looked at, and runs of digits that nobody claims."""
        found: list[Span] = []
        unjudged: list[Run] = []
        settled = not self._own
        lower, shape, anchored, forms = looked
        _, reads, search, judges, wholes, _ = arranged
        for index, places in anchored.items():
            read, steady = reads[index]
            found.extend(read(text, lower, places))
            if not steady:
                settled = False
        if forms:
            search(text, lower, shape, forms, found)
            for run in runs_in(text, shape) if forms & _RUNS else ():
                before = len(found)
                for judge in judges[min(len(run.digits), _MOST_DIGITS - 1)]:
                    found.extend(judge(run, text, lower))
                    if len(found) > before:
                        settled = settled and found[-1][0] <= run.groups[0][0] and found[-1][1] >= run.end
                        break
                else:
                    unjudged.append(run)
            if not (found or offset) and len(text) <= _LONGEST_WHOLE and (found := _take_whole(wholes, text)):
                return found, True, unjudged
        for own in self._own:
            found.extend((start, end, own.name) for start, end in own.find(text))
        return found, settled, unjudged

    def _arrange(self) -> _Arranged:
        self._arranged = arranged = _arrange(self._names)
        return arranged


def _take_whole(tests: Sequence[Callable[[str], str]], text: str) -> list[Span]:
    """Return a text that is one value as a whole."""
    whole = _WHOLE(text)
    for test in tests if whole else ():
        if whole and (name := test(whole[1])):
            return [(whole.start(1), whole.end(1), name)]
    return []


def merge(found: list[Span], ranks: dict[str, int]) -> list[Span]:
    """Return places that do not overlap: of overlapping ones their union, under the class of the first in rank.

    This is the original of what is compiled (hot/finds.c).

    Args:
        found: in any order, at least one.
        ranks: of the classes.
    """
    found = sorted(found)
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


_merged: Callable[[list[Span], dict[str, int]], list[Span]] = merge if hot is None else hot.merged


def replace_all(
    text: str,
    spans: list[Span],
    known: dict[str, str],
    replace: Callable[[str, str], str],
    counted: dict[str, int],
) -> str:
    """Return a text with what stands for its spans: the original of what is compiled (hot/finds.c).

    Args:
        text: any text.
        spans: in order and without overlaps.
        known: what stands for all values of a class.
        replace: called for others with class and value.
        counted: counts each class.
    """
    pieces: list[str] = []
    past = 0
    for start, end, name in spans:
        pieces += (text[past:start], known.get(name) or replace(name, text[start:end]))
        past = end
        counted[name] = counted.get(name, 0) + 1
    pieces.append(text[past:])
    return "".join(pieces)


_replaced: Callable[[str, list[Span], dict[str, str], Callable[[str, str], str], dict[str, int]], str] = (
    replace_all if hot is None else hot.replaced
)


def _stands_apart(text: str, start: int, end: int, name: str) -> bool:
    """Tell whether nothing beside a value becomes another word, address or number when the value is gone."""
    if not _APART(text, end):
        return False
    return (
        start == 0
        or text[start - 1] in _BEFORE
        or (name == "secrets" and text[start - 1] in "=:" and text[start - 2 : start] != "::")
    )


def _stand_afar(text: str, runs: list[Run], found: list[Span], offset: int) -> bool:
    """Tell whether no value stands so near to a run of digits that it may have been judged by it.

    Args:
        text: the text that the places of ``found`` are in.
        runs: in order.
        found: in order, without overlaps.
        offset: how many characters stand before that text in the one that the places of ``runs`` are in.
    """
    at = 0
    for run in runs:
        start, end = run.start - offset, run.end - offset
        while at < len(found) and found[at][1] <= start - _SIGHT:
            at += 1
        # What is glued to a word stays what it is wherever words stand, unless an extension follows: `x12`.
        sight = _SIGHT_OF_GLUED if run.glued and _EXTENDS.isdisjoint(text[end : end + 3]) else _SIGHT
        near = at
        while near < len(found) and found[near][1] <= start - sight:
            near += 1
        if near < len(found) and found[near][0] < end + sight:
            return False
    return True


@lru_cache(maxsize=8)
def _arrange(names: frozenset[str]) -> _Arranged:
    """Return the literals and functions of the parts that find some of these classes; scanners share them.

    The automaton of all literals takes 5 ms to build.
    """
    with importing:
        from tracing_proxies.masking.detectors import assignment, forms, looking
        from tracing_proxies.masking.detectors.parts import PARTS

        pass_by(PARTS)
    parts = [part for part in PARTS if not names.isdisjoint(part.names)]
    reading = [part for part in parts if part.read is not None]
    judging = [(part.sizes, part.judge) for part in parts if part.judge is not None]
    look = looking.make_look(reading, assignment.PLAIN_NAMES)
    reads = tuple((part.read, part.steady) for part in reading if part.read is not None)
    judges = tuple(
        tuple(judge for sizes, judge in judging if sizes is None or size in sizes) for size in range(_MOST_DIGITS)
    )
    wholes = tuple(part.whole for part in parts if part.whole is not None)
    ranks = {name: rank for rank, name in enumerate(DETECTORS)}
    apart = (_stands_apart, _stand_afar, "".join(_BEFORE), "".join(_BEHIND))
    ways = (look, reads, forms.search, judges, Run, partial(_take_whole, wholes), ranks, markers.blank, *apart)
    return look, reads, forms.search, judges, wholes, ways
