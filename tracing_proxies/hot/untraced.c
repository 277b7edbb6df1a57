/* Leaves what waits for the worker out of what `tracemalloc` tells of the application's memory.

   It is some kilobyte a call, so that an application, or a test of it, that measures what ten thousand calls leave behind
   would find ten megabytes of ours. The interpreter lets whoever has memory of its own take it off the account. */
#include "copying.h"

#define DEEPEST 12

static int leave_out(PyObject *object, int depth);

/* Take off what only we hold. */
static int
visit(PyObject *held, void *depth)
{
    return Py_REFCNT(held) == 1 ? leave_out(held, *(int *)depth - 1) : 0;
}

/* Have a text or bytes of our own in place of one that others hold: once they have dropped theirs it is to be gone. */
static void
visit_in_place(PyObject **at, int depth)
{
    PyObject *held = *at, *copy = NULL;
    if (Py_REFCNT(held) > 1 && PyUnicode_CheckExact(held) && !PyUnicode_CHECK_INTERNED(held))
        copy = PyUnicode_FromKindAndData(PyUnicode_KIND(held), PyUnicode_DATA(held), PyUnicode_GET_LENGTH(held));
    else if (Py_REFCNT(held) > 1 && PyBytes_CheckExact(held))
        copy = PyBytes_FromStringAndSize(PyBytes_AS_STRING(held), PyBytes_GET_SIZE(held));
    if (copy != NULL)
        Py_SETREF(*at, copy);
    else
        PyErr_Clear();
    (void)visit(*at, &depth);
}

/* Take off the values of a dict. */
static void
visit_values(PyObject *held, int depth)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(held, &at, &key, &value)) {
        PyObject *own = Py_NewRef(value);
        Py_INCREF(key);
        visit_in_place(&own, depth); /* which is held twice here: a container is looked at below */
        if (own != value && PyDict_SetItem(held, key, own) < 0)
            PyErr_Clear();
        Py_DECREF(key);
        Py_DECREF(own);
    }
}

/* Take an object off, with what lies in it; -1 where nobody keeps account. */
static int
leave_out(PyObject *object, int depth)
{
    PyTypeObject *type = Py_TYPE(object);
    int is_row = PyTuple_CheckExact(object);
    int is_nested = PyDict_CheckExact(object) || PyList_CheckExact(object) || (PyTuple_Check(object) && !is_row);
    if (hot_take_off((char *)object - (PyType_IS_GC(type) ? sizeof(uintptr_t[2]) : 0)) < 0)
        return -1;
    if (PyList_CheckExact(object))
        (void)hot_take_off(((PyListObject *)object)->ob_item);
    else if (PyDict_CheckExact(object)) {
        (void)hot_take_off(((PyDictObject *)object)->ma_keys);
        visit_values(object, depth);
    }
    else if (is_row && depth > 0)
        for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(object); at++)
            visit_in_place(&((PyTupleObject *)object)->ob_item[at], depth);
    else if (type == &CopiedType)
        for (Py_ssize_t at = 0; at < Py_SIZE(object); at++)
            if (!IS_HEAD(((Copied *)object)->words[at]))
                visit_in_place(&((Copied *)object)->words[at], depth);
    return is_nested && depth > 0 ? type->tp_traverse(object, visit, &depth) : 0;
}

/* Leave something that was made of spans out of account. */
void
hot_leave_untraced(PyObject *made)
{
    (void)leave_out(made, DEEPEST);
}

/* Leave an ended span out of account, with all that is kept for it, and where it waits. */
void
hot_leave_span_untraced(PyObject *span, PyObject *queue)
{
    int depth = DEEPEST;
    if (Py_TYPE(span) != hot.type.Span || leave_out(span, 0) < 0)
        return;
    hot_leave_threads_untold(); /* who are about to work on it */
    Span *self = (Span *)span;
    Trace *trace = (Trace *)self->trace;
    /* A deque's first fields are its first and its last block. Should they be others, nobody knows of such memory. */
    (void)hot_take_off(((void **)((PyVarObject *)queue + 1))[1]);
    if (self->span_id != NULL) /* which the spans below it have as well */
        (void)leave_out(self->span_id, 0);
#define OF_SPAN(name, value)                                                                                           \
    if (self->name != NULL)                                                                                            \
        visit_in_place(&self->name, DEEPEST);
    SPAN_COPIES(OF_SPAN)
    OF_SPAN(arguments, NULL)
    OF_SPAN(keywords, NULL)
#undef OF_SPAN
#define OF_SPAN(name, value)                                                                                           \
    if (self->name != NULL)                                                                                            \
        (void)visit(self->name, &depth);
    SPAN_FIELDS(OF_SPAN)
#undef OF_SPAN
    if (trace == NULL || Py_TYPE(trace) != hot.type.Trace || self->parent_id != Py_None)
        return;
    (void)leave_out((PyObject *)trace, 0);
#define OF_TRACE(name, value)                                                                                          \
    if (trace->name != NULL)                                                                                           \
        (void)visit(trace->name, &depth);
    TRACE_FIELDS(OF_TRACE)
#undef OF_TRACE
}
