"""Modules are woven as their bodies end, however they are loaded, and nobody sees that it was listened for."""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.resources
import importlib.util
import inspect
import pkgutil
import sys
import threading
import traceback
import types
import warnings
import weakref
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.weaving.support import make_registry, woven
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.weaving.weaver import Weaver

Make = Callable[..., Path]
WORK = "def work(n=1):\n    return n * 2\n"


def make_signal(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Let modules call something of the test's by ``ar_signal.give()``."""
    signal: Any = types.ModuleType("ar_signal")
    signal.give = action
    monkeypatch.setitem(sys.modules, "ar_signal", signal)


def get(name: str) -> Any:
    return importlib.import_module(name)


def test_importers_get_the_woven_function_and_loaders_and_specs_are_the_real_ones(make: Make) -> None:
    make(
        ar_base=WORK + "SEEN = (type(__spec__).__name__, __loader__, __spec__.loader)\n",
        ar_user="from ar_base import work\n",
    )
    with woven("ar_base:work") as spans:
        user, base = get("ar_user"), get("ar_base")
        assert user.work is base.work
        assert user.work(2) == 4
        assert type(base.__spec__) is importlib.machinery.ModuleSpec
        assert type(base.__loader__) is importlib.machinery.SourceFileLoader
        assert base.SEEN[0] == "ModuleSpec"
        assert base.SEEN[1] is base.SEEN[2] is base.__loader__ is base.__spec__.loader
        assert not [name for name in vars(base.__spec__) if "tracing" in name]
    assert len(spans) == 1


def test_modules_that_import_each_other_hold_what_stands_for_the_function(make: Make) -> None:
    make(
        ar_one=WORK + "import ar_two\n",
        ar_two="from ar_one import work\nTOOLS = [work]\ndef use(key=work):\n    return key()\nimport ar_three\n",
        ar_three="import ar_one\nclass A:\n    run = staticmethod(ar_one.work)\n",
    )
    with woven("ar_one:work") as spans:
        one = get("ar_one")
        two, three = get("ar_two"), get("ar_three")
        assert two.work is two.TOOLS[0] is three.A.run is one.work
        assert two.use() == 2
    assert len(spans) == 1
    assert two.work is two.TOOLS[0] is three.A.run is one.work
    assert type(one.work) is types.FunctionType


def test_circles_of_modules_that_are_all_of_interest_are_reached_too(make: Make) -> None:
    make(
        ar_one=WORK + "import ar_two\ndef late():\n    return ar_two.use()\n",
        ar_two="from ar_one import work\nTABLE = {'w': work}\ndef use():\n    return TABLE['w']()\n",
    )
    with woven("ar_one:*", "ar_two:*") as spans:
        assert get("ar_one").late() == 2
    assert [span.name for span in spans] == ["work", "use", "late"]


def test_what_registers_itself_elsewhere_while_it_is_imported_is_reached_there(make: Make) -> None:
    make(
        ar_registry="""
            TOOLS = {}
            class Hub:
                handlers = []
                @classmethod
                def add(cls, function):
                    cls.handlers.append(function)
                    return function
            def register(function):
                TOOLS[function.__name__] = function
                return function
        """,
        ar_tool="from ar_registry import register, Hub\n@register\n@Hub.add\n" + WORK,
    )
    registry = get("ar_registry")
    with woven("ar_tool:work") as spans:
        tool = get("ar_tool")
        assert registry.TOOLS["work"] is registry.Hub.handlers[0] is tool.work
        registry.TOOLS["work"]()
    assert len(spans) == 1
    assert registry.TOOLS["work"] is registry.Hub.handlers[0] is tool.work
    assert type(tool.work) is types.FunctionType


@pytest.mark.parametrize("nested", [True, False])
def test_the_work_of_arrivals_grows_with_their_number_and_not_with_its_square(make: Make, nested: bool) -> None:
    def looked(prefix: str, count: int) -> int:
        names = [f"ar_{prefix}{n}" for n in range(count)]
        for name, following in zip(names, [*names[1:], ""], strict=True):
            make(**{name: "A, B, C = 1, 2, 3\n" + WORK + (f"import {following}\n" if nested and following else "")})
        make(**{f"ar_{prefix}": "\n".join(f"import {name}" for name in names) + "\n"})
        weaver = Weaver(Recorder(lambda span: None))
        weaver.weave(make_registry(f"ar_{prefix}*:work"))
        before = weaver.reach.looked
        get(f"ar_{prefix}")
        try:
            assert len(weaver.targets()) == count
            return weaver.reach.looked - before
        finally:
            weaver.undo()

    few, many = looked("few", 8), looked("many", 48)
    assert many < few * 6 * 1.5


def test_a_package_whose_name_is_lazy_is_woven_where_it_is_defined(make: Make) -> None:
    make(
        ar_lazy__in____init__="""
            def __getattr__(name):
                if name in ("work", "Agent"):
                    from ar_lazy import impl
                    return getattr(impl, name)
                raise AttributeError(name)
        """,
        ar_lazy__in__impl=WORK + "class Agent:\n    def run(self):\n        return 1\n",
    )
    with woven("ar_lazy:work", "ar_lazy:Agent.run") as spans:
        package = get("ar_lazy")
        assert package.work() == 2
        assert package.Agent().run() == 1
        assert "impl" in vars(package)
        assert "work" not in vars(package)
    assert len(spans) == 2


@pytest.mark.parametrize(
    "rules",
    [
        ("ar_{}:work", "ar_{}:Agent.run"),
        ("ar_{}.impl:work", "ar_{}.impl:Agent.run"),
        ("ar_{}.impl:*", "ar_{}.impl:*.*"),
        ("ar_{}.**:*", "ar_{}.**:*.*"),
    ],
)
def test_what_passes_for_a_lazy_packages_own_is_woven_by_the_name_of_either(
    make: Make, rules: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    name = f"lent{request.node.callspec.indices['rules']}"
    lends = f"class Agent:\n    __module__ = 'ar_{name}'\n    def run(self):\n        return 1\n"
    make(
        **{
            f"ar_{name}__in____init__": f"""
                def __getattr__(name):
                    if name in ("work", "Agent"):
                        from ar_{name} import impl
                        return globals().setdefault(name, getattr(impl, name))
                    raise AttributeError(name)
            """,
            f"ar_{name}__in__impl": WORK + f"work.__module__ = 'ar_{name}'\n" + lends,
            f"ar_{name}__in__other": f"from ar_{name}.impl import work\n",
        }
    )
    with woven(*(rule.format(name) for rule in rules)) as spans:
        package = get(f"ar_{name}")
        assert package.work() == 2
        assert package.Agent().run() == 1
        assert get(f"ar_{name}.other").work() == 2
    assert [span.name for span in spans] == ["work", "Agent.run", "work"]


def test_what_a_lazy_package_has_kept_stays_woven_at_a_reload_and_is_no_importers(make: Make) -> None:
    make(
        ar_kept__in____init__="""
            def __getattr__(name):
                if name in ("work", "Agent"):
                    from ar_kept import impl
                    return globals().setdefault(name, getattr(impl, name))
                raise AttributeError(name)
        """,
        ar_kept__in__impl=WORK + "work.__module__ = 'ar_kept'\nclass Agent:\n    __module__ = 'ar_kept'\n"
        "    def run(self):\n        return 1\n",
        ar_kept__in__importer="from ar_kept.impl import Agent\ndef own():\n    return 1\n",
    )
    weaver = Weaver(Recorder(lambda span: None))
    try:
        weaver.weave(make_registry("ar_kept.impl:*", "ar_kept.impl:*.*"))
        assert get("ar_kept").Agent().run() == 1
        assert get("ar_kept").work() == 2
        targets = weaver.targets()
        assert len(targets) == 2
        for _ in range(2):
            weaver.weave(make_registry("ar_kept.impl:*", "ar_kept.impl:*.*"))
            assert {target.name for target in weaver.targets()} == {"run", "work"}
            assert weaver.unmatched() == []
        get("ar_kept.importer")
        weaver.weave(make_registry("ar_kept.importer:*", "ar_kept.importer:*.*"))
        assert [str(target) for target in weaver.targets()] == ["ar_kept.importer:own"]
    finally:
        weaver.undo()


def test_a_class_that_is_called_as_its_module_is_keeps_its_path(make: Make) -> None:
    make(ar_named="class ar_named:\n    class Inner:\n        def run(self):\n            return 1\n")
    with woven("ar_named:ar_named.Inner.run") as spans:
        assert get("ar_named").ar_named.Inner().run() == 1
    assert [span.name for span in spans] == ["ar_named.Inner.run"]


def test_what_a_package_has_loaded_before_it_exports_lazily_is_woven_as_it_ends(make: Make) -> None:
    make(
        ar_late__in____init__="""
            from ar_late import impl

            def __getattr__(name):
                if name in ("work", "Agent"):
                    return getattr(impl, name)
                raise AttributeError(name)
        """,
        ar_late__in__impl=f"{WORK}work.__module__ = 'ar_late'\nclass Agent:\n    __module__ = 'ar_late'\n"
        "    def run(self):\n        return work()\nREGISTERED = {'work': work}\n",
    )
    with woven("ar_late:*", "ar_late.**:*", "ar_late.**:*.*") as spans:
        package = get("ar_late")
        assert package.Agent().run() == package.impl.REGISTERED["work"]() == 2
    assert [span.name for span in spans] == ["work", "Agent.run", "work"]


def test_asking_a_package_for_names_does_not_run_its_getattr(make: Make) -> None:
    make(
        ar_asked__in____init__="""
            ASKED = []
            def __getattr__(name):
                ASKED.append(name)
                raise AttributeError(name)
        """
    )
    package = get("ar_asked")
    package.ASKED.clear()
    with woven("ar_asked:work", "ar_asked:Agent.run"):
        pass
    assert package.ASKED == []


def test_a_class_whose_metaclass_puts_the_module_before_its_path_is_woven_by_its_path(make: Make) -> None:
    make(
        ar_qualified="""
            class Named(type):
                def __new__(cls, name, bases, entries):
                    entries["__qualname__"] = entries["__module__"] + "." + name
                    return super().__new__(cls, name, bases, entries)

            class Step(metaclass=Named):
                def run(self):
                    return 1

            class Last(Step):
                def end(self):
                    return 2
        """
    )
    with woven("ar_qualified:Step.run", "ar_qualified:*.end") as spans:
        last = get("ar_qualified").Last()
        assert (last.run(), last.end()) == (1, 2)
    assert [span.name for span in spans] == ["Step.run", "Last.end"]


def test_a_reexported_class_is_woven_by_either_name(make: Make) -> None:
    make(
        ar_pack__in____init__="from ar_pack.impl import Agent\n",
        ar_pack__in__impl="class Agent:\n    def run(self):\n        return 1\n",
    )
    with woven("ar_pack:Agent.run") as spans:
        assert get("ar_pack").Agent().run() == 1
    assert len(spans) == 1


def test_a_module_of_importlibs_lazy_loader_is_woven_when_it_is_used(make: Make) -> None:
    make(ar_lazily="RAN = True\n" + WORK)

    def load() -> Any:
        spec: Any = importlib.util.find_spec("ar_lazily")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules["ar_lazily"] = module
        spec.loader.exec_module(module)
        return module

    module = load()
    with woven("ar_lazily:work") as spans:
        assert "RAN" not in object.__getattribute__(module, "__dict__")
        assert module.work() == 2
        assert type(module.__spec__.loader) is importlib.machinery.SourceFileLoader
    assert len(spans) == 1
    assert type(module.work) is types.FunctionType


def test_a_finder_that_makes_modules_lazy_is_followed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make(ar_lazied=WORK)

    class LazyFinder:
        @staticmethod
        def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
            if name != "ar_lazied":
                return None
            spec: Any = importlib.machinery.PathFinder.find_spec(name, path, target)
            spec.loader = importlib.util.LazyLoader(spec.loader)
            return spec

    monkeypatch.setattr(sys, "meta_path", [LazyFinder, *sys.meta_path])
    with woven("ar_lazied:work") as spans:
        module = get("ar_lazied")
        assert "work" not in object.__getattribute__(module, "__dict__")
        assert module.work() == 2
    assert len(spans) == 1


def test_a_module_that_replaces_itself_is_woven_as_what_it_has_become(make: Make) -> None:
    make(
        ar_replaced="""
            import sys
            class Face:
                def work(self):
                    return 2
            sys.modules[__name__] = Face()
        """
    )
    with woven("ar_replaced:Face.work") as spans:
        assert get("ar_replaced").work() == 2
    assert len(spans) == 1


def test_namespace_packages_and_zip_archives_are_woven(make: Make, tmp_path: Path) -> None:
    make(ar_space__in__part=WORK)
    archive = tmp_path / "zipped.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("ar_zipped/__init__.py", WORK)
        file.writestr("ar_zipped/data.txt", "told")
    sys.path.insert(0, str(archive))
    try:
        with woven("ar_space.part:work", "ar_space:nothing", "ar_zipped:work") as spans:
            assert get("ar_space.part").work() == get("ar_zipped").work() == 2
            zipped = get("ar_zipped")
            assert pkgutil.get_data("ar_zipped", "data.txt") == b"told"
            assert importlib.resources.files("ar_zipped").joinpath("data.txt").read_text() == "told"
            assert inspect.getsource(zipped.work) == WORK
            assert zipped.__loader__.is_package("ar_zipped")
            assert zipped.__loader__.get_source("ar_zipped") == WORK
    finally:
        sys.path.remove(str(archive))
    assert len(spans) == 2


def test_a_loader_of_the_applications_own_sees_itself(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Own(importlib.abc.Loader):
        def create_module(self, spec: Any) -> None:
            seen.append(spec.loader is self)

        def exec_module(self, module: Any) -> None:
            seen.append(module.__loader__ is self and module.__spec__.loader is self)
            exec(WORK, vars(module))

        def get_data(self, path: str) -> bytes:
            return b"own"

    class Finder:
        @staticmethod
        def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
            return importlib.machinery.ModuleSpec(name, Own()) if name == "ar_own" else None

    class Old:
        """Has neither method: the import system passes it over."""

    monkeypatch.setattr(sys, "meta_path", [Old(), Finder, *sys.meta_path])
    with woven("ar_own:work") as spans:
        module = get("ar_own")
        assert module.work() == 2
        assert module.__loader__.get_data("x") == b"own"
        module = importlib.reload(module)
        assert module.work() == 2
        assert type(module.__loader__) is type(module.__spec__.loader) is Own
    assert seen == [True] * 3
    assert len(spans) == 2


def test_a_hook_that_imports_within_its_search_and_ends_up_first_is_no_harm(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(ar_hooked=WORK, ar_other=WORK)

    class Hook:
        busy = False

        @classmethod
        def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
            if cls.busy or not name.startswith("ar_"):
                return None
            cls.busy = True
            try:
                get("ar_other")
                return importlib.util.find_spec(name)
            finally:
                cls.busy = False

    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    with woven("ar_hooked:work", "ar_other:work") as spans:
        sys.meta_path.insert(0, Hook)
        assert get("ar_hooked").work() == get("ar_other").work() == 2
        assert type(get("ar_hooked").__spec__) is importlib.machinery.ModuleSpec
    assert len(spans) == 2


def test_a_module_that_came_past_our_finder_is_woven_at_the_next_arrival(make: Make) -> None:
    folder = make(ar_past=WORK, ar_next=WORK)
    with woven("ar_past:work", "ar_next:work") as spans:
        spec: Any = importlib.util.spec_from_file_location("ar_past", folder / "ar_past.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["ar_past"] = module
        spec.loader.exec_module(module)
        get("ar_next")
        assert module.work() == 2
    assert len(spans) == 1


def test_an_exception_in_a_body_has_the_same_traceback(make: Make) -> None:
    make(ar_broken="def fail():\n    raise ValueError('broken')\nfail()\n", ar_through="import ar_broken\n")

    def lines() -> list[str]:
        with pytest.raises(ValueError, match="broken") as caught:
            get("ar_through")
        return traceback.format_exception(caught.value)[2:]

    plain = lines()
    with woven("ar_broken:*", "ar_through:*"):
        assert lines() == plain
        assert "ar_broken" not in sys.modules
        with pytest.raises(ModuleNotFoundError, match="ar_nowhere"):
            get("ar_nowhere")
    assert lines() == plain


def test_a_reload_is_woven_again_and_leaves_no_growth(make: Make) -> None:
    make(
        ar_again=WORK
        + "TOOLS = [work]\nclass Base:\n    def run(self):\n        return 1\nclass Sub(Base):\n    pass\n"
    )
    spans: list[Any] = []
    weaver = Weaver(Recorder(spans.append))
    weaver.weave(make_registry("ar_again:work", "ar_again:Base+.run"))
    try:
        module = get("ar_again")
        importlib.reload(module)
        gc.collect()
        sizes = (len(weaver.ledger), len(list(weaver.points)))
        for _ in range(20):
            importlib.reload(module)
        gc.collect()
        assert (len(weaver.ledger), len(list(weaver.points))) == sizes
        module.work()
        module.TOOLS[0]()
        module.Sub().run()
        assert len(spans) == 3
    finally:
        weaver.undo()
    assert type(module.work) is types.FunctionType
    assert module.TOOLS[0] is module.work


def test_a_module_that_is_loading_when_tracing_begins_is_woven_when_it_ends(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(
        ar_half="import ar_signal\nar_signal.give()\n" + WORK + "SEEN = type(work).__name__\n",
        ar_user="from ar_half import work\n",
    )
    spans: list[Any] = []
    weaver = Weaver(Recorder(spans.append))
    make_signal(monkeypatch, lambda: weaver.weave(make_registry("ar_half:work")))
    try:
        user, half = get("ar_user"), get("ar_half")
        assert half.SEEN == "function"
        assert user.work is half.work
        user.work()
        assert type(half.__spec__) is importlib.machinery.ModuleSpec
    finally:
        weaver.undo()
    assert len(spans) == 1


def test_tracing_that_ends_while_a_module_loads_leaves_it_alone(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make(ar_during="import ar_signal\nar_signal.give()\n" + WORK)
    weaver = Weaver(Recorder(lambda span: None))
    weaver.weave(make_registry("ar_during:work"))
    make_signal(monkeypatch, weaver.undo)
    module = get("ar_during")
    assert type(module.work) is types.FunctionType
    assert type(module.__spec__) is importlib.machinery.ModuleSpec
    assert not [name for name in vars(module.__spec__) if "tracing" in name]


def test_threads_that_import_at_once_all_get_woven_modules(make: Make) -> None:
    make(**{f"ar_thread{n}": f"import ar_shared\n{WORK}" for n in range(12)}, ar_shared=WORK)
    failed: list[BaseException] = []
    barrier = threading.Barrier(12)

    def load(n: int) -> None:
        barrier.wait()
        try:
            module = get(f"ar_thread{n}")
            assert module.work() == module.ar_shared.work() == 2
        except BaseException as exc:
            failed.append(exc)

    with woven("ar_thread*:work", "ar_shared:work") as spans:
        threads = [threading.Thread(target=load, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failed == []
    assert len(spans) == 24


def test_importing_while_tracing_begins_and_ends_neither_blocks_nor_fails(make: Make) -> None:
    make(**{f"ar_busy{n}": f"{'import ar_busy' + str(n - 1) if n % 5 else ''}\n{WORK}" for n in range(40)})
    failed: list[BaseException] = []
    done = threading.Event()

    def load() -> None:
        try:
            for n in range(40):
                assert get(f"ar_busy{n}").work() == 2
        except BaseException as exc:
            failed.append(exc)
        finally:
            done.set()

    thread = threading.Thread(target=load)
    weaver = Weaver(Recorder(lambda span: None))
    registry = make_registry("ar_busy*:work")
    thread.start()
    while not done.is_set():
        weaver.weave(registry)
        weaver.undo()
    thread.join(30)
    assert not thread.is_alive()
    assert failed == []
    weaver.undo()
    assert all(type(get(f"ar_busy{n}").work) is types.FunctionType for n in range(40))
    assert all(type(get(f"ar_busy{n}").__spec__) is importlib.machinery.ModuleSpec for n in range(40))


def test_modules_that_are_held_weakly_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    held, lost = types.ModuleType("ar_weak"), types.ModuleType("ar_lost")
    monkeypatch.setitem(sys.modules, "ar_weak", weakref.proxy(held))
    monkeypatch.setitem(sys.modules, "ar_lost", weakref.proxy(lost))
    del lost
    gc.collect()
    with woven("ar_weak:*", "ar_lost:*", "ar_none:*"):
        gone = weakref.ref(held)
        del held
        gc.collect()
        assert gone() is None


def test_instances_that_exist_already_are_traced(make: Make) -> None:
    make(ar_early="class A:\n    def run(self):\n        return 1\na = A()\n")
    module = get("ar_early")
    held = module.a.run
    with woven("ar_early:A.*") as spans:
        assert module.a.run() == 1
        assert held() == 1
    assert len(spans) == 1  # a bound method that was taken before has the raw function within


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("datetime:date.today", "immutable type 'datetime.date'"),
        ("builtins:len", "builtins"),
        ("builtins:str.upper", "immutable type 'str'"),
    ],
)
def test_what_is_written_in_c_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    weaver = Weaver(Recorder(lambda span: None))
    weaver.weave(make_registry(pattern))
    try:
        assert [str(target) for target in weaver.refused] == [pattern]
        assert reason in next(iter(weaver.refused.values()))
        [problem] = weaver.unmatched()
        assert f"{pattern!r} cannot be traced" in problem.message
        assert reason in problem.message
    finally:
        weaver.undo()


def test_a_warning_that_a_reloaded_body_gives_names_the_caller_that_it_named_untraced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "warning_body.py").write_text("import warnings\nwarnings.warn('old', stacklevel=2)\ndef f(): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def places() -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import warning_body  # type: ignore[import-not-found]

            importlib.reload(warning_body)
        del sys.modules["warning_body"]
        return [warning.filename for warning in caught]

    untraced = places()
    with woven("warning_body:*"):
        assert places() == untraced
