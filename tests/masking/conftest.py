"""What the masking tests share."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tracing_proxies.masking import Masker

# How long one example takes says something about the machine, and nothing about masking.
settings.register_profile("masking", deadline=None)
settings.load_profile("masking")


@pytest.fixture(scope="session")
def masker() -> Masker:
    """The masker under the default policy."""
    return Masker()
