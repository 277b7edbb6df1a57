"""Forty values that must never leave a process, each in a text as applications have it, and how to look for them.

None of them is anybody's: numbers are from documentation and test ranges, secrets are made up here.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterator
from typing import Final

from ahocorasick_rs import AhoCorasick

CANARIES: Final[dict[str, tuple[str, str]]] = {
    "email": ("wilma.canary@example.com", "please write to {} today"),
    "email, tagged": ("wilma+canary@mail.example.org", "cc {}"),
    "phone, US": ("(415) 555-0132", "call me at {} tonight"),
    "phone, German": ("+49 30 901820143", "Telefon {}"),
    "coordinates": ("48.85837, 2.29448", "coordinates: {}"),
    "card, Visa": ("4111 1111 1111 1111", "paid with {}"),
    "card, Mastercard": ("5555555555554444", "charge {} again"),
    "date of birth": ("1987-03-14", "date of birth {}"),
    "IBAN, German": ("DE89 3704 0044 0532 0130 00", "transfer to {}"),
    "website": ("wilma-canary.example.net", "my website is {}"),
    "US social security": ("219-09-9999", "SSN {} on file"),
    "IPv4": ("203.0.113.77", "connection from {} refused"),
    "IPv6": ("2001:db8:85a3::8a2e:370:7334", "peer {} closed"),
    "MAC": ("00:1a:2b:3c:4d:5e", "interface {} is down"),
    "URL with credentials": ("canary-pass-81x", "fetch https://bird:{}@feeds.example.com/a"),
    "PostgreSQL": ("pg-Canary-77q", "postgresql://app:{}@db.example.com:5432/shop"),
    "MongoDB": ("mongo-Canary-5t1", "mongodb+srv://app:{}@cluster0.example.net/shop"),
    "wallet": ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "send it to {}"),
    "national id": ("44051401359", "PESEL {}"),
    "ADO connection string": ("Ado-Canary-6w4", "Server=db;Database=shop;User Id=app;Password={};"),
    "AWS access key": ("AKIAQ3EGRZ7XWB5NCANA", "key {} was rotated"),
    "GitHub": ("ghp_c4N4ryZ8xK2mW7pQ5tR1vY3bD6fH9jL0sAeX", "cloned with {}"),
    "passport": ("C01X00T47", "passport number {}"),
    "Slack": ("xoxb-204819482043-2048194820431-c4N4ryZ8xK2mW7pQ5tR1vY3b", "bot {}"),
    "Stripe": ("sk_live_c4N4ryZ8xK2mW7pQ5tR1vY3b", "billing {}"),
    "OpenAI": ("sk-proj-c4N4ryZ8xK2mW7pQ5tR1vY3bD6fH9jL0sAeXuTqPoIyZ1M3", "model key {}"),
    "Anthropic": ("sk-ant-api03-c4N4ryZ8xK2mW7pQ5tR1vY3bD6fH9jL0sAeXuTqPoIyZ1M3wXy-AA", "model key {}"),
    "street": ("221 Canary Wharf Road", "lives at {} now"),
    "bank account": ("000123987654", "account number {}"),
    "vehicle": ("1HGCM82633A004352", "VIN {}"),
    "driving licence": ("MORGA753116SM9IJ", "driving licence {}"),
    "JWT": (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJjYW5hcnkifQ.c4N4ryZ8xK2mW7pQ5tR1vY3bD6fH9jL0sAeXuTqPoIy",
        "session {} expired",
    ),
    "private key": (
        "MIIEpAIBAAKCAQEAc4N4ryZ8xK2mW7pQ5tR1vY3bD6fH9jL0sAeXuTqPoIyZ1M3w",
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    ),
    "bearer": ("c4N4ryZ8xK2mW7pQ5tR1vY3bD6fH", "Authorization: Bearer {}"),
    "basic": ("Y2FuYXJ5OmM0TjRyeVo4eEsy", "Authorization: Basic {}"),
    "password": ("c4N4ry-pass-phrase", "password={}"),
    "API key by name": ("c4N4ryZ8xK2mW7pQ5tR1", "api_key: {}"),
    "cookie": ("c4N4rySessionZ8xK2mW7pQ5", "Cookie: session={}"),
    "client secret": ("c4N4ry~Z8xK2.mW7pQ5tR1", '{{"client_secret": "{}"}}'),
    "Twilio": ("c4a4e2b86d0f4a7c9e1b3d5f7a9c0e2f", "TWILIO_AUTH_TOKEN={}"),
}
"""By class: the value, and the text that it stands in."""

SENTINEL: Final = "olive-oil-sentinel"
"""Stands beside each of them and is nothing to mask: where it is missing, an exit was not looked at."""


def texts() -> list[str]:
    """Return the texts, each with the sentinel."""
    return [f"{SENTINEL}: {form.format(value)}" for value, form in CANARIES.values()]


def occurrences(content: bytes) -> Iterator[str]:
    """Yield each canary that bytes hold as it is, escaped, in base64, in hexadecimal, or encoded as in URLs."""
    content += content.replace(b'","', b"")  # pieces of a stream, as whoever reads them puts them together
    text = content.decode("latin-1")
    for automaton, names, within in ((_EXACT, _EXACT_NAMES, text), (_FOLDED, _FOLDED_NAMES, text.lower())):
        for found in {index for index, _, _ in automaton.find_matches_as_indexes(within, overlapping=True)}:
            yield names[found]


def _forms(value: str) -> Iterator[tuple[str, bytes]]:
    raw = value.encode()
    yield "as it is", raw
    yield "in UTF-16", value.encode("utf-16-le")
    yield "in hexadecimal", raw.hex().encode()
    yield "as JSON", json.dumps(value)[1:-1].encode()
    yield "in a URL", urllib.parse.quote(value, safe="").encode()
    yield "in a form", urllib.parse.quote_plus(value, safe="").encode()
    for shift in range(3):
        # Of what stands in the middle of something that is encoded as a whole, the first and last characters depend on
        # its neighbours.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield "base64", encode(b"\0" * shift + raw)[4:].rstrip(b"=")[:-1]


def _automaton(*, exact: bool) -> tuple[AhoCorasick, list[str]]:
    forms = [
        (f"{kind}, {how}", form.decode("latin-1"))
        for kind, (value, _) in CANARIES.items()
        for how, form in _forms(value)
        if (how == "base64") is exact
    ]
    return AhoCorasick([form if exact else form.lower() for _, form in forms]), [name for name, _ in forms]


_EXACT, _EXACT_NAMES = _automaton(exact=True)
_FOLDED, _FOLDED_NAMES = _automaton(exact=False)
