"""Going over from one registry to another leaves what the other one alone would have made."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from types import MethodType, ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.weaving.support import make_registry
from tests.weaving.twins import NAME, make_module, namespaces
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
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
    found["aliases"] = weaver.aliases
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


@settings(max_examples=examples(20))
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
        weaver.weave(make_registry())
        assert_same(before, [namespaces(module) for module in modules])
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


@pytest.fixture
def both() -> Iterator[tuple[ModuleType, Weaver, list[Span]]]:
    module, importer = make_both()
    sys.modules["importer_of_it"] = importer
    before = [namespaces(module), namespaces(importer)]
    spans: list[Span] = []
    weaver = Weaver(Recorder(spans.append))
    yield module, weaver, spans
    weaver.undo()
    assert_same(before, [namespaces(module), namespaces(importer)])
    del sys.modules[NAME], sys.modules["importer_of_it"]


def test_what_is_listed_on_keeps_its_proxy_and_its_place_in_what_it_shares(both: Any) -> None:
    module, weaver, _ = both
    pair = module.PAIR
    weaver.weave(make_registry(f"{NAME}:f", f"{NAME}:g"))
    f = module.f
    assert all(map(is_woven, module.PAIR))
    weaver.weave(make_registry(f"{NAME}:f"))
    assert module.f is f
    assert module.PAIR[0] is f
    assert module.PAIR[1] is module.g
    assert not is_woven(module.g)
    weaver.weave(make_registry())
    assert module.PAIR is pair


def test_what_the_application_has_taken_meanwhile_is_given_back_too(both: Any) -> None:
    module, weaver, _ = both
    raw = module.f
    weaver.weave(make_registry(f"{NAME}:f", f"{NAME}:g"))
    module.taken, module.g_as_well = {"f": module.f}, module.g
    try:
        weaver.weave(make_registry(f"{NAME}:g"))
        assert module.taken == {"f": raw}
        assert module.taken["f"] is raw
        assert is_woven(module.g_as_well)
    finally:
        weaver.weave(make_registry())
        assert module.g_as_well is module.g
        del module.taken, module.g_as_well


def test_classes_that_are_defined_after_a_reload_follow_the_new_rules(both: Any) -> None:
    module, weaver, spans = both
    weaver.weave(make_registry(f"{NAME}:Base+.run"))
    assert "__init_subclass__" in vars(module.Base)
    weaver.weave(make_registry(f"{NAME}:Sub+.run"))
    assert "__init_subclass__" not in vars(module.Base)

    class OfBase(module.Base):  # type: ignore[misc]
        def run(self, x: Any) -> Any:
            return x

    class OfSub(module.Sub):  # type: ignore[misc]
        def run(self, x: Any) -> Any:
            return x

    OfBase().run(1)
    OfSub().run(1)
    assert [span.name.rpartition(".")[2] for span in spans] == ["run"]
    assert is_woven(vars(OfSub)["run"])
    assert not is_woven(vars(OfBase)["run"])


def test_a_class_that_no_name_leads_to_any_longer_goes_on_being_traced(both: Any) -> None:
    module, weaver, spans = both
    weaver.weave(make_registry((f"{NAME}:Leaf.size", {"observation": "span"})))
    kept, module.Leaf = module.Leaf, None
    try:
        weaver.weave(make_registry((f"{NAME}:Leaf.size", {"observation": "tool"})))
        assert kept().size() == 6
        assert [span.type for span in spans] == ["tool"]
        weaver.weave(make_registry(f"{NAME}:f"))
        assert not is_woven(vars(kept)["size"])
    finally:
        module.Leaf = kept


@pytest.mark.skipif(sys.version_info < (3, 12), reason="woven by sys.monitoring")
def test_what_is_woven_without_a_frame_comes_and_goes_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    module = make_module("import sys\n\ndef caller():\n    return sys._getframe(1).f_code.co_name\n")
    monkeypatch.setitem(sys.modules, NAME, module)
    spans: list[Span] = []
    weaver = Weaver(Recorder(spans.append))
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    tools = [monitoring.get_tool(number) for number in range(6)]
    here = "test_what_is_woven_without_a_frame_comes_and_goes_as_well"
    for observation in ("span", "tool"):
        weaver.weave(make_registry((f"{NAME}:caller", {"observation": observation})))
        assert module.caller() == here
    assert [span.type for span in spans] == ["span", "tool"]
    weaver.weave(make_registry())
    assert module.caller() == here
    assert len(spans) == 2
    assert [monitoring.get_tool(number) for number in range(6)] == tools
    weaver.weave(make_registry(f"{NAME}:caller"))
    module.caller()
    weaver.undo()
    assert len(spans) == 3
