"""Which methods of the same name have to know of one another's calls."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import pytest

from tests.weaving.support import make_registry
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.weaving.weaver import Weaver

SOURCE = """
class Base:
    def run(self): ...
    def close(self): ...

class Other(Base):
    def run(self): ...
    @staticmethod
    def close(): ...

def run(): ...
"""
ALL = ("namesakes:*", "namesakes:*.*")


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    made = types.ModuleType("namesakes")
    exec(SOURCE, vars(made))
    sys.modules["namesakes"] = made
    yield made
    del sys.modules["namesakes"]


def marked(weaver: Weaver) -> set[str]:
    return {name.split(":")[1] for name, tally in weaver.recorder.tallies.items() if tally.has_namesakes}


@pytest.mark.usefixtures("module")
def test_methods_that_may_join_a_call_of_the_same_name_know_one_another_and_functions_never() -> None:
    weaver = Weaver(Recorder(lambda span: None))
    weaver.weave(make_registry(*((pattern, {"nested": "merge"}) for pattern in ALL)))
    assert marked(weaver) == {"Base.run", "Other.run"}
    weaver.undo()


@pytest.mark.usefixtures("module")
def test_methods_that_join_nothing_do_not_until_a_reload_has_one_of_them_join() -> None:
    weaver = Weaver(Recorder(lambda span: None))
    weaver.weave(make_registry(*((pattern, {"nested": "child"}) for pattern in ALL)))
    assert marked(weaver) == set()
    weaver.weave(make_registry((ALL[1], {"nested": "child"}), ("namesakes:Other.run", {"nested": "merge"})))
    assert marked(weaver) == {"Base.run", "Other.run"}
    weaver.undo()
