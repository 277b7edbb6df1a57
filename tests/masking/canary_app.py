"""An application that has canaries in every place of its spans; run as a process of its own.

    python -m tests.masking.canary_app REGISTRY [crash] [sdk]

It says ``ready`` when everything is flushed, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import enum
import json
import logging
import re
import sys
import types
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import attrs
from opentelemetry import baggage, context, trace

import tracing_proxies
from tests.masking.canaries import texts


@dataclass
class Note:
    body: str


@attrs.define
class Letter:
    body: str
    notes: deque[Note]


class Pair(NamedTuple):
    left: str
    right: str


class Agent:
    """What the registry traces; each method puts its text somewhere else."""

    def act(self, text: str, *rest: str, **options: Any) -> str:
        return text

    def nest(self, note: Note, pair: Pair, document: str, raw: dict[Any, Any], *rest: Any) -> list[Any]:
        return [note, pair, {text: [text] for text in raw}]

    def fail(self, text: str) -> None:
        try:
            raise KeyError(text)
        except KeyError as error:
            failure = type(text, (ValueError,), {})(f"cannot act: {text}")
            failure.__notes__ = [text]  # what `add_note` does from Python 3.11 on
            raise failure from error

    def fail_together(self, text: str) -> None:
        raise sys.modules["builtins"].ExceptionGroup(text, [ValueError(text), KeyError(text)])

    def refuse(self, text: str) -> dict[str, str]:
        return {"status": "error", "reason": text}

    def stream(self, text: str) -> Iterator[str]:
        yield text
        yield from text.split(": ", 1)

    def speak(self, text: str) -> Iterator[str]:
        yield from (text[at : at + 6] for at in range(0, len(text), 6))

    async def astream(self, text: str) -> AsyncIterator[str]:
        yield text

    async def abreak(self, text: str) -> AsyncIterator[str]:
        yield text
        raise ConnectionError(text)

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

    def answer(self, text: str) -> None:
        """Go on with the trace of a request that has data in its ``tracestate``, where that can hold it."""
        said = [("acme", "" if re.search("[,=\n]", text) else text), ("other", "harmless")]
        told = trace.SpanContext(7, 9, True, trace.TraceFlags(1), trace.TraceState(said))
        token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(told)))
        try:
            self.ask("within a request")
        finally:
            context.detach(token)

    def decide(self, text: str) -> dict[str, Any]:
        """Tell what metrics are made of: who it is, by what it was triggered, with whom it speaks, what it decides."""
        self.ask(text)
        return {"choice": text, text: text, "agents": [text]}

    def ask(self, text: str) -> str:
        return text

    def unfit(self, *given: str) -> list[str]:
        """Make a span that the server refuses."""
        return list(given)


def use(agent: Agent, text: str) -> None:
    agent.act(text, text, **{text: text, "named": {"deep": [text, (text, {text})]}})
    more = (frozenset([text]), enum.Enum("Kind", {"ONE": text}).ONE, Letter(text, deque([Note(text)])))  # type: ignore[attr-defined]
    agent.nest(Note(text), Pair(text, text), json.dumps({"a": text, text: [text]}), {text: text, (text, 1): b""}, *more)

    async def consume(stream: AsyncIterator[str]) -> None:
        async for _ in stream:
            pass

    for fails in (
        agent.fail,
        agent.fail_together,
        lambda _: agent.stream(text).throw(ValueError(text)),  # type: ignore[attr-defined]
        lambda _: asyncio.run(consume(agent.abreak(text))),
    ):
        with suppress(Exception):
            fails(text)
    agent.refuse(text)
    list(agent.stream(text))
    list(agent.speak(text))
    asyncio.run(consume(agent.astream(text)))
    agent.annotate(text)
    agent.carry(text)
    agent.answer(text)
    agent.decide(text)
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    tracing_proxies.score(trace_id=trace_id, name=text, value=text, comment=text, id=text)


class Sdk:
    """Langfuse's SDK and another library's tracer on its provider, which know nothing of masking."""

    def __init__(self) -> None:
        from langfuse import Langfuse

        from tracing_proxies.langfuse import LangfuseIntegrationService

        self._client = Langfuse(timeout=5)
        self._service = LangfuseIntegrationService.connect()

    def use(self, agent: Agent, text: str) -> None:
        from langfuse import propagate_attributes

        short = text[:200]
        with (
            propagate_attributes(
                user_id=short,
                session_id=short,
                tags=[short],
                metadata={"said": short},
                trace_name=short,
                as_baggage=True,
            ),
            self._client.start_as_current_observation(name=text, as_type="agent", input=[text]) as span,
        ):
            span.update(output={text: text}, metadata={text: text, "deep": [text]}, status_message=text)
            span.update(version=text, level="WARNING")
            self._client.create_event(name=text, input=text, metadata={"a": text})
            self._client.score_current_span(name="told", value=text, comment=text, data_type="CATEGORICAL")
            with self._client.start_as_current_observation(name="model", as_type="generation", model=text) as made:
                made.update(input=[{"role": "user", "content": text}], model_parameters={"stop": text})
                made.update(usage_details={text: 1}, cost_details={text: 0.5})
            agent.act(text)
            self._others(text)
        with self._service.create_trace(text, input={"file": text}, session=short, user=short, tags=[short]) as whole:
            with whole.create_span(text, type="tool") as step:
                step.update(output={text: [text]})
            whole.update(metadata={text: text}, model=text, model_parameters={text: text})
            whole.update(usage={text: 1}, cost={text: 0.5}, version=text, level="ERROR", status_message=text)

    def _others(self, text: str) -> None:
        tracer = trace.get_tracer("openai.instrumentation", attributes={"scope": text})
        attributes: dict[str, Any] = {"gen_ai.prompt": text, "gen_ai.system": text, "langfuse.trace.tags": [text]}
        with tracer.start_as_current_span(f"chat {text}", attributes=attributes) as span:
            for key in ("completion_start_time", "prompt.version", "cost_details", "metadata.deep"):
                span.set_attribute(f"langfuse.observation.{key}", text)
            span.set_attributes({"langfuse.trace.public": text, "langfuse.version": text})
            span.set_attributes({text: text, "http.url": f"https://example.com/?q={text}", "list": [text]})
            span.add_event("said", {"body": text})
            span.add_event(text)
            span.add_link(span.get_span_context(), {"why": text})
            span.record_exception(RuntimeError(text), {"more": text})
            span.set_status(trace.StatusCode.ERROR, text)

    def flush(self) -> None:
        self._client.flush()
        self._service.flush(20)


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
    agent, sdk = Agent(), Sdk() if "sdk" in how else None
    for text in texts():
        use(agent, text)
        if sdk is not None:
            sdk.use(agent, text)
    agent.unfit(*texts())
    if sdk is not None:
        sdk.flush()
    tracing_proxies.flush(20)
    print(json.dumps(tracing_proxies.status()), flush=True)
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
