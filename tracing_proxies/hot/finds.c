/* What becomes of the places that were found in a text: merged where they overlap, and replaced, as masking/scan.py
   does it. Spans are tuples of start, end and class; only builtin objects are compared, which runs no other code. */
#include "parts.h"

/* A list of our own with the same spans; NULL on an exception. */
static PyObject *
spans_of(PyObject *given)
{
    PyObject *spans;
    if (!PyList_CheckExact(given)) {
        PyErr_SetString(PyExc_TypeError, "a list of spans is needed");
        return NULL;
    }
    if ((spans = PySequence_List(given)) == NULL)
        return NULL;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(spans); at++) {
        PyObject *span = PyList_GET_ITEM(spans, at);
        if (!PyTuple_CheckExact(span) || PyTuple_GET_SIZE(span) != 3 || !PyLong_CheckExact(PyTuple_GET_ITEM(span, 0)) ||
            !PyLong_CheckExact(PyTuple_GET_ITEM(span, 1)) || !PyUnicode_CheckExact(PyTuple_GET_ITEM(span, 2))) {
            Py_DECREF(spans);
            PyErr_SetString(PyExc_TypeError, "spans of start, end and class are needed");
            return NULL;
        }
    }
    return spans;
}

static inline Py_ssize_t
edge_of(PyObject *span, int side)
{
    return PyLong_AsSsize_t(PyTuple_GET_ITEM(span, side));
}

/* The rank of a class; -1 on an exception. */
static Py_ssize_t
rank_of(PyObject *ranks, PyObject *name)
{
    PyObject *rank = PyDict_GetItemWithError(ranks, name);
    if (rank == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, name);
    return rank == NULL ? -1 : PyLong_AsSsize_t(rank);
}

static int
append_span(PyObject *merged, PyObject *start, Py_ssize_t end, PyObject *name)
{
    PyObject *span = Py_BuildValue("OnO", start, end, name);
    int failed = span == NULL ? -1 : PyList_Append(merged, span);
    Py_XDECREF(span);
    return failed;
}

/* merged(spans, ranks) */
PyObject *
hot_merged(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *spans, *merged = NULL, *start = NULL, *name = NULL;
    Py_ssize_t end = 0;
    if (nargs != 2 || !PyDict_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "spans and a dict of ranks are needed");
        return NULL;
    }
    if ((spans = spans_of(args[0])) == NULL)
        return NULL;
    if (PyList_Sort(spans) < 0 || (merged = PyList_New(0)) == NULL)
        goto failed;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(spans); at++) {
        PyObject *span = PyList_GET_ITEM(spans, at), *next = PyTuple_GET_ITEM(span, 2);
        if (at && edge_of(span, 0) < end) {
            Py_ssize_t rank = rank_of(args[1], name), other = rank_of(args[1], next);
            if (PyErr_Occurred())
                goto failed;
            end = edge_of(span, 1) > end ? edge_of(span, 1) : end;
            name = other < rank ? next : name;
            continue;
        }
        if (at && append_span(merged, start, end, name) < 0)
            goto failed;
        start = PyTuple_GET_ITEM(span, 0);
        end = edge_of(span, 1);
        name = next;
    }
    if (start != NULL && append_span(merged, start, end, name) < 0)
        goto failed;
    if (PyErr_Occurred()) /* a place beyond what a text can have */
        goto failed;
    Py_DECREF(spans);
    return merged;
failed:
    Py_DECREF(spans);
    Py_XDECREF(merged);
    return NULL;
}

static int
append_piece(PyObject *pieces, PyObject *text, Py_ssize_t from, Py_ssize_t to)
{
    PyObject *piece;
    int failed;
    if (from == to)
        return 0;
    piece = PyUnicode_Substring(text, from, to);
    failed = piece == NULL ? -1 : PyList_Append(pieces, piece);
    Py_XDECREF(piece);
    return failed;
}

/* Count one more of a class. */
static int
count(PyObject *counted, PyObject *name)
{
    PyObject *many = PyDict_GetItemWithError(counted, name), *more;
    int failed;
    if (many == NULL && PyErr_Occurred())
        return -1;
    if ((more = PyLong_FromSsize_t(many == NULL ? 1 : PyLong_AsSsize_t(many) + 1)) == NULL)
        return -1;
    failed = PyErr_Occurred() ? -1 : PyDict_SetItem(counted, name, more);
    Py_DECREF(more);
    return failed;
}

/* What stands for a value of a class: the same for all of them, or what a callable gives for this one. */
static PyObject *
instead_of(PyObject *known, PyObject *replace, PyObject *name, PyObject *text, Py_ssize_t from, Py_ssize_t to)
{
    PyObject *instead = PyDict_GetItemWithError(known, name), *value;
    if (instead != NULL || PyErr_Occurred())
        return Py_XNewRef(instead);
    if ((value = PyUnicode_Substring(text, from, to)) == NULL)
        return NULL;
    instead = PyObject_CallFunctionObjArgs(replace, name, value, NULL);
    Py_DECREF(value);
    return instead;
}

/* replaced(text, spans in order and without overlaps, what stands for a class, what gives it else, counts by class) */
PyObject *
hot_replaced(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *spans, *pieces = NULL, *masked = NULL;
    Py_ssize_t past = 0;
    if (nargs != 5 || !PyUnicode_CheckExact(args[0]) || !PyDict_CheckExact(args[2]) || !PyDict_Check(args[4])) {
        PyErr_SetString(PyExc_TypeError, "a text, spans, a dict of texts, a callable and a dict of counts are needed");
        return NULL;
    }
    if ((spans = spans_of(args[1])) == NULL)
        return NULL;
    if ((pieces = PyList_New(0)) == NULL)
        goto end;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(spans); at++) {
        PyObject *span = PyList_GET_ITEM(spans, at), *name = PyTuple_GET_ITEM(span, 2), *instead;
        Py_ssize_t from = edge_of(span, 0), to = edge_of(span, 1);
        int failed;
        if (from < past || to < from || to > PyUnicode_GET_LENGTH(args[0])) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "spans of the text, in order and without overlaps, are needed");
            goto end;
        }
        if (append_piece(pieces, args[0], past, from) < 0 ||
            (instead = instead_of(args[2], args[3], name, args[0], from, to)) == NULL)
            goto end;
        failed = PyList_Append(pieces, instead) < 0 || count(args[4], name) < 0;
        Py_DECREF(instead);
        if (failed)
            goto end;
        past = to;
    }
    if (append_piece(pieces, args[0], past, PyUnicode_GET_LENGTH(args[0])) == 0)
        masked = PyUnicode_Join(hot.empty, pieces);
end:
    Py_DECREF(spans);
    Py_XDECREF(pieces);
    return masked;
}
