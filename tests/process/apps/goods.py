"""What the small applications do, and what their registry lists."""

import functools
import os
import threading
import time


class Shelf:
    def __init__(self, name="A"):
        self.name = name

    def __eq__(self, other):
        return isinstance(other, Shelf) and other.name == self.name

    def __hash__(self):
        return hash(self.name)

    def label(self, prefix="shelf"):
        return f"{prefix} {self.name}"

    @classmethod
    def kind(cls):
        return cls.__name__

    @staticmethod
    def add(a, b):
        return a + b

    @functools.lru_cache(maxsize=4)  # noqa: B019
    def cached(self):
        return self.name

    class Box:
        def label(self):
            return "box"

        @staticmethod
        def add(a, b):
            return a + b


class Doubler:
    def __init__(self):
        self.calls = 0

    def __call__(self, number):
        self.calls += 1
        return 2 * number


doubler = Doubler()


def count(number=0):
    return number + 1


@functools.lru_cache(maxsize=4)
def remembered(number):
    return number


alias = count


def outer(work, *args):
    return work(*args)


def fail(text):
    raise ValueError(text)


def fail_locally():
    raise ValueError(lambda: None)


def whoami(number=0):
    return os.getpid(), number


def late(pause):
    def body():
        time.sleep(pause)
        count(77)

    threading.Thread(target=body).start()


def sleep(seconds):
    time.sleep(seconds)
    return seconds
