"""Names of keys: every spelling of one is one, globs and paths fit what they say, and paths agree with walks."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tracing_proxies.masking import Masker
from tracing_proxies.masking.policy import NameSet
from tracing_proxies.registry.masking import MaskingSettings

WORDS = st.lists(st.sampled_from(["badge", "ward", "customer", "home", "no", "x7"]), min_size=1, max_size=3)


def spellings(words: list[str]) -> list[str]:
    capital = [word.capitalize() for word in words]
    return [
        "_".join(words),
        "-".join(words),
        " ".join(words),
        "".join(words),
        "".join(capital),
        words[0] + "".join(capital[1:]),
        "_".join(words).upper(),
        "__" + "_".join(words) + "_",
    ]


@settings(max_examples=60)
@given(WORDS, st.data())
def test_every_spelling_of_a_name_is_the_same_name(words: list[str], data: Any) -> None:
    listed = data.draw(st.sampled_from(spellings(words)))
    masker = Masker(MaskingSettings(hide=(listed,)))
    for spelling in spellings(words):
        assert masker.key_is_hidden(spelling)
        assert masker.value({spelling: "plain", "other": 1}) == {spelling: "[hidden]", "other": 1}


@settings(max_examples=60)
@given(WORDS, WORDS)
def test_a_name_hides_no_other(words: list[str], other: list[str]) -> None:
    masker = Masker(MaskingSettings(hide=("_".join(words),)))
    assert masker.key_is_hidden("_".join(other)) is ("".join(words) == "".join(other))


@settings(max_examples=60)
@given(WORDS, WORDS)
def test_a_glob_fits_what_begins_or_ends_like_it(words: list[str], more: list[str]) -> None:
    name = "_".join([*more, *words])
    assert NameSet.compile(["*" + "_".join(words)]).holds(name)
    assert NameSet.compile(["_".join(more) + "*"]).holds(name)
    assert NameSet.compile(["*." + name]).holds(name)
    assert not NameSet.compile(["_".join(words) + "?"]).holds("_".join(words))


@settings(max_examples=60)
@given(st.lists(WORDS, min_size=2, max_size=4), st.integers(2, 4), st.booleans())
def test_a_path_fits_by_its_last_parts_in_a_walk_and_in_a_dotted_key(
    path: list[list[str]], size: int, dotted: bool
) -> None:
    names = ["_".join(words) for words in path]
    listed = ".".join(names[-size:])
    value: Any = "plain"
    if dotted:
        value = {".".join(names): value}
    else:
        for name in reversed(names):
            value = {name: value}
    masked = Masker(MaskingSettings(hide=(listed,))).value(value)
    assert "plain" not in repr(masked)
    assert "[hidden]" in repr(masked)
    above = Masker(MaskingSettings(hide=("elsewhere." + listed,))).value(value)
    assert above == value
