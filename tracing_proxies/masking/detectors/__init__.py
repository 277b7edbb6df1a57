"""Detectors by family; each module finds one, and the catalogue names them as the registry's ``detect:`` does."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

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
from tracing_proxies.masking.detectors.kinds import Detector, Found

__all__ = ["CATALOGUE", "Detector", "Found"]

# Where two families claim the same place, the one that stands first here names the marker; card and social security
# number come before phone, whose forms are the widest.
_ALL: Final = (
    *pem.DETECTORS,
    *jwt.DETECTORS,
    *url.DETECTORS,
    *vendor.DETECTORS,
    *authorization.DETECTORS,
    *assignment.DETECTORS,
    *email.DETECTORS,
    *iban.DETECTORS,
    *card.DETECTORS,
    *ssn.DETECTORS,
    *network.DETECTORS,
    *phone.DETECTORS,
)

CATALOGUE: Final[Mapping[str, tuple[Detector, ...]]] = MappingProxyType(
    {name: tuple(d for d in _ALL if d.name == name) for name in dict.fromkeys(detector.name for detector in _ALL)}
)
"""Every detector by the name of its family, in the order of precedence."""
