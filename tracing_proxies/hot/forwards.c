/* What is told to the span that stands for calls which are not recorded, as `Unrecorded` of recording/unrecorded.py has it:
   where there is no span around, as is the rule, it is what the application would have met untraced, and no more. A
   framework that describes what it does tells two hundred things a trace, which nobody hears: those need not be called. */
#include "parts.h"

#define MOST_ARGUMENTS 8

typedef struct {
    PyObject_HEAD
    PyObject *original; /* the method that forwards to whatever is around */
    PyObject *untraced; /* the same method of what is no span */
    PyObject *nothing;  /* which is that */
    PyObject *answer;   /* what that says */
    PyObject *takes;    /* the names of what it takes, itself among them */
    Py_ssize_t least;   /* how many of these it needs */
    vectorcallfunc vectorcall;
} Forward;

/* Whether it takes such arguments for sure; if not, it is asked itself, and raises what it raises. */
static int
takes(Forward *self, Py_ssize_t nargs, PyObject *names)
{
    Py_ssize_t most = PyTuple_GET_SIZE(self->takes), named = names == NULL ? 0 : PyTuple_GET_SIZE(names), at;
    if (nargs < self->least || nargs > most)
        return 0;
    for (Py_ssize_t i = 0; i < named; i++) {
        for (at = nargs; at < most && PyTuple_GET_ITEM(self->takes, at) != PyTuple_GET_ITEM(names, i); at++)
            ;
        if (at == most)
            return 0;
    }
    return 1;
}

static PyObject *
forward_vectorcall(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Forward *forward = (Forward *)self;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf), all = nargs + (names == NULL ? 0 : PyTuple_GET_SIZE(names));
    if (nargs < 1 || all > MOST_ARGUMENTS || (PyObject *)Py_TYPE(args[0]) != hot.Unrecorded ||
        ((Unrecorded *)args[0])->foreign != Py_None)
        return PyObject_Vectorcall(forward->original, args, nargsf, names);
    PyThreadState *thread = PyThreadState_Get();
    int is_watched = thread->c_profilefunc != NULL || thread->c_tracefunc != NULL;
    if (!is_watched && takes(forward, nargs, names))
        return Py_NewRef(forward->answer);
    PyObject *passed[MOST_ARGUMENTS];
    memcpy(passed, args, all * sizeof(PyObject *));
    passed[0] = forward->nothing;
    return PyObject_Vectorcall(forward->untraced, passed, nargs, names);
}

static int
forward_traverse(Forward *self, visitproc visit, void *arg)
{
    Py_VISIT(self->original);
    Py_VISIT(self->untraced);
    Py_VISIT(self->nothing);
    Py_VISIT(self->answer);
    Py_VISIT(self->takes);
    return 0;
}

static int
forward_clear(Forward *self)
{
    Py_CLEAR(self->original);
    Py_CLEAR(self->untraced);
    Py_CLEAR(self->nothing);
    Py_CLEAR(self->answer);
    Py_CLEAR(self->takes);
    return 0;
}

static void
forward_dealloc(Forward *self)
{
    PyObject_GC_UnTrack(self);
    forward_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMemberDef forward_members[] = {
    {"__wrapped__", T_OBJECT, offsetof(Forward, original), READONLY, NULL},
    {NULL},
};

PyTypeObject ForwardType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Forward",
    .tp_basicsize = sizeof(Forward),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_vectorcall_offset = offsetof(Forward, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_descr_get = hot_get_method,
    .tp_dealloc = (destructor)forward_dealloc,
    .tp_traverse = (traverseproc)forward_traverse,
    .tp_clear = (inquiry)forward_clear,
    .tp_members = forward_members,
};

/* forward(original, untraced, nothing, answer, takes, least) */
PyObject *
hot_forward(PyObject *module, PyObject *args)
{
    PyObject *original, *untraced, *nothing, *answer, *takes;
    Py_ssize_t least;
    if (!PyArg_ParseTuple(args, "OOOOO!n", &original, &untraced, &nothing, &answer, &PyTuple_Type, &takes, &least))
        return NULL;
    Forward *made = (Forward *)ForwardType.tp_alloc(&ForwardType, 0);
    if (made == NULL)
        return NULL;
    made->original = Py_NewRef(original);
    made->untraced = Py_NewRef(untraced);
    made->nothing = Py_NewRef(nothing);
    made->answer = Py_NewRef(answer);
    made->takes = Py_NewRef(takes);
    made->least = least;
    made->vectorcall = forward_vectorcall;
    return (PyObject *)made;
}
