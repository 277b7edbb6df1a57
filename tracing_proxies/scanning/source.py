"""One file of source: read, decoded and parsed, or the reason why not."""

from __future__ import annotations

import ast
import os
import stat
import warnings
from pathlib import Path
from typing import Final

LARGEST: Final = 1024 * 1024
# The parser's own stack is C; text that nests deeper than any program is not given to it.
_DEEPEST: Final = 150
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class UnreadableError(Exception):
    """Says in its text why a file gives no syntax tree."""


def parse_file(path: Path) -> ast.Module:
    """Parse a file of Python source, in the encoding that it declares.

    Raises:
        UnreadableError: it cannot be read, is too large, or is no Python of this version.
    """
    return parse(_read(path))


def parse(content: bytes) -> ast.Module:
    """Parse Python source.

    Raises:
        UnreadableError: it is no Python of this version.
    """
    if _nests_too_deep(content):
        raise UnreadableError(f"brackets nest more than {_DEEPEST} deep")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the file's own escapes, which are no business of ours
            return ast.parse(content)
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        raise UnreadableError(f"no Python: {where}{error.msg}") from None
    except (ValueError, LookupError) as error:
        raise UnreadableError(f"no Python: {error}") from None
    except (RecursionError, MemoryError):
        raise UnreadableError("it nests too deep to be parsed") from None


def _read(path: Path) -> bytes:
    try:
        opened = os.open(path, _FLAGS)
        try:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError("this is no regular file")
            with open(opened, "rb", closefd=False) as stream:
                content = stream.read(LARGEST + 1)
        finally:
            os.close(opened)
    except OSError as error:
        raise UnreadableError(f"it cannot be read: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise UnreadableError("it has more than 1 MiB")
    return content


def _nests_too_deep(content: bytes) -> bool:
    if content.count(b"(") + content.count(b"[") + content.count(b"{") < _DEEPEST:
        return False
    depth = 0
    for byte in content:
        if byte in b"([{":
            depth += 1
            if depth > _DEEPEST:
                return True
        elif byte in b")]}" and depth:
            depth -= 1
    return False
