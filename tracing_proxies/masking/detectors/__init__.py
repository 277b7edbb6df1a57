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
    email,
    iban,
    jwt,
    network,
    pem,
    phone,
    ssn,
    url,
    vendor,
)
from tracing_proxies.masking.detectors.kinds import Detector, Found, Part, Span

__all__ = ["DETECTORS", "PARTS", "Detector", "Family", "Found", "Part", "Span"]

# Where two families claim the same place, the one that stands first here names the marker; card and social security
# number come before phone, whose forms are the widest.
PARTS: Final[tuple[Part, ...]] = (
    *pem.PARTS,
    *jwt.PARTS,
    *url.PARTS,
    *vendor.PARTS,
    *authorization.PARTS,
    *assignment.PARTS,
    *email.PARTS,
    *iban.PARTS,
    *card.PARTS,
    *ssn.PARTS,
    *network.PARTS,
    *phone.PARTS,
)
"""The parts of all shipped detectors in the order of precedence; one scanner runs any set of them together."""


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


DETECTORS: Final[Mapping[str, Detector]] = MappingProxyType(
    {name: Family(name) for name in dict.fromkeys(part.name for part in PARTS)}
)
"""Every shipped detector by the name of its class, in the order of precedence."""
