"""Facts of wrapping that other tests do not state: classes, frameworks, foreign wrappers, types that refuse.

Kinds are in `test_kinds`, streams in `test_generators`, `test_async_generators`, `test_abandoned_streams` and
`test_stream_objects`, lifetimes and recursion in `test_lifetimes`, callers' frames in `test_frames` and
`test_frameless`, odd values in `test_hostile`, subclasses and undo in `test_weaver` and `test_ledger`.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import importlib
import inspect
import sys
import textwrap
import traceback
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
import wrapt
from fastapi.testclient import TestClient

from tests.weaving.support import woven
from tests.weaving.twins import NAME, outcome, twins
from tracing_proxies.weaving.proxies import is_woven, raw_of

SOURCE = """
    import abc, contextlib, functools

    class Trouble(Exception):
        def __init__(self, code):
            super().__init__(code)
            self.code = code

    class Shape(abc.ABC):
        __match_args__ = ("size",)
        def __init__(self, size):
            self.size = size
        def area(self):
            return self.size ** 2
        @classmethod
        def unit(cls):
            return cls(1)

    class Square(Shape):
        def area(self):
            return ("square", super().area())

    class Careless(Shape):
        def __init_subclass__(cls, **kwargs):
            pass  # and does not call super()

    class Bare:
        def method(self):
            return 1

    def plain(a: int, b: str = "b") -> dict:
        return {"a": a, "b": b}

    async def later(a: int) -> int:
        return a

    def fails(code):
        raise Trouble(code)

    async def fails_later(code):
        raise Trouble(code)

    def fails_yielding(code):
        yield 1
        raise Trouble(code)

    async def fails_yielding_later(code):
        yield 1
        raise Trouble(code)

    @contextlib.contextmanager
    def swallows():
        try:
            yield
        except KeyError:
            pass

    @contextlib.asynccontextmanager
    async def swallows_later():
        try:
            yield
        except KeyError:
            pass

    @contextlib.contextmanager
    def fails_leaving():
        try:
            yield
        finally:
            raise Trouble(1)
"""


def test_a_class_whose_construction_is_traced_stays_the_class_itself() -> None:
    with twins(SOURCE, "Trouble.__init__", "Shape.__init__") as (_, traced, spans):
        shape = traced.Square(2)
        assert type(shape) is traced.Square
        assert issubclass(traced.Square, traced.Shape)
        match shape:
            case traced.Shape(size):
                assert size == 2
        try:
            traced.fails(3)
        except traced.Trouble as exc:
            assert (type(exc), exc.code) == (traced.Trouble, 3)
        assert type(object.__new__(traced.Square)) is traced.Square
    assert [span.name for span in spans] == ["Shape.__init__", "Trouble.__init__"]


def test_pydantic_validates_calls_of_a_woven_function() -> None:
    with twins(SOURCE, "plain") as (_, traced, spans):
        validated = pydantic.validate_call(traced.plain)
        assert validated("3", b="x") == {"a": 3, "b": "x"}
        with pytest.raises(pydantic.ValidationError):
            validated("three")
    assert [span.input for span in spans] == [{"a": 3, "b": "x"}]


def test_methods_of_a_pydantic_model_are_traced_and_its_fields_stay() -> None:
    source = """
        from pydantic import BaseModel, computed_field, field_validator
        class Model(BaseModel):
            a: int
            def double(self):
                return self.a * 2
            @field_validator("a")
            @classmethod
            def check(cls, value):
                return abs(value)
            @computed_field
            @property
            def half(self) -> float:
                return self.a / 2
    """
    with twins(source, "Model.*") as (untraced, traced, spans):
        for module in (untraced, traced):
            model = module.Model(a="-3")
            assert (model.double(), model.model_dump()) == (6, {"a": 3, "half": 1.5})
            assert list(module.Model.model_fields) == ["a"]
            assert module.Model.model_json_schema()["properties"]["a"]["type"] == "integer"
            assert outcome(lambda model=model: setattr(model, "double", 1))[0] == "raised"  # type: ignore[misc]
    assert "Model.double" in [span.name for span in spans]


def test_fastapi_routes_and_dependencies_may_be_woven_functions() -> None:
    source = """
        from typing import Annotated, Any
        from fastapi import Depends, FastAPI

        def current_user(token: str = "nobody") -> str:
            return token.upper()

        async def session(a: int):
            yield a + 1

        class Pager:
            def __init__(self, limit: int = 10):
                self.limit = limit
            def __call__(self, page: int = 1) -> int:
                return page * self.limit

        def build():
            app = FastAPI()

            @app.get("/")
            async def read(
                user: Annotated[str, Depends(current_user)],
                opened: Annotated[int, Depends(session)],
                offset: Annotated[int, Depends(Pager(20))],
                pager: Annotated[Any, Depends(Pager)],
            ) -> Any:
                return user, opened, offset, pager.limit

            app.get("/user")(current_user)
            return app
    """
    names = ("current_user", "session", "Pager.__call__", "Pager.__init__")
    with twins(source, *names) as (untraced, traced, spans):
        answers = []
        for module in (untraced, traced):
            app = module.build()
            client = TestClient(app)
            found = [client.get("/?token=me&a=1&page=3&limit=7"), client.get("/?a=x"), client.get("/user?token=it")]
            answers.append([*((each.status_code, each.json()) for each in found), app.openapi()["paths"]])
        assert answers[0] == answers[1]
        assert answers[1][0] == (200, ["ME", 2, 60, 7])
    assert {span.name for span in spans} == set(names)


def test_suppression_by_a_manager_is_forwarded_and_what_leaving_raises_is_an_error() -> None:
    async def main(module: Any) -> str:
        async with module.swallows_later():
            raise KeyError("k")
        return "went on"

    with twins(SOURCE, "swallows", "swallows_later", "fails_leaving") as (_, traced, spans):
        with traced.swallows():
            raise KeyError("k")
        assert asyncio.run(main(traced)) == "went on"
        with pytest.raises(OSError), traced.swallows():
            raise OSError("o")
        with pytest.raises(traced.Trouble), traced.fails_leaving():
            pass
    assert [span.level for span in spans] == ["DEFAULT", "DEFAULT", "ERROR", "ERROR"]


def test_a_subclass_whose_parent_keeps_its_definition_to_itself_is_found_after_an_import(
    tmp_path: Any, monkeypatch: Any
) -> None:
    (tmp_path / "shapes_module.py").write_text(textwrap.dedent(SOURCE))
    (tmp_path / "awaited_module.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    with woven("shapes_module:Shape+.area", "awaited_module:*") as spans:
        shapes = importlib.import_module("shapes_module")

        class Hidden(shapes.Careless):  # type: ignore[misc,name-defined]
            def area(self) -> str:
                return "hidden"

        assert not is_woven(vars(Hidden)["area"])
        importlib.import_module("awaited_module")
        assert is_woven(vars(Hidden)["area"])
        assert Hidden(1).area() == "hidden"
    assert len(spans) == 1
    assert not is_woven(vars(Hidden)["area"])
    for name in ("shapes_module", "awaited_module"):
        del sys.modules[name]


def test_a_method_named_at_its_heir_and_at_its_owner_is_woven_once() -> None:
    with twins(SOURCE, "Square.unit", "Shape.unit", "Shape+.unit") as (_, traced, spans):
        assert "unit" not in vars(traced.Square)
        assert type(traced.Square.unit()) is traced.Square
        assert type(traced.Shape.unit()) is traced.Shape
    assert len(spans) == 2


def test_an_attribute_that_is_set_while_woven_stays_on_the_function() -> None:
    with twins("def f():\n    return 1\n", "f") as (_, traced, _spans):
        raw = raw_of(traced.f)
        traced.f.mark = "set"
        assert raw.mark == "set"
        assert traced.f == raw
        assert hash(traced.f) == hash(raw)
        assert traced.f is not raw
        del traced.f.mark
        assert not hasattr(raw, "mark")


def test_a_method_that_the_application_has_decorated_by_wrapt_is_traced_and_stays_theirs() -> None:
    source = """
        import wrapt
        calls = []
        @wrapt.decorator
        def counting(wrapped, instance, args, kwargs):
            calls.append(instance is not None)
            return wrapped(*args, **kwargs)
        class C:
            @counting
            def method(self, a):
                return a
            @counting
            @classmethod
            def made(cls, a):
                return cls.__name__, a
    """
    with twins(source, "C.*") as (untraced, traced, spans):
        for module in (untraced, traced):
            assert (module.C().method(1), module.C.made(2)) == (1, ("C", 2))
            assert isinstance(vars(module.C)["method"], wrapt.FunctionWrapper)
            assert str(inspect.signature(module.C().method)) == "(a)"
        assert traced.calls == untraced.calls
    assert [span.name for span in spans] == ["C.method", "C.made"]
    assert not is_woven(vars(traced.C)["method"])


def test_a_foreign_decorator_over_a_woven_function_is_called_once_and_outlives_us() -> None:
    with twins("def f(a):\n    return a\n", "f") as (_, traced, spans):
        inner = traced.f

        @functools.wraps(inner)
        def over(*args: Any) -> Any:
            return "over", inner(*args)

        assert over(1) == ("over", 1)
        assert over.__wrapped__ is inner  # type: ignore[attr-defined]
        assert str(inspect.signature(over)) == "(a)"
        assert len(spans) == 1
    assert over(2) == ("over", 2)
    assert len(spans) == 1


async def _await(awaitable: Any) -> Any:
    return await awaitable


async def _read(stream: Any) -> Any:
    return [item async for item in stream]


FAILURES: dict[str, Callable[[Any], Any]] = {
    "fails": lambda m: m.fails(1),
    "fails_later": lambda m: asyncio.run(_await(m.fails_later(1))),
    "fails_yielding": lambda m: list(m.fails_yielding(1)),
    "fails_yielding_later": lambda m: asyncio.run(_read(m.fails_yielding_later(1))),
    "fails_leaving": lambda m: _leave(m.fails_leaving()),
}


def _leave(manager: Any) -> None:
    with manager:
        pass


@pytest.mark.parametrize("name", FAILURES)
def test_every_frame_of_ours_in_a_traceback_is_hidden_from_pytest(name: str) -> None:
    with twins(SOURCE, name) as (_, traced, _spans), pytest.raises(traced.Trouble) as caught:
        FAILURES[name](traced)
    ours = [
        frame.f_code
        for frame, _ in traceback.walk_tb(caught.value.__traceback__)
        if frame.f_globals.get("__name__", "").startswith("tracing_proxies")
    ]
    assert [code.co_name for code in ours if "__tracebackhide__" not in code.co_varnames] == []


def test_a_c_type_is_refused_and_stays_as_it_is(monkeypatch: Any) -> None:
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "0")
    before = vars(datetime.date)["isoformat"]
    with woven("datetime:date.isoformat", "datetime:date.today") as spans:
        assert datetime.date(2020, 1, 1).isoformat() == "2020-01-01"
        assert vars(datetime.date)["isoformat"] is before
    assert spans == []


def test_weaving_adds_no_annotations_to_a_class_that_has_none() -> None:
    with twins(SOURCE, "*.*", "Shape+.*") as (_, traced, _spans):
        traced.Bare().method()
        assert "__annotations__" not in vars(traced.Bare)
        assert "__annotations__" not in vars(traced.Shape)
    assert "__annotations__" not in vars(traced.Bare)


def test_a_reader_of_func_reaches_the_traced_function() -> None:
    with twins(SOURCE, "Shape.unit", "Shape.area") as (_, traced, spans):
        assert traced.Shape.unit.__func__(traced.Square).size == 1
        assert traced.Shape(3).area.__func__(traced.Shape(2)) == 4
    assert [span.name for span in spans] == ["Shape.unit", "Shape.area"]


def test_code_that_unwraps_a_function_still_calls_the_traced_one() -> None:
    with twins(SOURCE, "plain", "Shape.area") as (_, traced, spans):
        assert inspect.unwrap(traced.plain)(1) == {"a": 1, "b": "b"}
        assert getattr(traced.plain, "__wrapped__", traced.plain)(2) == {"a": 2, "b": "b"}
        assert inspect.unwrap(traced.Shape(2).area)() == 4
    assert len(spans) == 3


def test_a_module_under_its_own_name_is_what_the_proxies_say() -> None:
    with twins(SOURCE, "plain") as (_, traced, _spans):
        assert traced.plain.__module__ == NAME
        assert traced.plain.__globals__ is vars(traced)
