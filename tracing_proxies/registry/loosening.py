"""What a rule, a role or an environment says of masking may tighten what holds everywhere, and never loosen it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tracing_proxies.registry.hidden import hidden_name
from tracing_proxies.registry.keys import DETECTORS
from tracing_proxies.registry.masking import STRATEGIES, MaskingSettings, Tightening

_RANK: Final = {name: rank for rank, name in enumerate(STRATEGIES)}


def loosenings(masking: MaskingSettings, block: Tightening) -> Iterator[tuple[str, str]]:
    """Yield what a block would show more of than holds everywhere.

    Only names that the registry's own block, or the language, knows as they are written here can be judged; of the
    others the stricter holds when it comes to masking.

    Yields:
        The key of the block's list, and what is wrong with it.
    """
    for key in STRATEGIES:
        for name in getattr(block, key):
            held = _held(masking, name)
            if held is not None and _RANK[key] < _RANK[held]:
                yield key, f"{name[:60]!r} falls under '{held}' everywhere, and '{key}' would show more of it"


def _held(masking: MaskingSettings, name: str) -> str | None:
    named = [key for key in STRATEGIES if name in getattr(masking, key)]
    if named:
        return named[-1]
    is_detector = name in DETECTORS or any(name == own for own, _ in masking.detectors)
    return "hide" if is_detector or hidden_name(("", name), (), masking.allow) is not None else None
