"""Templates: text with capture paths in braces, such as ``simulation.{args.trigger.trigger_type}``."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import attrs

from tracing_proxies.registry.fields import MISSING, type_name
from tracing_proxies.registry.path_tokens import LONGEST, PathError
from tracing_proxies.registry.path_values import plain
from tracing_proxies.registry.paths import CapturePath, compile_path

ABSENT: Final = "?"
LONGEST_VALUE: Final = 200
_FUNCTION: Final = "function"

Part = str | CapturePath | None
"""Fixed text, a path, or None for ``{function}``."""


@attrs.frozen(eq=False, repr=False)
class Template:
    """A compiled template.

    Args:
        text: the template as it was written.
        parts: fixed texts and paths in their order; None stands for the function's name.
    """

    text: str
    parts: tuple[Part, ...]

    @property
    def paths(self) -> tuple[CapturePath, ...]:
        """The paths that stand in braces."""
        return tuple(part for part in self.parts if isinstance(part, CapturePath))

    @property
    def constant(self) -> str | None:
        """The text where nothing depends on the call, else None."""
        if not self.parts:
            return ""
        only = self.parts[0]
        return only if len(self.parts) == 1 and isinstance(only, str) else None

    def __call__(self, scope: Any) -> str:
        """Fill in a call's values; a missing one reads ``?``, a foreign object its type's name."""
        return "".join(
            part if type(part) is str else render(getattr(scope, _FUNCTION, MISSING) if part is None else part(scope))  # type: ignore[operator]
            for part in self.parts
        )


def render(value: Any) -> str:
    """Write a value as at most 200 characters, without running any of its code."""
    if value is MISSING:
        return ABSENT
    scalar = plain(value)
    if type(scalar) is str:
        return scalar[:LONGEST_VALUE]
    if scalar is None:
        return "null"
    if type(scalar) is bool:
        return "true" if scalar else "false"
    if type(scalar) is int and scalar.bit_length() > 512:
        return "int"
    if type(scalar) in (int, float) or (scalar is not MISSING and type(scalar) is not bytes):
        return str(scalar)[:LONGEST_VALUE]
    return type_name(type(value))[:LONGEST_VALUE]


@lru_cache(maxsize=8_192)
def compile_template(text: str) -> Template:
    """Compile a template; ``{{`` and ``}}`` stand for braces.

    Raises:
        PathError: at its first mistake; the offset counts in the whole text.
    """
    if len(text) > LONGEST:
        raise PathError(f"a template has at most {LONGEST:,} characters, this one has {len(text):,}")
    parts: list[Part] = []
    fixed = ""
    at = 0
    while at < len(text):
        character = text[at]
        if character in "{}" and text[at : at + 2] == character * 2:
            fixed += character
            at += 2
        elif character == "}":
            raise PathError("a '}' without its '{'; a brace itself is written '}}'", at)
        elif character == "{":
            end = _closing(text, at)
            if fixed:
                parts.append(fixed)
                fixed = ""
            parts.append(_compile_inside(text[at + 1 : end], at + 1))
            at = end + 1
        else:
            fixed += character
            at += 1
    if fixed:
        parts.append(fixed)
    return Template(text, tuple(parts))


def _closing(text: str, start: int) -> int:
    quote = ""
    for at in range(start + 1, len(text)):
        character = text[at]
        if quote:
            quote = "" if character == quote and text[at - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character == "}":
            return at
        elif character == "{":
            raise PathError("a '{' inside of braces", at)
    raise PathError("a '{' that is not closed; a brace itself is written '{{'", start)


def _compile_inside(text: str, offset: int) -> CapturePath | None:
    if text.strip() == _FUNCTION:
        return None
    try:
        return compile_path(text)
    except PathError as error:
        raise PathError(error.message, error.offset + offset, error.suggestion) from None
