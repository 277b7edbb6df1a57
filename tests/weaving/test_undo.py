"""Whatever happens around and during tracing, afterwards everything is as it would be without."""

from __future__ import annotations

import functools
import gc
import os
import re
import subprocess
import sys
import textwrap
import threading
import types
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import wrapt

import tracing_proxies
from tests.weaving import odd, sample
from tests.weaving.support import make_registry, woven
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.testing import registry_from
from tracing_proxies.weaving.weaver import Weaver

ACTIVATIONS = int(os.environ.get("ACTIVATIONS", "300"))
M = "tests.weaving.sample"
TEXT = f"version: 1\nexport: {{ discard: {{}} }}\ntrace:\n  - match: ['{M}:*', '{M}:*.*', '{M}:Base+.*']\n"


def by_wraps(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def by_wrapt(function: Any) -> Any:
    return wrapt.FunctionWrapper(function, lambda wrapped, instance, args, kwargs: wrapped(*args, **kwargs))


@pytest.mark.parametrize("wrap", [by_wraps, by_wrapt])
def test_a_foreign_wrapper_on_top_stays_and_ours_passes_through(wrap: Callable[[Any], Any]) -> None:
    raw, method = sample.plain, vars(sample.Base)["run"]
    try:
        with woven(f"{M}:plain", f"{M}:Base.run") as spans:
            sample.plain = foreign = wrap(sample.plain)
            sample.Base.run = foreign_method = wrap(vars(sample.Base)["run"])  # type: ignore[method-assign]
            assert sample.plain(1) == 3
            assert sample.Base().run("x") == "base runs x"
            assert len(spans) == 2
        assert sample.plain is foreign
        assert vars(sample.Base)["run"] is foreign_method
        assert sample.plain(1) == 3
        assert sample.Base().run("x") == "base runs x"
        assert len(spans) == 2
        with woven(f"{M}:plain", f"{M}:Base.run") as again:
            sample.plain(1)
            sample.Base().run("x")
        assert len(again) == 2
        assert sample.plain is foreign
    finally:
        sample.plain = raw
        sample.Base.run = method  # type: ignore[method-assign]


@pytest.mark.parametrize("wrap", [by_wraps, by_wrapt])
def test_a_foreign_wrapper_beneath_is_what_remains(wrap: Callable[[Any], Any]) -> None:
    raw = sample.plain
    try:
        sample.plain = foreign = wrap(raw)
        with woven(f"{M}:plain") as spans:
            assert sample.plain(1) == 3
        assert sample.plain is foreign
        assert len(spans) == 1
    finally:
        sample.plain = raw


def test_a_foreign_wrapper_that_goes_again_leaves_the_original_in_the_end() -> None:
    raw = sample.plain
    with woven(f"{M}:plain"):
        ours = sample.plain
        sample.plain = by_wraps(ours)
        sample.plain = ours
    assert sample.plain is raw


@pytest.mark.parametrize("autospec", [False, True])
def test_a_patch_that_began_before_and_ends_within_puts_its_original_back(autospec: bool) -> None:
    raw = sample.plain
    patch = mock.patch.object(sample, "plain", autospec=autospec)
    patch.start().return_value = 7
    with woven(f"{M}:plain"):
        assert sample.plain(1) == 7
        patch.stop()
        assert sample.plain(1) == 3
    assert sample.plain is raw


@pytest.mark.parametrize("autospec", [False, True])
def test_a_patch_around_is_undone_after_us(autospec: bool) -> None:
    raw, method = sample.plain, vars(sample.Base)["run"]
    with (
        mock.patch.object(sample, "plain", autospec=autospec),
        mock.patch.object(sample.Base, "run", autospec=autospec),
    ):
        stood = sample.plain
        with woven(f"{M}:plain", f"{M}:Base.run"):
            sample.plain(1)
        assert sample.plain is stood
        stood.assert_called_once_with(1)
    assert sample.plain is raw
    assert vars(sample.Base)["run"] is method


@pytest.mark.parametrize("autospec", [False, True])
def test_a_patch_within_is_traced_around_and_untraced_during(autospec: bool) -> None:
    raw = vars(sample.Base)["run"]
    with woven(f"{M}:Base.run") as spans:
        with mock.patch.object(sample.Base, "run", autospec=autospec) as patched:
            patched.return_value = "patched"
            assert sample.Base().run("x") == "patched"
        assert sample.Base().run("x") == "base runs x"
    assert len(spans) == 1
    assert vars(sample.Base)["run"] is raw


def test_a_patch_within_that_ends_afterwards_puts_back_what_passes_through() -> None:
    raw = sample.plain
    try:
        with woven(f"{M}:plain") as spans:
            patch = mock.patch.object(sample, "plain")
            patch.start()
        patch.stop()
        assert sample.plain(1) == 3
        assert spans == []
        with woven(f"{M}:plain") as spans:
            sample.plain(1)
        assert len(spans) == 1
        assert sample.plain is raw
    finally:
        sample.plain = raw


def test_an_autospec_of_a_woven_function_has_its_signature() -> None:
    with woven(f"{M}:plain", f"{M}:Base.*"):
        double = mock.create_autospec(sample.plain)
        double(1, b=2)
        with pytest.raises(TypeError):
            double()
        instance = mock.create_autospec(sample.Base)("x")
        instance.run("task")
        with pytest.raises(TypeError):
            instance.run()


def test_hundreds_of_activations_leave_no_growth_of_any_kind() -> None:
    # In a process of its own: each activation looks at all modules, and that of the tests has thousands.
    code = "from tests.weaving.test_undo import activate_again_and_again as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")


def activate_again_and_again() -> None:
    """Assert that nothing has grown after it."""
    registry = registry_from(TEXT)
    entries = {owner: dict(vars(owner)) for owner in (sample, sample.Base, sample.Sub, sample.Recursive)}

    def cycle(times: int) -> tuple[int, ...]:
        for _ in range(times):
            tracing_proxies.activate(registry)
            tracing_proxies.deactivate()
        gc.collect()
        return (
            len(sys.meta_path),
            len(sys.modules),
            threading.active_count(),
            len(weakref.getweakrefs(sample)),
            len(weakref.getweakrefs(sample.Base)),
        )

    def objects() -> int:
        return sum(1 for found in gc.get_objects() if type(found) in (dict, tuple, list, set, types.FunctionType))

    before = cycle(20)
    counted = objects()
    assert cycle(ACTIVATIONS) == before
    assert objects() - counted < ACTIVATIONS // 2
    for owner, was in entries.items():
        now = dict(vars(owner))
        assert list(now) == list(was)
        assert [name for name in was if now[name] is not was[name]] == []


def test_nothing_is_registered_anew_at_each_activation() -> None:
    code = """
        import atexit, os, sys, tracing_proxies
        from tracing_proxies.testing import registry_from
        registry = registry_from("version: 1\\nexport: { discard: {} }\\ntrace:\\n  - match: json:dumps\\n")
        def cycle():
            tracing_proxies.activate(registry)
            tracing_proxies.deactivate()
        cycle()
        exits, forks = [], []
        atexit.register = lambda *a, **k: exits.append(a)
        os.register_at_fork = lambda **k: forks.append(k)
        for _ in range(50):
            cycle()
        print(len(exits), len(forks), sys.gettrace(), sys.getprofile())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "0 0 None None\n", done.stderr


def test_activating_twice_weaves_once_and_one_deactivation_ends_it() -> None:
    raw, before = sample.plain, list(sys.meta_path)
    registry = registry_from(TEXT)
    tracing_proxies.activate(registry)
    first, sizes = sample.plain, tracing_proxies.status()["woven"]
    tracing_proxies.activate(registry)
    tracing_proxies.activate(registry_from(TEXT))
    try:
        assert sample.plain is first
        assert tracing_proxies.status()["woven"] == sizes
        assert len(sys.meta_path) == len(before) + 1
    finally:
        tracing_proxies.deactivate()
    assert sample.plain is raw
    assert sys.meta_path == before


def test_classes_that_the_application_drops_are_freed_while_tracing() -> None:
    weaver = Weaver(Recorder(lambda span: None))
    weaver.weave(make_registry(f"{M}:Base+.run", f"{M}:Base+.size"))

    def make() -> weakref.ref[type]:
        class Dynamic(sample.Base):
            def run(self, task: str) -> str:
                return super().run(task)

            again = run

            @property
            def size(self) -> int:
                return 1

        assert Dynamic().run("x") == "base runs x"
        assert vars(Dynamic)["run"] is vars(Dynamic)["again"]
        assert Dynamic().size == 1
        return weakref.ref(Dynamic)

    try:
        make()
        gc.collect()
        sizes = (len(weaver.ledger), len(list(weaver.points)), len(weaver.points.raws))
        gone = [make() for _ in range(50)]
        gc.collect()
        assert [reference() for reference in gone] == [None] * 50
        assert (len(weaver.ledger), len(list(weaver.points)), len(weaver.points.raws)) == sizes
        assert len(weaver._subclasses._reported) <= 3
    finally:
        weaver.undo()


def test_classes_made_while_tracing_are_restored_too() -> None:
    with woven(f"{M}:Base+.run", f"{M}:plain"):

        class Late(sample.Base):
            def run(self, task: str) -> str:
                return "late"

            borrowed = staticmethod(sample.plain)
            again = run

        assert Late().run("x") == "late"
    assert type(vars(Late)["run"]) is types.FunctionType
    assert vars(Late)["again"] is vars(Late)["run"]


def test_undo_in_strict_mode_is_exact_for_objects_with_unkind_metaclasses() -> None:
    before = [(owner, dict(vars(owner))) for owner in (odd, odd.Base, odd.Holder, odd.Odd, odd.Zone)]
    with woven(f"{odd.__name__}:*", f"{odd.__name__}:*.*", f"{odd.__name__}:Base+.*"):
        pass
    for owner, was in before:
        now = dict(vars(owner))
        assert list(now) == list(was)
        assert all(now[name] is was[name] for name in was)


FAILING = """
import tracing_proxies
import prod
from tracing_proxies.testing import registry_from

def setup_module():
    if {traced}:
        text = "version: 1\\nexport: {{ discard: {{}} }}\\ntrace:\\n  - match: ['prod:*', 'prod:A.*']\\n"
        tracing_proxies.activate(registry_from(text))

def teardown_module():
    tracing_proxies.deactivate()

def test_function():
    prod.outer(1)

def test_method():
    prod.A().run()

{more}
"""
STREAM = """
def test_generator():
    list(prod.numbers())
"""
PROD = """
def outer(n):
    return inner(n)

def inner(n):
    raise ValueError("no")

class A:
    def run(self):
        return self.deeper()

    def deeper(self):
        return inner(2)

def numbers():
    yield 1
    inner(3)
"""


# One process tells each failure in every style: what a style prints is made of the same exception.
CONFTEST = """
import sys

STYLES = ("auto", "long", "short", "line", "native")

def pytest_runtest_makereport(item, call):
    if call.excinfo is None:
        return
    for style in STYLES:
        # A generator's own frame is told natively, and Python 3.10 puts the catching frame back into the traceback.
        if style == "native" and (sys.version_info < (3, 11) or item.name == "test_generator"):
            continue
        item.config.option.tbstyle = style
        print(f"[{item.name} {style}]", item.repr_failure(call.excinfo), sep="\\n", file=sys.__stdout__)
    item.config.option.tbstyle = "auto"
"""


def test_a_failing_test_reads_as_untraced(tmp_path: Path) -> None:
    def output(traced: bool) -> str:
        folder = tmp_path / str(traced)
        folder.mkdir()
        (folder / "prod.py").write_text(PROD)
        (folder / "conftest.py").write_text(CONFTEST)
        (folder / "test_prod.py").write_text(FAILING.format(traced=traced, more=STREAM))
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-s", "-q", "test_prod.py"]
        environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
        # Addresses, durations and the two programs' only difference aside.
        text = done.stdout.replace(str(folder), "").replace(f"if {traced}:", "")
        return re.sub(r"0x[0-9a-f]+|in [0-9.]+s", "", text)

    told = output(True)
    assert told == output(False)
    assert told.count("[test_") == (14 if sys.version_info >= (3, 11) else 12)
    assert "3 failed" in told
