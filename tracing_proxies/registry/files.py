"""Reading the files of a registry from disk: what is refused, and what an `include:` pattern stands for."""

from __future__ import annotations

import glob
import os
import stat
from itertools import islice
from pathlib import Path
from typing import Final

from tracing_proxies.errors import Place
from tracing_proxies.registry.findings import Findings
from tracing_proxies.registry.source import LARGEST

MOST_FILES: Final = 256
DEEPEST_INCLUDE: Final = 16

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
# A pipe or a terminal is recognised after it was opened, so the opening must not wait for one.
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_file(path: Path, file: str, findings: Findings) -> str | None:
    """Read a registry or an included file.

    Args:
        path: where it is.
        file: its name in problems.
        findings: where it is noted why the file cannot be read.

    Returns:
        Its text, None if it was refused.
    """
    place = Place(file)
    try:
        opened = os.open(path, _FLAGS)
        try:
            # The open file is judged, not its name, which could lead to another one by now.
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                findings.add("TP100", "this is no regular file", place)
                return None
            if status.st_mode & _OTHERS_WRITE and status.st_uid != os.geteuid():
                message = "group or others may write to this file, and it belongs to another user than the process's"
                findings.add("TP107", message, place)
                return None
            with open(opened, "rb", closefd=False) as stream:
                content = stream.read(LARGEST + 1)
        finally:
            os.close(opened)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        findings.add("TP100", f"the file cannot be read: {reason}", place)
        return None
    return decode(content, file, findings)


def decode(content: bytes, file: str, findings: Findings) -> str | None:
    """Decode a file's content; None, with a problem noted, if it is not UTF-8 or too large."""
    if len(content) > LARGEST:
        findings.add("TP102", "a registry file has at most 1 MiB", Place(file))
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, start = before.count(b"\n") + 1, before.rfind(b"\n") + 1
        column = len(before[start:].decode("utf-8", "replace")) + 1
        findings.add("TP100", f"the file is not UTF-8: byte 0x{content[error.start]:02x}", Place(file, line, column))
        return None


def expand(pattern: str, base: Path, place: Place, findings: Findings) -> list[Path]:
    """List the files that one entry of `include:` stands for, in the order of their names.

    Args:
        pattern: a path or a glob, relative to `base`.
        place: where it stands.
        findings: where it is noted that a file without a glob is missing.
    """
    try:
        if not glob.has_magic(pattern):
            if os.path.exists(base / pattern):
                return [base / pattern]
            findings.add("TP108", f"there is no file {pattern!r} to include", place)
            return []
        whole = os.path.join(glob.escape(str(base)), pattern)
        found = sorted(islice((p for p in glob.iglob(whole) if os.path.isfile(p)), MOST_FILES + 1))
    except (OSError, ValueError) as error:
        findings.add("TP108", f"{pattern[:60]!r} cannot be included: {error}", place)
        return []
    return [Path(path) for path in found]
