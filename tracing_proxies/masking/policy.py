"""The rules of masking, compiled once from a registry's words: what hides and how, what shows, what is exempt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate

import attrs

from tracing_proxies.masking import markers
from tracing_proxies.masking.detectors import DETECTORS
from tracing_proxies.masking.keys import Verdict, fold_name, judge_name
from tracing_proxies.masking.strategies import BY_LIST, Strategy
from tracing_proxies.registry.masking import MaskingSettings, Tightening

POLICIES = ("open", "strict")
_WILD = re.compile(r"[*?]")


@attrs.frozen(eq=False, repr=False)
class NameSet:
    """Key names and globs, compared without case and separators; a pattern with a dot is matched along the path.

    Args:
        exact: folded names.
        globs: those that fit a folded name.
        paths: those that fit folded names with a dot before each.
        literals: of which one is part of every folded name that is named here; one of them may be empty.
    """

    exact: frozenset[str]
    globs: tuple[re.Pattern[str], ...]
    paths: tuple[re.Pattern[str], ...]
    literals: frozenset[str]

    @classmethod
    def compile(cls, patterns: Iterable[str]) -> NameSet:
        """Compile names such as ``password``, ``*_key`` and ``customer.address``.

        Args:
            patterns: names and globs; ``*.name`` is the same as ``name``.
        """
        exact: set[str] = set()
        literals: set[str] = set()
        globs: list[re.Pattern[str]] = []
        paths: list[re.Pattern[str]] = []
        for pattern in patterns:
            plain = pattern
            while plain.startswith(("*.", "**.")):
                plain = plain.split(".", 1)[1]
            segments = [_fold_glob(segment) for segment in plain.split(".")]
            literals.add(max(_WILD.split(segments[-1]), key=len))
            if len(segments) > 1:
                paths.append(re.compile(translate("*." + ".".join(segments))))
            elif "*" in segments[0] or "?" in segments[0]:
                globs.append(re.compile(translate(segments[0])))
            elif segments[0]:
                exact.add(segments[0])
        return cls(frozenset(exact), tuple(globs), tuple(paths), frozenset(literals))

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
            # `diagnosis` is the same as `*.diagnosis`, which fits the attribute `patient.diagnosis`.
            or ("." in name and self.holds(name.rpartition(".")[2]))
        )


@attrs.frozen(eq=False, repr=False)
class KeyRules:
    """Which strategy the name of a key asks for; the strictest one stands first."""

    names: tuple[tuple[Strategy, NameSet], ...]

    @classmethod
    def compile(cls, block: MaskingSettings | Tightening, detectors: frozenset[str]) -> KeyRules:
        """Compile a block's lists.

        Args:
            detectors: names that stand for a detector and for no key, except in ``hide``.
        """
        found = []
        for key, strategy in sorted(BY_LIST.items(), key=lambda item: -item[1]):
            listed: tuple[str, ...] = getattr(block, key)
            names = NameSet.compile(n for n in listed if strategy is Strategy.HIDE or n not in detectors)
            if names:
                found.append((strategy, names))
        return cls(tuple(found))

    def __bool__(self) -> bool:
        return bool(self.names)

    def find(self, name: str, path: str) -> Strategy:
        """Return the strategy for a key, NONE if it is not named."""
        for strategy, names in self.names:
            if names.holds(name, path):
                return strategy
        return Strategy.NONE

    @property
    def needs_path(self) -> bool:
        """Whether any pattern looks beyond the key itself."""
        return any(names.paths for _, names in self.names)

    @property
    def literals(self) -> frozenset[str]:
        """Of these one is part of every folded name that is found here."""
        return frozenset[str]().union(*(names.literals for _, names in self.names))


@attrs.frozen(eq=False, repr=False)
class MaskingRules:
    """What one masker hides and shows; immutable, so that threads share it.

    Args:
        shows: what passes under each strict policy that holds, none if none does.
        keys: what the registry's own block names.
        tighter: what rule, role and environment name besides; ``allow`` does not exempt from it.
        allow_texts: texts that no detector touches.
        finds: the strategies for what the detectors find; those that are not in it are replaced by markers.

    Attributes:
        needs_path: whether any pattern looks beyond the key itself.
        keys_decide: whether nothing but its key decides what becomes of an entry.
        is_usual: whether no key is named.
    """

    shows: tuple[NameSet, ...]
    keys: KeyRules
    tighter: KeyRules
    allow: NameSet
    allow_texts: frozenset[str]
    finds: Mapping[str, Strategy]
    needs_path: bool = attrs.field(init=False)
    keys_decide: bool = attrs.field(init=False)
    is_usual: bool = attrs.field(init=False)

    @needs_path.default
    def _needs_path(self) -> bool:
        named = any(names.paths for names in (*self.shows, self.allow))
        return named or self.keys.needs_path or self.tighter.needs_path

    @keys_decide.default
    def _keys_decide(self) -> bool:
        return not (self.shows or self.allow or self.needs_path)

    @is_usual.default
    def _is_usual(self) -> bool:
        return not (self.allow or self.keys or self.tighter)

    @classmethod
    def compile(cls, settings: MaskingSettings, tightening: Tightening) -> MaskingRules:
        """Compile the words of a ``masking:`` block, with what holds besides.

        Raises:
            ValueError: for an unknown policy or detector, with the nearest right name.
        """
        _require(settings.policy, POLICIES, "masking policy")
        own = tuple(name for name, _ in settings.detectors)
        for name in settings.detect:
            _require(name, (*DETECTORS, *own), "detector")
        found = settings.presidio.detectors if settings.presidio else ()
        detectors = frozenset((*DETECTORS, *own, *found))
        shows = (settings.show,) if settings.policy == "strict" else ()
        return cls(
            shows=tuple(NameSet.compile(names) for names in (*shows, *tightening.shows)),
            keys=KeyRules.compile(settings, detectors),
            tighter=KeyRules.compile(tightening, detectors),
            allow=NameSet.compile(settings.allow),
            allow_texts=frozenset(settings.allow),
            finds=_strategies_of(detectors, settings, tightening),
        )

    def listed(self, name: str, path: str = "") -> Strategy:
        """Return what the lists alone ask for under a key, whatever is usual."""
        tighter = self.tighter.find(name, path) if self.tighter else Strategy.NONE
        if self.allow and self.allow.holds(name, path):
            return tighter
        return max(self.keys.find(name, path), tighter)

    def strategy(self, name: str, path: str = "") -> Strategy:
        """Return what becomes of the value under a key whatever it is, NONE where it is looked at more closely.

        ``allow`` wins over all but what a rule tightens.
        """
        if "[" in name:
            name = markers.blank(name)
        if self.is_usual:
            return Strategy.HIDE if judge_name(name) is Verdict.HIDDEN else Strategy.NONE
        tighter = self.tighter.find(name, path) if self.tighter else Strategy.NONE
        if self.allow and self.allow.holds(name, path):
            return tighter
        found = self.keys.find(name, path) if self.keys else Strategy.NONE
        if found is Strategy.NONE and judge_name(name) is Verdict.HIDDEN:
            found = Strategy.HIDE
        return max(found, tighter)


def _strategies_of(detectors: frozenset[str], settings: MaskingSettings, tightening: Tightening) -> dict[str, Strategy]:
    found: dict[str, Strategy] = {}
    for name in detectors:
        own = [strategy for key, strategy in BY_LIST.items() if name in getattr(settings, key)]
        more = [strategy for key, strategy in BY_LIST.items() if name in getattr(tightening, key)]
        strategy = max([max(own, default=Strategy.HIDE), *more])
        if strategy is not Strategy.HIDE:
            found[name] = strategy
    return found


def _fold_glob(segment: str) -> str:
    return "".join(character for character in segment.casefold() if character.isalnum() or character in "*?")


def _require(found: str, known: tuple[str, ...], what: str) -> None:
    if found in known:
        return
    import difflib  # for mistakes alone

    near = difflib.get_close_matches(found, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}."
    raise ValueError(f"unknown {what} {found!r}.{hint}")
