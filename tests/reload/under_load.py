"""A program of its own: four threads call methods while the registry is edited over and over, in every way there is."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from tracing_proxies.delivery import native

SOURCE = """
import threading

class Shop:
    lock = threading.Lock()
    made = {"price": 0, "stock": 0, "search": 0}

    def price(self, item):
        with self.lock:
            self.made["price"] += 1
        return item * 2

    def stock(self, item):
        with self.lock:
            self.made["stock"] += 1
        return self.search(item)

    def search(self, item):
        with self.lock:
            self.made["search"] += 1
        return item + 1

TABLE = {"price": Shop.price}
"""
CALLS_A_SECOND = 140
THREADS = 4


def registry(number: int, *, store: str = "a", optional: bool = True) -> str:
    text = f"""\
version: 1
export: {{ local: {{ path: {store}.db }} }}
include: [rules.d/*.yaml]
reload: {{ watch: 200ms }}
roles:
  numbered:
    session: "'s-{number}'"
    tags: [t-{number}]
    metadata: {{ number: "'{number}'", late: "first(result, 0) == 0 and '' or '{number}'" }}
trace:
  - match: shop:Shop.price
    role: numbered
    name: price-{number}
    input: "'{number}'"
"""
    return text + (f"  - match: shop:Shop.stock\n    name: stock-{number}\n" if optional else "")


def write_whole(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    os.replace(new, path)


def write_slowly(path: Path, text: str) -> None:
    with open(path, "w") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        time.sleep(0.03)
        file.write(text[len(text) // 2 :])


def write_swapped(path: Path, text: str) -> None:
    """Write as Kubernetes does: the file is a link into a folder that is itself a link, and that one is swapped."""
    folder = path.parent / f"..{time.monotonic_ns()}"
    folder.mkdir()
    (folder / path.name).write_text(text)
    link = path.parent / "..new"
    link.symlink_to(folder.name)
    os.replace(link, path.parent / "..data")
    if not path.is_symlink():
        link.symlink_to(f"..data/{path.name}")
        os.replace(link, path)


def call(shop: Any, name: str, ended: threading.Event, wrong: list[str], counts: dict[str, int]) -> None:
    item = 0
    while not ended.wait(1 / CALLS_A_SECOND):
        item += 1
        expected = item * 2 if name == "price" else item + 1
        if getattr(shop, name)(item) != expected:
            wrong.append(f"{name}({item})")
        counts[name] = item


def main(folder: Path, seconds: float) -> dict[str, Any]:
    import tracing_proxies

    module = sys.modules["shop"] = ModuleType("shop")
    exec(SOURCE, vars(module))
    shop_class = module.Shop
    raw = {name: vars(shop_class)[name] for name in ("price", "stock", "search")}
    path = folder / "registry.yaml"
    (folder / "rules.d").mkdir()
    path.write_text(registry(0))
    tracing_proxies.activate(path)
    ended, wrong = threading.Event(), []
    threads, counts = [], []
    for number in range(THREADS):
        counts.append({})
        name = ("price", "stock")[number % 2]
        arguments = (module.Shop(), name, ended, wrong, counts[-1])
        threads.append(threading.Thread(target=call, args=arguments))
        threads[-1].start()
    number, until = 0, time.monotonic() + seconds
    writers = [write_whole, write_slowly, write_swapped]
    while time.monotonic() < until:
        number += 1
        store = "ab"[number // 9 % 2]
        if path.is_symlink() and number % 3 != 2:
            path.unlink()
        writers[number % 3](path, registry(number, store=store, optional=bool(number // 4 % 2)))
        if number % 7 == 0:
            write_whole(
                folder / "rules.d" / "more.yaml",
                f"version: 1\ntrace:\n  - match: shop:Shop.se*\n    name: search-{number}\n",
            )
        if number % 11 == 0:
            (folder / "rules.d" / "more.yaml").unlink(missing_ok=True)
        # Now and then there is time to take the change up, and else there is not.
        time.sleep(0.35 if number % 3 == 0 else 0.04)
    number += 1
    (folder / "rules.d" / "more.yaml").unlink(missing_ok=True)
    path.unlink()
    path.write_text(registry(number))
    last_seen = wait_for(
        lambda: shop_class.price is not raw["price"] and recipe_name(shop_class, "price") == f"price-{number}"
    )
    ended.set()
    for thread in threads:
        thread.join()
    flushed = tracing_proxies.flush(20)
    delivery = tracing_proxies.status()["delivery"]
    reloads = tracing_proxies.status()["reloads"]
    path.write_text("version: 1\nexport: { discard: {} }\nreload: { watch: 200ms }\n")
    unwoven = wait_for(lambda: all(vars(shop_class)[name] is raw[name] for name in raw))
    alias = module.TABLE["price"] is raw["price"]
    tracing_proxies.deactivate()
    rows: list[tuple[Any, ...]] = []
    for store in "ab":
        with sqlite3.connect(folder / f"{store}.db") as connection:
            rows += connection.execute("SELECT name, session_id, tags, input, metadata FROM observations").fetchall()
    mixed = [row for row in rows if row[0].startswith("price") and not is_of_one(*row)]
    return {
        "wrong": wrong,
        "called": {name: sum(found.get(name, 0) for found in counts) for name in ("price", "stock")},
        "made": module.Shop.made,
        "prices": sum(row[0].startswith("price") for row in rows),
        "versions": len({row[0] for row in rows if row[0].startswith("price")}),
        "mixed": mixed,
        "last_seen": last_seen,
        "unwoven": unwoven,
        "alias": alias,
        "flushed": flushed,
        "balance": delivery["produced"]
        - delivery["delivered"]
        - delivery["sampled_out"]
        - delivery["queued"]
        - sum(delivery["dropped"].values()),
        "dropped": delivery["dropped"],
        "rows": len(rows),
        "delivered": delivery["delivered"],
        "reloads": reloads,
        "threads": list(native.ours().values()),
    }


def recipe_name(owner: type, name: str) -> str | None:
    from tracing_proxies.weaving.proxies import is_woven, point_of

    entry = vars(owner)[name]
    recipe = point_of(entry).recipe if is_woven(entry) else None
    return None if recipe is None else recipe.constant_name


def is_of_one(name: str, session: str, tags: str, given: str, metadata: str) -> bool:
    number = name.removeprefix("price-")
    found = json.loads(metadata)
    return (session, json.loads(tags), json.loads(given), found["number"], found["late"]) == (
        f"s-{number}",
        [f"t-{number}"],
        number,
        number,
        number,
    )


def wait_for(holds: Any, seconds: float = 30.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.02)
    return False


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), float(sys.argv[2]))))
