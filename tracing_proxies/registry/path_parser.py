"""The grammar of capture paths: a recursive descent over tokens that builds closures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from tracing_proxies.registry.fields import MISSING
from tracing_proxies.registry.path_filters import FILTERS
from tracing_proxies.registry.path_logic import all_of, any_of, equals, first_of, is_among, negated, piped
from tracing_proxies.registry.path_steps import ROOTS, Evaluate, Field, Index, Star, Step, read_root, walk
from tracing_proxies.registry.path_tokens import PathError, Token, tokenize
from tracing_proxies.registry.path_values import DEEPEST, compare, contains, is_exact, truth
from tracing_proxies.registry.suggest import nearest
from tracing_proxies.registry.units import parse_duration

_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_WORDS: Final = ("and", "or", "not", "in")
_TESTS: Final = ("startswith", "endswith")


@attrs.frozen(eq=False, repr=False)
class Expression:
    """A compiled part of an expression.

    Args:
        value: what the part evaluates to.
        subject: the value that explains it: of ``result.status == "failed"`` it is `result.status`.
        constant: what it is on every call, MISSING where that depends on the call.
    """

    value: Evaluate
    subject: Evaluate
    constant: Any = MISSING


def _plainly(value: Evaluate) -> Expression:
    return Expression(value, value)


class Parser:
    """Parses one expression, and collects what it reads on the way.

    Args:
        text: the expression.
        roots: what its paths may start with.
        units: whether it may hold durations such as ``8s``, which stand for nanoseconds.
    """

    def __init__(self, text: str, roots: Sequence[str] = ROOTS, *, units: bool = False) -> None:
        self._tokens = tokenize(text, units=units)
        self._roots = roots
        self._at = 0
        self._depth = 0
        self.names: set[str] = set()
        self.roots: set[str] = set()
        self.reads: list[tuple[str, ...]] = []

    def parse(self) -> Expression:
        """Parse the whole text.

        Raises:
            PathError: at the first mistake.
        """
        expression = self._either()
        if self._peek.kind != "end":
            raise PathError(f"expected an operator or the end, found {self._peek}", self._peek.offset)
        return expression

    # Tokens

    @property
    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _take(self, kind: str, *texts: str) -> Token | None:
        token = self._peek
        return self._next() if token.kind == kind and token.text in texts else None

    def _expect(self, kind: str, *texts: str, what: str = "") -> Token:
        token = self._peek
        if token.kind != kind or (texts and token.text not in texts):
            raise PathError(f"expected {what or ' or '.join(map(repr, texts))}, found {token}", token.offset)
        return self._next()

    # Operators, from the loosest to the tightest

    def _either(self) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise PathError(f"an expression nests at most {DEEPEST} deep", self._peek.offset)
        left = self._both()
        if self._peek.kind == "name" and self._peek.text == "or":
            parts = [left]
            while self._take("name", "or"):
                parts.append(self._both())
            left = _any_of(parts)
        self._depth -= 1
        return left

    def _both(self) -> Expression:
        parts = [self._negated()]
        while self._take("name", "and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else _all_of(parts)

    def _negated(self) -> Expression:
        count = 0
        while self._take("name", "not"):
            count += 1
        inner = self._comparison()
        return inner if not count else Expression(negated(inner.value, bool(count % 2)), inner.subject)

    def _comparison(self) -> Expression:
        left = self._piped()
        sign = self._take("sign", *_COMPARISONS)
        if sign is not None:
            result = _comparing(sign.text, left, self._piped())
        elif self._take("name", "in"):
            result = _holding(left, self._piped(), True)
        elif self._take("name", "not"):
            self._expect("name", "in")
            result = _holding(left, self._piped(), False)
        else:
            return left
        if self._peek.kind == "sign" and self._peek.text in _COMPARISONS:
            raise PathError("comparisons do not chain, join them with 'and'", self._peek.offset)
        return result

    def _piped(self) -> Expression:
        before = len(self.reads)
        expression = self._operand()
        while self._take("sign", "|"):
            token = self._expect("name", what="a filter's name")
            if token.text == "hash":
                del self.reads[before:]
            value = self._filter(token, expression.value)
            tests = token.text in _TESTS
            expression = Expression(value, expression.value if tests else value)
        return expression

    def _filter(self, token: Token, value: Evaluate) -> Evaluate:
        found = FILTERS.get(token.text)
        if found is None:
            names = ", ".join(FILTERS)
            raise PathError(
                f"unknown filter {token.text!r}; there are {names}", token.offset, nearest(token.text, FILTERS)
            )
        apply, argument = found.apply, found.default
        if found.argument is None:
            return piped(value, token.text, apply)
        if self._take("sign", "("):
            argument = self._text_or_count(found.argument)
            self._expect("sign", ")")
        elif argument is None:
            raise PathError(f"the filter {token.text!r} needs an argument in parentheses", self._peek.offset)
        return piped(value, token.text, apply, argument)

    def _text_or_count(self, kind: type) -> str | int:
        if kind is str:
            return self._expect("text", what="a text in quotes").text
        token = self._expect("number", what="a whole number")
        if not token.text.isdigit() or len(token.text) > 6:
            raise PathError(f"expected a whole number below 1,000,000, found {token}", token.offset)
        return int(token.text)

    # Operands

    def _operand(self) -> Expression:
        token = self._next()
        if token.kind == "text":
            return _constant(token.text)
        if token.kind == "quantity":
            return _constant(parse_duration(token.text))
        if token.kind == "number" or (token.kind == "sign" and token.text == "-"):
            return _constant(self._number(token))
        if token.kind == "sign" and token.text == "[":
            return self._list()
        if token.kind == "sign" and token.text == "(":
            inner = self._either()
            self._expect("sign", ")")
            return self._followed(inner)
        if token.kind == "name":
            return self._named(token)
        raise PathError(f"expected a path or a value, found {token}", token.offset)

    def _named(self, token: Token) -> Expression:
        if token.text in _CONSTANTS:
            return _constant(_CONSTANTS[token.text])
        calls = self._peek.kind == "sign" and self._peek.text == "("
        if token.text == "first" and calls:
            return self._followed(_plainly(self._first()))
        if calls and token.text not in _WORDS:
            raise PathError(f"{token.text!r} is not a function; only first(a, b, …) is", token.offset)
        if token.text not in self._roots:
            raise PathError(
                f"a path starts with {', '.join(self._roots)}, not with {token.text!r} (fixed text stands in quotes)",
                token.offset,
                nearest(token.text, (*self._roots, *_CONSTANTS)),
            )
        return _plainly(self._path(token))

    def _path(self, root: Token) -> Evaluate:
        steps = self._steps()
        self.roots.add(root.text)
        if root.text == "env" and not (steps and isinstance(steps[0], Field)):
            raise PathError("expected the name of a variable, as in env.HOME", root.offset)
        if root.text == "args" and steps and isinstance(steps[0], Field):
            self.names.add(steps[0].name)
        self._remember(root.text, steps)
        start, rest = read_root(root.text, steps)
        return walk(start, rest)

    def _followed(self, start: Expression) -> Expression:
        steps = self._steps()
        if not steps:
            return start
        self._remember("", steps)
        return _plainly(walk(start.value, steps))

    def _remember(self, root: str, steps: list[Step]) -> None:
        self.reads.append((root, *(step.name for step in steps if isinstance(step, Field))))

    def _steps(self) -> list[Step]:
        steps: list[Step] = []
        while True:
            if self._take("sign", "."):
                name = self._expect("name", what="a name").text
                steps.append(Field(name, forced=self._take("sign", "!") is not None))
            elif self._take("sign", "["):
                steps.append(self._subscript())
                self._expect("sign", "]")
            else:
                return steps
            if len(steps) > DEEPEST:
                raise PathError(f"a path has at most {DEEPEST} steps", self._peek.offset)

    def _subscript(self) -> Step:
        if self._take("sign", "*"):
            return Star()
        if self._peek.kind == "text":
            return Field(self._next().text)
        negative = self._take("sign", "-") is not None
        if self._peek.kind != "number":
            raise PathError(f"expected an index, '*' or a key in quotes, found {self._peek}", self._peek.offset)
        position = self._text_or_count(int)
        return Index(-int(position) if negative else int(position))

    def _number(self, token: Token) -> int | float:
        negative = token.kind == "sign"
        digits = (self._expect("number", what="a number") if negative else token).text
        number = float(digits) if "." in digits else int(digits)
        return -number if negative else number

    def _first(self) -> Evaluate:
        self._expect("sign", "(")
        parts = tuple(part.value for part in self._series(")"))
        if not parts:
            raise PathError("first(…) needs at least one path", self._peek.offset)
        return first_of(parts)

    def _list(self) -> Expression:
        series = self._series("]")
        if all(is_exact(part.constant) for part in series):
            return _constant([part.constant for part in series])
        parts = [part.value for part in series]
        return _plainly(lambda scope: [value for part in parts if (value := part(scope)) is not MISSING])

    def _series(self, closing: str) -> list[Expression]:
        parts: list[Expression] = []
        while not self._take("sign", closing):
            if parts:
                self._expect("sign", ",", closing)
                if self._tokens[self._at - 1].text == closing:
                    break
            parts.append(self._either())
        return parts


def _constant(value: Any) -> Expression:
    def constant(scope: Any) -> Any:
        return value

    return Expression(constant, constant, value)


def _any_of(parts: list[Expression]) -> Expression:
    def subject(scope: Any) -> Any:
        for part in parts:
            if truth(part.value(scope)):
                break
        return part.subject(scope)

    return Expression(any_of(tuple(part.value for part in parts)), subject)


def _all_of(parts: list[Expression]) -> Expression:
    return Expression(all_of(tuple(part.value for part in parts)), parts[0].subject)


def _comparing(sign: str, left: Expression, right: Expression) -> Expression:
    a, b, fixed = left.value, right.value, right.constant
    if sign == "==" and is_exact(fixed):
        return Expression(equals(a, fixed), left.subject)
    return Expression(lambda scope: compare(sign, a(scope), b(scope)), left.subject)


def _holding(left: Expression, right: Expression, wanted: bool) -> Expression:
    a, b, fixed = left.value, right.value, right.constant
    if type(fixed) is list:
        return Expression(is_among(a, fixed, wanted), left.subject)
    return Expression(lambda scope: contains(b(scope), a(scope)) is wanted, left.subject)
