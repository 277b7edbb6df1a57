"""What the tools trace: one small method, three times, so that each case measures the same body."""

from __future__ import annotations

from typing import Any


class Target:
    """Plain, through a bare proxy, and under the tool."""

    def plain(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def proxied(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def traced(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}
