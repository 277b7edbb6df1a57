"""The pytest plugin that runs inside a library's suite: weaves, and writes down what became of each test.

``DOWNSTREAM_MODE`` is ``plain``, ``woven``, ``reference`` or ``encoded``; ``DOWNSTREAM_OUT`` the folder to write to;
the packages, those of their modules that are tests, and the registry come from ``DOWNSTREAM_WEAVE``,
``DOWNSTREAM_LEAVE`` and ``DOWNSTREAM_REGISTRY``.
"""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path
from typing import Any

_OUT = Path(os.environ["DOWNSTREAM_OUT"])
_MODE = os.environ["DOWNSTREAM_MODE"]
_WEAVE = os.environ["DOWNSTREAM_WEAVE"].split(",")
_LEAVE = tuple(name.removesuffix(".**") for name in os.environ.get("DOWNSTREAM_LEAVE", "").split(",") if name)
_PID = os.getpid()
_results: dict[str, str] = {}
# Line by line, so that a crash of the interpreter is known by the tests that are missing.
_journal = (_OUT / "tests.jsonl").open("w", encoding="utf-8")
_reference: Any = None


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


if _MODE == "woven":
    import tracing_proxies
    import tracing_proxies.runtime

    if "site-packages" not in tracing_proxies.__file__:
        raise RuntimeError(f"{tracing_proxies.__file__} is not where an installed package lies")
    tracing_proxies.activate(os.environ["DOWNSTREAM_REGISTRY"])
    # The first span would load what finds personal data, as OpenTelemetry's SDK and its encoder are loaded here.
    tracing_proxies.runtime._runtime.prepare.get_ready()
elif _MODE in ("reference", "encoded"):
    import downstream_reference
# The marker is in the environment of this process only: suites start interpreters of their own.
for _name in [name for name in os.environ if name.startswith("DOWNSTREAM_")]:
    del os.environ[_name]
# Each way has its own modules by now, and none has those of the library, whose import is part of the suite.
_begun = time.perf_counter(), _cpu()
if _MODE in ("reference", "encoded"):
    _reference = downstream_reference.Reference(_WEAVE, encode=_MODE == "encoded")


def pytest_runtest_logreport(report: Any) -> None:
    before = _results.get(report.nodeid)
    if report.failed:
        now = "failed"
    elif report.when == "call" and report.passed:
        now = "passed"
    elif report.skipped:
        now = "skipped"
    else:
        return
    if before == "failed":
        return
    _results[report.nodeid] = now
    text = "" if now != "failed" else str(report.longrepr)
    _write({"test": report.nodeid, "outcome": now, "text": text})


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        _write({"test": f"collect {report.nodeid}", "outcome": "failed", "text": str(report.longrepr)})


def _write(line: dict[str, str]) -> None:
    if os.getpid() == _PID and not _journal.closed:
        _journal.write(json.dumps(line) + "\n")
        _journal.flush()


def pytest_sessionfinish() -> None:
    if os.getpid() != _PID:
        return
    spans = 0
    if _MODE == "woven":
        tracing_proxies.flush(60.0)
    elif _reference is not None:
        spans = _reference.flush()
    report: dict[str, Any] = {"wall": time.perf_counter() - _begun[0], "cpu": _cpu() - _begun[1]}
    if _MODE == "woven":
        import downstream_coverage

        report |= downstream_coverage.measure(_WEAVE, _LEAVE)
        status = tracing_proxies.status()
        report |= {"spans": status["delivery"]["produced"], "failures": status["failures"], "open": status["open"]}
    elif _reference is not None:
        report["spans"] = spans
    (_OUT / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
