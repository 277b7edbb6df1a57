"""The literals of detectors are found alike by the automaton and by what takes its place in a second interpreter."""

from __future__ import annotations

from ahocorasick_rs import AhoCorasick, Implementation
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.masking.detectors.anchors import OneByOne

LETTERS = "ab@é🙂"


@given(
    st.lists(st.text(LETTERS, min_size=1, max_size=4), min_size=1, max_size=6, unique=True),
    st.text(LETTERS, max_size=30),
)
def test_one_by_one_finds_what_the_automaton_finds(literals: list[str], text: str) -> None:
    automaton = AhoCorasick(literals, implementation=Implementation.DFA)
    found = automaton.find_matches_as_indexes(text, overlapping=True)
    assert OneByOne(literals).find_matches_as_indexes(text) == sorted(found, key=lambda match: (match[2], match[1]))
