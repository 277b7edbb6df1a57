"""Secrets: known by a vendor's mark, by the name they are given, or by what stands around them."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracing_proxies.masking import mask_text
from tracing_proxies.masking.detectors.prefixes import rows

ALPHABETS = {
    "h": "0123456789abcdef",
    "u": string.ascii_uppercase + string.digits,
    "a": string.ascii_letters + string.digits,
    "w": string.ascii_letters + string.digits,
    "b": string.ascii_letters + string.digits + "+/",
    "d": string.ascii_letters + string.digits,
}
CHANCES = st.integers(0, 2**32).map(random.Random)


def key_for(mark: str, alphabet: str, least: int, most: int, chance: random.Random) -> str:
    size = most or least + 4
    while True:
        rest = "".join(chance.choice(ALPHABETS[alphabet]) for _ in range(size))
        if any(character.isdigit() for character in rest[:10]) and len(set(rest.lower())) > 5:
            return mark + rest


@pytest.mark.parametrize(("mark", "alphabet", "least", "most"), rows())
def test_a_key_with_a_vendors_mark_vanishes(mark: str, alphabet: str, least: int, most: int) -> None:
    chance = random.Random(mark)
    for template in ("{}", "use {} here", 'key: "{}",', "https://x.example/?k={}&x=1", "a\\n{} b"):
        key = key_for(mark, alphabet, least, most, chance)
        assert key not in mask_text(template.format(key))


@pytest.mark.parametrize(("mark", "alphabet", "least", "most"), rows())
def test_a_mark_within_a_word_or_before_filler_says_nothing(mark: str, alphabet: str, least: int, most: int) -> None:
    size = most or least + 4
    for text in (f"abc{mark}", f"see {mark}{'x' * size} ok", f"see {mark} ok"):
        assert mask_text(text) == text or mark == "AGE-SECRET-KEY-"


NAMES = (
    "password",
    "DB_PASSWORD",
    "client_secret",
    "apiKey",
    "x-api-key",
    "accessToken",
    "ADMIN_PSSWD",
    "paswd",
    "auth_token",
)
SYNTAXES = (
    "{name}={value}",
    "{name} = '{value}'",
    '"{name}": "{value}"',
    "{name}: {value}",
    "{name} := `{value}`",
    'let {name}: String = "{value}";',
    'if ({name} !== "{value}") {{',
    "{name}%3D{value}%26x%3D1",
    "{name}=&quot;{value}&quot;",
    "<{name}>{value}</{name}>",
    '<add key="{name}" value="{value}" />',
    'get("{name}") or "{value}"',
    "https://x.example/cb?a=1&{name}={value}&b=2",
    '{{\\"{name}\\": \\"{value}\\"}}',
    '{{"name": "{name}", "value": "{value}"}}',
    "env:\n  - name: {name}\n    value: {value}",
    "**{name}:** {value}",
    "{name}: !secret {value}",
    "| {name} | {value} |",
    "set {name} {value}",
    "{name}\t{value}",
    "the {name} for our server is {value}",
    '.with("{name}", "{value}")',
)


@pytest.mark.parametrize("syntax", SYNTAXES)
@settings(max_examples=25)
@given(
    st.sampled_from(NAMES),
    st.from_regex(r"[a-z][0-9][A-Z][a-zA-Z0-9]{2}[0-9][a-z][0-9][A-Z][a-z0-9]{6}", fullmatch=True),
)
def test_a_value_under_a_secrets_name_vanishes_in_any_syntax(syntax: str, name: str, value: str) -> None:
    if len(set(value.lower())) > 8 and "xxx" not in value.lower():
        assert value not in mask_text(syntax.format(name=name, value=value))


@pytest.mark.parametrize(
    "value",
    [
        "${DB_PASSWORD}",
        "{{ secret }}",
        "<your-password>",
        "changeme",
        "xxxxxxxx",
        "None",
        "$(cat file)",
    ],
)
@pytest.mark.parametrize("name", ["password", "api_key", "token"])
def test_what_stands_in_a_secrets_place_survives(name: str, value: str) -> None:
    assert mask_text(f'{name} = "{value}"') == f'{name} = "{value}"'


@pytest.mark.parametrize(
    "text",
    [
        "the password is incorrect and the token is missing",
        "password_policy: strict1 and has_password_expired=x1",
        "Cookie: theme=dark",
        "mysql -u root -p ${DB_PASSWORD}",
        "shopping, designs and capital letters: 12 of them",
        "https://x.example/tokens/list-of-all-my-open-issues/",
        "| secret | k8s-secret-1 |",
        "| password | string | required |",
        "secret: !Ref DbSecret1",
        "bearer token v2.1.0-beta1",
        "the token for step 3 is model-v2.1",
        "password for user1 is unchanged",
        "setPasswordPolicy('min8chars')",
        "name: API_TOKEN\nvalueFrom:\n  secretKeyRef: x",
    ],
)
def test_what_speaks_about_secrets_survives(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize("text", ["setPassword('{}')", "machine example.com login ann password {}"])
def test_a_password_that_is_handed_over_vanishes(text: str) -> None:
    assert mask_text(text.format("h4Xk29sLq7w")) == text.format("[secret]")


def test_a_phrase_of_words_is_a_password_where_one_is_given() -> None:
    assert mask_text("password=correct-horse-battery-staple") == "password=[secret]"
    assert mask_text("token=correct-horse-battery-staple") == "token=correct-horse-battery-staple"


def test_a_password_may_hold_brackets() -> None:
    assert mask_text('password = "m{{h}o)p${e]nob(ody[finds}}"') == 'password = "[secret]"'


@settings(max_examples=30)
@given(CHANCES)
def test_keys_marked_in_the_middle_or_at_the_end_vanish(chance: random.Random) -> None:
    def some(alphabet: str, size: int) -> str:
        return "".join(chance.choice(ALPHABETS[alphabet]) for _ in range(size - 2)) + "a1"

    for key in (
        f"{chance.randrange(10**8, 10**9)}:AA{some('a', 33)}",
        f"{some('a', 3)}8Q~{some('a', 34)}",
        f"{some('h', 32)}-us12",
        f"{some('a', 14)}.atlasv1.{some('a', 60)}",
        f"hooks.slack.com/services/T{some('u', 8)}/B{some('u', 8)}/{some('a', 24)}",
        f"AC{some('h', 32)}",
        f"{some('h', 32)}-{some('h', 8)}-{some('h', 8)}",
    ):
        assert key not in mask_text(f"with {key} it works")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('curl -u ":d2LkV7zLx!t" https://x', 'curl -u "[credentials]" https://x'),
        ("curl --user ann:'t0p secret' x", "curl --user [credentials] x"),
        ("mongodb+srv://app:Pa55word@db.example/x", "mongodb+srv://[credentials]@db.example/x"),
        ("smtps://ann@x.example:Pa55word@mail.example", "smtps://[credentials]@mail.example"),
        ("redis://:p4ssw0rd@cache:6379/0", "redis://[credentials]@cache:6379/0"),
        ("BUNDLE_GEMS__EXAMPLE__COM=cafe1234:dead5678", "BUNDLE_GEMS__EXAMPLE__COM=[secret]"),
        ("mysql -u root -pHRe8uOIBI1 shop", "mysql -u root -p[secret] shop"),
        ("sshpass -p 'sjIq9USwqx' ssh x", "sshpass -p '[secret]' ssh x"),
        ("docker login -u ann -p ioo729LZYjUX1", "docker login -u ann -p [secret]"),
        ("Cookie: sessionid=38afes7a8; theme=dark\nHost: x", "Cookie: [secret]\nHost: x"),
        ("the password is Tr0ub4dor", "the password is [secret]"),
        ("VAULT_TOKEN=s.NIjuO45KyBBoFsETyy926kMM", "VAULT_TOKEN=[secret]"),
        ("https://x.example/token/d8f2a1c09b7e4d31aa02/ok", "https://x.example/token/[secret]/ok"),
        ("Server=db;Password=Abc123!;Port=1", "Server=db;Password=[secret];Port=1"),
    ],
)
def test_credentials_vanish(text: str, expected: str) -> None:
    assert mask_text(text) == expected


@settings(max_examples=60)
@given(st.binary(min_size=0, max_size=1500), CHANCES)
def test_the_base64_of_any_file_survives(data: bytes, chance: random.Random) -> None:
    import base64

    text = "data:image/png;base64," + base64.b64encode(data + chance.randbytes(200)).decode()
    assert mask_text(text) == text


@settings(max_examples=60)
@given(st.uuids(), CHANCES)
def test_hashes_and_uuids_survive(identifier: object, chance: random.Random) -> None:
    digests = " ".join(chance.randbytes(size).hex() for size in (16, 20, 32, 64))
    text = f"run {identifier}, digests {digests}, image x@sha256:{chance.randbytes(32).hex()}"
    assert mask_text(text) == text
