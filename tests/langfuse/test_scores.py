"""Scores arrive one by one, once, masked, and however long the server was away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tracing_proxies
from tests.contract.server import ContractServer
from tests.delivery.support import observation, wait_until
from tests.langfuse import work
from tracing_proxies.langfuse.scores import make_score, score_id, scores_of
from tracing_proxies.registry.model import ScoreSettings

ROOT = Path(__file__).resolve().parents[2]
M = "tests.langfuse.work"
TRACE = "0af7651916cd43dd8448eb211c80319c"
AGENT = f"trace:\n  - match: {M}:agent\n    observation: agent\n"
Activate = Callable[..., None]


def by_name(server: ContractServer) -> dict[str, dict[str, Any]]:
    return {score["name"]: score for score in server.scores()}


def flush() -> None:
    assert tracing_proxies.flush(10)


def test_each_agent_is_scored_as_a_success_or_not(server: ContractServer, activate: Activate) -> None:
    activate(AGENT)
    work.agent()
    with pytest.raises(ZeroDivisionError):
        work.agent(lambda: 1 / 0)
    flush()
    rows = {row["id"]: row for row in server.observations()}
    scores = server.scores()
    assert [(score["name"], score["dataType"], score["value"]) for score in scores] == [
        ("success", "BOOLEAN", 1),
        ("success", "BOOLEAN", 0),
    ]
    for score in scores:
        row = rows[score["observationId"]]
        assert (score["traceId"], score["value"]) == (row["trace_id"], 0 if row["level"] == "ERROR" else 1)


def test_what_is_no_agent_is_not_scored(server: ContractServer, activate: Activate) -> None:
    activate(f"trace:\n  - match: {M}:tool\n    observation: tool\n")
    work.tool()
    flush()
    assert (len(server.observations()), server.scores()) == (1, [])


def test_confidence_and_what_a_rule_declares_become_scores_of_the_fitting_type(
    server: ContractServer, activate: Activate
) -> None:
    activate(
        f"trace:\n  - match: {M}:decide\n"
        "    outcome: { confidence: result.confidence }\n"
        "    scores: { relevant: result.relevant, grade: result.grade, depth: result.depth, absent: result.absent }\n"
    )
    work.decide({"confidence": 0.75, "relevant": True, "grade": "good", "depth": 3})
    flush()
    found = {name: (score["dataType"], score["value"]) for name, score in by_name(server).items()}
    assert found == {
        "confidence": ("NUMERIC", 0.75),
        "relevant": ("BOOLEAN", 1),
        "grade": ("CATEGORICAL", "good"),
        "depth": ("NUMERIC", 3),
    }
    [row] = server.observations()
    assert {score["observationId"] for score in server.scores()} == {row["id"]}


def test_what_masking_hides_is_no_score(server: ContractServer, activate: Activate) -> None:
    activate(
        f"masking: {{ hide: ['score.grade', 'outcome.confidence'] }}\n"
        f"trace:\n  - match: {M}:decide\n    outcome: {{ confidence: result.a }}\n"
        "    scores: { grade: result.b, contact: result.c }\n"
    )
    work.decide({"a": 0.5, "b": 7, "c": "anna@example.org"})
    flush()
    assert "confidence" not in by_name(server)
    assert "anna@example.org" not in str(server.scores())


@pytest.mark.parametrize("switched_off", ["success", "confidence"])
def test_the_scores_that_come_by_themselves_can_be_switched_off(switched_off: str) -> None:
    one = observation(type="agent", metadata={"outcome.confidence": 0.5})
    settings = ScoreSettings(**{switched_off: False})
    assert [score.name for score in scores_of(one, settings)] == [
        name for name in ("success", "confidence") if name != switched_off
    ]


def test_feedback_reaches_a_trace_by_its_id_masked(server: ContractServer, activate: Activate) -> None:
    activate()
    made = tracing_proxies.score(trace_id=TRACE, name="helpful", value=False, comment="ask anna@example.org")
    flush()
    [score] = server.scores()
    assert (score["id"], score["traceId"], score["observationId"]) == (made, TRACE, None)
    assert (score["name"], score["dataType"], score["value"]) == ("helpful", "BOOLEAN", 0)
    assert "anna@example.org" not in score["comment"]
    assert score["comment"].startswith("ask ")


def test_a_name_or_id_that_is_made_of_data_leaves_with_none_of_it(server: ContractServer, activate: Activate) -> None:
    activate("masking: { policy: strict, show: [] }\n")
    tracing_proxies.score(trace_id=TRACE, name="of anna@example.org", value=2, id="anna@example.org")
    tracing_proxies.score(trace_id=TRACE, name="of ben@example.org", value=5, id="ben@example.org")
    tracing_proxies.score(trace_id=TRACE, name="stars", value=1, id="feedback-7")
    flush()
    first, second, third = server.scores()
    assert {first["name"], second["name"]} == {"of [email]"}
    assert len({first["id"], second["id"], "[email]"}) == 3, "none of them takes the place of another"
    assert (third["name"], third["id"]) == ("stars", "feedback-7")


def test_the_latest_score_of_a_name_holds(server: ContractServer, activate: Activate) -> None:
    activate()
    tracing_proxies.score(trace_id=TRACE, name="stars", value=2)
    tracing_proxies.score(trace_id=TRACE, name="stars", value=5)
    tracing_proxies.score(trace_id=TRACE, name="stars", value=1, id="another")
    flush()
    assert [(score["id"], score["value"]) for score in server.scores()] == [
        (score_id(TRACE, None, "stars"), 5),
        ("another", 1),
    ]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"trace_id": "nonsense"}, "trace_id has 32 hexadecimal digits"),
        ({"trace_id": "0" * 32}, "trace_id has 32 hexadecimal digits"),
        ({"observation_id": "x" * 16}, "observation_id has 16 hexadecimal digits"),
        ({"name": ""}, "needs a name"),
        ({"value": float("nan")}, "no value of a score"),
        ({"value": []}, "no value of a score"),
        ({"value": "x" * 501}, "no value of a score"),
        ({"value": 2, "data_type": "BOOLEAN"}, "of type BOOLEAN"),
        ({"value": "5", "data_type": "NUMERIC"}, "of type NUMERIC"),
    ],
)
def test_what_the_server_would_refuse_is_refused_at_once(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make_score(**{"trace_id": TRACE, "name": "n", "value": 1, **changes})


def test_a_score_without_a_destination_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tracing_proxies.score(trace_id=TRACE, name="helpful", value=True) is None


def test_no_score_is_lost_while_the_server_is_away_and_none_comes_twice(
    server: ContractServer, activate: Activate
) -> None:
    activate(AGENT)
    server.script_scores([{"status": 500}, {"reset": True}, {"status": 503}, {"accept": True, "close": True}])
    sent = [tracing_proxies.score(trace_id=TRACE, name=f"n{number}", value=number) for number in range(20)]
    work.agent()
    tracing_proxies.flush(10)
    assert wait_until(lambda: len(server.scores()) == 21)
    assert wait_until(lambda: tracing_proxies.status()["scores"]["delivered"] == 21)
    assert sorted(score["id"] for score in server.scores() if score["name"] != "success") == sorted(map(str, sent))
    told = tracing_proxies.status()["scores"]
    assert told["produced"] == told["delivered"] + sum(told["dropped"].values()) + told["queued"] + told["spooled"]


def test_scores_wait_on_disk_for_the_next_process(
    server: ContractServer, activate: Activate, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.rules(scores_always={"status": 503})
    activate()
    tracing_proxies.score(trace_id=TRACE, name="patient", value=1)
    assert tracing_proxies.flush(3)
    assert tracing_proxies.status()["scores"]["spooled"] == 1
    tracing_proxies.deactivate()
    assert server.scores() == []
    server.rules()
    activate()
    assert wait_until(lambda: "patient" in by_name(server))


def test_a_score_that_the_server_refuses_for_good_holds_up_no_other(server: ContractServer, activate: Activate) -> None:
    activate()
    server.script_scores([{"status": 400}])
    for name in ("refused", "taken"):
        tracing_proxies.score(trace_id=TRACE, name=name, value=1)
    tracing_proxies.flush(5)
    assert wait_until(lambda: tracing_proxies.status()["scores"]["delivered"] == 1)
    assert list(by_name(server)) == ["taken"]
    assert tracing_proxies.status()["scores"]["dropped"] == {"rejected": 1}


def test_scores_in_memory_are_delivered_as_well(server: ContractServer, activate: Activate) -> None:
    activate("export: { langfuse: { durability: memory } }")
    server.script_scores([{"status": 503}, {"status": 400}])
    for name in ("first", "second", "third"):
        tracing_proxies.score(trace_id=TRACE, name=name, value=1)
    tracing_proxies.flush(5)
    assert wait_until(lambda: tracing_proxies.status()["scores"]["delivered"] == 2)
    assert tracing_proxies.status()["scores"]["dropped"] == {"rejected": 1}


def test_a_reload_switches_scores_off(server: ContractServer, activate: Activate) -> None:
    activate(AGENT)
    activate(f"scores: {{ success: false }}\n{AGENT}")
    work.agent()
    flush()
    assert (len(server.observations()), server.scores()) == (1, [])


def test_a_process_that_ends_leaves_no_score_behind(server: ContractServer, environ: None) -> None:
    program = (
        "import tracing_proxies\n"
        "from tests.langfuse import work\n"
        "from tracing_proxies.testing import registry_from\n"
        f"tracing_proxies.activate(registry_from({'version: 1' + chr(10) + AGENT!r}))\n"
        "for _ in range(50): work.agent()\n"
        f"tracing_proxies.score(trace_id={TRACE!r}, name='last', value=1)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=ROOT)
    names = [score["name"] for score in server.scores()]
    assert (names.count("success"), names.count("last")) == (50, 1)


def test_children_that_fork_send_their_own_scores_only(server: ContractServer, environ: None) -> None:
    program = (
        "import os, tracing_proxies\n"
        "from tests.langfuse import work\n"
        "from tracing_proxies.testing import registry_from\n"
        f"tracing_proxies.activate(registry_from({'version: 1' + chr(10) + AGENT!r}))\n"
        "work.agent()\n"
        "child = os.fork()\n"
        "work.agent()\n"
        "assert tracing_proxies.flush(10)\n"
        "if child: os.waitpid(child, 0)\n"
        "else: os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=ROOT)
    scores = server.scores()
    assert len({score["observationId"] for score in scores}) == len(scores) == 3
    assert len(server.score_requests()) == 3
