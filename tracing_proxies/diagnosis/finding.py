"""One thing that was seen, and what to do about it."""

from __future__ import annotations

import attrs

WRONG, NOTE, FINE = "wrong", "note", "fine"


@attrs.frozen
class Finding:
    """Says what was seen.

    Args:
        level: ``wrong`` where traces are lost or will not arrive, ``note`` for what is worth knowing, ``fine``.
        about: what it is about, in one word.
        seen: what was seen.
        todo: what to do; empty where nothing is to be done.
    """

    level: str
    about: str
    seen: str
    todo: str = ""
