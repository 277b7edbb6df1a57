"""Capture paths read what Python would read, and nothing that runs foreign code."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracing_proxies.registry.fields import MISSING
from tracing_proxies.registry.paths import PathError, compile_path


def a_call(**parts: Any) -> Any:
    """Make a call as the recorder shows it to a path."""
    usual = {"args": {}, "positional": (), "self": MISSING, "result": MISSING, "error": None}
    return SimpleNamespace(**{**usual, **parts})


class ForeignCodeRan(BaseException):
    """Passes by every `except Exception`."""


class Hostile:
    """Fails the test whenever any of its code runs."""

    def _fail(self, *args: Any) -> Any:
        raise ForeignCodeRan

    __eq__ = __lt__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __getattr__ = _fail
    __hash__ = __str__ = __repr__ = __round__ = _fail  # type: ignore[assignment]

    @property
    def total(self) -> int:
        return self._fail()  # type: ignore[no-any-return]


class Order:
    def __init__(self) -> None:
        self.lines = [{"sku": "a", "n": 1}, {"sku": "b"}]

    @property
    def total(self) -> int:
        return 42

    @property
    def broken(self) -> int:
        raise RuntimeError("not today")


def read(text: str, **parts: Any) -> Any:
    return compile_path(text)(a_call(**parts))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("args.event.kind", "sale"),
        ("args[1]", 7),
        ("args[-1]", 7),
        ("args[5]", MISSING),
        ("self.lines[0].sku", "a"),
        ("self.lines[*].sku", ["a", "b"]),
        ("self.lines[*].n", [1]),
        ("self.lines[*].none", []),
        ("self.total", MISSING),
        ("self.total!", 42),
        ("self.absent.more", MISSING),
        ("error.type", "ValueError"),
        ("error.message", "bad, 3"),
        ("first(self.absent, args.event.none, args.event.kind)", "sale"),
        ("first(self.absent)", MISSING),
        ("self.lines | len", 2),
        ("self | type", f"{__name__}.Order"),
        ("args.event.kind | first(2)", "sa"),
        ("args.price | round(1)", 2.3),
        ("args.event.kind | startswith('sa')", True),
        ("args.event['kind']", "sale"),
        ("args.event.kind in ['sale', 'return']", True),
        ("'x' in self.absent", False),
        ("not ('x' in self.absent)", True),
        ("self.absent == null", False),
        ("self.absent != 1", False),
        ("args.event.none == null", True),
        ("args.event.kind < 3", False),
        ("self.absent or 'default'", "default"),
        ("env.TRACING_PROXIES_TEST_PATH", "here"),
        ("env.TRACING_PROXIES_TEST_ABSENT", MISSING),
    ],
)
def test_a_path_reads_what_it_says(text: str, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACING_PROXIES_TEST_PATH", "here")
    event = {"kind": "sale", "none": None}
    found = read(
        text,
        args={"event": event, "price": 2.345},
        positional=(event, 7),
        self=Order(),
        error=ValueError("bad", 3),
    )
    assert found is MISSING if expected is MISSING else found == expected


@pytest.mark.parametrize(
    "text",
    [
        "result", "result.total", "result.x", "result[0]", "result[*]", "result[*].x", "result | len", "result | hash",
        "result | type", "result | first(3)", "result | round", "result | startswith('a')", "result == 1",
        "result == result", "result < 2", "result in [1]", "1 in result", "not result", "result and true",
        "result or false", "first(result.x, result)", "[result] == [1]",
    ],
)  # fmt: skip
def test_no_path_runs_foreign_code(text: str) -> None:
    compile_path(text)(a_call(result=Hostile()))


def test_a_property_that_raises_is_missing() -> None:
    assert read("result.broken!", result=Order()) is MISSING


def test_a_hash_is_short_stable_and_tells_values_apart() -> None:
    one, two = ({"a": [1, "x"]}, {"a": [1, "y"]})
    found = read("result | hash", result=one)
    assert found == read("result | hash", result={"a": [1, "x"]})
    assert found != read("result | hash", result=two)
    assert len(found) == 16


def test_a_path_knows_what_it_reads() -> None:
    path = compile_path("first(args.order.id, args[0]) == self.id and (env.MODE | hash) != 'x'")
    assert path.names == {"order"}
    assert path.roots == {"args", "self", "env"}
    assert path.reads == (("args", "order", "id"), ("args",), ("self", "id"))


def test_a_condition_shows_the_value_that_it_judged() -> None:
    path = compile_path("result.ok == false or result.status in ['failed', 'timeout']")
    call = a_call(result={"ok": True, "status": "timeout"})
    assert path.holds(call)
    assert path.matched(call) == "timeout"


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("reslt.a", 0),
        ("result.status = 1", 14),
        ("result.", 7),
        ("result[a]", 7),
        ("result | upper", 9),
        ("result | first", 14),
        ("print(result)", 0),
        ("1 < result < 3", 11),
        ("'open", 0),
        ("env", 0),
        ("result.a result.b", 9),
        ("(" * 50 + "1" + ")" * 50, 32),
    ],
)
def test_a_mistake_is_reported_where_it_stands(text: str, offset: int) -> None:
    with pytest.raises(PathError) as caught:
        compile_path(text)
    assert caught.value.offset == offset


@given(st.text(alphabet="argselfult.[]*()|!'\" 0123,=<and_", max_size=40))
@settings(max_examples=500)
def test_any_text_is_compiled_or_refused_at_a_place_inside(text: str) -> None:
    offset = 0
    try:
        compile_path(text)(a_call(result={"a": [1]}))
    except PathError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)
