"""Runs a page of the documentation: its files are written, its commands executed, what it shows compared.

A fence says by its first line what becomes of the block:

| first line | the block is |
|---|---|
| `python NAME`, `yaml NAME` | written to the file, in a folder that starts empty |
| `sh` | run, line by line; each line must succeed |
| `sh exits N` | run; its last line must end with this status |
| `sh checked by FILE` | not run, since it needs a server or a browser: a test of this file, or of these, runs it |
| `python checked by FILE`, `text checked by FILE` | in the same way |
| `text` | what the command before has printed, with other decimal fractions and, for `…`, anything |
| `text drawing` | no output of anything |
| `yaml`, `yaml wrong CODE` | read as a registry by `tests/test_docs.py` |
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import attrs

from tests.environment import inherited

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CHECKOUT = "/path/to/this/checkout"
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:python|yaml) ([\w/-]+\.\w+)")
_STATUS = re.compile(r"sh exits (\d+)")
_TEST = r"(?:examples/)?tests/[\w/]+\.py"
_ELSEWHERE = re.compile(rf"(sh|python|text|toml) checked by ({_TEST}(?: {_TEST})*)")
_NO_COMMANDS = frozenset({"tracing-proxies", "run", "--", "python", "python3", "-m", "export", "cp", "pip", "install"})


@attrs.frozen
class Block:
    """One fenced block: its first line without the fence, its text, and the line of the page that it begins in."""

    mark: str
    text: str
    line: int


def blocks_of(text: str) -> list[Block]:
    """Return the fenced blocks of a page in their order."""
    return [Block(found[1], found[2], text[: found.start()].count("\n") + 1) for found in _FENCE.finditer(text)]


class Walk:
    """A reader's way through a page, in a folder of his own.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""

    def take(self, block: Block) -> None:
        """Do what one block says.

        Raises:
            AssertionError: it does not do what the page says, or nothing says what becomes of it.
        """
        where = f"line {block.line}"
        if found := _FILE.fullmatch(block.mark):
            file = self.folder / found[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.mark == "sh" or _STATUS.fullmatch(block.mark):
            self._run(block, where)
        elif found := _ELSEWHERE.fullmatch(block.mark):
            look_up(block, found[1], [ROOT / name for name in found[2].split()], where)
        elif block.mark == "text":
            assert re.search(pattern_of(block.text), self.printed, re.MULTILINE), f"{where}: {self.printed}"
        else:
            read_elsewhere = block.mark in ("yaml", "text drawing") or block.mark.startswith("yaml wrong TP")
            assert read_elsewhere, f"{where}: neither run nor marked"

    def _run(self, block: Block, where: str) -> None:
        found = _STATUS.fullmatch(block.mark)
        lines = [line for line in block.text.replace(CHECKOUT, str(ROOT)).splitlines() if commands_of(line)]
        for line in lines:
            expected = int(found[1]) if found and line == lines[-1] else 0
            if line.startswith("pip install "):
                assert str(ROOT) in line, f"{where}: this environment has the checkout, and may lack anything else"
                continue
            command, environ = ["bash", "-c", line], self.environment()
            done = subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=120)
            self.printed = done.stdout + done.stderr
            assert done.returncode == expected, f"{where}: {line}: {done.returncode}\n{self.printed}"

    def environment(self) -> dict[str, str]:
        """Return the environment of the commands: this interpreter's, and without keys of a server."""
        environ = inherited("PYTHONPATH")
        return {**environ, "PATH": f"{BIN}{os.pathsep}{environ['PATH']}", "XDG_STATE_HOME": str(self.folder / ".state")}


def look_up(block: Block, language: str, tests: list[Path], where: str) -> None:
    """See that each thing that a block uses is known to one of the tests that are said to check it.

    Raises:
        AssertionError: a test is not there, or none of them knows it.
    """
    sources = "".join(test.read_text("utf-8") for test in tests)
    names = {"sh": words_of, "python": imports_of}.get(language, any_word_of)(block.text)
    assert names, f"{where}: nothing to look for"
    known = [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sources)]
    missing = set(names) - set(known) if language in ("sh", "python") else set() if known else set(names)
    assert not missing, (
        f"{where}: {', '.join(test.name for test in tests)} knows nothing of {', '.join(sorted(missing))}"
    )


def words_of(text: str) -> list[str]:
    """Return what each line of shell is about: our command, a program, a variable that it sets, a path of a server."""
    found = []
    for line in filter(None, map(commands_of, text.replace("\\\n", " ").splitlines())):
        asked = re.search(r"/api/[\w/]+", line)
        words = [word for word in line.split() if word not in _NO_COMMANDS]
        if words[0] == "cd":
            continue
        found.append(asked[0] if asked else Path(words[0].partition("=")[0].strip("'")).stem)
    return found


def imports_of(text: str) -> list[str]:
    """Return what a block of Python takes from this package."""
    modules = ast.parse(text).body
    imported = [name.name for node in modules if isinstance(node, ast.ImportFrom) for name in node.names]
    return imported + re.findall(r"tracing_proxies\.(\w+)\(", text)


def any_word_of(text: str) -> list[str]:
    """Return the words of a block that are long enough to be looked for."""
    return re.findall(r"[a-z_]{6,}", text)


def commands_of(line: str) -> str:
    """Return a line of shell without the remark at its end."""
    return re.sub(r"(^|\s+)#.*$", "", line).strip()


def pattern_of(text: str) -> str:
    """Turn what a page shows into a pattern: any fraction for a fraction, any spaces for spaces, anything for `…`."""
    pieces = []
    for line in text.strip("\n").splitlines():
        if line.strip() == "…":
            pieces.append(r"(?:.*\n)*?")
            continue
        made = re.escape(line.strip()).replace("…", ".*")
        made = re.sub(r"\d+\\\.\d+", r"\\d+\\.\\d+", made)
        pieces.append(r"[ \t]*" + re.sub(r"(?:\\ )+", r"\\s+", made) + r".*\n?")
    return "".join(pieces)
