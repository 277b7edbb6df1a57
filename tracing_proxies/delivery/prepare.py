"""Finishes an ended span on the worker's thread: masks all of it, and writes it as an observation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import attrs
import orjson

from tracing_proxies.compiled import hot
from tracing_proxies.delivery.text import to_json
from tracing_proxies.failures import contain
from tracing_proxies.masking import Masker, markers
from tracing_proxies.recording.observation import Observation
from tracing_proxies.recording.routing import Reader, show
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.state import exported
from tracing_proxies.registry.masking import NOTHING

_MOST_NAMES = 4_096
_LONGEST_NAME = 200
_NO_NAMES: Final[set[str]] = set()
_EMPTIED: Final[dict[str, tuple[str, Any]]] = {
    "input": ("input", None),
    "output": ("output", None),
    "metadata": ("metadata", {}),
    "tags": ("tags", ()),
    "session": ("session_id", None),
    "user": ("user_id", None),
    "status_message": ("status_message", None),
}
"""What is left of each part that may be withheld: the field of an observation, and its value then."""
_new: Any = tuple.__new__  # past the named tuple's own, which is written in Python: 0.3 us, not 0.8


@attrs.frozen(repr=False)
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
        withheld: parts of a span that are not recorded, by whatever they came to be there.
        readers: are shown each span before it is masked; they may write onto it.
    """

    def __init__(
        self,
        masker: Masker,
        service: ServiceNames,
        withheld: frozenset[str] = frozenset(),
        readers: Sequence[Reader] = (),
    ) -> None:
        self._masker = masker
        self._withheld = withheld
        self._readers = readers
        self._finish: Callable[..., Observation | None] = _leave_all if withheld else _compiled
        self._service_name = service.name
        self._service_fields = (service.environment, service.release, service.version)
        self._service = (*self._service_fields, service.name)
        self._known, self._closely = masker.known, masker.value_closely
        # Names come again and again; what masking leaves alone is known by a look-up (0.04 us, not 0.5).
        self._clean_names: set[str] = set()
        self._clean_tags: set[tuple[str, ...]] = set()

    def get_ready(self) -> None:
        """Load what masking needs, which takes some 50 ms; the first text that may hold something would do it too."""
        self._masker.get_ready()

    def __call__(self, span: Span) -> Observation | None:
        """Prepare one span.

        Returns:
            The observation; None if sampling or ``min_duration`` leaves the span out.
        """
        if span.prepared is None and not span.dropped:
            if self._readers:
                show(span, self._readers)
            found = self._finish(span, self._clean_names, self._clean_tags, self._known, self._closely, self._service)
            span.prepared = self._prepare(span) if found is None else found
        prepared: Observation | None = span.prepared
        return prepared

    def mask(self, name: str, value: Any) -> Any:
        """Mask a value of the application's that is no part of a span, as if it stood under a name."""
        return self._masker.field(name, value)

    def mask_name(self, name: str) -> str:
        """Mask a name, which passes under the strict policy, too."""
        return self._masker.text(name)

    @property
    def environment(self) -> str:
        """The environment that stands on every span."""
        return self._service_fields[0]

    def _prepare(self, span: Span) -> Observation:
        # Written out for speed: most spans have no more than a name, times, arguments and a result.
        masker, trace, tightening = self._masker, span.trace, span.recipe.policy.masking
        offset, start, parent_id = trace.offset, span.start, span.parent_id
        names, trace_id, given, result = self._clean_names, trace.trace_id, _input_of(span), span.output
        if tightening is not NOTHING:
            masker, names = masker.under(tightening), _NO_NAMES
        metadata: Any = {}
        if span.has_metadata or span.events:
            found = {**span.metadata, "events": list(span.events)} if span.events else span.metadata
            metadata = masker.value(found)
            if type(metadata) is not dict:
                metadata = {"metadata": metadata}
        fields = (
            f"{trace_id:032x}",
            f"{span.span_id:016x}",
            None if parent_id is None else f"{parent_id:016x}",
            span.name if span.name in names else self._name(masker, span.name),
            span.type,
            start + offset,
            (span.stop or start) + offset,
            span.level,
            None if span.status_message is None else _field(masker, "status_message", span.status_message),
            None if given is None else to_json(masker.value(given)),
            None if result is None else to_json(_output(masker, result)),
            metadata,
            None if span.model is None else _field(masker, "model", span.model),
            {k if k in names else self._name(masker, k): n for k, n in span.usage.items()} if span.usage else {},
            None if trace.user is None else _field(masker, "user_id", trace.user),
            None if trace.session is None else _field(masker, "session_id", trace.session),
            self._tags(masker, trace.tags) if trace.tags else (),
            trace.name if trace.name in names else self._name(masker, trace.name),
            *self._service_fields,
            span.weight,
            span.app_root,
            self._service_name,
            None if trace.state is None else exported(trace.state, masker.text),
            None,
        )
        prepared: Observation = _new(Observation, fields)
        if type(span) is not Span:  # another library has made it, and it may say more
            prepared = cast(Any, span).complete(prepared, masker)
        if self._withheld or tightening.withhold:
            return prepared._replace(
                attributes=None, **dict(_EMPTIED[part] for part in (*self._withheld, *tightening.withhold))
            )
        return prepared

    def _tags(self, masker: Masker, tags: tuple[str, ...]) -> tuple[str, ...]:
        # All spans of a trace have the same.
        if masker is self._masker and tags in self._clean_tags:
            return tags
        masked = masker.tags(tags)
        if masked == tags and masker is self._masker and sum(map(len, tags)) <= _LONGEST_NAME:
            if len(self._clean_tags) >= _MOST_NAMES:
                self._clean_tags.clear()
            self._clean_tags.add(tags)
        return masked

    def _name(self, masker: Masker, name: str) -> str:
        masked = masker.text(name)
        if masked is name and len(name) <= _LONGEST_NAME and masker is self._masker:
            if len(self._clean_names) >= _MOST_NAMES:
                self._clean_names.clear()
            self._clean_names.add(name)
        return masked


def _leave_all(*span: Any) -> Observation | None:
    return None


_compiled: Callable[..., Observation | None] = _leave_all
"""Prepares the spans that most are; None for others."""

if hot is not None:
    _compiled = hot.prepare
    hot.bind_prepare({"Observation": Observation, "NOTHING": NOTHING, "dumps": orjson.dumps, "to_json": to_json})


def _input_of(span: Span) -> Any:
    try:
        return span.input
    except Exception as exc:  # the arguments are given their names here: where that fails the rest of the span stays
        contain("input", exc)
        return markers.FAILED


def _field(masker: Masker, name: str, value: Any) -> str | None:
    """Mask one of a span's own values as if it stood under its name, so that lists and policies can name it."""
    masked = masker.field(name, str(value))
    return None if masked is None else str(masked)


def _output(masker: Masker, result: Any) -> Any:
    if type(result) is list and len(result) > 1 and all(type(item) is str for item in result):
        result = masker.chunks(result)  # a stream's pieces: a model's answer comes in fragments of words
    return masker.value(result)
