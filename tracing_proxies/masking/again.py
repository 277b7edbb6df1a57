"""Texts on which nothing but themselves and their labels decide, masked in the compiled part."""

from __future__ import annotations

from typing import Any

from tracing_proxies.compiled import hot
from tracing_proxies.masking import hits
from tracing_proxies.masking.fragments import FragmentMasker
from tracing_proxies.masking.known import Known
from tracing_proxies.masking.replacing import TextMasker
from tracing_proxies.masking.scan import MOST_PASSES, Scanner


def compile_again(known: Known, texts: TextMasker, allowed: frozenset[str]) -> Any:
    """Return what does as ``Leaves._text_again`` for most texts, and knows names again; None where nothing is compiled.

    Args:
        known: what has been learnt, where nothing but keys decide.
        texts: masks the texts.
        allowed: those that stay.
    """
    if hot is None:
        return None
    literals: tuple[bytes, ...] = ()
    scanner = texts
    if type(texts) is FragmentMasker:
        scanner, literals = texts.texts, texts.literals
    repeats = known.repeats
    of_values = (known, known.texts, known.labels, known.hidden)
    learning = (*of_values, repeats, repeats.known, repeats.key, allowed, texts, literals)
    if type(scanner) is not Scanner or not scanner.is_plain:
        return hot.Again(*learning, None, {}, None, hits.counted, 0)
    return hot.Again(*learning, scanner, scanner.instead, scanner.replace, hits.counted, MOST_PASSES)
