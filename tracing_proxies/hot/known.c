/* Tells whether a value holds only what masking is known to leave alone, as `Known.leaves` of masking/known.py. */
#include "parts.h"

#define DEEPEST 16
#define MOST_LOOKED_AT 2000

/* Answers how many parts may still be looked at; below 0 if something has to be masked or looked at closely. */
static Py_ssize_t
leaves(PyObject *labels, PyObject *texts, PyObject *value, Py_ssize_t left, PyObject *label, int depth)
{
    if (value == Py_None || PyBool_Check(value))
        return left;
    if (PyUnicode_CheckExact(value)) {
        PyObject *known = PyDict_GetItemWithError(texts, label);
        return known != NULL && PySet_Contains(known, value) > 0 ? left : -1;
    }
    if (PyLong_CheckExact(value) || PyFloat_CheckExact(value))
        return hot_is_small(value, PyUnicode_GET_LENGTH(label) > 0) ? left : -1;
    if (PyDict_CheckExact(value)) {
        Py_ssize_t at = 0;
        PyObject *key, *item;
        left -= PyDict_GET_SIZE(value);
        if (depth > DEEPEST)
            return -1;
        while (left >= 0 && PyDict_Next(value, &at, &key, &item)) {
            PyObject *below = PyUnicode_CheckExact(key) ? PyDict_GetItemWithError(labels, key) : NULL;
            if (below == NULL)
                return -1;
            left = leaves(labels, texts, item, left, below, depth + 1);
        }
        return left;
    }
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) {
        Py_ssize_t size = PySequence_Fast_GET_SIZE(value);
        left -= size;
        if (depth > DEEPEST)
            return -1;
        while (left >= 0 && size-- > 0) /* what is new stands at the end of a conversation */
            left = leaves(labels, texts, PySequence_Fast_GET_ITEM(value, size), left, label, depth + 1);
        return left;
    }
    return -1;
}

/* leading(labels, texts, list or tuple, left, label): how many of its first items are left alone, and what is left */
PyObject *
hot_leading(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 5 || !PyDict_Check(args[0]) || !PyDict_Check(args[1]) ||
        !(PyList_CheckExact(args[2]) || PyTuple_CheckExact(args[2])) || !PyLong_Check(args[3]) ||
        !PyUnicode_CheckExact(args[4])) {
        PyErr_SetString(PyExc_TypeError, "labels, texts, a list, how many parts to look at, and a label are needed");
        return NULL;
    }
    Py_ssize_t at = 0, left = PyLong_AsSsize_t(args[3]), after;
    for (; !PyErr_Occurred() && at < PySequence_Fast_GET_SIZE(args[2]); at++, left = after)
        if ((after = leaves(args[0], args[1], PySequence_Fast_GET_ITEM(args[2], at), left, args[4], 0)) < 0)
            break;
    return PyErr_Occurred() ? NULL : Py_BuildValue("nn", at, left);
}

/* The same of a value without a label; `known` are the labels and the texts. */
Py_ssize_t
hot_look_through(PyObject *known, PyObject *value)
{
    return leaves(PyTuple_GET_ITEM(known, 0), PyTuple_GET_ITEM(known, 1), value, MOST_LOOKED_AT, hot.empty, 0);
}

/* leaves(labels, texts, value, left, label) */
PyObject *
hot_leaves(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 5 || !PyDict_Check(args[0]) || !PyDict_Check(args[1]) || !PyLong_Check(args[3]) ||
        !PyUnicode_CheckExact(args[4])) {
        PyErr_SetString(PyExc_TypeError, "labels, texts, a value, how many parts to look at, and a label are needed");
        return NULL;
    }
    Py_ssize_t left = leaves(args[0], args[1], args[2], PyLong_AsSsize_t(args[3]), args[4], 0);
    return PyErr_Occurred() ? NULL : PyLong_FromSsize_t(left);
}
