/* Raises the series that are there, as monitoring/gathering.py does, which makes those that are new. */
#include "closer.h"

#define MOST_HELD 2048 /* as FULL of gathering.py */

/* What a metric's series holds under some labels, borrowed; NULL where there is nothing, or with an exception. */
static PyObject *
find(PyObject *metrics, PyObject *metric, PyObject *labels)
{
    PyObject *series = PyDict_GetItemWithError(metrics, metric);
    return series == NULL ? NULL : PyDict_GetItemWithError(series, labels);
}

/* Count up as `Gathering.count`, which takes the labels over; -1 with an exception, as where there are no labels. */
int
hot_count_up(PyObject *gathering, PyObject *metric, PyObject *labels, double weight)
{
    int done = -1;
    if (labels == NULL)
        return -1;
    PyObject *held = find(SLOT(gathering, Gathering, _counts), metric, hot_inert(labels));
    if (held != NULL && PyFloat_CheckExact(held) && Py_REFCNT(held) == 1) {
        ((PyFloatObject *)held)->ob_fval += weight; /* nobody else has seen this number: there need not be another one */
        done = 0;
    }
    else if (!PyErr_Occurred())
        done = hot_told(PyObject_CallMethod(gathering, "count", "OOd", metric, labels, weight));
    Py_DECREF(labels);
    return done;
}

/* Add a size as `Gathering.size`, which takes labels and size over; -1 with an exception, as where one is missing. */
int
hot_count_size(PyObject *gathering, PyObject *metric, PyObject *labels, PyObject *size, double weight)
{
    int done = -1;
    if (labels != NULL && size != NULL) {
        PyObject *held = find(SLOT(gathering, Gathering, _sizes), metric, hot_inert(labels));
        if (held != NULL && weight == 1.0 && PyList_CheckExact(held) && PyList_GET_SIZE(held) < MOST_HELD - 1)
            done = PyList_Append(held, size);
        else if (!PyErr_Occurred())
            done = hot_told(PyObject_CallMethod(gathering, "size", "OOOd", metric, labels, size, weight));
    }
    Py_XDECREF(labels);
    Py_XDECREF(size);
    return done;
}
