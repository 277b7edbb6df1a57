"""What a running process says of itself, drawn for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tracing_proxies.control.client import Running

_MOST_TARGETS: Final = 20
_SHARES: Final = (("record", "recording"), ("capture", "payloads"), ("error", "a stub for an error"))


def draw_process(status: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that describe one process.

    Args:
        status: its answer to the command ``status``.
    """
    if not status.get("active"):
        yield "tracing has been deactivated in this process"
        yield from _draw_failures(status)
        return
    delivery = status["delivery"]
    for name, value in (
        ("process", f"{status['pid']} {status['program']}"),
        ("service", status["service"]),
        ("tracing", status["tracing"]),
        ("advice", "compiled" if status["compiled"] else "in Python: about three times the cost of what is compiled"),
        ("registry", status["registry"] or "none: it was given as text"),
        ("stale", status["stale"]),
        ("presets", ", ".join(status["presets"])),
        ("woven", _reach(status)),
        ("calls", f"{status['calls']['count']:,} counted, {status['calls']['errors']:,} of them failed"),
        ("sampling", _sampling(status["sampling"])),
        ("firing", ", ".join(status.get("firing") or ())),
        ("spans", _accounts(status["open"], delivery)),
        ("scores", _scores(status["scores"])),
        ("langfuse sdk", _sdk(status["langfuse"])),
        ("metrics", _metrics(status.get("metrics_at") or {})),
        ("dropped", ", ".join(f"{count} {reason}" for reason, count in delivery["dropped"].items())),
    ):
        if value:
            yield f"{name:<16}" + str(value).replace("\n", f"\n{'':<16}")
    for name, sink in delivery["sinks"].items():
        yield from _draw_sink(name, sink)
    for preset in status["skipped_presets"]:
        yield f"{'left out':<16}preset {preset['name']}: {preset['reason']}"
    yield from _draw_failures(status)
    for rule in status["rules"]:
        yield from _draw_rule(rule)
    for refused in status["refused"]:
        yield f"not traced: {refused['target']}: {refused['reason']}"
    yield from status["unmatched"]


def draw_list(processes: Sequence[Running]) -> Iterator[str]:
    """Yield one line for each traced process, and what can be asked of it."""
    for running in processes:
        if running.status is None:
            yield f"{running.pid:>8}  gives no answer"
            continue
        status = running.status
        told = (
            status.get("program", ""),
            f"tracing {status['tracing']}",
            f"{status.get('woven', 0)} callables",
            status.get("registry") or "no registry file",
        )
        yield f"{running.pid:>8}  {', '.join(told)}"
    if len(processes) == 1:
        yield f"`tracing-proxies status {processes[0].pid}` tells more of it"
    elif processes:
        yield "`tracing-proxies status PID` tells more of one of them"


def _metrics(metrics: Mapping[str, Any]) -> str:
    """Say where they are answered, and by whom; nothing where they are not."""
    if not metrics.get("port"):
        return ""
    who = "this process" if metrics["listens"] else "another process"
    return f"http://127.0.0.1:{metrics['port']}/metrics, answered by {who}"


def _reach(status: Mapping[str, Any]) -> str:
    return (
        f"{status['woven']} callables, {status['aliases']} other names of theirs, {status['out_of_reach']} out of reach"
    )


def _sampling(sampling: Mapping[str, Any]) -> str:
    """Say what tracing may cost, what it does cost, and what that has led to."""
    lines = []
    if sampling["budget"] is not None:
        lines.append(f"{sampling['step']}, at {sampling['spent']:.2%} of a core of {sampling['budget']:.2%}")
        if sampling["step"] != "full":
            shares = (f"{sampling[name]:.3g} of {what}" for name, what in _SHARES)
            lines.append(f"probability {', '.join(shares)}; {sampling['stubs']} stubs")
        if sampling["host_factor"] < 1.0:
            lines.append(f"the host is busy ({sampling['host_load']:.0%}): {sampling['host_factor']:.0%} of the budget")
    else:
        lines.append("everything is kept, whatever it costs")
    lines += [f"no payload for a while, since it held calls up: {place}" for place in sampling["stepped_down"]]
    lines += [f"two samplers: {sampler}" for sampler in sampling["stacked"]]
    return "\n".join(lines)


def _accounts(still_open: int, delivery: Mapping[str, Any]) -> str:
    counts = [(name, delivery[name.replace(" ", "_")]) for name in ("produced", "delivered", "sampled out", "queued")]
    return ", ".join(f"{count} {name}" for name, count in (*counts, ("open", still_open)))


def _scores(scores: Mapping[str, Any]) -> str:
    if not scores["produced"]:
        return ""
    sinks = [f"not healthy: {sink['reason']}" for sink in scores["sinks"].values() if not sink["healthy"]]
    dropped = [f"{count} {reason}" for reason, count in scores["dropped"].items()]
    counts = [f"{scores[name]} {name}" for name in ("produced", "delivered", "queued", "spooled")]
    return ", ".join((*counts, *dropped, *sinks))


def _sdk(told: Mapping[str, Any]) -> str:
    """Say what becomes of the clients of Langfuse's SDK, one a line."""
    lines = []
    for client in told["clients"]:
        state = "adopted" if client["adopted"] else "not adopted"
        early = ", made before tracing was activated" if client["early"] else ""
        lines.append(f"{client['project']}: {state}{early}" + (f": {client['reason']}" if client["reason"] else ""))
    return "\n".join(lines)


def _draw_sink(name: str, sink: Mapping[str, Any]) -> Iterator[str]:
    health = "healthy" if sink["healthy"] else f"not healthy: {sink['reason']}"
    on_disk = f", {sink['spooled']} on disk" if sink["spooled"] else ""
    yield f"{'sink ' + name:<16}{sink['delivered']} delivered, {sink['queued']} queued{on_disk}, {health}"
    breaker, dead = sink["breaker"], sink.get("dead", {})
    if breaker["state"] != "closed":
        probe = f"tried again in {breaker['next_probe_in']:.0f} s"
        since = f"{breaker['state']} since {breaker['since']}"
        yield f"{'':<16}breaker {since}, after {breaker['failures']} failures in a row, {probe}"
    if dead.get("spans"):
        yield f"{'':<16}{dead['spans']} refused for good and kept in {dead['folder']}: `tracing-proxies push --dead`"


def _draw_failures(status: Mapping[str, Any]) -> Iterator[str]:
    failures = status.get("failures") or {}
    if failures:
        yield f"{'failures':<16}" + ", ".join(f"{count} in {reason}" for reason, count in failures.items())


def _draw_rule(rule: Mapping[str, Any]) -> Iterator[str]:
    targets, pending = rule["targets"], rule["pending"]
    if rule["preset"] is not None and not targets:
        return  # a framework that is not in use here has nothing to say
    place = rule["place"] if rule["preset"] is None else f"preset {rule['preset']}, {rule['place']}"
    yield f"{place}  {', '.join(rule['match'])}"
    for target in targets[:_MOST_TARGETS]:
        yield f"    {target}"
    if len(targets) > _MOST_TARGETS:
        yield f"    and {len(targets) - _MOST_TARGETS} more; --json names them"
    for pattern in pending:
        yield f"    waits for an import: {pattern}"
