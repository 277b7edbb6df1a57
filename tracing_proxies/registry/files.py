"""Reading the files of a registry from disk: what is refused, and what an `include:` pattern stands for."""

from __future__ import annotations

import glob
import os
import stat
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.findings import Findings
from tracing_proxies.registry.source import LARGEST

if TYPE_CHECKING:
    from tracing_proxies.registry.sources import Sources

MOST_FILES: Final = 256
DEEPEST_INCLUDE: Final = 16

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
# A pipe or a terminal is recognised after it was opened, so the opening must not wait for one.
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


@attrs.frozen(eq=False, repr=False)
class Content:
    """What a file held when it was read.

    Args:
        text: its bytes, at most one more than a registry may have; None if the file was refused.
        status: of the open file; None if there is none.
        refusal: code and message of why it was refused.
    """

    text: bytes | None
    status: os.stat_result | None = None
    refusal: tuple[str, str] = ("", "")


def read_content(path: Path) -> Content:
    """Read a file as it is, unless it is none that may be trusted."""
    try:
        opened = os.open(path, _FLAGS)
        try:
            # The open file is judged, not its name, which could lead to another one by now.
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                return Content(None, status, ("TP100", "this is no regular file"))
            if status.st_mode & _OTHERS_WRITE and status.st_uid != os.geteuid():
                message = "group or others may write to this file, and it belongs to another user than the process's"
                return Content(None, status, ("TP107", message))
            with open(opened, "rb", closefd=False) as stream:
                # Whatever is asked for is allocated: the watch does so every second, for files of a few KiB.
                held = stream.read(min(status.st_size, LARGEST) + 1)
                if len(held) > status.st_size:  # it has grown meanwhile
                    held += stream.read(LARGEST + 1 - len(held))
                return Content(held, status)
        finally:
            os.close(opened)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Content(None, None, ("TP100", f"the file cannot be read: {reason}"))


def read_file(path: Path, file: str, findings: Findings, sources: Sources) -> str | None:
    """Read a registry or an included file.

    Args:
        path: where it is.
        file: its name in problems.
        findings: where it is noted why the file cannot be read.
        sources: where it is noted what it held.

    Returns:
        Its text, None if it was refused.
    """
    content = read_content(path)
    sources.note(path, content.text, content.status)
    if content.text is None:
        findings.add(*content.refusal, Place(file))
        return None
    return decode(content.text, file, findings)


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
    """List the files that one entry of `include:` stands for, and note what is wrong with it.

    Args:
        pattern: a path or a glob, relative to `base`.
        place: where it stands.
        findings: where it is noted that a file without a glob is missing.
    """
    try:
        found = matching(pattern, base)
    except (OSError, ValueError) as error:
        findings.add("TP108", f"{pattern[:60]!r} cannot be included: {error}", place)
        return []
    if not found and not glob.has_magic(pattern):
        findings.add("TP108", f"there is no file {pattern!r} to include", place)
    return found


def matching(pattern: str, base: Path) -> list[Path]:
    """List the files that one entry of `include:` stands for, in the order of their names.

    Raises:
        OSError, ValueError: the pattern is no name that the system knows.
    """
    if not glob.has_magic(pattern):
        return [base / pattern] if os.path.exists(base / pattern) else []
    whole = os.path.join(glob.escape(str(base)), pattern)
    found = sorted(islice((path for path in glob.iglob(whole) if os.path.isfile(path)), MOST_FILES + 1))
    return [Path(path) for path in found]
