"""Makes certificates for a test: an authority of its own, and what it vouches for."""

from __future__ import annotations

import os
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import trustme


class Authority:
    """An authority that no system trusts.

    Args:
        folder: where its files go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def issue(self, host: str, *, expired: bool = False) -> Path:
        """Return a file with a key and a certificate for ``host``."""
        now = datetime.now(timezone.utc)
        ends = now - timedelta(days=1) if expired else now + timedelta(days=1)
        issued = self._authority.issue_cert(host, not_before=now - timedelta(days=2), not_after=ends)
        file = self._folder / f"{host}{'-expired' if expired else ''}.pem"
        with open(file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(issued.private_key_and_cert_chain_pem.bytes())
        return file

    def trust(self) -> ssl.SSLContext:
        """Return the verification settings of a client that trusts it."""
        return ssl.create_default_context(cafile=str(self.file))
