"""A test that has a file system of its own finds none of our files in it, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROGRAM = textwrap.dedent(
    """
    import os, sys, time
    from pathlib import Path

    LATE, FOLDER = sys.argv[1] == "late", sys.argv[2]
    os.environ |= {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
    if not LATE:
        from pyfakefs.fake_filesystem_unittest import Patcher

    import tracing_proxies
    from tracing_proxies.testing import registry_from

    tracing_proxies.activate(registry_from(f'''
        version: 1
        export: {{ local: {{ path: {FOLDER}/traces.db }}, langfuse: {{ host: "http://127.0.0.1:9" }} }}
        spool: {{ path: {FOLDER}/spool }}
        monitoring: {{ interval: 1s }}
        trace: [{{ match: "json:dumps" }}]
    '''))
    if LATE:
        from pyfakefs.fake_filesystem_unittest import Patcher
    import json

    known = set(Patcher.SKIPNAMES)
    with Patcher() as patcher:
        Path("/notes.txt").write_text("of the test")
        before = {str(one) for one in Path("/").rglob("*")}
        for number in range(20):
            json.dumps(number)
        time.sleep(2.5)  # metrics are written
        assert {str(one) for one in Path("/").rglob("*")} == before
    tracing_proxies.flush(10.0)
    status = tracing_proxies.status()
    assert status["failures"] == {}, status["failures"]
    assert status["delivery"]["sinks"]["local"]["delivered"] == 20
    assert status["delivery"]["sinks"]["langfuse"]["spooled"] == 20
    assert not Path("/notes.txt").exists()
    tracing_proxies.deactivate()
    assert not [name for name in Patcher.SKIPNAMES if name.startswith("tracing_proxies")]
    assert [name for name in known if name.startswith("tracing_proxies.adapters.")]
    """
)


@pytest.mark.parametrize("order", ["early", "late"])
def test_under_pyfakefs_our_files_are_real_and_the_tests_own_are_not(order: str, tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM, order, str(tmp_path)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "traces.db").exists()
