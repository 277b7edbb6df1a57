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

/* Restore what was current before; a token of another context has nothing to restore here. Takes the token. */
int
hot_detach(PyObject *token)
{
    int done = PyContextVar_Reset(hot.variable, token);
    Py_DECREF(token);
    if (done < 0) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError))
            return -1;
        PyErr_Clear();
    }
    return 0;
}
