"""Reads from a function's code how far up the stack it looks."""

from __future__ import annotations

import dis
from types import CodeType

FAR = 64
"""Frames: "looks through the whole stack"."""

_UNKNOWN = 3  # frames, where the number is computed
_WALKERS = frozenset(
    ("stack", "extract_stack", "walk_stack", "getouterframes", "print_stack", "format_stack", "_current_frames")
)
_COUNTERS = frozenset(("_getframe", "_getframemodulename"))
_MARKS = _WALKERS | _COUNTERS | {"currentframe", "f_back"}
_LOADS = ("LOAD_FAST", "LOAD_DEREF", "LOAD_GLOBAL", "LOAD_NAME")
_CONSTANTS = ("LOAD_CONST", "LOAD_SMALL_INT")


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
            most = max(most, _argument(instructions[at + 1 : at + 6]))
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
    for instruction in instructions:
        if instruction.opname in _CONSTANTS:
            return instruction.argval if type(instruction.argval) is int else 0
        if instruction.opname.startswith(_LOADS):
            return _UNKNOWN
        if instruction.opname.startswith("CALL"):
            return 0
    return 0
