"""Declarations of dashboards are read, and mistakes in them are told with their place."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from tests.application.conftest import ROOT
from tests.contract.server import ContractServer
from tests.langfuse.commands import run
from tracing_proxies.langfuse.dashboards.model import DashboardError
from tracing_proxies.langfuse.dashboards.reading import read_files, read_folder, read_shipped

RIGHT = """
name: Sales
description: All of it.
widgets:
  - key: calls
    place: [0, 0, 6, 4]
    name: Calls
    description: How often.
    view: observations
    metrics: [{ measure: count, agg: count }]
    chartType: NUMBER
"""


def test_what_is_right_is_read() -> None:
    (dashboard,) = read_files("shop", [("sales.yaml", RIGHT)]).dashboards
    assert (dashboard.key, dashboard.widgets[0].body["filters"]) == ("sales", [])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("chartType: NUMBER", "chart: NUMBER", "there is no field 'chart'. Did you mean 'chartType'?"),
        ("chartType: NUMBER", "chartType: NUMBERS", "Did you mean 'NUMBER'?"),
        ("view: observations", "view: traces", "view cannot be 'traces'"),
        ("agg: count", "agg: median", "agg cannot be 'median'"),
        ("[0, 0, 6, 4]", "[8, 0, 6, 4]", "does not lie on a grid of 12 columns"),
        ("[0, 0, 6, 4]", "[0, 0, 0, 4]", "does not lie on a grid"),
        ("[0, 0, 6, 4]", "[0, 0, 6]", "place must be [x, y, width, height]"),
        ("key: calls", "key: All calls", "a key has small letters"),
        ("name: Sales\n", "", "name is missing"),
        (
            "    metrics: [{ measure: count, agg: count }]\n",
            "    metrics: []\n",
            "metrics must be a list that is not empty",
        ),
        ("    chartType: NUMBER", "    dimensions: [name]\n    chartType: PIE", "dimensions must be a mapping"),
        ("    chartType: NUMBER", "    filters: [{ column: name }]\n    chartType: PIE", "operator is missing"),
        ("agg: count }]", "agg: count }, { measure: latency, agg: p95 }]", "only a PIVOT_TABLE"),
        ("description: All of it.", "description: [", "no YAML"),
        ("widgets:", "widgets: " + "[" * 1200 + "\nother:", "no YAML"),
    ],
)
def test_a_mistake_is_told_with_file_and_place(old: str, new: str, told: str) -> None:
    assert old in RIGHT
    with pytest.raises(DashboardError) as error:
        read_files("shop", [("sales.yaml", RIGHT.replace(old, new))])
    assert str(error.value).startswith("sales.yaml: ")
    assert told in str(error.value)


def test_keys_are_unique_and_widgets_do_not_overlap() -> None:
    again = RIGHT + RIGHT[RIGHT.index("  - key") :]
    with pytest.raises(DashboardError, match="two widgets have the key 'calls'"):
        read_files("shop", [("sales.yaml", again)])
    beside = RIGHT + RIGHT[RIGHT.index("  - key") :].replace("key: calls", "key: other").replace("[0, 0", "[5, 3")
    with pytest.raises(DashboardError, match="overlap"):
        read_files("shop", [("sales.yaml", beside)])


def test_all_files_are_told_of_at_once() -> None:
    with pytest.raises(DashboardError) as error:
        read_files("shop", [("a.yaml", "x"), ("b.yaml", "[]"), ("Bad Name.yaml", RIGHT)])
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == ["Bad Name.yaml", "a.yaml", "b.yaml"]


def test_a_folder_needs_dashboards_and_a_name_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(DashboardError, match="there is no folder"):
        read_folder(tmp_path / "none")
    with pytest.raises(DashboardError, match="there is no dashboard"):
        read_folder(tmp_path)
    (tmp_path / "shipped").mkdir()
    with pytest.raises(DashboardError, match="does not tell its dashboards from others"):
        read_folder(tmp_path / "shipped")


def test_a_mistake_ends_the_command_before_the_server_is_asked(server: ContractServer, tmp_path: Path) -> None:
    (tmp_path / "sales.yaml").write_text("name: 7")
    done = run(server, "dashboards", "sync", "--from", tmp_path)
    assert done.exit_code == 1
    assert "sales.yaml" in str(done.exception)


def test_what_the_documentation_shows_is_a_dashboard() -> None:
    text = (ROOT / "docs" / "dashboards.md").read_text("utf-8")
    shown = re.findall(r"^```yaml dashboard\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(shown) == 1
    assert read_files("own", [("checkout.yaml", shown[0])]).dashboards[0].name == "Checkout"


def test_the_distribution_carries_the_shipped_dashboards() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert "tracing_proxies.dashboards" in setup["options"]["packages"].split()
    assert "tracing_proxies.dashboards = dashboards" in setup["options"]["package_dir"]
    assert setup["options.package_data"]["tracing_proxies.dashboards"] == "*.yaml"
    there = {file.stem for file in (ROOT / "dashboards").glob("*.yaml")}
    assert {dashboard.key for dashboard in read_shipped().dashboards} == there
