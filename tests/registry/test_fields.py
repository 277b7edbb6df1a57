"""Fields of foreign objects are read without running any of their code."""

from __future__ import annotations

import dataclasses
import enum
from collections import OrderedDict, namedtuple
from typing import Any

import attrs
import pytest
from pydantic import BaseModel

from tracing_proxies.registry.fields import MISSING, module_of, read_field, type_name


@dataclasses.dataclass
class Order:
    number: int


@attrs.define
class Slotted:
    number: int


class Model(BaseModel):
    number: int


Pair = namedtuple("Pair", "number other")


class Level(enum.Enum):
    HIGH = "high"


class Watched:
    constant = 3

    def __init__(self) -> None:
        self.number = 1

    @property
    def total(self) -> int:
        return 42

    def __getattr__(self, name: str) -> Any:
        raise KeyboardInterrupt(name)


@pytest.mark.parametrize(
    "value",
    [{"number": 1}, OrderedDict(number=1), Order(1), Slotted(1), Model(number=1), Pair(1, 2), Watched()],
    ids=["dict", "OrderedDict", "dataclass", "attrs", "pydantic", "namedtuple", "instance"],
)
def test_a_field_is_read_from_every_known_kind(value: Any) -> None:
    assert read_field(value, "number") == 1
    assert read_field(value, "absent") is MISSING


def test_properties_run_only_when_asked_for() -> None:
    assert read_field(Watched(), "total") is MISSING
    assert read_field(Watched(), "total", call_properties=True) == 42
    assert read_field(Watched(), "constant") == 3


def test_enums_and_exceptions_show_their_parts() -> None:
    assert read_field(Level.HIGH, "value") == "high"
    assert read_field(ValueError("broken", 3), "message") == "broken, 3"
    assert read_field(ValueError("broken"), "type") == "ValueError"


def test_a_class_that_was_made_without_a_module_has_none() -> None:
    namespace: dict[str, Any] = {}
    exec("A = type('A', (), {'x': 1})", namespace)
    if "__module__" in vars(namespace["A"]):
        pytest.skip("this Python names one")
    assert module_of(namespace["A"]) == ""
    assert type_name(namespace["A"]) == "A"
    assert read_field(namespace["A"](), "x") == 1
