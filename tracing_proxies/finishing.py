"""How a registry has ended spans finished: what hides personal data and secrets, and what names the application.

What few registries ask for, such as detectors of their own, is imported for those alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tracing_proxies.credentials import MASKING_KEY, fingerprint, read_secret
from tracing_proxies.delivery.prepare import Preparer, ServiceNames
from tracing_proxies.errors import ActivationError
from tracing_proxies.masking import Masker
from tracing_proxies.masking.detectors import Detector
from tracing_proxies.masking.keyed import MaskingKey, require_encryption
from tracing_proxies.recording.routing import Reader
from tracing_proxies.registry.masking import MaskingSettings, Tightening, environment_of
from tracing_proxies.registry.model import Registry


def make_preparer(registry: Registry, environ: Mapping[str, str], readers: Sequence[Reader] = ()) -> Preparer:
    """Make what finishes spans under a registry.

    Args:
        readers: are shown each span before.

    Raises:
        ValueError: the registry names a detector that does not exist.
    """
    masking = registry.masking
    withheld = frozenset(masking.withhold + masking.here.withhold)
    return Preparer(make_masker(registry, environ), service_names(registry, environ), withheld, readers)


def make_masker(registry: Registry, environ: Mapping[str, str]) -> Masker:
    """Make what masks under a registry, in the environment that it says.

    Raises:
        ActivationError: the masking key is needed and missing, too short, or kept where others can read it.
        ValueError: the registry names a detector that does not exist.
    """
    needs_key, encrypts = _needs(registry)
    key = masking_key(environ) if needs_key else None
    if encrypts:
        try:
            require_encryption()
        except ValueError as error:
            raise ActivationError(str(error)) from None
    return masker_with(registry, key)


def _needs(registry: Registry) -> tuple[bool, bool]:
    """Tell whether anything in a registry needs the masking key, and whether anything encrypts."""
    blocks: list[MaskingSettings | Tightening] = [registry.masking, registry.masking.here]
    blocks += [role.masking for role in registry.roles.values()]
    for rule in registry.rules:
        blocks += [rule.settings.masking, *([rule.bundle.masking] if rule.bundle is not None else [])]
    blocks += [preset.overrides.masking for preset in registry.presets]
    return any(block.needs_key for block in blocks), any(block.encrypt for block in blocks)


def masker_with(registry: Registry, key: MaskingKey | None) -> Masker:
    """Make what masks under a registry with a key; without one, markers stand in place of what needs it.

    Raises:
        ActivationError: the registry asks for the deeper engine, and it is not installed.
        ValueError: the registry names a detector that does not exist.
    """
    masking = registry.masking
    more: list[Detector] = []
    if masking.detectors:
        from tracing_proxies.masking.detectors.custom import compile_detector

        more += [compile_detector(name, pattern) for name, pattern in masking.detectors]
    if masking.presidio is not None:
        from tracing_proxies.masking.deeper import load_presidio

        try:
            more += load_presidio(masking.presidio)
        except ValueError as error:
            raise ActivationError(str(error)) from None
    return Masker(masking, key=key, more=more).under(masking.here)


def masking_key(environ: Mapping[str, str]) -> MaskingKey:
    """Read what pseudonyms and encryption are made with.

    Raises:
        ActivationError: it is missing, too short, or kept where others can read it.
    """
    secret = read_secret(MASKING_KEY, environ)
    if secret is None:
        raise ActivationError(
            f"masking by pseudonyms or encryption needs a key: set {MASKING_KEY}, or {MASKING_KEY}_FILE to a file that "
            "only its owner may read (openssl rand -hex 32 > masking.key; chmod 600 masking.key)"
        )
    try:
        return MaskingKey(secret.encode())
    except ValueError as error:
        raise ActivationError(str(error)) from None


def describe(registry: Registry, environ: Mapping[str, str]) -> object:
    """Return all that finishing spans depends on, comparable."""
    key = fingerprint(read_secret(MASKING_KEY, environ))
    return registry.masking, service_names(registry, environ), key, _needs(registry)


def service_names(registry: Registry, environ: Mapping[str, str]) -> ServiceNames:
    """Name the application: from the registry, else from Langfuse's environment variables."""
    service = registry.service
    return ServiceNames(
        name=service.name or "python",
        environment=environment_of({"environment": service.environment}, environ),
        release=service.release or environ.get("LANGFUSE_RELEASE"),
        version=service.version,
    )
