"""Masking of plain text: what vanishes, what survives, and what holds for any text."""

from __future__ import annotations

import string
import uuid
from datetime import datetime, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracing_proxies.masking import mask_text
from tracing_proxies.masking.checks import luhn
from tracing_proxies.masking.markers import ALL

TEXTS = st.text(max_size=300) | st.lists(
    st.sampled_from(
        [
            "password=",
            '"token": "',
            "Hunter2!",
            "call me at ",
            "+14155550123",
            "4111 1111 1111 1111",
            "a@b.example",
            " ",
            "\n",
            "https://u:p4ss@h.example/",
            "Bearer ",
            "ab12" * 6,
            "card ",
            "5555555",
            "ssn ",
            "[phone]",
            "[secret]",
            "=",
            "'",
            ":",
            "10.1.2.3",
            "::1",
            "DE89370400440532013000",
            "-",
            "ghp_" + "a1B2" * 9,
            "eyJhbGciOi.eyJzdWIi.c2ln",
            "\\n",
            "[",
        ]
    ),
    max_size=24,
).map("".join)
AROUND = st.text(alphabet=string.ascii_letters + " ,;!?\n", max_size=80)


def with_check_digit(digits: str) -> str:
    return next(digits + last for last in "0123456789" if luhn(digits + last))


@given(TEXTS)
@example("İİ password=Hunter2! a@b.example")
@example("\ud800 lone +14155550123")
def test_masking_twice_gives_what_masking_once_gave(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once


@given(TEXTS)
def test_text_in_which_nothing_changes_is_the_same_object(text: str) -> None:
    masked = mask_text(text)
    assert masked != text or masked is text


@given(AROUND, AROUND, st.from_regex(r"[a-z]{3,12}[.][a-z0-9]{1,8}@[a-z]{3,12}[.](com|org|co[.]uk|de)", fullmatch=True))
def test_an_email_vanishes_from_any_text(before: str, after: str, address: str) -> None:
    assert address not in mask_text(f"{before} {address} {after}")


@given(AROUND, AROUND, st.from_regex(r"[2-9][0-8][0-9]-[2-9][0-9]{2}-[0-9]{4}", fullmatch=True))
def test_an_american_phone_number_vanishes_unless_its_digits_are_all_but_equal(
    before: str, after: str, phone: str
) -> None:
    if len(set(phone)) > 3:
        assert phone not in mask_text(f"{before} phone {phone} {after}")


@given(
    AROUND,
    st.sampled_from(["+44 20 7946 0958", "+4930901820", "+33 1 99 00 12 34", "+81-3-5550-1234", "+1 (415) 555-0132"]),
)
def test_an_international_phone_number_vanishes_from_any_text(before: str, phone: str) -> None:
    assert phone not in mask_text(f"{before} {phone} is the number")


@given(
    AROUND,
    AROUND,
    st.from_regex(r"(4[0-9]{14}|5[1-5][0-9]{13}|3[47][0-9]{12})", fullmatch=True),
    st.sampled_from(["", " ", "-"]),
)
def test_a_payment_card_vanishes_from_any_text(before: str, after: str, body: str, separator: str) -> None:
    card = with_check_digit(body)
    if len(card) == 16:
        card = separator.join(card[at : at + 4] for at in range(0, 16, 4))
    assert card not in mask_text(f"{before} {card} {after}")


@pytest.mark.parametrize(
    "prefix",
    [
        "sk-",
        "sk-ant-api03-",
        "sk-proj-",
        "sk-lf-",
        "pk-lf-",
        "ghp_",
        "github_pat_",
        "xoxb-",
        "glpat-",
        "npm_",
        "hf_",
        "rk_live_",
        "sk_live_",
        "whsec_",
        "AIza",
        "gsk_",
        "shpat_",
        "dop_v1_",
        "SG.",
    ],
)
@given(before=AROUND, body=st.from_regex(r"[a-z][0-9][A-Z]([a-zA-Z0-9]){41}", fullmatch=True))
def test_a_vendors_key_vanishes_from_any_text(prefix: str, before: str, body: str) -> None:
    if len(set(body.lower())) > 5 and "your" not in body.lower() and "xxxxxx" not in body.lower():
        assert body not in mask_text(f"{before} {prefix}{body} .")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ann.lee@example.com.", "write to [email]."),
        ("to=ann@example.com&x=1", "to=[email]&x=1"),
        (r"a\nbob@example.com", r"a\n[email]"),
        ("call (415) 555-0132 x12 now", "call [phone] now"),
        ("phone: 5550132987", "phone: [phone]"),
        ("card 4111-1111-1111-1111 ok", "card [card] ok"),
        ("ssn 123-45-6789", "ssn [ssn]"),
        ("pay DE89 3704 0044 0532 0130 00 today", "pay [iban] today"),
        ("from 10.1.2.3, 2001:db8::1 and 00:1A:2b:3C:4d:5E", "from [ip], [ip] and [mac]"),
        ("postgres://app:s3cr3t@db:5432/x", "postgres://[credentials]@db:5432/x"),
        ("key AKIAQ3EGRIX5PLMT7ZWB used", "key [secret] used"),
        ("Authorization: Bearer abc123def456ghi", "Authorization: Bearer [secret]"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic [secret]"),
        ('password="Hunter2!" next', 'password="[secret]" next'),
        ("db_password=Tr0ub4dor&x=1", "db_password=[secret]&x=1"),
        (r"{\"apiKey\": \"f3a9c2e1b7d8\"}", r"{\"apiKey\": \"[secret]\"}"),
        ("Server=db;Password=p4ssw0rd;Port=1", "Server=db;Password=[secret];Port=1"),
        ("curl -u ann:t0psecret https://x.example", "curl -u [credentials] https://x.example"),
        ("cvv: 123", "cvv: [secret]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[secret]"),
    ],
)
def test_a_value_is_replaced_by_the_marker_of_its_class(text: str, expected: str) -> None:
    assert mask_text(text) == expected


def test_a_text_with_half_a_character_is_masked_like_any_other() -> None:
    half = "\ud800"
    assert mask_text(f"{half} lone +14155550123") == f"{half} lone [phone]"
    assert mask_text(f"password=x9{half}Tr0ub4dor") == "password=[secret]"


def test_a_private_key_is_masked_whole_and_when_it_was_cut_off() -> None:
    body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n" * 3
    begin, end = "-----BEGIN RSA PRIVATE KEY-----\n", "-----END RSA PRIVATE KEY-----"
    assert mask_text(f"key:\n{begin}{body}{end} done") == "key:\n[secret] done"
    assert mask_text(f"key:\n{begin}{body}") == "key:\n[secret]"


@given(st.uuids(), st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2099, 1, 1)), st.floats(-1e6, 1e6))
def test_ids_dates_and_decimals_survive(identifier: uuid.UUID, moment: datetime, number: float) -> None:
    stamp = moment.replace(tzinfo=timezone.utc)
    text = f"run {identifier} at {stamp.isoformat()} or {stamp:%Y-%m-%d %H:%M:%S} scored {number:.9f} ({number!r})"
    assert mask_text(text) == text


def test_a_uuid_that_happens_to_satisfy_the_iban_check_survives() -> None:
    assert mask_text("run bac47b7b-7ac7-ee52-c043-d5ea31ff4e3e") == "run bac47b7b-7ac7-ee52-c043-d5ea31ff4e3e"
    assert mask_text("to DE89-3704-0044-0532-0130-00 now") == "to [iban] now"


@given(st.integers(1_000_000_000, 1_999_999_999))
def test_timestamps_survive_in_every_unit(seconds: int) -> None:
    text = f'{{"created": {seconds}, "ms": {seconds}123, "ns": {seconds}123456789}}'
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "order 10248-7731-22 and SKU AB-4412-9987 shipped, 3 x 12.50 = 37.50",
        "order id 4155550132 and invoice 20240115-0042",
        '{"input_tokens": 1280, "max_tokens": 4096, "total_tokens": 99120, "tokens": 5}',
        '{"token_count": "12", "token_type": "bearer", "key": "value", "cache_key": "user:42"}',
        "the password is incorrect; password: required; token: str = None",
        "password=${DB_PASSWORD} token=<your token> api_key=os.environ['API_KEY']",
        "version 1.2.3.4 of std::cout at 10:20:30, ratio 3:4:5",
        "sklearn div#sk-container-id-1 and test_function_name_with_many_words_2_and_more",
        "function call call_5123_8841 returned 1234567 rows",
        "git@github.com:org/repo.git and @decorator and user@host",
        "https://example.com:8080/path?id=12345678&page=2",
        "0.032958984, 0.044433594, -0.040283203",
        "2024-01-15T10:30:00.123456+00:00",
    ],
)
def test_ordinary_text_survives(text: str) -> None:
    assert mask_text(text) is text


def test_no_marker_is_changed_by_masking() -> None:
    for marker in ALL:
        assert (
            mask_text(f"phone card password={marker} token: {marker}")
            == f"phone card password={marker} token: {marker}"
        )
