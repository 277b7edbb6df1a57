"""Builds the compiled hot path, which is optional: without a compiler its Python original runs."""

from __future__ import annotations

from setuptools import Extension, setup

PARTS = (
    *("module", "clock", "fields", "contexts", "binding", "begin", "finish", "inlet", "advice"),
    *("steps", "streams", "generators", "managers", "coroutines"),
    *("capture", "containers", "models", "copied"),
    *("unrecorded", "chosen", "judged", "ended", "adoption", "reading", "logic", "outcome", "entries", "messages"),
    *("again", "marks", "jsontext"),
    *("known", "walk", "fragments", "prepare", "masked", "leaves", "written", "encode", "standing", "lock"),
    *("gate", "runs", "checks", "finds"),
    *("lasting", "settled", "kept", "uncounted", "untraced", "untold", "promoted", "carried", "stays"),
    *("glance", "stretch", "sketch", "gathering", "closer", "below", "watched", "bodies", "aside", "forwards", "depth"),
)
HEADERS = ("parts", "copying", "observation", "closer", "collector")

setup(
    ext_modules=[
        Extension(
            "tracing_proxies._hot",
            [f"tracing_proxies/hot/{part}.c" for part in PARTS],
            depends=[f"tracing_proxies/hot/{header}.h" for header in HEADERS],
            libraries=["m"],
            extra_compile_args=["-O2", "-fvisibility=hidden"],
            optional=True,
        )
    ]
)
