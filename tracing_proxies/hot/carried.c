/* Runs what is handed to another thread under the context of whoever handed it over, as `carried` of adapters/threads.py:
   no frame of ours is in what it raises, and one object waits for the thread where a function with its cells is four. */
#include "parts.h"

typedef struct {
    PyObject_HEAD
    PyObject *context, *function;
    vectorcallfunc call;
} Carried;

static PyObject *
carried_call(PyObject *carried, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Carried *self = (Carried *)carried;
    PyObject *type, *value, *traceback, *function = Py_NewRef(self->function);
    Stay stay;
    int has_begun = hot_begin_stay(&stay, self->context, NULL);
    PyObject *result = has_begun < 0 ? NULL : PyObject_Vectorcall(function, args, nargsf, names);
    Py_DECREF(function);
    if (has_begun < 0)
        return NULL;
    PyErr_Fetch(&type, &value, &traceback);
    int failed = hot_end_stay(&stay) < 0;
    return hot_come_to(result, failed, type, value, traceback);
}

static int
carried_traverse(Carried *self, visitproc visit, void *arg)
{
    Py_VISIT(self->context);
    Py_VISIT(self->function);
    return 0;
}

static int
carried_clear(Carried *self)
{
    Py_CLEAR(self->context);
    Py_CLEAR(self->function);
    return 0;
}

static void
carried_dealloc(Carried *self)
{
    PyObject_GC_UnTrack(self);
    carried_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

PyTypeObject CarriedType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Carried",
    .tp_basicsize = sizeof(Carried),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Carried, call),
    .tp_call = PyVectorcall_Call,
    .tp_dealloc = (destructor)carried_dealloc,
    .tp_traverse = (traverseproc)carried_traverse,
    .tp_clear = (inquiry)carried_clear,
};

/* carried(context, function) */
PyObject *
hot_carried(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || hot.variable == NULL) {
        PyErr_SetString(PyExc_TypeError, "a context and a function are needed");
        return NULL;
    }
    Carried *made = (Carried *)CarriedType.tp_alloc(&CarriedType, 0);
    if (made == NULL)
        return NULL;
    made->context = Py_NewRef(args[0]);
    made->function = Py_NewRef(args[1]);
    made->call = carried_call;
    return (PyObject *)made;
}
