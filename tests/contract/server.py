"""Starts the contract server in a process of its own, and steers it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.contract.langfuse_server import PUBLIC_KEY, SECRET_KEY, TRACES

_ROOT = Path(__file__).resolve().parents[2]
_UNVERIFIED = ssl.create_default_context()
_UNVERIFIED.check_hostname = False
_UNVERIFIED.verify_mode = ssl.CERT_NONE  # the test asks its own server, which may be one with a bad certificate
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_UNVERIFIED))

_NOTHING: Mapping[str, str] = {}

__all__ = ["PUBLIC_KEY", "SECRET_KEY", "TRACES", "ContractServer", "start_server"]


class ContractServer:
    """A running server; ``stop`` and ``restart`` make outages."""

    public_key = PUBLIC_KEY
    secret_key = SECRET_KEY

    def __init__(
        self, certificate: Path | None = None, *, port: int = 0, environ: Mapping[str, str] = _NOTHING
    ) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._certificate = certificate
        self._environ = environ
        self.port = port
        self.restart()

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.port}" if self._certificate is None else f"https://localhost:{self.port}"

    def observations(self) -> list[dict[str, Any]]:
        """Return what was received, as Langfuse would read it, without repetitions."""
        return self.received()["observations"]  # type: ignore[no-any-return]

    def received(self) -> dict[str, Any]:
        """Return observations, requests and the counts of unique and repeated spans."""
        return self._call("GET", "/_test/received")  # type: ignore[no-any-return]

    def counts(self) -> dict[str, Any]:
        """Return the counts of unique and repeated spans, and when the latest came."""
        return self._call("GET", "/_test/counts")  # type: ignore[no-any-return]

    def ids(self) -> list[str]:
        """Return the ids of the spans that were received."""
        return self._call("GET", "/_test/ids")  # type: ignore[no-any-return]

    def requests(self) -> list[dict[str, Any]]:
        """Return a note of each upload: status, spans, sha256 of the body, headers."""
        return self.received()["requests"]  # type: ignore[no-any-return]

    def scores(self) -> list[dict[str, Any]]:
        """Return the scores that were kept, in the order in which their ids first came."""
        return self._call("GET", "/_test/scores")["scores"]  # type: ignore[no-any-return]

    def score_requests(self) -> list[dict[str, Any]]:
        """Return a note of each score that was posted: the status that was answered, when, and on which connection."""
        return self._call("GET", "/_test/scores")["requests"]  # type: ignore[no-any-return]

    def script_scores(self, faults: list[dict[str, Any]]) -> None:
        """Have the next scores meet these faults, one each."""
        self._call("POST", "/_test/score_script", faults)

    def script(self, faults: list[dict[str, Any]]) -> None:
        """Have the next uploads meet these faults, one each."""
        self._call("POST", "/_test/script", faults)

    def rules(self, **rules: Any) -> None:
        """Set what holds for all uploads: poison, max_spans, max_bytes, max_length, always."""
        self._call("POST", "/_test/rules", rules)

    def reset(self) -> None:
        """Forget everything."""
        self._call("POST", "/_test/reset")

    def wait_for(self, spans: int, timeout: float = 30.0) -> list[dict[str, Any]]:
        """Return the observations once there are ``spans`` of them, or what there is after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.observations()
            if len(found) >= spans or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill the process; its port answers no more."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def restart(self, certificate: Path | None = None) -> None:
        """Start a process on the same port, if there was one, with nothing received, perhaps another certificate."""
        self.stop()
        self._certificate = certificate or self._certificate
        tls = [] if self._certificate is None else ["--certificate", str(self._certificate)]
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.langfuse_server", "--port", str(self.port), *tls],
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**os.environ, **self._environ, "PYTHONPATH": path},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.strip():
            raise RuntimeError("the contract server did not start")
        self.port = int(line)

    def _call(self, method: str, path: str, argument: Any = None) -> Any:
        data = None if method == "GET" else json.dumps(argument).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with _OPENER.open(request, timeout=30) as response:
            return json.load(response)


def start_server(certificate: Path | None = None) -> ContractServer:
    """Start a contract server on a free port, with TLS where there is a certificate; stop it with ``.stop()``."""
    return ContractServer(certificate)
