/* Finishes spans and reads them, as `Watched` of monitoring/contents.py does. */
#include "closer.h"

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *prepare, *contents;
} Watched;

/* Read a span closely, with nobody else; -1 on an exception. */
static int
read_alone(PyObject *contents, PyObject *look, PyObject *found, PyObject *target)
{
    PyObject *lock = Py_NewRef(SLOT(contents, SpanContents, _lock)), *type, *value, *traceback;
    int done = hot_told(PyObject_CallNoArgs(SLOT(lock, RLock, acquire)));
    if (done == 0) {
        done = hot_read_closely(look, found, target);
        if (done == 0)
            done = hot_told(PyObject_CallMethod(look, "read", "OO", found, target));
        PyErr_Fetch(&type, &value, &traceback);
        if (hot_told(PyObject_CallNoArgs(SLOT(lock, RLock, release))) < 0)
            PyErr_Clear();
        PyErr_Restore(type, value, traceback);
    }
    Py_DECREF(lock);
    return done < 0 ? -1 : 0;
}

/* Read a span of our own as `SpanContents.read`; 0 where that is left to it, -1 on an exception. */
static int
read_own(PyObject *contents, PyObject *span, PyObject *found)
{
    PyObject *recipe, *tally, *target;
    if (Py_TYPE(contents) != hot.type.SpanContents || Py_TYPE(span) != hot.type.Span ||
        (PyObject *)Py_TYPE(found) != hot.Observation || PyTuple_GET_SIZE(found) != FIELDS ||
        (recipe = ((Span *)span)->recipe) == NULL || Py_TYPE(recipe) != hot.type.Recipe ||
        Py_TYPE(tally = SLOT(recipe, Recipe, tally)) != hot.type.Tally ||
        !PyUnicode_CheckExact(target = SLOT(tally, Tally, target)))
        return 0;
    PyObject *look = Py_NewRef(SLOT(contents, SpanContents, _look));
    int done = 0;
    Py_INCREF(target);
    if (SLOT(recipe, Recipe, delegate) != Py_None)
        done = PySet_Add(SLOT(contents, SpanContents, _delegating), target);
    if (done == 0)
        done = hot_glance(SLOT(look, CloserLook, glance), found, target);
    if (done == 0)
        done = read_alone(contents, look, found, target);
    Py_DECREF(target);
    Py_DECREF(look);
    return done < 0 ? -1 : 1;
}

/* watched(span): what comes of it */
static PyObject *
watched_call(PyObject *self, PyObject *const *args, size_t given, PyObject *names)
{
    PyObject *prepare = ((Watched *)self)->prepare, *contents = ((Watched *)self)->contents, *found;
    if (PyVectorcall_NARGS(given) != 1 || (names != NULL && PyTuple_GET_SIZE(names))) {
        PyErr_SetString(PyExc_TypeError, "a span is needed, and nothing else");
        return NULL;
    }
    if (prepare == NULL || contents == NULL) {
        PyErr_SetString(PyExc_ReferenceError, "what reads spans is gone");
        return NULL;
    }
    Py_INCREF(prepare);
    Py_INCREF(contents);
    found = PyObject_CallOneArg(prepare, args[0]);
    if (found != NULL && found != Py_None) {
        int done = read_own(contents, args[0], found);
        if (done == 0)
            done = hot_told(PyObject_CallMethod(contents, "read", "OO", args[0], found));
        if (done < 0)
            Py_CLEAR(found);
    }
    Py_DECREF(contents);
    Py_DECREF(prepare);
    return found;
}

static PyObject *
watched_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *prepare, *contents;
    static char *names[] = {"prepare", "contents", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO", names, &prepare, &contents))
        return NULL;
    Watched *self = (Watched *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->call = watched_call;
        self->prepare = Py_NewRef(prepare);
        self->contents = Py_NewRef(contents);
    }
    return (PyObject *)self;
}

static int
watched_traverse(Watched *self, visitproc visit, void *arg)
{
    Py_VISIT(self->prepare);
    Py_VISIT(self->contents);
    return 0;
}

static int
watched_clear(Watched *self)
{
    Py_CLEAR(self->prepare);
    Py_CLEAR(self->contents);
    return 0;
}

static void
watched_dealloc(Watched *self)
{
    PyObject_GC_UnTrack(self);
    watched_clear(self);
    Py_TYPE(self)->tp_free(self);
}

PyTypeObject WatchedType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Watched",
    .tp_basicsize = sizeof(Watched),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_new = watched_new,
    .tp_dealloc = (destructor)watched_dealloc,
    .tp_traverse = (traverseproc)watched_traverse,
    .tp_clear = (inquiry)watched_clear,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Watched, call),
};
