"""Values that raise, never end, are huge or change: the application gets its own back, and a bounded text is kept."""

from __future__ import annotations

import asyncio
import decimal
import json
import math
import socket
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from pydantic import BaseModel, SecretStr

import tracing_proxies
from tests.recording import given
from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.copying import DEFAULT_LIMITS
from tracing_proxies.testing import CapturedSpan, capture_spans, registry_from

NAMES = ["__repr__", "__str__", "__eq__", "__len__", "__hash__", "__bool__", "__iter__", "__getattr__", "__class__"]
RAISED = [ValueError, KeyboardInterrupt, SystemExit, RecursionError]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[CapturedSpan]]:
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "1")  # our own failures are raised
    tracing_proxies.activate(
        registry_from(
            "version: 1\nexport: { discard: {} }\ntrace: [{ match: 'tests.recording.given:*', sample: always }]\n"
        )
    )
    try:
        with capture_spans() as found:
            yield found
    finally:
        tracing_proxies.deactivate()


def hostile(name: str, raised: type[BaseException]) -> Any:
    def refuse(*args: Any) -> Any:
        raise raised("the application's code was called")

    return type("Hostile", (), {name: property(refuse) if name == "__class__" else refuse})()


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("name", NAMES)
def test_what_raises_when_it_is_asked_anything_is_not_asked(
    spans: list[CapturedSpan], name: str, raised: type[BaseException]
) -> None:
    value = hostile(name, raised)
    assert given.echo(value) is value
    inside = [value, {"key": value}, (value,)]
    assert given.echo(inside) is inside
    assert [span.level for span in spans] == ["DEFAULT", "DEFAULT"]
    assert "Hostile" in str(spans[0].output)


def nodes(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(nodes, value.values()))
    return 1 + sum(map(nodes, value)) if isinstance(value, list) else 1


def deep() -> Any:
    value: list[Any] = []
    for _ in range(5_000):
        value = [value]
    return value


def shared() -> Any:
    value: Any = "x"
    for _ in range(40):
        value = [value, value, value]  # 3^40 paths
    return value


def recursive() -> Any:
    value: dict[str, Any] = {}
    value["self"] = [value, {"again": value}]
    return value


@pytest.mark.parametrize(
    "make", [deep, shared, recursive, lambda: list(range(10**6)), lambda: dict.fromkeys(range(10**6))]
)
def test_depth_width_and_shared_parts_are_cut_off_by_work_done(spans: list[CapturedSpan], make: Any) -> None:
    value = make()
    assert given.echo(value) is value
    most = DEFAULT_LIMITS.max_items * 40 * 2
    assert nodes(spans[0].output) <= most
    assert len(json.dumps(spans[0].output)) <= 20 * most


@pytest.mark.parametrize("kind", [str, bytes, bytearray, list])
def test_of_what_is_huge_nothing_is_copied_but_its_head(kind: Any) -> None:
    value: Any = [0] * 4_000_000 if kind is list else kind("x" * 10**8, "ascii") if kind is not str else "x" * 10**8
    tracemalloc.start()
    try:
        copied = snapshot(value)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(json.dumps(copied)) < 20_000
    assert peak < 10**6


def test_of_an_array_its_shape_and_kind_are_kept_and_nothing_is_read(spans: list[CapturedSpan]) -> None:
    def refuse(*args: Any) -> Any:
        raise AssertionError("the device was asked")

    reading = dict.fromkeys(
        ["__repr__", "__str__", "__array__", "tolist", "item", "__iter__", "__len__", "cpu"], refuse
    )
    tensor = type("Tensor", (), {**reading, "__module__": "torch", "shape": (3, 4), "dtype": "torch.float32"})()
    assert given.echo(tensor) is tensor
    assert "shape=(3, 4) dtype=torch.float32" in spans[0].output


def test_numbers_texts_and_keys_of_any_kind_survive(spans: list[CapturedSpan]) -> None:
    value = {
        "nan": math.nan,
        "inf": -math.inf,
        "huge": 10**5_000,
        "large": 2**64,
        "decimal": decimal.Decimal("0.10"),
        "surrogate \udc80": "\ud800 lone",
        "nul": "a\x00b",
        "bytes": b"\xff\x00",
        1: "one",
        "1": "also one",
        None: "none",
        (1, 2): "a tuple",
    }
    assert given.echo(value) is value
    output = spans[0].output
    assert len(output) == len(value), "no key swallows another"
    text = json.dumps(output, ensure_ascii=False).encode()
    assert b"0.10" in text
    assert b"lone" in text


def test_what_can_be_read_only_once_is_not_read(spans: list[CapturedSpan], tmp_path: Path) -> None:
    async def agen() -> Any:
        yield 1

    (tmp_path / "file").write_text("content")
    with (tmp_path / "file").open() as file:
        once: list[Any] = [iter([1, 2]), map(str, [1]), zip([1], [2], strict=True), (n for n in [1]), agen(), file]
        for value in once:
            assert given.echo(value) is value
        assert [list(value) for value in once[:4]] == [[1, 2], ["1"], [(1, 2)], [1]]
        assert file.read() == "content"

    async def rest() -> list[int]:
        return [number async for number in once[4]]

    assert asyncio.run(rest()) == [1]
    stream = given.numbers()
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    stream.close()


def test_a_mock_and_a_lazy_object_are_asked_for_no_attribute(spans: list[CapturedSpan]) -> None:
    class Lazy:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was loaded")

    mock, lazy = MagicMock(), Lazy()
    assert given.echo(mock) is mock
    assert given.echo(lazy) is lazy
    assert mock.mock_calls == []
    assert mock.method_calls == []
    assert not [name for name in mock._mock_children if not name.startswith("_")]


def test_what_changes_while_it_is_copied_is_copied_or_said_to_have_changed(spans: list[CapturedSpan]) -> None:
    value: dict[Any, Any] = {number: number for number in range(40)}
    stop = threading.Event()

    def change() -> None:
        number = 40
        while not stop.is_set():
            value[number] = number
            del value[number - 40]
            number += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(2_000):
            assert given.echo(value) is value
    finally:
        stop.set()
        thread.join()
    assert len(spans) == 2_000
    # None: this thread was held up while it copied, so long that the brake stepped in.
    assert {type(span.output) for span in spans} <= {dict, str, type(None)}
    assert type(spans[0].output) is dict


def test_what_is_changed_after_the_call_was_recorded_as_it_was(spans: list[CapturedSpan]) -> None:
    value = {"items": [1]}
    given.echo(value)
    value["items"].append(2)
    assert spans[0].output == {"items": [1]}


class Held:
    """Can be watched as it goes."""


def test_of_what_belongs_to_the_system_the_type_is_kept_and_no_reference(spans: list[CapturedSpan]) -> None:
    first, second = socket.socketpair()
    held = Held()
    gone = weakref.ref(held)
    values = [first, threading.Lock(), threading.current_thread(), given.frame(), held, sys.stdout]
    for value in values:
        assert given.echo(value) is value
    texts = [str(span.output) for span in spans if span.name == "echo"]
    assert all(text.startswith("<") and text.endswith(">") for text in texts), texts
    del held, value, values
    first.close()
    second.close()
    assert gone() is None


SECRET = "4111 1111 1111 1111"
KEY = "sk-lf-0123456789abcdef0123456789abcdef"


class Account(BaseModel):
    """Holds a secret."""

    owner: str
    password: SecretStr


def test_secrets_stay_secret_in_values_messages_causes_and_groups(spans: list[CapturedSpan]) -> None:
    given.echo(Account(owner="Ada", password=SecretStr(KEY)))
    with pytest.raises(ValueError, match="card"):
        given.throw(ValueError(f"card {SECRET} was refused"))
    with pytest.raises(RuntimeError):
        given.throw_from(RuntimeError("outer"), KeyError(f"card {SECRET}"))
    if sys.version_info >= (3, 11):
        group = ExceptionGroup(f"all of {SECRET}", [ValueError(SECRET), ExceptionGroup("in", [OSError(KEY)])])  # noqa: F821
        with pytest.raises(ExceptionGroup) as caught:  # noqa: F821
            given.throw(group)
        assert caught.value is group
    text = repr(spans)
    assert len(spans) >= 3
    assert SECRET not in text
    assert KEY not in text


@pytest.mark.parametrize(
    "raised",
    [
        asyncio.CancelledError,
        GeneratorExit,
        KeyboardInterrupt,
        SystemExit,
        StopIteration,
        StopAsyncIteration,
        MemoryError,
    ],
)
def test_what_ends_a_program_or_a_loop_passes_as_the_very_same(
    spans: list[CapturedSpan], raised: type[BaseException]
) -> None:
    exc = raised("stop")
    with pytest.raises(raised) as caught:
        given.throw(exc)
    assert caught.value is exc
    assert len(spans) == 1
