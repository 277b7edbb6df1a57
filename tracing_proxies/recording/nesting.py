"""What a call makes of the open spans above it: joins one of them, or is something else below one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracing_proxies.recording.recipe import Recipe
    from tracing_proxies.recording.span import Span
    from tracing_proxies.recording.unrecorded import Unrecorded

_MOST_ANCESTORS = 256


def joins(parent: Span | Unrecorded, recipe: Recipe, function: Any, instance: Any) -> bool:
    """Tell whether a call joins an open span of the same instance and method instead of making its own."""
    if recipe.nested == "merge":
        return (
            parent.function is not function
            and instance is not None
            and parent.instance_id == id(instance)
            and parent.recipe.function == recipe.function
        )
    above: Span | Unrecorded | None = parent
    for _ in range(_MOST_ANCESTORS):
        if above is None:
            return False
        if above.function is function and above.instance_id == id(instance):
            return True
        above = above.parent
    return False


def demote_inner_generation(span: Span) -> None:
    """Make a generation within a generation a plain span: its tokens would be counted twice."""
    above = span.parent
    for _ in range(_MOST_ANCESTORS):
        if above is None or above.type in ("agent", "tool"):
            return
        if above.type == "generation":
            span.type = "span"
            return
        above = above.parent
