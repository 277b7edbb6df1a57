"""The garbage collector passes by what lasts of this package, and by nothing of the application's."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracing_proxies
import tracing_proxies.runtime
from tracing_proxies import errors
from tracing_proxies.compiled import hot
from tracing_proxies.lasting import pass_by, settle
from tracing_proxies.masking.detectors import kinds, vendor
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.testing import registry_from

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

HEAD = "version: 1\nexport: { discard: {} }\ntrace:\n"
TEXT = f"{HEAD}  - match: {__name__}:work\n"


class Own:
    def method(self) -> None: ...


@attrs.frozen(eq=False)
class Constant:
    value: Any = None
    late: Any = attrs.field(init=False)

    def complete(self, value: Any) -> None:
        object.__setattr__(self, "late", value)


@attrs.frozen(eq=False, slots=False)
class Extensible:
    """It has a dict of its own once something is put there."""


@attrs.frozen(eq=False)
class Many(list[Any]):
    """It is frozen, and has items all the same."""


class Holder:
    def __init__(self) -> None:
        self.place = errors.Place("registry.yaml", 1, 1)


@attrs.define(eq=False)
class Changing:
    value: Any = None


def work(default: Any = (Own, [])) -> Any:
    return default


def constant(value: Any) -> Constant:
    made = Constant(value)
    made.complete(1)
    return made


@pytest.fixture(autouse=True)
def passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    for known in (Constant, Extensible, Many, Changing):
        monkeypatch.setattr(known, "__module__", errors.__name__)
        monkeypatch.setattr(errors, known.__name__, known, raising=False)
    tracing_proxies.activate(registry_from(TEXT))
    tracing_proxies.deactivate()
    pass_by(vendor.PARTS)


def test_it_passes_by_functions_classes_and_what_they_are_made_of() -> None:
    found = [*vars(Recorder).values(), *vars(errors).values(), Recorder.__mro__, *Recorder.__mro__[:-1]]
    assert [one for one in found if type(one) in (FunctionType, property, type, tuple) and gc.is_tracked(one)] == []
    assert not gc.is_tracked(kinds.Part.__attrs_attrs__)
    assert not any(map(gc.is_tracked, kinds.Part.__attrs_attrs__))
    assert not gc.is_tracked(type(kinds.Part.__attrs_attrs__))
    assert not gc.is_tracked(vars(kinds))


def test_it_passes_by_constants_that_are_named() -> None:
    assert [one for part in vendor.PARTS for one in (part, part.guard) if gc.is_tracked(one)] == []


def test_it_goes_through_what_is_the_applications_and_what_changes() -> None:
    import attr
    import yaml

    others = [Own, Own.method, work, work.__defaults__, vars(Own), attr.Attribute, attr.attrs, yaml.Loader, sys]
    assert [one for one in others if not gc.is_tracked(one)] == []
    tracing_proxies.activate(registry_from(TEXT))
    runtime = tracing_proxies.runtime._runtime
    assert runtime is not None
    state = [runtime, runtime.weaver, runtime.weaver.points, vars(runtime.weaver), tracing_proxies, work]
    tracked = [gc.is_tracked(one) for one in state]
    tracing_proxies.deactivate()
    assert tracked == [True] * len(state)


def test_it_holds_each_once_however_often_it_is_asked() -> None:
    # In a process of its own: what other tests leave to other threads makes and drops references as well.
    code = """
        import sys
        import tracing_proxies
        from tracing_proxies import errors
        from tracing_proxies.lasting import pass_by, settle
        from tracing_proxies.masking.detectors import vendor
        from tracing_proxies.recording.recorder import Recorder

        pass_by(vendor.PARTS)
        held = [Recorder, Recorder.begin, Recorder.__mro__, errors.Place, vendor.PARTS[0]]
        before = list(map(sys.getrefcount, held))
        for _ in range(5):
            pass_by(vendor.PARTS)
        print(list(map(sys.getrefcount, held)) == before)
    """
    assert _run(code) == "True\n"


def test_it_passes_by_what_a_module_has_got_since(monkeypatch: pytest.MonkeyPatch) -> None:
    def late() -> None: ...

    late.__module__ = errors.__name__
    monkeypatch.setattr(errors, "late", late, raising=False)
    assert gc.is_tracked(vars(errors))
    pass_by()
    assert not gc.is_tracked(late)
    assert not gc.is_tracked(vars(errors))


def test_a_module_that_is_deep_in_circles_is_walked_through_once() -> None:
    code = """
        import gc, types
        from tracing_proxies import lasting
        deep = None
        for _ in range(300):
            def wrapper(inner=deep):
                return deep, wrapper
            deep = wrapper
        module = types.ModuleType("tracing_proxies.deep")
        for one in (deep, wrapper):
            one.__module__ = "tracing_proxies.deep"
        module.deep = deep
        import sys
        sys.modules["tracing_proxies.deep"] = module
        lasting.pass_by()
        gc.collect()
        print(gc.is_tracked(deep), deep()[1] is deep)
    """
    assert _run(code) == "False True\n"


def test_as_the_interpreter_ends_the_applications_circles_are_let_go_while_all_else_is_whole() -> None:
    code = """
        import os, sys, textwrap, types
        import tracing_proxies
        from tracing_proxies.testing import registry_from

        helper, application = types.ModuleType("helper"), types.ModuleType("application")
        sys.modules |= {"helper": helper, "application": application}
        exec("import os\\ndef say(text): os.write(1, text.encode())", vars(helper))
        exec(textwrap.dedent('''
        import helper

        class Thing:
            def __init__(self):
                self.itself = self

            def work(self, given):
                return [given]

            def __del__(self):
                self.work(self)
                helper.say("let go")

        thing = Thing()
        '''), vars(application))
        tracing_proxies.activate(registry_from(TEXT))
        application.thing.work(application.thing)
        assert tracing_proxies.status()["woven"] == 1
        del helper, application
    """
    text = f"{HEAD}  - match: application:Thing.work\n"
    assert _run(code.replace("TEXT", repr(text))) == "let go"


def test_modules_that_are_imported_anew_work_and_are_passed_by_as_well() -> None:
    code = """
        import gc, sys
        for _ in range(3):
            import tracing_proxies
            from tracing_proxies.testing import capture_spans, registry_from
            def work(): return 1
            tracing_proxies.activate(registry_from(TEXT))
            import json
            json.dumps([1])
            print(gc.is_tracked(tracing_proxies.activate), tracing_proxies.status()["delivery"]["produced"])
            tracing_proxies.deactivate()
            for name in [name for name in sys.modules if name.partition(".")[0] == "tracing_proxies"]:
                del sys.modules[name]
            gc.collect()
    """
    text = f"{HEAD}  - match: json:dumps\n"
    assert _run(code.replace("TEXT", repr(text))) == "False 1\n" * 3


def test_it_passes_by_records_that_are_frozen_and_what_they_are_made_of() -> None:
    registry = registry_from(f"{HEAD}  - match: application:work\n")
    rule = registry.rules[0]
    records = [rule.place, rule.places, *rule.match]
    assert all(map(gc.is_tracked, records))
    settle(registry)
    assert not any(map(gc.is_tracked, records))


def test_it_passes_by_the_registry_that_is_gone_over_to(tmp_path: Path) -> None:
    file = tmp_path / "registry.yaml"
    for name in ("work", "constant"):
        file.write_text(f"{HEAD}  - match: {__name__}:{name}\n", encoding="utf-8")
        if name == "work":
            tracing_proxies.activate(file)
        else:
            assert tracing_proxies.reload()
        runtime = tracing_proxies.runtime._runtime
        assert runtime is not None
        rule = runtime.registry.rules[0]
        assert name in str(rule.match[0])
        assert not gc.is_tracked(rule.place)
    tracing_proxies.deactivate()


@pytest.mark.parametrize(
    "make",
    [
        lambda: (frozenset({"a", (1, 2)}), errors.Place("registry.yaml", 1, 1)),
        lambda: frozenset((errors.Place("registry.yaml", 1, 1),)),
        lambda: constant((constant("inner"), frozenset({1}))),
        lambda: {"place": errors.Place("registry.yaml", 1, 1), "more": (errors.Place("registry.yaml", 2, 1),)},
        lambda: weakref.ref(work),
    ],
)
def test_it_passes_by_what_can_be_in_no_circle(make: Callable[[], Any]) -> None:
    made = make()
    assert gc.is_tracked(made)
    settle([made])
    assert not gc.is_tracked(made)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [1],
        lambda: (["list"], 1),
        lambda: ({}, 1),
        lambda: constant({}),
        lambda: Constant(1),  # which has a value to come
        lambda: Changing(1),
        lambda: Extensible.__new__(Extensible),
        lambda: Many(),
        lambda: vars(Holder()),
        lambda: constant(Changing(1)),
        lambda: (Own(),),
        lambda: MappingProxyType({"a": 1}),
        lambda: weakref.ref(work, int),
        lambda: {"a": ["list"]},
        lambda: (Own, work),
    ],
)
def test_it_follows_what_may_come_to_be_in_a_circle(make: Callable[[], Any]) -> None:
    made = make()
    settle([made])
    assert gc.is_tracked(made)


def test_it_follows_a_dict_again_that_gets_another_value() -> None:
    made = {"place": errors.Place("registry.yaml", 1, 1)}
    settle(made)
    assert not gc.is_tracked(made)
    made["more"] = []  # type: ignore[assignment]
    assert gc.is_tracked(made)


def test_it_holds_nothing_of_what_it_passes_by() -> None:
    place = errors.Place("registry.yaml", 1, 1)
    held, before = weakref.ref(place), sys.getrefcount(place)
    settle((place,))
    assert not gc.is_tracked(place)
    assert sys.getrefcount(place) == before
    del place
    assert held() is None


def test_it_goes_as_deep_as_the_stack_allows() -> None:
    deep: Any = errors.Place("registry.yaml", 1, 1)
    for _ in range(100_000):
        deep = (deep,)
    settle(deep)
    assert gc.is_tracked(deep)


class Marker:
    """Something that a weak reference may tell of."""


def build(plan: Any, all_of_it: list[Any]) -> Any:
    kind, parts = plan if isinstance(plan, tuple) else (plan, ())
    inner = [build(part, all_of_it) for part in parts]
    makers: dict[str, Callable[[], Any]] = {
        "text": lambda: "text",
        "marker": Marker,
        "tuple": lambda: (*inner, len(all_of_it)),
        "frozenset": lambda: frozenset(map(id, inner)),
        "constant": lambda: constant(tuple(inner)),
        "place": lambda: errors.Place("registry.yaml", len(all_of_it), 1),
        "incomplete": lambda: Constant(tuple(inner)),
        "changing": lambda: Changing(tuple(inner)),
        "list": lambda: inner,
        "dict": lambda: dict(enumerate(inner)),
        "proxy": lambda: MappingProxyType(dict(enumerate(inner))),
    }
    made = makers[kind]()
    all_of_it.append(made)
    return made


plans = st.recursive(
    st.sampled_from(["text", "marker", "place"]),
    lambda inner: st.tuples(
        st.sampled_from(["tuple", "frozenset", "constant", "incomplete", "changing", "list", "dict", "proxy"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=20,
)


@given(plans, st.data())
def test_whatever_circles_are_made_later_is_collected(plan: Any, data: st.DataObject) -> None:
    all_of_it: list[Any] = []
    root = build(("list", [plan, "marker"]), all_of_it)
    settle(root)
    for one in all_of_it:
        target = data.draw(st.sampled_from(all_of_it)) if data.draw(st.booleans()) else None
        if target is None:
            continue
        if type(one) is list:
            one.append(target)
        elif type(one) is dict:
            one["circle"] = target
        elif type(one) is Changing:
            one.value = target
        elif type(one) is Constant and not hasattr(one, "late"):
            one.complete(target)
    known = [weakref.ref(one) for one in all_of_it if isinstance(one, (Marker, Constant, Changing, errors.Place))]
    del root, one, target
    all_of_it.clear()
    gc.collect()
    assert [one() for one in known if one() is not None] == []


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
