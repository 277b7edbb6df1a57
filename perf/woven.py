"""Traces what a benchmark calls, at a level of detail that stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tracing_proxies
from tracing_proxies import runtime
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.testing import registry_from

EVERYTHING = Plan(1.0, 1.0, 1.0, 1.0, 1.0)
STUBS_OF_ERRORS = Plan(0.0, 0.0, 1.0, 0.0, 0.0)


def weave(*rules: str, budget: str = "unlimited", plan: Plan | None = None) -> None:
    """Trace what some rules name, into nowhere.

    Args:
        rules: each in YAML's flow style.
        budget: what tracing may cost.
        plan: the probabilities that hold instead of what the budget would lead to.
    """
    listed = "\n".join(f"  - {{ {rule} }}" for rule in rules)
    tracing_proxies.activate(
        registry_from(
            f"version: 1\nexport: {{ discard: {{}} }}\nreload: {{ watch: off }}\n"
            f"sampling: {{ budget: {budget} }}\ntrace:\n{listed}\n"
        )
    )
    if plan is not None:
        _hold(plan)


@contextmanager
def woven(*rules: str, budget: str = "unlimited", plan: Plan | None = None) -> Iterator[None]:
    """Trace what some rules name, as `weave` does, for as long as a block lasts."""
    try:
        weave(*rules, budget=budget, plan=plan)
        yield
    finally:
        tracing_proxies.deactivate()


def _hold(plan: Plan) -> None:
    """Have the sampler follow a plan from now on, whatever the machine's load is."""
    active = runtime._runtime
    assert active is not None
    controller, tail = active.budgeting._controller, active.recorder.tail
    assert controller is not None
    assert tail is not None
    controller.plan = plan
    controller.step = lambda: None  # type: ignore[method-assign]
    tail._rare_after = 1 << 62  # else the first call of each target is kept for being rare


def switch(on: bool) -> None:
    """Do what `tracing-proxies off` and `on` have a process do."""
    runtime._switch(on)


def flush() -> None:
    """Wait until the worker rests."""
    assert tracing_proxies.flush(10)
