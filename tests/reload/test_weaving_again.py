"""Going over from one registry to another leaves what the other one alone would have made."""

from __future__ import annotations

import functools
import sys
from types import MethodType, ModuleType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.weaving.support import make_registry
from tests.weaving.twins import NAME, make_module, namespaces
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.weaving.kinds import proxy_of
from tracing_proxies.weaving.proxies import is_woven, point_of
from tracing_proxies.weaving.weaver import Weaver

SOURCE = """
import functools

def f(x=1):
    return x

def g(x=1):
    return x + 1

def calls(x, via=g, *, other=f):
    return via(x) + other(x)

other_name = f
PAIR = (f, g)
ROUTES = {"f": f, "deep": [g, (f,)]}
PARTIAL = functools.partial(g, 2)

class Base:
    handlers = [g]

    def run(self, x):
        return ("base", x)

    def size(self):
        return 1

    def _hidden(self):
        return 2

    @classmethod
    def make(cls):
        return cls()

    @staticmethod
    def add(a, b=1):
        return a + b

    @property
    def total(self):
        return 3

    @functools.cached_property
    def cached(self):
        return 4

    class Inner:
        def deep(self):
            return 5

class Sub(Base):
    def run(self, x):
        return ("sub", super().run(x))

    again = run

class Leaf(Sub):
    def size(self):
        return 6

class Refusing(Base):
    def __init_subclass__(cls):
        pass
"""
IMPORTER = f"""
from {NAME} import f, g as renamed, Base, PAIR

class Child(Base):
    def run(self, x):
        return ("child", x)

    borrowed = staticmethod(f)
"""
PATTERNS = [
    *("f", "g", "*", "other_name", "calls"),
    *("Base.run", "Base.*", "Base+", "Base+.run", "Base+.*", "*.run", "*.*", "Base._hidden"),
    *("Sub.size", "Sub.run", "Sub.again", "Sub+.size", "Leaf.run", "Base.total", "Base.cached", "Base.Inner.deep"),
]
IN_IMPORTER = ["f", "renamed", "Child.run", "Child.size", "Child.*", "Base.make", "Child.borrowed"]
RULES = st.tuples(
    st.sampled_from([f"{NAME}:{name}" for name in PATTERNS] + [f"importer_of_it:{name}" for name in IN_IMPORTER]),
    st.sampled_from(["span", "tool", "agent"]),
)
EDITS = st.lists(st.lists(RULES, max_size=4), min_size=2, max_size=5)


def make_both() -> tuple[ModuleType, ModuleType]:
    module = make_module(SOURCE)
    sys.modules[NAME] = module
    return module, make_module(IMPORTER, "importer_of_it")


def registry_of(rules: list[tuple[str, str]]) -> Any:
    return make_registry(*((pattern, {"observation": observation}) for pattern, observation in rules))


def described(value: Any, *, exactly: bool) -> Any:
    """Say what stands somewhere: raw, or woven under which rules and by which name."""
    if type(value) in (tuple, list):
        return [described(item, exactly=False) for item in value]
    if type(value) is dict:
        return {key: described(item, exactly=False) for key, item in value.items()}
    if type(value) is functools.partial:
        return described(value.func, exactly=False)
    if type(value) is MethodType:
        return described(value.__func__, exactly=False)
    proxy = value if is_woven(value) else proxy_of(value)
    if proxy is None:
        return "raw"
    point = point_of(proxy)
    if point.recipe is None:
        return "passes through"
    rules = [rule.index for rule in point.recipe.policy.chain]
    return (str(point.target), point.recipe.observation, rules) if exactly else "woven"


def look_at(modules: tuple[ModuleType, ...], weaver: Weaver) -> Any:
    found: dict[str, Any] = {"targets": sorted(map(str, weaver.targets())), "refused": sorted(map(str, weaver.refused))}
    for module in modules:
        for place, entries in namespaces(module).items():
            for name, value in entries.items():
                # Which of several names' rules holds for other references is the order's to say; see docs/limits.md.
                at_home = isinstance(value, type) or weaver.points.at(_owner_of(modules, place), name) is not None
                found[f"{place}:{name}"] = described(value, exactly=at_home)
    found["defaults"] = [
        described(modules[0].calls.__defaults__, exactly=False),
        described(modules[0].calls.__kwdefaults__, exactly=False),
    ]
    return found


def _owner_of(modules: tuple[ModuleType, ...], place: str) -> int:
    for module in modules:
        if place == module.__name__:
            return id(vars(module))
        if place.startswith(module.__name__ + "."):
            found: Any = module
            for name in place[len(module.__name__) + 1 :].split("."):
                found = vars(found).get(name) if isinstance(found, (ModuleType, type)) else None
            return id(found)
    return 0


@settings(max_examples=100, deadline=None)
@given(EDITS)
def test_random_edits_leave_what_a_fresh_activation_would(edits: list[list[tuple[str, str]]]) -> None:
    modules = make_both()
    sys.modules["importer_of_it"] = modules[1]
    try:
        before = [namespaces(module) for module in modules]
        weaver = Weaver(Recorder(lambda span: None))
        reloaded = []
        for rules in edits:
            weaver.weave(registry_of(rules))
            reloaded.append(look_at(modules, weaver))
            assert modules[0].Leaf().run(1) == ("sub", ("base", 1))
            assert modules[0].calls(1) == 3
        weaver.undo()
        assert_same(before, [namespaces(module) for module in modules])
        for rules, found in zip(edits, reloaded, strict=True):
            fresh = Weaver(Recorder(lambda span: None))
            fresh.weave(registry_of(rules))
            expected = look_at(modules, fresh)
            fresh.undo()
            assert found == expected
    finally:
        del sys.modules[NAME], sys.modules["importer_of_it"]


def assert_same(before: list[dict[str, dict[str, Any]]], after: list[dict[str, dict[str, Any]]]) -> None:
    for was, now in zip(before, after, strict=True):
        assert list(was) == list(now)
        for place, entries in was.items():
            now_there = {name: value for name, value in now[place].items() if name != "cached"}
            assert [name for name, value in entries.items() if now_there.get(name, value) is not value] == []
            assert [name for name in now_there if name not in entries] == []
