"""A span that was made with OpenTelemetry's SDK, on its way through our recorder, masking and sinks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tracing_proxies.delivery.text import to_json
from tracing_proxies.langfuse import adoption_attributes as told
from tracing_proxies.langfuse.adoption_attributes import Said
from tracing_proxies.masking import Masker
from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.observation import Observation
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.trace import Trace

SDK_SCOPE: Final = "langfuse-sdk"
_UNMASKED: Final = {
    "langfuse.trace.public": re.compile(r"true|false", re.IGNORECASE),
    "langfuse.observation.completion_start_time": re.compile(r'"?[0-9]{4}-[0-9]{2}-[0-9]{2}[0-9T:.Z+\- ]{0,28}"?'),
    "langfuse.observation.prompt.version": re.compile(r"[0-9]{1,9}"),
}
"""Numbers, times and truth values, which a detector could only spoil; anything else under these names is masked."""
_MOST_EVENTS: Final = 32
_NOTHING: Final = Said()
_EXCEPTION: Final = {
    "exception.type": "error.type",
    "exception.message": "error.message",
    "exception.stacktrace": "error.stack",
}


class AdoptedSpan(Span):
    """Stands for a span of another library's as long as it is open, and says what it said when it has ended.

    Ours that begin below it find it by its id. What its attributes hold is parsed by whoever asks first, which is the
    worker.

    Args:
        recorder: what it belongs to.
        trace: what it is part of.
        span_id: its own.
        parent: the span above, None where there is none in this process.
        parent_id: of the span above, also where that is elsewhere.
        recipe: what holds for all of its kind.
    """

    _attributes: Mapping[str, Any] = {}
    _said: Said | None = None
    _resource: Mapping[str, Any] = {}
    _exceptions: tuple[Mapping[str, Any], ...] = ()
    _own = True
    _quoted = False
    _payload = True

    def __init__(
        self, recorder: Recorder, trace: Trace, span_id: int, parent: Span | None, parent_id: int | None, recipe: Recipe
    ) -> None:
        super().__init__(recorder, trace, span_id, parent, parent_id)
        self.recipe = recipe
        self.settled = True

    def take(self, native: Any, attributes: Mapping[str, Any], *, quoted: bool) -> None:
        """Take over what an ended span says.

        Args:
            native: OpenTelemetry's ``ReadableSpan``.
            attributes: its attributes, as they may leave the process.
            quoted: whether each of its metadata values is JSON text.
        """
        trace = self.trace
        self._attributes, self._quoted = attributes, quoted
        self._resource = native.resource.attributes if native.resource is not None else {}
        self._own = native.instrumentation_scope is not None and native.instrumentation_scope.name == SDK_SCOPE
        self._exceptions = tuple(event.attributes or {} for event in native.events if event.name == "exception")
        self.events = [
            {"name": event.name, "attributes": dict(event.attributes or {})}
            for event in native.events[:_MOST_EVENTS]
            if event.name != "exception"
        ]
        self.start = native.start_time - trace.offset
        self.stop = max(self.start, (native.end_time or native.start_time) - trace.offset)
        self.name = native.name
        self.type = told.type_of(attributes)
        failed = native.status is not None and native.status.status_code.name == "ERROR"
        self.level = told.level_of(attributes, failed)
        self.status_message = attributes.get(told.OBSERVATION + "status_message")
        if self.status_message is None and failed:
            self.status_message = native.status.description or None
        self.model = told.model_of(attributes)
        self.usage = told.usage_of(attributes)
        self.note_trace(attributes)

    def note_trace(self, attributes: Mapping[str, Any]) -> None:
        """Let the whole trace have what a span says of it, where nobody has said it before."""
        trace = self.trace
        if trace.session is None:
            trace.session = told.first(attributes, told.SESSION)
        if trace.user is None:
            trace.user = told.first(attributes, told.USER)
        tags = attributes.get(told.TAGS)
        if isinstance(tags, (list, tuple)):
            trace.add_tags(tuple(str(tag) for tag in tags))
        name = attributes.get(told.TRACE_NAME)
        if name:
            trace.name = str(name)

    @property
    def input(self) -> Any:
        return self._read().input if self._payload else None

    @input.setter
    def input(self, value: Any) -> None:
        self._payload = value is not None

    @property
    def output(self) -> Any:
        return self._read().output if self._payload else None

    @output.setter
    def output(self, value: Any) -> None:
        self._payload = self._payload and value is not None

    @property
    def metadata(self) -> dict[str, Any]:
        return self._read().metadata

    @property
    def has_metadata(self) -> bool:
        return bool(self._read().metadata)

    def complete(self, prepared: Observation, masker: Masker) -> Observation:
        """Add to an observation what other spans have not: its own version, costs, parameters, prompt and the like."""
        attributes, resource = self._attributes, self._resource
        changes: dict[str, Any] = {}
        for field, names in (("session_id", told.SESSION), ("user_id", told.USER)):
            value = told.first(attributes, names)
            if value is not None and value != getattr(self.trace, field.removesuffix("_id")):
                changes[field] = _text(masker.field(field, str(value)))
        environment = attributes.get(told.ENVIRONMENT)
        if environment is None and prepared.environment == "default":
            environment = resource.get(told.ENVIRONMENT)
        release = attributes.get(told.RELEASE) or prepared.release or resource.get(told.RELEASE)
        version = attributes.get(told.VERSION) or prepared.version
        for field, value in (("environment", environment), ("release", release), ("version", version)):
            if value is not None and value != getattr(prepared, field):
                changes[field] = _text(masker.field(field, str(value)))
        more = {
            key: self._masked(masker, key, value)
            for key, value in self._read().more.items()
            if self._payload or not key.endswith((".input", ".output"))
        }
        if more:
            changes["attributes"] = {key: value for key, value in more.items() if value is not None}
        self._said, self._attributes, self._exceptions = _NOTHING, {}, ()
        return prepared._replace(**changes)

    def _read(self) -> Said:
        said = self._said
        if said is None:
            if self.stop is None:
                return Said()
            said = told.read(self._attributes, own=self._own, quoted=self._quoted)
            if not self.trace.payload:
                self._payload = False
            for event in self._exceptions[:1]:
                for key, name in _EXCEPTION.items():
                    if event.get(key) is not None:
                        said.metadata.setdefault(name, snapshot(event[key]))
            self._said = said
        return said

    def _masked(self, masker: Masker, key: str, value: Any) -> Any:
        form = _UNMASKED.get(key)
        if type(value) in (bool, int, float) or (form is not None and form.fullmatch(str(value))):
            return value
        parsed = told.parse(value)
        found = masker.field(key.rpartition(".")[2], parsed)
        if type(found) is list and all(type(item) is str for item in found):
            return found
        return found if found is None or type(found) is str else to_json(found)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
