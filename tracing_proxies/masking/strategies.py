"""What becomes of a value that is not to be seen: from its last four characters down to nothing at all."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from tracing_proxies.masking import markers
from tracing_proxies.masking.keyed import MaskingKey
from tracing_proxies.registry.masking import STRATEGIES

_SHOWN: Final = 4


class Strategy(IntEnum):
    """The strategies, from the one that shows most to the one that shows nothing; the strictest that is asked for wins.

    Their names are those of the registry's lists.
    """

    NONE = 0
    PARTIAL = 1
    ENCRYPT = 2
    PSEUDONYMS = 3
    SHAPE = 4
    HIDE = 5
    REMOVE = 6


BY_LIST: Final[Mapping[str, Strategy]] = MappingProxyType({name: Strategy[name.upper()] for name in STRATEGIES})
"""The strategy of each of a masking block's lists."""


def label_of(detector: str) -> str:
    """Return what a detector's finds are called in markers."""
    return markers.replace(detector, "")[1:-1]


def disguise(strategy: Strategy, label: str, text: str, key: MaskingKey | None) -> str:
    """Return what stands in the place of a text.

    Args:
        strategy: any but NONE.
        label: what kind of value it is, as markers call it.
        text: the value, as it was found.
        key: what pseudonyms and encryption are made with; without it they are plain markers.

    Returns:
        A marker, which masking leaves alone from then on; the empty text for REMOVE.
    """
    if strategy is Strategy.REMOVE:
        return ""
    if strategy is Strategy.SHAPE:
        return f"[{label}: {len(text)} characters]"
    if strategy is Strategy.PARTIAL:
        shown = [character for character in text if character.isascii() and character.isalnum()]
        # Never more than half of it: the last four of six would leave little to guess.
        return f"[{label}*{''.join(shown[-_SHOWN:])}]" if len(shown) >= 2 * _SHOWN else f"[{label}]"
    if key is not None and strategy is Strategy.PSEUDONYMS:
        return f"[{label}:{key.pseudonym(label, text)}]"
    if key is not None and strategy is Strategy.ENCRYPT:
        return f"[{label}~{key.encrypt(text)}]"
    return f"[{label}]"


def shape_of(value: object) -> str:
    """Return what tells of a collection how large it is, and nothing else."""
    size = len(value) if isinstance(value, (dict, list, tuple, set, frozenset)) else 0
    return f"[{markers.HIDDEN[1:-1]}: {size} items]"
