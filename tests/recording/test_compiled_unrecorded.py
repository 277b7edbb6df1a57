"""What is compiled counts calls that are left out as its originals do: results, counts, stubs, and what stays alive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.recording import left_out
from tests.recording.test_compiled_outcome import VALUES, originally, scope_of
from tracing_proxies.compiled import hot
from tracing_proxies.recording.unrecorded import Unrecorded
from tracing_proxies.registry import fields
from tracing_proxies.registry.paths import compile_path
from tracing_proxies.sampling.plan import Plan

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

ROOT = Path(__file__).parents[2]
CASES = examples(60)


def test_calls_that_are_left_out_come_to_the_same() -> None:
    found = left_out.run_both(CASES)
    for compiled, original in zip(*found, strict=True):
        assert compiled == original
        assert (compiled["left"], compiled["open"]) == (0, [0, 0, 0])
        if "the_first_of_a_stream" not in json.dumps(
            compiled["told"]
        ):  # which an event loop holds: untraced as well, in newer Pythons
            assert compiled["alive"] == 0
    # They have been through all of it.
    whole = json.dumps(found[0])
    assert all(f'"{kind}"' in whole for kind in ("later", "up_to_the_first", "the_first_of_a_stream", "deeply"))
    assert all(f"'{reason}'" in whole for reason in ("error", "slow", "above"))
    assert "'error.returned': True" in whole


CONDITIONS = [
    *left_out.CONDITIONS,
    *('result.status in ["failed", 7, 1.5] and result.item', "not (result.status and not args.order.status)"),
    *('result.status | endswith("d")', "first(result.item, args.order.item) in [7]", "result | first(2)"),
    *(
        "result.status == 7",
        "result.status == 1.5",
        "result.status == null",
        "result.item | round",
        "error.message == result",
    ),
    *('first(result.nowhere, result.item.status, null) == "ok"', "(result.item or args.order).status", "not error"),
]


@settings(max_examples=examples(250))
@given(st.sampled_from(CONDITIONS), VALUES, VALUES, st.sampled_from([None, fields.MISSING, ValueError("a", 1)]))
def test_a_condition_comes_to_the_same(text: str, order: Any, result: Any, error: Any) -> None:
    scope = scope_of(order, result, error)
    expected, found = originally(text), compile_path(text)
    assert repr(found(scope)) == repr(expected(scope))
    assert found.holds(scope) is expected.holds(scope)
    assert repr(found.matched(scope)) == repr(expected.matched(scope))


@pytest.mark.parametrize(
    "wrong",
    [
        ("nothing", (repr,)), ("equals", (repr,)), ("equals", (repr, repr), 1), ("among", (repr,), (1,)), ("not", ()),
        ("startswith", (repr,), 7), ("piped", (repr,)), ("any", [repr]),
    ],
)  # fmt: skip
def test_a_judgement_is_made_only_with_what_it_needs(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        hot.Judgement(*wrong)


def of_root(rule: str) -> left_out.Case:
    """Weave one method, with a rule that reads more of its calls."""
    return left_out.Case(0, f"  - match: {left_out.M}:Shop.sell\n    {rule}\n")


def test_the_random_number_of_a_trace_decides_on_it_once() -> None:
    case = of_root("outcome: { status: result.status }")
    case.tail.controller.plan = Plan(0.5, 1.0, 1.0, 0.0, 0.0)
    shop = case.module.Shop()
    for _ in range(600):
        shop.sell({"status": "ok"})
    recorded = case.tail.left_out + len(case.spans)
    case.undo()
    assert case.tail.arrived == 600
    assert 220 < recorded < 380  # half of them, sd 12; by two decisions it were a quarter


def test_a_burst_of_traces_that_are_left_out_rouses_the_controller_before_its_time() -> None:
    case = of_root('error_when: result.status == "failed"')
    case.tail.controller.sudden = 10
    shop = case.module.Shop()
    for _ in range(120):
        shop.sell({"status": "ok"})
    case.undo()
    assert {1, 11, 61, 111} <= set(case.roused)


def test_a_stream_that_nobody_holds_any_more_has_ended_with_its_last_step() -> None:
    case = of_root('error_when: result.status == "failed"')
    case.weaver.weave(
        left_out.registry_of(
            f"  - match: [{left_out.M}:visit, {left_out.M}:Shop.items]\n    outcome: {{ a: result }}\n"
        )
    )
    seen = []

    def begin_to_read() -> None:
        stream = case.module.Shop().items("oil")
        assert next(stream) == "oil"
        seen.append((stream._tp_state.recording, stream._tp_state.left))

    case.module.visit(begin_to_read)
    case.undo()
    [(call, left)] = seen
    assert type(call) is Unrecorded
    assert (call.stop, call.args, call.kwargs, call.instance, call.parent) == (left, (), {}, None, None)


def test_what_only_counts_a_call_is_made_and_asked_without_any_advice() -> None:
    made = Unrecorded.stand_in(7, 5)
    assert (made.root, made.trace_id, made.random, made.parent, made.stop, made.kwargs) == (made, 7, 5, None, None, {})
    made.stop, made.refused = 3, True
    del made.stop, made.refused
    assert (made.stop, made.refused) == (None, False)
    with pytest.raises(AttributeError):
        made.finish(None)  # it has no recipe to count for
