"""What is done with the masking key: tokens that are the same for the same value, and texts that can be read again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final

from tracing_proxies.masking import markers

SHORTEST: Final = 16
_NONCE: Final = 12
_TO_LETTERS: Final = str.maketrans("0123456789abcdef", markers.LETTERS)
_ENCRYPTED: Final = re.compile(rf"\[({markers.LABEL})~([A-Za-z0-9_-]{{38,}})\]")
_INSTALL: Final = "masking.encrypt needs the package cryptography: pip install 'tracing-proxies[encryption]'"
# Written in more than one way, and meant as one.
_COMPACT: Final = frozenset(("phone", "card", "iban", "ssn", "national id", "bank account", "vehicle", "mac"))


class MaskingKey:
    """Makes pseudonyms and encrypted texts; appears in no text.

    Two keys are derived from the one that is given, so that what is learnt of one use tells nothing for the other.

    Args:
        secret: at least 16 bytes.

    Raises:
        ValueError: the secret is shorter.
    """

    __slots__ = ("_cipher", "_encryption", "_pseudonyms")

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SHORTEST:
            raise ValueError(f"the masking key is too short: it needs at least {SHORTEST} bytes, 32 are usual")
        self._pseudonyms = hmac.digest(secret, b"tracing_proxies masking: pseudonyms", "sha256")
        self._encryption = hmac.digest(secret, b"tracing_proxies masking: encryption", "sha256")
        self._cipher: Any = None

    def __repr__(self) -> str:
        return "MaskingKey(...)"

    @property
    def fingerprint(self) -> str:
        """What tells two keys apart and nothing of either."""
        return hashlib.sha256(b"fingerprint" + self._pseudonyms).hexdigest()[:16]

    def pseudonym(self, label: str, text: str) -> str:
        """Return the token of a value: 20 letters, 80 bits of HMAC-SHA256 (RFC 2104).

        Args:
            label: what kind of value it is; spellings that mean the same e-mail address or number give the same token.
        """
        digest = hmac.digest(self._pseudonyms, _normalise(label, text).encode("utf-8", "surrogatepass"), "sha256")
        return digest.hex()[: markers.TOKEN_LENGTH].translate(_TO_LETTERS)

    def encrypt(self, text: str) -> str:
        """Return a text encrypted: AES-256 in Galois/Counter Mode (NIST SP 800-38D), nonce first, in base64url."""
        nonce = os.urandom(_NONCE)
        sealed = self._aes().encrypt(nonce, text.encode("utf-8", "surrogatepass"), None)
        return base64.urlsafe_b64encode(nonce + sealed).decode("ascii").rstrip("=")

    def decrypt(self, body: str) -> str:
        """Return what was encrypted.

        Raises:
            ValueError: the text was not made with this key, or has been changed since.
        """
        try:
            raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            return str(self._aes().decrypt(raw[:_NONCE], raw[_NONCE:], None).decode("utf-8", "surrogatepass"))
        except Exception as exc:
            raise ValueError("not encrypted with this key") from exc

    def unmask(self, text: str, refused: Callable[[], None] = lambda: None) -> str:
        """Return a text with every encrypted marker replaced by what it holds.

        Args:
            refused: called for each that this key does not open; it stays as it is.
        """

        def open_one(found: re.Match[str]) -> str:
            try:
                return self.decrypt(found[2])
            except ValueError:
                refused()
                return found[0]

        return _ENCRYPTED.sub(open_one, text)

    def _aes(self) -> Any:
        if self._cipher is None:
            require_encryption()
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self._encryption)
        return self._cipher


def require_encryption() -> None:
    """Make sure that texts can be encrypted.

    Raises:
        ValueError: the package for it is missing; says how to install it.
    """
    try:
        import cryptography  # noqa: F401  # 40 ms, and few registries encrypt
    except ImportError:
        raise ValueError(_INSTALL) from None


def _normalise(label: str, text: str) -> str:
    text = unicodedata.normalize("NFC", text.strip())
    if label in _COMPACT:
        return "".join(character for character in text if character.isalnum()).upper()
    return text.casefold() if label == "email" else text
