"""Network addresses: IPv4, IPv6 and MAC, anchored on their punctuation."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

from tracing_proxies.masking.detectors.digits import words_before
from tracing_proxies.masking.detectors.kinds import Span
from tracing_proxies.masking.detectors.late import Late

_QUAD_TAIL = Late(r"\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9A-Za-z_]|\.[0-9A-Za-z])")
_COLONS = Late(r":(?:[0-9A-Fa-f]{0,4}):")
_HYPHENS = Late(r"-(?<![0-9A-Za-z\-]...)(?<=[0-9A-Fa-f]{2}-)(?:[0-9A-Fa-f]{2}-){4}[0-9A-Fa-f]{2}(?![0-9A-Za-z\-])")
_DOTTED_MAC = Late(r"\.[0Aa]{4}\.[0Aa]{4}")
_DOTTED_HEX = Late(r"(?=[0-9.]*[A-Fa-f])(?=[A-Fa-f.]*[0-9])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\Z")
_BESIDE = frozenset("0Aa_-")
_MAC = Late(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\Z")
_HEX = frozenset("0123456789abcdefABCDEF:.")
_LONGEST = 45
_ADDRESS = frozenset("ip ipv4 ipv6 address addr src dst host bind listen any unspecified".split())
_PREFIX = Late(r"/[0-9]{1,3}(?![0-9])")
_NOT_ADDRESS = frozenset(("version", "v", "release", "ver", "rv", "section", "build"))


def find_dotted(text: str, shape: str) -> list[Span]:
    """Return every MAC address in three groups of four."""
    found: list[Span] = []
    for middle in _DOTTED_MAC.finditer(shape):
        start, end = middle.start() - 4, middle.end()
        if start >= 0 and _DOTTED_HEX.match(text[start:end]) and _stands_apart(shape, start, end):
            found.append((start, end, "mac"))
    return found


def find_hyphened(text: str) -> list[Span]:
    """Return every MAC address written with hyphens."""
    return [(match.start() - 2, match.end(), "mac") for match in _HYPHENS.finditer(text)]


def _stands_apart(shape: str, start: int, end: int) -> bool:
    return (start == 0 or shape[start - 1] not in _BESIDE) and (end == len(shape) or shape[end] not in _BESIDE)


def find_quads(text: str, lower: str) -> Iterator[Span]:
    """Yield every IPv4 address, the local ones too."""
    for tail in _QUAD_TAIL.finditer(text):
        start = tail.start()
        while start > 0 and tail.start() - start < 4 and "0" <= text[start - 1] <= "9":
            start -= 1
        octets = (text[start : tail.start()], *tail.groups())
        if not octets[0] or not all(_is_octet(octet) for octet in octets):
            continue
        before = text[start - 1] if start else " "
        # `Chrome/120.0.0.0` is a version.
        product = before == "/" and text[start - 2 : start - 1].isalpha()
        if (
            before.isalnum()
            or before in "._"
            or product
            or not _NOT_ADDRESS.isdisjoint(words_before(lower, start, 12)[-1:])
        ):
            continue
        yield start, tail.end(), "ip"


def find_colons(text: str, lower: str) -> Iterator[Span]:
    """Yield every IPv6 and MAC address written with colons."""
    for start, end in _colon_runs(text):
        written = text[start:end]
        if _MAC.match(written):
            yield start, end, "mac"
        elif written == "::":
            # Between names it is a scope; with a prefix behind it or a word for an address before it, any address.
            if _PREFIX.match(text, end) or not _ADDRESS.isdisjoint(words_before(lower, start, 24)):
                yield start, end, "ip"
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
        if trimmed - start > 1 and not _touches_word(text, start, trimmed):
            yield start, trimmed
        anchor = _COLONS.search(text, past)


def _touches_word(text: str, start: int, end: int) -> bool:
    return (start > 0 and text[start - 1].isalnum()) or (end < len(text) and (text[end].isalnum() or text[end] == "_"))
