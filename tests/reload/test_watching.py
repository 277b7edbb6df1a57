"""Changes of the registry's files take effect however they are made, and bad ones leave the last good registry."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

import pytest

import tracing_proxies
from tests.reload.conftest import Edited, eventually, text
from tracing_proxies import runtime
from tracing_proxies.delivery import native
from tracing_proxies.errors import RegistryError
from tracing_proxies.testing import capture_spans, registry_from


def test_a_file_that_is_replaced_takes_effect_and_touches_nothing_else(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    proxy = vars(edited.module.Agent)["run"]
    edited.write("second")
    eventually(lambda: tracing_proxies.status()["reloads"] == 1)
    assert vars(edited.module.Agent)["run"] is proxy
    with capture_spans() as spans:
        assert edited.module.Agent().run(5) == 5
    assert [span.name for span in spans] == ["second"]


def test_the_usual_pace_is_two_seconds(edited: Edited) -> None:
    edited.file.write_text(
        text("first").replace("reload: { watch: 200ms, signal: none }\n", "reload: { signal: off }\n")
    )
    tracing_proxies.activate(edited.file)
    assert tracing_proxies.status()["reload"]["watch"] == 2.0
    edited.file.write_text(text("second"))
    eventually(lambda: edited.traced_as() == "second")


def test_a_target_that_is_no_longer_listed_is_put_back_and_woven_again_when_it_returns(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    woven = edited.module.Agent.run
    edited.write()
    eventually(edited.is_raw)
    with capture_spans() as spans:
        assert woven(edited.module.Agent(), 3) == 3  # whoever has kept the proxy calls through it
    assert spans == []
    edited.write("third")
    eventually(lambda: edited.traced_as() == "third")


def test_a_rule_for_a_module_that_is_loaded_already_weaves_it(edited: Edited) -> None:
    edited.write()
    tracing_proxies.activate(edited.file)
    assert edited.is_raw()
    edited.write("late")
    eventually(lambda: edited.traced_as() == "late")


def test_a_foreign_wrapper_on_top_stays_and_what_is_within_passes_through(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    agent, ours = edited.module.Agent, edited.module.Agent.run

    def on_top(self: object, x: int = 1) -> object:
        return ours(self, x)

    agent.run = on_top
    try:
        edited.write("second")
        eventually(lambda: tracing_proxies.status()["reloads"] == 1)
        with capture_spans() as spans:
            agent().run(2)
        assert [span.name for span in spans] == ["second"]
        edited.write()
        eventually(lambda: tracing_proxies.status()["woven"] == 0)
        assert vars(agent)["run"] is on_top
        with capture_spans() as spans:
            assert agent().run(2) == 2
        assert spans == []
    finally:
        agent.run = edited.raw["run"]


def test_a_half_written_file_is_taken_when_it_is_whole(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    whole = text("second", more="  - match: reloaded_application:Agent.rest\n    name: other\n")
    for end in (0, 40, len(whole) // 2, len(whole) - 20, len(whole)):
        edited.file.write_text(whole[:end])
        time.sleep(0.03)
    eventually(lambda: (edited.traced_as(), edited.traced_as("rest")) == ("second", "other"))
    assert tracing_proxies.status()["stale"] is None


def test_a_swapped_link_is_noticed(edited: Edited) -> None:
    folder = edited.file.parent
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "registry.yaml").write_text(text(name))
    (folder / "data").symlink_to("one")
    edited.file.unlink()
    edited.file.symlink_to("data/registry.yaml")
    tracing_proxies.activate(edited.file)
    assert edited.traced_as() == "one"
    (folder / "new").symlink_to("two")
    os.replace(folder / "new", folder / "data")
    eventually(lambda: edited.traced_as() == "two")


def test_a_change_within_the_same_tick_of_the_clock_is_noticed(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    status = os.stat(edited.file)
    content = edited.file.read_text().replace("first", "fifth")
    edited.file.write_text(content)
    os.utime(edited.file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert os.stat(edited.file).st_size == status.st_size
    eventually(lambda: edited.traced_as() == "fifth")


def test_included_files_count_those_that_come_and_those_that_go_as_well(edited: Edited) -> None:
    folder = edited.file.parent / "rules.d"
    folder.mkdir()
    edited.write("first", more="include: [rules.d/*.yaml]\n")
    tracing_proxies.activate(edited.file)
    rule = "version: 1\ntrace:\n  - match: reloaded_application:Agent.rest\n    name: {}\n"
    (folder / "a.yaml").write_text(rule.format("new"))
    eventually(lambda: edited.traced_as("rest") == "new")
    (folder / "a.yaml").write_text(rule.format("edited"))
    eventually(lambda: edited.traced_as("rest") == "edited")
    (folder / "a.yaml").rename(folder / "z.yaml")
    eventually(lambda: tracing_proxies.status()["reloads"] == 3)
    assert edited.traced_as("rest") == "edited"
    (folder / "z.yaml").unlink()
    eventually(lambda: vars(edited.module.Agent)["rest"] is edited.raw["rest"])
    assert edited.traced_as() == "first"


def test_an_included_file_that_is_missing_is_an_error_until_it_is_there(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    edited.write("second", more="include: [more.yaml]\n")
    eventually(lambda: "TP108" in (tracing_proxies.status()["stale"] or ""))
    assert edited.traced_as() == "first"
    (edited.file.parent / "more.yaml").write_text("version: 1\n")
    eventually(lambda: tracing_proxies.status()["stale"] is None)
    assert edited.traced_as() == "second"


def test_a_bad_file_keeps_the_last_good_one_says_so_once_and_is_forgiven(
    edited: Edited, caplog: pytest.LogCaptureFixture
) -> None:
    tracing_proxies.activate(edited.file)
    digest = tracing_proxies.status()["digest"]
    with caplog.at_level(logging.ERROR, "tracing_proxies"):
        edited.write("second", more="trcae: []\nrols: {}\n")
        stale = eventually(lambda: tracing_proxies.status()["stale"])
        assert "trcae" in stale
        assert "rols" in stale
        time.sleep(0.5)
        assert not tracing_proxies.reload()
        assert len(caplog.records) == 1
        assert "TP201" in caplog.text
        edited.write("third", more="trcae: []\n")
        eventually(lambda: "rols" not in tracing_proxies.status()["stale"])
        assert len(caplog.records) == 2
    found = tracing_proxies.status()
    assert (edited.traced_as(), found["reloads"], found["digest"]) == ("first", 0, digest)
    edited.write("first")
    eventually(lambda: tracing_proxies.status()["stale"] is None)
    assert tracing_proxies.status()["digest"] == digest


def test_a_file_that_is_gone_keeps_the_last_good_registry_until_it_is_back(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    kept = edited.file.read_text()
    edited.file.unlink()
    eventually(lambda: "TP100" in (tracing_proxies.status()["stale"] or ""))
    assert edited.traced_as() == "first"
    edited.file.write_text(kept)
    eventually(lambda: tracing_proxies.status()["stale"] is None)
    assert edited.traced_as() == "first"


def test_a_destination_that_cannot_be_keeps_the_last_good_registry(
    edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    tracing_proxies.activate(edited.file)
    edited.file.write_text(text("second").replace("discard: {}", "langfuse: { host: 'http://127.0.0.1:9' }"))
    eventually(lambda: "LANGFUSE_PUBLIC_KEY" in (tracing_proxies.status()["stale"] or ""))
    assert edited.traced_as() == "first"
    with capture_spans() as spans:
        edited.module.Agent().run()
    assert len(spans) == 1


def test_a_registry_may_switch_the_watching_off_and_reload_reads_it_all_the_same(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    edited.write("second", watch="off")
    eventually(lambda: edited.traced_as() == "second")
    eventually(lambda: "tracing-watch" not in native.ours().values())
    assert tracing_proxies.status()["reload"] == {"watch": None, "signal": None, "refused": None}
    edited.write("third")
    time.sleep(0.5)
    assert edited.traced_as() == "second"
    assert tracing_proxies.reload()
    assert edited.traced_as() == "third"
    edited.write("fourth")
    eventually(lambda: edited.traced_as() == "fourth")


def test_a_registry_without_a_file_is_not_watched() -> None:
    tracing_proxies.activate(registry_from("version: 1\nexport: { discard: {} }\n"))
    assert "tracing-watch" not in native.ours().values()
    assert tracing_proxies.status()["digest"] is None
    assert not tracing_proxies.reload()
    tracing_proxies.deactivate()


def test_activating_the_same_file_again_reads_nothing_and_keeps_everything(
    edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracing_proxies.activate(edited.file)
    active = runtime._runtime
    assert active is not None
    before = (active.registry, active.pipeline, active.prepare, vars(edited.module.Agent)["run"])
    monkeypatch.chdir(edited.file.parent)
    tracing_proxies.activate("./registry.yaml")
    assert (active.registry, active.pipeline, active.prepare, vars(edited.module.Agent)["run"]) == before
    edited.write("second", watch="off")
    tracing_proxies.activate(edited.file)
    assert edited.traced_as() == "second"
    assert active.pipeline is before[1]


def test_activating_the_same_file_reads_it_if_the_environment_has_changed(
    edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_NAME", "one")
    edited.write("'${AGENT_NAME}'", watch="off")
    tracing_proxies.activate(edited.file)
    assert edited.traced_as() == "one"
    monkeypatch.setenv("AGENT_NAME", "two")
    tracing_proxies.activate(edited.file)
    assert edited.traced_as() == "two"


def test_activating_a_file_with_mistakes_leaves_what_is_active(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    bad = edited.file.with_name("bad.yaml")
    bad.write_text("version: 1\ntrcae: []\n")
    with pytest.raises(RegistryError):
        tracing_proxies.activate(bad)
    assert edited.traced_as() == "first"
    edited.write("second")
    eventually(lambda: edited.traced_as() == "second")


def test_going_over_to_another_file_follows_that_one(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    other = edited.file.with_name("other.yaml")
    other.write_text(text("other"))
    tracing_proxies.activate(other)
    edited.write("second")
    other.write_text(text("another"))
    eventually(lambda: edited.traced_as() == "another")


@pytest.mark.parametrize("fork_while", ["idle", "reloading"])
def test_a_forked_child_follows_the_file_by_itself(edited: Edited, tmp_path: Path, fork_while: str) -> None:
    tracing_proxies.activate(edited.file)
    go = tmp_path / "go"
    if fork_while == "reloading":
        edited.write("between")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            eventually(go.exists)
            eventually(lambda: edited.traced_as() == "second")
            with capture_spans() as spans:
                edited.module.Agent().run()
            tracing_proxies.deactivate()
            code = 0 if [span.name for span in spans] == ["second"] and edited.is_raw() else 2
        finally:
            os._exit(code)
    edited.write("second")
    go.touch()
    assert os.waitpid(child, 0)[1] == 0
    eventually(lambda: edited.traced_as() == "second")


def test_children_that_are_forked_while_the_file_is_read_all_the_time_are_whole(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    ended = threading.Event()

    def reload_all_the_time() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            edited.write(*(["first"] if number % 2 else []))
            tracing_proxies.reload()

    thread = threading.Thread(target=reload_all_the_time)
    thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    edited.module.Agent().run()
                    edited.file = edited.file.with_name(f"{os.getpid()}.yaml")
                    edited.write("own")
                    tracing_proxies.activate(edited.file)
                    named = edited.traced_as()
                    tracing_proxies.deactivate()
                    code = 0 if named == "own" and edited.is_raw() else 2
                finally:
                    os._exit(code)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        ended.set()
        thread.join()


def test_a_rule_that_matches_nothing_is_told_of_after_a_reload(
    edited: Edited, caplog: pytest.LogCaptureFixture
) -> None:
    tracing_proxies.activate(edited.file)
    with caplog.at_level(logging.WARNING, "tracing_proxies"):
        edited.write("first", more="  - match: reloaded_application:Agent.rnu\n")
        eventually(lambda: "TP203" in caplog.text)
        edited.write("second", more="  - match: reloaded_application:Agent.rnu\n")
        eventually(lambda: edited.traced_as() == "second")
    assert len([record for record in caplog.records if "TP203" in record.getMessage()]) == 1
