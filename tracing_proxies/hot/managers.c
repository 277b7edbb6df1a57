/* Enters and leaves context managers that are traced, as `TracedContextManager` of weaving/managers.py: no frame of ours
   stands between whoever does so and the manager's own method. */
#include "parts.h"

/* Read what a traced manager stands for, and its state: borrowed. */
static int
read_parts(PyObject *self, PyObject **wrapped, PyObject **state)
{
    if (hot.type.StandIn == NULL || !PyObject_TypeCheck(self, hot.type.StandIn)) {
        PyErr_SetString(PyExc_TypeError, "a traced context manager is needed");
        return -1;
    }
    *wrapped = SLOT(self, StandIn, _tp_wrapped);
    *state = SLOT(self, StandIn, _tp_state);
    if (*wrapped != NULL && *state != NULL)
        return 0;
    PyErr_SetString(PyExc_AttributeError, "a context manager that was never made");
    return -1;
}

/* Tell the state the exception that the manager's method has raised, which is raised again. */
static void
end_beside(PyObject *state)
{
    PyObject *type, *value, *traceback;
    hot_catch(&type, &value, &traceback);
    int failed = hot_told(PyObject_CallMethodOneArg(state, hot.end, value)) < 0;
    (void)hot_come_to(NULL, failed, type, value, traceback);
}

static PyObject *
call_own(PyObject *wrapped, PyObject *name, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    PyObject *method = PyObject_GetAttr(wrapped, name);
    PyObject *answer = method == NULL ? NULL : PyObject_Vectorcall(method, args, nargs, names);
    Py_XDECREF(method);
    return answer;
}

static PyObject *
manager_enter(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    PyObject *wrapped, *state, *value = NULL, *first;
    if (read_parts(self, &wrapped, &state) < 0)
        return NULL;
    Py_INCREF(wrapped);
    Py_INCREF(state);
    first = PyObject_CallMethodOneArg(state, hot.begin, wrapped);
    if (first != NULL) {
        value = call_own(wrapped, hot.enter, args, nargs, names);
        if (value == NULL && first == Py_True)
            end_beside(state);
        else if (value != NULL && hot_told(PyObject_CallMethodOneArg(state, hot.hold, value)) < 0)
            Py_CLEAR(value);
        Py_DECREF(first);
    }
    Py_DECREF(wrapped);
    Py_DECREF(state);
    return value;
}

static PyObject *
manager_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    PyObject *wrapped, *state, *suppressed = NULL;
    if (read_parts(self, &wrapped, &state) < 0)
        return NULL;
    Py_INCREF(wrapped);
    Py_INCREF(state);
    if (hot_told(PyObject_CallMethodNoArgs(state, hot.recall)) == 0) {
        suppressed = call_own(wrapped, hot.exit, args, nargs, names);
        int is_over = suppressed == NULL ? 0 : PyObject_IsTrue(suppressed);
        if (suppressed == NULL)
            end_beside(state);
        else if (is_over < 0 || hot_told(PyObject_CallMethodOneArg(
                                    state, hot.end, is_over || nargs < 2 ? Py_None : args[1])) < 0)
            Py_CLEAR(suppressed);
    }
    Py_DECREF(wrapped);
    Py_DECREF(state);
    return suppressed;
}

static PyMethodDef methods[] = {
    {"__enter__", (PyCFunction)(void (*)(void))manager_enter, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))manager_exit, METH_FASTCALL | METH_KEYWORDS, NULL},
};

/* manager_methods(): `__enter__` and `__exit__` of traced context managers, by name. */
PyObject *
hot_manager_methods(PyObject *module, PyObject *nothing)
{
    return hot_make_methods(methods, Py_ARRAY_LENGTH(methods));
}
