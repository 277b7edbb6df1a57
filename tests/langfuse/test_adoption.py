"""What the application makes with Langfuse's SDK becomes part of our traces, in every version of the SDK."""

from __future__ import annotations

import atexit
import gc
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from langfuse import Langfuse
from langfuse._client.resource_manager import LangfuseResourceManager
from opentelemetry.sdk.trace import TracerProvider

import tracing_proxies
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.langfuse import sdk_app, work
from tracing_proxies import runtime
from tracing_proxies.testing import registry_from

M = "tests.langfuse.work"
RULES = f"trace:\n  - match: {M}:*\n    observation: tool\n"
Activate = Callable[..., None]


@pytest.fixture(autouse=True)
def _no_clients() -> Iterator[None]:
    """Forget the clients of other tests: there is one for each project of a process.

    The SDK's own ``reset`` waits for a second for each, until its threads have ended; so does SDK 3 at the exit.
    """
    yield
    while LangfuseResourceManager._instances:
        _, manager = LangfuseResourceManager._instances.popitem()
        atexit.unregister(manager.shutdown)
        refresher = getattr(manager.prompt_cache, "_task_manager", None)
        if refresher is not None:
            atexit.unregister(refresher.shutdown)


class Sdk:
    """A client on a provider of its own."""

    def __init__(self, url: str, **options: Any) -> None:
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.client = Langfuse(
            public_key=PUBLIC_KEY, secret_key=SECRET_KEY, base_url=url, tracer_provider=self.provider, **options
        )

    def third_party(self, scope: str = "acme") -> Any:
        return self.provider.get_tracer(scope)


@pytest.fixture
def sdk(server: ContractServer, activate: Activate) -> Iterator[Sdk]:
    activate(RULES)
    made = Sdk(server.url)
    yield made
    made.client.flush()
    active = runtime._runtime
    if active is not None:
        assert (active.recorder.open, active.recorder.traces) == ({}, {})


def rows(server: ContractServer) -> dict[str, dict[str, Any]]:
    """Deliver, and return what the server has by name; a name comes once."""
    assert tracing_proxies.flush(10)
    found = server.observations()
    assert len({row["name"] for row in found}) == len(found), [row["name"] for row in found]
    return {row["name"]: row for row in found}


def assert_chain(found: dict[str, dict[str, Any]], *names: str) -> None:
    """Assert that observations stand below one another, in one trace with one root."""
    chain = [found[name] for name in names]
    assert len({row["trace_id"] for row in chain}) == 1
    for above, below in itertools.pairwise(chain):
        assert below["parent_observation_id"] == above["id"], (above["name"], below["name"])
    assert [row["name"] for row in found.values() if row["is_root"]] == [names[0]]


def test_ours_above_theirs_above_ours_is_one_tree(server: ContractServer, sdk: Sdk) -> None:
    work.agent(sdk_app.observed, "why", work.tool)
    found = rows(server)
    assert_chain(found, "agent", "observed", "tool")
    assert len(found) == 3


def test_theirs_above_ours_above_theirs_is_one_tree(server: ContractServer, sdk: Sdk) -> None:
    sdk_app.around(sdk.client)
    found = rows(server)
    assert_chain(found, "outer", "agent", "observed")
    assert {row["trace_name"] for row in found.values()} == {"outer"}


def test_nothing_goes_to_the_server_past_our_pipeline(server: ContractServer, sdk: Sdk) -> None:
    sdk_app.around(sdk.client)
    sdk.client.flush()
    rows(server)
    assert len({request["headers"]["user-agent"] for request in server.requests()}) == 1
    assert server.received()["repeated"] == 0


def test_an_observation_says_what_the_sdk_would_have_said(server: ContractServer, sdk: Sdk) -> None:
    sdk_app.observed("why")
    row = rows(server)["observed"]
    assert row["type"] == "AGENT"
    assert json.loads(row["input"]) == {"args": ["why"], "kwargs": {}}
    assert json.loads(row["output"]) == {"answer": "WHY"}
    assert row["metadata"] == {"plain": "text", "number": "3", "nested": '{"a":[1]}'}
    assert row["scope"].startswith("langfuse-sdk")


def test_a_generation_keeps_model_parameters_usage_costs_and_version(server: ContractServer, sdk: Sdk) -> None:
    sdk_app.generation(sdk.client)
    row = rows(server)["model"]
    assert (row["type"], row["model"], row["version"]) == ("GENERATION", "m-1", "v9")
    assert row["usage_details"] == {"input": 10, "output": 5, "total": 15}
    assert json.loads(row["attributes"]["langfuse.observation.cost_details"]) == {"total": 0.25}
    assert json.loads(row["attributes"]["langfuse.observation.model.parameters"]) == {"temperature": 0.5}
    assert json.loads(row["output"])["content"] == "done"


def test_what_the_sdk_records_is_masked_as_all_else_is(server: ContractServer, sdk: Sdk) -> None:
    mail = "anna@example.org"
    sdk_app.generation(sdk.client)
    with pytest.raises(ValueError, match="no stock"):
        sdk_app.failing()
    with sdk.client.start_as_current_observation(
        name="details", metadata={"password": "hunter2", "note": mail}
    ) as made:
        made.update(status_message=f"asked {mail}", version=mail, model_parameters=None)
    with sdk.client.start_as_current_observation(name=f"mail {mail}"):
        pass
    assert tracing_proxies.flush(10)
    found = json.dumps(server.received())
    assert len(server.observations()) == 4
    assert mail not in found
    assert "hunter2" not in found


def test_an_exception_is_an_error_with_its_message(server: ContractServer, sdk: Sdk) -> None:
    with pytest.raises(ValueError, match="no stock"):
        work.agent(sdk_app.failing)
    found = rows(server)
    row = found["failing"]
    assert row["level"] == "ERROR"
    assert row["status_message"].startswith("no stock for ")


def test_an_exception_event_of_a_third_party_is_an_error_too(server: ContractServer, sdk: Sdk) -> None:
    with (
        pytest.raises(KeyError),
        sdk.third_party().start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}),
    ):
        raise KeyError("anna@example.org")
    row = rows(server)["chat"]
    assert (row["level"], row["metadata"]["error.type"]) == ("ERROR", "KeyError")
    assert "anna" not in json.dumps(row)


def test_user_session_and_tags_of_the_sdk_stand_on_all_that_follows(server: ContractServer, sdk: Sdk) -> None:
    from langfuse import propagate_attributes

    def below() -> None:
        with propagate_attributes(user_id="u1", session_id="s1", tags=["a", "b"]):
            sdk_app.observed("why", work.tool)

    work.agent(below)
    for row in rows(server).values():
        assert (row["user_id"], row["session_id"], row["tags"]) == ("u1", "s1", ["a", "b"]), row["name"]


def test_spans_of_third_parties_on_the_sdks_provider_are_adopted(server: ContractServer, sdk: Sdk) -> None:
    tracer = sdk.third_party()
    with tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}) as span:
        span.set_attribute("gen_ai.request.model", "m-2")
        span.set_attribute("gen_ai.usage.input_tokens", 7)
        span.set_attribute("gen_ai.usage.output_tokens", 3)
        span.set_attribute("gen_ai.input.messages", '[{"content": "to anna@example.org"}]')
        span.set_attribute("acme.flag", True)
        work.tool()
    found = rows(server)
    assert_chain(found, "chat", "tool")
    row = found["chat"]
    assert (row["type"], row["model"], row["usage_details"]) == (
        "GENERATION",
        "m-2",
        {"input": 7, "output": 3, "total": 10},
    )
    assert "anna" not in row["input"]
    assert row["metadata"]["acme.flag"] == "true"


def test_a_span_that_the_sdk_filters_out_leaves_no_orphans(server: ContractServer, sdk: Sdk) -> None:
    def below() -> None:
        with sdk.third_party("some.http.client").start_as_current_span("GET /"):
            sdk_app.observed("why")
            work.tool()

    work.agent(below)
    found = rows(server)
    ids = {row["id"] for row in found.values()} | {None}
    assert {row["parent_observation_id"] for row in found.values()} <= ids
    assert [row["name"] for row in found.values() if row["is_root"]] == ["agent"]


def test_what_langchain_tells_the_sdk_is_adopted_and_nests(server: ContractServer, sdk: Sdk) -> None:
    pytest.importorskip("langchain_core", reason="make test-langfuse has it")
    from langchain_core.language_models import FakeListChatModel
    from langchain_core.runnables import RunnableLambda
    from langfuse.langchain import CallbackHandler

    chain = RunnableLambda(lambda text: work.tool(text) and text) | FakeListChatModel(responses=["done"])

    def below() -> None:
        chain.invoke("mail anna@example.org", config={"callbacks": [CallbackHandler()]})

    work.agent(below)
    found = rows(server)
    assert_chain(found, "agent", "RunnableSequence", "FakeListChatModel")
    assert found["FakeListChatModel"]["type"] == "GENERATION"
    ids = {row["id"] for row in found.values()}
    assert found["tool"]["parent_observation_id"] in ids
    assert "anna@" not in json.dumps(server.received())


def test_start_and_end_are_the_sdks_own(server: ContractServer, sdk: Sdk) -> None:
    ended: list[Any] = []
    made = sdk.client.start_observation(name="timed")
    ended.append(made._otel_span)
    made.end()
    row = rows(server)["timed"]
    assert (row["start_time"], row["end_time"]) == (ended[0].start_time, ended[0].end_time)


def test_flushing_the_client_takes_no_time_though_the_server_is_away(server: ContractServer, sdk: Sdk) -> None:
    server.rules(always={"status": 503})
    sdk_app.observed("why")
    sdk.client.flush()
    assert server.requests() == [] or {request["status"] for request in server.requests()} <= {503}
    server.rules()
    assert "observed" in rows(server)


def test_a_span_that_is_never_ended_is_forgotten(server: ContractServer, sdk: Sdk) -> None:
    made = sdk.client.start_observation(name="lost")
    active = runtime._runtime
    assert active is not None
    assert len(active.recorder.open) == 1
    del made
    gc.collect()
    assert (active.recorder.open, active.recorder.traces) == ({}, {})


def test_below_a_call_that_is_left_out_theirs_are_left_out_as_well(server: ContractServer, activate: Activate) -> None:
    activate(f"trace:\n  - match: {M}:agent\n    sample: never\n")
    Sdk(server.url)
    work.agent(sdk_app.observed, "why")
    sdk_app.observed("aloud")
    assert json.loads(rows(server)["observed"]["output"]) == {"answer": "ALOUD"}
    assert tracing_proxies.status()["langfuse"]["left_out"] == 1


def test_a_budget_decides_on_whole_traces_of_both(server: ContractServer, activate: Activate) -> None:
    tracing_proxies.activate(registry_from(f"version: 1\nsampling: {{ budget: 10% }}\n{RULES}"))
    sdk = Sdk(server.url)
    for number in range(100):
        if number % 2:
            work.agent(sdk_app.observed, "why", work.tool)
        else:
            with sdk.client.start_as_current_observation(name="outer"):
                work.agent(work.tool)
    assert tracing_proxies.flush(10)
    found = server.observations()
    ids = {row["id"] for row in found} | {None}
    assert {row["parent_observation_id"] for row in found} <= ids
    traces = {row["trace_id"] for row in found}
    assert sum(row["is_root"] for row in found) == len(traces)
    told = tracing_proxies.status()["delivery"]
    assert told["produced"] == told["delivered"] + told["sampled_out"] + sum(told["dropped"].values())


def test_a_trace_has_a_greatest_size_however_it_begins(server: ContractServer, activate: Activate) -> None:
    activate(f"defaults: {{ budget: {{ spans_per_trace: 4 }} }}\n{RULES}")
    sdk = Sdk(server.url)

    def below() -> None:
        for _ in range(5):
            sdk_app.observed("why")

    work.agent(below)
    with sdk.client.start_as_current_observation(name="outer"):
        below()
    assert tracing_proxies.flush(10)
    names = [row["name"] for row in server.observations()]
    assert names.count("observed") == 6
    summaries = [row for row in server.observations() if row["name"] == "2 more calls"]
    assert [json.loads(row["output"]) for row in summaries] == [{"observed": 2}, {"observed": 2}]
    assert len({row["trace_id"] for row in server.observations()}) == 2


def test_a_client_of_another_project_is_left_alone(server: ContractServer, activate: Activate) -> None:
    activate(RULES)
    client = Langfuse(
        public_key="pk-lf-other", secret_key=SECRET_KEY, base_url=server.url, tracer_provider=TracerProvider()
    )
    with client.start_as_current_observation(name="theirs"):
        work.agent()
    [told] = tracing_proxies.status()["langfuse"]["clients"]
    assert (told["project"], told["adopted"]) == ("pk-lf-other", False)
    assert "another project" in told["reason"]
    assert list(rows(server)) == ["agent"]
    client.shutdown()


@pytest.mark.parametrize(("native", "expected"), [("keep", {"agent", "observed"}), ("mute", {"agent"})])
def test_a_registry_may_leave_theirs_alone_or_drop_them(
    server: ContractServer, activate: Activate, native: str, expected: set[str]
) -> None:
    activate(f"use: [{{ langfuse: {{ native: {native} }} }}]\n{RULES}")
    sdk = Sdk(server.url)
    work.agent(sdk_app.observed, "why")
    sdk.client.flush()
    assert set(rows(server)) == expected


def test_a_local_store_takes_theirs_where_the_registry_says_so(
    server: ContractServer, activate: Activate, tmp_path: Any
) -> None:
    from tracing_proxies.viewer.store import open_for_reading, read_observations

    activate(f"use: [langfuse]\nexport: {{ local: {{ path: {tmp_path / 'traces.db'} }} }}\n{RULES}")
    Sdk(server.url)
    work.agent(sdk_app.observed, "why")
    assert tracing_proxies.flush(10)
    with open_for_reading(tmp_path / "traces.db") as connection:
        [batch] = read_observations(connection, 0, 100)
    assert {one.name for one in batch} == {"agent", "observed"}
    assert server.observations() == []


def test_a_client_that_was_made_before_activation_is_adopted_and_reported(
    server: ContractServer, activate: Activate, caplog: pytest.LogCaptureFixture
) -> None:
    Sdk(server.url)
    activate(RULES)
    [told] = tracing_proxies.status()["langfuse"]["clients"]
    assert (told["project"], told["adopted"], told["early"]) == (PUBLIC_KEY, True, True)
    assert [record.levelname for record in caplog.records if "before tracing was activated" in record.message] == [
        "WARNING"
    ]
    work.agent(sdk_app.observed, "why")
    assert_chain(rows(server), "agent", "observed")


def test_a_client_does_not_thin_traces_before_we_do(
    server: ContractServer, activate: Activate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry import trace as otel

    monkeypatch.setattr(otel, "get_tracer_provider", otel.ProxyTracerProvider)  # as where no other one is set
    monkeypatch.setattr(otel, "set_tracer_provider", lambda provider: None)
    monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "0.01")
    activate(RULES)
    client = Langfuse(public_key=PUBLIC_KEY, secret_key=SECRET_KEY, base_url=server.url)
    for _ in range(20):
        with client.start_as_current_observation(name="kept"):
            pass
    assert tracing_proxies.flush(10)
    assert len(server.observations()) == 20


def test_a_client_that_thins_traces_already_is_reported(server: ContractServer, activate: Activate) -> None:
    early = Sdk(server.url, sample_rate=0.5)
    activate(RULES)
    [told] = tracing_proxies.status()["langfuse"]["clients"]
    assert "sample_rate=0.5" in told["reason"]
    assert early.client is not None


@pytest.mark.parametrize("first", ["mine", "theirs"])
def test_two_clients_on_one_provider_keep_to_their_projects(
    server: ContractServer, activate: Activate, first: str
) -> None:
    activate(RULES)
    provider = TracerProvider(shutdown_on_exit=False)
    keys = {"mine": PUBLIC_KEY, "theirs": "pk-lf-other"}
    clients = {
        name: Langfuse(public_key=keys[name], secret_key=SECRET_KEY, base_url=server.url, tracer_provider=provider)
        for name in sorted(keys, key=lambda name: name != first)
    }
    mine, theirs = (clients[name].start_as_current_observation(name=name) for name in keys)
    with mine, theirs:
        work.tool()
    found = rows(server)
    assert_chain(found, "mine", "tool")
    assert len(found) == 2
    told = {client["project"]: client["adopted"] for client in tracing_proxies.status()["langfuse"]["clients"]}
    assert told == {PUBLIC_KEY: True, "pk-lf-other": False}


def test_observed_coroutines_in_tasks_and_threads_keep_their_places(server: ContractServer, sdk: Sdk) -> None:
    import asyncio

    from langfuse import observe

    @observe(name="step")
    async def step(number: int) -> int:
        await asyncio.sleep(0)
        await asyncio.to_thread(work.tool, str(number))
        return number

    async def below() -> None:
        await asyncio.gather(*(step(number) for number in range(8)))

    work.agent(lambda: asyncio.run(below()))
    assert tracing_proxies.flush(10)
    found = server.observations()
    [top] = [row for row in found if row["name"] == "agent"]
    steps = {row["id"]: row for row in found if row["name"] == "step"}
    tools = [row for row in found if row["name"] == "tool"]
    assert {row["parent_observation_id"] for row in steps.values()} == {top["id"]}
    assert {row["parent_observation_id"] for row in tools} == set(steps)
    assert {row["trace_id"] for row in found} == {top["trace_id"]}


def test_while_tracing_is_switched_off_theirs_goes_its_own_way(server: ContractServer, sdk: Sdk) -> None:
    active = runtime._runtime
    assert active is not None
    active.switch(False)
    sdk_app.observed("why")
    sdk.client.flush()
    assert [row["name"] for row in server.wait_for(1)] == ["observed"]
    active.switch(True)
    sdk_app.observed("again")
    assert tracing_proxies.flush(10)
    assert tracing_proxies.status()["langfuse"]["adopted"] == 1


def test_an_observation_that_is_open_at_activation_is_adopted_as_it_ends(
    server: ContractServer, activate: Activate
) -> None:
    sdk = Sdk(server.url)
    with sdk.client.start_as_current_observation(name="open"):
        activate(RULES)
        work.agent()
    found = rows(server)
    assert found["agent"]["parent_observation_id"] == found["open"]["id"]
    assert found["agent"]["trace_id"] == found["open"]["trace_id"]


def test_what_the_client_masks_as_it_sends_is_masked_here_too(server: ContractServer, activate: Activate) -> None:
    types = pytest.importorskip("langfuse.types")
    if not hasattr(types, "MaskOtelSpansResult"):
        pytest.skip("this version of the SDK has no mask_otel_spans")

    def mask(*, params: Any) -> Any:
        patches = {
            key: types.OtelSpanPatch(set_attributes={"langfuse.observation.input": "gone"}) for key in params.spans
        }
        return types.MaskOtelSpansResult(span_patches=patches)

    activate(RULES)
    Sdk(server.url, mask_otel_spans=mask)
    sdk_app.observed("why")
    assert json.loads(rows(server)["observed"]["input"]) == "gone"


def test_a_client_with_an_exporter_of_its_own_is_left_alone(server: ContractServer, activate: Activate) -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    activate(RULES)
    exporter = InMemorySpanExporter()
    try:
        sdk = Sdk(server.url, span_exporter=exporter)
    except TypeError:
        pytest.skip("this version of the SDK takes no exporter")
    sdk_app.observed("why")
    sdk.client.flush()
    assert [span.name for span in exporter.get_finished_spans()] == ["observed"]
    assert rows(server) == {}


def test_scores_of_the_sdk_arrive_though_version_5_sends_them_in_arrays(server: ContractServer, sdk: Sdk) -> None:
    trace_id = sdk.client.create_trace_id(seed="x")
    said = {"comment": "by anna@example.org", "timestamp": datetime(2026, 1, 2, 3, 4, 5, 678_000, timezone.utc)}
    sdk.client.create_score(trace_id=trace_id, name="grade", value=0.5, score_id="one", **said)
    sdk.client.create_score(trace_id=trace_id, name="right", value=1, data_type="BOOLEAN")
    sdk.client.create_score(session_id="s1", name="mood", value="good", data_type="CATEGORICAL")
    assert tracing_proxies.flush(10)
    found = {score["name"]: score for score in server.scores()}
    assert {name: (score["dataType"], score["value"]) for name, score in found.items()} == {
        "grade": ("NUMERIC", 0.5),
        "right": ("BOOLEAN", 1),
        "mood": ("CATEGORICAL", "good"),
    }
    assert (found["grade"]["id"], found["grade"]["traceId"]) == ("one", trace_id)
    assert "anna" not in found["grade"]["comment"]
    assert found["grade"]["timestamp"] == "2026-01-02T03:04:05.678Z"
    assert (found["mood"]["sessionId"], found["mood"]["traceId"]) == ("s1", None)


def test_deactivation_leaves_the_sdk_as_it_was(server: ContractServer, activate: Activate) -> None:
    from langfuse._client.span_processor import LangfuseSpanProcessor
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    classes = (LangfuseSpanProcessor, BatchSpanProcessor, LangfuseResourceManager)
    before = [dict(vars(cls)) for cls in classes]
    activate(RULES)
    assert [dict(vars(cls)) for cls in classes] != before
    sdk = Sdk(server.url)
    tracing_proxies.deactivate()
    for cls, entries in zip(classes, before, strict=True):
        assert vars(cls).keys() == entries.keys()
        assert all(vars(cls)[name] is entry for name, entry in entries.items() if not name.startswith("_"))
    sdk_app.observed("why")
    sdk.client.flush()
    assert [row["name"] for row in server.wait_for(1)] == ["observed"]
