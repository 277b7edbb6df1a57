"""After the demo every shipped widget shows what the local store holds of the same run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.application.conftest import ROOT
from tests.contract.asking import call
from tests.contract.server import ContractServer
from tests.environment import inherited
from tests.langfuse.commands import keys, run
from tests.langfuse.recomputing import Store
from tracing_proxies.langfuse.dashboards.reading import read_shipped

PRICE = 0.001
PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
WIDGETS = {f"{board.key}/{widget.key}": widget.body for board in read_shipped().dashboards for widget in board.widgets}


class Shown:
    """One run of the example, sent to the server and to a store, and what `dashboards check` said of it afterwards."""

    def __init__(self, server: ContractServer, folder: Path) -> None:
        path = folder / "demo.db"
        prices = {"inputPrice": PRICE, "outputPrice": 2 * PRICE}
        call(server, "POST", "/api/public/models", {"modelName": "retail", "matchPattern": "^retail-", **prices})
        demo = [PROGRAM, "demo", "--registry", str(ROOT / "registry.yaml"), "--store", str(path)]
        environ = {**inherited(), **keys(server), "XDG_STATE_HOME": str(folder / "state")}
        told = subprocess.run(demo, cwd=folder, env=environ, capture_output=True, text=True, timeout=180)
        assert told.returncode == 0, told.stderr
        self.store = Store(path, PRICE)
        spans, scores = len(self.store.observations), len(self.store.scores("scores-numeric"))
        assert f"sent:   {spans} spans and {scores} scores to {server.url}" in told.stdout
        assert (server.counts()["unique"], len(server.scores())) == (spans, scores)
        done = run(server, "dashboards", "check", "--json", "--filled", "--since", "1h")
        self.status = done.exit_code
        self.widgets = {widget["key"]: widget for widget in json.loads(done.stdout)["widgets"]}
        self.arrivals = {
            (score["observationId"], score["name"]): score["timestamp"][:17] + "00Z" for score in server.scores()
        }


@pytest.fixture(scope="module")
def shown(running: ContractServer, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return Shown(running, tmp_path_factory.mktemp("shown"))


def test_every_widget_is_filled(shown: Shown) -> None:
    assert {key: widget["verdict"] for key, widget in shown.widgets.items()} == dict.fromkeys(WIDGETS, "filled")
    assert shown.status == 0


@pytest.mark.parametrize("key", sorted(WIDGETS))
def test_a_widget_shows_what_the_local_store_holds(shown: Shown, key: str) -> None:
    body = {"filters": [], "dimensions": [], **WIDGETS[key]}
    metrics = shown.widgets[key]["metrics"]
    fields = [item["field"] for item in body["dimensions"]]
    if body["chartType"].endswith("TIME_SERIES"):
        fields.insert(0, "time_dimension")
    found = {tuple(map(_plain, (row[field] for field in fields))): row for row in shown.widgets[key]["rows"]}
    # A series is filled with minutes in which nothing was.
    found = {group: row for group, row in found.items() if any(row[metric] for metric in metrics)}
    expected = shown.store.show(body, shown.arrivals)
    limit = body.get("chartConfig", {}).get("row_limit", sys.maxsize)
    assert len(found) == min(limit, len([row for row in expected.values() if any(row.values())]))
    for group, row in found.items():
        for metric in metrics:
            value = sum(bar[2] for bar in row[metric]) if metric.startswith("histogram_") else row[metric]
            assert value == pytest.approx(expected[group][metric]), (group, metric)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
