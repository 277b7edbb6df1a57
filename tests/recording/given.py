"""What the hostile tests trace: it hands back, raises and yields what it is given."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any


def echo(value: Any) -> Any:
    """Return the very same."""
    return value


def throw(exc: BaseException) -> None:
    """Raise it."""
    raise exc


def throw_from(exc: BaseException, cause: BaseException) -> None:
    """Raise it with a cause."""
    raise exc from cause


def numbers() -> Iterator[int]:
    """Count without an end."""
    number = 0
    while True:
        yield number
        number += 1


def frame() -> Any:
    """Return the frame of the caller."""
    return sys._getframe(1)
