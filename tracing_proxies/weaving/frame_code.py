"""Reads from a function's code how far up the stack it looks."""

from __future__ import annotations

import dis
import inspect
import sys
import traceback
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

FAR = 64
"""Frames: "looks through the whole stack"."""

_WALKERS = frozenset(
    ("stack", "extract_stack", "walk_stack", "getouterframes", "print_stack", "format_stack", "_current_frames")
)
_COUNTERS = frozenset(("_getframe", "_getframemodulename"))
_MARKS = _WALKERS | _COUNTERS | {"currentframe", "f_back"}
_CONSTANTS = ("LOAD_CONST", "LOAD_SMALL_INT")
_NO_ARGUMENT = ("PUSH_NULL", "PRECALL", "CACHE", "NOP")
_TAKERS = frozenset(
    getattr(module, name)
    for module in (sys, inspect, traceback)
    for name in (*_WALKERS, *_COUNTERS, "currentframe")
    if hasattr(module, name)
)
_FUNCTIONS = (FunctionType, BuiltinFunctionType)


def own_need(code: CodeType) -> int:
    """Count how many frames above its own a code object looks, its inner functions included.

    Returns:
        0 for none, ``FAR`` for the whole stack.
    """
    most = 0 if _MARKS.isdisjoint(code.co_names) else _read_code(code)
    for constant in code.co_consts:
        if type(constant) is CodeType:
            inner = own_need(constant)
            most = max(most, inner if inner >= FAR else inner - 1)
    return most


def is_taker(name: str, found: Any) -> bool:
    """Tell whether an object that a module names takes frames, and is not found by that name itself."""
    return type(found) in _FUNCTIONS and found in _TAKERS and (name == "stack" or name not in _MARKS)


def takes_by_alias(code: CodeType, namespace: dict[str, Any]) -> bool:
    """Tell whether a code object, or a function within it, has another name for what takes frames.

    Args:
        namespace: its globals.
    """
    for name in code.co_names:
        if is_taker(name, dict.get(namespace, name)):  # past what a subclass of the application's has
            return True
    return any(type(constant) is CodeType and takes_by_alias(constant, namespace) for constant in code.co_consts)


def names_in(code: CodeType) -> set[str]:
    """Return the global and attribute names in a code object and its inner functions."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if type(constant) is CodeType:
            found |= names_in(constant)
    return found


def _read_code(code: CodeType) -> int:
    instructions = list(dis.get_instructions(code))
    most, backs, loops, frame = 0, 0, False, False
    for at, instruction in enumerate(instructions):
        value = instruction.argval
        if type(value) is not str:
            loops = loops or _jumps_back(instruction)
        elif value in _WALKERS and _is_of_the_stack(value, code):
            return FAR
        elif value == "f_back":
            backs += 1
        elif value == "currentframe":
            frame = True
        elif value in _COUNTERS:
            frame = True
            most = max(most, _argument(instructions[at + 1 :]))
    if backs and loops:
        return FAR
    return most + backs if frame or backs else most


def _is_of_the_stack(name: str, code: CodeType) -> bool:
    # `stack` alone is a common name: numpy.stack, a list of things.
    return name != "stack" or "inspect" in code.co_names


def _jumps_back(instruction: dis.Instruction) -> bool:
    if instruction.opname.startswith("JUMP_BACKWARD"):
        return True
    jumps = instruction.opcode in dis.hasjabs or instruction.opcode in dis.hasjrel
    return jumps and type(instruction.argval) is int and instruction.argval < instruction.offset


def _argument(instructions: list[dis.Instruction]) -> int:
    """Return how many frames up is asked for; ``FAR`` where that is computed."""
    given: list[dis.Instruction] = []
    for instruction in instructions:
        if instruction.opname.startswith("CALL"):
            break
        if instruction.opname not in _NO_ARGUMENT:
            given.append(instruction)
    if len(given) > 1 or not all(one.opname in _CONSTANTS and type(one.argval) is int for one in given):
        return FAR
    return int(given[0].argval) if given else 0
