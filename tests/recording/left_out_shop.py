"""The module that ``left_out`` weaves, as text: it hands back what it is given, in every kind of call."""

SOURCE = """
import asyncio

def visit(within, order=None):
    within()
    return order

async def visit_later(within, order=None):
    await asyncio.sleep(0)
    within()
    return order

class Shop:
    till = None

    def sell(self, order=None, *rest, count=1, **more):
        return order

    def pass_on(self, order):
        return self.sell(order, 1, count=2, more=3)

    def again(self, order, depth=3):
        return order if depth == 0 else self.again(order, depth - 1)

    def fail(self, order):
        raise LookupError("sold out")

    def leave(self, order):
        raise asyncio.CancelledError()

    async def fetch(self, order):
        await asyncio.sleep(0)
        return self.sell(order)

    async def fetch_again(self, order, depth=3):
        return order if depth == 0 else await self.fetch_again(order, depth - 1)

    async def fetch_in_vain(self, order):
        await asyncio.sleep(0)
        raise LookupError("sold out")

    def items(self, order):
        yield self.sell(order)
        yield order

    async def stream(self, order):
        yield await self.fetch(order)
        yield order

    @staticmethod
    def fixed(order):
        return order

    @classmethod
    def made(cls, order):
        return cls().sell(order)

class Large(Shop):
    def sell(self, order=None, *rest, count=1, **more):
        return super().sell(order, *rest, count=count, **more)

def run(body):
    try:
        body.send(None)
        body.send(None)
        body.send(None)
    except StopIteration as stop:
        return stop.value

def plainly(shop, order):
    return shop.sell(order) is order

def by_another(shop, order):
    return shop.pass_on(order=order) is order

def deeply(shop, order):
    return shop.again(order) is order

def in_vain(shop, order):
    shop.fail(order)

def cancelled(shop, order):
    try:
        shop.leave(order)
    except asyncio.CancelledError:
        return "cancelled"

def later(shop, order):
    return run(shop.fetch(order)) is order

def deeply_later(shop, order):
    return run(shop.fetch_again(order)) is order

def later_in_vain(shop, order):
    run(shop.fetch_in_vain(order))

def never_awaited(shop, order):
    shop.fetch(order).close()

def to_the_end(shop, order):
    return [item is order for item in shop.items(order)]

def up_to_the_first(shop, order):
    return next(shop.items(order)) is order

def not_at_all(shop, order):
    shop.items(order)

async def _drain(stream):
    return [item async for item in stream]

async def _begin(stream):
    return await stream.__anext__()

def all_of_a_stream(shop, order):
    return [item is order for item in run(_drain(shop.stream(order)))]

def the_first_of_a_stream(shop, order):
    return run(_begin(shop.stream(order))) is order

def without_an_instance(shop, order):
    return [shop.fixed(order) is order, shop.made(order) is order]

KINDS = [
    plainly, by_another, deeply, in_vain, cancelled, later, deeply_later, later_in_vain, never_awaited, to_the_end,
    up_to_the_first, not_at_all, all_of_a_stream, the_first_of_a_stream, without_an_instance,
]
"""
