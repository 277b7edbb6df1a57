"""How much one request to a server holds at most."""

from __future__ import annotations

from typing import Final

MAX_BATCH_BYTES: Final = 4_000_000
"""Before compression."""
MAX_BATCH_SPANS: Final = 512
