"""Modules are woven as their bodies end though nobody imports them: a scanner of plugins runs them by their loaders."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.weaving.support import woven
from tracing_proxies import failures
from tracing_proxies.compiled import hot
from tracing_proxies.weaving import bodies

pytestmark = pytest.mark.skipif(hot is None, reason="a frame of ours would stand above each body")

Make = Callable[..., Path]
WORK = "def work(n=1):\n    return n * 2\n"


@pytest.fixture(autouse=True)
def nothing_of_ours_fails() -> Iterator[None]:
    """Look whether anything was contained."""
    before = failures.counts()
    yield
    assert failures.counts() == before


def scan(spec: Any, *, known: bool = True) -> Any:
    """Load a module as scanners of plugins do."""
    module = importlib.util.module_from_spec(spec)
    if known:
        sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def at(file: Path) -> Any:
    """Find a module by its place."""
    return importlib.util.spec_from_file_location(file.stem, file)


def test_a_plugin_that_a_scanner_loads_is_woven_as_its_body_ends(make: Make) -> None:
    file = make(bo_plugin=WORK + "TOOLS = {'work': work}\n") / "bo_plugin.py"
    with woven("bo_plugin:work") as spans:
        spec = at(file)
        module = scan(spec)
        assert module.work() == module.TOOLS["work"]() == 2
        assert module.work is module.TOOLS["work"]
        assert type(spec) is importlib.machinery.ModuleSpec
        assert type(module.__loader__) is type(spec.loader) is importlib.machinery.SourceFileLoader
    assert len(spans) == 2
    assert module.work is module.TOOLS["work"]


def test_what_the_import_system_has_found_and_a_scanner_loads_is_woven_too(make: Make) -> None:
    make(bo_found=WORK)
    with woven("bo_found:work") as spans:
        spec = importlib.util.find_spec("bo_found")
        assert scan(spec).work() == 2
        assert type(spec) is importlib.machinery.ModuleSpec
    assert len(spans) == 1


def test_what_a_loader_loads_by_itself_is_woven_too(make: Make) -> None:
    file = make(bo_old=WORK) / "bo_old.py"
    with woven("bo_old:work") as spans, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module: Any = importlib.machinery.SourceFileLoader("bo_old", str(file)).load_module()
        assert module.work() == 2
        assert type(module.__spec__) is importlib.machinery.ModuleSpec
    assert len(spans) == 1


def test_what_a_finder_before_ours_finds_is_woven_as_its_body_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make(bo_first=WORK + "def early():\n    return work()\nSEEN = early()\n")

    class First:
        @staticmethod
        def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
            return importlib.machinery.PathFinder.find_spec(name, path) if name == "bo_first" else None

    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    with woven("bo_first:*") as spans:
        sys.meta_path.insert(0, First)  # type: ignore[arg-type]
        module = importlib.import_module("bo_first")
        assert module.early() == 2
        assert type(module.__spec__) is importlib.machinery.ModuleSpec
        module = importlib.reload(module)
        assert module.early() == 2
    assert [span.name for span in spans] == ["work", "early"] * 2


def test_a_module_that_nobody_can_find_by_its_name_is_left_alone(make: Make) -> None:
    file = make(bo_nameless=WORK) / "bo_nameless.py"
    with woven("bo_nameless:work") as spans:
        assert scan(at(file), known=False).work() == 2
    assert not spans


def test_a_body_and_its_exception_see_no_frame_of_ours(make: Make) -> None:
    folder = make(
        bo_seen="import sys\nframe, SEEN = sys._getframe(), []\n"
        "while frame:\n    SEEN.append(frame.f_code.co_name)\n    frame = frame.f_back\n",
        bo_broken="def fail():\n    raise ValueError('broken')\nfail()\n",
    )

    def look() -> tuple[list[str], list[str]]:
        found = scan(at(folder / "bo_seen.py")).SEEN
        with pytest.raises(ValueError, match="broken") as caught:
            scan(at(folder / "bo_broken.py"))
        return found, traceback.format_exception(caught.value)

    plain = look()
    with woven("bo_seen:*", "bo_broken:*"):
        assert look() == plain


def test_the_loaders_method_is_as_it_was_when_nobody_listens_any_more(make: Make) -> None:
    file, loader = make(bo_undone=WORK) / "bo_undone.py", importlib.machinery.SourceFileLoader
    raw = loader.exec_module
    with woven("bo_undone:work"):
        with woven("bo_elsewhere:*"):
            assert loader.exec_module is not raw
        assert scan(at(file)).work() == 2
    assert loader.exec_module is raw


@pytest.mark.parametrize("owner", [importlib.machinery.SourceFileLoader, bodies._LOADER])
def test_whoever_wraps_the_loaders_method_keeps_it(make: Make, monkeypatch: pytest.MonkeyPatch, owner: Any) -> None:
    file, raw = make(bo_wrapped=WORK) / "bo_wrapped.py", owner.exec_module
    with woven("bo_wrapped:work"):
        over = owner.exec_module
        monkeypatch.setattr(owner, "exec_module", lambda self, module: over(self, module))
    assert scan(at(file)).work() == 2
    with woven("bo_wrapped:work") as spans:
        assert scan(at(file)).work() == 2
    assert len(spans) == 1
    monkeypatch.undo()
    with woven("bo_wrapped:work"):
        pass
    assert owner.exec_module is raw


@pytest.mark.parametrize("given", [(), (7,), (type("NoModule", (), {})(),)])
def test_what_is_no_module_fails_as_untraced(given: tuple[Any, ...]) -> None:
    loader = importlib.machinery.SourceFileLoader("bo_none", "bo_none.py")

    def fail() -> str:
        with pytest.raises(Exception) as caught:
            loader.exec_module(*given)
        return repr(caught.value)

    plain = fail()
    with woven("bo_none:*"):
        assert fail() == plain


@pytest.mark.parametrize("given", [(), (repr, repr, repr, 1, (), None), (repr, repr, repr, 1, [], {})])
def test_the_compiled_part_takes_only_what_it_needs(given: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        hot.run_body(*given)


def test_a_listener_that_raises_is_heard_of() -> None:
    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    ran: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        hot.run_body(fail, repr, ran.append, None, (1,), {})
    with pytest.raises(KeyboardInterrupt):
        hot.run_body(lambda *_: 1, fail, ran.append, None, (1,), {})
    assert ran == [1]
