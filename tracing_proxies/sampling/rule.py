"""The one sampling rule: keep iff R >= T.

R is the low 56 bits of an id, T follows from the probability (OpenTelemetry, "TraceState: Probability Sampling").
So processes that see the same trace agree without talking, and a higher probability keeps a superset.
"""

from __future__ import annotations

_SPACE = 1 << 56
_MASK = _SPACE - 1


def threshold(probability: float) -> int:
    """Return T, between 0 (keep all) and 2**56 (keep none).

    Args:
        probability: between 0.0 and 1.0.
    """
    return _SPACE - round(probability * _SPACE)


def keeps(identifier: int, probability: float) -> bool:
    """Tell whether the trace or span of this id is kept.

    Args:
        identifier: a random id of at least 56 bits.
        probability: between 0.0 and 1.0.
    """
    return (identifier & _MASK) >= threshold(probability)
