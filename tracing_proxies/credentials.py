"""Secrets of our own: from the environment, from a file that only we may read, or from the system's keyring."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from typing import Final

from tracing_proxies.errors import ActivationError

LANGFUSE_PUBLIC_KEY: Final = "LANGFUSE_PUBLIC_KEY"
LANGFUSE_SECRET_KEY: Final = "LANGFUSE_SECRET_KEY"
OTLP_HEADERS: Final = "OTEL_EXPORTER_OTLP_HEADERS"
MASKING_KEY: Final = "TRACING_PROXIES_MASKING_KEY"
KEYRING: Final = "TRACING_PROXIES_KEYRING"
"""Names the keyring's service; nothing is looked up in a keyring without it."""
NAMES: Final = (LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY, OTLP_HEADERS, MASKING_KEY)
_IN_FILE: Final = "_FILE"
# A key of this process's own: nobody else can try guesses against a fingerprint.
_SALT: Final = os.urandom(32)
_LARGEST: Final = 64 * 1024
_INSTALL: Final = "pip install 'tracing-proxies[keyring]'"


def read_secret(name: str, environ: Mapping[str, str]) -> str | None:
    """Read a secret: the variable of this name, else the file that ``NAME_FILE`` names, else the keyring's entry.

    Args:
        name: of the variable; in the keyring it is the user's name beside the service that ``TRACING_PROXIES_KEYRING``
            names.

    Returns:
        The secret, None if there is none.

    Raises:
        ActivationError: the file cannot be read or can be read by others, or the keyring is asked for and missing. The
            message holds names and no secret.
    """
    value = environ.get(name)
    if value:
        return value
    path = environ.get(name + _IN_FILE)
    if path:
        return _read_file(name + _IN_FILE, path)
    service = environ.get(KEYRING)
    return _ask_keyring(service, name) if service else None


def holder_of(name: str, environ: Mapping[str, str]) -> str | None:
    """Name the variable that a secret comes by, None if there is no secret of this name.

    Raises:
        ActivationError: as `read_secret` does.
    """
    if read_secret(name, environ) is None:
        return None
    return next(variable for variable in (name, name + _IN_FILE, KEYRING) if environ.get(variable))


def sources_of(environ: Mapping[str, str]) -> object:
    """Return what tells whether a secret may have changed, comparable; it holds no secret."""
    found: list[object] = []
    for name in NAMES:
        value, path = environ.get(name), environ.get(name + _IN_FILE)
        found.append(fingerprint(value) if value else None)
        found.append(_signature(path) if path and not value else None)
    return tuple(found)


def fingerprint(secret: str | None) -> str | None:
    """Return what tells two secrets of this process apart, and cannot be turned back."""
    if secret is None:
        return None
    return hashlib.blake2b(secret.encode("utf-8", "surrogatepass"), key=_SALT, digest_size=16).hexdigest()


def _signature(path: str) -> object:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns


def _read_file(variable: str, path: str) -> str:
    try:
        # Without blocking: it might be a pipe that nobody writes to.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "no path"
        raise ActivationError(f"{variable}: {path!r} cannot be read ({reason})") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ActivationError(f"{variable}: {path!r} is no regular file")
        if _is_open_to_others(status):
            raise ActivationError(
                f"{variable}: {path!r} can be read by others than its owner, so that it is no secret: chmod 600 {path}"
            )
        content = os.read(descriptor, _LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > _LARGEST:
        raise ActivationError(f"{variable}: {path!r} has more than {_LARGEST:,} bytes")
    try:
        text = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ActivationError(f"{variable}: {path!r} is no text in UTF-8") from None
    if not text:
        raise ActivationError(f"{variable}: {path!r} is empty")
    return text


def _is_open_to_others(status: os.stat_result) -> bool:
    # Orchestrators mount a secret as root's, readable by a group that is the container's own.
    mounted = status.st_uid == 0 and os.geteuid() != 0 and not status.st_mode & stat.S_IWGRP
    return bool(status.st_mode & (stat.S_IRWXO if mounted else stat.S_IRWXO | stat.S_IRWXG))


def _ask_keyring(service: str, name: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ActivationError(f"{KEYRING} needs the package keyring: {_INSTALL}") from None
    try:
        return keyring.get_password(service, name) or None
    except KeyringError as error:
        raise ActivationError(f"{KEYRING}: the keyring does not answer ({type(error).__name__})") from None
