"""The public face: activate, deactivate, reload, status, flush, and capture_spans."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tracing_proxies
from tests.weaving import sample
from tracing_proxies.errors import RegistryError
from tracing_proxies.testing import capture_spans, registry_from
from tracing_proxies.weaving.proxies import raw_of

M = "tests.weaving.sample"
PLAIN = f"version: 1\nexport: {{ discard: {{}} }}\ntrace:\n  - match: {M}:plain\n"


@pytest.fixture(autouse=True)
def _inactive() -> Iterator[None]:
    yield
    tracing_proxies.deactivate()


def test_importing_the_package_changes_nothing_and_imports_little() -> None:
    code = (
        "import sys; before = list(sys.meta_path); import tracing_proxies;"
        "assert sys.meta_path == before;"
        "print(sorted(m for m in ('langfuse', 'yaml', 'wrapt', 'opentelemetry', 'orjson') if m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_activating_imports_no_langfuse() -> None:
    code = (
        "import sys, tracing_proxies; from tracing_proxies.testing import registry_from;"
        "tracing_proxies.activate(registry_from('version: 1\\nexport: { discard: {} }\\n'));"
        "print('langfuse' in sys.modules, 'opentelemetry.sdk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False False\n"


def test_an_activation_imports_what_its_registry_asks_for_and_leaves_the_rest(tmp_path: Path) -> None:
    unused = (
        *("delivery.transport", "delivery.spool_lane", "delivery.sinks.otlp", "monitoring.otlp", "monitoring.alerting"),
        *("langfuse.scores", "langfuse.adoption_nesting", "registry.alert_rules", "registry.presets", "control.client"),
        *("masking.deeper", "masking.detectors.custom", "registry.schema", "diagnosis", "viewer", "cli", "testing"),
    )
    code = (
        "import sys, pathlib, tracing_proxies;"
        "tracing_proxies.activate(pathlib.Path(sys.argv[1]));"
        f"print([name for name in {unused} if 'tracing_proxies.' + name in sys.modules])"
    )
    registry = tmp_path / "registry.yaml"
    registry.write_text("version: 1\nexport: { local: { path: traces.db } }\ntrace:\n  - match: json:dumps\n")
    assert subprocess.run([sys.executable, "-c", code, registry], capture_output=True, text=True).stdout == "[]\n"


def test_spans_are_captured_when_entered_before_during_and_after_activation() -> None:
    with capture_spans() as spans:
        sample.plain(1)
        tracing_proxies.activate(registry_from(PLAIN))
        sample.plain(2)
        assert [span.input["a"] for span in spans] == [2]
        with capture_spans() as inner:
            sample.plain(3)
        tracing_proxies.deactivate()
        sample.plain(4)
    assert [span.input["a"] for span in spans] == [2, 3]
    assert [span.input["a"] for span in inner] == [3]
    with capture_spans() as after:
        sample.plain(5)
    assert after == []


def test_captured_spans_are_masked_and_chance_never_drops_one() -> None:
    rule = f"version: 1\nexport: {{ discard: {{}} }}\ntrace:\n  - match: {M}:fails\n    sample: 1%\n"
    tracing_proxies.activate(registry_from(rule))
    with capture_spans() as spans:
        for _ in range(20):
            with pytest.raises(ValueError, match="dana"):
                sample.fails("write to dana@example.com")
    assert len(spans) == 20
    assert all("dana" not in json.dumps([s.input, s.status_message, s.metadata]) for s in spans)
    assert "[email]" in str(spans[0].status_message)


def test_never_stays_never_under_capture() -> None:
    rule = PLAIN + "    sample: never\n"
    tracing_proxies.activate(registry_from(rule))
    with capture_spans() as spans:
        assert sample.plain(1, 2) == 3
    assert spans == []


def test_a_share_keeps_about_that_share_with_its_weight(tmp_path: Path) -> None:
    store = tmp_path / "t.db"
    rule = f"version: 1\nexport: {{ local: {{ path: {store} }} }}\ntrace:\n  - match: {M}:plain\n    sample: 25%\n"
    tracing_proxies.activate(registry_from(rule))
    for number in range(4000):
        sample.plain(number)
    assert tracing_proxies.flush(10)
    delivery = tracing_proxies.status()["delivery"]
    assert delivery["produced"] == delivery["delivered"] + delivery["sampled_out"] == 4000
    count, weight = sqlite3.connect(store).execute("SELECT count(*), sum(sampling_weight) FROM observations").fetchone()
    assert 800 < count < 1200
    assert weight == 4 * count


def test_activating_twice_is_idempotent() -> None:
    registry = registry_from(PLAIN)
    tracing_proxies.activate(registry)
    woven = sample.plain
    tracing_proxies.activate(registry)
    assert sample.plain is woven
    with capture_spans() as spans:
        sample.plain(1)
    assert len(spans) == 1


def test_activating_again_looks_again_at_what_there_is_by_now(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = registry_from(PLAIN)
    tracing_proxies.activate(registry)
    with monkeypatch.context() as patch:
        patch.setattr(sample, "plain", raw_of(sample.plain))
        with capture_spans() as spans:
            sample.plain(1)
            tracing_proxies.activate(registry)
            sample.plain(2)
        assert [span.input["a"] for span in spans] == [2]


def test_strict_activation_raises_for_a_rule_without_a_match() -> None:
    with pytest.raises(
        RegistryError, match=r"<text>:4:12 TP203 no match .*Did you mean 'tests.weaving.sample:plain'\?"
    ):
        tracing_proxies.activate(registry_from(PLAIN.replace("plain", "plian")), strict=True)
    assert tracing_proxies.status()["active"] is False


def test_status_names_what_is_refused_and_counts_what_is_out_of_reach() -> None:
    text = PLAIN.replace(f"{M}:plain", f"[{M}:plain, 'datetime:date.*']")
    tracing_proxies.activate(registry_from(text), strict=False)
    found = tracing_proxies.status()
    assert {"target": "datetime:date.today", "reason": found["refused"][0]["reason"]} in found["refused"]
    assert "immutable type 'datetime.date'" in found["refused"][0]["reason"]
    assert found["out_of_reach"] == 0


def test_reload_goes_over_to_the_new_file_and_keeps_the_last_good_one(tmp_path: Path) -> None:
    file = tmp_path / "registry.yaml"
    file.write_text(PLAIN)
    tracing_proxies.activate(file)
    file.write_text(PLAIN.replace("plain", "Recursive.down") + "    name: deep\n")
    assert tracing_proxies.reload()
    with capture_spans() as spans:
        sample.plain(1)
        sample.Recursive().down(0)
    assert [span.name for span in spans] == ["deep"]
    file.write_text("version: 1\ntrcae: []\n")
    assert not tracing_proxies.reload()
    assert "TP201" in tracing_proxies.status()["stale"]
    with capture_spans() as spans:
        sample.Recursive().down(0)
    assert len(spans) == 1


def test_a_destination_without_credentials_is_told() -> None:
    from tracing_proxies.errors import ActivationError

    with pytest.raises(ActivationError, match="LANGFUSE_PUBLIC_KEY"):
        tracing_proxies.activate(registry_from("version: 1\nexport: { langfuse: { host: 'http://127.0.0.1:9' } }\n"))


def test_a_forked_child_delivers_its_own_spans(tmp_path: Path) -> None:
    store = tmp_path / "t.db"
    tracing_proxies.activate(
        registry_from(f"version: 1\nexport: {{ local: {{ path: {store} }} }}\ntrace:\n  - match: {M}:plain\n")
    )
    sample.plain(1)
    child = os.fork()
    if child == 0:
        sample.plain(2)
        os._exit(0 if tracing_proxies.flush(5) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert tracing_proxies.flush(5)
    rows = sqlite3.connect(store).execute("SELECT input, id FROM observations ORDER BY input").fetchall()
    assert [json.loads(row[0])["a"] for row in rows] == [1, 2]
    assert len({row[1] for row in rows}) == 2


def test_our_own_failure_never_reaches_the_application(monkeypatch: Any) -> None:
    from tracing_proxies import failures, runtime

    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    tracing_proxies.activate(registry_from(PLAIN))

    def broken(*args: Any) -> None:
        raise RuntimeError("ours")

    failures.reset()
    active = runtime._runtime
    assert active is not None
    active.recorder.emit = broken
    assert sample.plain(1, 2) == 3
    [recipe] = active.weaver.recipes()
    recipe.bind = broken
    assert sample.plain([1], [2]) == [1, 2]
    assert failures.counts() == {"emit": 1, "begin": 1}
    assert tracing_proxies.status()["failures"] == {"emit": 1, "begin": 1}


def test_status_says_whether_the_advice_is_compiled(monkeypatch: Any) -> None:
    from tracing_proxies.compiled import hot

    tracing_proxies.activate(registry_from(PLAIN))
    assert tracing_proxies.status()["compiled"] is (hot is not None)
