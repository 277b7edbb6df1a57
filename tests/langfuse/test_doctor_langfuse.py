"""`doctor --langfuse` says what keeps traces from a server, or reads from it, and what to do."""

from __future__ import annotations

import json

import pytest

from tests.contract.server import ContractServer
from tests.langfuse.commands import run


def findings(server: ContractServer, status: int, **variables: str) -> dict[str, tuple[str, str, str]]:
    done = run(server, "doctor", "--langfuse", "--json", **variables)
    assert done.exit_code == status, done.output
    found = json.loads(done.stdout)["findings"]
    return {item["about"]: (item["level"], item["seen"], item["todo"]) for item in found}


def test_a_server_that_is_fine_is_fine_in_every_respect(server: ContractServer) -> None:
    found = findings(server, 0)
    assert {about: level for about, (level, _, _) in found.items()} == dict.fromkeys(
        ("destination", "clock", "version", "project", "ingestion", "write mode", "dashboards"), "fine"
    )
    assert "version 4.16.0" in found["version"][1]
    assert "'test'" in found["project"][1]
    assert server.observations() == []
    assert "0 wrong, 0 to know" in run(server, "doctor", "--langfuse").output


def test_a_clock_that_is_not_the_servers_is_wrong(server: ContractServer) -> None:
    server.rules(clock=90)
    level, seen, todo = findings(server, 1)["clock"]
    assert level == "wrong"
    assert "behind the server's" in seen
    assert "NTP" in todo


def test_an_older_server_is_told_with_what_it_lacks(server: ContractServer) -> None:
    server.rules(version="3.124.1", lacks=["v2", "unstable"])
    found = findings(server, 0)
    assert {about for about, (level, _, _) in found.items() if level == "note"} == {
        "version",
        "write mode",
        "dashboards",
    }
    assert "LANGFUSE_MIGRATION_V4_WRITE_MODE" in found["write mode"][2]


def test_a_server_that_takes_no_spans_is_wrong(server: ContractServer) -> None:
    server.rules(always={"status": 404})
    assert findings(server, 1)["ingestion"][0] == "wrong"


def test_wrong_keys_are_wrong_and_the_rest_is_not_asked(server: ContractServer) -> None:
    found = findings(server, 1, LANGFUSE_SECRET_KEY="sk-lf-other-0123456789")
    assert list(found) == ["destination", "clock"]
    assert "does not accept the keys" in found["destination"][1]
    assert "sk-lf-other" not in str(found)


def test_keys_of_an_organisation_are_told(server: ContractServer) -> None:
    server.rules(forbidden="organisation-scoped key")
    assert "organisation's keys" in findings(server, 1)["destination"][2]


def test_keys_in_each_others_place_are_told(server: ContractServer) -> None:
    keys = {"LANGFUSE_PUBLIC_KEY": server.secret_key, "LANGFUSE_SECRET_KEY": server.public_key}
    found = findings(server, 1, **keys)
    assert "each other's" in found["keys"][1]
    assert server.secret_key not in str(found)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "not an address"])
def test_a_server_that_is_not_reached_is_wrong(server: ContractServer, address: str) -> None:
    assert findings(server, 1, LANGFUSE_BASE_URL=address)["destination"][0] == "wrong"


def test_what_is_missing_in_the_environment_is_named(server: ContractServer) -> None:
    seen = findings(server, 1, LANGFUSE_SECRET_KEY="", LANGFUSE_BASE_URL="", LANGFUSE_HOST="")["destination"][1]
    assert "LANGFUSE_BASE_URL and LANGFUSE_SECRET_KEY missing" in seen
