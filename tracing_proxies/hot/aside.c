/* Calls functions of ours out of the sight of the application's tracers: those that one of our frames calls which stands
   where the application's own run, and which a tracer sees. */
#include "parts.h"

typedef struct {
    PyObject_HEAD
    PyObject *function;
    vectorcallfunc vectorcall;
} Aside;

static PyObject *
aside_vectorcall(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    PyThreadState *thread = hot_hide_thread();
    PyObject *result = PyObject_Vectorcall(((Aside *)self)->function, args, nargsf, names);
    hot_show(thread);
    return result;
}

static int
aside_traverse(Aside *self, visitproc visit, void *arg)
{
    Py_VISIT(self->function);
    return 0;
}

static int
aside_clear(Aside *self)
{
    Py_CLEAR(self->function);
    return 0;
}

static void
aside_dealloc(Aside *self)
{
    PyObject_GC_UnTrack(self);
    aside_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMemberDef aside_members[] = {
    {"__wrapped__", T_OBJECT, offsetof(Aside, function), READONLY, NULL},
    {NULL},
};

PyTypeObject AsideType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Aside",
    .tp_basicsize = sizeof(Aside),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_vectorcall_offset = offsetof(Aside, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_descr_get = hot_get_method,
    .tp_dealloc = (destructor)aside_dealloc,
    .tp_traverse = (traverseproc)aside_traverse,
    .tp_clear = (inquiry)aside_clear,
    .tp_members = aside_members,
};

/* aside(function) */
PyObject *
hot_aside(PyObject *module, PyObject *function)
{
    Aside *made = (Aside *)AsideType.tp_alloc(&AsideType, 0);
    if (made == NULL)
        return NULL;
    made->function = Py_NewRef(function);
    made->vectorcall = aside_vectorcall;
    return (PyObject *)made;
}
