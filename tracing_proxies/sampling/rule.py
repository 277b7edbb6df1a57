"""The one sampling rule: keep iff R >= T.

R is the low 56 bits of an id, or what an incoming ``tracestate`` says; T follows from the probability (OpenTelemetry,
"TraceState: Probability Sampling", https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/).
So processes that see the same trace agree without talking, and a higher probability keeps a superset.
"""

from __future__ import annotations

import re

SPACE = 1 << 56
MASK = SPACE - 1
_HEX = re.compile(r"[0-9a-f]{1,14}")


def threshold(probability: float) -> int:
    """Return T, between 0 (keep all) and 2**56 (keep none).

    Args:
        probability: between 0.0 and 1.0.
    """
    return SPACE - round(probability * SPACE)


def probability_of(least: int) -> float:
    """Return the probability of a threshold T; the reverse of ``threshold``."""
    return (SPACE - least) / SPACE


def keeps(identifier: int, probability: float) -> bool:
    """Tell whether the trace or span of this id is kept.

    Args:
        identifier: a random id of at least 56 bits.
        probability: between 0.0 and 1.0.
    """
    return (identifier & MASK) >= threshold(probability)


def read_state(value: str | None) -> tuple[int | None, int | None]:
    """Read R and T from the ``ot`` member of a ``tracestate``.

    Args:
        value: as in ``th:c;rv:9b8233f7e3a151``; trailing zeros of T may be left out.

    Returns:
        R and T, each None where it is absent or is no number of that form.
    """
    told = dict(part.split(":", 1) for part in (value or "")[:256].split(";") if ":" in part)
    given, least = told.get("rv", ""), told.get("th", "")
    return (
        int(given, 16) if len(given) == 14 and _HEX.fullmatch(given) else None,
        int(least.ljust(14, "0"), 16) if _HEX.fullmatch(least) else None,
    )


def write_state(value: str | None, random: int, least: int | None) -> str:
    """Write R, and T where there is one, as the ``ot`` member of a ``tracestate``; what else stands in it stays.

    Args:
        value: the member as it came, None where none came.
        random: R.
        least: T; None for a trace that is not sampled.
    """
    others = [part for part in (value or "").split(";") if part and not part.startswith(("th:", "rv:"))]
    own = [f"th:{f'{least:014x}'.rstrip('0') or '0'}"] if least is not None and least < SPACE else []
    return ";".join([*own, f"rv:{random:014x}", *others])
