"""Texts that came in pieces: what no piece holds as a whole is found in all of them together."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final

import attrs

from tracing_proxies.masking.replacing import Note

_MOST: Final = 64 * 1024


def mask_chunks(find: Callable[[str], Sequence[Note]], chunks: list[str]) -> list[str]:
    """Return the pieces of a stream masked, if anything reaches from one into another; else as they were.

    Args:
        find: says what is found in a text.
        chunks: the pieces, not masked yet: a marker would take from its neighbour what tells what that is.

    Returns:
        As many pieces: the first that a value touches has what stands for it, and the others what is left of them.
    """
    joined = "".join(chunks)
    if len(joined) > _MOST:
        return chunks
    ends = list(accumulate(map(len, chunks)))
    starts = [0, *ends[:-1]]
    notes = find(joined)
    if not notes:
        return chunks
    alone = [
        attrs.evolve(note, start=start + note.start, end=start + note.end)
        for start, chunk in zip(starts, chunks, strict=True)
        for note in find(chunk)
    ]
    # What is found without its neighbours is left to them: a list of addresses is no stream.
    begins = [note.start for note in alone]
    across = [note for note in notes if _covered(note, alone, begins) < note.end - note.start]
    if not across:
        return chunks
    masked = [""] * len(chunks)
    past = at = 0

    def piece_of(place: int) -> int:
        nonlocal at
        while ends[at] <= place:
            at += 1
        return at

    def keep(until: int) -> None:
        nonlocal past
        while past < until:
            here = piece_of(past)
            there = min(until, ends[here])
            masked[here] += joined[past:there]
            past = there

    # Both together: what reaches across may take away the word that tells what the next piece holds.
    for start, end, instead in _merged([*alone, *across]):
        keep(start)
        masked[piece_of(start)] += instead
        past = end
    keep(len(joined))
    return masked


def _covered(note: Note, others: Sequence[Note], begins: Sequence[int]) -> int:
    """Return how much of a place is within others, which are in order and do not overlap."""
    covered = 0
    for at in range(max(0, bisect_right(begins, note.start) - 1), bisect_left(begins, note.end)):
        covered += max(0, min(others[at].end, note.end) - max(others[at].start, note.start))
    return covered


def _merged(notes: list[Note]) -> Iterator[tuple[int, int, str]]:
    """Yield places that do not overlap: of overlapping ones their union, under what stands for the first."""
    notes.sort(key=lambda note: (note.start, -note.end))
    start, end, instead = notes[0].start, notes[0].end, notes[0].instead
    for note in notes[1:]:
        if note.start < end:
            end = max(end, note.end)
            continue
        yield start, end, instead
        start, end, instead = note.start, note.end, note.instead
    yield start, end, instead
