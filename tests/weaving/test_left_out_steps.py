"""Below a call that is left out, what is only counted has no context of its own: its steps are as untraced."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.weaving.twins import twins
from tracing_proxies.registry.model import SampleRate

SOURCE = """
    import asyncio
    from opentelemetry import context

    def seen():
        return context.get_value("mark")

    async def outer(body):
        context.attach(context.set_value("mark", "outer"))
        return await body()

    async def marks():
        before = seen()
        context.attach(context.set_value("mark", "marks"))
        await asyncio.sleep(0)
        return before, seen()

    async def items():
        for number in range(3):
            context.attach(context.set_value("mark", number))
            yield number, seen()

    def numbers():
        for number in range(3):
            context.attach(context.set_value("mark", number))
            yield number, seen()

    async def awaits():
        return [await marks(), seen()]

    async def reads():
        return [(item, seen()) async for item in items()]

    async def steps():
        return [(item, seen()) for item in numbers()]

    async def gathers():
        return await asyncio.gather(marks(), marks()), seen()

    async def fails():
        await marks()
        raise KeyError(seen())

    async def moves():
        stream = items()
        first = await anext(stream)
        later = await asyncio.create_task(anext(stream))
        await stream.aclose()
        return first, later, seen()
"""
BODIES = ("awaits", "reads", "steps", "gathers", "moves")
COUNTED = ("marks", "items", "numbers", *BODIES, "fails")


def run(module: Any, body: str) -> Any:
    return asyncio.run(module.outer(getattr(module, body)))


@pytest.mark.parametrize("body", BODIES)
def test_what_is_current_in_and_around_its_steps_is_as_untraced(body: str) -> None:
    with twins(SOURCE, ("outer", {"sample": SampleRate(0.0)}), *COUNTED) as (untraced, traced, spans):
        assert run(traced, body) == run(untraced, body)
        assert spans == []


def test_each_of_its_calls_is_counted_once_with_its_error() -> None:
    with twins(SOURCE, ("outer", {"sample": SampleRate(0.0)}), *COUNTED) as (_, traced, _spans):
        recorder = traced.marks._self_tp.recorder
        with pytest.raises(KeyError):
            run(traced, "fails")
        run(traced, "gathers")
        run(traced, "moves")
        counted = {name.rpartition(":")[2]: tally.count_all() for name, tally in recorder.tallies.items()}
    assert counted["marks"] == (3, 0)
    assert counted["fails"] == (1, 1)
    assert counted["gathers"] == (1, 0)
    assert counted["items"] == (1, 0)
    assert counted["outer"] == (3, 1)
