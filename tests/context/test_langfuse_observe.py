"""Observations of Langfuse's own SDK nest under our spans, and ours under theirs, in one trace."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langfuse import Langfuse, observe
from langfuse._client.resource_manager import LangfuseResourceManager
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.context.conftest import named, only
from tests.context.test_opentelemetry import assert_chain
from tests.context.work import inner, inner_async, outer, outer_async, unsampled
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer, start_server
from tracing_proxies.testing import CapturedSpan


class Sdk:
    """Langfuse's client with a provider of its own, and what it has exported."""

    def __init__(self, server: ContractServer) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.client = Langfuse(
            public_key=PUBLIC_KEY, secret_key=SECRET_KEY, base_url=server.url, tracer_provider=provider
        )
        self.server = server

    def exported(self) -> dict[str, Any]:
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture(scope="module")
def server() -> Iterator[ContractServer]:
    found = start_server()
    yield found
    found.stop()


@pytest.fixture
def sdk(server: ContractServer, spans: list[CapturedSpan]) -> Iterator[Sdk]:
    server.reset()
    LangfuseResourceManager.reset()
    made = Sdk(server)
    yield made
    made.client.shutdown()
    LangfuseResourceManager.reset()


@observe(name="theirs")
def theirs(work: Any, *args: Any) -> Any:
    return work(*args)


@observe(name="theirs async", as_type="agent")
async def theirs_async(work: Any, *args: Any) -> Any:
    return await work(*args)


def test_an_observed_function_is_below_our_span_and_ours_below_it(spans: list[CapturedSpan], sdk: Sdk) -> None:
    assert outer(theirs, inner, "answer") == "answer"
    assert_chain(only(spans, "outer"), sdk.exported()["theirs"], only(spans, "inner"))


def test_our_span_is_below_an_observed_function_that_starts_the_trace(spans: list[CapturedSpan], sdk: Sdk) -> None:
    assert theirs(outer, inner, "answer") == "answer"
    assert_chain(sdk.exported()["theirs"], only(spans, "outer"), only(spans, "inner"))


def test_observed_coroutines_nest_in_tasks_and_threads(spans: list[CapturedSpan], sdk: Sdk) -> None:
    async def work() -> None:
        with ThreadPoolExecutor(1) as pool:
            await asyncio.gather(
                asyncio.create_task(inner_async("task")),
                asyncio.to_thread(inner, "to thread"),
                asyncio.get_running_loop().run_in_executor(pool, inner, "pool"),
            )

    asyncio.run(outer_async(theirs_async, work))
    below = [*named(spans, "inner"), *named(spans, "inner_async")]
    assert sorted(span.input["name"] for span in below) == ["pool", "task", "to thread"]
    for span in below:
        assert_chain(only(spans, "outer_async"), sdk.exported()["theirs async"], span)


def test_observed_generators_nest(spans: list[CapturedSpan], sdk: Sdk) -> None:
    @observe(name="stream")
    def stream() -> Iterator[Any]:
        yield inner(1)

    assert outer(lambda: list(stream())) == [1]
    assert_chain(only(spans, "outer"), sdk.exported()["stream"], only(spans, "inner"))


def test_observations_that_are_made_by_hand_nest(spans: list[CapturedSpan], sdk: Sdk) -> None:
    def work() -> None:
        with sdk.client.start_as_current_observation(name="by hand", as_type="generation") as observation:
            inner()
            observation.update(output="done")

    outer(work)
    assert_chain(only(spans, "outer"), sdk.exported()["by hand"], only(spans, "inner"))


def test_what_reaches_the_server_is_one_tree(spans: list[CapturedSpan], sdk: Sdk) -> None:
    outer(theirs, inner)
    sdk.client.flush()
    [received] = sdk.server.wait_for(1)
    top, below = only(spans, "outer"), only(spans, "inner")
    assert (received["trace_id"], received["parent_observation_id"]) == (top.trace_id, top.span_id)
    assert (below.trace_id, below.parent_id) == (received["trace_id"], received["id"])


def test_the_sdk_names_our_trace_and_span_as_the_current_ones(spans: list[CapturedSpan], sdk: Sdk) -> None:
    told = outer(lambda: (sdk.client.get_current_trace_id(), sdk.client.get_current_observation_id()))
    assert told == (spans[0].trace_id, spans[0].span_id)


def test_below_a_call_that_sampling_leaves_out_an_observation_starts_its_own_trace(
    spans: list[CapturedSpan], sdk: Sdk
) -> None:
    unsampled(theirs, inner)
    assert sdk.exported()["theirs"].parent is None


def test_after_an_observed_function_our_span_is_current_again(spans: list[CapturedSpan], sdk: Sdk) -> None:
    def work() -> None:
        before = otel.get_current_span()
        theirs(inner)
        with pytest.raises(ZeroDivisionError):
            theirs(lambda: 1 / 0)
        assert otel.get_current_span() is before
        assert before.is_recording()

    outer(work)
