"""Servers that start, fork and restart processes serve as untraced, and are traced in each of them."""

from __future__ import annotations

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.process.conftest import wait_until

ACTIVATE = "import tracing_proxies; tracing_proxies.activate()"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WAYS = ["run", "top"]
"""Started by `tracing-proxies run`, activated at the top of the module that has the application."""

STARLETTE = """
{top}
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
import goods

VERSION = 1

async def ready(request):
    return JSONResponse(VERSION)

async def whoami(request):
    return JSONResponse(goods.whoami(request.path_params["number"]))

def blocking(request):
    return JSONResponse(goods.whoami(request.path_params["number"]))

app = Starlette(routes=[
    Route("/ready", ready), Route("/whoami/{{number:int}}", whoami), Route("/blocking/{{number:int}}", blocking),
])
"""
FLASK = """
{top}
import os
import flask
import goods

app = flask.Flask(__name__)
PID = os.getpid()

@app.get("/ready")
def ready():
    return flask.jsonify(PID)

@app.get("/whoami/<int:number>")
def whoami(number):
    return flask.jsonify(goods.whoami(number))

@app.get("/pooled/<method>/<int:number>")
def pooled(method, number):
    import concurrent.futures, multiprocessing
    if method == "thread":
        pool = concurrent.futures.ThreadPoolExecutor(1)
    else:
        pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context(method))
    with pool:
        return flask.jsonify(pool.submit(goods.whoami, number).result())
"""


def write(app: Any, way: str, source: str) -> None:
    (app.folder / "main.py").write_text(source.format(top=ACTIVATE if way == "top" else ""))


def uvicorn(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "uvicorn", "main:app", "--port", "{port}", "--log-level", "warning", *arguments]


def ask_until_both(server: Any, path: str) -> dict[int, int]:
    """Ask until two processes have answered; returns who has answered each number."""
    pids: dict[int, int] = {}
    ends = time.monotonic() + 30  # where the machine is busy, one may be ready long after the other
    with ThreadPoolExecutor(4) as pool:
        for start in itertools.count(0, 4):
            if start >= 400 and time.monotonic() > ends:
                break
            numbers = range(start, start + 4)
            for pid, number in pool.map(lambda n: server.get(f"{path}/{n}", traceparent=PARENT), numbers):
                pids[number] = pid
            if len(set(pids.values())) == 2:
                return pids
    raise AssertionError(f"only {set(pids.values())} have answered")


def assert_each_is_traced(app: Any, pids: dict[int, int], name: str) -> None:
    """Assert that each answer was recorded, by the process that gave it, below its request's span."""
    answers, requests = app.spans("whoami"), {span["id"]: span for span in app.spans(name)}
    assert {span["input"]["number"]: span["output"][0] for span in answers} == pids
    assert len(answers) == len(requests) == len(pids)
    for span in answers:
        request = requests[span["parent_observation_id"]]
        assert f"00-{request['trace_id']}-{request['parent_observation_id']}-01" == PARENT
        assert span["trace_id"] == request["trace_id"]


@pytest.mark.parametrize("way", WAYS)
def test_workers_of_uvicorn_serve_and_are_traced(app: Any, way: str) -> None:
    write(app, way, STARLETTE)
    with app.serve(way, *uvicorn("--workers", "2")) as server:
        pids = ask_until_both(server, "/whoami")
        assert server.process.pid not in pids.values()
    assert_each_is_traced(app, pids, "GET /whoami/{number}")


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_uvicorn_has_reloaded_is_traced(app: Any, way: str) -> None:
    write(app, way, STARLETTE)
    with app.serve(way, *uvicorn("--reload", "--reload-delay", "0.05")) as server:
        [first, _] = server.get("/whoami/1", traceparent=PARENT)
        write(app, way, STARLETTE.replace("VERSION = 1", "VERSION = 2"))
        wait_until(lambda: server.tells("/ready", 2), server.log)
        [second, _] = server.get("/blocking/2", traceparent=PARENT)
    assert len({first, second, server.process.pid}) == 3
    answers = app.spans("whoami")
    assert [span["output"] for span in answers] == [[first, 1], [second, 2]]
    names = [app.parent_of(span)["name"] for span in answers]
    assert names == ["GET /whoami/{number}", "GET /blocking/{number}"]


@pytest.mark.parametrize("way", WAYS)
def test_one_process_of_uvicorn_delivers_before_it_dies_of_its_signal(app: Any, way: str) -> None:
    write(app, way, STARLETTE)
    with app.serve(way, *uvicorn()) as server:
        pid, _ = server.get("/whoami/1", traceparent=PARENT)
    assert pid == server.process.pid
    assert server.process.returncode == -15
    assert_each_is_traced(app, {1: pid}, "GET /whoami/{number}")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_workers_that_gunicorn_forks_from_a_loaded_application_are_traced(app: Any, way: str, kind: str) -> None:
    write(app, way, FLASK)
    command = [sys.executable, "-m", "gunicorn", "main:app", "--preload", "--workers", "2", "--worker-class", kind]
    with app.serve(way, *command, "--bind", "127.0.0.1:{port}", "--log-level", "warning") as server:
        assert server.get("/ready") == server.process.pid  # the application was loaded before the fork
        pids = ask_until_both(server, "/whoami")
    assert server.process.returncode == 0
    assert server.process.pid not in pids.values()
    assert_each_is_traced(app, pids, "GET /whoami/<int:number>")


@pytest.mark.parametrize("way", WAYS)
def test_pools_within_a_forked_worker_are_traced_below_the_request(app: Any, way: str) -> None:
    write(app, way, FLASK)
    command = [sys.executable, "-m", "gunicorn", "main:app", "--preload", "--bind", "127.0.0.1:{port}"]
    methods = ["thread", "fork", "spawn", "forkserver"]
    with app.serve(way, *command, "--log-level", "warning", "--timeout", "60") as server:
        pids = {number: server.get(f"/pooled/{method}/{number}")[0] for number, method in enumerate(methods)}
    assert len(set(pids.values())) == 4
    answers = app.spans("whoami")
    assert {span["input"]["number"]: span["output"][0] for span in answers} == pids
    for span in answers:
        assert app.parent_of(span)["name"] == "GET /pooled/<method>/<int:number>"


def test_one_trace_goes_from_a_client_through_two_servers(make_app: Any) -> None:
    back, front = make_app("back"), make_app("front")
    write(back, "run", STARLETTE)
    relay = (
        FLASK
        + """
@app.get("/relay/<path:url>")
def relay(url):
    import requests
    return flask.jsonify(requests.get(url).json())
"""
    )
    write(front, "top", relay)
    body = """
    import httpx
    def get(url):
        return httpx.get(url, trust_env=False).json()
    def main(url):
        print(goods.outer(get, url)[1])
    """
    client = make_app("client")
    command = [sys.executable, "-m", "gunicorn", "main:app", "--bind", "127.0.0.1:{port}", "--log-level", "warning"]
    with back.serve("run", *uvicorn()) as behind, front.serve("top", *command) as before:
        assert client.run("top", body, f"{before.url}/relay/{behind.url}/whoami/7") == "7\n"
    [outer] = client.spans("outer")
    [relayed] = front.spans("GET /relay/<path:url>")
    [request] = back.spans("GET /whoami/{number}")
    [answer] = back.spans("whoami")
    chain = [outer, relayed, request, answer]
    assert {span["trace_id"] for span in chain} == {outer["trace_id"]}
    assert [span["parent_observation_id"] for span in chain] == [None, *(span["id"] for span in chain[:-1])]
