/* Holds coroutines until their first step, as `_Pending` of weaving/streams.py does. */
#include "parts.h"

typedef struct {
    PyObject_HEAD
    PyObject *body, *opener, *begun; /* until the first step; then None */
    PyObject *recipe, *fold;
} Pending;

/* What is awaited under a recording: the body in steps. */
static PyObject *
in_steps(PyObject *body, PyObject *recording)
{
    PyObject *steps = hot_make_steps(recording), *made = NULL;
    if (steps != NULL && SLOT(steps, Steps, inner) == SLOT(steps, Steps, outer)) {
        Py_DECREF(steps);
        return Py_NewRef(body);
    }
    if (steps != NULL) {
        PyObject *args[] = {body, steps};
        made = hot_in_steps(NULL, args, 2);
        Py_DECREF(steps);
    }
    return made;
}

/* start(): what is to be awaited, and the recording that has been opened in the context of this first step, if any. */
static PyObject *
pending_start(Pending *self, PyObject *nothing)
{
    PyObject *body = hot_take(&self->body), *begun = hot_take(&self->begun), *opener = hot_take(&self->opener), *awaited = NULL;
    PyObject *answer = NULL;
    PyThreadState *thread = hot_hide_thread();
    if (opener != Py_None)
        Py_SETREF(begun, PyObject_CallNoArgs(opener));
    if (begun != NULL)
        awaited = begun == Py_None ? Py_NewRef(body) : in_steps(body, begun);
    if (awaited != NULL)
        answer = PyTuple_Pack(2, awaited, begun);
    hot_show(thread);
    Py_XDECREF(awaited);
    Py_DECREF(opener);
    Py_XDECREF(begun);
    Py_DECREF(body);
    return answer;
}

/* Have the collector come to a coroutine after what holds it, as it comes to what it tracks in turn. Where it has both to
   collect it would else finalise the coroutine first, which warns that it was never awaited; so does what drives it. */
static void
come_before(PyObject *body)
{
    if ((PyCoro_CheckExact(body) || PyGen_CheckExact(body)) && PyObject_GC_IsTracked(body)) {
        PyObject_GC_UnTrack(body);
        PyObject_GC_Track(body);
    }
}

static PyObject *
make_pending(PyObject *body, PyObject *opener, PyObject *begun, PyObject *recipe, PyObject *fold)
{
    Pending *made = (Pending *)PendingType.tp_alloc(&PendingType, 0);
    if (made == NULL)
        return NULL;
    made->body = Py_NewRef(body);
    made->opener = Py_NewRef(opener);
    made->begun = Py_NewRef(begun);
    made->recipe = Py_NewRef(recipe);
    made->fold = Py_NewRef(fold);
    come_before(body);
    return (PyObject *)made;
}

/* Pending(body, opener, begun, recipe, fold) */
static PyObject *
pending_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *body, *opener, *begun, *recipe, *fold = Py_None;
    if (!PyArg_UnpackTuple(args, "Pending", 4, 5, &body, &opener, &begun, &recipe, &fold))
        return NULL;
    if (hot.type.Steps == NULL) {
        PyErr_SetString(PyExc_AssertionError, "steps are not known yet");
        return NULL;
    }
    return make_pending(body, opener, begun, recipe, fold);
}

/* As `_proceed_coroutine` of weaving/streams.py, for a coroutine whose span begins with its first step. There is no frame
   between its caller's and that of what drives it, whose origin is the caller's then, as the coroutine's own is. */
PyObject *
hot_proceed_coroutine(PyObject *body, PyObject *opening, PyObject *recipe, PyObject *folding)
{
    PyObject *pending = make_pending(body, opening, Py_None, recipe, folding), *driver;
    if (pending == NULL)
        return NULL;
    driver = PyObject_CallOneArg(hot.drive, pending);
    if (driver == NULL) /* the coroutine goes out as it is, and is not to be closed with what held it */
        hot_set(&((Pending *)pending)->body, Py_None);
    Py_DECREF(pending);
    if (driver != NULL) {
        Py_XSETREF(((PyCoroObject *)driver)->cr_name, Py_NewRef(((PyCoroObject *)body)->cr_name));
        Py_XSETREF(((PyCoroObject *)driver)->cr_qualname, Py_NewRef(((PyCoroObject *)body)->cr_qualname));
    }
    return driver;
}

/* Tell what never had a first step that it is over, if there is anything to tell. */
static void
tell(Pending *self, PyObject **field, PyObject *method, PyObject *what)
{
    PyObject *told, *held;
    if (*field == NULL || *field == Py_None)
        return;
    held = hot_take(field);
    told = PyObject_CallMethodObjArgs(held, method, what, NULL);
    if (told == NULL)
        PyErr_WriteUnraisable((PyObject *)self);
    Py_XDECREF(told);
    Py_DECREF(held);
}

static void
pending_finalize(PyObject *object)
{
    Pending *self = (Pending *)object;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    tell(self, &self->body, hot.close_body, NULL);
    PyThreadState *thread = hot_hide_thread();
    tell(self, &self->begun, hot.abandon, hot.abandoned);
    hot_show(thread);
    PyErr_Restore(type, value, traceback);
}

static int
pending_traverse(Pending *self, visitproc visit, void *arg)
{
    Py_VISIT(self->body);
    Py_VISIT(self->opener);
    Py_VISIT(self->begun);
    Py_VISIT(self->recipe);
    Py_VISIT(self->fold);
    return 0;
}

static int
pending_clear(Pending *self)
{
    Py_CLEAR(self->body);
    Py_CLEAR(self->opener);
    Py_CLEAR(self->begun);
    Py_CLEAR(self->recipe);
    Py_CLEAR(self->fold);
    return 0;
}

static void
pending_dealloc(Pending *self)
{
    if (PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    pending_clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef pending_methods[] = {
    {"start", (PyCFunction)pending_start, METH_NOARGS, "Hand over what is to be awaited, and its recording."},
    {NULL},
};

static PyMemberDef pending_members[] = {
    {"recipe", T_OBJECT, offsetof(Pending, recipe), READONLY, NULL},
    {"fold", T_OBJECT, offsetof(Pending, fold), READONLY, NULL},
    {NULL},
};

PyTypeObject PendingType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Pending",
    .tp_basicsize = sizeof(Pending),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = pending_new,
    .tp_dealloc = (destructor)pending_dealloc,
    .tp_finalize = pending_finalize,
    .tp_traverse = (traverseproc)pending_traverse,
    .tp_clear = (inquiry)pending_clear,
    .tp_methods = pending_methods,
    .tp_members = pending_members,
};
