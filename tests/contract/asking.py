"""Asks the contract server by plain requests, which our own code does not make."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer

KEYS = base64.b64encode(f"{PUBLIC_KEY}:{SECRET_KEY}".encode()).decode()


def call(server: ContractServer, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Send a request with the right keys, or the headers given; returns status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "Authorization": f"Basic {KEYS}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=data, headers=sent)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read() or b"null")
    connection.close()
    return answer
