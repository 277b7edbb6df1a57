"""The garbage collector passes by what lasts of this package, and by nothing of the application's."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
from types import FunctionType
from typing import Any

import pytest

import tracing_proxies
import tracing_proxies.runtime
from tracing_proxies import errors
from tracing_proxies.compiled import hot
from tracing_proxies.lasting import pass_by
from tracing_proxies.masking.detectors import kinds, vendor
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.testing import registry_from

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

HEAD = "version: 1\nexport: { discard: {} }\ntrace:\n"
TEXT = f"{HEAD}  - match: {__name__}:work\n"


class Own:
    def method(self) -> None: ...


def work(default: Any = (Own, [])) -> Any:
    return default


@pytest.fixture(autouse=True)
def passed_by() -> None:
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
        from tracing_proxies.lasting import pass_by
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


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
