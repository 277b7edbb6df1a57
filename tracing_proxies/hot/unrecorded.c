/* Begins and ends what only counts a call below one that is not recorded either, as `make_unrecorded` and
   `Unrecorded.finish` of recording/unrecorded.py do, which have the rest. */
#include "parts.h"

/* The first call of the trace that is current, as `root_of`. */
static PyObject *
root_of(PyObject *above, PyObject *context)
{
    PyObject *shared = PyObject_GetAttr(above, hot.shared), *tail, *note, *found = NULL;
    if (shared == NULL)
        return NULL;
    Py_DECREF(shared);
    if (shared != Py_True)
        return PyObject_GetAttr(above, hot.root);
    tail = PyObject_GetAttr(above, hot.tail);
    if (tail == NULL)
        return NULL;
    note = PyDict_GetItemWithError(context, hot.ROOT_KEY);
    if (Py_TYPE(tail) == hot.type.Tail && note != NULL && PyTuple_CheckExact(note) && PyTuple_GET_SIZE(note) == 2)
        found = Py_XNewRef(PyDict_GetItemWithError(SLOT(tail, Tail, roots), PyTuple_GET_ITEM(note, 0)));
    Py_DECREF(tail);
    if (found == NULL && !PyErr_Occurred())
        found = PyObject_CallFunctionObjArgs(hot.root_of, above, context, NULL);
    return found;
}

/* Set an attribute to a new reference. */
static int
set(PyObject *object, PyObject *name, PyObject *value)
{
    int done = value == NULL ? -1 : PyObject_SetAttr(object, name, value);
    Py_XDECREF(value);
    return done;
}

/* Begin to count a call; NULL without an exception where that is not for here. */
PyObject *
hot_begin_unrecorded(Call *call)
{
    PyTypeObject *type = (PyTypeObject *)hot.Unrecorded;
    if (!IS_SET(call->recipe, Recipe, counts_alone) || !IS_SET(call->recipe, Recipe, is_plain) ||
        !hot_is_text(SLOT(call->recipe, Recipe, nested), hot.child))
        return NULL;
    PyObject *made = type->tp_alloc(type, 0);
    if (made == NULL)
        return NULL;
    if (PyObject_SetAttr(made, hot.recipe, call->recipe) < 0 ||
        PyObject_SetAttr(made, hot.function, SLOT(call->point, JoinPoint, function)) < 0 ||
        set(made, hot.instance_id, PyLong_FromVoidPtr(hot_instance(call))) < 0 ||
        set(made, hot.root, root_of(call->above, call->context)) < 0 ||
        PyObject_SetAttr(made, hot.parent, call->above) < 0 ||
        set(made, hot.context, hot_with(call->context, hot.SPAN_KEY, made, NULL, NULL)) < 0 ||
        set(made, hot.start, PyLong_FromLongLong(hot_now())) < 0)
        Py_CLEAR(made);
    return made;
}

/* End it, with a result that is not looked at: 1, 0 where that is not for here, -1 with an exception that is to pass on. */
static int
end_unrecorded(PyObject *call)
{
    PyObject *recipe = PyObject_GetAttr(call, hot.recipe), *root = PyObject_GetAttr(call, hot.root);
    PyObject *stop = PyObject_GetAttr(call, hot.stop), *start = PyObject_GetAttr(call, hot.start);
    PyObject *type, *value, *traceback;
    int done = 0;
    if (recipe != NULL && root != NULL && stop == Py_None && start != NULL && root != call &&
        Py_TYPE(recipe) == hot.type.Recipe && IS_SET(recipe, Recipe, is_plain)) {
        done = 1; /* it is counted even where its tally is interrupted by a signal */
        if (hot_count(SLOT(recipe, Recipe, tally), hot_now() - PyLong_AsLongLong(start), 0) < 0 &&
            hot_contain("finish") < 0)
            done = -1;
    }
    else
        PyErr_Clear();
    if (done) { /* its context holds it, which is a cycle */
        PyErr_Fetch(&type, &value, &traceback);
        if (PyObject_SetAttr(call, hot.context, hot.RELEASED) < 0 || PyObject_SetAttr(call, hot.parent, Py_None) < 0)
            PyErr_Clear();
        PyErr_Restore(type, value, traceback);
    }
    Py_XDECREF(recipe);
    Py_XDECREF(root);
    Py_XDECREF(stop);
    Py_XDECREF(start);
    return done;
}

/* End any recording with a result. */
int
hot_end(PyObject *recording, PyObject *result)
{
    if (Py_TYPE(recording) == hot.type.Span && ((Span *)recording)->stop == Py_None)
        return hot_finish((Span *)recording, result);
    int done = (PyObject *)Py_TYPE(recording) == hot.Unrecorded ? end_unrecorded(recording) : 0;
    if (done)
        return done < 0 ? -1 : 0;
    PyObject *told = PyObject_CallMethodOneArg(recording, hot.finish, result);
    Py_XDECREF(told);
    return told == NULL ? -1 : 0;
}
