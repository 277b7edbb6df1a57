"""Where each value of a registry was written, kept beside the values themselves."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.nodes import ListNode, MapNode, Node, ScalarNode


@attrs.frozen(repr=False)
class Origin:
    """Where one value was written.

    Args:
        place: of its key; a variable that overrides stands in place of the file.
        variables: those of the environment that were put into it as ``${NAME}``.
    """

    place: Place
    variables: tuple[str, ...] = ()


Origins = Mapping[str, tuple[Origin, ...]]
NO_ORIGINS: Origins = MappingProxyType({})


class Stated(dict[str, Any]):
    """A section's values, each with where it was written: more than one place where lists add up."""

    def __init__(self, values: Mapping[str, Any] = NO_ORIGINS) -> None:
        super().__init__(values)
        self.origins: dict[str, tuple[Origin, ...]] = dict(origins_of(values))

    def state(self, name: str, value: Any, *origins: Origin) -> None:
        """Set a value, and where it was written."""
        self[name] = value
        self.origins[name] = origins


def origins_of(values: Mapping[str, Any]) -> Origins:
    """Return where each value of a section was written; nothing for values that were not read from a file."""
    return values.origins if isinstance(values, Stated) else NO_ORIGINS


def flat_origins(values: Mapping[str, Any]) -> Origins:
    """Return the same for a section and what lies below it, by names such as ``capture.max_bytes``."""
    found: dict[str, tuple[Origin, ...]] = dict(origins_of(values))
    for name, value in values.items():
        if isinstance(value, Stated):
            found |= {f"{name}.{inner}": origins for inner, origins in flat_origins(value).items()}
    return found


def origin_of(name: ScalarNode, node: Node) -> Origin:
    """Describe where a key and its value stand."""
    return Origin(name.place, tuple(dict.fromkeys(_variables_in(node))))


def _variables_in(node: Node) -> tuple[str, ...]:
    if isinstance(node, ScalarNode):
        return node.variables
    if isinstance(node, ListNode):
        return tuple(name for item in node.parts for name in _variables_in(item))
    if isinstance(node, MapNode):
        return tuple(name for _, item in node.parts for name in _variables_in(item))
    return ()
