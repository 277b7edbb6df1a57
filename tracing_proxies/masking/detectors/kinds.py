"""What a detector is to those who use it, and the parts that the shipped ones are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

import attrs

from tracing_proxies.masking.detectors.digits import Run

Found: TypeAlias = tuple[int, int]
"""Start and end of one place in a text."""

Span: TypeAlias = tuple[int, int, str]
"""Start, end and class name of one place in a text."""


class Detector(Protocol):
    """Finds the values of one class in a text."""

    @property
    def name(self) -> str:
        """The class name, as markers, ``detect:`` and reports give it."""

    def find(self, text: str) -> list[Found]:
        """Return start and end of every value of the class.

        Args:
            text: any text.
        """


Read: TypeAlias = Callable[[str, str, Sequence[int]], Iterable[Span]]
Judge: TypeAlias = Callable[[Run, str, str], Iterable[Span]]


@attrs.frozen
class Part:
    """Finds one form of a class; it has one of the three functions, and what gates that one.

    Attributes:
        names: the classes that it reports.
        anchors: literals in lower case. All anchors of all parts are found by one pass over the text.
        read: called as ``read(text, lower, places)`` where anchors occur; ``lower`` is the text in lower case at equal
            length, ``places`` are where the anchors begin, in order.
        steady: whether what ``read`` finds depends on nothing but the value and the characters beside it. Where a part
            that is not had anything to look at, masking has to be repeated.
        judge: called as ``judge(run, text, lower)`` for each run with as many digits as ``sizes`` says; runs are found
            once for all judges, and the first judge that finds anything in a run ends it.
        sizes: how many digits a run may have.
        whole: called as ``whole(text)`` with a short text that is nothing but letters, digits and separators, and
            stands under no key; returns the class that it is a value of, or an empty text.
    """

    names: tuple[str, ...]
    anchors: tuple[str, ...] = ()
    read: Read | None = None
    steady: bool = False
    judge: Judge | None = None
    sizes: frozenset[int] | None = None
    whole: Callable[[str], str] | None = None
