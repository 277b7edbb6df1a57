"""A request as the parts of the contract server see it, and how they answer one."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

Answer = tuple[int, Any]


class Request(NamedTuple):
    """One request whose keys were accepted.

    Args:
        path: without the query.
        query: the last value of each parameter.
        body: as JSON holds it; None where there is none.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any


class Refused(Exception):
    """The request is answered with an error.

    Args:
        status: of HTTP.
        message: for people.
        code: for programs, where the endpoint has codes.
        details: what else there is to say.
    """

    def __init__(self, status: int, message: str, code: str = "", details: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.details = details


def whole_number(request: Request, name: str, default: int, most: int, least: int = 1) -> int:
    """Read a parameter that is a whole number; one that is not, or is out of bounds, is refused."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isdigit() or not least <= int(text) <= most:
        raise Refused(400, "Invalid request data", details=[{"path": [name], "message": f"{least} to {most}"}])
    return int(text)


def page_of(request: Request, rows: list[Any], most: int = 100) -> dict[str, Any]:
    """Cut the page that a request asks for from all rows."""
    page, limit = whole_number(request, "page", 1, 10**9), whole_number(request, "limit", 50, most)
    meta = {"page": page, "limit": limit, "totalItems": len(rows), "totalPages": -(-len(rows) // limit)}
    return {"data": rows[(page - 1) * limit : page * limit], "meta": meta}


def parse_json(raw: bytes) -> Any:
    """Read a body; one that is no JSON is refused."""
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        raise Refused(400, "Invalid JSON body", "invalid_request") from None
