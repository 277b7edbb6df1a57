"""Other engines as functions from text to masked text; each is imported only where it is measured."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

PACKAGES = {
    "presidio": "presidio-analyzer",
    "scrubadub": "scrubadub",
    "detect_secrets": "detect-secrets",
    "logfire": "logfire",
    "argus": "argus-redact",
}
"""What an engine needs, by the name of its function; the rest needs nothing."""


def ours(text: str) -> str:
    """Mask with the detectors of this project."""
    from tracing_proxies.masking import mask_text

    return mask_text(text)


@lru_cache(maxsize=1)
def _scanner() -> Any:
    from tracing_proxies.masking.detectors import DETECTORS
    from tracing_proxies.masking.scan import Scanner

    return Scanner(DETECTORS.values())


def ours_by_class(text: str) -> str:
    """Mask with the detectors of this project, and name the class as the scorer reads it."""
    return _replace(text, [(start, end, written_class(name)) for start, end, name in _scanner().find(text)])


def written_class(name: str) -> str:
    """Return a class in the capitals that the scorer reads, of which it needs three."""
    return f"THE{name.upper().replace('_', '')}"


# As in Langfuse's documentation on masking.
_LANGFUSE = (
    (re.compile(r"[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+"), "[REDACTED_EMAIL]"),
    (re.compile(r"\b(?:\d{3}[-.\s]?\d{3}[-.\s]?\d{4}|\(\d{3}\)\s?\d{3}[-.\s]?\d{4})\b"), "[REDACTED_PHONE]"),
    (re.compile(r"\b\d{4}[-.\s]?\d{4}[-.\s]?\d{4}[-.\s]?\d{4}\b"), "[REDACTED_CARD]"),
)


def langfuse_example(text: str) -> str:
    """Mask with the patterns that Langfuse's documentation gives as an example."""
    for pattern, marker in _LANGFUSE:
        text = pattern.sub(marker, text)
    return text


@lru_cache(maxsize=1)
def _recognizers() -> list[Any]:
    from presidio_analyzer import PatternRecognizer, predefined_recognizers

    made = []
    for name in dir(predefined_recognizers):
        kind = getattr(predefined_recognizers, name)
        if isinstance(kind, type) and issubclass(kind, PatternRecognizer) and kind is not PatternRecognizer:
            try:
                made.append(kind())
            except TypeError:  # one that needs settings
                continue
    return [*made, predefined_recognizers.PhoneRecognizer()]


def presidio(text: str) -> str:
    """Mask with all of Presidio's recognizers that are patterns, at its threshold of 0.4, without a language model."""
    found = []
    for recognizer in _recognizers():
        for result in recognizer.analyze(text, recognizer.supported_entities, None) or ():
            if result.score >= 0.4:
                found.append((result.start, result.end, result.entity_type))
    return _replace(text, found)


def scrubadub(text: str) -> str:
    """Mask with scrubadub's default detectors."""
    import scrubadub as engine

    return str(engine.clean(text))


def detect_secrets(text: str) -> str:
    """Mask what any plugin of detect-secrets finds in a line."""
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings

    found = []
    with default_settings():
        offset = 0
        for line in text.splitlines(keepends=True):
            for secret in scan_line(line):
                value = secret.secret_value or ""
                at = line.find(value)
                if value and at >= 0:
                    found.append((offset + at, offset + at + len(value), "SECRET"))
            offset += len(line)
    return _replace(text, found)


def logfire(text: str) -> str:
    """Scrub as logfire does an attribute's value."""
    from logfire._internal.scrubbing import Scrubber

    scrubber = _scrubber(Scrubber)
    value, _ = scrubber.scrub_value(("attributes", "text"), text)
    return str(value)


@lru_cache(maxsize=1)
def _scrubber(kind: Any) -> Any:
    return kind(None)


def argus(text: str) -> str:
    """Mask with argus-redact in its fast mode."""
    from argus_redact import redact

    masked = redact(text, mode="fast")
    return str(masked[0] if isinstance(masked, tuple) else masked)


def _replace(text: str, found: list[tuple[int, int, str]]) -> str:
    pieces, past = [], 0
    for start, end, name in sorted(found):
        if start >= past:
            pieces += [text[past:start], f"[{name}]"]
            past = end
    return "".join([*pieces, text[past:]])


def cost_of_a_kilobyte(function: Callable[[str], str], path: str, seconds: float = 2.0) -> dict[str, float]:
    """Return the microseconds of CPU that a text of 1,000 characters costs, for labelled prose and for agents' traffic.

    Args:
        function: the engine.
        path: the data.
        seconds: how long to measure each.
    """
    with open(path, encoding="utf-8") as file:
        records = [json.loads(line) for line in file if line.strip()]
    costs = {}
    for name, wanted in (("prose", False), ("traffic", True)):
        whole = "\n".join(r["text"] for r in records if (r.get("labels") == "unlabelled") is wanted)
        texts = [whole[at : at + 1_000] for at in range(0, min(len(whole), 400_000) - 1_000, 1_000)]
        function(texts[0])
        best, ending = float("inf"), time.monotonic() + seconds
        while time.monotonic() < ending:
            started, count = time.process_time(), 0
            for text in texts:
                function(text)
                count += 1
                if time.monotonic() > ending + seconds:
                    break
            best = min(best, (time.process_time() - started) / count)
        costs[name] = best * 1e6
    return costs


if __name__ == "__main__":
    print(json.dumps(cost_of_a_kilobyte(globals()[sys.argv[1]], sys.argv[2])))
