"""Every kind of callable answers every question as untraced, calls give what they gave, and each leaves its span."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import copy
import functools
import inspect
import operator
import pickle
import pydoc
import re
import types
import typing
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.weaving.every_kind import CALLABLES, SOURCE
from tests.weaving.twins import in_place, outcome, twins

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ATTRIBUTES = (
    *("__name__", "__qualname__", "__doc__", "__module__", "__annotations__", "__defaults__", "__kwdefaults__"),
    *("__dict__", "__wrapped__", "__self__", "__func__", "__isabstractmethod__", "__type_params__", "__class__"),
    *("func", "args", "keywords", "cache_info", "registry", "nothing"),
)
SPECIAL = (
    *("__len__", "__iter__", "__enter__", "__exit__", "__getitem__", "__add__", "__await__", "__int__", "__bool__"),
    *("__set_name__", "__call__", "__hash__", "__index__", "__contains__", "__aenter__", "__or__", "__next__"),
    *("__mro_entries__", "__abs__", "__iadd__", "__reduce__", "__instancecheck__", "__fspath__", "__wrapped__"),
)
TYPES = (
    *(types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial),
    *(collections.abc.Callable, collections.abc.Iterable, collections.abc.Sized, collections.abc.Container),
    *(collections.abc.Hashable, collections.abc.Awaitable, collections.abc.Iterator, collections.abc.Reversible),
    *(contextlib.AbstractContextManager, contextlib.AbstractAsyncContextManager),
    *(typing.SupportsInt, typing.SupportsFloat, typing.SupportsIndex, typing.SupportsAbs),
)


def wrapped_by(function: Any) -> Any:
    def wrapper(*args: Any) -> None:
        """Wrap."""

    functools.update_wrapper(wrapper, function)
    return [wrapper.__name__, str(inspect.signature(wrapper)), wrapper.__wrapped__ == function]  # type: ignore[attr-defined]


def updated_by(function: Any) -> Any:
    """Let another function's looks be put on, and take them off again."""

    def other(x: int, y: int) -> None:
        """Another."""

    looks = {name: getattr(function, name) for name in functools.WRAPPER_ASSIGNMENTS}
    wrapped = getattr(function, "__wrapped__", None)
    functools.update_wrapper(function, other)
    answers = [function.__name__, str(inspect.signature(function)), function.__doc__, function.__wrapped__ is other]
    if wrapped is None:
        del function.__wrapped__
    else:
        function.__wrapped__ = wrapped
    for name, value in looks.items():
        setattr(function, name, value)
    return answers


def referred_to(function: Any) -> bool:
    if type(function) is types.MethodType:
        return weakref.WeakMethod(function)() == function
    return weakref.ref(function)() is function


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "signature": lambda f: str(inspect.signature(f)),
    "argspec": lambda f: str(inspect.getfullargspec(f)),
    "hints": lambda f: str(typing.get_type_hints(f)),
    "kind": lambda f: [
        inspect.iscoroutinefunction(f),
        asyncio.iscoroutinefunction(f),
        inspect.isgeneratorfunction(f),
        inspect.isasyncgenfunction(f),
        inspect.isfunction(f),
        inspect.ismethod(f),
        inspect.isroutine(f),
        inspect.isbuiltin(f),
        inspect.isabstract(f),
        inspect.isclass(f),
        inspect.isawaitable(f),
        callable(f),
    ],
    "isinstance": lambda f: [kind for kind in TYPES if isinstance(f, kind)],
    "types_name": lambda f: type(f).__name__,
    "attributes": lambda f: [outcome(partial(getattr, f, name)) for name in ATTRIBUTES],
    "special_methods": lambda f: [name for name in SPECIAL if hasattr(f, name)],
    "dir": dir,
    "code": lambda f: (f.__code__.co_name, f.__globals__["__name__"], inspect.getfile(f)),
    "source": lambda f: inspect.getsource(f),
    "closure": lambda f: sorted(inspect.getclosurevars(f).globals),
    "unwrap": lambda f: (inspect.unwrap(f), inspect.unwrap(f) is f),
    "wrapped_or_self": lambda f: getattr(f, "__wrapped__", "none"),
    "text": lambda f: (repr(f), str(f), f"{f}", ascii(f)),
    "truth": bool,
    "no_number": lambda f: outcome(lambda: f + 1),
    "no_length": lambda f: outcome(lambda: len(f))[0],
    "no_items": lambda f: outcome(lambda: f[0])[0],
    "no_iteration": lambda f: outcome(lambda: list(f))[0],
    "no_order": lambda f: outcome(lambda: sorted([f, f]))[0],
    "equality": lambda f: (f == f, f != f, f == 1, hash(f) == hash(f), {f: 1}[f], [f].index(f)),
    "weak_reference": referred_to,
    "partial": lambda f: str(inspect.signature(functools.partial(f))),
    "wrapper": wrapped_by,
    "update_wrapper": updated_by,
    "copy": lambda f: (copy.copy(f) == f, copy.copy(f) is f),
    "documentation": lambda f: pydoc.plain(pydoc.render_doc(f)),
    "new_attribute": lambda f: [
        outcome(lambda: setattr(f, "extra", 1)),
        outcome(lambda: f.extra),
        outcome(lambda: delattr(f, "extra")),
        outcome(lambda: f.extra),
    ],
}
# What cannot be the same: these objects do not bind, and our proxies of them have a `__get__` all the same.
UNANSWERED = {
    "frozen": {"documentation", "kind", "hints"},
    "called": {"documentation", "kind", "argspec"},
    "C.size_of": {"kind"},
    "C.helper": {"documentation", "kind", "argspec"},
}


def described(value: Any) -> Any:
    """Describe an answer such that those of two modules can be compared."""
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    if type(value) is dict:
        return {str(key): described(item) for key, item in value.items()}
    return re.sub(r"0x[0-9a-f]+", "0x", value if type(value) is str else repr(value))


def read(module: Any, expression: str) -> Any:
    return eval(expression, vars(module))


def answers_of(function: Any) -> dict[str, Any]:
    return {name: described(outcome(partial(question, function))) for name, question in QUESTIONS.items()}


@pytest.mark.parametrize("expression", CALLABLES)
def test_a_woven_callable_answers_every_question_as_untraced(expression: str) -> None:
    left_out = UNANSWERED.get(CALLABLES[expression], set())
    with twins(SOURCE, CALLABLES[expression]) as (untraced, traced, _):
        answers = []
        for module in (untraced, traced):
            with in_place(module):
                answers.append(answers_of(read(module, expression)))
        expected, got = ({k: v for k, v in each.items() if k not in left_out} for each in answers)
        assert got == expected


@pytest.mark.parametrize("expression", CALLABLES)
def test_reading_a_callable_twice_gives_what_it_gave_untraced(expression: str) -> None:
    owner, _, name = expression.rpartition(".")
    holder = owner or "object()"
    with twins(SOURCE, CALLABLES[expression]) as (untraced, traced, _):
        for compare in (operator.is_, operator.eq, lambda a, b: hash(a) == hash(b)):
            answers = []
            for module in (untraced, traced):
                held = read(module, holder)
                first, second = (getattr(held, name) if owner else vars(module)[name] for _ in range(2))
                answers.append(compare(first, second))
            assert answers[0] == answers[1]


async def awaited(awaitable: Any) -> Any:
    return await awaitable


async def read_to_the_end(stream: Any) -> list[Any]:
    return [item async for item in stream]


def entered(manager: Any) -> Any:
    with manager as value:
        return value


async def async_entered(manager: Any) -> Any:
    async with manager as value:
        return value


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def returned(stream: Any) -> Any:
    seen = []
    try:
        while True:
            seen.append(next(stream))
    except StopIteration as stop:
        return seen, stop.value


# What is called, by the pattern that weaves it, with the number of spans that it leaves.
CALLS: dict[str, tuple[str, int, Callable[[Any], Any]]] = {
    "function": ("plain", 1, lambda m: m.plain(1, 2, 3, key="x", self=4, wrapped=5, instance=6, args=7, kwargs=8)),
    "wrong_arguments": ("plain", 1, lambda m: outcome(m.plain)),
    "positional_only_by_name": ("plain", 1, lambda m: outcome(lambda: m.plain(a=1))),
    "coroutine": ("coroutine", 1, lambda m: run(m.coroutine(1))),
    "generator": ("generator", 1, lambda m: returned(m.generator(1))),
    "async_generator": ("async_generator", 1, lambda m: run(read_to_the_end(m.async_generator(1)))),
    "generator_based": ("based", 1, lambda m: run(awaited(m.based(1)))),
    "handed_out_coroutine": ("hands_out_coroutine", 1, lambda m: run(m.hands_out_coroutine(1))),
    "handed_out_generator": ("hands_out_generator", 1, lambda m: returned(m.hands_out_generator(1))),
    "handed_out_async_generator": (
        "hands_out_async_generator",
        1,
        lambda m: run(read_to_the_end(m.hands_out_async_generator(1))),
    ),
    "manager": ("manager", 1, lambda m: entered(m.manager(1))),
    "async_manager": ("async_manager", 1, lambda m: run(async_entered(m.async_manager(1)))),
    "manager_as_decorator": ("manager", 2, lambda m: (lambda f: [f(), f()])(m.manager(1)(lambda: 5))),
    "async_manager_as_decorator": ("async_manager", 1, lambda m: run(m.async_manager(1)(awaited)(m.coroutine(4)))),
    "exit_stack": (
        "manager",
        2,
        lambda m: (lambda s: [s.enter_context(m.manager(n)) for n in (1, 2)] + [s.close()])(contextlib.ExitStack()),
    ),
    "decorated": ("decorated", 1, lambda m: m.decorated(1)),
    "decorated_inside": ("plain", 0, lambda m: m.decorated(1)),
    "decorated_twice": ("twice", 1, lambda m: m.twice(1)),
    "lambda": ("anonymous", 1, lambda m: m.anonymous(3)),
    "cached": (
        "cached",
        3,
        lambda m: [
            m.cached(1) is m.cached(1),
            m.cached.cache_info(),
            m.cached.cache_parameters(),
            m.cached.cache_clear(),
            m.cached.__wrapped__(2),
            m.cached(1),
        ],
    ),
    "cached_for_good": ("cached_for_good", 2, lambda m: [m.cached_for_good(1) is m.cached_for_good(1)]),
    "dispatched": (
        "dispatched",
        3,
        lambda m: [
            m.dispatched(1),
            m.dispatched(""),
            m.dispatched.register(str, lambda s: "str") is not None,
            m.dispatched(""),
            m.dispatched.dispatch(str) is m.dispatched.registry[str],
            len(m.dispatched.registry),
        ],
    ),
    "partial": ("frozen", 1, lambda m: [m.frozen(5), m.frozen.func.__name__, m.frozen.args, m.frozen.keywords]),
    "callable_object": (
        "called",
        2,
        lambda m: [m.called(2), m.called(a=3), m.called.calls, list(m.called), len(m.called)],
    ),
    "method": (
        "C.method",
        3,
        lambda m: [m.C("x").method(1), m.C.method(m.C("y"), 1, 2, 3, other=4), m.C.method(self=m.C("z"), a=1)],
    ),
    "method_of_anything": ("C.method", 1, lambda m: m.C.method(types.SimpleNamespace(name="duck"), 1)),
    "method_without_an_instance": ("C.method", 2, lambda m: [outcome(m.C.method), outcome(m.C("x").method)]),
    "method_without_self": ("C.no_self", 2, lambda m: [m.C.no_self(), outcome(m.C().no_self)]),
    "method_with_rest_only": ("C.only_rest", 2, lambda m: [m.C().only_rest(1, self=2), m.C.only_rest(1, 2)]),
    "method_of_subclass": ("C.method", 1, lambda m: m.Sub("x").method(1)),
    "super_chain": ("Sub.method", 1, lambda m: m.Sub("x").method(1)),
    "super_chains_merged": ("C+.method", 1, lambda m: m.Diamond("x").method(1)),
    "coroutine_method": ("C.coroutine", 1, lambda m: run(m.C("x").coroutine(1))),
    "generator_method": ("C.generator", 1, lambda m: returned(m.C("x").generator(1))),
    "async_generator_method": ("C.async_generator", 1, lambda m: run(read_to_the_end(m.C("x").async_generator(1)))),
    "manager_method": ("C.manager", 2, lambda m: [entered(m.C("x").manager(1)), m.C("y").manager(2)(lambda: 6)()]),
    "class_method": ("C.made", 2, lambda m: [m.C.made(), m.C().made("x"), m.Sub.made.__func__(m.C)]),
    "class_method_of_subclass": ("C+.made", 1, lambda m: m.Sub.made()),
    "static_method": (
        "C.static",
        4,
        lambda m: [m.C.static(), m.C().static(2), m.Sub.static(3), vars(m.C)["static"](4)],
    ),
    "class_coroutine": ("C.made_later", 1, lambda m: run(m.C.made_later())),
    "static_generator": ("C.static_generator", 1, lambda m: returned(m.C.static_generator(1))),
    "property": (
        "C.size",
        1,
        lambda m: (lambda c: [c.size, setattr(c, "size", 5), c.written, delattr(c, "size"), c.written])(m.C("abc")),
    ),
    "property_over_super": ("C.size", 1, lambda m: m.Sub("abc").size),
    "read_only_property": (
        "C.read_only",
        1,
        lambda m: (
            lambda c: [
                c.read_only,
                outcome(lambda: setattr(c, "read_only", 5)),
                outcome(lambda: delattr(c, "read_only")),
            ]
        )(m.C("abc")),
    ),
    "private_property": (
        "C._hidden",
        1,
        lambda m: [m.C("abc")._hidden, m.C._hidden.__doc__, outcome(lambda: setattr(m.C(), "_hidden", 1))],
    ),
    "property_of_a_callable": ("C.fetched", 1, lambda m: m.C("abc").fetched),
    "property_subclass": (
        "C.typed",
        1,
        lambda m: [
            m.C("abc").typed,
            type(m.C.typed).__name__,
            m.C.typed.__doc__,
            outcome(lambda: setattr(m.C(), "typed", 1)),
        ],
    ),
    "odd_property": ("C.odd", 1, lambda m: [m.C("abc").odd, type(m.C.odd).__name__, m.C.odd.__doc__, m.C.odd.unit]),
    "property_extended": (
        "C.size",
        1,
        lambda m: [
            m.C.size.getter(lambda self: 5).fget(0),
            m.C.size.setter(None).fset,
            m.C.size.__doc__,
            m.C("x").size,
        ],
    ),
    "cached_property": (
        "C.heavy",
        1,
        lambda m: (
            lambda c: [c.heavy is c.heavy, c.heavy, vars(c)["heavy"] is c.heavy, m.C.heavy.__doc__, m.C.heavy.attrname]
        )(m.C("abc")),
    ),
    "a_users_cached_property": (
        "C.lazy",
        1,
        lambda m: (lambda c: [c.lazy is c.lazy, c.lazy, m.C.lazy.name, m.C.lazy.__doc__])(m.C("abc")),
    ),
    "decorated_method": ("C.decorated", 1, lambda m: m.C("x").decorated(1)),
    "cached_method": (
        "C.remembered",
        3,
        lambda m: (
            lambda c: [
                c.remembered(1) is c.remembered(1),
                m.C.remembered(c, 1),
                m.C.remembered.cache_info(),
                c.remembered.cache_info(),
            ]
        )(m.C("x")),
    ),
    "partial_method": (
        "C.frozen",
        2,
        lambda m: [m.C("x").frozen(2), m.C.frozen(m.C("y"), 2), type(vars(m.C)["frozen"]).__name__],
    ),
    "dispatched_method": (
        "C.dispatched",
        3,
        lambda m: [m.C("x").dispatched(1), m.C("x").dispatched(""), m.C.dispatched(m.C("y"), 1)],
    ),
    "dispatched_method_registered_later": (
        "C.dispatched",
        1,
        lambda m: [
            m.C.dispatched.register(str, lambda self, s: "str") is not None,
            vars(m.C)["dispatched"].register(bytes)(lambda self, s: "bytes") is not None,
            m.C().dispatched(""),
        ],
    ),
    "dispatched_class_method": ("C.class_dispatched", 1, lambda m: m.C.class_dispatched(1)),
    "private_method": ("C._C__private", 1, lambda m: m.C("x").reach_private()),
    "nested_class": ("C.Inner.method", 1, lambda m: m.C.Inner().method()),
    "nested_twice": ("C.Inner.Innermost.method", 1, lambda m: m.C.Inner.Innermost().method()),
    "late_method": ("C.late", 1, lambda m: m.C("x").late()),
    "function_in_class_body": ("C.shared", 1, lambda m: m.C().shared(key=1)[1:]),
    "builtin_in_class_body": ("C.size_of", 0, lambda m: [m.C().size_of("abc"), m.C.size_of("ab")]),
    "object_in_class_body": ("C.helper", 2, lambda m: [m.C().helper(1), m.C.helper(a=2), m.C.helper.calls]),
    "init": ("C.__init__", 2, lambda m: [m.C("x").name, m.Sub(name="y").name]),
    "new": ("Dunders.__new__", 2, lambda m: [m.Dunders(1, tag=2).how, m.Dunders.__new__(m.Dunders, 5).how]),
    "init_subclass": ("Dunders.__init_subclass__", 1, lambda m: types.new_class("Made", (m.Dunders,), {"tag": 5}).tag),
    "class_getitem": ("Dunders.__class_getitem__", 1, lambda m: m.Dunders[5]),
    "call": ("Dunders.__call__", 2, lambda m: [m.Dunders(1)(2), m.Dunders(1)(a=2, b=3)]),
    "with": ("Dunders.__enter__", 1, lambda m: entered(m.Dunders(1)).value),
    "exit": (
        "Dunders.__exit__",
        2,
        lambda m: [
            outcome(lambda: raise_within(m.Dunders(1), KeyError())),
            outcome(lambda: raise_within(m.Dunders(1), OSError("o"))),
        ],
    ),
    "async_with": ("Dunders.__aenter__", 1, lambda m: run(async_entered(m.Dunders(1)))),
    "async_exit": ("Dunders.__aexit__", 1, lambda m: run(async_entered(m.Dunders(1)))),
    "iter": ("Dunders.__iter__", 2, lambda m: [list(m.Dunders(3)), [*m.Dunders(2)]]),
    "aiter": ("Dunders.__aiter__", 1, lambda m: run(read_to_the_end(m.Dunders(3)))),
    "await": ("Dunders.__await__", 1, lambda m: run(awaited(m.Dunders(3)))),
    "getattr": (
        "Dunders.__getattr__",
        2,
        lambda m: [m.Dunders(1).thing, outcome(lambda: m.Dunders(1).no_thing), m.Dunders(2).value],
    ),
    "setattr": ("Dunders.__setattr__", 2, lambda m: (lambda d: [d.value])(m.Dunders(1))),
    "delattr": ("Dunders.__delattr__", 1, lambda m: (lambda d: [delattr(d, "value"), d.value])(m.Dunders(1))),
    "eq": (
        "Dunders.__eq__",
        3,
        lambda m: [m.Dunders(1) == m.Dunders(1), m.Dunders(1) != m.Dunders(2), m.Dunders(1) == 1, hash(m.Dunders(1))],
    ),
    "lt": ("Dunders.__lt__", 1, lambda m: [d.value for d in sorted([m.Dunders(2), m.Dunders(1)])]),
    "hash": ("Dunders.__hash__", 2, lambda m: [{m.Dunders(1): 2}[m.Dunders(1)]]),
    "len": ("Dunders.__len__", 1, lambda m: len(m.Dunders(3))),
    "contains": ("Dunders.__contains__", 1, lambda m: 3 in m.Dunders(3)),
    "getitem": ("Dunders.__getitem__", 2, lambda m: [m.Dunders(3)["a"], outcome(lambda: m.Dunders(3)[9])]),
    "add": ("Dunders.__add__", 2, lambda m: [m.Dunders(3) + 1, outcome(lambda: m.Dunders(3) + None)]),
    "radd": ("Dunders.__radd__", 1, lambda m: 1 + m.Dunders(3)),
    "bool": ("Dunders.__bool__", 2, lambda m: [bool(m.Dunders(0)), bool(m.Dunders(1))]),
    "repr": ("Dunders.__repr__", 1, lambda m: repr(m.Dunders(0))),
    "format": ("Dunders.__format__", 1, lambda m: f"{m.Dunders(0):>5}"),
    "index": ("Dunders.__index__", 1, lambda m: [10, 20][m.Dunders(1)]),
    "dir": ("Dunders.__dir__", 1, lambda m: dir(m.Dunders(1))),
    "set_name": (
        "Descriptor.__set_name__",
        1,
        lambda m: vars(types.new_class("Made", (), {}, lambda ns: ns.update(d=m.Descriptor())))["d"].where,
    ),
    "descriptor_get": (
        "Descriptor.__get__",
        1,
        lambda m: types.new_class("Made", (), {}, lambda ns: ns.update(d=m.Descriptor()))().d,
    ),
    "descriptor_set": (
        "Descriptor.__set__",
        1,
        lambda m: (lambda o: [setattr(o, "d", 5), vars(o)])(
            types.new_class("Made", (), {}, lambda ns: ns.update(d=m.Descriptor()))()
        ),
    ),
    "slots": (
        "Slotted.method",
        1,
        lambda m: [
            m.Slotted(1).method(),
            outcome(lambda: setattr(m.Slotted(1), "b", 2)),
            hasattr(m.Slotted(1), "__dict__"),
        ],
    ),
    "frozen_dataclass": (
        "Frozen.*",
        2,
        lambda m: [
            m.Frozen(1).method(),
            m.Frozen.of(2) < m.Frozen(3),
            outcome(lambda: setattr(m.Frozen(1), "a", 2)),
            {m.Frozen(1): 2},
            m.Frozen(1),
        ],
    ),
    "slotted_dataclass": ("SlottedData.method", 1, lambda m: [m.SlottedData(3).method(), m.SlottedData(3)]),
    "enum": (
        "Color.*",
        3,
        lambda m: [
            m.Color.RED.method(),
            m.Color.parse("BLUE").name,
            m.Color.count(),
            list(m.Color),
            m.Color("r").name,
            m.Color.RED.pretty,
            m.Color.__members__,
            m.Color.RED is m.Color(1),
        ],
    ),
    "enum_property": ("Color.pretty", 1, lambda m: [m.Color.RED.pretty, list(m.Color)]),
    "flag": ("Level.method", 1, lambda m: [(m.Level.LOW | m.Level.HIGH).method(), list(m.Level)]),
    "protocol": (
        "Runs.run",
        1,
        lambda m: [
            isinstance(m.Runner(), m.Runs),
            isinstance(5, m.Runs),
            issubclass(m.Runner, m.Runs),
            m.Explicit().run(1),
            outcome(m.Runs),
        ],
    ),
    "protocols_implementation": ("Runner.run", 1, lambda m: [isinstance(m.Runner(), m.Runs), m.Runner().run(3)]),
    "abstract": (
        "Abstract.*",
        4,
        lambda m: [
            outcome(m.Abstract),
            sorted(m.Abstract.__abstractmethods__),
            m.Concrete().method(),
            m.Concrete().concrete(),
            m.Concrete.made(),
            inspect.isabstract(m.Abstract),
        ],
    ),
    "abstract_in_a_new_class": (
        "Abstract.*",
        0,
        lambda m: [
            outcome(types.new_class("Made", (m.Abstract,))),
            sorted(types.new_class("Made", (m.Abstract,)).__abstractmethods__),
        ],
    ),
    "abstract_property": (
        "Abstract.size",
        0,
        lambda m: [outcome(m.Abstract), sorted(types.new_class("Made", (m.Abstract,)).__abstractmethods__)],
    ),
    "metaclass_method": (
        "Meta.on_class",
        1,
        lambda m: [m.WithMeta.on_class(1), outcome(lambda: m.WithMeta().on_class(1))],
    ),
    "metaclass_call": ("Meta.__call__", 1, lambda m: m.WithMeta(5).by),
    "metaclass_len": ("Meta.__len__", 1, lambda m: len(m.WithMeta)),
    "metaclass_instancecheck": (
        "Meta.__instancecheck__",
        2,
        lambda m: [isinstance(5, m.WithMeta), isinstance(6, m.WithMeta)],
    ),
    "metaclass_property": ("Meta.label", 1, lambda m: m.WithMeta.label),
    "named_tuple": (
        "Point.*",
        2,
        lambda m: [
            m.Point(1, 2).norm(),
            m.Point.origin(),
            m.Point(1)._replace(y=3),
            m.Point._fields,
            m.Point(1) == (1, 0),
        ],
    ),
    "typed_dict": ("Options.*", 0, lambda m: [m.Options(a=1), m.Options.__required_keys__]),
    "generic": (
        "Box.get",
        3,
        lambda m: [m.Box[int](1).get(), m.Box(2).get(), m.Box[int].get(m.Box(3)), str(m.Box[int])],
    ),
    "exception_class": ("Trouble.__str__", 1, lambda m: str(m.Trouble("m", code=3))),
    "exception_init": (
        "Trouble.__init__",
        1,
        lambda m: outcome(lambda: raise_within(contextlib.nullcontext(), m.Trouble("m", code=3))),
    ),
    "total_ordering": ("Ordered.__lt__", 2, lambda m: [m.Ordered(1) >= m.Ordered(2), m.Ordered(1) <= m.Ordered(2)]),
    "data_in_class_body": ("C.table", 0, lambda m: m.C.table["plain"](1)),
}


def raise_within(manager: Any, exc: BaseException) -> str:
    with manager:
        raise exc
    return "suppressed"


@pytest.mark.parametrize("kind", CALLS)
def test_a_call_gives_what_it_gave_untraced_and_leaves_its_spans(kind: str) -> None:
    pattern, expected_spans, call = CALLS[kind]
    with twins(SOURCE, pattern) as (untraced, traced, spans):
        with in_place(untraced):
            expected = described(outcome(lambda: call(untraced)))
        assert described(outcome(lambda: call(traced))) == expected
        assert len(spans) == expected_spans


@pytest.mark.parametrize("nested", ["merge", "child", "skip"])
def test_all_kinds_at_once_give_what_they_gave_untraced(nested: str) -> None:
    rules: list[Any] = [(pattern, {"nested": nested}) for pattern in ("*", "*.*", "C+.*", "C.size", "C.heavy")]
    with twins(SOURCE, *rules) as (untraced, traced, spans):
        for kind, (_, _, call) in CALLS.items():
            with in_place(untraced):
                expected = described(outcome(partial(call, untraced)))
            assert described(outcome(partial(call, traced))) == expected, kind
    assert spans


BY_NAME = (
    "plain",
    "coroutine",
    "C.method",
    "C.static",
    "C.Inner.method",
    "decorated",
    "cached",
    "C.remembered",
    "Color.count",
)
BOUND = (
    "C.made",
    "C('x').method",
    "C('x').remembered",
    "Sub('x').method",
    "Color.parse",
    "Color.RED.method",
    "Point(1).norm",
)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("expression", BY_NAME + BOUND)
def test_a_callable_is_pickled_as_untraced_and_read_back_as_itself(expression: str, protocol: int) -> None:
    pattern = CALLABLES.get(expression.replace("'x'", ""), expression)
    with twins(SOURCE, pattern) as (untraced, traced, _):
        answers = []
        for module in (untraced, traced):
            with in_place(module):
                answers.append(outcome(partial(pickle.dumps, read(module, expression), protocol)))
        assert described(answers[0]) == described(answers[1])
        if answers[1][0] == "returned":
            back = pickle.loads(answers[1][1])
            if expression in BY_NAME:
                assert back is read(traced, expression)
            else:
                assert back.__name__ == read(traced, expression).__name__


@pytest.mark.parametrize("expression", [*BY_NAME, *BOUND, "C('x').dispatched", "frozen", "called"])
def test_a_callable_is_deep_copied_as_untraced(expression: str) -> None:
    pattern = CALLABLES.get(expression.replace("'x'", ""), expression)
    with twins(SOURCE, pattern) as (untraced, traced, _):
        answers = []
        for module in (untraced, traced):
            with in_place(module):
                original = read(module, expression)
                copied = copy.deepcopy(original)
                answers.append((copied is original, copied == original, type(copied).__name__))
        assert answers[0] == answers[1]


def test_an_override_is_told_from_what_it_overrides() -> None:
    with twins(SOURCE, "C+.*") as (_, traced, _spans):
        assert traced.Sub.coroutine is traced.C.coroutine
        assert traced.Sub.method is not traced.C.method
        assert traced.Sub().coroutine.__func__ is traced.C.coroutine
        assert traced.Sub.static is traced.C.static
        assert traced.C.made.__func__ is vars(traced.C)["made"].__func__


def test_a_bound_method_read_before_weaving_equals_one_read_after() -> None:
    source = "class C:\n    def m(self):\n        return 1\n"
    from tests.weaving.support import woven
    from tests.weaving.twins import NAME, make_module

    module = make_module(source)
    instance = module.C()
    before = instance.m
    import sys

    sys.modules[NAME] = module
    try:
        with woven(f"{NAME}:C.m"):
            assert before == instance.m
            assert instance.m == before
            assert hash(before) == hash(instance.m)
            assert {before: 1}[instance.m] == 1
    finally:
        del sys.modules[NAME]


def test_a_propertys_instance_is_recorded_as_that() -> None:
    with twins(SOURCE, "C.size") as (_, traced, spans):
        assert traced.C("abc").size == 3
    assert spans[0].input in (None, {})


def test_builtins_and_c_types_in_a_module_are_left_as_they_are() -> None:
    source = "from builtins import len, dict\nfrom collections import OrderedDict\nfrom datetime import date\n"
    with twins(source, "*", "*.*") as (_, traced, spans):
        assert traced.len is len
        assert traced.dict is dict
        assert traced.OrderedDict is collections.OrderedDict
        assert traced.date.today()
    assert spans == []
