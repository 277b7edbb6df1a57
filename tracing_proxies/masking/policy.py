"""The rules of masking, compiled once from a registry's words: what hides, what shows, what is exempt."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from fnmatch import translate

import attrs

from tracing_proxies.masking import markers
from tracing_proxies.masking.detectors import DETECTORS, Detector
from tracing_proxies.masking.keys import Verdict, fold_name, judge_name

POLICIES = ("open", "strict")


@attrs.frozen
class NameSet:
    """Key names and globs, compared without case and separators; a pattern with a dot is matched along the path."""

    exact: frozenset[str]
    globs: tuple[re.Pattern[str], ...]
    paths: tuple[re.Pattern[str], ...]

    @classmethod
    def compile(cls, patterns: Iterable[str]) -> NameSet:
        """Compile names such as ``password``, ``*_key`` and ``customer.address``.

        Args:
            patterns: names and globs; ``*.name`` is the same as ``name``.
        """
        exact: set[str] = set()
        globs: list[re.Pattern[str]] = []
        paths: list[re.Pattern[str]] = []
        for pattern in patterns:
            plain = pattern
            while plain.startswith(("*.", "**.")):
                plain = plain.split(".", 1)[1]
            segments = [_fold_glob(segment) for segment in plain.split(".")]
            if len(segments) > 1:
                paths.append(re.compile(translate("*." + ".".join(segments))))
            elif "*" in segments[0] or "?" in segments[0]:
                globs.append(re.compile(translate(segments[0])))
            elif segments[0]:
                exact.add(segments[0])
        return cls(frozenset(exact), tuple(globs), tuple(paths))

    def __bool__(self) -> bool:
        return bool(self.exact or self.globs or self.paths)

    def holds(self, name: str, path: str = "") -> bool:
        """Tell whether a key is named here.

        Args:
            name: the key.
            path: the folded keys from the root down to and with this one, each with a dot before it.
        """
        folded = fold_name(name)
        return (
            folded in self.exact
            or any(glob.match(folded) for glob in self.globs)
            or (bool(path) and any(pattern.match(path) for pattern in self.paths))
        )


@attrs.frozen
class MaskingRules:
    """What one masker hides and shows; immutable, so that threads share it."""

    strict: bool
    hide: NameSet
    show: NameSet
    allow: NameSet
    allow_texts: frozenset[str]
    detectors: tuple[Detector, ...]

    @classmethod
    def compile(
        cls, *, policy: str, hide: Iterable[str], show: Iterable[str], allow: Iterable[str], detect: Iterable[str]
    ) -> MaskingRules:
        """Compile the words of a ``masking:`` block.

        Args:
            policy: ``open`` or ``strict``.
            hide: key names and globs whose values are hidden, beside the defaults.
            show: key names and globs whose values pass under ``strict``.
            allow: exact texts and key names that are exempt.
            detect: names of detectors beside the defaults; every known one is a default, so this only checks them.

        Raises:
            ValueError: for an unknown policy or detector, with the nearest right name.
        """
        _require(policy, POLICIES, "masking policy")
        for name in detect:
            _require(name, tuple(DETECTORS), "detector")
        allowed = tuple(allow)
        return cls(
            strict=policy == "strict",
            hide=NameSet.compile(hide),
            show=NameSet.compile(show),
            allow=NameSet.compile(allowed),
            allow_texts=frozenset(allowed),
            detectors=tuple(DETECTORS.values()),
        )

    @property
    def needs_path(self) -> bool:
        """Whether any pattern looks beyond the key itself."""
        return bool(self.hide.paths or self.show.paths or self.allow.paths)

    def hides(self, name: str, path: str = "") -> bool:
        """Tell whether the value under a key is hidden whatever it is; ``allow`` wins over both lists."""
        if "[" in name:
            name = markers.blank(name)
        if self.allow and self.allow.holds(name, path):
            return False
        return judge_name(name) is Verdict.HIDDEN or (bool(self.hide) and self.hide.holds(name, path))


def _fold_glob(segment: str) -> str:
    return "".join(character for character in segment.casefold() if character.isalnum() or character in "*?")


def _require(found: str, known: tuple[str, ...], what: str) -> None:
    if found in known:
        return
    near = difflib.get_close_matches(found, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}."
    raise ValueError(f"unknown {what} {found!r}.{hint}")
