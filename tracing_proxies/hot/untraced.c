/* Leaves what waits for the worker out of what `tracemalloc` tells of the application's memory.

   It is some kilobyte a call, so that an application, or a test of it, that measures what ten thousand calls leave behind
   would find ten megabytes of ours. The interpreter lets whoever has memory of its own take it off the account. */
#include "copying.h"

#define DOMAIN 0 /* of the interpreter's own allocators */
#define DEEPEST 12

static int leave_out(PyObject *object, int depth);

/* Take off what only we hold. */
static int
visit(PyObject *held, void *depth)
{
    return Py_REFCNT(held) == 1 ? leave_out(held, *(int *)depth - 1) : 0;
}

/* Take a block off; -1 where nobody keeps account. */
static int
take_off(const void *block)
{
    return PyTraceMalloc_Untrack(DOMAIN, (uintptr_t)block) == -2 ? -1 : 0;
}

/* Take an object off, with what lies in it; -1 where nobody keeps account. */
static int
leave_out(PyObject *object, int depth)
{
    PyTypeObject *type = Py_TYPE(object);
    int is_nested = PyDict_CheckExact(object) || PyList_CheckExact(object) || PyTuple_Check(object);
    if (take_off((char *)object - (PyType_IS_GC(type) ? sizeof(uintptr_t[2]) : 0)) < 0)
        return -1;
    if (PyList_CheckExact(object))
        (void)take_off(((PyListObject *)object)->ob_item);
    else if (PyDict_CheckExact(object))
        (void)take_off(((PyDictObject *)object)->ma_keys);
    else if (type == &CopiedType)
        for (Py_ssize_t at = 0; at < Py_SIZE(object); at++)
            if (!IS_HEAD(((Copied *)object)->words[at]))
                (void)visit(((Copied *)object)->words[at], &depth);
    return is_nested && depth > 0 && type->tp_traverse != NULL ? type->tp_traverse(object, visit, &depth) : 0;
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
    Span *self = (Span *)span;
    Trace *trace = (Trace *)self->trace;
    /* A deque's first fields are its first and its last block. Should they be others, nobody knows of such memory. */
    (void)take_off(((void **)((PyVarObject *)queue + 1))[1]);
    if (self->span_id != NULL) /* which the spans below it have as well */
        (void)leave_out(self->span_id, 0);
#define OF_SPAN(name, value)                                                                                           \
    if (self->name != NULL)                                                                                            \
        (void)visit(self->name, &depth);
    SPAN_COPIES(OF_SPAN)
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
