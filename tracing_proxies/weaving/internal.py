"""Keeps our own frames out of the application's sight: out of warnings, log records, tracebacks and tracers.

``warnings.warn(stacklevel=…)``, and since Python 3.11 ``logging`` with ``stacklevel``, count frames but pass over those
whose file name says that they belong to the import system; for them a wrapper's frame has to be such a one too. From a
traceback a frame is taken by cutting off its entry where the exception passes through. And the frame around a woven
function passes for one of that function's module.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FunctionType
from typing import Any

from tracing_proxies.compiled import Function, hidden

# What `warnings._is_internal_frame` looks for: "importlib" and "_bootstrap". Not the name of the real one, whose frames
# the interpreter cuts out of the tracebacks of failed imports together with their neighbours.
FILE = "<tracing_proxies, skipped as importlib._bootstrap is>"

_traceback_of: Any = BaseException.__dict__["__traceback__"].__get__
_set_traceback: Any = BaseException.__dict__["__traceback__"].__set__


def _renamed(code: CodeType) -> CodeType:
    constants = tuple(_renamed(constant) if type(constant) is CodeType else constant for constant in code.co_consts)
    return code.replace(co_filename=FILE, co_consts=constants)


def internal(function: Function) -> Function:
    """Make a function, and those that are defined in it, ones that counters of frames pass over; returns it."""
    assert type(function) is FunctionType
    function.__code__ = _renamed(function.__code__)
    return function


def aside(function: Function) -> Function:
    """Make a function internal, and have tracers not see what it does; returns what stands for it."""
    return hidden(internal(function))


def as_of(function: Any, module: str) -> FunctionType:
    """Copy a function of ours so that its frames pass for those of another module.

    Code that looks for the first frame outside of its own package, as loggers do to name their caller, goes by the name
    of a frame's module, or by the folder of its file; for it the frame around a woven function has to be inside.
    """
    file = getattr(sys.modules.get(module), "__file__", None)
    folder = os.path.dirname(file) if type(file) is str else ""
    code = function.__code__.replace(co_filename=os.path.join(folder, FILE))
    names = {"__name__": module, "__file__": file, "__package__": module.rpartition(".")[0]}
    return FunctionType(
        code, {**function.__globals__, **names}, function.__name__, function.__defaults__, function.__closure__
    )


def all_internal(cls: type) -> type:
    """Do the same for every function in the body of a class; returns the class."""
    for entry in vars(cls).values():
        if type(entry) is FunctionType:
            internal(entry)
    return cls


@aside
def cut_frame(exc: BaseException) -> None:
    """Take the entries of our frames off the head of an exception's traceback; a bare ``raise`` must follow.

    The head is the frame that catches: the outermost one of ours has to. From Python 3.11 on the entries do not come
    back; 3.10 raises with the traceback that it has caught.
    """
    traceback = _traceback_of(exc)
    while traceback is not None and traceback.tb_frame.f_code.co_filename.endswith(FILE):
        traceback = traceback.tb_next
    _set_traceback(exc, traceback)
