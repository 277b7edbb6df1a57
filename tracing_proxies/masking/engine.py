"""The masker: applies the rules to texts and to structures."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from tracing_proxies import failures
from tracing_proxies.masking import markers
from tracing_proxies.masking.again import compile_again
from tracing_proxies.masking.chunks import mask_chunks
from tracing_proxies.masking.detectors import DETECTORS, Detector
from tracing_proxies.masking.fragments import FragmentMasker
from tracing_proxies.masking.keyed import MaskingKey
from tracing_proxies.masking.known import MOST_LOOKED_AT, Known
from tracing_proxies.masking.leaves import label_for
from tracing_proxies.masking.policy import MaskingRules
from tracing_proxies.masking.replacing import Note, Replacer, TextMasker
from tracing_proxies.masking.scan import Scanner
from tracing_proxies.masking.walk import Walk
from tracing_proxies.registry.masking import NOTHING, MaskingSettings, Tightening, join

_USUAL = MaskingSettings()


_TELLING = "12 @"  # worth a look, and nothing is found in it


class Masker:
    """Masks texts and values; threads may share one.

    Args:
        settings: what the registry says; without it the policy is ``open``, and all detectors are on.
        key: what pseudonyms and encryption are made with; without it plain markers stand in their place.
        more: what finds more than the usual detectors do.
        tightening: what is hidden besides.

    Raises:
        ValueError: for an unknown policy or detector.
    """

    def __init__(
        self,
        settings: MaskingSettings = _USUAL,
        *,
        key: MaskingKey | None = None,
        more: Sequence[Detector] = (),
        tightening: Tightening = NOTHING,
    ) -> None:
        self._settings = settings
        self._key = key
        self._more = more
        self._tightening = tightening
        self.rules = MaskingRules.compile(settings, tightening)
        scanner = Scanner(DETECTORS.values(), self.rules.allow_texts)
        self._replacer = Replacer(scanner.find, more, self.rules.finds, key, self.rules.allow_texts)
        # Where every find becomes a marker, the scanner does it by itself, which is faster.
        self._texts: TextMasker = self._replacer if more or self.rules.finds else scanner
        self._fragments = FragmentMasker(self.rules, self._texts, key)
        if self.rules.keys or self.rules.tighter:
            self._texts = self._fragments
        self._stricter: dict[Tightening, Masker] = {}
        self._known = Known()
        self._keys_decide = self.rules.keys_decide
        self._again = compile_again(self._known, self._texts, self.rules.allow_texts) if self._keys_decide else None
        self._lists_tags = bool(self.rules.listed("tags", ".tags"))

    @property
    def known(self) -> tuple[dict[str, str], dict[str, set[str]], Callable[[], Walk], Any] | None:
        """What is known to be left alone, for ``look_through``: labels by key and texts by label, which grow later.

        The third begins a walk, for the texts that are not known; the fourth, where there is one, masks most of them
        without it. None where keys alone do not decide on that.
        """
        return (self._known.labels, self._known.texts, self._begin, self._again) if self._keys_decide else None

    def _begin(self) -> Walk:
        return Walk(self.rules, self._texts, self._replacer, self._known, self._key, self._again)

    def get_ready(self) -> None:
        """Load the detectors, which are loaded else with the first text that may hold something: some 50 ms."""
        self.text(_TELLING)

    def under(self, tightening: Tightening) -> Masker:
        """Return what masks by the same rules and hides more: this one if it is nothing more.

        Args:
            tightening: what a rule or an environment says.
        """
        if tightening is NOTHING or not tightening:
            return self
        masker = self._stricter.get(tightening)
        if masker is None:
            # Rules are few: one masker for each of the registry's that hides more than the rest.
            whole = join([self._tightening, tightening])
            masker = Masker(self._settings, key=self._key, more=self._more, tightening=whole)
            self._stricter[tightening] = masker
        return masker

    def text(self, text: str) -> str:
        """Return the text with what the detectors find in it replaced, the same object if they find nothing.

        The text stands under no key, so ``strict`` does not hide it: it is for texts that the caller vouches for, such
        as a span's name. Everything else goes through ``value``.

        Args:
            text: any text.

        Returns:
            The masked text, or ``[masking failed]`` when masking raised.
        """
        if text in self.rules.allow_texts:
            return text
        try:
            return self._texts.mask(text)
        except Exception as exc:
            failures.contain("masking", exc)
            return markers.FAILED

    def value(self, obj: Any) -> Any:
        """Return a structure masked: a copy, or the very same where it is known to hold nothing to mask.

        Args:
            obj: of any nesting: dict, list, tuple, set, str, bytes, numbers, None; attrs classes, dataclasses, pydantic
                models, named tuples and enums, which become dicts of their fields or their value.

        Returns:
            A structure of the same shape. Text that is JSON is masked by its keys and stays JSON. What lies deeper than
            32 levels or beyond 100,000 nodes is replaced by a marker.
        """
        if self._keys_decide and self._known.leaves(obj, MOST_LOOKED_AT) >= 0:
            return obj
        return self.value_closely(obj)

    def value_closely(self, obj: Any) -> Any:
        """Return a structure masked, as ``value`` does, of which it is not known that it holds nothing to mask."""
        try:
            return self._begin().mask(obj)
        except Exception as exc:
            failures.contain("masking", exc)
            return markers.FAILED

    def tags(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Return a trace's tags masked, as texts that the caller vouches for, unless a list names ``tags``."""
        if not self._lists_tags:
            return tuple([self.text(tag) for tag in tags])
        masked = self.field("tags", list(tags))
        return tuple(map(str, masked)) if type(masked) is list else () if masked is None else (str(masked),)

    def field(self, name: str, value: Any) -> Any:
        """Return one value as it is masked under a key; None where nothing is left of it.

        Args:
            name: such as ``user_id``; it is not masked itself.
        """
        masked = self.value({name: value})
        return masked.get(name) if type(masked) is dict else masked

    def notes(self, text: str, key: str = "") -> list[Note]:
        """Say what the detectors find in a text that stands under a key.

        Args:
            key: the name of the key, empty where there is none.
        """
        by_key = list(self._fragments.notes(text))
        found = self._replacer.notes(text, label_for(key))
        begins = [note.start for note in by_key]
        free = [note for note in found if not _overlaps(note, by_key, begins)]
        return sorted([*by_key, *free], key=lambda note: note.start)

    def chunks(self, chunks: list[str]) -> list[str]:
        """Return the pieces of a stream masked, if anything reaches from one into another; else as they were.

        Args:
            chunks: texts, not masked yet.
        """
        try:
            return mask_chunks(self.notes, chunks)
        except Exception as exc:
            failures.contain("masking", exc)
            return [markers.FAILED]

    def key_is_hidden(self, name: str) -> bool:
        """Tell whether the value under a key of this name is hidden whatever it is.

        Args:
            name: the key in any spelling.
        """
        return bool(self.rules.strategy(name))


def _overlaps(note: Note, others: list[Note], begins: list[int]) -> bool:
    at = bisect_left(begins, note.end) - 1  # the last that begins before this one ends
    return at >= 0 and others[at].end > note.start
