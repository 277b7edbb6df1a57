"""Masking: what must not leave the process is replaced before anything is written or sent."""

from __future__ import annotations

from functools import lru_cache

from tracing_proxies.masking.engine import Masker

__all__ = ["Masker", "mask_text"]


@lru_cache(maxsize=1)
def _default() -> Masker:
    return Masker()


def mask_text(text: str) -> str:
    """Return a text masked under the default policy, the same object if there was nothing to mask.

    Args:
        text: any text.
    """
    return _default().text(text)
