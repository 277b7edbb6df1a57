"""Traces that are written by hand reach their project, masked, whole, and however long the server was away."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.delivery.support import wait_until
from tracing_proxies.errors import ActivationError
from tracing_proxies.langfuse import LangfuseIntegrationService, service_rows
from tracing_proxies.testing import registry_from

MAIL = "anna@example.org"
Connect = Callable[..., LangfuseIntegrationService]


@pytest.fixture
def connect(server: ContractServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "1")
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    made: list[LangfuseIntegrationService] = []

    def connect(**options: Any) -> LangfuseIntegrationService:
        settings = {"host": server.url, "public_key": PUBLIC_KEY, "secret_key": SECRET_KEY, "environ": environ}
        made.append(LangfuseIntegrationService.connect(**{**settings, **options}))
        return made[-1]

    yield connect
    for service in made:
        service.close()


@pytest.fixture
def service(connect: Connect) -> LangfuseIntegrationService:
    return connect()


def rows(server: ContractServer, service: LangfuseIntegrationService) -> dict[str, dict[str, Any]]:
    assert service.flush(10)
    return {row["name"]: row for row in server.observations()}


def test_a_trace_is_created_updated_and_finalised(server: ContractServer, service: LangfuseIntegrationService) -> None:
    trace = service.create_trace("order", type="agent", input={"sku": 1}, session="s1", user="u1", tags=["web"])
    below = trace.create_span("model", type="generation", model="m-1", model_parameters={"temperature": 0.5})
    below.update(usage={"input": 10, "output": 5}, cost={"total": 0.5}, completion_start=1_700_000_000_123_000_000)
    below.finalise(output="done")
    trace.update(metadata={"channel": "web", "items": [1, 2]})
    trace.finalise(output={"total": 3})
    found = rows(server, service)
    order, model = found["order"], found["model"]
    assert (order["type"], order["is_root"], model["is_root"]) == ("AGENT", True, False)
    assert (model["parent_observation_id"], model["trace_id"]) == (trace.id, trace.trace_id)
    assert (json.loads(order["input"]), json.loads(order["output"])) == ({"sku": 1}, {"total": 3})
    assert order["metadata"] == {"channel": "web", "items": "[1,2]"}
    assert (model["model"], model["usage_details"]["input"]) == ("m-1", 10)
    attributes = model["attributes"]
    assert json.loads(attributes["langfuse.observation.model.parameters"]) == {"temperature": 0.5}
    assert json.loads(attributes["langfuse.observation.cost_details"]) == {"total": 0.5}
    assert attributes["langfuse.observation.completion_start_time"] == "2023-11-14T22:13:20.123Z"
    for row in found.values():
        assert (row["session_id"], row["user_id"], row["tags"]) == ("s1", "u1", ["web"])
        assert row["trace_name"] == "order"
        assert row["end_time"] >= row["start_time"]


def test_each_change_after_the_end_sends_the_whole_row_again(
    server: ContractServer, service: LangfuseIntegrationService
) -> None:
    trace = service.create_trace("order", input="first")
    trace.finalise(output="done")
    first = rows(server, service)["order"]
    trace.update(level="WARNING", status_message="late", metadata={"reviewed": True})
    again = rows(server, service)["order"]
    assert server.counts()["unique"] == 1
    assert (again["id"], again["start_time"], again["end_time"]) == (
        first["id"],
        first["start_time"],
        first["end_time"],
    )
    assert (again["level"], again["status_message"]) == ("WARNING", "late")
    assert (json.loads(again["input"]), json.loads(again["output"])) == ("first", "done")


def test_it_can_be_seen_before_it_has_ended(server: ContractServer, service: LangfuseIntegrationService) -> None:
    trace = service.create_trace("order", input="first")
    assert rows(server, service) == {}
    trace.send()
    begun = rows(server, service)["order"]
    assert begun["end_time"] >= begun["start_time"] > 0
    trace.finalise(output="done")
    ended = rows(server, service)["order"]
    assert server.counts()["unique"] == 1
    assert (ended["start_time"], json.loads(ended["output"])) == (begun["start_time"], "done")


def test_what_is_said_of_a_trace_later_reaches_all_of_its_rows(
    server: ContractServer, service: LangfuseIntegrationService
) -> None:
    trace = service.create_trace("order")
    trace.create_span("early").finalise()
    trace.update(session="s1", user="u1", tags=["vip"], public=True)
    trace.create_span("late").finalise()
    trace.finalise()
    found = rows(server, service)
    assert {(row["session_id"], row["user_id"], tuple(row["tags"])) for row in found.values()} == {
        ("s1", "u1", ("vip",))
    }
    assert {row["attributes"]["langfuse.trace.public"] for row in found.values()} == {True}
    assert server.counts()["unique"] == 3


def test_a_block_that_raises_is_an_error_and_raises_on(
    server: ContractServer, service: LangfuseIntegrationService
) -> None:
    def work() -> None:
        with service.create_trace("order") as trace, trace.create_span("fine"):
            pass
        with service.create_trace("failed order"):
            raise ValueError(f"no stock for {MAIL}")

    with pytest.raises(ValueError, match="no stock"):
        work()
    found = rows(server, service)
    assert (found["fine"]["level"], found["order"]["level"]) == ("DEFAULT", "DEFAULT")
    assert found["fine"]["parent_observation_id"] == found["order"]["id"]
    failed = found["failed order"]
    assert (failed["level"], failed["metadata"]["error.type"]) == ("ERROR", "ValueError")
    assert failed["status_message"].startswith("ValueError: no stock for ")
    assert MAIL not in json.dumps(failed)


def test_everything_is_masked(server: ContractServer, connect: Connect) -> None:
    service = connect(registry=registry_from("version: 1\nmasking: { hide: [pan] }\nservice: { environment: qa }\n"))
    trace = service.create_trace(
        f"order of {MAIL}", input={"pan": "1234", "to": MAIL}, user=MAIL, session=MAIL, tags=[MAIL], version=MAIL,
        metadata={"note": MAIL}, model_parameters={"stop": MAIL}, status_message=MAIL, output=MAIL,
    )  # fmt: skip
    trace.finalise()
    service.score(trace_id=trace.trace_id, name="helpful", value=True, comment=MAIL)
    [row] = rows(server, service).values()
    assert MAIL not in json.dumps(server.received())
    assert MAIL not in json.dumps(server.scores())
    assert "1234" not in row["input"]
    assert row["environment"] == "qa"


def test_a_server_that_is_away_costs_and_loses_nothing(
    server: ContractServer, service: LangfuseIntegrationService
) -> None:
    server.rules(always={"status": 503}, scores_always={"status": 503})
    trace = service.create_trace("order", input="first")
    trace.send()
    trace.finalise(output="done")
    service.score(trace_id=trace.trace_id, name="helpful", value=True)
    assert service.flush(3)
    told = service.health()
    assert (told.ok, told.reachable) == (False, True)
    assert "503" in told.reason
    assert told.waiting > 0
    server.rules()
    assert wait_until(lambda: bool(server.observations()) and bool(server.scores()))
    assert wait_until(lambda: json.loads(server.observations()[0]["output"] or "null") == "done")
    assert wait_until(lambda: service.health().ok)
    assert service.health().waiting == 0


def test_health_says_version_project_and_what_is_wrong(server: ContractServer, connect: Connect) -> None:
    told = connect().health()
    assert (told.ok, told.reachable, told.version, told.projects, told.reason) == (True, True, "4.16.0", ("test",), "")
    wrong = connect(public_key="pk-lf-wrong").health()
    assert (wrong.ok, wrong.reachable, wrong.version, wrong.projects) == (False, True, "4.16.0", ())
    assert "keys are not accepted" in wrong.reason
    assert SECRET_KEY not in wrong.reason
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    away = connect(host=f"http://127.0.0.1:{port}").health()
    assert (away.ok, away.reachable) == (False, False)
    assert "cannot be reached" in away.reason


def test_there_is_one_service_for_each_project(server: ContractServer, connect: Connect) -> None:
    first, other = connect(), connect(public_key="pk-lf-other")
    assert connect() is first
    assert connect(host=server.url + "/") is first
    assert other is not first
    first.close()
    assert connect() is not first


def test_several_projects_at_once_keep_apart(server: ContractServer, connect: Connect) -> None:
    mine, other = connect(), connect(public_key="pk-lf-other")
    mine.create_trace("mine").finalise()
    other.create_trace("other").finalise()
    assert list(rows(server, mine)) == ["mine"]
    assert not other.flush(1) or other.status()["delivery"]["spooled"] == 1
    assert [row["name"] for row in server.observations()] == ["mine"]


def test_keys_and_address_come_from_the_environment(server: ContractServer, connect: Connect, tmp_path: Path) -> None:
    environ = {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LANGFUSE_HOST": server.url,
        "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY,
        "LANGFUSE_SECRET_KEY": SECRET_KEY,
    }
    service = connect(host=None, public_key=None, secret_key=None, environ=environ)
    assert service.health().ok
    with pytest.raises(ActivationError, match="a Langfuse project needs host"):
        LangfuseIntegrationService.connect(environ={})
    with pytest.raises(ActivationError, match="must begin with http"):
        LangfuseIntegrationService.connect("ftp://x", "pk", "sk", environ={})


def test_nothing_is_sent_where_tracing_is_switched_off(server: ContractServer, connect: Connect) -> None:
    service = connect(environ={"LANGFUSE_TRACING_ENABLED": "false"})
    trace = service.create_trace("order", type="agent")
    trace.finalise()
    assert service.score(trace_id=trace.trace_id, name="helpful", value=True) is None
    assert service.flush(5)
    assert "forbids" in service.health().reason
    assert server.requests() == []


def test_a_new_secret_for_the_same_project_is_taken_up(server: ContractServer, connect: Connect) -> None:
    service = connect(secret_key="sk-lf-old")
    service.create_trace("order").finalise()
    service.flush(3)
    assert connect() is service
    assert service.health().reachable
    assert wait_until(lambda: service.flush(1) and len(server.observations()) == 1)


def test_names_and_types_that_do_not_exist_are_refused(service: LangfuseIntegrationService) -> None:
    trace = service.create_trace("order")
    with pytest.raises(TypeError, match="no outptu"):
        trace.update(outptu=1)
    with pytest.raises(ValueError, match="none of span, generation"):
        trace.create_span("x", type="agnt")
    with pytest.raises(ValueError, match="none of DEBUG"):
        trace.update(level="FATAL")
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        service.create_trace("order", id="12")


def test_values_that_misbehave_do_no_harm(server: ContractServer, service: LangfuseIntegrationService) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError

    loop: list[Any] = []
    loop.append(loop)
    service.create_trace("odd", input=Odd(), output=loop, metadata={"deep": Odd()}).finalise()
    assert list(rows(server, service)) == ["odd"]


def test_a_trace_has_a_greatest_size(
    server: ContractServer, service: LangfuseIntegrationService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_rows, "MOST_SPANS", 3)
    trace = service.create_trace("order")
    for number in range(5):
        trace.create_span(f"step {number}").finalise()
    trace.finalise()
    found = rows(server, service)
    assert sorted(found) == ["order", "step 0", "step 1"]
    assert found["order"]["metadata"]["sampling.left_out"] == "3"


def test_status_accounts_for_every_row(server: ContractServer, service: LangfuseIntegrationService) -> None:
    trace = service.create_trace("order", type="agent")
    trace.finalise()
    trace.update(output=1)
    assert service.flush(10)
    told = service.status()
    assert told["delivery"]["produced"] == told["delivery"]["delivered"] == 2
    assert SECRET_KEY not in json.dumps(told)
    assert [(score["name"], score["value"]) for score in server.scores()] == [("success", 1)]
