"""A policy made ready for one join point: what to read at the start of a call, and what at its end."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tracing_proxies.recording.capture import flat_copy
from tracing_proxies.recording.copying import Limits
from tracing_proxies.recording.scope import Binder, defaults_of, make_binder, positional_names
from tracing_proxies.recording.tally import Tally
from tracing_proxies.registry.policy import Policy
from tracing_proxies.registry.template import Template
from tracing_proxies.registry.values import Value, paths_of
from tracing_proxies.sampling.rate import Rate

_PAYLOAD = ("capture_input", "capture_output", "metadata", "late_metadata", "outcome")
_LATE = frozenset({"result", "error"})


class Recipe:
    """What advice does for each call of one join point; swapped as a whole on reload.

    Args:
        tally: counts its calls, also those of recipes before and after this one.
        library: the library whose own OpenTelemetry spans must not see this call's (see ``native``); "" for none.
    """

    __slots__ = (
        "bind",
        "capture_input",
        "capture_output",
        "condition",
        "constant_name",
        "count",
        "counts_alone",
        "critical",
        "delegate",
        "error_message",
        "error_when",
        "fold",
        "function",
        "has_flat_defaults",
        "input",
        "is_plain",
        "judges_call",
        "late_metadata",
        "level",
        "library",
        "limits",
        "masking",
        "metadata",
        "min_duration",
        "model",
        "name",
        "names",
        "needs_scope",
        "nested",
        "never",
        "observation",
        "outcome",
        "output",
        "policy",
        "rate",
        "remembers",
        "room",
        "root",
        "sample",
        "session",
        "status_message",
        "tags",
        "tally",
        "usage",
        "user",
    )

    def __init__(
        self,
        policy: Policy,
        function: Any,
        qualname: str,
        *,
        bound: bool,
        library: str = "",
        tally: Tally | None = None,
    ) -> None:
        self.policy = policy
        self.masking = policy.masking
        self.tally = Tally() if tally is None else tally
        self.count = self.tally.count
        self.library = library
        self.function = qualname.rpartition(".")[2]
        self.bind: Binder = make_binder(function, bound=bound)
        self.names = positional_names(function, bound=bound)
        self.name: Template | None = policy.name
        self.constant_name = qualname if policy.name is None else policy.name.constant
        self.observation = policy.observation
        self.root = policy.root
        self.capture_input = policy.capture_input
        self.capture_output = policy.capture_output
        limits = policy.limits
        self.limits = _limits(limits.max_bytes, limits.max_items, limits.max_depth)
        defaults = defaults_of(self.bind)
        self.has_flat_defaults = flat_copy(defaults, self.limits) is defaults
        self.input = policy.input
        self.output = policy.output
        self.metadata = tuple((key, value) for key, value in policy.metadata.items() if not is_late(value))
        self.late_metadata = tuple((key, value) for key, value in policy.metadata.items() if is_late(value))
        self.tags = policy.tags
        self.session = policy.session
        self.user = policy.user
        self.outcome = tuple((f"outcome.{key}", value) for key, value in policy.outcome.items())
        self.outcome += tuple((f"score.{key}", value) for key, value in policy.scores.items())
        self.error_when = policy.error_when
        self.error_message = policy.error_message
        self.level = policy.level or "DEFAULT"
        self.status_message = policy.status_message
        self.condition = policy.condition
        self.critical = policy.critical
        self.model = policy.model
        self.usage = tuple(policy.usage.items())
        self.sample = policy.sample
        self.rate = None if policy.rate is None else Rate(*policy.rate)
        self.min_duration = policy.min_duration
        # How many spans a trace that starts here may have besides its first.
        self.room = None if policy.spans_per_trace is None else max(0, policy.spans_per_trace - 1)
        self.nested = policy.nested
        self.fold = load(policy.fold)
        self.delegate = load(policy.delegate)
        self.needs_scope = bool(
            self.constant_name is None
            or policy.input
            or policy.output
            or self.metadata
            or self.late_metadata
            or self.tags
            or self.session
            or self.user
            or self.outcome
            or self.error_when
            or self.status_message
            or self.condition
            or self.critical
            or self.model
            or self.usage
        )

        # Whether a call needs nothing but its name, times, arguments and result: most do, and get the quick way.
        self.is_plain = not (
            self.needs_scope
            or self.delegate
            or self.min_duration
            or self.root
            or self.sample < 1.0
            or self.rate is not None
            or self.level != "DEFAULT"
            or self.observation == "generation"
        )
        # Whether what is read of a call at its end is more than its outcome: else its arguments are let go of before.
        given = policy.output.values() if isinstance(policy.output, Mapping) else (policy.output,)
        single = policy.error_message, policy.status_message, policy.model
        late = *given, *single, *policy.usage.values(), *(value for _, value in (*self.late_metadata, *self.outcome))
        self.remembers = any(value is not None and not _reads_only_outcome(value) for value in late) or bool(
            policy.error_when is not None and not policy.error_when.roots <= _LATE
        )

        # Of calls that are only counted: whether there is nothing to judge, whether that takes no object of their own,
        # and whether their result is judged by more than itself.
        self.never = self.sample <= 0.0 and self.rate is None and self.error_when is None and self.condition is None
        self.counts_alone = self.condition is None and not self.root
        self.judges_call = self.error_when is not None and not self.error_when.roots <= {"result"}

    def step_down(self) -> Callable[[], None]:
        """Record no more than a call's name, times and error from now on; returns what takes that back."""
        before = {name: getattr(self, name) for name in _PAYLOAD}
        self.capture_input = self.capture_output = False
        self.metadata = self.late_metadata = self.outcome = ()

        def restore() -> None:
            for name, value in before.items():
                setattr(self, name, value)

        return restore


# Shared by all recipes that have the same: few registries name more than two or three.
_limits = lru_cache(maxsize=64)(Limits)


def is_late(value: Value) -> bool:
    """Tell whether a value can be read only when the call has ended."""
    return any(not _LATE.isdisjoint(path.roots) for path in paths_of(value))


def _reads_only_outcome(value: Value) -> bool:
    return all(path.roots <= _LATE for path in paths_of(value))


def load(reference: str | None) -> Callable[..., Any] | None:
    """Import the function that a preset names as ``module:function``."""
    if reference is None:
        return None
    module, _, name = reference.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def read_all(values: tuple[tuple[str, Value], ...] | Mapping[str, Value], scope: Any) -> dict[str, Any]:
    """Evaluate named values on a call."""
    pairs = values.items() if isinstance(values, Mapping) else values
    return {key: value(scope) for key, value in pairs}
