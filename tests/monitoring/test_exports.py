"""Metrics as others read them: Prometheus's text, OpenMetrics, OTLP, JSON, and a screen of 80 columns."""

from __future__ import annotations

import gzip
import http.server
import json
import math
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rich.console import Console

import tracing_proxies
from tests.monitoring import shop
from tests.monitoring.conftest import Trace
from tests.monitoring.conftest import shop as registry
from tests.monitoring.test_calls import _handle as handle
from tests.monitoring.test_workers import until
from tracing_proxies import monitoring
from tracing_proxies.cli.main import commands
from tracing_proxies.cli.top import draw
from tracing_proxies.errors import ActivationError
from tracing_proxies.monitoring import prometheus
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.figures import Count
from tracing_proxies.monitoring.numbers import Exemplar, Numbers
from tracing_proxies.testing import capture_spans, registry_from

CALLS, DURATION = "tracing_proxies_calls_total", "tracing_proxies_call_duration_seconds"
_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*?)\})? ([^ ]+)(?: # \{(.*)\} ([^ ]+) ([^ ]+))?")


def _samples(text: str) -> dict[tuple[str, str], float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            matched = _SAMPLE.fullmatch(line)
            assert matched is not None, line
            assert (matched[1], matched[2]) not in found, line
            found[matched[1], matched[2]] = float(matched[3])
    return found


def test_the_text_says_what_was_counted_and_promtool_finds_no_fault(trace: Trace, promtool: str) -> None:
    trace()
    handle(30)
    tracing_proxies.flush()
    text = monitoring.prometheus_text()
    found = _samples(text)
    lookup = 'target="tests.monitoring.shop:lookup",name="lookup",observation="tool"'
    assert found[CALLS, f'{lookup},outcome="error"'] == 12 + 12 - 6 - 6 + 6
    assert found[CALLS, f'{lookup},outcome="ok"'] + found[CALLS, f'{lookup},outcome="error"'] == 54
    assert found[f"{DURATION}_count", lookup] == 54
    assert found[f"{DURATION}_bucket", f'{lookup},le="+Inf"'] == 54
    buckets = [value for (name, labels), value in found.items() if name == f"{DURATION}_bucket" and lookup in labels]
    assert buckets == sorted(buckets)
    checked = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stderr == ""


def test_openmetrics_carry_the_ids_of_recorded_traces(trace: Trace) -> None:
    trace()
    with capture_spans() as spans:
        shop.handle(1)
    tracing_proxies.flush()
    text = monitoring.openmetrics_text()
    assert text.endswith("# EOF\n")
    assert "# TYPE tracing_proxies_calls counter" in text
    examples = {m[1]: m for m in map(_SAMPLE.fullmatch, text.splitlines()) if m is not None and m[4] is not None}
    assert examples
    ids = {span.trace_id for span in spans}
    for line in text.splitlines():
        matched = _SAMPLE.fullmatch(line)
        if matched is not None and matched[4] is not None:
            told = re.findall(r'trace_id="(.*?)"', matched[4])
            assert set(told) <= ids
            bound = re.findall(r'le="(.*?)"', matched[2])[0].replace("+Inf", "inf")
            assert float(matched[5]) <= float(bound)


def test_what_labels_hold_is_escaped() -> None:
    numbers = Numbers()
    numbers.count((CALLS, ('m:f"\\', "two\nlines", "ü", "ok")), 3)
    line = prometheus.write_text(numbers).splitlines()[-1]
    assert line == CALLS + r'{target="m:f\"\\",name="two\nlines",observation="ü",outcome="ok"} 3'


def test_nothing_is_told_where_nothing_is_traced() -> None:
    assert monitoring.prometheus_text() == ""
    assert monitoring.openmetrics_text() == "# EOF\n"
    assert monitoring.metrics() is None


def test_an_exemplar_stands_in_the_bucket_that_it_belongs_to() -> None:
    numbers, labels = Numbers(), ("m:f", "f", "span")
    numbers.distribute((DURATION, labels), Distribution.of_sizes([3e6, 7e9, 90e9]))
    numbers.exemplars[DURATION, labels] = Exemplar("ab" * 16, "cd" * 8, 90e9, 1_700_000_000.5)
    (line,) = [line for line in prometheus.write_openmetrics(numbers).splitlines() if " # {" in line]
    assert 'le="+Inf"} 3 # {trace_id="' + "ab" * 16 in line
    assert line.endswith(" 90 1700000000.500")


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportMetricsServiceRequest]]]:
    """A real server that takes what an OpenTelemetry Collector would."""
    received: list[ExportMetricsServiceRequest] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/metrics":
                assert self.headers["Content-Type"] == "application/x-protobuf"
                assert self.headers["x-team"] == "shop"
                received.append(ExportMetricsServiceRequest.FromString(gzip.decompress(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", received
    server.shutdown()
    server.server_close()


def test_a_collector_is_told_the_same_counts(
    trace: Trace, collector: tuple[str, list[ExportMetricsServiceRequest]]
) -> None:
    address, received = collector
    export = f'export: {{ otlp: {{ endpoint: "{address}", durability: memory, headers: {{ x-team: shop }} }} }}\n'
    trace(registry(export + "monitoring: { otlp: 100ms }\n"))
    handle(30)
    until(lambda: len(received) > 1)
    tracing_proxies.deactivate()
    (group,) = received[-1].resource_metrics
    resource = {item.key: item.value.string_value for item in group.resource.attributes}
    assert resource["service.name"].startswith("shop-")
    assert resource["service.instance.id"]
    found = {metric.name: metric for metric in group.scope_metrics[0].metrics}
    calls = found["tracing_proxies_calls"].sum
    assert calls.is_monotonic
    told = {tuple(item.value.string_value for item in point.attributes): point.as_double for point in calls.data_points}
    assert told["tests.monitoring.shop:handle", "handle", "chain", "ok"] == 24
    assert told["tests.monitoring.shop:handle", "handle", "chain", "error"] == 6
    for point in found[DURATION].histogram.data_points:
        assert sum(point.bucket_counts) == point.count
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
        assert len(point.exemplars[0].trace_id) == 16


def test_metrics_for_a_collector_need_one(trace: Trace) -> None:
    with pytest.raises(ActivationError, match=r"monitoring\.otlp needs a collector"):
        tracing_proxies.activate(registry_from(registry("export: { discard: {} }\nmonitoring: { otlp: 1s }\n")))


def _run(*arguments: str) -> str:
    ran = CliRunner().invoke(commands, arguments, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_the_command_line_tells_the_same(trace: Trace) -> None:
    trace()
    handle(10)
    tracing_proxies.flush()
    pid = str(os.getpid())
    text = _run("status", pid, "--prometheus")
    assert (
        _samples(text)[CALLS, 'target="tests.monitoring.shop:handle",name="handle",observation="chain",outcome="ok"']
        == 8
    )
    told = json.loads(_run("status", pid, "--json"))["metrics"]
    (target,) = [target for target in told["targets"] if target["name"] == "handle"]
    assert target["windows"]["1m"]["calls"] == target["windows"]["start"]["calls"] == 10
    assert target["windows"]["1m"]["errors"] == 2
    assert 0 < target["windows"]["1m"]["p50"] <= target["windows"]["1m"]["p99"]
    assert {agent["agent"] for agent in told["agents"]} == {"pricing", "stock"}
    assert told["tracing"]["start"]["sinks"]["discard"]["success"] == 1.0
    screen = _run("top", pid, "--once")
    assert re.search(r"^handle +\S+ +20 %", screen, re.MULTILINE)


def _screen(windows: dict[str, Count], width: int, rows: int | None = None, *, color: bool = False) -> list[str]:
    console = Console(width=width, color_system="truecolor" if color else None, force_terminal=color, record=True)
    with console.capture() as captured:
        console.print(draw(windows, "1m", "calls", rows))
    return captured.get().splitlines()


def _many(targets: int) -> dict[str, Count]:
    numbers = Numbers()
    for number in range(targets):
        labels = (
            f"application.agents:VeryLongAgentNames{number}.make_a_decision",
            f"VeryLongAgentNames{number}.run",
            "agent",
        )
        numbers.count((CALLS, (*labels, "ok")), 123_456 * (number + 1))
        numbers.count((CALLS, (*labels, "error")), number % 2)
        numbers.distribute((DURATION, labels), Distribution.of_sizes([1e3, 1e6, 1e9, 9e13]))
        agent = f"agent number {number} of the very many"
        numbers.count(("tracing_proxies_agent_calls_total", (agent, "market", "ok")), 5)
        numbers.distribute(("tracing_proxies_agent_duration_seconds", (agent,)), Distribution.of_sizes([1e9]))
        numbers.count(("tracing_proxies_tool_calls_total", (agent, f"tool_with_a_long_name_{number}", "market", "ok")))
    numbers.count(("tracing_proxies_spans_total", ("langfuse", "delivered", "")), 5_000)
    numbers.count(("tracing_proxies_spans_total", ("langfuse", "dropped", "overflow")), 3)
    numbers.gauges["tracing_proxies_sink_healthy", ("langfuse",)] = 0
    numbers.gauges["tracing_proxies_sampling_step", ()] = 3
    numbers.gauges["tracing_proxies_processes", ()] = 4
    return {"1m": Count(numbers, 60.0), "start": Count(numbers, 90_000.0)}


def test_a_screen_fits_80_columns_and_its_height_and_says_all_without_colour() -> None:
    lines = _screen(_many(40), 80, rows=10)
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    text = "\n".join(lines)
    assert lines[0].startswith("4 processes, up 1 d 01:00:00")
    assert "tracing errors only" in text
    assert "3 LOST" in text
    assert "NOT HEALTHY" in text
    assert "and 30 more" in text
    assert "VeryLongAgentNames39.run" in text
    coloured = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in _screen(_many(40), 80, rows=10, color=True)]
    assert [line.rstrip() for line in coloured] == [line.rstrip() for line in lines]


def test_a_screen_with_nothing_on_it_is_drawn_as_well() -> None:
    lines = _screen({"start": Count(Numbers(), 0.0)}, 80)
    assert lines[0].startswith("0 processes")


def test_windows_of_no_length_have_no_rates() -> None:
    assert Count(Numbers(), 0.0).value("tracing_proxies_calls_per_second") is None
    assert math.isinf(monitoring.collector.SINCE_START)


def test_names_from_elsewhere_cannot_steer_the_terminal(tmp_path: Path) -> None:
    windows = _many(1)
    numbers = windows["1m"].numbers
    labels = ("m:f", "evil\x1b]0;title\x07\x1b[2J", "span")
    numbers.count((CALLS, (*labels, "ok")), 10**9)
    numbers.distribute((DURATION, labels), Distribution.of_sizes([1e6]))
    counted = {"1m": Count(numbers, 60.0), "start": Count(numbers, 60.0)}
    assert "\x1b" not in "".join(_screen(counted, 80))
