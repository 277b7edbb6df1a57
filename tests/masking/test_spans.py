"""What a registry says of masking, seen on finished spans: withheld parts, environments, a span's own fields."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace

import tracing_proxies
from tracing_proxies import failures
from tracing_proxies.errors import RegistryError
from tracing_proxies.recording.span import Span
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.registry.policy import resolve_policy
from tracing_proxies.testing import CapturedSpan, capture_spans, registry_from

SHOP = """
from opentelemetry import trace
def sell(what, email="ann@example.com", badge="Q12346789"):
    trace.get_current_span().set_attribute("third.party", what)
    return {"sold": what}
def fail(what):
    raise ValueError(what)
"""
SOLD = {"what": "oil", "email": "[email]", "badge": "Q12346789"}
RULE = """
trace:
  - match: masked_shop:*
    user: args.what
    session: args.what
    tags: ["{args.what}"]
    metadata: { said: args.what }
    status_message: args.what
"""


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., CapturedSpan]]:
    """Traces one call under a ``masking:`` block, and returns its span."""
    monkeypatch.setenv("TRACING_PROXIES_MASKING_KEY", "0123456789abcdef")
    module: Any = types.ModuleType("masked_shop")
    exec(SHOP, vars(module))
    sys.modules["masked_shop"] = module

    def call(masking: str, of_rule: str = "", *, service: str = "{}", fails: bool = False) -> CapturedSpan:
        rule = RULE + (f"    masking: {of_rule}\n" if of_rule else "")
        head = f"version: 1\nexport: {{ discard: {{}} }}\nservice: {service}\nmasking: {masking}\n"
        tracing_proxies.activate(registry_from(head + rule))
        with capture_spans() as spans:
            if fails:
                with pytest.raises(ValueError, match="oil"):
                    module.fail("oil")
            else:
                module.sell("oil")
        tracing_proxies.deactivate()
        return spans[0]

    yield call
    tracing_proxies.deactivate()
    del sys.modules["masked_shop"]


def test_without_a_word_everything_is_recorded_and_masked(recorded: Any) -> None:
    span = recorded("{}")
    assert (span.input, span.output) == (SOLD, {"sold": "oil"})
    assert (span.user_id, span.session_id, span.tags) == ("oil", "oil", ("oil",))
    assert (span.metadata, span.status_message) == ({"said": "oil", "third.party": "oil"}, "oil")


@pytest.mark.parametrize("where", ["block", "rule", "environment"])
@pytest.mark.parametrize(
    ("part", "field", "empty"),
    [
        ("input", "input", None),
        ("output", "output", None),
        ("metadata", "metadata", {}),
        ("tags", "tags", ()),
        ("session", "session_id", None),
        ("user", "user_id", None),
        ("status_message", "status_message", None),
    ],
)
def test_a_part_that_is_withheld_is_not_recorded_and_the_rest_is(
    recorded: Any, part: str, field: str, empty: Any, where: str
) -> None:
    withheld = f"{{ withhold: [{part}] }}"
    if where == "block":
        span = recorded(withheld)
    elif where == "rule":
        span = recorded("{}", withheld)
    else:
        span = recorded(f"{{ environments: {{ prod*: {withheld} }} }}", service="{ environment: production }")
    fields = ("input", "output", "metadata", "tags", "session_id", "user_id", "status_message")
    plain = recorded("{}")
    assert getattr(span, field) == empty
    assert all(getattr(span, other) == getattr(plain, other) for other in fields if other != field)


def test_a_withheld_message_takes_what_was_raised_with_it(recorded: Any) -> None:
    span = recorded("{ withhold: [status_message, metadata] }", fails=True)
    assert (span.level, span.status_message, span.metadata) == ("ERROR", None, {})


def test_an_environment_hides_more_and_others_do_not(recorded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    masking = "{ environments: { production: { policy: strict, show: [sold] }, '*dev*': { hide: [badge] } } }"
    hidden = dict.fromkeys(SOLD, "[hidden]")
    assert recorded(masking, service="{ environment: production }").input == hidden
    assert recorded(masking, service="{ environment: production }").output == {"sold": "oil"}
    assert recorded(masking, service="{ environment: my-dev-box }").input == {**SOLD, "badge": "[hidden]"}
    assert recorded(masking, service="{ environment: staging }").input == SOLD
    monkeypatch.setenv("LANGFUSE_TRACING_ENVIRONMENT", "production")
    assert recorded(masking).input == hidden


def test_user_session_message_and_model_can_be_named_like_keys(recorded: Any) -> None:
    span = recorded("{ pseudonyms: [user_id], hide: [session_id], remove: [status_message] }")
    assert span.user_id.startswith("[hidden:")
    assert (span.session_id, span.status_message) == ("[hidden]", None)
    strict = recorded("{ policy: strict, show: [user_id] }")
    assert (strict.user_id, strict.session_id, strict.tags) == ("oil", "[hidden]", ("oil",))
    assert recorded("{ hide: [tags] }").tags == ("[hidden]",)
    assert recorded("{ remove: [tags] }").tags == ()
    assert recorded("{ pseudonyms: [tags] }").tags[0].startswith("[hidden:")


def test_the_strategies_of_a_rule_hold_for_its_spans_only(recorded: Any) -> None:
    assert recorded("{}", "{ remove: [email, badge] }").input == {"what": "oil", "email": ""}
    assert recorded("{ pseudonyms: [badge] }").input["badge"].startswith("[hidden:")


def test_a_rule_that_comes_to_need_the_key_by_a_reload_has_it(recorded: Any) -> None:
    rule = "version: 1\nexport: { discard: {} }\n" + RULE
    tracing_proxies.activate(registry_from(rule))
    tracing_proxies.activate(registry_from(rule + "    masking: { pseudonyms: [badge] }\n"))
    with capture_spans() as spans:
        sys.modules["masked_shop"].sell("oil")
    assert spans[0].input["badge"].startswith("[hidden:")


def test_a_name_is_masked_as_its_rule_says(recorded: Any) -> None:
    named = "{ remove: [email] }\n    name: 'to {args.email}'"
    assert recorded("{}", "{}\n    name: 'to {args.email}'").name == "to [email]"
    assert recorded("{}", named).name == recorded("{}", named).trace_name == "to "


def test_an_input_that_cannot_be_named_leaves_the_rest_of_the_span(
    recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)

    def broken(span: Span) -> Any:
        raise RuntimeError("no names")

    monkeypatch.setattr(Span, "input", property(broken, lambda span, value: None))
    before = failures.counts().get("input", 0)
    span = recorded("{}")
    assert (span.input, span.output) == ("[masking failed]", {"sold": "oil"})
    assert failures.counts()["input"] == before + 1


def problems(text: str) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        parse_registry("version: 1\n" + text, base=Path("/nowhere"), environ={})
    return [f"{p.place.line}:{p.place.column} {p.code}" for p in caught.value.problems]


def test_a_pattern_that_cannot_be_compiled_is_told_with_its_place_and_its_fault() -> None:
    good = "masking:\n  detectors:\n    good: 'E[0-9]+'\n"
    text = good + "    bad: 'a(?=b)'\n    empty: 'x*'\n    Odd: 'x'\n    email: 'x'\n"
    assert problems(text) == ["5:10 TP216", "6:12 TP216", "7:5 TP202", "8:5 TP217"]
    with pytest.raises(RegistryError, match="lookaround"):
        parse_registry("version: 1\n" + text, base=Path("/nowhere"), environ={})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("trace:\n  - match: a:b\n    masking: { partial: [email] }\n", "4:16"),
        ("trace:\n  - match: a:b\n    masking: { pseudonyms: [password] }\n", "4:16"),
        ("trace:\n  - match: a:b\n    masking: { show: [x] }\n", "4:16"),
        ("roles:\n  r: { masking: { encrypt: [iban] } }\n", "3:19"),
        ("use:\n  - threads: { masking: { shape: [phone] } }\n", "3:27"),
        ("masking:\n  environments:\n    dev: { partial: [email] }\n", "4:12"),
        ("masking:\n  remove: [badge]\n  environments: { dev: { hide: [badge] } }\n", "4:26"),
    ],
)
def test_what_a_rule_role_preset_or_environment_would_loosen_is_refused(text: str, place: str) -> None:
    assert problems(text) == [f"{place} TP218"]


def test_what_they_tighten_is_taken() -> None:
    registry = parse_registry(
        "version: 1\nmasking: { partial: [email, badge] }\ndefaults: {}\n"
        "roles: { r: { masking: { pseudonyms: [badge] } } }\n"
        "trace:\n  - match: a:b\n    role: r\n    masking: { hide: [email], policy: strict, show: [kind] }\n",
        base=Path("/nowhere"),
        environ={},
    )
    policy = resolve_policy(registry, Target("a", None, "b"))
    assert policy is not None
    assert policy.masking.hide == ("email",)
    assert policy.masking.pseudonyms == ("badge",)
    assert policy.masking.shows == (("kind",),)


def test_a_path_that_reads_what_is_removed_everywhere_is_refused() -> None:
    text = "masking: { remove: [badge] }\ntrace:\n  - match: a:b\n    metadata: { x: args.badge }\n"
    assert problems(text) == ["5:20 TP210"]


@pytest.mark.parametrize(
    ("lists", "setting", "place"),
    [
        ("pseudonyms: [badge]", "metadata: { x: args.badge }", "5:20"),
        ("partial: [badge]", "user: args.badge", "5:11"),
        ("encrypt: ['bad*']", "tags: ['of {args.badge}']", "5:12"),
        ("shape: [badge]", "input: args.badge", "5:12"),
        ("pseudonyms: [badge]", "metadata: { badge: args.badge }", None),
        ("pseudonyms: [badge]", "metadata: { x: args.badge | hash }", None),
        ("pseudonyms: [badge, user_id]", "user: args.badge", None),
        ("pseudonyms: [badge]", "error_when: args.badge == 'x'", None),
        ("pseudonyms: [badge], allow: [badge]", "user: args.badge", None),
    ],
)
def test_what_is_disguised_by_its_name_is_not_recorded_under_another(
    lists: str, setting: str, place: str | None
) -> None:
    text = f"masking: {{ {lists} }}\ntrace:\n  - match: a:b\n    {setting}\n"
    if place is None:
        parse_registry("version: 1\n" + text, base=Path("/nowhere"), environ={})
    else:
        assert problems(text) == [f"{place} TP210"]


def test_third_party_attributes_are_masked_on_our_span(recorded: Any) -> None:
    assert trace.get_current_span().get_span_context().span_id == 0
    for name in ("third.party", "party", "*.party", "third*"):
        assert recorded(f"{{ hide: ['{name}'] }}").metadata["third.party"] == "[hidden]", name
