"""The ledger puts back exactly what it replaced."""

from __future__ import annotations

import types
from typing import Any
from unittest import mock

import pytest

from tracing_proxies.weaving.ledger import Ledger


def _make_class() -> Any:
    class Base:
        def run(self) -> str:
            return "base"

        @classmethod
        def make(cls) -> str:
            return cls.__name__

        @property
        def size(self) -> int:
            return 1

    class Sub(Base):
        pass

    return Sub


def test_undo_leaves_every_entry_identical() -> None:
    sub = _make_class()
    base = sub.__base__
    module = types.ModuleType("m")
    module.run = base.run  # type: ignore[attr-defined]
    before = {owner: dict(vars(owner)) for owner in (sub, base, module)}
    ledger = Ledger()
    for owner, name in ((base, "run"), (base, "make"), (base, "size"), (sub, "run"), (module, "run"), (base, "run")):
        ledger.replace(owner, name, lambda *_: "ours")
    assert len(ledger) == 6
    assert ledger.undo() == []
    assert len(ledger) == 0
    for owner, entries in before.items():
        now = dict(vars(owner))
        assert now.keys() == entries.keys()
        assert all(now[name] is entries[name] for name in entries)


def test_a_foreign_wrapper_on_top_stays_and_is_reported() -> None:
    base = _make_class().__base__
    ledger = Ledger()
    ledger.replace(base, "run", lambda self: "ours")
    foreign = lambda self: "theirs"  # noqa: E731
    base.run = foreign
    covered = ledger.undo()
    assert [mutation.name for mutation in covered] == ["run"]
    assert vars(base)["run"] is foreign


def test_a_patch_around_us_that_has_put_the_original_back_is_fine() -> None:
    base = _make_class().__base__
    original = vars(base)["run"]
    ledger = Ledger()
    with mock.patch.object(base, "run", original):
        ledger.replace(base, "run", lambda self: "ours")
    assert ledger.undo() == []
    assert vars(base)["run"] is original


def test_a_c_type_refuses_and_nothing_is_recorded() -> None:
    ledger = Ledger()
    with pytest.raises(TypeError):
        ledger.replace(int, "bit_length", None)
    assert len(ledger) == 0
