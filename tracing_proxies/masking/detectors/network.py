"""Network addresses: IPv4, IPv6 and MAC, anchored on their punctuation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

from tracing_proxies.masking.detectors.digits import words_before
from tracing_proxies.masking.detectors.kinds import Part, Span

_QUAD_TAIL = re.compile(r"\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9A-Za-z_]|\.[0-9A-Za-z])")
_COLONS = re.compile(r":(?:[0-9A-Fa-f]{0,4}):")
_HYPHENS = re.compile(
    r"-(?<![0-9A-Za-z\-]...)(?<=[0-9A-Fa-f]{2}-)(?:[0-9A-Fa-f]{2}-){4}[0-9A-Fa-f]{2}(?![0-9A-Za-z\-])"
)
_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\Z")
_HEX = frozenset("0123456789abcdefABCDEF:.")
_LONGEST = 45
_LEAST_COLONS, _LEAST_HYPHENS = 5, 5
_NOT_ADDRESS = frozenset(("version", "v", "release", "ver", "section", "build"))


def find(text: str, lower: str, shape: bytes) -> Iterator[Span]:
    """Return every IPv4, IPv6 and MAC address, the local ones too."""
    if b"0.0" in shape:
        yield from _quads(text, lower)
    if b"::" in shape or shape.count(b":") >= _LEAST_COLONS:
        yield from _colon_addresses(text)
    if shape.count(b"-") >= _LEAST_HYPHENS:
        for match in _HYPHENS.finditer(text):
            yield match.start() - 2, match.end(), "mac"


def _quads(text: str, lower: str) -> Iterator[Span]:
    for tail in _QUAD_TAIL.finditer(text):
        start = tail.start()
        while start > 0 and tail.start() - start < 4 and "0" <= text[start - 1] <= "9":
            start -= 1
        octets = (text[start : tail.start()], *tail.groups())
        if not octets[0] or not all(_is_octet(octet) for octet in octets):
            continue
        before = text[start - 1] if start else " "
        if before.isalnum() or before in "._" or not _NOT_ADDRESS.isdisjoint(words_before(lower, start, 12)[-1:]):
            continue
        yield start, tail.end(), "ip"


def _colon_addresses(text: str) -> Iterator[Span]:
    for start, end in _colon_runs(text):
        written = text[start:end]
        if _MAC.match(written):
            yield start, end, "mac"
        elif "::" in written or written.count(":") == 7:
            try:
                IPv6Address(written)
            except AddressValueError:
                continue
            # A scope operator between two words of hexadecimal letters (`ada::face`) is no address.
            if any(character.isdigit() for character in written) or written.count(":") > 3:
                yield start, end, "ip"


def _is_octet(octet: str) -> bool:
    return int(octet) < 256 and (octet == "0" or octet[0] != "0")


def _colon_runs(text: str) -> Iterator[tuple[int, int]]:
    past = 0
    anchor = _COLONS.search(text)
    while anchor:
        start, end = anchor.span()
        floor, ceiling = max(past, start - _LONGEST), min(len(text), start + _LONGEST)
        while start > floor and text[start - 1] in _HEX:
            start -= 1
        while end < ceiling and text[end] in _HEX:
            end += 1
        past = end
        trimmed = end
        while trimmed > start and text[trimmed - 1] == ".":
            trimmed -= 1
        if trimmed - start > 2 and not _touches_word(text, start, trimmed):
            yield start, trimmed
        anchor = _COLONS.search(text, past)


def _touches_word(text: str, start: int, end: int) -> bool:
    return (start > 0 and text[start - 1].isalnum()) or (end < len(text) and (text[end].isalnum() or text[end] == "_"))


PARTS = (Part(("ip", "mac"), search=find),)
