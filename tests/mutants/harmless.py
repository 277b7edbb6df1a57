"""Survivors that were looked at and change nothing that anybody could notice, each with its reason."""

from __future__ import annotations

from typing import Final

_RULE: Final = "tracing_proxies/sampling"
_MASKING: Final = "tracing_proxies/masking"
_SPOOL: Final = "tracing_proxies/delivery/spool"

HARMLESS: Final[dict[tuple[str, str, str], str]] = {
    (
        f"{_RULE}/keys.py",
        "return total * (1.0 - 1.0 / math.sqrt(count)) if count > 1 else 0.0",
        "> becomes >=",
    ): "of one event nothing is sure by the formula either",
    (f"{_RULE}/verdict.py", "survived: float = 1.0,", "1.0 becomes 2.0"): "no probability is above one",
    (
        f"{_RULE}/verdict.py",
        "return with_error(verdict, random, recorded, error, survived) if error > 0.0 else verdict",
        "> becomes >=",
    ): "an error of no probability adds nothing",
    (
        f"{_RULE}/verdict.py",
        "weight = inverse(least) if least <= bound else min(least, recorded) / (least * bound)",
        "<= becomes <",
    ): "at the bound both say the same",
    (f"{_SPOOL}/files.py", "self._prepared = True", "True becomes False"): "the folder is looked at more often",
    (f"{_MASKING}/__init__.py", "@lru_cache(maxsize=1)", "1 becomes 2"): "there is one to keep",
    (f"{_MASKING}/chunks.py", "if len(joined) > _MOST:", "> becomes >="): "a bound on time",
    (f"{_MASKING}/keys.py", "HIDDEN = 2  # hides any value", "2 becomes 3"): "a name for a number",
    (f"{_MASKING}/known.py", "return -1", "1 becomes 2"): "negative as well",
    (
        f"{_MASKING}/scan.py",
        "settled = settled and found[-1][0] <= run.groups[0][0] and found[-1][1] >= run.end",
        "<= becomes <",
    ): "one more look at what is masked already",
    (f"{_SPOOL}/dead.py", "self._buried = 0", "0 becomes 1"): "counts in the process only that has buried something",
    (
        f"{_SPOOL}/disk.py",
        "descriptor = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)",
        "| becomes &",
    ): "without O_CLOEXEC, which Python sets by itself",
    (f"{_SPOOL}/lookout.py", "self._files.close()", "self._files.close() is left out"): "dropped, it is closed as well",
    (f"{_SPOOL}/lookout.py", "self.left_some = False", "False becomes True"): "the first look begins at once anyway",
    (
        f"{_SPOOL}/record.py",
        "return HEADER.size + (length if length <= min(MAX_PAYLOAD, len(data) - at) else 0)",
        "0 becomes 1",
    ): "patience is a rough bound",
    (f"{_SPOOL}/segment.py", "dirty: bool = False", "False becomes True"): "what is taken over is synced once more",
    (f"{_SPOOL}/lookout.py", "LOOKED_AT = 200", "200 becomes 201"): "how many files are looked at in one go",
    (f"{_SPOOL}/record.py", "if found < 0 or patience < 0:", "< becomes <="): "patience is a rough bound",
    (
        f"{_SPOOL}/record.py",
        "patience = 4 * len(data) + 2 * MAX_PAYLOAD"
        "  # in bytes; a file made of magics would cost the square of its size",
        "2 becomes 3",
    ): "patience is a rough bound",
}
"""By module, text of the line, and change."""
