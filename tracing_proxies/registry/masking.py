"""What a registry says of masking, as frozen data: the whole block, and what a rule or an environment adds to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

import attrs

STRATEGIES: Final = ("partial", "encrypt", "pseudonyms", "shape", "hide", "remove")
"""The lists of a masking block, from the one that shows most of a value to the one that shows nothing."""
PARTS: Final = ("input", "output", "metadata", "tags", "session", "user", "status_message")
"""The parts of a span that `withhold` can keep from being recorded at all."""
DEFAULT_ENVIRONMENT: Final = "default"


@attrs.frozen(cache_hash=True, repr=False)
class Tightening:
    """What hides more than the registry's own block does; it can never show more.

    Args:
        shows: what passes under each `policy: strict` of it; a value has to pass under all of them.
        hide, remove, shape, pseudonyms, encrypt, partial: names, each for what becomes of a value.
        withhold: parts of a span that are not recorded.
    """

    shows: tuple[tuple[str, ...], ...] = ()
    hide: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    shape: tuple[str, ...] = ()
    pseudonyms: tuple[str, ...] = ()
    encrypt: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    withhold: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != NOTHING

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Tightening:
        """Make it of what a section says."""
        lists = {name: values[name] for name in (*STRATEGIES, "withhold") if name in values}
        return cls(shows=(values.get("show", ()),) if values.get("policy") == "strict" else (), **lists)

    def stated(self, key: str) -> Any:
        """Return what it says under one key of the section, None where it says nothing."""
        if key == "policy":
            return "strict" if self.shows else None
        found = self.shows[0] if key == "show" and self.shows else getattr(self, key, ())
        return found or None

    @property
    def needs_key(self) -> bool:
        """Whether something of it cannot be done without the masking key."""
        return bool(self.pseudonyms or self.encrypt)

    @property
    def disguised_names(self) -> tuple[str, ...]:
        """The names of which something is told, if not all."""
        return self.shape + self.pseudonyms + self.encrypt + self.partial


NOTHING: Final = Tightening()


def join(parts: Iterable[Tightening]) -> Tightening:
    """Return what several hide together."""
    given = [part for part in parts if part]
    if not given:
        return NOTHING
    if len(given) == 1:
        return given[0]
    joined = {}
    for field in attrs.fields(Tightening):
        joined[field.name] = tuple(dict.fromkeys(item for part in given for item in getattr(part, field.name)))
    return Tightening(**joined)


@attrs.frozen(repr=False)
class PresidioSettings:
    """How the deeper engine looks for names and places.

    Args:
        model: of spaCy: the name of an installed package, or the path of a folder.
        language: of the texts.
        entities: Presidio's names of what is looked for.
        threshold: the score from which on a find counts, between 0.0 and 1.0.
    """

    model: str = "en_core_web_sm"
    language: str = "en"
    entities: tuple[str, ...] = ("PERSON", "LOCATION")
    threshold: float = 0.5

    @property
    def detectors(self) -> tuple[str, ...]:
        """The names that its finds have in lists and markers."""
        return tuple(entity.lower() for entity in self.entities)


@attrs.frozen(repr=False)
class MaskingSettings:
    """What is hidden, shown and exempt, and how.

    Args:
        detectors: the user's own, by name: a pattern each.
        presidio: the deeper engine, None where it is not asked for.
        here: what holds besides in the environment that the application runs in.
    """

    policy: str = "open"
    hide: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    detect: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    shape: tuple[str, ...] = ()
    pseudonyms: tuple[str, ...] = ()
    encrypt: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    withhold: tuple[str, ...] = ()
    detectors: tuple[tuple[str, str], ...] = ()
    presidio: PresidioSettings | None = None
    here: Tightening = NOTHING

    @classmethod
    def of(cls, values: Mapping[str, Any], environment: str) -> MaskingSettings:
        """Make the settings of what the section says, in an environment."""
        plain = {name: value for name, value in values.items() if name not in ("environments", "detectors", "presidio")}
        blocks = values.get("environments", {}).items()
        presidio = values.get("presidio")
        return cls(
            **plain,
            detectors=tuple(values.get("detectors", {}).items()),
            presidio=None if presidio is None else PresidioSettings(**presidio),
            here=join(Tightening.of(block) for name, block in blocks if fnmatchcase(environment, name)),
        )

    @property
    def disguised_names(self) -> tuple[str, ...]:
        """The names of which something is told, if not all."""
        return self.shape + self.pseudonyms + self.encrypt + self.partial + self.here.disguised_names

    @property
    def needs_key(self) -> bool:
        """Whether something of it cannot be done without the masking key."""
        return bool(self.pseudonyms or self.encrypt or self.here.needs_key)


def environment_of(service: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Name the environment that the application runs in: as the registry says, else as Langfuse's variable does.

    Args:
        service: what the registry's section says.
    """
    return str(service.get("environment") or environ.get("LANGFUSE_TRACING_ENVIRONMENT") or DEFAULT_ENVIRONMENT)
