"""Which key names hide their value."""

from __future__ import annotations

import pytest

from tracing_proxies.masking import Masker
from tracing_proxies.masking.detectors import DETECTORS as SHIPPED
from tracing_proxies.masking.keys import Verdict, judge_name, split_name
from tracing_proxies.registry.keys import DETECTORS

SECRET_NAMES = """
password passwd Password PASSWORD dbPassword db-password user_password secret client_secret clientSecret token
access_token accessToken ACCESS_TOKEN api_key apikey API-Key X-Api-Key apiKey OPENAI_API_KEY authorization
Proxy-Authorization cookie Set-Cookie card_number cardNumber cvv cvc cvv2 pin cardPin ssn private_key access_key
aws_secret_access_key credentials refresh_tokens pin_code jwt passphrase token2
""".split()

OTHER_NAMES = """
input_tokens output_tokens max_tokens maxTokens tokens total_tokens cached_tokens token_count tokenCount token_type
next_token page_token time_to_first_token first_token cost_per_token key keys keyboard cache_key primary_key author
authority opinion pinned spinner session session_id password_policy secret_name cookie_policy passenger compass
tokenizer has_password_expired card_type signature 1 [secret] é
""".split()


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_secrets_name_is_hidden_in_any_spelling(masker: Masker, name: str) -> None:
    assert masker.key_is_hidden(name)


@pytest.mark.parametrize("name", [*OTHER_NAMES, "", " "])
def test_a_name_that_only_resembles_one_is_not_hidden(masker: Masker, name: str) -> None:
    assert not masker.key_is_hidden(name)


@pytest.mark.parametrize("name", ["api_key", "apiKey", "API-KEY", "ApiKey", "Api Key", "api.key"])
def test_spellings_of_a_name_have_the_same_words(name: str) -> None:
    assert split_name(name) == ("api", "key")


def test_a_name_that_may_hold_a_secret_is_suspect() -> None:
    assert judge_name("ibm_auth") is Verdict.SUSPECT
    assert judge_name("mysqlpass1") >= Verdict.SUSPECT


def test_a_registry_may_name_every_detector() -> None:
    assert set(DETECTORS) == set(SHIPPED)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("password", Verdict.HIDDEN),
        ("password_hint", Verdict.PLAIN),
        ("password_2", Verdict.HIDDEN),
        ("token", Verdict.HIDDEN),
        ("access_token", Verdict.HIDDEN),
        ("next_page_token", Verdict.PLAIN),
        ("token_count", Verdict.PLAIN),
        ("pin", Verdict.HIDDEN),
        ("status", Verdict.PLAIN),
        ("", Verdict.PLAIN),
        ("__", Verdict.PLAIN),
    ],
)
def test_a_name_has_one_verdict(name: str, verdict: Verdict) -> None:
    assert judge_name(name) is verdict
