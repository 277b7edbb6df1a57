"""Looks at a Langfuse server closely: keys, version, clock, whether it takes spans, how it writes, what it has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Final

import attrs

from tracing_proxies import destinations
from tracing_proxies.diagnosis.destination import look_at_server
from tracing_proxies.diagnosis.finding import FINE, NOTE, WRONG, Finding
from tracing_proxies.errors import ActivationError
from tracing_proxies.langfuse.client import ApiError, LangfuseClient
from tracing_proxies.langfuse.dashboards.sync import DASHBOARDS
from tracing_proxies.langfuse.queries import NoMetrics, period_until, run

VERIFIED: Final = (4, 16)
"""The server that the layer was verified with."""
_FIRST: Final = 4
_TRACES: Final = "/api/public/otel/v1/traces"
_COUNT: Final = {"view": "observations", "metrics": [{"measure": "count", "aggregation": "count"}]}
_HOUR: Final = 3_600 * 10**9
_FOREIGN_KEYS: Final = "They are an organisation's keys, or the project is suspended: take a project's."


def look_at_langfuse(host: str | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield everything there is to say of the server that traces go to; what fails at the root comes alone."""
    try:
        keys = destinations.langfuse_keys(environ)
    except ActivationError:
        keys = None  # told below, with the reason
    if keys is not None:
        yield from look_at_keys(*keys)
    reached = True
    for finding in look_at_server(host, environ):
        if finding.level == WRONG and "HTTP 403" in finding.seen:
            finding = attrs.evolve(finding, todo=_FOREIGN_KEYS)
        yield finding
        reached = reached and (finding.level != WRONG or finding.about == "clock")
    if not reached or keys is None or not host:
        return
    client = LangfuseClient(host, *keys)
    for look in (_look_at_version, _look_at_project, _look_at_ingestion, _look_at_reads, _look_at_dashboards):
        try:
            yield from look(client)
        except ApiError as error:
            yield Finding(WRONG, "server", f"{error}.", "Look at the server's own log, and ask again.")


def look_at_keys(public: str, secret: str) -> Iterator[Finding]:
    """Yield what the keys themselves show, without a word of them."""
    if public.startswith("sk-") or secret.startswith("pk-"):
        seen = "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY hold each other's key."
        yield Finding(WRONG, "keys", seen, "Swap them; and make new ones, if the secret one was shown as public.")
    elif public != public.strip() or secret != secret.strip():
        yield Finding(WRONG, "keys", "A key begins or ends with a blank.", "Take it out.")


def _look_at_version(client: LangfuseClient) -> Iterator[Finding]:
    health = client.get("/api/public/health")
    version = str(health.get("version", "")) if isinstance(health, dict) else ""
    found = re.match(r"(\d+)\.(\d+)", version)
    verified = ".".join(map(str, VERIFIED))
    if found is None:
        yield Finding(
            NOTE, "version", "The server does not tell its version.", f"The layer is verified with {verified}."
        )
        return
    number = int(found[1]), int(found[2])
    if number[0] < _FIRST:
        seen = f"The server is version {version}: dashboards, and reads of version 2, came with 4."
        yield Finding(NOTE, "version", seen, f"Traces arrive all the same; {verified} is the version that is verified.")
    elif number < VERIFIED:
        yield Finding(NOTE, "version", f"The server is version {version}, older than {verified}, which is verified.")
    else:
        yield Finding(FINE, "version", f"The server is version {version}; the layer is verified with {verified}.")


def _look_at_project(client: LangfuseClient) -> Iterator[Finding]:
    answer = client.get("/api/public/projects")
    data: Any = answer.get("data") if isinstance(answer, dict) else None
    if isinstance(data, list) and data and isinstance(data[0], dict):
        yield Finding(FINE, "project", f"The keys are those of the project {data[0].get('name')!r}.")
    else:
        yield Finding(WRONG, "project", "The keys belong to no project.", "Make keys in the project's settings.")


def _look_at_ingestion(client: LangfuseClient) -> Iterator[Finding]:
    """Send a request without a span: it writes nothing, and is judged like any other."""
    try:
        client.send("POST", _TRACES, {"resourceSpans": []}, {"x-langfuse-ingestion-version": "4"})
    except ApiError as error:
        if not error.status:
            raise
        todo = "Use a server that takes OpenTelemetry's protocol, and let proxies before it pass this path."
        yield Finding(WRONG, "ingestion", f"{error}.", todo)
    else:
        yield Finding(FINE, "ingestion", "The server takes spans in the form in which they are sent.")


def _look_at_reads(client: LangfuseClient) -> Iterator[Finding]:
    try:
        run(client, period_until(datetime.now(timezone.utc), _HOUR), _COUNT)
    except NoMetrics:
        seen = "The server writes in legacy mode: it has no metrics of version 2, and lists may lag by ten minutes."
        todo = (
            "Set LANGFUSE_MIGRATION_V4_WRITE_MODE to `dual` or `events_only`, on its web and worker containers both, "
            "for `metrics` and `dashboards check`."
        )
        yield Finding(NOTE, "write mode", seen, todo)
    else:
        yield Finding(FINE, "write mode", "The server writes for reads of version 2, as metrics and dashboards need.")


def _look_at_dashboards(client: LangfuseClient) -> Iterator[Finding]:
    try:
        client.get(DASHBOARDS, page=1, limit=1)
    except ApiError as error:
        if not error.missing:
            raise
        seen = "The server has no API for dashboards."
        yield Finding(NOTE, "dashboards", seen, "`dashboards sync` needs a newer server; everything else works.")
    else:
        yield Finding(FINE, "dashboards", "The server has the API that `dashboards sync` needs.")
