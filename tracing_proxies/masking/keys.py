"""Key names: which of them announce a secret, however they are spelled."""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NAME_LIMIT = 128


class Verdict(IntEnum):
    """How much a key name says of its value."""

    PLAIN = 0
    SUSPECT = 1  # hides a value that looks random, as in `service_key` or `ibm_auth`
    HIDDEN = 2  # hides any value


# Names that hide their value wherever the word stands in the key.
_HIDING_WORDS = frozenset(
    """password passwords passwd passwds pwd pswd passphrase passcode userpass dbpass mysqlpass secret secrets
    credential credentials creds cvv cvv2 cvc cvc2 ssn authorization cookie cookies apikey apikeys apisecret
    privatekey secretkey accesskey accesstoken authtoken refreshtoken sessiontoken clientsecret bearer jwt otp
    totp pw passw pswrd psword pwrd""".split()
)
# Names that hide their value as a run of neighbouring words.
_HIDING_RUNS = frozenset(
    tuple(run.split("_"))
    for run in """api_key api_keys access_key access_keys private_key private_keys secret_key signing_key encryption_key
    master_key account_key storage_key auth_key license_key ssh_key webhook_key service_key card_number
    credit_card cc_number security_code pin_code social_security basic_auth http_auth auth_header auth_tokens
    access_tokens refresh_tokens api_tokens private_token amz_signature""".split()
)
# A hiding word before one of these speaks about a secret and is none: a name, a limit, a date.
_ABOUT = frozenset(
    """count counts limit limits length len size name names policy policies type types url uri endpoint path file
    dir expiry expires expired expiration ttl rotation version enabled disabled required allowed reset updated
    created at field fields format strength min max total usage budget cost price rate rates arn provider
    consent banner manager present missing valid invalid hint in""".split()
)
# `token` after one of these is a unit of text or a page cursor.
_COUNTED = frozenset(
    """max min per first last next prev previous page continuation cursor sync stop start end bos eos pad unk sep
    cls mask special vocab input output prompt completion cached reasoning total num n image audio text""".split()
)
_SUSPECT_WORDS = frozenset("key keys auth token pass sig license api sid".split())
_SUSPECT_ENDS = ("token", "secret", "password", "passwd", "apikey", "pass", "pwd")


def split_name(name: str) -> tuple[str, ...]:
    """Return the lower-case words of a key in any spelling: ``apiKey``, ``API-KEY`` and ``api_key`` give the same."""
    return tuple(word.lower() for word in _WORDS.findall(name[:_NAME_LIMIT]))


@lru_cache(maxsize=4096)
def fold_name(name: str) -> str:
    """Return a key without case and separators, the form in which two spellings are compared."""
    return "".join(character for character in name[:_NAME_LIMIT].casefold() if character.isalnum())


def fold_path(name: str) -> str:
    """Return a key as it stands in a path: one with dots, as OpenTelemetry's attributes have, is a path by itself."""
    return ".".join(map(fold_name, name.split("."))) if "." in name else fold_name(name)


@lru_cache(maxsize=4096)
def judge_name(name: str) -> Verdict:
    """Return what a key's name says of its value under the default hide-list.

    Args:
        name: a key as it stands in a mapping, a query string or source text; only its first 128 characters count.
    """
    words = split_name(name)
    if not words:
        return Verdict.PLAIN
    while len(words) > 1 and words[-1].isdigit():
        words = words[:-1]
    last = words[-1]
    if last in _ABOUT:
        return Verdict.PLAIN
    if any(word in _HIDING_WORDS for word in words) or fold_name(name) in _HIDING_WORDS:
        return Verdict.HIDDEN
    if any(words[at : at + 2] in _HIDING_RUNS for at in range(len(words) - 1)):
        return Verdict.HIDDEN
    if last == "pin":
        return Verdict.HIDDEN
    if last == "token":
        return Verdict.PLAIN if len(words) > 1 and words[-2] in _COUNTED else Verdict.HIDDEN
    if any(word in _SUSPECT_WORDS for word in words) or last.endswith(_SUSPECT_ENDS):
        return Verdict.SUSPECT
    return Verdict.PLAIN
