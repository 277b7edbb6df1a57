"""Finishes an ended span on the worker's thread: masks all of it, and writes it as an observation."""

from __future__ import annotations

from typing import Any

import attrs

from tracing_proxies.delivery.text import to_json
from tracing_proxies.masking import Masker
from tracing_proxies.recording.ids import span_hex, trace_hex
from tracing_proxies.recording.observation import Observation
from tracing_proxies.recording.span import Span


@attrs.frozen
class ServiceNames:
    """What names the application on every span."""

    name: str = "python"
    environment: str = "default"
    release: str | None = None
    version: str | None = None


class Preparer:
    """Turns ended spans into masked observations.

    Args:
        masker: what hides personal data and secrets.
        service: what names the application.
    """

    def __init__(self, masker: Masker, service: ServiceNames) -> None:
        self._masker = masker
        self._service = service

    def __call__(self, span: Span) -> Observation | None:
        """Prepare one span.

        Returns:
            The observation; None if sampling or ``min_duration`` leaves the span out.
        """
        if span.prepared is None and not span.dropped:
            span.prepared = self._prepare(span)
        prepared: Observation | None = span.prepared
        return prepared

    def _prepare(self, span: Span) -> Observation:
        masker, trace, hide = self._masker, span.trace, span.recipe.policy.hide
        text = self._text
        metadata: Any = {}
        if span.has_metadata or span.events:
            found = {**span.metadata, "events": list(span.events)} if span.events else span.metadata
            metadata = masker.value(found, hide=hide)
        return Observation(
            trace_id=trace_hex(trace.trace_id),
            id=span_hex(span.span_id),
            parent_observation_id=None if span.parent_id is None else span_hex(span.parent_id),
            name=masker.text(span.name),
            type=span.type,
            start_time=span.start + trace.offset,
            end_time=(span.stop or span.start) + trace.offset,
            level=span.level,
            status_message=text(span.status_message),
            input=self._side(span.input, hide),
            output=self._side(span.output, hide),
            metadata=metadata if isinstance(metadata, dict) else {"metadata": metadata},
            model=text(span.model),
            usage_details=dict(span.usage or {}),
            user_id=text(trace.user),
            session_id=text(trace.session),
            tags=tuple(masker.text(tag) for tag in trace.tags),
            trace_name=masker.text(trace.name),
            environment=self._service.environment,
            release=self._service.release,
            version=self._service.version,
            sampling_weight=span.weight,
            app_root=span.app_root,
            service_name=self._service.name,
        )

    def _text(self, value: Any) -> str | None:
        # Through `value`, so that the strict policy hides it too.
        return None if value is None else str(self._masker.value(str(value)))

    def _side(self, value: Any, hide: tuple[str, ...]) -> str | None:
        return None if value is None else to_json(self._masker.value(value, hide=hide))
