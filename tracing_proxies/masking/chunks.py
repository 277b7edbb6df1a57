"""Texts that came in pieces: what no piece holds as a whole is found in all of them together."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from tracing_proxies.masking.replacing import Replacer

_MOST: Final = 64 * 1024


def mask_chunks(replacer: Replacer, chunks: list[str]) -> list[str]:
    """Return the pieces of a stream with what reaches from one into another replaced.

    Args:
        chunks: each of them masked by itself.

    Returns:
        As many pieces: the first that a value touches has what stands for it, and the others what is left of them.
    """
    joined = "".join(chunks)
    if len(joined) > _MOST:
        return chunks
    ends = list(accumulate(map(len, chunks)))
    starts = [0, *ends[:-1]]
    masked = [""] * len(chunks)
    past = at = 0

    def keep(until: int) -> None:
        nonlocal past, at
        while past < until:
            while ends[at] <= past:
                at += 1
            here = min(until, ends[at])
            masked[at] += joined[past:here]
            past = here

    for note in replacer.notes(joined):
        if any(note.start < start < note.end for start in starts):
            keep(note.start)
            while ends[at] <= note.start:
                at += 1
            masked[at] += note.instead
            past = note.end
    if not past:
        return chunks
    keep(len(joined))
    return masked
