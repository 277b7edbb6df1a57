"""Carries a plan out: creates and updates widgets, lays dashboards out, deletes what is no longer declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tracing_proxies.langfuse.client import ApiError, LangfuseClient
from tracing_proxies.langfuse.dashboards.steps import Action, Found, Step

WIDGETS: Final = "/api/public/unstable/dashboard-widgets"
DASHBOARDS: Final = "/api/public/unstable/dashboards"
_PATHS: Final = {"widget": WIDGETS, "dashboard": DASHBOARDS}


class NoDashboards(ApiError):
    """Says that a server has no API for dashboards."""


def look(client: LangfuseClient) -> Found:
    """Return the widgets and dashboards of a project, those first that were made first.

    Raises:
        NoDashboards: the server has no API for them.
        ApiError: it refuses to tell, or cannot be reached.
    """
    try:
        return Found(_oldest(client.pages(WIDGETS)), _oldest(client.pages(DASHBOARDS)))
    except ApiError as error:
        if error.missing:
            health = client.get("/api/public/health")  # tells an older server from a wrong address
            version = health.get("version", "unknown") if isinstance(health, dict) else "unknown"
            raise NoDashboards(
                f"{client.origin} is a Langfuse server of version {version}, which has no API for dashboards "
                f"({DASHBOARDS}). Version 4.16 is known to have it; on an older server, dashboards are made by hand",
                error.status,
            ) from None
        raise


def carry_out(client: LangfuseClient, steps: Sequence[Step], tell: Callable[[Step], None]) -> None:
    """Take the steps of a plan one by one; whatever was broken off is continued by another sync.

    Args:
        tell: called after each.

    Raises:
        ApiError: the server refuses a step, or cannot be reached.
    """
    ids = {step.key: step.thing_id for step in steps if step.kind == "widget" and step.thing_id is not None}
    for step in steps:
        path = _PATHS[step.kind]
        if step.action is Action.CREATE:
            made = client.send("POST", path, _body(step, ids))
            if not isinstance(made, dict) or not isinstance(made.get("id"), str):
                raise ApiError(f"{client.origin} answers the creation of {step.key} with no id")
            if step.kind == "widget":
                ids[step.key] = made["id"]
        elif step.action is Action.UPDATE:
            client.send("PATCH", f"{path}/{step.thing_id}", _body(step, ids))
        elif step.action is Action.DELETE:
            client.send("DELETE", f"{path}/{step.thing_id}")
        tell(step)


def _body(step: Step, ids: Mapping[str, str]) -> dict[str, Any]:
    body = dict(step.body or {})
    if step.layout is not None:
        body["definition"] = step.layout.definition(step.key, ids)
    return body


def _oldest(things: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(things, key=lambda thing: str(thing.get("createdAt")))
