"""Random programs: hierarchies of classes as source, and sequences of what an application does with them."""

from __future__ import annotations

import textwrap
from typing import Any

import attrs
from hypothesis import strategies as st

MEMBERS = ("m0", "m1", "m2")
DUNDERS = (
    "__call__",
    "__len__",
    "__eq__",
    "__iter__",
    "__getattr__",
    "__enter__",
    "__init__",
    "__getitem__",
    "__bool__",
)
KEYWORDS = ("self", "cls", "wrapped", "instance", "args", "kwargs", "name", "recipe", "key")

HEAD = """
    import abc, contextlib, functools

    def wrapping(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return ("wrapped", function(*args, **kwargs))
        return wrapper

    class Meta(type):
        def on_class(cls, *args):
            return cls.__name__, args
        def __getattr__(cls, name):
            if name == "from_meta":
                return cls.__name__
            raise AttributeError(name)

    class Named:
        def __init__(self, name):
            self.name = name
        def __set_name__(self, owner, name):
            self.name = name
        def __get__(self, instance, owner=None):
            return self if instance is None else (self.name, type(instance).__name__)

    def above(found, *args, **kwargs):
        return found(*args, **kwargs) if callable(found) else found
"""

# `{0}` is the class, `{1}` the member.
BODIES = {
    "method": """
        def {1}(self, *args, **kwargs):
            return "{0}.{1}", args, kwargs, above(getattr(super(), "{1}", None), *args, **kwargs)
    """,
    "strict_method": """
        def {1}(self, a, /, b=2, *, key=3):
            return "{0}.{1}", a, b, key, self.called("{1}")
    """,
    "static": """
        @staticmethod
        def {1}(*args, **kwargs):
            return "{0}.{1}", args, kwargs
    """,
    "class": """
        @classmethod
        def {1}(cls, *args, **kwargs):
            return "{0}.{1}", cls.__name__, args, kwargs, above(getattr(super(), "{1}", None), *args, **kwargs)
    """,
    "property": """
        @property
        def {1}(self):
            return "{0}.{1}", self.called("{1}"), getattr(super(), "{1}", None)
    """,
    "writable_property": """
        @property
        def {1}(self):
            return "{0}.{1}", vars(self).get("_written")
        @{1}.setter
        def {1}(self, value):
            vars(self)["_written"] = value
        @{1}.deleter
        def {1}(self):
            raise ValueError("{0}.{1} stays") from KeyError("cause")
    """,
    "cached_property": """
        @functools.cached_property
        def {1}(self):
            return ["{0}.{1}", self.called("{1}")]
    """,
    "generator": """
        def {1}(self, *args, **kwargs):
            sent = yield "{0}.{1}", args, kwargs
            yield sent, getattr(super(), "{1}", None) is None
            return "the end"
    """,
    "coroutine": """
        async def {1}(self, *args, **kwargs):
            return "{0}.{1}", args, kwargs, self.called("{1}")
    """,
    "async_generator": """
        async def {1}(self, *args, **kwargs):
            yield "{0}.{1}", args
            yield kwargs
    """,
    "manager": """
        @contextlib.contextmanager
        def {1}(self, *args, **kwargs):
            yield "{0}.{1}", args, kwargs
            self.called("{1}")
    """,
    "raising": """
        def {1}(self, *args, **kwargs):
            try:
                {{}}["{0}"]
            except KeyError as exc:
                error = ValueError("{0}.{1}", args)
                error.__notes__ = ["a note"]
                raise error from exc
    """,
    "wrapped": """
        @wrapping
        def {1}(self, *args, **kwargs):
            return "{0}.{1}", args, kwargs
    """,
    "partial": """
        def _{1}(self, *args, **kwargs):
            return "{0}._{1}", args, kwargs
        {1} = functools.partialmethod(_{1}, "partial", key="word")
    """,
    "remembering": """
        @functools.lru_cache(maxsize=8)
        def {1}(self, *args, **kwargs):
            return ["{0}.{1}", args, kwargs]
    """,
    "dispatching": """
        @functools.singledispatchmethod
        def {1}(self, *args, **kwargs):
            return "{0}.{1}", args, kwargs
        @{1}.register
        def _(self, number: int, *args, **kwargs):
            return "{0}.{1} of int", number, args, kwargs
    """,
    "abstract": """
        @abc.abstractmethod
        def {1}(self, *args, **kwargs):
            return "abstract {0}.{1}", args
    """,
    "builtin": """
        {1} = len
    """,
    "value": """
        {1} = ("value", "{0}")
    """,
    "descriptor": """
        {1} = Named("")
    """,
    "nested": """
        class {1}:
            def __init__(self, *args):
                self.args = args
            def __repr__(self):
                return "{0}.{1}" + repr(self.args)
    """,
}
SPECIAL = {
    "__call__": "def __call__(self, *args, **kwargs):\n    return '{0} called', args, kwargs",
    "__len__": "def __len__(self):\n    return 3",
    "__eq__": "def __eq__(self, other):\n    return type(self) is type(other)\n__hash__ = object.__hash__",
    "__iter__": "def __iter__(self):\n    yield '{0}'\n    yield from vars(self)",
    "__getattr__": (
        "def __getattr__(self, name):\n    if name.startswith('__'):\n        raise AttributeError(name)\n"
        "    return '{0} has', name"
    ),
    "__enter__": (
        "def __enter__(self):\n    return '{0} entered'\n"
        "def __exit__(self, kind, exc, traceback):\n    return kind is KeyError"
    ),
    "__init__": (
        "def __init__(self, *args, **kwargs):\n    super().__init__(*args, **kwargs)\n"
        "    vars(self)['made_by_{0}'] = args, kwargs"
    ),
    "__getitem__": (
        "def __getitem__(self, key):\n    if key == 3:\n        raise IndexError(key)\n    return '{0}', key"
    ),
    "__bool__": "def __bool__(self):\n    return False",
}
ROOT = """
    class Root{0}:
        def __init__(self, *args, **kwargs):
            self.calls = []
        def called(self, name):
            self.calls.append(name)
            return len(self.calls)
        def __repr__(self):
            return "<" + type(self).__name__ + ">"
"""


@attrs.frozen
class Program:
    """A hierarchy and what is done with it.

    Args:
        source: the module.
        classes: the names of its classes; the steps make one instance of each.
        steps: what is done, one after the other.
    """

    source: str
    classes: tuple[str, ...]
    steps: tuple[tuple[Any, ...], ...]


values = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text("ab", max_size=2), st.just((1, "x")))
names = st.sampled_from(MEMBERS)
arguments = st.tuples(
    st.lists(values, max_size=3).map(tuple), st.dictionaries(st.sampled_from(KEYWORDS), values, max_size=2)
)


@st.composite
def programs(draw: Any) -> Program:
    """Draw a program; that its bases fit together is for the caller to try."""
    keywords = draw(st.sampled_from(["", "(metaclass=Meta)", "(abc.ABC)"]))
    source = [textwrap.dedent(HEAD), textwrap.dedent(ROOT.format(keywords))]
    classes: list[str] = []
    for number in range(draw(st.integers(1, 4))):
        bases = draw(st.lists(st.sampled_from(classes), max_size=2, unique=True)) if classes else []
        name = f"C{number}"
        body = [f"class {name}({', '.join(bases) or 'Root'}):"]
        if draw(st.integers(0, 4)) == 0:
            body.append("    __slots__ = ('slot',)")
        for member in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
            text = textwrap.dedent(BODIES[draw(st.sampled_from(sorted(BODIES)))].format(name, member))
            body.append(textwrap.indent(text, "    "))
        for special in draw(st.lists(st.sampled_from(DUNDERS), max_size=2, unique=True)):
            body.append(textwrap.indent(SPECIAL[special].format(name), "    "))
        body.append("    ...")
        source.append("\n".join(body))
        classes.append(name)
    steps = draw(st.lists(_step(classes), min_size=1, max_size=12))
    return Program("\n".join(source), tuple(classes), tuple(steps))


def _step(classes: list[str]) -> Any:
    which = st.sampled_from(classes)
    return st.one_of(
        st.tuples(st.just("call"), which, names, arguments),
        st.tuples(st.just("call"), which, names, arguments),
        st.tuples(st.just("call_on_class"), which, names, arguments),
        st.tuples(st.just("call_with_instance"), which, names, arguments),
        st.tuples(st.just("read"), which, names),
        st.tuples(st.just("write"), which, names, values),
        st.tuples(st.just("delete"), which, names),
        st.tuples(st.just("write_on_class"), which, names, values),
        st.tuples(st.just("delete_on_class"), which, names),
        st.tuples(st.just("compare"), which, names, which, names),
        st.tuples(st.just("compare_on_class"), which, names, which, names),
        st.tuples(st.just("look"), which, names),
        st.tuples(st.just("copy"), which, names, arguments),
        st.tuples(st.just("pickle"), which, names, arguments),
        st.tuples(st.just("special"), which, values),
        st.tuples(st.just("make"), which, arguments),
    )
