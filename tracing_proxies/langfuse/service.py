"""One Langfuse project as a service: its connection, its health, and traces that are written by hand."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final

import attrs

from tracing_proxies import destinations, finishing
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.prepare import Preparer
from tracing_proxies.errors import ActivationError
from tracing_proxies.langfuse.client import ApiError, LangfuseClient
from tracing_proxies.langfuse.scores import make_score
from tracing_proxies.langfuse.scores_flow import Scoring
from tracing_proxies.langfuse.service_rows import Row, WrittenObservation, begin_tree
from tracing_proxies.langfuse.variables import ENABLED, is_enabled
from tracing_proxies.recording.context import suppress
from tracing_proxies.recording.ids import new_span_id, new_trace_id
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.model import LangfuseExport, Registry

_HEALTH_PATIENCE: Final = 5.0
_EXIT_TIMEOUT: Final = 2.0


@attrs.frozen
class ServiceHealth:
    """How a project is doing, as its server and our own accounts say.

    Args:
        ok: whether the server answers, takes the keys, and nothing waits because of it.
        reachable: whether it answers.
        version: the server's, None if it does not say.
        projects: the names of what the keys open; empty if they open nothing.
        reason: what is wrong, "" where nothing is; holds no secret.
        waiting: how many observations and scores wait for it, in memory and on disk.
    """

    ok: bool
    reachable: bool = False
    version: str | None = None
    projects: tuple[str, ...] = ()
    reason: str = ""
    waiting: int = 0


class LangfuseIntegrationService:
    """One Langfuse project: connection, health, traces by hand, scores.

    There is one instance for each server and project in a process, which ``connect`` returns; several projects may be
    connected at once. What is written is masked and goes through a pipeline with a spool, as what is traced does: a
    server that is away costs the caller nothing, and loses nothing.

    Args:
        host: the server's address.
        public_key, secret_key: the project's keys.
        registry: whose masking, service and spool hold; None for those of an empty registry.
        environ: the environment.

    Raises:
        ActivationError: the address is none of http or https.
    """

    _connected: ClassVar[dict[tuple[str, str], LangfuseIntegrationService]] = {}
    _lock: ClassVar[Any] = threading.RLock()

    def __init__(
        self, host: str, public_key: str, secret_key: str, *, registry: Registry, environ: Mapping[str, str]
    ) -> None:
        self.host = host.rstrip("/")
        self.project = public_key
        self._enabled = is_enabled(environ)
        self._keys = public_key, secret_key
        self._client = LangfuseClient(self.host, *self._keys, patience=_HEALTH_PATIENCE)
        durability = (registry.export.langfuse or LangfuseExport()).durability
        spans, scores = destinations.project_sinks(
            self.host, self._keys, durability, registry.spool, environ, renew=lambda: self._keys, ordered=True
        )
        self._prepare: Preparer = finishing.make_preparer(registry, environ)
        self._scoring = Scoring([scores] if self._enabled else [], registry.scores, lambda: self._prepare, suppress)
        self._pipeline = Pipeline(
            [spans] if self._enabled else [], self._scoring.watch(self._prepare), ledger=Ledger(), suppress=suppress
        )

    def __repr__(self) -> str:
        return f"LangfuseIntegrationService({self._client.origin}, {self.project})"

    @classmethod
    def connect(
        cls,
        host: str | None = None,
        public_key: str | None = None,
        secret_key: str | None = None,
        *,
        registry: Registry | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> LangfuseIntegrationService:
        """Return the service of a server and a project: the one that there is, or a new one.

        Nothing is sent by this; the first observation opens the connection.

        Args:
            host: the server's address; None for that of the environment (LANGFUSE_BASE_URL, LANGFUSE_HOST).
            public_key, secret_key: the project's keys; None for those of the environment.
            registry: whose masking, service and spool hold for a new one; None for those of an empty registry.
            environ: the environment.

        Raises:
            ActivationError: the address or a key is missing, or cannot be read.
        """
        host = host or environ.get("LANGFUSE_BASE_URL") or environ.get("LANGFUSE_HOST")
        if public_key is None or secret_key is None:
            public_key, secret_key = destinations.langfuse_keys(environ) or (None, None)
        if not host or not public_key or not secret_key:
            raise ActivationError(
                "a Langfuse project needs host, public_key and secret_key, as arguments or as LANGFUSE_BASE_URL, "
                "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY in the environment"
            )
        with cls._lock:
            known = cls._connected.get((host.rstrip("/"), public_key))
            if known is not None:
                known._exchange(secret_key)
                return known
            parsed = parse_registry("version: 1", base=Path.cwd(), environ=environ) if registry is None else registry
            try:
                made = cls(host, public_key, secret_key, registry=parsed, environ=environ)
            except ValueError as error:
                raise ActivationError(f"Langfuse: {error}") from None
            cls._connected[made.host, public_key] = made
        made._pipeline.adopt()
        made._scoring.adopt()
        return made

    def health(self) -> ServiceHealth:
        """Ask the server how it is, and whether it takes the keys; never raises, and takes seconds at most."""
        waiting = self._waiting()
        if not self._enabled:
            return ServiceHealth(False, reason=f"{ENABLED} forbids sending anything", waiting=waiting)
        try:
            told = self._client.get("/api/public/health")
        except ApiError as error:
            return ServiceHealth(False, bool(error.status), reason=str(error), waiting=waiting)
        version = told.get("version") if isinstance(told, dict) else None
        try:
            projects = self.projects()
        except ApiError as error:
            return ServiceHealth(False, True, version, reason=str(error), waiting=waiting)
        reason = self._trouble() if projects else "the keys open no project"
        return ServiceHealth(not reason, True, version, projects, reason, waiting)

    def projects(self) -> tuple[str, ...]:
        """Return the names of the projects that the keys open.

        Raises:
            ApiError: the server cannot be reached, or does not take the keys.
        """
        told = self._client.get("/api/public/projects")
        found = told.get("data") if isinstance(told, dict) else None
        return tuple(str(project.get("name")) for project in found or () if isinstance(project, dict))

    def create_trace(
        self, name: str, *, id: str | None = None, type: str = "span", start: int | None = None, **values: Any
    ) -> WrittenObservation:
        """Begin a trace, and its first observation.

        Args:
            name: of both.
            id: the trace's, 32 hexadecimal digits; None for a new one.
            type, start, values: as for ``WrittenObservation.create_span``.

        Returns:
            The first observation: update it, create others below it, finalise it.

        Raises:
            ValueError: the id is not hexadecimal, or the type or level is none.
        """
        trace_id = new_trace_id()
        if id is not None and (len(id) != 32 or not (trace_id := int(id, 16))):
            raise ValueError(f"a trace's id has 32 hexadecimal digits, not {id!r}")
        tree = begin_tree(trace_id, self._put)
        tree.trace.name = name
        return WrittenObservation(tree, None, new_span_id(), start).update(name=name, type=type, **values)

    def score(self, *, trace_id: str, name: str, value: bool | int | float | str, **details: Any) -> str | None:
        """Score a trace or an observation in it.

        Args:
            trace_id, name, value, details: as for ``tracing_proxies.score``.

        Returns:
            The score's id; None where nothing may be sent.

        Raises:
            ValueError: an id is not hexadecimal, or the value does not fit the type.
        """
        made = make_score(trace_id, name, value, **details)
        return made.id if self._scoring.put(made) else None

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything written before is delivered, or safe on disk where the server does not answer.

        Args:
            timeout: seconds, a hard limit.
        """
        deadline = time.monotonic() + timeout
        delivered = self._pipeline.flush(timeout)
        return self._scoring.flush(deadline) and delivered

    def close(self, timeout: float = _EXIT_TIMEOUT) -> bool:
        """Flush, and let go of the connection; ``connect`` makes a new one.

        Args:
            timeout: seconds for all of it.
        """
        with self._lock:
            if self._connected.get((self.host, self.project)) is self:
                del self._connected[self.host, self.project]
        deadline = time.monotonic() + timeout
        delivered = self._pipeline.close(timeout)
        return self._scoring.close(deadline) and delivered

    def status(self) -> dict[str, Any]:
        """Describe what became of what was written, in plain values; no secret is among them."""
        return {
            "host": self._client.origin,
            "project": self.project,
            "enabled": self._enabled,
            "delivery": self._pipeline.status(),
            "scores": self._scoring.status(),
        }

    def __enter__(self) -> LangfuseIntegrationService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, row: Row) -> None:
        self._pipeline.put(row)

    def _exchange(self, secret_key: str) -> None:
        if secret_key != self._keys[1]:
            self._keys = self.project, secret_key
            self._client = LangfuseClient(self.host, *self._keys, patience=_HEALTH_PATIENCE)
            self._pipeline.retry()
            self._scoring.retry()

    def _waiting(self) -> int:
        accounts = (self._pipeline.status(), self._scoring.status())
        return sum(one["queued"] + one["spooled"] for one in accounts)

    def _trouble(self) -> str:
        sinks = {**self._pipeline.status()["sinks"], **self._scoring.status()["sinks"]}
        return "; ".join(sink["reason"] for sink in sinks.values() if not sink["healthy"])
