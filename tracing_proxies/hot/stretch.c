/* Finishes the spans of a batch, one after another, as delivery/stretch.py does. */
#include "observation.h"

#define DEEPEST_WEIGHED 8 /* of metadata, as _MAX_DEPTH of delivery/weight.py */

/* The size of a text as `sys.getsizeof` tells it; -1 where it is not laid out as those that are made here. */
static Py_ssize_t
size_of(PyObject *text)
{
    if (text == Py_None)
        return 0;
    if (!PyUnicode_CheckExact(text) || !PyUnicode_IS_COMPACT(text))
        return -1;
    Py_ssize_t letters = PyUnicode_GET_LENGTH(text) + 1;
    if (PyUnicode_IS_ASCII(text))
        return (Py_ssize_t)sizeof(PyASCIIObject) + letters;
    PyCompactUnicodeObject *compact = (PyCompactUnicodeObject *)text;
    Py_ssize_t beside = compact->utf8 == NULL ? 0 : compact->utf8_length + 1; /* once somebody has asked for it */
    return (Py_ssize_t)sizeof(PyCompactUnicodeObject) + letters * PyUnicode_KIND(text) + beside;
}

/* How objects of builtin classes tell their size, and what `sys.getsizeof` adds to it: it looks for both in each object,
   which takes twenty times as long. */
static struct {
    PyTypeObject *type;
    PyCFunction tell;
    Py_ssize_t beside;
} sized[] = {{&PyDict_Type}, {&PyLong_Type}, {&PyList_Type}, {&PyBool_Type}, {&PyTuple_Type}};

/* A size that was told; -1 with an exception, as where there is none. */
static Py_ssize_t
size_told(PyObject *told)
{
    Py_ssize_t size = told == NULL ? -1 : PyLong_AsSsize_t(told);
    Py_XDECREF(told);
    return size;
}

/* Find how they do, with an empty one of each; -1 with an exception. */
int
hot_find_sizes(void)
{
    for (size_t at = 0; at < Py_ARRAY_LENGTH(sized); at++) {
        PyObject *empty = PyObject_CallNoArgs((PyObject *)sized[at].type), *method;
        Py_ssize_t size = empty == NULL ? -1 : size_told(PyObject_CallOneArg(hot.getsizeof, empty)), own = -1;
        method = size < 0 ? NULL : PyObject_GetAttrString((PyObject *)sized[at].type, "__sizeof__");
        if (method != NULL && Py_TYPE(method) == &PyMethodDescr_Type &&
            ((PyMethodDescrObject *)method)->d_method->ml_flags == METH_NOARGS) {
            PyCFunction tell = ((PyMethodDescrObject *)method)->d_method->ml_meth;
            if ((own = size_told(tell(empty, NULL))) >= 0) {
                sized[at].tell = tell;
                sized[at].beside = size - own;
            }
        }
        Py_XDECREF(method);
        Py_XDECREF(empty);
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

/* The size of any object as `sys.getsizeof` tells it; -1 with an exception. */
static Py_ssize_t
size_of_any(PyObject *value)
{
    Py_ssize_t size = PyUnicode_CheckExact(value) ? size_of(value) : -1;
    if (size >= 0)
        return size;
    if (PyFloat_CheckExact(value) || value == Py_None)
        return Py_TYPE(value)->tp_basicsize;
    for (size_t at = 0; at < Py_ARRAY_LENGTH(sized); at++)
        if (Py_TYPE(value) == sized[at].type && sized[at].tell != NULL) {
            size = size_told(sized[at].tell(value, NULL));
            return size < 0 ? -1 : size + sized[at].beside;
        }
    return size_told(PyObject_CallOneArg(hot.getsizeof, value));
}

static Py_ssize_t weight_within(PyObject *value, int depth);

/* Add what an item of a container weighs; -1 with an exception. */
static int
add_item(Py_ssize_t *size, PyObject *item, int depth)
{
    int is_container = PyDict_CheckExact(item) || PyList_CheckExact(item) || PyTuple_CheckExact(item);
    Py_ssize_t weight = is_container ? weight_within(item, depth - 1) : size_of_any(item);
    *size += weight;
    return weight < 0 ? -1 : 0;
}

/* What a value weighs, as `_weigh`; -1 with an exception. */
static Py_ssize_t
weight_within(PyObject *value, int depth)
{
    PyObject *key, *item;
    Py_ssize_t size = size_of_any(value), at = 0;
    int failed = size < 0;
    if (depth > 0 && PyDict_CheckExact(value))
        while (!failed && PyDict_Next(value, &at, &key, &item)) {
            /* To ask for a size may run the collector, and with it another thread. */
            Py_INCREF(key);
            Py_INCREF(item);
            Py_ssize_t named = size_of_any(key);
            size += named;
            failed = named < 0 || add_item(&size, item, depth) < 0;
            Py_DECREF(key);
            Py_DECREF(item);
        }
    else if (depth > 0 && (PyList_CheckExact(value) || PyTuple_CheckExact(value)))
        for (; !failed && at < PySequence_Fast_GET_SIZE(value); at++) {
            item = Py_NewRef(PySequence_Fast_GET_ITEM(value, at));
            failed = add_item(&size, item, depth) < 0;
            Py_DECREF(item);
        }
    return failed ? -1 : size;
}

/* What an observation weighs, as `weigh`; -1 with an exception. */
static Py_ssize_t
weight_of(PyObject *observation)
{
    if (PyTuple_Check(observation) && PyTuple_GET_SIZE(observation) == FIELDS) {
        PyObject **field = ((PyTupleObject *)observation)->ob_item;
        Py_ssize_t given = size_of(field[INPUT]), result = size_of(field[OUTPUT]), status = size_of(field[STATUS]);
        if (given >= 0 && result >= 0 && status >= 0 && PyDict_CheckExact(field[METADATA])) {
            Py_ssize_t more = PyDict_GET_SIZE(field[METADATA]) == 0 ? 0 : weight_within(field[METADATA], DEEPEST_WEIGHED);
            return more < 0 ? -1 : 1200 + given + result + status + more;
        }
    }
    PyObject *weight = PyObject_CallOneArg(hot.weigh, observation);
    Py_ssize_t found = weight == NULL ? -1 : PyLong_AsSsize_t(weight);
    Py_XDECREF(weight);
    return found;
}

/* weigh(observation) */
PyObject *
hot_weigh(PyObject *module, PyObject *observation)
{
    Py_ssize_t found = weight_of(observation);
    return found < 0 && PyErr_Occurred() ? NULL : PyLong_FromSsize_t(found);
}

/* The last of some spans, which leaves them; NULL with an exception. */
static PyObject *
pop(PyObject *spans)
{
    Py_ssize_t last = PyList_GET_SIZE(spans) - 1;
    PyObject *span = Py_NewRef(PyList_GET_ITEM(spans, last));
    if (PyList_SetSlice(spans, last, last + 1, NULL) < 0)
        Py_CLEAR(span);
    return span;
}

/* Tell of a span of which nothing comes, with the exception that is set where there is one. */
static int
tell_lost(PyObject *lost)
{
    PyObject *type, *value, *traceback;
    if (!PyErr_Occurred())
        return hot_told(PyObject_CallOneArg(lost, Py_None));
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(value, traceback);
    int told = hot_told(PyObject_CallOneArg(lost, value));
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return told;
}

/* finish_stretch(spans, finished, prepare, lost, seconds): bytes */
PyObject *
hot_finish_stretch(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 5 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[1]) || !PyFloat_CheckExact(args[4])) {
        PyErr_SetString(PyExc_TypeError, "spans, a list for them, two callables and seconds are needed");
        return NULL;
    }
    Py_ssize_t size = 0, weight;
    long long until = hot_read_clock(CLOCK_MONOTONIC) + (long long)(PyFloat_AS_DOUBLE(args[4]) * 1e9);
    while (PyList_GET_SIZE(args[0]) > 0) {
        PyObject *span = pop(args[0]), *found;
        if (span == NULL)
            return NULL;
        found = PyObject_CallOneArg(args[2], span);
        Py_DECREF(span);
        if (found == NULL || found == Py_None) {
            Py_XDECREF(found);
            if (tell_lost(args[3]) < 0)
                return NULL;
        }
        else {
            hot_leave_untraced(found);
            int failed = PyList_Append(args[1], found) < 0 || (weight = weight_of(found)) < 0;
            Py_DECREF(found);
            if (failed)
                return NULL;
            size += weight;
        }
        if (hot_read_clock(CLOCK_MONOTONIC) >= until)
            break;
    }
    return PyLong_FromSsize_t(size);
}
