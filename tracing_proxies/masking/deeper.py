"""The deeper engine: Presidio with a model of spaCy, for names and places in free text, behind the same interface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from tracing_proxies.registry.masking import PresidioSettings

_INSTALL: Final = "masking.presidio needs two packages: pip install 'tracing-proxies[presidio]'"
_LONGEST: Final = 100_000


class _Analyzer:
    """Asks Presidio once for each text, however many kinds of values are looked for in it."""

    def __init__(self, engine: Any, settings: PresidioSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._last: tuple[str, Sequence[Any]] = ("", ())

    def find(self, text: str, entity: str) -> list[tuple[int, int]]:
        if len(text) > _LONGEST:
            raise ValueError(f"a text of {len(text):,} characters is too long for the deeper engine")
        known, results = self._last  # one assignment and one reading: threads may share it
        if known != text:
            settings = self._settings
            results = self._engine.analyze(
                text=text,
                language=settings.language,
                entities=list(settings.entities),
                score_threshold=settings.threshold,
            )
            self._last = (text, results)
        return sorted((found.start, found.end) for found in results if found.entity_type == entity)


@attrs.frozen(eq=False, repr=False)
class PresidioDetector:
    """Finds one of Presidio's entities.

    Attributes:
        name: the entity's in small letters, as lists and markers give it.
    """

    name: str
    _entity: str
    _analyzer: _Analyzer = attrs.field(repr=False, eq=False)

    def find(self, text: str) -> list[tuple[int, int]]:
        """Return start and end of every value of the entity.

        Raises:
            ValueError: the text is longer than 100,000 characters, so that it has to be hidden as a whole.
        """
        if not any(map(str.isalpha, text)):
            return []
        return self._analyzer.find(text, self._entity)


def load_presidio(settings: PresidioSettings) -> list[PresidioDetector]:
    """Load the model; nothing is ever downloaded.

    Returns:
        A detector for each entity.

    Raises:
        ValueError: the packages or the model are not installed; says what to do.
    """
    try:
        import spacy.util
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer
    except ImportError:
        raise ValueError(_INSTALL) from None
    # Presidio would download what is missing, from within the application's process.
    if not (spacy.util.is_package(settings.model) or Path(settings.model).exists()):
        raise ValueError(
            f"masking.presidio: spaCy's model {settings.model!r} is not installed: python -m spacy download "
            f"{settings.model}, or name the folder of one"
        )
    nlp = SpacyNlpEngine(models=[{"lang_code": settings.language, "model_name": settings.model}])
    nlp.load()
    recognizer = SpacyRecognizer(supported_language=settings.language, supported_entities=list(settings.entities))
    registry = RecognizerRegistry(recognizers=[recognizer], supported_languages=[settings.language])
    engine = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[settings.language])
    analyzer = _Analyzer(engine, settings)
    return [PresidioDetector(entity.lower(), entity, analyzer) for entity in settings.entities]
