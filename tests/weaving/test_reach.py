"""Whatever holds a woven function holds what stands for it: calls are traced once, and identities stay as untraced."""

from __future__ import annotations

import gc
import pickle
import sys
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from typing import Any

import pytest

from tests.weaving.support import make_registry
from tests.weaving.twins import NAME, make_module, twins
from tracing_proxies import failures
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.weaving.proxies import raw_of
from tracing_proxies.weaving.references import Search
from tracing_proxies.weaving.weaver import Weaver

SOURCE = """
def f(x=1):
    return x + 1

def g(x=1):
    return x + 2
"""


def entries_of(module: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}


def test_entries_of_other_classes_hold_the_woven_function() -> None:
    source = (
        SOURCE
        + """
class A:
    plain = f
    run = staticmethod(f)
    make = classmethod(f)
    size = property(f)
    class Inner:
        deep = staticmethod(f)
"""
    )
    with twins(source, "f") as (_, traced, spans):
        assert traced.A.run is traced.f
        assert traced.A.Inner.deep is traced.f
        assert traced.A.__dict__["plain"] is traced.f
        assert traced.A.make.__func__ is traced.f
        assert traced.A.run(2) == traced.A.Inner.deep(2) == 3
        with pytest.raises(TypeError):
            traced.A().plain()
    assert [span.name for span in spans] == ["f", "f", "f"]


def test_attributes_of_objects_hold_the_woven_function_and_can_be_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        SOURCE
        + """
class Scalar:
    __slots__ = ("__dict__", "slot")
    def __init__(self, function):
        self.run = self.slot = function
class Meta(type):
    __flags__ = property(lambda cls: 1 / 0)
class Own(Scalar, metaclass=Meta):
    pass
class Aloof(Scalar):
    __dict__ = property(lambda self: 1 / 0)
STRING, TABLE, ALOOF = Scalar(f), {"own": [Own(f)]}, Aloof(f)
"""
    )
    with twins(source, "f") as (_, traced, spans):
        held = traced.STRING, traced.TABLE["own"][0]
        assert all(scalar.run is traced.f for scalar in held)
        assert all(scalar.slot is raw_of(traced.f) for scalar in held)
        assert traced.ALOOF.run is raw_of(traced.f)
        monkeypatch.setitem(sys.modules, NAME, traced)
        assert pickle.loads(pickle.dumps(traced.STRING.run)) is traced.f
        assert traced.STRING.run(2) == 3
    assert [span.name for span in spans] == ["f"]
    assert all(type(scalar.run) is types.FunctionType for scalar in held)


def test_aliases_in_a_class_stay_one_object_and_count_once() -> None:
    source = """
class A:
    def __add__(self, other):
        return 1
    __radd__ = __add__
    def method(self):
        return 2
    alias = method
class B:
    borrowed = A.method
"""
    with twins(source, "A.__add__", "A.method") as (_, traced, spans):
        a = traced.A()
        assert vars(traced.A)["__add__"] is vars(traced.A)["__radd__"]
        assert traced.A.method is traced.A.alias is traced.B.borrowed
        assert (a + 1, 1 + a, a.alias(), a.method(), traced.B().borrowed()) == (1, 1, 2, 2, 2)
    assert len(spans) == 5


def test_one_rule_for_all_names_of_a_function_weaves_it_once() -> None:
    source = """
class A:
    def method(self):
        return 2
    alias = method
"""
    with twins(source, "A.*") as (_, traced, spans):
        assert vars(traced.A)["method"] is vars(traced.A)["alias"]
        traced.A().alias()
    assert len(spans) == 1


def test_an_alias_with_a_rule_of_its_own_keeps_that_rule() -> None:
    source = """
class A:
    def method(self):
        return 2
    alias = method
"""
    with twins(source, ("A.method", {"observation": "tool"}), ("A.alias", {"observation": "agent"})) as (_, m, spans):
        m.A().method()
        m.A().alias()
    assert [span.type for span in spans] == ["tool", "agent"]


def test_default_arguments_are_rebound_and_restored() -> None:
    source = (
        SOURCE
        + """
def use(a, key=f, *, other=g, nested=(f, [g])):
    return key(a) + other(a)
class A:
    def use(self, key=f):
        return key
"""
    )
    module = make_module(source)
    raw = module.f
    before = (module.use.__defaults__, module.use.__kwdefaults__, dict(module.use.__kwdefaults__))
    nested = module.use.__kwdefaults__["nested"]
    with _woven(module, "f", "g") as spans:
        assert module.use.__defaults__ == (raw,)
        assert module.use.__defaults__[0] is module.f
        assert module.use.__kwdefaults__["other"] is module.g
        assert module.use.__kwdefaults__["nested"][0] is module.f
        assert module.A().use() is module.f
        module.use(1)
    assert [span.name for span in spans] == ["f", "g"]
    assert module.use.__defaults__ is before[0]
    assert module.use.__kwdefaults__ is before[1]
    assert all(module.use.__kwdefaults__[name] is value for name, value in before[2].items())
    assert nested[1][0] is module.g


def test_containers_of_modules_and_classes_are_changed_in_place_and_restored() -> None:
    source = (
        SOURCE
        + """
import functools
from collections import OrderedDict, defaultdict, deque
TABLE = {"first": 1, "f": f, "g": g, "last": {"deep": [f, {"deeper": g}]}}
TOOLS = [f, 1, g, f]
ROUTES = [("/f", f), ("/g", g)]
PAIR = (f, g)
CHOSEN = {f, 3}
WAITING = deque([g, f])
GROUPS = defaultdict(list, {"a": [f]})
ORDERED = OrderedDict(z=f, a=g)
BY_KIND = {int: f, str: g, f: 1}
PARTIAL = functools.partial(f, 5)
KEYED = functools.partial(sorted, key=f)
class A:
    table = {"f": f}
    tools = [g]
"""
    )
    module = make_module(source)
    f, g = module.f, module.g
    before = entries_of(module)
    state = module.PARTIAL.__reduce__()[2][:3]
    with _woven(module, "f", "g") as spans:
        assert module.TABLE is before["TABLE"]
        assert list(module.TABLE) == ["first", "f", "g", "last"]
        assert module.TABLE["f"] is module.f is not f
        assert module.TABLE["last"]["deep"][0] is module.f
        assert module.TOOLS[0] is module.TOOLS[3] is module.f
        assert module.ROUTES[1][1] is module.PAIR[1] is module.g
        assert any(item is module.f for item in module.CHOSEN)
        assert module.f in module.CHOSEN
        assert f in module.CHOSEN
        assert len(module.CHOSEN) == 2
        assert list(module.WAITING)[1] is module.f
        assert module.GROUPS["a"][0] is module.f
        assert list(module.ORDERED) == ["z", "a"]
        assert module.ORDERED["z"] is module.f
        assert module.BY_KIND[int] is module.f
        assert module.BY_KIND[module.f] == module.BY_KIND[f] == 1
        assert module.PARTIAL.func is module.f
        assert module.KEYED.keywords["key"] is module.f
        assert module.A.table["f"] is module.f
        assert module.A.tools[0] is module.g
        assert module.PARTIAL() == 6
        for _, handler in module.ROUTES:
            handler()
    assert [span.name for span in spans] == ["f", "f", "g"]
    assert all(entries_of(module)[name] is value for name, value in before.items())
    assert {"first": 1, "f": f, "g": g, "last": {"deep": [f, {"deeper": g}]}} == module.TABLE
    assert module.TABLE["f"] is f
    assert [item is f for item in module.TOOLS] == [True, False, False, True]
    assert module.ROUTES[0][1] is f
    assert all(now is was for now, was in zip(module.PARTIAL.__reduce__()[2], state, strict=False))
    assert module.PARTIAL.func is f
    assert all(type(item) in (types.FunctionType, int) for item in module.CHOSEN)
    assert (type(module.WAITING), type(module.GROUPS), type(module.ORDERED)) == (deque, defaultdict, OrderedDict)


def test_a_tuple_that_two_modules_hold_stays_one_object() -> None:
    source = SOURCE + "PAIR = (f, g)\nHELD = [PAIR]\n"
    with twins(source, "f") as (_, traced, _spans):
        assert traced.HELD[0] is traced.PAIR


def test_bound_methods_held_by_modules_are_bound_anew() -> None:
    source = """
class A:
    def run(self):
        return 1
    @classmethod
    def make(cls):
        return cls
a = A()
TOOLS = [a.run, A.make]
"""
    with twins(source, "A.*") as (_, traced, spans):
        assert traced.TOOLS[0] == traced.a.run
        assert traced.TOOLS[0].__self__ is traced.a
        assert [tool() for tool in traced.TOOLS] == [1, traced.A]
    assert len(spans) == 2
    assert type(traced.TOOLS[0].__func__) is types.FunctionType


def test_what_the_application_takes_while_tracing_is_restored_as_well() -> None:
    module = make_module(SOURCE + "TOOLS = []\nTABLE = {}\nclass Late: pass\n")
    f = module.f
    with _woven(module, "f"):
        module.TOOLS.append(module.f)
        module.TABLE["f"] = (module.f,)
        module.second = module.f
        module.Late.handler = staticmethod(module.f)
    assert module.TOOLS[0] is module.TABLE["f"][0] is module.second is module.Late.handler is f


def test_what_the_application_has_changed_meanwhile_stays_its_own() -> None:
    module = make_module(SOURCE + "TABLE = {'f': f, 'g': g}\nTOOLS = [f, g]\ndef use(key=f):\n    return key\n")
    mine = object()
    with _woven(module, "f", "g"):
        module.TABLE["f"] = mine
        module.TOOLS.insert(0, mine)
        module.use.__defaults__ = (mine,)
    assert module.TABLE["f"] is mine
    assert module.TOOLS[0] is mine
    assert module.TOOLS[1] is module.f
    assert module.use() is mine


def test_no_code_of_the_application_runs_while_references_are_searched() -> None:
    source = (
        SOURCE
        + """
class Meta(type):
    def __getattribute__(cls, name):
        raise AssertionError(name)
    def __setattr__(cls, name, value):
        raise AssertionError(name)
class Touchy:
    def __hash__(self):
        if armed:
            raise AssertionError("hash")
        return 1
    def __eq__(self, other):
        raise AssertionError("eq")
    def __getattribute__(self, name):
        raise AssertionError(name)
class MyDict(dict):
    def __iter__(self):
        raise AssertionError("iter")
    items = values = keys = __iter__
armed = False
touchy = Touchy()
TABLE = {touchy: f, "plain": f}
MINE = MyDict(f=f)
HELD = [touchy, f]
class Odd(metaclass=Meta):
    handler = staticmethod(f)
armed = True
"""
    )
    module = make_module(source)
    with _woven(module, "f") as spans:
        module.TABLE["plain"](1)
        module.HELD[1](1)
        type.__getattribute__(module.Odd, "handler")(1)
        assert dict.__getitem__(module.MINE, "f") is raw_of(module.f)
    assert len(spans) == 3


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("HELD = types.MappingProxyType({'f': f})", "mappingproxy"),
        ("HELD = frozenset([f])", "frozenset"),
        ("HELD = functools.lru_cache(f)", "lru_cache"),
        (
            "def HELD(function=None):\n    return inner\ndef outer(h):\n    return lambda: h()\nHELD = outer(f)",
            "closure",
        ),
        ("@functools.singledispatch\ndef HELD(x):\n    return x\nHELD.register(int)(f)", "mappingproxy"),
        ("class K:\n    def __hash__(self):\n        return 1\nHELD = {K(): f}", "hash"),
    ],
)
def test_what_is_out_of_reach_is_named_with_the_reason(line: str, reason: str) -> None:
    module = make_module("import functools, types\n" + SOURCE + line + "\n")
    weaver = Weaver(Recorder(lambda span: None))
    _enter(module)
    try:
        weaver.weave(make_registry(f"{NAME}:f"))
        assert [place for place in weaver.reach.beyond if place.startswith(f"{NAME}:HELD")]
        assert reason in " ".join(weaver.reach.beyond.values())
    finally:
        weaver.undo()
        _leave()


def test_a_decorated_function_still_calls_what_it_decorates_and_counts_once() -> None:
    source = """
import functools
def deco(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper
@deco
def f(x):
    return x
@functools.lru_cache
def cached(x):
    return x
"""
    with twins(source, "*") as (_, traced, spans):
        assert traced.f(1) == 1
        assert traced.cached(1) == traced.cached(1) == 1
        assert traced.cached.cache_info().hits == 1
    assert [span.name for span in spans if span.name != "deco"] == ["f", "cached", "cached"]


def test_partialmethods_and_cached_properties_are_reached() -> None:
    source = (
        SOURCE
        + """
import functools
def h(self, n=0):
    return n
class A:
    five = functools.partialmethod(h, 5)
    heavy = functools.cached_property(h)
"""
    )
    with twins(source, "h") as (_, traced, spans):
        assert (traced.A().five(), traced.A().heavy) == (5, 0)
    assert len(spans) == 2
    assert type(vars(traced.A)["five"].func) is types.FunctionType


def test_a_container_that_is_too_large_is_left_alone() -> None:
    source = SOURCE + "LARGE = [f] * 2000\n"
    with twins(source, "f") as (_, traced, _spans):
        assert traced.LARGE[0] is raw_of(traced.f)


def test_circular_containers_end() -> None:
    source = SOURCE + "LOOP = [f]\nLOOP.append(LOOP)\nTABLE = {'loop': LOOP}\nTABLE['self'] = TABLE\n"
    with twins(source, "f") as (_, traced, _spans):
        assert traced.LOOP[0] is traced.f


def _enter(module: Any) -> None:
    sys.modules[NAME] = module


def _leave() -> None:
    del sys.modules[NAME]


class _woven:
    """Weave names of a module that was made by hand."""

    def __init__(self, module: Any, *names: str) -> None:
        self.module, self.names = module, names

    def __enter__(self) -> list[Any]:
        _enter(self.module)
        self.module.__name__ = NAME
        spans: list[Any] = []
        self.weaver = Weaver(Recorder(spans.append))
        self.weaver.weave(make_registry(*(f"{NAME}:{name}" for name in self.names)))
        return spans

    def __exit__(self, *about: Any) -> None:
        self.weaver.undo()
        assert len(self.weaver.ledger) == 0
        _leave()


def test_an_object_whose_attribute_was_exchanged_is_freed_as_without_us(monkeypatch: pytest.MonkeyPatch) -> None:
    source = """
        class Holder:
            def __init__(self, function):
                self.function = function

        def work():
            return 1

        HELD = Holder(work)
    """
    module: Any = make_module(source)
    monkeypatch.setitem(sys.modules, NAME, module)
    weaver = Weaver(Recorder(lambda span: None))
    try:
        weaver.weave(make_registry(f"{NAME}:work"))
        assert module.HELD.function is module.work
        gone = weakref.ref(module.HELD)
        module.HELD = None
        gc.collect()
        assert gone() is None
    finally:
        weaver.undo()


def test_what_fails_in_one_namespace_is_no_reason_to_leave_out_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    module, other, third = make_module(SOURCE), types.ModuleType("re_other"), types.ModuleType("re_third")
    depths, failed = Search.depths, []

    def depths_but(self: Search, name: str, *rest: Any) -> None:
        if name == "re_other":
            failed.append(name)
            raise LookupError("ours")
        depths(self, name, *rest)

    monkeypatch.setattr(Search, "depths", depths_but)
    _enter(module)
    weaver = Weaver(Recorder(lambda span: None))
    before = failures.counts().get("weave", 0)
    try:
        for held in (other, third):
            vars(held).update(f=module.f, HELD=[module.f])
            monkeypatch.setitem(sys.modules, held.__name__, held)
        weaver.weave(make_registry(f"{NAME}:f"))
        assert third.HELD == [module.f] == [third.f] == [other.f]
        assert third.HELD[0] is module.f
        assert other.HELD[0] is not module.f
    finally:
        weaver.undo()
        _leave()
    assert failures.counts()["weave"] == before + len(failed)
