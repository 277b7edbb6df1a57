"""An application that has canaries in every place of its spans; run as a process of its own.

    python -m tests.masking.canary_app REGISTRY [crash]

It says ``ready`` when everything is flushed, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from opentelemetry import baggage, context, trace

import tracing_proxies
from tests.masking.canaries import texts


@dataclass
class Note:
    body: str


class Pair(NamedTuple):
    left: str
    right: str


class Agent:
    """What the registry traces; each method puts its text somewhere else."""

    def act(self, text: str, *rest: str, **options: Any) -> str:
        return text

    def nest(self, note: Note, pair: Pair, document: str, raw: dict[Any, Any]) -> list[Any]:
        return [note, pair, {text: [text] for text in raw}]

    def fail(self, text: str) -> None:
        try:
            raise KeyError(text)
        except KeyError as error:
            raise ValueError(f"cannot act: {text}") from error

    def refuse(self, text: str) -> dict[str, str]:
        return {"status": "error", "reason": text}

    def stream(self, text: str) -> Iterator[str]:
        yield text
        yield from text.split(": ", 1)

    def speak(self, text: str) -> Iterator[str]:
        yield from (text[at : at + 6] for at in range(0, len(text), 6))

    async def astream(self, text: str) -> AsyncIterator[str]:
        yield text

    def annotate(self, text: str) -> None:
        span = trace.get_current_span()
        span.set_attribute("third.party", text)
        span.set_attributes({"list.of": [text, text], text: 1, "session.id": text, "user.id": text})
        span.add_event(text, {"detail": text})
        span.record_exception(RuntimeError(text))
        span.set_status(trace.StatusCode.ERROR, text)
        span.update_name(f"annotated {text}")

    def carry(self, text: str) -> str:
        token = context.attach(baggage.set_baggage("carried", text))
        try:
            self.act("in the baggage")
            return str(baggage.get_baggage("carried"))
        finally:
            context.detach(token)


def use(agent: Agent, text: str) -> None:
    agent.act(text, text, **{text: text, "named": {"deep": [text, (text, {text})]}})
    agent.nest(Note(text), Pair(text, text), json.dumps({"a": text, text: [text]}), {text: text})
    for fails in (agent.fail, lambda _: agent.stream(text).throw(ValueError(text))):  # type: ignore[attr-defined]
        try:
            fails(text)
        except (KeyError, ValueError):
            pass
    agent.refuse(text)
    list(agent.stream(text))
    list(agent.speak(text))

    async def consume() -> None:
        async for _ in agent.astream(text):
            pass

    asyncio.run(consume())
    agent.annotate(text)
    agent.carry(text)


def crash_the_worker() -> None:
    """Have the worker fail over and over, with data in what is raised."""
    from tracing_proxies import runtime
    from tracing_proxies.delivery.prepare import Preparer
    from tracing_proxies.masking.scan import Scanner

    calls = iter(range(10**9))

    def broken(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *args: Any) -> Any:
            if next(calls) % 3 == 0:
                raise RuntimeError(f"{args}")
            if next(calls) % 50 == 0:
                raise SystemError(f"{args} {[getattr(arg, 'input', None) for arg in args]}")
            return function(self, *args)

        return call

    Scanner.mask = broken(Scanner.mask)  # type: ignore[method-assign]
    Preparer._prepare = broken(Preparer._prepare)  # type: ignore[method-assign]
    assert runtime._runtime is not None


def main(registry: str, *how: str) -> None:
    sys.modules["canary_app"] = types.ModuleType("canary_app")
    vars(sys.modules["canary_app"]).update(Agent=Agent)
    Agent.__module__ = "canary_app"
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    tracing_proxies.activate(registry)
    if "crash" in how:
        crash_the_worker()
    agent = Agent()
    for text in texts():
        use(agent, text)
    tracing_proxies.flush(20)
    print(json.dumps(tracing_proxies.status()), flush=True)
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
