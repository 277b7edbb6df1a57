"""Every kind of callable there is, as the source of two modules: the one is woven, the other is not."""

SOURCE = '''
    """The module."""
    from __future__ import annotations
    import abc, collections, contextlib, dataclasses, enum, functools, operator, types, typing
    from typing import Any, Generic, NamedTuple, Protocol, TypedDict, TypeVar, runtime_checkable

    T = TypeVar("T")

    def deco(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return ("deco", function(*args, **kwargs))
        return wrapper

    def plain(a: int, /, b: int = 2, *rest: int, key: str = "k", **more: Any) -> tuple:
        """Add."""
        return a, b, rest, key, more

    plain.mark = "marked"

    async def coroutine(a: int) -> int:
        """Later."""
        return a

    def generator(a: int):
        sent = yield a
        return sent

    async def async_generator(a: int):
        yield a

    @types.coroutine
    def based(a):
        yield from ()
        return a

    def hands_out_coroutine(a):
        return coroutine(a)

    def hands_out_generator(a):
        return generator(a)

    def hands_out_async_generator(a):
        return async_generator(a)

    @contextlib.contextmanager
    def manager(a):
        """Manage."""
        yield a

    @contextlib.asynccontextmanager
    async def async_manager(a):
        yield a

    decorated = deco(plain)
    twice = deco(decorated)
    anonymous = lambda x=1: x

    @functools.lru_cache(maxsize=2)
    def cached(a: int, b: int = 1) -> int:
        """Cache."""
        return [a, b]

    @functools.cache
    def cached_for_good(a):
        return [a]

    @functools.singledispatch
    def dispatched(value: Any) -> str:
        """Dispatch."""
        return "any"

    @dispatched.register
    def _(value: int) -> str:
        return "int"

    frozen = functools.partial(plain, 1, key="frozen")

    class Callable:
        """To be called."""
        def __init__(self):
            self.calls = 0
        def __call__(self, a: int = 0) -> int:
            self.calls += 1
            return a
        def __len__(self):
            return 7
        def __iter__(self):
            return iter((1, 2))

    called = Callable()

    class lazy_property:
        """A cached property that a user has written."""
        def __init__(self, function):
            self.function = function
            self.__doc__ = function.__doc__
        def __set_name__(self, owner, name):
            self.name = name
        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self.name] = self.function(instance)
            return value

    class typed_property(property):
        """A property with more to it."""

    class odd_property(property):
        def __init__(self, function, *, unit):
            self.unit = unit
            super().__init__(function, doc=function.__doc__)

    class C:
        """A class."""
        shared = plain
        table = {"plain": plain}
        size_of = len
        helper = Callable()

        def __init__(self, name: str = "n") -> None:
            self.name = name
            self.written = None

        def method(self, a: int, b: int = 2, *rest, **more) -> tuple:
            """Do."""
            return self.name, a, b, rest, more

        def no_self():
            return "never"

        def only_rest(*args, **kwargs):
            return args[1:], kwargs

        async def coroutine(self, a):
            return self.name, a

        def generator(self, a):
            yield self.name
            return a

        async def async_generator(self, a):
            yield self.name, a

        @contextlib.contextmanager
        def manager(self, a):
            yield self.name, a

        @classmethod
        def made(cls, name: str = "made") -> "C":
            """Make."""
            return cls.__name__, name

        @staticmethod
        def static(a: int = 1) -> int:
            """Stand."""
            return a

        @classmethod
        async def made_later(cls):
            return cls.__name__

        @staticmethod
        def static_generator(a):
            yield a

        @property
        def size(self) -> int:
            """The size."""
            return len(self.name)

        @size.setter
        def size(self, value):
            self.written = value

        @size.deleter
        def size(self):
            self.written = "deleted"

        @property
        def read_only(self):
            return self.name

        _hidden = property(lambda self: self.name, doc="Told.")
        fetched = property(operator.attrgetter("name"))

        @typed_property
        def typed(self):
            """Typed."""
            return self.name

        @functools.partial(odd_property, unit="cm")
        def odd(self):
            """Odd."""
            return self.name, type(self).__dict__["odd"].unit

        @functools.cached_property
        def heavy(self) -> list:
            """Heavy."""
            return [self.name]

        @lazy_property
        def lazy(self) -> list:
            """Lazy."""
            return [self.name]

        @deco
        def decorated(self, a):
            """Decorated."""
            return self.name, a

        @functools.lru_cache(maxsize=None)
        def remembered(self, a):
            return [a]

        frozen = functools.partialmethod(method, 1, key="frozen")

        @functools.singledispatchmethod
        def dispatched(self, value):
            """Dispatch."""
            return self.name, "any"

        @dispatched.register
        def _(self, value: int):
            return self.name, "int"

        @functools.singledispatchmethod
        @classmethod
        def class_dispatched(cls, value):
            return cls.__name__, "any"

        def __private(self):
            return self.name

        def reach_private(self):
            return self.__private()

        class Inner:
            def method(self):
                return "inner"
            class Innermost:
                def method(self):
                    return "innermost"

    C.late = lambda self: self.name

    class Sub(C):
        def method(self, a, b=3, *rest, **more):
            return "sub", super().method(a, b)
        @classmethod
        def made(cls, name="sub"):
            return "sub", super().made(name)
        @property
        def size(self):
            return super().size + 1

    class Dunders:
        made = 0
        def __new__(cls, *args, **kwargs):
            self = super().__new__(cls)
            self.how = (args, sorted(kwargs))
            return self
        def __init__(self, value=0, **kwargs):
            self.value = value
        def __init_subclass__(cls, /, tag=None, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.tag = tag
        def __class_getitem__(cls, item):
            return cls.__name__, item
        def __call__(self, a, b=2):
            return self.value, a, b
        def __enter__(self):
            return self
        def __exit__(self, kind, exc, traceback):
            return kind is KeyError
        async def __aenter__(self):
            return "entered"
        async def __aexit__(self, kind, exc, traceback):
            return kind is KeyError
        def __iter__(self):
            yield from range(self.value)
        async def __aiter__(self):
            for number in range(self.value):
                yield number
        def __await__(self):
            yield from ()
            return self.value
        def __getattr__(self, name):
            if name.startswith("no_"):
                raise AttributeError(name)
            return "got " + name
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
        def __delattr__(self, name):
            super().__delattr__(name)
        def __eq__(self, other):
            return isinstance(other, Dunders) and self.value == other.value
        def __lt__(self, other):
            return self.value < other.value
        def __hash__(self):
            return hash(self.value)
        def __len__(self):
            return self.value
        def __contains__(self, item):
            return item == self.value
        def __getitem__(self, key):
            if key == 9:
                raise IndexError(key)
            return key
        def __add__(self, other):
            return NotImplemented if other is None else self.value + other
        def __radd__(self, other):
            return other + self.value
        def __bool__(self):
            return self.value != 0
        def __repr__(self):
            return f"Dunders({self.value})"
        def __format__(self, spec):
            return "formatted " + spec
        def __index__(self):
            return self.value
        def __dir__(self):
            return ["a", "b"]

    class Descriptor:
        def __set_name__(self, owner, name):
            self.where = owner.__name__, name
        def __get__(self, instance, owner=None):
            return self if instance is None else instance.__dict__.get(self.where[1], "unset")
        def __set__(self, instance, value):
            instance.__dict__[self.where[1]] = ("set", value)

    class Slotted:
        __slots__ = ("a",)
        def __init__(self, a):
            self.a = a
        def method(self):
            return self.a

    @dataclasses.dataclass(frozen=True, order=True)
    class Frozen:
        a: int
        b: list = dataclasses.field(default_factory=list, compare=False)
        def method(self):
            return self.a
        @classmethod
        def of(cls, a):
            return cls(a)

    @dataclasses.dataclass(slots=True)
    class SlottedData:
        a: int = 1
        def method(self):
            return super().__hash__ is not None, self.a

    class Color(enum.Enum):
        RED = 1
        BLUE = 2
        def method(self):
            return self.name, self.value
        @classmethod
        def parse(cls, text):
            return cls[text]
        @staticmethod
        def count():
            return 2
        @property
        def pretty(self):
            return self.name.title()
        @classmethod
        def _missing_(cls, value):
            return cls.RED if value == "r" else None

    class Level(enum.IntFlag):
        LOW = 1
        HIGH = 2
        def method(self):
            return int(self)

    @runtime_checkable
    class Runs(Protocol):
        def run(self, a: int) -> int: ...

    class Runner:
        def run(self, a: int) -> int:
            return a

    class Explicit(Runs):
        def run(self, a: int) -> int:
            return super().run(a)

    class Abstract(abc.ABC):
        @abc.abstractmethod
        def method(self):
            return "abstract"
        @property
        @abc.abstractmethod
        def size(self): ...
        @classmethod
        @abc.abstractmethod
        def made(cls):
            return cls.__name__
        @staticmethod
        @abc.abstractmethod
        def static(): ...
        def concrete(self):
            return self.method()
        @abc.abstractclassmethod
        def old_made(cls): ...
        @abc.abstractproperty
        def old_size(self): ...

    class Concrete(Abstract):
        def method(self):
            return "concrete", super().method()
        size = 1
        @classmethod
        def made(cls):
            return super().made()
        static = old_made = old_size = None

    class Meta(type):
        def __call__(cls, *args, **kwargs):
            made = super().__call__(*args, **kwargs)
            made.by = cls.__name__
            return made
        def on_class(cls, a):
            return cls.__name__, a
        def __len__(cls):
            return 3
        def __instancecheck__(cls, instance):
            return instance == 5 or super().__instancecheck__(instance)
        @property
        def label(cls):
            return "label " + cls.__name__

    class WithMeta(metaclass=Meta):
        def __init__(self, a=0):
            self.a = a
        def method(self):
            return self.a

    class Point(NamedTuple):
        x: int
        y: int = 0
        def norm(self):
            return self.x + self.y
        @classmethod
        def origin(cls):
            return cls(0, 0)

    class Options(TypedDict):
        a: int

    class Box(Generic[T]):
        def __init__(self, item: T) -> None:
            self.item = item
        def get(self) -> T:
            return self.item

    class Trouble(ValueError):
        def __init__(self, message, code=0):
            super().__init__(message)
            self.code = code
        def __str__(self):
            return f"{self.code}: " + super().__str__()

    @functools.total_ordering
    class Ordered:
        def __init__(self, a):
            self.a = a
        def __eq__(self, other):
            return self.a == other.a
        def __lt__(self, other):
            return self.a < other.a

    class Diamond1(C):
        def method(self, a, *args, **kwargs):
            return "1", super().method(a)

    class Diamond2(C):
        def method(self, a, *args, **kwargs):
            return "2", super().method(a)

    class Diamond(Diamond1, Diamond2):
        def method(self, a, *args, **kwargs):
            return "0", super().method(a)
'''

# Where the callable is read, by the pattern that weaves it.
CALLABLES = {
    "plain": "plain",
    "coroutine": "coroutine",
    "generator": "generator",
    "async_generator": "async_generator",
    "based": "based",
    "manager": "manager",
    "async_manager": "async_manager",
    "decorated": "decorated",
    "twice": "twice",
    "anonymous": "anonymous",
    "cached": "cached",
    "cached_for_good": "cached_for_good",
    "dispatched": "dispatched",
    "frozen": "frozen",
    "called": "called",
    "C.method": "C.method",
    "C().method": "C.method",
    "C.only_rest": "C.only_rest",
    "C().only_rest": "C.only_rest",
    "Sub().method": "C.method",
    "C().coroutine": "C.coroutine",
    "C.generator": "C.generator",
    "C().async_generator": "C.async_generator",
    "C().manager": "C.manager",
    "C.made": "C.made",
    "C().made": "C.made",
    "Sub.made": "C.made",
    "C.static": "C.static",
    "C().static": "C.static",
    "C.made_later": "C.made_later",
    "C.static_generator": "C.static_generator",
    "C.decorated": "C.decorated",
    "C().decorated": "C.decorated",
    "C.remembered": "C.remembered",
    "C().remembered": "C.remembered",
    "C.frozen": "C.frozen",
    "C().frozen": "C.frozen",
    "C.dispatched": "C.dispatched",
    "C().dispatched": "C.dispatched",
    "C.class_dispatched": "C.class_dispatched",
    "C.shared": "C.shared",
    "C().shared": "C.shared",
    "C.size_of": "C.size_of",
    "C().size_of": "C.size_of",
    "C.helper": "C.helper",
    "C().helper": "C.helper",
    "C.late": "C.late",
    "C._C__private": "C._C__private",
    "C.Inner.method": "C.Inner.method",
    "C.Inner.Innermost().method": "C.Inner.Innermost.method",
    "C.size.fget": "C.size",
    "C.__init__": "C.__init__",
    "Dunders.__new__": "Dunders.__new__",
    "Dunders(1).__call__": "Dunders.__call__",
    "Dunders.__init_subclass__": "Dunders.__init_subclass__",
    "Dunders.__class_getitem__": "Dunders.__class_getitem__",
    "Dunders(1).__iter__": "Dunders.__iter__",
    "Slotted(1).method": "Slotted.method",
    "Frozen.of": "Frozen.of",
    "Frozen(1).method": "Frozen.method",
    "SlottedData().method": "SlottedData.method",
    "Color.RED.method": "Color.method",
    "Color.method": "Color.method",
    "Color.parse": "Color.parse",
    "Color.count": "Color.count",
    "Level.LOW.method": "Level.method",
    "Runs.run": "Runs.run",
    "Runner().run": "Runner.run",
    "Abstract.method": "Abstract.method",
    "Abstract.made": "Abstract.made",
    "Abstract.static": "Abstract.static",
    "Abstract.old_made": "Abstract.old_made",
    "Concrete().method": "Concrete.method",
    "WithMeta.on_class": "Meta.on_class",
    "Meta.on_class": "Meta.on_class",
    "Point(1).norm": "Point.norm",
    "Point.origin": "Point.origin",
    "Box(1).get": "Box.get",
    "Box[int].get": "Box.get",
    "Trouble.__str__": "Trouble.__str__",
}
