"""How a registry has ended spans finished: what hides personal data and secrets, and what names the application."""

from __future__ import annotations

from collections.abc import Mapping

from tracing_proxies.delivery.prepare import Preparer, ServiceNames
from tracing_proxies.masking import Masker
from tracing_proxies.registry.masking import environment_of
from tracing_proxies.registry.model import Registry


def make_preparer(registry: Registry, environ: Mapping[str, str]) -> Preparer:
    """Make what finishes spans under a registry.

    Raises:
        ValueError: the registry names a detector that does not exist.
    """
    masking = registry.masking
    withheld = frozenset(masking.withhold + masking.here.withhold)
    return Preparer(Masker(masking).under(masking.here), service_names(registry, environ), withheld)


def describe(registry: Registry, environ: Mapping[str, str]) -> object:
    """Return all that finishing spans depends on, comparable."""
    return registry.masking, service_names(registry, environ)


def service_names(registry: Registry, environ: Mapping[str, str]) -> ServiceNames:
    """Name the application: from the registry, else from Langfuse's environment variables."""
    service = registry.service
    return ServiceNames(
        name=service.name or "python",
        environment=environment_of({"environment": service.environment}, environ),
        release=service.release or environ.get("LANGFUSE_RELEASE"),
        version=service.version,
    )
