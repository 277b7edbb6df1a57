/* Queues ended spans on the application's threads, as delivery/inlet.py does. */
#include "parts.h"

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *queue, *append, *rouse;
    Py_ssize_t most;
    char asleep;
} Inlet;

/* Whether the collector has been here, then with an exception. */
static int
is_cleared(Inlet *self)
{
    if (self->append == NULL)
        PyErr_SetString(PyExc_ReferenceError, "the queue is gone");
    return self->append == NULL;
}

/* Queue a span. The caller holds the inlet. */
int
hot_let_in(PyObject *inlet, PyObject *span)
{
    Inlet *self = (Inlet *)inlet;
    if (is_cleared(self))
        return -1;
    PyObject *append = Py_NewRef(self->append);
    int done = hot_told(PyObject_CallOneArg(append, span));
    Py_DECREF(append);
    if (done < 0)
        return -1;
    hot_leave_span_untraced(span, self->queue);
    if (!self->asleep) {
        Py_ssize_t waiting = PyObject_Size(self->queue);
        if (waiting <= self->most)
            return waiting < 0 ? -1 : 0;
    }
    PyObject *rouse = Py_NewRef(self->rouse);
    done = hot_told(PyObject_CallNoArgs(rouse));
    Py_DECREF(rouse);
    return done;
}

static PyObject *
inlet_call(PyObject *self, PyObject *const *args, size_t given, PyObject *names)
{
    if (PyVectorcall_NARGS(given) != 1 || (names != NULL && PyTuple_GET_SIZE(names))) {
        PyErr_SetString(PyExc_TypeError, "a span is needed, and nothing else");
        return NULL;
    }
    if (hot_let_in(self, args[0]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Let another queue take its place. */
static int
take_queue(Inlet *self, PyObject *type)
{
    PyObject *queue = PyObject_CallNoArgs(type), *append, *was = self->queue, *was_appended_to = self->append;
    append = queue == NULL ? NULL : PyObject_GetAttr(queue, hot.append);
    if (append == NULL) {
        Py_XDECREF(queue);
        return -1;
    }
    self->asleep = 1;
    self->append = append;
    self->queue = queue;
    Py_XDECREF(was_appended_to); /* and what waited, whose finalisers may put something */
    Py_XDECREF(was);
    return 0;
}

static PyObject *
inlet_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *rouse, *collections, *deque;
    Py_ssize_t most;
    static char *names[] = {"most", "rouse", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nO", names, &most, &rouse) ||
        (collections = PyImport_ImportModule("collections")) == NULL)
        return NULL;
    deque = PyObject_GetAttrString(collections, "deque");
    Py_DECREF(collections);
    if (deque == NULL)
        return NULL;
    Inlet *self = (Inlet *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->call = inlet_call;
        self->most = most;
        self->rouse = Py_NewRef(rouse);
        if (take_queue(self, deque) < 0)
            Py_CLEAR(self);
    }
    Py_DECREF(deque);
    return (PyObject *)self;
}

static PyObject *
begin_anew(Inlet *self, PyObject *nothing)
{
    if (is_cleared(self) || take_queue(self, (PyObject *)Py_TYPE(self->queue)) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int
inlet_traverse(Inlet *self, visitproc visit, void *arg)
{
    Py_VISIT(self->queue);
    Py_VISIT(self->append);
    Py_VISIT(self->rouse);
    return 0;
}

static int
inlet_clear(Inlet *self)
{
    Py_CLEAR(self->append);
    Py_CLEAR(self->queue);
    Py_CLEAR(self->rouse);
    return 0;
}

static void
inlet_dealloc(Inlet *self)
{
    PyObject_GC_UnTrack(self);
    inlet_clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef inlet_methods[] = {
    {"begin_anew", (PyCFunction)begin_anew, METH_NOARGS, "Forget what waits: in a forked child it is the parent's."},
    {NULL},
};

static PyMemberDef inlet_members[] = {
    {"queue", T_OBJECT_EX, offsetof(Inlet, queue), READONLY, "What waits, the oldest on the left."},
    {"rouse", T_OBJECT_EX, offsetof(Inlet, rouse), READONLY, NULL},
    {"most", T_PYSSIZET, offsetof(Inlet, most), READONLY, NULL},
    {"asleep", T_BOOL, offsetof(Inlet, asleep), 0, "Whether the worker is to be roused by the next span."},
    {NULL},
};

PyTypeObject InletType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Inlet",
    .tp_basicsize = sizeof(Inlet),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_new = inlet_new,
    .tp_dealloc = (destructor)inlet_dealloc,
    .tp_traverse = (traverseproc)inlet_traverse,
    .tp_clear = (inquiry)inlet_clear,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Inlet, call),
    .tp_methods = inlet_methods,
    .tp_members = inlet_members,
};
