"""The static conditions of ``when:``: the environment, installed packages, Python and the platform, judged at load."""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any, Final

from tracing_proxies.registry.path_tokens import PathError, Token, tokenize
from tracing_proxies.registry.path_values import DEEPEST
from tracing_proxies.registry.suggest import nearest

_SUBJECTS: Final = ("env", "package", "python", "platform")
_SIGNS: Final[dict[str, Callable[[Any, Any], object]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Operand = tuple[str, str | None]
"""What is compared: the kind (text or version) and the value, None where there is none."""


def judge(text: str, environ: Mapping[str, str]) -> bool:
    """Judge a condition such as ``package("strands-agents") >= "1.2" and platform == "linux"``.

    A package or a variable that is not there makes every comparison false.

    Raises:
        PathError: if the text is not a condition.
    """
    return _Judge(text, environ).judge()


def package_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, None if it is not installed."""
    try:
        return metadata.version(distribution)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def version_key(version: str) -> tuple[int, ...]:
    """Return a version's leading numbers without trailing zeros, as a key that orders versions."""
    found = re.match(r"\s*v?([0-9]{1,9}(?:\.[0-9]{1,9})*)", version)
    numbers = [int(number) for number in found.group(1).split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


class _Judge:
    """Parses and judges at once; every part is read even where the outcome is known, so that mistakes show."""

    def __init__(self, text: str, environ: Mapping[str, str]) -> None:
        self._tokens = tokenize(text)
        self._at = 0
        self._depth = 0
        self._environ = environ

    def judge(self) -> bool:
        outcome = self._either()
        if self._peek.kind != "end":
            raise PathError(f"expected an operator or the end, found {self._peek}", self._peek.offset)
        return outcome

    @property
    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _take(self, text: str) -> bool:
        if self._peek.kind in ("name", "sign") and self._peek.text == text:
            self._next()
            return True
        return False

    def _expect(self, kind: str, what: str, text: str | None = None) -> Token:
        token = self._peek
        if token.kind != kind or (text is not None and token.text != text):
            raise PathError(f"expected {what}, found {token}", token.offset)
        return self._next()

    def _either(self) -> bool:
        self._depth += 1
        if self._depth > DEEPEST:
            raise PathError(f"a condition nests at most {DEEPEST} deep", self._peek.offset)
        outcome = self._both()
        while self._take("or"):
            outcome = self._both() or outcome
        self._depth -= 1
        return outcome

    def _both(self) -> bool:
        outcome = self._negated()
        while self._take("and"):
            outcome = self._negated() and outcome
        return outcome

    def _negated(self) -> bool:
        negated = False
        while self._take("not"):
            negated = not negated
        if self._take("("):
            inner = self._either()
            self._expect("sign", "')'", ")")
            return inner is not negated
        return self._comparison() is not negated

    def _comparison(self) -> bool:
        kind, found = self._subject()
        sign = self._peek
        if sign.kind != "sign" or sign.text not in _SIGNS:
            return bool(found)
        self._next()
        if kind == "text" and sign.text not in ("==", "!="):
            raise PathError(f"a text is compared by '==' or '!=', not by {sign}", sign.offset)
        wanted = self._expect("text", "a text in quotes").text
        if found is None:
            return False
        if kind == "version":
            return bool(_SIGNS[sign.text](version_key(found), version_key(wanted)))
        return bool(_SIGNS[sign.text](found, wanted))

    def _subject(self) -> Operand:
        token = self._expect("name", f"one of {', '.join(_SUBJECTS)}")
        if token.text == "env":
            self._expect("sign", "'.' and a variable's name", ".")
            return "text", self._environ.get(self._expect("name", "a variable's name").text)
        if token.text == "package":
            self._expect("sign", "'(' and a distribution's name in quotes", "(")
            name = self._expect("text", "a distribution's name in quotes").text
            self._expect("sign", "')'", ")")
            return "version", package_version(name)
        if token.text == "python":
            return "version", ".".join(map(str, sys.version_info[:3]))
        if token.text == "platform":
            return "text", sys.platform
        raise PathError(
            f"a condition asks for {', '.join(_SUBJECTS)}, not for {token}",
            token.offset,
            nearest(token.text, _SUBJECTS),
        )
