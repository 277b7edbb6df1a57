"""Delivers to Langfuse's OTLP endpoint, or to one that answers like it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from tracing_proxies.delivery.sinks.otlp import OtlpSink

LANGFUSE_PATH = "/api/public/otel/v1/traces"


class LangfuseSink(OtlpSink):
    """An OTLP sink with Langfuse's credentials.

    Args:
        host: the server's address, ``https://cloud.langfuse.com`` or one's own.
        public_key: the project's public key.
        secret_key: the project's secret key; appears in no text.
        renew: reads the keys again when the server refuses them, None where there are none any more.
        settings: as in ``OtlpSink``.

    Raises:
        ValueError: the host is not an http or https address.
    """

    def __init__(
        self,
        host: str,
        public_key: str,
        secret_key: str,
        *,
        name: str = "langfuse",
        renew: Callable[[], tuple[str, str] | None] | None = None,
        **settings: Any,
    ) -> None:
        def headers() -> Mapping[str, str] | None:
            keys = renew() if renew is not None else None
            return None if keys is None else langfuse_headers(*keys)

        given = langfuse_headers(public_key, secret_key)
        super().__init__(host, given, name=name, renew=headers, **{"path": LANGFUSE_PATH, **settings})


def langfuse_headers(public_key: str, secret_key: str) -> dict[str, str]:
    """Return the headers that Langfuse's ingestion asks for: Basic authentication, and the version of the protocol."""
    token = base64.b64encode(f"{public_key}:{secret_key}".encode()).decode("ascii")
    return {"Authorization": f"Basic {token}", "x-langfuse-ingestion-version": "4"}
