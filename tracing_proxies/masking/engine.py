"""The masker: applies the rules to texts and to structures of builtins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tracing_proxies import failures
from tracing_proxies.masking import markers
from tracing_proxies.masking.known import MOST_LOOKED_AT, Known
from tracing_proxies.masking.policy import MaskingRules, NameSet
from tracing_proxies.masking.scan import Scanner
from tracing_proxies.masking.walk import Walk


class Masker:
    """Masks texts and values; threads may share one.

    Args:
        policy: ``open`` (detectors and hide-list) or ``strict`` (only values under a key in ``show`` pass).
        hide: key names and globs to hide beside the default list.
        show: key names and globs whose values pass under ``strict``; detectors still apply to them.
        allow: exact texts and key names that are exempt from both.
        detect: names of detectors to add; all known ones are on by default.

    Raises:
        ValueError: for an unknown policy or detector.
    """

    def __init__(
        self,
        *,
        policy: str = "open",
        hide: Iterable[str] = (),
        show: Iterable[str] = (),
        allow: Iterable[str] = (),
        detect: Iterable[str] = (),
    ) -> None:
        self._rules = MaskingRules.compile(policy=policy, hide=hide, show=show, allow=allow, detect=detect)
        self._scanner = Scanner(self._rules.detectors, self._rules.allow_texts)
        self._extra: dict[tuple[str, ...], NameSet] = {}
        self._known = Known()
        rules = self._rules
        self._keys_decide = not (rules.strict or rules.allow or rules.needs_path)

    def text(self, text: str) -> str:
        """Return the text with what the detectors find in it replaced, the same object if they find nothing.

        The text stands under no key, so ``strict`` does not hide it: it is for texts that the caller vouches for, such
        as a span's name. Everything else goes through ``value``.

        Args:
            text: any text.

        Returns:
            The masked text, or ``[masking failed]`` when masking raised.
        """
        if text in self._rules.allow_texts:
            return text
        try:
            return self._scanner.mask(text)
        except Exception as exc:
            failures.contain("masking", exc)
            return markers.FAILED

    def value(self, obj: Any, *, hide: tuple[str, ...] = ()) -> Any:
        """Return a structure masked: a copy, or the very same where it is known to hold nothing to mask.

        Args:
            obj: builtins of any nesting: dict, list, tuple, set, str, bytes, numbers, None.
            hide: further key names and globs to hide, for this call; they win over ``allow``.

        Returns:
            A structure of the same shape. Text that is JSON is masked by its keys and stays JSON. What lies deeper than
            32 levels or beyond 100,000 nodes is replaced by a marker.
        """
        try:
            if self._keys_decide and not hide and self._known.leaves(obj, MOST_LOOKED_AT) >= 0:
                return obj
            keys_decide = self._keys_decide and not hide
            return Walk(self._rules, self._scanner, self._names(hide), self._known, keys_decide).mask(obj)
        except Exception as exc:
            failures.contain("masking", exc)
            return markers.FAILED

    def key_is_hidden(self, name: str) -> bool:
        """Tell whether the value under a key of this name is hidden whatever it is.

        Args:
            name: the key in any spelling.
        """
        return self._rules.hides(name)

    def _names(self, hide: tuple[str, ...]) -> NameSet | None:
        if not hide:
            return None
        names = self._extra.get(hide)
        if names is None:
            # Rules are few: one entry a rule of the registry that hides more than the rest.
            names = self._extra[hide] = NameSet.compile(hide)
        return names
