"""Every row of the README's table of tools, called in each of the four ways."""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retail.agents.base import RetailAgent
from retail.agents.inventory_agent import InventoryAgent, inventory_agent
from retail.agents.pricing_agent import PricingAgent, pricing_agent
from retail.agents.promotion_agent import PromotionAgent, promotion_agent
from retail.catalog import find_product, list_companions, list_price_history
from retail.failures import describe_failure

AGENTS: dict[str, tuple[RetailAgent, Callable[[], RetailAgent]]] = {
    "inventory": (inventory_agent, InventoryAgent),
    "pricing": (pricing_agent, PricingAgent),
    "promotion": (promotion_agent, PromotionAgent),
}
README = Path(__file__).parents[1] / "retail" / "README.md"
ROW = re.compile(
    r"^\| (inventory|pricing|promotion) \| (\w+) \| `(.+?)` \| `(.+?)` \| (returns|raises) `(.+?)` \|$", re.M
)


def read_rows() -> list[tuple[str, ...]]:
    return ROW.findall(README.read_text(encoding="utf-8"))


def read_arguments(text: str) -> dict[str, Any]:
    names = {
        "product": find_product("olive-oil-1l"),
        "points": list_price_history("olive-oil-1l"),
        "companions": list_companions("olive-oil-1l"),
        "without": lambda facts, key: {name: facts[name] for name in facts if name != key},
    }
    return dict(eval(f"dict({text})".replace("\\|", "|"), names))


def call_through_strands(agent: RetailAgent, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result = getattr(agent.agent.tool, tool)(**arguments)
    text = result["content"][0]["text"]
    return {"status": "error", "error": text} if result["status"] == "error" else json.loads(text)


def test_the_table_names_all_twenty_tools() -> None:
    tools = {row[1] for row in read_rows()}
    assert len(tools) == 20
    assert tools == {name for agent, _ in AGENTS.values() for name in agent.agent.tool_names}


@pytest.mark.parametrize("row", read_rows(), ids=lambda row: row[1])
def test_a_tool_gives_the_same_outcome_directly_through_strands_and_on_a_new_instance(row: tuple[str, ...]) -> None:
    agent, build = AGENTS[row[0]]
    arguments = read_arguments(row[2])
    direct = getattr(agent, row[1])(**arguments)
    assert describe_failure(direct) is None
    assert getattr(build(), row[1])(**arguments) == direct
    assert call_through_strands(agent, row[1], arguments) == direct


@pytest.mark.parametrize("row", read_rows(), ids=lambda row: f"{row[1]}-{row[5]}")
def test_a_tool_fails_as_the_table_says(row: tuple[str, ...]) -> None:
    agent, _ = AGENTS[row[0]]
    arguments = read_arguments(row[3])
    if row[4] == "raises":
        with pytest.raises(getattr(builtins, row[5])):
            getattr(agent, row[1])(**arguments)
    else:
        key, _, shape = row[5].partition(" = ")
        found = getattr(agent, row[1])(**arguments)[key]
        expected = {"False": False}.get(shape, shape.strip('"'))
        assert found is expected or str(found).startswith(str(expected))
        assert describe_failure(getattr(agent, row[1])(**arguments))
    assert describe_failure(call_through_strands(agent, row[1], arguments))
