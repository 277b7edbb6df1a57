"""Versions of the registry's language: which one this program reads, and what it says of any other."""

from __future__ import annotations

import re
from typing import Final

from tracing_proxies.registry.conditions import package_version
from tracing_proxies.registry.findings import Refusal
from tracing_proxies.registry.nodes import MapNode, ScalarNode, describe

SPOKEN: Final = 1
"""The version that is read; the first one."""


def refuse_newer(root: MapNode) -> None:
    """Refuse a whole file that is written in a newer version, whose keys cannot be judged.

    Args:
        root: what the file holds.

    Raises:
        Refusal: it names a version that is to come.
    """
    node = root.get("version")
    if isinstance(node, ScalarNode) and (_number(node) or 0) > SPOKEN:
        program = package_version("tracing-proxies") or "this one"
        message = (
            f"the file is written in version {node.text} of the language, and tracing-proxies {program} reads version "
            f"{SPOKEN}; nothing else in it was read"
        )
        raise Refusal("TP115", message, node.place)


def judge(node: ScalarNode) -> int:
    """Return the version that a file is written in.

    Raises:
        Refusal: this program does not read it.
    """
    told = _number(node)
    if told == SPOKEN:
        return told
    if told is not None and told < SPOKEN:
        raise Refusal("TP110", f"there is no version {node.text} of the language; the first is {SPOKEN}", node.place)
    raise Refusal("TP110", f"this program reads version {SPOKEN} of the language, found {describe(node)}", node.place)


def _number(node: ScalarNode) -> int | None:
    """Return a whole number that is written plainly, None for all else, as ``1.0``, ``"1"`` and ``true`` are."""
    value = node.value
    return value if type(value) is int and re.fullmatch(r"-?(?:0|[1-9][0-9]{0,8})", node.text) else None
