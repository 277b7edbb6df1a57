"""Invents what goes into and comes out of an agent's calls, with or without personal data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from tracing_proxies.testing.scenes import PRODUCTS

_CATEGORIES: Final = ("grocery", "electronics", "clothing", "home", "sports")
_AUDIENCES: Final = ("families", "runners", "commuters", "students")
_FIRST: Final = ("Maja", "Tom", "Yasmin", "Pedro", "Ingrid", "Kofi", "Lena", "Arjun")
_LAST: Final = ("Okafor", "Lindqvist", "Haddad", "Moreau", "Novak", "Sato", "Brandt", "Rossi")
_CARDS: Final = ("4111 1111 1111 1111", "5555 5555 5555 4444", "4012 8888 8888 1881", "3782 822463 10005")
_REASONS: Final = (
    "demand over the last {n} days is {m} % above the forecast, and stock covers {k} days",
    "three of {k} competitors have lowered their price by at least {m} %",
    "elasticity is low: {m} % more in price costs {k} % of the units",
    "{n} units have not moved for {m} days and bind capital",
    "sentiment has risen for {k} days; {m} % of the mentions name the product",
    "no measure earns more than the {k} % that it costs; wait for {n} more observations",
)
_NOTES: Final = (
    "{name} confirms two pallets, call {phone}",
    "Send the price sheet to {mail} before noon",
    "Refund for {name} <{mail}> to card {card}",
    "Contract is with {name}, {phone}, {mail}",
)


def invent(kind: str, random: Random) -> Any:
    """Invent one value of a kind that `scenes` names.

    Raises:
        KeyError: there is no such kind.
    """
    return _KINDS[kind](random)


def invent_all(kinds: Mapping[str, str], random: Random) -> dict[str, Any]:
    """Invent a value for each key of a mapping."""
    return {key: _KINDS[kind](random) for key, kind in kinds.items()}


def invent_product(random: Random, name: str | None = None) -> dict[str, Any]:
    """Invent a product's record."""
    return {
        "product_id": name or random.choice(PRODUCTS),
        "category": random.choice(_CATEGORIES),
        "price": round(random.uniform(3, 180), 2),
        "stock": random.randrange(0, 900),
        "daily_demand": [random.randrange(0, 60) for _ in range(7)],
    }


def invent_contact(random: Random) -> dict[str, str]:
    """Invent personal data, in fields and within a sentence: names, e-mail, phone and card numbers of nobody."""
    first, last = random.choice(_FIRST), random.choice(_LAST)
    facts = {
        "name": f"{first} {last}",
        "mail": f"{first}.{last}@example.com".lower(),
        "phone": f"+49 30 {random.randrange(10**6, 10**7)}",
        "card": random.choice(_CARDS),
    }
    return {
        "note": random.choice(_NOTES).format(**facts),
        "contact_email": facts["mail"],
        "contact_phone": facts["phone"],
    }


def invent_reason(random: Random) -> str:
    """Invent a sentence that gives a reason."""
    return random.choice(_REASONS).format(
        n=random.randrange(3, 90), m=random.randrange(2, 60), k=random.randrange(2, 9)
    )


def _market(random: Random) -> dict[str, float]:
    low = round(random.uniform(5, 90), 2)
    return {"min": low, "average": round(low * 1.2, 2), "max": round(low * 1.6, 2)}


_KINDS: Final[dict[str, Callable[[Random], Any]]] = {
    "product": invent_product,
    "products": lambda random: [invent_product(random) for _ in range(random.randrange(2, 5))],
    "name": lambda random: random.choice(PRODUCTS),
    "category": lambda random: random.choice(_CATEGORIES),
    "audience": lambda random: random.choice(_AUDIENCES),
    "keywords": lambda random: random.choice(PRODUCTS).split("-"),
    "urgency": lambda random: random.choice(("low", "medium", "high")),
    "days": lambda random: random.randrange(7, 91),
    "count": lambda random: random.randrange(0, 1500),
    "amount": lambda random: round(random.uniform(0, 80), 1),
    "money": lambda random: round(random.lognormvariate(3.5, 1), 2),
    "share": lambda random: round(random.betavariate(6, 2), 3),
    "change": lambda random: round(random.uniform(-40, 25), 1),
    "elasticity": lambda random: round(random.uniform(-3.2, -0.2), 2),
    "prices": lambda random: [round(random.uniform(8, 40), 2) for _ in range(12)],
    "market": _market,
    "reason": invent_reason,
}
