"""Where a process has several interpreters each is traced, and none by what belongs to another."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

_MODULE = next((name for name in ("_interpreters", "_xxsubinterpreters") if importlib.util.find_spec(name)), "")

PROGRAM = """
    import importlib, sys, textwrap
    import tracing_proxies
    import agents

    SOURCE = '''
        import sys
        sys.path[:0] = {path!r}
        import agents, tracing_proxies
        tracing_proxies.activate("registry.yaml")
        assert list(agents.pieces(2)) == [0, 1] and agents.ask(1) == 2
        assert tracing_proxies.flush(10.0)
        print("within", tracing_proxies.status()["delivery"]["delivered"])
        tracing_proxies.deactivate()
    '''

    def work():
        for _ in range(50):
            assert list(agents.pieces(2)) == [0, 1] and agents.ask(1) == 2

    interpreters = importlib.import_module(sys.argv[1])
    tracing_proxies.activate("registry.yaml")
    for _ in range(2):
        by_name = hasattr(interpreters, "new_config")
        made = interpreters.create("legacy") if by_name else interpreters.create(isolated=False)
        failed = interpreters.run_string(made, textwrap.dedent(SOURCE.format(path=sys.path)))
        assert failed is None, failed
        work()
        interpreters.destroy(made)
        work()
    tracing_proxies.flush(10.0)
    print("without", tracing_proxies.status()["delivery"]["delivered"], tracing_proxies.status()["failures"])
"""


@pytest.mark.skipif(not _MODULE, reason="this interpreter makes no others")
def test_each_interpreter_of_a_process_is_traced(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text("def ask(n):\n    return n + 1\n\ndef pieces(n):\n    yield from range(n)\n")
    registry = tmp_path / "registry.yaml"
    registry.write_text(
        'version: 1\nsampling: { budget: unlimited }\nexport: { discard: {} }\ntrace: [{ match: "agents:*" }]\n'
    )
    registry.chmod(0o600)
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    command = [sys.executable, "program.py", _MODULE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["within 2", "within 2", "without 400 {}"]), done.stderr
