"""What a detector is to those who use it, and the parts that the shipped ones are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum, IntFlag
from typing import Final, Protocol, TypeAlias

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


Looked: TypeAlias = tuple[str, str, dict[int, list[int]], int]
"""Lower case and shape, both as long as the text; for each part, by its number, where its anchors begin; forms."""

Look: TypeAlias = Callable[[str], "Looked | None"]
"""Called with a text; None where no part has anything to look at."""


class Form(IntFlag):
    """What may be in a text; the numbers are those of what is compiled."""

    CODES = 1
    IBANS = 2
    QUADS = 4
    COLONS = 8
    HYPHENS = 16
    DOTS = 32
    WORDS = 64
    RUNS = 128
    ANY = 256


class Begins(IntEnum):
    """Where an anchor has to stand: anywhere, where a word begins, where a key does, or behind no letter or digit."""

    ANYWHERE = 0
    WORD = 1  # as `keyed.begins_word` says
    MARK = 2  # as `vendor.begins_mark` says
    APART = 3


@attrs.frozen(repr=False)
class Guard:
    """What has to stand beside an anchor, at least, for a part to find anything there.

    Where the look at a text is compiled, it leaves out the places that have it not (5 ns each, where a call takes 1 us
    to find that out). The parts look for themselves, and find the same without.

    Attributes:
        begins: how a word begins there.
        ends: whether no letter may follow an anchor that ends with one.
        meant: up to how many characters an anchor has to be in capitals, or before a number sign or the like.
        named: whether it has to be within a name that may tell of a secret, with what may assign a value behind it.
        before: within how many characters before it a digit may stand.
        behind: within how many characters behind it a digit may stand instead; 0 and 0 where none is needed.
        least: how many characters of a key have to follow.
        sign: a character that has to follow.
        reach: within how many characters.
        spelt: how an anchor has to be written, in capitals or not, where that matters.
    """

    begins: Begins = Begins.ANYWHERE
    ends: bool = False
    meant: int = 0
    named: bool = False
    before: int = 0
    behind: int = 0
    least: int = 0
    sign: str = ""
    reach: int = 0
    spelt: tuple[str, ...] | None = None


_NONE: Final = Guard()


@attrs.frozen(eq=False, repr=False)
class Part:
    """Finds one form of a class; it has one of the three functions, and what gates that one.

    Attributes:
        names: the classes that it reports.
        anchors: literals in lower case. All anchors of all parts are found by one pass over the text.
        read: called as ``read(text, lower, places)`` where anchors occur; ``lower`` is the text in lower case at equal
            length, ``places`` are where the anchors begin, in order of their ends.
        steady: whether what ``read`` finds depends on nothing but the value and the characters beside it. Where a part
            that is not had anything to look at, masking has to be repeated.
        guard: what has to stand beside the anchors; nothing may where the part is not steady, so that whether it had
            anything to look at does not depend on what is compiled.
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
    guard: Guard = _NONE
    judge: Judge | None = None
    sizes: frozenset[int] | None = None
    whole: Callable[[str], str] | None = None
