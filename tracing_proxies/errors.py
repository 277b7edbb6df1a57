"""Every error that the project raises at its users, with its code and its place in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from tracing_proxies.registry.model import Registry


class TracingProxiesError(Exception):
    """Is the base of every error that this package raises on purpose."""


@attrs.frozen
class Place:
    """Where in a file something stands; line and column count from 1, 0 where there is none."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


@attrs.frozen
class Problem:
    """One mistake in a registry: code, place, what was found and expected, and the nearest right name."""

    code: str
    message: str
    place: Place
    suggestion: str | None = None

    def __str__(self) -> str:
        hint = f" Did you mean {self.suggestion!r}?" if self.suggestion else ""
        return f"{self.place} {self.code} {self.message}{hint}"


class RegistryError(TracingProxiesError, ValueError):
    """Reports every problem of a registry at once.

    Args:
        problems: all problems that were found, in the order of their places.
        partial: the `Registry` made of what was valid, for further checks in the same run; None if nothing was.
    """

    def __init__(self, problems: tuple[Problem, ...] | list[Problem], partial: Registry | None = None) -> None:
        self.problems = tuple(problems)
        self.partial = partial
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ActivationError(TracingProxiesError, RuntimeError):
    """Says why tracing could not be switched on."""


class ControlError(TracingProxiesError, RuntimeError):
    """Says why a running process could not be asked or told something.

    Args:
        message: what to read.
        exit_status: what a command ends with: 1 it refuses, 3 no such process, 4 it is not traced, 5 not permitted,
            6 no answer.
    """

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status
