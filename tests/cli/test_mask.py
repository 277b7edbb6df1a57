"""`mask` shows what would be masked and why; `unmask` reads again what was encrypted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tracing_proxies.cli.main import commands
from tracing_proxies.masking import Masker

KEY = "0123456789abcdef0123456789abcdef"
REGISTRY = """
version: 1
masking:
  hide: [diagnosis, customer.address]
  partial: [payment_card]
  remove: [notes]
  pseudonyms: [customer_id]
  encrypt: [email]
  detectors: { employee: 'E[0-9]{6}' }
  allow: [desk@example.com]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRACING_PROXIES_REGISTRY", raising=False)
    monkeypatch.setenv("TRACING_PROXIES_MASKING_KEY", KEY)
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    return tmp_path


def run(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(commands, list(arguments), input=text)


def places(text: str, *options: str) -> list[tuple[Any, str, str, str]]:
    done = run("mask", "-", "--json", *options, text=text)
    assert done.exit_code == 0, done.output
    return [(p["line"], p["place"], p["by"], p["instead"]) for p in json.loads(done.stdout)["places"]]


def test_each_place_of_a_text_is_told_by_line_and_column(folder: Path) -> None:
    assert places("fine\ncard 4111 1111 1111 1111 of E123456\n") == [
        (2, "column 6", "payment_card", "[card*1111]"),
        (2, "column 29", "employee", "[employee]"),
    ]


def test_each_place_of_a_document_is_told_by_its_keys(folder: Path) -> None:
    document = {
        "diagnosis": "flu",
        "customer": {"address": "x", "inner": json.dumps({"token": "t"})},
        "notes": [1],
        "n": 5,
    }
    assert places(json.dumps(document, indent=1)) == [
        (None, "diagnosis", "key", "[hidden]"),
        (None, "customer.address", "key", "[hidden]"),
        (None, "customer.inner.token", "key", "[hidden]"),
        (None, "notes", "key", ""),
    ]
    lines = "\n".join([json.dumps({"a": ["x", "E123456"]}), json.dumps({"password": None, "pin": 1234})])
    assert places(lines) == [(1, "a[1], column 1", "employee", "[employee]"), (2, "pin", "key", "[hidden]")]


def test_what_is_shown_is_what_is_recorded(folder: Path) -> None:
    (folder / "registry.yaml").unlink()
    text = 'write to ann@example.com\n{"password": "x", "to": "10.1.2.3"}\nfine'
    done = run("mask", "-", "--json", text=text)
    assert "no registry here" in done.stderr
    assert json.loads(done.stdout)["masked"].splitlines() == [Masker().value(line) for line in text.splitlines()]


def test_why_is_told_without_repeating_the_value(folder: Path) -> None:
    text = json.dumps({"ann@example.com": 1, "password": "opensesame", "c": "4111111111111111", "notes": "secretive"})
    done = run("mask", "-", text=text)
    for value in ("ann@example.com", "opensesame", "411111111111", "secretive"):
        assert value not in done.output
    assert "the key 'password' is one of the usual names" in done.output
    assert "the registry names the key 'notes'" in done.output
    assert "the detector payment_card has found it" in done.output
    assert "opensesame" in run("mask", "-", "--values", text=text).output


def test_without_colours_the_markers_are_legible_and_nothing_steers_the_terminal(folder: Path) -> None:
    done = run("mask", "-", text="\x1b[31mto 10.1.2.3\x07")
    assert "[ip]" in done.output
    assert not re.search(r"[\x1b\x07]", done.output)
    assert "1 masked: 1 by ip" in done.output


def test_the_exit_status_is_told_by_check_only(folder: Path) -> None:
    (folder / "dirty").write_text("E123456")
    (folder / "clean").write_text("desk@example.com")
    assert [run("mask", name).exit_code for name in ("dirty", "clean")] == [0, 0]
    assert [run("mask", name, "--check").exit_code for name in ("dirty", "clean")] == [1, 0]
    assert run("mask", "absent").exit_code == 2
    assert run("unmask", "absent").exit_code == 2


def test_a_strict_policy_is_told_as_the_reason(folder: Path) -> None:
    (folder / "registry.yaml").write_text("version: 1\nmasking: { policy: strict, show: [kind] }\n")
    assert places('{"kind": "cash", "who": "ann", "n": 3}') == [
        (None, "who", "policy", "[hidden]"),
        (None, "n", "policy", "[hidden]"),
    ]


def test_what_was_encrypted_is_read_again_with_the_key_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masked = json.loads(run("mask", "-", "--json", text="to ann@example.com").stdout)["masked"]
    assert "ann" not in masked
    done = run("unmask", "-", text=f"{masked}\n{masked}")
    assert (done.exit_code, done.stdout) == (0, "to ann@example.com\nto ann@example.com")
    monkeypatch.setenv("TRACING_PROXIES_MASKING_KEY", KEY[::-1])
    done = run("unmask", "-", text=masked)
    assert (done.exit_code, done.stdout) == (1, masked)
    assert "1 not readable with this key" in done.stderr


def test_without_the_key_markers_stand_in_place_of_tokens(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACING_PROXIES_MASKING_KEY")
    done = run("mask", "-", text='{"customer_id": "c-17", "by": "E123456"}')
    assert "[hidden]" in done.stdout
    assert "[employee]" in done.stdout
    assert "openssl rand -hex 32" in done.stderr


def test_a_private_key_is_masked_as_a_whole_though_it_has_several_lines(folder: Path) -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{'Mi4c7' * 12}\n{'Qw9x2' * 12}\n-----END PRIVATE KEY-----"
    text = f"fine\n{key}\nof E123456\n\n{key}"
    assert places(text) == [
        (2, "column 1", "secrets", "[secret]"),
        (6, "column 4", "employee", "[employee]"),
        (8, "column 1", "secrets", "[secret]"),
    ]
    assert run("mask", "-", text=text).stdout.startswith("fine\n[secret]\nof [employee]\n\n[secret]\n")
