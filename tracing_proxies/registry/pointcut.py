"""Pointcuts: ``module:[Class[+].]name`` patterns, and whether they match a target."""

from __future__ import annotations

from functools import lru_cache

import attrs

_LONGEST = 1_000


class PointcutError(ValueError):
    """Says what is wrong with the text of a pointcut.

    Args:
        message: what was found and what was expected.
        offset: how many characters stand before the mistake.
        suggestion: what may have been meant.
    """

    def __init__(self, message: str, offset: int = 0, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.suggestion = suggestion


@attrs.frozen
class ClassRef:
    """One class of a target's ancestry, by name, so that no class has to be kept.

    Args:
        path: the qualified name in its module, ``Outer.Inner``.
        public: the names of the public methods in the class's own namespace.
    """

    module: str
    path: str
    public: frozenset[str] = frozenset()


@attrs.frozen
class Target:
    """One function or method that could be traced.

    Args:
        path: the class's qualified name, None for a function of the module.
        ancestry: the classes of the method resolution order, its own class first; empty for functions.
    """

    module: str
    path: str | None
    name: str
    ancestry: tuple[ClassRef, ...] = ()

    @property
    def qualname(self) -> str:
        """The name without the module."""
        return f"{self.path}.{self.name}" if self.path else self.name

    def __str__(self) -> str:
        return f"{self.module}:{self.qualname}"


@attrs.frozen
class Pointcut:
    """A parsed pattern; its parts are texts in which ``*`` and ``**`` still stand.

    Args:
        text: the pattern as it was written.
        cls: the pattern of the class path, None where a function is meant.
        subclasses: whether a ``+`` extends the class to its subclasses.
        name: the pattern of the name; None for ``Base+``, the public methods that Base declares.
    """

    text: str
    module: str
    cls: str | None
    subclasses: bool
    name: str | None

    @classmethod
    def parse(cls, text: str) -> Pointcut:
        """Parse ``module:[Class[+].]name``.

        Raises:
            PointcutError: if the text is not such a pattern.
        """
        return _parse(text)

    @property
    def literal(self) -> bool:
        """Whether the pattern names exactly one target."""
        return not self.subclasses and "*" not in self.text

    @property
    def is_exact_module(self) -> bool:
        """Whether the module part names exactly one module."""
        return "*" not in self.module

    def names_module(self, module: str) -> bool:
        """Tell whether the module part matches; subclasses may be defined in any other."""
        return _module_matches(self.module, module)

    def module_may_match(self, module: str) -> bool:
        """Tell whether a target that is defined in this module could match."""
        return self.subclasses or _module_matches(self.module, module)

    def is_base(self, module: str, path: str) -> bool:
        """Tell whether a class is one that the class part names itself, subclasses aside."""
        return self.cls is not None and _module_matches(self.module, module) and _class_matches(self.cls, path)

    def matches(self, target: Target) -> bool:
        """Tell whether the pattern selects a target."""
        if self.name is not None and not _segment_matches(self.name, target.name):
            return False
        if self.cls is None:
            return target.path is None and _module_matches(self.module, target.module)
        if target.path is None:
            return False
        if not self.subclasses:
            return _module_matches(self.module, target.module) and _class_matches(self.cls, target.path)
        if self.name is None and target.name.startswith("_"):
            return False
        ancestry = target.ancestry or (ClassRef(target.module, target.path),)
        return any(
            (self.name is not None or target.name in ancestor.public)
            and _module_matches(self.module, ancestor.module)
            and _class_matches(self.cls, ancestor.path)
            for ancestor in ancestry
        )


@lru_cache(maxsize=4_096)
def _parse(text: str) -> Pointcut:
    if len(text) > _LONGEST:
        raise PointcutError(f"a pattern has at most {_LONGEST:,} characters, this one has {len(text):,}")
    module, colon, rest = text.partition(":")
    if not colon:
        message = f"expected 'module:name' or 'module:Class.name', found {text!r} without a ':'"
        raise PointcutError(message, suggestion=_with_colon(text))
    start = len(module) + 1
    _check_segments(module, 0, "module", crossing=True)
    owner, plus, tail = rest.partition("+")
    if plus:
        _check_segments(owner, start, "class")
        if not tail:
            return Pointcut(text, module, owner, True, None)
        at = start + len(owner) + 1
        if not tail.startswith("."):
            raise PointcutError(f"expected '.name' or nothing after '+', found {tail!r}", at)
        _check_segments(tail[1:], at + 1, "name", single=True)
        return Pointcut(text, module, owner, True, tail[1:])
    owner, dot, name = rest.rpartition(".")
    if dot:
        _check_segments(owner, start, "class")
    _check_segments(name, start + len(owner) + len(dot), "name", single=True)
    return Pointcut(text, module, owner if dot else None, False, name)


def _with_colon(text: str) -> str | None:
    """Guess where the module ends: at the first name that is written like a class, else at the last dot."""
    segments = text.split(".")
    at = next((i for i, segment in enumerate(segments) if segment[:1].isupper()), len(segments) - 1)
    guess = f"{'.'.join(segments[:at])}:{'.'.join(segments[at:])}"
    try:
        return _parse(guess).text if at else None
    except PointcutError:
        return None


def _check_segments(part: str, offset: int, what: str, *, crossing: bool = False, single: bool = False) -> None:
    for segment in [part] if single else part.split("."):
        if not segment:
            raise PointcutError(f"the {what} part has an empty name", offset)
        if "**" in segment:
            if not crossing:
                raise PointcutError(f"'**' may stand in the module part only, found {segment!r}", offset)
            if segment != "**":
                raise PointcutError(f"'**' stands alone between dots, found {segment!r}", offset)
        elif not segment.replace("*", "a").isidentifier():
            raise PointcutError(f"{segment!r} is not a name or a pattern of one", offset)
        offset += len(segment) + 1


@lru_cache(maxsize=65_536)
def _module_matches(pattern: str, module: str) -> bool:
    if "*" not in pattern:
        return pattern == module
    names = module.split(".")
    # reached[i]: the segments of the pattern so far can match the first i names. One row a segment keeps hostile
    # patterns at segments x names, where a regular expression would backtrack.
    reached = [True] + [False] * len(names)
    for segment in pattern.split("."):
        following = [False] * (len(names) + 1)
        for i, name in enumerate(names):
            if segment == "**":
                following[i + 1] = (reached[i] or following[i]) and not name.startswith("_")
            else:
                following[i + 1] = reached[i] and _segment_matches(segment, name)
        reached = following
    return reached[-1]


@lru_cache(maxsize=16_384)
def _class_matches(pattern: str, path: str) -> bool:
    if "*" not in pattern:
        return pattern == path
    patterns, names = pattern.split("."), path.split(".")
    return len(patterns) == len(names) and all(map(_segment_matches, patterns, names))


def _segment_matches(pattern: str, name: str) -> bool:
    if name.startswith("_"):
        # A pattern must spell out what it takes: `_*` is every private name, `__*__` every name of Python's own.
        own = name.startswith("__") and name.endswith("__")
        if not pattern.startswith("__" if own else "_"):
            return False
    return glob_matches(pattern, name)


def glob_matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern, in which ``*`` stands for any characters, matches a whole text; in linear time."""
    if "*" not in pattern:
        return pattern == text
    if pattern == "*":
        return True
    first, *middle, last = pattern.split("*")
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
