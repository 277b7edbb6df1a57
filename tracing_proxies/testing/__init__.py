"""Helpers for the tests of applications that are traced, and workflows to test with."""

from tracing_proxies.testing.capturing import CapturedSpan, capture_spans, registry_from
from tracing_proxies.testing.records import fill_store, observations
from tracing_proxies.testing.steps import Step, Trigger, Workflow
from tracing_proxies.testing.workflows import KINDS, workflows

__all__ = [
    "KINDS",
    "CapturedSpan",
    "Step",
    "Trigger",
    "Workflow",
    "capture_spans",
    "fill_store",
    "observations",
    "registry_from",
    "workflows",
]
