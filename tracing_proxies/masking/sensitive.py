"""Names of fields that may hold what no detector knows by its form: names of people, places, health, pay."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from tracing_proxies.masking.keys import Verdict, judge_name, split_name

_WORDS: Final = frozenset(
    """surname firstname lastname fullname birthname nickname birthday birthdate birthplace dob age gender sex religion
    ethnicity race nationality citizenship disability diagnosis diagnoses disease illness symptom symptoms medication
    prescription allergy allergies patient salary salaries income wage wages passport biometric fingerprint username
    cardholder maiden pregnancy orientation conviction convictions""".split()
)
_RUNS: Final = frozenset(
    tuple(run.split("_"))
    for run in """first_name last_name full_name middle_name given_name family_name maiden_name legal_name real_name
    birth_name birth_date birth_place date_of_birth place_of_birth year_of_birth customer_name patient_name client_name
    contact_name employee_name user_name guest_name passenger_name recipient_name sender_name account_holder card_holder
    tax_id national_id home_address postal_address street_address billing_address shipping_address delivery_address
    mailing_address customer_address patient_id medical_record health_record marital_status credit_score
    sexual_orientation political_view trade_union""".split()
)
_ADDRESSES: Final = frozenset(
    "ip mac email mail server host web http url bind listen memory wallet contract network proxy".split()
)


@lru_cache(maxsize=4_096)
def is_sensitive(name: str) -> bool:
    """Tell whether a field's name says that its value may be personal or secret, in a way that only its name tells.

    Args:
        name: in any spelling.
    """
    words = split_name(name)
    if not words:
        return False
    if words[-1] == "address":
        return _ADDRESSES.isdisjoint(words)
    if any(words[at : at + size] in _RUNS for size in (2, 3) for at in range(len(words) - size + 1)):
        return True
    return words[-1] in _WORDS or (judge_name(name) is Verdict.SUSPECT and words[-1] in ("pass", "auth", "sig"))
