"""Every block of the guides is run as a reader would, or says which test runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs_pages.blocks import ROOT, Block, Walk, blocks_of, pattern_of

PAGES = [
    ROOT / "docs" / "getting-started.md",
    *sorted((ROOT / "docs" / "guides").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    for block in blocks_of(page.read_text("utf-8")):
        walk.take(block)


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("sh", "false\n"),
        ("sh exits 3", "exit 4\n"),
        ("sh", "pip install something-else\n"),
        ("sh checked by tests/docs_pages/blocks.py", "tracing-proxies nosuchcommand\n"),
        ("text", "never printed\n"),
        ("python", "print(1)\n"),
        ("json", "{}\n"),
        ("", "anything\n"),
    ],
)
def test_a_block_that_fails_or_that_nobody_runs_is_found(mark: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        Walk(tmp_path).take(Block(mark, text, 1))


def test_what_is_shown_may_differ_in_its_fractions_and_in_nothing_else() -> None:
    import re

    shown = "chain handle  1.5 ms  → sent\n…\ntraces  2\n"
    assert re.search(pattern_of(shown), "chain handle  27.0 ms  → sent\n├── x\n├── y\ntraces    2\n")
    assert not re.search(pattern_of(shown), "chain handle  27.0 ms  → lost\n├── x\ntraces    2\n")
    assert not re.search(pattern_of(shown), "chain handle  27.0 ms  → sent\n├── x\ntraces    1\n")
