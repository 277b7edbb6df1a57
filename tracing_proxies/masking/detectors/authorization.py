"""What stands after ``Bearer``, ``Basic`` and ``curl --user``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracing_proxies.masking.detectors.kinds import Part, Span
from tracing_proxies.masking.detectors.late import Late
from tracing_proxies.masking.detectors.values import is_chosen, is_placeholder, is_random

_VALUE = Late(r"[ \t]{1,4}[\"']?([A-Za-z0-9._~+/\-=|:]{8,4096})")
_USER = Late(
    r"(?<!\S)(?:-u|--user|--proxy-user)[ =]{1,3}"
    r"(?:'([^'\s:]{0,128}:[^'\n]{0,256})'|\"([^\"\s:]{0,128}:[^\"\n]{0,256})\""
    r"|([^\s'\":]{1,128}:(?:'[^'\n]{1,256}'|\"[^\"\n]{1,256}\"|[^\s'\"]{1,256})))"
)
_GIVEN = r"(?:'([^'\n]{4,128})'|\"([^\"\n]{4,128})\"|([^\s'\"]{4,128}))"
_COMMAND = Late(
    rf"(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n|;&]{{0,80}}?\s-p{_GIVEN}"
    rf"|sshpass\s{{1,4}}-p\s{{0,4}}{_GIVEN}"
    rf"|(?:docker|podman|helm|az|oc|cf)\s[^\n|;&]{{0,24}}?login\b[^\n|;&]{{0,80}}?\s-p[ =]{{1,4}}{_GIVEN}"
)
_SCHEMES = ("bearer", "basic", "token", "apikey", "digest", "negotiate")
_REACH = 40


def read_header(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield the value of every authorization header and every other bearer or basic token."""
    for scheme in _SCHEMES:
        at = lower.find(scheme)
        while at >= 0:
            value = _VALUE.match(text, at + len(scheme))
            past = at + len(scheme)
            if value and not (at and text[at - 1].isalnum()):
                past = value.end()
                named = "authorization" in lower[max(0, at - _REACH) : at]
                if _is_token(value[1], scheme, named):
                    yield value.start(1), value.end(1), "secrets"
            at = lower.find(scheme, past)


def read_user(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield the ``user:password`` that is given to curl."""
    for match in _USER.finditer(text):
        group = match.lastindex or 0
        user, _, password = match[group].partition(":")
        password = password.strip("'\"")
        # One half may be empty: some services take a key as the name, others as the password.
        known = is_placeholder(password or user) or is_placeholder(user or password) or password == user
        if not known and (password or is_chosen(user)) and (user or is_chosen(password)):
            yield match.start(group), match.end(group), "url_credentials"


def read_command(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield the password that is given to a command on its line: ``mysql -psecret``, ``sshpass -p secret``."""
    past = 0
    for at in places:
        if at < past:
            continue
        match = _COMMAND.match(text, at)
        if match and not is_placeholder(match[match.lastindex or 0]):
            past = match.end()
            yield match.start(match.lastindex or 0), match.end(match.lastindex or 0), "secrets"


def _is_token(value: str, scheme: str, named: bool) -> bool:
    if is_placeholder(value):
        return False
    if named:
        return any(character.isdigit() for character in value) or is_random(value, 12) or value.endswith("=")
    return scheme in ("bearer", "basic") and is_random(value, 16)


PARTS = (
    Part(("secrets",), ("bearer", "basic", "authorization"), read_header),
    Part(("url_credentials",), ("curl ",), read_user),
    Part(
        ("secrets",),
        ("mysql", "mariadb", "sshpass ", "docker ", "podman ", "helm ", "az login", "oc login"),
        read_command,
    ),
)
