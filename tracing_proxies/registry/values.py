"""Values of a rule: a text with braces is a template, any other is a path."""

from __future__ import annotations

from typing import Final

from tracing_proxies.registry.paths import CapturePath, compile_path
from tracing_proxies.registry.template import Template, compile_template

Value = CapturePath | Template

BRACES: Final = ("{", "}")


def compile_value(text: str) -> Value:
    """Compile a text of `metadata`, `session`, `outcome` and the like.

    Raises:
        PathError: at its first mistake.
    """
    return compile_template(text) if any(brace in text for brace in BRACES) else compile_path(text)


def paths_of(value: Value) -> tuple[CapturePath, ...]:
    """Return every path that a value evaluates."""
    return value.paths if isinstance(value, Template) else (value,)
