"""What the README promises, each with the figure that a run has measured of it and the bound that it is held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from perf.outage import LONG, SHORT
from perf.validation.outputs import Outputs


@attrs.frozen
class Figure:
    """What was measured, in words that hold the figure, and whether that keeps the promise."""

    text: str
    met: bool


@attrs.frozen
class Promise:
    """One promise.

    Args:
        says: how the README says it, word by word, but for what stands there as ``…``.
        stage: which stage measures it.
        bound: what is asked for.
        measure: reads the figure; raises ``FileNotFoundError`` where this run has not measured it.
    """

    says: str
    stage: str
    bound: str
    measure: Callable[[Outputs], Figure]


def _tested(suite: str, *files: str) -> Callable[[Outputs], Figure]:
    def measure(outputs: Outputs) -> Figure:
        found = outputs.tests(suite, *files)
        return Figure(str(found), found.failed == 0 and found.passed > 0)

    return measure


def _overhead(case: str, most: float) -> Callable[[Outputs], Figure]:
    def measure(outputs: Outputs) -> Figure:
        row = outputs.bench[case]
        return Figure(
            f"{row['times_bare_proxy']:.2f} times, {row['overhead_ns']:,.0f} ns", row["times_bare_proxy"] <= most
        )

    return measure


def _triggers(outputs: Outputs) -> Figure:
    found = outputs.demo
    text = f"{found['triggers']} triggers, {found['traces']} traces, {found['spans']} spans, {found['open']} left open"
    return Figure(text, found["triggers"] == found["traces"] == 21 and not found["open"])


def _leaks(outputs: Outputs) -> Figure:
    return Figure(f"{outputs.demo['leaks']} places in the store", outputs.demo["leaks"] == 0)


def _off(outputs: Outputs) -> Figure:
    plain, off = (outputs.bench[case]["ns_per_call"] for case in ("plain_call", "nothing_patched"))
    return Figure(f"{off - plain:+.0f} ns to a call of {plain:.0f} ns", off <= 1.1 * plain)


def _delivered(outputs: Outputs) -> Figure:
    row = outputs.throughput["langfuse", 100]
    return Figure(f"{row['cpu_us']:.1f} us, {row['lost']} lost", row["cpu_us"] <= 40.0 and not row["lost"])


def _budget(outputs: Outputs) -> Figure:
    stress = outputs.load["stress"]
    most = float(stress["budget"].rstrip("%")) / 100.0
    worst = stress["within"]["worst_ten_seconds"]
    return Figure(f"{worst:.2%} of a core over the worst ten seconds", worst <= 1.1 * most)


def _counted(outputs: Outputs) -> Figure:
    within, everything = (outputs.load["stress"][name] for name in ("within", "everything"))
    shares = [run["errors"] / run["triggers"] for run in (within, everything)]
    text = f"{within['calls']:,} calls and {within['errors']} errors counted, {within['delivered']:,} spans recorded"
    return Figure(f"{text}; {shares[0]:.2f} errors a trigger, {shares[1]:.2f} where all is recorded", _alike(*shares))


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= 0.02 * max(one, other)


def _outages(outputs: Outputs) -> Figure:
    rows = outputs.outages(SHORT)
    lost, made = sum(row["lost"] for row in rows), sum(row["made"] for row in rows)
    first = max(row["first_after_s"] for row in rows)
    return Figure(f"{lost} of {made:,} lost in {len(rows)} outages; first span after at most {first} s", lost == 0)


def _long_outage(outputs: Outputs) -> Figure:
    rows = [row for row in outputs.outages(LONG) if row["case"]["limit"] > 2**25]
    lost = sum(row["made"] - row["received"] for row in rows)
    memory, spool = (max(row[key] for row in rows) for key in ("gained_mib", "spool_mib"))
    return Figure(f"{lost} lost, {memory} MiB of memory, {spool} MiB of disk", lost == 0 and memory <= 64.0)


def _small_spool(outputs: Outputs) -> Figure:
    rows = [row for row in outputs.outages(LONG) if row["case"]["limit"] <= 2**25]
    dropped = sum(row["dropped"] for row in rows)
    uncounted = sum(row["made"] - row["received"] - row["dropped"] for row in rows)
    return Figure(f"{dropped:,} dropped, {uncounted} of them uncounted", uncounted == 0 < dropped)


def _declared(outputs: Outputs) -> Figure:
    first, second = outputs.dashboards["first"], outputs.dashboards["second"]
    changed = sum(count for action, count in second.items() if action != "unchanged")
    text = f"{first.get('create', 0)} made, {changed} changed when done again"
    return Figure(text, first.get("create", 0) > 0 and changed == 0)


def _filled(outputs: Outputs) -> Figure:
    widgets = outputs.dashboards["widgets"]
    filled, all_of_them = widgets.get("filled", 0), sum(widgets.values())
    text = f"{filled} of {all_of_them} widgets show something after one run of {outputs.dashboards['spans']} spans"
    return Figure(text, 0 < filled == all_of_them)


def _downstream(outputs: Outputs) -> Figure:
    rows = outputs.downstream()
    failing, tests = sum(len(row["newly_failing"]) for row in rows), sum(row["tests"] for row in rows)
    public, missed = sum(row["public"] for row in rows), sum(len(row["missed"]) for row in rows)
    text = f"{failing} of {tests:,} tests newly failing in {len(rows)} suites, {1 - missed / max(1, public):.1%} woven"
    return Figure(text, failing == 0 and tests > 0)


def _noticed(outputs: Outputs) -> Figure:
    tried, killed = outputs.mutants()
    return Figure(f"{killed} of {tried} ({killed / tried:.0%})", 2 * killed > tried)


def _flat(outputs: Outputs) -> Figure:
    rows = [outputs.soak[what] for what in ("file descriptors", "threads")]
    texts = [f"{row['figure']:+.2f} {row['unit'] or row['what']}" for row in rows]
    return Figure(f"{', '.join(texts)} an hour", all(row["met"] for row in rows))


def _accounted(outputs: Outputs) -> Figure:
    names = ("spans unaccounted for", "spans dropped", "spans that still waited at the end")
    rows = [outputs.soak[name] for name in names]
    return Figure(", ".join(f"{row['figure']} {row['what']}" for row in rows), all(row["met"] for row in rows))


PROMISES: Final = (
    Promise("21 market triggers, six at a time", "demo", "21, each one trace, none left open", _triggers),
    Promise("personal data masked", "demo", "0 places", _leaks),
    Promise("sets up the same and passes every test", "tests", "0 failed", _tested("tests")),
    Promise("The page reads and never writes, loads nothing from elsewhere", "page", "0 failed", _tested("page")),
    Promise(
        "says what each rule matches, and everything that is wrong with file, line and column",
        "tests",
        "0 failed",
        _tested("tests", "tests/registry"),
    ),
    Promise(
        "`tracing_proxies.deactivate()` leaves every class and module as it was",
        "tests",
        "0 failed",
        _tested("tests", "tests/weaving/test_undo.py", "tests/application/test_undo.py"),
    ),
    Promise("`TRACING_PROXIES=off` patches nothing", "bench", "within 10 % of the plain call", _off),
    Promise("within two seconds, at once on `kill -HUP`", "tests", "0 failed", _tested("tests", "tests/reload")),
    Promise(
        "A trace goes on where the work goes, by preset",
        "tests",
        "0 failed",
        _tested("tests", "tests/process", "tests/propagation", "tests/context"),
    ),
    Promise("`alerts` … watches agents and tracing itself and tells the log", "alerts", "0 failed", _tested("alerts")),
    Promise(
        "What it costs … woven, `sample: never`; counted",
        "bench",
        "1.5 times a bare proxy",
        _overhead("woven_sampled_out", 1.5),
    ),
    Promise(
        "What it costs … woven, `capture: none`: a span without payload",
        "bench",
        "2.5 times a bare proxy",
        _overhead("woven_skeleton", 2.5),
    ),
    Promise(
        "What it costs … woven, arguments and result captured",
        "bench",
        "5 times a bare proxy",
        _overhead("woven_captured", 5.0),
    ),
    Promise("a span takes … us of CPU until a … server has it", "throughput", "40 us, 0 lost", _delivered),
    Promise(
        "takes no more than `sampling.budget` of one core and a tenth of that over any ten seconds",
        "load",
        "the budget",
        _budget,
    ),
    Promise("**Every call is counted**", "load", "as many errors a trigger, within 2 %", _counted),
    Promise("an outage costs nothing but disk", "outage", "0 lost", _outages),
    Promise(
        "Ten minutes without a server cost … of memory and … of disk …, and lose nothing",
        "outage-long",
        "0 lost, 64 MiB of memory",
        _long_outage,
    ),
    Promise(
        "where the spool may have only 8 MiB the oldest are dropped, and counted",
        "outage-long",
        "0 uncounted",
        _small_spool,
    ),
    Promise(
        "a killed process loses what its last 200 ms made",
        "tests",
        "0 failed",
        _tested("tests", "tests/delivery/test_kills.py"),
    ),
    Promise("makes Langfuse's dashboards as files declare them", "dashboards", "0 changed the second time", _declared),
    Promise(
        "sees what was edited by hand", "tests", "0 failed", _tested("tests", "tests/langfuse/test_dashboards_sync.py")
    ),
    Promise("tells response times, success and throughput with their trends", "dashboards", "all widgets", _filled),
    Promise("with every public function and method of theirs woven", "downstream", "0 newly failing", _downstream),
    Promise("changes one thing at a time where a failure would be silent", "mutants", "more than half", _noticed),
    Promise("file descriptors and threads stay where they are", "soak", "1 an hour of each", _flat),
    Promise("no span is unaccounted for", "soak", "0 of each", _accounted),
)
