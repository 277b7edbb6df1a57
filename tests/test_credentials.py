"""Our own secrets: where they come from, who may read them, and that a new one is taken without a restart."""

from __future__ import annotations

import logging
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tracing_proxies
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer, start_server
from tests.delivery.support import observation, wait_until
from tracing_proxies import credentials, failures
from tracing_proxies.credentials import read_secret
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.diagnosis.configuration import describe_configuration
from tracing_proxies.diagnosis.destination import look_at_destinations
from tracing_proxies.errors import ActivationError
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.testing import capture_spans

NAME = "LANGFUSE_SECRET_KEY"


def secret_file(folder: Path, text: str = SECRET_KEY, mode: int = 0o600) -> Path:
    file = folder / "secret"
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.fixture(scope="module")
def server() -> Iterator[ContractServer]:
    made = start_server()
    yield made
    made.stop()


def test_the_variable_wins_over_the_file_and_an_empty_one_is_none(tmp_path: Path) -> None:
    file = str(secret_file(tmp_path, "of the file\n"))
    assert read_secret(NAME, {NAME: "of the variable", f"{NAME}_FILE": file}) == "of the variable"
    assert read_secret(NAME, {NAME: "", f"{NAME}_FILE": file}) == "of the file"
    assert read_secret(NAME, {}) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o666, 0o601])
def test_a_file_that_others_can_reach_is_refused_and_its_content_is_not_told(tmp_path: Path, mode: int) -> None:
    file = secret_file(tmp_path, mode=mode)
    with pytest.raises(ActivationError, match="chmod 600") as caught:
        read_secret(NAME, {f"{NAME}_FILE": str(file)})
    assert SECRET_KEY not in str(caught.value)
    assert f"{NAME}_FILE" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe secret", b"x" * 70_000])
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    file = secret_file(tmp_path)
    file.write_bytes(content)
    with pytest.raises(ActivationError, match=f"{NAME}_FILE"):
        read_secret(NAME, {f"{NAME}_FILE": str(file)})


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in ("absent", "pipe", "."):
        with pytest.raises(ActivationError):
            read_secret(NAME, {f"{NAME}_FILE": str(tmp_path / path)})


def test_a_keyring_is_asked_only_where_it_is_named() -> None:
    import keyring
    import keyring.backend

    class Held(keyring.backend.KeyringBackend):
        priority = 1  # type: ignore[assignment]
        asked: list[tuple[str, str]] = []  # noqa: RUF012

        def get_password(self, service: str, username: str) -> str | None:
            self.asked.append((service, username))
            return "of the keyring" if service == "shop" else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

    before = keyring.get_keyring()
    keyring.set_keyring(Held())
    try:
        assert read_secret(NAME, {}) is None
        assert Held.asked == []
        assert read_secret(NAME, {"TRACING_PROXIES_KEYRING": "shop"}) == "of the keyring"
        assert read_secret(NAME, {"TRACING_PROXIES_KEYRING": "other"}) is None
        assert Held.asked == [("shop", NAME), ("other", NAME)]
    finally:
        keyring.set_keyring(before)


def test_a_missing_keyring_package_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ActivationError, match=r"pip install 'tracing-proxies\[keyring\]'"):
        read_secret(NAME, {"TRACING_PROXIES_KEYRING": "shop"})


def test_keys_that_the_server_refuses_are_read_again_and_the_batch_is_sent_with_the_new_ones(
    server: ContractServer,
) -> None:
    server.reset()
    held = [(PUBLIC_KEY, "an-old-secret-of-the-project")]
    sink = LangfuseSink(server.url, *held[0], renew=lambda: held[0], read_timeout=2.0)
    try:
        assert not sink.write([observation()]).reachable
        held[0] = (PUBLIC_KEY, SECRET_KEY)
        assert sink.write([observation()]).delivered == 1
        assert len(server.requests()) >= 1
    finally:
        sink.close()


def test_keys_that_cannot_be_read_again_leave_the_batch_waiting(
    server: ContractServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    server.reset()

    def renew() -> tuple[str, str] | None:
        secret = read_secret(NAME, {f"{NAME}_FILE": str(tmp_path / "absent")})
        return (PUBLIC_KEY, secret) if secret else None

    sink = LangfuseSink(server.url, PUBLIC_KEY, "an-old-secret-of-the-project", renew=renew, read_timeout=2.0)
    before = failures.counts().get("credentials", 0)
    try:
        outcome = sink.write([observation()])
        assert (outcome.delivered, len(outcome.remaining)) == (0, 1)
        assert failures.counts()["credentials"] == before + 1
    finally:
        sink.close()


@pytest.fixture
def shop() -> Iterator[Any]:
    module = types.ModuleType("secretive_shop")
    exec("def sell(what):\n    return what", vars(module))
    sys.modules["secretive_shop"] = module
    yield module
    tracing_proxies.deactivate()
    del sys.modules["secretive_shop"]


def test_a_key_file_that_is_exchanged_takes_effect_without_a_restart_and_no_text_tells_either_key(
    server: ContractServer,
    shop: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.reset()
    old = "sk-lf-old-0123456789abcdef"
    file = secret_file(tmp_path, old)
    monkeypatch.setenv("LANGFUSE_BASE_URL", server.url)
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC_KEY)
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    registry = tmp_path / "registry.yaml"
    registry.write_text(
        "version: 1\nreload: { watch: 200ms }\nspool: { path: spool }\nexport: { langfuse: {} }\n"
        "trace: [{ match: 'secretive_shop:sell' }]\n"
    )
    with caplog.at_level(logging.DEBUG):
        tracing_proxies.activate(registry)
        shop.sell("oil")
        tracing_proxies.flush(2)
        assert server.observations() == []
        told = repr(tracing_proxies.status()) + repr(describe_configuration(load_registry(registry), os.environ))
        renewed = tmp_path / "renewed"
        renewed.write_text(SECRET_KEY)
        renewed.chmod(0o600)
        renewed.replace(file)
        shop.sell("flour")
        assert wait_until(lambda: len(server.observations()) == 2)
        told += repr(tracing_proxies.status())
    for secret in (old, SECRET_KEY):
        assert secret not in told + caplog.text


def test_a_masking_key_that_is_exchanged_takes_effect_without_a_restart(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = secret_file(tmp_path, "the first masking key of all")
    monkeypatch.setenv("TRACING_PROXIES_MASKING_KEY_FILE", str(file))
    registry = tmp_path / "registry.yaml"
    registry.write_text(
        "version: 1\nreload: { watch: 200ms }\nexport: { discard: {} }\nmasking: { pseudonyms: [email] }\n"
        "trace: [{ match: 'secretive_shop:sell' }]\n"
    )
    tracing_proxies.activate(registry)
    with capture_spans() as spans:
        shop.sell("ann@example.com")
        shop.sell("ann@example.com")
        assert spans[0].output == spans[1].output
        renewed = tmp_path / "renewed"
        renewed.write_text("the second masking key of all")
        renewed.chmod(0o600)
        renewed.replace(file)

        def token_has_changed() -> bool:
            shop.sell("ann@example.com")
            return bool(spans[-1].output != spans[0].output)

        assert wait_until(token_has_changed)
        assert spans[-1].output.startswith("[email:")


def test_what_is_told_of_the_configuration_names_the_file_and_never_the_key(tmp_path: Path) -> None:
    file = secret_file(tmp_path)
    registry = tmp_path / "registry.yaml"
    registry.write_text("version: 1\nexport: { langfuse: {} }\n")
    environ = {"LANGFUSE_BASE_URL": "http://127.0.0.1:9", "LANGFUSE_PUBLIC_KEY": "pk", f"{NAME}_FILE": str(file)}
    entries = {entry.key: entry for entry in describe_configuration(load_registry(registry), environ)}
    assert (entries[NAME].value, entries[NAME].places) == ("set", (f"{NAME}_FILE",))
    assert SECRET_KEY not in repr(entries)
    file.chmod(0o644)
    (finding,) = look_at_destinations(load_registry(registry, environ=environ), environ)
    assert "chmod 600" in finding.seen


def test_fingerprints_tell_secrets_apart_and_hold_none() -> None:
    assert credentials.fingerprint("a") != credentials.fingerprint("b")
    assert credentials.fingerprint(SECRET_KEY) == credentials.fingerprint(SECRET_KEY)
    assert SECRET_KEY not in str(credentials.sources_of({NAME: SECRET_KEY}))
