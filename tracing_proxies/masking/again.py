"""Texts on which nothing but themselves and their labels decide, masked in the compiled part."""

from __future__ import annotations

from typing import Any

from tracing_proxies.compiled import hot
from tracing_proxies.masking import hits
from tracing_proxies.masking.fragments import FragmentMasker
from tracing_proxies.masking.known import Known
from tracing_proxies.masking.replacing import TextMasker
from tracing_proxies.masking.scan import MOST_PASSES, Scanner


def compile_again(known: Known, texts: TextMasker) -> Any:
    """Return what does as ``Leaves._text_again`` for most texts; None where only Python can.

    Args:
        known: what has been learnt, where nothing but keys decide.
        texts: masks the texts.
    """
    literals: tuple[bytes, ...] = ()
    scanner = texts
    if type(texts) is FragmentMasker:
        scanner, literals = texts.texts, texts.literals
    if hot is None or type(scanner) is not Scanner or not scanner.is_plain:
        return None
    repeats = known.repeats
    learning = (known, known.texts, known.hidden, repeats, repeats.known, repeats.key)
    return hot.Again(*learning, texts, literals, scanner, scanner.instead, scanner.replace, hits.counted, MOST_PASSES)
