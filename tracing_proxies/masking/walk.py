"""The walk through one value: keys first, then texts, with bounds on depth and size."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from tracing_proxies import failures
from tracing_proxies.compiled import hot
from tracing_proxies.masking import hits, markers
from tracing_proxies.masking.detectors.words import locates
from tracing_proxies.masking.keys import fold_path
from tracing_proxies.masking.known import MOST_LOOKED_AT
from tracing_proxies.masking.leaves import EXEMPT, FORCED, JSON_STARTS, MAX_DEPTH, MAX_NODES, SHOW, Leaves, label_for
from tracing_proxies.masking.pairs import VALUES, named
from tracing_proxies.masking.strategies import Strategy, shape_of
from tracing_proxies.registry.fields import MISSING, is_subtype, model_fields, read_field

_DEEPEST_LEARNT = 16
_GONE: Any = object()
_SEQUENCES = (list, tuple, set, frozenset)
_WALKED = frozenset((dict, list, tuple))
_LISTS = frozenset((list, tuple))


class Walk(Leaves):
    """Masks one structure, whose arguments are those of ``Leaves``."""

    __slots__ = ()

    def mask(self, obj: Any) -> Any:
        """Return the masked copy of a value that stands under no key."""
        if self._keys_decide:
            return self._value_by_keys(obj, 0, "")
        return self._value(obj, 0, "", "", -(2 ** len(self._rules.shows) - 1))

    def _value_by_keys(self, obj: Any, depth: int, label: str) -> Any:
        """Mask one value where nothing but keys decide: in the compiled part, which asks this one for the rest."""
        if _walk is None:
            return self._value(obj, depth, label, "", SHOW)
        known = self._known
        return _walk(self, known.keys, known.labels, known.texts, obj, depth, label, self._again)

    def _value(self, obj: Any, depth: int, label: str, path: str, mode: int) -> Any:
        """Mask one value, and answer for its failure.

        Args:
            obj: the value.
            depth: how many containers it lies in.
            label: its key, if that tells what the value is.
            path: its folded keys, where a pattern needs them.
            mode: below 0 hides every scalar, SHOW applies the detectors, EXEMPT copies, above FORCED disguises.
        """
        self._nodes += 1
        if self._nodes > MAX_NODES:
            return markers.TOO_LARGE
        try:
            kind = type(obj)
            if kind is str:
                if mode != SHOW:
                    return self._text(obj, depth, label, path, mode)
                if obj in self._known.texts.get(label, ()):
                    return obj
                if self._keys_decide and depth <= _DEEPEST_LEARNT:
                    return self._text_again(obj, depth, label)
                # Here what is in JSON text may depend on the keys that it lies below, or is too deep to be read.
                masked = self._text(obj, depth, label, path, mode)
                if masked is obj and obj[:1] not in JSON_STARTS:
                    self._known.learn_text(obj, label)
                return masked
            if obj is None or kind is bool:
                return obj
            if kind is int or kind is float:
                return self._number(obj, label, mode)
            if depth >= MAX_DEPTH:
                return markers.TOO_DEEP
            if (
                depth
                and mode == SHOW
                and self._keys_decide
                and kind in _WALKED
                and not (label and locates(label))
                and (left := self._known.leaves(obj, MOST_LOOKED_AT, label)) >= 0
            ):
                self._nodes += MOST_LOOKED_AT - left
                return obj
            if isinstance(obj, dict):
                return self._mapping(obj, depth, path, mode)
            if kind is list or kind is tuple or (isinstance(obj, _SEQUENCES) and model_fields(kind) is None):
                return self._sequence(obj, depth, label, path, mode)
            return self._other(obj, depth, label, path, mode)
        except Exception as exc:
            failures.contain("masking", exc)
            return markers.FAILED

    def _mapping(self, obj: dict[Any, Any], depth: int, path: str, mode: int) -> dict[Any, Any]:
        masked: dict[Any, Any] = {}
        keys = self._known.keys if self._keys_decide and mode == SHOW else None
        texts = self._known.texts
        for key, value in obj.items():
            known = None if keys is None else keys.get(key) if type(key) is str else None
            if known is not None and known[0] not in masked and self._nodes < MAX_NODES:
                new_key, strategy, label = known
                kind = type(value)
                if strategy:
                    entry = self._entry(key, value, obj, depth, "", mode)
                    if entry is not _GONE:
                        masked[new_key] = entry
                elif (
                    value is None
                    or kind is bool
                    or (kind is str and value in texts[label])
                    or ((kind is int or (kind is float and not label)) and -1e6 < value < 1e6)
                ):
                    self._nodes += 1
                    masked[new_key] = value
                else:
                    masked[new_key] = self._value(value, depth + 1, label, "", mode)
            elif self._learn_entry(key, value, obj, depth, path, mode, masked):
                break
        if "value" in masked or "Value" in masked:
            self._mask_pair(obj, masked, depth, path, mode)
        return masked

    def _learn_entry(
        self, key: Any, value: Any, obj: dict[Any, Any], depth: int, path: str, mode: int, masked: dict[Any, Any]
    ) -> bool:
        """Mask an entry of which it is not known what becomes of it; tell whether no more are looked at."""
        if self._nodes >= MAX_NODES:
            masked[markers.TOO_LARGE] = None
            return True
        name = key if isinstance(key, str) else ""
        new_key = self._key(key, depth, mode)
        if new_key in masked:
            new_key = _free_name(str(new_key), masked)
        below = f"{path}.{fold_path(name)}" if self._paths else ""
        entry = self._entry(name, value, obj, depth, below, mode)
        if entry is not _GONE:
            masked[new_key] = entry
        if self._keys_decide and mode == SHOW and type(key) is str:
            self._known.learn_key(key, (self._key(key, depth, mode), self._rules.strategy(key), label_for(key)))
        return False

    def _mask_pair(self, obj: dict[Any, Any], masked: dict[Any, Any], depth: int, path: str, mode: int) -> None:
        """Mask the value of an entry that is written as a name and a value as if it stood under that name."""
        for key in VALUES:
            name = named(obj, key) if key in obj and key in masked else ""
            below = f"{path}.{fold_path(name)}" if self._paths else ""
            if name and self._rules.strategy(name, below) > self._rules.strategy(key, f"{path}.value"):
                entry = self._entry(name, obj[key], obj, depth, below, mode)
                if entry is _GONE:
                    del masked[key]
                else:
                    masked[key] = entry

    def _entry(self, name: str, value: Any, siblings: dict[Any, Any], depth: int, path: str, mode: int) -> Any:
        if name:
            rules = self._rules
            strategy = rules.strategy(name, path)
            if strategy and not ("logprob" in siblings and name == "token" and not rules.listed(name, path)):
                return self._disguised(strategy, value, depth, name, path, mode)
            if mode <= EXEMPT:
                if rules.allow and rules.allow.holds(name, path):
                    mode = EXEMPT
                elif mode < 0:
                    mode = self._shown(name, path, mode)
        return self._value(value, depth + 1, "" if mode == EXEMPT else label_for(name), path, mode)

    def _disguised(self, strategy: Strategy, value: Any, depth: int, name: str, path: str, mode: int) -> Any:
        """Return what becomes of the value under a key that asks for a strategy."""
        if mode == EXEMPT:
            strategy = self._rules.tighter.find(name, path)
            if not strategy:
                return self._value(value, depth + 1, "", path, mode)
        if mode > FORCED:
            strategy = max(strategy, Strategy(mode - FORCED))
        hits.counted[hits.BY_KEY] += 1
        if strategy is Strategy.REMOVE:
            return _GONE
        # What is absent stays so: a missing password tells nothing, and it explains many failures.
        if value is None:
            return None
        if strategy == Strategy.HIDE:
            return markers.HIDDEN
        if strategy == Strategy.SHAPE and isinstance(value, (dict, list, tuple, set, frozenset)):
            return shape_of(value)
        return self._value(value, depth + 1, label_for(name), path, FORCED + strategy)

    def _shown(self, name: str, path: str, mode: int) -> int:
        """Return what holds below a key under strict policies."""
        pending = -mode
        for bit, names in enumerate(self._rules.shows):
            if pending >> bit & 1 and names.holds(name, path):
                pending &= ~(1 << bit)
        return -pending

    def _key(self, key: Any, depth: int, mode: int) -> Any:
        if mode == EXEMPT:
            return key
        if isinstance(key, str):
            return key if key in self._rules.allow_texts else self._texts.mask(key)
        # A number or a tuple as a key is structure, which strict leaves alone; the detectors still see it.
        return self._value(key, depth + 1, "", "", SHOW)

    def _sequence(self, obj: Any, depth: int, label: str, path: str, mode: int) -> Any:
        items: list[Any] = []
        rest: Iterable[Any] = obj
        if (
            type(obj) in _LISTS
            and mode == SHOW
            and self._keys_decide
            and depth + 1 < MAX_DEPTH
            and self._nodes + len(obj) + MOST_LOOKED_AT < MAX_NODES
            and not (label and locates(label))
        ):
            # A conversation is what was said before, and what is new.
            count, left = self._known.leading(obj, MOST_LOOKED_AT, label)
            self._nodes += count + MOST_LOOKED_AT - left
            items += obj[:count]
            rest = obj[count:]
        for item in rest:
            if self._nodes >= MAX_NODES:
                items.append(markers.TOO_LARGE)
                break
            items.append(self._value(item, depth + 1, label, path, mode))
        if isinstance(obj, list):
            return items
        if isinstance(obj, tuple):
            same = (
                type(obj) is tuple and len(items) == len(obj) and all(a is b for a, b in zip(items, obj, strict=True))
            )
            return obj if same else tuple(items)
        return frozenset(items) if isinstance(obj, frozenset) else set(items)

    def _other(self, obj: Any, depth: int, label: str, path: str, mode: int) -> Any:
        if isinstance(obj, (bytes, bytearray)):
            raw = bytes(obj)
            try:
                text, codec = raw.decode("utf-8"), "utf-8"
            except UnicodeDecodeError:
                text, codec = raw.decode("latin-1"), "latin-1"
            masked = self._text(text, depth, label, path, mode)
            return raw if masked is text else masked.encode(codec)
        if isinstance(obj, str):
            return self._text(str.__str__(obj), depth, label, path, mode)
        if isinstance(obj, int):
            return self._number(int.__index__(obj), label, mode)
        if isinstance(obj, float):
            return self._number(float.__float__(obj), label, mode)
        if is_subtype(Enum, type(obj)):
            return self._value(read_field(obj, "value"), depth + 1, label, path, mode)
        fields = model_fields(type(obj))
        if fields is not None:
            found = {name: read_field(obj, name) for name in fields}
            return self._mapping({n: v for n, v in found.items() if v is not MISSING}, depth, path, mode)
        raise TypeError(f"cannot mask a value of type {type(obj).__name__}")


def _free_name(name: str, taken: dict[Any, Any]) -> str:
    number = 2
    while f"{name} {number}" in taken:
        number += 1
    return f"{name} {number}"


_walk: Callable[..., Any] | None = None
"""Does as `Walk._value` does, where nothing but keys decide; None where nothing is compiled."""

if hot is not None:
    _walk = hot.walk
    hot.bind_walk(
        {
            "GONE": _GONE,
            "too_large": markers.TOO_LARGE,
            "failed_to_mask": markers.FAILED,
            "hidden": markers.HIDDEN,
            "contain": failures.contain,
        }
    )
