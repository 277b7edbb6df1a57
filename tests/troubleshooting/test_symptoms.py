"""Each symptom of docs/troubleshooting.md is brought about, and the command at its end shows the cause."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.contract.server import PUBLIC_KEY, ContractServer
from tests.delivery.support import wait_until
from tests.docs_pages.blocks import ROOT, Block, Walk, blocks_of
from tracing_proxies.monitoring.figures import describe
from tracing_proxies.monitoring.workers import folder_of, merge_windows

PAGE = ROOT / "docs" / "troubleshooting.md"
PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
SHOP = """
import functools, threading

def price(product, customer_name=""):
    return 4.2

cached = functools.lru_cache(price)

class Agent:
    def run(self, task):
        worker = threading.Thread(target=price, args=(task,))
        worker.start()
        worker.join()
        return price(task)

class Model:
    def ask(self, prompt):
        return {"text": "yes", "usage": {"in": 3, "out": 1}}
"""
APP = """
import sys
import shop

if __name__ == "__main__":
    shop.Agent().run("milk")
    for _ in range(500 if sys.argv[1:] else 0):
        shop.price("milk")
    print("up", flush=True)
    sys.stdin.read()
"""
RULES = """version: 1
trace:
  - match: shop:Agent.run
    observation: agent
  - match: shop:price
  - match: shop:Model.ask
    observation: generation
"""
CHAPTERS = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", PAGE.read_text("utf-8"), re.MULTILINE))


class Case(Walk):
    """A folder with a small shop, in which a symptom is brought about.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.variables: dict[str, str] = {}
        self.running: subprocess.Popen[str] | None = None
        self.write("shop.py", SHOP)
        self.write("app.py", APP)
        self.write("registry.yaml", RULES)

    def write(self, name: str, text: str) -> None:
        """Write a file, and the folder that it is in."""
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **self.variables}

    def start(self, *arguments: str) -> None:
        """Start the shop traced, and wait until it has done its work."""
        command = [PROGRAM, "run", "--", sys.executable, "app.py", *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.running = subprocess.Popen(command, cwd=self.folder, env=self.environment(), **pipes)
        assert self.running.stdout is not None
        assert self.running.stdout.readline() == "up\n"

    def finish(self) -> None:
        """Let it end."""
        if self.running is not None:
            self.running.communicate(timeout=60)


def no_spans(case: Case, server: ContractServer) -> None:
    case.write("registry.yaml", RULES.replace("Agent.run", "Agent.rnu"))


def as_it_is(case: Case, server: ContractServer) -> None:
    """The shop has it from the beginning: a cache around `price`, a rule without `usage`, a personal parameter."""


def duplicates(case: Case, server: ContractServer) -> None:
    about = "opentelemetry_instrumentation_shop-1.0.dist-info/METADATA"
    case.write(about, "Metadata-Version: 2.1\nName: opentelemetry-instrumentation-shop\nVersion: 1.0\n")
    case.variables["PYTHONPATH"] = str(case.folder)


def broken_parents(case: Case, server: ContractServer) -> None:
    case.start()
    case.finish()


def slow(case: Case, server: ContractServer) -> None:
    case.start("often")
    assert case.running is not None
    folder = folder_of(case.running.pid)

    def counted() -> bool:
        return any(target["name"] == "price" for target in describe(merge_windows(folder))["targets"])

    assert wait_until(counted), "what is counted is published"


def nobody_takes(case: Case, server: ContractServer) -> None:
    case.variables |= keys("http://127.0.0.1:9", "sk-lf-any")


def wrong_keys(case: Case, server: ContractServer) -> None:
    case.variables |= keys(server.url, "sk-lf-of-another-project")


def a_number_like_an_address(case: Case, server: ContractServer) -> None:
    case.write("said.txt", "the shelf 10.2.0.4 is empty since Monday\n")


def outdated_preset(case: Case, server: ContractServer) -> None:
    case.write("extras/__init__.py", "")
    case.write("extras/extra.yaml", "version: 1\npreset: { summary: s }\ntrace:\n  - match: shop:gone\n")
    case.write("extras-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: extras\nVersion: 1.0\n")
    case.write("extras-1.0.dist-info/entry_points.txt", "[tracing_proxies.adapters]\nextra = extras\n")
    case.write("registry.yaml", RULES.replace("version: 1\n", "version: 1\nuse: [extra]\n"))
    case.variables["PYTHONPATH"] = str(case.folder)


def keys(address: str, secret: str) -> Mapping[str, str]:
    return {"LANGFUSE_BASE_URL": address, "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY, "LANGFUSE_SECRET_KEY": secret}


SYMPTOMS: dict[str, Callable[[Case, ContractServer], None]] = {
    "No spans": no_spans,
    "Too few spans": as_it_is,
    "Duplicate spans": duplicates,
    "Broken parents": broken_parents,
    "Missing tokens": as_it_is,
    "The application is slow": slow,
    "The spool grows": nobody_takes,
    "401": wrong_keys,
    "Masked too much": a_number_like_an_address,
    "Masked too little": as_it_is,
    "A framework's update broke a preset": outdated_preset,
}


@pytest.fixture(scope="module")
def server() -> Iterator[ContractServer]:
    server = ContractServer()
    yield server
    server.stop()


def test_every_symptom_of_the_page_is_brought_about_here() -> None:
    assert list(CHAPTERS) == list(SYMPTOMS)


@pytest.mark.parametrize("symptom", list(SYMPTOMS))
def test_the_command_at_the_end_shows_the_cause(symptom: str, tmp_path: Path, server: ContractServer) -> None:
    case = Case(tmp_path)
    blocks = blocks_of(CHAPTERS[symptom])
    assert [block.mark.partition(" ")[0] for block in blocks[-2:]] == ["sh", "text"]
    SYMPTOMS[symptom](case, server)
    try:
        for block in blocks:
            pid = str(case.running.pid) if case.running else "4711"
            case.take(Block(block.mark, block.text.replace("4711", pid), block.line))
    finally:
        case.finish()


def test_with_the_preset_the_thread_stands_below_its_caller(tmp_path: Path, server: ContractServer) -> None:
    case = Case(tmp_path)
    case.write("registry.yaml", RULES.replace("version: 1\n", "version: 1\nuse: [threads]\n"))
    broken_parents(case, server)
    case.take(Block("sh", "tracing-proxies show\n", 1))
    case.take(Block("text", "agent Agent.run  0.1 ms\n├── span price  0.1 ms\n└── span price  0.1 ms\n", 1))
