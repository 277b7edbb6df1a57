"""Types that a C extension exports before they are ready have no namespace, and hold nothing up."""

from __future__ import annotations

import importlib
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.weaving.support import woven
from tracing_proxies import failures

# As BTrees' iterators are: a static type that nobody has given to PyType_Ready.
SOURCE = """
#include <Python.h>

static PyTypeObject Unready = {
    PyVarObject_HEAD_INIT(&PyType_Type, 0).tp_name = "unready.Unready", .tp_basicsize = sizeof(PyObject)};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "unready", NULL, -1, NULL};

PyMODINIT_FUNC
PyInit_unready(void)
{
    PyObject *made = PyModule_Create(&module);
    Unready.tp_base = &PyBaseObject_Type;
    Py_INCREF(&Unready);
    if (made == NULL || PyModule_AddObject(made, "Unready", (PyObject *)&Unready) < 0)
        return NULL;
    return made;
}
"""
APPLICATION = """
from unready import Unready

def work():
    return 1

TABLE = {"work": [work]}

class Holder:
    kind = Unready
    held = (work,)
"""


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unready.c").write_text(SOURCE)
    (tmp_path / "holds_unready.py").write_text(APPLICATION)
    (tmp_path / "imports_unready.py").write_text("from unready import Unready\nfrom holds_unready import work\n")
    compiler = shlex.split(sysconfig.get_config_var("CC"))
    into = tmp_path / f"unready{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = sysconfig.get_paths()["include"]
    shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    subprocess.run([*compiler, *shared, "-fPIC", f"-I{include}", tmp_path / "unready.c", "-o", into], check=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("unready", "holds_unready", "imports_unready"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize("is_early", [True, False])
def test_what_holds_such_a_type_is_searched_for_woven_functions_as_all_else(is_early: bool) -> None:
    before = failures.counts()
    if is_early:
        importlib.import_module("imports_unready")
    with woven("holds_unready:work") as spans:
        application, other = (importlib.import_module(name) for name in ("holds_unready", "imports_unready"))
        assert application.TABLE["work"][0] is application.Holder.held[0] is application.work is other.work
        application.TABLE["work"][0]()
        application.Holder.held[0]()
        other.work()
    assert len(spans) == 3
    assert failures.counts() == before
