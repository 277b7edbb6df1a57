"""Marks of what a sync has made: names on a server are not unique, and what was changed by hand must be seen.

A mark stands at the end of a description: ``[tracing-proxies COLLECTION/DASHBOARD/WIDGET DIGEST]``. The digest is of
what was written last: where the server holds something else now, somebody has edited it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

_MARK: Final = re.compile(r"\s*\[tracing-proxies ([a-z0-9-]+)/([a-z0-9-]+)(?:/([a-z0-9-]+))? ([0-9a-f]{12})\]\s*$")
_DEFAULT_BINS: Final = 10


@attrs.frozen
class Mark:
    """Which declaration a thing on the server was made from.

    Args:
        widget: "" for a dashboard.
        digest: of what was written last.
    """

    collection: str
    dashboard: str
    widget: str
    digest: str

    @property
    def key(self) -> str:
        """The declaration's name within its collection."""
        return f"{self.dashboard}/{self.widget}" if self.widget else self.dashboard


def split(description: str) -> tuple[str, Mark | None]:
    """Return a description's own text, and its mark, None where it has none."""
    found = _MARK.search(description)
    if found is None:
        return description, None
    collection, dashboard, widget, digest = found.groups()
    return description[: found.start()], Mark(collection, dashboard, widget or "", digest)


def signed(text: str, collection: str, key: str, content: Mapping[str, Any]) -> str:
    """Return a description with the mark for what is written along with it."""
    return f"{text} [tracing-proxies {collection}/{key} {digest_of(content)}]"


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the digest of a widget's or a dashboard's content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def content_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what matters of a widget, declared or from the server, comparable.

    Fields that are not known here are left out: a newer server adds its own, which nobody has edited.
    """
    chart, config = str(body.get("chartType", "")), body.get("chartConfig") or {}
    kept = {name: config[name] for name in ("row_limit", "show_value_labels", "defaultSort") if config.get(name)}
    if chart == "HISTOGRAM":
        kept["bins"] = config.get("bins") or _DEFAULT_BINS
    return {
        "name": body.get("name"),
        "description": split(str(body.get("description") or ""))[0],
        "view": body.get("view"),
        "dimensions": [item.get("field") for item in body.get("dimensions") or []],
        "metrics": [[item.get("measure"), item.get("agg")] for item in body.get("metrics") or []],
        "filters": [
            {name: item[name] for name in ("column", "operator", "type", "value", "key") if item.get(name) is not None}
            for item in body.get("filters") or []
        ],
        "chartType": chart,
        "chartConfig": kept,
    }
