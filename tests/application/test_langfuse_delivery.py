"""A whole run, delivered to a server that implements Langfuse's ingestion, arrives with the same spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.application.test_traces import COMMAND, Run, launcher, run
from tests.contract.server import ContractServer, start_server


@pytest.fixture(scope="module")
def server() -> Iterator[ContractServer]:
    handle = start_server()
    yield handle
    handle.stop()


def test_the_same_spans_arrive_with_types_parents_models_usage_levels_and_tags(
    server: ContractServer, tmp_path: Path
) -> None:
    stored = Run(tmp_path / "store" / "traces.db")
    registry = Path(__file__).parents[2] / "registry.yaml"
    server.script([{"status": 503}])
    printed = run(
        [launcher(), "run", "--registry", str(registry), "--", *COMMAND],
        LANGFUSE_PUBLIC_KEY=server.public_key,
        LANGFUSE_SECRET_KEY=server.secret_key,
        LANGFUSE_BASE_URL=server.url,
    )
    assert printed == stored.printed
    arrived = [o for o in server.observations() if not o["name"].startswith("engine.")]
    expected = [row for row in stored.rows if not row["name"].startswith("engine.")]
    assert len(arrived) == len(expected)
    for key in ("type", "name", "level"):
        assert Counter(o[key].lower() for o in arrived) == Counter(row[key].lower() for row in expected), key
    ids = {o["id"] for o in server.observations()}
    for o in arrived:
        parent = o["parent_observation_id"]
        assert parent is None or parent in ids
        assert "simulation" in o["tags"]
        assert o["session_id"] == "run-7"
        assert o["environment"] == "dev"
    generations = [o for o in arrived if o["type"].lower() == "generation"]
    assert generations
    assert all(o["model"] == "retail-offline-1" and o["usage_details"]["total"] > 0 for o in generations)
