"""Names of fields that are to stay hidden, and whether a path reads one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from tracing_proxies.registry.pointcut import glob_matches

NAMES: Final = (
    "password", "passwd", "passphrase", "passcode", "pwd", "secret", "client_secret", "secret_key", "private_key",
    "signing_key", "encryption_key", "token", "access_token", "refresh_token", "auth_token", "id_token",
    "session_token", "bearer", "jwt", "api_key", "access_key", "authorization", "proxy_authorization", "cookie",
    "set_cookie", "credentials", "card_number", "credit_card", "cc_number", "cvv", "cvv2", "cvc", "security_code",
    "pin", "pin_code", "otp", "ssn", "social_security_number",
)  # fmt: skip


def hidden_name(read: tuple[str, ...], hide: Iterable[str]) -> str | None:
    """Find the first hidden name on the way of a path.

    Args:
        read: the path's root and its names, as `CapturePath.reads` has them.
        hide: the names and globs that are hidden besides the usual ones; those with dots look at neighbours.

    Returns:
        The name as the path has it, None if all of them may be seen.
    """
    root, *names = read
    folded = [_fold(name) for name in names]
    patterns = [_split(pattern) for pattern in (*NAMES, *hide)]
    for at, name in enumerate(names):
        if root == "env" and at == 0:
            # Variables carry a prefix: OPENAI_API_KEY is an api_key.
            words = "_" + name.casefold()
            if any(words.endswith("_" + usual) for usual in NAMES):
                return name
        if any(_ends_with(folded[: at + 1], pattern) for pattern in patterns):
            return name
    return None


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
