/* Makes contexts and takes them back, as recording/context.py does. */
#include "parts.h"

/* Copy a context with one more entry, or two. */
PyObject *
hot_with(PyObject *context, PyObject *key, PyObject *value, PyObject *key2, PyObject *value2)
{
    PyTypeObject *type = (PyTypeObject *)hot.Context;
    PyObject *made = type->tp_new(type, hot.nothing, NULL);
    if (made == NULL)
        return NULL;
    /* Past the context's own refusal to be changed: nobody has seen this one yet. */
    if ((PyDict_GET_SIZE(context) && PyDict_Update(made, context) < 0) || PyDict_SetItem(made, key, value) < 0 ||
        (key2 != NULL && PyDict_SetItem(made, key2, value2) < 0)) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}

/* Before Python 3.12 the collector may run on any allocation, and finalisers with it. One that is traced changes the
   same variable while the interpreter makes its next state from the present one, which it does not hold
   (`contextvar_set`): it would go on with freed memory. So the collector waits for that moment. */
#if PY_VERSION_HEX < 0x030C0000
#define HOLD_COLLECTOR() PyGC_Disable()
#define LET_COLLECT(was) (void)((was) && PyGC_Enable())
#else
#define HOLD_COLLECTOR() 0
#define LET_COLLECT(was) (void)(was)
#endif

/* Make a context current. Returns a token, with which `hot_detach` restores what is current now. */
PyObject *
hot_attach(PyObject *context)
{
    int was_on = HOLD_COLLECTOR();
    PyObject *token = PyContextVar_Set(hot.variable, context);
    LET_COLLECT(was_on);
    return token;
}

/* Restore what was current before; a token of another context has nothing to restore here, nor one before which nothing was
   current where that holds again. Takes the token. */
int
hot_detach(PyObject *token)
{
    int was_on = HOLD_COLLECTOR(), done = PyContextVar_Reset(hot.variable, token);
    LET_COLLECT(was_on);
    Py_DECREF(token);
    if (done < 0) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_LookupError))
            return -1;
        PyErr_Clear();
    }
    return 0;
}

/* hold_variable(variable): what is current is held by it. */
PyObject *
hot_hold_variable(PyObject *module, PyObject *variable)
{
    if (!PyContextVar_CheckExact(variable)) {
        PyErr_SetString(PyExc_TypeError, "a context variable is needed");
        return NULL;
    }
    Py_XSETREF(hot.variable, Py_NewRef(variable));
    Py_RETURN_NONE;
}

static int
is_held(void)
{
    if (hot.variable == NULL)
        PyErr_SetString(PyExc_AssertionError, "what is current is not known yet");
    return hot.variable != NULL;
}

/* attach(context), as the variable's `set`: in one piece, in which no other thread can ask whether the collector runs. */
PyObject *
hot_attach_by_name(PyObject *module, PyObject *context)
{
    return is_held() ? hot_attach(context) : NULL;
}

/* reset(token), as the variable's. */
PyObject *
hot_reset_by_name(PyObject *module, PyObject *token)
{
    if (!is_held())
        return NULL;
    int was_on = HOLD_COLLECTOR(), done = PyContextVar_Reset(hot.variable, token);
    LET_COLLECT(was_on);
    return done < 0 ? NULL : Py_NewRef(Py_None);
}
