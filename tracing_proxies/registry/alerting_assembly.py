"""From the `alerts:` block to the rules and channels that hold, with what contradicts itself noted at its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tracing_proxies.errors import Place
from tracing_proxies.registry.alert_rules import LOG, SHIPPED, AlertRule, ChannelSettings
from tracing_proxies.registry.alerting import COMPARISONS, MEASURES, SHARE, AlertSettings, Limit
from tracing_proxies.registry.findings import Findings
from tracing_proxies.registry.origins import origins_of
from tracing_proxies.registry.reader import BROKEN
from tracing_proxies.registry.suggest import nearest

_EVERY: Final = 15 * 10**9
_KINDS: Final = ("slack", "webhook", "pagerduty", "email", "command")
_NEEDED: Final = {"email": ("from", "server")}
_SHORTEST_WINDOW: Final = 10 * 10**9
_LONGEST_WINDOW: Final = 3_600 * 10**9
_FIELDS: Final = {"for": "hold"}
_TIMES: Final = ("window", "baseline", "for", "cool_down")


def alert_settings(block: Mapping[str, Any], findings: Findings) -> AlertSettings:
    """Make the settings of what an `alerts:` block says.

    Args:
        block: its values by key.
        findings: where mistakes between keys are noted.
    """
    return _Alerts(block, findings).settings()


class _Alerts:
    def __init__(self, block: Mapping[str, Any], findings: Findings) -> None:
        self._block = block
        self._findings = findings
        self._known = {LOG, *block.get("channels", {})}

    def settings(self) -> AlertSettings:
        channels = [self._channel(name, given) for name, given in self._entries("channels") if BROKEN not in given]
        tell = self._told(self._block, (LOG,))
        shipped = SHIPPED if self._block.get("shipped", True) else {}
        given = dict(self._entries("rules"))
        names = [name for name in dict.fromkeys((*shipped, *given)) if BROKEN not in given.get(name, ())]
        rules = [self._rule(name, SHIPPED.get(name), given.get(name, {}), tell) for name in names]
        return AlertSettings(
            every=self._block.get("every", _EVERY) / 1e9,
            rules=tuple(rule for rule in rules if rule is not None),
            channels=tuple(channel for channel in channels if channel is not None),
        )

    def _entries(self, key: str) -> list[tuple[str, Mapping[str, Any]]]:
        return list(self._block.get(key, {}).items())

    def _place(self, key: str, name: str) -> Place:
        return origins_of(self._block[key])[name][0].place

    def _told(self, given: Mapping[str, Any], otherwise: tuple[str, ...]) -> tuple[str, ...]:
        for name in given.get("tell", ()):
            if name not in self._known:
                place = origins_of(given)["tell"][0].place
                self._findings.add("TP221", f"no channel is named {name[:60]!r}", place, nearest(name, self._known))
        return tuple(dict.fromkeys(given.get("tell", otherwise)))

    def _channel(self, name: str, given: Mapping[str, Any]) -> ChannelSettings | None:
        place = self._place("channels", name)
        kinds = [kind for kind in _KINDS if kind in given]
        if name == LOG:
            self._findings.add("TP220", "the channel 'log' is there already, and needs no settings", place)
            return None
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none"
            self._findings.add("TP220", f"a channel is one of {', '.join(_KINDS)}, found {found}", place)
            return None
        kind = kinds[0]
        missing = [key for key in _NEEDED.get(kind, ()) if not given.get(key)]
        if missing:
            self._findings.add("TP220", f"a channel of {kind!r} needs {' and '.join(map(repr, missing))}", place)
            return None
        return ChannelSettings(
            name=name,
            kind=kind,
            secret=given.get("password") if kind == "email" else given[kind] if kind != "command" else None,
            to=given.get("email", ()),
            sender=given.get("from", ""),
            server=given.get("server", ""),
            user=given.get("user", ""),
            security=given.get("security", "starttls"),
            argv=tuple(given.get("command", ())),
            timeout=given.get("timeout", 10 * 10**9) / 1e9,
            rate=given.get("rate", 10 / 60),
        )

    def _rule(
        self, name: str, shipped: AlertRule | None, given: Mapping[str, Any], tell: tuple[str, ...]
    ) -> AlertRule | None:
        before = len(self._findings)
        fields: dict[str, Any] = {"name": name, "tell": self._told(given, tell)}
        if given:
            fields["place"] = self._place("rules", name)
        if shipped is None and "metric" not in given:
            message = f"the alert {name[:60]!r} is none of the shipped ones, and needs the key 'metric'"
            self._findings.add("TP220", message, fields["place"], nearest(name, SHIPPED))
            return None
        metric = given.get("metric") or (shipped.metric if shipped is not None else "")
        fields |= {"metric": metric, **self._comparison(name, metric, given, shipped)}
        for key in _TIMES:
            if key in given:
                fields[_FIELDS.get(key, key)] = given[key] / 1e9
        fields |= {key: given[key] for key in ("severity", "at_least", "agent", "summary") if key in given}
        self._check(metric, given)
        if len(self._findings) > before or not given.get("enabled", True):
            return None
        if shipped is None:
            return AlertRule(**fields)
        kept = {field: getattr(shipped, field) for field in AlertRule.__annotations__ if field not in fields}
        return AlertRule(**{**kept, **fields})

    def _comparison(
        self, name: str, metric: str, given: Mapping[str, Any], shipped: AlertRule | None
    ) -> dict[str, Any]:
        found = [key for key in COMPARISONS if key in given]
        if len(found) == 1:
            key = found[0]
            limit: Limit = given[key]
            due = SHARE if key in ("rises", "drops") else MEASURES[metric].unit
            if limit.unit != due:
                message = f"{key!r} of {metric!r} is {due}, found {limit.text[:40]!r}"
                self._findings.add("TP220", message, origins_of(given)[key][0].place)
            return {"comparison": key, "limit": limit.value}
        if shipped is not None and not found and metric == shipped.metric:
            return {"comparison": shipped.comparison, "limit": shipped.limit}
        message = (
            f"the alert {name[:60]!r} needs one of {', '.join(COMPARISONS)}, found {' and '.join(found) or 'none'}"
        )
        self._findings.add("TP220", message, self._place("rules", name))
        return {"comparison": "above", "limit": 0.0}

    def _check(self, metric: str, given: Mapping[str, Any]) -> None:
        if "agent" in given and not MEASURES[metric].by_agent:
            message = f"'agent' has no meaning for {metric!r}, of which there is one for all"
            self._findings.add("TP220", message, origins_of(given)["agent"][0].place)
        window = given.get("window")
        if window is not None and not _SHORTEST_WINDOW <= window <= _LONGEST_WINDOW:
            place = origins_of(given)["window"][0].place
            self._findings.add("TP220", "a window is between 10s and 1h long", place)
