"""Check digits: the sums that tell a real card or account number from a number that merely has its length."""

from __future__ import annotations

from collections.abc import Callable
from operator import mul

from tracing_proxies.compiled import hot

_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")

_NUMBERS = {ord(letter): str(number) for number, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}

_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DIHEDRAL = tuple(
    tuple(
        (a + b) % 5 if a < 5 and b < 5 else (a + b - 5) % 5 + 5 if a < 5 else (a - b) % 5 + 5 if b < 5 else (a - b) % 5
        for b in range(10)
    )
    for a in range(10)
)
_PERMUTED = tuple(
    tuple(map(int, row))
    for row in "0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258".split()
)
_VIN_VALUES = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "012345678912345678123457923456789"), strict=True))
_VIN_LETTERS = frozenset(_VIN_VALUES)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)

# Total length of an IBAN by country, from the SWIFT IBAN registry.
_IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "FO", "GL", "NL", "SD", "FK"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "XK", "MN"), 20),
    **dict.fromkeys(("CH", "CR", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "OM", "SO", "TL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("LY", "PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "BY", "CY", "DO", "GT", "HN", "HU", "LB", "NI", "PL", "SV"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU", "YE"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
    **dict.fromkeys(("LC",), 32),
    **dict.fromkeys(("RU",), 33),
}


def luhn_in_python(digits: str) -> bool:
    """Do as ``luhn``: the original of what is compiled (hot/checks.c)."""
    written = digits.encode("ascii")
    # The sum of bytes is that of the digits and 48 for each: 0.6 us for a card, where a sum of integers takes 1.2.
    return (sum(written[-1::-2]) + sum(written[-2::-2].translate(_DOUBLED)) - 48 * len(written)) % 10 == 0


luhn: Callable[[str], bool] = luhn_in_python if hot is None else hot.luhn
"""Tell whether ASCII digits satisfy the Luhn sum (ISO/IEC 7812-1, annex B)."""


def iban_length(country: str) -> int:
    """Return how many characters an IBAN of this country has, 0 for a country without IBANs."""
    return _IBAN_LENGTHS.get(country, 0)


def mod97(iban: str) -> bool:
    """Tell whether upper-case letters and digits satisfy the IBAN check (ISO 13616: remainder 1 by 97)."""
    return int((iban[4:] + iban[:4]).translate(_NUMBERS)) % 97 == 1


def card_brand_fits(digits: str) -> bool:
    """Tell whether a number's first digits and its length belong together for a card network in use.

    Args:
        digits: 12 to 19 ASCII digits.
    """
    size = len(digits)
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    if digits[0] == "4":
        return size in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return size == 16
    if two in (34, 37):
        return size == 15
    if four in (2131, 1800):
        return size == 15
    if 300 <= three <= 305 or two in (36, 38, 39):
        return 14 <= size <= 19
    if 3528 <= four <= 3589 or two in (62, 65, 81) or four == 6011 or 644 <= three <= 649:
        return 16 <= size <= 19
    if two == 35:
        return size == 16
    return (two in (60, 82) or 2200 <= four <= 2204) and size == 16


def is_card_number(digits: str) -> bool:
    """Tell whether digits are a payment card's number by network, length and check digit."""
    return (
        13 <= len(digits) <= 19 and card_brand_fits(digits) and luhn(digits) and digits.count(digits[0]) < len(digits)
    )


def weighted_in_python(digits: str, weights: tuple[int, ...], modulus: int) -> int:
    """Do as ``weighted``: the original of what is compiled (hot/checks.c)."""
    total: int = sum(map(mul, map(int, digits), weights))
    return total % modulus


weighted: Callable[[str, tuple[int, ...], int], int] = weighted_in_python if hot is None else hot.weighted
"""Return the weighted sum of ASCII digits by a modulus of at most 1000; digits beyond the weights do not count."""


def is_date(year: str, month: str, day: str) -> bool:
    """Tell whether digits may be month and day of some year, 29 February only in a leap year of two-digit years."""
    m, d = int(month), int(day)
    return 1 <= m <= 12 and 1 <= d <= _DAYS[m] and not (m == 2 and d == 29 and int(year) % 4)


def verhoeff(digits: str) -> bool:
    """Tell whether digits satisfy Verhoeff's check (dihedral group of order ten)."""
    state = 0
    for place, digit in enumerate(reversed(digits)):
        state = _DIHEDRAL[state][_PERMUTED[place % 8][int(digit)]]
    return state == 0


def mod11_10(digits: str) -> bool:
    """Tell whether digits satisfy the hybrid check of ISO/IEC 7064 by 11 and 10."""
    carry = 10
    for digit in digits[:-1]:
        carry = (carry + int(digit)) % 10 or 10
        carry = carry * 2 % 11
    return (carry + int(digits[-1])) % 10 == 1


def vin(written: str) -> bool:
    """Tell whether 17 letters and digits satisfy a vehicle identification number's check (ISO 3779, 49 CFR 565)."""
    if len(written) != 17 or not _VIN_LETTERS.issuperset(written):
        return False
    total = sum(_VIN_VALUES[character] * weight for character, weight in zip(written, _VIN_WEIGHTS, strict=True))
    return written[8] == "0123456789X"[total % 11]
