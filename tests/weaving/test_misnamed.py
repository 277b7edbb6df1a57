"""Names in a rule that nothing traced has, of parameters and exceptions, are reported with the nearest right one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tracing_proxies.errors import Problem
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.weaving.weaver import Weaver

SOURCE = """\
def handle(trigger, *rest, limit=1): return trigger
def spread(**options): return options
def nothing(): return None
class Agent:
    def run(self, task): return task
    def stop(self): return None
    def any(*given): return given
    @staticmethod
    def load(path): return path
"""


@pytest.fixture(autouse=True)
def shop() -> Iterator[None]:
    module = ModuleType("misnamed_shop")
    exec(SOURCE, vars(module))
    sys.modules[module.__name__] = module
    yield
    del sys.modules[module.__name__]


def problems_of(rules: str, *, pending: bool = False) -> list[Problem]:
    text = "version: 1\n" + rules.replace("shop:", "misnamed_shop:")
    weaver = Weaver(Recorder(lambda span: None))
    weaver.weave(parse_registry(text, base=Path("/nowhere"), environ={}))
    try:
        return weaver.unmatched(pending=pending)
    finally:
        weaver.undo()


def test_a_name_that_is_no_parameter_is_reported_where_it_stands_with_the_nearest_one() -> None:
    (problem,) = problems_of("trace:\n  - match: shop:handle\n    metadata: { x: args.triger.id }")
    assert (problem.code, problem.place.line, problem.place.column) == ("TP214", 4, 20)
    assert problem.suggestion == "trigger"
    assert "misnamed_shop:handle has parameters limit, rest, trigger" in problem.message


@pytest.mark.parametrize(
    ("match", "value"),
    [
        ("shop:handle", "args.trigger"),
        ("shop:handle", "args.rest"),
        ("shop:handle", "args.limit"),
        ("shop:spread", "args.anything"),
        ("shop:Agent.run", "args.task"),
        ("shop:Agent.any", "args.given"),
        ("shop:Agent.load", "args.path"),
        ("shop:Agent.*", "args.task"),
        ("[shop:handle, shop:Agent.run]", "first(args.trigger, args.task)"),
    ],
)
def test_a_parameter_of_any_of_the_rules_targets_is_right(match: str, value: str) -> None:
    assert problems_of(f"trace: [{{ match: {match}, user: '{value}' }}]") == []


@pytest.mark.parametrize(
    "rule",
    [
        "match: shop:Agent.run, user: args.self",
        "match: shop:nothing, user: args.x",
        "match: shop:Agent.*, except: shop:Agent.run, user: args.task",
        "match: shop:handle, name: '{args.x}'",
        "match: shop:handle, if: args.x == 1",
        "match: shop:handle, input: { a: args.x }",
    ],
)
def test_a_parameter_that_no_target_has_is_a_mistake_wherever_it_is_read(rule: str) -> None:
    assert [problem.code for problem in problems_of(f"trace: [{{ {rule} }}]")] == ["TP214"]


def test_a_role_is_judged_by_all_the_rules_that_have_it() -> None:
    roles = "roles: { r: { user: args.task } }\n"
    both = "trace: [{ match: shop:handle, role: r }, { match: shop:Agent.run, role: r }]"
    assert problems_of(roles + both) == []
    (problem,) = problems_of(roles + "trace: [{ match: shop:handle, role: r }]")
    assert (problem.place.line, problem.place.column) == (2, 21)


def test_an_exception_that_excepts_nothing_is_reported_with_the_nearest_name() -> None:
    (problem,) = problems_of("trace:\n  - match: shop:Agent.*\n    except: [shop:Agent.stp, 'shop:Agent.x*']")
    assert (problem.code, problem.place.line, problem.place.column) == ("TP203", 4, 14)
    assert problem.suggestion == "misnamed_shop:Agent.stop"
    assert problems_of("trace: [{ match: shop:Agent.*, except: [shop:Agent.stop, elsewhere:x] }]") == []


def test_a_rule_that_subclasses_may_still_join_is_judged_only_when_asked_for() -> None:
    rule = "trace: [{ match: shop:Agent+.run, user: args.goal }]"
    assert problems_of(rule) == []
    assert [problem.code for problem in problems_of(rule, pending=True)] == ["TP214"]
