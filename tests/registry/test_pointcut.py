"""Pointcuts select what the language says, compared with a slow reference matcher."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tracing_proxies.registry.pointcut import ClassRef, Pointcut, PointcutError, Target

# The reference: what docs/registry.md says, in the shortest way that there is, whatever it costs.


def some_names(pattern: str, name: str) -> bool:
    """Tell whether one segment is selected, character by character."""
    if name.startswith("__") and name.endswith("__") and not pattern.startswith("__"):
        return False
    if name.startswith("_") and not pattern.startswith("_"):
        return False
    return same(pattern, name)


def same(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return same(pattern[1:], name) or (name != "" and same(pattern, name[1:]))
    return name != "" and pattern[0] == name[0] and same(pattern[1:], name[1:])


def some_path(pattern: list[str], names: list[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        some = [i for i in range(1, len(names) + 1) if not any(name.startswith("_") for name in names[:i])]
        return any(some_path(pattern[1:], names[i:]) for i in some)
    return names != [] and some_names(pattern[0], names[0]) and some_path(pattern[1:], names[1:])


def selects(text: str, target: Target) -> bool:
    module, _, rest = text.partition(":")
    if "+" not in rest:
        *owner, name = rest.split(".")
        path = target.path.split(".") if target.path else []
        here = some_path(module.split("."), target.module.split("."))
        return here and some_path(owner, path) and some_names(name, target.name)
    base, _, name = rest.replace("+.", "+").partition("+")
    named = [
        ancestor
        for ancestor in target.ancestry
        if some_path(module.split("."), ancestor.module.split("."))
        and some_path(base.split("."), ancestor.path.split("."))
    ]
    if name:
        return named != [] and some_names(name, target.name)
    return not target.name.startswith("_") and any(target.name in ancestor.public for ancestor in named)


words = st.sampled_from(["a", "ab", "_a", "b", "abc", "__x__", "aXb"])
globs = st.sampled_from(["a", "*", "a*", "*b", "_*", "__*", "a*c", "_a", "*a*", "*a*b", "__x__", "a*b*c"])
modules = st.lists(globs | st.just("**"), min_size=1, max_size=4).map(".".join)
dotted = st.lists(words, min_size=1, max_size=3).map(".".join)
classes = st.lists(globs, min_size=1, max_size=2).map(".".join)
pointcuts = st.one_of(
    st.builds("{}:{}".format, modules, globs),
    st.builds("{}:{}.{}".format, modules, classes, globs),
    st.builds("{}:{}+".format, modules, classes),
    st.builds("{}:{}+.{}".format, modules, classes, globs),
)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """Draw a function, or a method with the classes that its class inherits."""
    module, name = draw(dotted), draw(words)
    if draw(st.booleans()):
        return Target(module, None, name)
    own = ClassRef(module, draw(dotted), frozenset({name} if not name.startswith("_") else ()))
    bases = draw(st.lists(st.builds(ClassRef, dotted, dotted, st.frozensets(words, max_size=3)), max_size=2))
    return Target(module, own.path, name, (own, *bases))


@given(pointcuts, targets())
@settings(max_examples=examples(700))
def test_matching_agrees_with_the_reference(text: str, target: Target) -> None:
    pointcut = Pointcut.parse(text)
    assert pointcut.matches(target) is selects(text, target)
    if pointcut.matches(target):
        assert pointcut.module_may_match(target.module)
        assert pointcut.subclasses or pointcut.names_module(target.module)


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
        ("m.sub:_*", Target("m.sub", None, "_private"), True),
        ("m.sub:A._*", Target("m.sub", "A", "__init__"), False),
        ("m.sub:A.__*", Target("m.sub", "A", "__init__"), True),
        ("**:A.__call__", Target("m.sub", "A", "__call__"), True),
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


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("shop.agents.Agent.run", "shop.agents:Agent.run"),
        ("shop.agents.run", "shop.agents:run"),
        ("Agent.run", None),
        ("run", None),
        ("shop..run", None),
    ],
)
def test_a_pattern_without_its_colon_comes_with_a_guess(text: str, suggestion: str | None) -> None:
    with pytest.raises(PointcutError) as caught:
        Pointcut.parse(text)
    assert caught.value.suggestion == suggestion


@given(st.text(max_size=60))
def test_any_text_is_a_pattern_or_a_pointcut_error(text: str) -> None:
    try:
        assert Pointcut.parse(text).text == text
    except PointcutError:
        pass
