/* The fields of spans, of traces, and of what only counts a call, in slots that hold a value from the start: cheaper to
   make, to read and to free than a dict for each. */
#include "parts.h"

#define NAME_OF(name, value) {#name, T_OBJECT_EX, offsetof(STRUCT, name), 0, NULL},
#define FILL(name, value) self->name = Py_XNewRef(value);
#define VISIT(name, value) Py_VISIT(self->name);
#define CLEAR(name, value) Py_CLEAR(self->name);
#define REFILL(name, value)                                                                                            \
    if (self->name == NULL)                                                                                            \
        self->name = Py_NewRef((value) != NULL ? (PyObject *)(value) : Py_None);

#define STRUCT Span
static PyMemberDef span_members[] = {SPAN_FIELDS(NAME_OF){NULL}};
#undef STRUCT
#define STRUCT Trace
static PyMemberDef trace_members[] = {TRACE_FIELDS(NAME_OF){NULL}};
#undef STRUCT
#define STRUCT Unrecorded
static PyMemberDef unrecorded_members[] = {UNRECORDED_FIELDS(NAME_OF){NULL}};
#undef STRUCT

static inline void
fill_span(Span *self)
{
    SPAN_COPIES(FILL)
    SPAN_FIELDS(FILL)
}

static inline void
fill_trace(Trace *self)
{
    TRACE_FIELDS(FILL)
}

static PyObject *
span_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Span *self = (Span *)type->tp_alloc(type, 0);
    if (self != NULL)
        fill_span(self);
    return (PyObject *)self;
}

static PyObject *
trace_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Trace *self = (Trace *)type->tp_alloc(type, 0);
    if (self != NULL) {
        fill_trace(self);
        PyObject_GC_UnTrack(self); /* numbers and texts: as long as it has no more, the collector need not look at it */
    }
    return (PyObject *)self;
}

Span *
hot_new_span(void)
{
    return (Span *)span_new(hot.type.Span, NULL, NULL);
}

Trace *
hot_new_trace(void)
{
    return (Trace *)trace_new(hot.type.Trace, NULL, NULL);
}

static int
span_traverse(Span *self, visitproc visit, void *arg)
{
    SPAN_COPIES(VISIT)
    SPAN_FIELDS(VISIT)
    Py_VISIT(self->dict);
    return 0;
}

static int
span_clear(Span *self)
{
    SPAN_COPIES(CLEAR)
    SPAN_FIELDS(CLEAR)
    Py_CLEAR(self->dict);
    return 0;
}

static void
span_dealloc(Span *self)
{
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL)
        PyObject_ClearWeakRefs((PyObject *)self);
    span_clear(self);
    Py_TYPE(self)->tp_free(self);
}

/* What is set by name may be the application's, and hold the span: the collector is to know of it. */
static int
span_setattro(Span *self, PyObject *name, PyObject *value)
{
    if (PyObject_GenericSetAttr((PyObject *)self, name, value) < 0)
        return -1;
    if (value == NULL) { /* a field that is deleted has its first value again, as one of a class would show */
        SPAN_COPIES(REFILL)
        SPAN_FIELDS(REFILL)
    }
    else if (name == hot.prepared) /* what a worker makes of it, which holds texts */
        return 0;
    self->is_touched = 1;
    if (!PyObject_GC_IsTracked((PyObject *)self))
        PyObject_GC_Track(self);
    return 0;
}

/* Whether the collector passes by all that a span's metadata hold. */
static int
is_inert(PyObject *metadata)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (metadata == Py_None || hot_is_kept(metadata))
        return 1;
    if (!PyDict_CheckExact(metadata))
        return 0;
    while (PyDict_Next(metadata, &at, &key, &value))
        if (!PyUnicode_CheckExact(key) || (PyObject_IS_GC(value) && PyObject_GC_IsTracked(value)))
            return 0;
    return 1;
}

/* Let the collector pass by a span that has ended and waits for the worker with thousands of others, since a full
   collection would look at all of them, again and again. Nothing that it still holds may lead back to it: its recorder,
   which no ended span needs, leads to the queue. */
void
hot_settle(Span *self)
{
    if (self->is_touched || self->parent != Py_None || self->scope != Py_None || self->outer != Py_None ||
        self->context != hot.RELEASED || !is_inert(self->_metadata))
        return;
    hot_fold_up(&self->_metadata); /* what waits is to be few allocations, after which the collector runs */
    hot_fold_up(&self->usage);
    if (PyObject_IS_GC(self->_metadata))
        hot_inert(self->_metadata);
    hot_set(&self->recorder, Py_None);
    hot_set(&self->instance_id, hot.zero); /* while the memory of its number is at hand */
    PyObject_GC_UnTrack(self);
}

/* Make what a field keeps readable, unless another thread has read or set it meanwhile. */
static int
make_readable(PyObject **field)
{
    PyObject *kept = *field;
    if (kept == NULL || !hot_is_kept(kept))
        return 0;
    Py_INCREF(kept);
    PyObject *readable = hot_readable(kept);
    int done = readable == NULL ? -1 : 0;
    if (done == 0 && *field == kept)
        hot_set(field, readable);
    Py_XDECREF(readable);
    Py_DECREF(kept);
    return done;
}

/* What is recorded of a span besides; made when it is first asked for: borrowed. */
PyObject *
hot_metadata(Span *self)
{
    if (make_readable(&self->_metadata) < 0)
        return NULL;
    if (self->_metadata == Py_None) {
        PyObject *made = PyDict_New();
        if (made == NULL)
            return NULL;
        Py_SETREF(self->_metadata, made);
    }
    return self->_metadata;
}

/* Let the collector see a container again that it has passed by, and those within. */
static void
show(PyObject *value)
{
    PyObject *key, *within;
    Py_ssize_t at = 0;
    if (!(PyDict_CheckExact(value) || PyList_CheckExact(value)) || PyObject_GC_IsTracked(value))
        return;
    PyObject_GC_Track(value);
    if (PyDict_CheckExact(value))
        while (PyDict_Next(value, &at, &key, &within))
            show(within);
    else
        for (; at < PyList_GET_SIZE(value); at++)
            show(PyList_GET_ITEM(value, at));
}

static PyObject *
get_metadata(Span *self, void *closure)
{
    PyObject *found = hot_metadata(self);
    if (found == NULL)
        return NULL;
    if (!PyObject_GC_IsTracked((PyObject *)self)) /* whoever asks may put anything into it */
        PyObject_GC_Track(self);
    show(found);
    return Py_NewRef(found);
}

static PyObject *
has_metadata(Span *self, void *closure)
{
    int has_any = PyObject_IsTrue(self->_metadata);
    return has_any < 0 ? NULL : PyBool_FromLong(has_any);
}

/* One entry of the metadata, None if there is none: the collector need not see all of them for it. */
static PyObject *
get_noted(Span *self, PyObject *key)
{
    if (make_readable(&self->_metadata) < 0)
        return NULL;
    PyObject *found = PyDict_CheckExact(self->_metadata) ? PyDict_GetItemWithError(self->_metadata, key) : NULL;
    if (found == NULL)
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    Py_INCREF(found);
    if (PyObject_IS_GC(found)) { /* whoever has it may put anything into it */
        PyObject *all = get_metadata(self, NULL);
        if (all == NULL)
            Py_CLEAR(found);
        Py_XDECREF(all);
    }
    return found;
}

/* The closure of a copy's accessors is where its field stands. */
#define COPY_OF(span, closure) ((PyObject **)((char *)(span) + (Py_ssize_t)(closure)))

/* What was copied, made readable when it is first asked for. */
static PyObject *
get_copy(Span *self, void *closure)
{
    return make_readable(COPY_OF(self, closure)) < 0 ? NULL : Py_XNewRef(*COPY_OF(self, closure));
}

static int
set_copy(Span *self, PyObject *value, void *closure)
{
    Py_XINCREF(value); /* none: `span_setattro` has the first value for it */
    Py_XSETREF(*COPY_OF(self, closure), value);
    return 0;
}

/* What was copied, as it is. */
static PyObject *
get_kept(Span *self, void *closure)
{
    return Py_XNewRef(*COPY_OF(self, closure));
}

static PyObject *
get_input(Span *self, void *closure)
{
    if (self->arguments != Py_None && (self->recipe == NULL || Py_TYPE(self->recipe) != hot.type.Recipe)) {
        PyErr_SetString(PyExc_AttributeError, "a span without a recipe");
        return NULL;
    }
    return self->arguments == Py_None ? get_copy(self, (void *)offsetof(Span, _input)) : hot_input_of(self);
}

static int
set_input(Span *self, PyObject *value, void *closure)
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "input");
        return -1;
    }
    hot_set(&self->_input, value);
    hot_set(&self->arguments, Py_None);
    hot_set(&self->keywords, Py_None);
    return 0;
}

static PyMethodDef span_methods[] = {
    {"finish", (PyCFunction)hot_finish_span, METH_O, "End the span with what its call returned."},
    {"noted", (PyCFunction)get_noted, METH_O, "Return one entry of the metadata, None if there is none."},
    {NULL},
};

#define OWN_DICT {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}

static PyGetSetDef own_dict[] = {OWN_DICT, {NULL}};

static PyGetSetDef span_properties[] = {
    OWN_DICT,
    {"metadata", (getter)get_metadata, NULL, "What is recorded besides; made when it is first asked for.", NULL},
    {"input", (getter)get_input, (setter)set_input, "The copied arguments by name, or what stands in their place.",
     NULL},
    {"has_metadata", (getter)has_metadata, NULL, "Whether there is any.", NULL},
    {"_input", (getter)get_copy, (setter)set_copy, NULL, (void *)offsetof(Span, _input)},
    {"output", (getter)get_copy, (setter)set_copy, "The copied result.", (void *)offsetof(Span, output)},
    {"kept_input", (getter)get_kept, NULL, "What is kept of the input, which is not made readable for it.",
     (void *)offsetof(Span, _input)},
    {"kept_output", (getter)get_kept, NULL, "The same of the output.", (void *)offsetof(Span, output)},
    {"_metadata", (getter)get_copy, (setter)set_copy, NULL, (void *)offsetof(Span, _metadata)},
    {"kept_metadata", (getter)get_kept, NULL, "The same of the metadata.", (void *)offsetof(Span, _metadata)},
    {"usage", (getter)get_copy, (setter)set_copy, "Counts of tokens.", (void *)offsetof(Span, usage)},
    {NULL},
};

static int
trace_setattro(Trace *self, PyObject *name, PyObject *value)
{
    int done = PyObject_GenericSetAttr((PyObject *)self, name, value);
    if (value == NULL) {
        TRACE_FIELDS(REFILL)
    }
    else if (PyObject_IS_GC(value) && !PyObject_GC_IsTracked((PyObject *)self))
        PyObject_GC_Track(self);
    return done;
}

static int
trace_traverse(Trace *self, visitproc visit, void *arg)
{
    TRACE_FIELDS(VISIT)
    Py_VISIT(self->dict);
    return 0;
}

static int
trace_clear(Trace *self)
{
    TRACE_FIELDS(CLEAR)
    Py_CLEAR(self->dict);
    return 0;
}

static void
trace_dealloc(Trace *self)
{
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL)
        PyObject_ClearWeakRefs((PyObject *)self);
    trace_clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *
unrecorded_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Unrecorded *self = (Unrecorded *)type->tp_alloc(type, 0);
    if (self != NULL) {
        UNRECORDED_FIELDS(FILL)
    }
    return (PyObject *)self;
}

static int
unrecorded_setattro(Unrecorded *self, PyObject *name, PyObject *value)
{
    int done = PyObject_GenericSetAttr((PyObject *)self, name, value);
    if (value == NULL) {
        UNRECORDED_FIELDS(REFILL)
    }
    return done;
}

static int
unrecorded_traverse(Unrecorded *self, visitproc visit, void *arg)
{
    UNRECORDED_FIELDS(VISIT)
    Py_VISIT(self->dict);
    return 0;
}

static int
unrecorded_clear(Unrecorded *self)
{
    UNRECORDED_FIELDS(CLEAR)
    Py_CLEAR(self->dict);
    return 0;
}

static void
unrecorded_dealloc(Unrecorded *self)
{
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL)
        PyObject_ClearWeakRefs((PyObject *)self);
    unrecorded_clear(self);
    Py_TYPE(self)->tp_free(self);
}

PyTypeObject SpanFields = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.SpanFields",
    .tp_basicsize = sizeof(Span),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = span_new,
    .tp_dealloc = (destructor)span_dealloc,
    .tp_traverse = (traverseproc)span_traverse,
    .tp_clear = (inquiry)span_clear,
    .tp_members = span_members,
    .tp_getset = span_properties,
    .tp_methods = span_methods,
    .tp_setattro = (setattrofunc)span_setattro,
    .tp_dictoffset = offsetof(Span, dict),
    .tp_weaklistoffset = offsetof(Span, weakrefs),
};

PyTypeObject TraceFields = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.TraceFields",
    .tp_basicsize = sizeof(Trace),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = trace_new,
    .tp_dealloc = (destructor)trace_dealloc,
    .tp_traverse = (traverseproc)trace_traverse,
    .tp_clear = (inquiry)trace_clear,
    .tp_members = trace_members,
    .tp_getset = own_dict,
    .tp_setattro = (setattrofunc)trace_setattro,
    .tp_dictoffset = offsetof(Trace, dict),
    .tp_weaklistoffset = offsetof(Trace, weakrefs),
};

PyTypeObject UnrecordedFields = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.UnrecordedFields",
    .tp_basicsize = sizeof(Unrecorded),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = unrecorded_new,
    .tp_dealloc = (destructor)unrecorded_dealloc,
    .tp_traverse = (traverseproc)unrecorded_traverse,
    .tp_clear = (inquiry)unrecorded_clear,
    .tp_members = unrecorded_members,
    .tp_getset = own_dict,
    .tp_setattro = (setattrofunc)unrecorded_setattro,
    .tp_dictoffset = offsetof(Unrecorded, dict),
    .tp_weaklistoffset = offsetof(Unrecorded, weakrefs),
};
