"""Detectors by class; each module finds one, and ``DETECTORS`` names them as the registry's ``detect:`` does."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from tracing_proxies.masking.detectors import (
    assignment,
    authorization,
    card,
    described,
    email,
    iban,
    jwt,
    keyed,
    marked,
    national,
    pem,
    phone,
    ssn,
    street,
    url,
    vendor,
    whole,
)
from tracing_proxies.masking.detectors.kinds import Detector, Found, Part, Span

__all__ = ["DETECTORS", "PARTS", "Detector", "Family", "Found", "Part", "Span"]

PARTS: Final[tuple[Part, ...]] = (
    *pem.PARTS,
    *jwt.PARTS,
    *url.PARTS,
    *vendor.PARTS,
    *marked.PARTS,
    *authorization.PARTS,
    *assignment.PARTS,
    *email.PARTS,
    *iban.PARTS,
    *card.PARTS,
    *ssn.PARTS,
    *national.PARTS,
    *phone.PARTS,
    *keyed.PARTS,
    *described.PARTS,
    *street.PARTS,
    *whole.PARTS,
)
"""The parts of all shipped detectors; judges are asked in this order. One scanner runs any set of them together."""

# Where two classes claim the same place, the one that stands first here names it; card and social security number come
# before phone, whose forms are the widest.
_NAMES: Final = (
    "secrets",
    "url_credentials",
    "email",
    "iban",
    "payment_card",
    "us_ssn",
    "ip",
    "mac",
    "passport",
    "driver_license",
    "vehicle",
    "bank_account",
    "national_id",
    "crypto_wallet",
    "birth_date",
    "website",
    "coordinates",
    "street_address",
    "phone",
)


@attrs.frozen
class Family:
    """A shipped detector: all parts that find one class."""

    name: str

    def find(self, text: str) -> list[Found]:
        """Return start and end of every value of the class, in order.

        Args:
            text: any text.
        """
        from tracing_proxies.masking.scan import Scanner

        return [(start, end) for start, end, _ in Scanner((self,)).find(text)]


DETECTORS: Final[Mapping[str, Detector]] = MappingProxyType({name: Family(name) for name in _NAMES})
"""Every shipped detector by the name of its class, in the order of precedence."""
