"""How tracing does in one process: a list of checks, each with what was seen and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from tracing_proxies.monitoring.alert_measures import Collector
from tracing_proxies.monitoring.channel_messages import write_amount
from tracing_proxies.monitoring.health_probe import MOST_SKEW, ServerState, tell_skew
from tracing_proxies.registry.alerting import DURATION, SHARE

OK: Final = "ok"
DEGRADED: Final = "degraded"
FAILING: Final = "failing"
STATES: Final = (OK, DEGRADED, FAILING)
"""From the best to the worst; a command's exit status is the place in this list."""

WINDOW: Final = 300.0
_LATE: Final = 60.0
_TOO_LATE: Final = 900.0
_LEAST_SUCCESS: Final = 0.95
_FULL: Final = 0.8
_TOO_FULL: Final = 0.95


@attrs.frozen
class Check:
    """One thing that was looked at.

    Args:
        state: ok, degraded where something is worse than it should be, failing where spans are being lost.
        seen: what was seen.
        todo: what to do; "" where nothing is to be done.
    """

    name: str
    state: str
    seen: str
    todo: str = ""


@attrs.frozen
class Vitals:
    """What the checks look at.

    Args:
        status: what the process says of itself, as `tracing_proxies.status()` does.
        server: the Langfuse server's state, None where there is none.
        skew: by how many seconds our clock is ahead of the server's, None where that is not known.
        lag: seconds, by destination, as the following; None where it is not known.
        success: the share of the spans that were delivered.
        fill: how full the spool is.
        firing: the alerts that fire, None where nothing is watched.
    """

    status: Mapping[str, Any]
    server: ServerState | None = None
    skew: float | None = None
    lag: Mapping[str, float | None] = attrs.field(factory=dict)
    success: Mapping[str, float | None] = attrs.field(factory=dict)
    fill: Mapping[str, float | None] = attrs.field(factory=dict)
    firing: Sequence[str] | None = None


def take_vitals(
    status: Mapping[str, Any],
    collector: Collector,
    server: ServerState | None,
    skew: float | None,
    firing: Sequence[str] | None,
) -> Vitals:
    """Gather what the checks look at."""
    if not status.get("active"):
        return Vitals(status)

    def by_sink(metric: str) -> dict[str, float | None]:
        return {sink: collector.read(metric, WINDOW, sink=sink) for sink in status["delivery"]["sinks"]}

    return Vitals(
        status=status,
        server=server,
        skew=skew,
        lag=by_sink("tracing_proxies_delivery_lag_seconds"),
        success=by_sink("tracing_proxies_trace_success_ratio"),
        fill=by_sink("tracing_proxies_spool_fill_ratio"),
        firing=firing,
    )


def check_all(vitals: Vitals) -> list[Check]:
    """Look at everything."""
    return list(_checks(vitals))


def worst(checks: Iterable[Check]) -> str:
    """Return the worst of all states."""
    return max((check.state for check in checks), key=STATES.index, default=OK)


def describe(checks: Sequence[Check]) -> dict[str, Any]:
    """Describe checks in plain values."""
    return {"state": worst(checks), "checks": [attrs.asdict(check) for check in checks]}


def _checks(vitals: Vitals) -> Iterator[Check]:
    status = vitals.status
    if not status.get("active"):
        yield Check("tracing", FAILING, "Nothing is traced: tracing has been deactivated.", "Call activate() again.")
        return
    yield _check_tracing(status)
    yield _check_registry(status)
    sinks = status["delivery"]["sinks"]
    if vitals.server is not None:
        yield _check_server(vitals.server, sinks)
        if vitals.server.answers:
            yield _check_clock(vitals.skew)
    for name, sink in sinks.items():
        yield _check_sink(name, sink, vitals.server)
        yield _check_lag(name, vitals.lag.get(name))
        yield _check_success(name, vitals.success.get(name), sink)
        if "spool" in sink:
            yield _check_spool(name, vitals.fill.get(name), sink["spool"])
    yield _check_budget(status["sampling"])
    if vitals.firing is not None:
        yield _check_alerts(vitals.firing)


def _check_tracing(status: Mapping[str, Any]) -> Check:
    if status["tracing"] != "on":
        return Check("tracing", DEGRADED, "Tracing is switched off.", f"`tracing-proxies on {status['pid']}`.")
    return Check("tracing", OK, f"{status['woven']} callables are traced.")


def _check_registry(status: Mapping[str, Any]) -> Check:
    if status["stale"]:
        first = str(status["stale"]).splitlines()[0]
        return Check("registry", DEGRADED, f"The last good registry holds: {first}", "Mend the file it names.")
    return Check("registry", OK, f"{len(status['rules'])} rules hold.")


def _check_server(server: ServerState, sinks: Mapping[str, Any]) -> Check:
    if server.ok:
        return Check("langfuse", OK, f"The Langfuse server {server.address} answers, and accepts the keys.")
    waits_on_disk = "spool" in sinks.get("langfuse", {})
    state = DEGRADED if waits_on_disk and server.takes_keys is not False else FAILING
    kept = " Spans wait on disk meanwhile." if waits_on_disk else " Spans wait in memory meanwhile, and end with it."
    return Check("langfuse", state, f"The Langfuse server {server.address} {server.problem}.{kept}", server.todo)


def _check_clock(skew: float | None) -> Check:
    if skew is None:
        return Check("clock", OK, "The server does not tell its time.")
    if abs(skew) > MOST_SKEW:
        return Check("clock", DEGRADED, *tell_skew(skew))
    return Check("clock", OK, "This computer's clock and the server's agree.")


def _check_sink(name: str, sink: Mapping[str, Any], server: ServerState | None) -> Check:
    if sink["healthy"]:
        return Check(f"{name}.delivery", OK, f"{sink['delivered']} spans delivered, {sink['queued']} queued.")
    todo = "See the check `langfuse`." if name == "langfuse" and server is not None else "Look at the destination."
    return Check(f"{name}.delivery", DEGRADED, f"What is sent does not arrive: {sink['reason']}.", todo)


def _check_lag(name: str, lag: float | None) -> Check:
    if lag is None or lag <= _LATE:
        seen = "Nothing waits." if not lag else f"The oldest span has waited for {write_amount(lag, DURATION)}."
        return Check(f"{name}.lag", OK, seen)
    state = FAILING if lag > _TOO_LATE else DEGRADED
    seen = f"The oldest span has waited for {write_amount(lag, DURATION)}."
    return Check(f"{name}.lag", state, seen, "See why it is not delivered: `tracing-proxies status PID`.")


def _check_success(name: str, success: float | None, sink: Mapping[str, Any]) -> Check:
    if success is None:
        return Check(f"{name}.success", OK, "No span has met its end in the last five minutes.")
    seen = f"{write_amount(success, SHARE)} of the last five minutes' spans were delivered."
    if success >= _LEAST_SUCCESS:
        return Check(f"{name}.success", OK, seen)
    reasons = ", ".join(f"{many} {reason}" for reason, many in sink["dropped"].items())
    return Check(f"{name}.success", FAILING, f"{seen} Dropped since the start: {reasons}.", "See what dropped them.")


def _check_spool(name: str, fill: float | None, spool: Mapping[str, Any]) -> Check:
    if spool["trouble"]:
        seen = f"The spool cannot be used: {spool['trouble']}."
        return Check(f"{name}.spool", DEGRADED, seen, f"Look at the folder {spool['folder']}, and at its disk.")
    if fill is None or fill <= _FULL:
        return Check(f"{name}.spool", OK, f"{spool['spans']} spans wait on disk.")
    seen = f"The spool is full to {write_amount(fill, SHARE)}; {spool['spans']} spans wait on disk."
    todo = "Mend the destination, or let the spool hold more: `spool: { max_size: 1GiB }`."
    return Check(f"{name}.spool", FAILING if fill > _TOO_FULL else DEGRADED, seen, todo)


def _check_budget(sampling: Mapping[str, Any]) -> Check:
    if sampling["budget"] is None:
        return Check("budget", OK, "Everything is kept, whatever it costs.")
    cost = f"{sampling['spent']:.2%} of a core of {sampling['budget']:.2%}"
    if sampling["stepped_down"]:
        seen = f"Rules record no payload for a while, since they held calls up: {', '.join(sampling['stepped_down'])}."
        return Check("budget", DEGRADED, seen, "Let these rules capture less: `capture: { max_bytes: 1KiB }`.")
    if sampling["step"] == "full":
        return Check("budget", OK, f"Tracing costs {cost}, and keeps all detail.")
    seen = f"Tracing costs {cost}, and has come down to: {sampling['step']}."
    return Check("budget", DEGRADED, seen, "Give it more, `sampling: { budget: 2% }`, or trace fewer calls.")


def _check_alerts(firing: Sequence[str]) -> Check:
    if not firing:
        return Check("alerts", OK, "No alert fires.")
    return Check("alerts", DEGRADED, f"Firing: {', '.join(firing)}.", "`tracing-proxies alerts list PID`.")
