"""Takes what the application makes with Langfuse's own SDK into our traces: one tree, one masking, one spool.

The SDK hands each span to its processor as it starts and as it ends. We stand on the processor's class, so that clients
that were made before are reached as well, and on the class that it inherits from, whose ``on_end`` it calls with the
spans that it would send: its own filters, its root marks and their clean-up stay its own in every version. Nothing is
imported: we learn of the SDK's modules as they are loaded.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import attrs

from tracing_proxies.failures import contain
from tracing_proxies.weaving.hooks import Hooks
from tracing_proxies.weaving.weaver import Weaver

if TYPE_CHECKING:
    from tracing_proxies.langfuse.adoption_nesting import Nesting
    from tracing_proxies.langfuse.scores import Score

ADOPT: Final = "adopt"
KEEP: Final = "keep"
MUTE: Final = "mute"
_PROCESSOR: Final = "langfuse._client.span_processor"
_MANAGER: Final = "langfuse._client.resource_manager"
_FIRST_QUOTED: Final = 5
_log = logging.getLogger("tracing_proxies")


@attrs.define(eq=False, repr=False)
class Client:
    """One client of the SDK, as far as we have seen it.

    Args:
        project: its public key.
        adopted: whether its spans become ours.
        reason: why not, or what else there is to say; "" for nothing.
        early: whether it was there before tracing was activated.
    """

    project: str
    adopted: bool
    reason: str = ""
    early: bool = False


@attrs.frozen(repr=False)
class Wish:
    """What is to become of the SDK's spans.

    Args:
        native: adopt, keep or mute.
        projects: the public keys of our own destinations.
        elsewhere: whether spans of any project are taken, since none of our destinations is a Langfuse project.
        room: how many spans a trace may have; None for any number.
    """

    native: str = KEEP
    projects: frozenset[str] = frozenset()
    elsewhere: bool = False
    room: int | None = None


class Adoption:
    """Adopts the spans and scores of the SDK's clients.

    Args:
        weaver: whose ledger takes everything back.
        put: takes a score; returns whether anybody wants it.
    """

    def __init__(self, weaver: Weaver, put: Callable[[Score], bool]) -> None:
        self._weaver = weaver
        self._put = put
        self._hooks: Hooks | None = None
        self._wish = Wish()
        self._on = True
        self._nesting: Nesting | None = None
        self._clients: weakref.WeakKeyDictionary[Any, Client] = weakref.WeakKeyDictionary()
        self._scores = 0

    def follow(self, wish: Wish) -> None:
        """Do as the registry wishes from now on."""
        if wish == self._wish:
            return
        self._wish = wish
        self._clients.clear()
        if self._nesting is not None:
            self._nesting.room = wish.room
        if wish.native == KEEP or (wish.native == ADOPT and not (wish.projects or wish.elsewhere)):
            self.close()
        elif self._hooks is None:
            self._hooks = hooks = Hooks(self._weaver, _PROCESSOR)
            hooks.on_module(_PROCESSOR, lambda module: self._reach_processor(hooks, module))
            hooks.on_module(_MANAGER, lambda module: self._reach_manager(hooks, module))

    def switch(self, on: bool) -> None:
        """Leave spans and scores to the SDK, or take them again."""
        self._on = on

    def close(self) -> None:
        """Leave the SDK's classes as they were."""
        hooks, self._hooks = self._hooks, None
        if hooks is not None:
            hooks.take_back()

    def status(self) -> dict[str, Any]:
        """Describe what becomes of the SDK's spans, in plain values."""
        return {
            "native": self._wish.native if self._hooks is not None else KEEP,
            "clients": [attrs.asdict(client) for client in list(self._clients.values())],
            "adopted": 0 if self._nesting is None else self._nesting.adopted,
            "left_out": 0 if self._nesting is None else self._nesting.left_out,
            "scores": self._scores,
        }

    def _reach_processor(self, hooks: Hooks, module: ModuleType) -> None:
        nesting = self._begin_nesting()
        processors, batches = module.LangfuseSpanProcessor, module.BatchSpanProcessor
        start, end, send = vars(processors)["on_start"], vars(processors)["on_end"], vars(batches)["on_end"]

        def on_start(processor: Any, span: Any, parent_context: Any = None) -> None:
            start(processor, span, parent_context)
            self._begin(nesting, processor, span, parent_context)

        def on_end(processor: Any, span: Any) -> None:
            try:
                end(processor, span)
            finally:
                self._forget(nesting, processor, span)

        def take(processor: Any, span: Any) -> None:
            if not (isinstance(processor, processors) and self._take(nesting, processor, span)):
                send(processor, span)

        hooks.replace(processors, "on_start", on_start)
        hooks.replace(processors, "on_end", on_end)
        hooks.replace(batches, "on_end", take)

    def _begin_nesting(self) -> Nesting:
        if self._nesting is None:
            # 4 ms, which who has no SDK of Langfuse's need not pay; beside the import of that it is nothing.
            from tracing_proxies.langfuse.adoption_nesting import Nesting

            self._nesting = Nesting(self._weaver.recorder)
            self._nesting.room = self._wish.room
        self._nesting.quoted = _major(metadata.version("langfuse")) >= _FIRST_QUOTED
        return self._nesting

    def _reach_manager(self, hooks: Hooks, module: ModuleType) -> None:
        from tracing_proxies.langfuse.adoption_scores import score_of

        managers = module.LangfuseResourceManager
        add, begin = vars(managers)["add_score_task"], vars(managers)["_initialize_instance"]

        def initialize(manager: Any, **options: Any) -> None:
            # Who samples already thins nothing a second time: of a tenth, a tenth would be left.
            if self._on and self._wish.native == ADOPT and self._takes(options.get("public_key")):
                options["sample_rate"] = None
            begin(manager, **options)

        def add_score_task(manager: Any, score: Any, **options: Any) -> None:
            if not self._take_score(manager, score, score_of):
                add(manager, score, **options)

        hooks.replace(managers, "_initialize_instance", initialize)
        hooks.replace(managers, "add_score_task", add_score_task)
        for project, manager in list(managers._instances.items()):
            self._note_early(project, manager)

    def _note_early(self, project: str, manager: Any) -> None:
        if not self._takes(project):
            return
        for processor in _processors_of(manager):
            client = self._client(processor)
            client.early = True
            rate = getattr(manager, "sample_rate", None)
            if client.adopted and rate is not None and rate < 1:
                client.reason = f"it thins its traces itself (sample_rate={rate:g}), before this layer does"
        _log.warning(
            "Langfuse's SDK has made a client for the project %s before tracing was activated: what it has recorded "
            "until now goes its own way, past this layer's masking; activate tracing first",
            project,
        )

    def _takes(self, project: Any) -> bool:
        wish = self._wish
        return wish.native == MUTE or wish.elsewhere or project in wish.projects

    def _client(self, processor: Any) -> Client:
        client = self._clients.get(processor)
        if client is None:
            project = str(getattr(processor, "public_key", ""))
            reason = "" if self._takes(project) else "it sends to another project than this layer"
            exporter = getattr(processor, "span_exporter", None)
            inner = getattr(exporter, "_exporter", None) or exporter
            if self._wish.native == MUTE:
                reason = "muted"
            elif not reason and type(inner).__name__ != "OTLPSpanExporter":
                reason = "it has an exporter of its own"
            client = self._clients[processor] = Client(project, not reason, reason)
        return client

    def _begin(self, nesting: Nesting, processor: Any, span: Any, parent_context: Any) -> None:
        try:
            if not self._on or not self._client(processor).adopted:
                return
            project = _project_of(span)
            if project in (None, processor.public_key):
                expected = getattr(processor, "_is_expected_exported_at_start", None)
                nesting.begin(span, parent_context, sent=expected is None or bool(expected(span)))
            elif not self._takes(project):  # on the same provider; what is below is not to be orphaned in our project
                nesting.begin(span, parent_context, sent=False)
        except Exception as exc:
            contain("adoption", exc)

    def _take(self, nesting: Nesting, processor: Any, span: Any) -> bool:
        try:
            if not self._on or not self._client(processor).adopted:
                return self._on and self._wish.native == MUTE
            nesting.end(span, getattr(processor, "span_exporter", None))
        except Exception as exc:
            contain("adoption", exc)
        return True  # also where we have failed: what its own way would send is not masked by us

    def _forget(self, nesting: Nesting, processor: Any, span: Any) -> None:
        """Let go of what the SDK has not sent; another client's processor may be asked before the right one."""
        try:
            if self._client(processor).adopted:
                nesting.forget(span)
        except Exception as exc:
            contain("adoption", exc)

    def _take_score(self, manager: Any, score: Any, score_of: Callable[[Any], Score | None]) -> bool:
        try:
            if (
                not self._on
                or self._wish.native != ADOPT
                or getattr(manager, "public_key", None) not in self._wish.projects
            ):
                return False
            found = score_of(score)
            if found is None or not self._put(found):
                return False
        except Exception as exc:
            contain("adoption", exc)
            return False
        self._scores += 1
        return True


def _project_of(span: Any) -> Any:
    """Return the public key of the client that has made a span, None for a span of another library's."""
    scope = span.instrumentation_scope
    return scope.attributes.get("public_key") if scope is not None and scope.attributes else None


def _major(version: str) -> int:
    found = version.partition(".")[0]
    return int(found) if found.isdigit() else 0


def _processors_of(manager: Any) -> list[Any]:
    provider = getattr(manager, "tracer_provider", None)
    found = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    return [one for one in found if getattr(one, "public_key", None) == manager.public_key]
