"""Finds the application's own calls of language models, where no framework's rules trace them."""

from __future__ import annotations

from collections.abc import Iterator

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.candidates import MODEL, Candidate, behaves, can_be_named
from tracing_proxies.scanning.facts import ClassFacts
from tracing_proxies.scanning.idioms import (
    ASKED_METHOD,
    MODEL_CLASS,
    MODEL_FUNCTION,
    MODEL_HOLDER,
    MODEL_METHOD,
    SURE_MODEL_CLASS,
)
from tracing_proxies.scanning.usage import Usage


def find_models(application: Application, usage: Usage) -> Iterator[Candidate]:
    """Yield the methods and functions that ask a model."""
    asked = {
        name
        for holder, name in application.method_calls
        if MODEL_HOLDER.search(holder) and (MODEL_METHOD.fullmatch(name) or ASKED_METHOD.fullmatch(name))
    }
    for cls in application.classes():
        if MODEL_CLASS.search(cls.name) and behaves(application, cls):
            yield from _of_class(application, usage, cls, asked)
    clients = [end for used in usage.frameworks for end in used.framework.calls]
    for module in application.modules.values():
        for function in module.functions.values():
            if not MODEL_FUNCTION.fullmatch(function.name) or function.stub:
                continue
            if any(call.name.endswith(end) for call in function.calls for end in clients):
                continue  # the client's own rule says more: the model's name and its tokens
            if can_be_named(application, function) is None:
                yield Candidate(MODEL, function, "is called like a question to a model")


def _of_class(application: Application, usage: Usage, cls: ClassFacts, asked: set[str]) -> Iterator[Candidate]:
    if usage.base(application, cls, "models") is not None:
        return
    sure = SURE_MODEL_CLASS.search(cls.name) is not None
    wanted = {name for name in cls.methods if name in asked or (sure and MODEL_METHOD.fullmatch(name))}
    for name in sorted(wanted):
        method = cls.methods[name]
        inner = any(call.name == f"self.{name}" for other in wanted - {name} for call in cls.methods[other].calls)
        if method.stub or inner or can_be_named(application, method) is not None:
            continue
        top = next((above for above in reversed(application.ancestors(cls)) if name in above.methods), cls)
        why = "is called a model" if sure else "is asked as a model"
        yield Candidate(MODEL, method, f"{cls.path} {why}", top)
