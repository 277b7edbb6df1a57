"""Which traces are looked at: the filters of the page, as conditions of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tracing_proxies.errors import TracingProxiesError

LEVELS: Final = ("ERROR", "WARNING")
_LONGEST: Final = 200
_LONGEST_TIME: Final = 12 + 1  # digits: in nanoseconds it is an integer that SQLite can hold until the year 2286
_SOURCE: Final = "CASE WHEN json_valid(r.metadata) THEN json_extract(r.metadata, '$.trigger_source') END"
_AGENT: Final = "SELECT 1 FROM spans s WHERE s.trace_id = r.trace_id AND s.type = 'agent' AND s.name = :agent"
# As they are written in the store's indexes, which otherwise would not be used.
_LEVEL: Final = {
    level: f"SELECT 1 FROM spans s WHERE s.trace_id = r.trace_id AND s.level = '{level}'" for level in LEVELS
}
_TEXT: Final = (
    "SELECT 1 FROM spans s WHERE s.trace_id = r.trace_id AND (s.name LIKE ?1 ESCAPE '\\' OR s.status_message LIKE ?1 "
    "ESCAPE '\\' OR s.input LIKE ?1 ESCAPE '\\' OR s.output LIKE ?1 ESCAPE '\\' OR s.metadata LIKE ?1 ESCAPE '\\')"
)


class SelectionError(TracingProxiesError, ValueError):
    """Says what is wrong with a filter."""


@attrs.frozen
class Selection:
    """Filters; what is None or empty lets everything through.

    Args:
        since: nanoseconds since the epoch; traces that began earlier are left out.
        until: nanoseconds since the epoch; traces that began then or later are left out.
        level: ERROR or WARNING: some span of the trace has it.
        text: stands in a name, message, input, output or metadata of some span; the case of ASCII letters does not
            matter.
    """

    since: int | None = None
    until: int | None = None
    agent: str = ""
    source: str = ""
    level: str = ""
    session: str = ""
    name: str = ""
    text: str = ""

    @property
    def searches(self) -> bool:
        """Whether every span's payload must be read."""
        return bool(self.text)

    def roots(self) -> tuple[str, list[Any]]:
        """Return the condition that picks the top spans ``r`` of all traces of the time span, with its values."""
        conditions, values = ["r.app_root = 1"], []
        for condition, value in (("r.start_time >= ?", self.since), ("r.start_time < ?", self.until)):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        return " AND ".join(conditions), values

    def filters(self) -> tuple[str, dict[str, Any]]:
        """Return the condition that picks the top spans ``r`` of the traces that are meant, with its named values."""
        conditions, values = ["1"], {}
        if self.agent:
            conditions.append(f"EXISTS ({_AGENT})")
            values["agent"] = self.agent
        if self.source:
            conditions.append(f"coalesce({_SOURCE}, r.name) = :source")
            values["source"] = self.source
        if self.session:
            conditions.append("r.session_id = :session")
            values["session"] = self.session
        if self.name:
            conditions.append("r.name = :name")
            values["name"] = self.name
        if self.level:
            conditions.append(f"EXISTS ({_LEVEL[self.level]})")
        if self.text:
            conditions.append(f"EXISTS ({_TEXT.replace('?1', ':text')})")
            escaped = self.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            values["text"] = f"%{escaped}%"
        return " AND ".join(conditions), values


def read_selection(query: Mapping[str, str], oldest: int | None = None) -> Selection:
    """Read the filters of a request.

    Args:
        query: times in milliseconds since the epoch.
        oldest: nanoseconds since the epoch; nothing older is shown.

    Raises:
        SelectionError: a value is not one.
    """
    texts = {name: query.get(name, "") for name in ("agent", "source", "level", "session", "name", "text")}
    for name, text in texts.items():
        if len(text) > _LONGEST:
            raise SelectionError(f"{name} is longer than {_LONGEST} characters")
    if texts["level"] and texts["level"] not in LEVELS:
        raise SelectionError(f"level must be one of {', '.join(LEVELS)}")
    since, until = _read_time(query, "since"), _read_time(query, "until")
    if oldest is not None:
        since = oldest if since is None else max(oldest, since)
    return Selection(since=since, until=until, **texts)


def _read_time(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_TIME):
        raise SelectionError(f"{name} must be a whole number of milliseconds since the epoch")
    return int(text) * 1_000_000
