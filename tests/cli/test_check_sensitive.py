"""`check` warns of what is recorded under a name that sounds personal or secret, and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tracing_proxies.cli.main import commands
from tracing_proxies.masking.sensitive import is_sensitive

APPLICATION = """
from dataclasses import dataclass
@dataclass
class Patient:
    surname: str
    ward: str
def admit(patient: "list[Patient]", diagnosis, ip_address, count): ...
def quiet(salary): ...
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRACING_PROXIES_REGISTRY", raising=False)
    return tmp_path


def warnings(folder: Path, text: str, *options: str) -> list[tuple[int, int, str]]:
    (folder / "registry.yaml").write_text("version: 1\n" + text)
    done = CliRunner().invoke(commands, ["check", "--json", *options])
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)["warnings"]
    assert {warning["code"] for warning in found} <= {"TP219"}
    return [(w["line"], w["column"], w["message"].split("'")[1]) for w in found]


RULE = "trace:\n  - match: clinic:admit\n    metadata: { who: args.patient.surname, n: args.count }\n"


def test_a_path_that_records_such_a_field_is_warned_of_with_its_place(folder: Path) -> None:
    assert warnings(folder, RULE) == [(4, 22, "args.patient.surname")]
    done = CliRunner().invoke(commands, ["check"])
    assert done.exit_code == 0
    assert "registry.yaml:4:22 TP219 warning: 'args.patient.surname' records 'surname'" in done.stderr


@pytest.mark.parametrize(
    "masking",
    ["{ hide: [who] }", "{ pseudonyms: [surname, who] }", "{ allow: [surname] }", "{ policy: strict }"],
)
def test_it_is_silent_where_masking_names_it(folder: Path, masking: str) -> None:
    assert warnings(folder, f"masking: {masking}\n{RULE}") == []


def test_conditions_and_hashes_record_nothing(folder: Path) -> None:
    rule = "trace:\n  - match: clinic:admit\n    if: args.diagnosis\n    metadata: { d: args.diagnosis | hash }\n"
    assert warnings(folder, rule) == []


def test_parameters_and_the_fields_of_their_models_are_looked_at_by_import(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "clinic.py").write_text(APPLICATION)
    monkeypatch.syspath_prepend(folder)
    rules = "trace:\n  - match: clinic:*\n  - match: clinic:quiet\n    capture: { input: false }\n"
    assert [place for *place, _ in warnings(folder, rules, "--import")] == [[3, 5], [3, 5], [3, 5]]
    done = CliRunner().invoke(commands, ["check", "--import"])
    told = [line for line in done.stderr.splitlines() if "TP219" in line]
    assert [line.partition("records ")[2].partition(",")[0] for line in told] == [
        "'patient'",
        "'patient.surname'",
        "'diagnosis'",
    ]
    masked = "masking: { pseudonyms: [patient], hide: [surname] }\n" + rules
    assert len(warnings(folder, masked, "--import")) == 1


@pytest.mark.parametrize(
    "name", ["first_name", "lastName", "DateOfBirth", "diagnosis", "home_address", "address", "ibm_auth"]
)
def test_names_that_sound_personal(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize(
    "name",
    ["name", "file_name", "agent_name", "ip_address", "server_address", "page", "stage", "message", "api", "", "x"],
)
def test_names_that_do_not(name: str) -> None:
    assert not is_sensitive(name)
