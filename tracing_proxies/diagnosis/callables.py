"""Looks at what is woven: who else wraps it, who holds it out of reach, and what calls itself."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tracing_proxies.diagnosis.finding import NOTE, Finding
from tracing_proxies.registry.fields import attributes_of, module_of, mro_of, type_name
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.proxies import raw_of
from tracing_proxies.weaving.weaver import Weaver

_MOST = 20
_LAYERS = 32
_EARLIER = "Activate before it is imported (tracing-proxies run does), or name what holds it by a rule of its own."


def look_at_callables(weaver: Weaver) -> Iterator[Finding]:
    """Yield what there is to say of the callables that a weaver has woven."""
    points = list(weaver.points)
    yield from _refused(weaver)
    yield from _some("wrapper", [found for point in points for found in _wrappers(point)])
    yield from _some("reference", [*_beyond(weaver), *_elsewhere(points)])
    if weaver.aliases:
        seen = f"{weaver.aliases} references were held elsewhere when tracing began, and hold the traced callable now."
        yield Finding(
            NOTE, "late", seen, "Activate before the application's imports where you can: none is missed then."
        )
    yield from _some("recursion", [found for point in points for found in _recursion(point)])


def _refused(weaver: Weaver) -> Iterator[Finding]:
    for target, reason in weaver.refused.items():
        yield Finding(NOTE, "refused", f"{target} is not traced: {reason}.", "Name a function that calls it instead.")


def _some(about: str, found: list[Finding]) -> Iterator[Finding]:
    """Pass on so many findings of one kind, and count the rest."""
    yield from found[:_MOST]
    if len(found) > _MOST:
        yield Finding(NOTE, about, f"There are {len(found) - _MOST} more of this kind.")


def layers_of(raw: Any) -> list[str]:
    """Name the layers of wrappers around the innermost function of an entry, the outermost first."""
    layers: list[str] = []
    current = getattr(raw, "__func__", raw)
    for _ in range(_LAYERS):
        if type(current) is FunctionType:
            inner, layer = vars(current).get("__wrapped__"), str(current.__globals__.get("__name__"))
            layer = f"{layer} (functools.wraps)"
        elif any(base.__name__ == "ObjectProxy" and base.__module__ in _WRAPT for base in mro_of(type(current))):
            wrapper = getattr(current, "_self_wrapper", None)
            inner, layer = raw_of(current), f"{getattr(wrapper, '__module__', 'somebody')} (wrapt)"
        else:
            break
        if inner is None:
            break
        layers.append(layer)
        current = inner
    return layers


_WRAPT = ("_wrappers", "wrapt.proxies", "wrapt.wrappers")


def _wrappers(point: JoinPoint) -> Iterator[Finding]:
    home = point.target.module.partition(".")[0]
    foreign = [layer for layer in layers_of(point.raw) if layer.partition(".")[0].partition(" ")[0] != home]
    if foreign:
        seen = f"{point.target} is wrapped already, by {', then '.join(foreign)}; our wrapper is the outermost."
        yield Finding(NOTE, "wrapper", seen, "Nothing, unless that wrapper traces too: then switch one of the two off.")


def _beyond(weaver: Weaver) -> Iterator[Finding]:
    for place, reason in weaver.reach.beyond.items():
        yield Finding(
            NOTE, "reference", f"{place} holds a traced callable {reason}; calls through it leave no span.", _EARLIER
        )


def _elsewhere(points: list[JoinPoint]) -> Iterator[Finding]:
    """Ask the garbage collector who holds raw functions still: attributes of instances, for the most part."""
    raws = {id(point.function): point for point in points if point.entry is not None}
    if not raws:
        return
    places: dict[str, None] = {}
    for holder in gc.get_referrers(*[point.function for point in raws.values()]):
        if type(holder) is dict:
            for instance in gc.get_referrers(holder):
                if getattr(type(instance), "__dictoffset__", 0) and _attributes(instance) is holder:
                    places.update(dict.fromkeys(_name(instance, holder, raws)))
        else:
            attributes = _attributes(holder)
            if attributes is not None:
                places.update(dict.fromkeys(_name(holder, attributes, raws)))
    for place in places:
        yield Finding(NOTE, "reference", f"{place}; calls through it leave no span.", _EARLIER)


def _attributes(instance: Any) -> Any:
    kind = type(instance)
    if type(kind) is not type or issubclass(kind, (ModuleType, type, FunctionType)):
        return None
    if str(module_of(kind)).partition(".")[0] in ("tracing_proxies", "functools", "builtins"):
        return None
    return attributes_of(instance)


def _name(instance: Any, attributes: dict[str, Any], raws: dict[int, JoinPoint]) -> Iterator[str]:
    for name, value in list(attributes.items()):
        point = raws.get(id(value))
        if point is not None and point.function is value and name != "__wrapped__":
            yield f"An instance of {type_name(type(instance))} holds {point.target} as {name!r}"


def _recursion(point: JoinPoint) -> Iterator[Finding]:
    function = point.function
    if type(function) is FunctionType and _calls(function.__code__, point.target.name):
        seen = f"{point.target} seems to call itself: each level is a span, and takes one Python frame more."
        yield Finding(NOTE, "recursion", seen, "Trace the function that calls it first, or raise the recursion limit.")


def _calls(code: CodeType, name: str) -> bool:
    return name in code.co_names or name in code.co_freevars
