"""A real Prometheus scrapes the retail application, which runs in four processes: its counts are the application's."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.environment import inherited
from tests.monitoring.test_workers import until
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
WORKERS = 4
# Each worker tells what the application itself has decided; one of them ends at once, and is not there any more when
# Prometheus comes.
PROGRAM = """
import asyncio, json, multiprocessing, sys
import tracing_proxies

def work(seed, reports, go_on):
    from retail.run import name_scenarios, run
    report = asyncio.run(run(name_scenarios(sys.argv[1]), seed=seed))
    reports.put(report.as_dict())
    if seed:
        go_on.wait()

if __name__ == "__main__":
    tracing_proxies.activate(sys.argv[2])
    context = multiprocessing.get_context("fork")
    reports, go_on = context.Queue(), context.Event()
    workers = [context.Process(target=work, args=(seed, reports, go_on)) for seed in range(4)]
    for worker in workers:
        worker.start()
    found = [reports.get(timeout=60) for _ in workers]
    workers[0].join()
    print(json.dumps(found, default=str), flush=True)
    sys.stdin.readline()
    go_on.set()
    for worker in workers[1:]:
        worker.join()
"""
SCENARIOS = "stock_alert,demand_spike,multi_category_event,market_event_coordination"


def _registry(folder: Path, port: int) -> Path:
    text = (ROOT / "registry.yaml").read_text("utf-8")
    path = folder / "registry.yaml"
    path.write_text(f"{text}\nexport: {{ discard: {{}} }}\nmonitoring: {{ port: {port}, interval: 500ms }}\n", "utf-8")
    return path


@contextmanager
def _retail(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], list[dict[str, Any]]]]:
    (folder / "program.py").write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, str(folder / "program.py"), SCENARIOS, str(_registry(folder, port))],
        cwd=folder,
        env={**inherited(), "XDG_RUNTIME_DIR": str(folder), "PYTHONPATH": f"{ROOT}:{ROOT / 'examples'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline() or "[]")
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its workers hold the pipe that is read here
        process.communicate()


@contextmanager
def _prometheus(program: str, folder: Path, port: int) -> Iterator[str]:
    own = free_port()
    configuration = folder / "prometheus.yml"
    configuration.write_text(
        "global: { scrape_interval: 500ms, scrape_timeout: 500ms }\nscrape_configs:\n"
        f"  - {{ job_name: retail, static_configs: [{{ targets: ['127.0.0.1:{port}'] }}] }}\n"
    )
    command = [
        program, f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{own}", "--enable-feature=exemplar-storage", "--log.level=error",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**inherited(), "GOMAXPROCS": "1"}
    )
    try:
        yield f"http://127.0.0.1:{own}/api/v1"
    finally:
        process.terminate()
        process.wait(30)


def _ask(api: str, path: str, **parameters: str) -> Any:
    try:
        with urllib.request.urlopen(f"{api}/{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as reply:
            return json.load(reply)["data"]
    except OSError:  # not up yet
        return {"result": []}


def _value(api: str, query: str) -> float | None:
    result = _ask(api, "query", query=query)["result"]
    return float(result[0]["value"][1]) if result else None


def _by(api: str, query: str, label: str) -> dict[str, float]:
    return {
        found["metric"][label]: float(found["value"][1])
        for found in _ask(api, "query", query=query)["result"]
        if float(found["value"][1])
    }


def _documented() -> list[str]:
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    queries = re.findall(r"^\| [^|]+ \| `(.*tracing_proxies.*\[.*)` \|$", text, re.MULTILINE)
    assert len(queries) > 5
    return queries


def test_prometheus_finds_the_same_counts_as_the_application(prometheus: str, tmp_path: Path) -> None:
    port = free_port()
    with _retail(tmp_path, port) as (_, reports), _prometheus(prometheus, tmp_path, port) as api:
        triggers = [trigger for report in reports for trigger in report["triggers"]]
        assert len(reports) == WORKERS
        handled = 'sum(tracing_proxies_events_total{target="retail.simulation.consumer:TriggerConsumer.handle"})'
        until(lambda: _value(api, handled) == len(triggers))
        until(lambda: _value(api, "tracing_proxies_processes") == WORKERS)  # one has ended; the first one is none
        assert len(triggers) >= 4 * WORKERS
        failed = sum(trigger["status"] == "failed" for trigger in triggers)
        assert _value(api, handled.replace("}", ',outcome="error"}')) == failed
        # What the orchestrator was told, and did. Spans are read by the worker: a moment after calls are counted.
        workflows = sum(len(trigger["workflows"]) for trigger in triggers)
        until(lambda: _value(api, "sum(tracing_proxies_collaborations_total)") == workflows)
        conflicts = sum(trigger["orchestration"].get("conflicts_detected", 0) for trigger in triggers)
        assert conflicts > 0
        assert _value(api, 'tracing_proxies_conflicts_total{state="detected"}') == conflicts
        rulings = sum(len(trigger["orchestration"].get("resolution", {}).get("rulings", [])) for trigger in triggers)
        assert _value(api, 'tracing_proxies_conflicts_total{state="resolved"}') == rulings
        by_source = Counter(trigger["agent_type"] for trigger in triggers)
        events = "sum by (source) (tracing_proxies_workflows_total{workflow=~'simulation[.].*'})"
        until(lambda: _by(api, events, "source") == by_source)
        # Each span that was made was delivered, or left out by the registry's own rules.
        produced = _value(api, "tracing_proxies_spans_produced_total")
        until(lambda: _value(api, "sum(tracing_proxies_spans_total)") == produced)
        assert not _value(api, 'sum(tracing_proxies_spans_total{fate="dropped"})')
        # The histogram and the counter agree, and the quantile lies in the bucket that it must lie in.
        counted = _value(api, "sum(tracing_proxies_call_duration_seconds_count)")
        assert counted == _value(api, "sum(tracing_proxies_calls_total)")
        assert _value(api, "count(tracing_proxies_call_duration_quantile_seconds{quantile='0.95'}) > 20")
        for query in _documented():
            assert _ask(api, "query", query=query)["resultType"] == "vector", query
        exemplars = _ask(
            api, "query_exemplars", query="tracing_proxies_call_duration_seconds_bucket", start="0", end="9999999999"
        )
        assert any(len(one["labels"]["trace_id"]) == 32 for series in exemplars for one in series["exemplars"])
