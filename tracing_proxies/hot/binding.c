/* Gives the arguments of a call the names of its parameters, as `bind_by_name` of recording/scope.py. */
#include "parts.h"

/* Put in what was passed by keyword, and what was passed beyond the positional parameters. */
static int
put_rest(PyObject *bound, Py_ssize_t named, PyObject *rest, PyObject *args, PyObject *kwargs)
{
    if (PyDict_GET_SIZE(kwargs) && PyDict_Update(bound, kwargs) < 0)
        return -1;
    if (PyTuple_GET_SIZE(args) <= named)
        return 0;
    PyObject *more = PyTuple_GetSlice(args, named, PyTuple_GET_SIZE(args));
    int done = more == NULL ? -1 : PyDict_SetItem(bound, rest, more);
    Py_XDECREF(more);
    return done;
}

/* The same arguments in the order of the parameters, with the defaults of those that were not passed. */
static PyObject *
put_in_order(PyObject *bound, PyObject *order, PyObject *defaults)
{
    PyObject *ordered = PyDict_New();
    for (Py_ssize_t at = 0; ordered != NULL && at < PyTuple_GET_SIZE(order); at++) {
        PyObject *name = PyTuple_GET_ITEM(order, at), *value = PyDict_GetItemWithError(bound, name);
        if (value == NULL && !PyErr_Occurred())
            value = PyDict_GetItemWithError(defaults, name);
        if (value == NULL ? PyErr_Occurred() != NULL : PyDict_SetItem(ordered, name, value) < 0)
            Py_CLEAR(ordered);
    }
    return ordered;
}

/* bind_arguments(names, order, defaults, rest, args, kwargs) */
PyObject *
hot_bind_arguments(PyObject *module, PyObject *const *given, Py_ssize_t ngiven)
{
    if (ngiven != 6 || !PyTuple_Check(given[0]) || !PyTuple_Check(given[1]) || !PyDict_Check(given[2]) ||
        !PyTuple_Check(given[4]) || !PyDict_Check(given[5])) {
        PyErr_SetString(PyExc_TypeError, "names, order, defaults, the name of the rest, and arguments are needed");
        return NULL;
    }
    PyObject *names = given[0], *order = given[1], *defaults = given[2], *rest = given[3], *args = given[4];
    PyObject *kwargs = given[5], *bound = PyDict_New(), *ordered;
    Py_ssize_t named = PyTuple_GET_SIZE(names);
    for (Py_ssize_t at = 0; bound != NULL && at < named && at < PyTuple_GET_SIZE(args); at++)
        if (PyDict_SetItem(bound, PyTuple_GET_ITEM(names, at), PyTuple_GET_ITEM(args, at)) < 0)
            Py_CLEAR(bound);
    if (bound == NULL || put_rest(bound, named, rest, args, kwargs) < 0)
        goto fail;
    if (!PyDict_GET_SIZE(defaults) || PyDict_GET_SIZE(bound) >= PyTuple_GET_SIZE(order))
        return bound;
    ordered = put_in_order(bound, order, defaults);
    Py_DECREF(bound);
    bound = ordered;
    if (bound != NULL && put_rest(bound, named, rest, args, kwargs) == 0)
        return bound;
fail:
    Py_XDECREF(bound);
    return NULL;
}

/* Give arguments their names where some were passed by keyword, or left to their defaults, or are more than have one. */
static PyObject *
name_arguments(Span *span)
{
    PyObject *recipe = span->recipe, *keywords, *bound, *copied;
    keywords = span->keywords == Py_None ? PyDict_New() : Py_NewRef(span->keywords);
    if (keywords == NULL)
        return NULL;
    bound = PyObject_CallFunctionObjArgs(SLOT(recipe, Recipe, bind), span->arguments, keywords, NULL);
    Py_DECREF(keywords);
    if (bound == NULL || IS_SET(recipe, Recipe, has_flat_defaults))
        return bound;
    copied = hot_snapshot(bound, SLOT(recipe, Recipe, limits));
    Py_DECREF(bound);
    return copied;
}

/* The names of arguments that have one each, in this order; NULL where that is not so. */
PyObject *
hot_names_of_arguments(Span *span)
{
    PyObject *names = SLOT(span->recipe, Recipe, names);
    return span->keywords == Py_None && names != Py_None && PyTuple_CheckExact(span->arguments) &&
            PyTuple_GET_SIZE(names) == PyTuple_GET_SIZE(span->arguments)
        ? names
        : NULL;
}

/* What stands as the input, as `Span.input`; NULL with an exception where that fails. */
PyObject *
hot_input_of(Span *span)
{
    PyObject *names, *named;
    if (span->arguments == Py_None)
        return hot_readable(span->_input);
    if ((names = hot_names_of_arguments(span)) == NULL)
        return name_arguments(span);
    named = PyDict_New();
    for (Py_ssize_t at = 0; named != NULL && at < PyTuple_GET_SIZE(names); at++)
        if (PyDict_SetItem(named, PyTuple_GET_ITEM(names, at), PyTuple_GET_ITEM(span->arguments, at)) < 0)
            Py_CLEAR(named);
    return named;
}
