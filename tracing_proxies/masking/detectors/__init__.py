"""Detectors by class; each module finds one, and ``DETECTORS`` names them as the registry's ``detect:`` does."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from tracing_proxies.masking.detectors.kinds import Detector, Found, Span

__all__ = ["DETECTORS", "Detector", "Family", "Found", "Span"]

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


@attrs.frozen(eq=False, repr=False)
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
