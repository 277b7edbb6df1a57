"""What a detector is: a name, a cheap gate, and a function that reports places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import attrs

from tracing_proxies.masking.detectors.digits import Run

Found: TypeAlias = tuple[int, int, str]
"""Start, end and marker of one place in a text."""


@attrs.frozen
class Detector:
    """Finds one family of values in a text.

    A detector has either ``find`` (with ``anchors``) or ``judge``. ``find(text, lower)`` is called when one of the
    anchors occurs in ``lower``, the text in lower case at equal length; without anchors, when the text holds two
    digits or colons side by side. ``judge(run, text, lower)`` is called for each run of digits; runs are found once for
    all judges.
    """

    name: str
    anchors: tuple[str, ...] = ()
    find: Callable[[str, str], Iterator[Found]] | None = None
    judge: Callable[[Run, str, str], Iterator[Found]] | None = None
