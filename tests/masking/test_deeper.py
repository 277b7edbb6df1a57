"""The deeper engine: a real Presidio, with a model that knows the names that it was told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tracing_proxies import failures
from tracing_proxies.errors import ActivationError
from tracing_proxies.finishing import make_masker
from tracing_proxies.masking import Masker
from tracing_proxies.masking.deeper import load_presidio
from tracing_proxies.registry.masking import PresidioSettings
from tracing_proxies.testing import registry_from

TEXT = "Wilma Canary of Bonn wrote to wilma@example.com"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of spaCy's in a folder, as an installed model is one."""
    spacy = pytest.importorskip("spacy", reason="pip install 'tracing-proxies[presidio]'")
    pytest.importorskip("presidio_analyzer", reason="pip install 'tracing-proxies[presidio]'")
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns(
        [
            {"label": "PERSON", "pattern": [{"LOWER": "wilma"}, {"LOWER": "canary"}]},
            {"label": "GPE", "pattern": "Bonn"},
            {"label": "PERSON", "pattern": "Wilma Bonn"},
        ]
    )
    folder = tmp_path_factory.mktemp("model") / "names"
    pipeline.to_disk(folder)
    return folder


def masker_of(model: Path, more: str = "", settings: str = "") -> Masker:
    text = f"version: 1\nmasking:\n  presidio: {{ model: '{model}'{settings} }}\n{more}"
    return make_masker(registry_from(text), {"TRACING_PROXIES_MASKING_KEY": "0123456789abcdef"})


def test_names_and_places_are_masked_beside_what_patterns_find(model: Path) -> None:
    masker = masker_of(model)
    assert masker.text(TEXT) == "[person] of [location] wrote to [email]"
    assert masker.value({"note": TEXT, "n": "12"}) == {"note": "[person] of [location] wrote to [email]", "n": "12"}
    assert masker.text(masker.text(TEXT)) == masker.text(TEXT)
    assert Masker().text(TEXT) == "Wilma Canary of Bonn wrote to [email]"


def test_only_the_entities_that_are_asked_for_are_looked_for(model: Path) -> None:
    assert (
        masker_of(model, settings=", entities: [LOCATION]").text(TEXT) == "Wilma Canary of [location] wrote to [email]"
    )


def test_what_it_finds_takes_strategies(model: Path) -> None:
    masker = masker_of(model, more="  pseudonyms: [person]\n  remove: [location]\n")
    masked = masker.text(TEXT)
    assert masked.startswith("[person:")
    assert masked.endswith("] of  wrote to [email]")
    assert masked == masker.text(masked)


def test_a_find_below_the_threshold_does_not_count(model: Path) -> None:
    assert masker_of(model, settings=", threshold: 99%").text(TEXT) == "Wilma Canary of Bonn wrote to [email]"


def test_where_it_fails_the_text_is_hidden_and_the_rest_survives(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    before = failures.counts().get("masking", 0)
    masked = masker_of(model).value({"long": "Wilma Canary " * 9_000, "short": "Bonn"})
    assert masked == {"long": "[masking failed]", "short": "[location]"}
    assert failures.counts()["masking"] == before + 1


def test_a_model_that_is_missing_is_told_and_never_downloaded(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import spacy.cli

    monkeypatch.setattr(spacy.cli, "download", lambda *a, **k: pytest.fail("it was downloaded"))
    with pytest.raises(ActivationError, match="python -m spacy download en_core_web_nowhere"):
        masker_of(Path("en_core_web_nowhere"))


@pytest.mark.parametrize("package", ["spacy", "spacy.util", "presidio_analyzer"])
def test_a_missing_package_is_told_with_the_command_that_installs_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=r"pip install 'tracing-proxies\[presidio\]'"):
        load_presidio(PresidioSettings())


def test_it_is_not_imported_where_no_registry_asks_for_it() -> None:
    import subprocess

    program = (
        "import sys, tracing_proxies.finishing as f\nfrom tracing_proxies.testing import registry_from\n"
        "f.make_masker(registry_from('version: 1'), {}).text('x@example.com')\n"
        "print([n for n in ('spacy', 'presidio_analyzer', 'cryptography', 'keyring', 're2') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_texts_without_a_letter_are_not_analysed(model: Path) -> None:
    (person, location) = load_presidio(PresidioSettings(model=str(model)))
    asked: list[Any] = []
    person._analyzer.find = lambda *a: asked.append(a) or []  # type: ignore[method-assign]
    assert person.find("12:30, 4.5") == location.find("17") == []
    assert asked == []
