"""Keys that a vendor marks with a prefix: ``sk-``, ``ghp_``, ``AKIA`` and their like."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracing_proxies.masking.detectors.kinds import Found, Part
from tracing_proxies.masking.detectors.values import is_filler, is_hex

# One pass finds every word long enough to be a key; what it begins with is then looked up, so that the cost does not
# grow with the number of vendors. A dot joins the parts of some keys (SG., hvs., dp.pt.) and never begins one.
_WORD = re.compile(r"\b[A-Za-z0-9][A-Za-z0-9_\-]{15,}", re.ASCII)
_DOTTED_TAIL = re.compile(r"(?:\.[A-Za-z0-9_\-=~]{6,}){0,3}")
_DOTTED = re.compile(
    r"(?<![A-Za-z0-9_.])(?:SG|hvs|hvb|hvr|dp\.(?:pt|st|ct|sa|scim|audit)|ya29|sat|pat|dt0c01)\.[A-Za-z0-9_\-.]{16,512}"
)
_DOTTED_ANCHORS = ("sg.", "hvs.", "hvb.", "hvr.", "dp.", "ya29.", "sat.", "pat.", "dt0c01.")
_ANCHORS = ("_", "-", *"0123456789")

# Prefix and the least number of characters that follow it.
_PREFIXES = """
sk- 16|sk_live_ 10|sk_test_ 10|pk_live_ 16|pk_test_ 16|rk_live_ 10|rk_test_ 10|rk_prod_ 10|pk-lf- 16|whsec_ 16|ghp_ 30|
gho_ 30|ghu_ 30|ghs_ 30|ghr_ 30|github_pat_ 22|glpat- 16|gldt- 16|glrt- 16|glptt- 16|glft- 16|
glsoat- 16|gloas- 16|glcbt- 16|glimt- 16|glagent- 16|glffct- 16|glc_ 24|glsa_ 24|AKIA 16|ASIA 16|
ABIA 16|ACCA 16|A3TA 16|AGPA 16|AIDA 16|AROA 16|ANPA 16|AIPA 16|AIza 30|GOCSPX- 20|xoxb- 10|xoxa- 10|
xoxp- 10|xoxr- 10|xoxs- 10|xoxe- 10|xoxo- 10|xoxc- 10|xoxd- 10|xapp- 16|npm_ 30|hf_ 30|api_org_ 30|
pypi- 24|gsk_ 30|xai- 30|r8_ 30|tvly- 16|lsv2_ 24|pplx- 30|nvapi- 24|dop_v1_ 40|doo_v1_ 40|
dor_v1_ 40|shpat_ 24|shpca_ 24|shppa_ 24|shpss_ 24|sq0atp- 16|sq0csp- 16|sq0idp- 16|EAAA 40|EAACEd 20|
sntrys_ 32|sntryu_ 32|NRAK- 20|NRJS- 18|NRII- 20|NRAA- 20|PMAK- 24|PMAT- 24|dapi 32|rdme_ 40|
lin_api_ 30|lin_oauth_ 30|pscale_tkn_ 20|pscale_oauth_ 20|pscale_pw_ 20|fio-u- 30|pul- 30|ntn_ 32|
duffel_live_ 30|duffel_test_ 30|EZAK 40|EZTK 40|FLWSECK 12|FLWPUBK 12|shippo_live_ 24|
shippo_test_ 24|AKCp 40|AGE-SECRET-KEY- 40|xkeysib- 32|dnkey- 24|s-s4t2ud- 40|s-s4t2af- 40|fm1a_ 40|
fm1r_ 40|AC 32|key- 32|pubkey- 32|SK 32|figd_ 30|LTAI 16|AKID 20|CFPAT- 30|
ATATT3 40|ATCTT3 40|ATBB 24|BBDC- 30|EAAG 40|dckr_pat_ 20|clojars_ CLOJARS_ 40|tfp_ 30|oy2 40|
eyJrIjoi 40|fo1_ 30|fm1 40|fm2_ 40|rubygems_ 40|sgp_ 30|sbp_ 30|sb_secret_ 16|mdb_sa_sk_ 20|
tk-us- 20|ops_eyJ 60|patp_ 20|ddp_ 30|ddapi_ 20|ory_at_ 20
"""


def _index() -> dict[str, tuple[tuple[str, int], ...]]:
    index: dict[str, list[tuple[str, int]]] = {}
    for entry in _PREFIXES.replace("\n", "").split("|"):
        *names, least = entry.split()
        for prefix in names:
            index.setdefault(prefix[:2], []).append((prefix, int(least)))
    return {head: tuple(entries) for head, entries in index.items()}


_BY_HEAD = _index()
_NO_FILLER = frozenset(("AGE-SECRET-KEY-",))  # long and unmistakable: masked even where the rest is one letter
_HEX_ONLY = frozenset(("AC", "SK", "key-", "pubkey-", "dapi"))


def find(text: str, lower: str) -> Iterator[Found]:
    """Yield every word that begins with a vendor's prefix and goes on like a key."""
    for word in _WORD.finditer(text):
        start = word.start()
        if start and text[start - 1] == "\\" and text[start] in "nrt":
            start += 1  # an escape, as in JSON
        entries = _BY_HEAD.get(text[start : start + 2])
        if entries and _is_key(text[start : word.end()], entries):
            tail = _DOTTED_TAIL.match(text, word.end())
            yield start, tail.end() if tail else word.end()
    if any(anchor in lower for anchor in _DOTTED_ANCHORS):
        for match in _DOTTED.finditer(text):
            if any(character.isdigit() for character in match[0]) and not is_filler(match[0]):
                yield match.start(), match.end()


def _is_key(word: str, entries: tuple[tuple[str, int], ...]) -> bool:
    for prefix, least in entries:
        if not word.startswith(prefix) or len(word) - len(prefix) < least:
            continue
        rest = word[len(prefix) :]
        if prefix in _HEX_ONLY:
            if len(rest) == 32 and is_hex(rest):
                return True
        elif prefix.isalnum() and not _fits_bare_prefix(prefix, rest, least):
            continue
        elif prefix in _NO_FILLER or (not is_filler(rest) and (_has_dense_part(rest) or _is_shuffled(rest))):
            return True
    return False


def _fits_bare_prefix(prefix: str, rest: str, least: int) -> bool:
    """A prefix without a separator may begin any word: the length has to fit, and AWS keys are capitals and digits."""
    if prefix.isupper() and least == 16:
        return len(rest) == 16 and rest.isalnum() and rest.upper() == rest
    return len(rest) < least + 200


def _has_dense_part(rest: str) -> bool:
    """A key has one long part with digits in it; a name such as ``sk-container-id-1`` is made of short ones."""
    return any(len(part) >= 10 and any(c.isdigit() for c in part) for part in rest.replace("_", "-").split("-"))


def _is_shuffled(rest: str) -> bool:
    """Letters only: upper and lower case mixed as no identifier mixes them."""
    return "_" not in rest and rest.upper() != rest and sum(map(str.isupper, rest)) * 4 > len(rest)


PARTS = (Part("secrets", search=find),)
