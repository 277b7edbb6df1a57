"""What the masking tests share."""

from __future__ import annotations

import pytest

from tracing_proxies.masking import Masker


@pytest.fixture(scope="session")
def masker() -> Masker:
    """The masker under the default policy."""
    return Masker()
