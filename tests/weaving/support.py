"""Registries and recordings for the tests of weaving, without YAML."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tracing_proxies.errors import Place
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.registry.model import (
    EMPTY,
    Export,
    MaskingSettings,
    Registry,
    Rule,
    SamplingSettings,
    Service,
    Settings,
)
from tracing_proxies.registry.pointcut import Pointcut
from tracing_proxies.weaving.weaver import Weaver

HERE = Place("registry.yaml", 1, 1)


def make_registry(*rules: tuple[str, dict[str, Any]] | str) -> Registry:
    """Make a registry of rules, each a pattern, or a pattern and its settings."""
    made = []
    for index, rule in enumerate(rules):
        pattern, settings = (rule, {}) if isinstance(rule, str) else rule
        cuts = (Pointcut.parse(pattern),)
        made.append(Rule(cuts, (HERE,), (), HERE, index, Settings(**settings)))
    return Registry(
        path=None,
        files=(),
        service=Service(),
        rules=tuple(made),
        presets=(),
        skipped_presets=(),
        roles=EMPTY,
        defaults=Settings(),
        export=Export(),
        sampling=SamplingSettings(),
        masking=MaskingSettings(),
    )


@contextmanager
def woven(*rules: tuple[str, dict[str, Any]] | str) -> Iterator[list[Span]]:
    """Weave rules, and collect the spans that end."""
    spans: list[Span] = []
    weaver = Weaver(Recorder(spans.append))
    weaver.weave(make_registry(*rules))
    try:
        yield spans
    finally:
        weaver.undo()
        assert not weaver.recorder.open
