"""Words that say what the number or code beside them is."""

from __future__ import annotations

from typing import Final

NAMED_OTHERWISE: Final = frozenset(
    """order orders invoice ticket sku ref reference batch serial version build port pid isbn ean upc gtin asin
    tracking timestamp time epoch seed offset sha commit line bytes size amount total quantity qty price usd eur rev
    revision trace span request run job task thread session message page issue pr row rows""".split()
)
"""What stands before a number that looks like an id and is none."""
