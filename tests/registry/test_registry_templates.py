"""Templates fill in a call's values; conditions are judged at load."""

from __future__ import annotations

import sys
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from tracing_proxies.registry.conditions import judge
from tracing_proxies.registry.fields import MISSING
from tracing_proxies.registry.paths import PathError, compile_path
from tracing_proxies.registry.template import compile_template


def call(**args: Any) -> Any:
    return SimpleNamespace(args=args, positional=(), self=MISSING, result=MISSING, error=None, function="run")


class Foreign:
    def __str__(self) -> str:
        raise AssertionError("foreign code ran")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{function}.{args.a}", "run.1"),
        ("{args.absent}", "?"),
        ("{{{args.a}}}", "{1}"),
        ("{args.none}/{args.true}", "null/true"),
        ("{args.foreign}", f"{__name__}.Foreign"),
        ("{args.long}", "x" * 200),
    ],
)
def test_a_template_is_filled(text: str, expected: str) -> None:
    scope = call(a=1, none=None, true=True, foreign=Foreign(), long="x" * 1_000)
    assert compile_template(text)(scope) == expected


def test_a_text_without_braces_is_constant() -> None:
    assert compile_template("a {{b}}").constant == "a {b}"
    assert compile_template("a {self.b}").constant is None


@pytest.mark.parametrize(
    ("text", "offset"), [("{self.x", 0), ("a}", 1), ("ab{nobody}", 3), ("{self.{x}}", 6), ("{}", 1)]
)
def test_a_mistake_is_reported_at_its_offset_in_the_whole_text(text: str, offset: int) -> None:
    with pytest.raises(PathError) as caught:
        compile_template(text)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("env.MODE == 'prod'", True),
        ("env.MODE", True),
        ("env.ABSENT", False),
        ("env.ABSENT != 'x'", False),
        ("not env.ABSENT", True),
        ("package('attrs')", True),
        (f"package('attrs') >= '{metadata.version('attrs')}'", True),
        ("package('no-such-distribution-here') >= '0'", False),
        ("python >= '3.10' and python < '4'", True),
        ("python >= '3.9' and env.ABSENT or env.MODE == 'prod'", True),
        (f"platform == '{sys.platform}'", True),
        ("not (env.MODE == 'prod')", False),
    ],
)
def test_a_condition_is_judged(text: str, expected: bool) -> None:
    assert judge(text, {"MODE": "prod"}) is expected


@pytest.mark.parametrize("text", ["", "env", "env.MODE < 'x'", "package(attrs)", "pyhton >= '3'", "python >= 3", "a b"])
def test_a_condition_with_a_mistake_is_refused(text: str) -> None:
    with pytest.raises(PathError):
        judge(text, {})


class Unhashable(type):
    """A metaclass whose classes can be asked for nothing."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(cls, other: object) -> bool:
        raise AssertionError("foreign code has run")


class OfUnhashable(metaclass=Unhashable):
    """An object that no table of classes knows."""


def test_an_object_whose_class_cannot_be_hashed_is_named_and_judged_like_any_other() -> None:
    scope = SimpleNamespace(args={"x": OfUnhashable()}, result=[OfUnhashable()], error=None)
    assert compile_template("{args.x}")(scope) == f"{__name__}.OfUnhashable"
    for text in ("args.x", "args.x not in [1, 2]", "not (args.x == 1)", "not (args.x < 1)", "not (result == [1])"):
        assert compile_path(text).holds(scope)
