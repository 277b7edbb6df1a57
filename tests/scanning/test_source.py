"""Odd files are read as Python would, or reported; none of them ends a scan."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.scanning.support import load, scan, targets
from tracing_proxies.scanning.source import LARGEST, UnreadableError, parse, parse_file

AGENT = "class MyAgent:\n    def run(self):\n        return 'ü'\n"


@pytest.mark.parametrize(
    "content",
    [
        AGENT.encode("utf-8"),
        b"\xef\xbb\xbf" + AGENT.encode("utf-8"),
        b"# -*- coding: latin-1 -*-\n" + AGENT.encode("latin-1"),
        AGENT.replace("\n", "\r\n").encode(),
        AGENT.replace("\n", "\r").encode(),
        AGENT.rstrip().encode(),
        b"\x0c\n" + AGENT.encode(),
    ],
    ids=["utf-8", "byte order mark", "declared latin-1", "windows", "old mac", "no last newline", "form feed"],
)
def test_encodings_and_line_ends_are_read_as_python_reads_them(tmp_path: Path, content: bytes) -> None:
    assert targets(scan(tmp_path, {"app.py": content}), "agent") == ["app:MyAgent.run"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"class MyAgent(:\n", "no Python: line 1"),
        (b"print 'python 2'\n", "no Python"),
        (AGENT.encode("latin-1"), "no Python"),
        (b"x = 1\x00\n", "no Python"),
        (b"# coding: no-such-codec\n", "no Python"),
        (b"x = 1\n" * (LARGEST // 6 + 1), "it has more than 1 MiB"),
        (b"(" * 200 + b")" * 200, "brackets nest more than"),
        (b"x = " + b"(" * 100_000, "brackets nest more than"),
    ],
    ids=["syntax error", "python 2", "undeclared latin-1", "null", "codec", "huge", "deep", "open"],
)
def test_what_is_no_python_is_reported_and_the_rest_is_scanned(tmp_path: Path, content: bytes, reason: str) -> None:
    found = scan(tmp_path, {"odd.py": content, "app.py": AGENT})
    assert targets(found, "agent") == ["app:MyAgent.run"]
    [(file, told)] = found.unread
    assert file.endswith("odd.py")
    assert reason in told
    load(found)


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "-" * 5_000 + "1",
        "x = " + "not " * 5_000 + "1",
        "x = " + "1 + " * 20_000 + "1",
        "x = a" + ".b" * 20_000,
        "x = a" + "()" * 20_000,
        "x = " + "lambda: " * 3_000 + "1",
        "x = " + "1 if y else " * 3_000 + "2",
        "x = " + "2 ** " * 3_000 + "2",
        "if x: pass\n" + "elif x: pass\n" * 3_000,
        "".join("    " * i + "if x:\n" for i in range(90)) + "    " * 90 + "pass\n",
        "".join("    " * i + f"class C{i}:\n" for i in range(90)) + "    " * 90 + "pass\n",
        "".join("    " * i + f"def f{i}():\n" for i in range(90)) + "    " * 90 + "return g()\n",
        "@" + "f(" * 100 + ")" * 100 + "\ndef g(): pass",
    ],
    ids="minus not plus dots calls lambda if power elif ifs classes defs decorator".split(),
)  # fmt: skip
def test_deep_nesting_is_read_or_reported(tmp_path: Path, source: str) -> None:
    found = scan(tmp_path, {"odd.py": source, "app.py": AGENT})
    assert found.files + len(found.unread) == 2
    assert targets(found, "agent") == ["app:MyAgent.run"]
    load(found)


def test_what_is_no_regular_file_is_not_opened_for_long(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(UnreadableError, match="no regular file"):
        parse_file(tmp_path / "pipe.py")
    with pytest.raises(UnreadableError, match="cannot be read"):
        parse_file(tmp_path / "missing.py")


def test_warnings_of_the_file_are_not_shown(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    parse(b"x = '\\d'\nassert (1, 'x')\ny = 1 is 1\n")
    assert not recwarn.list


def test_nothing_is_imported_or_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    files = {
        "scanned_shop/__init__.py": f"open({str(mark)!r}, 'w')\n",
        "scanned_shop/agents.py": f"open({str(mark)!r}, 'w')\n{AGENT}",
        "scanned_app.py": f"import scanned_shop.agents\nopen({str(mark)!r}, 'w')\n",
    }
    before = set(sys.modules)
    found = scan(tmp_path, dict(files))
    assert targets(found, "agent") == ["scanned_shop.agents:MyAgent.run"]
    assert not mark.exists()
    assert not {name for name in set(sys.modules) - before if name.startswith("scanned_")}
