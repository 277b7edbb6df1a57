"""Sentiment arithmetic: words of praise and of complaint counted in posts."""

from __future__ import annotations

from collections.abc import Sequence

PRAISE = frozenset({"love", "great", "good", "amazing", "excellent", "recommend", "fresh"})
COMPLAINTS = frozenset({"bad", "poor", "broke", "late", "slow", "annoying", "expensive", "itchy", "return"})


def score_text(text: str) -> float:
    """Return (praise - complaints) / (praise + complaints), 0 for a text with neither."""
    words = [word.strip(".,!?").lower() for word in text.split()]
    praise = sum(word in PRAISE for word in words)
    complaints = sum(word in COMPLAINTS for word in words)
    return (praise - complaints) / (praise + complaints) if praise + complaints else 0.0


def score_posts(texts: Sequence[str]) -> float:
    """Return the mean score of texts, 0 for none."""
    return sum(score_text(text) for text in texts) / len(texts) if texts else 0.0
