"""Payment cards: 13 to 19 digits, plain or grouped as on a card, with network and check digit right."""

from __future__ import annotations

from collections.abc import Sequence

from tracing_proxies.masking.checks import is_card_number, luhn
from tracing_proxies.masking.detectors.digits import Run, words_before
from tracing_proxies.masking.detectors.kinds import Part, Span

_CONTEXT = frozenset(
    "card cards cc creditcard visa mastercard amex maestro debit credit karte carte tarjeta pan".split()
)
_SMALLEST_GROUP = 4
_SEPARATORS = frozenset((" ", "-", ".", "\u00a0", "\u2010", "\u2011", "\u2013"))


def judge(run: Run, text: str, lower: str) -> Sequence[Span]:
    """Return the card numbers in a run, each a single group or a sequence of equal-looking groups."""
    if len(run.digits) < 12 or run.glued or text[run.start] == "+":
        return ()
    if len(run.shape) == 1:
        start, end = run.groups[0]
        return ((start, end, "payment_card"),) if _is_card(run.digits, lower, start) else ()
    if run.spelled and is_card_number(run.digits):
        return ((run.groups[0][0], run.end, "payment_card"),)
    found: list[Span] = []
    if max(run.shape) < _SMALLEST_GROUP:
        return found
    at = 0
    while at < len(run.groups):
        last = _card_from(run, at, text, lower)
        if last < 0:
            at += 1
            continue
        found.append((run.groups[at][0], run.groups[last][1], "payment_card"))
        at = last + 1
    return found


def _card_from(run: Run, at: int, text: str, lower: str) -> int:
    start, end = run.groups[at]
    size = end - start
    if size >= 12:
        digits = text[start:end]
        return at if _is_card(digits, lower, start) else -1
    if size != _SMALLEST_GROUP:
        return -1
    digits, separator, found = text[start:end], "", -1
    for index in range(at + 1, min(at + 5, len(run.groups))):
        first, last = run.groups[index]
        between = text[run.groups[index - 1][1] : first]
        if between not in _SEPARATORS or (separator and between != separator) or last - first > 7:
            break
        separator = between
        digits += text[first:last]
        if len(digits) >= 13 and is_card_number(digits):
            found = index
    return found


def _is_card(digits: str, lower: str, start: int) -> bool:
    return is_card_number(digits) or (_is_odd_card(digits) and _in_context(lower, start))


def _is_odd_card(digits: str) -> bool:
    """Maestro and the like: 12 to 19 digits under a wide range of networks; only where the text says card."""
    return len(digits) <= 19 and luhn(digits)


def _in_context(lower: str, start: int) -> bool:
    return not _CONTEXT.isdisjoint(words_before(lower, start))


PARTS = (Part(("payment_card",), judge=judge, sizes=frozenset(range(12, 80))),)
