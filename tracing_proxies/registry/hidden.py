"""Names of fields that are to stay hidden, and whether a path reads one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import attrs

from tracing_proxies.registry.model import Settings
from tracing_proxies.registry.paths import CapturePath
from tracing_proxies.registry.pointcut import glob_matches
from tracing_proxies.registry.template import Template
from tracing_proxies.registry.values import paths_of

NAMES: Final = (
    "password", "passwd", "passphrase", "passcode", "pwd", "secret", "client_secret", "secret_key", "private_key",
    "signing_key", "encryption_key", "token", "access_token", "refresh_token", "auth_token", "id_token",
    "session_token", "bearer", "jwt", "api_key", "access_key", "authorization", "proxy_authorization", "cookie",
    "set_cookie", "credentials", "card_number", "credit_card", "cc_number", "cvv", "cvv2", "cvc", "security_code",
    "pin", "pin_code", "otp", "ssn", "social_security_number",
)  # fmt: skip


def hidden_name(read: tuple[str, ...], hide: Iterable[str], allow: Iterable[str] = ()) -> str | None:
    """Find the first hidden name on the way of a path.

    Args:
        read: the path's root and its names, as `CapturePath.reads` has them.
        hide: the names and globs that are hidden besides the usual ones; those with dots look at neighbours.
        allow: the names and globs that may be seen all the same.

    Returns:
        The name as the path has it, None if all of them may be seen.
    """
    if read[0] == "env" and len(read) > 1:
        # Variables carry a prefix: OPENAI_API_KEY is an api_key.
        words = "_" + read[1].casefold()
        if any(words.endswith("_" + usual) for usual in NAMES) and named_in(read[:2], allow) is None:
            return read[1]
    return named_in(read, (*NAMES, *hide), allow)


def named_in(read: tuple[str, ...], names: Iterable[str], allow: Iterable[str] = ()) -> str | None:
    """Find the first name on the way of a path that is one of some.

    Args:
        read, allow: as for `hidden_name`.
        names: the names and globs; those with dots look at neighbours.
    """
    _, *found = read
    folded = [_fold(name) for name in found]
    patterns = [_split(pattern) for pattern in names]
    exempt = [_split(pattern) for pattern in allow]
    for at, name in enumerate(found):
        if any(_ends_with(folded[: at + 1], pattern) for pattern in exempt):
            continue
        if any(_ends_with(folded[: at + 1], pattern) for pattern in patterns):
            return name
    return None


def without_hidden(settings: Settings, hide: Sequence[str], allow: Sequence[str]) -> Settings:
    """Return settings without the values that read a hidden field."""

    def is_seen(value: Any) -> bool:
        if not isinstance(value, CapturePath | Template):
            return True
        return all(hidden_name(read, hide, allow) is None for path in paths_of(value) for read in path.reads)

    kept: dict[str, Any] = {}
    for field in attrs.fields(Settings):
        found = getattr(settings, field.name)
        if isinstance(found, Mapping):
            kept[field.name] = {name: value for name, value in found.items() if is_seen(value)}
        elif isinstance(found, tuple):
            kept[field.name] = tuple(filter(is_seen, found))
        elif not is_seen(found):
            kept[field.name] = None
    return attrs.evolve(settings, **kept)


def _ends_with(names: list[str], pattern: tuple[str, ...]) -> bool:
    tail = names[-len(pattern) :]
    return len(tail) == len(pattern) and all(map(glob_matches, pattern, tail))


@lru_cache(maxsize=4_096)
def _split(pattern: str) -> tuple[str, ...]:
    while pattern.startswith(("*.", "**.")):
        pattern = pattern.split(".", 1)[1]
    return tuple(_fold(segment) for segment in pattern.split("."))


def _fold(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")
