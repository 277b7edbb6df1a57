"""Pointcuts select what the language says, compared with a slow reference matcher."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.registry.pointcut import ClassRef, Pointcut, PointcutError, Target

segments = st.sampled_from(["a", "ab", "_a", "b", "abc", "__x__"])
patterns = st.sampled_from(["a", "*", "a*", "*b", "_*", "a*c", "_a", "*a*"])


def slow_segment(pattern: str, name: str) -> bool:
    if "*" in pattern and name.startswith("_") and not pattern.startswith("_"):
        return False
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name) is not None


def slow_module(pattern: list[str], names: list[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(
            slow_module(pattern[1:], names[i:])
            for i in range(1, len(names) + 1)
            if not any(name.startswith("_") for name in names[:i])
        )
    return bool(names) and slow_segment(pattern[0], names[0]) and slow_module(pattern[1:], names[1:])


@given(
    st.lists(patterns | st.just("**"), min_size=1, max_size=4),
    patterns,
    patterns,
    st.lists(segments, min_size=1, max_size=4),
    segments,
    segments,
)
def test_matching_agrees_with_the_reference(
    module: list[str], cls: str, name: str, names: list[str], path: str, method: str
) -> None:
    pointcut = Pointcut.parse(f"{'.'.join(module)}:{cls}.{name}")
    expected = slow_module(module, names) and slow_segment(cls, path) and slow_segment(name, method)
    assert pointcut.matches(Target(".".join(names), path, method)) is expected


BASE = ClassRef("m.base", "Base", frozenset({"run", "stop"}))
SUB = Target("m.sub", "Sub", "run", (ClassRef("m.sub", "Sub", frozenset({"run", "extra"})), BASE))
EXTRA = Target("m.sub", "Sub", "extra", SUB.ancestry)


@pytest.mark.parametrize(
    ("text", "target", "selected"),
    [
        ("m.base:Base+.run", SUB, True),
        ("m.base:Base+.r*", SUB, True),
        ("m.base:Base+", SUB, True),
        ("m.base:Base+", EXTRA, False),
        ("m.base:Base+.*", EXTRA, True),
        ("m.base:Base.run", SUB, False),
        ("m.sub:Sub.run", SUB, True),
        ("m.**:*.run", SUB, True),
        ("m.*:run", SUB, False),
        ("m.sub:Sub", Target("m.sub", None, "Sub"), True),
        ("m.sub:Outer.Inner.f", Target("m.sub", "Outer.Inner", "f"), True),
        ("m.sub:*", Target("m.sub", None, "_private"), False),
    ],
)
def test_a_pattern_selects_what_it_names(text: str, target: Target, selected: bool) -> None:
    assert Pointcut.parse(text).matches(target) is selected


@pytest.mark.parametrize(
    ("text", "offset"),
    [("m.Class.run", 0), ("m:", 2), ("m:A..b", 4), ("m:A.**", 4), ("m..n:f", 2), ("m:A+run", 4), ("m:1x", 2)],
)
def test_a_wrong_pattern_says_where(text: str, offset: int) -> None:
    with pytest.raises(PointcutError) as caught:
        Pointcut.parse(text)
    assert caught.value.offset == offset


@given(st.text(max_size=60))
def test_any_text_is_a_pattern_or_a_pointcut_error(text: str) -> None:
    try:
        assert Pointcut.parse(text).text == text
    except PointcutError:
        pass
